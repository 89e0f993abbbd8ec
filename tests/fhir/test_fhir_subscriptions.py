"""Subscriptions by rest-hook: asked for, and told of what changes, as far as they may read."""

import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.test import Client as Caller
from django.utils import timezone

from reviews.models import AuditEvent, Client, Webhook, WebhookMessage
from reviews.verbs import clients, deliver, prescribe, registrations, tokens
from reviews.verbs import webhooks as verbs
from tests import make, signing
from tests.api import sent
from tests.api.conftest import make_system
from tests.api.following import wait_for_horizon

CONTENT = (
    "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content"
)


@pytest.fixture
def system(harbour, ada):
    return make_system(harbour, by=ada)


class Hook:
    """Listens on a port of this machine, and keeps `(method, path, headers, body)`."""

    def __init__(self):
        self.got, self.status = [], 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def take(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                hook.got.append((self.command, self.path, dict(self.headers), body))
                self.send_response(hook.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_POST = do_PUT = take

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/on-result"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def hook():
    made = Hook()
    yield made
    made.server.shutdown()
    made.server.server_close()


def asked(url, criteria="MedicationRequest", **changes):
    payload = changes.pop("content", "full-resource")
    channel = {
        "type": "rest-hook",
        "endpoint": url,
        "header": ["Authorization: Bearer secret-token-abc-123"],
    }
    if payload:
        channel |= {
            "payload": "application/fhir+json",
            "_payload": {"extension": [{"url": CONTENT, "valueCode": payload}]},
        }
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "Keep the ward list in step",
        "criteria": criteria,
        "channel": channel | changes.pop("channel", {}),
        **changes,
    }


def call(secret, method, path, body=None, **headers):
    return getattr(Caller(), method)(
        f"/fhir/{path}",
        *(() if body is None else (json.dumps(body),)),
        content_type="application/fhir+json",
        headers={"Authorization": f"Bearer {secret}", **headers},
    )


def subscribe(system, resource):
    answer = call(system.secret, "post", "Subscription", resource)
    assert answer.status_code == 201, answer.content
    return answer.json()


def rows_forward(seconds=5):
    wait_for_horizon()
    Webhook.objects.update(not_before=None, held_until=None)
    return deliver.deliver(seconds=seconds)


@pytest.fixture
def treated(harbour, clara):
    return make.patient(harbour, clara)


@pytest.mark.horizon
@pytest.mark.django_db(transaction=True)
def test_what_was_asked_for_is_given_back_without_its_secret(system, hook):
    made = subscribe(system, asked(hook.url))
    assert (made["status"], made["criteria"]) == ("requested", "MedicationRequest")
    assert "header" not in made["channel"]
    one = call(system.secret, "get", f"Subscription/{made['id']}")
    assert one.json() == made
    found = call(system.secret, "get", "Subscription").json()
    assert [each["resource"] for each in found["entry"]] == [made]
    rows_forward()
    assert call(system.secret, "get", f"Subscription/{made['id']}").json()["status"] == "active"
    assert "secret-token" not in Webhook.objects.get().header


@pytest.mark.parametrize("content", ["full-resource", "id-only", ""])
@pytest.mark.horizon
@pytest.mark.django_db(transaction=True)
def test_a_change_that_meets_the_criteria_is_told(system, hook, treated, clara, content):
    subscribe(system, asked(hook.url, content=content))
    order = make.prescription(treated, clara)
    rows_forward()
    [(method, path, headers, body)] = hook.got
    assert headers["Authorization"] == "Bearer secret-token-abc-123"
    if content == "full-resource":
        assert (method, path) == ("PUT", f"/on-result/MedicationRequest/{order.order_id}")
        assert headers["Content-Type"] == "application/fhir+json"
        read = call(system.secret, "get", f"MedicationRequest/{order.order_id}").json()
        assert json.loads(body) == read
        told = AuditEvent.objects.filter(verb="api.read", detail__query__has_key="subscription")
        assert told.get().detail["shown"] == [treated.pk]
    elif content == "id-only":
        expected = {"resourceType": "MedicationRequest", "id": str(order.order_id)}
        assert (method, path, json.loads(body)) == ("POST", "/on-result", expected)
    else:
        assert (method, path, body) == ("POST", "/on-result", b"")
    # Nothing twice.
    rows_forward()
    assert len(hook.got) == 1


@pytest.mark.parametrize("payload", ["application/fhir+json", "application/json"])
@pytest.mark.horizon
@pytest.mark.django_db(transaction=True)
def test_a_copy_is_an_update_with_the_endpoint_as_base(system, hook, treated, clara, payload):
    """As the specification has it, in the type that was asked for; its example says _format."""
    one = asked(f"{hook.url}/", "/MedicationRequest?status=active&_format=json")
    one["channel"] |= {"payload": payload}
    del one["channel"]["_payload"]
    subscribe(system, one)
    order = make.prescription(treated, clara)
    rows_forward()
    [(method, path, headers, body)] = hook.got
    assert (method, path) == ("PUT", f"/on-result/MedicationRequest/{order.order_id}")
    assert headers["Content-Type"] == payload
    assert json.loads(body)["id"] == str(order.order_id)


@pytest.mark.parametrize("more", ["?key=1", "#here"])
@pytest.mark.parametrize("content", ["full-resource", "id-only", ""])
@pytest.mark.django_db
def test_what_nothing_can_follow_is_no_base(system, hook, more, content):
    answer = call(system.secret, "post", "Subscription", asked(hook.url + more, content=content))
    if content == "full-resource":
        assert answer.status_code == 400
        [issue] = answer.json()["issue"]
        assert issue["expression"] == ["Subscription.channel.endpoint"]
    elif more == "?key=1":
        assert answer.status_code == 201, answer.content


@pytest.mark.horizon
@pytest.mark.django_db(transaction=True)
def test_what_does_not_meet_the_criteria_is_not_told(system, hook, treated, clara, harbour):
    other = make.patient(harbour, clara, family_name="Ward")
    subscribe(system, asked(hook.url, f"MedicationRequest?patient={other.pk}&status=active"))
    make.prescription(treated, clara)
    rows_forward()
    assert hook.got == []
    order = make.prescription(other, clara)
    rows_forward()
    assert [path for _, path, _, _ in hook.got] == [
        f"/on-result/MedicationRequest/{order.order_id}"
    ]
    prescribe.withdraw(prescription=order, status="stopped", reason="Over", by=clara)
    rows_forward()
    assert len(hook.got) == 1


@pytest.mark.horizon
@pytest.mark.django_db(transaction=True)
def test_what_was_there_before_is_not_told(system, hook, treated, clara):
    make.prescription(treated, clara)
    wait_for_horizon()
    subscribe(system, asked(hook.url))
    rows_forward()
    assert hook.got == []


@pytest.mark.horizon
@pytest.mark.django_db(transaction=True)
def test_an_amendment_is_told_once_as_it_stands(system, hook):
    subscribe(system, asked(hook.url))
    system.sync([sent.prescription("rx-1")])
    system.sync([sent.prescription("rx-1", dose=2)])
    rows_forward()
    [(_, _, _, body)] = hook.got
    assert json.loads(body)["meta"]["versionId"] == "2"


@pytest.mark.horizon
@pytest.mark.django_db(transaction=True)
def test_of_other_types(system, hook):
    for criteria in ("Patient", "Observation?code=http://loinc.org|33914-3"):
        subscribe(system, asked(hook.url, criteria, content="id-only"))
    system.sync([sent.reading("r-1")], kind="readings")
    rows_forward()
    types = [json.loads(body)["resourceType"] for *_, body in hook.got]
    assert "Patient" in types


@pytest.mark.horizon
@pytest.mark.django_db(transaction=True)
def test_another_practice_is_told_nothing(system, hook, lakeside, dora):
    subscribe(system, asked(hook.url))
    make.prescription(make.patient(lakeside, dora), dora)
    rows_forward()
    assert hook.got == []


@pytest.mark.horizon
@pytest.mark.django_db(transaction=True)
def test_a_receiver_that_is_down_gets_each_once_in_order_of_the_patient(
    system, hook, treated, clara
):
    subscribe(system, asked(hook.url))
    hook.status = 503
    first = make.prescription(treated, clara)
    rows_forward()
    second = make.prescription(treated, clara, "Lorazepam 1 mg tablets")
    rows_forward()
    made = call(system.secret, "get", "Subscription").json()["entry"][0]["resource"]
    assert made["status"] == "error"
    assert "Failed" in made["error"]
    hook.got, hook.status = [], 200
    WebhookMessage.objects.update(not_before=None)
    rows_forward()
    assert [path.rpartition("/")[2] for _, path, _, _ in hook.got] == [
        str(first.order_id),
        str(second.order_id),
    ]


@pytest.mark.horizon
@pytest.mark.django_db(transaction=True)
def test_one_that_is_removed_is_told_nothing_more(system, hook, treated, clara):
    made = subscribe(system, asked(hook.url))
    assert call(system.secret, "delete", f"Subscription/{made['id']}").status_code == 204
    make.prescription(treated, clara)
    rows_forward()
    assert hook.got == []
    assert call(system.secret, "get", f"Subscription/{made['id']}").status_code == 404
    assert call(system.secret, "delete", f"Subscription/{made['id']}").status_code == 404


@pytest.mark.horizon
@pytest.mark.django_db(transaction=True)
def test_one_that_has_ended_is_off(system, hook, treated, clara):
    end = (timezone.now() + timedelta(days=1)).isoformat()
    made = subscribe(system, asked(hook.url, end=end))
    Webhook.objects.update(ends_at=timezone.now() - timedelta(seconds=1))
    make.prescription(treated, clara)
    rows_forward()
    assert hook.got == []
    assert call(system.secret, "get", f"Subscription/{made['id']}").json()["status"] == "off"


def test_nobody_else_sees_or_ends_it(system, hook, harbour, lakeside, ada, clara):
    made = subscribe(system, asked(hook.url))
    other = make_system(harbour, by=ada, source="other")
    for method in ("get", "delete"):
        assert call(other.secret, method, f"Subscription/{made['id']}").status_code == 404
    assert call(other.secret, "get", "Subscription").json()["total"] == 0
    assert Caller().get("/fhir/Subscription").status_code == 401


def test_its_own_search(system, hook):
    made = subscribe(system, asked(hook.url))
    subscribe(system, asked(f"{hook.url}/2"))

    def found(query):
        return call(system.secret, "get", f"Subscription?{query}").json()["total"]

    assert found("") == 2
    assert found(f"_id={made['id']}") == 1
    assert found(f"url={hook.url}") == 1
    assert found("status=requested") == 2
    assert found("status=off,error") == 0
    assert found("type=rest-hook") == 2
    # What no type knows is passed over, unless that is not wanted; a modifier never is.
    answer = call(system.secret, "get", "Subscription?criteria=x&status=requested&_format=json")
    assert answer.json()["total"] == 2
    assert answer.json()["link"][0]["url"].endswith("/fhir/Subscription?status=requested")
    for query, prefer in (("criteria=x", "handling=strict"), ("status:not=active", "")):
        answer = call(system.secret, "get", f"Subscription?{query}", Prefer=prefer)
        assert answer.status_code == 400


FAULTS = [
    ({"status": "active"}, 400, "Subscription.status"),
    ({"reason": ""}, 400, "Subscription.reason"),
    ({"criteria": "Medication?code=x"}, 400, "Subscription.criteria"),
    ({"criteria": "MedicationRequest?nonsense=1"}, 400, "Subscription.criteria"),
    ({"criteria": "MedicationRequest?_sort=_id"}, 400, "Subscription.criteria"),
    ({"criteria": "MedicationRequest?_include=MedicationRequest:patient"}, 400, "criteria"),
    ({"criteria": "MedicationRequest?%"}, 400, "Subscription.criteria"),
    ({"criteria": ["x"]}, 400, "Subscription.criteria"),
    ({"channel": {"type": "email"}}, 422, "channel.type"),
    ({"channel": {"payload": "application/fhir+xml"}}, 422, "channel.payload"),
    ({"channel": {"endpoint": "ftp://x"}}, 400, "channel.endpoint"),
    ({"channel": {"endpoint": "https://10.0.0.1:0/"}}, 400, "channel.endpoint"),
    ({"channel": {"header": ["Host: evil"]}}, 400, "channel.header"),
    ({"channel": {"header": ["A: b\r\nHost: evil"]}}, 400, "channel.header"),
    ({"channel": {"header": "A: b"}}, 400, "channel.header"),
    ({"end": "2000-01-01T00:00:00Z"}, 400, "Subscription.end"),
    ({"end": "tomorrow"}, 400, "Subscription.end"),
    ({"modifierExtension": [{"url": "x"}]}, 422, "modifierExtension"),
    ({"resourceType": "Patient"}, 400, "resourceType"),
]


@pytest.mark.parametrize(("changes", "status", "where"), FAULTS)
def test_what_cannot_be_done_is_refused_at_its_element(system, hook, changes, status, where):
    answer = call(system.secret, "post", "Subscription", asked(hook.url, **changes))
    assert answer.status_code == status, answer.content
    issue = answer.json()["issue"][0]
    assert where in " ".join([issue["diagnostics"], *issue.get("expression", [])])
    assert not Webhook.objects.exists()


@pytest.mark.parametrize("body", ["[]", "7", "null", '{"a": NaN}', "{[", '{"a":1,"a":2}', "\ud800"])
def test_what_is_no_resource_is_refused(system, body):
    answer = Caller(raise_request_exception=False).post(
        "/fhir/Subscription",
        body.encode(errors="surrogatepass"),
        content_type="application/fhir+json",
        headers={"Authorization": f"Bearer {system.secret}"},
    )
    assert 400 <= answer.status_code < 500
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_a_system_of_several_practices_says_which(hook, harbour, lakeside):
    both = make.person("bo", harbour, "formulary_admin")
    make.person("bo", lakeside, "formulary_admin")
    system = make_system(harbour, lakeside, by=both)
    answer = call(system.secret, "post", "Subscription", asked(hook.url))
    assert answer.status_code == 400
    assert "harbour, lakeside" in answer.json()["issue"][0]["diagnostics"]
    url = answer.json()["issue"][0]["diagnostics"].split("says by ")[1].split(" ")[0]
    subscribe(system, asked(hook.url, extension=[{"url": url, "valueCode": "lakeside"}]))
    assert Webhook.objects.get().practice == lakeside


# -- Scopes ----------------------------------------------------------------------------------------


@pytest.fixture
def signs(harbour, ada):
    key = signing.ec()
    client = registrations.register(
        name="Quayside",
        source_system="quayside",
        practices=[harbour],
        allowed="system/MedicationRequest.rs system/Patient.rs",
        hook_issuer="",
        keys=json.dumps(signing.public(key)),
        by=ada,
    )
    client.key = key
    return client


def token(client, scope):
    audience = "http://testserver/token"
    statement = signing.signed(client.key, signing.claims(client.client_id, audience))
    return tokens.issue(assertion=statement, scope=scope, audience=audience).token


def test_who_may_not_read_a_type_may_not_subscribe_to_it(signs, hook):
    secret = token(signs, "system/Patient.rs")
    answer = call(secret, "post", "Subscription", asked(hook.url))
    assert answer.status_code == 403
    assert "system/MedicationRequest.r" in answer.json()["issue"][0]["diagnostics"]


@pytest.mark.horizon
@pytest.mark.django_db(transaction=True)
def test_what_the_scope_leaves_out_is_not_told(signs, hook, treated, clara, harbour):
    other = make.patient(harbour, clara, family_name="Ward")
    secret = token(signs, f"system/MedicationRequest.rs?patient=Patient/{other.pk}")
    assert call(secret, "post", "Subscription", asked(hook.url)).status_code == 201
    make.prescription(treated, clara)
    order = make.prescription(other, clara)
    rows_forward()
    assert [path.rpartition("/")[2] for _, path, _, _ in hook.got] == [str(order.order_id)]


@pytest.mark.horizon
@pytest.mark.django_db(transaction=True)
def test_a_scope_that_is_taken_away_ends_what_is_told(signs, hook, treated, clara):
    secret = token(signs, "system/MedicationRequest.rs")
    call(secret, "post", "Subscription", asked(hook.url))
    hook.status = 503
    make.prescription(treated, clara)
    rows_forward()
    # What waits was found while it might be read; it may not be any more.
    Client.objects.filter(pk=signs.pk).update(scopes="system/Patient.rs")
    hook.got, hook.status = [], 200
    WebhookMessage.objects.update(not_before=None)
    rows_forward()
    assert hook.got == []
    message = WebhookMessage.objects.get()
    assert (message.state, message.log.latest("pk").error) == (
        "dead",
        "It may not be read any more.",
    )


@pytest.mark.horizon
@pytest.mark.django_db(transaction=True)
def test_a_system_that_is_withdrawn_is_told_nothing_more(signs, hook, treated, clara, ada):
    secret = token(signs, "system/MedicationRequest.rs")
    call(secret, "post", "Subscription", asked(hook.url))
    registrations.withdraw(client=signs, by=ada)
    make.prescription(treated, clara)
    rows_forward()
    assert hook.got == []
    assert Webhook.objects.get().disabled_because == deliver.WITHDRAWN


@pytest.mark.horizon
@pytest.mark.django_db(transaction=True)
def test_a_key_that_is_revoked_is_told_nothing_more(system, hook, treated, clara, ada):
    subscribe(system, asked(hook.url))
    clients.revoke_key(key=system.key, by=ada)
    make.prescription(treated, clara)
    rows_forward()
    assert hook.got == []


def test_nobody_changes_it_on_the_page_of_receivers(system, hook, ada):
    subscribe(system, asked(hook.url))
    with pytest.raises(verbs.IllegalMove):
        verbs.change(
            webhook=Webhook.objects.get(), name="x", url=hook.url, events=["case.opened"], by=ada
        )
