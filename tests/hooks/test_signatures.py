"""Who may call: whoever signs for this very address, once, with a registered key."""

import json
import time

import pytest

from reviews.errors import BadRecord
from reviews.models import AuditEvent
from reviews.verbs import clients, registrations
from tests import signing
from tests.hooks.conftest import body, order
from tests.signing import LEFT_OUT

SIGN = "/cds-services/order-sign"


@pytest.fixture
def call():
    return body("order-sign", order(days=56))


def refused(answer):
    assert answer.status_code == 401, answer.text
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.headers["Content-Type"] == "application/fhir+json"
    (issue,) = answer.json()["issue"]
    assert issue["code"] == "login"
    assert issue["diagnostics"]
    return True


FAULTS = {
    "another service": {"aud": "http://testserver/cds-services/order-select"},
    "the base": {"aud": "http://testserver/cds-services"},
    "no audience": {"aud": LEFT_OUT},
    "over": {"exp": int(time.time()) - 1},
    "for a day": {"exp": int(time.time()) + 86_400},
    "no end": {"exp": LEFT_OUT},
    "no number": {"jti": LEFT_OUT},
    "somebody else": {"iss": "https://elsewhere.example"},
    "nobody": {"iss": LEFT_OUT},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_signature_with_a_fault_is_refused(ehr_hooks, call, fault):
    token = ehr_hooks.token(SIGN, **FAULTS[fault])
    assert refused(ehr_hooks.post(SIGN, call, token=token))
    assert not AuditEvent.objects.filter(verb="hook.called").exists()


@pytest.mark.parametrize("key", [signing.rsa(), signing.ec()], ids=["RS384", "ES384"])
def test_both_algorithms_are_taken(register, call, key):
    assert register(key=key).cards("order-sign", call)


def test_an_audience_may_be_one_of_several(ehr_hooks, call):
    aud = ["https://elsewhere.example", f"{ehr_hooks.url}{SIGN}"]
    answer = ehr_hooks.post(SIGN, call, token=ehr_hooks.token(SIGN, aud=aud))
    assert answer.status_code == 200


def test_a_call_needs_a_signature(ehr_hooks, call):
    assert refused(ehr_hooks.post(SIGN, call, Authorization=""))
    assert refused(ehr_hooks.post(SIGN, call, Authorization="Basic eDp5"))
    assert refused(ehr_hooks.post(SIGN, call, token="x"))


def test_a_signature_counts_once(ehr_hooks, call):
    token = ehr_hooks.token(SIGN)
    assert ehr_hooks.post(SIGN, call, token=token).status_code == 200
    assert refused(ehr_hooks.post(SIGN, call, token=token))


def test_an_address_of_keys_that_was_not_registered_is_refused(ehr_hooks, call):
    token = ehr_hooks.token(SIGN, header={"jku": "https://ehr.example/jwks"})
    assert refused(ehr_hooks.post(SIGN, call, token=token))


def test_a_withdrawn_system_calls_no_more(ehr_hooks, call, ada):
    registrations.withdraw(client=ehr_hooks.client, by=ada)
    assert refused(ehr_hooks.call("order-sign", call))


def test_a_client_for_tokens_alone_calls_no_hook(register, call):
    system = register(hook_issuer="", allowed="system/*.rs")
    said = signing.claims(system.client.client_id, f"{system.url}{SIGN}")
    assert refused(system.post(SIGN, call, token=signing.signed(system.key, said)))


def test_a_key_of_records_is_no_signature(ehr_hooks, call, harbour, ada):
    _, secret = clients.make_key(name="Main", source_system="x", practices=[harbour], by=ada)
    assert refused(ehr_hooks.post(SIGN, call, token=secret))


def test_a_key_whose_private_half_is_published_is_not_registered(register, settings):
    settings.OUTGOING_TO_LOOPBACK = False
    published = signing.ECKey.generate_key("P-384", {"kid": "44823f3d-0b01-4a6c-a80e-b9d3e8a7226f"})
    with pytest.raises(BadRecord, match="published"):
        register(keys=json.dumps(signing.public(published)))
    with pytest.raises(BadRecord, match="published"):
        register(hook_issuer="https://sandbox.cds-hooks.org")


def test_feedback_needs_a_signature_for_its_own_address(ehr_hooks):
    path = f"{SIGN}/feedback"
    assert refused(ehr_hooks.post(path, {"feedback": []}, token=ehr_hooks.token(SIGN)))


def test_a_browser_may_ask_before_it_calls(server):
    with server.client() as http:
        for path in ("/cds-services", SIGN, f"{SIGN}/feedback"):
            answer = http.options(path, headers={"Origin": "https://ehr.example"})
            assert answer.status_code == 204
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
            assert "POST" in answer.headers["Access-Control-Allow-Methods"]


def test_every_answer_may_be_read_by_a_page_of_another_site(ehr_hooks, call):
    for answer in (
        ehr_hooks.call("order-sign", call),
        ehr_hooks.call("order-sign", b"{"),
        ehr_hooks.post(SIGN, call, token="x"),
        ehr_hooks.http.get("/cds-services"),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_too_many_calls_are_told_so(ehr_hooks, call, monkeypatch):
    monkeypatch.setattr("reviews.limits.Hooks.quota", 1)
    assert ehr_hooks.call("order-sign", call).status_code == 200
    answer = ehr_hooks.call("order-sign", call)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json()["issue"][0]["code"] == "throttled"
