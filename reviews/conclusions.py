"""What may be concluded on a flag: which outcomes for which reasons, until when, and by whom."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from reviews import service_levels
from reviews.errors import BadRecord
from reviews.models import (
    Case,
    CaseState,
    Decision,
    DecisionItem,
    Flag,
    Outcome,
    Prescription,
    Reason,
)
from reviews.rules.exemptions import KINDS, graded
from reviews.rules.finding import Severity
from reviews.settling import latest_until

# Which coded reasons go with which outcome. Local policy.
REASONS: dict[str, tuple[Reason, ...]] = {
    Outcome.CONTINUE: (
        Reason.BENEFIT_OUTWEIGHS,
        Reason.SPECIALIST_ADVICE,
        Reason.PATIENT_DECLINED,
        Reason.ALREADY_ACTIONED,
    ),
    Outcome.TAPER: (
        Reason.AGREED_WITH_PATIENT,
        Reason.SPECIALIST_ADVICE,
        Reason.ALREADY_ACTIONED,
    ),
    Outcome.CHANGE: (
        Reason.SAFER_ALTERNATIVE,
        Reason.AGREED_WITH_PATIENT,
        Reason.SPECIALIST_ADVICE,
        Reason.ALREADY_ACTIONED,
    ),
    Outcome.OTHER_MEDICINE: (
        Reason.SAFER_ALTERNATIVE,
        Reason.AGREED_WITH_PATIENT,
        Reason.SPECIALIST_ADVICE,
        Reason.ALREADY_ACTIONED,
    ),
    Outcome.REFER: (Reason.SERVICE_NEEDED, Reason.SPECIALIST_ADVICE),
    Outcome.REVIEW: (Reason.LOOKED_AT, Reason.INFORMATION_AWAITED),
    Outcome.EXEMPT: (Reason.SPECIALIST_CARE,),
    Outcome.DATA_WRONG: (Reason.QUANTITY_WRONG, Reason.MEDICINE_WRONG, Reason.NOT_TAKEN),
    Outcome.NOT_RELEVANT: (Reason.NOT_APPLICABLE, Reason.ALREADY_ACTIONED),
}

# On an urgent flag these leave the person's medicines as they are, and so need a second person.
NEEDS_TWO = frozenset({Outcome.CONTINUE, Outcome.EXEMPT, Outcome.NOT_RELEVANT})

# What these flags say is that the record is wrong or lacks something: it goes to the list of those
# who can put it right.
PRESETS = {
    "DQ-01": (Outcome.DATA_WRONG, Reason.QUANTITY_WRONG),
    "DQ-03": (Outcome.DATA_WRONG, Reason.MEDICINE_WRONG),
}


@dataclass(frozen=True)
class FlagOutcome:
    """What is concluded on one flag; `until` None means the longest its severity allows.

    The outcome "exempt" names the kind of exemption and its evidence, and needs a day.
    """

    flag_id: int
    outcome: str
    reason: str
    until: date | None = None
    exemption_kind: str = ""
    evidence: str = ""


class Answer(NamedTuple):
    """One answer for several cases: no exemption, whose evidence is each person's own."""

    outcome: str
    reason: str
    until: date | None = None


def not_alike(case: Case, rule_ids: Iterable[str]) -> str:
    """Why a case cannot be answered together with others that hold these rules; empty if it can."""
    if case.severity < Severity.S3:
        return "it holds more than notes, and is decided on its own page"
    if case.closed_at is not None:
        return f"it is {case.get_state_display().lower()} already"
    more = sorted(set(case.rule_ids) - set(rule_ids))
    less = sorted(set(rule_ids) - set(case.rule_ids))
    if more:
        return f"it also holds {', '.join(more)}"
    if less:
        return f"it holds {', '.join(less)} no longer"
    return ""


