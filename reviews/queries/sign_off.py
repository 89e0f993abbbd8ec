"""The rows of the formulary that nobody has signed off yet, and those signed off last."""

from django.db.models import QuerySet

from drugs.models import SOURCED, Code, CodePart, Name, NamePart, Sourced

LATELY = 12
TABLES: dict[str, type[Sourced]] = {str(model._meta.model_name): model for model in SOURCED}


def with_parents(rows: QuerySet) -> QuerySet:
    """The rows with what their words need, in a fixed number of queries."""
    names = [field.name for field in rows.model._meta.fields if field.many_to_one]
    rows = rows.select_related(*names)
    return rows.prefetch_related("parts__ingredient") if rows.model in (Name, Code) else rows


def values_in_words(row: Sourced) -> list[tuple[str, str]]:
    """The values of a row in words: `[(name, value)]`."""
    values = []
    if isinstance(row, Code):
        values += [("stands for", row.name), ("as", row.get_kind_display().lower())]
    if isinstance(row, Name):
        values += [("is a", row.get_kind_display().lower())]
    if isinstance(row, Name | Code):
        values += [("of", _part(part)) for part in row.parts.all()]
    for name in row.EDITABLE:
        value = getattr(row, name)
        if isinstance(value, list):
            value = ", ".join(f"{item:f}".rstrip("0").rstrip(".") for item in value)
        elif hasattr(row, f"get_{name}_display"):
            value = getattr(row, f"get_{name}_display")()
        if value not in (None, "", False):
            values.append((row._meta.get_field(name).verbose_name, value))
    return values


def _part(part: CodePart | NamePart) -> str:
    strength = getattr(part, "strength_mg", None)
    if strength is None:
        return part.ingredient.name
    return f"{part.ingredient.name} {strength.normalize():f} mg a {part.per_unit}"


def signed_off_lately() -> list[Sourced]:
    """The rows signed off last, of all tables, in one query a table."""
    latest = []
    for model in SOURCED:
        rows = with_parents(model.objects.live().filter(verified_at__isnull=False))
        latest += rows.order_by("-verified_at")[:LATELY]
    return sorted(latest, key=lambda row: row.verified_at, reverse=True)[:LATELY]
