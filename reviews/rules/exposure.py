"""When somebody had a medicine to take: supplies, carry-forward, episodes, overlap.

Days are ordinals (`date.toordinal`) and intervals include both ends. Nothing here knows a rule.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, NamedTuple, TypeAlias

from reviews.rules.dossier import NEVER_TAKEN, OVER, Line
from reviews.rules.drug import BZRA, Drug, Part, Recognition
from reviews.rules.forms import COUNTED
from reviews.rules.kept import kept
from reviews.rules.strengths import MASS_IN_MG

OPEN = date.max.toordinal()
"""The end of a supply that nobody recorded and that may still be in use."""

COUNTABLE = frozenset({"tablet", "capsule", "patch", "spray", "suppository", "unit"})
RESCUE_ROUTES = frozenset({"buccal", "nasal", "rectal"})
RESCUE_FORMS = frozenset({"buccal", "nasal", "rectal", "suppository"})

START_FROM_WRITTEN = "start taken from the date written"
SUPPLY_FROM_QUANTITY = "days' supply worked out from quantity and dose"
SUPPLY_FROM_EXPECTED = "days' supply worked out from quantity and the longer of the two rates"
SUPPLY_FROM_SCHEDULE = "supply taken from the written schedule of doses"
SUPPLY_FROM_END = "supply taken from the written end date"
ENDED_EARLY = "supply shortened to the written end date"

NO_DAYS = "days' supply (it comes to 0)"
TOO_LONG = "a plausible days' supply"
EXPECTED_USE = "expected use"


# No order or equality, and slots where nothing is worked out later: such objects cost half of what
# named tuples do, both to make and to look into, and a dossier of ten lines makes a hundred.


@dataclass(eq=False)
class _Use:
    """One ingredient of one line.

    `notes` names what was worked out; `missing` what was not recorded.
    """

    line: Line
    recognition: Recognition
    part: Part
    drug: Drug
    mask: int
    notes: tuple[str, ...]
    missing: tuple[str, ...]
    days_supply: int | None

    @kept
    def mg(self) -> float | None:
        """The highest written daily dose in mg, as `mg_per_day` says."""
        return mg_per_day(self.line, self.part, self.recognition.form)


@dataclass(eq=False)
class Supply(_Use):
    """A use whose days are known, from `start` to `end`, both included.

    `least_end` and `reach`, the last day that is certain and the last that is possible, are the
    end. They are kept beside it, because they are read far more often than they are made.
    """

    start: int
    end: int
    least_end: int
    reach: int


@dataclass(eq=False)
class UnclearSupply(_Use):
    """A use that began on a day, and nobody recorded how long it lasted: `end` is None.

    `least_end` is the last day that is certain even so, and `reach` the last day that is possible
    (OPEN for a line that is not over). `days_supply` is given only where it comes to 0 or to more
    than is plausible.
    """

    start: int
    least_end: int
    reach: int
    end: ClassVar[None] = None


@dataclass(eq=False)
class UndatedSupply(_Use):
    """A use that nobody recorded the beginning of; `start` and `end` are None."""

    start: ClassVar[None] = None
    end: ClassVar[None] = None


Intervals: TypeAlias = Sequence[tuple[int, int]]
"""Days as (first, last), both included, in order and apart."""
DatedUse: TypeAlias = Supply | UnclearSupply
Use: TypeAlias = Supply | UnclearSupply | UndatedSupply


@dataclass(slots=True, eq=False)
class Span:
    """Days on which a use was, or may have been, in hand, after carry-forward."""

    start: int
    end: int
    use: DatedUse


@dataclass(eq=False)
class Episode:
    """A run of exposure whose gaps are at most `gap_days`; `covered` are its disjoint intervals."""

    start: int
    end: int
    covered: tuple[tuple[int, int], ...]
    spans: tuple[Span, ...]

    @kept
    def line_ids(self) -> tuple[int, ...]:
        return tuple(sorted({span.use.line.id for span in self.spans}))

    def exposed_days(self, first: int, last: int) -> int:
        """Distinct exposed days from `first` to `last`, both included."""
        return count(self.covered, first, last)


# --- amounts ---------------------------------------------------------------------------------


def in_mg(value: float, unit: str | None, part: Part, form: str | None) -> float | None:
    """An amount in mg of the part's ingredient; None when the strength is not known."""
    if unit in MASS_IN_MG:
        return value * MASS_IN_MG[unit]
    if part.strength_mg is None or not unit:
        return None
    if unit == part.per_unit or (unit in COUNTABLE and part.per_unit in COUNTABLE):
        return value * part.strength_mg
    # A strength read from a text without a form ("diazepam 5 mg") is that of one unit counted.
    if unit in COUNTABLE and not part.per_unit and form is None:
        return value * part.strength_mg
    return None


