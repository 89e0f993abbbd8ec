"""The time line in positions: one drawing for a wide page and one for a narrow one.

Positions are in the units of the SVG's view box; the template only prints them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from math import ceil
from typing import NamedTuple

from reviews.drawing import labels
from reviews.drawing.dose_line import Level
from reviews.drawing.lanes import Lane, Step
from reviews.drawing.scale import MonthMark, Scale, TextPlace, firsts_of_months
from reviews.drawing.timeline import Picture
from reviews.rules import words
from reviews.rules.exposure import Episode, Span, Use, union

# Room for a text, in units of the view box.
MARK_TEXT, MONTH_TEXT, PIN = 48, 56, 19
# An exposure so wide has room for its first day, and for its number of days.
LONG_BAND_TEXT, BAND_TEXT = 190, 60
DOSE_HEIGHT = 96
DOSE_AXES = ((10, 5), (15, 5), (20, 10), (30, 10), (40, 20), (60, 20), (100, 50), (200, 100))
"""The highest mg a day of an axis, and how far apart its lines are."""
HEADROOM = 1.15
"""How far an axis reaches beyond the highest amount."""


class Layout(NamedTuple):
    """The measures of a drawing: its width, where the days begin, a row and the bar in it."""

    wide: bool
    width: int
    left: int
    row: int
    bar: int


WIDE = Layout(wide=True, width=960, left=176, row=34, bar=16)
NARROW = Layout(wide=False, width=344, left=8, row=46, bar=16)


class Box(NamedTuple):
    """Some days, from left to right."""

    x: float
    width: float


class SplitBox(NamedTuple):
    """Some days cut at today: after it they are supplied and not yet taken. A width may be 0."""

    x: float
    width: float
    ahead_x: float
    ahead_width: float


class Bar(NamedTuple):
    """A supply of known length, with its words and the line that its row in the table has."""

    box: SplitBox
    label: str
    tip: TextPlace
    line: int


class UnclearBar(NamedTuple):
    """A supply of unknown length, as `Bar`."""

    box: Box
    label: str
    tip: TextPlace
    line: int


class PlannedBar(NamedTuple):
    """A step of a planned taper."""

    box: Box
    label: str
    tip: TextPlace


class LaneRow(NamedTuple):
    """One medicine: its name, newest strength and dose in words, its bars and where they stand."""

    name: str
    strength: str
    dose: str
    kind: str
    y: int
    text_y: int
    tip_y: int
    plan_y: int
    bars: list[Bar]
    unclear: list[UnclearBar]
    plan: list[PlannedBar]


class Band(NamedTuple):
    """An exposure episode; `text` is drawn at `text_x` where it `fits`."""

    box: Box
    parts: list[SplitBox]
    label: str
    text: str
    text_x: float
    fits: bool


class OverlapText(NamedTuple):
    """How long two medicines were in hand together, in the lane of the other one."""

    label: str
    text: str
    place: TextPlace
    y: int


@dataclass(frozen=True, slots=True)
class Mark:
    """Today, or a day that a rule names, with its word. A `quiet` one has no room for it."""

    x: float
    text: str
    anchor: str
    quiet: bool = False

    @property
    def text_right(self) -> float:
        """Where its word ends."""
        return self.x + {"start": MARK_TEXT, "middle": MARK_TEXT / 2, "end": 0}[self.anchor]


class NumberedPin(NamedTuple):
    """A decision: its number in a dot, its words, and the row of the history it leads to."""

    x: float
    number: int
    label: str
    target: str
    tip: TextPlace


class Tick(NamedTuple):
    """A line of the axis of doses."""

    y: float
    text: int


class HighBand(NamedTuple):
    """Where the high band for dependence begins."""

    y: float
    mg: str


class LevelBox(NamedTuple):
    """Days of one diazepam equivalent: its range as a box, or hatched where it is `unknown`."""

    box: Box
    unknown: bool
    range_y: float
    range_height: float
    label: str
    tip: TextPlace


class NowText(NamedTuple):
    """The diazepam equivalent of today, in words beside its line."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseChart:
    """The diazepam equivalent: `step` and `plans` are SVG paths, empty without a known amount."""

    top: int
    base: int
    height: int
    ticks: list[Tick]
    high: HighBand | None
    step: str
    plans: list[str]
    levels: list[LevelBox]
    now: NowText | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One drawing of a picture. `bottom` is where the lanes end, `height` where everything does."""

    wide: bool
    width: int
    height: int
    left: int
    bottom: int
    bar: int
    band_y: int
    months: list[MonthMark]
    ahead: Box
    today: Mark
    marks: list[Mark]
    pins: list[NumberedPin]
    bands: list[Band]
    lanes: list[LaneRow]
    shades: list[Box]
    overlaps: list[OverlapText]
    dose: DoseChart | None


def charts(picture: Picture) -> list[Chart]:
    """The wide and the narrow drawing of a picture."""
    return [_chart(picture, WIDE), _chart(picture, NARROW)]


def _chart(picture: Picture, layout: Layout) -> Chart:
    scale = Scale(picture.first, picture.last, layout.left, layout.width - 8)
    top = 82 if picture.pins else 56
    lanes_top = top + (layout.row if picture.episodes else 0)
    rows = {lane.name: lanes_top + n * layout.row for n, lane in enumerate(picture.lanes)}
    bottom = lanes_top + len(picture.lanes) * layout.row + 6
    dose = _dose_chart(picture, scale, bottom + (16 if layout.wide else 34))
    marks = _marks(picture, scale)
    return Chart(
        wide=layout.wide,
        width=layout.width,
        height=dose.base + 8 if dose else bottom,
        left=layout.left,
        bottom=bottom,
        bar=layout.bar,
        band_y=top - 6,
        months=_months(picture, scale),
        ahead=_box(picture.today, picture.last, scale),
        today=Mark(scale.at(picture.today), "today", _today_anchor(marks)),
        marks=marks,
        pins=_pins(picture, scale),
        bands=[_band(episode, picture, scale) for episode in picture.episodes],
        lanes=[_lane(lane, rows[lane.name], picture, scale, layout) for lane in picture.lanes],
        shades=[
            _box(start, end, scale)
            for start, end in union((each.start, each.end) for each in picture.overlaps)
        ],
        overlaps=[
            OverlapText(
                labels.together(each.name, each.start, each.end),
                f"together {words.days(each.end - each.start + 1)}",
                scale.beside(each.start, each.end),
                rows[each.name] + layout.bar - 4,
            )
            for each in picture.overlaps
        ],
        dose=dose,
    )


def _box(start: int, end: int, scale: Scale) -> Box:
    return Box(scale.at(start), scale.width(start, end))


def _split(start: int, end: int, scale: Scale, today: int) -> SplitBox:
    tomorrow = max(start, today + 1)
    return SplitBox(
        scale.at(start),
        scale.width(start, min(end, today)) if start <= today else 0,
        scale.at(tomorrow),
        scale.width(tomorrow, end) if end > today else 0,
    )


# --- lanes -----------------------------------------------------------------------------------


def _lane(lane: Lane, y: int, picture: Picture, scale: Scale, layout: Layout) -> LaneRow:
    newest = _newest(lane)
    return LaneRow(
        name=words.sentence_case(lane.name),
        strength=labels.strength(newest.part) if newest else "",
        dose=labels.daily_dose(newest.line, newest.mg) if newest else "planned",
        kind=lane.kind,
        y=y,
        text_y=y + 12 if layout.wide else y - 5,
        tip_y=y - 4,
        plan_y=y + layout.bar + 3,
        bars=[
            Bar(
                _split(span.start, span.end, scale, picture.today),
                labels.supply(span),
                scale.tip(span.start, span.end),
                span.use.line.id,
            )
            for span in lane.spans
            if span.end >= picture.first
        ],
        unclear=[
            UnclearBar(
                _box(span.start, span.end, scale),
                labels.unclear_supply(span),
                scale.tip(span.start, span.end),
                span.use.line.id,
            )
            for span in lane.unclear
        ],
        plan=[
            PlannedBar(
                _box(step.start, step.end, scale),
                labels.planned_step(step.start, step.end, step.mg, lane.name),
                scale.tip(step.start, min(step.end, picture.last)),
            )
            for step in lane.plan
            if step.start <= picture.last
        ],
    )


def _newest(lane: Lane) -> Use | None:
    """The newest prescription in a lane; None where one is only planned."""
    recorded: Sequence[Span] = (*lane.spans, *lane.unclear)
    return max(recorded, key=lambda span: span.start).use if recorded else None


def _band(episode: Episode, picture: Picture, scale: Scale) -> Band:
    covered = [(start, end) for start, end in episode.covered if end >= picture.first]
    # The words stand in the longest solid part.
    room, start = max(
        (
            (scale.at(min(end, picture.today) + 1) - scale.at(start), start)
            for start, end in covered
            if start <= picture.today
        ),
        default=(0, episode.start),
    )
    days = words.days(episode.exposed_days(episode.start, episode.end))
    since = words.day(episode.start)
    return Band(
        box=_box(episode.start, episode.end, scale),
        parts=[_split(start, end, scale, picture.today) for start, end in covered],
        label=labels.exposure(episode),
        text=f"{days} from {since}" if room > LONG_BAND_TEXT else days,
        text_x=scale.at(start),
        fits=room > BAND_TEXT,
    )


# --- the words above -------------------------------------------------------------------------


def _marks(picture: Picture, scale: Scale) -> list[Mark]:
    """The upright lines of the days that rules name, counted in the latest episode."""
    if not picture.episodes:
        return []
    today = scale.at(picture.today)
    marks = []
    for number in picture.mark_days:
        day = _exposed_day(picture.episodes[-1], number)
        if day is not None and day >= picture.first:
            x = scale.at(day)
            near = abs(x - today) < MARK_TEXT
            anchor = ("end" if x <= today else "start") if near else "middle"
            marks.append(Mark(x, f"day {number}", anchor))
    # Where two marks are too close for both words, the later one keeps its own.
    return [
        replace(mark, quiet=mark.text_right > later.text_right - MARK_TEXT)
        for mark, later in pairwise(marks)
    ] + marks[-1:]


def _exposed_day(episode: Episode, number: int) -> int | None:
    """The day that is exposed day `number` of an episode; None where it has fewer."""
    left = number
    for start, end in episode.covered:
        if left <= end - start + 1:
            return start + left - 1
        left -= end - start + 1
    return None


def _today_anchor(marks: Iterable[Mark]) -> str:
    """The side of its line on which "today" stands: not that of a mark nearby."""
    anchors = {mark.anchor for mark in marks}
    if "end" in anchors:
        return "start"
    return "end" if "start" in anchors else "middle"


def _months(picture: Picture, scale: Scale) -> list[MonthMark]:
    """The first of each month; fewer labels when they would touch."""
    first, last = date.fromordinal(picture.first), date.fromordinal(picture.last)
    months = list(firsts_of_months(first, last))
    every = max(1, ceil(len(months) * MONTH_TEXT / (scale.right - scale.left)))
    named = months[::every]
    # The year stands beside January, and beside the first month unless January is next.
    with_year = {month for month in named if month.month == 1}
    if len(named) < 2 or named[1].month != 1:
        with_year |= set(months[:1])
    return [
        MonthMark(
            scale.at(month.toordinal()), f"{month:%b %Y}" if month in with_year else f"{month:%b}"
        )
        for month in named
    ]


def _pins(picture: Picture, scale: Scale) -> list[NumberedPin]:
    """Decisions on their days; those of about one day stand beside each other."""
    pins = []
    free_from = 0.0
    for pin in sorted(picture.pins, key=lambda pin: (pin.day, pin.number)):
        x = min(max(scale.at(pin.day), free_from), scale.right)
        free_from = x + PIN
        pins.append(NumberedPin(x, pin.number, pin.label, pin.target, scale.long_text(x)))
    return pins


# --- the dose --------------------------------------------------------------------------------


def _dose_chart(picture: Picture, scale: Scale, top: int) -> DoseChart | None:
    """The step line, its range, the days not known and the plan; None without any of them."""
    dose = picture.dose
    if not dose.levels and not dose.plans:
        return None
    most, every = _axis(dose.top)
    base = top + DOSE_HEIGHT

    def y_of(mg: float) -> float:
        return round(base - mg / most * DOSE_HEIGHT, 1)

    levels = [level for level in dose.levels if level.end >= picture.first]
    known = [Step(level.start, level.end, level.mg) for level in levels if level.known]
    high = None
    if dose.high_over and dose.high_over <= most:
        high = HighBand(y_of(dose.high_over), labels.mg(dose.high_over))
    return DoseChart(
        top=top,
        base=base,
        height=DOSE_HEIGHT,
        ticks=[Tick(y_of(mg), mg) for mg in range(0, most + 1, every)],
        high=high,
        step=_steps(known, scale, y_of),
        plans=[_steps(steps, scale, y_of) for _, steps in dose.plans],
        levels=[_level(level, scale, y_of) for level in levels],
        now=_now(levels, picture.today, scale, y_of),
    )


def _axis(top: float) -> tuple[int, int]:
    """The highest mg a day of the axis for an amount, and how far apart its lines are."""
    beyond = 200 * (int(top) // 200 + 1), 200
    return next((axis for axis in DOSE_AXES if top * HEADROOM <= axis[0]), beyond)


def _level(level: Level, scale: Scale, y_of: Callable[[float], float]) -> LevelBox:
    return LevelBox(
        box=_box(level.start, level.end, scale),
        unknown=bool(level.missing),
        range_y=y_of(level.highest),
        range_height=round(y_of(level.lowest) - y_of(level.highest), 1),
        label=labels.equivalent_of_days(level.amount, level.missing, level.start, level.end),
        tip=scale.tip(level.start, level.end),
    )


def _now(
    levels: Iterable[Level], today: int, scale: Scale, y_of: Callable[[float], float]
) -> NowText | None:
    """The words beside the line of today; None where no amount is known."""
    for level in levels:
        if level.start <= today <= level.end:
            at = scale.at(today)
            return NowText(at, y_of(level.mg) - 6, level.amount) if level.known else None
    return None


def _steps(steps: Iterable[Step], scale: Scale, y_of: Callable[[float], float]) -> str:
    """The path of a step line that falls to nothing between runs of days.

    Days that go on beyond the drawing leave it at their height: nothing is drawn as a sudden end.
    """
    path = []
    reached = None
    for start, end, mg in steps:
        if start > scale.last:
            break
        if reached != start - 1:
            if reached is not None:
                path.append(f"V{y_of(0)}")
            path.append(f"M{scale.at(start)} {y_of(0)}")
        path.append(f"V{y_of(mg)}H{scale.at(end + 1)}")
        reached = end
    if reached is not None and reached <= scale.last:
        path.append(f"V{y_of(0)}")
    return "".join(path)
