"""Which moves of a case exist, and where each of them leads: MOVES."""

from enum import StrEnum

from reviews.models import CaseState

QUEUED, CLAIMED = CaseState.QUEUED, CaseState.CLAIMED
SNOOZED, ESCALATED = CaseState.SNOOZED, CaseState.ESCALATED
PROPOSED = CaseState.PROPOSED
DECIDED, CLEARED = CaseState.DECIDED, CaseState.CLEARED


class Move(StrEnum):
    CLAIM = "claim"
    TAKE_OVER = "take over"
    RELEASE = "release"
    HAND_OVER = "hand over"
    DECIDE = "decide"
    PROPOSE = "propose"
    CONFIRM = "confirm"
    SEND_BACK = "send back"
    UNDO = "undo"
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
    (SNOOZED, Move.WAKE): QUEUED,
    (QUEUED, Move.CLEAR): CLEARED,
    (CLAIMED, Move.CLEAR): CLEARED,
    (SNOOZED, Move.CLEAR): CLEARED,
    (ESCALATED, Move.CLEAR): CLEARED,
    (PROPOSED, Move.CLEAR): CLEARED,
}
