"""Bulk data: ask for an export, follow it, fetch its files, have them removed."""

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from django.core.cache import cache
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import http_date
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from reviews import access, bulk_files
from reviews.access import Action
from reviews.callers import Session
from reviews.errors import BadRecord, NotFound
from reviews.fhir.render.elements import instant
from reviews.fhir_api import allowed, outcomes, parameters
from reviews.fhir_api.answers import NO_SUCH, base_of, is_strict, prefers
from reviews.fhir_api.negotiation import JSON, Negotiation
from reviews.fhir_api.outcomes import Refused
from reviews.fhir_api.views import FhirView
from reviews.models import BulkFile, BulkRequest, Job, Patient
from reviews.queries import bulk_requests as found
from reviews.queries import fhir_question, fhir_values
from reviews.queries.fhir import KINDS
from reviews.queries.fhir_export import Asked, is_of_people
from reviews.queries.fhir_finders import number_of
from reviews.queries.identity import current_id
from reviews.verbs import bulk_export, bulk_requests, read

NDJSON = "application/fhir+ndjson"
FORMATS = (NDJSON, "application/ndjson", "ndjson")
"""What `_outputFormat` may say."""
POLL_SECONDS = 2
RETRY_SECONDS = POLL_SECONDS + 1
"""A status may be asked for every POLL_SECONDS; clocks and networks take what is between."""
MOST_PARAMETERS = 2_000
MOST_FILTERS = 50
MOST_PATIENTS = 1_000
CHUNK = 64 * 1024
SYSTEM, PATIENT, GROUP = "system", "patient", "group"
_NEXT_FILTER = re.compile(r",(?=[A-Z][A-Za-z]*\?)")
# Named, and not with the quality nought.
_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_ELEMENT = re.compile(r"(?:([A-Z][A-Za-z]*)\.)?([a-z][A-Za-z0-9]*)", re.ASCII)
Said = Sequence[tuple[str, str]]


