"""How a decision covers flags: from when, until which day, and how that ends."""

from collections.abc import Iterable
from datetime import date, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from reviews import exemptions, service_levels
from reviews.models import Decision, DecisionItem, Flag, Outcome


def latest_until(severity: int, today: date, outcome: str | None = None) -> date:
    """The last day on which a decision on a flag of this severity can hold."""
    if outcome == Outcome.EXEMPT:
        return today + timedelta(days=exemptions.LONGEST_DAYS)
    days = service_levels.REVIEW_DAYS if outcome == Outcome.REVIEW else service_levels.SETTLED_DAYS
    return today + timedelta(days=days[severity])


def settle(decision: Decision, pairs: Iterable[tuple[Flag, DecisionItem]]) -> None:
    """Cover flags, as they are now, each until the day that was decided on its matter."""
    today = timezone.localdate()
    flags = []
    for flag, item in pairs:
        flag.settled_at = decision.decided_at
        flag.settled_until = min(item.until, latest_until(flag.severity, today))
        flags.append(flag)
    Flag.objects.bulk_update(flags, ["settled_at", "settled_until"])


def covered_by(decision: Decision) -> QuerySet[Flag]:
    """The live flags that a decision settled, or those that took their place since."""
    return Flag.objects.live().filter(patient=decision.patient_id, settled_at=decision.decided_at)


def open_again(flags: QuerySet[Flag]) -> None:
    """Take away what covers these flags, at once."""
    flags.update(settled_at=None, settled_until=None, reopened_at=timezone.now())


def let_run_out(flags: QuerySet[Flag]) -> None:
    """End what covers these flags; the screening that was asked for opens them again."""
    flags.update(settled_until=timezone.localdate() - timedelta(days=1))
