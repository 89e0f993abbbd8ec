"""SMART Backend Services: give a client a token for what it has signed, and know the token again.

A token is a random number of which the portal keeps a digest: so it ends at once with its client.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from reviews import access, audit, proving, refused, scopes
from reviews.audit import Event
from reviews.errors import DomainError
from reviews.jwts import NotProven
from reviews.models import AccessToken, Client
from reviews.scopes import InvalidScope, Scopes

LASTS = timedelta(seconds=300)
LONGEST_ASSERTION = timedelta(minutes=5)
PREFIX = "pst_"
GRANT = "client_credentials"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
KEPT = timedelta(hours=1)
"""Tokens that are over are dropped after this time."""


class Denied(DomainError):
    """No token is given. `error` is the word of RFC 6749 for it."""

    code = "token_denied"

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A token as its client gets it, this once."""

    token: str
    scopes: Scopes
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a request with a token may: `request.auth` of whoever calls with one.

    It has `source_system` and `key` as the bearer key of a system does.
    """

    client: Client
    scopes: Scopes
    ends_at: datetime

    @property
    def key(self) -> Client:
        return self.client

    @property
    def source_system(self) -> str:
        """What the records of the client are marked with."""
        return self.client.source_system


def issue(*, assertion: str, scope: str, audience: str) -> Issued:
    """A token for whoever signed `assertion` for the address `audience`. Raises `Denied`.

    What is asked for beyond what the client may is left out; nothing left is a refusal.
    """
    try:
        client = proving.prove(assertion, audience=audience, longest=LONGEST_ASSERTION)
    except NotProven as error:
        raise Denied("invalid_client", f"The client is not proven: {error}.") from error
    try:
        return _issue(client, scope)
    except Denied as error:
        refused.keep(client.user, refused.Surface.TOKEN, [refused.Fault("scope", error.message)])
        raise


def _issue(client: Client, scope: str) -> Issued:
    """A token for a client that is proven. Raises `Denied`."""
    try:
        asked = scopes.parse(scope)
        most = scopes.parse(client.scopes) if client.scopes else Scopes()
    except InvalidScope as error:
        raise Denied("invalid_scope", str(error)) from error
    granted = asked.within(most)
    if not granted or any(each.context != scopes.SYSTEM for each in granted.all):
        raise Denied("invalid_scope", "scope: nothing of it may be given to this client")
    if len(granted.all) > scopes.MOST or len(str(granted)) > scopes.MOST_LETTERS:
        raise Denied("invalid_scope", "scope: is too much to be kept in one token")
    token = PREFIX + secrets.token_urlsafe(32)
    ends_at = timezone.now() + LASTS
    with access.seeing_as(client.user), transaction.atomic():
        AccessToken.objects.filter(client=client, ends_at__lt=timezone.now() - KEPT).delete()
        AccessToken.objects.create(
            digest=_digest(token), client=client, scopes=str(granted), ends_at=ends_at
        )
        audit.record(
            client.user,
            Event.CLIENT_TOKEN_ISSUED,
            practice_id=access.only_practice(client.user),
            subject=client,
            client=client.name,
            scopes=str(granted),
            ends_at=ends_at.isoformat(timespec="seconds"),
        )
    return Issued(token=token, scopes=granted, seconds=int(LASTS.total_seconds()))


def recognise(token: str) -> Grant | None:
    """What a token allows now, or None where it allows nothing: unknown, over, or withdrawn."""
    if not token.startswith(PREFIX):
        return None
    held = (
        AccessToken.objects.select_related("client__user")
        .filter(
            digest=_digest(token), ends_at__gt=timezone.now(), client__withdrawn_at__isnull=True
        )
        .first()
    )
    if held is None or not held.client.user.is_active:
        return None
    return Grant(client=held.client, scopes=scopes.parse(held.scopes), ends_at=held.ends_at)


def forget() -> None:
    """Drop tokens and signed statements that are over."""
    AccessToken.objects.filter(ends_at__lt=timezone.now() - KEPT).delete()
    proving.forget_old()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
