"""The published rule book, read once per process and version, and what differs between two."""

from functools import lru_cache
from typing import Any

from reviews.errors import NotFound
from reviews.models import RuleVersion
from reviews.rules.book import RuleBook

FORMULARY_SECTIONS = ("drugs", "products", "atc", "names", "without_a_rule")


def live() -> tuple[int, RuleBook]:
    """`(id of the published version, its book)`. Raises `NotFound` before the first publication."""
    pk = (
        RuleVersion.objects.filter(state=RuleVersion.State.PUBLISHED)
        .values_list("pk", flat=True)
        .first()
    )
    if pk is None:
        raise NotFound("No rule book is published yet: run load_formulary first.")
    return pk, book(pk)


# Old flags are shown with the book that made them, so a few stay at hand.
@lru_cache(maxsize=8)
def book(version_id: int) -> RuleBook:
    return RuleBook.from_json(RuleVersion.objects.get(pk=version_id).book)


def changes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """`{section: [keys that were added, removed or altered]}` between two books."""
    return {
        section: sorted(
            key
            for key in {**old.get(section, {}), **new.get(section, {})}
            if old.get(section, {}).get(key) != new.get(section, {}).get(key)
        )
        for section in (*FORMULARY_SECTIONS, "rules", "citations")
    }
