"""The digest: an e-mail of counts and links, as often as each person asked for.

Mail is not confidential, so it names nobody: no patient, no text of a record and no practice, only
how many wait. On Mondays whoever keeps the formulary reads the lines of upkeep in it, too: sources
and rules, which are published knowledge, with who has them until when.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from smtplib import SMTPException

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from reviews import access, audit, messaging
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord
from reviews.models import Case, CaseState, Preference, RuleVersion
from reviews.queries import guarded, opinions, upkeep, work

log = structlog.get_logger(__name__)
Digest = Preference.Digest
MONDAY = 0


@dataclass(frozen=True)
class Line:
    """One count of the mail: for whoever may do `action`, with the page that shows what it is."""

    action: Action
    words: str
    count: Callable[[User], int | str]
    page: str
    query: str = ""


def _awake(user: User) -> QuerySet[Case]:
    visible = access.scope(Case.objects.open(), user, Action.SEE_QUEUE)
    return visible.exclude(state=CaseState.SNOOZED)


def _asked(user: User) -> int | str:
    return work.counted(work.escalated(user) | work.to_confirm(user))


LINES = (
    Line(
        Action.SEE_WORK, "claimed by you", lambda user: work.counted(work.claimed(user)), "my-work"
    ),
    Line(
        Action.ANSWER,
        "messages that wait for your answer",
        lambda user: work.counted(messaging.waiting_for(user)),
        "my-work",
    ),
    Line(Action.SEE_WORK, "asked of you by a colleague", _asked, "my-work"),
    Line(
        Action.SEE_WORK,
        "came back after you had decided or snoozed them",
        lambda user: len(work.woken(user) | work.reopened(user)),
        "my-work",
    ),
    Line(
        Action.CLAIM,
        "urgent, claimed by nobody",
        lambda user: work.counted(_awake(user).filter(severity=1, owner=None)),
        "queue",
        "?severity=1&owner=none",
    ),
    Line(
        Action.SEE_QUEUE,
        "overdue",
        lambda user: work.counted(work.due(_awake(user), "overdue")),
        "queue",
        "?due=overdue",
    ),
    Line(
        Action.SEE_QUEUE,
        "due today",
        lambda user: work.counted(work.due(_awake(user), "today")),
        "queue",
        "?due=today",
    ),
    Line(
        Action.SEE_QUEUE,
        "patients not checked",
        lambda user: work.not_checked(user)["count"],
        "patients",
        "?checked=no",
    ),
    Line(
        Action.ANSWER_UNHELPFUL,
        "words on findings that wait for your answer",
        lambda user: work.counted(opinions.unanswered(user)),
        "opinions",
    ),
    Line(
        Action.EDIT_FORMULARY,
        "facts due to be read again",
        lambda user: len(upkeep.past_review(user)),
        "upkeep",
    ),
    Line(
        Action.EDIT_FORMULARY,
        "lines of upkeep that are yours, and due within a week",
        lambda user: work.counted(upkeep.mine_due(user)),
        "upkeep",
    ),
    Line(
        Action.EDIT_FORMULARY,
        "rules to look at: silent, often left as it was, or called unhelpful",
        lambda user: len(upkeep.rules_to_look_at(user)),
        "upkeep",
        "#rules",
    ),
    Line(
        Action.PUBLISH,
        "practices where a guarded rule book stopped itself, or is not measured",
        guarded.stopped_and_unmeasured,
        "rulebooks",
    ),
    Line(
        Action.PUBLISH,
        "rule books drafted by a colleague and not published",
        lambda user: (
            RuleVersion.objects.filter(state=RuleVersion.State.DRAFT)
            .exclude(drafted_by=user)
            .count()
        ),
        "rulebooks",
    ),
)


def choose(*, how_often: str, by: User) -> None:
    """Set how often `by` wants the digest. Raises `BadRecord`."""
    if how_often not in Digest.values:
        raise BadRecord("digest", "is not one of the choices")
    Preference.objects.update_or_create(user=by, defaults={"digest": how_often})


def send(*, day: date | None = None) -> int:
    """Send the digests of `day` (today) that have not gone out; returns how many did.

    Each is marked before it is sent, so that nobody ever gets two for one day, whoever runs this
    and however often: a worker that dies in between costs one person one digest. While no mail
    server answers nothing is marked, and the next run tries again.
    """
    day = day or timezone.localdate()
    waiting = list(_waiting(day).select_related("user").order_by("pk"))
    if not waiting:
        return 0
    sent = 0
    try:
        with get_connection() as connection:
            for preference in waiting:
                if _mark(preference, day):
                    sent += _send(preference.user, connection, day)
    except (OSError, SMTPException) as error:
        log.warning("digests_not_sent", error=type(error).__name__, sent=sent)
    return sent


def lines_for(user: User) -> list[tuple[int | str, str, str]]:
    """What waits for `user`: `[(count, words, address)]`, without what does not."""
    counted = [
        (line.count(user), line.words, reverse(line.page) + line.query)
        for line in LINES
        if access.allowed(user, line.action)
    ]
    return [(count, words, address) for count, words, address in counted if count]


def weekly_for(user: User, day: date) -> upkeep.Weekly | None:
    """The lines of upkeep, on Mondays, for whoever keeps the formulary; else None."""
    if day.weekday() != MONDAY or not access.allowed(user, Action.EDIT_FORMULARY):
        return None
    found = upkeep.weekly(user)
    return found if found.kinds else None


def _waiting(day: date) -> QuerySet[Preference]:
    wanted = {Digest.DAILY}
    if day.weekday() < 5:
        wanted.add(Digest.WORKING_DAYS)
    if day.weekday() == MONDAY:
        wanted.add(Digest.MONDAYS)
    return Preference.objects.filter(
        _not_yet(day), digest__in=wanted, user__is_active=True
    ).exclude(user__email="")


def _mark(preference: Preference, day: date) -> int:
    return Preference.objects.filter(_not_yet(day), pk=preference.pk).update(digest_on=day)


def _not_yet(day: date) -> Q:
    return Q(digest_on__isnull=True) | Q(digest_on__lt=day)


def _send(user: User, connection: BaseEmailBackend, day: date) -> int:
    """Send one, unless nothing waits; returns how many were sent."""
    with access.seeing_as(user):
        lines, weekly = lines_for(user), weekly_for(user, day)
    if not lines and weekly is None:
        return 0
    given = {
        "lines": lines,
        "weekly": weekly,
        "portal": settings.PORTAL_URL,
        "preferences": reverse("preferences"),
    }
    text = render_to_string("reviews/digest.txt", given)
    message = EmailMessage("What waits for you", text, to=[user.email], connection=connection)
    message.send()
    with transaction.atomic():
        audit.record(None, Event.DIGEST_SENT, subject=user, lines=len(lines))
    return 1
