"""Shadows: which drafts judge beside the live book, and what they say otherwise, kept apart."""

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from reviews import rulebooks
from reviews.bulk import copy_rows
from reviews.models import Effect, Shadow, ShadowFlag
from reviews.rules.book import RuleBook
from reviews.what_ifs import Change


class Running(NamedTuple):
    """A shadow that judges, and its book."""

    pk: int
    book: RuleBook


class Would(NamedTuple):
    """What the shadow of a practice says otherwise of one patient than the live book."""

    shadow_id: int
    practice_id: int
    changes: list[Change]


def running(today: date) -> dict[int, Running]:
    """The shadow of each practice that has one."""
    rows = Shadow.objects.running(today).values_list("practice_id", "pk", "version_id")
    return {
        practice_id: Running(pk, rulebooks.book(version_id)) for practice_id, pk, version_id in rows
    }


COLUMNS = (
    *("shadow_id", "patient_id", "practice_id", "rule_id", "key", "effect", "before", "after"),
    "begun_on",
)


def keep(would: Mapping[int, Would], day: date) -> None:
    """Write what is new against what the shadows said of these patients before, and end the rest.

    A flag that stays with other words or figures is no difference here.
    """
    held: dict[int, list[ShadowFlag]] = {}
    shadow_ids = {each.shadow_id for each in would.values()}
    for flag in ShadowFlag.objects.filter(
        shadow__in=shadow_ids, patient__in=list(would), ended_on=None
    ):
        held.setdefault(flag.patient_id, []).append(flag)
    ended, begun = [], []
    for pk, (shadow_id, practice_id, changes) in would.items():
        now = {(each.rule_id, each.key): each for each in changes if each.effect != Effect.REWORDED}
        for flag in held.get(pk, ()):
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
    if ended:
        ShadowFlag.objects.filter(pk__in=ended).update(ended_on=day)
    if begun:
        copy_rows("reviews_shadowflag", COLUMNS, begun)
