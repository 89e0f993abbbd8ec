"""Deciding on a case: decide, or propose and let a second person answer; and taking it back."""

from collections.abc import Iterable, Mapping, Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reviews import access, conclusions, exemptions, messaging, moves, requests, sealing, settling
from reviews.access import Action
from reviews.conclusions import Answer, FlagOutcome
from reviews.errors import BadRecord, DomainError, IllegalMove, NotAllowed, Stale
from reviews.models import Case, Decision, DecisionItem, Exemption, Flag, Message, Move, Outcome
from reviews.queries.messages import sight_of


@transaction.atomic
def decide(
    *,
    case: Case,
    outcomes: Iterable[FlagOutcome],
    by: User,
    seen: int,
    note: str = "",
    message: messaging.Draft | None = None,
) -> Decision:
    """Conclude on every open flag of the case at once, and close it; a `message` goes with it.

    Where an outcome on an urgent flag needs a second person, the decision is only proposed: the
    flags stay open and the case waits for `confirm` or `send_back`. Raises `BadRecord` for a
    missing or impossible outcome, `NotAllowed` for an urgent flag raised by the reviewer's own
    prescription, `Stale` when the case changed since it was read.
    """
    locked = moves.lock(case, Action.DECIDE, by, seen)
    moves.refuse_a_colleagues(locked, by)
    flags = list(Flag.objects.open().filter(case=locked).order_by("pk"))
    _refuse_own(flags, by)
    given = {outcome.flag_id: outcome for outcome in outcomes}
    for flag_id in given.keys() - {flag.pk for flag in flags}:
        raise BadRecord(f"flag-{flag_id}", "is not an open flag of this case")
    items = [conclusions.item(flag, given.get(flag.pk)) for flag in flags]
    two = any(item.flag.severity == 1 and item.outcome in conclusions.NEEDS_TWO for item in items)
    kind = Decision.Kind.PROPOSED if two else Decision.Kind.DECIDED
    decision = _write(locked, kind, by, note)
    messaging.settle(locked)
    if message is not None:
        carried_by = Message.Carrier.PROPOSAL if two else Message.Carrier.DECISION
        sight = sight_of([locked])[locked.pk]
        messaging.send(locked, message, by, sight=sight, carried_by=carried_by, decision=decision)
    for item in items:
        item.decision = decision
    DecisionItem.objects.bulk_create(items)
    if not two:
        _conclude(locked, Move.DECIDE, by, decision, list(zip(flags, items, strict=True)))
        return decision
    moves.move_case(
        locked,
        Move.PROPOSE,
        by,
        owner=None,
        claimed_at=None,
        snoozed_until=None,
        escalated_to="",
        proposed_by=by,
        detail=_outcomes(decision, items),
    )
    return decision


def decide_alike(
    *, seen: Mapping[int, int], rule_ids: Sequence[str], answer: Answer, by: User, note: str = ""
) -> tuple[list[Decision], list[str]]:
    """Give notes that are alike one answer, by id of their case with the lock that was seen.

    Each case is checked and decided by itself: `(what was decided, why others were not)`. Refused
    is a case that holds more than notes, or other rules than `rule_ids`. The history says of each
    that it was answered with others.
    """
    visible = access.scope(Case.objects.select_related("patient"), by, Action.DECIDE)
    cases = visible.in_bulk(seen)
    together = f"One answer for {len(seen)} like cases." if len(seen) > 1 else ""
    decisions, refusals = [], []
    for pk, lock in seen.items():
        case = cases.get(pk)
        if case is None:
            refusals.append(access.NO_SUCH_RECORD)
            continue
        try:
            said = " ".join(part for part in (note.strip(), together) if part)
            _refuse_unlike(case, rule_ids, answer)
            decisions.append(
                decide(case=case, outcomes=_same(case, answer), by=by, seen=lock, note=said)
            )
        except BadRecord as refusal:
            refusals.append(f"{case.patient}: {refusal.reason}.")
        except DomainError as refusal:
            refusals.append(f"{case.patient}: {refusal.message}")
    return decisions, refusals


