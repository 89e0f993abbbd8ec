"""What reviewers called wrong in the record: the list of it, and the verb `check`."""

from django.db import transaction
from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q

from reviews import access, audit, decide, outbox
from reviews.access import Action
from reviews.errors import BadRecord, Stale
from reviews.models import DataCheck, Decision, DecisionItem, Flag, Outcome, Patient, Prescription

JUDGES_DATA = "DQ-"
"""How the ids of rules begin that find nothing but data missing or unknown."""


def waiting(practice_ids):
    """Outcomes "data wrong" that nobody has answered, the oldest first.

    The record answers by itself: a line that the flag names was amended or withdrawn, or a flag
    about missing data is no longer found.
    """
    names = Func(
        F("pk"),
        OuterRef("flag__prescription_ids"),
        template="%(expressions)s)",
        arg_joiner=" = ANY(",
        output_field=BooleanField(),
    )
    changed = Prescription.objects.filter(names, superseded_at__isnull=False)
    found = Flag.objects.live().filter(
        patient=OuterRef("flag__patient"),
        rule_id=OuterRef("flag__rule_id"),
        key=OuterRef("flag__key"),
    )
    return (
        DecisionItem.objects.filter(
            ~Exists(changed),
            Exists(found) | ~Q(flag__rule_id__startswith=JUDGES_DATA),
            outcome=Outcome.DATA_WRONG,
            data_check__isnull=True,
            decision__in=Decision.objects.standing().filter(practice__in=practice_ids),
        )
        .select_related("flag", "decision__by", "decision__patient", "decision__practice")
        .order_by("decision__decided_at", "pk")
    )


@transaction.atomic
def check(*, item, result, by, note=""):
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
        decide.let_run_out(decide.covered_by(decision).filter(**matter))
        outbox.enqueue([patient_id], reason="data right")
    audit.record(
        by,
        "data.checked",
        practice_id=item.decision.practice_id,
        patient_id=patient_id,
        subject=item,
        result=result,
        rule=item.flag.rule_id,
    )
    return made
