"""What clients send that is odd: each gets the answer that FHIR has for it, and nothing else."""

import base64
import codecs
import json
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from reviews import clocks
from reviews.fhir.read import elements
from reviews.fhir.read.file import READ
from reviews.models import Patient, Prescription, Webhook
from reviews.queries import fhir_values
from tests import make
from tests.fhir.asking import System, refused
from tests.fhir.test_fhir_writing import bundle, entry, order, sent
from tests.fhir.test_fhir_writing_people import bell, post

JSON_PATCH = "application/json-patch+json"


@pytest.fixture
def made(system, ann):
    return post(system, order(ann, identifier=[{"system": "urn:rx", "value": "1"}])).json()


def batch(system, *entries):
    """The status, and the first issue if there is one, of each entry of a batch."""
    answer = sent(system, bundle(*entries, kind="batch"))
    assert answer.status_code == 200, answer.content
    said = [one["response"] for one in answer.json()["entry"]]
    return [
        (int(one["status"][:3]), one.get("outcome", {}).get("issue", [None])[0]) for one in said
    ]


def binary(changes, content_type=JSON_PATCH):
    data = changes if isinstance(changes, str) else None
    packed = data or base64.b64encode(json.dumps(changes).encode()).decode()
    return {"resourceType": "Binary", "contentType": content_type, "data": packed}


ON_HOLD = [{"op": "replace", "path": "/status", "value": "on-hold"}]


@pytest.mark.parametrize(
    ("odd", "status", "where"),
    [
        ("no object", 400, "request"),
        ({"fullUrl": "urn:uuid:a"}, 400, "request"),
        ({"request": {"method": "GET"}}, 400, "request.url"),
        ({"request": {"url": "Patient"}}, 400, "request.method"),
        (entry("WHAT", "Patient"), 400, "request.method"),
        (entry("get", "Patient"), 400, "request.method"),
        (entry("POST", "Patient"), 400, "resource"),
        ({**entry("POST", "Patient"), "resource": "Patient"}, 400, "resource"),
        (entry("GET", "https://elsewhere.example/Patient/1"), 400, "request.url"),
        (entry("GET", "Patient/no id"), 400, "request.url"),
        (entry("GET", "Patient", ifNoneMatch=7), 400, "request.ifNoneMatch"),
        (entry("GET", "Encounter/1"), 404, ""),
    ],
)
def test_an_odd_entry_of_a_batch_sinks_no_other(system, odd, status, where):
    good = entry("POST", "Patient", bell())
    (first, none), (second, issue) = batch(system, good, odd)
    assert (first, none, second) == (201, None, status)
    assert issue["expression"] == [f"Bundle.entry[1].{where}".rstrip(".")]
    assert Patient.objects.count() == 1
    # All or nothing of it is refused whole.
    refused(sent(system, bundle(good, odd)), status, issue["code"])


@pytest.mark.parametrize(
    "url",
    [
        "Patient/{0}/_history",
        "Patient/{0}/_history/x",
        "Patient/{0}/name",
        "Patient/{0}/_history/1/more",
    ],
)
def test_what_a_bundle_does_not_offer_is_not_taken_for_something_else(system, ann, url):
    known = ann.removeprefix("Patient/")
    ((status, issue),) = batch(system, entry("GET", url.format(known)))
    assert (status, issue["code"]) == (400, "not-supported")


def test_methods_at_addresses_without_them_change_nothing(system, ann, made):
    known = f"MedicationRequest/{made['id']}"
    changed = order(ann, status="stopped", id=made["id"])
    said = batch(
        system,
        entry("POST", known, changed),
        entry("POST", "MedicationRequest/_search", changed),
        entry("PUT", f"{known}/_history/1", changed),
        entry("DELETE", f"{known}/_history/1"),
        entry("PUT", "MedicationRequest", order(ann)),
        entry("PATCH", "MedicationRequest", binary(ON_HOLD)),
        entry("DELETE", "MedicationRequest"),
    )
    assert [status for status, _ in said] == [400] * 7
    assert system.get(known).json() == made
    assert Prescription.objects.count() == 1