def _refuse_unlike(case: Case, rule_ids: Sequence[str], answer: Answer) -> None:
    why_not = conclusions.not_alike(case, rule_ids)
    if why_not:
        raise BadRecord("case", why_not)
    if answer.outcome == Outcome.EXEMPT:
        raise BadRecord("outcome", "an exemption needs evidence of its own for each person")


def _same(case: Case, answer: Answer) -> list[FlagOutcome]:
    """The answer for each open flag of a case; one that is added meanwhile makes it stale."""
    flags = Flag.objects.open().filter(case=case).values_list("pk", flat=True)
    return [FlagOutcome(pk, answer.outcome, answer.reason, answer.until) for pk in flags]


@transaction.atomic
def confirm(*, case: Case, by: User, seen: int, note: str = "") -> Decision:
    """As the second person, agree with what a colleague proposed: now it holds.

    Raises `NotAllowed` for the proposer and for whoever prescribed what raised an urgent flag,
    `Stale` when the case has become another one than the proposal was made for.
    """
    locked = moves.lock(case, Action.DECIDE, by, seen)
    moves.target(locked, Move.CONFIRM)
    proposal = _to_answer(locked)
    if proposal.by_id == by.pk:
        raise NotAllowed("You proposed this. Another reviewer must confirm it.")
    flags = list(Flag.objects.open().filter(case=locked).order_by("pk"))
    _refuse_own(flags, by)
    proposed = {
        (item.flag.rule_id, item.flag.key): item for item in proposal.items.select_related("flag")
    }
    pairs = []
    for flag in flags:
        item = proposed.get((flag.rule_id, flag.key))
        if item is None or flag.severity < item.flag.severity:
            raise Stale(f"{flag.title}: this is new since the proposal. Send it back.")
        if item.until <= timezone.localdate():
            raise Stale(f"{flag.title}: the day proposed has come. Send it back.")
        pairs.append((flag, item))
    decision = _write(locked, Decision.Kind.CONFIRMED, by, note, answers=proposal)
    _conclude(locked, Move.CONFIRM, by, decision, pairs)
    return decision


@transaction.atomic
def send_back(*, case: Case, reason: str, by: User, seen: int) -> Case:
    """As the second person, give a proposal back to the colleague who made it, with the reason.

    A colleague who reviews here no longer gets nothing: then it is mine.
    """
    locked = moves.lock(case, Action.DECIDE, by, seen)
    moves.target(locked, Move.SEND_BACK)
    proposal = _to_answer(locked)
    if proposal.by_id == by.pk:
        raise NotAllowed("You proposed this. Take it back instead.")
    if not reason.strip():
        raise BadRecord("reason", "is needed to send a proposal back")
    answer = _write(locked, Decision.Kind.SENT_BACK, by, reason, answers=proposal)
    still_here = access.allowed(proposal.by, Action.DECIDE, locked)
    back_to = proposal.by if still_here else by
    return moves.move_case(
        locked,
        Move.SEND_BACK,
        by,
        owner=back_to,
        claimed_at=timezone.now(),
        proposed_by=None,
        to=back_to,
        reason=reason,
        detail=_answered(answer, reason),
    )


@transaction.atomic
def undo(*, case: Case, reason: str, by: User, seen: int) -> Case:
    """Take a decision back on the day it was made, or a proposal while it waits, with the reason.

    The decision stays on record, superseded. Its flags are open again and the case is mine; where
    the patient has another open case by now, screening brings the flags into that one.
    """
    locked = moves.lock(case, Action.DECIDE, by, seen)
    moves.target(locked, Move.UNDO)
    return _take_back(locked, reason, by)


@transaction.atomic
def undo_this(*, decision: Decision, reason: str, by: User) -> Case:
    """As `undo`, of the decision that was seen. Raises `Stale` where another one came after it."""
    case = Case.objects.get(pk=decision.case_id)
    locked = moves.lock(case, Action.DECIDE, by, case.lock)
    newest = conclusions.newest(locked)
    if newest is None or newest.pk != decision.pk:
        raise Stale(f"{case.patient}: this is not what holds any more. Look at the case again.")
    moves.target(locked, Move.UNDO)
    return _take_back(locked, reason, by)


