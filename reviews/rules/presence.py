"""What was in hand when, and two kinds of medicine in hand together.

A presence is the days of some medicines: surely, and possibly. Days are ordinals.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple, TypeAlias

from reviews.rules.dossier import Line
from reviews.rules.drug import BIT, BZRA_CLASSES, Recognition
from reviews.rules.exposure import (
    OPEN,
    FurtherIssues,
    Intervals,
    Span,
    Supply,
    UnclearSupply,
    UndatedSupply,
    Use,
    as_taken,
    both,
    carry_forward,
    count,
    is_patch,
    on_the_skin,
    read,
    runs,
    stretches,
    union,
)
from reviews.rules.naming import ids_of, names
from reviews.rules.parameters import Limits


@dataclass(slots=True, eq=False)
class Presence:
    """The days on which some medicines were in hand: surely, and possibly (open ends included)."""

    certain: Intervals
    possible: Intervals
    spans: Sequence[Span]
    undated: Sequence[UndatedSupply]

    @property
    def unsure(self) -> bool:
        return self.certain is not self.possible


Which: TypeAlias = str | Presence | Iterable[Use]
"""The days of a class (by name), of a presence, or of some uses."""


@dataclass(slots=True, eq=False)
class Together:
    """Two kinds of medicine in hand together, now or after today or shortly before.

    `a` and `b` are the spans of either kind that touch the run; `a_names`, `b_names` their drugs.
    `start` and `end` are the first and last day of the latest run of shared days (OPEN if nobody
    knows); `days` the distinct shared days of these drugs within the exposure that holds the run,
    of which `first` is the earliest, `sure` False when that is only a lower bound; `b_start` when
    the second kind began.
    """

    start: int
    end: int
    first: int
    days: int
    sure: bool
    a: Sequence[Span]
    b: Sequence[Span]
    b_start: int
    a_names: Sequence[str]
    b_names: Sequence[str]

    @property
    def line_ids(self) -> tuple[int, ...]:
        return ids_of([span.use for span in (*self.a, *self.b)])


class Unsure(Enum):
    """The type of UNSURE alone, so that a check for it leaves the rest."""

    UNSURE = "unsure"


UNSURE: Final = Unsure.UNSURE


class DailyAmount(NamedTuple):
    """So many mg a day from `start` to `end`; None where an amount is not known."""

    start: int
    end: int
    mg: float | None


class DoseChange(NamedTuple):
    """The daily amount of a drug became another on a day; amounts not known are passed over."""

    day: int
    before_mg: float
    after_mg: float

    @property
    def is_rise(self) -> bool:
        # The tolerance keeps binary fractions from looking like a rise.
        return self.after_mg > self.before_mg * 1.001


class InHand:
    """The benzodiazepines and Z-drugs of a view, and the other medicines by their classes.

    A presence asked for again is the same presence.
    """

    def __init__(
        self,
        *,
        sedatives: Sequence[Use],
        rescue: Sequence[Use],
        spans: Sequence[Span],
        others: Iterable[tuple[Line, Recognition]],
        limit: Limits,
        today: int,
    ):
        self.others = others
        self._classes = 0
        for _, recognition in others:
            self._classes |= recognition.mask
        self._sedatives = sedatives
        self._rescue = rescue
        self._spans = spans
        self._limit = limit
        self._gap_days = limit["gap_days"]
        self._today = today
        self._uses: dict[str, Sequence[Use]] = {}
        self._by_name: dict[str, Presence] = {}
        self._by_uses: dict[tuple[int, ...], Presence] = {}
        self._compared: dict[tuple[int, int, int], Together | Unsure | None] = {}

    def holds(self, mask: int) -> bool:
        """Is a medicine of one of these classes on record?"""
        return bool(self._classes & mask)

    # --- one kind ------------------------------------------------------------------------

    def uses_of(self, name: str) -> Sequence[Use]:
        """Uses of one class among the lines that hold no benzodiazepine or Z-drug."""
        found = self._uses.get(name)
        if found is not None:
            return found
        bit = BIT[name]
        if not self._classes & bit:
            return ()
        uses: list[Use] = []
        for line, recognition in self.others:
            if recognition.mask & bit:
                for ingredient in recognition.ingredients:
                    if ingredient.mask & bit and not on_the_skin(
                        line, recognition, ingredient.drug
                    ):
                        use = read(line, recognition, ingredient, self._limit)
                        if use is not None:
                            uses.append(use)
        found = self._uses[name] = as_taken(uses, self._today, self._limit).uses
        return found

    def presence(self, name: str) -> Presence:
        """Days with a class in hand, or "bzra", or "bzra+rescue"."""
        found = self._by_name.get(name)
        if found is None:
            if name == "bzra":
                found = self._present(self._sedatives, self._spans)
            elif name in BZRA_CLASSES:
                found = self._present(
                    [use for use in self._sedatives if use.mask & BIT[name]],
                    [span for span in self._spans if span.use.mask & BIT[name]],
                )
            elif name != "bzra+rescue":
                found = self._present(self.uses_of(name))
            elif self._rescue:
                found = self._present([*self._sedatives, *self._rescue])
            else:
                found = self.presence("bzra")
            self._by_name[name] = found
        return found

    def present(self, uses: Iterable[Use]) -> Presence:
        """Days with any of these uses in hand."""
        uses = tuple(uses)
        key = tuple([id(use) for use in uses])
        found = self._by_uses.get(key)
        if found is None:
            found = self._by_uses[key] = self._present(uses)
        return found

    def presences(self) -> list[Presence]:
        """Every presence that a rule has asked for."""
        return [*self._by_name.values(), *self._by_uses.values()]

    def _present(self, uses: Sequence[Use], spans: Sequence[Span] | None = None) -> Presence:
        """`spans` are those of the known supplies, where they have been worked out already."""
        known = [use for use in uses if use.end is not None]
        if spans is None:
            spans = self._carried(known)
        certain: Intervals = union([(span.start, span.end) for span in spans])
        if len(known) == len(uses):
            return Presence(certain, certain, spans, ())
        vague = [use for use in uses if use.start is not None and use.end is None]
        open_ended = [Span(use.start, _possible_end(use, uses), use) for use in vague]
        possible = union([*certain, *((span.start, span.end) for span in open_ended)])
        sure = [(use.start, use.least_end) for use in vague if use.start <= use.least_end]
        certain = union([*certain, *sure])
        undated = [use for use in uses if use.start is None]
        return Presence(certain, possible, [*spans, *open_ended], undated)

    def _carried(self, known: list[Supply]) -> Sequence[Span]:
        if not known:
            return ()
        tail = self._limit["fentanyl_patch_tail_days"]
        return [
            Span(span.start, span.end + tail, span.use)
            if span.use.drug.key == "fentanyl" and is_patch(span.use)
            else span
            for span in carry_forward(known, self._limit["carry_forward_max_days"])
        ]

    def amounts(self, key: str, of: str = "bzra") -> list[DailyAmount]:
        """The daily amounts of one drug of a presence, in order.

        Different products, and supplies begun on one day, are added up. A supply without an end is
        taken as going on until the next one of the drug.
        """
        found = []
        spans = [span for span in self.presence(of).spans if span.use.drug.key == key]
        for stretch in stretches([_until_next(span, spans) for span in spans]):
            doses = [part.mg for part in stretch.parts]
            known = [mg for mg in doses if mg is not None]
            mg = sum(known) if len(known) == len(doses) else None
            found.append(DailyAmount(stretch.start, stretch.end, mg))
        return found

    def changes(self, key: str, of: str = "bzra") -> list[DoseChange]:
        """From each known daily amount of one drug of a presence to the next, in order."""
        known = [(row.start, row.mg) for row in self.amounts(key, of) if row.mg is not None]
        return [
            DoseChange(day, before, after)
            for (_, before), (day, after) in itertools.pairwise(known)
        ]

    # --- two kinds -----------------------------------------------------------------------

    def together(self, first: Which, second: Which, at_least: int) -> Together | Unsure | None:
        """Whether `at_least` shared days count now; UNSURE where the record cannot say."""
        a, b = self._presence_of(first), self._presence_of(second)
        key = id(a), id(b), at_least
        if key not in self._compared:
            self._compared[key] = self._together(a, b, at_least)
        return self._compared[key]

    def _presence_of(self, which: Which) -> Presence:
        if isinstance(which, Presence):
            return which
        return self.presence(which) if isinstance(which, str) else self.present(which)

    def _together(self, a: Presence, b: Presence, at_least: int) -> Together | Unsure | None:
        if not (a.spans or a.undated) or not (b.spans or b.undated):
            return None
        shared = both(a.possible, b.possible)
        restart = self._limit["restart_gap_days"]
        sure = not (a.unsure or b.unsure)
        certain = shared if sure else both(a.certain, b.certain)
        # The latest run that counts: one still to come and too short hides no longer one today.
        for start, end in reversed(runs(shared, restart)):
            if self._today > end + restart:
                break
            first, last = self.exposure_around(a, start, end)
            of_a = [span for span in a.spans if span.start <= end and span.end >= start]
            of_b = [span for span in b.spans if span.start <= end and span.end >= start]
            # What was taken long before the run counts only if it is the same medicine.
            named_a, named_b = _of_drugs(a, of_a), _of_drugs(b, of_b)
            mine, surely = shared, certain
            if named_a is not a or named_b is not b:
                mine = both(named_a.possible, named_b.possible)
                surely = mine if sure else both(named_a.certain, named_b.certain)
            days = count(surely, first, last)
            if days >= at_least or (not sure and at_least == 1):
                counted = [begun for begun, ended in surely if begun <= last and ended >= first]
                return Together(
                    start,
                    end,
                    max(first, min(counted, default=start)),
                    days,
                    sure or count(mine, first, last) == days,
                    of_a,
                    of_b,
                    next(s for s, e in runs(b.possible, restart) if s <= start <= e),
                    names(of_a),
                    names(of_b),
                )
            if count(mine, first, last) >= at_least:
                return UNSURE
        if a.undated or b.undated:
            return UNSURE
        return None

    def exposure_around(self, a: Presence, start: int, end: int) -> tuple[int, int]:
        """First and last day of the exposure that holds a run of shared days."""
        first, last = start, end
        for begun, ended in runs(a.possible, self._gap_days + 1):
            if begun <= end and ended >= start:
                first, last = min(first, begun), max(last, ended)
        return first, last


def _of_drugs(presence: Presence, spans: Sequence[Span]) -> Presence:
    """The days of the drugs of some of its spans alone: the presence itself where that is all."""
    keys = {span.use.drug.key for span in spans}
    mine = [span for span in presence.spans if span.use.drug.key in keys]
    if len(mine) == len(presence.spans):
        return presence
    certain = [
        (span.start, min(span.end, span.use.least_end) if span.use.end is None else span.end)
        for span in mine
    ]
    return Presence(
        union([days for days in certain if days[0] <= days[1]]),
        union([(span.start, span.end) for span in mine]),
        mine,
        presence.undated,
    )


def _until_next(span: Span, spans: list[Span]) -> Span:
    if span.use.end is not None:
        return span
    later = [other.start - 1 for other in spans if other.start > span.start]
    return Span(span.start, min([span.end, *later]), span.use)


def _possible_end(use: UnclearSupply, uses: Sequence[Use]) -> int:
    """The last possible day of a supply of unknown length.

    One that is over may have lasted until the next of the same drug, so that a renewal does not
    look like a start.
    """
    if use.reach == OPEN or isinstance(use, FurtherIssues):
        return use.reach
    renewals = [
        other.start
        for other in uses
        if other.drug.key == use.drug.key
        and other.start is not None
        and use.least_end < other.start <= use.reach + 1
    ]
    return min(renewals) - 1 if renewals else use.least_end
