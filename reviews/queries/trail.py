"""The audit trail as an auditor asks for it, in words: who did what, who saw whom, and one day.

A search goes through what can be looked up (people, medicines, cases, colleagues) and through the
reasons and notes that colleagues wrote; each is asked for by itself and only as far as a page goes,
so that the trail of years costs no more than that of a week.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from reviews import access, products, rulebooks
from reviews.access import Action
from reviews.audit import EVENTS, Event
from reviews.identifiers import masked
from reviews.models import (
    SHOWN,
    AuditEvent,
    BreakGlass,
    CaseState,
    Condition,
    Decision,
    DecisionItem,
    Job,
    Leaving,
    Membership,
    Outcome,
    Patient,
    Practice,
    Prescription,
    Role,
    Status,
    named,
)
from reviews.queries import search
from reviews.rules import words
from reviews.rules.exemptions import KINDS as EXEMPTIONS

PAGE_SIZE = 40
OPENINGS_SHOWN = 400
DAY_SHOWN = 2_000
EMERGENCIES_SHOWN = 50
PEOPLE_MEANT = 50
PRESCRIPTIONS_MEANT = 5_000
VERIFY = "verify"
"""The kind of the jobs that verify the sealed log."""
READ_WITHIN = timedelta(hours=4)
"""Somebody who opened a case longer ago did not read it for this decision."""

DECIDED = tuple(
    event.verb
    for event in (
        *(Event.CASE_DECIDE, Event.CASE_PROPOSE, Event.CASE_CONFIRM),
        *(Event.CASE_SEND_BACK, Event.CASE_UNDO),
    )
)
OPENED = (Event.RECORD_OPENED.verb, Event.RECORD_PRINTED.verb)
BY_ITSELF = tuple(
    event.verb
    for event in (
        *(Event.FLAG_RAISED, Event.FLAG_CLEARED, Event.SCREENING_DONE, Event.SCREENING_SWEPT),
        *(Event.CASE_OPENED, Event.CASE_RANKED, Event.CASE_WOKEN, Event.CASE_CLEARED),
    )
)
"""What screening writes: so much that nobody would see what people did beside it."""
REFUSED_SIGN_INS = tuple(
    name for name in EVENTS if name.startswith("sign_in.") and "refused" in name
)
READ = (*OPENED, Event.SEARCH_MADE.verb, Event.API_READ.verb, Event.HOOK_CALLED.verb)

KINDS: dict[str, tuple[str, Q]] = {
    "decided": ("decided, proposed, confirmed", Q(verb__in=DECIDED)),
    "opened": ("opened or printed a record", Q(verb__in=OPENED)),
    "read": ("searched, or read over the API", Q(verb__in=READ[2:])),
    "emergency": (
        "opened a record with a reason",
        Q(verb__startswith="emergency.") | Q(verb__in=OPENED, detail__has_key="opening"),
    ),
    "exported": (
        "exported",
        Q(verb__in=[Event.EXPORT_MADE.verb, Event.TRAIL_SEARCHED.verb]),
    ),
    "prescribed": ("prescribed or changed", Q(verb__startswith="prescription.")),
    "cases": ("moved a case", Q(verb__startswith="case.") & ~Q(verb__in=DECIDED)),
    "tapers": ("tapers", Q(verb__startswith="taper.")),
    "record": (
        "changed what is known of a person",
        Q(verb__regex=r"^(patient|identity|condition|reading|exemption|note|data)\."),
    ),
    "signed_in": ("signed in, failed, or changed an account", Q(verb__regex=r"^(sign_in|account)")),
    "staff": (
        "roles, keys and practices",
        Q(verb__regex=r"^(person|practice|client|invitation|factor_reset)\."),
    ),
    "rules": ("rule books and the formulary", Q(verb__regex=r"^(rules|formulary|engine)\.")),
}
"""What the desk offers to narrow by: in words, and which events."""


@dataclass(frozen=True)
class Asked:
    """What an auditor looks for. `who` is a user's id, "portal" or empty; days are inclusive."""

    q: str = ""
    patient: int | None = None
    who: str = ""
    kind: str = ""
    practice: int | None = None
    since: date | None = None
    until: date | None = None

    def in_words(self) -> str:
        """For the trail, which tells of searches and exports too."""
        said = [
            (self.q, f"“{self.q}”"),
            (self.patient, f"patient {self.patient}"),
            (self.who, f"by {self.who}"),
            (self.kind, KINDS[self.kind][0] if self.kind in KINDS else ""),
            (self.practice, f"practice {self.practice}"),
            (self.since, f"from {self.since}"),
            (self.until, f"to {self.until}"),
        ]
        return ", ".join(text for given, text in said if given) or "everything"


