"""What every address of FHIR has in common: who searches, and how an answer goes out."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec
from django.http import HttpResponse, QueryDict
from django.utils import timezone
from django.utils.http import http_date, parse_http_date_safe
from rest_framework.request import Request

from reviews.errors import BadRecord
from reviews.fhir_api import allowed, paging
from reviews.fhir_api.negotiation import media_type
from reviews.fhir_api.outcomes import Refused
from reviews.queries import fhir_question
from reviews.queries import fhir_shaping as shaping
from reviews.queries.fhir import KINDS
from reviews.queries.fhir_search import Search
from reviews.queries.fhir_source import UNKNOWN_AT, Kind, Shown, Viewer
from reviews.verbs import read

NO_SUCH = "There is no such resource, or you may not see it."


def searched(request: Request, kind: Kind, said: QueryDict) -> HttpResponse:
    """The answer to a search."""
    bounds = allowed.require(request, kind.name, "s")
    question = fhir_question.read(
        kind,
        [(name, str(value)) for name, values in said.lists() for value in values],
        kinds=KINDS,
        base=base_of(request),
        strict=is_strict(request),
    )
    found = search_for(request, {kind.name: bounds}).find(question)
    tell(request, kind, [*found.matches, *found.included], query=dict(question.applied))
    bundle = paging.searchset(question, found, KINDS, base_of(request), timezone.now())
    return json_answer(request, bundle)


def search_for(request: Request, known: dict[str, allowed.Bounds]) -> Search:
    """Searches for whoever asks. `known` are the bounds of types that were asked already."""

    def reach(type_name: str) -> allowed.Bounds | None:
        if type_name in known:
            return known[type_name]
        if not allowed.may_see(request, type_name):
            return None
        return allowed.within(request, type_name, "r")

    viewer = Viewer(request.user, is_system=request.auth is not None)
    return Search(KINDS, viewer, reach, base_of(request))


def resource_answer(
    request: Request, kind: Kind, shown: Shown, status: int = HTTPStatus.OK
) -> HttpResponse:
    """The answer that is one resource; 304 where the caller has this version already."""
    summary = request.GET.get("_summary", "")
    if summary not in ("", "true", "text", "data", "false"):
        raise BadRecord("_summary", "is none of true, text, data, false")
    elements = [one.strip() for one in request.GET.get("_elements", "").split(",") if one.strip()]
    tell(request, kind, [shown], query={"_id": shown.id})
    etag, modified = f'W/"{shown.version}"', None
    headers = {"ETag": etag}
    if shown.at != UNKNOWN_AT:
        modified = int(shown.at.timestamp())
        headers["Last-Modified"] = http_date(modified)
    if request.method in ("GET", "HEAD") and _is_known(request, shown.version, modified):
        return HttpResponse(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    content = shaping.part(shaping.whole(shown), kind, summary=summary, elements=elements)
    return json_answer(request, content, status=status, headers=headers)


def tell(request: Request, kind: Kind, shown: Iterable[Shown], *, query: dict[str, str]) -> None:
    """Write down of whom resources go out, before they do."""
    several = list(shown)
    read.over_api(
        resource=f"FHIR {kind.name}",
        query=query,
        patients=[one.patient_id for one in several if one.patient_id is not None],
        rows=len(several),
        by=request.user,
    )


def json_answer(
    request: Request,
    content: dict[str, Any],
    *,
    status: int = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    """A resource or a Bundle as an answer."""
    return HttpResponse(
        json_of(content),
        status=status,
        content_type=media_type(request),
        headers=headers,
    )


def deleted() -> Refused:
    return Refused(HTTPStatus.GONE, "This resource was deleted.")


def base_of(request: Request) -> str:
    """The address of this server."""
    return request.build_absolute_uri("/fhir")


def prefers(request: Request, preference: str) -> bool:
    """Whether `Prefer` (RFC 7240) says something, such as `handling=strict`."""
    said = request.headers.get("Prefer", "").lower()
    return preference in (re.sub(r'[\s"]', "", each) for each in re.split("[,;]", said))


def is_strict(request: Request) -> bool:
    """Whether a parameter that is not known is to be refused."""
    return prefers(request, "handling=strict")


def _is_known(request: Request, version: Any, modified: int | None) -> bool:
    if known := request.headers.get("If-None-Match"):
        return is_named(known, version)
    since = parse_http_date_safe(request.headers.get("If-Modified-Since", ""))
    return since is not None and modified is not None and modified <= since


def is_named(known: str, version: Any) -> bool:
    """Whether a version is among those that somebody says they have, as `If-None-Match` does."""
    said = {one.strip().removeprefix("W/") for one in known.split(",")}
    return "*" in said or f'"{version}"' in said


def json_of(content: dict[str, Any]) -> bytes:
    """The JSON of a resource, of which parts may be as they were sent."""
    return msgspec.json.encode(content)
