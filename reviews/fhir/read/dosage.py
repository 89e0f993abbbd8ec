"""Dosage instructions and supply of a MedicationRequest to the fields of a prescription.

Instructions that hold at once are added up, those that follow each other make a schedule, in the
order of their written days. Whatever does not fit (units nobody here knows, an instruction without
a rate beside others) is kept as text and noted, never squeezed into a number.
"""

import itertools
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

import msgspec
from msgspec import structs

from reviews.fhir.read import timing, words
from reviews.fhir.read.resources import (
    DispenseRequest,
    Dosage,
    DoseAndRate,
    Quantity,
    Range,
    Ratio,
)
from reviews.fhir.read.timing import Timed

MOST_STEPS = 100
ORDERED = "ordered"
"""The dose that was ordered, where another one was calculated: HL7's dose-rate-type."""
# "2 mg/h": an amount and the time in which it is given.
RATES = {"h": 24, "hour": 24, "hr": 24, "min": 1440, "d": 1, "day": 1, "24.h": 1, "24h": 1}


class Amount(NamedTuple):
    """From `low` to `high` in a unit; `low` is None where only "up to" is said."""

    low: Fraction | None
    high: Fraction
    unit: str


@dataclass(slots=True)
class Instruction:
    """One dosage instruction; `dose` None: not told. `nothing` is a dose of nought: a pause."""

    said: Dosage
    timed: Timed
    dose: Amount | None
    nothing: bool
    as_needed: bool
    notes: list[str]

    @property
    def least(self) -> Fraction | None:
        """The least that is taken a day, in the unit of the dose; None: not told."""
        if self.nothing:
            return Fraction(0)
        low = None if self.dose is None else self.dose.low
        return None if low is None or self.timed.times is None else low * self.timed.times

    @property
    def most(self) -> Fraction | None:
        """The most that is taken a day."""
        if self.nothing:
            return Fraction(0)
        if self.dose is None or self.timed.times_max is None:
            return None
        return self.dose.high * self.timed.times_max


def read_dosage(
    record: dict[str, Any], instructions: list[Dosage], dispense: DispenseRequest
) -> list[str]:
    """Fill `record` with what the instructions and the supply say; returns what was left out."""
    texts = [text for said in instructions for text in (said.text, said.patientInstruction) if text]
    record["dosage_text"] = "; ".join(dict.fromkeys(texts))[:1000]
    notes: list[str] = []
    read = [_instruction(said) for said in _each_once(instructions, notes)]
    written_on = words.day(record.get("written_on", ""))
    if len(read) == 1:
        _alone(record, read[0], written_on, notes)
    elif read:
        several = _several(read)
        if several is None:
            notes.append(f"has {len(read)} dosage instructions: the dose is kept as text only")
            record["as_needed"] = all(each.as_needed for each in read)
        else:
            record |= several
            notes += dict.fromkeys(note for each in read for note in each.notes)
            _route(record, read, notes)
    _supply(record, dispense, notes)
    if not record.get("start_on") and (start := words.day(dispense.validityPeriod.start)):
        record["start_on"] = start.isoformat()
    return notes


def _each_once(instructions: list[Dosage], notes: list[str]) -> list[Dosage]:
    """Instructions without those that say all the same again."""
    found: list[Dosage] = []
    for said in instructions:
        if said not in found:
            found.append(said)
    if len(found) < len(instructions):
        notes.append("says the same instruction more than once: counted once")
    return found


# --- one instruction -------------------------------------------------------------------------


def _instruction(said: Dosage) -> Instruction:
    timed = timing.read(said.timing)
    notes: list[str] = []
    given = _given(said, notes)
    dose = None if given is None else _dose(given, timed, notes)
    nothing = given is not None and given.doseQuantity is not None and given.doseQuantity.value == 0
    as_needed = (
        said.asNeededBoolean
        or said.asNeeded
        or said.asNeededCodeableConcept is not None
        or bool(said.asNeededFor)
        or timed.as_needed
    )
    if nothing:
        notes.append("the dose is nought")
    return Instruction(said, timed, dose, nothing, as_needed, [*notes, *timed.notes])


def _given(said: Dosage, notes: list[str]) -> DoseAndRate | None:
    """The dose and rate that count; in STU3 they stand in the instruction itself."""
    if not said.doseAndRate:
        return said
    ordered = [
        each
        for each in said.doseAndRate
        if any(coding.code == ORDERED for coding in each.type.coding)
    ]
    candidates = ordered or said.doseAndRate
    if len(candidates) > 1:
        notes.append("has more than one dose: the dose is kept as text only")
        return None
    return candidates[0]


