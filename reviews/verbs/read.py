"""What somebody saw: opened, printed, searched for, read over the API. Each becomes an event.

Written before the answer goes out, one row committed at once: an answer that cannot be recorded is
not given, and a process that dies afterwards loses nothing. Nothing is sampled or gathered first.
"""

from collections.abc import Iterable

from django.contrib.auth.models import User

from reviews import audit
from reviews.audit import Event
from reviews.models import Patient


def opened(*, patient: Patient, page: str, by: User, case: int | None = None) -> None:
    """A page about a patient was shown; `page` is its name among the addresses."""
    detail = {"page": page} | ({"case": case} if case else {})
    audit.record(
        by,
        Event.RECORD_OPENED,
        practice_id=patient.practice_id,
        patient_id=patient.pk,
        subject=patient,
        **detail,
    )


def printed(*, patient: Patient, page: str, by: User) -> None:
    """A browser was told to print a page about a patient."""
    audit.record(
        by,
        Event.RECORD_PRINTED,
        practice_id=patient.practice_id,
        patient_id=patient.pk,
        subject=patient,
        page=page,
    )


def searched(*, typed: str, shown: Iterable[int], by: User) -> None:
    """A search showed these patients."""
    audit.record(by, Event.SEARCH_MADE, typed=typed, shown=sorted(set(shown)))


def exported(*, rows: dict[str, int], digest: str, with_text: bool, operator: str) -> None:
    """The live record is about to be handed out as files, to whoever works on the server."""
    what = "the live record as CSV" + (", conditions as worded" if with_text else "")
    audit.record(
        None,
        Event.EXPORT_MADE,
        what=what,
        rows=rows,
        form="CSV",
        reason=f"asked for on the server by {operator}",
        digest=digest,
    )


def over_api(
    *, resource: str, query: dict[str, str], patients: Iterable[int], rows: int, by: User
) -> None:
    """Rows of a resource went out, of these patients."""
    audit.record(
        by,
        Event.API_READ,
        resource=resource,
        rows=rows,
        query=query,
        shown=sorted(set(patients)),
    )
