"""Diazepam equivalents by named table, the days of a dose band, and the dependence gate.

A figure is never bare: it comes with the table it was read from and the range over all tables held.
Where a table gives a range, the conservative end counts (the smaller dose that equals diazepam
10 mg). A drug that the profile's table lacks takes the highest figure of any table held.
"""

from typing import NamedTuple

from reviews.rules import words
from reviews.rules.drug import BENZODIAZEPINE, BZRA
from reviews.rules.exposure import Episode, count, stretches
from reviews.rules.finding import Fact
from reviews.rules.memory import once_for_a_book

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


def factor(view, drug) -> Factor | None:
    """How a drug compares with diazepam under the profile's table, None when no table has it."""
    return _factors(view.book, view.limit["equivalents_table"])[drug.key]


@once_for_a_book
def _factors(book, table) -> dict[str, Factor | None]:
    return {key: compared(drug, table) for key, drug in book.drugs.items()}


def compared(drug, table) -> Factor | None:
    """How a drug compares with diazepam by a table, None when no table has it."""
    held = {name: mg for name, mg in drug.equivalents.items() if name not in NOT_FOR_SUMS}
    if not held:
        return None
    lowest = min(10 / high for _, high in held.values())
    highest = max(10 / low for low, _ in held.values())
    top = min(held, key=lambda name: (held[name][0], name))
    if table in held:
        return Factor(10 / held[table][0], table, lowest, highest, True, top)
    return Factor(highest, top, lowest, highest, False, top)


class Equivalent(NamedTuple):
    """Diazepam-equivalent mg a day, the range over the tables, the tables, and what is missing."""

    mg: float
    lowest: float
    highest: float
    tables: tuple[str, ...]
    missing: tuple

    def said(self) -> str:
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


def counts(view) -> int:
    """Whose mg are added up: benzodiazepines, and Z-drugs where the profile says so."""
    return BZRA if view.limit["z_in_equivalents_count"] else BENZODIAZEPINE


def equivalent(view, stretch) -> Equivalent:
    """What a stretch of days comes to; `missing` are the uses without a dose or a figure."""
    mask = counts(view)
    key = tuple([(part.use.drug.key, part.mg) for part in stretch.parts])
    known = view.memo.get(key)
    if known is not None:
        return known
    total = low = high = 0.0
    tables, missing = {}, []
    for part in stretch.parts:
        if not part.use.mask & mask:
            continue
        found = factor(view, part.use.drug)
        if found is None or part.mg is None:
            missing.append(part.use)
            continue
        total += part.mg * found.value
        low += part.mg * found.lowest
        high += part.mg * found.highest
        tables[found.table] = None
    found = Equivalent(total, low, max(high, total), tuple(tables), tuple(missing))
    if not missing:
        view.memo[key] = found
    return found


def daily(view) -> list[tuple[int, int, Equivalent]]:
    """(first day, last day, equivalent) of the current episodes, worked out once."""
    found = view.memo.get("daily")
    if found is None:
        found = view.memo["daily"] = [
            (stretch.start, stretch.end, equivalent(view, stretch)) for stretch in view.stretches
        ]
    return found


# --- bands -----------------------------------------------------------------------------------

LOW, MODERATE, HIGH = "low", "moderate", "high"


class Banded(NamedTuple):
    """A dependence-risk band. `mg` is the diazepam equivalent it rests on and `tables` say by whose
    figures; without `mg` it rests on ASAM's own figure for the drug."""

    level: str
    mg: float | None = None
    tables: tuple[str, ...] = ()


def band(view, stretch) -> str | None:
    """The dependence-risk band of a stretch, None = not known."""
    found = banded(view, stretch)
    return None if found is None else found.level


