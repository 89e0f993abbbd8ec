"""Discovery, calls and feedback. A refusal is an OperationOutcome that names field and reason."""

from collections.abc import Callable
from typing import Any

import structlog
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.http import HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from msgspec import json
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import (
    APIException,
    AuthenticationFailed,
    NotAuthenticated,
    Throttled,
)
from rest_framework.request import Request
from rest_framework.views import APIView

from reviews import access
from reviews.callers import tell_refused
from reviews.cds_hooks import calls, cards, prefetch, told
from reviews.cds_hooks.cards import Places
from reviews.cds_hooks.prefetch import Unobtainable
from reviews.cds_hooks.services import HOOKS, WORDS, discovery
from reviews.errors import BadRecord, DomainError, NotAllowed, NotFound
from reviews.jwts import NotProven
from reviews.limits import Hooks
from reviews.queries.hooks import Judged, Sent, judge
from reviews.refused import Surface
from reviews.verbs import hooks
from reviews.verbs.hooks import Call, Caller

log = structlog.get_logger(__name__)
FHIR_JSON = "application/fhir+json"
JSON = ("application/json", FHIR_JSON, "text/json")
"""What a body may be called; some clients say nothing of it."""
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Accept",
    "Access-Control-Expose-Headers": "WWW-Authenticate, Retry-After",
    "Access-Control-Max-Age": "86400",
}
"""Nobody is known by a cookie here, so a page of any site may ask: the signature says who it is."""
CODES = {405: "not-supported", 413: "too-long", 415: "not-supported"}
"""FHIR's code of a refusal by the status of the answer."""
CHALLENGE = 'Bearer realm="Prescription Safety Portal"'


class Signed(BaseAuthentication):
    """`Authorization: Bearer <JWT>`, signed by a registered client for this very address."""

    def authenticate(self, request: Request) -> tuple[User, Caller]:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise NotAuthenticated
        address = request.build_absolute_uri(request.path)
        try:
            caller = hooks.recognise(token.strip(), audience=address)
        except NotProven as error:
            raise AuthenticationFailed(f"The caller is not proven: {error}.") from error
        access.let_see(caller.client.user)
        return caller.client.user, caller

    def authenticate_header(  # pyright: ignore[reportIncompatibleMethodOverride] - the base has none
        self, request: Request
    ) -> str:
        return CHALLENGE


class HookView(APIView):
    """What the addresses share: signatures, pages of other sites, refusals."""

    authentication_classes = [Signed]
    permission_classes = []
    throttle_classes = [Hooks]
    schema = None

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        return self.get_renderers()[0], "application/json"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if request.method != "OPTIONS":
            super().initial(request, *args, **kwargs)

    def options(  # pyright: ignore[reportIncompatibleMethodOverride] - no body, so nothing to render
        self, request: Request, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """What a browser asks before it lets a page of another site call."""
        return HttpResponse(status=204)

    def finalize_response(
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        for name, value in CORS.items():
            response[name] = value
        return response

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], HttpResponse | None]:
        return refused


class Discovery(HookView):
    """Which hooks there are: told to anybody."""

    authentication_classes = []
    throttle_classes = []

    def get(self, request: Request) -> HttpResponse:
        return JsonResponse(discovery())


class Service(HookView):
    """A call of a hook, answered with cards."""

    def post(self, request: Request, service: str) -> HttpResponse:
        call = calls.read(_body(request, service), service)
        caller: Caller = request.auth
        had = prefetch.resources(call, allowed=caller.client.fhir_server)
        sent = Sent(call.patient, had.resources, call.drafts, call.selected)
        try:
            judged = judge(
                sent=sent,
                source_system=caller.source_system,
                practice=caller.tenant,
                by=request.user,
            )
        except (DomainError, DatabaseError):
            raise
        except Exception:
            # Whoever prescribes must not take a fault of ours for a clean answer.
            log.exception("hook_failed", hook=call.hook, client=caller.client.pk)
            return JsonResponse({"cards": [cards.failed()]})
        made = cards.cards(judged, person=call.patient, places=_places(request, judged))
        if had.missing:
            made.append(cards.without(had.missing, dict(WORDS)))
        kept = hooks.show(
            caller=caller,
            call=Call(
                hook=call.hook,
                instance=call.instance,
                user=call.user,
                about=(call.patient, call.user, call.encounter),
                may_be_left_out=call.caches,
                leaves_out=call.leaves_out,
            ),
            cards=[card.shown for card in made],
            practice=judged.practice,
            patient_id=judged.patient_id,
            book=judged.book.number,
            by=request.user,
        )
        shown = set(kept)
        answer = {"cards": [card.sent for card in made if card.shown.uuid in shown]}
        return HttpResponse(json.encode(answer), content_type="application/json")


