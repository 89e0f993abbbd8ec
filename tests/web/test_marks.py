"""Small marks: days in words, ages, how soon, how long exposed."""

from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from reviews.templatetags import portal


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (date(2026, 12, 4), "4 Dec 2026"),
        ("2026-12-04", "4 Dec 2026"),
        (date(2026, 4, 12), "12 Apr 2026"),
        (None, ""),
    ],
)
def test_days_name_the_month(value, said):
    assert portal.day(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(7.5, "7.5"), ("7.5000", "7.5000"), (10.0, "10"), (0.0001, "0.0001"), (None, "not known")],
)
def test_numbers_without_needless_noughts_and_the_unknown_in_words(value, said):
    assert portal.number(value) == said


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_severity_is_words_besides_its_colour(level):
    mark = portal.severity(level)
    assert f"severity s{level}" in mark
    assert portal.SEVERITY[level] in mark


@pytest.mark.parametrize(
    ("away", "said"),
    [
        (timedelta(days=-3), "Overdue 3 d"),
        (timedelta(days=14), "10 working days"),
    ],
)
def test_how_soon_in_words(away, said):
    assert said in portal.due(SimpleNamespace(due_at=timezone.now() + away))


def exposure(days, ends_in):
    ends = timezone.localdate() + timedelta(days=ends_in)
    return {"days": days, "end_on": ends.isoformat(), "drugs": ["diazepam"], "known": True}


@pytest.mark.parametrize(
    ("days", "ends_in", "taken", "kinds"),
    [
        (20, 0, 20, ["early"]),
        (29, 0, 29, ["early", "past"]),
        (29, 14, 15, ["early"]),
        (121, 0, 121, ["early", "past", "beyond"]),
        (400, 5, 395, ["early", "past", "beyond"]),
        (14, 30, 0, []),  # all of it is still to come
    ],
)
def test_the_gauge_tells_taken_from_supplied(days, ends_in, taken, kinds):
    drawn = portal.gauge(exposure(days, ends_in))
    assert drawn["taken"] == taken
    assert [part["kind"] for part in drawn["parts"]] == kinds
    ends = [part["x"] + part["width"] for part in [*drawn["parts"], drawn["ahead"]]]
    assert max(ends) <= portal.GAUGE_WIDTH


def test_an_ended_episode_is_said_to_have_ended():
    assert portal.gauge(exposure(40, -20))["over"]
    assert not portal.gauge(exposure(40, 0))["over"]


@pytest.mark.parametrize(
    ("unit", "value", "said"),
    [("days", 1, "day"), ("days", 2, "days"), ("days", 1.5, "days"), ("mg a day", 1, "mg a day")],
)
def test_a_unit_goes_with_its_number(unit, value, said):
    assert portal.counted(unit, value) == said
