"""The published rule book, read once per process and version, and what differs between two."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connection

from reviews import groups
from reviews.errors import NotFound
from reviews.models import Flag, Practice, RuleVersion
from reviews.rules.asking import runs
from reviews.rules.book import RuleBook
from reviews.rules.policy import GROUP, at, scopes, with_policy
from reviews.rules.registry import RULES

PUBLISHED = "SELECT id FROM reviews_ruleversion WHERE state = %s"
HOLDING_AT = """
    SELECT coalesce(
        (SELECT g.version_id FROM reviews_guardedpractice p
            JOIN reviews_guardedbook g ON g.id = p.guard_id
            WHERE p.practice_id = %s AND p.outcome = 'running'),
        (SELECT id FROM reviews_ruleversion WHERE state = 'published')
    )
"""
HOLDING = """
    SELECT NULL::bigint, id FROM reviews_ruleversion WHERE state = 'published'
    UNION ALL
    SELECT p.practice_id, g.version_id FROM reviews_guardedpractice p
        JOIN reviews_guardedbook g ON g.id = p.guard_id WHERE p.outcome = 'running'
"""
NONE_YET = "No rule book is published yet: run load_formulary first."
FORMULARY_SECTIONS = ("drugs", "products", "atc", "names", "without_a_rule")


def live() -> tuple[int, RuleBook]:
    """`(id of the published version, its book)`. Raises `NotFound` before the first publication.

    For what is of no practice: what judges the patients of one is `holding_at`.
    """
    # Asked with each call of a hook: Django takes ten times as long to make the statement.
    with connection.cursor() as cursor:
        cursor.execute(PUBLISHED, [RuleVersion.State.PUBLISHED])
        found = cursor.fetchone()
    if found is None:
        raise NotFound(NONE_YET)
    return found[0], book(found[0])


def holding_at(practice_id: int) -> tuple[int, RuleBook]:
    """`(id of the version, its book)` that judges the patients of a practice.

    The guarded book where one runs there, and else the live one. Raises as `live` does.
    """
    with connection.cursor() as cursor:
        cursor.execute(HOLDING_AT, [practice_id])
        ((version_id,),) = cursor.fetchall()
    if version_id is None:
        raise NotFound(NONE_YET)
    return version_id, book(version_id)


class Holding(NamedTuple):
    """Which version judges where: the live one, and by practice the guarded ones."""

    live_id: int
    guarded: dict[int, int]

    def version_at(self, practice_id: int) -> int:
        """The id of the version that judges the patients of a practice."""
        return self.guarded.get(practice_id, self.live_id)

    def at(self, practice_id: int) -> RuleBook:
        """The book that judges the patients of a practice."""
        return book(self.version_at(practice_id))


def holding() -> Holding:
    """Which version judges where, for whoever reads of several practices; raises as `live` does."""
    with connection.cursor() as cursor:
        cursor.execute(HOLDING)
        found = dict(cursor.fetchall())
    live_id = found.pop(None, None)
    if live_id is None:
        raise NotFound(NONE_YET)
    return Holding(live_id, found)


# Old flags are shown with the book that made them, so a few stay at hand.
@lru_cache(maxsize=8)
def book(version_id: int) -> RuleBook:
    return RuleBook.from_json(RuleVersion.objects.get(pk=version_id).book)


def run_at(book: RuleBook, practice: str, group: str, profile: str) -> set[str]:
    """Ids of the rules that a book runs at a practice, by its code, its group's and its profile."""
    own = at(book, practice, group)
    return {rule.id for rule in RULES if runs(rule, own, profile)}


def cited(flag: Flag, practice: Practice) -> list[dict[str, Any]]:
    """Who said so when a flag was raised at a practice: also its local policy and its group's."""
    held = book(flag.version_id)
    group = groups.group_of(practice.pk, flag.raised_at) if _of_groups(held.local) else ""
    return at(held, practice.code, group).citations.get(flag.rule_id, [])


def _of_groups(local: Iterable[str]) -> bool:
    """Whether one of these policies of a book is that of a group."""
    return any(scope.startswith(GROUP) for scope in local)


class Citations(NamedTuple):
    """Who says so, by version: for everybody by rule, and as local policy by practice or group.

    `stays` say which practice was in which group, where that can matter.
    """

    everywhere: dict[int, dict[str, list[dict[str, Any]]]]
    local: dict[int, dict[str, Any]]
    stays: list[groups.Stay]

    def of(self, flag: Flag) -> list[dict[str, Any]]:
        """The citations of a flag, which was raised at its practice."""
        practice, local = flag.practice.code, self.local[flag.version_id]
        found = self.everywhere[flag.version_id].get(flag.rule_id, [])
        for scope in scopes(practice, groups.then(self.stays, practice, flag.raised_at)):
            rows = local.get(scope, {}).get("citations", {}).get(flag.rule_id, [])
            found = with_policy(found, rows)
        return found


def citations(version_ids: Iterable[int]) -> Citations:
    """The citations of several books, without reading all of each."""
    rows = RuleVersion.objects.filter(pk__in=version_ids).values_list(
        "pk", "book__citations", "book__local"
    )
    everywhere, local = {}, {}
    for pk, cited, own in rows:
        everywhere[pk], local[pk] = cited or {}, own or {}
    matters = any(_of_groups(own) for own in local.values())
    return Citations(everywhere, local, groups.stays() if matters else [])


def changes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """`{section: [keys that were added, removed or altered]}` between two books."""
    return {
        section: sorted(
            key
            for key in {**old.get(section, {}), **new.get(section, {})}
            if old.get(section, {}).get(key) != new.get(section, {}).get(key)
        )
        for section in (
            *FORMULARY_SECTIONS,
            *("profiles", "rules", "grading", "local", "citations"),
        )
    }
