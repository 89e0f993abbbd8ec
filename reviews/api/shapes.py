"""What the API says: the shapes of its answers and of its questions. The schema is made from them.

Severity is 1 (most urgent) to 4 (a note). Amounts are in `dose_unit`; null means not known.
"""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from reviews.api.bodies import MOST_RECORDS
from reviews.feed import KINDS
from reviews.models import (
    MACHINES,
    CaseState,
    Outcome,
    Reason,
    RegisterEntry,
    Role,
    SecondFactor,
)
from reviews.models import Decision as DecisionRow
from reviews.models import ImportNote as ImportNoteRow
from reviews.models import Job as JobRow
from reviews.models import StructuredReview as StructuredReviewRow
from reviews.models import WebhookMessage as WebhookMessageRow
from reviews.records import Coding, OrderStatus, PatientIdentifier, ReadingKind, Step
from reviews.rules.codes import CONDITION_KINDS, TAPER_STATES
from reviews.webhooks import TOLD

Id = Annotated[int, Meta(ge=1, le=2**63 - 1)]
SeverityNumber = Annotated[int, Meta(ge=1, le=4)]
FlagState = Literal["open", "settled", "ended"]
NoteKind = Literal[tuple(ImportNoteRow.Kind.values)]
DecisionState = Literal["stands", "waits", "sent_back", "undone"]
LIMIT, MOST = 100, 500


class Checked(Struct):
    """Whether this was screened: by what and when; `reason` says why it was not.

    `engine` names the code of the rules, and is null where it judged before engines were recorded.
    With `being_judged_again` what is said here holds, and a newer book or engine is on its way.
    """

    state: Literal["checked", "not_checked"]
    book: int | None
    engine: str | None
    at: datetime | None
    being_judged_again: bool
    reason: str


class Medicine(Struct):
    text: str
    codings: list[Coding]


class Prescription(Struct):
    """One version of an order. An amendment is a new row: same `order`, next `version`."""

    id: int
    order: str
    version: int
    patient: int
    practice: str
    source_system: str
    source_id: str
    recorded_at: datetime
    superseded_at: datetime | None
    medicine: Medicine
    dose: float | None
    dose_unit: str | None
    times_per_day: float | None
    as_needed: bool
    max_per_day: float | None
    expected_per_day: float | None
    dosage_text: str
    quantity: float | None
    quantity_unit: str | None
    days_supply: int | None
    written_on: date | None
    start_on: date | None
    end_on: date | None
    indication: str
    route: str
    setting: str
    status: str
    status_reason: str
    dispensed: bool
    prescriber: str
    refill_number: int | None
    dispensed_on: date | None
    repeat_template: bool
    acquired: str
    replacement_reason: str
    is_new_start: bool
    change_reason: str
    team: str
    pharmacy: str
    start_minute: int | None
    schedule: list[Step]
    dose_max: float | None
    times_per_day_max: float | None
    repeats_allowed: int | None
    issue_days: int | None
    valid_until: date | None
    quantity_text: str
    evidence: str
    reason: str
    checked: Checked


class Reading(Struct):
    """One version of a reading: a number in its unit, or an answer in `text`."""

    id: int
    patient: int
    practice: str
    source_system: str
    source_id: str
    recorded_at: datetime
    superseded_at: datetime | None
    supersedes: int | None
    kind: str
    value: float | None
    unit: str
    text: str
    on: date
    status: str


class Condition(Struct):
    """One version of a condition or an allergy, whose codes and text name the substance."""

    id: int
    version: int
    patient: int
    practice: str
    source_system: str
    source_id: str
    recorded_at: datetime
    superseded_at: datetime | None
    supersedes: int | None
    kind: Literal[tuple(CONDITION_KINDS)]
    text: str
    codings: list[Coding]
    onset_on: date | None
    ended_on: date | None
    status: str


class Letter(Struct):
    """A letter as it went out; it never changes. `text` are its words, without its lay-out."""

    id: int
    patient: int
    practice: str
    identifier: str
    name: str
    version: int
    dated_on: date
    addressee: str
    text: str
    digest: str
    written_by: str
    written_at: datetime