def item(flag: Flag, given: FlagOutcome | None) -> DecisionItem:
    """The unsaved item for a flag. Raises `BadRecord` for a missing or impossible outcome."""
    field = f"flag-{flag.pk}"
    if given is None or not given.outcome:
        raise BadRecord(field, f"{flag.title}: choose an outcome")
    if given.outcome not in REASONS:
        raise BadRecord(field, f"{flag.title}: that outcome does not exist")
    if given.reason not in REASONS[given.outcome]:
        raise BadRecord(field, f"{flag.title}: choose a reason that goes with the outcome")
    if given.outcome == Outcome.REVIEW and flag.severity not in service_levels.REVIEW_DAYS:
        raise BadRecord(field, f"{flag.title}: an urgent flag needs more than another look")
    exempts = given.outcome == Outcome.EXEMPT
    if exempts:
        if given.exemption_kind not in dict(exemptions_for(flag.rule_id, flag.severity)):
            raise BadRecord(field, f"{flag.title}: choose an exemption that changes this rule")
        if not given.evidence.strip():
            raise BadRecord(field, f"{flag.title}: say who confirmed the exemption, and where")
        if given.until is None:
            raise BadRecord(field, f"{flag.title}: an exemption needs its last day")
    last = latest_until(flag.severity, timezone.localdate(), given.outcome)
    if given.until is not None:
        service_levels.check_day(field, given.until, last)
    return DecisionItem(
        flag=flag,
        outcome=given.outcome,
        reason=given.reason,
        until=given.until or last,
        exemption_kind=given.exemption_kind if exempts else "",
        evidence=given.evidence.strip() if exempts else "",
    )


def preset(flag: Flag, today: date) -> tuple[str, str, date | None]:
    """What the form starts from: `(outcome, reason, day)`, all empty for an urgent flag.

    It decides nothing and says only what is true of somebody who has read the page, so that taking
    it without thought hides nothing for long: see docs/decisions.md.
    """
    if flag.severity == 1:
        return "", "", None
    day = today + timedelta(days=service_levels.REVIEW_DAYS[flag.severity])
    return (*PRESETS.get(flag.rule_id, (Outcome.REVIEW, Reason.LOOKED_AT)), day)


def exemptions_for(rule_id: str, severity: int) -> list[tuple[str, str]]:
    """The kinds of exemption that silence or lower a rule, as `[(kind, in words)]`."""
    return [
        (kind, text)
        for kind, text in KINDS.items()
        if graded(rule_id, severity, [kind]) != severity
    ]


def own_urgent_flags(flags: Iterable[Flag], by: User) -> list[Flag]:
    """The S1 flags among `flags` that a prescription by `by` raised: somebody else's to decide."""
    urgent = [flag for flag in flags if flag.severity == 1]
    ids = {pk for flag in urgent for pk in flag.prescription_ids}
    if not ids:
        return []
    mine = Prescription.objects.filter(Q(prescriber=by) | Q(recorded_by=by), pk__in=ids)
    mine = set(mine.values_list("pk", flat=True))
    return [flag for flag in urgent if mine.intersection(flag.prescription_ids)]


def urgent_prescribers(flags: Iterable[Flag]) -> set[int]:
    """The ids of those whose own prescriptions raised the S1 flags among `flags`."""
    ids = {pk for flag in flags if flag.severity == 1 for pk in flag.prescription_ids}
    if not ids:
        return set()
    rows = Prescription.objects.filter(pk__in=ids).values_list("prescriber_id", "recorded_by_id")
    return {pk for row in rows for pk in row if pk is not None}


def newest(case: Case) -> Decision | None:
    """The decision of a case that nothing has answered yet: the one that holds, or waits."""
    concluded = [Decision.Kind.DECIDED, Decision.Kind.PROPOSED, Decision.Kind.CONFIRMED]
    return (
        case.decisions.filter(answer__isnull=True, kind__in=concluded)
        .select_related("by", "answers__by")
        .order_by("pk")
        .last()
    )


def may_undo(decision: Decision) -> bool:
    """Whether a decision was made today."""
    return timezone.localdate(decision.decided_at) == timezone.localdate()


def needs_second(case: Case, by: User) -> bool:
    """Whether a case waits for a second person and `by` may be that one."""
    return case.state == CaseState.PROPOSED and case.proposed_by_id != by.pk
