"""Which rows of the formulary people change here, and what a row owes to whoever reads it.

`reviews.verbs.edit` changes them one by one or from a file; `reviews.queries.formulary_file` says
beforehand what a file would do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.utils import timezone

from drugs.models import (
    DrugClass,
    DrugFact,
    Equivalent,
    FormularyStatus,
    IngredientClass,
    Limit,
    Pair,
    Presentation,
    Sourced,
)
from reviews.errors import BadRecord

_Done = TypeVar("_Done")

LONGEST_DAYS = 366
"""Knowledge is read again at least once a year; 366 days let a leap year be a year."""

KINDS: dict[str, type[Sourced]] = {
    "fact": DrugFact,
    "limit": Limit,
    "equivalent": Equivalent,
    "strengths": Presentation,
    "class": IngredientClass,
    "default": DrugClass,
    "pair": Pair,
    "status": FormularyStatus,
}
"""The tables an admin changes here, by the word in the address of their form."""
KIND_OF = {model: kind for kind, model in KINDS.items()}

# The columns that identify a row, given once, when the row is added.
IDENTITY: dict[type[Sourced], tuple[str, ...]] = {
    DrugFact: ("kind", "profile"),
    Limit: ("profile", "context"),
    Equivalent: ("table",),
    Presentation: ("profile", "form", "per_unit"),
    IngredientClass: ("drug_class",),
    Pair: ("with_ingredient", "with_class"),
    FormularyStatus: ("profile",),
}


@dataclass(frozen=True, kw_only=True)
class Citation:
    """Who says so, where, and until when that is believed.

    `read_by_me`: the acting person has read the statement in the source itself, and signs it off.
    """

    source: str
    locator: str
    next_review: date | None
    note: str = ""
    read_by_me: bool = False


def cited(citation: Citation) -> dict[str, object]:
    """The citation as the columns of a row, read today. Raises `BadRecord`."""
    today = timezone.localdate()
    for field in ("source", "locator"):
        if not getattr(citation, field).strip():
            raise BadRecord(field, "is needed: every number has a source")
    last = today + timedelta(days=LONGEST_DAYS)
    if citation.next_review is None or not today < citation.next_review <= last:
        raise BadRecord("next_review", f"must be after today and not after {last:%-d %b %Y}")
    return {
        "source": citation.source.strip(),
        "locator": citation.locator.strip(),
        "reviewed": today,
        "next_review": citation.next_review,
        "note": citation.note.strip(),
    }


def accepted(change: Callable[..., _Done], *given: object, **values: object) -> _Done:
    """Change a row; a value that the formulary refuses is a `BadRecord` at its first field."""
    try:
        return change(*given, **values)
    except ValidationError as error:
        field, reasons = next(iter(error.message_dict.items()))
        raise BadRecord("" if field == NON_FIELD_ERRORS else field, reasons[0]) from error
