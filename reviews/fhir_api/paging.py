"""Bundles: pages of a search or of a history, and the addresses that lead on from them."""

import base64
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from reviews.errors import BadRecord
from reviews.fhir.render.elements import instant
from reviews.fhir_api import outcomes
from reviews.queries import fhir_shaping as shaping
from reviews.queries.fhir_question import Question
from reviews.queries.fhir_search import MOST_INCLUDED, Found, Place
from reviews.queries.fhir_source import UNKNOWN_AT, Kind, Shown

_LEFT_OUT = (
    f"More than {MOST_INCLUDED:,} resources go with this page by _include and _revinclude, and not"
    " all of them are in it: ask for smaller pages (_count), or for the others by themselves."
)


def searchset(
    question: Question, found: Found, kinds: dict[str, Kind], base: str, now: datetime
) -> dict[str, Any]:
    """The Bundle of one page of a search."""
    address = f"{base}/{question.kind.name}"
    links = [link("self", address, question.applied)]
    if found.following:
        links.append(link("next", address, [*question.applied, ("_cursor", found.following)]))
    entries: list[dict[str, Any]] = [
        {
            "fullUrl": f"{base}/{one.type}/{one.id}",
            "resource": shaping.part(
                shaping.whole(one),
                kinds[one.type],
                summary=question.summary,
                elements=question.elements if mode == "match" else (),
            ),
            "search": {"mode": mode},
        }
        for mode, several in (("match", found.matches), ("include", found.included))
        for one in several
    ]
    if found.left_out:
        left_out = outcomes.Issue("warning", "too-costly", _LEFT_OUT)
        entries.append({"resource": outcomes.body([left_out]), "search": {"mode": "outcome"}})
    return _bundle("searchset", now, links, entries, total=found.total)


def history(
    shown: Iterable[Shown], *, address: str, base: str, link: list[dict[str, str]], now: datetime
) -> dict[str, Any]:
    """The Bundle of one page of a history. A deletion has no resource."""
    entries: list[dict[str, Any]] = []
    for one in shown:
        url = f"{one.type}/{one.id}"
        entry: dict[str, Any] = {"fullUrl": f"{base}/{url}"}
        if one.content is None:
            method, status = "DELETE", "204 No Content"
        else:
            entry["resource"] = shaping.whole(one)
            method, status = ("POST", "201 Created") if one.version == 1 else ("PUT", "200 OK")
        entry["request"] = {"method": method, "url": one.type if method == "POST" else url}
        entry["response"] = {"status": status, "etag": f'W/"{one.version}"'}
        if one.at != UNKNOWN_AT:
            entry["response"]["lastModified"] = instant(one.at)
        entries.append(entry)
    return _bundle("history", now, [{"relation": "self", "url": address}, *link], entries)


def link(relation: str, address: str, asked: Iterable[tuple[str, str]]) -> dict[str, str]:
    """A link of a Bundle: an address, and what is asked there."""
    query = urlencode(list(asked))
    return {"relation": relation, "url": f"{address}?{query}" if query else address}


def _bundle(
    of: str,
    now: datetime,
    link: list[dict[str, str]],
    entries: list[dict[str, Any]],
    *,
    total: int | None = None,
) -> dict[str, Any]:
    bundle: dict[str, Any] = {
        "resourceType": "Bundle",
        "meta": {"lastUpdated": instant(now)},
        "type": of,
    }
    if total is not None:
        bundle["total"] = total
    bundle["link"] = link
    if entries:
        bundle["entry"] = entries
    return bundle


def write_place(place: Place) -> str:
    """A place in a history as a text that an address can carry."""
    at, rank, pk = place
    text = msgspec.json.encode([at.astimezone(UTC).isoformat(), rank, pk])
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def read_place(text: str) -> Place:
    """The place that `write_place` wrote. Raises `BadRecord`."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        at, rank, pk = msgspec.json.decode(
            base64.urlsafe_b64decode(padded), type=tuple[str, int, int]
        )
        place = datetime.fromisoformat(at).astimezone(UTC), rank, pk
    except (ValueError, OverflowError, msgspec.MsgspecError) as error:
        raise BadRecord("_cursor", "is not a cursor of this history") from error
    if abs(pk) >= 2**63:
        raise BadRecord("_cursor", "is not a cursor of this history")
    return place