# -- Which events ------------------------------------------------------------------------------


def visible(user: User) -> QuerySet[AuditEvent]:
    """The events of the practices where `user` may see the trail.

    Also what colleagues there did that belongs to no practice, those who left until they did, and
    what the portal did by itself that concerns no patient.
    """
    mine = access.practice_ids(user, Action.SEE_AUDIT)
    colleagues = Membership.objects.filter(practice__in=mine).values("user")
    left_later = Leaving.objects.filter(
        practice__in=mine, user=OuterRef("actor_id"), done_at__gte=OuterRef("at")
    )
    nowhere = Q(practice_id__isnull=True, patient_id__isnull=True)
    by_whom = Q(actor_id__isnull=True) | Q(actor_id__in=colleagues) | Exists(left_later)
    if not mine:
        return AuditEvent.objects.none()
    return AuditEvent.objects.filter(Q(practice_id__in=mine) | (nowhere & by_whom))


def people(user: User) -> QuerySet[User]:
    """Who works, or worked, where `user` may see the trail, or came there in an emergency.

    Of the last, no more is seen than what they did at these practices.
    """
    mine = access.practice_ids(user, Action.SEE_AUDIT)
    works = Membership.objects.filter(practice__in=mine).values("user")
    has_left = Leaving.objects.filter(practice__in=mine, done_at__isnull=False).values("user")
    came = BreakGlass.objects.filter(practice__in=mine, kind=BreakGlass.Kind.EMERGENCY).values("by")
    rows = User.objects.filter(Q(pk__in=works) | Q(pk__in=has_left) | Q(pk__in=came))
    return rows.order_by("last_name", "first_name", "username")


def who_came(user: User, pk: int | None) -> User | None:
    """Somebody of whom the trail of these practices tells, wherever they work."""
    mine = access.practice_ids(user, Action.SEE_AUDIT)
    told_of = AuditEvent.objects.filter(actor_id=pk, practice_id__in=mine)
    return User.objects.filter(pk=pk).first() if pk and told_of.exists() else None


def patients(user: User) -> QuerySet[Patient]:
    return access.scope(Patient.objects.all(), user, Action.SEE_AUDIT)


def narrowed(rows: QuerySet[AuditEvent], asked: Asked) -> QuerySet[AuditEvent]:
    """The events that fit everything but what was typed."""
    if asked.patient:
        rows = rows.filter(
            Q(patient_id=asked.patient)
            | Q(detail__has_key=SHOWN, detail__contains={SHOWN: [asked.patient]})
        )
    if asked.who == "portal":
        rows = rows.filter(actor_id__isnull=True)
    elif asked.who:
        rows = rows.filter(actor_id=int(asked.who))
    if asked.kind in KINDS:
        rows = rows.filter(KINDS[asked.kind][1])
    if asked.practice:
        rows = rows.filter(practice_id=asked.practice)
    if asked.since:
        rows = rows.filter(at__gte=_begin(asked.since))
    if asked.until:
        rows = rows.filter(at__lt=_begin(asked.until + timedelta(days=1)))
    return rows


