"""How a resource goes out: with its id and version, whole or the part that was asked for."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from reviews.fhir.render.elements import instant
from reviews.queries.fhir_source import UNKNOWN_AT, Kind, Shown

SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
}
_ALWAYS = ("resourceType", "id", "meta", "implicitRules", "modifierExtension")


def whole(shown: Shown) -> dict[str, Any]:
    """A resource with its id and meta. What was sent of either is kept but for what is ours."""
    content = shown.content or {}
    meta = content.get("meta")
    if isinstance(meta, msgspec.Raw):
        meta = msgspec.json.decode(meta, type=dict[str, msgspec.Raw])
    meta = {**(meta or {}), "versionId": str(shown.version)}
    meta.pop("lastUpdated", None)
    if shown.at != UNKNOWN_AT:
        meta["lastUpdated"] = instant(shown.at)
    ours = {"resourceType": shown.type, "id": shown.id, "meta": meta}
    # Ours come first, and count.
    return {**ours, **content, **ours}


def part(
    resource: dict[str, Any], kind: Kind, *, summary: str = "", elements: Iterable[str] = ()
) -> dict[str, Any]:
    """What `_summary` or `_elements` ask for of a resource, and what must always be said."""
    elements = tuple(elements)
    if summary in ("", "false") and not elements:
        return resource
    if summary == "data":
        kept = {name: value for name, value in resource.items() if name != "text"}
    else:
        wanted = {
            "true": kind.summary,
            "text": ("text",),
        }.get(summary, elements)
        names = {*_ALWAYS, *kind.required, *kind.modifiers, *wanted}
        kept = {name: value for name, value in resource.items() if _is_one(name, names)}
    meta: Mapping[str, Any] = kept["meta"]
    tags = meta.get("tag", [])
    if isinstance(tags, msgspec.Raw):
        tags = msgspec.json.decode(tags, type=list[Any])
    return {**kept, "meta": {**meta, "tag": [*tags, SUBSETTED]}}


def _is_one(member: str, names: set[str]) -> bool:
    """Whether a member of a resource is one of these elements, or one type of a choice."""
    if member.startswith("_"):
        member = member[1:]
    return member in names or any(
        member.startswith(name) and member[len(name) : len(name) + 1].isupper() for name in names
    )
