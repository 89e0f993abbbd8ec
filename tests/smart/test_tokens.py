"""SMART Backend Services, as a client meets it: signed statements in, tokens out."""

import base64
import hmac
import json
import time
from datetime import timedelta

import httpx
import pytest
from django.test import override_settings
from django.utils import timezone

from reviews import proving, tries
from reviews.models import AccessToken, AuditEvent, Client, FetchedKeys, UsedAssertion
from reviews.verbs import registrations, tokens
from tests import signing
from tests.signing import LEFT_OUT


def refused(answer, error):
    """Whether an answer is that refusal, as RFC 6749 writes it."""
    assert answer.json()["error"] == error, answer.text
    assert answer.json()["error_description"]
    assert answer.status_code == (401 if error == "invalid_client" else 400)
    assert answer.headers["Cache-Control"] == "no-store"
    assert not AccessToken.objects.exists()
    return True


# -- What is told to anybody ------------------------------------------------------------------


def test_the_configuration_is_told_before_anybody_signs_in(live_server, db):
    where = f"{live_server.url}/fhir/.well-known/smart-configuration"
    answer = httpx.get(where, headers={"Accept": "text/html"})
    said = answer.json()
    assert answer.headers["Content-Type"] == "application/json"
    assert said["token_endpoint"] == f"{live_server.url}/token"
    assert said["grant_types_supported"] == ["client_credentials"]
    assert said["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert said["token_endpoint_auth_signing_alg_values_supported"] == ["RS384", "ES384"]
    assert said["code_challenge_methods_supported"] == ["S256"]
    assert {"client-confidential-asymmetric", "permission-v2"} <= set(said["capabilities"])


def test_each_scope_that_is_told_of_works(system):
    told = system.http.get("/fhir/.well-known/smart-configuration").json()["scopes_supported"]
    assert len(told) > 30
    for scope in told:
        answer = system.ask(scope=scope)
        assert answer.status_code == 200, (scope, answer.text)


# -- A token -------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [signing.rsa(), signing.ec()], ids=["RS384", "ES384"])
def test_a_signed_statement_becomes_a_token(live_server, register, key):
    system = register(key=key)
    answer = system.ask(scope="system/Patient.read system/Task.rs")
    said = answer.json()
    assert answer.status_code == 200
    assert said["token_type"] == "bearer"
    assert 0 < said["expires_in"] <= 300
    assert said["scope"] == "system/Patient.rs system/Task.rs"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"
    assert "refresh_token" not in said
    grant = tokens.recognise(said["access_token"])
    assert grant.scopes.bounds("Patient", "r") == ()
    assert grant.scopes.bounds("Patient", "c") is None
    assert grant.source_system == "ehr"
    # The token itself is nowhere.
    assert said["access_token"] not in AccessToken.objects.get().digest


def test_the_trail_tells_of_each_token(system, harbour):
    system.ask()
    event = AuditEvent.objects.get(verb="client.token_issued")
    assert event.practice_id == harbour.pk
    assert event.actor_id == system.client.user_id
    assert event.detail["scopes"] == "system/Patient.rs"


def test_what_goes_beyond_the_client_is_left_out(register):
    system = register(allowed="system/Patient.r system/Task.rs?status=requested")
    assert system.ask(scope="system/*.rs").json()["scope"] == (
        "system/Patient.r system/Task.rs?status=requested"
    )


@pytest.mark.parametrize(
    "scope",
    [
        "system/Observation.rs",
        "system/Patient.dus",
        "system/Patient.rs?gender:not=male",
        "openid",
        "user/Patient.rs",
        "patient/Patient.rs",
        "system/Task.c",
    ],
)
def test_what_cannot_be_given_is_refused(register, scope):
    system = register(allowed="system/Patient.rs")
    assert refused(system.ask(scope=scope), "invalid_scope")


FAULTS = {
    "another audience": {"aud": "https://elsewhere.example/token"},
    "an audience that only begins so": {"aud": LEFT_OUT},
    "no audience of a list": {"aud": ["https://elsewhere.example"]},
    "over": {"exp": int(time.time()) - 1},
    "without an end": {"exp": LEFT_OUT},
    "an end that is text": {"exp": "tomorrow"},
    "an end that is no time": {"exp": 10**30},
    "for an hour": {"exp": int(time.time()) + 3600},
    "of a time to come": {"iat": int(time.time()) + 3000},
    "not valid yet": {"nbf": int(time.time()) + 3000},
    "without a number": {"jti": LEFT_OUT},
    "a number that is none": {"jti": 7},
    "an endless number": {"jti": "x" * 201},
    "somebody else's subject": {"sub": "another"},
    "no subject": {"sub": LEFT_OUT},
    "an unknown issuer": {"iss": "nobody", "sub": "nobody"},
    "an issuer that is no text": {"iss": ["x"], "sub": ["x"]},
    "no issuer": {"iss": LEFT_OUT},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_statement_with_a_fault_proves_nothing(system, fault):
    assert refused(system.ask(system.assertion(**FAULTS[fault])), "invalid_client")


HEADS = {
    "another kid": {"kid": "ec-2"},
    "no kid": {"kid": LEFT_OUT},
    "another type": {"typ": "at+jwt"},
    "an address of keys that was not registered": {"jku": "https://attacker.example/jwks"},
    "an extension": {"crit": ["exp"], "exp": 1},
}


@pytest.mark.parametrize("fault", HEADS)
def test_a_header_with_a_fault_proves_nothing(system, fault):
    # joserfc signs no `crit` that it does not know.
    if fault == "an extension":
        head, rest = system.assertion().split(".", 1)
        assertion = f"{_with(head, HEADS[fault])}.{rest}"
    else:
        assertion = system.assertion(header=HEADS[fault])
    assert refused(system.ask(assertion), "invalid_client")


def _with(head, fields):
    made = json.loads(base64.urlsafe_b64decode(head + "==")) | fields
    return base64.urlsafe_b64encode(json.dumps(made).encode()).decode().rstrip("=")


def test_a_key_of_somebody_else_with_the_same_name_proves_nothing(system):
    other = signing.ECKey.generate_key("P-384", {"kid": system.key.kid})
    assert refused(system.ask(system.assertion(key=other)), "invalid_client")


@pytest.mark.parametrize(
    "alg", ["none", "HS256", "HS384", "RS256", "ES256", "PS384", ["ES384"], {"a": "ES384"}, 7, None]
)
def test_other_algorithms_are_refused(register, alg):
    key = signing.rsa()
    system = register(key=key)
    head, rest = system.assertion().split(".", 1)
    assert refused(system.ask(f"{_with(head, {'alg': alg})}.{rest}"), "invalid_client")
    unsigned = f"{_with(head, {'alg': alg})}.{rest.partition('.')[0]}."
    assert refused(system.ask(unsigned), "invalid_client")


def test_the_public_key_is_no_shared_secret(register):
    """The old trick: sign with HMAC, and the public key as the secret."""
    key = signing.rsa()
    system = register(key=key)
    head, said, _ = system.assertion().split(".")
    signed = f"{_with(head, {'alg': 'HS384'})}.{said}"
    mark = hmac.digest(key.as_pem(private=False), signed.encode(), "sha384")
    forged = f"{signed}.{base64.urlsafe_b64encode(mark).decode().rstrip('=')}"
    assert refused(system.ask(forged), "invalid_client")


@pytest.mark.parametrize(
    "junk", ["", "x", "a.b", "a.b.c", "é.é.é", "....", "x" * 20_000, "e30.e30."]
)
def test_junk_proves_nothing(system, junk):
    error = "invalid_request" if junk == "" else "invalid_client"
    answer = system.http.post(
        "/token",
        data={
            "grant_type": "client_credentials",
            "scope": "system/Patient.rs",
            "client_assertion_type": signing.ASSERTION_TYPE,
            "client_assertion": junk,
        },
    )
    assert refused(answer, error)


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": LEFT_OUT}, "invalid_request"),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"scope": LEFT_OUT}, "invalid_request"),
        ({"client_assertion_type": LEFT_OUT}, "invalid_request"),
        ({"client_assertion_type": "jwt"}, "invalid_request"),
        ({"client_assertion": LEFT_OUT}, "invalid_request"),
    ],
)
def test_a_form_with_a_fault_is_refused(system, form, error):
    scope = form.pop("scope", "system/Patient.rs") if "scope" in form else "system/Patient.rs"
    assert refused(system.ask(scope=scope, **form), error)


