"""Receivers of events by REST: a system says where it is told of what happens."""

from django.http import HttpResponse
from msgspec import UNSET
from rest_framework.request import Request

from reviews import records
from reviews.access import Action
from reviews.api import shapes
from reviews.api.provisioning import Change, in_json, place
from reviews.api.schema import Operation
from reviews.api.views import ApiView, Nothing, asked_once
from reviews.callers import Bearer
from reviews.models import Webhook, WebhookMessage
from reviews.queries import webhooks as queries
from reviews.verbs import webhooks as verbs


class Webhooks(ApiView):
    """The receivers that this key made."""

    authentication_classes = [Bearer]
    operation = Operation("webhooks", answer=shapes.Webhooks)

    def get(self, request: Request) -> HttpResponse:
        records.convert(asked_once(request), Nothing)
        return in_json(
            shapes.Webhooks([_webhook(each) for each in queries.visible_to(request.user)])
        )


class Make(Change):
    """Make a receiver. Its secret is in this answer and nowhere else."""

    operation = Operation("make-webhook", record=shapes.NewWebhook, answer=shapes.MadeWebhook)

    def post(self, request: Request) -> HttpResponse:
        sent = self.sent(request)
        made, secret = verbs.make(
            practice=place(request, sent.practice, Action.MANAGE_WEBHOOKS),
            name=sent.name,
            url=sent.url,
            events=sent.events,
            by=request.user,
        )
        return in_json(shapes.MadeWebhook(_told(request, made), secret))


class Edit(Change):
    """Change a receiver, turn it off, or on again: then all that waits is sent."""

    operation = Operation("change-webhook", record=shapes.WebhookChange, answer=shapes.Webhook)

    def patch(self, request: Request, pk: int) -> HttpResponse:
        sent = self.sent(request)
        webhook = queries.fetch(request.user, pk)
        said = {"name": webhook.name, "url": webhook.url, "events": webhook.events}
        said |= {name: new for name in said if (new := getattr(sent, name)) is not UNSET}
        webhook = verbs.change(webhook=webhook, by=request.user, **said)
        if sent.enabled is not UNSET:
            switch = verbs.enable if sent.enabled else verbs.disable
            webhook = switch(webhook=webhook, by=request.user)
        return in_json(_told(request, webhook))


class Secret(Change):
    """Give a receiver a new secret, told this once; for a day the one before signs as well."""

    operation = Operation("new-webhook-secret", record=shapes.Nothing, answer=shapes.MadeWebhook)

    def post(self, request: Request, pk: int) -> HttpResponse:
        self.sent(request)
        webhook, secret = verbs.rotate(webhook=queries.fetch(request.user, pk), by=request.user)
        return in_json(shapes.MadeWebhook(_told(request, webhook), secret))


class Sample(Change):
    """Send an event that is none, to see whether it arrives."""

    operation = Operation("sample-webhook", record=shapes.Nothing, answer=shapes.WebhookMessage)

    def post(self, request: Request, pk: int) -> HttpResponse:
        self.sent(request)
        webhook = queries.fetch(request.user, pk)
        return in_json(_message(verbs.send_sample(webhook=webhook, by=request.user)))


class Remove(Change):
    """End a receiver for good; what waits for it is sent to nobody."""

    operation = Operation("remove-webhook", record=shapes.Nothing, answer=shapes.Webhooks)

    def post(self, request: Request, pk: int) -> HttpResponse:
        self.sent(request)
        verbs.remove(webhook=queries.fetch(request.user, pk), by=request.user)
        return in_json(
            shapes.Webhooks([_webhook(each) for each in queries.visible_to(request.user)])
        )


class Messages(ApiView):
    """What was and is to be sent to a receiver, and what came of each try; the newest first."""

    authentication_classes = [Bearer]
    operation = Operation(
        "webhook-messages",
        query=shapes.WebhookMessagesQuestion,
        answer=shapes.WebhookMessages,
        also=(404,),
    )

    def get(self, request: Request, pk: int) -> HttpResponse:
        asked = records.convert(asked_once(request), shapes.WebhookMessagesQuestion)
        rows = queries.messages(queries.fetch(request.user, pk))
        if asked.state is not UNSET:
            rows = rows.filter(state=asked.state)
        if asked.before is not UNSET:
            rows = rows.filter(pk__lt=asked.before)
        found = list(rows[: asked.limit + 1])
        before = found[asked.limit - 1].pk if len(found) > asked.limit else None
        shown = [_message(each) for each in found[: asked.limit]]
        return in_json(shapes.WebhookMessages(shown, before))


class Again(Change):
    """Send a message once more, with the same id; also one that was given up."""

    operation = Operation("send-again", record=shapes.Nothing, answer=shapes.WebhookMessage)

    def post(self, request: Request, webhook_pk: int, pk: int) -> HttpResponse:
        self.sent(request)
        message = queries.message(request.user, webhook_pk, pk)
        return in_json(_message(verbs.send_again(message=message, by=request.user)))


def _told(request: Request, webhook: Webhook) -> shapes.Webhook:
    return _webhook(queries.fetch(request.user, webhook.pk))


def _webhook(row: Webhook) -> shapes.Webhook:
    return shapes.Webhook(
        id=row.pk,
        practice=row.practice.code,
        name=row.name,
        url=row.url,
        events=row.events,
        made_at=row.made_at,
        disabled_at=row.disabled_at,
        disabled_because=row.disabled_because,
        failures=row.failures,
        not_before=row.not_before,
        both_sign_until=row.old_until,
        waiting=row.waiting,
        given_up=row.given_up,
    )


def _message(row: WebhookMessage) -> shapes.WebhookMessage:
    return shapes.WebhookMessage(
        id=row.pk,
        message=f"msg_{row.name.hex}",
        type=row.type,
        event=row.event,
        patient=row.patient_id,
        at=row.at,
        state=row.state,
        not_before=row.not_before,
        tries=[
            shapes.WebhookTry(each.at, each.took_ms, each.status, each.error)
            for each in list(row.log.all())[: queries.TRIES_SHOWN]
        ],
    )
