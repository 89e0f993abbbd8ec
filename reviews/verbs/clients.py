"""Verbs on the systems that read and write by REST: make a key, revoke it, recognise it."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from reviews import access, audit, service_users, staff, walls
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, NotAllowed
from reviews.models import ApiKey, Practice, Role

SECRET_BYTES = 32
USED_EVERY = timedelta(minutes=1)
Kind = ApiKey.Kind
KINDS: dict[str, tuple[Action, Role]] = {
    Kind.RECORDS: (Action.MANAGE_CLIENTS, Role.INTEGRATION_CLIENT),
    Kind.PEOPLE: (Action.PROVISION, Role.PROVISIONING_CLIENT),
}
"""Who makes keys of a kind, and the role in which such a key acts."""


@transaction.atomic
def make_key(
    *,
    name: str,
    source_system: str,
    practices: Iterable[Practice],
    kind: str = Kind.RECORDS,
    by: User,
) -> tuple[ApiKey, str]:
    """`(ApiKey, secret)`: a key for one system at these practices. Only here is the secret seen.

    The key acts as a service user of its own, who can sign in nowhere, in the role that its kind
    has. Raises `NotAllowed` unless `by` makes keys of that kind at every one of the practices.
    """
    practices = list(practices)
    name, source_system = staff.written_name("name", name), source_system.strip()
    if not practices:
        raise BadRecord("practices", "at least one is needed")
    if kind not in KINDS:
        raise BadRecord("kind", f"must be one of {', '.join(KINDS)}")
    action, role = KINDS[kind]
    for practice in practices:
        access.require(by, action, practice)
    if not name or len(name) > 100:
        raise BadRecord("name", "is needed, in at most 100 characters")
    service_users.check_source(source_system)
    if ApiKey.objects.filter(
        name=name, source_system=source_system, practices__in=practices, revoked_at=None
    ).exists():
        # Two keys that nobody can tell apart: a form sent twice, or a name chosen too quickly.
        raise BadRecord("name", "is that of a key in force: choose another, or revoke that one")
    prefix = f"psp_{secrets.token_hex(4)}"
    secret = f"{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"
    key = ApiKey.objects.create(
        name=name,
        kind=kind,
        source_system=source_system,
        prefix=prefix,
        key_hash=_hash(secret),
        user=service_users.make(f"client-{prefix}", name, practices, role),
        created_by=by,
    )
    key.practices.set(practices)
    for practice in practices:
        audit.record(
            by,
            Event.CLIENT_KEY_MADE,
            practice_id=practice.pk,
            subject=key,
            name=name,
            source_system=source_system,
            prefix=prefix,
            kind=kind,
        )
    return key, secret


@transaction.atomic
def revoke_key(*, key: ApiKey, by: User) -> ApiKey:
    """End a key now. Whoever revokes keys at one of its practices may; twice is no error."""
    # Also those of its practices where `by` does not work.
    with walls.seeing(walls.EVERYTHING):
        # Behind the locks that whoever accepts an invitation of this key waits for.
        practices = list(key.practices.select_for_update(no_key=True, of=("self",)).order_by("pk"))
    if not any(access.allowed(by, Action.REVOKE_KEYS, practice) for practice in practices):
        raise NotAllowed("You may not revoke this key.", action="revoke_keys")
    changed = ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(
        revoked_at=Now(), revoked_by=by
    )
    key.refresh_from_db()
    if not changed:
        return key
    key.user.is_active = False
    key.user.save(update_fields=["is_active"])
    with walls.seeing(walls.EVERYTHING):
        for practice in practices:
            audit.record(
                by,
                Event.CLIENT_KEY_REVOKED,
                practice_id=practice.pk,
                subject=key,
                prefix=key.prefix,
            )
            staff.end_invitations(
                key.user, practice, by=by, reason="the key that made it was revoked"
            )
    return key


def authenticate(secret: str) -> ApiKey | None:
    """The key whose secret this is, or None; a wrong secret takes as long as a right one."""
    prefix = secret[: len("psp_") + 8]
    key = ApiKey.objects.select_related("user").filter(prefix=prefix).first()
    known = key.key_hash if key else _hash("")
    right = hmac.compare_digest(known, _hash(secret))
    if not (right and key and key.revoked_at is None and key.user.is_active):
        return None
    if key.last_used_at is None or key.last_used_at < timezone.now() - USED_EVERY:
        # The condition keeps many requests at once from queueing on one row.
        ApiKey.objects.filter(
            Q(last_used_at__isnull=True) | Q(last_used_at__lt=timezone.now() - USED_EVERY),
            pk=key.pk,
        ).update(last_used_at=Now())
    return key


@transaction.atomic
def importer(*, practice: Practice, source_system: str) -> User:
    """The service user as whom files of one source are imported at one practice."""
    service_users.check_source(source_system)
    username = f"import-{source_system}"
    existing = User.objects.filter(username=username).first()
    if existing and existing.memberships.filter(practice=practice).exists():
        return existing
    user = service_users.make(username, f"Import from {source_system}", [practice])
    audit.record(
        None, Event.CLIENT_IMPORTER_MADE, practice_id=practice.pk, source_system=source_system
    )
    return user


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
