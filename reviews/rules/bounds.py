"""What of a rule may be changed in a rule book, by whom, and between what bounds.

The bounds are of the portal's own design, until a clinical lead signs others: no source gives them
(`AUTHORITY`). They keep a mistyped figure out of a book, and keep in it what protects from danger
today. Three kinds of rules:

- **safety floors** (`FLOORS`): opioids beside a benzodiazepine, an unsafe end of treatment, and
  what the record does not allow to judge. They can become graver, never quieter; their figures,
  and those that all rules count by, stay: nobody has signed which way each of them is stricter.
- **rules that can be urgent** (S1): they cannot be switched off or become a note, and what is
  urgent stays urgent.
- **all others**: anything between off and the most urgent that the rule itself may be.
"""

from collections.abc import Mapping
from math import isfinite
from types import MappingProxyType
from typing import NamedTuple, cast

from reviews.rules.equivalents import NOT_FOR_SUMS, TABLES
from reviews.rules.finding import INTERRUPT, NOTE, QUEUE
from reviews.rules.parameters import (
    EXPOSURE,
    KPA,
    MG,
    PERCENT,
    SHARED,
    TABLE,
    TIMES,
    YES_NO,
    Parameter,
)
from reviews.rules.policy import OFF, SEVERITY, SHOWN_FIELD
from reviews.rules.registry import BY_ID, RULES
from reviews.rules.rule import Rule

AUTHORITY = "design, unverified: the portal's own bounds, until a clinical lead signs others"

SHOWN = {
    INTERRUPT: "Interrupts at prescribing",
    QUEUE: "In the queue",
    NOTE: "As a note only",
    OFF: "Off",
}
"""How a rule is shown, by what a book holds as its `shown`; nothing is as the rule says."""
LEAST, MOST = 4, 1
"""The mildest severity and the most urgent one."""

_OPIOID = "an opioid beside a benzodiazepine or Z-drug can end a breath today"
_STOPPING = "an abrupt or too fast end of treatment can cause fits"
_UNKNOWN = "what could not be checked is never passed over in silence"
_CONTRAINDICATED = "it names a contraindication or an allergy, which is danger today"
FLOORS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("OPI-01", "OPI-02", "OPI-03", "OPI-04"), _OPIOID),
        **dict.fromkeys(("STOP-01", "STOP-02", "STOP-03", "TAP-01"), _STOPPING),
        **{rule.id: _UNKNOWN for rule in RULES if rule.judges_data},
        **dict.fromkeys(("ALG-01", "HEP-01", "MYA-01", "OLZ-01", "OXY-01"), _CONTRAINDICATED),
        EXPOSURE: "every rule counts supplies, gaps and starts by it",
    }
)
"""Id of a rule that nothing makes quieter: why."""

READ_BY_OTHERS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "ALC-02": frozenset({"alcohol_over_days"}),
        "DOSE-05": frozenset(each.name for each in BY_ID["DOSE-05"].parameters),
        "DUR-04": frozenset({"s2_over_days"}),
        "ODH-01": frozenset({"within_days"}),
        "PRG-01": frozenset(each.name for each in BY_ID["PRG-01"].parameters),
        "STOP-01": frozenset(each.name for each in BY_ID["STOP-01"].parameters),
        "SUI-01": frozenset({"within_days", "urgent_within_days", "phq9_from_points"}),
    }
)
"""Thresholds that other rules read too: no local policy moves them, or it would reach further than
it says."""

_FRACTIONS = (MG, KPA, TIMES, PERCENT)
# Where half to twice the software's figure is not what is wanted.
_OWN = {
    ("DUR-01", "s2_over_days"): (7, 120),
    ("DUR-01", "s3_over_days"): (7, 120),
    ("DUR-01", "s4_over_days"): (1, 60),
}


class Bounds(NamedTuple):
    """What a fact may hold: a number from `low` to `high`, or one of `choices` with its words.

    `is_whole` asks for a whole number. `may_be_local` says whether local policy may move it, and
    `why_not` why not. `floor` says what keeps it from becoming quieter; empty when nothing does.
    """

    low: float = 0
    high: float = 0
    choices: Mapping[object, str] = MappingProxyType({})
    is_whole: bool = True
    may_be_local: bool = True
    why_not: str = ""
    floor: str = ""

    @property
    def is_fixed(self) -> bool:
        """Whether nothing but what stands there may be."""
        return len(self.choices) == 1 or (not self.choices and self.low == self.high)


def parameter_of(rule_id: str, name: str) -> Parameter | None:
    """A parameter of a rule, or of what all rules share; None when there is none of that name."""
    rule = BY_ID.get(rule_id)
    held = SHARED if rule_id == EXPOSURE else () if rule is None else rule.parameters
    return next((each for each in held if each.name == name), None)


def fields_of(rule_id: str, profile: str) -> tuple[str, ...]:
    """The fields of a rule that can be changed under a profile, in the order of its page."""
    rule = BY_ID.get(rule_id)
    if rule is None:
        held = SHARED if rule_id == EXPOSURE else ()
        return tuple(each.name for each in held if profile in each.values)
    if profile not in rule.profiles:
        return ()
    steps = [f"{SEVERITY}{step}" for step in rule.severity.severities]
    own = [each.name for each in rule.parameters if profile in each.values]
    return (*own, *steps, SHOWN_FIELD)


def bounds(rule_id: str, field: str, profile: str) -> Bounds | None:
    """What a field may hold under a profile; None for what no such rule has there."""
    if field not in fields_of(rule_id, profile):
        return None
    if field == SHOWN_FIELD:
        return _of_shown(BY_ID[rule_id])
    if field.startswith(SEVERITY):
        return _of_severity(BY_ID[rule_id], int(field.removeprefix(SEVERITY)))
    parameter = parameter_of(rule_id, field)
    return None if parameter is None else _of_parameter(rule_id, parameter, profile)


