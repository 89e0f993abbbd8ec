"""FHIR JSON as systems send it: what a file holds, and one resource part by part.

A file is a Bundle, or bulk NDJSON with a resource (or a Bundle) on each line. A part of a resource
that is not what FHIR says it is costs that part and nothing else; null says nothing.
"""

import codecs
import re
from typing import Any, NamedTuple, TypeVar

import msgspec

from reviews.fhir.read import resources

TYPES = (
    *("transaction", "batch", "collection", "searchset", "history", "document", "message"),
    *("transaction-response", "batch-response", "subscription-notification"),
)
# Of one resource; beyond that whole lists go, so that junk is read in a bounded time.
MOST_PARTS = 50
# Amounts of which a half says something else.
ONE_WHOLE = ("rateRatio", "maxDosePerPeriod", "strength", "amount")
_PART = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
Shape = TypeVar("Shape")


class Unreadable(Exception):
    """Why a file, or one resource of it, cannot be used."""


class Sent(NamedTuple):
    """One entry of a file; without a resource, `problem` says what stands there."""

    place: str
    full_url: str
    resource: dict[str, Any] | None
    problem: str = ""


def sent(content: bytes) -> list[Sent]:
    """The resources of a file in their order. Raises `Unreadable` when it is no FHIR."""
    content = _as_utf_8(content).strip()
    try:
        return _of_bundle(content, "")
    except msgspec.DecodeError as error:
        problem = str(error)
    lines = [(f"line[{at}]", line) for at, line in enumerate(content.splitlines()) if line.strip()]
    if len(lines) < 2 or not _names_a_type(lines[0][1]):
        raise Unreadable(f"is not a FHIR Bundle: {problem}")
    found: list[Sent] = []
    for place, line in lines:
        try:
            found += _of_bundle(line, f"{place}.")
        except (Unreadable, msgspec.DecodeError) as error:
            found.append(Sent(place, "", None, f"is not a resource: {error}"))
    return found


def _as_utf_8(content: bytes) -> bytes:
    """Without the mark of byte order that some systems write before the first character."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return content.decode("utf-16").encode()
        except UnicodeDecodeError as error:
            raise Unreadable(f"is not a FHIR Bundle: {error}") from error
    return content.removeprefix(codecs.BOM_UTF8)


def _names_a_type(line: bytes) -> bool:
    try:
        return bool(msgspec.json.decode(line, type=resources.Named).resourceType)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _of_bundle(content: bytes, within: str) -> list[Sent]:
    """The entries of a Bundle, and of Bundles in it; or the one resource that it is."""
    try:
        kind = msgspec.json.decode(content, type=resources.Named).resourceType
        if not kind:
            raise Unreadable("is not a FHIR Bundle: it has no resourceType")
        if kind != "Bundle":
            return [_one(within.rstrip(".") or "resource", "", content)]
        bundle = msgspec.json.decode(content, type=resources.Bundle)
    except (UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"is not a FHIR Bundle: {error}") from error
    if bundle.type not in TYPES:
        raise Unreadable(f"is a Bundle of type “{bundle.type or ''}”, which is not read")
    found: list[Sent] = []
    for at, raw in enumerate(bundle.entry or ()):
        place = f"{within}entry[{at}]"
        try:
            entry, _ = convert(_decoded(raw), resources.Entry)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            found.append(Sent(place, "", None, f"is not a resource: {error}"))
            continue
        if not entry.resource:
            said = f"{entry.request.method} {entry.request.url}".strip() or "is empty"
            problem = f"{said}: an entry without a resource is not read"
            found.append(Sent(place, entry.fullUrl, None, problem))
        elif entry.resource.get("resourceType") == "Bundle":
            try:
                found += _of_bundle(msgspec.json.encode(entry.resource), f"{place}.")
            except (Unreadable, msgspec.DecodeError) as error:
                found.append(Sent(place, entry.fullUrl, None, str(error)))
        else:
            found.append(Sent(place, entry.fullUrl, entry.resource))
    return found


def _one(place: str, full_url: str, content: bytes) -> Sent:
    try:
        return Sent(place, full_url, _decoded(content))
    except RecursionError as error:
        return Sent(place, full_url, None, f"is not a resource: {error}")


def _decoded(raw: bytes | msgspec.Raw) -> Any:
    """JSON without its nulls. Most has none, which is seen at once."""
    content = msgspec.json.decode(raw)
    return without_nulls(content) if b"null" in bytes(raw) else content


def without_nulls(content: Any) -> Any:
    """JSON without its nulls: a null member, or a null in a list, says nothing."""
    if isinstance(content, dict):
        return {name: without_nulls(said) for name, said in content.items() if said is not None}
    if isinstance(content, list):
        return [without_nulls(said) for said in content if said is not None]
    return content


def convert(content: Any, shape: type[Shape]) -> tuple[Shape, list[str]]:
    """`(content as shape, what was left out)`: each part that is not what its shape says.

    A number in quotes is that number, and 14.0 is 14. Takes parts out of `content`. Raises
    `msgspec.ValidationError` when nothing can be used.
    """
    left_out: list[str] = []
    while True:
        try:
            return msgspec.convert(content, shape, strict=False), left_out
        except msgspec.ValidationError as error:
            reason, _, path = str(error).replace(" | null", "").partition(" - at `$")
            parts = [int(at) if at else name for at, name in _PART.findall(path.rstrip("`"))]
            if not parts:
                raise
            gone = _what_goes(parts, all_of_a_list=len(left_out) >= MOST_PARTS)
            _remove(content, gone)
            named = path.rstrip("`").removeprefix(".")
            left_out.append(f"{named} is left out: {reason[:1].lower()}{reason[1:]}"[:300])


def _what_goes(parts: list[int | str], *, all_of_a_list: bool) -> list[int | str]:
    """The part to leave out for one that cannot be used: more of it, where the rest would mislead.

    "... a day" without its number of times would be read as once.
    """
    lists = [at for at, part in enumerate(parts) if isinstance(part, int)]
    if all_of_a_list and lists:
        return parts[: lists[0]]
    for at, part in enumerate(parts):
        after = str(parts[at + 1]) if at + 1 < len(parts) else "bounds"
        if part in ONE_WHOLE or (part == "repeat" and not after.startswith("bounds")):
            return parts[: at + 1]
    return parts[:-1] if parts[-1] == "comparator" else parts


def _remove(content: Any, parts: list[int | str]) -> None:
    *within, last = parts
    for part in within:
        content = content[part]
    del content[last]
