"""What was prescribed during a taper, beside what was planned."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from reviews.rules.book import RuleBook
from reviews.rules.dossier import Dossier, Line
from reviews.rules.drug import BZRA
from reviews.rules.exposure import (
    Piece,
    Span,
    Supply,
    as_taken,
    carry_forward,
    is_rescue,
    pieces,
    read,
)
from reviews.rules.meanings import recognised
from reviews.rules.parameters import EXPOSURE
from reviews.tapering.planning import EVERY_NIGHT, Plan, Step

AS_PLANNED = "as planned"
FASTER = "faster"
SLOWER = "slower"
NOT_SUPPLIED = "not supplied"
UNCLEAR = "not known"
TO_COME = "to come"
SAME_WITHIN = Decimal("0.005")
"""Half a percent apart is the same dose: a quantity in mg has been rounded somewhere."""
USUAL_TIMES = {
    2: ("morning", "night"),
    3: ("morning", "midday", "night"),
    4: ("morning", "midday", "evening", "night"),
}
"""The times that so many doses a day are proposed for; whoever plans puts them right."""
MOSTLY = Decimal("0.5")
"""With a supply on fewer of a step's days, the step counts as not supplied (local policy)."""


class Prescribed(NamedTuple):
    """So many mg a day from `start` to `end`, by these prescriptions; None = dose not known."""

    start: date
    end: date
    mg: Decimal | None
    line_ids: tuple[int, ...]


class ComparedStep(NamedTuple):
    """A step with what was prescribed for its days.

    `days` have passed of the step, `supplied_days` of them with a supply whose mean is `mg` a day
    (None without one, or where a dose is not known).
    """

    step: Step
    until: date | None
    result: str
    mg: Decimal | None
    days: int
    supplied_days: int


def prescribed(dossier: Dossier, book: RuleBook, drug: str, since: date) -> list[Prescribed]:
    """The daily amounts of a drug as prescribed from a day on, in order, without overlap.

    Prescriptions that start on one day make up one dose, or are issues that follow one another;
    those of a later day take their place from then on, whatever was left: that is how the steps of
    a taper are written.
    """
    begun: dict[int, list[Piece]] = {}
    for span in _spans(dossier, book, drug):
        for piece in pieces(span):
            begun.setdefault(piece.start, []).append(piece)
    rows = []
    starts = sorted(begun)
    for n, start in enumerate(starts):
        group = begun[start]
        end = max(piece.end for piece in group)
        if n + 1 < len(starts):
            end = min(end, starts[n + 1] - 1)
        if date.fromordinal(end) < since:
            continue
        rows.append(
            Prescribed(
                start=max(date.fromordinal(start), since),
                end=date.fromordinal(end),
                mg=_added_up(piece.mg for piece in group),
                line_ids=tuple(sorted({piece.use.line.id for piece in group})),
            )
        )
    return rows


def _spans(dossier: Dossier, book: RuleBook, drug: str) -> Iterator[Span]:
    """The days of each prescription of a drug that are certain, from the day it was begun."""
    limit = book.rules[EXPOSURE][dossier.profile]
    uses = []
    for line in dossier.lines:
        recognition = recognised(line, dossier.meanings, book)
        for ingredient in recognition.ingredients:
            if ingredient.drug.key == drug:
                use = read(line, recognition, ingredient, limit)
                if use is not None and use.start is not None and not is_rescue(use):
                    uses.append(use)
    by_start: dict[int, list[Supply]] = {}
    for use in as_taken(uses, dossier.as_of.toordinal(), limit).uses:
        if use.end is not None:
            by_start.setdefault(use.start, []).append(use)
        elif use.start is not None and use.start <= use.least_end:
            yield Span(use.start, use.least_end, use)
    for issued in by_start.values():
        yield from carry_forward(issued, 0)


def compare(planned: Plan, supplied: list[Prescribed], today: date) -> list[ComparedStep]:
    """Each step of a plan, up to today, with what was prescribed for its days.

    A step is "faster" when less was prescribed than planned, "slower" when more.
    """
    rows = []
    for step, following in zip(planned.steps, [*planned.steps[1:], None], strict=True):
        until = None if following is None else following.on - timedelta(days=1)
        last = today if until is None else min(until, today)
        days = (last - step.on).days + 1
        if days <= 0:
            rows.append(ComparedStep(step, until, TO_COME, None, 0, 0))
            continue
        parts = [
            ((min(row.end, last) - max(row.start, step.on)).days + 1, row.mg)
            for row in supplied
            if row.start <= last and row.end >= step.on
        ]
        supplied_days = sum(count for count, _ in parts)
        mean = _mean(parts)
        result = _result(step, days, supplied_days, mean)
        rows.append(ComparedStep(step, until, result, mean, days, supplied_days))
    return rows