def test_a_field_twice_another_type_and_another_method_are_refused(system):
    twice = "grant_type=client_credentials&grant_type=client_credentials&scope=x"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert refused(system.http.post("/token", content=twice, headers=form), "invalid_request")
    assert refused(system.http.post("/token", json={"grant_type": "x"}), "invalid_request")
    long = "scope=" + "x" * 70_000
    assert refused(system.http.post("/token", content=long, headers=form), "invalid_request")
    assert system.http.get("/token").status_code == 405


# -- Once ----------------------------------------------------------------------------------------


def test_a_statement_is_used_once(system):
    assertion = system.assertion()
    assert system.ask(assertion).status_code == 200
    AccessToken.objects.all().delete()
    assert refused(system.ask(assertion), "invalid_client")


def test_the_same_number_in_another_statement_is_refused_and_of_another_client_taken(register):
    system = register()
    other = register(name="Another", key=signing.rsa())
    assert system.ask(system.assertion(jti="one")).status_code == 200
    assert system.ask(system.assertion(jti="one")).status_code == 401
    assert other.ask(other.assertion(jti="one")).status_code == 200


def test_it_is_used_once_while_the_cache_is_away(system):
    away = "redis://127.0.0.1:1/0"
    caches = {
        "default": {"BACKEND": "portal.cache.ForgivingRedisCache", "LOCATION": away},
    }
    with override_settings(CACHES=caches):
        assertion = system.assertion()
        assert system.ask(assertion).status_code == 200
        assert system.ask(assertion).status_code == 401


