"""The addresses of FHIR: which resource, whether they may, one query, and the answer."""

from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from rest_framework.exceptions import NotFound as NoSuchAddress
from rest_framework.request import Request
from rest_framework.views import APIView

from reviews import limits
from reviews.callers import KeyOrToken, Known, Session
from reviews.errors import BadRecord, NotFound
from reviews.fhir.write.bundles import VERSION
from reviews.fhir_api import allowed, answers, capability, paging, writing
from reviews.fhir_api.negotiation import Negotiation
from reviews.fhir_api.outcomes import Refused
from reviews.queries import fhir_question, fhir_values
from reviews.queries.fhir import KINDS
from reviews.queries.fhir_search import Gone
from reviews.queries.fhir_source import Kind, Shown

MOST_FORM_BYTES = 64 * 1024
FORM = "application/x-www-form-urlencoded"


class FhirView(APIView):
    """What all addresses share: who calls, how often, in which form the answer goes out."""

    authentication_classes = [KeyOrToken, Session]
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
        return answers.json_answer(request, capability.statement(KINDS, answers.base_of(request)))


class TypeAddress(KindView):
    """`/fhir/{Type}`: search and create."""

    def get(self, request: Request) -> HttpResponse:
        return answers.searched(request, self.kind, request.GET)

    def post(self, request: Request) -> HttpResponse:
        return writing.create(request, self.kind)

    def put(self, request: Request) -> HttpResponse:
        return writing.update_where(request, self.kind)

    def patch(self, request: Request) -> HttpResponse:
        return writing.patch_where(request, self.kind)

    def delete(self, request: Request) -> HttpResponse:
        raise Refused(HTTPStatus.BAD_REQUEST, "A conditional delete is not offered.")


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
        return answers.searched(request, self.kind, asked)


class OneView(KindView):
    """An address of one resource. What can be no id is found nowhere."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not fhir_values.ID.fullmatch(kwargs["logical_id"]):
            raise NotFound(answers.NO_SUCH)


class InstanceAddress(OneView):
    """`/fhir/{Type}/{id}`: read and change."""

    def put(self, request: Request, logical_id: str) -> HttpResponse:
        return writing.update(request, self.kind, logical_id)

    def patch(self, request: Request, logical_id: str) -> HttpResponse:
        return writing.patch(request, self.kind, logical_id)

    def delete(self, request: Request, logical_id: str) -> HttpResponse:
        return writing.delete(request, self.kind, logical_id)

    def get(self, request: Request, logical_id: str) -> HttpResponse:
        bounds = allowed.require(request, self.kind_name, "r")
        try:
            shown = answers.search_for(request, {self.kind_name: bounds}).read(
                self.kind, logical_id
            )
        except Gone as gone:
            raise answers.deleted() from gone
        if shown is None:
            raise NotFound(answers.NO_SUCH)
        return answers.resource_answer(request, self.kind, shown)


class VersionAddress(OneView):
    """`/fhir/{Type}/{id}/_history/{version}`: one version."""

    def get(self, request: Request, logical_id: str, version: str) -> HttpResponse:
        bounds = allowed.require(request, self.kind_name, "r")
        search = answers.search_for(request, {self.kind_name: bounds})
        number = int(version) if VERSION.match(version) else 0
        try:
            shown = search.version(self.kind, logical_id, number)
        except Gone as gone:
            raise answers.deleted() from gone
        if shown is None:
            raise NotFound(answers.NO_SUCH)
        return answers.resource_answer(request, self.kind, shown)


class InstanceHistory(OneView):
    """`/fhir/{Type}/{id}/_history`: all versions of a resource."""

    def get(self, request: Request, logical_id: str) -> HttpResponse:
        bounds = allowed.require(request, self.kind_name, "r")
        asked = History(request)
        versions = answers.search_for(request, {self.kind_name: bounds}).history_of(
            self.kind, logical_id
        )
        if not versions:
            raise NotFound(answers.NO_SUCH)
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
        page, following = answers.search_for(request, {self.kind_name: bounds}).history(
            self.kind,
            before=paging.read_place(asked.cursor) if asked.cursor else None,
            since=asked.since,
            most=asked.count,
        )
        link = [asked.following(paging.write_place(following))] if following else []
        return history_answer(request, self.kind, page, asked, link)


class Base(FhirView):
    """`/fhir`: a batch or a transaction."""

    def post(self, request: Request) -> HttpResponse:
        return writing.bundle(request)


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
        if not VERSION.match(self.cursor):
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


def history_answer(
    request: Request,
    kind: Kind,
    shown: list[Shown],
    asked: History,
    link: list[dict[str, str]],
) -> HttpResponse:
    answers.tell(request, kind, shown, query={"_history": request.path})
    bundle = paging.history(
        shown,
        address=request.build_absolute_uri(),
        base=answers.base_of(request),
        link=link,
        now=timezone.now(),
    )
    return answers.json_answer(request, bundle)


def _instant(name: str, said: str | None) -> datetime | None:
    return None if said is None else fhir_values.instant(name, said)
