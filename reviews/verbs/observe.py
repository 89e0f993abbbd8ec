"""Verbs on readings: record what was measured, answered or done on a day, and correct it."""

import uuid
from decimal import Decimal

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from reviews import access, audit, records, requests
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, Stale
from reviews.models import Reading
from reviews.records import PORTAL
from reviews.rules.readings import CHECKLIST, KINDS

COLUMNS = ("kind", "value", "unit", "text", "dated_on", "status")


@transaction.atomic
def record_reading(*, patient, record, by):
    """Record a reading. Raises `BadRecord` when the answer does not fit its kind."""
    access.require(by, Action.RECORD_FACT, patient)
    records.check_reading(record, today=timezone.localdate())
    reading = Reading.objects.create(
        patient=patient,
        practice_id=patient.practice_id,
        source_system=PORTAL,
        source_id=str(uuid.uuid4()),
        digest=records.digest(record),
        recorded_by=by,
        **_columns(record),
    )
    _tell(by, Event.READING_RECORDED, reading)
    return reading


@transaction.atomic
def correct(*, reading, record, by):
    """Replace a live reading by what is right, or by "entered-in-error". Raises `Stale`.

    The old row stays as it was. When its source only repeats itself, the correction stands.
    """
    access.require(by, Action.RECORD_FACT, reading)
    if record.kind != reading.kind:
        raise BadRecord("kind", "cannot be changed: mark this as an error and record another")
    records.check_reading(record, today=timezone.localdate())
    seen = Reading.objects.select_for_update().get(pk=reading.pk)
    if seen.superseded_at is not None:
        raise Stale("Somebody else changed this reading. Look at it again.")
    Reading.objects.filter(pk=seen.pk).update(superseded_at=Now())
    corrected = Reading.objects.create(
        patient_id=seen.patient_id,
        practice_id=seen.practice_id,
        source_system=seen.source_system,
        source_id=seen.source_id,
        digest=seen.digest,
        supersedes=seen,
        recorded_by=by,
        **_columns(record),
    )
    _tell(by, Event.READING_CORRECTED, corrected, supersedes=seen.pk)
    return corrected


def values(record):
    """A reading record as values in the order of `COLUMNS`. Ticks are counted here."""
    known = KINDS[record.kind]
    value = record.value
    if known.shape == CHECKLIST:
        value = len(set(record.text.split()) & known.choices.keys())
    unit = known.unit if value is not None else ""
    return record.kind, value, unit, record.text, record.on, record.status


def _columns(record):
    columns = dict(zip(COLUMNS, values(record), strict=True))
    if columns["value"] is not None:
        columns["value"] = round(Decimal(str(columns["value"])), 4)
    return columns


def _tell(by, event, reading, **detail):
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