class Screening(Struct):
    """The newest screening of a patient, whose number is its id: with what, and what it left open.

    `not_evaluable` names the rules whose answer the record did not allow, `gave_way` those that
    another finding stands for. `problem` is why the last one failed. From the day after
    `valid_until` on the answer can be another without any change.
    """

    id: int
    patient: int
    practice: str
    book: int | None
    engine: str | None
    as_of: date | None
    screened_at: datetime | None
    valid_until: date | None
    not_evaluable: list[Any]
    gave_way: list[Any]
    problem: str


class LocalStatus(Struct):
    """Whether a practice can get a drug: available, restricted (to whom) or not-stocked.

    `said_for` names the practice or the group (`group:CODE`) of which somebody said so. It is local
    policy, and changes no finding.
    """

    practice: str
    said_for: str
    status: str
    restricted_to: str
    source: str
    locator: str
    reviewed: date
    next_review: date


class Drug(Struct):
    """A drug as the published rule book knows it. Amounts are mg.

    `equivalents` equal diazepam 10 mg, from the first to the second. What is by profile has its
    name as key. `unverified` names facts that nobody has signed yet. `local` is of your practices.
    """

    key: str
    name: str
    classes: list[str]
    atc: list[str]
    rxcui: list[str]
    snomed: list[str]
    names: list[str]
    band: str | None
    metabolism: str | None
    max_mg_per_day: dict[str, dict[str, float]]
    elder_max_mg_per_day: dict[str, float]
    equivalents: dict[str, list[float]]
    strengths: dict[str, dict[str, list[float]]]
    unverified: list[str]
    local: list[LocalStatus]


class Formulary(Struct):
    """The drugs of the published rule book, by key; its number changes with any of them."""

    book: int
    results: list[Drug]


class Profile(Struct):
    """A profile of the published rule book: whose guidance a practice follows.

    It has what it does not say itself from its `parent`; those of the software have none, that is
    an empty one. An empty `country` is several. A practice has `locale`, `country` and `time_zone`
    from it where it says no other.
    """

    code: str
    name: str
    parent: str
    locale: str
    country: str
    time_zone: str


class Profiles(Struct):
    results: list[Profile]


class Message(Struct):
    """What somebody wrote about a case, to a person (`to`) or to whoever holds `to_role`.

    With `due_at` it wants an answer, and waits for one until `closed_at`. An answer names in
    `answers` the message it answers, and what it is: `will_do` (by `promised_on`, kept at
    `kept_at`), `done` (`did` says what), `not_appropriate` (`because`), or a `question`.
    """

    id: int
    case: int
    patient: int
    practice: str
    answers: int | None
    decision: int | None
    carried_by: str
    by: str
    to: str | None
    to_role: str
    severity: int
    text: str
    answer: str
    because: str
    did: str
    promised_on: date | None
    kept_at: datetime | None
    sent_at: datetime
    due_at: datetime | None
    seen_at: datetime | None
    closed_at: datetime | None


class ReviewAnswer(Struct):
    """A part of a review, by its key and in words: what was answered, and what was said beside it.

    `codes` are empty where it was confirmed as it was known before (`unchanged`).
    """

    part: str
    label: str
    codes: list[str]
    answer: str
    words: str
    unchanged: bool


class Review(Struct):
    """A structured medication review, and the readings that it is made of.

    What was not answered was not asked. One that was declined, not attended or not appropriate has
    no answers. `taken_back_at`: it counts no longer, and its readings are entered in error.
    """

    id: int
    patient: int
    practice: str
    case: int | None
    outcome: str
    on: date
    answers: list[ReviewAnswer]
    matters: str
    next_on: date | None
    note: str
    readings: list[int]
    by: str
    recorded_at: datetime
    taken_back_at: datetime | None


class TaperPart(Struct):
    """So many tablets, capsules or films, or ml, of a strength in mg each (or in one ml)."""

    form: str
    strength_mg: float
    number: float


class TaperDose(Struct):
    """What is taken at a time: "morning", "midday", "evening" or "night"; "day" where not known."""

    time: str
    mg: float
    made_of: list[TaperPart]


class TaperStep(Struct):
    """From a day on, so many mg a day; `made_of` is empty where that is not known, or nothing.

    On fewer than 7 `nights_a_week`, `mg_per_day` is the mean, and `made_of` and `doses` are what is
    taken on each of those nights.
    """

    on: date
    mg_per_day: float
    made_of: list[TaperPart]
    doses: list[TaperDose]
    nights_a_week: int


