"""When somebody had a medicine to take: supplies, carry-forward, episodes, overlap.

Days are ordinals (`date.toordinal`) and intervals include both ends. Nothing here knows a rule.
"""

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, NamedTuple, TypeAlias

from reviews.rules import quantities, rates
from reviews.rules.codes import EVIDENCE
from reviews.rules.directions import as_directed, says_if_needed, words_differ
from reviews.rules.dossier import NEVER_TAKEN, OVER, Line
from reviews.rules.drug import BZRA, SAID, Drug, Part, Recognition
from reviews.rules.forms import COUNTED
from reviews.rules.kept import kept
from reviews.rules.parameters import Limits
from reviews.rules.rates import Exact, exact
from reviews.rules.strengths import MASS_IN_MG

OPEN = date.max.toordinal()
"""The end of a supply that nobody recorded and that may still be in use."""

COPIED_WITHIN_DAYS = 3
"""So much later another system, or a clerk after a weekend, may record an order again."""
VALID_ALONE_DAYS = 31
"""For so long a prescription for one issue is valid, which says nothing of a second one."""

COUNTABLE = frozenset({"tablet", "capsule", "patch", "spray", "suppository", "unit"})
_PART_OF_DAY = re.compile(r"\b(?:morning|mane|noon|midday|afternoon|evening|night|nocte|bedtime)\b")
GIVEN = "given"
RESCUE_ROUTES = frozenset({"buccal", "nasal", "rectal"})
RESCUE_FORMS = frozenset({"buccal", "nasal", "rectal", "suppository"})

SAID_SO = "which medicine it is was said by somebody, not recognised"
READ_FROM_WORDS = "dose read from the words"
WORDS_DIFFER = "the directions say another dose than the numbers"
START_FROM_WRITTEN = "start taken from the date written"
START_FROM_DISPENSED = "start taken from the day it was handed out"
SUPPLY_FROM_QUANTITY = "days' supply worked out from quantity and dose"
SUPPLY_FROM_WORDS = "days' supply worked out from the supply in words and the dose"
SUPPLY_FROM_RANGE = "days' supply worked out from quantity and the lower end of the range"
SUPPLY_FROM_EXPECTED = "days' supply worked out from quantity and the longer of the two rates"
SUPPLY_FROM_SCHEDULE = "supply taken from the written schedule of doses"
SUPPLY_FROM_END = "supply taken from the written end date"
GIVEN_ONCE = "given on that day"
ENDED_EARLY = "supply shortened to the written end date"

MAY_GO_ON = "further issues are allowed, of which none is on record"

FURTHER_ISSUES = "the number of further issues"
ONE_OR_MORE = "whether it is one supply, recorded more than once"
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

    @kept
    def issued_days(self) -> int | None:
        """The days of one issue at the highest written rate, as limits of supply count them.

        Less than the days' supply where that is worked out from a lower or an expected rate.
        """
        line, longest = self.line, self.days_supply
        if longest is None or line.days_supply is not None or line.schedule:
            return longest
        form = self.recognition.form
        days = _days(line, self.part, form, supplied(line), _highest(line))
        return longest if days is None else min(days, longest)


@dataclass(eq=False)
class Supply(_Use):
    """A use whose days are known, from `start` to `end`, both included.

    `least_end` and `reach`, the last day that is certain and the last that is possible, are the
    end. They are kept beside it, because they are read far more often than they are made.
    `authorised` is the last day that further issues of the same order can reach: OPEN where nobody
    says how many there are, and the end where there are none.
    """

    start: int
    end: int
    least_end: int
    reach: int
    authorised: int


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


class FurtherIssues(UnclearSupply):
    """What an order allows after its first issue, from the day after that: no day is certain.

    `least_end` is the end of the first issue, and so before the start.
    """


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

    def day_of(self, number: int) -> int:
        """The day on which so many exposed days are reached, counted from 1; there must be one."""
        left = number
        for start, end in self.covered:
            if left <= end - start + 1:
                return start + left - 1
            left -= end - start + 1
        raise ValueError(f"fewer than {number} exposed days")

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
    highest = _highest(line)
    return None if highest is None else rates.value(highest)


