"""Dosage instructions and supply of a MedicationRequest to the fields of a prescription.

One record holds one dose at one rate, or a schedule of amounts one after the other. Whatever does
not fit (instructions side by side, ranges, units nobody here knows) is kept as text and noted,
never squeezed into a number.
"""

from datetime import date, timedelta
from typing import Any

from reviews.fhir.read import words
from reviews.fhir.read.resources import DispenseRequest, Dosage, Repeat, Timing


def read_dosage(
    record: dict[str, Any], instructions: list[Dosage], dispense: DispenseRequest
) -> list[str]:
    """Fill `record` with what the instructions and the supply say; returns what was left out."""
    notes = []
    texts = [text for said in instructions for text in (said.text, said.patientInstruction) if text]
    record["dosage_text"] = "; ".join(dict.fromkeys(texts))[:1000]
    steps = _schedule(instructions) if len(instructions) > 1 else None
    if len(instructions) == 1:
        _one(record, instructions[0], notes)
    elif steps:
        record |= steps
    elif instructions:
        notes.append(f"has {len(instructions)} dosage instructions: the dose is kept as text only")
        record["as_needed"] = all(_as_needed(said) for said in instructions)
    _supply(record, dispense, notes)
    if not record.get("start_on") and (start := words.day(dispense.validityPeriod.start)):
        record["start_on"] = start.isoformat()
    return notes


def _schedule(instructions: list[Dosage]) -> dict[str, Any] | None:
    """Instructions to be followed one after the other, as a schedule; None when they are not.

    Each has a sequence of its own, one dose, times a day, and the days it lasts.
    """
    order = [said.sequence for said in instructions]
    if None in order or len(set(order)) < len(order) or any(map(_as_needed, instructions)):
        return None
    steps, starts, routes = [], [], []
    for said in sorted(instructions, key=lambda each: each.sequence or 0):
        one, doubts = {}, []
        _one(one, said, doubts)
        repeat = said.timing.repeat
        days = _lasting(repeat)
        # Nothing a day is a step too: a pause, or the end of a taper.
        quantity = said.doseAndRate[0].doseQuantity if len(said.doseAndRate) == 1 else None
        nothing = quantity is not None and quantity.value == 0
        if not days or (not nothing and not {"dose", "dose_unit", "times_per_day"} <= one.keys()):
            return None
        unit = words.unit(quantity) if quantity is not None else None
        amount = 0 if nothing else one["dose"] * one["times_per_day"]
        steps.append((amount, unit, days))
        starts.append(one.get("start_on"))
        routes.append(one.get("route"))
    units = {unit for _, unit, _ in steps}
    if None in units or (len(units) > 1 and not units <= words.MILLIGRAMS.keys()):
        return None
    first = steps[0][1]
    record = {
        "as_needed": False,
        "dose_unit": first,
        "schedule": [
            {
                "per_day": round(
                    amount
                    if unit == first
                    else amount * words.MILLIGRAMS[unit] / words.MILLIGRAMS[first],
                    4,
                ),
                "days": days,
            }
            for amount, unit, days in steps
        ],
    }
    if starts[0]:
        record["start_on"] = starts[0]
    if routes[0]:
        record["route"] = routes[0]
    return record


def _lasting(repeat: Repeat | None) -> int | None:
    """For how many days an instruction holds; None when it does not say."""
    if repeat is None:
        return None
    if repeat.boundsDuration is not None:
        return words.days(repeat.boundsDuration)
    if repeat.boundsPeriod is not None:
        first, last = words.day(repeat.boundsPeriod.start), words.day(repeat.boundsPeriod.end)
        return (last - first).days + 1 if first and last else None
    return None


def _as_needed(said: Dosage) -> bool:
    return said.asNeededBoolean or said.asNeededCodeableConcept is not None


def _one(record: dict[str, Any], said: Dosage, notes: list[Any]) -> None:
    record["as_needed"] = _as_needed(said)
    _dose(record, said, notes)
    _times(record, said.timing, notes)
    _maximum(record, said, notes)
    if route := words.route(said.route):
        record["route"] = route
    elif said.route.words:
        notes.append(f"the route “{said.route.words}” is not known")


