"""The thresholds of rules: what a parameter is, and those that all rules share.

A rule's own parameters stand above its function. A limit ("at most 4 weeks") is passed when the
count is *over* it (`_over_days`); a criterion ("4 weeks or more") is met when the count *reaches*
it (`_from_days`).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from reviews.rules.codes import PROFILES

Limits: TypeAlias = Mapping[str, Any]
"""Name: value of the parameters of one rule under one profile, as a book holds them."""


class Kind(NamedTuple):
    """What sort of value a parameter holds: how its name ends, and its unit as shown.

    The name of a yes or no asks instead: `is_urgent`; its value is 1 for yes and 0 for no.
    """

    ending: str
    unit: str = ""
    yes_no: bool = False


DAYS = Kind("days", "days")
WEEKS = Kind("weeks", "weeks")
MONTHS = Kind("months", "months")
YEARS = Kind("years", "years")
MINUTES = Kind("minutes", "minutes")
PERCENT = Kind("percent", "%")
MG = Kind("mg", "mg")
ML_MIN = Kind("ml_min", "ml/min")
KPA = Kind("kpa", "kPa")
POINTS = Kind("points", "points")
ALCOHOL_UNITS = Kind("units", "UK units")
TIMES = Kind("times", "times")
COUNT = Kind("count")
TABLE = Kind("table")
YES_NO = Kind("", yes_no=True)
KINDS = (
    *(DAYS, WEEKS, MONTHS, YEARS, MINUTES, PERCENT, MG, ML_MIN, KPA),
    *(POINTS, ALCOHOL_UNITS, TIMES, COUNT, TABLE, YES_NO),
)


class Parameter(NamedTuple):
    """A threshold: its name in a rule book, its kind, its label, and its value by profile.

    A profile without a value has no such step.
    """

    name: str
    kind: Kind
    label: str
    values: Mapping[str, float | str]


def parameter(
    name: str, kind: Kind, label: str, value: float | str | None = None, **by_profile: float | str
) -> Parameter:
    """A parameter with one value in every profile, or with its own in those that are named."""
    values = {} if value is None else dict.fromkeys(PROFILES, value)
    return Parameter(name, kind, label, MappingProxyType(values | by_profile))


def limits(
    parameters: tuple[Parameter, ...], profiles: tuple[str, ...] = PROFILES
) -> dict[str, dict[str, float | str]]:
    """Profile: name: value, as a rule book holds the thresholds of one rule."""
    return {
        profile: {each.name: each.values[profile] for each in parameters if profile in each.values}
        for profile in profiles
    }


RENAMED = {"z_in_equivalents_count": "are_z_drugs_added_up", "urgent_count": "is_urgent"}
"""Parameters that books published earlier hold under another name."""


def as_named_now(limits: Mapping[str, Any]) -> dict[str, Any]:
    """The thresholds of a book, which may be an old one, by the names that the rules ask for."""
    return {RENAMED.get(name, name): value for name, value in limits.items()}


EXPOSURE = "EXPOSURE"
"""Not a rule: under this name a book holds the definitions that all rules share."""

SHARED = (
    parameter("gap_days", DAYS, "A gap that does not restart the clock, up to", 14),
    parameter("carry_forward_max_days", DAYS, "Early supply carried on, at most", 15),
    parameter("plausible_supply_max_days", DAYS, "Longest plausible supply", 120),
    parameter("restart_gap_days", DAYS, "An overlap starts anew after a gap of", 14),
    parameter("start_window_days", DAYS, "Counts as a start for", 28),
    parameter("palliative_indication_days", DAYS, "Palliative by the indication alone, for", 90),
    parameter("fentanyl_patch_tail_days", DAYS, "A fentanyl patch acts on for", 3),
    # Regular use and the dependence gate.
    parameter("regular_from_days", DAYS, "Regular use: exposed days, from", 16),
    parameter("regular_window_days", DAYS, "Regular use: in any", 28),
    parameter("gate_high_band_days", DAYS, "Dependence expected: high dose in a row, from", 14),
    parameter("gate_alprazolam_days", DAYS, "Dependence expected: alprazolam in a row, from", 14),
    parameter(
        "equivalents_table",
        TABLE,
        "Diazepam equivalents by",
        UK="SCOT2024",
        US="VADOD2021",
        EU="WHO2009",
    ),
    parameter("are_z_drugs_added_up", YES_NO, "Z-drugs added up in equivalents", 0, UK=1),
)
