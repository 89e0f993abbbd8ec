"""The time line of a patient's medicines: what there is to draw, from the same spans as the rules.

Days are ordinals here; `timeline_chart` turns them into positions.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from reviews.drawing.dose_line import Dose, dose_line
from reviews.drawing.lanes import BENZO, GABAPENTINOID, OPIOID, Lane, fold, lanes_of
from reviews.rules.book import RuleBook
from reviews.rules.dossier import Dossier
from reviews.rules.exposure import Episode, Span, both, episodes, is_rescue, union
from reviews.rules.parameters import EXPOSURE
from reviews.rules.policy import at

LONGEST_DAYS = 400
# So much is drawn before and after today at least.
BEHIND_DAYS, AHEAD_DAYS = 60, 21
# A supply that goes on longer leaves the drawing here.
MOST_AHEAD_DAYS = 90
MARGIN_DAYS = 3


@dataclass(frozen=True)
class Pin:
    """A decision on its day, by the number it has in the history."""

    day: int
    number: int
    label: str
    target: str


class Overlap(NamedTuple):
    """Days on which a medicine was in hand together with a benzodiazepine or Z-drug."""

    name: str
    start: int
    end: int


class Window(NamedTuple):
    """The first and the last day drawn."""

    first: int
    last: int


@dataclass(frozen=True)
class Picture:
    """Everything to draw, in days. `folded` names the medicines that are not drawn."""

    lanes: tuple[Lane, ...]
    episodes: tuple[Episode, ...]
    overlaps: tuple[Overlap, ...]
    first: int
    last: int
    today: int
    mark_days: tuple[int, ...]
    dose: Dose
    folded: tuple[str, ...] = ()
    pins: tuple[Pin, ...] = ()

    @property
    def drawn_kinds(self) -> set[str]:
        """The kinds of medicine with a known supply in the drawing."""
        return {lane.kind for lane in self.lanes if lane.spans}

    @property
    def has_supply_ahead(self) -> bool:
        """Whether something is in hand for the days after today."""
        return any(span.end > self.today for lane in self.lanes for span in lane.spans)

    @property
    def has_unknown(self) -> bool:
        """Whether a length, dose or figure is not known."""
        return any(lane.unclear for lane in self.lanes) or any(
            level.missing for level in self.dose.levels
        )

    @property
    def has_plan(self) -> bool:
        return any(lane.plan for lane in self.lanes)

    @property
    def has_range(self) -> bool:
        """Whether the tables differ about a dose that is drawn."""
        return any(level.highest > level.lowest for level in self.dose.levels)

    @property
    def begins(self) -> date:
        """The first day drawn."""
        return date.fromordinal(self.first)

    @property
    def plan_ends(self) -> date | None:
        """The last day of the planned tapers where the drawing ends before it."""
        last = max((lane.plan_ends for lane in self.lanes), default=0)
        return date.fromordinal(last) if last > self.last else None


def picture(dossier: Dossier, book: RuleBook, pins: Iterable[Pin] = ()) -> Picture | None:
    """The picture of a dossier, or None when there is no medicine that any rule knows."""
    lanes = lanes_of(dossier, book)
    if not lanes:
        return None
    today = dossier.as_of.toordinal()
    sedating = _sedating(lanes)
    window = _window(lanes, today)
    first = window.first
    shown, folded = fold(lanes, first)
    gap_days = book.rules[EXPOSURE][dossier.profile]["gap_days"]
    return Picture(
        lanes=tuple(shown),
        episodes=tuple(run for run in episodes(sedating, gap_days) if run.end >= first),
        overlaps=tuple(each for each in _overlaps(shown, sedating) if each.end >= first),
        first=min(first, today - BEHIND_DAYS),
        last=max(window.last, today + AHEAD_DAYS),
        today=today,
        mark_days=_mark_days(at(book, dossier.practice, dossier.group), dossier.profile),
        dose=dose_line(dossier, book, lanes, sedating, first),
        folded=tuple(folded),
        pins=tuple(pin for pin in pins if pin.day >= first),
    )


def _sedating(lanes: Iterable[Lane]) -> list[Span]:
    """The known supplies that count as exposure: not those kept for a seizure."""
    return [
        span
        for lane in lanes
        if lane.kind == BENZO
        for span in lane.spans
        if not is_rescue(span.use)
    ]


def _overlaps(lanes: Iterable[Lane], sedating: Iterable[Span]) -> list[Overlap]:
    exposed = _days(sedating)
    return [
        Overlap(lane.name, start, end)
        for lane in lanes
        if lane.kind in (OPIOID, GABAPENTINOID)
        for start, end in both(exposed, _days(lane.spans))
    ]


def _window(lanes: Sequence[Lane], today: int) -> Window:
    """The days that hold what was supplied and planned, cut where they would be too many."""
    ends = [span.end for lane in lanes for span in (*lane.spans, *lane.unclear)]
    last = min(max([today, *ends]) + MARGIN_DAYS, today + MOST_AHEAD_DAYS)
    horizon = last - LONGEST_DAYS
    begun = [lane.begins for lane in lanes if lane.ends >= horizon]
    first = max(min(begun, default=today) - MARGIN_DAYS, horizon)
    planned = max(lane.plan_ends for lane in lanes)
    if planned:
        # The past stays the larger part: a long plan is drawn on its own page.
        room = max((today - first) // 2, BEHIND_DAYS)
        last = max(last, min(planned + MARGIN_DAYS, today + room))
    return Window(first, last)


def _mark_days(book: RuleBook, profile: str) -> tuple[int, ...]:
    """The days on which the rules on length ask for a look, under a profile."""
    steps = book.rules.get("DUR-01", {}).get(profile, {})
    days = {day for name, day in steps.items() if name in ("s2_over_days", "s3_over_days")}
    outer = book.rules.get("DUR-04", {}).get(profile, {}).get("s2_over_days")
    return tuple(sorted(days | ({outer} if outer else set())))


def _days(spans: Iterable[Span]) -> list[tuple[int, int]]:
    return union((span.start, span.end) for span in spans)
