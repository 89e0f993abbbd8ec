"""Receivers of events, and what became of what was sent to them."""

from django.contrib.auth.models import User
from django.db.models import Count, Prefetch, Q, QuerySet

from reviews import access, webhooks
from reviews.errors import NotFound
from reviews.models import Webhook, WebhookMessage, WebhookTry

State = WebhookMessage.State
TRIES_SHOWN = 10


def visible_to(user: User) -> QuerySet[Webhook]:
    """The receivers that somebody keeps, each with how many messages wait or were given up."""
    return (
        webhooks.visible_to(user)
        .annotate(
            waiting=Count("messages", filter=Q(messages__state=State.WAITING)),
            given_up=Count("messages", filter=Q(messages__state=State.DEAD)),
        )
        .order_by("practice__name", "name", "pk")
    )


def fetch(user: User, pk: int) -> Webhook:
    """One receiver that somebody keeps. Raises `NotFound`."""
    found = visible_to(user).filter(pk=pk).first()
    if found is None:
        raise NotFound(access.NO_SUCH_RECORD)
    return found


def messages(webhook: Webhook) -> QuerySet[WebhookMessage]:
    """What was and is to be sent to a receiver, the newest first, each with its last tries."""
    tries = WebhookTry.objects.order_by("-pk")
    return webhook.messages.order_by("-pk").prefetch_related(Prefetch("log", queryset=tries))


def message(user: User, webhook_pk: int, pk: int) -> WebhookMessage:
    """One message of a receiver that somebody keeps. Raises `NotFound`."""
    webhook = fetch(user, webhook_pk)
    found = messages(webhook).select_related("webhook").filter(pk=pk).first()
    if found is None:
        raise NotFound(access.NO_SUCH_RECORD)
    return found