def test_a_bundle_reads_a_version_and_says_what_is_known(system, ann, made):
    known = f"MedicationRequest/{made['id']}"
    answer = system.send("PATCH", known, json.dumps(ON_HOLD), content_type=JSON_PATCH)
    assert answer.status_code == 200, answer.content
    answer = sent(
        system,
        bundle(
            entry("GET", f"{known}/_history/1"),
            entry("GET", known, ifNoneMatch='W/"2"'),
            entry("GET", known, ifNoneMatch='W/"1"'),
            entry("GET", f"{known}/_history/9"),
            kind="batch",
        ),
    )
    first, same, newer, none = answer.json()["entry"]
    assert (first["resource"], first["response"]["etag"]) == (made, 'W/"1"')
    assert same == {"response": {"status": "304 Not Modified"}}
    assert newer["resource"]["status"] == "on-hold"
    assert none["response"]["status"] == "404 Not Found"


def test_a_bundle_says_that_a_resource_was_deleted(system, made):
    known = f"MedicationRequest/{made['id']}"
    assert system.send("DELETE", known).status_code == 204
    ((status, issue),) = batch(system, entry("GET", known))
    assert (status, issue["code"]) == (410, "deleted")
    refused(sent(system, bundle(entry("GET", known))), 410, "deleted")


@pytest.mark.parametrize(
    ("method", "kind"), [("id", "batch"), ("condition", "batch"), ("id", "transaction")]
)
def test_a_patch_within_a_bundle_is_a_binary(system, made, method, kind):
    known = f"MedicationRequest/{made['id']}"
    url = known if method == "id" else "MedicationRequest?identifier=urn:rx|1"
    answer = sent(system, bundle(entry("PATCH", url, binary(ON_HOLD)), kind=kind))
    assert answer.status_code == 200, answer.content
    (said,) = answer.json()["entry"]
    assert (said["response"]["status"], said["resource"]["status"]) == ("200 OK", "on-hold")
    merge = binary({"status": "stopped", "note": None}, "application/merge-patch+json")
    ((status, _),) = batch(system, entry("PATCH", known, merge))
    assert (status, system.get(known).json()["status"]) == (200, "stopped")


@pytest.mark.parametrize(
    ("resource", "status", "where"),
    [
        ({"resourceType": "Parameters"}, 415, "resource"),
        ({"resourceType": "Binary"}, 415, "resource"),
        (binary(ON_HOLD, "text/plain"), 415, "resource"),
        ({**binary(ON_HOLD), "contentType": 7}, 415, "resource"),
        (binary("no base64!"), 400, "resource.data"),
        ({**binary(ON_HOLD), "data": 7}, 400, "resource.data"),
        (binary(base64.b64encode(b"[{").decode()), 400, ""),
        (binary([{"op": "replace", "path": "/id", "value": "x"}]), 400, ""),
    ],
)
def test_a_patch_within_a_bundle_that_is_none_is_refused(system, made, resource, status, where):
    known = f"MedicationRequest/{made['id']}"
    ((said, issue),) = batch(system, entry("PATCH", known, resource))
    assert (said, issue["expression"][0]) == (status, f"Bundle.entry[0].{where}".rstrip("."))
    assert system.get(known).json() == made


@pytest.mark.parametrize("path", ["/fhir/Patient/", "/fhir/metadata/", "/fhir/Patient/{0}/"])
def test_a_stroke_at_the_end_says_nothing(system, ann, path):
    path = path.format(ann.removeprefix("Patient/"))
    assert system.get(path).json()["resourceType"] == system.get(path[:-1]).json()["resourceType"]


def test_a_bundle_is_taken_at_the_base_with_a_stroke(system):
    answer = system.send("POST", "/fhir/", json.dumps(bundle(entry("POST", "Patient", bell()))))
    assert answer.status_code == 200, answer.content
    refused(system.get("/fhir//"), 404, "not-found")


@pytest.mark.parametrize("path", ["Group/%00/$export", "Subscription/%00", "Patient/%00"])
def test_an_address_with_the_character_nul_is_nowhere(system, path):
    refused(system.get(path), 404, "not-found")


