"""Reviewer verbs on a case, from claim to undo. Which moves exist: `moves.MOVES`."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone

from reviews import access, moves, requests, service_levels
from reviews.access import Action
from reviews.errors import BadRecord, IllegalMove, NotAllowed, Stale
from reviews.models import (
    Case,
    CaseState,
    Decision,
    DecisionItem,
    Exemption,
    Flag,
    Move,
    Outcome,
    Patient,
    Prescription,
    Reason,
    Role,
)
from reviews.moves import move_case
from reviews.rules.exemptions import KINDS, graded
from reviews.verbs import exempt

CLAIMED, PROPOSED, DECIDED = CaseState.CLAIMED, CaseState.PROPOSED, CaseState.DECIDED

# Which coded reasons go with which outcome. Local policy.
REASONS = {
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

ESCALATE_TO = (Role.CLINICIAN, Role.REVIEWER)


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


@transaction.atomic
def claim(*, case, by, seen, take_over=False):
    """Make the case mine. Somebody else's needs `take_over`. Raises `Stale`, `IllegalMove`."""
    locked = _open(case, Action.CLAIM, by, seen)
    if locked.state == CLAIMED and locked.owner_id == by.pk:
        return locked
    if locked.state == CLAIMED and not take_over:
        raise Stale(f"{_name(locked.owner)} is already working on this case.")
    before = locked.owner_id
    move = Move.TAKE_OVER if locked.state == CLAIMED else Move.CLAIM
    return move_case(
        locked,
        move,
        by,
        owner=by,
        claimed_at=timezone.now(),
        snoozed_until=None,
        escalated_to="",
        detail={"taken_from": before} if before else {},
    )


@transaction.atomic
def release(*, case, by, seen):
    """Put my case back into the queue."""
    locked = _open(case, Action.RELEASE, by, seen)
    _mine(locked, by)
    return move_case(locked, Move.RELEASE, by, owner=None, claimed_at=None)


@transaction.atomic
def hand_over(*, case, to, reason, by, seen):
    """Give a claimed case, mine or a colleague's, to `to`; None puts it back into the queue.

    Raises `BadRecord` without a reason, and for somebody who could not decide on the case.
    """
    locked = _open(case, Action.HAND_OVER, by, seen)
    if not reason.strip():
        raise BadRecord("reason", "is needed to hand a case over")
    detail = {"from": locked.owner_id, "to": to.pk if to else None, "reason": reason}
    if to is None:
        return move_case(
            locked, Move.RELEASE, by, owner=None, claimed_at=None, reason=reason, detail=detail
        )
    if not access.allowed(to, Action.DECIDE, locked):
        raise BadRecord("to", f"{_name(to)} does not review at {locked.practice}")
    if own_urgent_flags(Flag.objects.open().filter(case=locked), to):
        raise BadRecord("to", f"an urgent flag comes from a prescription by {_name(to)}")
    return move_case(
        locked,
        Move.HAND_OVER,
        by,
        owner=to,
        claimed_at=timezone.now(),
        to=to,
        reason=reason,
        detail=detail,
    )


@transaction.atomic
def snooze(*, case, until, reason, by, seen):
    """Hide the case until a day, at the latest the one its severity allows, with the reason."""
    locked = _open(case, Action.SNOOZE, by, seen)
    _mine(locked, by)
    _day_within("until", until, service_levels.SNOOZE_DAYS[locked.severity])
    if not reason.strip():
        raise BadRecord("reason", "is needed to snooze a case")
    return move_case(
        locked,
        Move.SNOOZE,
        by,
        owner=None,
        claimed_at=None,
        snoozed_until=until,
        reason=reason,
        detail={"until": until.isoformat(), "reason": reason},
    )


@transaction.atomic
def escalate(*, case, to, reason, by, seen):
    """Hand the case to whoever holds a role, with the reason."""
    locked = _open(case, Action.ESCALATE, by, seen)
    _mine(locked, by)
    if to not in ESCALATE_TO:
        raise BadRecord("to", f"must be one of {', '.join(ESCALATE_TO)}")
    if not reason.strip():
        raise BadRecord("reason", "is needed to escalate a case")
    return move_case(
        locked,
        Move.ESCALATE,
        by,
        owner=None,
        claimed_at=None,
        snoozed_until=None,
        escalated_to=to,
        to_role=to,
        reason=reason,
        detail={"to": to, "reason": reason},
    )


