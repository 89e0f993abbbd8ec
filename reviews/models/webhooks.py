"""Receivers of events: where, of what, what waits for them, and every try to reach them."""

import uuid
from typing import Self

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from .people import Practice

USER = settings.AUTH_USER_MODEL


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def there(self) -> Self:
        """Those that nobody has removed."""
        return self.filter(removed_at__isnull=True)

    def enabled(self) -> Self:
        return self.there().filter(disabled_at__isnull=True)


class Webhook(models.Model):
    """An address of another system that is told of events of one practice.

    `secret` and `old_secret` are encrypted (`reviews.secret_text`); until `old_until` both sign.
    Events are queued for it in the order of (`from_xact`, `from_event`), counted at `place`;
    `last_event` is the latest id that was queued. `failures` counts those in a row, and
    `not_before` puts all of it off. Whoever sends holds it until `held_until`.

    A Subscription of FHIR is one, too, with `criteria` ("" for all others), a type and a search: it
    is told of changes of the feed in place of events, and `from_event` counts those. `payload` says
    how much of a resource goes out, `header` (encrypted JSON) what goes with it, `scopes` what the
    token allowed that asked for it (None: a key, which has none), `base` the address that was
    asked, `asked` the resource as it was sent, without its header. It ends at `ends_at`.
    """

    class Payload(models.TextChoices):
        EMPTY = "empty", "Nothing"
        ID_ONLY = "id-only", "The id"
        FULL = "full-resource", "The resource"

    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=100)
    url = models.CharField(max_length=2000)
    events = ArrayField(models.CharField(max_length=60))
    secret = models.TextField()
    old_secret = models.TextField(blank=True)
    old_until = models.DateTimeField(null=True)
    made_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now(), editable=False)
    disabled_at = models.DateTimeField(null=True)
    disabled_because = models.CharField(max_length=200, blank=True)
    removed_at = models.DateTimeField(null=True)

    from_xact = models.BigIntegerField()
    from_event = models.BigIntegerField(default=0)
    last_event = models.BigIntegerField(default=0)
    place = models.CharField(max_length=100)
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    held_until = models.DateTimeField(null=True)
    worked_at = models.DateTimeField(null=True)

    criteria = models.CharField(max_length=1000, blank=True, default="", db_default="")
    payload = models.CharField(
        max_length=13, choices=Payload, blank=True, default="", db_default=""
    )
    header = models.TextField(blank=True, default="", db_default="")
    scopes = models.CharField(max_length=4000, null=True)
    base = models.CharField(max_length=500, blank=True, default="", db_default="")
    asked = models.TextField(blank=True, default="", db_default="")
    ends_at = models.DateTimeField(null=True)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        triggers = [pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete)]
        constraints = [
            models.CheckConstraint(
                name="webhook_disabled_for_a_reason",
                condition=Q(disabled_at__isnull=True, disabled_because="")
                | (Q(disabled_at__isnull=False) & ~Q(disabled_because="")),
            ),
            models.CheckConstraint(name="webhook_hears_something", condition=~Q(events=[])),
            models.CheckConstraint(
                name="webhook_old_secret_ends",
                condition=Q(old_secret="", old_until__isnull=True)  # nosec B106
                | (~Q(old_secret="") & Q(old_until__isnull=False)),  # nosec B106
            ),
        ]

    def __str__(self) -> str:
        return self.name


class WebhookMessage(models.Model):
    """One event for one receiver: thin, and the same on every try. `event` is None for a sample.

    `name` is what the receiver knows it by: numbers are given again where a database is restored.

    DEAD were tried for days, or refused for good; somebody may have them sent again.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DELIVERED = "delivered", "Delivered"
        DEAD = "dead", "Given up"

    webhook = models.ForeignKey(
        Webhook, on_delete=models.PROTECT, related_name="messages", db_index=False
    )
    practice = models.ForeignKey(
        Practice, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    name = models.UUIDField(default=uuid.uuid4, editable=False)
    event = models.BigIntegerField(null=True)
    type = models.CharField(max_length=60)
    at = models.DateTimeField()
    patient_id = models.BigIntegerField(null=True)
    subject = models.CharField(max_length=80, blank=True)
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    tries = models.PositiveIntegerField(default=0)
    tried_first_at = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="said_once",
                fields=[
                    "webhook",
                    "practice",
                    "name",
                    "event",
                    "type",
                    "at",
                    "patient_id",
                    "subject",
                ],
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["webhook", "event"], name="webhook_event_once"),
            models.CheckConstraint(
                name="webhook_message_ended_with_its_state",
                condition=Q(state="waiting", ended_at__isnull=True)
                | (~Q(state="waiting") & Q(ended_at__isnull=False)),
            ),
        ]
        indexes = [
            models.Index(
                fields=["webhook", "tries", "id"], condition=Q(state="waiting"), name="webhook_next"
            ),
            models.Index(
                fields=["webhook", "patient_id", "id"],
                condition=Q(state="waiting"),
                name="webhook_order_of_patient",
            ),
            models.Index(fields=["webhook", "-id"], name="webhook_log"),
        ]

    def __str__(self) -> str:
        return f"{self.type} to {self.webhook_id}"


class WebhookTry(models.Model):
    """One try to deliver a message, and what came of it; append-only.

    `status` is what the receiver answered, None where no answer came; `error` says why.
    """

    message = models.ForeignKey(WebhookMessage, on_delete=models.PROTECT, related_name="log")
    practice = models.ForeignKey(
        Practice, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    at = models.DateTimeField(db_default=Now(), editable=False)
    took_ms = models.PositiveIntegerField()
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.message_id}: {self.status or self.error}"