def _dose(given: DoseAndRate, timed: Timed, notes: list[str]) -> Amount | None:
    if given.doseQuantity is not None:
        return _between(Range(given.doseQuantity, given.doseQuantity), notes)
    if given.doseRange is not None:
        return _between(given.doseRange, notes)
    if timed.times is None and (rate := _rate(given)) is not None:
        timed.times = timed.times_max = Fraction(1)
        return rate
    if given.rateQuantity or given.rateRange or given.rateRatio:
        notes.append(f"the rate of giving{rate_in_words(given)} is left out")
    return None


def rate_in_words(given: DoseAndRate) -> str:
    """ " (2 mg/h)": a rate of giving as it was sent; empty without one."""
    if given.rateQuantity is not None:
        return f" ({_in_words(given.rateQuantity)})"
    if given.rateRange is not None:
        ends = (given.rateRange.low, given.rateRange.high)
        return f" ({' to '.join(_in_words(end) for end in ends if end is not None)})"
    if given.rateRatio is not None:
        ratio = given.rateRatio
        return f" ({_in_words(ratio.numerator)} per {_in_words(ratio.denominator)})"
    return ""


def _in_words(quantity: Quantity) -> str:
    value = "" if quantity.value is None else f"{quantity.value:.10g}"
    return f"{value} {quantity.unit or quantity.code}".strip()


def _between(ends: Range, notes: list[str]) -> Amount | None:
    """A dose from its lower to its higher end."""
    low, high = ends.low, ends.high
    named = high or low
    if named is None or named.value is None:
        notes.append("the dose has no number: kept as text only")
        return None
    unit = words.dose_unit(named)
    if unit is None:
        told = " or ".join(dict.fromkeys(filter(None, (named.unit, named.code))))
        notes.append(f"the dose unit “{told}” is not known")
        return None
    if named.comparator.startswith(">") or high is None:
        notes.append("the dose has no upper end: kept as text only")
        return None
    most = _exact(named.value)
    least = None
    if low is not None and low.value is not None and not named.comparator:
        least = _exact(low.value)
        other = words.dose_unit(low) if (low.unit or low.code) else unit
        if other != unit:
            if other is None or not {other, unit} <= words.MILLIGRAMS.keys():
                notes.append("the ends of the dose are in different units: kept as text only")
                return None
            least *= _exact(words.MILLIGRAMS[other] / words.MILLIGRAMS[unit])
    if most <= 0 or (least is not None and not 0 <= least <= most):
        if most or least:
            notes.append("the dose is no amount: kept as text only")
        return None
    return Amount(least or None, most, unit)


def _rate(given: DoseAndRate) -> Amount | None:
    """What a rate such as 2 mg an hour comes to in a day; None where it is no such rate."""
    if (quantity := given.rateQuantity) is not None:
        return _per_day(quantity, quantity)
    if given.rateRange is not None and given.rateRange.low and given.rateRange.high:
        return _per_day(given.rateRange.low, given.rateRange.high)
    ratio = given.rateRatio
    days = None if ratio is None else words.part_of_days(ratio.denominator)
    if ratio is None or not days or not ratio.numerator.value:
        return None
    unit = words.unit(ratio.numerator)
    amount = _exact(ratio.numerator.value) / days
    return None if unit is None else Amount(amount, amount, unit)


def _per_day(low: Quantity, high: Quantity) -> Amount | None:
    what, _, time = (high.code or high.unit).replace(" ", "").partition("/")
    unit = words.unit(Quantity(unit=what))
    times = RATES.get(time.lower())
    if unit is None or times is None or not low.value or not high.value:
        return None
    return Amount(_exact(low.value) * times, _exact(high.value) * times, unit)


def _alone(
    record: dict[str, Any], one: Instruction, written_on: date | None, notes: list[str]
) -> None:
    """The fields of an only instruction."""
    notes += one.notes
    record["as_needed"] = one.as_needed
    if one.dose is not None:
        record["dose_unit"] = one.dose.unit
        _ends(record, "dose", one.dose.low, one.dose.high)
    timed = one.timed
    if timed.times_max is not None:
        _ends(record, "times_per_day", timed.times, timed.times_max)
    if timed.first:
        record["start_on"] = timed.first.isoformat()
    if timed.minute is not None:
        record["start_minute"] = timed.minute
    last = timing.last_day(timed, written_on)
    if last is not None:
        record["end_on"] = last.isoformat()
    elif timed.days:
        notes.append("the time over which it is taken has no first day: not kept")
    _maximum(record, one.said.maxDosePerPeriod, notes)
    _route(record, [one], notes)