@transaction.atomic
def decide(*, case, outcomes, by, seen, note=""):
    """Conclude on every open flag of the case at once, and close it.

    Where an outcome on an urgent flag needs a second person, the decision is only proposed: the
    flags stay open and the case waits for `confirm` or `send_back`. Raises `BadRecord` for a
    missing or impossible outcome, `NotAllowed` for an urgent flag raised by the reviewer's own
    prescription, `Stale` when the case changed since it was read.
    """
    locked = _open(case, Action.DECIDE, by, seen)
    _mine(locked, by)
    flags = list(Flag.objects.open().filter(case=locked).order_by("pk"))
    _not_own(flags, by)
    given = {outcome.flag_id: outcome for outcome in outcomes}
    for flag_id in given.keys() - {flag.pk for flag in flags}:
        raise BadRecord(f"flag-{flag_id}", "is not an open flag of this case")
    items = [_item(flag, given.get(flag.pk)) for flag in flags]
    two = any(item.flag.severity == 1 and item.outcome in NEEDS_TWO for item in items)
    kind = Decision.Kind.PROPOSED if two else Decision.Kind.DECIDED
    decision = _write(locked, kind, by, note)
    for item in items:
        item.decision = decision
    DecisionItem.objects.bulk_create(items)
    if not two:
        _settle(locked, Move.DECIDE, by, decision, zip(flags, items, strict=True))
        return decision
    move_case(
        locked,
        Move.PROPOSE,
        by,
        owner=None,
        claimed_at=None,
        snoozed_until=None,
        escalated_to="",
        proposed_by=by,
        detail=_said(decision, items),
    )
    return decision


@transaction.atomic
def confirm(*, case, by, seen, note=""):
    """As the second person, agree with what a colleague proposed: now it holds.

    Raises `NotAllowed` for the proposer and for whoever prescribed what raised an urgent flag,
    `Stale` when the case has become another one than the proposal was made for.
    """
    locked = _open(case, Action.DECIDE, by, seen)
    moves.target(locked, Move.CONFIRM)
    proposal = newest(locked)
    if proposal.by_id == by.pk:
        raise NotAllowed("You proposed this. Another reviewer must confirm it.")
    flags = list(Flag.objects.open().filter(case=locked).order_by("pk"))
    _not_own(flags, by)
    proposed = {
        (item.flag.rule_id, item.flag.key): item for item in proposal.items.select_related("flag")
    }
    items = [proposed.get((flag.rule_id, flag.key)) for flag in flags]
    today = timezone.localdate()
    for flag, item in zip(flags, items, strict=True):
        if item is None or flag.severity < item.flag.severity:
            raise Stale(f"{flag.title}: this is new since the proposal. Send it back.")
        if item.until <= today:
            raise Stale(f"{flag.title}: the day proposed has come. Send it back.")
    decision = _write(locked, Decision.Kind.CONFIRMED, by, note, answers=proposal)
    _settle(locked, Move.CONFIRM, by, decision, zip(flags, items, strict=True))
    return decision


@transaction.atomic
def send_back(*, case, reason, by, seen):
    """As the second person, give a proposal back to the colleague who made it, with the reason."""
    locked = _open(case, Action.DECIDE, by, seen)
    moves.target(locked, Move.SEND_BACK)
    proposal = newest(locked)
    if proposal.by_id == by.pk:
        raise NotAllowed("You proposed this. Take it back instead.")
    if not reason.strip():
        raise BadRecord("reason", "is needed to send a proposal back")
    _write(locked, Decision.Kind.SENT_BACK, by, reason, answers=proposal)
    return move_case(
        locked,
        Move.SEND_BACK,
        by,
        owner=proposal.by,
        claimed_at=timezone.now(),
        proposed_by=None,
        to=proposal.by,
        reason=reason,
        detail={"decision": proposal.pk, "reason": reason},
    )


