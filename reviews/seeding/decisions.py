"""A little history: some of the first cases are decided, claimed, snoozed and escalated."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from reviews.conclusions import FlagOutcome
from reviews.models import Case, Decision, Flag, Outcome, Reason, Role
from reviews.verbs import caseload, decide, screen

LOOKED_AT = 450
"""Patients screened beforehand; all others are left to the workers."""

# By the family of the rule: what a careful reviewer might well conclude.
CONCLUSIONS = {
    "DUR": (
        (Outcome.TAPER, Reason.AGREED_WITH_PATIENT),
        (Outcome.CONTINUE, Reason.SPECIALIST_ADVICE),
        (Outcome.TAPER, Reason.ALREADY_ACTIONED),
    ),
    "ELD": ((Outcome.TAPER, Reason.AGREED_WITH_PATIENT), (Outcome.REFER, Reason.SERVICE_NEEDED)),
    "OPI": (
        (Outcome.OTHER_MEDICINE, Reason.SAFER_ALTERNATIVE),
        (Outcome.CONTINUE, Reason.BENEFIT_OUTWEIGHS),
    ),
    "GAB": ((Outcome.OTHER_MEDICINE, Reason.AGREED_WITH_PATIENT),),
    "CNS": ((Outcome.OTHER_MEDICINE, Reason.SAFER_ALTERNATIVE),),
    "CYP": ((Outcome.OTHER_MEDICINE, Reason.ALREADY_ACTIONED),),
    "DUP": ((Outcome.CHANGE, Reason.AGREED_WITH_PATIENT),),
    "DOSE": ((Outcome.CHANGE, Reason.AGREED_WITH_PATIENT),),
    "DQ": ((Outcome.DATA_WRONG, Reason.QUANTITY_WRONG),),
    "REV": ((Outcome.CONTINUE, Reason.ALREADY_ACTIONED),),
    "STOP": ((Outcome.REFER, Reason.SERVICE_NEEDED),),
}
OTHERWISE = ((Outcome.CONTINUE, Reason.BENEFIT_OUTWEIGHS),)
NOTES = (
    "Spoke with the patient. Plan recorded; next contact in four weeks.",
    "Discussed at the practice meeting. Prescriber agrees.",
    "Letter sent; pharmacist will call before the next issue.",
    "",
)


def make_history(count: int) -> int:
    """Decide `count` cases and leave a few in other states. Returns how many were decided.

    Only verbs are used, by ravi and samira in turn, so all of it stands in the audit trail.
    """
    screen.batch(limit=LOOKED_AT)
    reviewers = [User.objects.get(username=name) for name in ("ravi", "samira")]
    cases = list(Case.objects.open().order_by("pk"))
    decided = cases[:: max(1, len(cases) // count)][:count] if count else []
    for n, case in enumerate(decided):
        _decide(case, n, reviewers[n % 2], reviewers[(n + 1) % 2])
    waiting = [case for case in cases if case not in decided]
    for case, reviewer in zip(waiting[:4], reviewers * 2, strict=False):
        caseload.claim(case=case, by=reviewer, seen=case.lock)
    for case in waiting[4:6]:
        caseload.snooze(
            case=case,
            until=timezone.localdate() + timedelta(days=5),
            reason="Waiting for the clinic letter.",
            by=reviewers[0],
            seen=case.lock,
        )
    for case in waiting[6:7]:
        caseload.escalate(
            case=case,
            to=Role.CLINICIAN,
            reason="The prescriber should see this before the next issue.",
            by=reviewers[1],
            seen=case.lock,
        )
    return len(decided)


def _decide(case: Case, n: int, reviewer: User, colleague: User) -> None:
    """Decide; of what needs a second person, every other one is left to be confirmed."""
    outcomes = []
    for flag in Flag.objects.open().filter(case=case).order_by("pk"):
        choices = CONCLUSIONS.get(flag.rule_id.partition("-")[0], OTHERWISE)
        outcome, reason = choices[n % len(choices)]
        if flag.rule_id == "DQ-03":
            reason = Reason.MEDICINE_WRONG
        outcomes.append(FlagOutcome(flag.pk, outcome, reason))
    decision = decide.decide(
        case=case, outcomes=outcomes, by=reviewer, seen=case.lock, note=NOTES[n % len(NOTES)]
    )
    if decision.kind == Decision.Kind.PROPOSED and n % 2:
        waiting = decision.case
        decide.confirm(case=waiting, by=colleague, seen=waiting.lock)
