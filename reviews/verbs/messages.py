"""Write to the people of a case, answer them, and remind whoever is waited for.

Mail is not confidential, so a reminder names nobody: no patient, medicine or practice.
"""

from datetime import date, timedelta
from smtplib import SMTPException

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from reviews import access, audit, messaging
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, IllegalMove, NotAllowed
from reviews.messaging import LONGEST, Answer, Draft
from reviews.models import Case, Message, named
from reviews.queries.messages import sight_of

log = structlog.get_logger(__name__)
Because, Did = Message.Because, Message.Did
LATEST_PROMISE = timedelta(days=90)


@transaction.atomic
def write(*, case: Case, draft: Draft, by: User, asks: bool = True) -> Message:
    """Write to somebody about a case. What they asked me back is thereby answered.

    With `asks` an answer is due. Raises `BadRecord`.
    """
    access.require(by, Action.MESSAGE, case)
    messaging.check(draft, case, by)
    asked_back = messaging.waiting_for(by).filter(case=case, answers__isnull=False)
    if draft.to is not None:
        asked_back = asked_back.filter(by=draft.to)
    replied = None
    for message in asked_back.select_related("case").order_by("pk"):
        replied = messaging.lock(message)
        if replied.waits:
            messaging.close(replied)
    sight = sight_of([case])[case.pk]
    return messaging.send(case, draft, by, sight=sight, answers=replied, asks=asks)


@transaction.atomic
def answer(
    *,
    message: Message,
    answer: str,
    by: User,
    text: str = "",
    because: str = "",
    did: str = "",
    promised_on: date | None = None,
    asks_back: bool = False,
) -> Message:
    """Answer what was asked: will do by a day, done, not appropriate because, or a question.

    Whoever is asked answers, or a colleague of the practice in their place. An escalated case is
    then back in the queue. Raises `BadRecord`, and `IllegalMove` for what was answered already.
    """
    access.require(by, Action.ANSWER, message)
    locked = messaging.lock(message)
    if locked.by_id == by.pk:
        raise NotAllowed("You asked this yourself. Somebody else must answer it.")
    if not locked.waits:
        raise IllegalMove("This was answered already, or nothing more is asked. Look at it again.")
    if answer not in Answer.values:
        raise BadRecord("answer", "choose an answer")
    _check_words(answer, text, because, did, asks_back=asks_back)
    if answer == Answer.WILL_DO:
        today = timezone.localdate()
        if promised_on is None or not today <= promised_on <= today + LATEST_PROMISE:
            last = f"{today + LATEST_PROMISE:%-d %b %Y}"
            raise BadRecord("promised_on", f"say by when: from today to {last}")
    return messaging.answer(
        locked,
        by,
        answer=answer,
        text=text,
        because=because if answer == Answer.NOT_APPROPRIATE else "",
        did=did if answer == Answer.DONE else "",
        promised_on=promised_on if answer == Answer.WILL_DO else None,
        asks_back=asks_back,
    )


def _check_words(answer: str, text: str, because: str, did: str, *, asks_back: bool) -> None:
    if len(text) > LONGEST:
        raise BadRecord("text", f"is longer than {LONGEST} characters")
    if answer == Answer.NOT_APPROPRIATE and because not in Because.values:
        raise BadRecord("because", "say why it is not appropriate")
    if answer == Answer.DONE and did not in Did.values:
        raise BadRecord("did", "say what was done")
    in_words = Because.OTHER in (because, did) or answer == Answer.QUESTION or asks_back
    if in_words and not text.strip():
        raise BadRecord("text", "say it in words")