def _highest(line: Line) -> Exact | None:
    if line.schedule:
        return exact(max(amount for amount, _ in line.schedule))
    most = None if line.max_per_day is None else exact(line.max_per_day)
    if line.as_needed and most is not None:
        return most
    dose = line.dose if line.dose_max is None else line.dose_max
    often = line.times_per_day if line.times_per_day_max is None else line.times_per_day_max
    if often is None and line.source == GIVEN:
        often = 1
    if dose is None or often is None:
        return most
    highest = rates.times(exact(dose), rates.often(often))
    return highest if most is None else min(highest, most, key=rates.value)


def _lowest(line: Line) -> Exact | None:
    """The lower end of a range of doses or times a day; of a single one the same as the highest."""
    if line.dose is None or line.times_per_day is None:
        return None
    return rates.times(exact(line.dose), rates.often(line.times_per_day))


def _is_range(line: Line) -> bool:
    return line.dose_max is not None or line.times_per_day_max is not None


def mg_per_day(line: Line, part: Part, form: str | None) -> float | None:
    """The highest written daily dose in mg; None when dose, frequency or strength is missing."""
    per_day = rate(line)
    if per_day is None:
        return None
    if part.per_unit == "hour" and line.dose_unit == "patch" and part.strength_mg is not None:
        # A patch delivers its hourly strength all day long, however often it is changed.
        return part.strength_mg * 24 * (line.dose or 1)
    return in_mg(per_day, line.dose_unit, part, form)


class Amount(NamedTuple):
    """An amount supplied; `unit` None: a bare number, which may count packs."""

    number: float
    unit: str | None


def supplied(line: Line) -> Amount | None:
    """What one issue holds, read from the words where there is no number with its unit."""
    number, unit, text = line.quantity, line.quantity_unit, line.quantity_text
    if number is not None and unit:
        if text and quantities.says_otherwise(text, number, unit):
            return Amount(number, None)
        return Amount(number, unit)
    if text and (told := quantities.read(text)):
        return Amount(*told)
    return None if number is None else Amount(number, None)


def _days(
    line: Line, part: Part, form: str | None, amount: Amount | None, per_day: Exact | None
) -> int | None:
    """Whole days that an amount lasts at a rate; None when it cannot be worked out."""
    unit = line.dose_unit
    if amount is None or not unit or not per_day or not per_day[0]:
        return None
    # At the least, a number counts what the dose is counted in.
    counted_in = amount.unit or (
        unit if unit in COUNTABLE or unit == "ml" else COUNTED.get(form or "")
    )
    if not counted_in:
        return None
    if counted_in == unit or (counted_in in COUNTABLE and unit in COUNTABLE):
        return rates.whole_days(exact(amount.number), per_day)
    quantity_mg = in_mg(amount.number, counted_in, part, form)
    per_day_mg = in_mg(rates.value(per_day), unit, part, form)
    if quantity_mg is None or not per_day_mg:
        return None
    return rates.whole(quantity_mg / per_day_mg)


# --- one line --------------------------------------------------------------------------------


