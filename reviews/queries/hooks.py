"""What screening says while an order is being written in another system. Nothing is written here.

The same pure function as in the preview of the form, on a dossier of what is on record here, what
the other system says is on record there, and the orders that are drafts there.
"""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, NamedTuple

import msgspec
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from reviews import access, dossiers, records, rulebooks
from reviews.access import Action
from reviews.errors import BadRecord
from reviews.fhir.read import bundle, elements
from reviews.fhir.read.file import MEDICINES
from reviews.models import Case, Condition, Practice, Prescription, Reading
from reviews.models.versioned import LIVE
from reviews.people import People, Waits
from reviews.records import (
    PatientRecord,
    SyncedCondition,
    SyncedPrescription,
    SyncedReading,
)
from reviews.rules import dossier as shapes
from reviews.rules.birth import possible_birth_date
from reviews.rules.book import RuleBook
from reviews.rules.compare import compare
from reviews.rules.dossier import Dossier, Line
from reviews.rules.finding import Finding, NotEvaluable, Severity
from reviews.rules.matters import Told
from reviews.rules.meanings import drugs_of, recognised, said_to_be_no_sedative
from reviews.rules.screen import screen
from reviews.rules.weight import age

FIRST_ID = -1000
"""Lines that are not kept count down from here; -1 means something in the scope of an exemption."""
DRAFT = "draft"
ORDERED = ("order", "original-order", "reflex-order", "filler-order", "instance-order")
MOST_REASONS = 20
ANOTHER = "is about another patient"


class Sent(NamedTuple):
    """What the other system sent: resources of its record, and the orders that are drafts there.

    `person` is the id of its patient. `selected` names the drafts that were just chosen, None for
    all of them.
    """

    person: str
    record: Sequence[dict[str, Any]]
    drafts: Sequence[dict[str, Any]] = ()
    selected: frozenset[str] | None = None


