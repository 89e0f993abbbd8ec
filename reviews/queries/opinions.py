"""What was called unhelpful: by rule for those who keep the rules, and by me."""

from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from reviews import access
from reviews.access import Action
from reviews.models import FindingOpinion, Flag, Prescription
from reviews.rules.registry import BY_ID

WINDOW_DAYS = 365
SHOWN = 100
FLAGGED_AT_MOST = 30


class OfRule(NamedTuple):
    """A rule with how often it was called unhelpful in a year, by why, and how often it spoke."""

    rule_id: str
    title: str
    times: int
    raised: int
    becauses: list[tuple[str, int]]


def visible(user: User) -> QuerySet[FindingOpinion]:
    """Those of the practices where `user` keeps the rules."""
    return access.scope(FindingOpinion.objects.all(), user, Action.ANSWER_UNHELPFUL)


def unanswered(user: User) -> QuerySet[FindingOpinion]:
    """Those that wait for an answer: from record systems only what somebody said in words."""
    by_a_code = Q(where=FindingOpinion.Where.HOOK, words="")
    rows = visible(user).filter(answered_at__isnull=True).exclude(by_a_code)
    return rows.select_related("by", "practice").order_by("-pk")


def by_rule(user: User) -> list[OfRule]:
    """Rules that were called unhelpful in the last year, the most often first: three queries."""
    since = timezone.now() - timedelta(days=WINDOW_DAYS)
    counted = (
        visible(user)
        .filter(said_at__gte=since)
        .values_list("rule_id", "because")
        .annotate(count=Count("pk"))
    )
    reasons: dict[str, list[tuple[str, int]]] = {}
    for rule_id, because, count in counted:
        label = FindingOpinion.Because(because).label
        reasons.setdefault(rule_id, []).append((label, count))
    raised = dict(
        Flag.objects.filter(
            practice__in=access.practice_ids(user, Action.ANSWER_UNHELPFUL),
            rule_id__in=reasons,
            raised_at__gte=since,
        )
        .values_list("rule_id")
        .annotate(count=Count("pk"))
    )
    rows = [
        OfRule(
            rule_id,
            BY_ID[rule_id].title if rule_id in BY_ID else rule_id,
            sum(count for _, count in said),
            raised.get(rule_id, 0),
            sorted(said, key=lambda each: -each[1]),
        )
        for rule_id, said in reasons.items()
    ]
    return sorted(rows, key=lambda row: (-row.times, row.rule_id))


class Flagged(NamedTuple):
    """An open flag on a prescription of mine, and what I said of it."""

    flag: Flag
    medicine: str
    said: FindingOpinion | None


def flagged(user: User) -> list[Flagged]:
    """Open flags that prescriptions of `user` raised, the gravest first: three queries."""
    here = access.scope(Flag.objects.open(), user, Action.CALL_UNHELPFUL)
    mine = Prescription.objects.live().filter(
        Q(prescriber=user) | Q(recorded_by=user), patient__flags__in=here
    )
    texts = dict(mine.values_list("pk", "medicine__text").distinct())
    flags = (
        here.filter(prescription_ids__overlap=list(texts), severity__lte=3)
        .select_related("patient", "case__owner")
        .order_by("severity", "-raised_at", "pk")[:FLAGGED_AT_MOST]
        if texts
        else []
    )
    said = said_of(user, flags)
    return [
        Flagged(
            flag,
            next(texts[pk] for pk in flag.prescription_ids if pk in texts),
            said.get(flag.pk),
        )
        for flag in flags
    ]


def said_of(user: User, flags: Iterable[Flag]) -> dict[int, FindingOpinion]:
    """`{flag id: what this person said of it}`."""
    rows = FindingOpinion.objects.filter(by=user, flag__in=[flag.pk for flag in flags])
    return {row.flag_id: row for row in rows}


def answered_to(user: User) -> QuerySet[FindingOpinion]:
    """Answers of the last month to what `user` called unhelpful."""
    since = timezone.now() - timedelta(days=30)
    here = access.scope(FindingOpinion.objects.all(), user, Action.CALL_UNHELPFUL)
    rows = here.filter(by=user, answered_at__gte=since).select_related("answered_by")
    return rows.order_by("-answered_at")
