"""Run charts of a burden by practice: a dot a day, the budget, and where it stopped itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

ROW, PLOT = 112, 72
"""How high a practice's part is, and the plot in it, in units of the view box."""
TOP = 28
WIDE, NARROW = (1000, 812), (336, 328)
"""Width of a chart, and where its plot ends: the wide one has room for words behind it."""
LEFT = 40
MOST_DATES = {WIDE: 10, NARROW: 4}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The burden of a practice on a day, in open cases per 100 people."""

    day: date
    per_100: float
    before: bool
    """Whether it is that by the book before, as the stage began."""
    stopped: bool


@dataclass(frozen=True, kw_only=True)
class Practice:
    """A practice's part of the chart: what was measured, the oldest first."""

    name: str
    measured: Sequence[Measured]


@dataclass(frozen=True, kw_only=True)
class Dot:
    """Where a day stands, and as what: `before`, `seen` or `outside`."""

    x: str
    y: str
    kind: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Label:
    """Words beside a dot, which end before it where it stands in the right half of a narrow one."""

    x: str
    y: str
    ends: bool
    text: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """A practice as it is drawn."""

    name: str
    title_y: str
    base: str
    top: str
    limit: str
    line: str
    dots: list[Dot]
    stopped: Label | None


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One chart, wide or narrow."""

    is_wide: bool
    width: int
    height: int
    left: int
    right: int
    parts: list[Part]
    dates: list[tuple[str, str]]
    dates_y: str
    highest: str
    budget: str


def drawings(practices: Sequence[Practice], budget: float) -> list[Drawn]:
    """The wide chart and the narrow one; none where nothing was measured yet."""
    days = [each.day for practice in practices for each in practice.measured]
    if not days:
        return []
    return [_drawn(practices, budget, min(days), max(days), size) for size in (WIDE, NARROW)]


@dataclass(frozen=True, kw_only=True)
class _Scale:
    """Where a day and a rate stand; the same for every practice of a chart."""

    first: date
    span: int
    right: int
    highest: float

    def x(self, day: date) -> float:
        return LEFT + 10 + (self.right - LEFT - 20) * (day - self.first).days / self.span

    def y(self, per_100: float, base: int) -> float:
        return base - PLOT * per_100 / self.highest


def _drawn(
    practices: Sequence[Practice], budget: float, first: date, last: date, size: tuple[int, int]
) -> Drawn:
    width, right = size
    rates = [each.per_100 for practice in practices for each in practice.measured]
    span = max(1, (last - first).days)
    scale = _Scale(first=first, span=span, right=right, highest=max(budget * 1.25, *rates))
    every = max(1, -(-(span + 1) // MOST_DATES[size]))
    shown = [first + timedelta(days=number) for number in range(0, span + 1, every)]
    return Drawn(
        is_wide=size == WIDE,
        width=width,
        height=TOP + len(practices) * ROW,
        left=LEFT,
        right=right,
        parts=[_part(each, scale, TOP + at * ROW, budget) for at, each in enumerate(practices)],
        dates=[(_text(scale.x(day)), f"{day:%-d %b}") for day in shown if day <= last],
        dates_y=_text(TOP + (len(practices) - 1) * ROW + PLOT + 18),
        highest=f"{scale.highest:.0f}",
        budget=f"{budget:g}",
    )


def _part(practice: Practice, scale: _Scale, top: int, budget: float) -> Part:
    base = top + PLOT
    dots = [
        Dot(
            x=_text(scale.x(each.day)),
            y=_text(scale.y(each.per_100, base)),
            kind=_kind(each),
            text=f"{each.per_100:.1f}",
        )
        for each in practice.measured
    ]
    line = "M" + "L".join(f"{dot.x} {dot.y}" for dot in dots) if len(dots) > 1 else ""
    return Part(
        name=practice.name,
        title_y=_text(top - 10),
        base=_text(base),
        top=_text(top),
        limit=_text(scale.y(budget, base)),
        line=line,
        dots=dots,
        stopped=_stopped(practice, scale, base, budget),
    )


def _stopped(practice: Practice, scale: _Scale, base: int, budget: float) -> Label | None:
    """What stands beside the dot at which it stopped itself; above the name of the budget."""
    last = practice.measured[-1] if practice.measured else None
    if last is None or not last.stopped:
        return None
    x, is_narrow = scale.x(last.day), scale.right == NARROW[1]
    ends = is_narrow and x > scale.right / 2
    y = min(scale.y(last.per_100, base) + 4, scale.y(budget, base) - 10)
    return Label(
        x=_text(x - 10 if ends else x + 10),
        y=_text(y),
        ends=ends,
        text=f"{last.per_100:.1f}, stopped itself",
    )


def _kind(measured: Measured) -> str:
    if measured.stopped:
        return "outside"
    return "before" if measured.before else "seen"


def _text(number: float) -> str:
    return f"{number:.1f}"