class Taper(Struct):
    """One version of a taper. A move makes a new row: same `taper`, next `version`.

    `steps` begin with the dose at the start. `over` names the rules that the plan does not meet,
    and `reason` says why it is kept, or why the move was made.
    """

    id: int
    taper: int
    version: int
    patient: int
    practice: str
    drug: str
    status: str
    move: str
    steps: list[TaperStep]
    contacts: list[date]
    maintenance_agreed: bool
    last_contact_on: date | None
    over: list[str]
    reason: str
    recorded_at: datetime
    superseded_at: datetime | None


class CouldNotJudge(Struct):
    """A rule whose answer the record does not allow: neither passed nor failed."""

    rule: str
    prescriptions: list[int]
    reason: str


class ImportNote(Struct):
    """What a source said of a person that could not be kept.

    With `refused` nothing of the record was kept: no rule has seen a medicine that was refused.
    `about` is the source's id of the record, and `medicine` is empty where it names none. It ends
    when the source sends the record again, or with somebody's `answer`.
    """

    id: int
    patient: int
    practice: str
    kind: NoteKind
    source_system: str
    about: str
    refused: bool
    medicine: str
    reason: str
    noted_at: datetime
    ended_at: datetime | None
    answer: str
    answered_by: str | None


class Patient(Struct):
    """A person with what is known of them.

    Where `medicines_not_read` is above nought, "checked" means checked in part: see `notes`.
    """

    id: int
    practice: str
    identifiers: list[PatientIdentifier]
    family_name: str
    given_name: str
    birth_date: date | None
    sex: str
    deceased_on: date | None
    deceased: Annotated[bool, Meta(description="Has died, on a known day or not.")]
    merged: Annotated[
        list[int], Meta(description="Ids of records merged into this one; they answer with it.")
    ]
    records_waiting: Annotated[
        int, Meta(description="Records put aside that may be of this person: not checked.")
    ]
    registered_at: datetime
    updated_at: datetime
    checked: Checked
    could_not_judge: list[CouldNotJudge]
    medicines_not_read: int
    notes: list[ImportNote]


class Fact(Struct):
    """A number or word that a flag rests on."""

    name: str
    label: str
    value: float | str | None
    unit: str


class Citation(Struct):
    key: str
    title: str
    issuer: str
    year: int | None
    locator: str
    reviewed: date
    next_review: date
    verified: bool
    note: str
    country: str = ""


class FlagOutcome(Struct):
    """What a reviewer concluded on a flag, in code and in words.

    It holds only while `state` is `stands`: a proposal `waits` for a second person.
    """

    decision: int
    state: DecisionState
    outcome: Literal[tuple(Outcome.values)]
    outcome_text: str
    reason: Literal[tuple(Reason.values)]
    reason_text: str
    until: date
    note: str
    by: str
    decided_at: datetime
    confirmed_by: str | None


class Flag(Struct):
    """A finding kept on a patient, with the rule book and the engine that made it, and why.

    `engine` is null for a finding from before engines were recorded. `matter` is what it is about,
    as today's table of matters has it: findings of a case with one matter are one fact.
    """

    id: int
    patient: int
    practice: str
    case: int | None
    rule: str
    matter: str
    severity: int
    mode: str
    state: FlagState
    title: str
    sentence: str
    facts: list[Fact]
    clears: str
    unknown: str
    prescriptions: list[int]
    book: int
    engine: str | None
    as_of: date
    citations: list[Citation]
    supersedes: int | None
    raised_at: datetime
    settled_at: datetime | None
    settled_until: date | None
    reopened_at: datetime | None
    ended_at: datetime | None
    end_reason: str
    outcomes: list[FlagOutcome]


class Case(Struct):
    """One patient's open flags, as one place in the review queue."""

    id: int
    patient: int
    practice: str
    state: Literal[tuple(CaseState.values)]
    severity: int
    headline: str
    rules: list[str]
    flag_count: int
    opened_at: datetime
    due_at: datetime
    updated_at: datetime
    closed_at: datetime | None
    owner: str | None
    proposed_by: str | None
    snoozed_until: date | None
    escalated_to: str


class DecisionOutcome(Struct):
    """The conclusion on one flag of the case."""

    flag: int
    rule: str
    severity: int
    title: str
    outcome: Literal[tuple(Outcome.values)]
    outcome_text: str
    reason: Literal[tuple(Reason.values)]
    reason_text: str
    until: date
    exemption_kind: str
    evidence: str


