"""Refusals from in front of Django, in the language of whoever asked, without Django itself."""

import json
from typing import Any

OUTCOMES, PROBLEMS = ("/fhir", "/cds-services"), ("/api", "/token")
"""Where machines are told by an OperationOutcome, and where by a problem; elsewhere are pages."""
_ISSUES = {
    400: "invalid",
    413: "too-long",
    415: "not-supported",
    431: "too-long",
    501: "not-supported",
    503: "transient",
}


def for_machines(
    path: str, status: int, title: str, detail: str, *, code: str = ""
) -> tuple[bytes, str] | None:
    """A refusal as the machines that ask there read it, and its media type; None for a page."""
    if is_below(path, OUTCOMES):
        issue = {
            "severity": "error",
            "code": _ISSUES.get(status, "exception"),
            "diagnostics": detail,
        }
        body: dict[str, Any] = {"resourceType": "OperationOutcome", "issue": [issue]}
        return json.dumps(body).encode(), "application/fhir+json"
    if is_below(path, PROBLEMS):
        body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
        if code:
            body["code"] = code
        return json.dumps(body).encode(), "application/problem+json"
    return None


def is_below(path: str, places: tuple[str, ...]) -> bool:
    """Whether an address is one of these places, or within one."""
    return any(path == place or path.startswith(f"{place}/") for place in places)