def found(
    user: User,
    asked: Asked,
    *,
    before: int | None = None,
    without: Sequence[str] = (),
    limit: int,
) -> list[AuditEvent]:
    """The newest events that fit, at most `limit`, below the id `before`, of other verbs."""
    rows = narrowed(visible(user), asked).exclude(verb__in=without)
    if before:
        rows = rows.filter(pk__lt=before)
    if not asked.q:
        return list(rows.order_by("-pk")[:limit])
    ids: set[int] = set()
    for fits in _meanings(user, asked):
        ids.update(rows.filter(fits).order_by("-pk").values_list("pk", flat=True)[:limit])
    newest = sorted(ids, reverse=True)[:limit]
    events = AuditEvent.objects.in_bulk(newest)
    return [events[pk] for pk in newest]


def _meanings(user: User, asked: Asked) -> Iterable[Q]:
    """What the text may mean, each to be looked up by itself."""
    q = asked.q
    called = list(
        search.named(patients(user), q, by=user)
        .order_by()
        .values_list("pk", flat=True)[:PEOPLE_MEANT]
    )
    if called:
        yield Q(patient_id__in=called)
    if number := re.fullmatch(r"(?:case )?(\d{1,15})", q.lower()):
        yield Q(subject=f"case {number[1]}")
        yield Q(subject=f"prescription {number[1]}")
    prescribed = _prescriptions(user, asked)
    if prescribed:
        yield Q(subject__in=[f"prescription {pk}" for pk, _ in prescribed])
        decisions = Decision.objects.filter(
            patient__in={patient for _, patient in prescribed},
            items__flag__prescription_ids__overlap=[pk for pk, _ in prescribed],
        )
        yield _told_of(user, decisions)
    yield _told_of(user, Decision.objects.filter(note__icontains=q))
    called_so = [person.pk for person in people(user) if _is_called(person, q)]
    if called_so:
        yield Q(actor_id__in=called_so)
        yield Q(actor_id__isnull=True, verb__in=REFUSED_SIGN_INS, subject__in=_users(called_so))
    # What the portal does by itself, most of the trail, has no reason.
    yield Q(actor_id__isnull=False, detail__reason__icontains=q)
    yield Q(actor_id__isnull=False, actor__icontains=q)


def _is_called(person: User, text: str) -> bool:
    """Whether a user name, or a name in full, holds what was typed."""
    typed = text.casefold()
    return any(typed in name.casefold() for name in (person.username, person.get_full_name()))


def _users(ids: Iterable[int]) -> list[str]:
    return [f"user {pk}" for pk in ids]


def _prescriptions(user: User, asked: Asked) -> list[tuple[int, int]]:
    """`(id, patient)` of the prescriptions, every version, of the medicine that is meant."""
    medicines = search.medicines_meant(asked.q)
    if not medicines:
        return []
    rows = access.scope(Prescription.objects.filter(medicine__in=medicines), user, Action.SEE_AUDIT)
    if asked.patient:
        rows = rows.filter(patient=asked.patient)
    return list(rows.order_by("-pk").values_list("pk", "patient")[:PRESCRIPTIONS_MEANT])


def _told_of(user: User, decisions: QuerySet[Decision]) -> Q:
    """The events that tell of these decisions, and of whatever answered them."""
    mine = access.scope(decisions, user, Action.SEE_AUDIT).order_by("-pk")
    ids = set(mine.values_list("pk", flat=True)[:PRESCRIPTIONS_MEANT])
    answers = set(Decision.objects.filter(answers__in=ids).values_list("pk", flat=True))
    rows = Decision.objects.filter(pk__in=ids | answers).values_list("patient", flat=True)
    return Q(patient_id__in=set(rows), verb__in=DECIDED, detail__decision__in=sorted(ids | answers))


# -- In words ----------------------------------------------------------------------------------


class Link(NamedTuple):
    name: str
    pk: int
    label: str


