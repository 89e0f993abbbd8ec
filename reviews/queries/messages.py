"""What is said about cases: threads, who can be asked, and what whoever is asked has in sight."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from reviews import access, dossiers, messaging, rulebooks
from reviews.access import Action
from reviews.drawing import labels
from reviews.messaging import Sight
from reviews.models import (
    Case,
    Flag,
    Membership,
    Message,
    Patient,
    Prescription,
    Reading,
    Role,
    StructuredReview,
    named,
)
from reviews.queries.case_cards import told_of
from reviews.queries.medicines import Supply, supplies_of
from reviews.rules import words
from reviews.rules.book import RuleBook
from reviews.rules.directions import as_directed
from reviews.rules.dossier import Dossier
from reviews.rules.exposure import begins
from reviews.rules.matters import matters

SEEN_AT_MOST = 12
"""So many medicines stand beside a message; the page of the person has all."""
READINGS_AT_MOST = 4
USER, ROLE = "user", "role"


def with_people(messages: QuerySet[Message]) -> QuerySet[Message]:
    return messages.select_related(
        "by", "to", "case__patient__screening", "practice", "decision__answer__answer", "answers"
    )


def thread(case: Case) -> list[Message]:
    """What was said about a case, in the order in which it was said."""
    return list(with_people(Message.objects.filter(case=case)).order_by("pk"))


class Event(NamedTuple):
    """A message or, between messages, a recorded review."""

    message: Message | None = None
    review: StructuredReview | None = None


def events(case: Case, messages: Sequence[Message]) -> list[Event]:
    """A thread with the reviews that were recorded since it began, in order of time."""
    if not messages:
        return []
    since = messages[0].sent_at
    reviews = StructuredReview.objects.filter(
        patient=case.patient_id, recorded_at__gte=since, taken_back_at__isnull=True
    ).select_related("by")
    rows = [(message.sent_at, Event(message=message)) for message in messages]
    rows += [(review.recorded_at, Event(review=review)) for review in reviews]
    return [event for _, event in sorted(rows, key=lambda row: row[0])]


def headline(messages: Sequence[Message]) -> str:
    """What became of a thread, as its title: who said what last, or whose answer it waits for."""
    answered = [message for message in messages if message.answer]
    if not answered:
        waiting = [message for message in messages if message.waits]
        return f"Waits for {addressee(waiting[-1])}" if waiting else "Nothing more is asked"
    last = answered[-1]
    said = {
        Message.Answer.WILL_DO: "will do it",
        Message.Answer.DONE: "has done it",
        Message.Answer.NOT_APPROPRIATE: "says that it is not appropriate",
        Message.Answer.QUESTION: "asks a question",
    }[Message.Answer(last.answer)]
    back = last.asks_back and last.answer != Message.Answer.QUESTION
    return f"{named(last.by)} {said}{', and asks something back' if back else ''}"


def addressee(message: Message) -> str:
    """Whom a message is for, in words."""
    if message.to is not None:
        return named(message.to)
    return f"a {message.get_to_role_display().lower()}"


PRESCRIBER = "prescriber"


class Person(NamedTuple):
    """Somebody who can be asked: the key that a form sends, the name, and what they are here."""

    key: str
    name: str
    what: str


class Addressees(NamedTuple):
    """Who can be asked about a case, the prescriber of what is flagged first.

    `outside` are prescribers who are not in the portal: a letter reaches them.
    """

    people: list[Person]
    outside: list[str]

    @property
    def first(self) -> str:
        return self.people[0].key if self.people else ""

    @property
    def prescriber(self) -> str:
        """The name of the prescriber who is asked first; empty where none is in the portal."""
        first = self.people[0] if self.people else None
        return first.name if first is not None and first.what == PRESCRIBER else ""


def addressees(case: Case, flags: Iterable[Flag], by: User) -> Addressees:
    """In two queries."""
    ids = {pk for flag in flags for pk in flag.prescription_ids}
    rows = Prescription.objects.filter(pk__in=ids).order_by("-start_on", "-pk")
    prescribers: dict[int, None] = {}
    outside: dict[str, None] = {}
    for user_id, name in rows.values_list("prescriber", "prescriber_name"):
        if user_id is not None:
            prescribers[user_id] = None
        elif name:
            outside[name] = None
    held: dict[User, set[str]] = {}
    for membership in (
        Membership.objects.in_force()
        .filter(practice=case.practice_id, role__in=messaging.ROLES, user__is_active=True)
        .exclude(user=by.pk)
        .select_related("user")
        .order_by("user__last_name", "user__first_name", "user__pk")
    ):
        held.setdefault(membership.user, set()).add(membership.role)
    here = sorted(held, key=lambda user: user.pk not in prescribers)
    people = [
        Person(
            f"{USER}-{user.pk}",
            named(user),
            PRESCRIBER if user.pk in prescribers else _roles(held[user]),
        )
        for user in here
    ]
    people += [
        Person(f"{ROLE}-{role}", f"Any {Role(role).label.lower()} of {case.practice}", "")
        for role in messaging.ROLES
    ]
    return Addressees(people, list(outside))


def _roles(held: Iterable[str]) -> str:
    return ", ".join(Role(role).label.lower() for role in sorted(held))


# -- In sight ------------------------------------------------------------------------------------


def sight_of(cases: Iterable[Case]) -> dict[int, Sight]:
    """`{case id: what its people have in sight}`, in a fixed number of queries.

    Medicines in hand, the matters of the open case, and the latest readings, in words.
    """
    by_id = {case.pk: case for case in cases}
    patients = {case.patient_id for case in by_id.values()}
    holding = rulebooks.holding()
    today = timezone.localdate()
    people = {
        patient_id: (make(), holding.at(practice_id))
        for patient_id, practice_id, make in dossiers.read(patients, as_of=today)
    }
    flags: dict[int, list[Flag]] = {pk: [] for pk in patients}
    for flag in (
        Flag.objects.live().filter(patient__in=patients, severity__lte=3).order_by("severity", "pk")
    ):
        flags[flag.patient_id].append(flag)
    readings = _readings(patients)
    orders = _orders(flags)
    shown = {}
    for case in by_id.values():
        mine = flags[case.patient_id]
        judged = people.get(case.patient_id)
        shown[case.pk] = Sight(
            shown={
                "medicines": _medicines(*judged) if judged else [],
                "matters": [
                    {"severity": matter.severity, "title": matter.title}
                    for matter in matters(mine, told_of(case))
                ],
                "readings": readings.get(case.patient_id, []),
            },
            order_ids=tuple(orders.get(case.patient_id, ())),
        )
    return shown


def _orders(flags: dict[int, list[Flag]]) -> dict[int, list[Any]]:
    """`{patient id: the orders that findings rest on}`."""
    ids = {pk for mine in flags.values() for flag in mine for pk in flag.prescription_ids}
    found: dict[int, list[Any]] = {}
    rows = Prescription.objects.filter(pk__in=ids).order_by("pk")
    for patient_id, order_id in rows.values_list("patient", "order_id"):
        if order_id not in found.setdefault(patient_id, []):
            found[patient_id].append(order_id)
    return found


def _medicines(dossier: Dossier, book: RuleBook) -> list[str]:
    """ "Codeine 30 mg tablets, 1 tablet twice a day, from 24 Nov 2026 to 21 Dec 2026"."""
    rows = []
    for supply in supplies_of(dossier, book):
        if supply.in_hand:
            rows.append((begins(supply.line)[0] or dossier.as_of, _in_words(supply)))
    rows.sort(key=lambda row: row[0], reverse=True)
    left = len(rows) - SEEN_AT_MOST
    return [text for _, text in rows[:SEEN_AT_MOST]] + ([f"and {left} more"] if left > 0 else [])


def _in_words(supply: Supply) -> str:
    line = supply.line
    begun, _ = begins(line)
    since = f"from {begun:%-d %b %Y}" if begun else ""
    until = f"to {supply.end_on:%-d %b %Y}" if supply.end_on else "end not known"
    dose = labels.dose(as_directed(line, supply.recognition.form)) or "dose not known"
    return ", ".join(filter(None, [line.medicine.text, dose, f"{since} {until}".strip()]))


def _readings(patients: Iterable[int]) -> dict[int, list[str]]:
    """`{patient id: the latest readings in words}`, the newest first, each kind once."""
    found: dict[int, dict[str, str]] = {}
    since = timezone.localdate() - timedelta(days=730)
    for row in (
        Reading.objects.live()
        .filter(patient__in=patients, dated_on__gte=since)
        .exclude(status="entered-in-error")
        .order_by("-dated_on", "-pk")
    ):
        mine = found.setdefault(row.patient_id, {})
        if row.kind not in mine and len(mine) < READINGS_AT_MOST:
            mine[row.kind] = f"{row.label}: {row.answer}, {row.dated_on:%-d %b %Y}"
    return {patient_id: list(texts.values()) for patient_id, texts in found.items()}


# -- My work -------------------------------------------------------------------------------------


class Asked(NamedTuple):
    """A message that waits for me, with what I need in sight to answer it."""

    message: Message
    patient: Patient
    sight: dict[str, Any]
    amend: int | None


def waiting_for(user: User) -> list[Asked]:
    """What waits for an answer of `user`, due first, in a fixed number of queries."""
    messages = list(with_people(messaging.waiting_for(user)).order_by("due_at", "pk"))
    sights = sight_of({message.case_id: message.case for message in messages}.values())
    orders = {order for sight in sights.values() for order in sight.order_ids}
    live = dict(
        Prescription.objects.live().filter(order_id__in=orders).values_list("order_id", "pk")
    )
    may_amend = set(access.practice_ids(user, Action.AMEND))
    return [
        Asked(
            message,
            message.case.patient,
            sights[message.case_id].shown,
            next(
                (
                    live[order]
                    for order in reversed(sights[message.case_id].order_ids)
                    if order in live and message.practice_id in may_amend
                ),
                None,
            ),
        )
        for message in messages
    ]


class ToDo(NamedTuple):
    """Who has still to do what, and by when, in words."""

    who: str
    what: str
    when: str
    overdue: bool


def still_to_do(messages: Sequence[Message], user: User) -> list[ToDo]:
    """What a thread leaves to be done: answers that are due, and what was promised."""
    today = timezone.localdate()
    rows = []
    for message in messages:
        if message.waits and message.due_at:
            mine = message.to_id == user.pk
            due = timezone.localtime(message.due_at)
            who = "You" if mine else words.sentence_case(addressee(message))
            what = "answer what is asked back" if message.answer else "answer"
            rows.append(ToDo(who, what, f"by {due:%-d %b, %H:%M}", due < timezone.localtime()))
        day = message.promised_on
        if day is not None and message.kept_at is None:
            who = "You" if message.by_id == user.pk else named(message.by)
            rows.append(ToDo(who, message.text or "do it", f"by {day:%-d %b %Y}", day < today))
    return rows
