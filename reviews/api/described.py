"""The OpenAPI description in the shape of a page: operations by area, what they take and give."""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from drf_spectacular.generators import SchemaGenerator

Schema = dict[str, Any]
REFUSED = "application/problem+json"
FEW_CODES = 12
"""A field with more codes names some of them; all are in the description for machines."""


class Kind(NamedTuple):
    """What a value is, in words, and the shape that it or its items have, empty for none."""

    text: str
    shape: str = ""


class Field(NamedTuple):
    """A field of a shape, or a parameter of an operation: `place` is then "path" or "query"."""

    name: str
    kind: Kind
    required: bool
    said: str
    place: str = ""


class Operation(NamedTuple):
    """One thing to ask or send. `refusals` are the codes of its problems."""

    name: str
    method: str
    path: str
    summary: str
    more: str
    parameters: list[Field]
    takes: Kind | None
    gives: Kind | None
    refusals: list[str]
    for_people: bool


class Shape(NamedTuple):
    """An object that is sent or answered."""

    name: str
    said: str
    fields: list[Field]


class Described(NamedTuple):
    """All of it: `areas` as `[(name, its operations)]`, `refusals` as `[(code, why)]`."""

    title: str
    said: str
    areas: list[tuple[str, list[Operation]]]
    shapes: list[Shape]
    refusals: list[tuple[str, str]]


@cache
def described() -> Described:
    """The description, made once for each process: nothing in it changes while one runs."""
    schema = SchemaGenerator().get_schema(public=True)
    areas: dict[str, list[Operation]] = {}
    refusals: dict[str, str] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            areas.setdefault(operation["tags"][0], []).append(_operation(path, method, operation))
            for code, answer in operation["responses"].items():
                if REFUSED in answer.get("content", {}):
                    refusals.setdefault(code, answer["description"])
    return Described(
        title=schema["info"]["title"],
        said=schema["info"]["description"],
        areas=sorted(areas.items()),
        shapes=[
            Shape(name, _sentences(shape.get("description", "")), list(_fields(shape)))
            for name, shape in sorted(schema["components"]["schemas"].items())
        ],
        refusals=sorted(refusals.items()),
    )


def _operation(path: str, method: str, operation: Schema) -> Operation:
    summary, said = operation["summary"], operation.get("description", "")
    takes = operation.get("requestBody", {}).get("content", {}).get("application/json")
    good = next(
        (answer for code, answer in operation["responses"].items() if code.startswith("2")), {}
    )
    gives = good.get("content", {}).get("application/json")
    return Operation(
        name=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=_sentences(summary),
        more=_sentences(said.removeprefix(summary)),
        parameters=[
            Field(
                each["name"],
                _kind(each["schema"]),
                each.get("required", False),
                _sentences(each.get("description", "")),
                each["in"],
            )
            for each in operation.get("parameters", ())
        ],
        takes=_kind(takes["schema"]) if takes else None,
        gives=_kind(gives["schema"]) if gives else None,
        refusals=[
            code
            for code, answer in sorted(operation["responses"].items())
            if REFUSED in answer.get("content", {})
        ],
        for_people=any("session" in way for way in operation.get("security", ())),
    )


def _fields(shape: Schema) -> Iterator[Field]:
    required = shape.get("required", ())
    for name, held in shape.get("properties", {}).items():
        said = _sentences(held.get("description", ""))
        yield Field(name, _kind(held), name in required, said)


def _kind(schema: Schema) -> Kind:
    """What a value is, such as "text, at most 200 characters" or "a list of at most 10,000"."""
    if "$ref" in schema:
        return Kind("", schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return _one_of(schema["anyOf"])
    if "enum" in schema:
        codes = [str(code) or "empty" for code in schema["enum"]]
        more = f", … ({len(codes)} in all)" if len(codes) > FEW_CODES else ""
        return Kind(f"one of {', '.join(codes[:FEW_CODES])}{more}")
    if schema.get("type") == "array":
        item = _kind(schema.get("items", {}))
        most = f" of at most {schema['maxItems']:,}" if "maxItems" in schema else ""
        text = f"a list{most}"
        return Kind(f"{text}: {item.text}" if item.text else text, item.shape)
    return Kind(", ".join([_type(schema), *_limits(schema)]))


def _one_of(choices: list[Schema]) -> Kind:
    """A value that may also be null, or of one of several kinds."""
    kinds = [_kind(each) for each in choices if each.get("type") != "null" and len(each) > 0]
    named = [kind for kind in kinds if kind.shape or kind.text != "anything"] or kinds
    texts = [kind.text for kind in named if kind.text]
    if any(each.get("type") == "null" for each in choices):
        texts.append("may be null")
    # A limit that each of the kinds has is said once.
    said = ", ".join(dict.fromkeys(", ".join(texts).split(", ")))
    return Kind(said, next((kind.shape for kind in named if kind.shape), ""))


def _type(schema: Schema) -> str:
    named = {
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "boolean": "true or false",
        "object": "object",
        "null": "null",
    }
    formats = {"date": "date", "date-time": "time (RFC 3339)"}
    return formats.get(schema.get("format", "")) or named.get(schema.get("type", ""), "anything")


def _limits(schema: Schema) -> Iterator[str]:
    lowest, highest = schema.get("minimum"), schema.get("maximum")
    if lowest is not None:
        yield f"from {lowest:,}"
    if highest is not None and highest < 2**53:
        yield f"to {highest:,}"
    if "maxLength" in schema:
        yield f"at most {schema['maxLength']:,} characters"
    if "default" in schema:
        yield f"{schema['default']} if left out"


def _sentences(text: str) -> str:
    return " ".join(text.split())
