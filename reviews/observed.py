"""Put a reading on a person's record: the one step that observing and tapering share."""

import uuid
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from reviews import audit, columns, records, requests
from reviews.audit import Event
from reviews.models import Patient, Reading
from reviews.records import PORTAL, ReadingRecord
from reviews.rules.readings import CHECKLIST, KINDS


def keep(*, patient: Patient, record: ReadingRecord, by: User) -> Reading:
    """Write a reading, in the caller's transaction. Raises `BadRecord` if it does not fit."""
    records.check_reading(record, today=timezone.localdate())
    reading = Reading.objects.create(
        patient=patient,
        practice_id=patient.practice_id,
        source_system=PORTAL,
        source_id=str(uuid.uuid4()),
        digest=records.digest(record),
        recorded_by=by,
        **columns.of_reading(record),
    )
    tell(by, Event.READING_RECORDED, reading)
    return reading


def as_error(reading: Reading) -> ReadingRecord:
    """What a reading is once it was entered in error: the same, marked so."""
    ticked = KINDS[reading.kind].shape == CHECKLIST
    value = None if ticked or reading.value is None else float(reading.value)
    return ReadingRecord(
        kind=reading.kind,
        on=reading.dated_on,
        value=value,
        text=reading.text,
        status="entered-in-error",
    )


def tell(by: User, event: Event, reading: Reading, **detail: Any) -> None:
    """The audit event of a reading, and the request to screen."""
    audit.record(
        by,
        event,
        practice_id=reading.practice_id,
        patient_id=reading.patient_id,
        subject=reading,
        kind=reading.kind,
        dated_on=reading.dated_on.isoformat(),
        status=reading.status,
        **detail,
    )
    requests.enqueue([reading.patient_id], reason="reading")
