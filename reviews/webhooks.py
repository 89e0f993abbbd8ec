"""What a receiver of events is told, and how: thin messages, signed by Standard Webhooks 1.0.

A message says that something happened to the record of somebody, by numbers; what it was is read
with a key. No message names a person: a receiver that is not what it was taken for learns little.
"""

import base64
import secrets
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone
from standardwebhooks import Webhook as Signer

from reviews import access, feed, requests, secret_text
from reviews.access import Action
from reviews.audit import EVENTS, Event
from reviews.errors import NotAllowed
from reviews.models import Webhook, WebhookMessage

DELIVER = "reviews.deliver"
SAMPLE = "sample.event"
SECRET_BYTES = 32
BOTH_SIGN = timedelta(days=1)
"""So long the secret of before signs beside a new one."""
OF_READING = {Event.RECORD_OPENED, Event.RECORD_PRINTED, Event.SEARCH_MADE, Event.API_READ}
TOLD = tuple(
    sorted(
        verb
        for verb, event in EVENTS.items()
        if event not in OF_READING and not verb.startswith("webhook.")
    )
)
"""The events that a receiver can ask for: what was done, and not what was seen."""


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def body(message: WebhookMessage, practice: str) -> bytes:
    """The JSON of a message: the same on every try."""
    data: dict[str, Any] = {"practice": practice}
    if message.event is not None:
        data["event"] = message.event
    if message.patient_id is not None:
        data["patient"] = message.patient_id
        data["address"] = f"/api/v1/patients/{message.patient_id}"
    if message.subject:
        data["subject"] = message.subject
    told = {"type": message.type, "timestamp": message.at, "data": data}
    return msgspec.json.encode(told)


def headers(
    webhook: Webhook, message: WebhookMessage, sent: bytes, now: datetime
) -> dict[str, str]:
    """What goes with a message: its id, the time of this try, and a signature by each secret."""
    name = f"msg_{message.name.hex}"
    signatures = [
        Signer(secret).sign(msg_id=name, timestamp=now, data=sent.decode())
        for secret in secrets_of(webhook, now)
    ]
    return {
        "Content-Type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def secrets_of(webhook: Webhook, now: datetime) -> list[str]:
    """The secrets that sign at a time, the newest first."""
    kept = [webhook.secret]
    if webhook.old_until is not None and now < webhook.old_until:
        kept.append(webhook.old_secret)
    return [secret_text.decrypt(secret) for secret in kept]


def visible_to(user: User) -> QuerySet[Webhook]:
    """The receivers that somebody keeps: all of a practice, or those that they made.

    Raises `NotAllowed` where they may keep none.
    """
    everybodys = access.practice_ids(user, Action.MANAGE_WEBHOOKS)
    own = access.practice_ids(user, Action.OWN_WEBHOOKS)
    if not everybodys and not own:
        raise NotAllowed(f"You may not {Action.MANAGE_WEBHOOKS} anywhere.")
    mine = Q(practice__in=everybodys) | Q(practice__in=own, made_by=user)
    return Webhook.objects.there().filter(mine).select_related("practice")


def position() -> tuple[str, int]:
    """Where events are numbered, and the oldest transaction that is still open there."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {feed.PLACE}, {feed.HORIZON}")
        [(place, horizon)] = cursor.fetchall()
    return place, horizon


def due() -> bool:
    """Whether some receiver may be told something now."""
    return Webhook.objects.enabled().exclude(not_before__gt=timezone.now()).exists()


def ring() -> None:
    """Wake a worker that sends."""
    requests.ring(DELIVER)
