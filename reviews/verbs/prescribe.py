"""Clinician verbs: register a patient, log, amend and withdraw prescriptions, record conditions."""

import uuid
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from reviews import access, audit, records, requests
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, IllegalMove, Stale
from reviews.models import (
    WITHDRAWN,
    Condition,
    Identifier,
    Medicine,
    Patient,
    Prescription,
    Status,
)
from reviews.records import PORTAL

AMOUNTS = ("dose", "times_per_day", "max_per_day", "expected_per_day", "quantity")
# What some systems say besides; `schedule`, the last, is a list of pairs in the database.
LATER = records.LATER[records.PrescriptionRecord]
PLAIN = (
    "as_needed",
    "dosage_text",
    "days_supply",
    "written_on",
    "start_on",
    "end_on",
    "indication",
    "route",
    "setting",
    "status",
    "status_reason",
    "dispensed",
)


@transaction.atomic
def register(*, practice, record, by):
    """Register a person at a practice. An identifier already in use there is refused."""
    access.require(by, Action.REGISTER, practice)
    records.check_patient(record, today=timezone.localdate())
    patient = Patient.objects.create(
        practice=practice,
        family_name=record.family_name,
        given_name=record.given_name,
        birth_date=record.birth_date,
        sex=record.sex or "unknown",
        deceased_on=record.deceased_on,
    )
    for identifier in record.identifiers:
        try:
            with transaction.atomic():
                Identifier.objects.create(
                    patient=patient,
                    practice=practice,
                    system=identifier.system,
                    value=identifier.value,
                )
        except IntegrityError as error:
            raise BadRecord("identifiers", f"{identifier.value} is already in use") from error
    audit.record(
        by,
        Event.PATIENT_REGISTERED,
        practice_id=practice.pk,
        patient_id=patient.pk,
        subject=patient,
    )
    requests.enqueue([patient.pk], reason="registered")
    return patient


@transaction.atomic
def log(*, patient, record, by, prescriber=None, reason=""):
    """Log a prescription. `reason`: why it is right despite an urgent preview; stays with it."""
    access.require(by, Action.LOG, patient)
    records.check_prescription(record)
    record = records.of_the_practice(record, patient.practice)
    order_id = uuid.uuid4()
    prescription = Prescription.objects.create(
        patient=patient,
        practice_id=patient.practice_id,
        order_id=order_id,
        source_system=PORTAL,
        source_id=str(order_id),
        recorded_by=by,
        prescriber=prescriber or by,
        reason=reason,
        **columns(record),
    )
    _tell(by, Event.PRESCRIPTION_LOGGED, prescription)
    return prescription


@transaction.atomic
def amend(*, prescription, record, by, reason=""):
    """Replace the live version by a new one; the old one stays as it was. Raises `Stale`."""
    access.require(by, Action.AMEND, prescription)
    records.check_prescription(record)
    seen = _live(prescription)
    if seen.source_system == PORTAL:
        record = records.of_the_practice(record, seen.practice)
    amended = _supersede(seen, by=by, reason=reason, **columns(record))
    _tell(by, Event.PRESCRIPTION_AMENDED, amended)
    return amended


@transaction.atomic
def withdraw(*, prescription, status, reason, by):
    """End an order as stopped, cancelled or entered in error, with the reason. Raises `Stale`."""
    access.require(by, Action.WITHDRAW, prescription)
    if status not in WITHDRAWN:
        raise BadRecord("status", f"must be one of {', '.join(WITHDRAWN)}")
    if not reason.strip():
        raise BadRecord("reason", "is needed to withdraw a prescription")
    seen = _live(prescription)
    if seen.status in WITHDRAWN:
        raise IllegalMove(f"This prescription is already {seen.get_status_display().lower()}.")
    changes = {field: getattr(seen, field) for field in (*AMOUNTS, *PLAIN, *LATER)}
    changes |= {
        "dose_unit": seen.dose_unit,
        "quantity_unit": seen.quantity_unit,
        "medicine": seen.medicine,
        "prescriber_name": seen.prescriber_name,
        "status": status,
        "status_reason": reason,
    }
    if status == Status.STOPPED:
        # Supply ends on the day the order was stopped, never after its written end.
        today = max(timezone.localdate(), seen.start_on or timezone.localdate())
        changes["end_on"] = min(filter(None, [seen.end_on, today]))
    withdrawn = _supersede(seen, by=by, reason=seen.reason, **changes)
    _tell(by, Event.PRESCRIPTION_WITHDRAWN, withdrawn, status=status)
    return withdrawn


