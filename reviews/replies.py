"""A request that is sent again with the same `Idempotency-Key` is answered, and not carried out.

A key is of one client and one operation (method and address). Its answer is kept for `KEPT`, be it
success or refusal. What changed nothing and may go better the next time is not: 409, 429, 5xx.
"""

import hashlib
import re
from datetime import datetime, timedelta
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from reviews import secret_text
from reviews.errors import BadRecord, DomainError
from reviews.models import Reply

KEPT = timedelta(days=1)
RUNS_AT_MOST = timedelta(minutes=2)
"""Whatever takes longer died, and with it what it did: no request runs for so long."""
LONGEST_KEY = 255
BARE = re.compile(r"[!-~]+")
QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
HEADERS = ("Location", "ETag", "Retry-After")
"""What is answered beside the body, and again with it."""
PASSING = {409, 429}


class InProgress(DomainError):
    """The same request is being carried out now."""

    code = "in_progress"


class OtherPayload(DomainError):
    """This key was sent before with something else."""

    code = "other_payload"


class Kept(NamedTuple):
    """An answer as it was given."""

    status: int
    content_type: str
    headers: dict[str, str]
    body: bytes


def read(field: str) -> str:
    """The key that a header says: a quoted string or, the same, a bare word. Raises `BadRecord`."""
    field = field.strip()
    quoted = QUOTED.fullmatch(field)
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else field
    if not quoted and (not BARE.fullmatch(field) or field.startswith('"')):
        key = ""
    if not key or len(key) > LONGEST_KEY:
        raise BadRecord("Idempotency-Key", f"must be 1 to {LONGEST_KEY} signs in quotation marks")
    return key


def name(by: User, operation: str, key: str) -> bytes:
    """What a request is known by here."""
    return hashlib.sha256(f"{by.pk}\0{operation}\0{key}".encode()).digest()


def begin(key: bytes, payload: bytes) -> Kept | None:
    """Begin to carry out a request; its answer, where there is one already.

    `payload` is a digest of what was sent. Raises `InProgress` and `OtherPayload`.
    """
    now = timezone.now()
    if _insert(key, payload, now):
        return None
    held = Reply.objects.filter(key=key).first()
    if held is None:  # it ended a moment ago, and its answer is not kept
        raise InProgress("The same request was being carried out. Send it again.")
    over = Q(begun_at__lt=now - KEPT) | Q(status=None, begun_at__lt=now - RUNS_AT_MOST)
    taken = Reply.objects.filter(over, key=key).update(
        payload=payload, begun_at=now, status=None, content_type="", headers={}, body=""
    )
    if taken:
        return None
    if bytes(held.payload) != payload:
        raise OtherPayload("This Idempotency-Key was sent before, with something else.")
    if held.status is None:
        raise InProgress("The same request is being carried out. Ask again in a moment.")
    body = secret_text.decrypt(held.body).encode()
    return Kept(held.status, held.content_type, held.headers, body)


def _insert(key: bytes, payload: bytes, now: datetime) -> bool:
    """Whether this request is the first; of two that come at once one is."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO reviews_reply (key, payload, begun_at, content_type, headers, body)"
            " VALUES (%s, %s, %s, '', '{}', '') ON CONFLICT DO NOTHING",
            [key, payload, now],
        )
        return cursor.rowcount == 1


def end(key: bytes, answer: Kept) -> None:
    """Keep the answer, unless it changed nothing and may be another the next time."""
    if answer.status >= 500 or answer.status in PASSING:
        forget(key)
        return
    Reply.objects.filter(key=key).update(
        status=answer.status,
        content_type=answer.content_type,
        headers=answer.headers,
        body=secret_text.encrypt(answer.body.decode()),
    )


def forget(key: bytes) -> None:
    """Let a request be sent again."""
    Reply.objects.filter(key=key).delete()


def forget_old() -> None:
    """Remove what nobody sends again."""
    Reply.objects.filter(begun_at__lt=timezone.now() - KEPT).delete()
