"""What a client sends to be written: read strictly, within limits, and checked against FHIR."""

import base64
from http import HTTPStatus
from typing import Any

from rest_framework.request import Request

from reviews.fhir.write import conforming, exact
from reviews.fhir_api.negotiation import FHIR_JSON, JSON, is_json
from reviews.fhir_api.outcomes import Issue, Refused

MOST_BYTES = 1024 * 1024
"""Of one resource, or a patch of one."""
MOST_BUNDLE_BYTES = 16 * 1024 * 1024
JSON_PATCH, MERGE_PATCH = "application/json-patch+json", "application/merge-patch+json"
PATCHES = (JSON_PATCH, MERGE_PATCH, JSON, FHIR_JSON)


def content_of(request: Request, *, most: int = MOST_BYTES) -> Any:
    """The JSON of the body. Raises `Refused`."""
    if not is_json(request.headers.get("Content-Type", "")):
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"A body is sent as {FHIR_JSON} or {JSON}."
        )
    return decoded(request, most)


def patch_of(request: Request) -> tuple[str, Any]:
    """`(media type, JSON)` of a patch. Plain JSON is a merge patch. Raises `Refused`."""
    named = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if named not in PATCHES:
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"A patch is sent as {JSON_PATCH} or {MERGE_PATCH}.",
        )
    is_merge = named != JSON_PATCH
    return named, decoded(request, MOST_BYTES, nulls=is_merge)


def decoded(request: Request, most: int, *, nulls: bool = False) -> Any:
    """The JSON of a body, whatever its type is said to be."""
    if request.headers.get("Transfer-Encoding"):
        raise Refused(
            HTTPStatus.LENGTH_REQUIRED, "Send a Content-Length; chunked bodies are not read."
        )
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "A body is sent as it is, without an encoding."
        )
    if int(request.headers.get("Content-Length") or 0) > most:
        raise Refused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A body has at most {most:,} bytes here."
        )
    return _exactly(request._request.body, nulls=nulls)


def patch_in(binary: dict[str, Any] | None, within: str) -> tuple[str, Any]:
    """As `patch_of`, of the Binary with which an entry of a Bundle brings its patch."""
    said = binary or {}
    named = str(said.get("contentType", "")).partition(";")[0].strip().lower()
    if said.get("resourceType") != "Binary" or named not in PATCHES:
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Within a Bundle a patch is a Binary whose contentType is {JSON_PATCH} or"
            f" {MERGE_PATCH}.",
            expression=[within],
        )
    try:
        content = base64.b64decode(said.get("data", ""), validate=True)
    except (TypeError, ValueError) as error:
        raise Refused(
            HTTPStatus.BAD_REQUEST, "The patch is no base64.", expression=[f"{within}.data"]
        ) from error
    return named, _exactly(content, nulls=named != JSON_PATCH)


def _exactly(content: bytes, *, nulls: bool) -> Any:
    try:
        return exact.decode(content, nulls=nulls)
    except exact.NotRead as error:
        raise not_read(error) from error


def resource_of(content: Any, kind_name: str, *, within: str = "") -> dict[str, Any]:
    """A resource of a type, checked against FHIR. Raises `Refused` with every fault.

    `within` is where it stands, where that is in a Bundle.
    """
    if not isinstance(content, dict) or content.get("resourceType") != kind_name:
        said = content.get("resourceType") if isinstance(content, dict) else None
        raise Refused(
            HTTPStatus.BAD_REQUEST,
            f"A resource of type {kind_name} is to be sent here, not “{str(said)[:60]}”.",
            code="value",
            expression=[within or kind_name],
        )
    if kind_name not in conforming.DEFINITIONS:
        raise Refused(
            HTTPStatus.METHOD_NOT_ALLOWED, f"{kind_name} is only given out here, never taken."
        )
    if faults := conforming.faults(content):
        raise Refused(
            HTTPStatus.BAD_REQUEST,
            faults[0].reason,
            issues=[
                Issue("error", fault.code, fault.reason, (placed(within, fault.expression),))
                for fault in faults
            ],
        )
    return content


def not_read(error: exact.NotRead, within: str = "") -> Refused:
    """The refusal of what cannot be read; of a test in a patch that failed, 422."""
    status = {
        "business-rule": HTTPStatus.UNPROCESSABLE_ENTITY,
        "too-costly": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    }.get(error.code, HTTPStatus.BAD_REQUEST)
    where = placed(within, error.expression)
    return Refused(status, error.reason, code=error.code, expression=[where] if where else [])


def placed(place: str, expression: str) -> str:
    """Where an element is in the Bundle: Bundle.entry[0].resource.status."""
    if not place:
        return expression
    _, _, inner = expression.partition(".")
    return f"{place}.{inner}" if inner else place
