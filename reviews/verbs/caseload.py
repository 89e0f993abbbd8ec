"""What reviewers do with their cases short of deciding: take one on, give it back, pass it on."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reviews import access, conclusions, messaging, moves, service_levels
from reviews.access import Action
from reviews.errors import BadRecord, DomainError, Stale
from reviews.models import Case, CaseState, Flag, Message, Move, Role, named
from reviews.queries.messages import sight_of

CLAIMED = CaseState.CLAIMED
ESCALATE_TO = (Role.CLINICIAN, Role.REVIEWER)


@transaction.atomic
def claim(*, case: Case, by: User, seen: int, take_over: bool = False) -> Case:
    """Make the case mine. Somebody else's needs `take_over`. Raises `Stale`, `IllegalMove`."""
    locked = moves.lock(case, Action.CLAIM, by, seen)
    if locked.state == CLAIMED and locked.owner_id == by.pk:
        return locked
    if locked.state == CLAIMED and not take_over:
        raise Stale(f"{named(locked.owner)} is already working on this case.")
    before = locked.owner_id
    move = Move.TAKE_OVER if locked.state == CLAIMED else Move.CLAIM
    return moves.move_case(
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
def release(*, case: Case, by: User, seen: int) -> Case:
    """Put my case back into the queue."""
    locked = moves.lock(case, Action.RELEASE, by, seen)
    moves.refuse_a_colleagues(locked, by)
    return moves.move_case(locked, Move.RELEASE, by, owner=None, claimed_at=None)


@transaction.atomic
def hand_over(*, case: Case, to: User | None, reason: str, by: User, seen: int) -> Case:
    """Give a claimed case, mine or a colleague's, to `to`; None puts it back into the queue.

    Raises `BadRecord` without a reason, and for somebody who could not decide on the case.
    """
    locked = moves.lock(case, Action.HAND_OVER, by, seen)
    if not reason.strip():
        raise BadRecord("reason", "is needed to hand a case over")
    detail = {"from": locked.owner_id, "to": to.pk if to else None, "reason": reason}
    if to is None:
        return moves.move_case(
            locked, Move.RELEASE, by, owner=None, claimed_at=None, reason=reason, detail=detail
        )
    if not access.allowed(to, Action.DECIDE, locked):
        raise BadRecord("to", f"{named(to)} does not review at {locked.practice}")
    if conclusions.own_urgent_flags(Flag.objects.open().filter(case=locked), to):
        raise BadRecord("to", f"an urgent flag comes from a prescription by {named(to)}")
    return moves.move_case(
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
def snooze(*, case: Case, until: date | None, reason: str, by: User, seen: int) -> Case:
    """Hide the case until a day, at the latest the one its severity allows, with the reason."""
    locked = moves.lock(case, Action.SNOOZE, by, seen)
    moves.refuse_a_colleagues(locked, by)
    last = latest_snooze(locked.severity, timezone.localdate())
    until = service_levels.check_day("until", until, last)
    if not reason.strip():
        raise BadRecord("reason", "is needed to snooze a case")
    return moves.move_case(
        locked,
        Move.SNOOZE,
        by,
        owner=None,
        claimed_at=None,
        snoozed_until=until,
        reason=reason,
        detail={"until": until.isoformat(), "reason": reason},
    )


def claim_all(*, seen: Mapping[int, int], by: User) -> tuple[list[Case], list[str]]:
    """Claim cases, by id with the lock that was seen: `(those claimed, why others were not)`."""
    return _each(seen, by, lambda case, lock: claim(case=case, by=by, seen=lock))


def hand_over_all(
    *, seen: Mapping[int, int], to: User | None, reason: str, by: User
) -> tuple[list[Case], list[str]]:
    """Hand cases over, as `claim_all`: `(those handed over, why others were not)`."""
    return _each(
        seen, by, lambda case, lock: hand_over(case=case, to=to, reason=reason, by=by, seen=lock)
    )


def _each(
    seen: Mapping[int, int], by: User, move: Callable[[Case, int], Case]
) -> tuple[list[Case], list[str]]:
    """Move each case in a transaction of its own: one that is refused never holds up the rest."""
    visible = access.scope(Case.objects.select_related("patient"), by, Action.SEE_QUEUE)
    cases = visible.in_bulk(seen)
    moved, refusals = [], []
    for pk, lock in seen.items():
        case = cases.get(pk)
        if case is None:
            refusals.append(access.NO_SUCH_RECORD)
            continue
        try:
            moved.append(move(case, lock))
        except BadRecord as refusal:
            refusals.append(f"{case.patient}: {refusal.reason}.")
        except DomainError as refusal:
            refusals.append(refusal.message)
    return moved, refusals


def latest_snooze(severity: int, today: date) -> date:
    """The last day until which a case of this severity can be hidden."""
    return today + timedelta(days=service_levels.SNOOZE_DAYS[severity])


@transaction.atomic
def escalate(
    *, case: Case, to: str, reason: str, by: User, seen: int, person: User | None = None
) -> Case:
    """Hand the case to whoever holds a role, or to one `person` of them, with what is asked.

    They can answer it: the case is then back in the queue, and the answer with whoever asked.
    """
    locked = moves.lock(case, Action.ESCALATE, by, seen)
    moves.refuse_a_colleagues(locked, by)
    if to not in ESCALATE_TO:
        raise BadRecord("to", f"must be one of {', '.join(ESCALATE_TO)}")
    if not reason.strip():
        raise BadRecord("reason", "is needed to escalate a case")
    draft = messaging.Draft(text=reason, to=person, to_role=to)
    sight = sight_of([locked])[locked.pk]
    messaging.send(locked, draft, by, sight=sight, carried_by=Message.Carrier.ESCALATION)
    return moves.move_case(
        locked,
        Move.ESCALATE,
        by,
        owner=None,
        claimed_at=None,
        snoozed_until=None,
        escalated_to=to,
        to=person,
        to_role=to,
        reason=reason,
        detail={"to": to, "reason": reason, **({"person": person.pk} if person else {})},
    )
