"""Whether a person's record has been checked: by which rule book and when, or why not.

Silence means checked and clear, so whatever waits, failed or was never screened says so.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, Subquery

from reviews.models import ScreeningRequest

CHECKED, NOT_CHECKED = "checked", "not_checked"


@dataclass(frozen=True)
class Checked:
    """`book` and `at` tell of the last screening, if any; `reason` says why it does not hold."""

    state: str
    book: int | None
    at: datetime | None
    reason: str


def with_waiting(queryset, *, patient="pk"):
    """Add `waiting_since`: when the oldest change not yet screened was made, or None."""
    waiting = ScreeningRequest.objects.filter(
        patient=OuterRef(patient), priority=ScreeningRequest.Priority.CHANGE
    ).order_by("requested_at")
    return queryset.annotate(waiting_since=Subquery(waiting.values("requested_at")[:1]))


def of(patient, waiting_since, *, recorded_at=None):
    """The state of a patient, or of one record of theirs made at `recorded_at`.

    Needs `screening__version` of the patient selected with it.
    """
    screening = getattr(patient, "screening", None)
    at = screening.screened_at if screening else None
    book = screening.version.number if screening and screening.version else None
    if screening and screening.problem:
        reason = f"The last screening failed and will be tried again: {screening.problem}"
    elif waiting_since:
        reason = "A change waits to be screened."
    elif at is None or (recorded_at and at < recorded_at):
        reason = "Not screened yet."
    else:
        return Checked(CHECKED, book, at, "")
    return Checked(NOT_CHECKED, book, at, reason)
