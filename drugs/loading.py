"""Bring the tables in line with the files: add, change, retire; never delete, never half.

Rows an admin edited are left alone and reported where the files now say something else.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import connection, transaction
from django.utils import timezone

from drugs import models
from drugs.files import CITATION, Reading

CITED = (*CITATION, "note")
LOCK = 0x64727567  # "drug": one load at a time


Parts = type[models.CodePart] | type[models.NamePart]


@dataclass(frozen=True)
class Table:
    """How rows of a file map to a table: `key` and `refs` identify a row, `values` may change.

    `refs` are the parts of the key that name another row, as `{attribute: model}`.
    """

    model: type
    key: tuple[str, ...]
    values: tuple[str, ...]
    refs: dict = field(default_factory=dict)
    parts: Parts | None = None


INGREDIENT = {"ingredient": models.Ingredient}
TABLES = (
    Table(models.DrugClass, ("key",), ("name", "rules", "severity")),
    Table(models.Ingredient, ("key",), ("name",)),
    Table(
        models.IngredientClass,
        ("ingredient", "drug_class"),
        ("severity", "level", "condition"),
        {**INGREDIENT, "drug_class": models.DrugClass},
    ),
    Table(
        models.Pair,
        ("ingredient", "drug_class", "with_ingredient", "with_class"),
        ("severity", "rule"),
        {
            **INGREDIENT,
            "drug_class": models.DrugClass,
            "with_ingredient": models.Ingredient,
            "with_class": models.DrugClass,
        },
    ),
    Table(models.DrugFact, ("ingredient", "kind", "profile"), ("value",), INGREDIENT),
    Table(models.Limit, ("ingredient", "profile", "context"), ("mg_per_day",), INGREDIENT),
    Table(models.Equivalent, ("ingredient", "table"), ("mg", "mg_high"), INGREDIENT),
    Table(
        models.Presentation,
        ("ingredient", "profile", "form"),
        ("per_unit", "strengths_mg"),
        INGREDIENT,
    ),
    Table(models.Name, ("lower",), ("text", "kind", "substitution"), parts=models.NamePart),
    Table(
        models.Code,
        ("system", "code"),
        ("kind", "name", "form", "route", "substitution", "incomplete"),
        parts=models.CodePart,
    ),
    Table(models.FormularyStatus, ("ingredient", "profile"), ("status", "reason"), INGREDIENT),
)


@dataclass
class Report:
    """What a load did: counts by table, and the edited rows it left as they are."""

    added: Counter = field(default_factory=Counter)
    changed: Counter = field(default_factory=Counter)
    retired: Counter = field(default_factory=Counter)
    kept: list[str] = field(default_factory=list)

    @property
    def changes(self) -> int:
        return self.added.total() + self.changed.total() + self.retired.total()


@transaction.atomic
def load(reading: Reading) -> Report:
    """Write the rows of a faultless reading. Loading the same files again changes nothing."""
    if reading.faults:
        raise ValueError(f"{len(reading.faults)} faults in the formulary files")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    report = Report()
    for table in TABLES:
        _load_table(table, reading.rows.get(table.model.__name__, {}), report)
    return report


def _load_table(table: Table, wanted: dict[tuple, dict], report: Report) -> None:
    label = table.model._meta.verbose_name_plural
    ids = {attribute: _ids(model) for attribute, model in table.refs.items()}
    found = _found(table)
    add, change, retire = [], [], []
    for key, values in wanted.items():
        if key not in found:
            add.append((key, values))
            continue
        row, content = found[key]
        same = _comparable(values) == content
        if row.origin == models.Sourced.Origin.EDITED:
            if not same:
                report.kept.append(f"{label}: {' '.join(part for part in key if part)}")
        elif not same or row.retired_at is not None:
            change.append((key, row, values))
    for key, (row, _) in found.items():
        if key not in wanted and row.retired_at is None and row.origin != "edited":
            retire.append(row.pk)
    now = timezone.now()
    if add:
        rows = [_fill(table.model(), table, ids, key, values) for key, values in add]
        table.model.objects.bulk_create(rows)
        _write_parts(table, zip(rows, (values for _, values in add), strict=True))
    if change:
        rows = [_fill(row, table, ids, key, values) for key, row, values in change]
        for row in rows:
            row.retired_at, row.changed_at = None, now
        columns = [*table.values, *CITED, "retired_at", "changed_at"]
        table.model.objects.bulk_update(rows, columns, batch_size=500)
        if table.parts:
            _drop_parts(table.parts, rows)
            _write_parts(table, zip(rows, (values for _, _, values in change), strict=True))
    if retire:
        table.model.objects.filter(pk__in=retire).update(retired_at=now, changed_at=now)
    report.added[label] += len(add)
    report.changed[label] += len(change)
    report.retired[label] += len(retire)


def _ids(model: type[models.Sourced]) -> dict[str, int]:
    return dict(model.objects.values_list("key", "pk"))


def _found(table: Table) -> dict[tuple, tuple[models.Sourced, dict]]:
    """`{natural key: (row, values)}` of a table, retired and edited rows included."""
    keys = {
        attribute: dict(model.objects.values_list("pk", "key"))
        for attribute, model in table.refs.items()
    }
    parts = _parts_by_row(table)
    found = {}
    for row in table.model.objects.all():
        key = tuple(
            keys[name].get(getattr(row, f"{name}_id"), "") if name in keys else _own(row, name)
            for name in table.key
        )
        values = {name: getattr(row, name) for name in (*table.values, *CITED)}
        if table.parts:
            values["parts"] = parts.get(row.pk, ())
        found[key] = row, _comparable(values)
    return found


def _own(row: models.Sourced, name: str) -> object:
    """A column of the natural key; names are known by their lower case."""
    return row.text.lower() if name == "lower" else getattr(row, name)


def _comparable(values: dict) -> dict:
    """Lists as tuples, so that a row of a file and a row of the database compare equal."""
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }


def _fill(
    row: models.Sourced, table: Table, ids: dict[str, dict[str, int]], key: tuple, values: dict
) -> models.Sourced:
    for name, value in zip(table.key, key, strict=True):
        if name in ids:
            setattr(row, f"{name}_id", ids[name][value] if value else None)
        elif name != "lower":
            setattr(row, name, value)
    for name in (*table.values, *CITED):
        value = values[name]
        setattr(row, name, list(value) if isinstance(value, tuple) else value)
    return row


def _parts_by_row(table: Table) -> dict[int, tuple]:
    """The ingredients of each code or name, by the id of its row; none for other tables."""
    parts = defaultdict(list)
    if table.parts is models.CodePart:
        rows = models.CodePart.objects.order_by("code", "position").values_list(
            "code_id", "ingredient__key", "strength_mg", "per_unit"
        )
        for code, *part in rows:
            parts[code].append(tuple(part))
    elif table.parts is models.NamePart:
        rows = models.NamePart.objects.values_list("name_id", "ingredient__key")
        for name, ingredient in rows.order_by("name", "ingredient__key"):
            parts[name].append(ingredient)
    return {pk: tuple(own) for pk, own in parts.items()}


def _drop_parts(parts: Parts, rows: list[models.Sourced]) -> None:
    owner = "code" if parts is models.CodePart else "name"
    parts.objects.filter(**{f"{owner}__in": [row.pk for row in rows]}).delete()


def _write_parts(table: Table, pairs: Iterable[tuple[models.Sourced, dict]]) -> None:
    if table.parts is None:
        return
    ids = _ids(models.Ingredient)
    if table.parts is models.CodePart:
        models.CodePart.objects.bulk_create(
            models.CodePart(
                code=row,
                position=position,
                ingredient_id=ids[ingredient],
                strength_mg=mg,
                per_unit=unit,
            )
            for row, values in pairs
            for position, (ingredient, mg, unit) in enumerate(values["parts"])
        )
    else:
        models.NamePart.objects.bulk_create(
            models.NamePart(name=row, ingredient_id=ids[ingredient])
            for row, values in pairs
            for ingredient in values["parts"]
        )
