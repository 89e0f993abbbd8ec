"""Diazepam equivalents by named table.

A figure is never bare: it comes with the table it was read from and the range over all tables held.
Where a table gives a range, the conservative end counts (the smaller dose that equals diazepam
10 mg). A drug that the profile's table lacks takes the highest figure of any table held.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from reviews.rules import words
from reviews.rules.drug import BENZODIAZEPINE, BZRA, Drug
from reviews.rules.exposure import DatedUse, Stretch
from reviews.rules.finding import Fact
from reviews.rules.memory import once_for_a_book
from reviews.rules.parameters import EXPOSURE

BAND = "ASAM_BAND"
NOT_FOR_SUMS = frozenset({"ALCOHOL", BAND})
TABLES = {
    "SCOT2024": "Scottish Government 2024",
    "VADOD2021": "VA/DoD 2021",
    "WHO2009": "WHO 2009",
    "ASHTON2002": "Ashton 2002",
    "BNF": "BNF",
    BAND: "ASAM 2025 bands",
}


class Factor(NamedTuple):
    """Diazepam mg for each mg of a drug: the one that counts, its table, and the range held.

    `top` is the table with the highest figure.
    """

    value: float
    table: str
    lowest: float
    highest: float
    own: bool
    top: str


def compared(drug: Drug, table: str) -> Factor | None:
    """How a drug compares with diazepam by a table, None when no table has it."""
    figures = {name: mg for name, mg in drug.equivalents.items() if name not in NOT_FOR_SUMS}
    if not figures:
        return None
    lowest = min(10 / high for _, high in figures.values())
    highest = max(10 / low for low, _ in figures.values())
    top = min(figures, key=lambda name: (figures[name][0], name))
    if table in figures:
        return Factor(10 / figures[table][0], table, lowest, highest, True, top)
    return Factor(highest, top, lowest, highest, False, top)


class Equivalent(NamedTuple):
    """Diazepam-equivalent mg a day, the range over the tables, the tables, and what is missing."""

    mg: float
    lowest: float
    highest: float
    tables: tuple[str, ...]
    missing: tuple[DatedUse, ...]

    def in_words(self) -> str:
        """ "30 mg diazepam equivalent (Scottish Government 2024; 15 to 30 over the tables)"."""
        shown = words.listed(TABLES.get(table, table) for table in self.tables)
        text = f"about {words.amount(round(self.mg, 1))} mg diazepam equivalent ({shown}"
        low, high = round(self.lowest, 1), round(self.highest, 1)
        if low != high:
            text += f"; {words.amount(low)} to {words.amount(high)} over the tables held"
        return f"{text})"

    def facts(self) -> tuple[Fact, ...]:
        shown = ", ".join(TABLES.get(table, table) for table in self.tables)
        low, high = (words.amount(round(mg, 1)) for mg in (self.lowest, self.highest))
        return (
            Fact("dde_mg", "Diazepam equivalent, about", round(self.mg, 2), "mg a day"),
            Fact("dde_table", "By the table of", shown),
            Fact(
                "dde_range_mg",
                "Range over the tables",
                low if low == high else f"{low} to {high}",
                "mg a day",
            ),
        )


class Scale(NamedTuple):
    """How drugs are compared with diazepam under a profile: a factor by key, None = no figure.

    `counted` are the bits of the classes whose mg are added up: benzodiazepines, and Z-drugs where
    the profile says so.
    """

    factors: Mapping[str, Factor | None]
    counted: int


@once_for_a_book
def scale(book, profile: str) -> Scale:
    """The scale of a book under a profile."""
    limit = book.rules[EXPOSURE][profile]
    return Scale(
        {key: compared(drug, limit["equivalents_table"]) for key, drug in book.drugs.items()},
        BZRA if limit["are_z_drugs_added_up"] else BENZODIAZEPINE,
    )


def equivalent(scale: Scale, stretch: Stretch) -> Equivalent:
    """What a stretch of days comes to; `missing` are the uses without a dose or a figure."""
    total = low = high = 0.0
    tables: dict[str, None] = {}
    missing: list[DatedUse] = []
    for part in stretch.parts:
        if not part.use.mask & scale.counted:
            continue
        factor = scale.factors[part.use.drug.key]
        if factor is None or part.mg is None:
            missing.append(part.use)
            continue
        total += part.mg * factor.value
        low += part.mg * factor.lowest
        high += part.mg * factor.highest
        tables[factor.table] = None
    return Equivalent(total, low, max(high, total), tuple(tables), tuple(missing))


class DailyEquivalent(NamedTuple):
    """The diazepam equivalent of each day from `start` to `end`, and the amounts it is made of."""

    start: int
    end: int
    dose: Equivalent
    stretch: Stretch


def daily(scale: Scale, stretches: Iterable[Stretch]) -> list[DailyEquivalent]:
    """The equivalents of stretches of days; the same amounts are added up once."""
    known: dict[tuple, Equivalent] = {}
    found = []
    for stretch in stretches:
        amounts = tuple([(part.use.drug.key, part.mg) for part in stretch.parts])
        dose = known.get(amounts)
        if dose is None:
            dose = equivalent(scale, stretch)
            if not dose.missing:
                known[amounts] = dose
        found.append(DailyEquivalent(stretch.start, stretch.end, dose, stretch))
    return found