class Code(Struct):
    """A code that the record holds for a medicine of the text."""

    system: str
    code: str
    display: str


class DecisionText(Struct):
    """A decision as plain text, to be put into a clinical system; the case page copies the same."""

    decision: int
    text: str
    codes: list[Code]


class Decision(Struct):
    """What a reviewer concluded on a case; never changed afterwards.

    `confirmed`, `sent_back` and `undone` have no outcomes of their own and say in `answers` which
    decision they answer. `state` is what became of this one.
    """

    id: int
    kind: Literal[tuple(DecisionRow.Kind.values)]
    state: DecisionState
    answers: int | None
    case: int
    patient: int
    practice: str
    by: str
    decided_at: datetime
    note: str
    outcomes: list[DecisionOutcome]


class PrescriptionPage(Struct):
    results: list[Prescription]
    next: str | None
    until: datetime | None


class ConditionPage(Struct):
    results: list[Condition]
    next: str | None
    until: datetime | None


class LetterPage(Struct):
    results: list[Letter]
    next: str | None
    until: datetime | None


class ScreeningPage(Struct):
    results: list[Screening]
    next: str | None
    until: datetime | None


class ReadingPage(Struct):
    results: list[Reading]
    next: str | None
    until: datetime | None


class MessagePage(Struct):
    results: list[Message]
    next: str | None
    until: datetime | None


class ReviewPage(Struct):
    results: list[Review]
    next: str | None
    until: datetime | None


class TaperPage(Struct):
    results: list[Taper]
    next: str | None
    until: datetime | None


class PatientPage(Struct):
    results: list[Patient]
    next: str | None
    until: datetime | None


class ImportNotePage(Struct):
    results: list[ImportNote]
    next: str | None
    until: datetime | None


class FlagPage(Struct):
    results: list[Flag]
    next: str | None
    until: datetime | None


class CasePage(Struct):
    results: list[Case]
    next: str | None
    until: datetime | None


class DecisionPage(Struct):
    results: list[Decision]
    next: str | None
    until: datetime | None


class Refusal(Struct):
    """One record of a batch that was not accepted, or that waits, and why.

    `detail` says the same as `reason`, and `pointer` where in the batch `field` stands, as in a
    problem: lines of NDJSON count as the items of an array.
    """

    index: Annotated[int, Meta(ge=0, lt=MOST_RECORDS, description="Place in the batch, from 0.")]
    source_id: str | None
    field: str
    reason: str
    detail: str
    pointer: Annotated[str, Meta(description="JSON Pointer (RFC 6901) as a fragment.")]


class Synced(Struct):
    """What a batch did. Records: the first five. People: the other two.

    Records that wait are kept whole, are not screened, and need not be sent again: somebody of the
    practice is asked whose they are.
    """

    created: int
    amended: int
    unchanged: int
    refused: int
    waiting: int
    registered: Annotated[int, Meta(description="People not known before.")]
    updated: Annotated[int, Meta(description="People whose particulars changed.")]
    errors: list[Refusal]
    waits: list[Refusal]


class FieldError(Struct):
    """What is wrong; `detail` says the same as `reason`.

    `pointer` is where in the body it stands, `parameter` the name in the question or the header.
    """

    field: str
    reason: str
    detail: str
    pointer: str | UnsetType = UNSET
    parameter: str | UnsetType = UNSET


