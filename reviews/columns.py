"""What a record says, as columns of the table that keeps it: of one row, or for COPY of many."""

from collections.abc import Callable
from decimal import Decimal
from operator import attrgetter
from typing import Any, NamedTuple

from reviews import products
from reviews.bulk import as_json
from reviews.fields import AMOUNT, KEPT, SCHEDULE, UNIT, Field
from reviews.records import ConditionRecord, PrescriptionRecord, ReadingRecord
from reviews.rules.readings import CHECKLIST, KINDS


class Copied(NamedTuple):
    """Columns that COPY fills, and how a record's values for them are read in that order."""

    names: tuple[str, ...]
    values: Callable[[Any], tuple]


def _copied(chosen: tuple[Field, ...]) -> Copied:
    """Most values are copied as they are, all in one call: a batch holds ten thousand records."""
    plain = [field for field in chosen if field.kind not in (UNIT, SCHEDULE)]
    converted = [field for field in chosen if field.kind in (UNIT, SCHEDULE)]
    values = attrgetter(*(field.name for field in plain))
    return Copied(
        tuple(field.column for field in (*plain, *converted)),
        lambda record: (
            *values(record),
            *[_as_text(field, getattr(record, field.name)) for field in converted],
        ),
    )


def _as_text(field: Field, value: Any) -> str | None:
    """A unit or a schedule as COPY takes it."""
    if field.kind is UNIT:
        return value or ""
    return as_json([(step.per_day, step.days) for step in value]) if value else None


def _condition(record: ConditionRecord) -> tuple:
    codings = as_json(products.coded(record.codings))
    return record.kind, record.text, codings, record.onset_on, record.ended_on, record.status


def _reading(record: ReadingRecord) -> tuple:
    """What is ticked of a checklist is counted here."""
    known = KINDS[record.kind]
    value = record.value
    if known.shape == CHECKLIST:
        value = len(set(record.text.split()) & known.choices.keys())
    unit = known.unit if value is not None else ""
    return record.kind, _rounded(value), unit, record.text, record.on, record.status


PRESCRIPTION = _copied(KEPT)
WITHOUT_LATER = _copied(tuple(field for field in KEPT if not field.later))
"""For a batch in which nobody says anything of the later fields: those columns have defaults."""
CONDITION = Copied(("kind", "text", "codings", "onset_on", "ended_on", "status"), _condition)
READING = Copied(("kind", "value", "unit", "text", "dated_on", "status"), _reading)


def of_prescription(record: PrescriptionRecord) -> dict[str, Any]:
    """The columns of one order, its product among them, which is found or made."""
    said = {field.column: _as_value(field, getattr(record, field.name)) for field in KEPT}
    return said | {"medicine": products.one(record.medicine, record.codings)}


def of_condition(record: ConditionRecord) -> dict[str, Any]:
    said = dict(zip(CONDITION.names, CONDITION.values(record), strict=True))
    return said | {"codings": products.coded(record.codings)}


def of_reading(record: ReadingRecord) -> dict[str, Any]:
    return dict(zip(READING.names, READING.values(record), strict=True))


def _as_value(field: Field, value: Any) -> Any:
    """A value as a field of the model takes it."""
    if field.kind is AMOUNT:
        return _rounded(value)
    if field.kind is UNIT:
        return value or ""
    if field.kind is SCHEDULE:
        return [(step.per_day, step.days) for step in value] or None
    return value


def _rounded(amount: float | None) -> Decimal | None:
    return None if amount is None else round(Decimal(str(amount)), 4)