def test_a_statement_that_was_not_believed_uses_no_number_up(system):
    assert system.ask(system.assertion(jti="one", aud="x")).status_code == 401
    assert not UsedAssertion.objects.exists()
    assert system.ask(system.assertion(jti="one")).status_code == 200


# -- Its end -------------------------------------------------------------------------------------


def test_a_token_is_over_after_its_time(system):
    token = system.ask().json()["access_token"]
    AccessToken.objects.update(ends_at=timezone.now() - timedelta(seconds=1))
    assert tokens.recognise(token) is None


def test_the_tokens_of_a_withdrawn_client_end_at_once(system, ada):
    token = system.ask().json()["access_token"]
    assert tokens.recognise(token)
    registrations.withdraw(client=system.client, by=ada)
    assert tokens.recognise(token) is None
    assert system.ask().status_code == 401


def test_what_is_over_is_dropped(system):
    system.ask()
    later = timezone.now() - timedelta(days=1)
    AccessToken.objects.update(ends_at=later)
    UsedAssertion.objects.update(ends_at=later)
    tokens.forget()
    assert not AccessToken.objects.exists()
    assert not UsedAssertion.objects.exists()


# -- Keys at an address --------------------------------------------------------------------------


def test_keys_are_fetched_from_the_address_that_was_registered(register, site):
    site.gives(signing.ec(), signing.rsa())
    system = register(keys="", jwks_url=site.url)
    assert system.ask().status_code == 200
    assert system.ask(system.assertion(header={"jku": site.url})).status_code == 200
    assert site.asked == 1, "what was fetched is used again"


def test_an_unknown_key_has_them_fetched_anew_once(register, site):
    site.gives(signing.ec())
    system = register(keys="", jwks_url=site.url)
    assert system.ask().status_code == 200
    site.gives(signing.ec("ec-2"))
    new = signing.ec("ec-2")
    assert system.ask(system.assertion(key=new)).status_code == 200
    assert site.asked == 2
    for _ in range(3):
        assert system.ask(system.assertion(key=signing.ec("ec-3"))).status_code == 401
    assert site.asked == 2, "nobody makes the portal ask again and again"
    tries.forget([tries.key("jwks-unknown", system.client.pk)])
    assert system.ask(system.assertion(key=signing.ec("ec-3"))).status_code == 401
    assert site.asked == 3


