"""Which day it was somewhere: an instant is the day that the clocks of its time zone showed."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

# Seconds and the colon of the zone are left out by some.
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)")
_TIMED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?")
_LEAP_SECOND = re.compile(r"(T\d\d:\d\d):60")


def without_leap(said: str) -> str:
    """A leap second, which FHIR and RFC 3339 allow and Python does not know, is the one before."""
    return _LEAP_SECOND.sub(r"\1:59", said)


def there(said: str, zone: ZoneInfo) -> datetime | None:
    """The instant that a text says, as the clocks of `zone` show it; None where it says none."""
    if not _INSTANT.fullmatch(said):
        return None
    try:
        return datetime.fromisoformat(without_leap(said)).astimezone(zone)
    except (ValueError, OverflowError):
        return None


def day(said: str, zone: ZoneInfo) -> str:
    """The day of an instant in `zone`, in ISO form; a time without a zone is of its own day.

    Any other text is given back as it is.
    """
    if moment := there(said, zone):
        return moment.date().isoformat()
    return said[:10] if _TIMED.fullmatch(said) else said