@transaction.atomic
def undo(*, case, reason, by, seen):
    """Take a decision back on the day it was made, or a proposal while it waits, with the reason.

    The decision stays on record, superseded. Its flags are open again and the case is mine; where
    the patient has another open case by now, screening brings the flags into that one.
    """
    locked = _open(case, Action.DECIDE, by, seen)
    moves.target(locked, Move.UNDO)
    if not reason.strip():
        raise BadRecord("reason", "is needed to undo a decision")
    decision = newest(locked)
    waits = decision.kind == Decision.Kind.PROPOSED
    if not (waits or may_undo(decision)):
        raise IllegalMove("A decision can be undone on the day it was made, and not later.")
    _write(locked, Decision.Kind.UNDONE, by, reason, answers=decision)
    source = decision.answers or decision
    for exemption in Exemption.objects.filter(decision=source, ended_at__isnull=True):
        exempt.end(exemption=exemption, by=by)
    # Screening ranks the case anew, and raises again what an exemption had silenced.
    requests.enqueue([locked.patient_id], reason="undone")
    detail = {"decision": decision.pk, "reason": reason}
    settled = covered_by(decision)
    elsewhere = Case.objects.open().filter(patient=locked.patient_id).exclude(pk=locked.pk)
    if not waits and (elsewhere.exists() or not settled.exists()):
        let_run_out(settled)
        return moves.keep(locked, Move.UNDO, by, reason=reason, detail=detail)
    settled.update(settled_at=None, settled_until=None, reopened_at=timezone.now())
    return move_case(
        locked,
        Move.UNDO,
        by,
        owner=by,
        claimed_at=timezone.now(),
        closed_at=None,
        proposed_by=None,
        reason=reason,
        detail=detail,
    )


def newest(case):
    """The decision of a case that nothing has answered yet: the one that holds, or waits."""
    concluded = [Decision.Kind.DECIDED, Decision.Kind.PROPOSED, Decision.Kind.CONFIRMED]
    return (
        case.decisions.filter(answer__isnull=True, kind__in=concluded)
        .select_related("by", "answers__by")
        .order_by("pk")
        .last()
    )


def may_undo(decision):
    """Whether a decision was made today."""
    return timezone.localdate(decision.decided_at) == timezone.localdate()


def covered_by(decision):
    """The live flags that a decision settled, or those that took their place since."""
    return Flag.objects.live().filter(patient=decision.patient_id, settled_at=decision.decided_at)


def let_run_out(flags):
    """End what covers these flags; the screening that was asked for opens them again."""
    flags.update(settled_until=timezone.localdate() - timedelta(days=1))


def needs_second(case, by):
    """Whether a case waits for a second person and `by` may be that one."""
    return case.state == PROPOSED and case.proposed_by_id != by.pk


def preset(flag, today):
    """What the form starts from: `(outcome, reason, day)`, all empty for an urgent flag.

    It decides nothing and says only what is true of somebody who has read the page, so that taking
    it without thought hides nothing for long: see docs/decisions.md.
    """
    if flag.severity == 1:
        return "", "", None
    day = today + timedelta(days=service_levels.REVIEW_DAYS[flag.severity])
    return (*PRESETS.get(flag.rule_id, (Outcome.REVIEW, Reason.LOOKED_AT)), day)


# What these flags say is that the record is wrong or lacks something: it goes to the list of those
# who can put it right.
PRESETS = {
    "DQ-01": (Outcome.DATA_WRONG, Reason.QUANTITY_WRONG),
    "DQ-03": (Outcome.DATA_WRONG, Reason.MEDICINE_WRONG),
}


def exemptions_for(rule_id, severity):
    """The kinds of exemption that silence or lower a rule, as `[(kind, in words)]`."""
    return [
        (kind, text)
        for kind, text in KINDS.items()
        if graded(rule_id, severity, [kind]) != severity
    ]


