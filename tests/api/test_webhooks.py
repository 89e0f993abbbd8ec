"""Receivers of events: each event once they answer, in order of each patient, and nothing else."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as Verifier

from reviews import audit, webhooks
from reviews.audit import Event
from reviews.errors import BadRecord, NotAllowed, NotFound
from reviews.models import AuditEvent, Webhook, WebhookMessage, WebhookTry
from reviews.outgoing import Reply
from reviews.verbs import clients, deliver
from reviews.verbs import webhooks as verbs
from tests import database, make
from tests.api.conftest import make_system
from tests.api.following import wait_for_horizon
from tests.api.receiving import Receiver
from tests.api.test_changes import another_session
from tests.api.test_sync import is_problem

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.horizon]
EVENTS = ["patient.registered", "prescription.logged"]
State = WebhookMessage.State


@pytest.fixture
def webhook(receiver, harbour, ada):
    made, secret = verbs.make(
        practice=harbour, name="Dashboard", url=receiver.url, events=EVENTS, by=ada
    )
    receiver.secrets = [secret]
    return made


def send(seconds=10):
    wait_for_horizon()
    return deliver.deliver(seconds=seconds)


def later(**delta):
    """Let so much time go by: whatever waits for a time waits for less."""
    by = timedelta(**delta)
    with database.without_triggers() as cursor:
        for table, columns in (
            ("webhook", ("not_before", "failing_since", "held_until", "old_until")),
            ("webhookmessage", ("not_before", "tried_first_at")),
        ):
            moved = ", ".join(f"{column} = {column} - %s" for column in columns)
            cursor.execute(f"UPDATE reviews_{table} SET {moved}", [by] * len(columns))


def registered(harbour, clara, count=1):
    return [make.patient(harbour, clara, family_name=f"P{n}") for n in range(count)]


# -- What is sent ----------------------------------------------------------------------------------


def test_an_event_arrives_signed_and_thin(webhook, receiver, harbour, clara):
    [patient] = registered(harbour, clara)
    assert send() == 1
    [(name, body)] = receiver.got
    event = AuditEvent.objects.get(verb="patient.registered")
    assert body == {
        "type": "patient.registered",
        "timestamp": body["timestamp"],
        "data": {
            "practice": "harbour",
            "event": event.pk,
            "patient": patient.pk,
            "address": f"/api/v1/patients/{patient.pk}",
            "subject": event.subject,
        },
    }
    assert datetime.fromisoformat(body["timestamp"]) == event.at
    assert name.startswith("msg_")
    assert "." not in name
    assert "Bell" not in str(body)
    assert send() == 0


def test_the_signature_is_that_of_the_specification(monkeypatch):
    signed = Verifier("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").sign(
        msg_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=datetime.fromtimestamp(1614265330, UTC),
        data='{"test": 2432232314}',
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_only_what_was_asked_for_and_only_of_the_practice(
    webhook, receiver, harbour, lakeside, clara, dora
):
    make.patient(lakeside, dora)
    [patient] = registered(harbour, clara)
    audit.record(clara, Event.RECORD_OPENED, practice_id=harbour.pk, patient_id=patient.pk)
    make.prescription(patient, clara)
    send()
    assert receiver.types() == ["patient.registered", "prescription.logged"]


def test_what_happened_before_it_was_made_is_not_sent(receiver, harbour, clara, ada):
    registered(harbour, clara)
    wait_for_horizon()
    verbs.make(practice=harbour, name="Late", url=receiver.url, events=EVENTS, by=ada)
    assert send() == 0


def test_what_commits_late_is_sent_all_the_same(webhook, receiver, harbour, clara):
    with another_session() as slow, slow.transaction():
        slow.execute(
            "INSERT INTO reviews_auditevent (id, actor, verb, practice_id, subject, detail)"
            " SELECT nextval(pg_get_serial_sequence('reviews_auditevent', 'id')), 'x',"
            " 'patient.registered', %s, 'slow', '{}'",
            [harbour.pk],
        )
        registered(harbour, clara)
        deliver.deliver(seconds=5)
        assert receiver.got == []
    send()
    subjects = [body["data"]["subject"] for _, body in receiver.got]
    assert subjects[0] == "slow"
    assert len(subjects) == 2


def test_after_a_restore_numbers_of_events_go_on(webhook, receiver, harbour, clara):
    registered(harbour, clara)
    send()
    Webhook.objects.update(place="another server", from_xact=2**40)
    registered(harbour, clara)
    send()
    assert receiver.types() == ["patient.registered"] * 2
    assert len(set(receiver.ids())) == 2


# -- Failures --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [300, 307, 401, 403, 404, 429, 500, 503])
def test_a_failure_is_tried_again_with_the_same_id(webhook, receiver, harbour, clara, status):
    met = []
    receiver.answer = lambda body: met.append(body) or status
    registered(harbour, clara)
    assert send() == 1
    assert send() == 0, "not before its time"
    receiver.answer = lambda body: met.append(body) or 204
    later(seconds=5)
    assert send() == 1
    assert met[0] == met[1]
    tries = list(WebhookTry.objects.order_by("pk").values_list("status", flat=True))
    assert tries == [status, 204]
    webhook.refresh_from_db()
    assert (webhook.failures, webhook.not_before) == (0, None)


def test_a_receiver_that_is_down_for_an_hour_gets_all_once_and_in_order(
    webhook, receiver, harbour, clara
):
    patients = registered(harbour, clara, 5)
    receiver.answer = lambda _body: 503
    for minute in range(60):
        for patient in patients if minute % 20 == 0 else ():
            make.prescription(patient, clara)
        send()
        later(minutes=1)
    assert receiver.got == []
    assert receiver.asked < 15, "it is left alone for longer each time"
    receiver.answer = lambda _body: 204
    later(hours=1)
    while send():
        later(hours=1)
    assert len(set(receiver.ids())) == len(receiver.got) == 20
    for patient in patients:
        told = receiver.events_of(patient.pk)
        assert told == sorted(told)
        assert len(told) == 4


def test_a_receiver_that_hangs_holds_no_worker_for_long(
    webhook, receiver, harbour, clara, monkeypatch
):
    monkeypatch.setattr(deliver, "TRY_SECONDS", 0.5)
    receiver.hangs.set()
    patients = registered(harbour, clara, 3)
    began = timezone.now()
    assert send() == 1
    assert timezone.now() - began < timedelta(seconds=5)
    assert "0.5 seconds" in WebhookTry.objects.get().error
    receiver.hangs.clear()
    later(hours=1)
    send()
    assert sorted(body["data"]["patient"] for _, body in receiver.got) == [p.pk for p in patients]


def test_another_receiver_is_told_meanwhile(webhook, receiver, harbour, clara, ada):
    other = Receiver()
    try:
        verbs.make(practice=harbour, name="Other", url=other.url, events=EVENTS, by=ada)
        receiver.answer = lambda _body: 500
        registered(harbour, clara, 3)
        send()
        assert len(other.got) == 3
        assert receiver.asked == 1
    finally:
        other.close()


def test_a_refused_message_stops_only_its_patient(webhook, receiver, harbour, clara):
    one, two = registered(harbour, clara, 2)
    make.prescription(one, clara)
    make.prescription(two, clara)
    receiver.answer = lambda body: (
        422 if body["data"]["patient"] == one.pk and body["type"] == "patient.registered" else 204
    )
    send()
    assert [body["data"]["patient"] for _, body in receiver.got] == [two.pk, two.pk]
    for _ in range(30):
        later(hours=3)
        send()
    # After three days it is given up, and what waited behind it goes out.
    assert receiver.events_of(one.pk) != []
    assert WebhookMessage.objects.get(state=State.DEAD).type == "patient.registered"


def test_one_poisonous_message_does_not_stop_the_others(webhook, receiver, harbour, clara):
    one, two, three = registered(harbour, clara, 3)
    receiver.answer = lambda body: 500 if body["data"]["patient"] == one.pk else 204
    for _ in range(4):
        send()
        later(hours=1)
    assert [body["data"]["patient"] for _, body in receiver.got] == [two.pk, three.pk]


def test_retry_after_is_kept(webhook, receiver, harbour, clara):
    receiver.answer = lambda _body: (429, {"Retry-After": "3600"})
    registered(harbour, clara)
    send()
    later(minutes=59)
    assert send() == 0
    later(minutes=2)
    receiver.answer = lambda _body: 204
    assert send() == 1


@given(st.text(max_size=40) | st.integers().map(str))
def test_no_retry_after_is_believed_beyond_a_day(said):
    wait = deliver._asked_to_wait(Reply(503, {"retry-after": said}, b""))
    assert wait is None or timedelta(0) <= wait <= timedelta(days=1)


def test_retry_after_may_be_a_time():
    at = (datetime.now(UTC) + timedelta(minutes=10)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    wait = deliver._asked_to_wait(Reply(503, {"retry-after": at}, b""))
    assert timedelta(minutes=9) < wait <= timedelta(minutes=10)


def test_gone_turns_it_off(webhook, receiver, harbour, clara, ada):
    receiver.answer = lambda _body: 410
    registered(harbour, clara)
    send()
    webhook.refresh_from_db()
    assert "410" in webhook.disabled_because
    assert AuditEvent.objects.filter(verb="webhook.disabled").count() == 1
    registered(harbour, clara)
    later(hours=1)
    assert send() == 0
    # Turned on again, it is told of what happened meanwhile.
    receiver.answer = lambda _body: 204
    verbs.enable(webhook=webhook, by=ada)
    send()
    assert len(receiver.got) == 2


def test_days_of_nothing_but_failures_turn_it_off(webhook, receiver, harbour, clara):
    receiver.answer = lambda _body: 500
    registered(harbour, clara)
    for _ in range(30):
        send()
        later(hours=4)
    webhook.refresh_from_db()
    assert "3 days" in webhook.disabled_because
    assert WebhookMessage.objects.get().state == State.WAITING, "nothing is lost"


def test_a_revoked_key_ends_its_receivers(receiver, harbour, clara, ada, system):
    verbs.make(practice=harbour, name="Own", url=receiver.url, events=EVENTS, by=system.key.user)
    clients.revoke_key(key=system.key, by=ada)
    registered(harbour, clara)
    send()
    assert receiver.got == []
    assert "key" in Webhook.objects.get().disabled_because


def test_a_worker_that_died_lets_go(webhook, receiver, harbour, clara):
    registered(harbour, clara)
    assert deliver._hold(webhook.pk) is not None
    assert send() == 0
    later(seconds=61)
    assert send() == 1


def test_an_address_that_became_private_is_not_called(webhook, receiver, harbour, clara, settings):
    settings.OUTGOING_TO_LOOPBACK = False
    registered(harbour, clara)
    send()
    assert receiver.asked == 0
    assert "https" in WebhookTry.objects.get().error


# -- Keeping receivers -----------------------------------------------------------------------------


def test_both_secrets_sign_for_a_day(webhook, receiver, harbour, clara, ada):
    _, second = verbs.rotate(webhook=webhook, by=ada)
    receiver.secrets.append(second)
    registered(harbour, clara)
    send()
    assert len(receiver.got) == 1, "each secret verifies it"
    later(days=1)
    receiver.secrets = [second]
    registered(harbour, clara)
    send()
    assert len(receiver.got) == 2
    webhook.refresh_from_db()
    assert len(webhooks.secrets_of(webhook, timezone.now())) == 1


def test_a_secret_is_kept_encrypted(webhook, receiver):
    [secret] = receiver.secrets
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM reviews_webhook")
        [(kept,)] = cursor.fetchall()
    assert secret.removeprefix("whsec_") not in kept
    assert kept.startswith("fernet:")


def test_a_sample_goes_out_at_once(webhook, receiver, ada):
    verbs.send_sample(webhook=webhook, by=ada)
    send()
    assert receiver.types() == ["sample.event"]


def test_a_message_is_sent_again_by_hand_with_its_id(webhook, receiver, harbour, clara, ada):
    registered(harbour, clara)
    send()
    verbs.send_again(message=WebhookMessage.objects.get(), by=ada)
    send()
    assert len(receiver.got) == 2
    assert len(set(receiver.ids())) == 1
    assert WebhookTry.objects.count() == 2


def test_a_removed_receiver_is_told_nothing(webhook, receiver, harbour, clara, ada):
    registered(harbour, clara)
    verbs.remove(webhook=webhook, by=ada)
    assert send() == 0
    with pytest.raises(NotFound):
        verbs.rotate(webhook=webhook, by=ada)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "Dashboard"}, "name"),
        ({"url": "http://example.com/"}, None),
        ({"url": "https://somebody:word@example.com/"}, "url"),
        ({"url": "https://example.com/#x"}, "url"),
        ({"url": "ftp://example.com/"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["record.opened"]}, "events"),
        ({"events": ["webhook.made"]}, "events"),
        ({"events": ["nothing.such"]}, "events"),
    ],
)
def test_a_receiver_that_cannot_be_is_refused(webhook, harbour, ada, change, field, settings):
    settings.OUTGOING_TO_LOOPBACK = False
    given_well = {"name": "Other", "url": "https://example.com/", "events": EVENTS}
    with pytest.raises(BadRecord) as caught:
        verbs.make(practice=harbour, by=ada, **(given_well | change))
    assert caught.value.field == (field or "url")


def test_who_keeps_receivers(webhook, harbour, lakeside, clara, ada, maeve, system):
    asked = {"name": "Other", "url": "https://example.com/", "events": EVENTS}
    for person in (clara, maeve):
        with pytest.raises(NotAllowed):
            verbs.make(practice=harbour, by=person, **asked)
    with pytest.raises(NotAllowed):
        verbs.make(practice=lakeside, by=ada, **asked)
    # A system keeps its own, and sees no other.
    key = system.key.user
    own, _ = verbs.make(practice=harbour, by=key, **asked)
    assert list(webhooks.visible_to(key)) == [own]
    with pytest.raises(NotFound):
        verbs.remove(webhook=webhook, by=key)
    assert set(webhooks.visible_to(ada)) == {webhook, own}


def test_a_practice_has_so_many_at_most(harbour, ada, monkeypatch):
    monkeypatch.setattr(verbs, "MOST", 1)
    asked = {"url": "https://example.com/", "events": EVENTS}
    verbs.make(practice=harbour, name="One", by=ada, **asked)
    with pytest.raises(BadRecord, match="1 receivers"):
        verbs.make(practice=harbour, name="Two", by=ada, **asked)


# -- By REST ---------------------------------------------------------------------------------------


def post(system, path, **body):
    return system.post(f"webhooks/{path}", json.dumps(body).encode())


def test_a_system_keeps_its_receivers_by_rest(system, receiver, harbour, clara):
    made = post(system, "make", name="Own", url=receiver.url, events=EVENTS).json()
    receiver.secrets = [made["secret"]]
    pk = made["webhook"]["id"]
    assert made["webhook"]["practice"] == "harbour"
    assert system.get("webhooks").json()["results"] == [made["webhook"]]
    assert "secret" not in system.get(f"webhooks/{pk}").json()

    registered(harbour, clara)
    receiver.answer = lambda _body: 500
    send()
    [message] = system.get(f"webhooks/{pk}/messages").json()["results"]
    assert (message["state"], message["type"]) == ("waiting", "patient.registered")
    assert [each["status"] for each in message["tries"]] == [500]
    said = system.get(f"webhooks/{pk}").json()
    assert (said["failures"], said["waiting"], said["given_up"]) == (1, 1, 0)

    receiver.answer = lambda _body: 204
    on = system.http.patch(
        f"/api/v1/webhooks/{pk}",
        {"enabled": True},
        content_type="application/json",
        headers=system._headers(),
    )
    assert on.json()["failures"] == 0
    send()
    assert receiver.ids() == [message["message"]]
    assert post(system, f"{pk}/messages/{message['id']}/again").json()["state"] == "waiting"
    second = post(system, f"{pk}/secret").json()["secret"]
    receiver.secrets.append(second)
    assert post(system, f"{pk}/sample").json()["type"] == "sample.event"
    send()
    assert receiver.types() == ["patient.registered", "patient.registered", "sample.event"]
    listed = system.get(f"webhooks/{pk}/messages", limit=1).json()
    assert listed["results"][0]["type"] == "sample.event"
    older = system.get(f"webhooks/{pk}/messages", before=listed["before"]).json()
    assert [each["type"] for each in older["results"]] == ["patient.registered"]
    assert system.get(f"webhooks/{pk}/messages", state="dead").json()["results"] == []
    assert post(system, f"{pk}/remove").json() == {"results": []}
    is_problem(system.get(f"webhooks/{pk}/messages"), 404)


def test_nobody_elses_receiver_is_reached(webhook, system, harbour, ada):
    other = make_system(harbour, by=ada, source="other")
    own = post(other, "make", name="Own", url="https://example.com/", events=EVENTS).json()
    for pk in (webhook.pk, own["webhook"]["id"]):
        is_problem(system.get(f"webhooks/{pk}"), 404)
        is_problem(post(system, f"{pk}/secret"), 404)
        is_problem(post(system, f"{pk}/remove"), 404)
        is_problem(system.get(f"webhooks/{pk}/messages"), 404)


def test_a_refusal_says_where(system):
    problem = is_problem(post(system, "make", name="x", url="ftp://x", events=EVENTS), 400)
    assert problem["errors"][0]["pointer"] == "#/url"
    problem = is_problem(post(system, "make", name="x", url="https://x.org", events=["no"]), 400)
    assert problem["errors"][0]["pointer"] == "#/events/0"