def banded(view, stretch) -> Banded | None:
    """The dependence-risk band of a stretch, with its figures.

    One drug with figures of its own is held against these. Any other drug, and several together,
    are held against 10 and 15 mg in diazepam equivalents: the low figures of ASAM where there are
    some, else the highest figure of any table. Where a dose or figure is missing, only a band that
    the others reach without it, the high one, is known.
    """
    limit = view.limits_of("DOSE-05")
    if limit is None:
        return None
    amounts: dict[str, float] = {}
    drugs = {}
    missing = False
    for part in stretch.parts:
        if part.use.mask & BENZODIAZEPINE:
            if part.mg is None:
                missing = True
                continue
            key = part.use.drug.key
            amounts[key] = amounts.get(key, 0.0) + part.mg
            drugs[key] = part.use.drug
    found = None
    if len(amounts) == 1:
        ((key, mg),) = amounts.items()
        if f"{key}_low_to_mg" in limit:
            found = Banded(_band(mg, limit[f"{key}_low_to_mg"], limit[f"{key}_high_over_mg"]))
    if found is None and amounts:
        total, tables = 0.0, {}
        for key, mg in amounts.items():
            if f"{key}_low_to_mg" in limit:
                total += mg * 10 / limit[f"{key}_low_to_mg"]
                tables[BAND] = None
                continue
            figure = factor(view, drugs[key])
            if figure is None:
                missing = True
                continue
            total += mg * figure.highest
            tables[figure.top] = None
        level = _band(total, limit["diazepam_low_to_mg"], limit["diazepam_high_over_mg"])
        found = Banded(level, total, tuple(tables))
    if found is None or (missing and found.level != HIGH):
        return None
    return found


def _band(mg, low, high):
    # The tolerance keeps binary fractions from passing a limit.
    if mg <= low + 1e-9:
        return LOW
    return HIGH if mg > high + 1e-9 else MODERATE


# --- dependence ------------------------------------------------------------------------------


def regular_use(view, episode: Episode, until: int) -> bool:
    """16 exposed days or more in 28 days that lie wholly inside the episode, up to a day."""
    limit = view.limit
    window, needed = limit["regular_window_days"], limit["regular_from_days"]
    last = min(until, episode.end)
    if last - episode.start + 1 < window:
        return False
    # The count is greatest in some window that begins with an interval or ends with one.
    firsts = {start for start, _ in episode.covered} | {
        end - window + 1 for _, end in episode.covered
    }
    firsts |= {episode.start, last - window + 1}
    return any(
        count(episode.covered, first, first + window - 1) >= needed
        for first in firsts
        if episode.start <= first <= last - window + 1
    )


def _consecutive(stretches, holds, until):
    """The longest run of days without a gap on which something holds, up to a day."""
    best = run = 0
    previous = None
    for stretch in stretches:
        if stretch.start > until:
            break
        if not holds(stretch):
            run, previous = 0, None
            continue
        days = min(stretch.end, until) - stretch.start + 1
        run = run + days if previous is not None and stretch.start == previous + 1 else days
        previous = stretch.end
        best = max(best, run)
    return best


def dependence(view, episode: Episode, until: int) -> str:
    """Why dependence is to be expected on a day (the dependence gate); empty when it is not."""
    limit = view.limit
    if regular_use(view, episode, until):
        return (
            f"{limit['regular_from_days']} exposed days or more in "
            f"{limit['regular_window_days']} days"
        )
    if any(each is episode for each in view.current or view.episodes[-1:]):
        mine = [each for each in view.stretches if episode.start <= each.start <= episode.end]
    else:  # the course of one drug, or an episode before one that is still to come
        mine = stretches(list(episode.spans))
    at = limit["gate_high_band_days"]
    if _consecutive(mine, lambda each: band(view, each) == HIGH, until) >= at:
        return f"a high dose on {at} days or more in a row"
    at = limit["gate_alprazolam_days"]
    if (
        _consecutive(
            mine,
            lambda each: any(part.use.drug.key == "alprazolam" for part in each.parts),
            until,
        )
        >= at
    ):
        return f"alprazolam on {at} days or more in a row"
    return ""
