"""The words of the drawings: what somebody reads who points at a mark, or hears it read."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Protocol

from reviews.rules import words
from reviews.rules.drug import Part
from reviews.rules.exposure import OPEN, Episode, Span
from reviews.rules.rates import often

PLURALS = {
    "tablet": "tablets",
    "capsule": "capsules",
    "patch": "patches",
    "drop": "drops",
    "spray": "sprays",
    "suppository": "suppositories",
    "unit": "units",
}
"""More than one of what is counted; what is measured, such as mg, is said alike."""
MEASURED = ("ml", "hour")
"""What a strength is said per; of a tablet or a patch it goes without saying."""
MOST_LETTERS = 30
"""So many fit beside a drawing."""


def mg(amount: float) -> str:
    """An amount to one decimal: 7.5, 10."""
    return words.amount(round(amount, 1))


def counted(amount: float, unit: str | None) -> str:
    """An amount with its unit, if that is known: "2 tablets", "0.5 patches", "10 mg"."""
    return f"{words.amount(amount)} {_in_number(amount, unit)}".strip()


def _in_number(amount: float, unit: str | None) -> str:
    """A unit after an amount: "tablet" after 1, else "tablets"; empty where it is not known."""
    unit = unit or ""
    return unit if amount == 1 else PLURALS.get(unit, unit)


class Dosed(Protocol):
    """The dose of a prescription, as `Line` has it."""

    @property
    def dose(self) -> float | None: ...
    @property
    def dose_unit(self) -> str | None: ...
    @property
    def times_per_day(self) -> float | None: ...
    @property
    def as_needed(self) -> bool: ...
    @property
    def max_per_day(self) -> float | None: ...
    @property
    def dose_max(self) -> float | None: ...
    @property
    def times_per_day_max(self) -> float | None: ...


def dose(line: Dosed) -> str:
    """The dose of a prescription: "1 to 2 tablets twice a day"; empty when none was recorded."""
    highest = line.dose if line.dose_max is None else line.dose_max
    if highest is None:
        return ""
    amount = _range(line.dose, line.dose_max, words.amount)
    amount = f"{amount} {_in_number(highest, line.dose_unit)}".strip()
    if line.times_per_day_max is not None:
        how_often = f" {_range(line.times_per_day, line.times_per_day_max, _times)} times a day"
    else:
        how_often = "" if line.times_per_day is None else f" {_often(line.times_per_day)}"
    if not line.as_needed:
        return f"{amount}{how_often}"
    most = f", at most {words.amount(line.max_per_day)} a day" if line.max_per_day else ""
    return f"{amount}{how_often} if needed{most}"


def _range(lowest: float | None, highest: float | None, shown: Callable[[float], str]) -> str:
    """ "2", "1 to 2", "up to 2"."""
    if highest is None:
        return "" if lowest is None else shown(lowest)
    if lowest == highest:
        return shown(highest)
    return f"up to {shown(highest)}" if lowest is None else f"{shown(lowest)} to {shown(highest)}"


def _often(times_per_day: float) -> str:
    """ "twice a day", "3 times a week", "every 3 days"."""
    times, days = often(float(times_per_day))
    if days == 1:
        return {1: "once a day", 2: "twice a day"}.get(times, f"{times} times a day")
    if times == 1:
        return {2: "every other day", 7: "once a week"}.get(days, f"every {days} days")
    if days == 7:
        return f"{times} times a week"
    return f"{_times(times_per_day)} times a day"


def _times(times_per_day: float) -> str:
    return words.amount(round(float(times_per_day), 4))


def strength(part: Part) -> str:
    """What one of a medicine holds: "5 mg", "2 mg/ml", "0.012 mg/hour"; empty where not known."""
    if part.strength_mg is None:
        return ""
    held = f"{words.amount(part.strength_mg)} mg"
    return f"{held}/{part.per_unit}" if part.per_unit in MEASURED else held


def daily_dose(line: Dosed, highest_mg: float | None) -> str:
    """A dose with what it comes to: "1 tablet twice a day = 10 mg"; the mg alone where it is long.

    `highest_mg` is the highest daily dose, None where it is not known.
    """
    said = dose(line)
    if highest_mg is None:
        return said
    both = f"{said} = {_at_most(line)}{words.amount(highest_mg)} mg"
    return both if len(both) <= MOST_LETTERS else a_day(line, highest_mg)


def a_day(line: Dosed, highest_mg: float) -> str:
    """The mg of a day: "10 mg a day", "up to 20 mg a day"."""
    return f"{_at_most(line)}{words.amount(highest_mg)} mg a day"


def _at_most(line: Dosed) -> str:
    several = line.dose_max is not None or line.times_per_day_max is not None
    return "up to " if line.as_needed or several else ""


def supply(span: Span) -> str:
    """A supply of known length: the product, the mg of a day, its days and their number."""
    use = span.use
    mg_a_day = "" if use.mg is None else f", {a_day(use.line, use.mg)}"
    return (
        f"{use.line.medicine.text}{mg_a_day}, {_from_to(span.start, span.end)}, "
        f"{words.days(span.end - span.start + 1)}"
    )


def unclear_supply(span: Span) -> str:
    """A supply whose length nobody recorded, and what is missing."""
    return (
        f"{span.use.drug.name} from {words.day(span.start)}: length not known, because "
        f"{words.listed(span.use.missing)} is not recorded"
    )


def planned_step(start: int, end: int, amount: float, name: str) -> str:
    """A step of a planned taper; `end` OPEN is a step that goes on."""
    until = "on" if end == OPEN else f"to {words.day(end)}"
    return f"Planned: {mg(amount)} mg {name} a day from {words.day(start)} {until}"


def equivalent(amount: float, lowest: float, highest: float, *, missing: bool) -> str:
    """A diazepam equivalent with its range: "about 20 mg (15 to 30)"."""
    text = f"{'at least' if missing else 'about'} {mg(amount)} mg"
    low, high = mg(lowest), mg(highest)
    return text if low == high else f"{text} ({low} to {high})"


def equivalent_of_days(amount: str, missing: Sequence[str], start: int, end: int) -> str:
    """The diazepam equivalent of some days, with what it leaves out."""
    without = f", without {words.listed(missing)}" if missing else ""
    return f"Diazepam equivalent {amount}{without}, {_from_to(start, end)}"


def exposure(episode: Episode) -> str:
    """An exposure episode: its first and last day, and how many of them were exposed."""
    return (
        f"Exposure from {_from_to(episode.start, episode.end)}: "
        f"{words.days(episode.exposed_days(episode.start, episode.end))}"
    )


def together(name: str, start: int, end: int) -> str:
    """A medicine in hand on the same days as a benzodiazepine or Z-drug."""
    return (
        f"{words.sentence_case(name)} together with a benzodiazepine or Z-drug "
        f"from {_from_to(start, end)}"
    )


def paused_taper(drug: str, from_mg: float, at_mg: float) -> str:
    """A planned taper that waits on a dose, for whoever does not see its drawing."""
    return f"{_planned_dose(drug, from_mg)}, paused at {words.amount(at_mg)} mg"


def taper(drug: str, from_mg: float, reductions: int, ends_on: date, half_on: date) -> str:
    """A planned taper down to none, for whoever does not see its drawing."""
    ends, half = words.day(ends_on.toordinal()), words.day(half_on.toordinal())
    return (
        f"{_planned_dose(drug, from_mg)}, coming down in {reductions} steps to none on {ends}; "
        f"half of it on {half}"
    )


def _planned_dose(drug: str, from_mg: float) -> str:
    return f"Planned dose of {drug}: {words.amount(from_mg)} mg a day"


def _from_to(start: int, end: int) -> str:
    return f"{words.day(start)} to {words.day(end)}"
