"""The form of a structured medication review, read from what was sent."""

from datetime import date
from typing import NamedTuple

from django.http import QueryDict
from django.utils import timezone

from reviews.errors import BadRecord
from reviews.forms.days import parse_day
from reviews.structured_reviews import DONE, PARTS, Given

DAYS = ("reviewed_on", "egfr_on", "next_on")


class Read(NamedTuple):
    """What could be read of a form, and the first thing that could not."""

    given: Given
    refusal: BadRecord | None


def read(posted: QueryDict) -> Read:
    """The answers of a form. A day or number that cannot be read is told, and the rest is kept."""
    today = timezone.localdate()
    refusal: BadRecord | None = None
    days: dict[str, date | None] = {}
    for name in DAYS:
        try:
            days[name] = parse_day(posted.get(name, ""), today)
        except ValueError as error:
            days[name] = None
            refusal = refusal or BadRecord(name, str(error))
    egfr = None
    if text := posted.get("egfr", "").strip():
        try:
            egfr = float(text.replace(",", "."))
        except ValueError:
            refusal = refusal or BadRecord("egfr", "must be a number")
    answers = {
        part.key: tuple(dict.fromkeys(code for code in posted.getlist(f"a-{part.key}") if code))
        for part in PARTS
    }
    given = Given(
        outcome=posted.get("outcome", DONE),
        reviewed_on=days["reviewed_on"] or today,
        answers={key: codes for key, codes in answers.items() if codes},
        words={part.key: posted.get(f"w-{part.key}", "").strip() for part in PARTS},
        unchanged=posted.get("unchanged") == "yes",
        egfr=egfr,
        egfr_on=days["egfr_on"],
        matters=posted.get("matters", ""),
        next_on=days["next_on"],
        note=posted.get("note", ""),
    )
    return Read(given, refusal)
