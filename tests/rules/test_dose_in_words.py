"""A dose as the pages say it: ranges, and rates as people know them."""

import pytest

from reviews.drawing.labels import dose

from .book import line


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "1 tablet once a day"),
        ({"dose": 2, "times_per_day": 2}, "2 tablets twice a day"),
        ({"dose_max": 2}, "1 to 2 tablets once a day"),
        ({"dose": None, "dose_max": 2}, "up to 2 tablets once a day"),
        ({"dose": 2, "dose_max": 2}, "2 tablets once a day"),
        ({"times_per_day_max": 3}, "1 tablet 1 to 3 times a day"),
        ({"times_per_day": None, "times_per_day_max": 3}, "1 tablet up to 3 times a day"),
        ({"times_per_day": 0.5}, "1 tablet every other day"),
        ({"times_per_day": 0.1429}, "1 tablet once a week"),
        ({"times_per_day": 0.4286}, "1 tablet 3 times a week"),
        ({"times_per_day": 0.3333}, "1 tablet every 3 days"),
        (
            {"as_needed": True, "dose_max": 2, "max_per_day": 6},
            "1 to 2 tablets once a day if needed, at most 6 a day",
        ),
        ({"as_needed": True, "times_per_day": 3}, "1 tablet 3 times a day if needed"),
        ({"as_needed": True, "times_per_day": None}, "1 tablet if needed"),
        ({"times_per_day": 0.43}, "1 tablet 3 times a week"),
        ({"dose": None}, ""),
    ],
)
def test_a_dose_is_said(fields, said):
    assert dose(line(**fields)) == said
