"""What somebody saw: opened, printed, searched for, read over the API. Each becomes an event.

Written before the answer goes out, one row in a commit of its own: an answer that cannot be
recorded is not given, and a process that dies afterwards loses nothing. Nothing is sampled or
gathered first. The commit does not wait for the disk (PostgreSQL writes it within 0.6 s): only a
server that crashes in that time could forget what was seen, never what was done. Where the answer
itself relies on what a crash could take back (`on_disk`), it does wait.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction

from reviews import access, audit, walls
from reviews.audit import Event
from reviews.models import Letter, Patient


def opened(*, patient: Patient, page: str, by: User, case: int | None = None) -> None:
    """A page about a patient was shown; `page` is its name among the addresses."""
    _tell_of(patient, by, Event.RECORD_OPENED, page=page, **({"case": case} if case else {}))


def printed(*, patient: Patient, page: str, by: User) -> None:
    """A browser was told to print a page about a patient."""
    _tell_of(patient, by, Event.RECORD_PRINTED, page=page)


def searched(*, typed: str, shown: Iterable[int], by: User) -> None:
    """A search showed these patients."""
    _tell(by, Event.SEARCH_MADE, typed=typed, shown=sorted(set(shown)))


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
    *,
    resource: str,
    query: Mapping[str, object],
    patients: Iterable[int],
    rows: int,
    by: User,
    on_disk: bool = False,
) -> None:
    """Rows of a resource went out, of these patients."""
    _tell(
        by,
        Event.API_READ,
        on_disk=on_disk,
        resource=resource,
        rows=rows,
        query=dict(query),
        shown=sorted(set(patients)),
    )


def letters_printed(*, letters: Iterable[Letter], by: User) -> None:
    """The pages of letters of one practice went out, to be printed."""
    rows = list(letters)
    _tell(
        by,
        Event.LETTER_PRINTED,
        practice_id=rows[0].practice_id,
        patient_id=rows[0].patient_id if len(rows) == 1 else None,
        letters=[letter.identifier for letter in rows],
        shown=sorted({letter.patient_id for letter in rows}),
    )


def _tell_of(patient: Patient, by: User, event: Event, **detail: Any) -> None:
    """Tell of one person, and of the reason with which their record was opened, if any."""
    opening = access.opened_by(by).get(patient.pk)
    if opening is not None:
        detail["opening"] = opening.pk
    about = {"practice_id": patient.practice_id, "patient_id": patient.pk, "subject": patient}
    # In an emergency it is one of another practice, whose trail is written there.
    there = walls.sight() if opening is None else walls.of([patient.practice_id])
    with walls.seeing(there):
        _tell(by, event, **about, **detail)


def _tell(
    by: User, event: Event, *, practice_id: int | None = None, on_disk: bool = False, **told: Any
) -> None:
    # What belongs to no practice is before the second wall: a search says whom somebody looked for.
    place = practice_id or access.only_practice(by)
    # Durable: in a transaction around it, this would be about that one's commit.
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        if not on_disk:
            cursor.execute("SET LOCAL synchronous_commit = off")
        audit.record(by, event, practice_id=place, **told)