class NotScreened(NamedTuple):
    """A draft that could not be judged, as it calls its medicine, and why."""

    medicine: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What is to be said. `patient_id` is None where nobody here is meant, and `doubt` may say why.

    `gaps` are rules that could not judge a draft, `in_part` what of the drafts or of the record was
    left out of the judgement.
    """

    practice: Practice
    patient_id: int | None
    case_id: int | None
    book: RuleBook
    told: Told
    findings: tuple[Finding, ...]
    gaps: tuple[NotEvaluable, ...] = ()
    not_screened: tuple[NotScreened, ...] = ()
    in_part: tuple[str, ...] = ()
    doubt: str = ""


class _Whose(NamedTuple):
    """At which practice somebody is judged, and who they are there, if anybody.

    `found` is the person as the other system describes them, `said` the same as a record. Without
    `of_one_practice` they may be of several, so that the local policy of none is theirs.
    """

    practice: Practice
    patient_id: int | None
    said: PatientRecord
    found: dict[str, Any]
    doubt: str = ""
    of_one_practice: bool = True


@dataclass(slots=True)
class _Facts:
    """Facts of a dossier by what their source calls them, and what of them could not be used."""

    lines: dict[str, Line] = field(default_factory=dict)
    conditions: dict[str, shapes.Condition] = field(default_factory=dict)
    readings: dict[str, shapes.Reading] = field(default_factory=dict)
    refused: list[NotScreened] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def judge(*, sent: Sent, source_system: str, practice: str = "", by: User) -> Judged:
    """Screen somebody's record with the drafts, and say what these add; without drafts, all of it.

    `practice` is the code of the only practice that is meant, where the caller says one. Raises
    `NotAllowed`, and `BadRecord` where nothing can be made of the patient.
    """
    places = list(access.practices(by, Action.SHOW_BY_HOOK).order_by("pk"))
    places = [place for place in places if place.code == practice] or places
    if not places:
        access.require(by, Action.SHOW_BY_HOOK)
    today = timezone.localdate()
    drafts = [_as_ordered(one, place, sent.person) for place, one in enumerate(sent.drafts)]
    record, written = bundle.read_set(
        [_bundle(sent.record), _bundle([one for one in drafts if one is not None])],
        source=source_system,
        zone=places[0].zone,
        today=today,
    )
    if isinstance(record, bundle.Unreadable) or isinstance(written, bundle.Unreadable):
        raise BadRecord("context", f"cannot be read: {record}, {written}")
    whose = _whose(record, places, sent.person)
    ids = _Ids(whose.patient_id, source_system)
    facts = _facts(record, ids, whose.found)
    ordered = _facts(written, ids, whose.found, here=whose.practice)
    _elsewhere(sent, drafts, ordered)

    _, book = rulebooks.holding_at(whose.practice.pk)
    base = _with(_dossier(whose, today), facts)
    chosen = {
        name: line
        for name, line in ordered.lines.items()
        if sent.selected is None or name in sent.selected
    } or ordered.lines
    others = {name: line for name, line in ordered.lines.items() if name not in chosen}
    before = _with(base, _Facts(lines=others))
    after = _with(before, _Facts(lines=chosen))
    screened = screen(after, book)
    if sent.drafts:
        earlier = screen(before, book)
        drugs = drugs_of(before, book), drugs_of(after, book)
        found = compare(earlier, screened, drugs).added
        chosen_ids = {line.id for line in chosen.values()}
        gaps = tuple(
            gap
            for gap in screened.not_evaluable
            if chosen_ids & {*gap.line_ids} and gap not in earlier.not_evaluable
        )
    else:
        found = tuple(each for each in screened.findings if each.severity < Severity.S4)
        gaps = ()
    return Judged(
        practice=whose.practice,
        patient_id=whose.patient_id,
        case_id=ids.case,
        book=book,
        told=Told(today, age(after.birth_date, today), screened.exposure),
        findings=found,
        gaps=gaps,
        not_screened=(*ordered.refused, *_unknown(chosen.values(), after, book)),
        in_part=_in_part(facts, ordered),
        doubt=whose.doubt,
    )


def _as_ordered(draft: dict[str, Any], place: int, person: str) -> dict[str, Any] | None:
    """A draft as it would be once it is signed; None for one that is about somebody else.

    What was already ended stays so. One without an id or a patient is the caller's: its place
    names it, and it is about the patient of the call.
    """
    if draft.get("resourceType") not in MEDICINES:
        return draft
    made = copy.copy(draft)
    if made.get("id") in (None, ""):
        made["id"] = f"draft-{place + 1}"
    subject = made.get("subject")
    reference = subject.get("reference") if isinstance(subject, dict) else None
    if isinstance(reference, str) and reference and reference.rpartition("/")[2] != person:
        return None
    if reference or not (isinstance(subject, dict) and subject.get("identifier")):
        made["subject"] = {"reference": f"Patient/{person}"}
    if made.get("status") in (None, DRAFT):
        made["status"] = "active"
    if made["resourceType"] == "MedicationRequest" and made.get("intent") not in ORDERED:
        made["intent"] = "order"
    return made


def _elsewhere(sent: Sent, drafts: list[dict[str, Any] | None], ordered: _Facts) -> None:
    """Say of drafts about somebody else that they were not judged."""
    ordered.refused += [
        NotScreened(_named(draft), ANOTHER)
        for draft, kept in zip(sent.drafts, drafts, strict=True)
        if kept is None
    ]


def _named(draft: dict[str, Any]) -> str:
    concept = draft.get("medicationCodeableConcept")
    text = concept.get("text") if isinstance(concept, dict) else None
    return text if isinstance(text, str) and text else str(draft.get("id", ""))[:64]


def _bundle(resources: Iterable[dict[str, Any]]) -> bytes:
    entries = [{"resource": each} for each in resources]
    return msgspec.json.encode({"resourceType": "Bundle", "type": "collection", "entry": entries})


# -- Whose it is ---------------------------------------------------------------------------------


def _whose(record: bundle.Content, places: list[Practice], person: str) -> _Whose:
    """Who is meant: by the numbers of the patient at one of the practices, never by name alone."""
    found = dict(record.patients).get(f"Patient/{person}")
    if found is None:
        raise BadRecord("prefetch.patient", "holds no patient of the id that the context names")
    try:
        said = records.convert(found, PatientRecord)
    except BadRecord as error:
        where = elements.called("Patient", error.field)
        raise BadRecord(f"prefetch.patient ({where})", error.reason) from error
    known: list[tuple[Practice, int]] = []
    doubt = ""
    people = People((place.pk, said) for place in places)
    for place in places:
        try:
            one = people.who(place.pk, said)
        except Waits as error:
            doubt = error.reason.removeprefix("waits: ")
        except BadRecord as error:
            doubt = _said_of("Patient", error)
        else:
            if one.pk is not None:
                known.append((place, one.pk))
    if len(known) > 1:
        doubt = "has a record at more than one practice: the caller does not say which is meant"
    if len(known) == 1:
        ((place, pk),) = known
        return _Whose(place, pk, said, found)
    return _Whose(places[0], None, said, found, doubt, of_one_practice=len(places) == 1)


def _dossier(whose: _Whose, today: date) -> Dossier:
    """What is on record here; of somebody not known here, what the other system says of them."""
    said = whose.said
    born = possible_birth_date(said.birth_date, today=today)
    if whose.patient_id is None:
        empty = dossiers.of_nobody_here(whose.practice, as_of=today)
        return replace(
            empty,
            practice=empty.practice if whose.of_one_practice else "",
            birth_date=born,
            sex=said.sex or "unknown",
            deceased_on=said.deceased_on,
            deceased=bool(said.deceased),
        )
    ((_, _, make),) = dossiers.read([whose.patient_id], as_of=today)
    held = make()
    sex = said.sex or "unknown" if held.sex == "unknown" else held.sex
    return replace(held, birth_date=held.birth_date or born, sex=sex)


MODELS = (Prescription, Condition, Reading, Case)
# In one question: each costs as much as screening does.
KNOWN = " UNION ALL ".join(
    [
        *(
            f"SELECT {place}, source_id, id FROM {model._meta.db_table}"
            f" WHERE patient_id = %(patient)s AND source_system = %(system)s AND {LIVE}"
            for place, model in enumerate(MODELS[:-1])
        ),
        f"SELECT {MODELS.index(Case)}, '', id FROM {Case._meta.db_table}"
        " WHERE patient_id = %(patient)s AND closed_at IS NULL",
    ]
)


class _Ids:
    """The ids of facts by what their source calls them: of what is on record here, its own.

    Of the open case as well, None without one.
    """

    def __init__(self, patient_id: int | None, source_system: str) -> None:
        self.source_system = source_system
        self._known: dict[tuple[type, str], int] = {}
        self._by_bare_id: dict[tuple[type, str], str] = {}
        self._next = FIRST_ID
        if patient_id is not None:
            with connection.cursor() as cursor:
                cursor.execute(KNOWN, {"patient": patient_id, "system": source_system})
                for place, name, pk in cursor.fetchall():
                    self._known[MODELS[place], name] = pk

    @property
    def case(self) -> int | None:
        return self._known.get((Case, ""))

    def of(self, model: type, name: str) -> int:
        """The id of a fact; the same name has the same one in every file.

        What came as a record and not as a resource goes by the bare id; of two resources of a call
        with the same bare id the first does, or one of them would be taken for the other.
        """
        bare = name.rpartition("/")[2]
        known = self._known.get((model, bare))
        if known is not None and self._by_bare_id.setdefault((model, bare), name) == name:
            return known
        if (model, name) not in self._known:
            self._next -= 1
            self._known[model, name] = self._next
        return self._known[model, name]


# -- What they say ---------------------------------------------------------------------------------


def _facts(
    content: bundle.Content,
    ids: _Ids,
    person: dict[str, Any],
    *,
    here: Practice | None = None,
) -> _Facts:
    """What a file says of that person, as facts. What is written `here` is the practice's."""
    made = _Facts(
        refused=[
            NotScreened(said.medicine or said.resource, said.reason) for said in content.refused
        ]
    )
    made.notes = [f"{said.medicine or said.resource}: {said.reason}" for said in content.notes]
    for name, whole in content.prescriptions:
        if not _is_of(whole["patient"], person):
            made.refused.append(NotScreened(whole["medicine"], ANOTHER))
            continue
        kept, left_out = records.without_unusable(whole)
        made.notes += [f"{kept['medicine']}: {_said_of(name, each)}" for each in left_out]
        try:
            order = records.convert(kept, SyncedPrescription)
        except BadRecord as error:
            medicine = str(whole.get("medicine", name))[:200]
            made.refused.append(NotScreened(medicine, _said_of(name, error)))
            continue
        made.lines[name] = dossiers.line(
            records.of_the_practice(order, here) if here else order,
            line_id=ids.of(Prescription, name),
            prescriber=order.prescriber,
            system=ids.source_system,
        )
    for name, whole in content.conditions:
        if not _is_of(whole["patient"], person):
            made.notes.append(f"{name}: {ANOTHER}")
            continue
        try:
            problem = records.convert(whole, SyncedCondition)
        except BadRecord as error:
            made.notes.append(f"{name}: {_said_of(name, error)}")
            continue
        if problem.status != "entered-in-error":
            made.conditions[name] = shapes.Condition(
                id=ids.of(Condition, name),
                codings=tuple((coding.system, coding.code) for coding in problem.codings),
                text=problem.text,
                onset_on=problem.onset_on,
                ended_on=problem.ended_on,
                kind=problem.kind,
            )
    for name, whole in content.readings:
        if not _is_of(whole["patient"], person):
            made.notes.append(f"{name}: {ANOTHER}")
            continue
        try:
            reading = records.convert(whole, SyncedReading)
        except BadRecord as error:
            made.notes.append(f"{name}: {_said_of(name, error)}")
            continue
        if reading.status != "entered-in-error":
            made.readings[name] = shapes.Reading(
                id=ids.of(Reading, name),
                kind=reading.kind,
                value=reading.value,
                unit=reading.unit,
                on=reading.on,
                text=reading.text,
            )
    return made


