"""Sends events to their receivers: in order of each patient, again and again, never twice at once.

What is to be sent is found in the trail, up to the oldest open transaction, so nothing that commits
late is passed over (`reviews.feed` says why). One worker at a time holds a receiver. Nothing is
locked and no transaction is open while a receiver is asked.

- **Each patient's events go out in order**: what waits for a message is not sent before it.
- **A receiver that fails** is left alone for longer each time, as `WAITS` says, or for as long as
  it says itself. What waits for it has not been tried, so it loses nothing; after `GIVE_UP` of
  nothing but failures it is turned off, and somebody turns it on again.
- **A message that is refused** (`OF_THE_MESSAGE`) is tried again by itself, and given up after
  `GIVE_UP`: then the patient's next ones go out. So one message cannot stop all others.
"""

import json
import time
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import msgspec
import structlog
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from reviews import access, audit, outgoing, secret_text, webhooks
from reviews.audit import Event
from reviews.errors import DomainError
from reviews.models import ApiKey, AuditEvent, Client, Webhook, WebhookMessage, WebhookTry
from reviews.queries import fhir_subscriptions
from reviews.queries.fhir_shaping import whole

log = structlog.get_logger(__name__)
State = WebhookMessage.State

TRY_SECONDS = 5.0
"""A receiver that has not answered by then has failed."""
TURN_SECONDS = 3.0
"""So long one receiver is told what waits, before the next one has its turn."""
HOLD = timedelta(seconds=60)
"""Whoever sends is gone if it has not let go by then."""
ANSWER_BYTES = 256 * 1024
QUEUED_AT_ONCE = 1_000
WAITS = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 300, 900, 1_800, 3_600, 7_200, 14_400)
)
LONGEST_WAIT = timedelta(days=1)
GIVE_UP = timedelta(days=3)
GONE = 410
OF_THE_MESSAGE = {400, 409, 413, 415, 422}
"""Answers that refuse one message, and say nothing of the others."""
REVOKED = "The key that made it was revoked."
WITHDRAWN = "The system that made it was withdrawn."
ENDED = "It ended when its system had said."


class Answer(NamedTuple):
    """What came of a try: the status, or None and why; and how long the receiver asks to wait."""

    status: int | None
    error: str
    wait: timedelta | None
    took_ms: int
    may_not: bool = False
    """Nothing was sent: whoever asked for it may not read it any more."""

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def deliver(*, seconds: float) -> int:
    """Tell receivers what waits for them, each in its turn; returns how many tries were made.

    Rings again where something is left when the time is up.
    """
    until, tries = time.monotonic() + seconds, 0
    for pk in list(_due().values_list("pk", flat=True)):
        if time.monotonic() >= until:
            webhooks.ring()
            break
        webhook = _hold(pk)
        if webhook is None:
            continue
        try:
            queue(webhook)
            tries += _tell(webhook, min(until, time.monotonic() + TURN_SECONDS))
        except DomainError as error:
            log.warning("webhook_not_told", webhook=pk, why=error.message)
        finally:
            _let_go(pk)
    return tries


def queue(webhook: Webhook) -> int:
    """Queue what happened since; returns how many messages."""
    if webhook.criteria:
        return _queue_changes(webhook)
    place, horizon = webhooks.position()
    events = AuditEvent.objects.filter(practice_id=webhook.practice_id, verb__in=webhook.events)
    if webhook.place != place:
        # The database was restored: transactions are counted anew, and numbers of events go on.
        events = events.filter(pk__gt=webhook.last_event).order_by("pk")
    else:
        after = Q(xact=webhook.from_xact, pk__gt=webhook.from_event)
        events = events.filter(
            after | Q(xact__gt=webhook.from_xact), xact__gte=webhook.from_xact, xact__lt=horizon
        ).order_by("xact", "pk")
    found = list(events[:QUEUED_AT_ONCE])
    with transaction.atomic():
        WebhookMessage.objects.bulk_create(
            [
                WebhookMessage(
                    webhook=webhook,
                    practice_id=webhook.practice_id,
                    event=event.pk,
                    type=event.verb,
                    at=event.at,
                    patient_id=event.patient_id,
                    subject=event.subject,
                )
                for event in found
            ],
            ignore_conflicts=True,
        )
        latest = max((webhook.last_event, *(event.pk for event in found)))
        if len(found) < QUEUED_AT_ONCE:
            moved = {"from_xact": horizon, "from_event": 0, "place": place}
        elif webhook.place == place:
            moved = {"from_xact": found[-1].xact, "from_event": found[-1].pk}
        else:
            moved = {}
        Webhook.objects.filter(pk=webhook.pk).update(last_event=latest, **moved)
    for field, value in moved.items():
        setattr(webhook, field, value)
    webhook.last_event = latest
    return len(found)


