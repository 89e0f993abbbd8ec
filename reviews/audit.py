"""The one way to write an audit event: inside the transaction of the verb it tells of."""

from reviews.models import AuditEvent

SYSTEM = "the portal"


def event(by, verb, *, practice_id=None, patient_id=None, subject=None, **detail):
    """An unsaved event, for verbs that write many at once. `by` None means the portal itself."""
    return AuditEvent(
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
    made.save(force_insert=True)
    return made
