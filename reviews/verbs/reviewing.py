"""Record a structured medication review in one go, and take it back on the day it was recorded."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reviews import (
    access,
    audit,
    columns,
    messaging,
    observed,
    requests,
    structured_reviews,
    versions,
)
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, IllegalMove
from reviews.models import Case, Message, Patient, Reading, StructuredReview
from reviews.structured_reviews import DONE, Given


@transaction.atomic
def record(
    *, patient: Patient, given: Given, by: User, case: Case | None = None
) -> StructuredReview:
    """Record a review and all its readings, or nothing. Raises `BadRecord` naming the part.

    One that was declined, not attended or not appropriate records that alone: it clears nothing.
    """
    access.require(by, Action.RECORD_FACT, patient)
    structured_reviews.check(given)
    if case is not None and case.patient_id != patient.pk:
        raise BadRecord("case", "is of somebody else")
    known = structured_reviews.unchanged_in(patient, given)
    readings = [
        observed.keep(patient=patient, record=reading, by=by)
        for reading in structured_reviews.records_of(given, known)
    ]
    done = given.outcome == DONE
    made = StructuredReview.objects.create(
        patient=patient,
        practice_id=patient.practice_id,
        case=case,
        outcome=given.outcome,
        reviewed_on=given.reviewed_on,
        answers=given.as_answered() if done else {},
        unchanged=sorted(known),
        matters=given.matters.strip() if done else "",
        next_on=given.next_on,
        note=given.note.strip(),
        reading_ids=[reading.pk for reading in readings],
        by=by,
    )
    audit.record(
        by,
        Event.REVIEW_RECORDED,
        practice_id=patient.practice_id,
        patient_id=patient.pk,
        subject=made,
        outcome=made.outcome,
        reviewed_on=made.reviewed_on.isoformat(),
        asked=sorted(made.answers),
        readings=len(readings),
    )
    if done:
        messaging.done_by(patient, by, Message.Did.REVIEWED)
    return made


@transaction.atomic
def take_back(*, review: StructuredReview, by: User) -> StructuredReview:
    """Take a review back on the day it was recorded: its readings are then entered in error.

    One that somebody has corrected since stays as they corrected it. Raises `IllegalMove`.
    """
    access.require(by, Action.RECORD_FACT, review)
    locked = StructuredReview.objects.select_for_update().get(pk=review.pk)
    if not may_take_back(locked):
        raise IllegalMove("A review can be taken back on the day it was recorded, and only once.")
    held = Reading.objects.live().filter(pk__in=locked.reading_ids).order_by("pk")
    for reading in held:
        error = columns.of_reading(observed.as_error(reading))
        versions.supersede(versions.lock(reading), by=by, **error)
    locked.taken_back_at, locked.taken_back_by = timezone.now(), by
    locked.save(update_fields=["taken_back_at", "taken_back_by"])
    audit.record(
        by,
        Event.REVIEW_TAKEN_BACK,
        practice_id=locked.practice_id,
        patient_id=locked.patient_id,
        subject=locked,
        readings=len(held),
    )
    requests.enqueue([locked.patient_id], reason="reading")
    return locked


def may_take_back(review: StructuredReview) -> bool:
    """Whether a review was recorded today, and stands."""
    today = timezone.localdate()
    return review.taken_back_at is None and timezone.localdate(review.recorded_at) == today
