"""When a case is due: hours for the urgent, working days for the others, by the local clock."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from reviews import service_levels
from reviews.rules.finding import Severity

LONDON, UTC = ZoneInfo("Europe/London"), ZoneInfo("UTC")
S1, S2, S3 = Severity.S1, Severity.S2, Severity.S3


@pytest.mark.parametrize(
    ("severity", "opened", "due", "why"),
    [
        (S1, (2026, 11, 20, 17), (2026, 11, 21, 17), "urgent: a day, also at the weekend"),
        (S2, (2026, 11, 20, 17), (2026, 12, 4, 17), "from a Friday, two weeks"),
        (S2, (2026, 11, 21, 9), (2026, 12, 4, 9), "from a Saturday, as from the Friday before"),
        (S2, (2026, 11, 23, 9), (2026, 12, 7, 9), "from a Monday"),
        (S3, (2026, 11, 20, 17), (2026, 12, 18, 17), "twenty working days, four weeks"),
        (S2, (2026, 10, 16, 9), (2026, 10, 30, 9), "the clock goes back, the hour stays"),
        (S1, (2026, 10, 24, 9), (2026, 10, 25, 8), "24 hours are 24 hours, whatever the clock"),
    ],
)
def test_due(severity, opened, due, why):
    opened = datetime(*opened, tzinfo=LONDON).astimezone(UTC)
    assert service_levels.due(severity, opened) == datetime(*due, tzinfo=LONDON), why


def test_the_day_is_that_of_the_local_clock():
    friday_in_utc = datetime(2026, 7, 3, 23, 30, tzinfo=UTC)  # Saturday, 00:30, in London
    monday = service_levels.after_working_days(friday_in_utc, 1)
    assert monday == datetime(2026, 7, 6, 0, 30, tzinfo=LONDON)


@pytest.mark.parametrize(
    ("since", "until", "days"),
    [
        (date(2026, 11, 20), date(2026, 11, 20), 0),
        (date(2026, 11, 20), date(2026, 11, 22), 0),
        (date(2026, 11, 20), date(2026, 11, 23), 1),
        (date(2026, 11, 22), date(2026, 12, 4), 10),
        (date(2026, 11, 20), date(2026, 12, 4), 10),
        (date(2026, 12, 4), date(2026, 11, 20), -10),
    ],
)
def test_working_days_between(since, until, days):
    assert service_levels.working_days(since, until) == days


@pytest.mark.parametrize("severity", [S2, S3])
@pytest.mark.parametrize("day", range(1, 15))
def test_counting_agrees_with_adding(severity, day):
    opened = datetime(2026, 11, day, 12, tzinfo=LONDON)
    due = service_levels.due(severity, opened)
    left = service_levels.working_days(opened.date(), due.date())
    assert left == service_levels.ANSWER_WORKING_DAYS[severity]