class Feedback(HookView):
    """What became of cards. Good items are kept where others are refused."""

    def post(self, request: Request, service: str) -> HttpResponse:
        read = told.read(_body(request, service))
        unknown = hooks.hear(caller=request.auth, hook=service, told=read.told, by=request.user)
        issues = [issue("value", f"{f.field}: {f.reason}", f.field) for f in read.faults]
        issues += [
            issue("not-found", "is no card of this service that you were shown", _card(index))
            for index in unknown
        ]
        if not issues:
            return JsonResponse({})
        return outcome(404 if unknown else 400, issues)


class Nowhere(HookView):
    """Every address below that does not exist."""

    authentication_classes = []
    throttle_classes = []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound("There is nothing at this address.")


def _body(request: Request, service: str) -> bytes:
    """The body of a request to a service that exists."""
    if service not in HOOKS:
        raise NotFound(f"There is no service “{service[:60]}”.")
    sent = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if sent and sent not in JSON:
        raise Unread(f"A body is sent as {JSON[0]}.")
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise Unread("A body is sent as it is, without an encoding.")
    length = request.headers.get("Content-Length", "")
    if not length.isdigit() or int(length) > calls.MOST_BYTES:
        raise TooLarge
    return request.body


class Unread(APIException):
    """The body is of a type, or packed in a way, that is not read."""

    status_code = 415
    default_code = "not-supported"


class TooLarge(APIException):
    """The body has no length, or more than is read."""

    status_code = 413
    default_detail = f"The body has a length, of at most {calls.MOST_BYTES:,} bytes."
    default_code = "too-long"


def _places(request: Request, judged: Judged) -> Places:
    """Where the portal shows the case, and the record, if there are any."""
    case = reverse("case", args=[judged.case_id]) if judged.case_id else ""
    patient = reverse("patient", args=[judged.patient_id]) if judged.patient_id else ""
    return Places(
        case=request.build_absolute_uri(case) if case else "",
        patient=request.build_absolute_uri(patient) if patient else "",
    )


def _card(index: int) -> str:
    return f"feedback[{index}].card"


def issue(code: str, text: str, field: str = "") -> dict[str, Any]:
    """One issue of an outcome; `field` is where in the body it is."""
    made: dict[str, Any] = {"severity": "error", "code": code, "diagnostics": text}
    return made | ({"expression": [field]} if field else {})


def outcome(
    status: int, issues: list[dict[str, Any]], headers: dict[str, str] | None = None
) -> HttpResponse:
    body = {"resourceType": "OperationOutcome", "issue": issues}
    return HttpResponse(json.encode(body), status=status, content_type=FHIR_JSON, headers=headers)


def refused(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """What a refusal is answered with; None for the unexpected, which `portal.errors` answers.

    It is kept for whoever looks after the system.
    """
    answer = _answer(error)
    if answer is not None:
        said = [("", str(getattr(error, "message", getattr(error, "detail", error))))]
        if isinstance(error, BadRecord):
            said = [(error.field, error.reason)]
        if isinstance(error, Unobtainable):
            said = [(f"prefetch.{key}", why) for key, why in error.keys.items()]
        tell_refused(context["request"], Surface.HOOKS, answer.status_code, said)
    return answer


def _answer(error: Exception) -> HttpResponse | None:
    if isinstance(error, Unobtainable):
        issues = [
            issue("not-found", f"prefetch.{key}: {why}", f"prefetch.{key}")
            for key, why in error.keys.items()
        ]
        return outcome(412, issues)
    if isinstance(error, BadRecord):
        return outcome(400, [issue("value", error.message, error.field)])
    if isinstance(error, NotFound):
        return outcome(404, [issue("not-found", error.message)])
    if isinstance(error, NotAllowed):
        return outcome(403, [issue("forbidden", error.message)])
    if isinstance(error, DomainError):
        return outcome(409, [issue("conflict", error.message)])
    if isinstance(error, AuthenticationFailed | NotAuthenticated):
        proof = "" if isinstance(error, NotAuthenticated) else ', error="invalid_token"'
        headers = {"WWW-Authenticate": f"{CHALLENGE}{proof}"}
        return outcome(401, [issue("login", str(error.detail))], headers)
    if isinstance(error, Throttled):
        later = {"Retry-After": str(int(error.wait or 0) + 1)}
        return outcome(429, [issue("throttled", "Too many calls. Wait.")], later)
    if isinstance(error, APIException):
        code = CODES.get(error.status_code, "invalid")
        return outcome(error.status_code, [issue(code, str(error.detail))])
    return None
