"""In proportion to use: both sides of each length (no database)."""

from decimal import Decimal

import pytest

from reviews.rules.dossier import Reading, Taper
from reviews.tapering import proportion
from tests.rules.book import BOOK, line, on, person


def proposed(*lines, **more):
    return proportion.of(person(*lines, **more), BOOK)


def in_use(days, text="zopiclone 3.75 mg tablets"):
    """So many days by today; the last supply may run on."""
    return [line(text, start=start) for start in range(1 - days, 1, 28)]


@pytest.mark.parametrize(
    ("days", "percent", "none_needed"),
    [
        (27, 25, True),
        (28, 25, False),
        (89, 25, False),
        (90, 10, False),
        (1820, 10, False),
    ],
)
def test_the_pace_follows_the_length_of_use(days, percent, none_needed):
    found = proposed(*in_use(days))
    assert (found.days, found.none_needed) == (days, none_needed)
    assert found.pace.percent == Decimal(percent)


def test_no_taper_is_said_with_its_source():
    found = proposed(*in_use(20))
    assert "after less than 28 days a taper is not usually needed" in found.said
    assert [source.issuer for source in found.sources] == [
        "Royal Australian College of General Practitioners"
    ]


def test_a_pace_by_length_is_said_to_be_local_policy():
    assert [source.verified for source in proposed(*in_use(100)).sources] == [True, False]


def test_a_short_record_of_long_use_is_long_use():
    """20 days on record, but she says that it is in use since two years."""
    said = (Reading(1, "in_use_since", on=on(-1), text=on(-730).isoformat()),)
    found = proposed(*in_use(20), readings=said)
    assert (found.none_needed, found.pace.percent) == (False, 10)
    assert "dependence is to be expected" in found.said


@pytest.mark.parametrize(("days", "none_needed"), [(13, True), (14, False)])
def test_alprazolam_is_no_short_use_from_two_weeks(days, none_needed):
    found = proposed(*in_use(days, "alprazolam 0.5 mg tablets"))
    assert found.none_needed is none_needed


def test_a_taper_that_was_given_up_asks_for_the_smallest_steps():
    failed = Taper(id=1, drug="zopiclone", status="failed")
    found = proposed(*in_use(20), tapers=(failed,))
    assert (found.none_needed, found.pace.percent) == (False, 5)


def test_a_length_that_is_not_known_is_asked_for():
    found = proposed(line("zopiclone 3.75 mg tablets", start=-20, days_supply=None, quantity=None))
    assert (found.days, found.none_needed) == (None, False)
    assert "say since when" in found.said
