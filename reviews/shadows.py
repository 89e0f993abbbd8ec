"""Shadows: which drafts judge beside the live book, and what they say otherwise, kept apart."""

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

import structlog
from django.contrib.auth.models import User
from django.utils import timezone

from reviews import audit, governing, guarding, requests, rulebooks
from reviews.audit import Event
from reviews.bulk import copy_rows
from reviews.errors import BadRecord, IllegalMove, Stale
from reviews.models import Effect, Practice, RuleVersion, Shadow, ShadowFlag
from reviews.rules.book import RuleBook
from reviews.what_ifs import Change

log = structlog.get_logger(__name__)

LONGEST_DAYS = 90


class Running(NamedTuple):
    """A shadow that judges, and its book; None where that cannot be read."""

    pk: int
    book: RuleBook | None


class Would(NamedTuple):
    """What the shadow of a practice says otherwise of one patient than the live book."""

    shadow_id: int
    practice_id: int
    changes: list[Change]


def running(today: date) -> dict[int, Running]:
    """The shadow of each practice that has one."""
    rows = Shadow.objects.running(today).values_list("practice_id", "pk", "version_id")
    return {practice_id: Running(pk, _book(pk, version_id)) for practice_id, pk, version_id in rows}


def _book(pk: int, version_id: int) -> RuleBook | None:
    try:
        return rulebooks.book(version_id)
    except Exception:  # a draft must not leave anybody unscreened
        log.exception("shadow_not_read", shadow=pk)
        return None


COLUMNS = (
    *("shadow_id", "patient_id", "practice_id", "rule_id", "key", "effect", "before", "after"),
    "begun_on",
)


def keep(
    would: Mapping[int, Would],
    patient_ids: Collection[int],
    shadow_ids: Collection[int],
    day: date,
) -> None:
    """Write what is new against what the shadows said of these patients before, and end the rest.

    `would` lacks a patient whose practice is in none of these shadows, or of whom its shadow could
    not judge. A flag that stays with other words or figures is no difference here.
    """
    held: dict[tuple[int, int], list[ShadowFlag]] = {}
    for flag in ShadowFlag.objects.filter(
        shadow__in=shadow_ids, patient__in=patient_ids, ended_on=None
    ):
        held.setdefault((flag.shadow_id, flag.patient_id), []).append(flag)
    ended, begun = [], []
    for pk, (shadow_id, practice_id, changes) in would.items():
        now = {(each.rule_id, each.key): each for each in changes if each.effect != Effect.REWORDED}
        for flag in held.pop((shadow_id, pk), ()):
            same = now.get((flag.rule_id, flag.key))
            if same and (same.before, same.after) == (flag.before, flag.after):
                del now[flag.rule_id, flag.key]
            else:
                ended.append(flag.pk)
        begun += [
            (
                *(shadow_id, pk, practice_id, each.rule_id, each.key, each.effect.value),
                *(each.before, each.after, day),
            )
            for each in now.values()
        ]
    ended += [flag.pk for flags in held.values() for flag in flags]
    if ended:
        ShadowFlag.objects.filter(pk__in=ended).update(ended_on=day)
    if begun:
        copy_rows("reviews_shadowflag", COLUMNS, begun)


def begin(version: RuleVersion, practice: Practice, *, days: int, by: User) -> Shadow:
    """Have a draft judge silently at a practice, in the caller's transaction.

    Everybody treated there is asked for once. Raises `BadRecord` for `days`, `IllegalMove` for what
    is no draft or judges there already, `Stale` where another shadow runs or a later book is live.
    """
    # No row of the practice as well: one that moves has locked its own when it waits for this lock.
    governing.one_at_a_time()
    locked = RuleVersion.objects.defer("book").select_for_update().get(pk=version.pk)
    if locked.state != RuleVersion.State.DRAFT:
        raise IllegalMove(f"Rule book {locked.number} is not a draft.")
    live = governing.live()
    if governing.is_frozen_before(locked, live):
        raise Stale(f"Rule book {live.number} was published since. Draft again from there.")
    if not 1 <= days <= LONGEST_DAYS:
        raise BadRecord("days", f"must be from 1 to {LONGEST_DAYS}")
    if guarding.runs_at(practice, locked):
        raise IllegalMove(f"Rule book {locked.number} judges at {practice} already, guarded.")
    today = timezone.localdate()
    held = Shadow.objects.select_related("version").filter(practice=practice, ended_at=None).first()
    if held is not None:
        if Shadow.objects.running(today).filter(pk=held.pk).exists():
            raise Stale(f"Draft {held.version.number} runs in shadow at {practice} already.")
        end(held, by)
    shadow = Shadow.objects.create(
        version=locked,
        practice=practice,
        begun_by=by,
        begun_on=today,
        last_day=today + timedelta(days=days - 1),
    )
    requests.enqueue_practice(practice, reason="shadow")
    _tell(by, Event.SHADOW_BEGUN, shadow, until=shadow.last_day.isoformat())
    return shadow


def end(shadow: Shadow, by: User) -> None:
    """End a shadow that was not ended, in the caller's transaction; what it said stays."""
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
