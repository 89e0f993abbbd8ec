"""The pages of receivers of events: made, shown once, followed, turned off, removed."""

import re

import pytest

from reviews import webhooks
from reviews.models import Webhook, WebhookMessage
from reviews.verbs import deliver
from reviews.verbs import webhooks as verbs
from tests.web.browse import Browser

SENT = {"name": "Dashboard", "url": "https://example.com/x", "events": ["prescription.logged"]}


@pytest.fixture
def ada_there(ada):
    return Browser(ada)


@pytest.fixture
def webhook(harbour, ada):
    made, _ = verbs.make(practice=harbour, by=ada, **(SENT | {"url": "http://127.0.0.1:9/"}))
    return made


def test_a_secret_is_shown_once(ada_there, harbour):
    page = ada_there.post("/keys/receivers/make", **(SENT | {"practice": harbour.pk}))
    secret = re.search(r"whsec_[\w+/=]+", page.content.decode())[0]
    webhook = Webhook.objects.get()
    assert webhooks.secrets_of(webhook, webhook.made_at) == [secret]
    for again in (ada_there.get(f"/keys/receivers/{webhook.pk}"), ada_there.get("/keys/receivers")):
        assert "whsec_" not in again.content.decode()
        assert "Dashboard" in again.content.decode()


def test_what_is_wrong_is_said_at_its_field(ada_there, harbour):
    page = ada_there.post(
        "/keys/receivers/make", **(SENT | {"practice": harbour.pk, "url": "ftp://x"})
    )
    assert page.status_code == 422
    assert "An address begins with https://" in page.content.decode()
    assert not Webhook.objects.exists()


def test_how_it_does_stands_on_its_page(ada_there, webhook):
    ada_there.post(f"/keys/receivers/{webhook.pk}/sample")
    deliver.deliver(seconds=5)
    page = ada_there.get(f"/keys/receivers/{webhook.pk}").content.decode()
    assert "sample.event" in page
    assert "The server takes no connection." in page
    assert "Failed 1 time in a row" in page


def test_it_is_turned_off_and_on_again(ada_there, webhook):
    ada_there.post(f"/keys/receivers/{webhook.pk}/switch")
    webhook.refresh_from_db()
    assert webhook.disabled_because == "Somebody turned it off."
    assert "Turned off" in ada_there.get("/keys/receivers").content.decode()
    ada_there.post(f"/keys/receivers/{webhook.pk}/switch", on="1")
    webhook.refresh_from_db()
    assert webhook.disabled_at is None


def test_a_message_is_sent_again(ada_there, webhook):
    ada_there.post(f"/keys/receivers/{webhook.pk}/sample")
    WebhookMessage.objects.update(state="dead", ended_at=webhook.made_at)
    message = WebhookMessage.objects.get()
    assert "Send again" in ada_there.get(f"/keys/receivers/{webhook.pk}").content.decode()
    ada_there.post(f"/keys/receivers/{webhook.pk}/messages/{message.pk}/again")
    message.refresh_from_db()
    assert message.state == "waiting"


def test_it_is_changed_and_removed(ada_there, webhook):
    ada_there.post(f"/keys/receivers/{webhook.pk}/change", **(SENT | {"name": "Other"}))
    webhook.refresh_from_db()
    assert (webhook.name, webhook.url) == ("Other", SENT["url"])
    ada_there.post(f"/keys/receivers/{webhook.pk}/secret")
    webhook.refresh_from_db()
    assert webhook.old_until is not None
    ada_there.post(f"/keys/receivers/{webhook.pk}/remove")
    assert ada_there.get(f"/keys/receivers/{webhook.pk}").status_code == 404
