"""What waits, for whom: the counts at the top of the queue, and who could take it."""

from datetime import datetime, time, timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from reviews import access, service_levels
from reviews.access import GRANTS, Action
from reviews.models import CaseState, ScreeningRequest

COUNT_LIMIT = 1000
"""Counting further would take longer than it tells anybody anything."""
SOON_WORKING_DAYS = 5
# Screening takes seconds; whoever has waited longer is shown as not checked.
PATIENCE = timedelta(minutes=2)


def counted(rows):
    """How many rows, or "1000+" beyond what is worth counting."""
    found = rows.order_by().values("pk")[:COUNT_LIMIT].count()
    return f"{COUNT_LIMIT}+" if found == COUNT_LIMIT else found


def due_between():
    """`{due state: (from, before)}` in time."""
    now = timezone.localtime()
    tomorrow = _begin(now.date() + timedelta(days=1))
    soon = service_levels.after_working_days(now, SOON_WORKING_DAYS).date()
    return {
        "overdue": (None, now),
        "today": (now, tomorrow),
        "soon": (now, _begin(soon + timedelta(days=1))),
    }


def due(cases, state):
    """Those of `cases` that are overdue, due today or due soon."""
    since, before = due_between()[state]
    cases = cases.filter(due_at__lt=before)
    return cases.filter(due_at__gte=since) if since else cases


def counts(visible, user):
    """How many of the open cases in `visible` are how urgent, due when, and whose.

    Capped, so that a large queue costs no more.
    """
    awake = visible.exclude(state=CaseState.SNOOZED)
    rows = {
        "all": awake,
        "s1": awake.filter(severity=1),
        "s2": awake.filter(severity=2),
        "s3": awake.filter(severity=3),
        "overdue": due(awake, "overdue"),
        "today": due(awake, "today"),
        "soon": due(awake, "soon"),
        "snoozed": visible.filter(state=CaseState.SNOOZED),
        "mine": awake.filter(owner=user),
        "unclaimed": awake.filter(owner__isnull=True),
    }
    return {name: counted(found) for name, found in rows.items()}


def not_checked(user):
    """Patients of mine whose last screening failed or who have waited too long, and since when."""
    waiting = (
        ScreeningRequest.objects.filter(
            patient__practice__in=access.practice_ids(user, Action.SEE_QUEUE),
            requested_at__lt=timezone.now() - PATIENCE,
        )
        .order_by("requested_at")
        .values("patient", "requested_at")
    )
    since = waiting.values_list("requested_at", flat=True).first()
    return {"count": counted(waiting.order_by().values("patient").distinct()), "since": since}


def reviewers(practice_ids):
    """Who may claim cases at any of these practices, by name."""
    return (
        User.objects.filter(
            is_active=True,
            memberships__practice__in=practice_ids,
            memberships__role__in=GRANTS[Action.CLAIM].roles,
        )
        .distinct()
        .order_by("last_name", "first_name", "username")
    )


def _begin(day):
    return timezone.make_aware(datetime.combine(day, time.min))
