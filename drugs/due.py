"""Knowledge that should have been read again, and knowledge nobody has signed off."""

from collections import Counter
from dataclasses import dataclass
from datetime import date

from django.db.models import Count

from drugs.models import SOURCED


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One citation whose review is overdue, and how many rows rest on it."""

    source: str
    locator: str
    next_review: date
    rows: int


def overdue(today: date) -> list[Due]:
    """The citations overdue on `today`, longest overdue first."""
    rows = Counter()
    for model in SOURCED:
        cited = model.objects.overdue(today).values_list("source", "locator", "next_review")
        for *citation, count in cited.annotate(count=Count("pk")):
            rows[tuple(citation)] += count
    return sorted(
        (
            Due(source=source, locator=locator, next_review=next_review, rows=count)
            for (source, locator, next_review), count in rows.items()
        ),
        key=lambda due: (due.next_review, due.source, due.locator),
    )


def unverified() -> dict[str, int]:
    """How many rows in force still await sign-off, `{what they are: count}`."""
    counts = {str(model._meta.verbose_name_plural): model.objects.unverified() for model in SOURCED}
    return {name: rows.count() for name, rows in counts.items()}
