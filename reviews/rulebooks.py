"""The published rule book, read once per process and version."""

from functools import lru_cache

from reviews.errors import NotFound
from reviews.models import RuleVersion
from reviews.rules.book import RuleBook


def live():
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
def book(version_id):
    return RuleBook.from_json(RuleVersion.objects.get(pk=version_id).book)