def _ends(record: dict[str, Any], name: str, low: Fraction | None, high: Fraction) -> None:
    """Both ends of a range in two fields, or one number in one."""
    if low is not None:
        record[name] = _kept(low)
    if low != high:
        record[f"{name}_max"] = _kept(high)


def _maximum(record: dict[str, Any], ratio: Ratio | None, notes: list[str]) -> None:
    """The daily ceiling of a dose that varies, in the unit of the dose."""
    if ratio is None:
        return
    days = words.part_of_days(ratio.denominator)
    unit = words.unit(ratio.numerator)
    amount = ratio.numerator.value
    varies = record["as_needed"] or "dose_max" in record or "times_per_day_max" in record
    if not (varies and amount and unit and days) or days > 1:
        notes.append("the maximum dose is not a daily amount of a dose that varies: left out")
        return
    per_day = _exact(amount) / days
    dose_unit = record.get("dose_unit", unit)
    if dose_unit != unit:
        if not {dose_unit, unit} <= words.MILLIGRAMS.keys():
            notes.append("the maximum dose is in another unit than the dose: left out")
            return
        per_day *= _exact(words.MILLIGRAMS[unit] / words.MILLIGRAMS[dose_unit])
    record["dose_unit"] = dose_unit
    record["max_per_day"] = _kept(per_day)


def _route(record: dict[str, Any], read: list[Instruction], notes: list[str]) -> None:
    for each in read:
        if route := words.route(each.said.route):
            record.setdefault("route", route)
        elif each.said.route.words:
            notes.append(f"the route “{each.said.route.words}” is not known")


# --- several ---------------------------------------------------------------------------------


class Step(NamedTuple):
    """Days on which an instruction holds: `start` and `end` as days from the first, included."""

    start: int
    end: int
    per_day: Fraction


def _several(read: list[Instruction]) -> dict[str, Any] | None:
    """The fields of instructions together; None where one of them does not fit the others."""
    unit = _one_unit(read)
    if unit is None or any(each.most is None for each in read):
        return None
    bounded = [each for each in read if each.timed.first or each.timed.last or each.timed.days]
    if len({_but_for_its_number(each.said) for each in read}) < len(read):
        # Numbered, and otherwise the same: twice the dose, or said twice.
        return None
    if not bounded:
        order = {each.said.sequence for each in read}
        # Numbered one after the other, and none says how long it lasts.
        return _added_up(read, unit) if len(order) == 1 else None
    if any(each.as_needed for each in read):
        return None
    first, steps = _steps(read, unit)
    return None if steps is None else _schedule(first, steps, unit)


def _but_for_its_number(said: Dosage) -> bytes:
    return msgspec.json.encode(structs.replace(said, sequence=None))


def _one_unit(read: list[Instruction]) -> str | None:
    """The unit in which all doses can be counted: one for all, or masses."""
    units = {each.dose.unit for each in read if each.dose is not None}
    if len(units) == 1 or (units and units <= words.MILLIGRAMS.keys()):
        return next(each.dose.unit for each in read if each.dose is not None)
    return None


def _in(unit: str, each: Instruction, amount: Fraction) -> Fraction:
    if each.dose is None or each.dose.unit == unit:
        return amount
    return amount * _exact(words.MILLIGRAMS[each.dose.unit] / words.MILLIGRAMS[unit])


def _added_up(read: list[Instruction], unit: str) -> dict[str, Any]:
    """Doses of one day, such as two in the morning and four at night: their sum, once a day."""
    doses = {each.dose for each in read}
    as_needed = {each.as_needed for each in read}
    one = read[0].dose
    record: dict[str, Any] = {"as_needed": as_needed == {True}, "dose_unit": unit}
    same_ends = all(each.timed.times == each.timed.times_max for each in read)
    if len(doses) == 1 and one is not None and len(as_needed) == 1 and same_ends:
        times = sum((each.timed.times or Fraction(0) for each in read), Fraction(0))
        _ends(record, "dose", one.low, one.high)
        _ends(record, "times_per_day", times, times)
        return record
    # What is taken only if needed may be none.
    sure = [Fraction(0) if each.as_needed else each.least for each in read]
    least = None
    if as_needed == {True}:
        sure = [each.least for each in read]
    if None not in sure:
        least = sum(
            (_in(unit, each, low) for each, low in zip(read, sure, strict=True) if low), Fraction(0)
        )
    most = sum((_in(unit, each, each.most) for each in read if each.most), Fraction(0))
    _ends(record, "dose", least or None, most)
    record["times_per_day"] = 1
    return record


