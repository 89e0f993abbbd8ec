"""The one way to write an audit event: inside the transaction of the verb it tells of."""

from typing import NamedTuple

from reviews.bulk import as_json, copy_rows
from reviews.models import AuditEvent

SYSTEM = "the portal"


class Event(NamedTuple):
    """An event that is not written yet; the fields are columns."""

    actor_id: int | None
    actor: str
    verb: str
    practice_id: int | None
    patient_id: int | None
    subject: str
    detail: dict


def event(by, verb, *, practice_id=None, patient_id=None, subject=None, **detail):
    """An unwritten event, for verbs that write many at once. `by` None means the portal itself."""
    return Event(
        actor_id=by.pk if by else None,
        actor=(by.get_full_name() or by.get_username()) if by else SYSTEM,
        verb=verb,
        practice_id=practice_id,
        patient_id=patient_id,
        subject=f"{subject._meta.model_name} {subject.pk}" if subject is not None else "",
        detail=detail,
    )


def record(by, verb, *, practice_id=None, patient_id=None, subject=None, **detail):
    """Write one event now, in the caller's transaction."""
    made = event(
        by, verb, practice_id=practice_id, patient_id=patient_id, subject=subject, **detail
    )
    return AuditEvent.objects.create(**made._asdict())


def record_all(events):
    """Write many events now, in the caller's transaction."""
    rows = (made._replace(detail=as_json(made.detail)) for made in events)
    copy_rows("reviews_auditevent", Event._fields, rows)
