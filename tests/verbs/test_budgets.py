"""The decision whether a stage stops: an exact test, and what chance alone may do over a stage."""

import random
from bisect import bisect_left
from fractions import Fraction
from itertools import accumulate
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviews.budgets import CHANCE, halts_at, share

BUDGETS = (60, 8)
"""Cases and urgent cases per 100."""
STAGES = 1_000


def tail(cases, people, each):
    """The exact chance of so many cases or more, in whole numbers."""
    return sum(
        comb(people, k) * each**k * (1 - each) ** (people - k) for k in range(cases, people + 1)
    )


@pytest.mark.parametrize(
    ("people", "in_use", "per_100", "chance", "fewest"),
    [
        (0, 0, 60, 0.05, None),
        (10, 10, 100, 0.05, None),  # a case of everybody is within a budget of 100
        (10, 10, 50, 0.05, 9),  # 9 or 10 of 10: 11 in 1,024
        (10, 10, 50, 0.011, 9),
        (10, 10, 50, 0.010, 10),  # 10 of 10: 1 in 1,024
        (10, 10, 50, 0.0009, None),  # even 10 of 10 is no rarer than this
        (100, 10, 50, 0.05, 10),  # of many people 5 are expected
        (10, 0, 50, 0.05, 2),  # nobody is in use, so none is expected
    ],
)
def test_both_sides_of_where_it_stops(people, in_use, per_100, chance, fewest):
    given = {"people": people, "in_use": in_use, "per_100": per_100, "chance": chance}
    assert halts_at(**given) == fewest


@settings(deadline=None)
@given(
    people=st.integers(1, 60),
    part=st.floats(0, 1),
    per_100=st.integers(1, 100),
    chance=st.floats(1e-6, 0.1),
)
def test_it_stops_at_the_first_count_that_is_rare_enough(people, part, per_100, chance):
    in_use = int(people * part)
    fewest = halts_at(people=people, in_use=in_use, per_100=per_100, chance=chance)
    mean = Fraction(per_100 * in_use, 100)
    if fewest is None:
        none_so_high = int(mean) + 2 > people
        assert none_so_high or tail(people, people, mean / people) > chance * (1 - 1e-9)
        return
    assert fewest > mean + 1
    assert tail(fewest, people, mean / people) <= chance * (1 + 1e-9)
    if fewest - 1 > mean + 1:
        assert tail(fewest - 1, people, mean / people) > chance * (1 - 1e-9)


@settings(deadline=None)
@given(
    people=st.integers(1, 80),
    per_100=st.integers(1, 90),
    chance=st.floats(1e-6, 0.05),
)
def test_less_chance_and_a_wider_budget_never_stop_it_sooner(people, per_100, chance):
    def at(**changes):
        usual = {"people": people, "in_use": people, "per_100": per_100, "chance": chance}
        found = halts_at(**{**usual, **changes})
        return people + 1 if found is None else found

    assert at(chance=chance / 2) >= at()
    assert at(per_100=per_100 + 10) >= at()


@settings(deadline=None)
@given(practices=st.integers(1, 9), days=st.integers(1, 60), looks=st.integers(1, 30))
def test_the_shares_of_a_stage_come_to_no_more_than_the_chance(practices, days, looks):
    spent = sum(
        share(practices=practices, day=day, look=look) * practices * 2
        for day in range(1, days + 1)
        for look in range(1, looks + 1)
    )
    assert spent <= CHANCE


def drawn(people, each):
    """A way to draw how many of `people` have a case, by the chance of each."""
    sums = list(
        accumulate(
            comb(people, k) * each**k * (1 - each) ** (people - k) for k in range(people + 1)
        )
    )
    return lambda chance: min(bisect_left(sums, chance), people)


def stops(practices, sizes, days, looks, draw, burden=1.0):
    """Whether a stage stops somewhere, when at each look the burden is drawn anew."""
    for size in sizes[:practices]:
        for day in range(1, days + 1):
            for look in range(1, looks + 1):
                chance = share(practices=practices, day=day, look=look)
                for budget in BUDGETS:
                    fewest = halts_at(people=size, in_use=size, per_100=budget, chance=chance)
                    cases = draw(size, budget * burden / 100)
                    if fewest is not None and cases >= fewest:
                        return True
    return False


@pytest.mark.parametrize(
    ("practices", "sizes"), [(1, (40,)), (1, (150,)), (3, (25, 60, 120))], ids=str
)
def test_a_book_that_changes_nothing_is_hardly_ever_stopped(practices, sizes):
    """1,000 stages of two weeks whose burden is truly at its budget: the worst that is within it.

    Each look is drawn anew, which gives chance the most occasions.
    """
    chances = random.Random(20261129)
    known = {}

    def draw(size, each):
        if (size, each) not in known:
            known[size, each] = drawn(size, each)
        return known[size, each](chances.random())

    halted = sum(stops(practices, sizes, 14, 4, draw) for _ in range(STAGES))
    assert halted <= STAGES * CHANCE


@settings(deadline=None)
@given(
    sizes=st.tuples(st.integers(1, 25), st.integers(1, 25)),
    parts=st.tuples(st.floats(0, 0.9), st.floats(0, 0.9)),
    chance=st.floats(1e-5, 0.025),
)
def test_people_who_differ_in_how_likely_a_case_is_do_not_stop_it_more_often(sizes, parts, chance):
    people = sum(sizes)
    mean = sizes[0] * parts[0] + sizes[1] * parts[1]
    fewest = halts_at(people=people, in_use=people, per_100=100 * mean / people, chance=chance)
    if fewest is None:
        return
    exactly = [
        [comb(size, k) * part**k * (1 - part) ** (size - k) for k in range(size + 1)]
        for size, part in zip(sizes, parts, strict=True)
    ]
    more = sum(
        one * other
        for first, one in enumerate(exactly[0])
        for second, other in enumerate(exactly[1])
        if first + second >= fewest
    )
    assert more <= chance * (1 + 1e-6)


@pytest.mark.parametrize(("size", "least"), [(25, 80), (60, 99), (120, 99)])
def test_a_burden_of_three_times_as_much_is_stopped_at_the_first_look(size, least):
    """From 20 per 100 to 60 per 100, at a budget of 25: how often in 100 that is at least."""
    fewest = halts_at(
        people=size, in_use=size, per_100=25, chance=share(practices=1, day=1, look=1)
    )
    assert tail(fewest, size, Fraction(60, 100)) > Fraction(least, 100)