class Problem(Struct):
    """An RFC 9457 problem; `code` is stable for machines, `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str | UnsetType = UNSET
    errors: list[FieldError] | UnsetType = UNSET


class Question(Struct, kw_only=True, forbid_unknown_fields=True):
    """What every list can be asked. Unset and not null: there is no null in a query."""

    limit: Annotated[int, Meta(ge=1, le=MOST, description="Rows on a page.")] = LIMIT
    cursor: Annotated[str, Meta(max_length=500, description="From `next`; opaque.")] = ""
    updated_since: (
        Annotated[
            datetime,
            Meta(
                tz=True,
                description="Only rows changed at or after this RFC 3339 time, oldest change "
                "first. Ask next with the `until` of the answer. To keep a copy, follow `changes`.",
            ),
        ]
        | UnsetType
    ) = UNSET
    practice: Annotated[
        str, Meta(min_length=1, max_length=40, description="A practice's code.")
    ] = ""


class Prescriptions(Question):
    patient: Id | UnsetType = UNSET
    status: OrderStatus | UnsetType = UNSET
    source_system: Annotated[str, Meta(min_length=1, max_length=100)] = ""
    source_id: Annotated[str, Meta(min_length=1, max_length=200)] = ""


class Readings(Question):
    patient: Id | None = None
    kind: ReadingKind | None = None
    source_system: Annotated[str, Meta(min_length=1, max_length=100)] = ""
    source_id: Annotated[str, Meta(min_length=1, max_length=200)] = ""


class Messages(Question):
    patient: Id | UnsetType = UNSET
    case: Id | UnsetType = UNSET
    state: Literal["waits", "closed"] | UnsetType = UNSET


class Reviews(Question):
    patient: Id | UnsetType = UNSET
    outcome: Literal[tuple(StructuredReviewRow.Outcome.values)] | UnsetType = UNSET


class Tapers(Question):
    patient: Id | UnsetType = UNSET
    status: Literal[tuple(TAPER_STATES)] | UnsetType = UNSET


class Patients(Question):
    identifier: Annotated[
        str,
        Meta(
            min_length=1, max_length=301, description="`system|value`, or the value in any system."
        ),
    ] = ""


class ImportNotes(Question):
    patient: Id | UnsetType = UNSET
    kind: NoteKind | UnsetType = UNSET
    refused: bool | UnsetType = UNSET
    state: Literal["live", "ended"] | UnsetType = UNSET
    source_system: Annotated[str, Meta(min_length=1, max_length=100)] = ""


class Flags(Question):
    patient: Id | UnsetType = UNSET
    case: Id | UnsetType = UNSET
    rule: Annotated[str, Meta(min_length=1, max_length=10)] = ""
    severity: SeverityNumber | UnsetType = UNSET
    state: FlagState | UnsetType = UNSET


class Cases(Question):
    patient: Id | UnsetType = UNSET
    state: Literal[tuple(CaseState.values)] | UnsetType = UNSET
    severity: SeverityNumber | UnsetType = UNSET
    rule: Annotated[str, Meta(min_length=1, max_length=10)] = ""


class Conditions(Question):
    patient: Id | UnsetType = UNSET
    kind: Literal[tuple(CONDITION_KINDS)] | UnsetType = UNSET
    source_system: Annotated[str, Meta(min_length=1, max_length=100)] = ""
    source_id: Annotated[str, Meta(min_length=1, max_length=200)] = ""


class Letters(Question):
    patient: Id | UnsetType = UNSET


class Screenings(Question):
    patient: Id | UnsetType = UNSET


class Decisions(Question):
    patient: Id | UnsetType = UNSET
    case: Id | UnsetType = UNSET


# -- Uploads -------------------------------------------------------------------------------------

UPLOAD_LINES = 100_000


class Upload(Struct):
    """Lines that are taken in by a job: how far it is, and what came of them, as of a batch.

    `errors` is the address of the lines that were refused or that wait, `error` why all of it
    failed.
    """

    id: int
    kind: Literal["prescriptions", "conditions", "readings", "patients"]
    state: Literal[tuple(JobRow.State.values)]
    asked_at: datetime
    ended_at: datetime | None
    total: int
    done: int
    created: int
    amended: int
    unchanged: int
    refused: int
    waiting: int
    registered: int
    updated: int
    error: str
    errors: str


class UploadFault(Struct):
    """A line that was not accepted, or that waits (`waits`), and why; `after` asks for the next."""

    after: int
    line: int
    source_id: str | None
    field: str
    reason: str
    waits: bool


class UploadFaultsQuestion(Struct, kw_only=True, forbid_unknown_fields=True):
    after: Annotated[int, Meta(ge=0, le=2**63 - 1, description="`after` of the last line.")] = 0
    limit: Annotated[int, Meta(ge=1, le=UPLOAD_LINES, description="Lines of an answer.")] = (
        UPLOAD_LINES
    )


# -- The feed of changes -------------------------------------------------------------------------

ChangedKind = Literal[KINDS]
MOST_CHANGES = 5_000


class Change(Struct):
    """That one row was written; what it says now is at its `address`, null for a deleted one.

    `version` counts the changes of what has versions. `at` is when it was written, and no order.
    """

    type: ChangedKind
    id: int
    version: int | None
    op: Literal["created", "updated", "deleted"]
    practice: str
    patient: int | None
    at: datetime
    address: str | None


class Changes(Struct):
    """Changes, oldest first. Ask next with `since` = `next`; with `more` there are some already."""

    results: list[Change]
    next: str
    more: bool


class ChangesQuestion(Struct, kw_only=True, forbid_unknown_fields=True):
    since: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=200,
            description="The `next` of the answer before; left out to begin now.",
        ),
    ] = ""
    types: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=200,
            description="Names of lists with commas between; all without it.",
        ),
    ] = ""
    practice: Annotated[
        str, Meta(min_length=1, max_length=40, description="A practice's code.")
    ] = ""
    limit: Annotated[int, Meta(ge=1, le=MOST_CHANGES, description="Rows of an answer.")] = MOST


# -- The people of a practice --------------------------------------------------------------------

RoleOfPeople = Literal[tuple(role.value for role in Role if role not in MACHINES)]
RegisterStatus = Literal[tuple(RegisterEntry.Status.values)]
Name = Annotated[str, Meta(max_length=150)]
Number = Annotated[str, Meta(max_length=40)]
Instant = Annotated[datetime, Meta(tz=True)]
PracticeCode = Annotated[
    str, Meta(max_length=40, description="May be left out where the key serves one practice.")
]


class Practice(Struct):
    """A practice. What is empty is that of its profile; `time_zone` and `locale` are what holds.

    `second_factor` says who must have one. Only a practice admin changes it, not a key.
    """

    code: str
    name: str
    profile: str
    country: str
    time_zone: str
    locale: str
    address: str
    telephone: str
    email: str
    second_factor: Literal[tuple(SecondFactor.values)]


class Practices(Struct):
    results: list[Practice]


class PersonOfPractice(Struct):
    """Somebody who works at a practice, and what their register said when it was last asked.

    From `leaves_at` on their roles count for nothing.
    """

    id: int
    practice: str
    username: str
    given_name: str
    family_name: str
    email: str
    roles: list[RoleOfPeople]
    second_factors: list[str]
    register: str
    number: str
    register_status: RegisterStatus | None
    checked_on: date | None
    leaves_at: datetime | None
    last_sign_in: datetime | None


class People(Struct):
    results: list[PersonOfPractice]


class Invitation(Struct):
    """An invitation that nobody has answered yet. Its code is told only when it is made."""

    id: int
    practice: str
    given_name: str
    family_name: str
    email: str
    roles: list[RoleOfPeople]
    made_at: datetime
    ends_at: datetime


class Invitations(Struct):
    results: list[Invitation]


class Invited(Struct):
    """An invitation that was made. `link` and `code` are null where they went out by mail."""

    invitation: Invitation
    mailed: bool
    code: str | None
    link: str | None


class Left(Struct):
    """What the end of somebody's work did. With `done` false it is planned, and all are nought.

    `keys` are the beginnings of keys that they made and that go on; `invitations` says how many of
    those that they made and nobody had answered ended.
    """

    at: datetime
    done: bool
    blocked: bool
    sessions: int
    handed_over: int
    released: int
    keys: list[str]
    invitations: int


class PeopleQuestion(Struct, kw_only=True, forbid_unknown_fields=True):
    practice: Annotated[str, Meta(max_length=40, description="A practice's code.")] = ""


class NewInvitation(Struct, kw_only=True, forbid_unknown_fields=True):
    """Who is invited to work at a practice. Without an `email` the answer holds the code."""

    practice: PracticeCode = ""
    given_name: Name = ""
    family_name: Annotated[str, Meta(min_length=1, max_length=150)]
    email: Annotated[str, Meta(max_length=254)] = ""
    roles: Annotated[list[RoleOfPeople], Meta(min_length=1, max_length=5)]
    register: Number = ""
    number: Number = ""
    days: Annotated[int, Meta(ge=1, le=30)] = 7


class NewRoles(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which of the roles that a key gives somebody holds; their other roles stay."""

    practice: PracticeCode = ""
    roles: Annotated[list[RoleOfPeople], Meta(max_length=5)]
    reason: Annotated[str, Meta(max_length=200)] = ""