def _said_of(name: str, error: BadRecord) -> str:
    """Why a resource could not be used, with the element that its system knows."""
    kind = name.partition("/")[0]
    return f"{elements.called(kind, error.field)}: {elements.in_words(kind, error.reason)}"


def _is_of(said: dict[str, Any], person: dict[str, Any]) -> bool:
    """Whether a record is about a person: described by the same resource, or by one number."""
    if said == person:
        return True
    numbers = {(each["system"], each["value"]) for each in person["identifiers"]}
    return any((each["system"], each["value"]) in numbers for each in said["identifiers"])


def _with(held: Dossier, facts: _Facts) -> Dossier:
    """A dossier with these facts, each in the place of its version there, if there is one."""
    lines = _merged(held.lines, facts.lines.values())
    conditions = _merged(held.conditions, facts.conditions.values())
    readings = _merged(held.readings, facts.readings.values())
    return replace(held, lines=lines, conditions=conditions, readings=readings)


def _merged(held: tuple[Any, ...], facts: Iterable[Any]) -> tuple[Any, ...]:
    new = {each.id: each for each in facts}
    kept = tuple(new.pop(each.id, each) for each in held)
    return (*kept, *new.values())


def _unknown(lines: Iterable[Line], held: Dossier, book: RuleBook) -> list[NotScreened]:
    """The drafts of medicines that nobody here knows."""
    return [
        NotScreened(line.medicine.text, "this medicine is not known here")
        for line in lines
        if (found := recognised(line, held.meanings, book)).unmapped
        and not said_to_be_no_sedative(line, found, held)
    ]


def _in_part(facts: _Facts, ordered: _Facts) -> tuple[str, ...]:
    """What was left out of the judgement: parts of drafts, and medicines of the record."""
    said = [*ordered.notes, *(f"{one.medicine}: {one.reason}" for one in facts.refused)]
    return tuple(dict.fromkeys(said))[:MOST_REASONS]
