"""Which moves of a case exist, where each leads (MOVES), and how one is made and kept."""

from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from reviews import access, audit
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import IllegalMove, NotAllowed, Stale
from reviews.models import Case, CaseMove, CaseState, Move, Patient, named

QUEUED, CLAIMED = CaseState.QUEUED, CaseState.CLAIMED
SNOOZED, ESCALATED = CaseState.SNOOZED, CaseState.ESCALATED
PROPOSED = CaseState.PROPOSED
DECIDED, CLEARED = CaseState.DECIDED, CaseState.CLEARED


# A pair that is missing cannot be done. A case begins with OPEN; WAKE and CLEAR are the portal's.
MOVES: dict[tuple[str, str], CaseState] = {
    (QUEUED, Move.CLAIM): CLAIMED,
    (SNOOZED, Move.CLAIM): CLAIMED,
    (ESCALATED, Move.CLAIM): CLAIMED,
    (CLAIMED, Move.TAKE_OVER): CLAIMED,
    (CLAIMED, Move.RELEASE): QUEUED,
    (CLAIMED, Move.HAND_OVER): CLAIMED,
    (QUEUED, Move.DECIDE): DECIDED,
    (CLAIMED, Move.DECIDE): DECIDED,
    (SNOOZED, Move.DECIDE): DECIDED,
    (ESCALATED, Move.DECIDE): DECIDED,
    (QUEUED, Move.PROPOSE): PROPOSED,
    (CLAIMED, Move.PROPOSE): PROPOSED,
    (SNOOZED, Move.PROPOSE): PROPOSED,
    (ESCALATED, Move.PROPOSE): PROPOSED,
    (PROPOSED, Move.CONFIRM): DECIDED,
    (PROPOSED, Move.SEND_BACK): CLAIMED,
    (PROPOSED, Move.UNDO): CLAIMED,
    (DECIDED, Move.UNDO): CLAIMED,
    (QUEUED, Move.SNOOZE): SNOOZED,
    (CLAIMED, Move.SNOOZE): SNOOZED,
    (QUEUED, Move.ESCALATE): ESCALATED,
    (CLAIMED, Move.ESCALATE): ESCALATED,
    (SNOOZED, Move.ESCALATE): ESCALATED,
    (ESCALATED, Move.ANSWER): QUEUED,
    (SNOOZED, Move.WAKE): QUEUED,
    (QUEUED, Move.CLEAR): CLEARED,
    (CLAIMED, Move.CLEAR): CLEARED,
    (SNOOZED, Move.CLEAR): CLEARED,
    (ESCALATED, Move.CLEAR): CLEARED,
    (PROPOSED, Move.CLEAR): CLEARED,
}

TOLD = {
    Move.CLAIM: Event.CASE_CLAIM,
    Move.TAKE_OVER: Event.CASE_TAKE_OVER,
    Move.RELEASE: Event.CASE_RELEASE,
    Move.HAND_OVER: Event.CASE_HAND_OVER,
    Move.DECIDE: Event.CASE_DECIDE,
    Move.PROPOSE: Event.CASE_PROPOSE,
    Move.CONFIRM: Event.CASE_CONFIRM,
    Move.SEND_BACK: Event.CASE_SEND_BACK,
    Move.UNDO: Event.CASE_UNDO,
    Move.SNOOZE: Event.CASE_SNOOZE,
    Move.ESCALATE: Event.CASE_ESCALATE,
    Move.ANSWER: Event.CASE_ANSWER,
}
"""What the trail calls the moves of people. Screening tells of its own, many at once."""


def lock(case: Case, action: Action, by: User, seen: int) -> Case:
    """Ask whether `by` may, lock the case, and compare it with what was seen of it.

    The patient is locked before the case, in the order that screening does. Raises `NotAllowed`,
    `Stale`.
    """
    access.require(by, action, case)
    Patient.objects.select_for_update(no_key=True).get(pk=case.patient_id)
    locked = Case.objects.select_for_update().get(pk=case.pk)
    if locked.lock != seen:
        who = f" by {named(locked.owner)}" if locked.owner_id not in (None, by.pk) else ""
        raise Stale(f"This case was changed{who} since you opened it. Look at it again.")
    return locked


def refuse_a_colleagues(case: Case, by: User) -> None:
    """Raise `NotAllowed` while a colleague works on the case."""
    if case.owner_id not in (None, by.pk):
        raise NotAllowed(f"{named(case.owner)} is working on this case. Take it over first.")


def target(case: Case, move: Move) -> CaseState:
    """The state that a move leads to. Raises `IllegalMove`."""
    state = MOVES.get((case.state, move))
    if state is None:
        raise IllegalMove(
            f"A case that is “{case.get_state_display().lower()}” cannot be changed so: {move}."
        )
    return state


def move_case(
    case: Case,
    move: Move,
    by: User | None,
    *,
    to: User | None = None,
    to_role: str = "",
    reason: str = "",
    detail: dict[str, Any] | None = None,
    **changes: Any,
) -> Case:
    """Move a locked case, and keep who moved it where and why; `changes` are of its other columns.

    `detail` goes into the trail. `by` None is the portal. Raises `IllegalMove`.
    """
    case.state = target(case, move)
    return keep(case, move, by, to=to, to_role=to_role, reason=reason, detail=detail, **changes)


def keep(
    case: Case,
    move: Move,
    by: User | None,
    *,
    to: User | None = None,
    to_role: str = "",
    reason: str = "",
    detail: dict[str, Any] | None = None,
    **changes: Any,
) -> Case:
    """As `move_case`, for a case that stays in its state."""
    for field, value in changes.items():
        setattr(case, field, value)
    case.lock += 1
    case.updated_at = timezone.now()
    case.save(update_fields=["state", "lock", "updated_at", *changes])
    CaseMove.objects.create(
        case=case,
        move=move,
        by=by,
        to=to,
        to_role=to_role,
        until=case.snoozed_until if move == Move.SNOOZE else None,
        reason=reason,
    )
    audit.record(
        by,
        TOLD[move],
        practice_id=case.practice_id,
        patient_id=case.patient_id,
        subject=case,
        **(detail or {}),
    )
    return case
