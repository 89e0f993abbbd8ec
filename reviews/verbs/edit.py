"""Verbs on the formulary: revise a row, add one, take one out of force.

A row that is revised or added names its source, the place in it and when to read it again; one that
is taken out of force keeps its own, with the reason in the trail. The formulary's pages show a
change at once. Screening reads the published rule book, and knows of it when a second person has
published a draft with it.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar, cast

from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from drugs.models import (
    DrugClass,
    DrugFact,
    FormularyStatus,
    Ingredient,
    IngredientClass,
    Pair,
    Sourced,
)
from reviews import access, audit, governing, profiles
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, DomainError, IllegalMove, Stale
from reviews.formulary_files import MOST_CHANGES, Row
from reviews.formulary_rows import IDENTITY, KINDS, Citation, accepted, cited
from reviews.queries import formulary_file
from reviews.queries.formulary_file import ADD, CHANGE, RETIRE, Answer

_Row = TypeVar("_Row", bound=Sourced)

LOCK = 0xF11E
"""Key of the advisory lock of whoever takes a file into the formulary."""

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


@transaction.atomic
def revise(
    *, row: _Row, values: dict[str, object], citation: Citation, seen: datetime, by: User
) -> _Row:
    """Change a row. `seen` is its `changed_at` as it was shown. Raises `BadRecord`, `Stale`."""
    access.require(by, Action.EDIT_FORMULARY)
    governing.one_at_a_time()
    locked = _lock(row, seen)
    columns = cited(citation)
    before = _content(locked)
    accepted(locked.revise, **columns, **values)
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
    governing.one_at_a_time()
    columns = cited(citation)
    if values.get("profile"):
        profiles.require_known("profile", str(values["profile"]))
    identity = {name: values.get(name) for name in IDENTITY[model]}
    retired = model.objects.select_for_update().filter(
        ingredient=ingredient, retired_at__isnull=False, **identity
    )
    if made := retired.first():
        editable = {name: value for name, value in values.items() if name not in identity}
        accepted(made.revise, **columns, **editable)
    else:
        try:
            made = accepted(model.add, ingredient=ingredient, **columns, **values)
        except IntegrityError as error:
            raise Stale("Somebody else wrote this down just now. Look at it.") from error
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
    governing.one_at_a_time()
    locked = _lock(row, seen)
    locked.retire(at=timezone.now())
    _record(by, Event.FORMULARY_RETIRED, locked, before=_content(locked), reason=reason.strip())
    return locked


@transaction.atomic
def take_file(*, rows: Iterable[Row], digest: str, by: User) -> list[Answer]:
    """Do what each row of a file says, as if it were done by hand, row by row.

    `digest` is that of the file, for the trail. All or nothing: raises `BadRecord` for the first
    row that cannot be taken, as `formulary_file.report` tells of all of them.
    """
    access.require(by, Action.EDIT_FORMULARY)
    # Two files at once would wait for each other's rows, each in its own order.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    answers = formulary_file.report(rows)
    for each in answers:
        if each.refused:
            refusal = BadRecord(*each.refused[0])
            raise BadRecord("file", f"line {each.row.line}: {refusal.message}")
    doing = [each for each in answers if each.does]
    if len(doing) > MOST_CHANGES:
        raise BadRecord("file", f"would do more than {MOST_CHANGES:,} things: take it in parts")
    for each in doing:
        try:
            _do(each, by)
        except DomainError as refusal:
            raise BadRecord("file", f"line {each.row.line}: {refusal.message}") from refusal
    if doing:
        counted = Counter(each.does for each in doing)
        audit.record(
            by,
            Event.FORMULARY_FILE_TAKEN,
            digest=digest,
            changed=counted[CHANGE],
            added=counted[ADD],
            retired=counted[RETIRE],
        )
    return doing


def _do(answer: Answer, by: User) -> None:
    """Do what a row of a file says."""
    held, citation, values = answer.held, answer.citation, dict(answer.values)
    if held is not None:
        # The stubs know the default of the database as a value of the column.
        seen = cast(datetime, held.changed_at)
        if answer.does == RETIRE:
            retire(row=held, reason=answer.reason, seen=seen, by=by)
        elif citation is not None:
            revise(row=held, values=values, citation=citation, seen=seen, by=by)
    elif answer.ingredient is not None and citation is not None:
        model = KINDS[answer.row.kind]
        add(model=model, ingredient=answer.ingredient, values=values, citation=citation, by=by)


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
