"""Clinician verbs: register a patient, log, amend and withdraw prescriptions, record conditions."""

import uuid
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reviews import access, audit, columns, messaging, people, records, requests, versions
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, IllegalMove
from reviews.fields import KEPT
from reviews.models import (
    WITHDRAWN,
    Condition,
    Message,
    Patient,
    Practice,
    Prescription,
    Status,
)
from reviews.records import PORTAL, ConditionRecord, PatientRecord, PrescriptionRecord


@transaction.atomic
def register(*, practice: Practice, record: PatientRecord, by: User) -> Patient:
    """Register a person at a practice. An identifier already in use there is refused."""
    access.require(by, Action.REGISTER, practice)
    records.check_patient(record, today=timezone.localdate())
    patient = people.register(practice, record, by)
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
def log(
    *,
    patient: Patient,
    record: PrescriptionRecord,
    by: User,
    prescriber: User | None = None,
    reason: str = "",
) -> Prescription:
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
        digest=records.digest(record),
        recorded_by=by,
        prescriber=prescriber or by,
        reason=reason,
        **columns.of_prescription(record),
    )
    _tell(by, Event.PRESCRIPTION_LOGGED, prescription)
    return prescription


@transaction.atomic
def amend(
    *, prescription: Prescription, record: PrescriptionRecord, by: User, reason: str = ""
) -> Prescription:
    """Replace the live version by a new one; the old one stays as it was. Raises `Stale`."""
    access.require(by, Action.AMEND, prescription)
    records.check_prescription(record)
    seen = versions.lock(prescription)
    if seen.source_system == PORTAL:
        record = records.of_the_practice(record, seen.practice)
    amended = versions.supersede(seen, by=by, reason=reason, **columns.of_prescription(record))
    _tell(by, Event.PRESCRIPTION_AMENDED, amended)
    messaging.done_by(amended.patient, by, Message.Did.AMENDED, order_id=amended.order_id)
    return amended


@transaction.atomic
def withdraw(*, prescription: Prescription, status: str, reason: str, by: User) -> Prescription:
    """End an order as stopped, cancelled or entered in error, with the reason. Raises `Stale`."""
    access.require(by, Action.WITHDRAW, prescription)
    if status not in WITHDRAWN:
        raise BadRecord("status", f"must be one of {', '.join(WITHDRAWN)}")
    if not reason.strip():
        raise BadRecord("reason", "is needed to withdraw a prescription")
    seen = versions.lock(prescription)
    if seen.status in WITHDRAWN:
        raise IllegalMove(f"This prescription is already {seen.get_status_display().lower()}.")
    said = {field.column: getattr(seen, field.column) for field in KEPT}
    said |= {"medicine": seen.medicine, "status": status, "status_reason": reason}
    if status == Status.STOPPED:
        # Supply ends on the day the order was stopped, never after its written end.
        today = max(timezone.localdate(), seen.start_on or timezone.localdate())
        said["end_on"] = min(filter(None, [seen.end_on, today]))
    withdrawn = versions.supersede(seen, by=by, reason=seen.reason, **said)
    _tell(by, Event.PRESCRIPTION_WITHDRAWN, withdrawn, status=status)
    messaging.done_by(withdrawn.patient, by, Message.Did.AMENDED, order_id=withdrawn.order_id)
    return withdrawn


@transaction.atomic
def record_condition(
    *, patient: Patient, record: ConditionRecord, by: User, supersedes: Condition | None = None
) -> Condition:
    """Record a problem, or a changed version of one (`supersedes`). Raises `Stale`."""
    access.require(by, Action.RECORD_FACT, patient)
    records.check_condition(record)
    if supersedes is None:
        condition = Condition.objects.create(
            patient=patient,
            practice_id=patient.practice_id,
            source_system=PORTAL,
            source_id=str(uuid.uuid4()),
            digest=records.digest(record),
            recorded_by=by,
            **columns.of_condition(record),
        )
    elif supersedes.patient_id == patient.pk:
        condition = versions.supersede(supersedes, by=by, **columns.of_condition(record))
    else:
        raise BadRecord("supersedes", "is a condition of somebody else")
    audit.record(
        by,
        Event.CONDITION_RECORDED,
        practice_id=patient.practice_id,
        patient_id=patient.pk,
        subject=condition,
    )
    requests.enqueue([patient.pk], reason="condition")
    return condition


def _tell(by: User, event: Event, prescription: Prescription, **detail: Any) -> None:
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