def _of_shown(rule: Rule) -> Bounds:
    floor = FLOORS.get(rule.id, "")
    urgent = MOST in rule.severity.severities
    allowed = [QUEUE]
    if urgent:
        allowed = [INTERRUPT, QUEUE]
    if floor and rule.shown.interrupts:
        allowed = [INTERRUPT]
    if not floor and not urgent:
        allowed += [NOTE, OFF]
    if rule.severity.severities == (LEAST,):
        allowed = [NOTE] if floor else [NOTE, OFF]
    if urgent and not floor:
        floor = "it can be urgent, so it cannot be switched off or become a note"
    return Bounds(choices={each: SHOWN[each] for each in allowed}, floor=floor)


def _of_severity(rule: Rule, step: int) -> Bounds:
    floor = FLOORS.get(rule.id, "")
    if step == MOST and not floor:
        floor = "what is urgent stays urgent"
    mildest = step if floor else LEAST
    if not floor and MOST in rule.severity.severities:
        mildest, floor = max(step, 3), "it can be urgent, so its findings stay more than notes"
    allowed = range(min(rule.severity.severities), mildest + 1)
    return Bounds(choices={each: f"S{each}" for each in allowed}, floor=floor)


def _of_parameter(rule_id: str, parameter: Parameter, profile: str) -> Bounds:
    value, kind = parameter.values[profile], parameter.kind
    if rule_id == EXPOSURE:
        local = False, "every rule counts by it"
    elif parameter.name in READ_BY_OTHERS.get(rule_id, ()):
        local = False, "other rules read it too"
    elif kind is YES_NO:
        local = False, "it is a matter of the profile"
    else:
        local = True, ""
    if kind is TABLE:
        tables: dict[object, str] = {
            key: name for key, name in TABLES.items() if key not in NOT_FOR_SUMS
        }
        return Bounds(choices=tables, may_be_local=local[0], why_not=local[1])
    floor = FLOORS.get(rule_id, "")
    figure = cast(float, value)
    if kind is YES_NO:
        answers: dict[object, str] = {1: "yes", 0: "no"}
        if floor:
            answers = {int(figure): answers[int(figure)]}
        return Bounds(choices=answers, may_be_local=local[0], why_not=local[1], floor=floor)
    is_whole = kind not in _FRACTIONS
    if floor:
        low = high = figure
    else:
        low, high = _OWN.get((rule_id, parameter.name)) or _half_to_twice(figure, is_whole)
    return Bounds(
        low=low,
        high=high,
        is_whole=is_whole,
        may_be_local=local[0],
        why_not=local[1],
        floor=floor,
    )


def _half_to_twice(value: float, is_whole: bool) -> tuple[float, float]:
    if is_whole:
        return max(value // 2, 1), max(value * 2, 2)
    return value / 2, value * 2


class Refused(ValueError):
    """A value that a field may not hold, with the reason in words."""


def checked(rule_id: str, field: str, profile: str, value: object) -> float | str | None:
    """The value as a book holds it. Raises `Refused`, saying what may be there and why.

    What is as the rule says anyway is None: a severity given for itself.
    """
    allowed = bounds(rule_id, field, profile)
    if allowed is None:
        raise Refused(f"is no fact of {rule_id} in the {profile} profile")
    if allowed.choices:
        return _chosen(field, value, allowed)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise Refused("must be a number")
    if allowed.is_whole and value != int(value):
        raise Refused("must be a whole number")
    if not allowed.low <= value <= allowed.high:
        if allowed.floor:
            raise Refused(f"stays {allowed.low:g}: a safety floor, {allowed.floor}")
        raise Refused(f"must be from {allowed.low:g} to {allowed.high:g}")
    return int(value) if value == int(value) else value


def _chosen(field: str, value: object, allowed: Bounds) -> float | str | None:
    if value is None:
        if field == SHOWN_FIELD or field.startswith(SEVERITY):
            return None
        raise Refused("must be given")
    if isinstance(value, bool) or value not in allowed.choices:
        listed = ", ".join(allowed.choices.values())
        why = f": a safety floor, {allowed.floor}" if allowed.floor else ""
        raise Refused(f"must be one of {listed}{why}")
    if field == f"{SEVERITY}{value}":
        return None
    return cast(float | str, value)


class Step(NamedTuple):
    """Two parameters of a rule of which the first must not be more than the second."""

    first: str
    second: str


def steps_of(rule_id: str) -> list[Step]:
    """Which thresholds of a rule must stay in order: a milder step comes no later than a graver."""
    rule = BY_ID.get(rule_id)
    names = [] if rule is None else [each.name for each in rule.parameters]
    found = []
    for name in names:
        for mild, grave in (("s4_", "s3_"), ("s4_", "s2_"), ("s3_", "s2_")):
            if mild in name and (graver := name.replace(mild, grave)) in names:
                found.append(Step(name, graver))
        if name.endswith("_low_to_mg") and (high := name.replace("low_to", "high_over")) in names:
            found.append(Step(name, high))
    if {"over_mg", "urgent_over_mg"} <= set(names):
        found.append(Step("over_mg", "urgent_over_mg"))
    if {"urgent_within_days", "within_days"} <= set(names):
        found.append(Step("urgent_within_days", "within_days"))
    if {"exposed_from_days", "exposed_to_days"} <= set(names):
        found.append(Step("exposed_from_days", "exposed_to_days"))
    return found
