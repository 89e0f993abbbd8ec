"""Which client a signed statement proves, by the keys that were registered for it.

Used by verbs, outside their transactions: a client's own address may be asked for its keys. That a
statement was used is kept in the database, so that nobody uses it again while the cache is away.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from reviews import jwts, outgoing, refused, tries
from reviews.bulk import binary_cursor
from reviews.errors import DomainError
from reviews.jwts import BadKey, Key, NotProven
from reviews.models import Client, FetchedKeys, UsedAssertion

FRESH = timedelta(minutes=5)
"""How long fetched keys are used where their server says nothing; it may say less, or up to:"""
FRESH_AT_MOST = timedelta(hours=1)
UNKNOWN_EVERY = timedelta(seconds=30)
"""A key that nobody knows has the keys fetched anew, of one client once in this time."""
FETCHES = tries.Limit(30, timedelta(minutes=1))
"""Keys that are fresh no longer are fetched so often at most, whoever sends what."""
FETCH_SECONDS, FETCH_BYTES = 4.0, 256 * 1024
USED_EVERY = timedelta(minutes=1)
PUBLISHED_ISSUERS = frozenset({"https://sandbox.cds-hooks.org"})
PUBLISHED_KID = "44823f3d-"
"""The private half of the sandbox's key is published: anybody can sign with it."""


def prove(token: str, *, audience: str, longest: timedelta, by_hook: bool = False) -> Client:
    """The client that made this statement for this address, now and for the first time.

    In CDS Hooks a client is known by its issuer; else its id is issuer and subject. Raises
    `NotProven`, and says to the client no more than that.
    """
    said = jwts.said(token)
    client, entered = _client(said.claims, by_hook=by_hook)
    try:
        _prove(client, entered, token, audience=audience, longest=longest, by_hook=by_hook)
    except NotProven as error:
        # Whoever it was said that they are this client: it may be one whose keys were changed.
        surface = refused.Surface.HOOKS if by_hook else refused.Surface.TOKEN
        fault = refused.Fault("", f"{UNPROVEN}: {error}", str(said.header.get("kid", "")))
        refused.keep(client.user, surface, [fault])
        raise
    if client.last_used_at is None or client.last_used_at < timezone.now() - USED_EVERY:
        # The condition keeps many requests at once from queueing on one row.
        Client.objects.filter(
            Q(last_used_at__isnull=True) | Q(last_used_at__lt=timezone.now() - USED_EVERY),
            pk=client.pk,
        ).update(last_used_at=Now())
    return client


UNPROVEN = "Somebody said to be this system, and did not prove it"


def _prove(
    client: Client,
    entered: "Entered",
    token: str,
    *,
    audience: str,
    longest: timedelta,
    by_hook: bool,
) -> None:
    """Raise `NotProven` unless the client signed this, now and for the first time."""
    said = jwts.said(token)
    jku = said.header.get("jku")
    if jku is not None and (not client.jwks_url or jku != client.jwks_url):
        raise NotProven("its jku is not the address that was registered")
    by = _key(client, entered, said.header)
    claims = jwts.check(token, by, audience=audience, now=timezone.now(), longest=longest)
    if not _first_time(claims["iss"], claims["jti"], claims["exp"], waits=not by_hook):
        raise NotProven("it was used before (jti)")


def is_published(kid: str) -> bool:
    """Whether anybody can sign with the key of that name. It counts where somebody develops."""
    return kid.startswith(PUBLISHED_KID) and not settings.OUTGOING_TO_LOOPBACK


def is_published_issuer(issuer: str) -> bool:
    """Whether anybody can sign as that issuer."""
    return issuer.rstrip("/") in PUBLISHED_ISSUERS and not settings.OUTGOING_TO_LOOPBACK


def forget_old() -> None:
    """Drop statements that are over: they prove nothing any more."""
    UsedAssertion.objects.filter(ends_at__lt=timezone.now()).delete()


Entered = list[dict[str, Any]]
"""Keys that were entered here: `kid`, `jwk`, and whether each was `withdrawn`."""


_OF_CLIENT = [field.attname for field in Client._meta.concrete_fields]
_OF_USER = [field.attname for field in User._meta.concrete_fields]
# Asked with each call of a hook: Django takes half as long to make this statement as screening.
_CLIENT = f"""
    SELECT {", ".join(f"c.{name}" for name in _OF_CLIENT)},
        {", ".join(f"u.{name}" for name in _OF_USER)},
        (SELECT coalesce(json_agg(json_build_object(
                'kid', k.kid, 'jwk', k.jwk, 'withdrawn', k.withdrawn_at IS NOT NULL
            )), '[]') FROM reviews_clientkey k WHERE k.client_id = c.id)::text
    FROM reviews_client c JOIN auth_user u ON u.id = c.user_id
    WHERE c.withdrawn_at IS NULL AND c.{{}} = %s
"""
CLIENT = {True: _CLIENT.format("hook_issuer"), False: _CLIENT.format("client_id")}
"""The client in force of a name with its user and keys: of an issuer of hooks or not."""


