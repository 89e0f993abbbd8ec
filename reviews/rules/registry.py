"""The rules that exist, collected from their modules in the order in which they are asked.

The order matters to nobody: what a rule gives way to stands in `reviews.rules.precedence`.
"""

from collections.abc import Iterable
from inspect import isfunction
from types import ModuleType

from reviews.rules import (
    coprescribed,
    cumulative,
    deaths,
    doses,
    duplicates,
    duration,
    elderly,
    indicated,
    interactions,
    metabolism,
    opioids,
    patient,
    quality,
    reviewing,
    sedatives,
    stopping,
    substances,
    supply,
    tapers,
)
from reviews.rules.parameters import EXPOSURE, SHARED, limits
from reviews.rules.rule import THEMES, Rule, declared

__all__ = [
    "BY_ID",
    "JUDGE_DATA",
    "LEFT_OUT",
    "PARAMETERS",
    "RULES",
    "THEMES",
    "Rule",
    "by_id",
    "collected",
]

_MODULES = (
    opioids,
    sedatives,
    interactions,
    duplicates,
    coprescribed,
    metabolism,
    substances,
    duration,
    elderly,
    quality,
    deaths,
    cumulative,
    doses,
    patient,
    stopping,
    tapers,
    supply,
    reviewing,
    indicated,
)


def collected(module: ModuleType) -> list[Rule]:
    """The rules declared above the functions of a module, in the order of its source."""
    functions = [value for value in vars(module).values() if isfunction(value)]
    own = [each for each in functions if each.__module__ == module.__name__]
    return [found for each in own if (found := declared(each)) is not None]


def by_id(rules: Iterable[Rule]) -> dict[str, Rule]:
    """The rules by id; ValueError when two of them bear the same."""
    found: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in found:
            raise ValueError(f"Two rules are called {rule.id}.")
        found[rule.id] = rule
    return found


RULES: tuple[Rule, ...] = tuple(rule for module in _MODULES for rule in collected(module))
BY_ID = by_id(RULES)
JUDGE_DATA = frozenset(rule.id for rule in RULES if rule.judges_data)
"""Ids of the rules that find nothing but data missing or unknown."""
PARAMETERS = {EXPOSURE: limits(SHARED)} | {rule.id: rule.limits for rule in RULES}
"""Rule: profile: name: value, as this edition of the code proposes it for a book."""
LEFT_OUT = {
    "ELD-03": "an alias of DOSE-03",
    "DOSE-07": "rows of data for DOSE-02, no rule of its own",
    **{
        f"EXM-0{n}": "an exemption: it lowers or silences other rules and raises nothing itself"
        for n in range(1, 6)
    },
    "ESC-01": "a process: an urgent case is overdue after 24 hours and leads the queue",
    "ESC-02": "a process: a case for review is overdue after 10 working days",
    "KNW-01": "a process: a source past its next review is marked wherever it is cited",
    "MET-01": "a process: a rule's page shows how often it changed the plan; people judge",
    "MET-02": "a process: no expected rate is held, so that nobody is told of a rule's silence",
}
"""Ids of the clinical catalogue without a rule here, with the reason."""
