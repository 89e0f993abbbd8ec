"""The diazepam equivalent from day to day, as the rules figure it, and what it leaves out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from reviews.drawing import labels
from reviews.drawing.lanes import BENZO, Lane, Step
from reviews.rules import equivalents, words
from reviews.rules.book import RuleBook
from reviews.rules.dossier import Dossier
from reviews.rules.equivalents import Scale
from reviews.rules.exposure import Span, stretches


@dataclass(frozen=True)
class Level:
    """Days of one diazepam equivalent in mg a day, with its range over the tables.

    `missing` names the medicines it leaves out. `known` is false where nothing could be counted.
    """

    start: int
    end: int
    mg: float
    lowest: float
    highest: float
    missing: tuple[str, ...]
    known: bool

    @property
    def amount(self) -> str:
        """The equivalent in words, as far as it is known: "about 20 mg (15 to 30)"."""
        if not self.known:
            return "not known"
        return labels.equivalent(self.mg, self.lowest, self.highest, missing=bool(self.missing))

    @property
    def first(self) -> date:
        return date.fromordinal(self.start)

    @property
    def last(self) -> date:
        return date.fromordinal(self.end)

    def goes_on_from(self, before: "Level") -> bool:
        """Whether these days follow `before` with the same amounts."""
        same_days = replace(before, start=self.start, end=self.end)
        return before.end + 1 == self.start and same_days == self


@dataclass(frozen=True)
class Dose:
    """The diazepam equivalent from day to day, by which tables, and what it does not count.

    `plans` are the steps of planned tapers in diazepam, by drug name; `uncounted` the medicines
    that the profile does not add up, `unplanned` those planned for which no table has a figure.
    `high_over` is where the high band for dependence begins, in mg a day.
    """

    levels: tuple[Level, ...]
    plans: tuple[tuple[str, tuple[Step, ...]], ...]
    tables: tuple[str, ...]
    uncounted: tuple[str, ...]
    unplanned: tuple[str, ...]
    high_over: float | None

    @property
    def top(self) -> float:
        """The highest amount drawn."""
        amounts = [level.highest for level in self.levels if level.known]
        amounts += [step.mg for _, steps in self.plans for step in steps]
        return max(amounts, default=0)

    @property
    def source(self) -> str:
        return words.listed(self.tables)

    @property
    def left_out(self) -> str:
        return words.listed(self.uncounted)

    @property
    def not_drawn(self) -> str:
        return words.listed(self.unplanned)


def dose_line(
    dossier: Dossier, book: RuleBook, lanes: Sequence[Lane], sedating: Sequence[Span], first: int
) -> Dose:
    """The diazepam equivalent over the days drawn: those of `sedating` spans from `first` on."""
    scale = equivalents.scale(book, dossier.profile)
    counted = scale.counted
    sedatives = [lane for lane in lanes if lane.kind == BENZO]
    levels, tables = _levels(
        scale, [span for span in sedating if span.end >= first and span.use.mask & counted]
    )
    # A supply whose length nobody knows may lie on any of these days.
    for lane in sedatives:
        for span in lane.unclear:
            if span.use.mask & counted and span.end >= first:
                levels = _unsure(levels, span, lane.name)
    plans, unplanned = _plans(book, scale, sedatives)
    return Dose(
        levels=tuple(levels),
        plans=plans,
        tables=tables,
        uncounted=tuple(
            lane.name
            for lane in sedatives
            if any(not span.use.mask & counted for span in lane.spans)
        ),
        unplanned=unplanned,
        high_over=book.rules.get("DOSE-05", {})
        .get(dossier.profile, {})
        .get("diazepam_high_over_mg"),
    )


def _levels(scale: Scale, spans: Sequence[Span]) -> tuple[list[Level], tuple[str, ...]]:
    """The equivalent of each run of days, and the names of the tables it was read from."""
    levels: list[Level] = []
    tables: dict[str, None] = {}
    for stretch in stretches(spans):
        found = equivalents.equivalent(scale, stretch)
        tables |= dict.fromkeys(found.tables)
        missing = tuple(dict.fromkeys(use.drug.name for use in found.missing))
        amounts = found.mg, found.lowest, found.highest, missing, bool(found.tables)
        _append(levels, Level(stretch.start, stretch.end, *amounts))
    return levels, tuple(equivalents.TABLES.get(name, name) for name in tables)


def _append(levels: list[Level], level: Level) -> None:
    """Add days to the levels; days that only go on as before lengthen the last one."""
    if levels and level.goes_on_from(levels[-1]):
        level = replace(level, start=levels.pop().start)
    levels.append(level)


def _unsure(levels: Sequence[Level], span: Span, name: str) -> list[Level]:
    """The levels with one more medicine missing on the days of `span`."""
    unsure: list[Level] = []
    at = span.start
    for level in levels:
        if level.start > at and at <= span.end:
            unsure.append(_unknown(at, min(level.start - 1, span.end), name))
        for start, end in (
            (level.start, min(level.end, span.start - 1)),
            (max(level.start, span.start), min(level.end, span.end)),
            (max(level.start, span.end + 1), level.end),
        ):
            if start <= end:
                missing = level.missing
                if span.start <= start <= span.end:
                    missing = tuple(dict.fromkeys((*missing, name)))
                _append(unsure, replace(level, start=start, end=end, missing=missing))
        at = max(at, level.end + 1)
    if at <= span.end:
        unsure.append(_unknown(at, span.end, name))
    return unsure


def _unknown(start: int, end: int, name: str) -> Level:
    return Level(start, end, 0, 0, 0, (name,), False)


def _plans(
    book: RuleBook, scale: Scale, sedatives: Sequence[Lane]
) -> tuple[tuple[tuple[str, tuple[Step, ...]], ...], tuple[str, ...]]:
    """The planned steps in diazepam, by drug name, and the drugs without a figure."""
    plans, unplanned = [], []
    for lane in sedatives:
        if not lane.plan:
            continue
        drug = next(drug for drug in book.drugs.values() if drug.name == lane.name)
        factor = scale.factors[drug.key]
        if factor is None:
            unplanned.append(lane.name)
        else:
            steps = (step._replace(mg=step.mg * factor.value) for step in lane.plan)
            plans.append((lane.name, tuple(steps)))
    return tuple(plans), tuple(unplanned)
