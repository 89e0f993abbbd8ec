"""The verbs `check` and `answer_note`: answers to what is wrong in the record, or was not read."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reviews import access, audit, requests, settling
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, Stale
from reviews.models import DataCheck, DecisionItem, ImportNote, Patient

LONGEST_ANSWER = 500


@transaction.atomic
def check(*, item: DecisionItem, result: str, by: User, note: str = "") -> DataCheck:
    """Say what was found. If the record was right, so was the flag: it comes before a reviewer."""
    access.require(by, Action.CHECK_DATA, item.decision)
    if result not in DataCheck.Result.values:
        raise BadRecord("result", "must say whether the record was put right or is right")
    patient_id = item.decision.patient_id
    Patient.objects.select_for_update(no_key=True).get(pk=patient_id)
    if DataCheck.objects.filter(item=item).exists():
        raise Stale("Somebody has answered this already.")
    made = DataCheck.objects.create(item=item, result=result, note=note.strip(), by=by)
    if result == DataCheck.Result.WAS_RIGHT:
        decision = getattr(item.decision, "answer", None) or item.decision
        matter = {"rule_id": item.flag.rule_id, "key": item.flag.key}
        settling.let_run_out(settling.covered_by(decision).filter(**matter))
        requests.enqueue([patient_id], reason="data right")
    audit.record(
        by,
        Event.DATA_CHECKED,
        practice_id=item.decision.practice_id,
        patient_id=patient_id,
        subject=item,
        result=result,
        rule=item.flag.rule_id,
    )
    return made


@transaction.atomic
def answer_note(*, note: ImportNote, answer: str, by: User) -> ImportNote:
    """Say what is known of something a source could not make understood; it is then shown no more.

    Of a note that the source has ended meanwhile there is nothing left to answer.
    """
    access.require(by, Action.CHECK_DATA, note)
    answer = answer.strip()
    if not answer:
        raise BadRecord("answer", "is needed: what is known of it")
    if len(answer) > LONGEST_ANSWER:
        raise BadRecord("answer", f"is longer than {LONGEST_ANSWER} characters")
    held = ImportNote.objects.select_for_update(no_key=True).get(pk=note.pk)
    if held.ended_at is not None:
        return held
    held.ended_at, held.answered_by, held.answer = timezone.now(), by, answer
    held.save(update_fields=["ended_at", "answered_by", "answer"])
    audit.record(
        by,
        Event.NOTE_ANSWERED,
        practice_id=held.practice_id,
        patient_id=held.patient_id,
        subject=held,
        about=held.about,
        reason=held.reason,
        answer=answer,
    )
    return held
