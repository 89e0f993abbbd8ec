"""Verbs on systems that sign what they ask: register one, change its keys, withdraw it.

`by` None is the portal, that is a command on its machine.
"""

import uuid
from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from reviews import access, audit, jwts, outgoing, proving, scopes, service_users, staff, walls
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, IllegalMove, NotAllowed
from reviews.jwts import BadKey
from reviews.models import AccessToken, Client, ClientKey, Practice
from reviews.scopes import SYSTEM, InvalidScope

LONGEST_KEYS = 20_000
MOST_KEYS = 10
"""Keys of one client that are in force at the same time."""


@transaction.atomic
def register(
    *,
    name: str,
    source_system: str,
    practices: Iterable[Practice],
    allowed: str = "",
    jwks_url: str = "",
    keys: str = "",
    hook_issuer: str = "",
    fhir_server: str = "",
    by: User | None,
) -> Client:
    """Register a system at these practices. Its keys are entered, or at an address, or both.

    `allowed` are the SMART scopes that its tokens may have at most; `hook_issuer` is who it is in
    CDS Hooks, and `fhir_server` the server whose data hooks may ask for. Raises `NotAllowed` unless
    `by` may make keys for records at every one of the practices.
    """
    practices = list(practices)
    name, source_system = staff.written_name("name", name), source_system.strip()
    if not practices:
        raise BadRecord("practices", "at least one is needed")
    if by is not None:
        for practice in practices:
            access.require(by, Action.MANAGE_CLIENTS, practice)
    if not name or len(name) > 100:
        raise BadRecord("name", "is needed, in at most 100 characters")
    service_users.check_source(source_system)
    allowed, hook_issuer = _scopes(allowed), hook_issuer.strip()
    if not allowed and not hook_issuer:
        raise BadRecord("allowed", "say what its tokens allow, or who it is in CDS Hooks")
    jwks_url, fhir_server = _address("jwks_url", jwks_url), _address("fhir_server", fhir_server)
    public = _keys(keys)
    if not public and not jwks_url:
        raise BadRecord("keys", "are needed, or the address where they are")
    _check_issuer(hook_issuer)
    client_id = str(uuid.uuid4())
    try:
        with transaction.atomic():
            client = Client.objects.create(
                name=name,
                client_id=client_id,
                source_system=source_system,
                jwks_url=jwks_url,
                scopes=allowed,
                hook_issuer=hook_issuer,
                fhir_server=fhir_server,
                user=service_users.make(f"client-{client_id}", name, practices),
                created_by=by,
            )
    except IntegrityError as error:
        raise BadRecord("hook_issuer", "is that of a system in force: withdraw that one") from error
    client.practices.set(practices)
    ClientKey.objects.bulk_create(
        [ClientKey(client=client, kid=key["kid"], jwk=key, added_by=by) for key in public]
    )
    _tell(
        client,
        Event.CLIENT_REGISTERED,
        by,
        source_system=source_system,
        scopes=allowed,
        hook_issuer=hook_issuer,
        jwks_url=jwks_url,
        fhir_server=fhir_server,
        keys=[key["kid"] for key in public],
    )
    return client


@transaction.atomic
def add_keys(*, client: Client, keys: str, by: User | None) -> list[ClientKey]:
    """Put new public keys beside those in force, so that none is missing while the client changes.

    A name that the client had before is refused, whatever its key.
    """
    locked = _locked(client, Action.MANAGE_CLIENTS, by)
    public = _keys(keys)
    if not public:
        raise BadRecord("keys", "are needed")
    held = set(ClientKey.objects.filter(client=locked).values_list("kid", flat=True))
    for key in public:
        if key["kid"] in held:
            raise BadRecord("keys", f"{key['kid']} is the name of a key that it has or had")
    if ClientKey.objects.filter(client=locked, withdrawn_at=None).count() + len(public) > MOST_KEYS:
        raise BadRecord("keys", f"more than {MOST_KEYS} would be in force: withdraw some first")
    made = ClientKey.objects.bulk_create(
        [ClientKey(client=locked, kid=key["kid"], jwk=key, added_by=by) for key in public]
    )
    for key in made:
        _tell(locked, Event.CLIENT_SIGNING_KEY_ADDED, by, kid=key.kid)
    return made


