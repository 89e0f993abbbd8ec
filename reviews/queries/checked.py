"""Whether a person's record has been checked: by which rule book and engine, when, or why not.

Silence means checked and clear, so whatever waits, failed or was never screened says so.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

from django.db.models import Exists, Model, OuterRef, QuerySet, Subquery

from reviews.models import Patient, Prescription, ScreeningRequest, ScreeningRun

Row = TypeVar("Row", bound=Model)

CHECKED: Final = "checked"
NOT_CHECKED: Final = "not_checked"


@dataclass(frozen=True)
class Checked:
    """`book`, `engine` and `at` tell of the last screening; `reason` says why it does not hold.

    All three are None before the first one; `engine`, a name, also where it was before engines were
    recorded. `again`: a rescreen of many has the person on its list, so what was judged holds, and
    is being judged again.
    """

    state: Literal["checked", "not_checked"]
    book: int | None
    engine: str | None
    at: datetime | None
    again: bool
    reason: str


def last_screened() -> Any:
    """A query for when patients were screened last, whoever they were; no row before the first."""
    return ScreeningRun.objects.order_by("-pk").values_list("screened_at", flat=True)[:1]


def with_waiting(queryset: QuerySet[Row], *, patient: str = "pk") -> QuerySet[Row]:
    """Add `waiting_since` and `judged_again` to rows that belong to patients.

    That is when the oldest change not yet screened was made, or None, and whether the patient is on
    the list of a rescreen of many.
    """
    asked = ScreeningRequest.objects.filter(patient=OuterRef(patient))
    waiting = asked.filter(priority=ScreeningRequest.Priority.CHANGE).order_by("requested_at")
    return queryset.annotate(
        waiting_since=Subquery(waiting.values("requested_at")[:1]),
        judged_again=Exists(asked.filter(priority=ScreeningRequest.Priority.BULK)),
    )


def of(patient: Patient, row: Patient | Prescription) -> Checked:
    """The state of a patient, or of one prescription of theirs.

    `row` is of `with_waiting`: the patient or that record. Needs `screening__version` and
    `screening__engine` of the patient selected with it.
    """
    screening = getattr(patient, "screening", None)
    at = screening.screened_at if screening else None
    book = screening.version.number if screening and screening.version else None
    engine = screening.engine.name if screening and screening.engine else None
    again = at is not None and row.judged_again
    seen = screening is not None and _seen(row, screening.seen_through)
    if screening and screening.problem:
        reason = f"The last screening failed and will be tried again: {screening.problem}"
    elif row.waiting_since:
        reason = "A change waits to be screened."
    elif at is None or not seen:
        reason = "Not screened yet."
    else:
        return Checked(CHECKED, book, engine, at, again, "")
    return Checked(NOT_CHECKED, book, engine, at, again, reason)


def _seen(row: Patient | Prescription, seen_through: int | None) -> bool:
    """Whether a screening that read the record through that id had this version before it."""
    if isinstance(row, Patient):
        return True
    return seen_through is not None and row.pk <= seen_through
