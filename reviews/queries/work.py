"""What waits, for whom: the counts at the top of the queue, and the work of one person."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, cast

from django.contrib.auth.models import User
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from reviews import access, service_levels
from reviews.access import GRANTS, Action
from reviews.models import (
    Case,
    CaseMove,
    CaseState,
    Decision,
    DecisionItem,
    Flag,
    Message,
    Move,
    ScreeningRequest,
)

COUNT_LIMIT = 1000
"""Counting further would take longer than it tells anybody anything."""
SOON_WORKING_DAYS = 5
CAME_BACK_AT_MOST = 200
HANDED_ON = (Move.HAND_OVER, Move.ESCALATE, Move.ANSWER, Move.PROPOSE, Move.SEND_BACK)
# Screening takes seconds; whoever has waited longer is shown as not checked.
PATIENCE = timedelta(minutes=2)


_AWAKE = f"state <> '{CaseState.SNOOZED}'"
_COUNTED = {
    "all": _AWAKE,
    "s1": f"{_AWAKE} AND severity = 1",
    "s2": f"{_AWAKE} AND severity = 2",
    "s3": f"{_AWAKE} AND severity = 3",
    "overdue": f"{_AWAKE} AND due_at < %(overdue_before)s",
    "today": f"{_AWAKE} AND due_at >= %(today_since)s AND due_at < %(today_before)s",
    "soon": f"{_AWAKE} AND due_at >= %(soon_since)s AND due_at < %(soon_before)s",
    "snoozed": f"state = '{CaseState.SNOOZED}'",
    "mine": f"{_AWAKE} AND owner_id = %(user)s",
    "unclaimed": f"{_AWAKE} AND owner_id IS NULL",
}
"""The counts at the top of the queue: which of the open cases each of them counts."""
_COUNTS = "SELECT " + ", ".join(
    f"(SELECT count(*) FROM (SELECT FROM {Case._meta.db_table} WHERE closed_at IS NULL"
    f" AND practice_id = ANY(%(practices)s) AND {condition} LIMIT %(most)s) AS capped)"
    for condition in _COUNTED.values()
)


def new_since() -> Subquery:
    """Of a case, the book since which a finding of it is new or graded otherwise, by its number.

    None where no finding that waits for a decision came or changed with a rule book.
    """
    flags = Flag.objects.open().filter(case=OuterRef("pk"), new_since__isnull=False)
    shown = flags.filter(severity__lte=3).order_by("new_since__number")
    return Subquery(shown.values("new_since__number")[:1])


def counted(rows: Any) -> int | str:
    """How many rows, or "1000+" beyond what is worth counting."""
    found = rows.order_by().values("pk")[:COUNT_LIMIT].count()
    return f"{COUNT_LIMIT}+" if found == COUNT_LIMIT else found


def count_all(lists: Sequence[QuerySet[Case]]) -> list[int | str]:
    """As `counted` for each of the lists, in one statement."""
    parts, given = [], []
    for rows in lists:
        try:
            sql, params = rows.order_by().values("pk")[:COUNT_LIMIT].query.sql_with_params()
        except EmptyResultSet:
            sql, params = "SELECT 1 WHERE false", ()
        parts.append(f"(SELECT count(*) FROM ({sql}) AS capped)")
        given += params
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", given)
        row = cast(tuple[int, ...], cursor.fetchone())
    return [f"{COUNT_LIMIT}+" if n == COUNT_LIMIT else n for n in row]


def due_between() -> dict[str, tuple[None, datetime] | tuple[datetime, datetime]]:
    """`{due state: (from, before)}` in time."""
    now = timezone.localtime()
    tomorrow = _begin(now.date() + timedelta(days=1))
    soon = service_levels.after_working_days(now, SOON_WORKING_DAYS).date()
    return {
        "overdue": (None, now),
        "today": (now, tomorrow),
        "soon": (now, _begin(soon + timedelta(days=1))),
    }


def due(cases: QuerySet[Case], state: str) -> QuerySet[Case]:
    """Those of `cases` that are overdue, due today or due soon."""
    since, before = due_between()[state]
    cases = cases.filter(due_at__lt=before)
    return cases.filter(due_at__gte=since) if since else cases


def counts(practice_ids: list[int], user: User) -> dict[str, int | str]:
    """How many of the open cases at these practices are how urgent, due when, and whose.

    Capped, so that a large queue costs no more; and one statement, because every reviewer asks
    this all day, and ten of them took a third of the page's time.
    """
    between = due_between()
    given: dict[str, Any] = {"practices": practice_ids, "user": user.pk, "most": COUNT_LIMIT}
    for name, (since, before) in between.items():
        given |= {f"{name}_since": since, f"{name}_before": before}
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, given)
        row = cast(tuple[int, ...], cursor.fetchone())
    found = dict(zip(_COUNTED, row, strict=True))
    return {name: f"{COUNT_LIMIT}+" if n == COUNT_LIMIT else n for name, n in found.items()}


def not_checked(user: User) -> dict[str, Any]:
    """Patients of mine whose last screening failed or who have waited too long, and since when."""
    now = timezone.now()
    # Asked for at a time that is still to come: nobody knows how long ago that was.
    too_long = Q(requested_at__lt=now - PATIENCE) | Q(requested_at__gt=now + PATIENCE)
    waiting = (
        ScreeningRequest.objects.filter(
            too_long, patient__practice__in=access.practice_ids(user, Action.SEE_QUEUE)
        )
        .order_by("requested_at")
        .values("patient", "requested_at")
    )
    since = waiting.values_list("requested_at", flat=True).first()
    return {"count": counted(waiting.order_by().values("patient").distinct()), "since": since}


def reviewers(practice_ids: list[int] | set[int]) -> QuerySet[User]:
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


# -- One person's work -------------------------------------------------------------------------


def claimed(user: User) -> QuerySet[Case]:
    """The open cases that `user` works on."""
    return access.scope(Case.objects.open(), user, Action.SEE_WORK).filter(owner=user)


def escalated(user: User) -> QuerySet[Case]:
    """Open cases that somebody handed to a role which `user` holds at that practice."""
    to_me = Q(pk__in=[])
    for practice_id, roles in access.roles_of(user).items():
        to_me |= Q(practice=practice_id, escalated_to__in=roles)
    mine = access.scope(Case.objects.open(), user, Action.SEE_WORK)
    # One that was put to a person by name is not everybody's.
    others = Message.objects.filter(
        case=OuterRef("pk"),
        carried_by=Message.Carrier.ESCALATION,
        to__isnull=False,
        closed_at__isnull=True,
    ).exclude(to=user)
    return mine.filter(~Exists(others), to_me, state=CaseState.ESCALATED)


def to_confirm(user: User) -> QuerySet[Case]:
    """Open cases on which a colleague proposed what needs a second person: `user`."""
    here = access.scope(Case.objects.open(), user, Action.DECIDE)
    return here.filter(state=CaseState.PROPOSED).exclude(proposed_by=user)


def reopened(user: User) -> dict[int, str]:
    """`{case id: why}`: open cases on matters that `user` had decided."""
    decided = Decision.objects.standing().filter(by=user)
    mine = decided.filter(patient=OuterRef("patient"), decided_at__lt=OuterRef("opened_at"))
    visible = access.scope(Case.objects.open(), user, Action.SEE_WORK)
    cases = visible.filter(Exists(mine)).order_by("-opened_at")[:CAME_BACK_AT_MOST]
    patients = dict(cases.values_list("patient", "pk"))
    settled, rules = {}, set()
    for item in (
        DecisionItem.objects.filter(decision__in=decided.filter(patient__in=patients))
        .select_related("flag")
        .order_by("decision__decided_at", "pk")
    ):
        flag = item.flag
        settled[flag.patient_id, flag.rule_id, flag.key] = item
        rules.add((flag.patient_id, flag.rule_id))
    why = {}
    flags = Flag.objects.open().filter(case__in=patients.values(), severity__lte=3)
    for flag in flags.order_by("severity", "rule_id", "pk"):
        item = settled.get((flag.patient_id, flag.rule_id, flag.key))
        if item or (flag.patient_id, flag.rule_id) in rules:
            why.setdefault(flag.case_id, _why_again(flag, item))
    return why


def woken(user: User) -> dict[int, str]:
    """`{case id: why}`: open cases that `user` had snoozed, and that nobody else works on."""
    visible = access.scope(Case.objects.open(), user, Action.SEE_WORK)
    mine = CaseMove.objects.filter(
        by=user, move=Move.SNOOZE, case__in=visible.filter(state=CaseState.QUEUED)
    ).order_by("-pk")[:CAME_BACK_AT_MOST]
    last = {}
    for snooze in mine:
        last.setdefault(snooze.case_id, snooze)
    why = {}
    for waking in CaseMove.objects.filter(case__in=last, move=Move.WAKE).order_by("pk"):
        snooze = last[waking.case_id]
        if waking.pk > snooze.pk:
            why[waking.case_id] = (
                "Woken early: something new was found"
                if timezone.localdate(waking.at) < snooze.until
                else f"The day you snoozed it to has come: {snooze.until:%-d %b %Y}"
            )
    return why


def said_of(cases: Iterable[Case]) -> dict[int, str]:
    """`{case id: by whom and why}` for cases that a colleague put before somebody."""
    moves = CaseMove.objects.filter(case__in=cases, move__in=HANDED_ON)
    return {
        move.case_id: move.said + (f": “{move.reason}”" if move.reason else "")
        for move in moves.select_related("by").order_by("pk")
    }


def _why_again(flag: Flag, item: DecisionItem | None) -> str:
    if item is None:
        return f"{flag.title}: again, in a new episode or with another medicine"
    if item.until < flag.as_of:
        return f"{flag.title}: your decision held until {item.until:%-d %b %Y}"
    if flag.severity < item.flag.severity:
        return f"{flag.title}: more urgent than when you decided"
    return f"{flag.title}: found again after it had cleared"


def _begin(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