@dataclass
class Told:
    """An event as an auditor reads it: who, what in sentences, what was said, where to look."""

    event: AuditEvent
    role: str = ""
    sentences: list[tuple[str, str]] = field(default_factory=list)
    said: str = ""
    links: list[Link] = field(default_factory=list)
    details: list[tuple[str, str]] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    read_seconds: float | None = None

    @property
    def as_text(self) -> str:
        """All of it in one line, for a file."""
        parts = [f"{lead}{rest}" for lead, rest in self.sentences]
        parts += [f"{label}: {value}" for label, value in self.details]
        if self.said:
            parts.append(f"“{self.said}”")
        return " ".join(part if part.endswith(".") else f"{part}." for part in parts)


# An order is known by the beginning of its id: versions of one order share it.
WORDED = {"severity": "S{}".format, "order": lambda value: str(value)[:8]}
LABELS = {"expires_on": "until"}
WORDS = {**dict(CaseState.choices), **dict(Status.choices), **dict(Role.choices)}
NOT_TOLD = {"content", SHOWN, "decision", "outcomes", "reason", "note"}
NOT_TOLD |= {"case", "page", "typed", "person", "name", "opening"}
"""Details that are said otherwise, or that say nothing to a reader."""

OUTCOMES = {
    Outcome.CONTINUE: "Continued with {medicines} until {day}",
    Outcome.TAPER: "Decided to reduce or taper {medicines}",
    Outcome.CHANGE: "Decided to change {medicines}",
    Outcome.OTHER_MEDICINE: "Asked for a review of the other medicine among {medicines}",
    Outcome.REFER: "Referred the person, because of {medicines}",
    Outcome.REVIEW: "Kept {medicines} under review until {day}",
    Outcome.EXEMPT: "Exempted {medicines} until {day}",
    Outcome.DATA_WRONG: "Called the data on {medicines} wrong",
    Outcome.NOT_RELEVANT: "Called it not relevant for {medicines}",
}
"""What was decided on the medicines that a flag is about."""


def said(verb: str) -> str:
    """An event in the words of the table; one that an older edition wrote stands as written."""
    event = EVENTS.get(verb)
    return event.words if event else verb.replace(".", ": ").replace("_", " ")


def details(event: AuditEvent) -> list[tuple[str, str]]:
    """The details of an event as `(label, value)` in words."""
    detail: dict[str, Any] = event.detail
    return [
        (LABELS.get(name, name.replace("_", " ")), WORDED.get(name, in_words)(value))
        for name, value in detail.items()
        if value not in (None, "", [], {}) and name not in ("content", SHOWN)
    ]


def in_words(value: Any) -> str:
    """A detail as text: lists and pairs are spelt out, states get their names."""
    if isinstance(value, dict):
        return ", ".join(
            f"{name.replace('_', ' ')} {in_words(held)}" for name, held in value.items()
        )
    if isinstance(value, list):
        return "; ".join(in_words(item) for item in value)
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _day_or_time(str(value)) or WORDS.get(str(value), str(value))


def _day_or_time(text: str) -> str:
    """A day or time of the trail in words; empty for any other text.

    An event can never be put right, so that a time which is none here still has to be shown.
    """
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return f"{date.fromisoformat(text):%-d %b %Y}"
        if re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d", text):
            return f"{timezone.localtime(datetime.fromisoformat(text)):%-d %b %Y, %H:%M}"
    except (ValueError, OverflowError):
        pass
    return ""


def told(events: list[AuditEvent]) -> list[Told]:
    """Events in words, in a fixed number of queries however many there are."""
    decisions = _decisions(events)
    about = _named(events)
    people_of = Patient.objects.in_bulk({event.patient_id for event in events if event.patient_id})
    roles = _roles(events)
    began = _began_to_read([event for event in events if event.verb in DECIDED])
    rows = []
    for event in events:
        row = Told(event, role=roles.get((event.actor_id, event.practice_id), ""))
        decision = decisions.get(event.pk)
        if decision is not None:
            _tell_decision(row, decision)
        else:
            row.sentences = [(said(event.verb), _about(event, about.get(event.subject, "")))]
            row.details = [pair for pair in details(event) if pair[0] not in NOT_TOLD]
            row.said = str(event.detail.get("reason") or event.detail.get("note") or "")
        if event.pk in began:
            row.read_seconds = (event.at - began[event.pk]).total_seconds()
        if patient := people_of.get(event.patient_id or 0):
            row.links.append(Link("patient", patient.pk, str(patient)))
        if case := _number(event.subject, "case"):
            row.links.append(Link("case", case, f"Case {case}"))
        rows.append(row)
    return rows


