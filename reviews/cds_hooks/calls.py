"""The body of a call: read liberally where it does no harm, else refused with field and reason."""

import re
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from reviews import records
from reviews.cds_hooks.services import HOOKS
from reviews.errors import BadRecord

MOST_BYTES = 4 * 1024 * 1024
MOST_DRAFTS = 100
MOST_RESOURCES = 2_000
MOST_DEPTH = 60
MOST_FEEDBACK = 200
ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)
REFERENCE = re.compile(r"[A-Za-z]{1,64}/[A-Za-z0-9\-.]{1,64}", re.ASCII)
FILTERS = ("configuration-items", "pddi-configuration-items")
CACHE, LEAVE_OUT = "cache-for-order-sign-filtering", "filter-out-repeated-alerts"


class Authorization(Struct):
    """What lets the portal ask the FHIR server of the caller; what else it says is not needed."""

    access_token: Annotated[str, Meta(min_length=1, max_length=8_000)]
    token_type: str = "Bearer"


class Body(Struct):
    """A call as it is sent. Members that nobody knows are no fault."""

    hook: str
    hookInstance: str
    context: dict[str, Any]
    prefetch: dict[str, Any] | None = None
    fhirServer: str | None = None
    fhirAuthorization: Authorization | None = None
    extension: Any = None


class Call(NamedTuple):
    """A call that was read. `patient` and `user` are a bare id and a reference.

    `selected` are the names of chosen drafts, None where the hook has no choice. `prefetch` is what
    came along, by key. `server` is empty where no FHIR server was named.
    """

    hook: str
    instance: str
    patient: str
    user: str
    encounter: str
    drafts: list[dict[str, Any]]
    selected: frozenset[str] | None
    prefetch: dict[str, Any]
    server: str
    token: str
    caches: bool
    leaves_out: bool


def decode(content: bytes) -> Any:
    """The JSON of a body. Raises `BadRecord`."""
    try:
        made = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRecord("", f"The body is no JSON: {error}") from error
    if _deeper(made, MOST_DEPTH):
        raise BadRecord("", f"The body is nested more than {MOST_DEPTH} deep")
    return made


def read(content: bytes, service: str) -> Call:
    """A call of a service. Raises `BadRecord`."""
    body = records.convert(decode(content), Body)
    if body.hook != service:
        raise BadRecord("hook", f"must be {service}, the hook of this service")
    try:
        instance = UUID(body.hookInstance)
    except ValueError as error:
        raise BadRecord("hookInstance", "must be a UUID") from error
    if body.fhirAuthorization is not None and not body.fhirServer:
        raise BadRecord("fhirServer", "is needed where there is a fhirAuthorization")
    hook, context = HOOKS[service], body.context
    drafts = _drafts(context.get("draftOrders")) if hook.orders else []
    config = _configuration(body)
    return Call(
        hook=service,
        instance=str(instance),
        patient=_id(context, "patientId", "Patient"),
        user=_reference(context, "userId"),
        encounter=_id(context, "encounterId", "Encounter") if context.get("encounterId") else "",
        drafts=drafts,
        selected=_selected(context) if hook.selects else None,
        prefetch=body.prefetch or {},
        server=_server(body.fhirServer or ""),
        token=body.fhirAuthorization.access_token if body.fhirAuthorization else "",
        caches=hook.selects and config.get(CACHE) is True,
        leaves_out=hook.orders and not hook.selects and config.get(LEAVE_OUT) is True,
    )


def _id(context: dict[str, Any], name: str, kind: str) -> str:
    """A bare id; some callers send a reference."""
    said = context.get(name)
    if not isinstance(said, str) or not said:
        raise BadRecord(f"context.{name}", "is needed: the id of one resource")
    bare = said.rpartition(f"{kind}/")[2]
    if not ID.fullmatch(bare):
        raise BadRecord(f"context.{name}", f"is no {kind} id")
    return bare


def _reference(context: dict[str, Any], name: str) -> str:
    said = context.get(name)
    if not isinstance(said, str) or not REFERENCE.fullmatch(said):
        raise BadRecord(f"context.{name}", "is needed, such as Practitioner/123")
    return said


def _drafts(said: Any) -> list[dict[str, Any]]:
    if not isinstance(said, dict) or said.get("resourceType") != "Bundle":
        raise BadRecord("context.draftOrders", "is needed: a Bundle of orders")
    entries = [] if said.get("entry") is None else said["entry"]
    if not isinstance(entries, list):
        raise BadRecord("context.draftOrders.entry", "is no list")
    if len(entries) > MOST_DRAFTS:
        raise BadRecord("context.draftOrders.entry", f"holds more than {MOST_DRAFTS} orders")
    found = []
    for place, entry in enumerate(entries):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            raise BadRecord(f"context.draftOrders.entry[{place}].resource", "is no resource")
        found.append(resource)
    return found


def _selected(context: dict[str, Any]) -> frozenset[str]:
    said = context.get("selections")
    if not isinstance(said, list) or not said:
        raise BadRecord("context.selections", "is needed: references of the chosen orders")
    if len(said) > MOST_DRAFTS or not all(isinstance(each, str) for each in said):
        raise BadRecord("context.selections", f"holds at most {MOST_DRAFTS} references")
    return frozenset("/".join(each.split("/")[-2:]) for each in said)


def _server(said: str) -> str:
    """Where a FHIR server is, without its last stroke. Whether it is asked is another question."""
    if not said:
        return ""
    try:
        parts = urlsplit(said)
    except ValueError as error:
        raise BadRecord("fhirServer", "is no address") from error
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise BadRecord("fhirServer", "is no address")
    return said.rstrip("/")


def _configuration(body: Body) -> dict[str, Any]:
    """What the caller asks of repeated cards (PDDI-CDS); anything else says nothing."""
    for place in (body.extension, body.context):
        for name in FILTERS:
            found = place.get(name) if isinstance(place, dict) else None
            if isinstance(found, dict):
                return found
    return {}


def _deeper(value: Any, depth: int) -> bool:
    """Whether something is nested deeper than that; without recursion, whatever it is."""
    level = [value]
    for _ in range(depth):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True
