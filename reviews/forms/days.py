"""Days as people type them, read without guessing and echoed in words.

Native date pickers use the browser's order and may show 12/04; so days are text: "4 Dec 2026",
"4/12/2026" (day first), "2026-12-04", or "+14d" from today.
"""

import re
from datetime import date, datetime, timedelta

from django import forms
from django.utils import timezone

from reviews.errors import BadRecord
from reviews.records import FIRST_DAY, LAST_DAY
from reviews.rules import words

FORMATS = ("%d %b %Y", "%d %B %Y", "%d/%m/%Y", "%d.%m.%Y", "%Y-%m-%d")
HOW = "must be a day such as 4 Dec 2026, 4/12/2026 or +14d"
OUTSIDE = f"is outside {FIRST_DAY.year} to {LAST_DAY.year}"


def parse_day(text: str, today: date) -> date | None:
    """The day that `text` names, or None for no text. Raises ValueError.

    Days end long before the calendar does, so that whoever adds some to one, or asks which instant
    its midnight is anywhere, still has a day.
    """
    text = " ".join(text.split())
    if not text:
        return None
    day = _day(text, today)
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(OUTSIDE)
    return day


def _day(text: str, today: date) -> date:
    ahead = re.fullmatch(r"([+-])(\d{1,4}) ?d(ays?)?", text)
    if ahead:
        return today + timedelta(days=int(ahead[1] + ahead[2]))
    for known in FORMATS:
        try:
            return datetime.strptime(text, known).date()  # noqa: DTZ007 a day has no zone
        except ValueError:
            continue
    raise ValueError(HOW)


def read_day(text: str, field: str) -> date | None:
    """`parse_day` for a view: raises `BadRecord` naming the field."""
    try:
        return parse_day(text, timezone.localdate())
    except ValueError as error:
        raise BadRecord(field, str(error)) from error


class DayField(forms.Field):
    """A form field for such a day; shows what it holds with the month in words."""

    widget = forms.TextInput(attrs={"inputmode": "text", "autocomplete": "off"})

    def to_python(self, value: date | str | None) -> date | None:
        if isinstance(value, date) or not value:
            return value or None
        try:
            return parse_day(value, timezone.localdate())
        except ValueError as error:
            raise forms.ValidationError(words.sentence_case(str(error))) from error

    def prepare_value(self, value: date | str | None) -> str | None:
        return f"{value:%-d %b %Y}" if isinstance(value, date) else value
