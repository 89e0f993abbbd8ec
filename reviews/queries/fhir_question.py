"""What a FHIR search asks for, read from its parameters and checked against the table of types."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from reviews.errors import BadRecord
from reviews.fhir.render.paths import DATE, REFERENCE, STRING, TOKEN
from reviews.queries import fhir_values
from reviews.queries.fhir_source import Kind

MOST_ROWS, FEWEST_ROWS, USUAL_ROWS = 200, 0, 50
MOST_SORTS = 3
MOST_CONDITIONS = 40
MOST_VALUES = 200
SUMMARIES = ("true", "text", "data", "count", "false")
TOTALS = ("none", "estimate", "accurate")
_RESULTS = ("_count", "_sort", "_summary", "_elements", "_total", "_cursor")
_ONCE = (*_RESULTS, "_format", "_pretty")
ALL = {
    "_id": TOKEN,
    "_lastUpdated": DATE,
}
"""The parameters that every type has."""


def every(kind: Kind) -> dict[str, str]:
    """The parameters that every type has, and this one too."""
    return {name: of for name, of in ALL.items() if kind.timed or name != "_lastUpdated"}


@dataclass(frozen=True)
class Condition:
    """One parameter: what one of the values must find."""

    name: str
    modifier: str
    values: tuple[fhir_values.Value, ...]


@dataclass(frozen=True)
class Follow:
    """One `_include` or `_revinclude`: the type that refers, by which parameter, to what type."""

    source: str
    name: str
    target: str


class Cursor(msgspec.Struct, array_like=True):
    """Where a page ended: the values it is sorted by, which table, and the key there."""

    type: str
    sort: str
    values: list[str]
    rank: int
    key: str


@dataclass(frozen=True)
class Question:
    """A search: its conditions, and in which form and order its answer is wanted."""

    kind: Kind
    conditions: tuple[Condition, ...] = ()
    count: int = USUAL_ROWS
    sorts: tuple[tuple[str, bool], ...] = ()
    """(parameter, whether the greatest comes first)."""
    summary: str = ""
    elements: tuple[str, ...] = ()
    total: str = ""
    includes: tuple[Follow, ...] = ()
    revincludes: tuple[Follow, ...] = ()
    cursor: Cursor | None = None
    applied: tuple[tuple[str, str], ...] = ()
    """What was understood, for the address of the page itself."""
    ignored: tuple[str, ...] = field(default=())


def read(
    kind: Kind,
    said: Iterable[tuple[str, str]],
    *,
    kinds: Mapping[str, Kind],
    base: str,
    strict: bool = False,
) -> Question:
    """The question that `(name, value)` pairs ask of a type.

    Raises `BadRecord` for what cannot be answered: a modifier that is not known, a value that is
    none of its kind, and where it is `strict` a parameter that is not known.
    """
    conditions: list[Condition] = []
    asked: dict[str, Any] = {}
    includes: list[Follow] = []
    revincludes: list[Follow] = []
    applied: list[tuple[str, str]] = []
    ignored: list[str] = []
    for full, value in said:
        if "\0" in value or "\0" in full:
            raise BadRecord(full.replace("\0", ""), "contains the character NUL")
        name, _, modifier = full.partition(":")
        if name in _ONCE and full in asked:
            raise BadRecord(full, "was given more than once")
        if full in _ONCE:
            asked[full] = value
            if full in ("_format", "_pretty", "_cursor"):
                continue
        elif name in ("_include", "_revinclude"):
            if modifier:
                raise BadRecord(full, "is not offered: only what the page itself refers to")
            follow = _follow(kind, name, value, kinds)
            if follow is None:
                if strict:
                    raise BadRecord(name, f"“{value}” is no reference that can be included")
                ignored.append(full)
                continue
            (includes if name == "_include" else revincludes).append(follow)
        elif "." in name or name == "_has":
            raise BadRecord(full, "chained parameters and _has are not offered")
        elif name in kind.definitions or name in every(kind):
            conditions.append(_condition(kind, full, value, base))
        elif name == "_lastUpdated":
            raise BadRecord(name, f"is not known of {kind.name}")
        elif strict:
            raise BadRecord(full, f"is no parameter of {kind.name} here")
        else:
            ignored.append(full)
            continue
        applied.append((full, value))
    if len(conditions) > MOST_CONDITIONS:
        raise BadRecord("search", f"has more than {MOST_CONDITIONS} conditions")
    question = Question(
        kind,
        tuple(conditions),
        count=_count(asked.get("_count")),
        sorts=_sorts(kind, asked.get("_sort", "")),
        summary=_one_of("_summary", asked.get("_summary", ""), SUMMARIES),
        elements=_names(asked.get("_elements", "")),
        total=_one_of("_total", asked.get("_total", ""), TOTALS),
        includes=tuple(includes),
        revincludes=tuple(revincludes),
        applied=tuple(applied),
        ignored=tuple(ignored),
    )
    if cursor := asked.get("_cursor"):
        question = replace(question, cursor=_cursor(question, cursor))
    return question


def _condition(kind: Kind, full: str, value: str, base: str) -> Condition:
    name, _, modifier = full.partition(":")
    definition = kind.definitions.get(name)
    of = ALL.get(name) or (definition.kind if definition else "")
    targets = definition.targets if definition else ()
    allowed = {REFERENCE: (*targets, "identifier"), STRING: ("exact",)}.get(of, ())
    if modifier and modifier not in allowed:
        raise BadRecord(f"{name}:{modifier}", "this modifier is not offered")
    parts = fhir_values.alternatives(value)
    if len(parts) > MOST_VALUES:
        raise BadRecord(name, f"has more than {MOST_VALUES} values")
    if not value:
        raise BadRecord(name, "is empty")
    values: list[fhir_values.Value] = []
    for part in parts:
        if of == TOKEN or modifier == "identifier":
            values.append(fhir_values.token(name, part))
        elif of == DATE:
            values.append(fhir_values.span(name, part))
        elif of == REFERENCE:
            only = modifier or (targets[0] if len(targets) == 1 else "")
            values.append(fhir_values.reference(name, part, base, only))
        else:
            values.append(fhir_values.text(name, part, exact=modifier == "exact"))
    return Condition(name, "identifier" if modifier == "identifier" else "", tuple(values))


def _follow(kind: Kind, name: str, value: str, kinds: Mapping[str, Kind]) -> Follow | None:
    source, _, rest = value.partition(":")
    parameter, _, target = rest.partition(":")
    if source not in kinds or parameter not in kinds[source].includes:
        return None
    targets = kinds[source].includes[parameter].targets
    if target and target not in targets:
        return None
    if name == "_include":
        return Follow(source, parameter, target) if source == kind.name else None
    return Follow(source, parameter, kind.name) if kind.name in targets else None


def _count(text: str | None) -> int:
    if text is None:
        return USUAL_ROWS
    if not (text.isascii() and text.isdigit()):
        raise BadRecord("_count", "is no whole number")
    return min(int(text[:6]), MOST_ROWS)


def _sorts(kind: Kind, text: str) -> tuple[tuple[str, bool], ...]:
    if not text:
        return ()
    sorts = tuple((part.removeprefix("-"), part.startswith("-")) for part in text.split(","))
    known = {*every(kind), *(name for one in kind.sources for name in one.sorts())}
    for name, _ in sorts:
        if name not in known:
            raise BadRecord("_sort", f"by “{name}” is not offered; by {', '.join(sorted(known))}")
    if len(sorts) > MOST_SORTS or len({name for name, _ in sorts}) < len(sorts):
        raise BadRecord("_sort", f"takes at most {MOST_SORTS} parameters, each once")
    if any(name == "_id" for name, _ in sorts[:-1]):
        raise BadRecord("_sort", "can have _id only as the last one: no two are equal in it")
    return sorts


def _names(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(",")) if text else ()
    for name in names:
        if not name.isalnum():
            raise BadRecord("_elements", f"“{name}” is no element at the top of a resource")
    return names


def _one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value and value not in known:
        raise BadRecord(name, f"is none of {', '.join(known)}")
    return value


# -- Cursors -----------------------------------------------------------------------------------


def sort_name(question: Question) -> str:
    """The order of a question as a cursor names it."""
    return ",".join(f"{'-' if down else ''}{name}" for name, down in question.sorts)


def write_cursor(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).rstrip(b"=").decode()


def _cursor(question: Question, text: str) -> Cursor:
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        cursor = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=Cursor)
    except (ValueError, msgspec.MsgspecError) as error:
        raise BadRecord("_cursor", "is not a cursor of this search") from error
    fits = (
        cursor.type == question.kind.name
        and cursor.sort == sort_name(question)
        and len(cursor.values) == len(question.sorts)
        and 0 <= cursor.rank <= len(question.kind.sources)
        and "\0" not in cursor.key
        and not any("\0" in value for value in cursor.values)
    )
    if not fits:
        raise BadRecord("_cursor", "is not a cursor of this search")
    return cursor
