"""The addresses of FHIR: which resource, whether they may, one query, and the answer."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.http import HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.http import http_date, parse_http_date_safe
from rest_framework.exceptions import NotFound as NoSuchAddress
from rest_framework.request import Request
from rest_framework.views import APIView

from reviews import limits
from reviews.callers import Bearer, Known, Session
from reviews.errors import BadRecord, NotFound
from reviews.fhir_api import allowed, capability, paging, shaping
from reviews.fhir_api.negotiation import Negotiation, media_type
from reviews.fhir_api.outcomes import Refused
from reviews.queries import fhir_question, fhir_values
from reviews.queries.fhir import KINDS
from reviews.queries.fhir_search import Gone, Search
from reviews.queries.fhir_source import UNKNOWN_AT, Kind, Shown, Viewer
from reviews.verbs import read

MOST_FORM_BYTES = 64 * 1024
FORM = "application/x-www-form-urlencoded"
_VERSION = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
NO_SUCH = "There is no such resource, or you may not see it."


class FhirView(APIView):
    """What all addresses share: who calls, how often, in which form the answer goes out."""

    authentication_classes = [Bearer, Session]
    permission_classes = [Known]
    throttle_classes = [limits.Reads]
    content_negotiation_class = Negotiation
    metadata_class = None
    schema = None

    def get_throttles(self) -> list[Any]:
        self.throttles = super().get_throttles()
        return self.throttles

    def finalize_response(
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        for name in ("Accept", "Authorization"):
            patch_vary_headers(response, (name,))
        limits.tell(response, getattr(self, "throttles", ()))
        return response


class KindView(FhirView):
    """An address of one type of resource."""

    kind_name = ""

    @property
    def kind(self) -> Kind:
        return KINDS[self.kind_name]


class Metadata(FhirView):
    """What this server can do, before anybody signs in."""

    authentication_classes = []
    permission_classes = []
    throttle_classes = []

    def get(self, request: Request) -> HttpResponse:
        return json_answer(request, capability.statement(KINDS, base_of(request)))


class TypeAddress(KindView):
    """`/fhir/{Type}`: search."""

    def get(self, request: Request) -> HttpResponse:
        return searched(request, self.kind, request.GET)


class SearchAddress(KindView):
    """`POST /fhir/{Type}/_search`: as GET, with what is asked for in the body."""

    def post(self, request: Request) -> HttpResponse:
        # The rest of the address counts as well: FHIR lets a client use both.
        asked = request.GET.copy()
        sent = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        content = request._request.body
        if len(content) > MOST_FORM_BYTES:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The question is too long.")
        if content and sent != FORM:
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"A search is sent as {FORM}.")
        try:
            asked.update(QueryDict(content.decode(), encoding="utf-8"))
        except (UnicodeDecodeError, ValueError) as error:
            raise BadRecord("body", "is no form in UTF-8") from error
        return searched(request, self.kind, asked)


class OneView(KindView):
    """An address of one resource. What can be no id is found nowhere."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not fhir_values.ID.fullmatch(kwargs["logical_id"]):
            raise NotFound(NO_SUCH)


class InstanceAddress(OneView):
    """`/fhir/{Type}/{id}`: read."""

    def get(self, request: Request, logical_id: str) -> HttpResponse:
        bounds = allowed.require(request, self.kind_name, "r")
        try:
            shown = search_for(request, {self.kind_name: bounds}).read(self.kind, logical_id)
        except Gone as gone:
            raise deleted() from gone
        if shown is None:
            raise NotFound(NO_SUCH)
        return resource_answer(request, self.kind, shown)


class VersionAddress(OneView):
    """`/fhir/{Type}/{id}/_history/{version}`: one version."""

    def get(self, request: Request, logical_id: str, version: str) -> HttpResponse:
        bounds = allowed.require(request, self.kind_name, "r")
        search = search_for(request, {self.kind_name: bounds})
        number = int(version) if _VERSION.fullmatch(version) else 0
        try:
            shown = search.version(self.kind, logical_id, number)
        except Gone as gone:
            raise deleted() from gone
        if shown is None:
            raise NotFound(NO_SUCH)
        return resource_answer(request, self.kind, shown)


class InstanceHistory(OneView):
    """`/fhir/{Type}/{id}/_history`: all versions of a resource."""

    def get(self, request: Request, logical_id: str) -> HttpResponse:
        bounds = allowed.require(request, self.kind_name, "r")
        asked = History(request)
        versions = search_for(request, {self.kind_name: bounds}).history_of(self.kind, logical_id)
        if not versions:
            raise NotFound(NO_SUCH)
        first = asked.first_version
        kept = [
            one
            for index, one in enumerate(versions)
            if (first is None or one.version < first)
            and asked.holds(one, later=versions[index - 1] if index else None)
        ]
        page = kept[: asked.count]
        link = []
        if len(kept) > len(page) and page:
            link = [asked.following(str(page[-1].version))]
        return history_answer(request, self.kind, page, asked, link)


