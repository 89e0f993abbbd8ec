"""The verb `check`: an answer to what a reviewer called wrong in the record."""

from django.contrib.auth.models import User
from django.db import transaction

from reviews import access, audit, requests, settling
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, Stale
from reviews.models import DataCheck, DecisionItem, Patient


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
