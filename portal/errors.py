"""Refusals become responses here, and nowhere else.

Under /api every error is an RFC 9457 problem, whoever raises it, where machines speak FHIR an
OperationOutcome, and at /token an error of OAuth; elsewhere it is a page,
`templates/<status>.html`, which finds the sentence in `message`.
"""

import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.views import redirect_to_login
from django.contrib.sessions.exceptions import SessionInterrupted
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views import defaults
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.views import set_rollback

from portal import away
from portal.refusing import GRANTS, MACHINES, OUTCOMES, is_below, oauth, readers
from reviews.callers import tell_refused
from reviews.errors import STATUS as OF_THE_DOMAIN
from reviews.errors import BadRecord, DomainError, ReasonNeeded, TooMany, pointer
from reviews.fhir_api import outcomes
from reviews.forms.numbers import LARGEST
from reviews.refused import Surface
from reviews.replies import InProgress, OtherPayload
from reviews.uploads import TooManyUploads, TooMuch

STATUS = {
    **OF_THE_DOMAIN,
    OtherPayload.code: HTTPStatus.UNPROCESSABLE_ENTITY,
    InProgress.code: HTTPStatus.CONFLICT,
    TooMuch.code: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    TooManyUploads.code: HTTPStatus.TOO_MANY_REQUESTS,
}
LATER = {InProgress.code: "1", TooManyUploads.code: "60"}
"""After how many seconds a refusal may be none any more."""
PROBLEM = "application/problem+json"


def problem(
    request: HttpRequest | Request,
    status: int,
    detail: str,
    *,
    code: str | None = None,
    errors: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    """The RFC 9457 answer. `errors`: a list of {field, reason}; `code` is stable for machines.

    Where machines speak FHIR it is an OperationOutcome, with an issue for each of `errors`; where
    they ask for tokens, an error of OAuth.
    """
    headers = {**readers(request.path), **(headers or {})}
    if speaks_fhir(request):
        return outcomes.answer(request, status, _issues(status, detail, errors or []), headers)
    if is_below(request.path, GRANTS):
        return JsonResponse(oauth(status, detail), status=status, headers=headers)
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "instance": request.path,
    }
    if code:
        body["code"] = code
    if errors:
        body["errors"] = errors
    return JsonResponse(body, status=status, content_type=PROBLEM, headers=headers)


def _issues(status: int, detail: str, errors: list[dict[str, str]]) -> list[outcomes.Issue]:
    if not errors:
        return [outcomes.issue(status, detail)]
    return [
        outcomes.issue(
            status,
            f"{error['field']}: {error['reason']}",
            code="value",
            expression=[error["field"]] if error["field"] else [],
        )
        for error in errors
    ]


def refusal(request: HttpRequest | Request, error: DomainError) -> HttpResponse:
    """The problem that a refusal of the domain is."""
    errors = None
    if isinstance(error, BadRecord):
        errors = [_fault(request, error)]
    wait = str(error.wait) if isinstance(error, TooMany) else LATER.get(error.code)
    headers = {"Retry-After": wait} if wait else None
    status = STATUS.get(error.code, HTTPStatus.CONFLICT)
    return problem(request, status, error.message, code=error.code, errors=errors, headers=headers)


def _fault(request: HttpRequest | Request, error: BadRecord) -> dict[str, str]:
    """What is wrong and where: a place in the body, or the name in the question or the header."""
    said = {"field": error.field, "reason": error.reason, "detail": error.reason}
    asked = getattr(request, "_request", request).GET
    if error.field in asked or request.method == "GET" or error.field == "Idempotency-Key":
        return {**said, "parameter": error.field}
    return {**said, "pointer": pointer(error.field)}


