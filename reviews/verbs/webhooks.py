"""Verbs on receivers of events: make, change, give a new secret, turn on, remove, send again."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reviews import access, audit, outgoing, secret_text, staff, webhooks
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, IllegalMove, NotFound
from reviews.models import Practice, Webhook, WebhookMessage

MOST = 20
"""Receivers of one practice."""
State = WebhookMessage.State


@transaction.atomic
def make(
    *, practice: Practice, name: str, url: str, events: Iterable[str], by: User
) -> tuple[Webhook, str]:
    """`(Webhook, secret)`: a receiver of what happens from now on. Only here is the secret seen.

    Raises `BadRecord` for an address that the portal does not call, and for an unknown event.
    """
    if not access.allowed(by, Action.OWN_WEBHOOKS, practice):
        access.require(by, Action.MANAGE_WEBHOOKS, practice)
    there = Webhook.objects.there().filter(practice=practice)
    if there.count() >= MOST:
        raise BadRecord("practice", f"has {MOST} receivers already; remove one first")
    given = _read(name, url, events)
    if there.filter(name=given["name"]).exists():
        raise BadRecord("name", "is that of another receiver of this practice")
    secret = webhooks.new_secret()
    place, horizon = webhooks.position()
    made = Webhook.objects.create(
        practice=practice,
        **given,
        secret=secret_text.encrypt(secret),
        made_by=by,
        from_xact=horizon,
        place=place,
    )
    _tell(by, Event.WEBHOOK_MADE, made, name=made.name, url=made.url, events=made.events)
    return made, secret


@transaction.atomic
def subscribe(
    *,
    practice: Practice,
    criteria: str,
    url: str,
    payload: str,
    header: Mapping[str, str],
    scopes: str | None,
    base: str,
    asked: str,
    ends_at: datetime | None,
    by: User,
) -> Webhook:
    """A Subscription of FHIR, which is told of what changes from now on and meets its criteria.

    Whoever calls has asked that `by` may read what it is told of. Raises `BadRecord` for an address
    that the portal does not call.
    """
    access.require(by, Action.OWN_WEBHOOKS, practice)
    if Webhook.objects.there().filter(practice=practice).count() >= MOST:
        raise BadRecord("Subscription", f"the practice has {MOST} receivers already")
    try:
        outgoing.read(url)
    except outgoing.Refused as error:
        raise BadRecord("Subscription.channel.endpoint", error.message) from error
    place, horizon = webhooks.position()
    made = Webhook.objects.create(
        practice=practice,
        name=f"Subscription: {criteria}"[:100],
        url=url,
        events=[f"fhir.{criteria.partition('?')[0]}"],
        secret=secret_text.encrypt(webhooks.new_secret()),
        made_by=by,
        from_xact=horizon,
        place=place,
        criteria=criteria,
        payload=payload,
        header=secret_text.encrypt(json.dumps(dict(header))) if header else "",
        scopes=scopes,
        base=base,
        asked=asked,
        ends_at=ends_at,
    )
    _tell(by, Event.WEBHOOK_MADE, made, name=made.name, url=made.url, events=made.events)
    transaction.on_commit(webhooks.ring)
    return made


@transaction.atomic
def change(*, webhook: Webhook, name: str, url: str, events: Iterable[str], by: User) -> Webhook:
    """Change what a receiver is called, where it is, and what it is told of from now on."""
    held = _held(webhook, by)
    if held.criteria:
        raise IllegalMove("A Subscription is not changed: its system removes it, and asks anew.")
    given = _read(name, url, events)
    others = Webhook.objects.there().filter(practice=held.practice_id).exclude(pk=held.pk)
    if others.filter(name=given["name"]).exists():
        raise BadRecord("name", "is that of another receiver of this practice")
    before = {
        field: getattr(held, field) for field in given if getattr(held, field) != given[field]
    }
    if not before:
        return held
    for field, value in given.items():
        setattr(held, field, value)
    held.save(update_fields=list(given))
    after = {field: given[field] for field in before}
    _tell(by, Event.WEBHOOK_CHANGED, held, name=held.name, before=before, after=after)
    return held


@transaction.atomic
def rotate(*, webhook: Webhook, by: User) -> tuple[Webhook, str]:
    """`(Webhook, secret)`: a new secret. For a day the one of before signs as well."""
    held = _held(webhook, by)
    secret = webhooks.new_secret()
    held.old_secret, held.secret = held.secret, secret_text.encrypt(secret)
    held.old_until = timezone.now() + webhooks.BOTH_SIGN
    held.save(update_fields=["old_secret", "secret", "old_until"])
    _tell(by, Event.WEBHOOK_SECRET, held, name=held.name)
    return held, secret


@transaction.atomic
def enable(*, webhook: Webhook, by: User) -> Webhook:
    """Send again to a receiver that was turned off, or that is waited for; all that waits."""
    held = _held(webhook, by)
    was_off = held.disabled_at is not None
    held.disabled_at, held.disabled_because = None, ""
    held.failures, held.failing_since, held.not_before = 0, None, None
    held.save(
        update_fields=["disabled_at", "disabled_because", "failures", "failing_since", "not_before"]
    )
    waiting = held.messages.filter(state=State.WAITING)
    waiting.update(not_before=None, tries=0, tried_first_at=None)
    if was_off:
        _tell(by, Event.WEBHOOK_ENABLED, held, name=held.name)
    transaction.on_commit(webhooks.ring)
    return held


@transaction.atomic
def disable(*, webhook: Webhook, by: User) -> Webhook:
    """Send nothing to a receiver until it is turned on; what happens meanwhile waits for it."""
    held = _held(webhook, by)
    if held.disabled_at is None:
        held.disabled_at, held.disabled_because = timezone.now(), "Somebody turned it off."
        held.save(update_fields=["disabled_at", "disabled_because"])
        _tell(by, Event.WEBHOOK_DISABLED, held, name=held.name, reason=held.disabled_because)
    return held


@transaction.atomic
def remove(*, webhook: Webhook, by: User) -> None:
    """End a receiver for good. What waits for it is sent to nobody."""
    held = _held(webhook, by)
    held.removed_at = timezone.now()
    held.secret, held.old_secret, held.old_until, held.header = "", "", None, ""
    held.save(update_fields=["removed_at", "secret", "old_secret", "old_until", "header"])
    _tell(by, Event.WEBHOOK_REMOVED, held, name=held.name)


@transaction.atomic
def send_sample(*, webhook: Webhook, by: User) -> WebhookMessage:
    """Send an event that is none, so that somebody sees whether it arrives."""
    held = _held(webhook, by)
    if held.disabled_at is not None:
        raise IllegalMove("This receiver is turned off. Turn it on first.")
    made = WebhookMessage.objects.create(
        webhook=held, practice_id=held.practice_id, type=webhooks.SAMPLE, at=timezone.now()
    )
    _tell(by, Event.WEBHOOK_SAMPLE, held, name=held.name)
    transaction.on_commit(webhooks.ring)
    return made


@transaction.atomic
def send_again(*, message: WebhookMessage, by: User) -> WebhookMessage:
    """Send a message once more, whether it was given up or delivered; with the same id."""
    held = _held(message.webhook, by)
    row = WebhookMessage.objects.select_for_update(of=("self",)).get(pk=message.pk)
    row.state, row.ended_at = State.WAITING, None
    row.tries, row.tried_first_at, row.not_before = 0, None, None
    row.save(update_fields=["state", "ended_at", "tries", "tried_first_at", "not_before"])
    _tell(by, Event.WEBHOOK_AGAIN, held, name=held.name, message=row.pk)
    transaction.on_commit(webhooks.ring)
    return row


def _held(webhook: Webhook, by: User) -> Webhook:
    """The row, locked, after asking whether `by` may."""
    rows = webhooks.visible_to(by).select_for_update(of=("self",))
    held = rows.filter(pk=webhook.pk).first()
    if held is None:
        raise NotFound(access.NO_SUCH_RECORD)
    return held


def _read(name: str, url: str, events: Iterable[str]) -> dict[str, str | list[str]]:
    name = staff.written_name("name", name)
    if not name or len(name) > 100:
        raise BadRecord("name", "is needed, in at most 100 characters")
    try:
        outgoing.read(url)
    except outgoing.Refused as error:
        raise BadRecord("url", error.message) from error
    wanted = sorted(set(events))
    if not wanted:
        raise BadRecord("events", "at least one is needed")
    for event in wanted:
        if event not in webhooks.TOLD:
            raise BadRecord("events", f"“{event[:60]}” is none that is sent")
    return {"name": name, "url": url, "events": wanted}


def _tell(by: User, event: Event, webhook: Webhook, **detail: Any) -> None:
    audit.record(by, event, practice_id=webhook.practice_id, subject=webhook, **detail)
