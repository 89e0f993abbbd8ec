"""How much a case weighs in the queue among others as severe: stated as a table, shown as words.

Local policy and no guideline: the order in which to look, never a score of somebody's risk. Nobody
is decided on by it. docs/clinical-safety.md has the table.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

from reviews.rules import words
from reviews.rules.birth import possible_birth_date
from reviews.rules.finding import Finding
from reviews.rules.matters import fact, titles

OPIOIDS = frozenset({"OPI-01", "OPI-02"})
DOSE_FACT = "dde_mg"
FIRST_LIMIT_DAYS = 28


class Step(NamedTuple):
    """So many points from this value on."""

    at_least: float
    points: int


# What counts, and from which value on how much; of the steps of one, the highest that is reached.
WEIGHTS: Mapping[str, tuple[Step, ...]] = {
    "opioid": (Step(1, 40),),
    "dde_mg": (Step(10, 10), Step(20, 15), Step(40, 25)),
    "age": (Step(65, 10), Step(75, 20), Step(85, 25)),
    "matters": (Step(2, 5), Step(3, 10), Step(4, 15), Step(5, 20)),
    "past_days": (Step(1, 5), Step(93, 10), Step(153, 15), Step(338, 20)),
}
MOST = sum(steps[-1].points for steps in WEIGHTS.values())


class Weighed(NamedTuple):
    """What a case was weighed by; None where it is not known, which weighs nothing.

    `dde_mg` is the diazepam equivalent a day, `past_days` the days of exposure after day 28.
    """

    opioid: int
    dde_mg: float | None
    age: int | None
    matters: int
    past_days: int | None

    @property
    def points(self) -> int:
        return sum(points(name, value) for name, value in self._asdict().items())


def points(name: str, value: float | None) -> int:
    """The points for one of the WEIGHTS."""
    if value is None:
        return 0
    return max((step.points for step in WEIGHTS[name] if value >= step.at_least), default=0)


def dose(findings: Iterable[Finding]) -> float | None:
    """The highest diazepam equivalent a day that a finding states, in mg."""
    said = [fact(finding, DOSE_FACT) for finding in findings]
    return max((float(mg) for mg in said if mg is not None), default=None)


def age(birth_date: date | None, today: date) -> int | None:
    """Completed years; None without a birth date that can be."""
    born = possible_birth_date(birth_date, today=today)
    if born is None:
        return None
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def weigh(
    open_rules: Iterable[str], *, dde_mg: float | None, age: int | None, days: int | None
) -> Weighed:
    """Weigh a case by the rules of its open findings; `days` are those of the exposure."""
    rules = list(open_rules)
    return Weighed(
        opioid=int(not OPIOIDS.isdisjoint(rules)),
        dde_mg=dde_mg,
        age=age,
        matters=len(titles(rules)),
        past_days=None if days is None else max(0, days - FIRST_LIMIT_DAYS),
    )


def in_words(weighed: Mapping[str, Any]) -> list[str]:
    """What of a kept `Weighed` counted, the heaviest first: "age 79", "103 days past day 28".

    Its matters, the opioid among them, are not said again: a row names each.
    """
    days = int(weighed.get("past_days") or 0)
    said = {
        "dde_mg": f"about {words.amount(weighed.get('dde_mg') or 0)} mg diazepam a day or its like",
        "age": f"age {weighed.get('age')}",
        "past_days": f"{words.days(days)} past day {FIRST_LIMIT_DAYS}",
    }
    counted = [(points(name, weighed.get(name)), name) for name in said]
    return [said[name] for count, name in sorted(counted, key=lambda one: -one[0]) if count]
