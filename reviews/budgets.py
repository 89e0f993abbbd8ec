"""Whether a burden passes its budget by more than chance: an exact test, many times over a stage.

A stage is looked at again and again, so that by chance alone some look would see too much. Each
look has a share of `CHANCE`, and all shares of a stage come to no more than that.
"""

from functools import lru_cache
from math import exp, floor, lgamma, log, log1p

CHANCE = 0.05
"""How often at most a stage stops whose burden is truly at its budget; design, unverified."""
MEASURES = 2
"""Cases and urgent cases are tested apart."""


def share(*, practices: int, day: int, look: int) -> float:
    """The chance of a false halt that one test of a practice may spend.

    `practices` began together; `day` and `look` count from 1. 1/2 + 1/6 + 1/12 + ... comes to 1.
    """
    return CHANCE / practices / MEASURES / (day * (day + 1)) / (look * (look + 1))


@lru_cache(maxsize=4096)
def halts_at(*, people: int, in_use: int, per_100: float, chance: float) -> int | None:
    """The fewest cases that stop a practice: so many come with at most this chance at the budget.

    `people` are all who could have a case, one at most each; the budget is `per_100` of those who
    are `in_use`. None where even a case of each of them would not do.
    """
    mean = per_100 * in_use / 100
    if people == 0 or mean >= people:
        return None
    # Whoever differs in how likely a case is, the binomial tail is no smaller from here on.
    fewest = floor(mean) + 2
    tail, found = 0.0, None
    for cases in range(people, fewest - 1, -1):
        tail += _exactly(cases, people, mean / people)
        if tail > chance:
            break
        found = cases
    return found


def _exactly(cases: int, people: int, each: float) -> float:
    """The binomial probability of so many cases."""
    if each == 0:
        return 0.0
    ways = lgamma(people + 1) - lgamma(cases + 1) - lgamma(people - cases + 1)
    return exp(ways + cases * log(each) + (people - cases) * log1p(-each))
