"""How an exemption begins and ends: by itself, or as part of a decision."""

from collections.abc import Iterable
from datetime import date, timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.utils import timezone

from reviews import audit, requests
from reviews.audit import Event
from reviews.errors import BadRecord, IllegalMove
from reviews.models import Decision, Exemption, Patient, Prescription
from reviews.rules.exemptions import KINDS

LONGEST_DAYS = 365
LONGEST_EVIDENCE = 1000


def grant(
    *,
    patient: Patient,
    kind: str,
    evidence: str,
    expires_on: date | None,
    by: User,
    starts_on: date | None = None,
    decision: Decision | None = None,
    orders: Iterable[UUID] = (),
) -> Exemption:
    """Exempt a patient until a day, at the latest a year ahead. Raises `BadRecord`.

    `decision` is the reviewer's decision that grants it, if one does. With `orders` (their ids) it
    holds only while these are all the benzodiazepines and Z-drugs in hand.
    """
    today = timezone.localdate()
    starts_on = starts_on or today
    if kind not in KINDS:
        raise BadRecord("kind", f"must be one of {', '.join(KINDS)}")
    evidence = evidence.strip()
    if not evidence:
        raise BadRecord("evidence", "is needed: who confirmed it, and where that is written")
    if len(evidence) > LONGEST_EVIDENCE:
        raise BadRecord("evidence", f"is longer than {LONGEST_EVIDENCE:,} characters")
    last = min(starts_on, today) + timedelta(days=LONGEST_DAYS)
    first = max(starts_on, today)
    if expires_on is None or not first <= expires_on <= last:
        raise BadRecord(
            "expires_on", f"must be from {first:%-d %b %Y} to {last:%-d %b %Y}, a year at most"
        )
    order_ids = sorted(set(orders))
    theirs = Prescription.objects.live().filter(patient=patient, order_id__in=order_ids)
    if theirs.count() < len(order_ids):
        raise BadRecord("orders", "names an order that this patient does not have")
    exemption = Exemption.objects.create(
        patient=patient,
        practice_id=patient.practice_id,
        kind=kind,
        owner=by,
        evidence=evidence,
        order_ids=order_ids,
        starts_on=starts_on,
        expires_on=expires_on,
        decision=decision,
    )
    _tell(by, Event.PATIENT_EXEMPTED, exemption)
    return exemption


def end(*, exemption: Exemption, by: User) -> Exemption:
    """End an exemption before its day; the rules apply again at once. Raises `IllegalMove`."""
    locked = Exemption.objects.select_for_update().get(pk=exemption.pk)
    if locked.ended_at is not None:
        raise IllegalMove("This exemption has already ended.")
    locked.ended_at, locked.ended_by = timezone.now(), by
    locked.save(update_fields=["ended_at", "ended_by"])
    _tell(by, Event.EXEMPTION_ENDED, locked)
    return locked


def _tell(by: User, event: Event, exemption: Exemption) -> None:
    audit.record(
        by,
        event,
        practice_id=exemption.practice_id,
        patient_id=exemption.patient_id,
        subject=exemption,
        kind=exemption.kind,
        expires_on=exemption.expires_on.isoformat(),
        **({"orders": [str(pk) for pk in exemption.order_ids]} if exemption.order_ids else {}),
    )
    requests.enqueue([exemption.patient_id], reason="exemption")
