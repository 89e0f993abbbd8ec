"""Who a case is about, in the few lines that a reviewer asks for before reading on."""

from datetime import date, timedelta
from typing import NamedTuple

from django.contrib.auth.models import User

from reviews.models import Reading, named
from reviews.rules.book import RuleBook
from reviews.rules.dossier import NEVER_TAKEN, Condition, Dossier
from reviews.rules.drug import BZRA
from reviews.rules.readings import KINDS

FEW = 3
REVIEW, NEXT_REVIEW = "review", "next_review"
UNTOLD = "medicines_reconciled"
"""Said only where it lacks, by DQ-02."""


class About(NamedTuple):
    """Conditions that are not over and readings that still count, the newest first, a few of each.

    `more_conditions` and `more_readings` say how many are left out. `review` is the last structured
    review, `next_review` the day planned for the next. `prescribers` are those of the
    benzodiazepines and Z-drugs begun within the last quarter.
    """

    conditions: list[Condition]
    more_conditions: int
    readings: list[Reading]
    more_readings: int
    review: Reading | None
    next_review: Reading | None
    prescribers: list[str]


def about(dossier: Dossier, book: RuleBook) -> About:
    """What the record says of the person of a dossier, in two queries."""
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
    readings = [row for row in latest.values() if _counts(row, today)]
    return About(
        conditions[:FEW],
        len(conditions[FEW:]),
        readings[:FEW],
        len(readings[FEW:]),
        review,
        next_review,
        _prescribers(dossier, book),
    )


def _counts(row: Reading, today: date) -> bool:
    known = KINDS.get(row.kind)
    valid = known and known.valid_days
    return not valid or row.dated_on + timedelta(days=valid) >= today


RECENT_DAYS = 90


def _prescribers(dossier: Dossier, book: RuleBook) -> list[str]:
    """Who prescribed the sedatives of late, the latest first, each once."""
    since = dossier.as_of - timedelta(days=RECENT_DAYS)
    lines = sorted(
        (
            line
            for line in dossier.lines
            if line.status not in NEVER_TAKEN
            and line.prescriber
            and book.recognise(line.medicine).mask & BZRA
            and (line.start_on or line.written_on or since) >= since
        ),
        key=lambda line: line.start_on or line.written_on or date.min,
        reverse=True,
    )
    who = list(dict.fromkeys(line.prescriber for line in lines))
    users = {str(user.pk): named(user) for user in _users(who)}
    return list(dict.fromkeys(users.get(each, each) for each in who))


def _users(ids: list[str]) -> list[User]:
    return list(User.objects.filter(pk__in=[int(each) for each in ids if each.isdigit()]))