def read(line: Line, recognition: Recognition, ingredient, limit: Limits) -> Use | None:
    """A line's days for one ingredient (part, drug, mask); None when it was never taken.

    A written schedule of doses says its own days. Otherwise a stated days' supply outranks what
    quantity and dose come to, and both outrank the written end date, which then only shortens. For
    an as-needed medicine a stated days' supply is what the prescriber expects; without one, the
    longer of the two rates decides, and without an expected rate the length is not known. A supply
    over the plausible maximum counts as not known for benzodiazepines and Z-drugs, whose length the
    rules judge, unless a written end leaves it no more than that.
    """
    if line.status in NEVER_TAKEN:
        return None
    part, drug, mask = ingredient
    begun, begun_by = begins(line)
    if begun is None:
        return UndatedSupply(line, recognition, part, drug, mask, (), ("start date",), None)
    notes: tuple[str, ...] = begun_by
    start = begun.toordinal()
    until = None if line.end_on is None else line.end_on.toordinal()
    if until is not None and until < start:
        return None
    form = recognition.form
    directed = as_directed(line, form)
    if words_differ(line, form):
        notes += (WORDS_DIFFER,)
    elif directed is not line:
        notes += (READ_FROM_WORDS,)
    line = directed
    supply, least, told_by = _length(line, part, form)
    if told_by:
        notes += (told_by,)
    if recognition.matched_by == SAID:
        notes += (SAID_SO,)
    missing: tuple[str, ...] = ()
    if supply is not None:
        most = limit["plausible_supply_max_days"]
        bounded = until is not None and until < start + most
        if supply == 0:
            missing = (NO_DAYS,)
        elif supply > most and mask & BZRA and not bounded:
            missing, least = (TOO_LONG,), supply
        else:
            end = start + supply - 1
            if until is not None and until < end:
                end = until
                notes += (ENDED_EARLY,)
            authorised = _authorised(line, supply, end)
            if authorised > end:
                notes += (MAY_GO_ON,)
            return Supply(
                *(line, recognition, part, drug, mask, notes, (), supply),
                *(start, end, end, end, authorised),
            )
    elif until is not None:
        notes += (SUPPLY_FROM_END,)
        days = until - start + 1
        return Supply(
            *(line, recognition, part, drug, mask, notes, (), days),
            *(start, until, until, until, until),
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


def begins(line: Line) -> tuple[date | None, tuple[str, ...]]:
    """The first day of use of a line, and how it was worked out."""
    if line.start_on is not None:
        return line.start_on, ()
    if line.source == "dispensed" and line.dispensed_on is not None:
        return line.dispensed_on, (START_FROM_DISPENSED,)
    return line.written_on, (START_FROM_WRITTEN,)


def _length(line: Line, part: Part, form: str | None) -> tuple[int | None, int, str]:
    """(days of supply, the days that are certain without them, how they were worked out)."""
    if line.schedule:
        return sum(days for _, days in line.schedule), 1, SUPPLY_FROM_SCHEDULE
    if line.days_supply is not None:
        return line.days_supply, 1, ""
    if line.source == GIVEN:
        return (1, 1, GIVEN_ONCE) if line.end_on is None else (None, 1, "")
    amount = supplied(line)
    days = _days(line, part, form, amount, _highest(line))
    if amount is not None and amount.unit is None:
        return None, days or 1, ""
    if line.as_needed:
        if line.expected_per_day is None:
            return None, days or 1, ""
        expected = _days(line, part, form, amount, exact(line.expected_per_day))
        if expected is None:
            return days, 1, ""
        return expected if days is None else max(days, expected), 1, SUPPLY_FROM_EXPECTED
    if amount is not None and says_if_needed(line.dosage_text):
        # In words that are not understood, so how much of it is not told.
        return None, days or 1, ""
    if _is_range(line):
        longest = _days(line, part, form, amount, _lowest(line))
        return longest, days or 1, "" if longest is None else SUPPLY_FROM_RANGE
    if days is None:
        return None, 1, ""
    by_number = line.quantity is not None and line.quantity_unit
    return days, 1, SUPPLY_FROM_QUANTITY if by_number else SUPPLY_FROM_WORDS


def _authorised(line: Line, days: int, end: int) -> int:
    """The last day that an order's issues can reach, of so many days each, the first to `end`."""
    if line.source != "written" or line.status in OVER:
        return end
    if line.repeats_allowed is not None:
        more = line.repeats_allowed - (line.refill_number or 0)
        last = end + more * max(days, line.issue_days or 0)
    elif line.repeat_template or _is_valid_for_more(line, end - days + 1):
        last = OPEN
    else:
        return end
    if line.valid_until is not None:
        # What is issued on the last day still lasts its days.
        last = min(last, line.valid_until.toordinal() + days - 1)
    if line.end_on is not None:
        last = min(last, line.end_on.toordinal())
    return max(last, end)


def _is_valid_for_more(line: Line, start: int) -> bool:
    """Is an order that names no number of repeats valid for longer than one issue needs?"""
    until = line.valid_until
    return until is not None and until.toordinal() - start >= VALID_ALONE_DAYS


def _lacking(line: Line, part: Part) -> tuple[str, ...]:
    """The entries that would have told the length of a supply."""
    lacking = []
    amount = supplied(line)
    if amount is not None and amount.unit is None:
        lacking.append(f"the unit of the quantity ({amount.number:.10g})")
    elif amount is None and line.quantity_text:
        lacking.append(f"a quantity that is understood (“{line.quantity_text}”)")
    elif amount is None:
        lacking.append("quantity or days' supply")
    if rate(line) is None:
        lacking.append("daily dose")
    if line.expected_per_day is None and (line.as_needed or says_if_needed(line.dosage_text)):
        lacking.append(EXPECTED_USE)
    elif _is_range(line) and _lowest(line) is None and rate(line) is not None:
        lacking.append("lowest daily dose")
    elif amount is not None and amount.unit and part.strength_mg is None:
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


WEEK = 7


def steady(schedule: Sequence[tuple[float, int]]) -> Sequence[tuple[float, int]]:
    """A written schedule, in which a week that goes up and down is told by its mean.

    That is how fewer nights a week are written, and every second day another amount: not a dose
    that falls and rises. Weeks are counted from the first day; where their means go up and down as
    well, as of every second day, two weeks are taken together.
    """
    days = [amount for amount, count in schedule for _ in range(count)]
    if not _swings(days):
        return schedule
    weeks = _by_means(days, WEEK)
    return _as_schedule(_by_means(days, 2 * WEEK) if _swings(weeks, 2 * WEEK) else weeks)


def comes_down(schedule: Sequence[tuple[float, int]]) -> bool:
    """Is less taken at the end of a written schedule than at its beginning, and never more?

    An amount that comes back within a week is no more: that is how fewer nights are written.
    """
    days = [amount for amount, count in schedule for _ in range(count)]
    some = min(2 * WEEK, len(days) // 2)
    return (
        some > 0
        and sum(days[-some:]) < sum(days[:some]) - 1e-9
        and all(
            amount <= max(days[n - WEEK : n]) + 1e-9 for n, amount in enumerate(days) if n >= WEEK
        )
    )


def _swings(days: Sequence[float], within: int = WEEK) -> bool:
    """Does an amount rise again to one of the days before?"""
    return any(
        amount > before + 1e-9 and amount <= max(days[max(n - within, 0) : n]) + 1e-9
        for n, (before, amount) in enumerate(itertools.pairwise(days), start=1)
    )


def _by_means(days: Sequence[float], block: int) -> list[float]:
    """Each block of days that goes up and down by its mean; what is left over joins the last."""
    starts = list(range(0, max(len(days) - block, 0) + 1, block))
    found: list[float] = []
    for start, after in itertools.pairwise([*starts, len(days)]):
        part = days[start:after]
        found += [sum(part) / len(part)] * len(part) if _swings(part) else part
    return found


def _as_schedule(days: Iterable[float]) -> list[tuple[float, int]]:
    found: list[tuple[float, int]] = []
    for amount in days:
        if found and abs(found[-1][0] - amount) < 1e-9:
            found[-1] = found[-1][0], found[-1][1] + 1
        else:
            found.append((amount, 1))
    return found


def pieces(span: Span, *, even: bool = False) -> list[Piece]:
    """A span in parts of one daily amount: several only where a schedule of doses is written.

    `even` tells a week that goes up and down by its mean.
    """
    start, end, use = span.start, span.end, span.use
    line = use.line
    if not line.schedule:
        return [Piece(start, end, use, use.mg)]
    found = []
    for amount, days in steady(line.schedule) if even else line.schedule:
        if days > 0 and start <= end:
            mg = in_mg(amount, line.dose_unit, use.part, use.recognition.form)
            found.append(Piece(start, min(start + days - 1, end), use, mg))
            start += days
    return found


def stretches(spans: Iterable[Span], *, even: bool = False) -> list[Stretch]:
    """All days of some spans, cut where any of their amounts begins, changes or ends.

    `even` tells a week of a written schedule that goes up and down by its mean.
    """
    cut: list[Piece] = []
    for span in spans:
        use = span.use
        if use.line.schedule:
            cut += pieces(span, even=even)
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
            found.append(Stretch(first, after - 1, _without_stock(in_hand)))
    return found


def _without_stock(in_hand: list[Piece]) -> tuple[Piece, ...]:
    """Of one product the latest supply is the dose: what is left of an earlier one is stock."""
    if len(in_hand) == 1:
        return tuple(in_hand)
    return tuple(
        [
            piece
            for piece in in_hand
            if not any(_takes_the_place_of(other.use, piece.use) for other in in_hand)
        ]
    )


def _takes_the_place_of(later: DatedUse, use: DatedUse) -> bool:
    """Is it a later supply of the product, to be taken in the same way?"""
    return (
        later.start > use.start
        and later.line.as_needed == use.line.as_needed
        and same_product(later, use)
        and not _at_other_times(later.line, use.line)
    )


class DrugDose(NamedTuple):
    """A daily amount of one drug, with its first and last day and the supplies that make it up.

    An amount that is not known adds none.
    """

    drug: Drug
    mg: float
    start: int
    end: int
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
            dose = DrugDose(parts[0].use.drug, mg, stretch.start, stretch.end, tuple(parts))
            found.setdefault(key, []).append(dose)
    return found


def _piece_order(piece):
    return piece.start, piece.use.line.id


# --- many lines ------------------------------------------------------------------------------


class Copy(NamedTuple):
    """A use that may be another record of a supply, or of one just like it: nobody can tell."""

    use: DatedUse
    kept: DatedUse


class Taken(NamedTuple):
    """The uses of a person's lines that tell each of a supply of its own, and perhaps copies."""

    uses: list[Use]
    copies: list[Copy]


def as_taken(uses: list[Use], today: int, limit: Limits) -> Taken:
    """What the uses of a person's lines come to together.

    A written supply that was dispensed is left out, and so are what was reported or given of an
    order, and what may be a copy; what an order allows after an issue that is over is added.
    """
    uses, copies = _without_copies(_orders_first(dispensed_first(uses), today))
    uses = _with_further_issues(uses, today, limit["gap_days"])
    return Taken(_with_copies_as_issues(uses, copies, today) if copies else uses, copies)


def _without_copies(uses: list[Use]) -> tuple[list[Use], list[Copy]]:
    """Records of one product, dose and day are issues to be used up one after the other if one
    system wrote them in the same words, and otherwise perhaps one supply recorded twice. So are
    those of some days later in other words."""
    dated = [use for use in uses if use.start is not None]
    if len(dated) < 2 or not _are_close(dated):
        return uses, []
    clusters: list[list[DatedUse]] = []
    for use in sorted(dated, key=lambda use: use.line.id):
        alike = next((each for each in clusters if _is_one_or_copy(use, each[0])), None)
        if alike is None:
            clusters.append([use])
        else:
            alike.append(use)
    copies = [copy for cluster in clusters if len(cluster) > 1 for copy in _copies(cluster)]
    gone = {copy.use for copy in copies}
    return [use for use in uses if use not in gone], copies


def _are_close(dated: list[DatedUse]) -> bool:
    """Do two uses of a drug begin within the days in which one may be a copy of the other?"""
    begun = sorted((use.drug.key, use.start) for use in dated)
    return any(
        key == other and start - before <= COPIED_WITHIN_DAYS
        for (key, before), (other, start) in itertools.pairwise(begun)
    )


def _is_one_or_copy(use: DatedUse, other: DatedUse) -> bool:
    if is_alike(use, other):
        return True
    # In the same words of the same system it is the next issue.
    return (
        abs(use.start - other.start) <= COPIED_WITHIN_DAYS
        and _words_of(use) != _words_of(other)
        and use.days_supply is not None
        and use.days_supply == other.days_supply
        and use.line.source == other.line.source
        and _is_one_product_and_dose(use, other)
    )


def _copies(alike: list[DatedUse]) -> list[Copy]:
    """Those of alike uses that may be copies: all but the issues of one system that last longest.

    A known length is better than none. Of uses whose length nobody knows, or which all last till
    one day, only one is kept.
    """
    by_words: dict[tuple[str, str, str], list[DatedUse]] = {}
    for use in alike:
        by_words.setdefault(_words_of(use), []).append(use)
    longest = max(by_words.values(), key=_known_days)
    issues = _with_days_of_their_own(
        [use for use in longest if use.end is not None and SUPPLY_FROM_END not in use.notes]
    )
    kept = issues or {max(longest, key=lambda use: (use.end is not None, use.reach))}
    first = min(kept, key=lambda use: use.line.id)
    return [Copy(use, first) for use in alike if use not in kept]


def _with_days_of_their_own(issues: list[Supply]) -> set[Supply]:
    """Of issues of one day those that can follow one another: not one whose written end is the
    last day of a whole supply, and comes before its turn."""
    found: set[Supply] = set()
    used_up = -1
    for use in sorted(issues, key=_order):
        last = OPEN if use.line.end_on is None else use.line.end_on.toordinal()
        begins = max(use.start, used_up + 1)
        if begins > last and ENDED_EARLY not in use.notes:
            continue
        found.add(use)
        used_up = max(used_up, min(begins + use.end - use.start, last))
    return found


def _words_of(use: DatedUse) -> tuple[str, str, str]:
    line = use.line
    return line.medicine.key, line.dosage_text, line.system


def _known_days(uses: Sequence[DatedUse]) -> int:
    return sum(use.end - use.start + 1 for use in uses if use.end is not None)


def is_alike(a: DatedUse, b: DatedUse) -> bool:
    """Do two records tell of one product in one dose from one day on, at one time of the day?"""
    return a.start == b.start and _is_one_product_and_dose(a, b)


def _is_one_product_and_dose(a: DatedUse, b: DatedUse) -> bool:
    return _dose_of(a) == _dose_of(b) and same_product(a, b) and not _at_other_times(a.line, b.line)


def same_product(a: Use, b: Use) -> bool:
    """Is it the same drug in the same strength and form, as far as both are known?"""
    if a.drug.key != b.drug.key:
        return False
    if a.line.medicine.key == b.line.medicine.key:
        return True
    if a.part.strength_mg is None or a.part.strength_mg != b.part.strength_mg:
        return False
    forms = {a.recognition.form, b.recognition.form} - {None}
    return len(forms) < 2


def _at_other_times(a: Line, b: Line) -> bool:
    """Are both to be taken at a time that is said, and not at the same one?"""
    if a.start_minute is not None and b.start_minute is not None:
        return a.start_minute != b.start_minute
    of_a, of_b = (set(_PART_OF_DAY.findall(each.dosage_text.lower())) for each in (a, b))
    return bool(of_a and of_b) and of_a != of_b


def _dose_of(use: Use) -> tuple:
    line = use.line
    mg = None if use.mg is None else round(use.mg, 4)
    written = (line.dose, line.dose_unit, line.times_per_day) if mg is None else None
    # What was given was given each time.
    once = line.id if line.source == GIVEN else None
    return mg, written, line.as_needed, line.schedule, once


def _with_further_issues(uses: list[Use], today: int, gap_days: int) -> list[Use]:
    """Nobody recorded whether more was issued: until the next record of the product, or as far as
    the order reaches. An issue that has a record of its own follows within the gap."""
    going_on = [use for use in uses if use.end is not None and use.end < use.authorised]
    found = uses
    for use in going_on:
        later = [
            other.start
            for other in uses
            if other.start is not None and other.start > use.start and same_product(use, other)
        ]
        following = min(later, default=OPEN)
        if today <= use.end or following <= use.end + gap_days + 1:
            continue
        further = FurtherIssues(
            *(use.line, use.recognition, use.part, use.drug, use.mask, use.notes),
            *((FURTHER_ISSUES,), None),
            start=use.end + 1,
            least_end=use.end,
            reach=min(use.authorised, following - 1),
        )
        found = [*found, further]
    return found


def _with_copies_as_issues(uses: list[Use], copies: list[Copy], today: int) -> list[Use]:
    """Copies of a supply may be further ones, to be used after it: so much longer may it last."""
    found = uses
    for first in dict.fromkeys(copy.kept for copy in copies):
        of_it = [copy.use for copy in copies if copy.kept is first]
        known = [use for use in uses if use.end is not None and is_alike(use, first)]
        more = _known_days(of_it)
        if first.end is None or not known or not more:
            continue
        last = first.start + _known_days(known) - 1
        later = [
            other.start
            for other in uses
            if other.start is not None and other.start > first.start and same_product(first, other)
        ]
        reach = min(last + more, min(later, default=OPEN) - 1)
        if today > last and reach > last:
            further = FurtherIssues(
                *(first.line, first.recognition, first.part, first.drug, first.mask, first.notes),
                *((ONE_OR_MORE,), None),
                start=last + 1,
                least_end=last,
                reach=reach,
            )
            found = [*found, further]
    return found


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


def _orders_first(uses: list[Use], today: int) -> list[Use]:
    """Leave out what is reported or was given of a drug while an order or a supply of it runs: it
    tells of that one, not of more."""
    told = [use for use in uses if use.line.source in EVIDENCE]
    if not told:
        return uses
    orders = [use for use in uses if use.line.source not in EVIDENCE]
    return [use for use in uses if use not in told or not _is_told_by(orders, use, today)]


def _is_told_by(orders: list[Use], use: Use, today: int) -> bool:
    # What nobody dated tells of today.
    first = today if use.start is None else use.start
    last = first if use.start is None else use.least_end
    return any(
        order.drug.key == use.drug.key
        and (order.start is None or order.start <= last)
        and (order.start is None or _furthest(order) >= first)
        for order in orders
    )


def _furthest(use: DatedUse) -> int:
    """The last day that a use, or what its order allows after it, can reach."""
    return use.reach if use.end is None else use.authorised


def carry_forward(uses: Sequence[Supply], max_days: int) -> list[Span]:
    """Known supplies as spans, an early refill shifted behind the stock that was left.

    Per ingredient, for at most `max_days` of stock. Supplies that begin on one day run side by
    side (two strengths make up one dose), but issues of one product and dose one after the other.
    No supply is shifted past the day its line was ended.
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
        of_the_day: list[Span] = []
        for use in mine:
            start, end = use.start, use.end
            if start != begun:
                stock_end, begun, of_the_day = earlier_end, start, []
            shift = min(stock_end - start + 1, max_days)
            before = [span.end for span in of_the_day if is_alike(span.use, use)]
            if before:
                shift = max(shift, max(before) - start + 1)
            # A written period says its own days; there is no stock to carry.
            if shift > 0 and SUPPLY_FROM_END not in use.notes:
                last = OPEN if use.line.end_on is None else use.line.end_on.toordinal()
                if start + shift <= last:
                    start, end = start + shift, min(end + shift, last)
                elif before:
                    continue  # ended before its turn came
            earlier_end = max(earlier_end, end)
            of_the_day.append(Span(start, end, use))
            spans.append(of_the_day[-1])
    return spans


def _order(use: Supply):
    # Of two issues of one day the one that was ended comes first: it has less time.
    until = OPEN if use.line.end_on is None else use.line.end_on.toordinal()
    return use.start, use.end, until, use.line.id


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


def in_use_since(found: list[Episode], told: int, current: Episode) -> list[Episode]:
    """The episodes, of which the current one goes back to a day on which use is said to have begun.

    What is on record before it and after that day is part of the same use.
    """
    if told >= current.start:
        return found
    joined = [each for each in found if each.end >= told and each.start <= current.start]
    start = min(told, joined[0].start)
    covered = union([(start, current.start - 1), *current.covered])
    spans = tuple(span for each in joined for span in each.spans)
    long = Episode(start, current.end, tuple(covered), spans)
    at = found.index(joined[0])
    return [*found[:at], long, *found[at + len(joined) :]]


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
