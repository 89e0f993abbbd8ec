"""Notes on a person: write one for whoever looks next, and strike one that is wrong."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reviews import access, audit
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord
from reviews.models import Patient, PatientNote

LONGEST_REASON = 500


@transaction.atomic
def write(*, patient: Patient, text: str, by: User) -> PatientNote:
    """Note something on a person. Raises `BadRecord` where it says nothing, or too much."""
    access.require(by, Action.WRITE_NOTE, patient)
    text = _said(text, "text", PatientNote.LONGEST)
    note = PatientNote.objects.create(
        patient=patient, practice_id=patient.practice_id, text=text, written_by=by
    )
    _tell(by, Event.PATIENT_NOTED, note)
    return note


@transaction.atomic
def strike(*, note: PatientNote, reason: str, by: User) -> PatientNote:
    """Strike a note, anybody's, with the reason; it stays to be read. Twice is no error."""
    access.require(by, Action.WRITE_NOTE, note)
    reason = _said(reason, "reason", LONGEST_REASON)
    held = PatientNote.objects.select_for_update(no_key=True).get(pk=note.pk)
    if held.struck_at is not None:
        return held
    held.struck_at, held.struck_by, held.struck_because = timezone.now(), by, reason
    held.save(update_fields=["struck_at", "struck_by", "struck_because"])
    _tell(by, Event.PATIENT_NOTE_STRUCK, held, reason=reason)
    return held


def _said(text: str, field: str, longest: int) -> str:
    text = text.strip()
    if not text:
        raise BadRecord(field, "is needed")
    if len(text) > longest:
        raise BadRecord(field, f"is longer than {longest} characters")
    return text


def _tell(by: User, event: Event, note: PatientNote, **detail: str) -> None:
    audit.record(
        by,
        event,
        practice_id=note.practice_id,
        patient_id=note.patient_id,
        subject=note,
        note=note.pk,
        **detail,
    )
