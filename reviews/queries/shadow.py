"""Shadows as their page tells them: by practice and day, counts alone."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from django.db.models import Count, Q
from django.utils import timezone

from reviews import walls
from reviews.models import Effect, RuleVersion, Shadow, ShadowFlag
from reviews.queries.what_if import GAINED

HEIGHT, STEP = 60, 8
"""Of a chart of days, in units of its view box; a day has so much room."""


class Day(NamedTuple):
    """How many flags began to be otherwise on a day, and how they are drawn.

    The first day is not: it holds all that was otherwise before.
    """

    day: date
    gained: int
    lost: int
    x: float
    y: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Told:
    """A shadow: its days, and what it says otherwise now."""

    shadow: Shadow
    is_running: bool
    days: list[Day]
    by_rule: list[tuple[str, int, int]]

    @property
    def gained(self) -> int:
        return sum(gained for _, gained, _ in self.by_rule)

    @property
    def lost(self) -> int:
        return sum(lost for _, _, lost in self.by_rule)

    @property
    def width(self) -> int:
        """Of the chart, which has room for every day until the last one."""
        return STEP * ((self.shadow.last_day - self.shadow.begun_on).days + 1)


def told(version: RuleVersion) -> list[Told]:
    """The shadows of a version, the newest first. Counts of every practice; no patient is read."""
    today = timezone.localdate()
    rows = Shadow.objects.filter(version=version).select_related("practice", "begun_by", "version")
    running = set(Shadow.objects.running(today).values_list("pk", flat=True))
    # Only counts leave this block, as those of a what-if do.
    with walls.seeing(walls.EVERYTHING):
        return [_told(each, each.pk in running, today) for each in rows.order_by("-pk")]


def _told(shadow: Shadow, is_running: bool, today: date) -> Told:
    of_it = ShadowFlag.objects.filter(shadow=shadow)
    gained, lost = Q(effect__in=GAINED), Q(effect=Effect.CLOSED)
    begun = {
        day: (more, less)
        for day, more, less in of_it.order_by()
        .values_list("begun_on")
        .annotate(more=Count("pk", filter=gained), less=Count("pk", filter=lost))
    }
    by_rule = (
        of_it.filter(ended_on=None)
        .order_by("rule_id")
        .values_list("rule_id")
        .annotate(more=Count("pk", filter=gained), less=Count("pk", filter=lost))
    )
    last = min(today, shadow.last_day)
    if shadow.ended_at is not None:
        last = min(last, timezone.localdate(shadow.ended_at))
    later = [more for day, (more, _) in begun.items() if day != shadow.begun_on]
    most = max(later, default=0) or 1
    days = []
    for number in range((last - shadow.begun_on).days + 1):
        day = shadow.begun_on + timedelta(days=number)
        more, less = begun.get(day, (0, 0))
        height = round(HEIGHT * more / most, 1) if number else 0.0
        days.append(Day(day, more, less, number * STEP + 1, round(HEIGHT - height, 1), height))
    return Told(shadow=shadow, is_running=is_running, days=days, by_rule=list(by_rule))