def rate(line: Line) -> float | None:
    """The highest written rate, in `dose_unit` a day."""
    if line.schedule:
        return max(amount for amount, _ in line.schedule)
    if line.as_needed and line.max_per_day is not None:
        return line.max_per_day
    if line.dose is None or line.times_per_day is None:
        return None
    return line.dose * line.times_per_day


def mg_per_day(line: Line, part: Part, form: str | None) -> float | None:
    """The highest written daily dose in mg; None when dose, frequency or strength is missing."""
    per_day = rate(line)
    if per_day is None:
        return None
    if part.per_unit == "hour" and line.dose_unit == "patch" and part.strength_mg is not None:
        # A patch delivers its hourly strength all day long, however often it is changed.
        return part.strength_mg * 24 * (line.dose or 1)
    return in_mg(per_day, line.dose_unit, part, form)


def _days(line: Line, part: Part, form: str | None, per_day: float | None) -> int | None:
    """Whole days that the quantity lasts at a rate; None when it cannot be worked out."""
    if line.quantity is None or not per_day:
        return None
    unit = line.dose_unit
    counted_in = line.quantity_unit or (
        unit if unit in COUNTABLE or unit == "ml" else COUNTED.get(form or "")
    )
    if not unit or not counted_in:
        return None
    if counted_in == unit or (counted_in in COUNTABLE and unit in COUNTABLE):
        quotient = line.quantity / per_day
    else:
        quantity_mg = in_mg(line.quantity, counted_in, part, form)
        per_day_mg = in_mg(per_day, unit, part, form)
        if quantity_mg is None or not per_day_mg:
            return None
        quotient = quantity_mg / per_day_mg
    # A quotient such as 27.999999999 is 28 days lost to binary fractions.
    return int(quotient + 1e-6)


# --- one line --------------------------------------------------------------------------------


def read(line: Line, recognition: Recognition, ingredient, limit) -> Use | None:
    """A line's days for one ingredient (part, drug, mask); None when it was never taken.

    A written schedule of doses says its own days. Otherwise a stated days' supply outranks what
    quantity and dose come to, and both outrank the written end date, which then only shortens. For
    an as-needed medicine a stated days' supply is what the prescriber expects; without one, the
    longer of the two rates decides, and without an expected rate the length is not known. A supply
    over the plausible maximum counts as not known for benzodiazepines and Z-drugs, whose length the
    rules judge.
    """
    if line.status in NEVER_TAKEN:
        return None
    part, drug, mask = ingredient
    begun = line.start_on or line.written_on
    if begun is None:
        return UndatedSupply(line, recognition, part, drug, mask, (), ("start date",), None)
    notes: tuple[str, ...] = () if line.start_on else (START_FROM_WRITTEN,)
    start = begun.toordinal()
    until = None if line.end_on is None else line.end_on.toordinal()
    if until is not None and until < start:
        return None
    form = recognition.form
    supply, least, told_by = _length(line, part, form)
    if told_by:
        notes += (told_by,)
    missing: tuple[str, ...] = ()
    if supply is not None:
        if supply == 0:
            missing = (NO_DAYS,)
        elif supply > limit["plausible_supply_max_days"] and mask & BZRA:
            missing, least = (TOO_LONG,), supply
        else:
            end = start + supply - 1
            if until is not None and until < end:
                end = until
                notes += (ENDED_EARLY,)
            return Supply(
                line, recognition, part, drug, mask, notes, (), supply, start, end, end, end
            )
    elif until is not None:
        notes += (SUPPLY_FROM_END,)
        days = until - start + 1
        return Supply(
            line, recognition, part, drug, mask, notes, (), days, start, until, until, until
        )
    else:
        missing = _lacking(line, part)
    least_end = start + least - 1
    reach = OPEN
    if line.status in OVER:
        reach = max(least_end, start + limit["plausible_supply_max_days"] - 1)
    if until is not None:
        least_end, reach = min(least_end, until), min(reach, until)
    return UnclearSupply(
        line, recognition, part, drug, mask, notes, missing, supply, start, least_end, reach
    )


def _length(line: Line, part: Part, form: str | None) -> tuple[int | None, int, str]:
    """(days of supply, the days that are certain without them, how they were worked out)."""
    if line.schedule:
        return sum(days for _, days in line.schedule), 1, SUPPLY_FROM_SCHEDULE
    if line.days_supply is not None:
        return line.days_supply, 1, ""
    days = _days(line, part, form, rate(line))
    if not line.as_needed:
        return days, 1, "" if days is None else SUPPLY_FROM_QUANTITY
    if line.expected_per_day is None:
        return None, days or 1, ""
    expected = _days(line, part, form, line.expected_per_day)
    if expected is None:
        return days, 1, ""
    return expected if days is None else max(days, expected), 1, SUPPLY_FROM_EXPECTED