def _about(event: AuditEvent, name: str) -> str:
    """What follows the words of an event: the medicine, the page that was opened, who was shown."""
    if event.verb in OPENED:
        return f": {_page(event)}"
    if event.verb == Event.SEARCH_MADE.verb:
        shown = len(event.detail.get(SHOWN, ()))
        people_shown = f"{shown} shown" if shown else "nobody shown"
        return f": “{event.detail.get('typed', '')}”, {people_shown}"
    if event.verb == Event.EMERGENCY_LOOKED_UP.verb:
        return f", {_looked_for(str(event.detail.get('typed', '')))}"
    if event.verb in REFUSED_SIGN_INS:
        return f" of {name or 'an account that is not known'}"
    if event.subject.startswith("user "):
        name = ""
    # What is done about a colleague, an invitation or a key names them itself.
    name = name or str(event.detail.get("name", ""))
    return f": {name}" if name else ""


def _looked_for(typed: str) -> str:
    """What somebody typed in an emergency; of a number no more than an auditor sees elsewhere."""
    if re.search(r", \d{4}-\d\d-\d\d$", typed):
        return f"by name and birth date: “{typed}”"
    return f"by the number {masked(typed)}"


def _number(subject: str, model: str) -> int | None:
    name, _, number = subject.partition(" ")
    return int(number) if name == model and number.isdecimal() else None


def _decisions(events: list[AuditEvent]) -> dict[int, Decision]:
    """`{event: decision that it tells of}`; for one sent back or undone, the decision answered."""
    ids = {
        event.pk: event.detail["decision"]
        for event in events
        if event.verb in DECIDED and isinstance(event.detail.get("decision"), int)
    }
    rows = (
        Decision.objects.select_related("by", "answers__by", "answers__answers__by")
        .prefetch_related("items__flag", "answers__items__flag")
        .in_bulk(set(ids.values()))
    )
    return {pk: rows[decision] for pk, decision in ids.items() if decision in rows}


def _tell_decision(row: Told, decision: Decision) -> None:
    event = row.event
    row.said = str(event.detail.get("reason", "")) or decision.note
    if event.verb == Event.CASE_SEND_BACK.verb:
        row.sentences = [("Sent back", f" {named(decision.by)}’s proposal, as second person")]
    elif event.verb == Event.CASE_UNDO.verb:
        source = decision.answers or decision
        whose = "their own" if source.by_id == event.actor_id else f"{named(source.by)}’s"
        row.sentences = [("Took back", f" {whose} decision")]
    elif event.verb == Event.CASE_CONFIRM.verb and decision.answers:
        row.sentences = [
            ("Confirmed", f" {named(decision.answers.by)}’s decision as second person")
        ]
    source = decision.answers or decision
    sentences = outcomes(list(source.items.all()))
    if event.verb in (Event.CASE_DECIDE.verb, Event.CASE_PROPOSE.verb):
        row.sentences = sentences
        if event.verb == Event.CASE_PROPOSE.verb:
            row.sentences = [("Proposed", ", for a second person to confirm"), *sentences]
    else:
        row.sentences += sentences
    row.items = [
        f"{item.flag.title}: {item.get_outcome_display().lower()}, "
        f"{item.get_reason_display().lower()}, until {item.until:%-d %b %Y}"
        for item in source.items.all()
    ]