@transaction.atomic
def close(*, message: Message, by: User) -> Message:
    """Say that nothing more is asked: by whoever asked, or by whom a question came back to."""
    access.require(by, Action.MESSAGE, message)
    locked = messaging.lock(message)
    if by.pk not in (locked.by_id, locked.to_id):
        raise NotAllowed(f"{named(locked.by)} asked this, and says when nothing more is asked.")
    if by.pk == locked.to_id and not locked.answer:
        raise NotAllowed("Answer it: that it is not appropriate, and why, is an answer too.")
    if locked.waits:
        messaging.close(locked)
        messaging.tell(by, Event.MESSAGE_CLOSED, locked, message=locked.pk)
    return locked


@transaction.atomic
def keep(*, message: Message, by: User) -> Message:
    """Say that what I promised is done."""
    access.require(by, Action.ANSWER, message)
    locked = messaging.lock(message)
    if locked.by_id != by.pk or locked.answer != Answer.WILL_DO:
        raise NotAllowed("Whoever said that they would do it says when it is done.")
    if locked.kept_at is None:
        locked.kept_at = timezone.now()
        locked.save(update_fields=["kept_at"])
        messaging.tell(by, Event.MESSAGE_KEPT, locked, promised_on=str(locked.promised_on))
    return locked


@transaction.atomic
def see(*, case: Case, by: User) -> None:
    """Note that `by` has read what was written to them about a case."""
    Message.objects.filter(case=case, to=by, seen_at__isnull=True).update(seen_at=timezone.now())


# -- Reminders -----------------------------------------------------------------------------------


def remind(*, day: date | None = None) -> int:
    """Mail whoever is waited for: once when asked, and each day from the day it is due.

    Each message is marked before its mail goes, so that nobody gets two for one day, whoever runs
    this and however often. While no mail server answers nothing is marked. Returns how many went.
    """
    day = day or timezone.localdate()
    waiting = list(_to_mail(day).select_related("to", "case").order_by("due_at", "pk"))
    by_person: dict[User, list[Message]] = {}
    for message in waiting:
        who = [message.by] if message.answer == Answer.WILL_DO else messaging.people_of(message)
        for user in who:
            if user.is_active and user.email and access.allowed(user, Action.ANSWER, message):
                by_person.setdefault(user, []).append(message)
    if not by_person:
        return 0
    try:
        with get_connection() as connection:
            marked = {
                message.pk
                for message in waiting
                if _to_mail(day)
                .filter(pk=message.pk)
                .update(mailed_at=timezone.now(), reminded_on=day)
            }
            mails = [
                _mail(user, mine)
                for user, messages in by_person.items()
                if (mine := [message for message in messages if message.pk in marked])
            ]
            for mail in mails:
                mail.connection = connection
                mail.send()
    except (OSError, SMTPException) as error:
        log.warning("reminders_not_sent", error=type(error).__name__)
        return 0
    return len(mails)


def _to_mail(day: date) -> QuerySet[Message]:
    """Messages of which nobody was told yet, and those that are due and not reminded of today."""
    told_of = Q(due_at__isnull=False, closed_at__isnull=True)
    promised = Q(answer=Answer.WILL_DO, kept_at__isnull=True, promised_on__lte=day)
    unreminded = Q(reminded_on__isnull=True) | Q(reminded_on__lt=day)
    due = (told_of & Q(due_at__date__lte=day)) | promised
    wanted = (told_of & Q(mailed_at__isnull=True)) | (due & unreminded)
    return messaging.standing(Message.objects.filter(wanted))


def _mail(user: User, messages: list[Message]) -> EmailMessage:
    now = timezone.now()
    overdue = [
        message for message in messages if message.due_at is not None and message.due_at < now
    ]
    text = render_to_string(
        "reviews/messages/reminder.txt",
        {
            "number": len(messages),
            "overdue": len(overdue),
            "portal": settings.PORTAL_URL,
            "page": reverse("my-work"),
        },
    )
    with transaction.atomic():
        audit.record(
            None,
            Event.MESSAGES_MAILED,
            subject=user,
            messages=len(messages),
            overdue=len(overdue),
        )
    return EmailMessage("Somebody waits for you in the portal", text, to=[user.email])