class TypeHistory(KindView):
    """`/fhir/{Type}/_history`: all versions of all resources of a type."""

    def get(self, request: Request) -> HttpResponse:
        bounds = allowed.require(request, self.kind_name, "s")
        if not self.kind.timed:
            raise NoSuchAddress(f"No history is kept of all {self.kind_name} resources.")
        asked = History(request)
        if asked.at is not None:
            raise BadRecord("_at", "is offered for the history of one resource only")
        page, following = search_for(request, {self.kind_name: bounds}).history(
            self.kind,
            before=paging.read_place(asked.cursor) if asked.cursor else None,
            since=asked.since,
            most=asked.count,
        )
        link = [asked.following(paging.write_place(following))] if following else []
        return history_answer(request, self.kind, page, asked, link)


class Nowhere(FhirView):
    """Every address under FHIR that does not exist."""

    authentication_classes = []
    permission_classes = []
    throttle_classes = []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NoSuchAddress("There is nothing at this address.")


class History:
    """What is asked of a history. Raises `BadRecord`."""

    def __init__(self, request: Request) -> None:
        self.request = request
        said = {}
        for name, values in request.GET.lists():
            if name in ("_count", "_since", "_at", "_cursor") and len(values) > 1:
                raise BadRecord(name, "was given more than once")
            said[name] = str(values[-1])
        count = said.get("_count", str(fhir_question.USUAL_ROWS))
        if not (count.isascii() and count.isdigit() and int(count[:6])):
            raise BadRecord("_count", "is no whole number above nought")
        self.count = min(int(count[:6]), fhir_question.MOST_ROWS)
        self.since = _instant("_since", said.get("_since"))
        self.at = fhir_values.span("_at", said["_at"]) if "_at" in said else None
        if self.at and self.at.prefix != "eq":
            raise BadRecord("_at", "takes no prefix")
        self.cursor = said.get("_cursor", "")

    @property
    def first_version(self) -> int | None:
        """The version at which the last page of one resource ended."""
        if not self.cursor:
            return None
        if not _VERSION.fullmatch(self.cursor):
            raise BadRecord("_cursor", "is not a cursor of this history")
        return int(self.cursor)

    def holds(self, one: Shown, *, later: Shown | None) -> bool:
        """Whether a version is asked for; `later` is the next one of the resource."""
        if self.since and one.at < self.since:
            return False
        if self.at is None:
            return True
        return one.at < self.at.end and (later is None or later.at > self.at.start)

    def following(self, cursor: str) -> dict[str, str]:
        """The link to the next page."""
        query = [
            (name, str(value))
            for name, values in self.request.GET.lists()
            for value in values
            if name != "_cursor"
        ]
        address = self.request.build_absolute_uri(self.request.path)
        return {"relation": "next", "url": f"{address}?{urlencode([*query, ('_cursor', cursor)])}"}


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
    if request.method in ("GET", "HEAD") and _is_known(request, etag, modified):
        return HttpResponse(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    content = shaping.part(shaping.whole(shown), kind, summary=summary, elements=elements)
    return json_answer(request, content, status=status, headers=headers)


def history_answer(
    request: Request,
    kind: Kind,
    shown: list[Shown],
    asked: History,
    link: list[dict[str, str]],
) -> HttpResponse:
    tell(request, kind, shown, query={"_history": request.path})
    bundle = paging.history(
        shown,
        address=request.build_absolute_uri(),
        base=base_of(request),
        link=link,
        now=timezone.now(),
    )
    return json_answer(request, bundle)


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
        msgspec.json.encode(content),
        status=status,
        content_type=media_type(request),
        headers=headers,
    )


def deleted() -> Refused:
    return Refused(HTTPStatus.GONE, "This resource was deleted.")


def base_of(request: Request) -> str:
    """The address of this server."""
    return request.build_absolute_uri("/fhir")


def is_strict(request: Request) -> bool:
    """Whether a parameter that is not known is to be refused."""
    preferred = request.headers.get("Prefer", "").replace(" ", "").lower()
    return "handling=strict" in re.split("[,;]", preferred)


def _is_known(request: Request, etag: str, modified: int | None) -> bool:
    if known := request.headers.get("If-None-Match"):
        strong = etag.removeprefix("W/")
        said = {one.strip().removeprefix("W/") for one in known.split(",")}
        return "*" in said or strong in said
    since = parse_http_date_safe(request.headers.get("If-Modified-Since", ""))
    return since is not None and modified is not None and modified <= since


def _instant(name: str, said: str | None) -> datetime | None:
    if said is None:
        return None
    span = fhir_values.span(name, said)
    if span.prefix != "eq" or "T" not in said:
        raise BadRecord(name, "is no instant, such as 2026-01-01T00:00:00Z")
    return span.start.astimezone(UTC)
