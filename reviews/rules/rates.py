"""Amounts and rates as exact fractions: one tablet a week is 1/7 a day, though 0.1429 is kept."""

from functools import lru_cache
from math import floor
from typing import TypeAlias

Exact: TypeAlias = tuple[int, int]
"""A fraction above or at nought as numerator and denominator, in lowest terms or not."""

KEPT = 10_000
"""Records keep four decimals."""
SIMPLE = 100
"""Two fractions of denominators up to this are further apart than numbers of four decimals."""


@lru_cache(maxsize=20_000)
def exact(number: float) -> Exact:
    """What a number of a record means, which is kept with four decimals.

    It is the one fraction of a denominator of at most 100 that rounds to it: 0.1429 is 1/7, 0.6667
    is 2/3. Where there is none it is what it says.
    """
    kept = round(number * KEPT)
    # Databases round a half up, Python to the even digit: both ends of what rounds to it belong.
    fraction = _simplest(2 * kept - 1, 2 * KEPT, 2 * kept + 1, 2 * KEPT)
    return fraction if fraction[1] <= SIMPLE else (kept, KEPT)


def _simplest(low: int, low_of: int, high: int, high_of: int) -> Exact:
    """The fraction with the smallest denominator from low/low_of to high/high_of, both included."""
    whole = -(-low // low_of)
    if whole * high_of <= high:
        return whole, 1
    whole -= 1
    # Both lie between two whole numbers: the same is asked of what is over, turned upside down.
    up, down = _simplest(high_of, high - whole * high_of, low_of, low - whole * low_of)
    return whole * up + down, up


def often(times: float) -> Exact:
    """What a number of times a day means: of two or three decimals a third or a seventh.

    0.43 is three times a week and 0.67 two days of three: nobody takes 43 doses in 100 days.
    """
    for decimals in (2, 3):
        if round(times, decimals) == times and round(times, 1) != times:
            for days in (3, 7, 6, 14):
                doses = round(times * days)
                if doses and round(doses / days, decimals) == times:
                    return doses, days
            break
    return exact(times)


def times(a: Exact, b: Exact) -> Exact:
    return a[0] * b[0], a[1] * b[1]


def whole_days(quantity: Exact, per_day: Exact) -> int:
    """The whole days that a quantity lasts at so much a day."""
    return quantity[0] * per_day[1] // (quantity[1] * per_day[0])


def value(fraction: Exact) -> float:
    return fraction[0] / fraction[1]


def whole(number: float) -> int:
    """Whole units of a quotient that is not exact: 27.999999999 is 28 lost to binary fractions."""
    return floor(number + 1e-6)
