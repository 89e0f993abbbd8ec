"""Reviewer verbs on a case: claim, release, decide, snooze, escalate. Which moves exist: MOVES."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from django.db import transaction
from django.utils import timezone

from reviews import access, audit, service_levels
from reviews.access import Action
from reviews.errors import BadRecord, IllegalMove, NotAllowed, Stale
from reviews.models import (
    Case,
    CaseState,
    Decision,
    DecisionItem,
    Flag,
    Outcome,
    Patient,
    Prescription,
    Reason,
    Role,
)

QUEUED, CLAIMED = CaseState.QUEUED, CaseState.CLAIMED
SNOOZED, ESCALATED = CaseState.SNOOZED, CaseState.ESCALATED
DECIDED, CLEARED = CaseState.DECIDED, CaseState.CLEARED


class Move(StrEnum):
    CLAIM = "claim"
    TAKE_OVER = "take over"
    RELEASE = "release"
    DECIDE = "decide"
    SNOOZE = "snooze"
    ESCALATE = "escalate"
    WAKE = "wake"
    CLEAR = "clear"


# A pair that is missing cannot be done. WAKE and CLEAR are the portal's own moves.
MOVES = {
    (QUEUED, Move.CLAIM): CLAIMED,
    (SNOOZED, Move.CLAIM): CLAIMED,
    (ESCALATED, Move.CLAIM): CLAIMED,
    (CLAIMED, Move.TAKE_OVER): CLAIMED,
    (CLAIMED, Move.RELEASE): QUEUED,
    (QUEUED, Move.DECIDE): DECIDED,
    (CLAIMED, Move.DECIDE): DECIDED,
    (SNOOZED, Move.DECIDE): DECIDED,
    (ESCALATED, Move.DECIDE): DECIDED,
    (QUEUED, Move.SNOOZE): SNOOZED,
    (CLAIMED, Move.SNOOZE): SNOOZED,
    (QUEUED, Move.ESCALATE): ESCALATED,
    (CLAIMED, Move.ESCALATE): ESCALATED,
    (SNOOZED, Move.ESCALATE): ESCALATED,
    (SNOOZED, Move.WAKE): QUEUED,
    (QUEUED, Move.CLEAR): CLEARED,
    (CLAIMED, Move.CLEAR): CLEARED,
    (SNOOZED, Move.CLEAR): CLEARED,
    (ESCALATED, Move.CLEAR): CLEARED,
}

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
    Outcome.DATA_WRONG: (Reason.QUANTITY_WRONG, Reason.MEDICINE_WRONG, Reason.NOT_TAKEN),
    Outcome.NOT_RELEVANT: (Reason.NOT_APPLICABLE, Reason.ALREADY_ACTIONED),
}

ESCALATE_TO = (Role.CLINICIAN, Role.REVIEWER)


@dataclass(frozen=True)
class FlagOutcome:
    """What is concluded on one flag; `until` None means the longest its severity allows."""

    flag_id: int
    outcome: str
    reason: str
    until: date | None = None


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
    return _move(
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
    return _move(locked, Move.RELEASE, by, owner=None, claimed_at=None)


@transaction.atomic
def snooze(*, case, until, reason, by, seen):
    """Hide the case until a day, at the latest the one its severity allows, with the reason."""
    locked = _open(case, Action.SNOOZE, by, seen)
    _mine(locked, by)
    _day_within("until", until, service_levels.SNOOZE_DAYS[locked.severity])
    if not reason.strip():
        raise BadRecord("reason", "is needed to snooze a case")
    return _move(
        locked,
        Move.SNOOZE,
        by,
        owner=None,
        claimed_at=None,
        snoozed_until=until,
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
    return _move(
        locked,
        Move.ESCALATE,
        by,
        owner=None,
        claimed_at=None,
        snoozed_until=None,
        escalated_to=to,
        detail={"to": to, "reason": reason},
    )


@transaction.atomic
def decide(*, case, outcomes, by, seen, note=""):
    """Conclude on every open flag of the case at once, and close it.

    Raises `BadRecord` for a missing or impossible outcome, `NotAllowed` for an urgent flag raised
    by the reviewer's own prescription, `Stale` when the case changed since it was read.
    """
    locked = _open(case, Action.DECIDE, by, seen)
    _mine(locked, by)
    flags = {flag.pk: flag for flag in Flag.objects.open().filter(case=locked).order_by("pk")}
    own = own_urgent_flags(flags.values(), by)
    if own:
        raise NotAllowed(
            f"{own[0].title}: this urgent flag comes from your own prescription. "
            "Another reviewer must decide it.",
            flag=own[0].pk,
        )
    given = {outcome.flag_id: outcome for outcome in outcomes}
    for flag_id in given.keys() - flags.keys():
        raise BadRecord(f"flag-{flag_id}", "is not an open flag of this case")
    untils = {flag.pk: _check(flag, given.get(flag.pk)) for flag in flags.values()}

    decision = Decision.objects.create(
        case=locked, patient_id=locked.patient_id, practice_id=locked.practice_id, by=by, note=note
    )
    DecisionItem.objects.bulk_create(
        DecisionItem(
            decision=decision,
            flag=flag,
            outcome=given[flag.pk].outcome,
            reason=given[flag.pk].reason,
            until=untils[flag.pk],
        )
        for flag in flags.values()
    )
    for flag in flags.values():
        Flag.objects.filter(pk=flag.pk).update(
            settled_at=timezone.now(), settled_until=untils[flag.pk]
        )
    _move(
        locked,
        Move.DECIDE,
        by,
        closed_at=timezone.now(),
        snoozed_until=None,
        escalated_to="",
        detail={
            "decision": decision.pk,
            "outcomes": {flag.rule_id: given[flag.pk].outcome for flag in flags.values()},
        },
    )
    return decision


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


def latest_until(severity, today):
    """The last day on which a decision on a flag of this severity can hold."""
    return today + timedelta(days=service_levels.SETTLED_DAYS[severity])


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


def _move(case, move, by, *, detail=None, **changes):
    state = MOVES.get((case.state, move))
    if state is None:
        raise IllegalMove(
            f"A {case.get_state_display().lower()} case cannot be changed so: {move}."
        )
    for field, value in changes.items():
        setattr(case, field, value)
    case.state = state
    case.lock += 1
    case.updated_at = timezone.now()
    case.save(update_fields=["state", "lock", "updated_at", *changes])
    audit.record(
        by,
        f"case.{move.replace(' ', '_')}",
        practice_id=case.practice_id,
        patient_id=case.patient_id,
        subject=case,
        **(detail or {}),
    )
    return case


def _check(flag, given):
    """The day until which the outcome holds, or `BadRecord`."""
    field = f"flag-{flag.pk}"
    if given is None or not given.outcome:
        raise BadRecord(field, f"{flag.title}: choose an outcome")
    if given.outcome not in REASONS:
        raise BadRecord(field, f"{flag.title}: that outcome does not exist")
    if given.reason not in REASONS[given.outcome]:
        raise BadRecord(field, f"{flag.title}: choose a reason that goes with the outcome")
    today = timezone.localdate()
    if given.until is None:
        return latest_until(flag.severity, today)
    _day_within(field, given.until, service_levels.SETTLED_DAYS[flag.severity])
    return given.until


def _day_within(field, day, days):
    today = timezone.localdate()
    last = today + timedelta(days=days)
    if day is None or not today < day <= last:
        raise BadRecord(field, f"must be after today and not after {last:%-d %b %Y}")


def _name(user):
    return (user.get_full_name() or user.get_username()) if user else "Somebody else"