def _lacking(line: Line, part: Part) -> tuple[str, ...]:
    """The entries that would have told the length of a supply."""
    lacking = []
    if line.quantity is None:
        lacking.append("quantity or days' supply")
    if rate(line) is None:
        lacking.append("daily dose")
    if line.as_needed and line.expected_per_day is None:
        lacking.append(EXPECTED_USE)
    elif line.quantity is not None and part.strength_mg is None:
        lacking.append("strength")
    return tuple(lacking) or ("units that fit together",)


def is_rescue(use: Use) -> bool:
    """Seizure rescue and rescue forms, which no episode counts.

    Midazolam known by its code alone counts as rescue: the ATC code cannot tell. A form that was
    not understood, and a dose in tablets or capsules, make no rescue.
    """
    if use.line.indication == "seizure_rescue":
        return True
    route = use.line.route or use.recognition.route
    if route in RESCUE_ROUTES or use.recognition.form in RESCUE_FORMS:
        return True
    if use.drug.key != "midazolam":
        return False
    if route is not None:
        return route != "oral"
    return use.recognition.matched_by == "code" and use.line.dose_unit not in ("tablet", "capsule")


def is_patch(use: Use) -> bool:
    """A patch by its product, or by the route recorded for it."""
    return "patch" in {use.recognition.form, use.line.dose_unit} or "transdermal" in {
        use.line.route,
        use.recognition.route,
    }


def on_the_skin(line: Line, recognition: Recognition, drug: Drug) -> bool:
    """Put on the skin, in the eye or in the ear, and not coded as a form that the tables list.

    An azole cream reaches no liver enzyme; doxepin cream is listed (D04AX01) and counts.
    """
    return (line.route or recognition.route) == "topical" and not any(
        system == "atc" and code in drug.atc for system, code in line.medicine.codings
    )


@dataclass(slots=True, eq=False)
class Piece:
    """Days of one use at one daily amount in mg; None when the amount is not known."""

    start: int
    end: int
    use: DatedUse
    mg: float | None


@dataclass(slots=True, eq=False)
class Stretch:
    """Days on which the same amounts were in hand, one part for each use."""

    start: int
    end: int
    parts: tuple[Piece, ...]


def pieces(span: Span) -> list[Piece]:
    """A span in parts of one daily amount: several only where a schedule of doses is written."""
    start, end, use = span.start, span.end, span.use
    line = use.line
    if not line.schedule:
        return [Piece(start, end, use, use.mg)]
    found = []
    for amount, days in line.schedule:
        if days > 0 and start <= end:
            mg = in_mg(amount, line.dose_unit, use.part, use.recognition.form)
            found.append(Piece(start, min(start + days - 1, end), use, mg))
            start += days
    return found


def stretches(spans: Iterable[Span]) -> list[Stretch]:
    """All days of some spans, cut where any of their amounts begins, changes or ends."""
    cut: list[Piece] = []
    for span in spans:
        use = span.use
        if use.line.schedule:
            cut += pieces(span)
        else:
            cut.append(Piece(span.start, span.end, use, use.mg))
    cut.sort(key=_piece_order)
    edges = sorted({piece.start for piece in cut} | {piece.end + 1 for piece in cut})
    found: list[Stretch] = []
    in_hand: list[Piece] = []
    at = 0
    for first, after in itertools.pairwise(edges):
        in_hand = [piece for piece in in_hand if piece.end >= first]
        while at < len(cut) and cut[at].start <= first:
            in_hand.append(cut[at])
            at += 1
        if in_hand:
            found.append(Stretch(first, after - 1, tuple(in_hand)))
    return found


class DrugDose(NamedTuple):
    """A daily amount of one drug, with its first day and the supplies that make it up.

    An amount that is not known adds none.
    """

    drug: Drug
    mg: float
    start: int
    parts: tuple[Piece, ...]

    @property
    def uses(self) -> list[DatedUse]:
        return [part.use for part in self.parts]


def doses(stretches: Iterable[Stretch]) -> dict[str, list[DrugDose]]:
    """For each drug, by key, its daily amounts on these days."""
    found: dict[str, list[DrugDose]] = {}
    for stretch in stretches:
        by_drug: dict[str, list[Piece]] = {}
        for part in stretch.parts:
            by_drug.setdefault(part.use.drug.key, []).append(part)
        for key, parts in by_drug.items():
            mg = sum(part.mg for part in parts if part.mg is not None)
            dose = DrugDose(parts[0].use.drug, mg, stretch.start, tuple(parts))
            found.setdefault(key, []).append(dose)
    return found


