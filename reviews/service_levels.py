"""How soon a case is to be answered, and for how long a decision holds.

Local policy: the periods follow the urgency tiers of the rule catalogue and are not guideline
values. Working days are Monday to Friday; public holidays are not known to the portal.
"""

from datetime import date, datetime, time, timedelta

from django.utils import timezone

from reviews.errors import BadRecord
from reviews.rules.finding import Severity

ANSWER_HOURS: dict[int, int] = {Severity.S1: 24}
ANSWER_WORKING_DAYS: dict[int, int] = {Severity.S2: 10, Severity.S3: 20}
SNOOZE_DAYS: dict[int, int] = {Severity.S1: 7, Severity.S2: 90, Severity.S3: 180}
SETTLED_DAYS: dict[int, int] = {Severity.S1: 28, Severity.S2: 90, Severity.S3: 180}
# "Keep under review" decides nothing, so it holds for less long, and never for an urgent flag.
REVIEW_DAYS: dict[int, int] = {Severity.S2: 28, Severity.S3: 90}
# How soon whoever is asked about a case is to answer; an urgent one by noon of the working day.
MESSAGE_WORKING_DAYS: dict[int, int] = {Severity.S1: 1, Severity.S2: 5, Severity.S3: 10}
NOON = time(12)
# How long what a professional register said of somebody is taken to hold.
REGISTER_CHECK_DAYS = 365


def due(severity: int, opened_at: datetime) -> datetime:
    """When a case of this severity, opened then, is to be answered."""
    if severity in ANSWER_HOURS:
        return opened_at + timedelta(hours=ANSWER_HOURS[severity])
    return after_working_days(opened_at, ANSWER_WORKING_DAYS[severity])


def message_due(severity: int, sent_at: datetime) -> datetime:
    """When a message on a case of this severity, sent then, is to be answered."""
    days = MESSAGE_WORKING_DAYS.get(severity, MESSAGE_WORKING_DAYS[Severity.S3])
    due = after_working_days(sent_at, days)
    if severity > Severity.S1:
        return due
    return timezone.make_aware(datetime.combine(due.date(), NOON))


def check_day(field: str, day: date | None, last: date) -> date:
    """The day, if it is after today and not after `last`. Raises `BadRecord` on `field`."""
    if day is None or not timezone.localdate() < day <= last:
        raise BadRecord(field, f"must be after today and not after {last:%-d %b %Y}")
    return day


def after_working_days(moment: datetime, days: int) -> datetime:
    """The same time of day so many working days later, as the practices' clocks tell it."""
    day = timezone.localtime(moment)
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < 5
    return day


def working_days(since: date, until: date) -> int:
    """Working days after `since` up to and including `until`, both days; below 0 if it is over."""
    if until < since:
        return -working_days(until, since)
    weeks, left = divmod((until - since).days, 7)
    return 5 * weeks + sum((since.weekday() + n) % 7 < 5 for n in range(1, left + 1))


def in_words() -> list[tuple[int, str]]:
    """What the portal promises, for people: `[(severity, "within 24 hours"), ...]`."""
    return [
        *((severity, f"within {hours} hours") for severity, hours in ANSWER_HOURS.items()),
        *(
            (severity, f"within {days} working days")
            for severity, days in ANSWER_WORKING_DAYS.items()
        ),
    ]
