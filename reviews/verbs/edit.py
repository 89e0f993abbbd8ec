"""Verbs on the formulary: revise a row, add one, take one out of force.

A row that is revised or added names its source, the place in it and when to read it again; one that
is taken out of force keeps its own, with the reason in the trail. The formulary's pages show a
change at once. Screening reads the published rule book, and knows of it when a second person has
published a draft with it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction
from django.utils import timezone

from drugs.models import (
    DrugClass,
    DrugFact,
    Equivalent,
    FormularyStatus,
    Ingredient,
    IngredientClass,
    Limit,
    Pair,
    Presentation,
    Sourced,
)
from reviews import access, audit
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, IllegalMove, Stale

_Row = TypeVar("_Row", bound=Sourced)
_Done = TypeVar("_Done")

LONGEST_DAYS = 366
"""Knowledge is read again at least once a year; 366 days let a leap year be a year."""

KINDS = {
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
IDENTITY = {
    DrugFact: ("kind", "profile"),
    Limit: ("profile", "context"),
    Equivalent: ("table",),
    Presentation: ("profile", "form", "per_unit"),
    IngredientClass: ("drug_class",),
    Pair: ("with_ingredient", "with_class"),
    FormularyStatus: ("profile",),
}

# The rules take these severities from the formulary; the others are part of the rules themselves.
SEVERITY_FROM_FORMULARY = frozenset(
    {
        "antipsychotic",
        "cyp2c19",
        "cyp3a4-moderate",
        "cyp3a4-strong",
        "inducer",
        "muscle-relaxant",
        "opioid",
        "other-hypnotic",
        "sedating-antidepressant",
        "sedating-antihistamine",
    }
)
FACTS_IN_BOOK = (DrugFact.Kind.BAND, DrugFact.Kind.METABOLISM)


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


@transaction.atomic
def revise(
    *, row: _Row, values: dict[str, object], citation: Citation, seen: datetime, by: User
) -> _Row:
    """Change a row. `seen` is its `changed_at` as it was shown. Raises `BadRecord`, `Stale`."""
    access.require(by, Action.EDIT_FORMULARY)
    locked = _lock(row, seen)
    cited = _cited(citation)
    before = _content(locked)
    _checked(locked.revise, **cited, **values)
    if citation.read_by_me:
        locked.sign_off(by=by, at=timezone.now())
    _record(by, Event.FORMULARY_REVISED, locked, before=before, after=_content(locked))
    return locked


@transaction.atomic
def add(
    *,
    model: type[_Row],
    ingredient: Ingredient,
    values: dict[str, object],
    citation: Citation,
    by: User,
) -> _Row:
    """Write down a row about a drug, or bring one back into force. Raises `BadRecord`."""
    access.require(by, Action.EDIT_FORMULARY)
    cited = _cited(citation)
    identity = {name: values.get(name) for name in IDENTITY[model]}
    retired = model.objects.select_for_update().filter(
        ingredient=ingredient, retired_at__isnull=False, **identity
    )
    if made := retired.first():
        editable = {name: value for name, value in values.items() if name not in identity}
        _checked(made.revise, **cited, **editable)
    else:
        made = _checked(model.add, ingredient=ingredient, **cited, **values)
    if citation.read_by_me:
        made.sign_off(by=by, at=timezone.now())
    _record(by, Event.FORMULARY_ADDED, made, after=_content(made))
    return made


@transaction.atomic
def retire(*, row: _Row, reason: str, seen: datetime, by: User) -> _Row:
    """Take a row out of force; it stays readable. Raises `BadRecord` without a reason, `Stale`."""
    access.require(by, Action.EDIT_FORMULARY)
    if not reason.strip():
        raise BadRecord("reason", "is needed to take a row out of force")
    locked = _lock(row, seen)
    locked.retire(at=timezone.now())
    _record(by, Event.FORMULARY_RETIRED, locked, before=_content(locked), reason=reason.strip())
    return locked


def reaches_screening(row: Sourced) -> bool:
    """Whether the values of this row can change what screening finds, once they are published.

    The rest of the formulary informs people; no rule reads it.
    """
    if isinstance(row, DrugFact):
        return row.kind in FACTS_IN_BOOK
    if isinstance(row, IngredientClass):
        return row.drug_class.key in SEVERITY_FROM_FORMULARY
    return not isinstance(row, (DrugClass, Pair, FormularyStatus))


def _lock(row: _Row, seen: datetime) -> _Row:
    locked = type(row).objects.select_for_update().get(pk=row.pk)
    if locked.changed_at != seen:
        raise Stale("Somebody else changed this since you opened it. Look at it again.")
    if locked.retired_at is not None:
        raise IllegalMove("This is no longer in force, and is kept as it was.")
    return locked


def _cited(citation: Citation) -> dict[str, object]:
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


def _checked(change: Callable[..., _Done], **values: object) -> _Done:
    """Change a row; a value that the formulary refuses is a `BadRecord` at its first field."""
    try:
        return change(**values)
    except ValidationError as error:
        field, reasons = next(iter(error.message_dict.items()))
        raise BadRecord("" if field == NON_FIELD_ERRORS else field, reasons[0]) from error


def _content(row: Sourced) -> dict[str, object]:
    """The values and the citation of a row, for the audit trail."""
    names = (*row.EDITABLE, *row.CITATION)
    return {name: _plain(getattr(row, name)) for name in names}


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _record(
    by: User,
    event: Event,
    row: Sourced,
    *,
    before: dict | None = None,
    after: dict | None = None,
    **detail: Any,
) -> None:
    """Write who changed a row into the trail; of a content before and after only what differs."""
    if before and after:
        changed = [name for name in after if before[name] != after[name]]
        before, after = ({name: side[name] for name in changed} for side in (before, after))
    contents = {"before": before, "after": after}
    audit.record(
        by,
        event,
        subject=row,
        row=str(row),
        **{name: content for name, content in contents.items() if content},
        **detail,
    )