def _piece_order(piece):
    return piece.start, piece.use.line.id


# --- many lines ------------------------------------------------------------------------------


def dispensed_first(uses: list[Use]) -> list[Use]:
    """Leave out a written supply that was dispensed: what was handed out is nearer to the truth."""
    dispensed = [use for use in uses if use.line.source == "dispensed" and use.start is not None]
    if not dispensed or len(dispensed) == len(uses):
        return uses
    return [
        use
        for use in uses
        if use.line.source == "dispensed"
        or use.start is None
        or not any(
            other.drug.key == use.drug.key and use.start <= other.start <= use.reach
            for other in dispensed
        )
    ]


def carry_forward(uses: Sequence[Supply], max_days: int) -> list[Span]:
    """Known supplies as spans, an early refill shifted behind the stock that was left.

    Per ingredient, for at most `max_days` of stock. Supplies that begin on one day run side by
    side (two strengths make up one dose). The shift never passes the day a line was ended.
    """
    if len(uses) == 1:
        use = uses[0]
        return [Span(use.start, use.end, use)]
    by_drug: dict[str, list[Supply]] = {}
    for use in uses:
        by_drug.setdefault(use.drug.key, []).append(use)
    spans: list[Span] = []
    for mine in by_drug.values():
        if len(mine) > 1:
            mine.sort(key=_order)
        stock_end = earlier_end = -1
        begun = None
        for use in mine:
            start, end = use.start, use.end
            if start != begun:
                stock_end, begun = earlier_end, start
            shift = stock_end - start + 1
            # A written period says its own days; there is no stock to carry.
            if shift > 0 and SUPPLY_FROM_END not in use.notes:
                shift = min(shift, max_days)
                if ENDED_EARLY not in use.notes:
                    start, end = start + shift, end + shift
                elif start + shift <= end:
                    start += shift
            earlier_end = max(earlier_end, end)
            spans.append(Span(start, end, use))
    return spans


def _order(use: Supply):
    return use.start, use.end, use.line.id


def episodes(spans: Sequence[Span], gap_days: int) -> list[Episode]:
    """Runs of exposure over all spans together; a gap of `gap_days` free days still joins."""
    if not spans:
        return []
    spans = sorted(spans, key=_span_order) if len(spans) > 1 else spans
    found: list[Episode] = []
    first, last = spans[0].start, spans[0].end
    covered: list[tuple[int, int]] = []
    mine: list[Span] = []
    for span in spans:
        start, end = span.start, span.end
        if start <= last + 1:
            last = max(last, end)
        else:
            covered.append((first, last))
            if start - last - 1 > gap_days:
                found.append(Episode(covered[0][0], last, tuple(covered), tuple(mine)))
                covered, mine = [], []
            first, last = start, end
        mine.append(span)
    covered.append((first, last))
    found.append(Episode(covered[0][0], last, tuple(covered), tuple(mine)))
    return found


def _span_order(span):
    return span.start, span.end, span.use.line.id


def union(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Disjoint intervals, in order, that cover the same days; touching ones are joined."""
    intervals = sorted(intervals)
    joined: list[tuple[int, int]] = []
    for start, end in intervals:
        if joined and start <= joined[-1][1] + 1:
            if end > joined[-1][1]:
                joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return joined


def both(a: Intervals, b: Intervals) -> list[tuple[int, int]]:
    """The days in both of two unions."""
    shared: list[tuple[int, int]] = []
    i = j = 0
    while i < len(a) and j < len(b):
        start = a[i][0] if a[i][0] > b[j][0] else b[j][0]
        end = a[i][1] if a[i][1] < b[j][1] else b[j][1]
        if start <= end:
            shared.append((start, end))
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1
    return shared


def count(intervals: Intervals, first: int, last: int) -> int:
    """Days of disjoint intervals that lie from `first` to `last`, both included."""
    days = 0
    for start, end in intervals:
        if start <= last and end >= first:
            days += (end if end < last else last) - (start if start > first else first) + 1
    return days


def runs(intervals: Intervals, restart_gap_days: int) -> list[tuple[int, int]]:
    """Intervals joined while fewer than `restart_gap_days` free days lie between them."""
    joined: list[tuple[int, int]] = []
    for start, end in intervals:
        if joined and start - joined[-1][1] - 1 < restart_gap_days:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return joined
