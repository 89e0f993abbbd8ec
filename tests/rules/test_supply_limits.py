"""Limits of one supply count its days at the highest written rate."""

import pytest

from .book import fired, line

PRN = {"days_supply": None, "as_needed": True, "expected_per_day": 0.43, "max_per_day": 1}


@pytest.mark.parametrize(
    ("fields", "over", "why"),
    [
        ({"days": 30}, False, "30 days"),
        ({"days": 31}, True, "31 days"),
        (PRN | {"quantity": 14}, False, "14 days at one a day, though it lasts for 32"),
        (PRN | {"quantity": 31}, True, "31 days at one a day"),
        ({"days_supply": None, "quantity": 40, "dose_max": 2}, False, "20 days of two"),
        ({"days_supply": None, "quantity": 62, "dose_max": 2}, True, "31 days of two"),
        (PRN | {"quantity": 14, "days_supply": 31}, True, "31 days were recorded"),
    ],
)
def test_one_supply_is_measured_at_its_highest_rate(fields, over, why):
    found = fired(line(**fields))
    assert ("SUP-01" in found) is over, why
    assert ("LEG-01" in found) is over, why
