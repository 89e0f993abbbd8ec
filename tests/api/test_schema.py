"""The description of the API: valid, complete, served to browsers safely, and true."""

import re

import jsonschema
import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, given, settings
from schemathesis.config import SchemathesisConfig

from portal.wsgi import application
from reviews import limits
from reviews.verbs import clients, screen
from tests import make
from tests.api import sent

OPENAPI_SCHEMA = "/api/v1/schema/"
EXAMPLES = 20
REFUSALS = SchemathesisConfig.from_dict(
    {
        "checks": {
            "negative_data_rejection": {
                "expected-statuses": [400, 401, 403, 404, 405, 406, 409, 411, 413, 415, 422, 429]
            }
        }
    }
)
"""With the answer to more records than are taken at once, which schemathesis does not expect."""
ADDRESSES = (
    *("prescriptions", "patients", "flags", "cases", "decisions"),
    *("prescriptions/{id}", "patients/{id}", "flags/{id}", "cases/{id}", "decisions/{id}"),
    *("readings", "readings/{id}", "readings/sync", "tapers", "tapers/{id}"),
    *("notes", "notes/{id}", "reviews", "reviews/{id}", "messages", "messages/{id}"),
    "decisions/{id}/text",
    *("prescriptions/sync", "patients/sync", "conditions/sync"),
    *("dispensings", "dispensings/{id}", "dispensings/sync"),
    "changes",
    *("conditions", "conditions/{id}", "letters", "letters/{id}", "screenings", "screenings/{id}"),
    *("formulary", "formulary/{key}", "profiles"),
)
UPLOADS = ("uploads/{id}", "uploads/{id}/errors")
WEBHOOKS = ("webhooks", "webhooks/{id}/messages")
LISTS_OF_PEOPLE = ("practices", "people", "invitations")
CHANGES = {
    "practices/{code}": "PATCH",
    "people/{id}/roles": "PUT",
    "people/{id}/register": "POST",
    "people/{id}/leave": "POST",
    "invitations/make": "POST",
    "invitations/{id}/withdraw": "POST",
}
"""What a key changes that keeps people, one record at a time."""
CHANGES_OF_WEBHOOKS = {
    "webhooks/make": "POST",
    "webhooks/{id}": "PATCH",
    "webhooks/{id}/secret": "POST",
    "webhooks/{id}/sample": "POST",
    "webhooks/{id}/remove": "POST",
    "webhooks/{webhook_pk}/messages/{id}/again": "POST",
}
"""What a key changes of its own receivers of events."""
EVERY_CHANGE = CHANGES | CHANGES_OF_WEBHOOKS
EVERYTHING = (*ADDRESSES, *UPLOADS, *WEBHOOKS, *LISTS_OF_PEOPLE, *EVERY_CHANGE)


@pytest.fixture
def described(client, db):
    return client.get(OPENAPI_SCHEMA).json()


def test_the_description_is_openapi_3_1(described):
    assert described["openapi"].startswith("3.1")
    for schema in described["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_address_is_described_with_its_refusals(described):
    assert described["paths"].keys() == {f"/api/v1/{path}" for path in EVERYTHING}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            assert {"200", "400", "401", "403", "429"} <= operation["responses"].keys()
            assert operation["security"]
            assert operation["summary"]
            if method == "delete":
                assert {"404", "409"} <= operation["responses"].keys(), "which has no body"
            elif method != "get":
                assert {"409", "411", "413", "415"} <= operation["responses"].keys()
            for status, answer in operation["responses"].items():
                wanted = (
                    "application/json" if status in ("200", "202") else "application/problem+json"
                )
                if not path.endswith("/errors") or status != "200":
                    assert list(answer["content"]) == [wanted]


def test_every_reference_of_the_description_leads_somewhere(described):
    names = set(re.findall(r"#/components/schemas/(\w+)", str(described)))
    assert names <= described["components"]["schemas"].keys()


def test_a_record_that_is_valid_by_the_description_is_one_that_is_accepted(described, system):
    record = {
        "$ref": "#/components/schemas/SyncedPrescription",
        "components": described["components"],
    }
    jsonschema.validate(sent.prescription(), record)
    jsonschema.validate({**sent.prescription(), "route": None, "days_supply": 14.0}, record)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**sent.prescription(), "dose": -1}, record)


def test_the_page_to_read_it_runs_no_inline_script_and_loads_nothing_from_outside(client, db):
    page = client.get("/api/v1/docs/")
    assert page.status_code == 200
    text = page.content.decode()
    assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
    assert "<style" not in text
    assert " style=" not in text
    assert "https://" not in text
    policy = page.headers["Content-Security-Policy"]
    # The directives come in any order.
    assert "default-src 'self'" in policy.split("; ")
    assert "unsafe" not in policy
    assert "script-src" not in policy, "scripts come from this site alone"


def test_the_page_to_read_it_is_light_and_names_all_there_is(client, db, described):
    text = client.get("/api/v1/docs/").content.decode()
    # With the style sheet of the portal a third of what a browser for schemas took.
    assert len(text) < 240_000
    assert "<script" not in text
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert f'id="{operation["operationId"]}"' in text
            assert f"{method.upper()} {path}" in text
    for name in described["components"]["schemas"]:
        assert f'id="shape-{name}"' in text
    targets = set(re.findall(r'href="#([^"]+)"', text))
    assert targets <= set(re.findall(r'id="([^"]+)"', text))


@pytest.fixture
def attacked(harbour, system, monkeypatch):
    """The API with one screened patient in it, called in this process and this transaction."""
    monkeypatch.setattr(limits.Reads, "quota", 10**9)
    monkeypatch.setattr(limits.Syncs, "quota", 10**9)
    monkeypatch.setattr(limits.Writes, "quota", 10**9)
    _, provisioning = clients.make_key(
        name="Staff list",
        source_system="hr",
        practices=[harbour],
        kind="people",
        by=make.person("maeve", harbour),
    )
    clara = make.person("clara", harbour)
    make.flagged_case(harbour, logged_by=clara)
    system.sync([sent.prescription()])
    screen.drain()
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    described = schemathesis.openapi.from_wsgi(OPENAPI_SCHEMA, application, config=REFUSALS)
    described.provisioning = provisioning
    yield described
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.parametrize("path", EVERYTHING)
def test_no_request_made_from_the_description_is_answered_otherwise(attacked, system, path):
    method = EVERY_CHANGE.get(path) or ("POST" if path.endswith("/sync") else "GET")
    operation = attacked[f"/api/v1/{path}"][method]
    secret = attacked.provisioning if path in (*LISTS_OF_PEOPLE, *CHANGES) else system.secret
    right, wrong = (
        operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode
    )

    @given(case=right | wrong)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def attack(case):
        case.call_and_validate(
            headers={"Authorization": f"Bearer {secret}"},
            # Any text is a valid cursor to the description; only the portal knows which are.
            excluded_checks=[schemathesis.checks.positive_data_acceptance],
        )

    attack()


def test_the_page_works_for_whoever_is_not_signed_in():
    assert Client().get("/api/v1/docs/").status_code == 200