def _added_up(amounts: Iterable[float | None]) -> Decimal | None:
    """The mg a day of prescriptions taken together; None where one of them is not known."""
    total = Decimal(0)
    for mg in amounts:
        if mg is None:
            return None
        total += Decimal(str(mg))
    return total


def _mean(parts: list[tuple[int, Decimal | None]]) -> Decimal | None:
    """The mean mg a day over parts of (days, mg a day); None without one, or with one not known."""
    total, days = Decimal(0), 0
    for count, mg in parts:
        if mg is None:
            return None
        total += count * mg
        days += count
    return round(total / days, 3) if days else None


def _result(step: Step, days: int, supplied_days: int, mean: Decimal | None) -> str:
    if not step.mg:
        # Nothing is planned any more: whatever is still supplied is slower than planned.
        return SLOWER if supplied_days else AS_PLANNED
    if supplied_days < days * MOSTLY:
        return NOT_SUPPLIED
    return against_step(step, mean)


def against_step(step: Step, mg: Decimal | None) -> str:
    """How a prescribed dose of so many mg a day stands against a step; None = dose not known."""
    if mg is None:
        return UNCLEAR
    if abs(mg - step.mg) <= step.mg * SAME_WITHIN:
        return AS_PLANNED
    return FASTER if mg < step.mg else SLOWER


class Use(NamedTuple):
    """What somebody takes now of one benzodiazepine or Z-drug, and of which strengths.

    `mg` a day is None where the dose is not known; `strengths` are (form, mg) of the products.
    `times` divide it over the day, empty where that is not known; on fewer than 7 `nights` a week
    `mg` is the dose of a night.
    """

    drug: str
    mg: Decimal | None
    until: date
    strengths: tuple[tuple[str, Decimal], ...]
    times: tuple[tuple[str, Decimal], ...] = ()
    nights: int = EVERY_NIGHT


def current_use(dossier: Dossier, book: RuleBook) -> list[Use]:
    """Every benzodiazepine or Z-drug whose supply has begun and would still be continued today."""
    gap = timedelta(days=book.rules[EXPOSURE][dossier.profile]["gap_days"] + 1)
    strengths: dict[str, set[tuple[str, Decimal]]] = {}
    for line in dossier.lines:
        recognition = recognised(line, dossier.meanings, book)
        for part, drug, mask in recognition.ingredients:
            if mask & BZRA:
                known = strengths.setdefault(drug.key, set())
                form = recognition.form
                if part.strength_mg is not None and part.per_unit in ("", form) and form:
                    known.add((form, Decimal(str(part.strength_mg))))
    lines = {line.id: line for line in dossier.lines}
    uses = []
    for drug, known in strengths.items():
        rows = [
            row
            for row in prescribed(dossier, book, drug, dossier.as_of - gap)
            if row.start <= dossier.as_of
        ]
        if rows:
            last = rows[-1]
            use = Use(drug, last.mg, last.end, tuple(sorted(known)))
            uses.append(_divided(use, [lines[n] for n in last.line_ids], book.drugs[drug].classes))
    return sorted(uses, key=lambda use: (use.drug != "diazepam", use.drug))


def _divided(use: Use, lines: list[Line], classes: frozenset[str]) -> Use:
    """How the dose is divided over the day or the week, as far as one order says so."""
    if len(lines) != 1 or not use.mg or lines[0].schedule:
        return use
    (line,) = lines
    often = line.times_per_day
    at_night = "z-drug" in classes or line.indication == "insomnia"
    if often is not None and 0 < often < 1 and (nights := round(often * EVERY_NIGHT)):
        mg = round(use.mg * EVERY_NIGHT / nights, 3)
        return use._replace(mg=mg, times=(("night", mg),), nights=nights)
    if often == 1 and at_night:
        return use._replace(times=(("night", use.mg),))
    times = USUAL_TIMES.get(round(often)) if often is not None and not often % 1 else None
    if times is None or (use.mg / len(times)) != round(use.mg / len(times), 3):
        return use
    return use._replace(times=tuple((time, use.mg / len(times)) for time in times))