def test_a_key_that_is_there_no_longer_proves_nothing_once_what_was_fetched_is_old(register, site):
    site.gives(signing.ec(), **{"Cache-Control": "max-age=60"})
    system = register(keys="", jwks_url=site.url)
    assert system.ask().status_code == 200
    site.gives(signing.ec("ec-2"))
    assert system.ask().status_code == 200
    FetchedKeys.objects.update(fresh_until=timezone.now())
    assert system.ask().status_code == 401


def test_nothing_is_kept_of_an_answer_that_says_so(register, site):
    site.gives(signing.ec(), **{"Cache-Control": "no-store"})
    system = register(keys="", jwks_url=site.url)
    for asked in (1, 2):
        assert system.ask().status_code == 200
        assert site.asked == asked


def test_keys_are_not_fetched_without_end(register, site, monkeypatch):
    monkeypatch.setattr(proving, "FETCHES", tries.Limit(3, timedelta(minutes=1)))
    site.gives(signing.ec(), **{"Cache-Control": "no-store"})
    system = register(keys="", jwks_url=site.url)
    answers = [system.ask().status_code for _ in range(5)]
    assert answers == [200, 200, 200, 401, 401]
    assert site.asked == 3


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 300),
        ({"cache-control": "max-age=60"}, 60),
        ({"cache-control": "public, max-age=60, must-revalidate"}, 60),
        ({"cache-control": "max-age=60", "age": "20"}, 40),
        ({"cache-control": "max-age=60", "age": "99"}, 0),
        ({"cache-control": "max-age=0"}, 0),
        ({"cache-control": "no-store"}, 0),
        ({"cache-control": "no-cache, max-age=60"}, 0),
        ({"cache-control": "max-age=999999"}, 3600),
        ({"cache-control": "max-age=x"}, 300),
    ],
)
def test_how_long_fetched_keys_are_used(headers, seconds):
    assert proving.fresh_for(headers).total_seconds() == seconds


@pytest.mark.parametrize("trouble", ["status", "junk", "private", "twice", "nothing"])
def test_an_address_that_gives_no_keys_proves_nobody(register, site, trouble):
    site.gives(signing.ec())
    if trouble == "status":
        site.status = 500
    elif trouble == "junk":
        site.body = b"<html>"
    elif trouble == "private":
        site.body = json.dumps(signing.private(signing.ec())).encode()
    elif trouble == "twice":
        site.gives(signing.ec(), signing.ECKey.generate_key("P-384", {"kid": "ec-1"}))
    else:
        site.body = b'{"keys": []}'
    system = register(keys="", jwks_url=site.url)
    assert refused(system.ask(), "invalid_client")


def test_keys_of_other_kinds_beside_ours_do_no_harm(register, site):
    site.gives(signing.ec("small", "P-256"), signing.ec(), signing.short_rsa())
    assert register(keys="", jwks_url=site.url).ask().status_code == 200


# -- Rotation ------------------------------------------------------------------------------------


def test_a_new_key_works_beside_the_old_one_until_that_is_withdrawn(system, ada):
    new = signing.ec("ec-2")
    registrations.add_keys(client=system.client, keys=json.dumps(signing.public(new)), by=ada)
    assert system.ask().status_code == 200
    assert system.ask(system.assertion(key=new)).status_code == 200
    old = system.client.keys.get(kid="ec-1")
    registrations.withdraw_key(key=old, by=ada)
    assert system.ask().status_code == 401
    assert system.ask(system.assertion(key=new)).status_code == 200


def test_too_many_requests_are_told_so(system, monkeypatch):
    monkeypatch.setattr("reviews.limits.Tokens.quota", 2)
    assert [system.ask().status_code for _ in range(3)] == [200, 200, 429]
    answer = system.ask()
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json()["error"]


def test_a_client_whose_user_was_switched_off_is_nobody(system):
    Client.objects.get().user.__class__.objects.filter(pk=system.client.user_id).update(
        is_active=False
    )
    assert refused(system.ask(), "invalid_client")
