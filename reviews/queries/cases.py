"""One case: its flags, what was concluded on it, what somebody may do with it, and who else may."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import QuerySet

from reviews import access, conclusions
from reviews.access import Action
from reviews.models import Case, CaseState, Decision, DecisionItem, Flag, named
from reviews.moves import MOVES, Move
from reviews.queries import work


def fetch(user: User, pk: int) -> Case:
    """The case, if `user` may see it. Raises `NotFound`."""
    rows = Case.objects.select_related("patient__screening", "practice", "owner")
    return access.fetch(rows, user, Action.SEE_QUEUE, pk=pk)


def flags_of(case: Case, concluded: Decision | None) -> list[Flag]:
    """The open flags of an open case; of a closed one, those that were decided on or that went."""
    flags = Flag.objects.filter(case=case)
    if case.closed_at is None:
        flags = flags.open()
    elif concluded:
        flags = Flag.objects.filter(decisions__decision=concluded.answers or concluded)
    else:
        flags = flags.exclude(end_reason=Flag.EndReason.SUPERSEDED)
    # The whole rule book is read once per process, not once per flag.
    books = ("version", "new_since", "ended_version")
    flags = flags.select_related("engine", *books).defer(*(f"{each}__book" for each in books))
    return list(flags.order_by("severity", "rule_id", "pk"))


def quiet_flags(case: Case, shown: list[Flag]) -> list[Flag]:
    """Live flags that need no decision now: settled until a day, or for information."""
    live = Flag.objects.live().filter(patient=case.patient_id)
    return list(live.exclude(pk__in=[flag.pk for flag in shown]).order_by("severity"))


def items_of(concluded: Decision) -> QuerySet[DecisionItem]:
    """What was concluded on each flag; of a confirmation, what it confirmed."""
    source = concluded.answers or concluded
    return source.items.select_related("flag").order_by("flag__severity", "flag__rule_id", "pk")


def second_persons(user: User, case: Case, flags: list[Flag]) -> list[str]:
    """The names of those who may confirm what was proposed, or what `user` would propose.

    Nobody confirms their own proposal, or leaves as it is what their own prescription raised.
    """
    first = case.proposed_by_id or user.pk
    never = conclusions.urgent_prescribers(flags) | {first}
    return [named(each) for each in work.reviewers([case.practice_id]).exclude(pk__in=never)]


@dataclass(frozen=True, slots=True, kw_only=True)
class May:
    """What somebody may do with a case now, and can: nothing is offered that would be refused."""

    decide: bool
    confirm: bool
    send_back: bool
    undo: bool
    snooze: bool
    escalate: bool
    claim: bool
    take_over: bool
    release: bool
    prescribe: bool
    taper: bool
    record: bool


def may(user: User, case: Case, concluded: Decision | None, own: list[Flag]) -> May:
    """What `user` may do; `own` are the urgent flags that their own prescription raised.

    They give such a case on, and neither keep it nor hide it.
    """
    reviews_here = access.allowed(user, Action.DECIDE, case)
    works = reviews_here and case.closed_at is None
    free = works and case.owner_id in (None, user.pk)
    waits = case.state == CaseState.PROPOSED
    second = works and conclusions.needs_second(case, user)
    if waits:
        may_undo = case.proposed_by_id == user.pk
    else:
        may_undo = concluded is not None and conclusions.may_undo(concluded)
    return May(
        decide=free and not waits and not own,
        confirm=second and not own,
        send_back=second,
        undo=reviews_here and may_undo,
        snooze=free and not own and (case.state, Move.SNOOZE) in MOVES,
        escalate=free and (case.state, Move.ESCALATE) in MOVES,
        claim=works and not own and (case.state, Move.CLAIM) in MOVES,
        take_over=works and not own and case.owner_id not in (None, user.pk),
        release=works and case.owner_id == user.pk,
        prescribe=access.allowed(user, Action.LOG, case),
        taper=access.allowed(user, Action.TAPER, case),
        record=access.allowed(user, Action.RECORD_FACT, case),
    )


def why_not(may: May, case: Case, own: list[Flag]) -> dict[str, str]:
    """`{key: why it can do nothing}` for the keys of a case that `user` cannot use now."""
    if case.closed_at is not None:
        because = f"this case is {case.get_state_display().lower()}."
    elif case.state == CaseState.PROPOSED:
        because = "it waits for a second person."
    elif may.take_over:
        because = f"{named(case.owner)} is working on it. Take it over first."
    elif not may.decide and not own:
        because = f"reviewers of {case.practice} do that."
    else:
        because = "that cannot be done now."
    said = {}
    if not may.snooze:
        said["s"] = f"Not snoozed: {because}"
    if not may.escalate:
        said["e"] = f"Not escalated: {because}"
    if not may.claim:
        mine = case.owner_id is not None and not may.take_over
        said["c"] = "It is claimed by you already." if mine else f"Not claimed: {because}"
    if not may.release:
        said["h"] = "Only a case that you have claimed can be handed over."
    if own:
        said["d"] = "An urgent flag comes from your own prescription: another reviewer decides."
    elif not may.decide and not may.confirm and not may.undo:
        said["d"] = f"Nothing to decide: {because}"
    return said


def own_urgent(user: User, case: Case, flags: list[Flag]) -> list[Flag]:
    """The urgent flags of an open case that `user`, who reviews it, may not decide: their own."""
    if case.closed_at is not None or not access.allowed(user, Action.DECIDE, case):
        return []
    return conclusions.own_urgent_flags(flags, user)