@transaction.atomic
def record_condition(*, patient, record, by, supersedes=None):
    """Record a problem, or a changed version of one (`supersedes`). Raises `Stale`."""
    access.require(by, Action.RECORD_FACT, patient)
    records.check_condition(record)
    source_id = str(uuid.uuid4())
    if supersedes is not None:
        source_id = supersedes.source_id
        changed = Condition.objects.filter(
            pk=supersedes.pk, patient=patient, superseded_at__isnull=True
        ).update(superseded_at=Now())
        if not changed:
            raise Stale("Somebody else changed this condition. Look at it again.")
    condition = Condition.objects.create(
        patient=patient,
        kind=record.kind,
        text=record.text,
        codings=codings(record),
        onset_on=record.onset_on,
        ended_on=record.ended_on,
        status=record.status,
        source_system=supersedes.source_system if supersedes else PORTAL,
        source_id=source_id,
        # As with prescriptions, a source that only repeats itself does not undo the change.
        digest=supersedes.digest if supersedes else records.digest(record),
        supersedes=supersedes,
        recorded_by=by,
    )
    audit.record(
        by,
        Event.CONDITION_RECORDED,
        practice_id=patient.practice_id,
        patient_id=patient.pk,
        subject=condition,
    )
    requests.enqueue([patient.pk], reason="condition")
    return condition


def columns(record):
    """A prescription record as column values; the medicine is found or made."""
    return {
        "medicine": medicine(record.medicine, record.codings),
        "dose_unit": record.dose_unit or "",
        "quantity_unit": record.quantity_unit or "",
        "prescriber_name": record.prescriber,
        "digest": records.digest(record),
        **{field: _decimal(getattr(record, field)) for field in AMOUNTS},
        **{field: getattr(record, field) for field in PLAIN},
        **dict(zip(LATER, later_values(record), strict=True)),
    }


def later_values(record):
    """The fields of `LATER` as values of their columns."""
    return [
        *[getattr(record, field) for field in LATER[:-1]],
        [(step.per_day, step.days) for step in record.schedule] or None,
    ]


def codings(record):
    return [
        {"system": coding.system, "code": coding.code, "display": coding.display}
        for coding in record.codings
    ]


def medicine(text, coded):
    """The shared row of a product as written; two writers at once get the same one."""
    key = records.medicine_key(text, coded)
    found, _ = Medicine.objects.get_or_create(
        key=key,
        defaults={
            "text": text,
            "codings": [{"system": c.system, "code": c.code, "display": c.display} for c in coded],
        },
    )
    return found


def _decimal(amount):
    return None if amount is None else round(Decimal(str(amount)), 4)


def _live(prescription):
    """Lock and return the live version, if `prescription` is still it."""
    seen = Prescription.objects.select_for_update().get(pk=prescription.pk)
    if not seen.live:
        raise Stale("Somebody else changed this prescription. Look at it again.")
    return seen


def _supersede(seen, *, by, **changes):
    # The digest stays what the source said last: the same report again changes nothing.
    changes["digest"] = seen.digest
    Prescription.objects.filter(pk=seen.pk).update(superseded_at=Now())
    return Prescription.objects.create(
        patient_id=seen.patient_id,
        practice_id=seen.practice_id,
        order_id=seen.order_id,
        version=seen.version + 1,
        supersedes=seen,
        source_system=seen.source_system,
        source_id=seen.source_id,
        prescriber_id=seen.prescriber_id,
        recorded_by=by,
        **changes,
    )


def _tell(by, event, prescription, **detail):
    audit.record(
        by,
        event,
        practice_id=prescription.practice_id,
        patient_id=prescription.patient_id,
        subject=prescription,
        order=str(prescription.order_id),
        version=prescription.version,
        **detail,
    )
    requests.enqueue([prescription.patient_id], reason=event.verb.partition(".")[2])
