"""What happened with a case, the newest first: decisions on its patient, moves of their cases, and
what was done in a record system with cards about them."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.db.models import Q
from django.utils import timezone

from reviews.drawing.timeline import Pin
from reviews.models import Case, CaseMove, Decision, HookFeedback
from reviews.moves import Move
from reviews.rules import words

SHOWN = 50
# Decisions stand in the history themselves, with what was decided.
TOLD_MOVES = (
    *(Move.OPEN, Move.CLAIM, Move.TAKE_OVER, Move.RELEASE, Move.HAND_OVER),
    *(Move.SNOOZE, Move.ESCALATE, Move.ANSWER, Move.WAKE, Move.CLEAR),
)


class Happened(NamedTuple):
    """A decision, a move, or what became of a card, and when.

    A decision has a number; an answer has that of its question. The number is None where the
    decision answered is older than the history shown.
    """

    at: datetime
    decision: Decision | None = None
    number: int | None = None
    move: CaseMove | None = None
    feedback: HookFeedback | None = None


def history(case: Case) -> list[Happened]:
    """What happened, the newest first."""
    decisions = list(
        Decision.objects.filter(patient=case.patient_id)
        .select_related("by", "answer__answer", "answers")
        .prefetch_related("items__flag")
        .order_by("-pk")[:SHOWN]
    )
    moves = (
        CaseMove.objects.filter(case__patient=case.patient_id, move__in=TOLD_MOVES)
        .select_related("by")
        .order_by("-pk")[:SHOWN]
    )
    numbers = _numbers(decisions)
    happened = [Happened(row.decided_at, decision=row, number=numbers[row.pk]) for row in decisions]
    happened += [Happened(move.at, move=move) for move in moves]
    patient = case.patient_id
    feedback = (
        HookFeedback.objects.filter(
            Q(card__patient=patient) | Q(card__patient__merged_into=patient)
        )
        .select_related("card__client")
        .order_by("-said_at")[:SHOWN]
    )
    happened += [Happened(told.said_at, feedback=told) for told in feedback]
    return sorted(happened, key=lambda each: each.at, reverse=True)


def pins(happened: Iterable[Happened]) -> list[Pin]:
    """The decisions that hold or wait, for the time line."""
    drawn = []
    for row in happened:
        decision = row.decision
        if decision is None or row.number is None or not decision.is_in_force:
            continue
        outcomes = dict.fromkeys(item.get_outcome_display() for item in decision.items.all())
        on = timezone.localdate(decision.decided_at)
        label = f"Decision {row.number}, {on:%-d %b %Y}: {words.listed(outcomes).lower()}"
        drawn.append(Pin(on.toordinal(), row.number, label, f"decision-{decision.pk}"))
    return drawn


def _numbers(decisions: list[Decision]) -> dict[int, int | None]:
    """The number of each decision, counted from the oldest shown; an answer has its question's."""
    numbers: dict[int, int | None] = {}
    count = 0
    for row in reversed(decisions):
        if row.answers_id is None:
            count += 1
            numbers[row.pk] = count
        else:
            numbers[row.pk] = numbers.get(row.answers_id)
    return numbers