class RegisterCheck(Struct, kw_only=True, forbid_unknown_fields=True):
    """A professional number and, with a status, what its register said on a day."""

    practice: PracticeCode = ""
    register: Annotated[str, Meta(min_length=1, max_length=40)]
    number: Annotated[str, Meta(min_length=1, max_length=40)]
    status: RegisterStatus = "unchecked"
    checked_on: date | None = None


class NewLeaving(Struct, kw_only=True, forbid_unknown_fields=True):
    """Somebody leaves: at once, or at a time ahead. `cases_to` is the id of a reviewer."""

    practice: PracticeCode = ""
    at: Instant | None = None
    cases_to: Id | None = None


class PracticeDetails(Struct, kw_only=True, forbid_unknown_fields=True):
    """What is to change; what is left out stays. An empty text is that of the profile."""

    name: Annotated[str, Meta(min_length=1, max_length=200)] | UnsetType = UNSET
    profile: Annotated[str, Meta(pattern="^[A-Z]{2,8}$")] | UnsetType = UNSET
    country: Annotated[str, Meta(max_length=2)] | UnsetType = UNSET
    time_zone: Annotated[str, Meta(max_length=40)] | UnsetType = UNSET
    locale: Annotated[str, Meta(max_length=12)] | UnsetType = UNSET
    address: Annotated[str, Meta(max_length=300)] | UnsetType = UNSET
    telephone: Annotated[str, Meta(max_length=40)] | UnsetType = UNSET
    email: Annotated[str, Meta(max_length=254)] | UnsetType = UNSET