def _dose(record: dict[str, Any], said: Dosage, notes: list[Any]) -> None:
    if not said.doseAndRate:
        return
    given = said.doseAndRate[0]
    if len(said.doseAndRate) > 1:
        notes.append("has more than one dose: the first is used")
    quantity = given.doseQuantity
    if quantity is None or quantity.value is None:
        notes.append("the dose is a range or a rate: kept as text only")
        return
    unit = words.unit(quantity)
    if unit is None:
        notes.append(f"the dose unit “{quantity.unit or quantity.code}” is not known")
    elif quantity.value > 0:
        record["dose"], record["dose_unit"] = quantity.value, unit


def _times(record: dict[str, Any], timing: Timing, notes: list[str]) -> None:
    repeat = timing.repeat
    if len(timing.event) == 1 and (on := words.day(timing.event[0])):
        record["start_on"] = on.isoformat()
        if at := words.time_of_day(timing.event[0]):
            record["start_minute"] = at.hour * 60 + at.minute
    if repeat is None:
        times = next(
            (
                words.TIMES_PER_DAY[said.upper()]
                for said in [*(coding.code for coding in timing.code.coding), timing.code.text]
                if said.upper() in words.TIMES_PER_DAY
            ),
            None,
        )
        if times:
            record["times_per_day"] = times
        elif timing.code.words or timing.event:
            notes.append("the timing is not a number of times a day: kept as text only")
        return
    _bounds(record, repeat, notes)
    if repeat.frequencyMax or repeat.periodMax:
        notes.append("the times a day are a range: kept as text only")
        return
    times = None
    if repeat.period and repeat.periodUnit:
        times = (repeat.frequency or 1) / (repeat.period * words.DAYS[repeat.periodUnit])
    elif repeat.when or repeat.timeOfDay:
        times = len(repeat.when) or len(repeat.timeOfDay)
    elif repeat.frequency and not repeat.period:
        notes.append("the timing has no period: kept as text only")
    if times and repeat.dayOfWeek:
        times *= len(set(repeat.dayOfWeek)) / 7
    if times:
        record["times_per_day"] = round(times, 4)


def _bounds(record: dict[str, Any], repeat: Repeat, notes: list[str]) -> None:
    """The time over which the medicine is to be taken."""
    if period := repeat.boundsPeriod:
        for name, said in (("start_on", period.start), ("end_on", period.end)):
            if day := words.day(said):
                record[name] = day.isoformat()
            elif said:
                notes.append(f"{name} “{said}” is only part of a date: left as not known")
    elif repeat.boundsDuration:
        days = words.days(repeat.boundsDuration)
        if days and "written_on" in record:
            last = date.fromisoformat(record["written_on"]) + timedelta(days=days - 1)
            record["end_on"] = last.isoformat()
        else:
            notes.append("the time over which it is taken has no start or no known unit: not kept")


def _maximum(record: dict[str, Any], said: Dosage, notes: list[str]) -> None:
    """The daily ceiling of an as-needed medicine, in the unit of the dose."""
    ratio = said.maxDosePerPeriod
    if ratio is None:
        return
    days = words.DAYS.get(ratio.denominator.code or ratio.denominator.unit)
    unit = words.unit(ratio.numerator)
    amount, periods = ratio.numerator.value, ratio.denominator.value or 1
    if not (record["as_needed"] and amount and days and unit):
        notes.append("the maximum dose is not a daily amount of an as-needed medicine: left out")
        return
    per_day = amount / (periods * days)
    dose_unit = record.get("dose_unit", unit)
    if dose_unit != unit:
        if not {dose_unit, unit} <= words.MILLIGRAMS.keys():
            notes.append("the maximum dose is in another unit than the dose: left out")
            return
        per_day *= words.MILLIGRAMS[unit] / words.MILLIGRAMS[dose_unit]
    record["dose_unit"] = dose_unit
    record["max_per_day"] = round(per_day, 4)


def _supply(record: dict[str, Any], dispense: DispenseRequest, notes: list[str]) -> None:
    quantity = dispense.quantity
    if quantity is not None and quantity.value:
        if unit := words.unit(quantity):
            record["quantity"], record["quantity_unit"] = quantity.value, unit
        elif said := quantity.unit or quantity.code:
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
