"""Crossing over to diazepam before a taper: what the tables say, and days on which to change.

The tables disagree by a factor of two, so a figure is shown with its table and the range over all
of them, and the dose is the clinician's: nothing here proposes one.
"""

from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from reviews.rules.book import RuleBook
from reviews.rules.drug import Drug
from reviews.rules.equivalents import NOT_FOR_SUMS, TABLES
from reviews.rules.parameters import EXPOSURE
from reviews.tapering.doses import Part, Strength, Unplannable, makeable

TARGET = "diazepam"
CHANGE_DAYS = (7, 14)
"""ASAM advises transitions over 1 to 2 weeks."""
SETTLE_DAYS = 7
"""Tolerance is checked 5 to 7 days after a switch (Scottish Government 2024)."""


class Equivalent(NamedTuple):
    """A daily dose in diazepam by one table: from `lowest` to `highest` mg a day.

    `own` marks the table of the practice's profile.
    """

    table: str
    lowest: Decimal
    highest: Decimal
    own: bool


class Stage(NamedTuple):
    """From `on`: mg a day of the earlier medicine and of diazepam, and what they are made of."""

    on: date
    old_mg: Decimal
    old_parts: tuple[Part, ...]
    new_mg: Decimal
    new_parts: tuple[Part, ...]


def equivalents(book: RuleBook, profile: str, drug: Drug, mg: Decimal) -> list[Equivalent]:
    """A daily dose in diazepam by each table, the profile's own first; empty when none has it."""
    own = book.rules[EXPOSURE][profile]["equivalents_table"]
    rows = [
        Equivalent(
            TABLES.get(table, table),
            _diazepam(mg, high),
            _diazepam(mg, low),
            table == own,
        )
        for table, (low, high) in drug.equivalents.items()
        if table not in NOT_FOR_SUMS
    ]
    return sorted(rows, key=lambda row: (not row.own, row.table))


def outside(rows: list[Equivalent], mg: Decimal) -> str:
    """Why a dose of diazepam lies outside every table; empty when it lies within."""
    if not rows:
        return "no table held has an equivalent for this medicine"
    lowest, highest = min(row.lowest for row in rows), max(row.highest for row in rows)
    if mg < lowest:
        return f"{_plain(mg)} mg of {TARGET} is under the lowest table ({_plain(lowest)} mg)"
    if mg > highest:
        return f"{_plain(mg)} mg of {TARGET} is over the highest table ({_plain(highest)} mg)"
    return ""


class Side(NamedTuple):
    """One of the two medicines: mg a day, and the strengths it is made up from."""

    mg: Decimal
    strengths: tuple[Strength, ...]


def stages(old: Side, new: Side, on: date, days: int) -> tuple[Stage, ...]:
    """Half over on the first day and the rest half of the days later. Raises `Unplannable`.

    The half that stays of the earlier medicine is rounded up to what can be made, so that nobody
    is short of it on the way; where no such dose is there, all of it changes on one day.
    """
    if days not in CHANGE_DAYS:
        raise Unplannable("cross_days", f"must be one of {', '.join(map(str, CHANGE_DAYS))}")
    olds, news = makeable(old.strengths, old.mg), makeable(new.strengths, new.mg)
    if new.mg not in news:
        raise Unplannable("cross_mg", f"cannot be made up from the strengths of {TARGET} chosen")
    stay = [mg for mg in olds if old.mg <= mg * 2 and mg < old.mg]
    take = [mg for mg in news if mg * 2 >= new.mg and mg < new.mg]
    half: tuple[Stage, ...] = ()
    if stay and take:
        half = (Stage(on, stay[0], olds[stay[0]], take[0], news[take[0]]),)
    last = on + timedelta(days=days // 2) if half else on
    return (*half, Stage(last, Decimal(0), (), new.mg, news[new.mg]))


def _diazepam(mg: Decimal, equal_to_ten: float) -> Decimal:
    """Diazepam mg for a dose of a medicine of which `equal_to_ten` mg equal 10 mg of it."""
    return round(mg * 10 / Decimal(str(equal_to_ten)), 2)


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"