class Nothing(Struct, forbid_unknown_fields=True):
    """The empty object."""


# -- Receivers of events -------------------------------------------------------------------------

EventName = Literal[TOLD]
ReceiverName = Annotated[str, Meta(min_length=1, max_length=100)]
ReceiverUrl = Annotated[str, Meta(min_length=1, max_length=2000)]
ReceiverEvents = Annotated[list[EventName], Meta(min_length=1, max_length=len(TOLD))]


class Webhook(Struct):
    """A receiver of events: where it is, what it is told of, and how it does.

    With `disabled_at` nothing is sent, and what happens waits; `failures` counts those in a row,
    and `not_before` is when it is tried again. Until `both_sign_until` the secret of before signs
    beside the new one. `waiting` and `given_up` count messages.
    """

    id: int
    practice: str
    name: str
    url: str
    events: list[str]
    made_at: datetime
    disabled_at: datetime | None
    disabled_because: str
    failures: int
    not_before: datetime | None
    both_sign_until: datetime | None
    waiting: int
    given_up: int


class Webhooks(Struct):
    results: list[Webhook]


class MadeWebhook(Struct):
    """A receiver with the secret that signs what is sent to it: told this once."""

    webhook: Webhook
    secret: str


class WebhookTry(Struct):
    """One try. `status` is what the receiver answered; with null, `error` says why."""

    at: datetime
    took_ms: int
    status: int | None
    error: str


class WebhookMessage(Struct):
    """One event for one receiver. `message` is its `webhook-id`; `tries` are the last ten."""

    id: int
    message: str
    type: str
    event: int | None
    patient: int | None
    at: datetime
    state: Literal[tuple(WebhookMessageRow.State.values)]
    not_before: datetime | None
    tries: list[WebhookTry]


class WebhookMessages(Struct):
    """Messages, the newest first; `before` leads to older ones."""

    results: list[WebhookMessage]
    before: int | None


class WebhookMessagesQuestion(Struct, kw_only=True, forbid_unknown_fields=True):
    state: Literal[tuple(WebhookMessageRow.State.values)] | UnsetType = UNSET
    before: Annotated[int, Meta(ge=1, le=2**63 - 1, description="From the answer.")] | UnsetType = (
        UNSET
    )
    limit: Annotated[int, Meta(ge=1, le=MOST, description="Rows of an answer.")] = LIMIT


class NewWebhook(Struct, kw_only=True, forbid_unknown_fields=True):
    """A receiver is told of these events of a practice, from now on."""

    practice: PracticeCode = ""
    name: ReceiverName
    url: ReceiverUrl
    events: ReceiverEvents


class WebhookChange(Struct, kw_only=True, forbid_unknown_fields=True):
    """What is to change; what is left out stays."""

    name: ReceiverName | UnsetType = UNSET
    url: ReceiverUrl | UnsetType = UNSET
    events: ReceiverEvents | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


BODIES = (
    NewWebhook,
    WebhookChange,
    NewInvitation,
    NewRoles,
    RegisterCheck,
    NewLeaving,
    PracticeDetails,
    Nothing,
)
"""The shapes of what is sent one at a time. What may be left out may be null as well."""