def test_a_subscription_may_begin_with_a_mark_of_byte_order(system, receiver):
    asked = {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "Keep in step",
        "criteria": "MedicationRequest",
        "channel": {"type": "rest-hook", "endpoint": receiver.url},
    }
    answer = system.send("POST", "Subscription", codecs.BOM_UTF8 + json.dumps(asked).encode())
    assert answer.status_code == 201, answer.content
    row = Webhook.objects.get()
    assert system.get(f"Subscription/{row.pk}").json()["criteria"] == "MedicationRequest"


# -- Elements, not fields ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"name": None}, "Patient.name.family"),
        ({"birthDate": "1950-02-03", "deceasedDateTime": "1949-01-01"}, "Patient.deceased[x]"),
    ],
)
def test_a_refusal_names_the_element_and_no_field_of_ours(system, changes, where):
    whole = bell(**changes)
    person = {name: value for name, value in whole.items() if value is not None}
    issue = refused(post(system, person), 422, "business-rule")
    assert issue["expression"] == [where]
    assert issue["diagnostics"].startswith(f"{where}: ")
    ((_, within),) = batch(system, entry("POST", "Patient", person))
    inner = where.partition(".")[2]
    assert within["expression"] == [f"Bundle.entry[0].resource.{inner}"]
    assert not Patient.objects.exists()


def test_every_field_that_is_renamed_is_of_an_element_that_is_read():
    """So that the table does not name what FHIR does not have."""
    for kind, named in elements.CALLED.items():
        read = set(READ[kind].__struct_fields__)
        for path in named.values():
            first = path.partition(".")[0]
            stem = first.removesuffix("[x]")
            assert any(name == first or name.startswith(stem) for name in read), (kind, path)


@pytest.mark.parametrize(
    ("kind", "field", "path"),
    [
        ("Patient", "identifiers[0].value", "Patient.identifier"),
        ("MedicationRequest", "patient.birth_date", "Patient.birthDate"),
        (
            "MedicationRequest",
            "schedule[2].days",
            "MedicationRequest.dosageInstruction.timing.repeat",
        ),
        ("MedicationStatement", "dose", "MedicationStatement.dosage.doseAndRate"),
        ("MedicationDispense", "quantity", "MedicationDispense.quantity"),
        ("Observation", "", "Observation"),
    ],
)
def test_what_fhir_calls_a_field(kind, field, path):
    assert elements.called(kind, field) == path


# -- Odd times ---------------------------------------------------------------------------------


def test_a_leap_second_is_a_time(system, ann):
    """FHIR allows it, and Python does not know it: it is of the minute and day that it ends."""
    at = fhir_values.span("date", "2016-12-31T23:59:60Z")
    assert at.start == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert clocks.day("2016-12-31T23:59:60Z", ZoneInfo("America/New_York")) == "2016-12-31"
    assert clocks.day("2016-12-31T23:59:60Z", ZoneInfo("Asia/Tokyo")) == "2017-01-01"
    answer = post(system, order(ann, authoredOn="2016-12-31T23:59:60Z"))
    assert answer.status_code == 201, answer.content
    assert answer.json()["authoredOn"] == "2016-12-31T23:59:60Z"
    assert Prescription.objects.get().written_on == date(2016, 12, 31)


@pytest.mark.parametrize(
    ("zone", "fits"),
    [("Z", True), ("+14:00", True), ("-12:00", True), ("+14:01", False), ("+99:99", False)],
)
def test_zones_are_those_that_fhir_has(system, zone, fits):
    answer = system.get("Patient", {"_lastUpdated": f"gt2026-01-01T00:00:00{zone}"})
    assert answer.status_code == (200 if fits else 400), answer.content