class AnyForm(Negotiation):
    """For answers that have one form only, whatever is asked for."""

    def select_renderer(
        self, request: Request, renderers: list[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str | None]:
        return renderers[0], JSON


class BulkView(FhirView):
    """What the addresses of bulk data share: they are for systems."""

    authentication_classes = [
        each for each in FhirView.authentication_classes if each is not Session
    ]


class Exporting(BulkView):
    """`$export` of everything, of all patients, or of those of a practice."""

    level = SYSTEM
    # Whoever only looks (HEAD) begins nothing.
    http_method_names = ["get", "post", "options"]

    def get(self, request: Request, logical_id: str = "") -> HttpResponse:
        practices = self.practices(request, logical_id)
        said = [(name, str(value)) for name, values in request.GET.lists() for value in values]
        return self.started(request, practices, said)

    def post(self, request: Request, logical_id: str = "") -> HttpResponse:
        practices = self.practices(request, logical_id)
        if request.GET:
            raise BadRecord("parameters", "are sent in the body with POST, not in the address")
        said = [(one.name, one.value) for one in parameters.read(request)]
        return self.started(request, practices, said)

    def practices(self, request: Request, group: str) -> list[int]:
        """The practice of a group, empty for all of the caller's. Raises `NotFound`."""
        access.require(request.user, Action.BULK_EXPORT)
        if self.level != GROUP:
            return []
        place = access.practices(request.user, Action.BULK_EXPORT).filter(code=group).first()
        if place is None:
            raise NotFound(NO_SUCH)
        return [place.pk]

    def started(self, request: Request, practices: list[int], said: Said) -> HttpResponse:
        if len(said) > MOST_PARAMETERS:
            raise BadRecord("parameters", f"are more than {MOST_PARAMETERS:,}")
        asked = _Reading(request, self.level).read(said)
        if practices:
            asked.practices = practices
        address = request.build_absolute_uri()
        export = bulk_export.ask(asked=asked, address=address, by=request.user)
        return begun(request, export)


def begun(request: Request, bulk: BulkRequest) -> HttpResponse:
    """The answer to whoever asked for an export or import: where to ask how far it has come."""
    told = outcomes.Issue("information", "informational", f"The {bulk.kind} was begun.")
    where = {"Content-Location": request.build_absolute_uri(f"/fhir/bulk-status/{bulk.pk}")}
    return outcomes.answer(request, HTTPStatus.ACCEPTED, [told], where)


class Status(BulkView):
    """How far an export or import has come; what became of it, once it is done."""

    content_negotiation_class = AnyForm

    def get(self, request: Request, pk: UUID) -> HttpResponse:
        bulk = found.find(pk, request.user)
        if bulk.job.state == Job.State.FAILED:
            raise Refused(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                f"The {bulk.kind} failed: {bulk.job.error}",
                code="exception",
            )
        if bulk.job.state == Job.State.DONE:
            return _manifest(request, bulk)
        if not cache.add(f"bulk-poll:{pk}", 1, POLL_SECONDS):
            raise Refused(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"The status was asked for less than {POLL_SECONDS} seconds ago.",
                headers={"Retry-After": str(RETRY_SECONDS)},
            )
        progress = f"{bulk.job.done} resources; {bulk.job.note or 'not begun'}"
        headers = {"X-Progress": progress[:99], "Retry-After": str(RETRY_SECONDS)}
        return HttpResponse(status=HTTPStatus.ACCEPTED, headers=headers)

    def delete(self, request: Request, pk: UUID) -> HttpResponse:
        bulk_requests.remove(bulk=found.find(pk, request.user), by=request.user)
        return HttpResponse(status=HTTPStatus.ACCEPTED)


class File(BulkView):
    """One file of an export, or of what could not be taken of an import."""

    content_negotiation_class = AnyForm

    def get(self, request: Request, pk: UUID, name: str) -> HttpResponseBase:
        export = found.find(pk, request.user)
        file = next((one for one in found.files(export) if one.name == name), None)
        if file is None:
            raise NotFound(found.NO_SUCH)
        _require_reach(request, export, file)
        part = _part_asked_for(request, file)
        try:
            content = open(bulk_files.folder_of(pk) / file.name, "rb")  # noqa: SIM115 - sent below
        except FileNotFoundError as error:
            raise NotFound(found.NO_SUCH) from error
        read.over_api(
            resource=f"FHIR ${export.kind} file",
            query={"export": str(pk), "file": file.name},
            patients=[],
            rows=file.rows,
            by=request.user,
        )
        if part is not None:
            pieces = _pieces(content, part)
            headers = {
                "Content-Length": str(part.end - part.begin),
                "Content-Range": f"bytes {part.begin}-{part.end - 1}/{file.size}",
            }
            answer = StreamingHttpResponse(
                pieces, status=HTTPStatus.PARTIAL_CONTENT, content_type=NDJSON, headers=headers
            )
        elif _GZIP.search(request.headers.get("Accept-Encoding", "").lower()):
            packed = _packed(iter(lambda: content.read(CHUNK), b""))
            answer = StreamingHttpResponse(packed, content_type=NDJSON)
            answer["Content-Encoding"] = "gzip"
        else:
            answer = FileResponse(content, content_type=NDJSON)
        answer._resource_closers.append(content.close)  # pyright: ignore[reportAttributeAccessIssue]
        if not answer.has_header("Content-Encoding"):
            # What is packed as it goes out cannot be asked for in parts.
            answer["Accept-Ranges"] = "bytes"
            answer["ETag"] = _etag(file)
        return answer

    def finalize_response(
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Vary"] = "Accept-Encoding, Authorization"
        return response


def _manifest(request: Request, export: BulkRequest) -> HttpResponse:
    """What was made, and where it is."""
    made: dict[str, list[dict[str, Any]]] = {purpose: [] for purpose in BulkFile.Purpose.values}
    for file in found.files(export):
        url = request.build_absolute_uri(f"/fhir/bulk-files/{export.pk}/{file.name}")
        made[file.purpose].append({"type": file.type, "url": url, "count": file.rows})
    content = {
        "transactionTime": instant(export.transaction_time) if export.transaction_time else None,
        "request": export.address,
        "requiresAccessToken": True,
        "output": made["output"],
        "error": made["error"],
    }
    if "since" in export.asked:
        content["deleted"] = made["deleted"]
    if export.kind == BulkRequest.Kind.IMPORT:
        counts: dict[str, int] = (export.job.result or {}).get("counts", {})
        content["output"] = [{"type": name, "count": count} for name, count in counts.items()]
    headers = {}
    if export.expires_at is not None:
        headers["Expires"] = http_date(export.expires_at.timestamp())
    return HttpResponse(msgspec.json.encode(content), content_type=JSON, headers=headers)


def _require_reach(request: Request, export: BulkRequest, file: BulkFile) -> None:
    """Refuse a token that reaches less far than the one with which the export was asked for."""
    if export.kind == BulkRequest.Kind.IMPORT:
        return
    asked = msgspec.convert(export.asked, Asked)
    one_type = file.purpose == BulkFile.Purpose.OUTPUT
    for name in [file.type] if one_type else asked.types:
        bounds = _bounds(request, name)
        if bounds not in ((), asked.types[name]):
            raise Refused(
                HTTPStatus.FORBIDDEN,
                "This token reaches less far than the one with which the export was asked for.",
            )


class Part(NamedTuple):
    """Bytes of a file: the first one, and the first one behind."""

    begin: int
    end: int


def _part_asked_for(request: Request, file: BulkFile) -> Part | None:
    """The part of a file that `Range` asks for, so that a download goes on where it broke off.

    None: all of it, also where several parts are asked for, or a part of another file (`If-Range`).
    Raises `Refused` for what lies behind its end.
    """
    said = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if request.method != "GET" or said is None:
        return None
    if request.headers.get("If-Range", _etag(file)) != _etag(file):
        return None
    first, last = said.groups()
    if not first:
        part = Part(max(0, file.size - int(last)), file.size) if last else None
    elif last and int(last) < int(first):
        part = None
    else:
        part = Part(int(first), min(int(last) + 1, file.size) if last else file.size)
    if part is not None and part.begin >= part.end:
        raise Refused(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            f"The file has {file.size:,} bytes.",
            code="value",
            expression=["http.Range"],
            headers={"Content-Range": f"bytes */{file.size}"},
        )
    return part


def _etag(file: BulkFile) -> str:
    return f'"{file.digest}"'


def _pieces(content: BinaryIO, part: Part) -> Iterator[bytes]:
    """The bytes of a part, as they go out."""
    content.seek(part.begin)
    left = part.end - part.begin
    while left and (piece := content.read(min(CHUNK, left))):
        left -= len(piece)
        yield piece


def _packed(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Parts of a file, compressed as gzip as they come."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    for part in parts:
        if packed := packer.compress(part):
            yield packed
    yield packer.flush()


# -- What is asked for -------------------------------------------------------------------------


def _bounds(request: Request, type_name: str) -> allowed.Bounds | None:
    """The bounds in which the caller both reads and searches a type; None: not at all."""
    reads = allowed.within(request, type_name, "r")
    searches = allowed.within(request, type_name, "s")
    if reads is None or searches is None:
        return None
    if not reads or not searches or reads == searches:
        return reads or searches
    return tuple(one + other for one in reads for other in searches)


def is_lenient(request: Request) -> bool:
    """Whether what cannot be done is to be passed over. Raises `BadRecord`."""
    lenient = prefers(request, "handling=lenient")
    if lenient and is_strict(request):
        raise BadRecord("Prefer", "asks for both handling=strict and handling=lenient")
    return lenient


class _Reading:
    """Reads what an export is asked for. Raises `BadRecord`, and `Refused` for what is not allowed.

    What cannot be done is refused, or where the caller prefers handling=lenient noted.
    """

    def __init__(self, request: Request, level: str) -> None:
        self.request, self.level = request, level
        self.base = base_of(request)
        self.lenient = is_lenient(request)
        self.ignored: list[str] = []

    def read(self, said: Said) -> Asked:
        values: dict[str, list[str]] = {}
        for name, value in said:
            if "\0" in value:
                raise BadRecord(name.replace("\0", ""), "contains the character NUL")
            values.setdefault(name, []).append(value)
        known = {
            *("_outputFormat", "_since", "_until", "_type", "_typeFilter", "_elements"),
            *("patient", "_format", "_pretty"),
        }
        for name in values:
            if name not in known:
                self._unable(name, "is no parameter of an export here")
        self._output_format(values.get("_outputFormat", []))
        patients = self._patients(values.get("patient", []))
        types = self._types(values.get("_type", []), only_people=patients is not None)
        asked = Asked(
            types=types,
            base=self.base,
            since=self._instant("_since", values.get("_since", [])),
            until=self._instant("_until", values.get("_until", [])),
            filters=self._filters(values.get("_typeFilter", []), types),
            elements=self._elements(values.get("_elements", []), types),
            patients=patients,
            only_people=self.level != SYSTEM,
        )
        asked.ignored = self.ignored
        return asked

    def _unable(self, name: str, reason: str) -> None:
        if not self.lenient:
            raise BadRecord(name, reason)
        self.ignored.append(f"{name} {reason}; it was passed over.")

    def _output_format(self, said: list[str]) -> None:
        for one in said:
            # A plus sign that was not escaped arrives as a space.
            if one.replace(" ", "+") not in FORMATS:
                self._unable("_outputFormat", f"“{one[:60]}” is none of {', '.join(FORMATS)}")

    def _instant(self, name: str, said: list[str]) -> datetime | None:
        if not said:
            return None
        if len(said) > 1:
            raise BadRecord(name, "was given more than once")
        return fhir_values.instant(name, said[0])

    def _types(self, said: list[str], *, only_people: bool) -> dict[str, allowed.Bounds]:
        names = [one.strip() for text in said for one in text.split(",") if one.strip()]
        if not names:
            return self._all_types(only_people=only_people)
        types: dict[str, allowed.Bounds] = {}
        for name in dict.fromkeys(names):
            if name not in KINDS:
                self._unable("_type", f"“{name[:60]}” is no type that is exported here")
                continue
            bounds = _bounds(self.request, name)
            if bounds is None and self.lenient:
                self._unable("_type", f"“{name}” is not within the scopes of this token")
            elif not allowed.may_see(self.request, name) and self.lenient:
                self._unable("_type", f"“{name}” may not be read by this system")
            elif bounds is None:
                allowed.require(self.request, name, "r")
                allowed.require(self.request, name, "s")
            else:
                allowed.require(self.request, name, "s")
                types[name] = bounds
        if not types:
            raise BadRecord("_type", "names no type that can be exported")
        return types

    def _all_types(self, *, only_people: bool) -> dict[str, allowed.Bounds]:
        types: dict[str, allowed.Bounds] = {}
        for name, kind in KINDS.items():
            bounds = _bounds(self.request, name)
            of_people = is_of_people(kind) or (self.level == SYSTEM and not only_people)
            if bounds is not None and of_people and allowed.may_see(self.request, name):
                types[name] = bounds
        if not types:
            # It says which scope is missing.
            allowed.require(self.request, "Patient", "r")
            allowed.require(self.request, "Patient", "s")
        return types

    def _filters(
        self, said: list[str], types: dict[str, allowed.Bounds]
    ) -> dict[str, list[list[tuple[str, str]]]]:
        filters: dict[str, list[list[tuple[str, str]]]] = {}
        several = [one for text in said for one in _NEXT_FILTER.split(text)]
        if len(several) > MOST_FILTERS:
            raise BadRecord("_typeFilter", f"has more than {MOST_FILTERS} filters")
        for one in several:
            name, _, query = one.partition("?")
            if name not in types:
                self._unable("_typeFilter", f"“{name[:60]}” is no type of this export")
                continue
            pairs = parse_qsl(query, keep_blank_values=True)
            if not pairs:
                # One that finds everything would make the others of its type say nothing.
                self._unable("_typeFilter", f"“{one[:60]}” has no search parameter")
                continue
            try:
                question = fhir_question.read(
                    KINDS[name], pairs, kinds=KINDS, base=self.base, strict=True
                )
                if len(question.conditions) < len(pairs):
                    raise BadRecord("_typeFilter", "takes only parameters that find resources")
            except BadRecord as error:
                self._unable("_typeFilter", f"{name}: {error.field} {error.reason}")
                continue
            filters.setdefault(name, []).append(pairs)
        return filters

    def _elements(self, said: list[str], types: dict[str, allowed.Bounds]) -> dict[str, list[str]]:
        elements: dict[str, list[str]] = {}
        for one in (part.strip() for text in said for part in text.split(",")):
            found = _ELEMENT.fullmatch(one)
            if found is None:
                self._unable("_elements", f"“{one[:60]}” is no element at the top of a resource")
            elif found[1] and found[1] not in types:
                self._unable("_elements", f"“{one[:60]}” is of no type of this export")
            else:
                elements.setdefault(found[1] or "", []).append(found[2])
        return elements

    def _patients(self, said: list[str]) -> list[int] | None:
        if not said:
            return None
        if self.request.method != "POST" or self.level == SYSTEM:
            self._unable("patient", "is offered with POST, for exports of patients or of a group")
            return None
        if len(said) > MOST_PATIENTS:
            raise BadRecord("patient", f"is given more than {MOST_PATIENTS:,} times")
        patients: list[int] = []
        for one in said:
            reference = fhir_values.reference("patient", one, self.base, "Patient")
            pk = number_of(reference, "Patient")
            if pk is None:
                self._unable("patient", f"“{one[:60]}” is no patient here")
            else:
                patients.append(current_id(pk))
        here = access.scope(
            Patient.objects.filter(pk__in=patients), self.request.user, Action.SEE_PATIENT
        )
        known = set(here.values_list("pk", flat=True))
        for pk in patients:
            if pk not in known:
                self._unable("patient", f"“Patient/{pk}” is no patient here")
        return sorted(known)
