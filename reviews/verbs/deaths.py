"""Say whether a person has died: what sources contradict, somebody who knows can settle."""

from datetime import date

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reviews import access, audit, people, records, requests
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, Stale
from reviews.models import PARTICULARS, ImportNote, Patient

LONGEST_REASON = 500


@transaction.atomic
def say(
    *, patient: Patient, deceased: bool, deceased_on: date | None = None, reason: str, by: User
) -> Patient:
    """Say that a person has died, on a known day or not, or that they have not.

    What sources said against it is answered with this. Nothing that a source says later puts back
    what is taken back here; it is noted instead. Raises `BadRecord` or `Stale`.
    """
    access.require(by, Action.CHECK_DATA, patient)
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REASON:
        raise BadRecord("reason", f"is needed, in at most {LONGEST_REASON} characters")
    if deceased_on is not None and not deceased:
        raise BadRecord("deceased_on", "is of somebody who has died")
    if deceased_on is not None and deceased_on > timezone.localdate():
        raise BadRecord("deceased_on", "is in the future")
    held = Patient.objects.select_for_update().get(pk=patient.pk)
    if held.merged_into_id is not None:
        raise Stale("This record was merged into another one meanwhile. Look at that one.")
    known = {name: getattr(held, name) for name in PARTICULARS}
    now = known | {"deceased": deceased, "deceased_on": deceased_on}
    records.check_patient(records.PatientRecord(**now), today=timezone.localdate())
    people.rewrite(held, tuple(now[name] for name in PARTICULARS), by)
    ImportNote.objects.deaths().filter(patient=held).order_by().update(
        ended_at=timezone.now(), answered_by=by, answer=reason
    )
    audit.record(
        by,
        Event.DEATH_SAID,
        practice_id=held.practice_id,
        patient_id=held.pk,
        subject=held,
        deceased=deceased,
        deceased_on=deceased_on.isoformat() if deceased_on else None,
        reason=reason,
    )
    requests.enqueue([held.pk], reason="death said")
    return held