def api_exception(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """REST framework's exception handler: a problem for what it knows, None for the unexpected.

    What a system is refused is kept for whoever looks after it.
    """
    request = context["request"]
    set_rollback()
    response = _answer(request, error)
    if response is not None:
        surface = Surface.FHIR if speaks_fhir(request) else Surface.REST
        tell_refused(request, surface, response.status_code, _said(error))
    return response


def _said(error: Exception) -> list[tuple[str, str]]:
    """Where and why, of a refusal."""
    if isinstance(error, outcomes.Refused):
        return [(",".join(each.expression[:1]), each.diagnostics) for each in error.issues]
    if isinstance(error, BadRecord):
        return [(error.field, error.reason)]
    return [("", str(getattr(error, "message", getattr(error, "detail", error))))]


def _answer(request: Request, error: Exception) -> HttpResponse | None:
    if isinstance(error, outcomes.Refused):
        return outcomes.answer(request, error.status_code, error.issues, error.headers)
    if isinstance(error, DomainError):
        return refusal(request, error)
    if isinstance(error, Http404):
        return problem(request, HTTPStatus.NOT_FOUND, "There is nothing at this address.")
    if isinstance(error, PermissionDenied):
        return problem(request, HTTPStatus.FORBIDDEN, "You may not do this.")
    if not isinstance(error, APIException):
        return None
    headers = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = error.auth_header
    if getattr(error, "wait", None):
        headers["Retry-After"] = str(int(error.wait) + 1)
    return problem(
        request,
        error.status_code,
        str(error.detail),
        code=getattr(error.detail, "code", None),
        headers=headers,
    )


class RefusalMiddleware:
    """Turns a refusal, of a page's verb or of its address, into the page that says so."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        refused = response.status_code == HTTPStatus.METHOD_NOT_ALLOWED
        if not refused or request.method != "GET" or is_api(request):
            return response
        # The address of a form, gone to by hand, or by signing in again while it was sent.
        page = render(request, "405.html", status=HTTPStatus.METHOD_NOT_ALLOWED)
        page["Allow"] = response["Allow"]
        return page

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponse | None:
        """What no page can use is refused before it is asked.

        PostgreSQL keeps no NUL and nobody types one; and no row has an id beyond its numbers.
        """
        for value in view[-1].values():
            if isinstance(value, int) and value > LARGEST:
                raise Http404
            if isinstance(value, str) and "\0" in value:
                raise Http404
        if is_api(request) or not _holds_nul(request):
            return None
        message = "What was sent contains the character NUL. Nothing was changed."
        return render(request, "400.html", {"message": message}, status=HTTPStatus.BAD_REQUEST)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, DomainError):
            return None
        if is_api(request):
            return refusal(request, exception)
        if isinstance(exception, ReasonNeeded):
            # What was written is kept; its page opens after the reason, with the form filled in.
            page = request.get_full_path() if request.method == "GET" else request.keep_form()
            back = urlencode({"next": page}) if page else ""
            return redirect(f"{reverse('patient-reason', args=[exception.patient_id])}?{back}")
        status = STATUS.get(exception.code, HTTPStatus.CONFLICT)
        return render(request, f"{int(status)}.html", {"message": exception.message}, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What cannot be read; and what was answered to a session that somebody ended meanwhile.

    What that one asked for may have been done, so nothing is said of it.
    """
    if isinstance(exception, SessionInterrupted) and not is_api(request):
        return redirect_to_login(request.get_full_path() if request.method == "GET" else "/")
    if is_api(request):
        return problem(request, HTTPStatus.BAD_REQUEST, "The request cannot be read.")
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return problem(request, HTTPStatus.FORBIDDEN, "You may not do this.")
    return defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return problem(request, HTTPStatus.NOT_FOUND, "There is nothing at this address.")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """The answer to what nobody caught: 503 while the database is away, else 500.

    Wherever the database failed, in a view or in what stands around it, Django comes by here while
    it handles the error.
    """
    if reason := away.why(sys.exc_info()[1]):
        message = away.sentence(request, reason)
        if not is_api(request):
            return away.page(message)
        later = {"Retry-After": str(away.RETRY_SECONDS)}
        return problem(request, away.STATUS, message, code="unavailable", headers=later)
    if is_api(request):
        return problem(
            request,
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "The portal failed here. Nothing was changed; send it again later.",
        )
    return defaults.server_error(request)


def _holds_nul(request: HttpRequest) -> bool:
    sent = (request.GET, request.POST)
    return any(
        "\0" in text for form in sent for name, texts in form.lists() for text in (name, *texts)
    )


def is_api(request: HttpRequest) -> bool:
    """Whether a machine asks, which is answered with problems and not with pages."""
    return is_below(request.path, MACHINES)


def speaks_fhir(request: HttpRequest | Request) -> bool:
    """Whether machines are answered there with an OperationOutcome."""
    return is_below(request.path, OUTCOMES)
