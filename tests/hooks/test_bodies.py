"""Whatever is sent: a refusal that names field and reason, or an answer, and never a failure."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviews.models import HookCard
from tests.hooks.conftest import body, bundle, order, prefetch

NOTHING = object()


def changed(where, value):
    """A good call with one part of it changed; NOTHING takes it out."""
    made = body("order-select", order(days=56))
    part = made
    *way, last = where.split(".")
    for name in way:
        part = part[int(name)] if isinstance(part, list) else part[name]
    if value is NOTHING:
        del part[last]
    else:
        part[int(last) if isinstance(part, list) else last] = value
    return made


FAULTS = [
    ("hook", NOTHING, "hook"),
    ("hook", "order-sign", "hook"),
    ("hook", 7, "hook"),
    ("hookInstance", NOTHING, "hookInstance"),
    ("hookInstance", "seven", "hookInstance"),
    ("context", NOTHING, "context"),
    ("context", [], "context"),
    ("context.userId", NOTHING, "context.userId"),
    ("context.userId", "dr1", "context.userId"),
    ("context.userId", 1, "context.userId"),
    ("context.patientId", NOTHING, "context.patientId"),
    ("context.patientId", "", "context.patientId"),
    ("context.patientId", "a/b/c", "context.patientId"),
    ("context.patientId", "../../token", "context.patientId"),
    ("context.patientId", {"id": "p1"}, "context.patientId"),
    ("context.encounterId", 3, "context.encounterId"),
    ("context.draftOrders", NOTHING, "context.draftOrders"),
    ("context.draftOrders", [], "context.draftOrders"),
    ("context.draftOrders", {"resourceType": "Patient"}, "context.draftOrders"),
    ("context.draftOrders.entry", 5, "context.draftOrders.entry"),
    ("context.draftOrders.entry", {}, "context.draftOrders.entry"),
    ("context.draftOrders.entry", [7], "context.draftOrders.entry[0].resource"),
    ("context.draftOrders.entry", [{}], "context.draftOrders.entry[0].resource"),
    ("context.draftOrders.entry", [{"resource": {}}], "context.draftOrders.entry[0].resource"),
    (
        "context.draftOrders.entry",
        [{"resource": {}}] * 101,
        "context.draftOrders.entry",
    ),
    ("context.selections", NOTHING, "context.selections"),
    ("context.selections", [], "context.selections"),
    ("context.selections", [4], "context.selections"),
    ("prefetch", [], "prefetch"),
    ("prefetch.patient", "x", "prefetch.patient"),
    ("prefetch.patient", [], "prefetch.patient"),
    ("prefetch.patient", {"resourceType": "Condition"}, "prefetch.patient"),
    ("prefetch.patient.id", "p2", "prefetch.patient"),
    ("prefetch.medications", 3, "prefetch.medications"),
    ("prefetch.medications", {"resourceType": 3}, "prefetch.medications"),
    ("prefetch.medications.entry", {}, "prefetch.medications.entry"),
    ("prefetch.medications.entry", [5], "prefetch.medications.entry[0]"),
    ("prefetch.conditions", {"resourceType": "Patient"}, "prefetch.conditions"),
    ("fhirServer", "ftp://x", "fhirServer"),
    ("fhirServer", "http://[", "fhirServer"),
    ("fhirAuthorization", {"access_token": "x", "token_type": "Bearer"}, "fhirServer"),
    ("fhirAuthorization", {"access_token": 5}, "fhirAuthorization.access_token"),
]


@pytest.mark.parametrize(("where", "value", "field"), FAULTS)
def test_a_fault_is_named_with_its_field(ehr_hooks, where, value, field):
    answer = ehr_hooks.call("order-select", changed(where, value))
    assert answer.status_code == 400, answer.text
    (issue,) = answer.json()["issue"]
    assert issue["severity"] == "error"
    assert issue["expression"] == [field]
    assert field in issue["diagnostics"]
    assert not HookCard.objects.exists()


FINE = [
    ("extension", {"https://x": 1}),
    ("whatever", "is not known"),
    ("context.whatever", 1),
    ("context.encounterId", "e1"),
    ("context.encounterId", "Encounter/e1"),
    ("context.patientId", "Patient/p1"),
    ("context.selections", ["o1"]),
    ("context.selections", ["https://ehr.example/fhir/MedicationRequest/o1"]),
    ("context.selections", ["MedicationRequest/unknown"]),
    ("prefetch.whatever", {"resourceType": "Coverage"}),
    ("prefetch.conditions", {"resourceType": "Bundle", "type": "searchset"}),
    ("prefetch.observations", {"resourceType": "Bundle", "type": "searchset", "entry": None}),
]


@pytest.mark.parametrize(("where", "value"), FINE)
def test_what_does_no_harm_is_taken(ehr_hooks, where, value):
    answer = ehr_hooks.call("order-select", changed(where, value))
    assert answer.status_code == 200, answer.text
    assert answer.json()["cards"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"7",
        b'"x"',
        b"\xff\xfe",
        b'{"hook":"order-sign"}{',
        b"[" * 100_000,
        b'{"context":' + b'{"a":' * 80 + b"1" + b"}" * 80 + b"}",
        b'{"hook": "order-sign", "hookInstance": null, "context": {}}',
        b'{"hookInstance": "\\u0000"}',
        b'{"hook": 1e999}',
    ],
)
def test_junk_is_refused(ehr_hooks, content):
    answer = ehr_hooks.call("order-sign", content)
    assert answer.status_code == 400, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    "heads",
    [
        {"Content-Type": "application/xml"},
        {"Content-Type": "text/plain"},
        {"Content-Encoding": "gzip"},
    ],
)
def test_what_is_not_sent_as_json_is_refused(ehr_hooks, heads):
    answer = ehr_hooks.call("order-select", body("order-select", order(days=56)), **heads)
    assert answer.status_code == 415, answer.text
    assert answer.json()["issue"][0]["code"] == "not-supported"


def test_json_is_known_by_all_its_names(ehr_hooks):
    for name in ("application/json; charset=utf-8", "application/fhir+json", "TEXT/JSON"):
        call = body("order-select", order(days=56))
        answer = ehr_hooks.call("order-select", call, **{"Content-Type": name})
        assert answer.status_code == 200, answer.text


def test_what_is_too_long_is_refused(ehr_hooks):
    answer = ehr_hooks.call("order-sign", b" " * (4 * 1024 * 1024 + 1))
    assert answer.status_code == 413
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_more_resources_than_are_read_are_refused(ehr_hooks):
    many = prefetch(*[{"resourceType": "Medication", "id": str(n)} for n in range(2001)])
    answer = ehr_hooks.call("order-sign", body("order-sign", order(), along=many))
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["expression"] == ["prefetch.medications"]


@pytest.mark.parametrize("path", ["/cds-services/nothing", "/cds-services/order-sign/more"])
def test_an_unknown_service_is_an_outcome(ehr_hooks, path):
    answer = ehr_hooks.post(path, body("order-sign"))
    assert answer.status_code == 404
    assert answer.json()["issue"][0]["code"] == "not-found"


def test_another_method_is_an_outcome(ehr_hooks):
    token = ehr_hooks.token("/cds-services/order-sign")
    heads = {"Authorization": f"Bearer {token}"}
    answer = ehr_hooks.http.get("/cds-services/order-sign", headers=heads)
    assert answer.status_code == 405
    assert answer.json()["resourceType"] == "OperationOutcome"


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=4,
)
PLACES = [
    "status",
    "subject",
    "medicationCodeableConcept",
    "medicationReference",
    "dosageInstruction",
    "dispenseRequest",
    "authoredOn",
    "contained",
    "extension",
    "id",
    "intent",
    "requester",
]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(PLACES), junk)
def test_whatever_an_order_holds_it_is_answered(ehr_hooks, name, value):
    along = prefetch(order("m1", status="active") | {name: value})
    call = body("order-sign", order(days=56) | {name: value}, along=along)
    answer = ehr_hooks.call("order-sign", json.dumps(call).encode())
    assert answer.status_code == 200, answer.text
    for card in answer.json()["cards"]:
        assert 0 < len(card["summary"]) < 140
        assert card["source"]["label"]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(["patient", "medications", "conditions", "allergies", "observations"]), junk)
def test_whatever_comes_along_it_is_answered_or_refused(ehr_hooks, key, value):
    along = prefetch() | {key: value}
    answer = ehr_hooks.call("order-sign", body("order-sign", order(), along=along))
    assert answer.status_code in (200, 400, 412), answer.text


def no_empties(value):
    if isinstance(value, dict):
        return all(each not in (None, "", [], {}) and no_empties(each) for each in value.values())
    if isinstance(value, list):
        return all(each not in (None, "", [], {}) and no_empties(each) for each in value)
    return True


def test_what_is_sent_holds_nothing_empty(ehr_hooks):
    cards = ehr_hooks.cards("order-sign", body("order-sign", order(days=200)))
    assert cards
    assert no_empties(cards)
    assert no_empties(ehr_hooks.http.get("/cds-services").json())
    assert bundle()["entry"] == []