def _queue_changes(webhook: Webhook) -> int:
    """Queue what changed since and meets the criteria of a Subscription; returns how much."""
    question = fhir_subscriptions.read(webhook.criteria, webhook.base)
    place, horizon = webhooks.position()
    rows = fhir_subscriptions.changes_of(question, webhook.practice_id)
    if webhook.place != place:
        rows = rows.filter(pk__gt=webhook.last_event).order_by("pk")
    else:
        after = Q(xact=webhook.from_xact, pk__gt=webhook.from_event)
        rows = rows.filter(
            after | Q(xact__gt=webhook.from_xact), xact__gte=webhook.from_xact, xact__lt=horizon
        ).order_by("xact", "pk")
    found = list(rows[:QUEUED_AT_ONCE])
    with access.seeing_as(webhook.made_by), transaction.atomic():
        told = {one.seq: one for one in fhir_subscriptions.matches(webhook, question, found)}
        name = question.kind.name
        WebhookMessage.objects.bulk_create(
            [
                WebhookMessage(
                    webhook=webhook,
                    practice_id=webhook.practice_id,
                    event=change.seq,
                    type=f"fhir.{name}",
                    at=change.at,
                    patient_id=told[change.seq].patient_id,
                    subject=f"{name}/{told[change.seq].logical_id}",
                )
                for change in found
                if change.seq in told
            ],
            ignore_conflicts=True,
        )
        moved: dict[str, object] = {}
        if len(found) < QUEUED_AT_ONCE:
            moved = {"from_xact": horizon, "from_event": 0, "place": place}
        elif webhook.place == place:
            moved = {"from_xact": found[-1].xact, "from_event": found[-1].seq}
        moved["last_event"] = max((webhook.last_event, *(change.seq for change in found)))
        Webhook.objects.filter(pk=webhook.pk).update(**moved)
    for field, value in moved.items():
        setattr(webhook, field, value)
    return len(told)


def _due() -> QuerySet[Webhook]:
    """Receivers that may be told something now, the one left alone for longest first."""
    now = timezone.now()
    # What is put off for longer than anything is was so before a clock was set back.
    ready = Q(not_before=None) | Q(not_before__lte=now) | Q(not_before__gt=now + LONGEST_WAIT)
    free = Q(held_until=None) | Q(held_until__lte=now) | Q(held_until__gt=now + HOLD)
    rows = Webhook.objects.enabled().filter(ready, free)
    return rows.order_by(F("worked_at").asc(nulls_first=True), "pk")


def _hold(pk: int) -> Webhook | None:
    """Take a receiver for this worker; None where another one has it, or it is turned off."""
    now = timezone.now()
    if not _due().filter(pk=pk).order_by().update(held_until=now + HOLD, worked_at=now):
        return None
    webhook = Webhook.objects.select_related("practice", "made_by").get(pk=pk)
    if ApiKey.objects.filter(user=webhook.made_by_id, revoked_at__isnull=False).exists():
        _turn_off(webhook, REVOKED)
        return None
    if Client.objects.filter(user=webhook.made_by_id, withdrawn_at__isnull=False).exists():
        _turn_off(webhook, WITHDRAWN)
        return None
    if webhook.ends_at is not None and webhook.ends_at <= timezone.now():
        _turn_off(webhook, ENDED)
        return None
    return webhook


def _let_go(pk: int) -> None:
    Webhook.objects.filter(pk=pk).update(held_until=None)


def _tell(webhook: Webhook, until: float) -> int:
    """Send what waits, until the time is up, nothing is left or the receiver fails."""
    tries = 0
    while (message := _next(webhook)) is not None:
        answer = _send(webhook, message)
        tries += 1
        if not _keep(webhook, message, answer):
            return tries
        if time.monotonic() >= until:
            webhooks.ring()
            return tries
    return tries


def _next(webhook: Webhook) -> WebhookMessage | None:
    """What is sent next: what was tried least, and of each patient the oldest that waits."""
    now = timezone.now()
    waiting = WebhookMessage.objects.filter(webhook=webhook, state=State.WAITING)
    before = waiting.filter(patient_id=OuterRef("patient_id"), pk__lt=OuterRef("pk"))
    due = Q(not_before=None) | Q(not_before__lte=now) | Q(not_before__gt=now + LONGEST_WAIT)
    return waiting.filter(due, ~Exists(before)).order_by("tries", "pk").first()


def _send(webhook: Webhook, message: WebhookMessage) -> Answer:
    if webhook.criteria:
        return _notify(webhook, message)
    sent, now = webhooks.body(message, webhook.practice.code), timezone.now()
    headers = webhooks.headers(webhook, message, sent, now)
    began = time.monotonic()
    status, error, wait = None, "", None
    try:
        reply = outgoing.post(
            webhook.url, sent, headers=headers, seconds=TRY_SECONDS, most_bytes=ANSWER_BYTES
        )
        status, wait = reply.status, _asked_to_wait(reply)
    except DomainError as refusal:
        error = refusal.message
    return Answer(status, error, wait, round(1000 * (time.monotonic() - began)))