def outcomes(items: list[DecisionItem]) -> list[tuple[str, str]]:
    """What was decided, one sentence for each outcome, reason and day: (what, why)."""
    names = _medicines({pk for item in items for pk in item.flag.prescription_ids})
    groups: dict[tuple, list[DecisionItem]] = {}
    for item in sorted(items, key=lambda each: (each.flag.severity, each.pk)):
        # The day matters only where the sentence names it.
        until = item.until if "{day}" in OUTCOMES[Outcome(item.outcome)] else None
        key = (item.outcome, item.reason, until, item.exemption_kind)
        groups.setdefault(key, []).append(item)
    sentences = []
    for (outcome, _reason, _until, kind), group in groups.items():
        until = group[0].until
        told_of = dict.fromkeys(
            name
            for item in group
            for pk in item.flag.prescription_ids
            for name in names.get(pk, ())
        )
        medicines = words.listed(told_of) if told_of else "what the flags are about"
        what = OUTCOMES[Outcome(outcome)].format(medicines=medicines, day=f"{until:%-d %b %Y}")
        why = group[0].get_reason_display()
        why = why[:1].lower() + why[1:]
        if kind:
            why = f"{(EXEMPTIONS.get(kind) or kind).lower()}; {why}. {group[0].evidence}"
        sentences.append((what, f": {why}"))
    return sentences


def _medicines(ids: set[int]) -> dict[int, list[str]]:
    """What each prescription is of, by the names of its drugs, or as written where unknown."""
    if not ids:
        return {}
    _version, book = rulebooks.live()
    names = {}
    for row in Prescription.objects.filter(pk__in=ids).select_related("medicine"):
        parts = book.recognise(products.as_read(row.medicine)).parts
        names[row.pk] = [book.drugs[part.drug].name for part in parts] or [row.medicine.text]
    return names


def _named(events: list[AuditEvent]) -> dict[str, str]:
    """`{subject: what it is called}` of prescriptions, conditions, and accounts that were tried."""
    tried = [event for event in events if event.verb in REFUSED_SIGN_INS]
    accounts = User.objects.filter(
        pk__in={_number(event.subject, "user") for event in tried} - {None}
    )
    names = {f"user {each.pk}": _in_full(each) for each in accounts} if tried else {}
    for model, rows in (
        ("prescription", Prescription.objects.values_list("pk", "medicine__text")),
        ("condition", Condition.objects.values_list("pk", "text")),
    ):
        pks = {_number(event.subject, model) for event in events} - {None}
        if pks:
            names |= {f"{model} {pk}": name for pk, name in rows.filter(pk__in=pks)}
    return names


def _in_full(user: User) -> str:
    """The name with the user name, where that is another."""
    name = named(user)
    return name if name == user.username else f"{name} ({user.username})"


def _roles(events: list[AuditEvent]) -> dict[tuple[int | None, int | None], str]:
    """`{(person, practice): roles there today}`; under no practice, their roles anywhere."""
    actors = {event.actor_id for event in events if event.actor_id}
    held: dict[tuple[int | None, int | None], list[str]] = {}
    elsewhere: dict[int, list[str]] = {}
    rows = Membership.objects.filter(user__in=actors).order_by("role", "practice__name")
    for user_id, practice_id, role, place in rows.values_list(
        "user", "practice", "role", "practice__name"
    ):
        label = Role(role).label.lower()
        for key in ((user_id, practice_id), (user_id, None)):
            held.setdefault(key, []).append(label)
        elsewhere.setdefault(user_id, []).append(f"{label} at {place}")
    # Who came in an emergency works at another practice, which is said.
    for event in events:
        key = (event.actor_id, event.practice_id)
        if event.actor_id in elsewhere and key not in held:
            held[key] = elsewhere[event.actor_id]
    return {key: ", ".join(dict.fromkeys(roles)) for key, roles in held.items()}


def _began_to_read(events: list[AuditEvent]) -> dict[int, datetime]:
    """`{event: when its actor had opened the case last before it}`."""
    if not events:
        return {}
    first = min(event.at for event in events) - READ_WITHIN
    openings = AuditEvent.objects.filter(
        verb=Event.RECORD_OPENED.verb,
        patient_id__in={event.patient_id for event in events},
        at__gte=first,
        at__lte=max(event.at for event in events),
        detail__has_key="case",
    ).order_by("at", "pk")
    began = {}
    rows = list(openings.values_list("actor_id", "patient_id", "at"))
    for event in events:
        before = [
            at
            for actor, patient, at in rows
            if (actor, patient) == (event.actor_id, event.patient_id)
            and event.at - READ_WITHIN < at <= event.at
        ]
        if before:
            began[event.pk] = before[-1]
    return began


