"""Refusals from in front of Django, in the language of whoever asked, without Django itself."""

import json
from typing import Any, NamedTuple

OUTCOMES, PROBLEMS, GRANTS = ("/fhir", "/cds-services"), ("/api",), ("/token",)
"""Where machines are told by an OperationOutcome, where by a problem, and where by an error of
OAuth (RFC 6749); elsewhere are pages."""
MACHINES = (*OUTCOMES, *PROBLEMS, *GRANTS)
"""Where nobody looks at pages."""
ANY_SITE = ("/cds-services",)
"""What pages of other sites may call and read, refusals too."""
_ISSUES = {
    400: "invalid",
    413: "too-long",
    415: "not-supported",
    431: "too-long",
    501: "not-supported",
    503: "transient",
}
_OF_OAUTH = {500: "server_error", 503: "temporarily_unavailable"}
Fields = list[tuple[str, str]]


class Refusal(NamedTuple):
    """The body of a refusal, and the header fields that say what it is and who may read it."""

    body: bytes
    fields: Fields


def for_machines(
    path: str, status: int, title: str, detail: str, *, code: str = ""
) -> Refusal | None:
    """A refusal as the machines that ask there read it; None for a page."""
    if is_below(path, OUTCOMES):
        issue = {
            "severity": "error",
            "code": _ISSUES.get(status, "exception"),
            "diagnostics": detail,
        }
        body: dict[str, Any] = {"resourceType": "OperationOutcome", "issue": [issue]}
        return _refusal(path, body, "application/fhir+json")
    if is_below(path, GRANTS):
        return _refusal(path, oauth(status, detail), "application/json")
    if is_below(path, PROBLEMS):
        body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
        if code:
            body["code"] = code
        return _refusal(path, body, "application/problem+json")
    return None


def oauth(status: int, detail: str) -> dict[str, str]:
    """A refusal as RFC 6749 writes it, where the endpoint has said nothing itself."""
    described = "".join(
        sign if " " <= sign <= "~" and sign not in '"\\' else "?" for sign in detail
    )
    return {"error": _OF_OAUTH.get(status, "invalid_request"), "error_description": described}


def readers(path: str) -> dict[str, str]:
    """The header fields by which a browser lets a page of another site read an answer."""
    if not is_below(path, ANY_SITE):
        return {}
    return {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "WWW-Authenticate, Retry-After",
    }


def is_below(path: str, places: tuple[str, ...]) -> bool:
    """Whether an address is one of these places, or within one."""
    return any(path == place or path.startswith(f"{place}/") for place in places)


def _refusal(path: str, body: dict[str, Any], kind: str) -> Refusal:
    return Refusal(json.dumps(body).encode(), [("Content-Type", kind), *readers(path).items()])
