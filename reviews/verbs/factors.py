"""Verbs on a lost second factor: one practice admin asks that it be reset, another agrees.

Neither is the person themselves. Nobody else can remove a factor that is not theirs.
"""

from datetime import timedelta
from functools import partial
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reviews import access, audit, reasons, sessions, staff
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import IllegalMove, NotAllowed
from reviews.models import FactorReset, Practice, named

HOURS = 24
"""A request that nobody has answered by then is asked anew: who was seen in person has gone."""
Answer = FactorReset.Answer


@transaction.atomic
def ask(*, person: User, practice: Practice, reason: str, by: User) -> FactorReset:
    """Ask that the second factor of somebody who works here be reset, and say how they are known.

    Raises `BadRecord` without a reason, `NotAllowed` for oneself, `IllegalMove` where it is asked
    already, or where they have no second factor.
    """
    locked = staff.enter(practice, Action.RESET_FACTOR, by)
    person = staff.lock_person(staff.of(person, locked))
    if person.pk == by.pk:
        raise NotAllowed("Nobody resets their own second factor. Ask two other practice admins.")
    reason = reasons.in_words(reason, most=300, must="must say in words how you know them")
    if not Authenticator.objects.filter(user=person).exists():
        raise IllegalMove(f"{named(person)} has no second factor.")
    now = timezone.now()
    FactorReset.objects.filter(user=person, answer="", ends_at__lte=now).update(
        answer=Answer.LAPSED, answered_at=now
    )
    if FactorReset.objects.filter(user=person, answer="").exists():
        raise IllegalMove(f"A reset for {named(person)} is asked already and waits for another.")
    reset = FactorReset.objects.create(
        user=person,
        practice=locked,
        reason=reason,
        asked_by=by,
        ends_at=now + timedelta(hours=HOURS),
    )
    _record(by, Event.FACTOR_RESET_ASKED, reset, reason=reason)
    _tell(reset, "Somebody asked to reset your second factor", "reviews/people/reset_asked.txt")
    return reset


@transaction.atomic
def agree(*, reset: FactorReset, by: User) -> FactorReset:
    """As the second person, remove the factors and end the sessions; the person is told.

    Raises `NotAllowed` for whoever asked and for the person, `IllegalMove` for what was answered or
    has lapsed.
    """
    locked = _waiting(reset, by)
    if locked.asked_by_id == by.pk:
        raise NotAllowed("You asked for this yourself. Another practice admin must agree.")
    if not access.allowed(locked.asked_by, Action.RESET_FACTOR, locked.practice):
        raise IllegalMove("Whoever asked is no practice admin here any more. Ask anew.")
    factors = Authenticator.objects.filter(user=locked.user)
    removed = sorted(factors.values_list("type", flat=True))
    factors.delete()
    ended = sessions.end_all(locked.user)
    _answer(locked, Answer.AGREED, by)
    _record(
        by,
        Event.FACTOR_RESET_AGREED,
        locked,
        asked_by=locked.asked_by_id,
        removed=removed,
        sessions=ended,
    )
    _tell(locked, "Your second factor was reset", "reviews/people/reset_done.txt")
    return locked


@transaction.atomic
def refuse(*, reset: FactorReset, by: User) -> FactorReset:
    """Do not agree: the factors stay. Whoever asked takes it back so. Raises `IllegalMove`."""
    locked = _waiting(reset, by)
    if locked.asked_by_id == by.pk:
        # Taken back: nobody else has answered.
        _answer(locked, Answer.LAPSED, None)
    else:
        _answer(locked, Answer.REFUSED, by)
    _record(by, Event.FACTOR_RESET_REFUSED, locked, asked_by=locked.asked_by_id)
    return locked


@transaction.atomic
def tell(*, user: User) -> FactorReset | None:
    """The reset that `user` has not been told of at a sign-in, once; None for none."""
    reset = (
        FactorReset.objects.select_for_update()
        .filter(user=user, answer=Answer.AGREED, told_at=None)
        .order_by("-pk")
        .first()
    )
    if reset is not None:
        FactorReset.objects.filter(user=user, answer=Answer.AGREED, told_at=None).update(
            told_at=timezone.now()
        )
    return reset


def _waiting(reset: FactorReset, by: User) -> FactorReset:
    staff.enter(reset.practice, Action.RESET_FACTOR, by)
    staff.lock_person(reset.user)
    locked = FactorReset.objects.select_for_update().get(pk=reset.pk)
    if by.pk == locked.user_id:
        raise NotAllowed("Nobody answers for their own second factor.")
    if locked.answer:
        raise IllegalMove("This was answered already.")
    if locked.ends_at <= timezone.now():
        raise IllegalMove(f"This was asked more than {HOURS} hours ago. Ask anew.")
    return locked


def _answer(reset: FactorReset, answer: FactorReset.Answer, by: User | None) -> None:
    reset.answer, reset.answered_by, reset.answered_at = answer, by, timezone.now()
    reset.save(update_fields=["answer", "answered_by", "answered_at"])


def _record(by: User, event: Event, reset: FactorReset, **detail: Any) -> None:
    audit.record(
        by,
        event,
        practice_id=reset.practice_id,
        subject=reset,
        person=reset.user_id,
        name=named(reset.user),
        **detail,
    )


def _tell(reset: FactorReset, subject: str, template: str) -> None:
    if not reset.user.email:
        return
    context: dict[str, object] = {
        "asked_by": named(reset.asked_by),
        "answered_by": named(reset.answered_by) if reset.answered_by else "",
    }
    transaction.on_commit(
        partial(staff.mail, reset.user.email, subject, template, context, practice=reset.practice)
    )
