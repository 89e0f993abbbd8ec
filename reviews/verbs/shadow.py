"""Verbs on shadows: have a frozen draft judge silently beside the live book, and end that."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reviews import access, audit, requests, walls
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, IllegalMove, Stale
from reviews.models import Practice, Prescription, RuleVersion, Shadow

LONGEST_DAYS = 90


@transaction.atomic
def begin(*, version: RuleVersion, practice: Practice, days: int, by: User) -> Shadow:
    """Have a draft judge everybody who is screened at a practice, for so many days, today included.

    Everybody treated there is asked for once, so that it can be compared from its first day on.
    Raises `BadRecord` by field, `IllegalMove` for what is no draft, `Stale` where another shadow
    runs or a later book is live.
    """
    access.require(by, Action.DRAFT)
    locked = RuleVersion.objects.defer("book").select_for_update().get(pk=version.pk)
    if locked.state != RuleVersion.State.DRAFT:
        raise IllegalMove(f"Rule book {locked.number} is not a draft.")
    live = RuleVersion.objects.defer("book").get(state=RuleVersion.State.PUBLISHED)
    if live.number > locked.number:
        raise Stale(f"Rule book {live.number} was published since. Draft again from there.")
    if not 1 <= days <= LONGEST_DAYS:
        raise BadRecord("days", f"must be from 1 to {LONGEST_DAYS}")
    Practice.objects.select_for_update().get(pk=practice.pk)
    today = timezone.localdate()
    held = Shadow.objects.select_related("version").filter(practice=practice, ended_at=None).first()
    if held is not None:
        if Shadow.objects.running(today).filter(pk=held.pk).exists():
            raise Stale(f"Draft {held.version.number} runs in shadow at {practice} already.")
        _end(held, by)
    shadow = Shadow.objects.create(
        version=locked,
        practice=practice,
        begun_by=by,
        begun_on=today,
        last_day=today + timedelta(days=days - 1),
    )
    with walls.seeing(walls.EVERYTHING):
        treated = Prescription.objects.live().filter(practice=practice).order_by("patient_id")
        asked = list(treated.values_list("patient_id", flat=True).distinct())
        requests.enqueue(asked, reason="shadow", priority=requests.BULK)
    _tell(by, Event.SHADOW_BEGUN, shadow, until=shadow.last_day.isoformat())
    return shadow


@transaction.atomic
def end(*, shadow: Shadow, by: User) -> Shadow:
    """End a shadow before its last day; what it said stays. `IllegalMove` where it has ended."""
    access.require(by, Action.DRAFT)
    locked = Shadow.objects.select_for_update(of=["self"]).get(pk=shadow.pk)
    if locked.ended_at is not None:
        raise IllegalMove("This shadow has ended already.")
    _end(locked, by)
    return locked


def _end(shadow: Shadow, by: User) -> None:
    shadow.ended_at, shadow.ended_by = timezone.now(), by
    shadow.save(update_fields=["ended_at", "ended_by"])
    _tell(by, Event.SHADOW_ENDED, shadow)


def _tell(by: User, event: Event, shadow: Shadow, **more: Any) -> None:
    audit.record(
        by,
        event,
        subject=shadow,
        number=shadow.version.number,
        practice=shadow.practice.code,
        **more,
    )
