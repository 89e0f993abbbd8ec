"""The risk of dependence: bands of dose, regular use, and whether dependence is to be expected."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from reviews.rules.drug import BENZODIAZEPINE, Z_DRUG
from reviews.rules.equivalents import BAND, Scale
from reviews.rules.exposure import DatedUse, Episode, Stretch, count, stretches
from reviews.rules.parameters import MG, Limits, parameter
from reviews.rules.view import View

LOW, MODERATE, HIGH = LEVELS = ("low", "moderate", "high")


BANDS = (
    parameter("diazepam_low_to_mg", MG, "Diazepam, low band up to", 10),
    parameter("diazepam_high_over_mg", MG, "Diazepam, high band over", 15),
    parameter("clonazepam_low_to_mg", MG, "Clonazepam, low band up to", 0.5),
    parameter("clonazepam_high_over_mg", MG, "Clonazepam, high band over", 1.5),
    parameter("lorazepam_low_to_mg", MG, "Lorazepam, low band up to", 2),
    parameter("lorazepam_high_over_mg", MG, "Lorazepam, high band over", 3),
    parameter("alprazolam_low_to_mg", MG, "Alprazolam, low band up to", 1),
    parameter("alprazolam_high_over_mg", MG, "Alprazolam, high band over", 2),
)
"""The parameters of DOSE-05, which the dependence gate looks at as well."""
BAND_NAMES = tuple(each.name for each in BANDS)


class Banded(NamedTuple):
    """A dependence-risk band. `mg` is the diazepam equivalent it rests on and `tables` say by whose
    figures; without `mg` it rests on ASAM's own figure for the drug."""

    level: str
    mg: float | None = None
    tables: tuple[str, ...] = ()


def band_limits(view: View) -> Limits | None:
    """The limits of the bands; None under a book without DOSE-05."""
    return view.limits_of("DOSE-05", *BAND_NAMES)


def banded(scale: Scale, limit: Limits, stretch: Stretch) -> Banded | None:
    """The dependence-risk band of a stretch, with its figures; None = not known.

    One drug with figures of its own is held against these. Any other drug, and several together,
    are held against 10 and 15 mg in diazepam equivalents: the low figures of ASAM where there are
    some, else the highest figure of any table. Where a dose or figure is missing, only a band that
    the others reach without it, the high one, is known.
    """
    amounts: dict[str, float] = {}
    missing = False
    for part in stretch.parts:
        if part.use.mask & BENZODIAZEPINE:
            if part.mg is None:
                missing = True
                continue
            key = part.use.drug.key
            amounts[key] = amounts.get(key, 0.0) + part.mg
    found = _by_own_figures(amounts, limit)
    if found is None and amounts:
        found, unknown = _by_equivalents(scale, amounts, limit)
        missing = missing or unknown
    if found is None or (missing and found.level != HIGH):
        return None
    return found


def _by_own_figures(amounts: dict[str, float], limit: Limits) -> Banded | None:
    """The band of one drug for which ASAM has figures."""
    if len(amounts) != 1:
        return None
    ((key, mg),) = amounts.items()
    if f"{key}_low_to_mg" not in limit:
        return None
    return Banded(_level(mg, limit[f"{key}_low_to_mg"], limit[f"{key}_high_over_mg"]))


def _by_equivalents(scale: Scale, amounts: dict[str, float], limit: Limits) -> tuple[Banded, bool]:
    """The band of several drugs, or of one without figures of its own; was any not known?"""
    total, tables, unknown = 0.0, {}, False
    for key, mg in amounts.items():
        factor = scale.factors[key]
        if f"{key}_low_to_mg" in limit:
            total += mg * 10 / limit[f"{key}_low_to_mg"]
            tables[BAND] = None
        elif factor is None:
            unknown = True
        else:
            total += mg * factor.highest
            tables[factor.top] = None
    level = _level(total, limit["diazepam_low_to_mg"], limit["diazepam_high_over_mg"])
    return Banded(level, total, tuple(tables)), unknown


def _level(mg: float, low: float, high: float) -> str:
    # The tolerance keeps binary fractions from passing a limit.
    if mg <= low + 1e-9:
        return LOW
    return HIGH if mg > high + 1e-9 else MODERATE


