"""Who a case is about, in the few lines that a reviewer asks for before reading on."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple

from django.contrib.auth.models import User

from reviews.drawing.lanes import GABAPENTINOIDS, OPIOIDS
from reviews.models import Membership, PatientNote, Practice, Reading, Role, named
from reviews.rules.book import RuleBook
from reviews.rules.dossier import NEVER_TAKEN, Condition, Dossier
from reviews.rules.drug import BZRA
from reviews.rules.readings import KINDS

FEW = 4
REVIEW, NEXT_REVIEW = "review", "next_review"
UNTOLD = "medicines_reconciled"
"""Said only where it lacks, by DQ-02."""
ALWAYS = ("egfr",)
"""Asked of everybody before a dose is thought about, whatever was found."""
RECENT_DAYS = 90
NOTES = 2
ASKED_OF = BZRA | OPIOIDS | GABAPENTINOIDS
"""The medicines whose prescribers a reviewer may have to speak with."""


class Answer(NamedTuple):
    """The newest answer of a kind; `counts` says whether it is recent enough for the rules."""

    reading: Reading
    counts: bool


class Prescriber(NamedTuple):
    """Who prescribed some of the medicines lately, and how they are reached, where that is known.

    `role` is what they do at the practice, empty for somebody who is not of it.
    """

    name: str
    medicines: list[str]
    role: str
    telephone: str
    email: str


class About(NamedTuple):
    """What the record says of a person, the newest first, a few of each.

    `conditions` are those that are not over. `used` are the answers that rules with a finding here
    look at, `not_recorded` the names of those that they lack, `readings` others that still count.
    `more_conditions` and `more_readings` say how many are left out. `review` is the last structured
    review, `next_review` the day planned for the next. `notes` are what colleagues wrote.
    """

    conditions: list[Condition]
    more_conditions: int
    used: list[Answer]
    not_recorded: list[str]
    readings: list[Answer]
    more_readings: int
    review: Reading | None
    reviewed_days_ago: int | None
    next_review: Reading | None
    prescribers: list[Prescriber]
    notes: list[PatientNote]
    more_notes: int


def about(
    dossier: Dossier,
    book: RuleBook,
    *,
    practice: Practice,
    rule_ids: Iterable[str] = (),
    line_ids: Iterable[int] = (),
) -> About:
    """What the record says of the person of a dossier.

    `rule_ids` are the rules with a finding, `line_ids` the prescriptions that they found it in.
    """
    today = dossier.as_of
    conditions = sorted(
        (
            each
            for each in dossier.conditions
            if each.kind == "condition" and (each.ended_on is None or each.ended_on > today)
        ),
        key=lambda each: each.onset_on or date.min,
        reverse=True,
    )
    latest: dict[str, Reading] = {}
    for row in (
        Reading.objects.live()
        .filter(patient=dossier.patient_id, dated_on__lte=today)
        .exclude(status="entered-in-error")
        .exclude(kind=UNTOLD)
        .order_by("-dated_on", "-pk")
    ):
        latest.setdefault(row.kind, row)
    review, next_review = latest.pop(REVIEW, None), latest.pop(NEXT_REVIEW, None)
    asked = _asked(set(rule_ids))
    used = [_answer(latest.pop(kind), today) for kind in asked if kind in latest]
    known = {answer.reading.kind for answer in used}
    others = [answer for row in latest.values() if (answer := _answer(row, today)).counts]
    shown = max(FEW - len(used), 0)
    notes = PatientNote.objects.filter(patient=dossier.patient_id, struck_at__isnull=True)
    newest = list(notes.newest_first())
    return About(
        conditions=conditions[:FEW],
        more_conditions=len(conditions[FEW:]),
        used=used,
        not_recorded=[KINDS[kind].label for kind in asked if kind not in known],
        readings=others[:shown],
        more_readings=len(others[shown:]),
        review=review,
        reviewed_days_ago=(today - review.dated_on).days if review else None,
        next_review=next_review,
        prescribers=_prescribers(dossier, book, practice, frozenset(line_ids)),
        notes=newest[:NOTES],
        more_notes=len(newest[NOTES:]),
    )


def _asked(rule_ids: set[str]) -> list[str]:
    """The kinds of reading that these rules look at, and what is asked of everybody."""
    return [
        kind
        for kind, known in KINDS.items()
        if kind not in (REVIEW, NEXT_REVIEW, UNTOLD)
        and (kind in ALWAYS or rule_ids.intersection(known.rules))
    ]


def _answer(row: Reading, today: date) -> Answer:
    known = KINDS.get(row.kind)
    valid = known and known.valid_days
    return Answer(row, not valid or row.dated_on + timedelta(days=valid) >= today)


def _prescribers(
    dossier: Dossier, book: RuleBook, practice: Practice, found_in: frozenset[int]
) -> list[Prescriber]:
    """Who prescribed sedatives, opioids and what was found of late, the latest first, each once."""
    since = dossier.as_of - timedelta(days=RECENT_DAYS)
    lines = sorted(
        (
            line
            for line in dossier.lines
            if line.status not in NEVER_TAKEN
            and line.prescriber
            and (line.id in found_in or book.recognise(line.medicine).mask & ASKED_OF)
            and (line.start_on or line.written_on or since) >= since
        ),
        key=lambda line: line.start_on or line.written_on or date.min,
        reverse=True,
    )
    medicines: dict[str, list[str]] = {}
    for line in lines:
        names = [each.drug.name for each in book.recognise(line.medicine).ingredients if each.mask]
        given = medicines.setdefault(line.prescriber, [])
        given.extend(name for name in names if name not in given)
    users = {str(user.pk): user for user in _users(medicines)}
    roles = _roles(users.values(), practice)
    by_name: dict[str, Prescriber] = {}
    for who, names in medicines.items():
        found = _prescriber(who, names, users.get(who), roles, practice)
        if before := by_name.get(found.name):
            found = found._replace(medicines=list(dict.fromkeys([*before.medicines, *names])))
        by_name[found.name] = found
    return list(by_name.values())


def _prescriber(
    who: str, names: list[str], user: User | None, roles: dict[int, str], practice: Practice
) -> Prescriber:
    """Somebody who works at the practice is reached by its telephone, and by their own mail."""
    if user is None or user.pk not in roles:
        return Prescriber(named(user) if user else who, names, "", "", "")
    return Prescriber(named(user), names, roles[user.pk], practice.telephone, user.email)


def _users(ids: Iterable[str]) -> list[User]:
    return list(User.objects.filter(pk__in=[int(each) for each in ids if each.isdigit()]))


def _roles(users: Iterable[User], practice: Practice) -> dict[int, str]:
    """What each of them does at the practice, in words, by their id."""
    held: dict[int, list[str]] = {}
    rows = Membership.objects.in_force().filter(practice=practice, user__in=list(users))
    for user_id, role in rows.order_by("role").values_list("user_id", "role"):
        held.setdefault(user_id, []).append(Role(role).label.lower())
    return {user_id: ", ".join(roles) for user_id, roles in held.items()}
