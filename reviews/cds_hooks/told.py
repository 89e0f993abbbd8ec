"""The body of feedback: what became of cards, item by item."""

import re
from datetime import datetime
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import msgspec
from django.utils import timezone
from msgspec import Meta, Struct

from reviews import clocks, records
from reviews.cds_hooks.calls import MOST_FEEDBACK, decode
from reviews.errors import BadRecord
from reviews.models import HookFeedback
from reviews.verbs.hooks import LONGEST_COMMENT, Told

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
MOST_SUGGESTIONS = 50


class Code(Struct):
    """A reason as the caller codes it; some leave the system out."""

    code: Annotated[str, Meta(max_length=100)] = ""
    system: Annotated[str, Meta(max_length=200)] = ""
    display: Annotated[str, Meta(max_length=200)] = ""


class Why(Struct):
    """Why a card was overridden: in a code, in words, or both."""

    reason: Code | None = None
    userComment: Annotated[str, Meta(max_length=LONGEST_COMMENT)] = ""


class Accepted(Struct):
    id: Annotated[str, Meta(min_length=1, max_length=64)]


class Item(Struct):
    """What became of one card."""

    card: str
    outcome: str
    outcomeTimestamp: str
    acceptedSuggestions: Annotated[list[Accepted], Meta(max_length=MOST_SUGGESTIONS)] | None = None
    overrideReason: Why | None = None


class Read(NamedTuple):
    """The good items of a body, and what is wrong with the others."""

    told: list[Told]
    faults: list[BadRecord]


def read(content: bytes) -> Read:
    """The items of a body. Raises `BadRecord` where there are none."""
    body = decode(content)
    items = body.get("feedback") if isinstance(body, dict) else None
    if not isinstance(items, list) or not items:
        raise BadRecord("feedback", "is needed: a list of what became of cards")
    if len(items) > MOST_FEEDBACK:
        raise BadRecord("feedback", f"holds more than {MOST_FEEDBACK} items")
    told, faults = [], []
    for index, item in enumerate(items):
        try:
            told.append(_told(index, item))
        except BadRecord as error:
            faults.append(BadRecord(f"feedback[{index}].{error.field}".rstrip("."), error.reason))
    return Read(told, faults)


def _told(index: int, item: Any) -> Told:
    said = records.convert(_without_nulls(item), Item)
    try:
        card = UUID(said.card)
    except ValueError as error:
        raise BadRecord("card", "must be the uuid of a card") from error
    if said.outcome not in HookFeedback.Outcome.values:
        raise BadRecord("outcome", f"must be one of {', '.join(HookFeedback.Outcome.values)}")
    suggestions = said.acceptedSuggestions or []
    if said.outcome == HookFeedback.Outcome.ACCEPTED and not suggestions:
        raise BadRecord("acceptedSuggestions", "is needed where a card was accepted")
    why = said.overrideReason or Why()
    reason = why.reason or Code()
    return Told(
        index=index,
        card=card,
        outcome=said.outcome,
        accepted=tuple(each.id for each in suggestions),
        reason_system=reason.system,
        reason=reason.code,
        reason_display=reason.display,
        comment=why.userComment.strip(),
        at=_instant(said.outcomeTimestamp),
    )


def _instant(said: str) -> datetime:
    """A moment of RFC 3339 that is not to come."""
    if not INSTANT.fullmatch(said):
        raise BadRecord("outcomeTimestamp", "must be a time such as 2026-01-01T00:00:00Z")
    try:
        made = msgspec.convert(clocks.without_leap(said), datetime)
    except msgspec.ValidationError as error:
        raise BadRecord("outcomeTimestamp", "is no time") from error
    # Clocks differ; what is said is kept, but no day that nobody has seen.
    return min(made, timezone.now())


def _without_nulls(item: Any) -> Any:
    if not isinstance(item, dict):
        raise BadRecord("", "is no object")
    return {name: value for name, value in item.items() if value is not None}
