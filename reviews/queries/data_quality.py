"""What reviewers called wrong in the record, and nobody has answered."""

from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q, QuerySet

from reviews.models import Decision, DecisionItem, Flag, Outcome, Prescription
from reviews.rules.registry import JUDGE_DATA


def waiting(practice_ids: list[int]) -> QuerySet[DecisionItem]:
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
            Exists(found) | ~Q(flag__rule_id__in=JUDGE_DATA),
            outcome=Outcome.DATA_WRONG,
            data_check__isnull=True,
            decision__in=Decision.objects.standing().filter(practice__in=practice_ids),
        )
        .select_related("flag", "decision__by", "decision__patient", "decision__practice")
        .order_by("decision__decided_at", "pk")
    )