@transaction.atomic
def withdraw_key(*, key: ClientKey, by: User | None) -> ClientKey:
    """End a key now: what it signs proves nothing any more. Twice is no error.

    Tokens that were given for it go on for the five minutes that they have left.
    """
    locked = _locked(key.client, Action.REVOKE_KEYS, by)
    changed = ClientKey.objects.filter(pk=key.pk, withdrawn_at__isnull=True).update(
        withdrawn_at=Now(), withdrawn_by=by
    )
    key.refresh_from_db()
    if changed:
        _tell(locked, Event.CLIENT_SIGNING_KEY_WITHDRAWN, by, kid=key.kid)
    return key


@transaction.atomic
def withdraw(*, client: Client, by: User | None) -> Client:
    """End a system now, with every token that it has. Twice is no error."""
    locked = _locked(client, Action.REVOKE_KEYS, by, gone=True)
    changed = Client.objects.filter(pk=client.pk, withdrawn_at__isnull=True).update(
        withdrawn_at=Now(), withdrawn_by=by
    )
    client.refresh_from_db()
    if not changed:
        return client
    AccessToken.objects.filter(client=client).delete()
    locked.user.is_active = False
    locked.user.save(update_fields=["is_active"])
    _tell(locked, Event.CLIENT_WITHDRAWN, by)
    return client


def _locked(client: Client, action: Action, by: User | None, *, gone: bool = False) -> Client:
    """The client, locked, if `by` may at one of its practices; refused where it was withdrawn."""
    # Also those of its practices where `by` does not work.
    with walls.seeing(walls.EVERYTHING):
        practices = list(client.practices.order_by("pk"))
    if by is not None and not any(access.allowed(by, action, practice) for practice in practices):
        raise NotAllowed(f"You may not {action} here.", action=action.name.lower())
    locked = Client.objects.select_for_update(no_key=True, of=("self",)).select_related("user")
    found = locked.get(pk=client.pk)
    if found.withdrawn_at is not None and not gone:
        raise IllegalMove("This system was withdrawn. Register it anew.")
    return found


def _tell(client: Client, event: Event, by: User | None, **detail: Any) -> None:
    """Write the event down at each practice of the client."""
    said = {name: value for name, value in detail.items() if value not in ("", [])}
    with walls.seeing(walls.EVERYTHING):
        for practice_id in client.practices.order_by("pk").values_list("pk", flat=True):
            audit.record(
                by, event, practice_id=practice_id, subject=client, client=client.name, **said
            )


def _scopes(said: str) -> str:
    if not said.strip():
        return ""
    try:
        read = scopes.parse(said)
    except InvalidScope as error:
        raise BadRecord("allowed", str(error)) from error
    if any(scope.context != SYSTEM for scope in read.all):
        raise BadRecord("allowed", "nobody is signed in, so that only system/ scopes hold")
    return str(read)


def _address(field: str, said: str) -> str:
    said = said.strip()
    if said:
        try:
            outgoing.read(said)
        except outgoing.Refused as error:
            raise BadRecord(field, error.message) from error
        if len(said) > 500:
            raise BadRecord(field, "has more than 500 characters")
    return said


def _keys(said: str) -> list[jwts.Key]:
    if not said.strip():
        return []
    if len(said) > LONGEST_KEYS:
        raise BadRecord("keys", f"are longer than {LONGEST_KEYS} characters")
    try:
        found = jwts.entered(said)
    except BadKey as error:
        raise BadRecord("keys", str(error)) from error
    if len(found) > MOST_KEYS:
        raise BadRecord("keys", f"are more than {MOST_KEYS}")
    for key in found:
        if proving.is_published(key["kid"]):
            raise BadRecord("keys", f"{key['kid']} is a key whose private half is published")
    return found


def _check_issuer(issuer: str) -> None:
    if len(issuer) > 255 or not issuer.isprintable() or " " in issuer:
        raise BadRecord("hook_issuer", "has at most 255 signs, without spaces")
    if proving.is_published_issuer(issuer):
        raise BadRecord("hook_issuer", "is a sandbox whose private key is published")
