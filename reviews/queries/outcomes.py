"""How reviewers decide on each rule: counts over all practices, with no patient in them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from django.core.cache import cache
from django.db.models import Count, Q
from django.utils import timezone

from reviews.models import CHANGED_PLAN, Decision, DecisionItem, Outcome

# Fewer decisions than this say more about who decided than about the rule.
SHOWN_FROM = 10
WINDOW_DAYS = 365
KEPT_SECONDS = 600
KEY = "outcomes-by-rule"


class Tally(NamedTuple):
    """In how many of `decided` flags the plan was changed."""

    changed: int
    decided: int


class Decided(NamedTuple):
    """What became of a rule's flags: the plan was changed, or the flag was overridden."""

    changed: int
    overridden: int
    decided: int


def in_days(practice_ids: Sequence[int], days: int) -> dict[str, Decided]:
    """`{rule id: Decided}` of standing decisions at these practices in the last days.

    Wrong data and what was only kept under review are not counted, as in `by_rule`; any other
    answer that changes no plan overrides the flag.
    """
    since = timezone.now() - timedelta(days=days)
    decisions = Decision.objects.standing().filter(decided_at__gte=since, practice__in=practice_ids)
    rows = (
        DecisionItem.objects.filter(decision__in=decisions)
        .exclude(outcome__in=[Outcome.DATA_WRONG, Outcome.REVIEW])
        .order_by()
        .values("flag__rule_id")
        .annotate(decided=Count("pk"), changed=Count("pk", filter=Q(outcome__in=CHANGED_PLAN)))
        .values_list("flag__rule_id", "decided", "changed")
    )
    return {
        rule_id: Decided(changed, decided - changed, decided) for rule_id, decided, changed in rows
    }


def by_rule() -> dict[str, Tally]:
    """`{rule id: Tally}` of standing decisions in the last year, from SHOWN_FROM decisions on.

    One query for all rules, kept for ten minutes. What a reviewer called wrong data says nothing
    about the rule, and what was only kept under review is not decided yet: neither is counted.
    """
    found = cache.get(KEY)
    if found is None:
        since = timezone.now() - timedelta(days=WINDOW_DAYS)
        counted = (
            DecisionItem.objects.filter(
                decision__in=Decision.objects.standing().filter(decided_at__gte=since)
            )
            .exclude(outcome__in=[Outcome.DATA_WRONG, Outcome.REVIEW])
            .values("flag__rule_id")
            .annotate(decided=Count("pk"), changed=Count("pk", filter=Q(outcome__in=CHANGED_PLAN)))
            .filter(decided__gte=SHOWN_FROM)
            .values_list("flag__rule_id", "changed", "decided")
        )
        found = {rule_id: Tally(changed, decided) for rule_id, changed, decided in counted}
        cache.set(KEY, found, KEPT_SECONDS)
    return found
