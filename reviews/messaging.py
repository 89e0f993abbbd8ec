"""How a message is written, answered and closed: the step that all verbs of a case share.

Whoever is asked can answer in words, or by doing what was asked: an amended prescription that the
findings rested on, or a recorded review, is the answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from reviews import access, audit, moves, service_levels
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord
from reviews.models import Case, CaseState, Decision, Message, Move, Patient, Role, named

LONGEST = 4000
ROLES = (Role.CLINICIAN, Role.REVIEWER)
Carrier, Answer, Did = Message.Carrier, Message.Answer, Message.Did


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What is to be said, and to whom: a person, or whoever holds a role at the practice."""

    text: str
    to: User | None = None
    to_role: str = ""


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What goes with a message: what is in sight of whoever is asked, and the orders it rests on.

    `shown` is `{"medicines": [...], "matters": [...], "readings": [...]}`, as
    `queries.messages.sight_of` gives it.
    """

    shown: dict[str, Any]
    order_ids: tuple[UUID, ...] = ()


def check(draft: Draft, case: Case, by: User) -> None:
    """Whether a message can go to whom it is meant for. Raises `BadRecord`."""
    if not draft.text.strip():
        raise BadRecord("message", "is empty: say what is asked")
    if len(draft.text) > LONGEST:
        raise BadRecord("message", f"is longer than {LONGEST} characters")
    if draft.to is None:
        if draft.to_role not in ROLES:
            raise BadRecord("message_to", "choose who is asked")
    elif draft.to.pk == by.pk:
        raise BadRecord("message_to", "is yourself: choose somebody else")
    elif not access.allowed(draft.to, Action.ANSWER, case):
        raise BadRecord("message_to", f"{named(draft.to)} does not work at {case.practice}")


def send(
    case: Case,
    draft: Draft,
    by: User,
    *,
    sight: Sight,
    carried_by: str = "",
    decision: Decision | None = None,
    answers: Message | None = None,
    asks: bool = True,
) -> Message:
    """Write a message, in the caller's transaction. With `asks` an answer is due."""
    access.require(by, Action.MESSAGE, case)
    check(draft, case, by)
    made = Message.objects.create(
        case=case,
        practice_id=case.practice_id,
        answers=answers,
        decision=decision,
        carried_by=carried_by,
        by=by,
        to=draft.to,
        to_role=draft.to_role if draft.to is None else "",
        severity=case.severity,
        text=draft.text.strip(),
        sight=sight.shown,
        order_ids=list(sight.order_ids),
        due_at=service_levels.message_due(case.severity, timezone.now()) if asks else None,
    )
    tell(by, Event.MESSAGE_SENT, made, to=made.to_id, to_role=made.to_role, text=made.text)
    return made


def lock(message: Message) -> Message:
    """The message, after its patient and its case were locked in the order of all moves."""
    Patient.objects.select_for_update(no_key=True).get(pk=message.case.patient_id)
    case = Case.objects.select_for_update().get(pk=message.case_id)
    locked = Message.objects.select_for_update(of=("self",)).select_related("by", "to")
    found = locked.get(pk=message.pk)
    found.case = case
    return found


def answer(
    message: Message,
    by: User,
    *,
    answer: str,
    text: str = "",
    because: str = "",
    did: str = "",
    promised_on: date | None = None,
    asks_back: bool = False,
) -> Message:
    """Answer a locked message that waits. An escalated case goes back to the queue with it."""
    asks_back = asks_back or answer == Answer.QUESTION
    now = timezone.now()
    made = Message.objects.create(
        case=message.case,
        practice_id=message.practice_id,
        answers=message,
        decision_id=message.decision_id,
        by=by,
        to=message.by,
        severity=message.severity,
        text=text.strip(),
        answer=answer,
        because=because,
        did=did,
        promised_on=promised_on,
        order_ids=message.order_ids,
        due_at=service_levels.message_due(message.severity, now) if asks_back else None,
    )
    close(message)
    said = made.get_answer_display() + (f": {made.text}" if made.text else "")
    tell(
        by, Event.MESSAGE_ANSWERED, made, message=message.pk, answer=answer, did=did, text=made.text
    )
    if message.carried_by == Carrier.ESCALATION and message.case.state == CaseState.ESCALATED:
        moves.move_case(
            message.case,
            Move.ANSWER,
            by,
            to=message.by,
            reason=said,
            escalated_to="",
            detail={"message": made.pk},
        )
    return made