def regular_use(view: View, episode: Episode, until: int) -> bool:
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


def _consecutive(stretches: Iterable[Stretch], holds: Callable[[Stretch], bool], until: int) -> int:
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


def dependence(view: View, episode: Episode, until: int) -> str:
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
    bands = band_limits(view)
    if bands is not None and at <= _consecutive(
        mine, lambda each: _is_high(view.scale, bands, each), until
    ):
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


def dose_may_be_high(view: View, episode: Episode, until: int) -> list[DatedUse]:
    """Benzodiazepines of unknown dose, where with a high one dependence would be to be expected."""
    found = [
        span.use
        for span in episode.spans
        if span.use.mask & BENZODIAZEPINE and span.use.mg is None and span.start <= until
    ]
    days = until - episode.start + 1
    return found if days >= view.limit["gate_high_band_days"] else []


def _is_high(scale: Scale, limit: Limits, stretch: Stretch) -> bool:
    found = banded(scale, limit, stretch)
    return found is not None and found.level == HIGH


UNLIKELY, POSSIBLE, LIKELY = "unlikely", "possible", "likely"
"""How likely dependence is at the end of a use for which it is to be thought of at all."""

NARROW_LABEL = frozenset({"triazolam"})
"""Medicines whose label ends before the 28 days of the others."""

LENGTHS = ("short_course_to_days", "likely_from_days", "earlier_within_days")
"""The parameters of STOP-01 by which the length of use decides."""


def likelihood(view: View, episode: Episode, until: int) -> str:
    """How likely dependence is on a day on which `dependence` is not empty.

    By length of use, dose and earlier courses, as Table 2 of ASAM 2025 does: likely from about 3
    months, or after a month of a moderate or high dose; unlikely at the end of a single course of
    at most 28 days without a high dose. An earlier seizure, and a length that is not known, count
    as likely; a dose that is not known as high.
    """
    limit = view.limits_of("STOP-01", *LENGTHS)
    if limit is None or view.touching(episode) or view.undated:
        return LIKELY
    if view.person.had("withdrawal_complication") or view.person.has("seizure"):
        return LIKELY
    if view.person.answer("withdrawal_complication") == "yes":
        return LIKELY
    days = episode.exposed_days(episode.start, until)
    earlier = view.exposed(limit["earlier_within_days"], episode.start - 1)
    if days + earlier >= limit["likely_from_days"]:
        return LIKELY
    level = dose_level(view, episode, until)
    if days > limit["short_course_to_days"]:
        return POSSIBLE if level == LOW else LIKELY
    narrow = any(span.use.drug.key in {*NARROW_LABEL, "alprazolam"} for span in episode.spans)
    return POSSIBLE if earlier or narrow or level not in (LOW, MODERATE) else UNLIKELY


def dose_level(view: View, episode: Episode, until: int) -> str | None:
    """The highest dose band of the last 28 days up to a day; None where a dose is not known.

    Z-drugs have no band: within the labelled maximum they count as low, beyond it as high, and
    beside a benzodiazepine as moderate at least.
    """
    limit = band_limits(view)
    if limit is None:
        return None
    first = until - view.limit["regular_window_days"] + 1
    found = [LOW]
    for stretch in stretches(list(episode.spans)):
        if stretch.end < first or stretch.start > until:
            continue
        z_drugs = [part for part in stretch.parts if part.use.mask & Z_DRUG]
        if len(z_drugs) < len(stretch.parts):
            band = banded(view.scale, limit, stretch)
            if band is None:
                return None
            found.append(band.level)
            if z_drugs:
                found.append(MODERATE)
        amounts: dict[str, float] = {}
        for part in z_drugs:
            most = part.use.drug.max_mg_per_day.get(view.profile, {}).get("adult")
            if part.mg is None or most is None:
                return None
            amounts[part.use.drug.key] = amounts.get(part.use.drug.key, 0.0) + part.mg / most
        if len(amounts) > 1 or any(share > 1 + 1e-9 for share in amounts.values()):
            found.append(HIGH)
    return max(found, key=LEVELS.index)