def undo_all(
    *, decisions: Iterable[Decision], reason: str, by: User
) -> tuple[list[Case], list[str]]:
    """Take each back in a transaction of its own: `(the cases open again, why others are not)`."""
    undone, refusals = [], []
    for decision in decisions:
        try:
            undone.append(undo_this(decision=decision, reason=reason, by=by))
        except DomainError as refusal:
            refusals.append(refusal.message)
    return undone, refusals


def _take_back(locked: Case, reason: str, by: User) -> Case:
    if not reason.strip():
        raise BadRecord("reason", "is needed to undo a decision")
    decision = _to_answer(locked)
    waits = decision.kind == Decision.Kind.PROPOSED
    if not (waits or conclusions.may_undo(decision)):
        raise IllegalMove("A decision can be undone on the day it was made, and not later.")
    answer = _write(locked, Decision.Kind.UNDONE, by, reason, answers=decision)
    source = decision.answers or decision
    messaging.taken_back([source], by)
    for exemption in Exemption.objects.filter(decision=source, ended_at__isnull=True):
        access.require(by, Action.EXEMPT, exemption)
        exemptions.end(exemption=exemption, by=by)
    # Screening ranks the case anew, and raises again what an exemption had silenced.
    requests.enqueue([locked.patient_id], reason="undone")
    detail = _answered(answer, reason)
    covered = settling.covered_by(decision)
    elsewhere = Case.objects.open().filter(patient=locked.patient_id).exclude(pk=locked.pk)
    if not waits and (elsewhere.exists() or not covered.exists()):
        settling.let_run_out(covered)
        return moves.keep(locked, Move.UNDO, by, reason=reason, detail=detail)
    settling.open_again(covered)
    return moves.move_case(
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


def _to_answer(case: Case) -> Decision:
    """The decision that holds or waits; a case may be so moved only where there is one."""
    decision = conclusions.newest(case)
    if decision is None:
        raise IllegalMove("There is no decision on this case.")
    return decision


def _refuse_own(flags: list[Flag], by: User) -> None:
    own = conclusions.own_urgent_flags(flags, by)
    if own:
        raise NotAllowed(
            f"{own[0].title}: this urgent flag comes from your own prescription. "
            "Another reviewer must decide it.",
            flag=own[0].pk,
        )


def _write(
    case: Case, kind: Decision.Kind, by: User, note: str, answers: Decision | None = None
) -> Decision:
    return Decision.objects.create(
        case=case,
        patient_id=case.patient_id,
        practice_id=case.practice_id,
        kind=kind,
        answers=answers,
        by=by,
        note=note.strip(),
    )


def _conclude(
    case: Case, move: Move, by: User, decision: Decision, pairs: list[tuple[Flag, DecisionItem]]
) -> None:
    """Let a decision hold: settle the flags, grant its exemptions, close the case.

    `pairs` are the flags as they are now, each with the item that was decided on its matter.
    """
    settling.settle(decision, pairs)
    items = [item for _, item in pairs]
    for kind in sorted({item.exemption_kind for item in items if item.exemption_kind}):
        mine = [item for item in items if item.exemption_kind == kind]
        access.require(by, Action.EXEMPT, case)
        exemptions.grant(
            patient=case.patient,
            kind=kind,
            evidence="; ".join(dict.fromkeys(item.evidence for item in mine)),
            expires_on=min(item.until for item in mine),
            decision=decision.answers or decision,
            by=by,
        )
    moves.move_case(
        case,
        move,
        by,
        closed_at=timezone.now(),
        snoozed_until=None,
        escalated_to="",
        detail=_outcomes(decision, items),
    )


def _outcomes(decision: Decision, items: list[DecisionItem]) -> dict[str, object]:
    return {
        "decision": decision.pk,
        "outcomes": {item.flag.rule_id: item.outcome for item in items},
        # A confirmation has no items of its own: it answers those that were proposed.
        "content": sealing.content_of(decision, () if decision.answers_id else items),
    }


def _answered(answer: Decision, reason: str) -> dict[str, object]:
    return {
        "decision": answer.answers_id,
        "reason": reason,
        "content": sealing.content_of(answer, ()),
    }
