"""Numbers of four decimals as the fractions they mean."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviews.rules import rates
from reviews.rules.rates import exact


@pytest.mark.parametrize(
    ("number", "fraction"),
    [
        (0.1429, "1/7"),
        (1 / 7, "1/7"),
        (0.6667, "2/3"),
        (0.4286, "3/7"),
        (0.7143, "5/7"),
        (0.0119, "1/84"),
        (0.143, "143/1000"),
        (0.43, "43/100"),
        (0.035, "7/200"),
        (7.5, "15/2"),
        (2, "2"),
        (0.0001, "1/10000"),
    ],
)
def test_what_a_number_means(number, fraction):
    assert Fraction(*exact(number)) == Fraction(fraction)


@given(st.integers(1, 100), st.integers(1, 10_000))
def test_a_fraction_that_is_kept_with_four_decimals_comes_back(denominator, numerator):
    meant = Fraction(numerator, denominator)
    assert Fraction(*exact(round(float(meant), 4))) == meant
    assert Fraction(*exact(float(meant))) == meant


@given(st.floats(0.0001, 9_999_999))
def test_what_is_meant_rounds_to_what_is_kept(number):
    assert abs(Fraction(*exact(number)) - Fraction(round(number, 4))) <= Fraction(1, 19_999)


@pytest.mark.parametrize(
    ("quantity", "per_day", "days"),
    [(4, 1 / 7, 28), (12, 3 / 7, 28), (20, 5 / 7, 28), (28, 2 / 3, 42), (10, 1 / 3, 30)],
)
def test_a_supply_lasts_as_long_as_it_says(quantity, per_day, days):
    assert rates.whole_days(exact(quantity), exact(round(per_day, 4))) == days
    assert rates.whole_days(exact(quantity - 0.01), exact(per_day)) == days - 1
