"""The drawing of a taper: the planned dose by day, and what was prescribed beside it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple, Protocol

from reviews.drawing import labels
from reviews.drawing.scale import MonthMark, Scale, TextPlace, firsts_of_months
from reviews.rules import words

HEIGHT, TOP, BASE = 170, 26, 140
WIDE, NARROW = 1000, 344
LEFT, MARGIN = 34, 8
BEFORE_DAYS, AFTER_DAYS = 28, 21
LABEL_WIDTH = 60
LONG_TEXT = 110
DAYS_A_MONTH = 30.4


class PlannedStep(Protocol):
    """From `on`, so many mg a day."""

    @property
    def on(self) -> date: ...
    @property
    def mg(self) -> Decimal: ...


class PlannedTaper(Protocol):
    """A plan to draw: the dose at its start, and at least one step; see `tapering.planning`."""

    @property
    def drug(self) -> str: ...
    @property
    def steps(self) -> Sequence[PlannedStep]: ...
    @property
    def reductions(self) -> int: ...
    @property
    def ends_on(self) -> date: ...
    @property
    def half_on(self) -> date | None: ...


class Supplied(Protocol):
    """So many mg a day from `start` to `end`; None = dose not known."""

    @property
    def start(self) -> date: ...
    @property
    def end(self) -> date: ...
    @property
    def mg(self) -> Decimal | None: ...


class DoseTick(NamedTuple):
    """A line of the axis of doses."""

    y: float
    text: str


class DayMark(NamedTuple):
    """An upright line at `x` with words beside it."""

    x: float
    text: str
    place: TextPlace


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One drawing in positions; `plan` and each of `prescribed` are SVG paths."""

    wide: bool
    width: int
    height: int
    base: int
    right: int
    plan: str
    prescribed: list[str]
    doses: list[DoseTick]
    months: list[MonthMark]
    today: DayMark
    half: DayMark | None
    end: DayMark | None


@dataclass(frozen=True, slots=True)
class TaperDrawing:
    """The wide and the narrow drawing, and a sentence that says the same.

    `prescribed`: whether anything prescribed is drawn beside the plan.
    """

    sentence: str
    charts: list[Chart]
    prescribed: bool


def drawing(planned: PlannedTaper, supplied: Sequence[Supplied], today: date) -> TaperDrawing:
    """The drawing of a plan with at least one step after the dose at its start."""
    return TaperDrawing(
        _sentence(planned),
        [_chart(planned, supplied, today, width) for width in (WIDE, NARROW)],
        bool(supplied),
    )


def _sentence(planned: PlannedTaper) -> str:
    from_mg, to_mg = float(planned.steps[0].mg), float(planned.steps[-1].mg)
    half_on = planned.half_on
    # A plan that comes down to none has a day on which half of it is left.
    if to_mg or half_on is None:
        return labels.paused_taper(planned.drug, from_mg, to_mg)
    return labels.taper(planned.drug, from_mg, planned.reductions, planned.ends_on, half_on)


def _chart(planned: PlannedTaper, supplied: Sequence[Supplied], today: date, width: int) -> Chart:
    first = min(planned.steps[1].on, today) - timedelta(days=BEFORE_DAYS)
    last = max(planned.ends_on, today) + timedelta(days=AFTER_DAYS)
    scale = Scale(first.toordinal(), last.toordinal(), LEFT, width - MARGIN)
    highest = max([step.mg for step in planned.steps] + [row.mg or Decimal(0) for row in supplied])
    goes_on = bool(planned.steps[-1].mg)

    def at(day: date) -> float:
        return scale.at(day.toordinal())

    def up(mg: Decimal) -> float:
        return round(BASE - float(mg / highest) * (BASE - TOP), 1)

    plan = f"M{at(max(planned.steps[0].on, first))} {up(planned.steps[0].mg)}"
    plan += "".join(f"H{at(step.on)}V{up(step.mg)}" for step in planned.steps[1:])
    return Chart(
        wide=width == WIDE,
        width=width,
        height=HEIGHT,
        base=BASE,
        right=width - MARGIN,
        plan=plan + (f"H{at(last)}" if goes_on else ""),
        prescribed=[
            f"M{at(max(row.start, first))} {up(row.mg)}H{at(row.end + timedelta(days=1))}"
            for row in supplied
            if row.mg is not None and row.end >= first
        ],
        doses=[DoseTick(up(mg), words.amount(float(mg))) for mg in _round_amounts(highest)],
        months=_months(first, last, scale),
        today=_day_mark(today, "Today", scale),
        half=None if planned.half_on is None else _dated_mark(planned.half_on, "half:", scale),
        end=None if goes_on else _dated_mark(planned.ends_on, "ends", scale),
    )


def _round_amounts(highest: Decimal) -> list[Decimal]:
    """Nought and up to four round amounts below the highest."""
    step = next(
        Decimal(n).scaleb(power)
        for power in range(-4, 4)
        for n in (1, 2, 5)
        if highest <= 4 * Decimal(n).scaleb(power)
    )
    return [step * n for n in range(int(highest / step) + 1)]


def _months(first: date, last: date, scale: Scale) -> list[MonthMark]:
    """The firsts of the months after the first day; fewer when their names would touch."""
    every = math.ceil((last - first).days / DAYS_A_MONTH * LABEL_WIDTH / (scale.right - scale.left))
    months = list(firsts_of_months(first + timedelta(days=1), last))[::every]
    return [
        MonthMark(
            scale.at(month.toordinal()),
            f"{month:%b %Y}" if month.month == 1 or month == months[0] else f"{month:%b}",
        )
        for month in months
    ]


def _dated_mark(day: date, word: str, scale: Scale) -> DayMark:
    return _day_mark(day, f"{word} {day:%-d %b %Y}", scale)


def _day_mark(day: date, text: str, scale: Scale) -> DayMark:
    """A mark with its words right of the line, or left of it where the drawing ends."""
    x = scale.at(day.toordinal())
    if scale.right - x < LONG_TEXT:
        return DayMark(x, text, TextPlace(x - 5, "end"))
    return DayMark(x, text, TextPlace(x + 5, "start"))
