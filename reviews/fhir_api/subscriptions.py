"""`/fhir/Subscription`: have an address told when resources change that meet a search ."""

import codecs
import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import msgspec
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from reviews import access, clocks
from reviews.access import Action
from reviews.callers import KeyOrToken
from reviews.errors import BadRecord, NotAllowed, NotFound
from reviews.fhir.render.elements import OURS, instant
from reviews.fhir_api import allowed, answers, bodies, paging
from reviews.fhir_api.negotiation import FHIR_JSON
from reviews.fhir_api.outcomes import Refused
from reviews.fhir_api.views import FhirView
from reviews.models import Practice, Webhook
from reviews.queries import fhir_subscriptions
from reviews.queries import webhooks as queries
from reviews.verbs import webhooks as verbs

NAME = "Subscription"
CONTENT = (
    "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content"
)
"""How much of a resource goes out, as the guide for R4 calls it."""
AT_PRACTICE = f"{OURS}practice"
"""Which practice a system means that works at several."""
SEARCHED_BY = ("_id", "status", "url", "type")
MOST_HEADERS, LONGEST_HEADER = 10, 1_000
MOST_SHOWN = 100
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,60}", re.ASCII)
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?", re.ASCII)
OURS_TO_SEND = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "webhook-id"}
    | {"te", "trailer", "upgrade", "expect", "proxy-authorization", "keep-alive"}
)


class Subscriptions(FhirView):
    """`/fhir/Subscription`: search one's own, and ask for another."""

    authentication_classes = [KeyOrToken]

    def get(self, request: Request) -> HttpResponse:
        found = list(_mine(request)[: MOST_SHOWN + 1])
        applied = _applied(request)
        for name, value in applied:
            of = {"_id": lambda row: str(row.pk), "status": _status, "url": lambda row: row.url}
            wanted = value.split(",")
            found = [row for row in found if of.get(name, _rest_hook)(row) in wanted]
        base = answers.base_of(request)
        bundle = {
            "resourceType": "Bundle",
            "type": "searchset",
            "timestamp": instant(timezone.now()),
            "total": len(found),
            "link": [paging.link("self", f"{base}/{NAME}", applied)],
            "entry": [
                {
                    "fullUrl": f"{base}/{NAME}/{row.pk}",
                    "resource": _resource(row),
                    "search": {"mode": "match"},
                }
                for row in found
            ],
        }
        if not found:
            del bundle["entry"]
        return answers.json_answer(request, bundle)

    def post(self, request: Request) -> HttpResponse:
        content = bodies.content_of(request)
        text = request._request.body.removeprefix(codecs.BOM_UTF8).decode()
        made = verbs.subscribe(**_read(request, content), asked=text, by=request.user)
        headers = {
            "Location": f"{answers.base_of(request)}/{NAME}/{made.pk}",
            "ETag": 'W/"1"',
        }
        return answers.json_answer(
            request, _resource(made), status=HTTPStatus.CREATED, headers=headers
        )


class Subscription(FhirView):
    """`/fhir/Subscription/{id}`: how it does, and its end. To change one, ask for another."""

    authentication_classes = [KeyOrToken]

    def get(self, request: Request, logical_id: str) -> HttpResponse:
        row = _fetch(request, logical_id)
        return answers.json_answer(request, _resource(row), headers={"ETag": 'W/"1"'})

    def delete(self, request: Request, logical_id: str) -> HttpResponse:
        verbs.remove(webhook=_fetch(request, logical_id), by=request.user)
        return HttpResponse(status=HTTPStatus.NO_CONTENT)


def _applied(request: Request) -> list[tuple[str, str]]:
    """What a search asks for, without what is ignored; raises `BadRecord` as other types do."""
    applied: list[tuple[str, str]] = []
    for full, several in request.GET.lists():
        name, _, modifier = full.partition(":")
        if name in SEARCHED_BY and modifier:
            raise BadRecord(full, "this modifier is not offered")
        if name in SEARCHED_BY:
            applied += [(full, str(value)) for value in several]
        elif answers.is_strict(request) and full not in ("_format", "_pretty"):
            raise BadRecord(full, f"is none of {', '.join(SEARCHED_BY)}")
    return applied


def _mine(request: Request) -> Any:
    access.require(request.user, Action.OWN_WEBHOOKS)
    return queries.visible_to(request.user).filter(made_by=request.user).exclude(criteria="")


def _fetch(request: Request, logical_id: str) -> Webhook:
    known = logical_id.isascii() and logical_id.isdigit() and len(logical_id) < 19
    found = _mine(request).filter(pk=int(logical_id)).first() if known else None
    if found is None:
        raise NotFound(answers.NO_SUCH)
    return found


def _rest_hook(_row: Webhook) -> str:
    return "rest-hook"


def _status(row: Webhook) -> str:
    """As FHIR says it: off once it ended, an error while its receiver fails, active once tried."""
    if row.ends_at is not None and row.ends_at <= timezone.now():
        return "off"
    if row.disabled_at is not None or row.failures:
        return "error"
    return "active" if row.worked_at is not None else "requested"


def _resource(row: Webhook) -> dict[str, Any]:
    """What was sent, with where it stands; the header of the channel is never given out."""
    content: dict[str, Any] = msgspec.json.decode(row.asked)
    content["id"] = str(row.pk)
    content["meta"] = {
        **(content["meta"] if isinstance(content.get("meta"), dict) else {}),
        "versionId": "1",
        "lastUpdated": instant(row.made_at),
    }
    content["status"] = _status(row)
    content.pop("error", None)
    if row.disabled_because:
        content["error"] = row.disabled_because
    elif row.failures:
        times = "once" if row.failures == 1 else f"{row.failures} times in a row"
        content["error"] = f"Failed {times}."
    content["channel"].pop("header", None)
    return content