def own_urgent_flags(flags, by):
    """The S1 flags among `flags` that a prescription by `by` raised."""
    urgent = [flag for flag in flags if flag.severity == 1]
    ids = {pk for flag in urgent for pk in flag.prescription_ids}
    mine = set()
    if ids:
        written = Prescription.objects.filter(pk__in=ids)
        mine = set(
            (written.filter(prescriber=by) | written.filter(recorded_by=by)).values_list(
                "pk", flat=True
            )
        )
    return [flag for flag in urgent if mine.intersection(flag.prescription_ids)]


def latest_until(severity, today, outcome=None):
    """The last day on which a decision on a flag of this severity can hold."""
    if outcome == Outcome.EXEMPT:
        return today + timedelta(days=exempt.LONGEST_DAYS)
    days = service_levels.REVIEW_DAYS if outcome == Outcome.REVIEW else service_levels.SETTLED_DAYS
    return today + timedelta(days=days[severity])


def latest_snooze(severity, today):
    """The last day until which a case of this severity can be hidden."""
    return today + timedelta(days=service_levels.SNOOZE_DAYS[severity])


def _open(case, action, by, seen):
    """Lock the patient and then the case, in the order that screening does, and compare."""
    access.require(by, action, case)
    Patient.objects.select_for_update(no_key=True).get(pk=case.patient_id)
    locked = Case.objects.select_for_update().get(pk=case.pk)
    if locked.lock != seen:
        who = f" by {_name(locked.owner)}" if locked.owner_id not in (None, by.pk) else ""
        raise Stale(f"This case was changed{who} since you opened it. Look at it again.")
    return locked


def _mine(case, by):
    if case.owner_id not in (None, by.pk):
        raise NotAllowed(f"{_name(case.owner)} is working on this case. Take it over first.")


def _not_own(flags, by):
    own = own_urgent_flags(flags, by)
    if own:
        raise NotAllowed(
            f"{own[0].title}: this urgent flag comes from your own prescription. "
            "Another reviewer must decide it.",
            flag=own[0].pk,
        )


def _write(case, kind, by, note, answers=None):
    return Decision.objects.create(
        case=case,
        patient_id=case.patient_id,
        practice_id=case.practice_id,
        kind=kind,
        answers=answers,
        by=by,
        note=note.strip(),
    )


def _settle(case, move, by, decision, pairs):
    """Let a decision hold: settle the flags, grant its exemptions, close the case.

    `pairs` are the flags as they are now, each with the item that was decided on its matter.
    """
    pairs = list(pairs)
    today = timezone.localdate()
    for flag, item in pairs:
        flag.settled_at = decision.decided_at
        flag.settled_until = min(item.until, latest_until(flag.severity, today))
    Flag.objects.bulk_update([flag for flag, _ in pairs], ["settled_at", "settled_until"])
    items = [item for _, item in pairs]
    for kind in sorted({item.exemption_kind for item in items if item.exemption_kind}):
        mine = [item for item in items if item.exemption_kind == kind]
        exempt.exempt(
            patient=case.patient,
            kind=kind,
            evidence="; ".join(dict.fromkeys(item.evidence for item in mine)),
            expires_on=min(item.until for item in mine),
            decision=decision.answers or decision,
            by=by,
        )
    move_case(
        case,
        move,
        by,
        closed_at=timezone.now(),
        snoozed_until=None,
        escalated_to="",
        detail=_said(decision, items),
    )


def _said(decision, items):
    return {
        "decision": decision.pk,
        "outcomes": {item.flag.rule_id: item.outcome for item in items},
    }


def _item(flag, given):
    """The unsaved item for a flag, or `BadRecord`."""
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
    today = timezone.localdate()
    last = latest_until(flag.severity, today, given.outcome)
    if given.until is not None:
        _day_within(field, given.until, (last - today).days)
    return DecisionItem(
        flag=flag,
        outcome=given.outcome,
        reason=given.reason,
        until=given.until or last,
        exemption_kind=given.exemption_kind if exempts else "",
        evidence=given.evidence.strip() if exempts else "",
    )


def _day_within(field, day, days):
    today = timezone.localdate()
    last = today + timedelta(days=days)
    if day is None or not today < day <= last:
        raise BadRecord(field, f"must be after today and not after {last:%-d %b %Y}")


def _name(user):
    return (user.get_full_name() or user.get_username()) if user else "Somebody else"
