"""Mark a record as sensitive, or take that back. Screening takes no notice of it."""

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from reviews import access, audit, reasons
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, Stale
from reviews.models import Patient, SensitiveMark


@transaction.atomic
def mark(*, patient: Patient, kind: str, reason: str, by: User) -> SensitiveMark:
    """From now on whoever opens the record says why. Raises `BadRecord` or `Stale`."""
    access.require(by, Action.MARK_SENSITIVE, patient)
    if kind not in SensitiveMark.Kind.values:
        raise BadRecord("kind", "is needed: say of whom it is")
    reason = _needed(reason)
    try:
        with transaction.atomic():
            made = SensitiveMark.objects.create(
                patient=patient,
                practice_id=patient.practice_id,
                kind=kind,
                reason=reason,
                set_by=by,
            )
    except IntegrityError as error:
        raise Stale("This record is marked already.") from error
    _tell(made, Event.SENSITIVE_MARKED, by, reason)
    return made


@transaction.atomic
def remove(*, patient: Patient, reason: str, by: User) -> SensitiveMark:
    """The record opens by the role again. Raises `BadRecord` or `Stale`."""
    access.require(by, Action.MARK_SENSITIVE, patient)
    reason = _needed(reason)
    held = SensitiveMark.objects.live().select_for_update().filter(patient=patient).first()
    if held is None:
        raise Stale("This record is not marked.")
    held.removed_by, held.removed_at, held.removal_reason = by, timezone.now(), reason
    held.save(update_fields=["removed_by", "removed_at", "removal_reason"])
    _tell(held, Event.SENSITIVE_REMOVED, by, reason)
    return held


def _needed(reason: str) -> str:
    return reasons.in_words(reason, most=300, must="is needed in words, as part of the trail")


def _tell(held: SensitiveMark, event: Event, by: User, reason: str) -> None:
    audit.record(
        by,
        event,
        practice_id=held.practice_id,
        patient_id=held.patient_id,
        subject=held,
        kind=held.kind,
        reason=reason,
    )