def _read(request: Request, content: Any) -> dict[str, Any]:
    """What the resource asks for. Raises `Refused` and `BadRecord`."""
    said = _object(content, NAME)
    if said.get("resourceType") != NAME:
        raise BadRecord("resourceType", f"is to be {NAME} here")
    for name in ("modifierExtension", "implicitRules"):
        if name in said:
            raise _not_done(name, "is not understood here")
    if said.get("status") != "requested":
        raise BadRecord(f"{NAME}.status", "is “requested” of one that is asked for")
    if not _text(said, "reason", NAME).strip():
        raise BadRecord(f"{NAME}.reason", "is needed")
    criteria = _text(said, "criteria", NAME)
    if len(criteria) > 1000:
        raise BadRecord(f"{NAME}.criteria", "is longer than 1,000 characters")
    question = fhir_subscriptions.read(criteria, answers.base_of(request))
    for letter in ("r", "s"):
        allowed.require(request, question.kind.name, letter)
    channel = _object(said.get("channel"), f"{NAME}.channel")
    if channel.get("type") != "rest-hook":
        raise _not_done("channel.type", "is rest-hook here, and nothing else")
    endpoint, payload = _text(channel, "endpoint", f"{NAME}.channel"), _payload(channel)
    if payload == Webhook.Payload.FULL and ("?" in endpoint or "#" in endpoint):
        raise BadRecord(
            f"{NAME}.channel.endpoint",
            "has ? or #: with a payload it is the base of a server, and type and id follow it",
        )
    scopes = getattr(request.auth, "scopes", None)
    return {
        "practice": _practice(request, said),
        "criteria": criteria.removeprefix("/"),
        "url": endpoint,
        "payload": payload,
        "header": _header(channel),
        "scopes": None if scopes is None else str(scopes),
        "base": answers.base_of(request),
        "ends_at": _end(said),
    }


def _practice(request: Request, said: dict[str, Any]) -> Practice:
    """The practice that is meant: the only one, or what the extension says."""
    places = {one.code: one for one in access.practices(request.user, Action.OWN_WEBHOOKS)}
    if not places:
        raise NotAllowed(f"You may not {Action.OWN_WEBHOOKS} here.")
    named = [code for url, code in _extensions(said) if url == AT_PRACTICE]
    if not named and len(places) == 1:
        return next(iter(places.values()))
    if len(named) != 1 or named[0] not in places:
        raise BadRecord(
            f"{NAME}.extension",
            f"says by {AT_PRACTICE} (valueCode) which practice: {', '.join(sorted(places))}",
        )
    return places[named[0]]


def _payload(channel: dict[str, Any]) -> str:
    if "payload" not in channel:
        return Webhook.Payload.EMPTY
    if channel["payload"] not in (FHIR_JSON, "application/json"):
        raise _not_done("channel.payload", f"is {FHIR_JSON}, or left out for none")
    named = [code for url, code in _extensions(channel.get("_payload")) if url == CONTENT]
    payload = named[0] if named else Webhook.Payload.FULL
    if payload not in Webhook.Payload.values:
        raise _not_done("channel.payload", f"has {', '.join(Webhook.Payload.values)} as content")
    return payload


def _extensions(holder: Any) -> list[tuple[str, str]]:
    """`(url, code)` of the extensions of something that hold a code."""
    several = holder.get("extension") if isinstance(holder, dict) else None
    found = []
    for one in several if isinstance(several, list) else ():
        if isinstance(one, dict) and isinstance(one.get("valueCode"), str):
            found.append((str(one.get("url")), one["valueCode"]))
    return found


def _header(channel: dict[str, Any]) -> dict[str, str]:
    """What goes with each notification: lines as HTTP has them, such as an Authorization."""
    where = f"{NAME}.channel.header"
    lines = channel.get("header", [])
    if not isinstance(lines, list) or len(lines) > MOST_HEADERS:
        raise BadRecord(where, f"is a list of at most {MOST_HEADERS}")
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":") if isinstance(line, str) else ("", "", "")
        value = value.strip()
        fits = colon and _TOKEN.fullmatch(name) and len(line) <= LONGEST_HEADER
        if not fits or not _VALUE.fullmatch(value):
            raise BadRecord(where, "holds lines such as “Authorization: Bearer ...”")
        if name.lower() in OURS_TO_SEND or name.lower() in map(str.lower, found):
            raise BadRecord(where, f"may not say {name}, or not twice")
        found[name] = value
    return found


def _end(said: dict[str, Any]) -> datetime | None:
    if "end" not in said:
        return None
    try:
        at = datetime.fromisoformat(clocks.without_leap(_text(said, "end", NAME)))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise BadRecord(f"{NAME}.end", "is no instant, such as 2027-01-01T00:00:00Z")
    try:
        at = at.astimezone(UTC)
    except OverflowError as error:
        raise BadRecord(f"{NAME}.end", "is beyond all times") from error
    if at <= timezone.now():
        raise BadRecord(f"{NAME}.end", "has passed")
    return at


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadRecord(where, "is needed, as an object")
    return value


def _text(holder: dict[str, Any], name: str, where: str) -> str:
    value = holder.get(name)
    if not isinstance(value, str) or not value or "\0" in value:
        raise BadRecord(f"{where}.{name}", "is needed, as a text")
    return value


def _not_done(name: str, why: str) -> Refused:
    return Refused(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"{NAME}.{name} {why}.",
        code="not-supported",
        expression=[f"{NAME}.{name}"],
    )
