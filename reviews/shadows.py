"""Shadows: which drafts judge beside the live book, and what they say otherwise, kept apart."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import NamedTuple

import structlog

from reviews import rulebooks
from reviews.bulk import copy_rows
from reviews.models import Effect, Shadow, ShadowFlag
from reviews.rules.book import RuleBook
from reviews.what_ifs import Change

log = structlog.get_logger(__name__)


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