# -- What is not of the kind that FHIR says ------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "more", "where"),
    [
        ("Patient", {"meta": "x"}, "Patient.meta"),
        ("Patient", {"meta": [{"versionId": "1"}]}, "Patient.meta"),
        ("Patient", {"meta": {"tag": "x"}}, "Patient.meta.tag"),
        ("Patient", {"meta": {"tag": ["x"]}}, "Patient.meta.tag"),
        ("Patient", {"meta": {"profile": [7]}}, "Patient.meta.profile"),
        ("Patient", {"text": "x"}, "Patient.text"),
        ("Patient", {"managingOrganization": "x"}, "Patient.managingOrganization"),
        ("Practitioner", {"extension": "x"}, "Practitioner.extension"),
        ("Practitioner", {"extension": [7]}, "Practitioner.extension"),
        ("Practitioner", {"contained": {"resourceType": "Patient"}}, "Practitioner.contained"),
        ("Patient", {"birthDate": "01/02/1950"}, "Patient.birthDate"),
        ("Patient", {"birthDate": "1950-02-30"}, "Patient.birthDate"),
        ("Patient", {"deceasedDateTime": "soon"}, "Patient.deceasedDateTime"),
        ("Practitioner", {"birthDate": "１９５０-02-03"}, "Practitioner.birthDate"),
    ],
)
def test_an_element_of_another_kind_is_refused_by_its_path(
    harbour, lakeside, ada, kind, more, where
):
    make.person("ada", lakeside)
    system = System(harbour, lakeside, by=ada)
    whole = bell(**more) if kind == "Patient" else {"resourceType": kind, **more}
    answer = post(system, whole)
    assert answer.status_code == 400, answer.content
    assert where in [issue["expression"][0] for issue in answer.json()["issue"]]
    assert not Patient.objects.exists()


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"authoredOn": "2026-01-01 10:00:00"}, "authoredOn"),
        ({"authoredOn": "2026-01-01T24:00:00Z"}, "authoredOn"),
        ({"authoredOn": "2026-01-01T10:00:00+15:00"}, "authoredOn"),
        ({"authoredOn": "26-01-01"}, "authoredOn"),
        ({"effectivePeriod": {"start": "tomorrow"}}, "effectivePeriod.start"),
    ],
)
def test_a_time_that_is_none_is_refused(system, ann, more, where):
    issue = refused(post(system, order(ann, **more)), 400, "value")
    assert issue["expression"] == [f"MedicationRequest.{where}"]


@pytest.mark.parametrize(
    "said",
    ["2026", "2026-01", "2026-01-05T10:00:00.25+14:00", "2026-01-05T10:00Z", "2026-01-05T10:00"],
)
def test_a_time_that_is_one_is_taken_as_precise_as_it_is(system, ann, said):
    answer = post(system, order(ann, authoredOn=said))
    assert (answer.status_code, answer.json()["authoredOn"]) == (201, said)


# -- Conditions that name nothing ----------------------------------------------------------------


@pytest.mark.parametrize(
    "query", ["_format=json", "_pretty=true", "_summary=false", "_elements=id"]
)
def test_the_form_of_an_answer_is_no_condition(system, ann, query):
    """Everything would meet it, and whoever is sent would be taken for whoever is here."""
    other = bell(identifier=[{"system": "urn:clinic", "value": "78"}])
    answer = post(system, other, f"Patient?{query}")
    assert answer.status_code == 201, answer.content
    assert answer.json()["id"] != ann.removeprefix("Patient/")
    assert system.send("PUT", f"Patient?{query}", json.dumps(other)).status_code == 412
    answer = sent(system, bundle(entry("POST", "MedicationRequest", order(f"Patient?{query}"))))
    assert answer.status_code == 412


@pytest.mark.parametrize("query", ["_sort=_id", "_count=1", "_total=none", "_include=Patient:link"])
def test_what_finds_nobody_is_no_condition_either(system, ann, query):
    refused(post(system, bell(), If_None_Exist=query), 400, "value")
    refused(system.send("PUT", f"Patient?{query}", json.dumps(bell())), 400, "value")
    answer = sent(system, bundle(entry("POST", "MedicationRequest", order(f"Patient?{query}"))))
    refused(answer, 400, "value")
    assert not Prescription.objects.exists()


def test_a_reference_by_our_whole_address_means_who_is_here(system, ann):
    whole = f"http://testserver/fhir/{ann}"
    answer = post(system, order(whole))
    assert answer.status_code == 201, answer.content
    assert answer.json()["subject"] == {"reference": ann}
    assert f"Patient/{Prescription.objects.get().patient_id}" == ann
    elsewhere = order(f"http://elsewhere.example/fhir/{ann}")
    issue = refused(post(system, elsewhere), 422, "business-rule")
    assert issue["diagnostics"].startswith("Its patient “http://elsewhere.example/")