def close(message: Message) -> None:
    """Wait for no answer to a message any more."""
    message.closed_at = timezone.now()
    message.save(update_fields=["closed_at"])


def settle(case: Case) -> None:
    """A decision on an escalated case answers the escalation: nobody is waited for any more."""
    asked = case.messages.filter(carried_by=Carrier.ESCALATION, closed_at__isnull=True)
    asked.update(closed_at=timezone.now())


def done_by(patient: Patient, by: User, did: str, *, order_id: UUID | None = None) -> list[Message]:
    """Take what `by` did as the answer to what was asked of them, and as their promise kept.

    An amended prescription counts where the findings of the case rested on it.
    """
    waiting = waiting_for(by).filter(case__patient=patient)
    promised = promises_of(by).filter(case__patient=patient)
    if order_id is not None:
        waiting = waiting.filter(order_ids__contains=[order_id])
        promised = promised.filter(order_ids__contains=[order_id])
    promised.update(kept_at=timezone.now())
    # What was asked back is answered in words.
    asked = waiting.filter(answer="").select_related("case")
    return [
        answer(locked, by, answer=Answer.DONE, did=did)
        for message in asked.order_by("pk")
        if (locked := lock(message)).waits
    ]


def waiting_for(user: User) -> QuerySet[Message]:
    """The messages that want an answer of `user`, by name or by a role that they hold."""
    here = access.scope(Message.objects.all(), user, Action.ANSWER)
    mine = Q(to=user)
    for practice_id, roles in access.roles_of(user).items():
        mine |= Q(to__isnull=True, practice=practice_id, to_role__in=roles)
    return standing(here.filter(mine, due_at__isnull=False, closed_at__isnull=True)).exclude(
        by=user
    )


def standing(messages: QuerySet[Message]) -> QuerySet[Message]:
    """Without those that went with a decision that was taken back."""
    return messages.exclude(decision__answer__kind__in=["undone", "sent_back"]).exclude(
        decision__answer__answer__kind="undone"
    )


def promises_of(user: User) -> QuerySet[Message]:
    """What `user` said they would do, and have not done."""
    here = access.scope(Message.objects.all(), user, Action.ANSWER)
    return standing(here.filter(by=user, answer=Answer.WILL_DO, kept_at__isnull=True))


def asked_by(user: User) -> QuerySet[Message]:
    """What `user` asked of others, and nobody answered."""
    here = access.scope(Message.objects.all(), user, Action.MESSAGE)
    return standing(here.filter(by=user, due_at__isnull=False, closed_at__isnull=True))


def came_back_to(user: User) -> QuerySet[Message]:
    """Answers to `user` that ask nothing back and that they have not seen."""
    here = access.scope(Message.objects.all(), user, Action.MESSAGE)
    return here.filter(to=user, seen_at__isnull=True, due_at__isnull=True).exclude(by=F("to"))


def taken_back(decisions: Iterable[Decision], by: User) -> None:
    """A decision was taken back: nobody need answer what went with it, and who did is told."""
    for message in Message.objects.filter(decision__in=decisions, answer="").select_related("case"):
        if message.waits:
            close(message)
        for reply in message.answered_with.exclude(answer="").select_related("by"):
            draft = Draft(
                text="The decision that this went with was taken back. What you did stands; "
                "what you said you would do is open again.",
                to=reply.by,
            )
            if reply.by_id != by.pk and access.allowed(reply.by, Action.ANSWER, message.case):
                send(message.case, draft, by, sight=Sight(shown={}), answers=reply, asks=False)


def people_of(message: Message) -> list[User]:
    """Who is asked: the person, or all who hold the role at the practice."""
    if message.to is not None:
        return [message.to]
    holders = User.objects.filter(
        is_active=True,
        memberships__practice=message.practice_id,
        memberships__role=message.to_role,
    )
    return list(holders.exclude(pk=message.by_id).distinct().order_by("pk"))


def tell(by: User, event: Event, about: Message, /, **detail: Any) -> None:
    """Note in the trail what became of a message, with the person and the case it is about."""
    audit.record(
        by,
        event,
        practice_id=about.practice_id,
        patient_id=about.case.patient_id,
        subject=about,
        case=about.case_id,
        **detail,
    )
