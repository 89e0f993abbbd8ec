"""Verbs on readings: record what was measured, answered or done on a day, and correct it."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reviews import access, columns, observed, records, versions
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord
from reviews.models import Patient, Reading
from reviews.records import ReadingRecord


@transaction.atomic
def record_reading(*, patient: Patient, record: ReadingRecord, by: User) -> Reading:
    """Record a reading. Raises `BadRecord` when the answer does not fit its kind."""
    access.require(by, Action.RECORD_FACT, patient)
    return observed.keep(patient=patient, record=record, by=by)


@transaction.atomic
def correct(*, reading: Reading, record: ReadingRecord, by: User) -> Reading:
    """Replace a live reading by what is right, or by "entered-in-error". Raises `Stale`.

    The old row stays as it was. When its source only repeats itself, the correction stands.
    """
    access.require(by, Action.RECORD_FACT, reading)
    if record.kind != reading.kind:
        raise BadRecord("kind", "cannot be changed: mark this as an error and record another")
    records.check_reading(record, today=timezone.localdate())
    corrected = versions.supersede(versions.lock(reading), by=by, **columns.of_reading(record))
    observed.tell(by, Event.READING_CORRECTED, corrected, supersedes=reading.pk)
    return corrected
