"""Every refusal under /fhir as an OperationOutcome, whoever makes it."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from reviews.errors import STATUS, BadRecord, DomainError
from reviews.fhir_api.negotiation import media_type

CODES = {
    HTTPStatus.BAD_REQUEST: "invalid",
    HTTPStatus.UNAUTHORIZED: "login",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "not-supported",
    HTTPStatus.NOT_ACCEPTABLE: "not-supported",
    HTTPStatus.CONFLICT: "conflict",
    HTTPStatus.GONE: "deleted",
    HTTPStatus.LENGTH_REQUIRED: "required",
    HTTPStatus.PRECONDITION_FAILED: "conflict",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too-long",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "not-supported",
    HTTPStatus.UNPROCESSABLE_ENTITY: "business-rule",
    HTTPStatus.TOO_MANY_REQUESTS: "throttled",
    HTTPStatus.SERVICE_UNAVAILABLE: "transient",
}
"""FHIR's code of an issue by the status of the answer; any other is an "exception"."""


class Issue(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong. `expression` is the path of the element, or "http." and a name."""

    severity: str
    code: str
    diagnostics: str
    expression: tuple[str, ...] = ()


class Refused(APIException):
    """A refusal that knows its status, its issues, and the header fields that go with it."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str | None = None,
        expression: Iterable[str] = (),
        issues: Iterable[Issue] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status_code = status
        self.headers = headers or {}
        self.names_entry = False
        self.issues = tuple(issues) or (issue(status, detail, code=code, expression=expression),)

    def within(self, entry: str) -> "Refused":
        """The same refusal, said of an entry of a Bundle."""
        self.names_entry = True
        self.issues = tuple(
            each
            if each.expression[:1] and each.expression[0].startswith(entry)
            else msgspec.structs.replace(each, expression=(entry, *each.expression))
            for each in self.issues
        )
        return self


def of(error: DomainError) -> tuple[int, tuple[Issue, ...]]:
    """The status and the issues of a refusal of the domain."""
    status = STATUS.get(error.code, HTTPStatus.CONFLICT)
    where = [error.field] if isinstance(error, BadRecord) and error.field else []
    return status, (issue(status, error.message, expression=where),)


def issue(
    status: int, detail: str, *, code: str | None = None, expression: Iterable[str] = ()
) -> Issue:
    """The issue of a refusal; the code is the one of its status unless another one is given."""
    named = code or CODES.get(HTTPStatus(status), "exception")
    return Issue("error", named, detail, tuple(expression))


def body(issues: Iterable[Issue]) -> dict[str, Any]:
    """The OperationOutcome itself."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [
            msgspec.to_builtins(
                Issue(
                    each.severity,
                    each.code,
                    _sent(each.diagnostics),
                    tuple(map(_sent, each.expression)),
                )
            )
            for each in issues
        ],
    }


def _sent(text: str) -> str:
    """Without halves of signs, which no JSON holds: a reason may quote what was sent."""
    return text.encode(errors="replace").decode()


def answer(
    request: HttpRequest | Request,
    status: int,
    issues: Iterable[Issue],
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    """The answer that says what is wrong, in the type that was asked for where there is one."""
    return HttpResponse(
        msgspec.json.encode(body(issues)),
        status=status,
        content_type=media_type(request),
        headers=headers,
    )