# -- Who opened a record -----------------------------------------------------------------------


@dataclass
class Opening:
    """What one person or machine saw of a record on one day."""

    at: datetime
    actor: str
    role: str
    is_machine: bool
    pages: list[str]
    count: int


PAGES = {
    "patient": "patient",
    "patient-medicines": "medicines",
    "patient-audit": "audit trail",
    "case": "case",
    "taper": "taper",
    "taper-plan": "taper plan",
    "taper-sheet": "taper sheet",
    "prescription-log": "log a prescription",
    "prescription-preview": "preview of a prescription",
    "prescription-amend": "amend a prescription",
}


def openings(user: User, asked: Asked) -> tuple[list[Opening], int]:
    """Who saw the patient of `asked`, a row for each person and day, newest first; how many times.

    Searches that showed them and reads over the API count too.
    """
    rows = narrowed(
        visible(user), Asked(patient=asked.patient, since=asked.since, until=asked.until)
    )
    events = list(rows.filter(verb__in=READ).order_by("-pk")[:OPENINGS_SHOWN])
    roles = _roles(events)
    machines = set(
        Membership.objects.filter(
            user__in={event.actor_id for event in events}, role=Role.INTEGRATION_CLIENT
        ).values_list("user", flat=True)
    )
    by_day: dict[tuple[int | None, date], Opening] = {}
    for event in events:
        key = (event.actor_id, timezone.localdate(event.at))
        if key not in by_day:
            role = roles.get((event.actor_id, event.practice_id)) or roles.get(
                (event.actor_id, None), ""
            )
            machine = event.actor_id in machines
            by_day[key] = Opening(event.at, event.actor, role, machine, [], 0)
        row = by_day[key]
        row.count += 1
        if (page := _seen(event)) not in row.pages:
            row.pages.append(page)
    return list(by_day.values()), len(events)


def _seen(event: AuditEvent) -> str:
    detail = event.detail
    if event.verb == Event.SEARCH_MADE.verb:
        return "in a list that was searched"
    if event.verb == Event.API_READ.verb:
        among = len(detail.get(SHOWN, ()))
        return f"{detail.get('resource')}, 1 patient of {among}"
    printed = event.verb == Event.RECORD_PRINTED.verb
    return f"{_page(event)}, printed" if printed else _page(event)


def _page(event: AuditEvent) -> str:
    """The page of a record that an event is about, in words."""
    if event.detail.get("case"):
        return f"case {event.detail['case']}"
    name = event.detail.get("page", "")
    return PAGES.get(name) or name.replace("-", " ")


# -- One person's day --------------------------------------------------------------------------


@dataclass
class Stretch:
    """Things of one kind that somebody did one after the other."""

    begun_at: datetime
    ended_at: datetime
    what: str
    rows: list[Told]

    @property
    def seconds(self) -> float:
        return (self.ended_at - self.begun_at).total_seconds()


def day_of(user: User, person: User, on: date) -> list[Stretch]:
    """What a person did on a day, in order; a run of one kind is one stretch.

    Opening a record on the way to deciding on it belongs to the decision.
    """
    asked = Asked(who=str(person.pk), since=on, until=on)
    events = list(narrowed(visible(user), asked).order_by("pk")[:DAY_SHOWN])
    decided = {
        (event.patient_id, event.detail.get("case")) for event in events if event.verb in DECIDED
    } | {
        (event.patient_id, _number(event.subject, "case"))
        for event in events
        if event.verb in DECIDED
    }
    stretches: list[Stretch] = []
    for row in told(events):
        event = row.event
        if event.verb in OPENED and (event.patient_id, event.detail.get("case")) in decided:
            continue
        last = stretches[-1] if stretches else None
        kind = _kind(event)
        if last is not None and last.what == kind:
            last.rows.append(row)
            last.ended_at = event.at
        else:
            stretches.append(Stretch(event.at, event.at, kind, [row]))
    return stretches


