"""What the portal makes of a prescription that is being typed: daily amounts, days of supply."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from reviews import dossiers
from reviews.records import PrescriptionRecord
from reviews.rules import words
from reviews.rules.book import RuleBook
from reviews.rules.dossier import Line
from reviews.rules.drug import BZRA, Recognition
from reviews.rules.equivalents import Equivalent, Scale, scale
from reviews.rules.exposure import mg_per_day, rate, read
from reviews.rules.meanings import Meanings
from reviews.rules.meanings import recognised as as_recognised
from reviews.rules.parameters import EXPOSURE


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkedOut:
    """`daily`: each amount a day in words; `missing` says why the last day is not known.

    `doubts` are strengths as written that may mean more than one amount, or none.

    `equivalent` is what it comes to in diazepam, by the profile's table, and None where that is not
    known or not asked; `sedative` whether it holds a benzodiazepine or Z-drug.
    """

    drugs: tuple[str, ...]
    matched_by: str | None
    recognised: bool
    daily: tuple[str, ...]
    equivalent: Equivalent | None
    sedative: bool
    doubts: tuple[str, ...]
    start_on: date | None
    end_on: date | None
    days: int | None
    notes: tuple[str, ...]
    missing: tuple[str, ...]
    never_taken: bool = False


def work_out(
    record: PrescriptionRecord, *, book: RuleBook, profile: str, meanings: Meanings
) -> WorkedOut:
    """What follows from a record, by the same functions that screening uses."""
    line = dossiers.line(record)
    recognition = as_recognised(line, meanings, book)
    uses = [
        read(line, recognition, ingredient, book.rules[EXPOSURE][profile])
        for ingredient in recognition.ingredients
    ]
    use = uses[0] if uses else None
    common = {
        "drugs": tuple(drug.name for _, drug, _ in recognition.ingredients),
        "matched_by": recognition.matched_by,
        "recognised": not recognition.unmapped,
        "daily": _daily(line, recognition),
        "equivalent": _equivalent(line, recognition, scale(book, profile)),
        "sedative": bool(recognition.mask & BZRA),
        "doubts": recognition.doubts,
    }
    if use is None:
        return WorkedOut(**common, **_stated(line), never_taken=bool(uses))
    return WorkedOut(
        **common,
        start_on=None if use.start is None else date.fromordinal(use.start),
        end_on=None if use.end is None else date.fromordinal(use.end),
        days=None if use.end is None else use.end - use.start + 1,
        notes=tuple(words.sentence_case(note) for note in use.notes),
        missing=use.missing,
    )


def _daily(line: Line, recognition: Recognition) -> tuple[str, ...]:
    """ "15 mg diazepam a day", or in the unit typed where the strength is not known."""
    per_day = rate(line)
    if per_day is None:
        return ()
    is_range = line.dose_max is not None or line.times_per_day_max is not None
    most = "at most " if line.as_needed or is_range or len(line.schedule) > 1 else ""
    amounts = [
        (mg_per_day(line, part, recognition.form), drug.name)
        for part, drug, _ in recognition.ingredients
    ]
    known = [(mg, name) for mg, name in amounts if mg is not None]
    if not amounts or len(known) < len(amounts):
        return (f"{most}{words.amount(per_day)} {line.dose_unit or ''}".strip(),)
    if len(known) == 1:
        return (f"{most}{words.amount(known[0][0])} mg",)
    return tuple(f"{most}{words.amount(mg)} mg {name}" for mg, name in known)


def _equivalent(line: Line, recognition: Recognition, by: Scale) -> Equivalent | None:
    """The daily amount as diazepam, on the scale that screening uses."""
    amounts = [
        (mg_per_day(line, part, recognition.form), by.factors[drug.key])
        for part, drug, mask in recognition.ingredients
        if mask & by.counted
    ]
    known = [(mg, factor) for mg, factor in amounts if mg is not None and factor is not None]
    if not amounts or len(known) < len(amounts):
        return None
    return Equivalent(
        mg=sum(mg * factor.value for mg, factor in known),
        lowest=sum(mg * factor.lowest for mg, factor in known),
        highest=sum(mg * factor.highest for mg, factor in known),
        tables=tuple(dict.fromkeys(factor.table for _, factor in known)),
        missing=(),
    )


def _stated(line: Line) -> dict[str, Any]:
    """The supply as stated, for a medicine nobody recognises or that was never taken."""
    start = line.start_on or line.written_on
    end = line.end_on
    if start and line.days_supply:
        stated = start + timedelta(days=line.days_supply - 1)
        end = min(stated, end) if end else stated
    return {
        "start_on": start,
        "end_on": end,
        "days": (end - start).days + 1 if start and end and end >= start else None,
        "notes": (),
        "missing": () if end else ("days’ supply or last day",),
    }
