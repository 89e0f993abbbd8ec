"""What a resource says at a path, and the keys by which a search finds it there."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from reviews.fhir.render.elements import Json

TOKEN, REFERENCE, DATE, STRING = "token", "reference", "date", "string"


class Definition(NamedTuple):
    """A search parameter: its kind, where resources say it, and what a reference may lead to.

    `path` has names of elements with dots between, and several paths with bars between.
    """

    kind: str
    path: str
    targets: tuple[str, ...] = ()
    words: str = ""


def found(content: Any, path: str) -> Iterator[Any]:
    """Everything that stands at a path, lists opened."""
    for steps in _steps(path):
        yield from _walk(content, steps)


@lru_cache(maxsize=1_000)
def _steps(path: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(one.split(".")) for one in path.split("|"))


def _walk(content: Any, steps: tuple[str, ...]) -> Iterator[Any]:
    if isinstance(content, list):
        for each in content:
            yield from _walk(each, steps)
    elif not steps:
        if content is not None:
            yield content
    elif isinstance(content, dict) and steps[0] in content:
        yield from _walk(content[steps[0]], steps[1:])


def references(content: Json, path: str) -> set[tuple[str, str]]:
    """`(type, logical id)` of the resources here that are referred to at a path."""
    led = set()
    for each in found(content, path):
        said = each.get("reference", "") if isinstance(each, dict) else ""
        type_name, _, logical_id = str(said).partition("/")
        if type_name.isalpha() and logical_id and "/" not in logical_id:
            led.add((type_name, logical_id))
    return led


def keys(content: Json, definitions: Mapping[str, Definition]) -> list[str]:
    """What tokens, references and strings find a resource by, as `key` writes it."""
    made: dict[str, None] = {}
    for name, definition in definitions.items():
        for each in found(content, definition.path) if definition.path else ():
            for system, value in _said(each, definition.kind):
                made[key(name, system, value)] = None
                made[key(name, None, value)] = None
                if system:
                    made[key(name, system, "")] = None
    return list(made)


def key(name: str, system: str | None, value: str) -> str:
    """One key: the parameter, and the value with its system; None: in whatever system."""
    return f"{name}={value}" if system is None else f"{name}={system}|{value}"


def _said(each: Any, kind: str) -> Iterator[tuple[str, str]]:
    """`(system, value)` pairs of one element."""
    if kind == REFERENCE:
        if isinstance(each, dict) and isinstance(each.get("reference"), str):
            type_name, _, logical_id = each["reference"].rpartition("/")
            yield type_name.rpartition("/")[2], logical_id
    elif kind == STRING:
        if isinstance(each, str):
            yield "", each.casefold()
    elif kind == TOKEN:
        yield from _tokens(each)


def _tokens(each: Any) -> Iterator[tuple[str, str]]:
    if isinstance(each, bool):
        yield "", str(each).lower()
    elif isinstance(each, str):
        yield "", each
    elif isinstance(each, dict):
        for one in each.get("coding", [each]) if isinstance(each.get("coding", []), list) else ():
            value = one.get("code", one.get("value")) if isinstance(one, dict) else None
            if isinstance(value, str):
                system = one.get("system", "")
                yield system if isinstance(system, str) else "", value