def _kind(event: AuditEvent) -> str:
    if event.verb in DECIDED:
        return "decided"
    if event.verb in OPENED:
        return f"opened {event.patient_id}"
    return f"{event.verb} {event.patient_id or ''}"


def _begin(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


# -- The seal ----------------------------------------------------------------------------------


def last_verification() -> Job | None:
    """The newest verification of the sealed log that came to its end."""
    done = Job.objects.filter(kind=VERIFY, state=Job.State.DONE)
    return done.order_by("-ended_at", "-pk").first()


def does_not_fit() -> str:
    """What the last verification found first, in a sentence; empty where the log is whole."""
    job = last_verification()
    wrong = job.result.get("wrong") if job and job.result else None
    return wrong[0]["sentence"] if wrong else ""


# -- What to look at ---------------------------------------------------------------------------

LATELY = timedelta(days=14)
HASTY_SECONDS = 30


def opened_with_reason(user: User) -> list[BreakGlass]:
    """What was opened with a reason and no auditor has looked at, the oldest first.

    `pages` are those that were read, in words.
    """
    rows = access.scope(BreakGlass.objects.to_look_at(), user, Action.SEE_AUDIT)
    waiting = list(rows.select_related("patient", "by").order_by("pk")[:EMERGENCIES_SHOWN])
    read = visible(user).filter(
        verb__in=OPENED,
        patient_id__in=[each.patient_id for each in waiting],
        detail__has_key="opening",
    )
    pages: dict[int, list[str]] = {}
    for event in read.order_by("pk") if waiting else ():
        pages.setdefault(event.detail["opening"], []).append(_page(event))
    at_work = _at_work(each.by_id for each in waiting)
    for each in waiting:
        each.whose = _in_full(each.by)
        each.from_where = at_work.get(each.by_id, "no role any more") if each.is_emergency else ""
        each.count = len(pages.get(each.pk, []))
        each.pages = list(dict.fromkeys(pages.get(each.pk, [])))
    return waiting


def _at_work(people_ids: Iterable[int]) -> dict[int, str]:
    """`{person: their roles and where, in words}`."""
    held: dict[int, list[str]] = {}
    rows = Membership.objects.in_force().filter(user__in=set(people_ids))
    for each in rows.select_related("practice").order_by("role", "practice__name"):
        held.setdefault(each.user_id, []).append(
            f"{Role(each.role).label.lower()} at {each.practice}"
        )
    return {pk: ", ".join(roles) for pk, roles in held.items()}


def hasty(user: User) -> list[Told]:
    """Decisions of the last two weeks on urgent cases within half a minute of opening them."""
    rows = visible(user).filter(
        verb__in=[Event.CASE_DECIDE.verb, Event.CASE_PROPOSE.verb, Event.CASE_CONFIRM.verb],
        at__gte=timezone.now() - LATELY,
    )
    events = list(rows.order_by("-pk")[:DAY_SHOWN])
    began = _began_to_read(events)
    quick = [
        event
        for event in events
        if event.pk in began and (event.at - began[event.pk]).total_seconds() < HASTY_SECONDS
    ]
    decisions = _decisions(quick)
    urgent = []
    for event in quick:
        decision = decisions.get(event.pk)
        source = decision and (decision.answers or decision)
        if source and any(item.flag.severity == 1 for item in source.items.all()):
            urgent.append(event)
    return told(urgent[:20])


def refused_sign_ins(user: User) -> QuerySet[AuditEvent]:
    """Sign-ins that failed in the last two weeks, among people whom `user` audits."""
    return visible(user).filter(verb__in=REFUSED_SIGN_INS, at__gte=timezone.now() - LATELY)


def practices(user: User) -> QuerySet[Practice]:
    return access.practices(user, Action.SEE_AUDIT)
