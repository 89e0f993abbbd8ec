"""The addresses of the API: parse, call one verb or one query, answer."""

import hashlib
import re
from collections.abc import Callable
from typing import Any

import msgspec
from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.exceptions import NotFound as NoSuchAddress
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import SAFE_METHODS
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from reviews import access, clocks, incoming, limits, records, refused, replies
from reviews.access import Action
from reviews.api import bodies, resources, shapes, uploads
from reviews.api.pages import page
from reviews.api.schema import Operation
from reviews.callers import Bearer, Known, Session
from reviews.errors import BadRecord, NotAllowed, NotFound, pointer
from reviews.identifiers import masked
from reviews.limits import Reads, Syncs
from reviews.models import Decision, Job, Patient
from reviews.queries import for_the_record
from reviews.verbs import jobs, read, sync

TIME = re.compile(r"\d{4}-\d\d-\d\dT", re.ASCII)
NO_TIME = "must be an RFC 3339 time with an offset, such as 2026-01-01T00:00:00Z"


class AlwaysJson(BaseContentNegotiation):
    """There is one format, so what a client says it would rather have is not asked."""

    def select_parser(self, request: Request, parsers: list[BaseParser]) -> BaseParser:
        return parsers[0]

    def select_renderer(
        self, request: Request, renderers: list[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str | None]:
        return renderers[0], renderers[0].media_type


class ApiView(APIView):
    """What all addresses share: who calls, how often, and what the schema says of them."""

    authentication_classes = [Bearer, Session]
    permission_classes = [Known]
    throttle_classes = [Reads]
    content_negotiation_class = AlwaysJson
    operation: Operation

    replied_as: bytes | None = None
    """The name of a request that is carried out once; None where it may be so again and again."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method in SAFE_METHODS or "Idempotency-Key" not in request.headers:
            return
        key = replies.read(request.headers["Idempotency-Key"])
        if self.streams(request):
            return
        name = replies.name(request.user, f"{request.method} {request.path}", key)
        kept = replies.begin(name, digest_of(request))
        if kept is None:
            self.replied_as = name
            return
        # Whatever handles the method is not asked: this answers in its place.
        setattr(self, str(request.method).lower(), lambda *_, **__: _as_kept(kept))

    def streams(self, request: Request) -> bool:
        """Whether the body is too long to be looked at here."""
        return int(request.META.get("CONTENT_LENGTH") or 0) > bodies.MOST_BYTES

    def handle_exception(self, exc: Exception) -> Any:
        try:
            return super().handle_exception(exc)
        except Exception:
            # The portal failed, and changed nothing.
            if self.replied_as is not None:
                replies.forget(self.replied_as)
            raise

    def get_throttles(self) -> list[Any]:
        self.throttles = super().get_throttles()
        return self.throttles

    def finalize_response(
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        if self.replied_as is not None and isinstance(response, HttpResponse):
            replies.end(self.replied_as, as_kept(response))
        limits.tell(response, getattr(self, "throttles", ()))
        return response


def digest_of(request: Request) -> bytes:
    """Of what was sent, and of how it is to be read."""
    how = (request.content_type, request.headers.get("Content-Encoding", ""))
    asked = request.META.get("QUERY_STRING", "")
    before = "\0".join((*how, asked, request.headers.get("If-Match", "")))
    return hashlib.sha256(before.encode() + b"\0" + request._request.body).digest()


def as_kept(response: HttpResponse) -> replies.Kept:
    headers = {name: response[name] for name in replies.HEADERS if response.has_header(name)}
    content_type = response.get("Content-Type", "")
    return replies.Kept(response.status_code, content_type, headers, response.content)


def _as_kept(kept: replies.Kept) -> HttpResponse:
    return HttpResponse(
        kept.body, status=kept.status, content_type=kept.content_type, headers=kept.headers
    )


class ListView(ApiView):
    """A page of a resource."""

    resource: resources.Resource[Any, Any]

    def get(self, request: Request) -> HttpResponse:
        given = asked_once(request)
        if "updated_since" in given:
            # An offset's plus sign that was not escaped arrives as a space.
            given["updated_since"] = clocks.without_leap(given["updated_since"].replace(" ", "+"))
            if not TIME.match(given["updated_since"]):
                # Digits alone would be read as seconds since 1970.
                raise BadRecord("updated_since", NO_TIME)
        asked = records.convert(given, self.resource.question)
        rows = self.resource.matching(self.resource.listed(_visible(self.resource, request)), asked)
        found = page(
            rows,
            kind=self.resource.name,
            changed_at=self.resource.changed_at,
            limit=asked.limit,
            cursor=asked.cursor,
            updated_since=asked.updated_since or None,
        )
        following = None
        if found.following:
            query = request.query_params.copy()
            query["cursor"] = found.following
            following = request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
        _told(self.resource, request, found.rows)
        answer = self.resource.page(
            _shapes(self.resource, request, found.rows), following, found.until
        )
        return _json(answer)


class DetailView(ApiView):
    """One row of a resource, by id."""

    resource: resources.Resource[Any, Any]

    def get(self, request: Request, pk: int) -> HttpResponse:
        if request.query_params:
            records.convert(asked_once(request), Nothing)
        row = _visible(self.resource, request).filter(pk=self.resource.current(pk)).first()
        if row is None:
            raise NotFound("There is no such record, or you may not see it.")
        _told(self.resource, request, [row])
        return _json(_shapes(self.resource, request, [row])[0])


class SyncView(ApiView):
    """A batch of records from a client system. Only a key may send one."""

    authentication_classes = [Bearer]
    throttle_classes = [Syncs]
    verb: Callable[..., sync.SyncResult]

    def streams(self, request: Request) -> bool:
        return uploads.wanted(request) or super().streams(request)

    def post(self, request: Request) -> HttpResponse:
        if request.query_params:
            records.convert(asked_once(request), Nothing)
        if uploads.wanted(request):
            answer, self.replied_as = uploads.take(request, type(self).verb.__name__)
            return answer
        result = type(self).verb(
            rows=enumerate(bodies.read(request)),
            source_system=request.auth.source_system,
            by=request.user,
        )
        refused.keep(request.user, refused.Surface.REST, refused.faults_of(result.errors))
        answer = shapes.Synced(
            created=result.created,
            amended=result.amended,
            unchanged=result.unchanged,
            refused=result.refused,
            waiting=result.waiting,
            registered=result.registered,
            updated=result.updated,
            errors=[_refusal(error) for error in result.errors],
            waits=[_refusal(wait) for wait in result.waits],
        )
        return _json(answer)


def _refusal(said: incoming.Refusal) -> shapes.Refusal:
    """What is told of a record of a batch, with where in the batch its field stands."""
    where = pointer(said.field, within=said.index)
    return shapes.Refusal(said.index, said.source_id, said.field, said.reason, said.reason, where)


class UploadDetail(ApiView):
    """An upload that this key sent with `Prefer: respond-async`: how far it is, and its end."""

    authentication_classes = [Bearer]
    operations = {"DELETE": Operation("cancel-upload", answer=shapes.Upload, also=(409,))}
    operation = Operation("upload", answer=shapes.Upload)

    def get(self, request: Request, pk: int) -> HttpResponse:
        return uploads.told_of(self.found(request, pk))

    def delete(self, request: Request, pk: int) -> HttpResponse:
        """Cancel an upload: what was taken in stays, the rest is not taken in. Twice is no error.

        One that has ended otherwise is 409.
        """
        return uploads.told_of(jobs.cancel(job=self.found(request, pk), by=request.user))

    @staticmethod
    def found(request: Request, pk: int) -> Job:
        if request.query_params:
            records.convert(asked_once(request), Nothing)
        return uploads.fetch(request, pk)


class UploadFaults(ApiView):
    """The lines of an upload that were refused or that wait, one a line, as far as it is."""

    authentication_classes = [Bearer]
    operation = Operation(
        "upload-errors",
        query=shapes.UploadFaultsQuestion,
        answer=shapes.UploadFault,
        lines=True,
        also=(404,),
    )

    def get(self, request: Request, pk: int) -> HttpResponse:
        asked = records.convert(asked_once(request), shapes.UploadFaultsQuestion)
        found = uploads.faults(uploads.fetch(request, pk), asked)
        return HttpResponse(found, content_type=uploads.NDJSON)


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """The query of an address that takes none."""


class NowhereView(ApiView):
    """Every address under the API that does not exist."""

    authentication_classes = []
    permission_classes = []
    throttle_classes = []
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NoSuchAddress("There is nothing at this address.")


def _visible(resource: resources.Resource[Any, Any], request: Request) -> QuerySet[Any]:
    if not access.practice_ids(request.user, resource.action):
        raise NotAllowed(f"You may not {resource.action} anywhere.")
    rows = access.scope(resource.rows(), request.user, resource.action)
    # A system goes on with everybody. A person reads a marked record on its pages, with a reason.
    if request.auth:
        return rows
    return access.unhidden(rows, request.user, patient=resource.patient)


def _shapes(resource: resources.Resource[Any, Any], request: Request, rows: list[Any]) -> list[Any]:
    """The shapes of rows; numbers of patients whole only for those whose work needs them."""
    made = resource.shapes(rows)
    for row, shape in zip(rows, made, strict=True):
        if isinstance(row, Patient) and not access.allowed(request.user, Action.SEE_NUMBERS, row):
            shape.identifiers = [
                msgspec.structs.replace(number, value=masked(number.value))
                for number in shape.identifiers
            ]
    return made


def asked_once(request: Request) -> dict[str, str]:
    """The question by name. Of a name that comes twice nobody can say which was meant."""
    asked = {}
    for name, values in request.query_params.lists():
        if len(values) > 1:
            raise BadRecord(name, "was given more than once")
        asked[name] = str(values[0]) if values else ""
    return asked


def _told(resource: resources.Resource[Any, Any], request: Request, rows: list[Any]) -> None:
    """Write down of whom rows go out, before they do."""
    patients = [row.pk if isinstance(row, Patient) else row.patient_id for row in rows]
    query = request.query_params.dict()
    read.over_api(
        resource=resource.name, query=query, patients=patients, rows=len(rows), by=request.user
    )


def _json(answer: msgspec.Struct) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(answer), content_type="application/json")


class PrescriptionList(ListView):
    """Live prescriptions: the newest version of each order, as its source or the portal has it."""

    resource = resources.Prescriptions()
    operation = Operation(
        "prescriptions", query=shapes.Prescriptions, answer=shapes.PrescriptionPage
    )


class PrescriptionDetail(DetailView):
    """One version of an order, superseded ones included."""

    resource = resources.Prescriptions()
    operation = Operation("prescription", answer=shapes.Prescription)


class ReadingList(ListView):
    """Live readings: the newest version of each, entered in error included."""

    resource = resources.Readings()
    operation = Operation("readings", query=shapes.Readings, answer=shapes.ReadingPage)


class ReadingDetail(DetailView):
    """One version of a reading, superseded ones included."""

    resource = resources.Readings()
    operation = Operation("reading", answer=shapes.Reading)


class ConditionList(ListView):
    """Live conditions and allergies: the newest version of each, entered in error included."""

    resource = resources.Conditions()
    operation = Operation("conditions", query=shapes.Conditions, answer=shapes.ConditionPage)


class ConditionDetail(DetailView):
    """One version of a condition or an allergy, superseded ones included."""

    resource = resources.Conditions()
    operation = Operation("condition", answer=shapes.Condition)


class DispensingList(ListView):
    """Live prescriptions that say what was handed out; by FHIR each is a MedicationDispense."""

    resource = resources.Dispensings()
    operation = Operation("dispensings", query=shapes.Prescriptions, answer=shapes.PrescriptionPage)


class DispensingDetail(DetailView):
    """One version of a dispensing, superseded ones included, under its number as prescription."""

    resource = resources.Dispensings()
    operation = Operation("dispensing", answer=shapes.Prescription)


class LetterList(ListView):
    """Letters about patients, as they went out."""

    resource = resources.Letters()
    operation = Operation("letters", query=shapes.Letters, answer=shapes.LetterPage)


class LetterDetail(DetailView):
    """One letter."""

    resource = resources.Letters()
    operation = Operation("letter", answer=shapes.Letter)


class ScreeningList(ListView):
    """The newest screening of each patient."""

    resource = resources.Screenings()
    operation = Operation("screenings", query=shapes.Screenings, answer=shapes.ScreeningPage)


class ScreeningDetail(DetailView):
    """The newest screening of one patient, by the patient's id."""

    resource = resources.Screenings()
    operation = Operation("screening", answer=shapes.Screening)


class MessageList(ListView):
    """What the people of cases wrote to one another, answers included."""

    resource = resources.Messages()
    operation = Operation("messages", query=shapes.Messages, answer=shapes.MessagePage)


class MessageDetail(DetailView):
    """One message."""

    resource = resources.Messages()
    operation = Operation("message", answer=shapes.Message)


class ReviewList(ListView):
    """Structured medication reviews, those that were taken back included."""

    resource = resources.Reviews()
    operation = Operation("reviews", query=shapes.Reviews, answer=shapes.ReviewPage)


class ReviewDetail(DetailView):
    """One structured medication review."""

    resource = resources.Reviews()
    operation = Operation("review", answer=shapes.Review)


class TaperList(ListView):
    """Live tapers: the newest version of each, with its steps and the days of contact."""

    resource = resources.Tapers()
    operation = Operation("tapers", query=shapes.Tapers, answer=shapes.TaperPage)


class TaperDetail(DetailView):
    """One version of a taper, superseded ones included."""

    resource = resources.Tapers()
    operation = Operation("taper", answer=shapes.Taper)


class ImportNoteList(ListView):
    """What sources said of people that could not be kept, those that have ended included."""

    resource = resources.ImportNotes()
    operation = Operation("notes", query=shapes.ImportNotes, answer=shapes.ImportNotePage)


class ImportNoteDetail(DetailView):
    """One note of what a source said and could not be kept."""

    resource = resources.ImportNotes()
    operation = Operation("note", answer=shapes.ImportNote)


class PatientList(ListView):
    """Patients, with whether their record was checked and what could not be judged."""

    resource = resources.Patients()
    operation = Operation("patients", query=shapes.Patients, answer=shapes.PatientPage)


class PatientDetail(DetailView):
    """One patient."""

    resource = resources.Patients()
    operation = Operation("patient", answer=shapes.Patient)


class FlagList(ListView):
    """Flags: what screening found, why, on whose authority, and what reviewers concluded."""

    resource = resources.Flags()
    operation = Operation("flags", query=shapes.Flags, answer=shapes.FlagPage)


class FlagDetail(DetailView):
    """One flag."""

    resource = resources.Flags()
    operation = Operation("flag", answer=shapes.Flag)


class CaseList(ListView):
    """Cases, open and closed."""

    resource = resources.Cases()
    operation = Operation("cases", query=shapes.Cases, answer=shapes.CasePage)


class CaseDetail(DetailView):
    """One case."""

    resource = resources.Cases()
    operation = Operation("case", answer=shapes.Case)


class DecisionList(ListView):
    """Decisions with their outcome and reason for each flag, for whoever acts next."""

    resource = resources.Decisions()
    operation = Operation("decisions", query=shapes.Decisions, answer=shapes.DecisionPage)


class DecisionDetail(DetailView):
    """One decision."""

    resource = resources.Decisions()
    operation = Operation("decision", answer=shapes.Decision)


class DecisionText(ApiView):
    """The text of a decision for the clinical record. One that sends back or undoes has none."""

    operation = Operation("decision-text", answer=shapes.DecisionText)

    def get(self, request: Request, pk: int) -> HttpResponse:
        if request.query_params:
            records.convert(asked_once(request), Nothing)
        resource = DecisionDetail.resource
        row = _visible(resource, request).filter(pk=pk).first()
        if row is None or row.kind in (Decision.Kind.SENT_BACK, Decision.Kind.UNDONE):
            raise NotFound("There is no such record, or you may not see it.")
        _told(resource, request, [row])
        said = for_the_record.of(row)
        codes = [shapes.Code(*code) for code in said.codes]
        return _json(shapes.DecisionText(row.pk, said.text, codes))


class PrescriptionSync(SyncView):
    """Send prescriptions: new, changed or the same again. Patients not yet known are registered.

    A record that cannot be accepted is listed in `errors` and does not sink the others. Within one
    batch a source_id may come twice only with the same content.
    """

    verb = staticmethod(sync.prescriptions)
    operation = Operation(
        "sync-prescriptions", body=records.SyncedPrescription, answer=shapes.Synced
    )


class DispensingSync(SyncView):
    """Send what was handed out: new, changed or the same again; one is an order of one issue.

    It is kept as a prescription that is `dispensed`, as a MedicationDispense by FHIR is, and known
    by its source_id among them.
    """

    verb = staticmethod(sync.dispensings)
    operation = Operation("sync-dispensings", body=records.SyncedDispensing, answer=shapes.Synced)


class ConditionSync(SyncView):
    """Send coded conditions of patients: new, changed or the same again."""

    verb = staticmethod(sync.conditions)
    operation = Operation("sync-conditions", body=records.SyncedCondition, answer=shapes.Synced)


class ReadingSync(SyncView):
    """Send readings of patients, such as an eGFR: new, changed or the same again."""

    verb = staticmethod(sync.readings)
    operation = Operation("sync-readings", body=records.SyncedReading, answer=shapes.Synced)


class PatientSync(SyncView):
    """Send patients alone: those not yet known are registered, those who changed are updated."""

    verb = staticmethod(sync.patients)
    operation = Operation("sync-patients", body=records.SyncedPatient, answer=shapes.Synced)