def _notify(webhook: Webhook, message: WebhookMessage) -> Answer:
    """Tell a Subscription of a resource, as it stands now: nothing, its id, or all of it."""
    headers = {"webhook-id": f"msg_{message.name.hex}"}
    if webhook.header:
        headers |= json.loads(secret_text.decrypt(webhook.header))
    method, url, body = "POST", webhook.url, b""
    if message.subject:
        with access.seeing_as(webhook.made_by):
            found = fhir_subscriptions.shown(webhook, message.subject)
            if found is None:
                return Answer(None, "It may not be read any more.", None, 0, may_not=True)
            if webhook.payload == Webhook.Payload.ID_ONLY:
                body = msgspec.json.encode({"resourceType": found.type, "id": found.id})
            elif webhook.payload == Webhook.Payload.FULL:
                method, url = "PUT", f"{webhook.url.rstrip('/')}/{found.type}/{found.id}"
                body = msgspec.json.encode(whole(found))
                _tell_of_reading(webhook, found.type, found.id, found.patient_id)
    if body:
        headers["Content-Type"] = msgspec.json.decode(webhook.asked)["channel"]["payload"]
    began = time.monotonic()
    status, error, wait = None, "", None
    try:
        reply = outgoing.send(
            method, url, body=body, headers=headers, seconds=TRY_SECONDS, most_bytes=ANSWER_BYTES
        )
        status, wait = reply.status, _asked_to_wait(reply)
    except DomainError as refusal:
        error = refusal.message
    return Answer(status, error, wait, round(1000 * (time.monotonic() - began)))


def _tell_of_reading(webhook: Webhook, type_name: str, pk: str, patient_id: int | None) -> None:
    """A resource that goes out was read by whoever subscribed to it."""
    audit.record(
        webhook.made_by,
        Event.API_READ,
        practice_id=webhook.practice_id,
        resource=f"FHIR {type_name}",
        rows=1,
        query={"_id": pk, "subscription": str(webhook.pk)},
        shown=[] if patient_id is None else [patient_id],
    )


def _asked_to_wait(reply: outgoing.Reply) -> timedelta | None:
    """What `Retry-After` says: seconds or a time. Nothing else is believed, nor more than a day."""
    said = reply.headers.get("retry-after", "").strip()
    if not said:
        return None
    if said.isascii() and said.isdigit():
        return min(timedelta(seconds=min(int(said[:9]), 10**9)), LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(said)
    except ValueError:
        return None
    if at.tzinfo is None:
        return None
    return max(timedelta(0), min(at - timezone.now(), LONGEST_WAIT))


@transaction.atomic
def _keep(webhook: Webhook, message: WebhookMessage, answer: Answer) -> bool:
    """Write down what came of a try. Whether the receiver can be told the next message now."""
    WebhookTry.objects.create(
        message=message,
        practice_id=webhook.practice_id,
        took_ms=answer.took_ms,
        status=answer.status,
        error=answer.error[:200],
    )
    held = Webhook.objects.select_for_update(of=("self",)).get(pk=webhook.pk)
    row = WebhookMessage.objects.select_for_update(of=("self",)).get(pk=message.pk)
    now = timezone.now()
    row.tries += 1
    first = row.tried_first_at = row.tried_first_at or now
    if answer.delivered:
        row.state, row.ended_at = State.DELIVERED, now
    elif answer.may_not:
        row.state, row.ended_at = State.DEAD, now
    else:
        row.not_before = now + _wait(row.tries, answer)
        if now - first >= GIVE_UP and answer.status in OF_THE_MESSAGE:
            row.state, row.ended_at = State.DEAD, now
    row.save(update_fields=["tries", "tried_first_at", "state", "ended_at", "not_before"])
    if answer.may_not:
        return held.disabled_at is None and held.removed_at is None
    if answer.delivered or answer.status in OF_THE_MESSAGE:
        if held.failures:
            Webhook.objects.filter(pk=held.pk).update(
                failures=0, failing_since=None, not_before=None
            )
        return held.disabled_at is None and held.removed_at is None
    held.failures += 1
    since = held.failing_since = held.failing_since or now
    held.not_before = now + _wait(held.failures, answer)
    held.save(update_fields=["failures", "failing_since", "not_before"])
    if answer.status == GONE:
        _turn_off(held, "It answered 410: it is gone.")
    elif now - since >= GIVE_UP:
        _turn_off(held, f"It failed for {GIVE_UP.days} days.")
    return False


def _wait(failures: int, answer: Answer) -> timedelta:
    usual = WAITS[min(failures, len(WAITS)) - 1]
    return max(usual, answer.wait or usual)


@transaction.atomic
def _turn_off(webhook: Webhook, reason: str) -> None:
    changed = Webhook.objects.enabled().filter(pk=webhook.pk)
    if changed.update(disabled_at=timezone.now(), disabled_because=reason, held_until=None):
        audit.record(
            None,
            Event.WEBHOOK_DISABLED,
            practice_id=webhook.practice_id,
            subject=webhook,
            name=webhook.name,
            reason=reason,
        )