def _client(claims: Mapping[str, Any], *, by_hook: bool) -> tuple[Client, Entered]:
    """The client in force that a statement names, and the keys that were entered for it."""
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or not issuer or "\0" in issuer:
        raise NotProven("it does not say who made it (iss)")
    with binary_cursor() as cursor:
        found = cursor.execute(CLIENT[by_hook], [issuer]).fetchone()
    if found is None:
        raise NotProven("nobody of that name is registered (iss)")
    client = Client.from_db(connection.alias, _OF_CLIENT, found[: len(_OF_CLIENT)])
    client.user = User.from_db(connection.alias, _OF_USER, found[len(_OF_CLIENT) : -1])
    if not client.user.is_active:
        raise NotProven("nobody of that name is registered (iss)")
    if not by_hook and claims.get("sub") != issuer:
        raise NotProven("its subject is not who made it (sub)")
    return client, msgspec.json.decode(found[-1])


def _key(client: Client, entered: Entered, header: Mapping[str, Any]) -> Key:
    """The one key of the client that a header names."""
    withdrawn = {each["kid"] for each in entered if each["withdrawn"]}
    if header["kid"] in withdrawn or is_published(header["kid"]):
        raise NotProven("its key was withdrawn (kid)")
    held = [] if "jku" in header else entered
    keys = [each["jwk"] for each in held if not each["withdrawn"]]
    found = jwts.of_kid(keys, header)
    if not found and client.jwks_url:
        fetched, is_news = _fetched(client)
        found = jwts.of_kid(fetched, header)
        name = tries.key("jwks-unknown", client.pk)
        if not found and not is_news and tries.first_time(name, within=UNKNOWN_EVERY):
            found = jwts.of_kid(_fetch(client), header)
    if len(found) != 1:
        raise NotProven("it names no key, or not one alone (kid)")
    return found[0]


def _fetched(client: Client) -> tuple[list[Key], bool]:
    """`(keys, whether they were fetched now)` of the client's address."""
    held = FetchedKeys.objects.filter(client=client, fresh_until__gt=timezone.now()).first()
    if held is not None:
        return held.keys, False
    if tries.take(tries.key("jwks", client.pk), FETCHES).until is not None:
        raise NotProven("its keys were fetched too often of late")
    return _fetch(client), True


def _fetch(client: Client) -> list[Key]:
    try:
        reply = outgoing.get_json(client.jwks_url, seconds=FETCH_SECONDS, most_bytes=FETCH_BYTES)
        keys = jwts.key_set(reply.value, strict=False)
    except (DomainError, BadKey) as error:
        raise NotProven(f"its keys could not be fetched: {error}") from error
    now = timezone.now()
    held = {"keys": keys, "fetched_at": now, "fresh_until": now + fresh_for(reply.headers)}
    FetchedKeys.objects.update_or_create(client=client, defaults=held)
    return keys


def fresh_for(headers: Mapping[str, str]) -> timedelta:
    """How long an answer may be used, by its header fields, whose names are in lower case."""
    said = headers.get("cache-control", "").lower()
    if re.search(r"\bno-(store|cache)\b", said):
        return timedelta()
    age = re.search(r"\bmax-age\s*=\s*\"?(\d{1,9})", said)
    if age is None:
        return FRESH
    old = headers.get("age", "0").strip()
    seconds = int(age[1]) - (int(old) if old.isascii() and old.isdigit() else 0)
    return max(timedelta(), min(timedelta(seconds=seconds), FRESH_AT_MOST))


# Set for the transaction that the statement is.
USE = """
    WITH commits AS (
        SELECT set_config(
            'synchronous_commit', coalesce(%s, current_setting('synchronous_commit')), true
        )
    )
    INSERT INTO reviews_usedassertion AS u (digest, ends_at) SELECT %s, %s FROM commits
    ON CONFLICT (digest) DO UPDATE SET ends_at = excluded.ends_at
        WHERE u.ends_at <= clock_timestamp()
"""


def _first_time(issuer: str, jti: str, ends: float, *, waits: bool) -> bool:
    """Whether nobody has used this statement; of many who use it at once, one is first.

    Unless it `waits` for the disk, PostgreSQL writes it within 0.6 s: only a server that crashes in
    that time could forget it. A token is worth the wait; a hook, of which nothing comes but words
    for whoever asked, is not.
    """
    digest = hashlib.sha256(f"{issuer}\0{jti}".encode(errors="surrogatepass")).hexdigest()
    until = datetime.fromtimestamp(ends, tz=timezone.get_default_timezone()) + jwts.AHEAD
    with connection.cursor() as cursor:
        cursor.execute(USE, [None if waits else "off", digest, until])
        return cursor.rowcount == 1