def _steps(read: list[Instruction], unit: str) -> tuple[date | None, list[Step] | None]:
    """`(first day, steps)` of instructions with days of their own; no steps where one lacks them.

    Written days say when an instruction holds. One without follows those of the sequence before;
    those of one sequence hold at once.
    """
    days = [each.timed.first for each in read if each.timed.first]
    first = min(days) if days else None
    ordered = sorted(
        read,
        key=lambda each: 0 if each.timed.first else each.said.sequence or 0,
    )
    steps: list[Step] = []
    group_start, group_end, sequence = 0, -1, None
    for each in ordered:
        timed = each.timed
        if timed.first and first:
            start = (timed.first - first).days
        elif timed.last:
            return first, None
        elif each.said.sequence == sequence and sequence is not None:
            start = group_start
        else:
            start = group_end + 1
        end = (
            (timed.last - first).days
            if timed.last and first
            else start + timed.days - 1
            if timed.days
            else None
        )
        if end is None or end < start or each.most is None:
            return first, None
        steps.append(Step(start, end, _in(unit, each, each.most)))
        group_start, group_end, sequence = start, max(group_end, end), each.said.sequence
    return first, _without_touching(steps)


def _without_touching(steps: list[Step]) -> list[Step]:
    """Steps of which one ends on the day that the next begins: that day is of the next one."""
    starts = {step.start for step in steps}
    return [
        step._replace(end=step.end - 1) if step.end in starts and step.end > step.start else step
        for step in steps
    ]


def _schedule(first: date | None, steps: list[Step], unit: str) -> dict[str, Any] | None:
    """Steps that may overlap, or leave days between them, as amounts one after the other."""
    edges = sorted({step.start for step in steps} | {step.end + 1 for step in steps})
    amounts = [
        (
            sum((step.per_day for step in steps if step.start <= day <= step.end), Fraction(0)),
            after - day,
        )
        for day, after in itertools.pairwise(edges)
    ]
    record: dict[str, Any] = {"as_needed": False, "dose_unit": unit}
    if first:
        record["start_on"] = first.isoformat()
    if len(amounts) > MOST_STEPS:
        return None
    if len(amounts) == 1 and first:
        ((per_day, days),) = amounts
        if per_day:
            record |= {"dose": _kept(per_day), "times_per_day": 1}
            record["end_on"] = (first + timedelta(days=days - 1)).isoformat()
            return record
    record["schedule"] = [{"per_day": _kept(per_day), "days": days} for per_day, days in amounts]
    return record


# --- supply ----------------------------------------------------------------------------------


def _supply(record: dict[str, Any], dispense: DispenseRequest, notes: list[str]) -> None:
    quantity = dispense.quantity
    if quantity is not None and quantity.value:
        said = quantity.unit or quantity.code
        unit = words.unit(quantity)
        if unit is None and record.get("dose_unit") == "unit":
            # A plain number counts what the dose counts, where that is one too.
            unit = words.dose_unit(quantity)
        if unit:
            record["quantity"], record["quantity_unit"] = quantity.value, unit
        elif said and said != words.ONE:
            record["quantity_text"] = f"{quantity.value:.10g} {said}"[:200]
            notes.append(f"the unit of quantity “{said}” is not known: kept as text")
        else:
            record["quantity"] = quantity.value
    duration = dispense.expectedSupplyDuration
    if duration is not None:
        days = words.days(duration)
        if days is None:
            notes.append("the duration of supply has no unit that is known: left out")
        else:
            record["days_supply"] = days
    if dispense.numberOfRepeatsAllowed is not None:
        record["repeats_allowed"] = dispense.numberOfRepeatsAllowed
    if interval := words.days(dispense.dispenseInterval):
        record["issue_days"] = interval
    if last := words.day(dispense.validityPeriod.end):
        record["valid_until"] = last.isoformat()


def _exact(number: float) -> Fraction:
    """A number as it was written: 0.1 is a tenth."""
    return Fraction(str(number))


def _kept(amount: Fraction) -> float:
    """A fraction as records keep numbers, with four decimals."""
    return round(float(amount), 4)
