"""$import: files of resources in any order, bad lines among good ones, and sending them again."""

import json
import random
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviews import bulk_data, bulk_files, jobs
from reviews.models import (
    AuditEvent,
    BulkId,
    BulkRequest,
    Condition,
    Job,
    Membership,
    Patient,
    PatientVersion,
    Prescription,
    Reading,
    SentResource,
)
from reviews.verbs import bulk_import, registrations
from tests import make, signing
from tests.fhir.asking import System, refused
from tests.fhir.bulk import NDJSON, manifest, path_of, resources, work

NUMBERS = "urn:example:numbers"
LOINC = "http://loinc.org"


def person(known, **more):
    return {
        "resourceType": "Patient",
        "id": known,
        "identifier": [{"system": NUMBERS, "value": f"n-{known}"}],
        "name": [{"family": f"Family {known}", "given": ["Given"]}],
        "gender": "female",
        "birthDate": "1950-02-03",
        **more,
    }


def order(known, whose, **more):
    return {
        "resourceType": "MedicationRequest",
        "id": known,
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{whose}"},
        "medicationCodeableConcept": {"text": "Diazepam 5 mg tablets"},
        "authoredOn": "2026-01-05",
        "dosageInstruction": [
            {
                "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
                "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}],
            }
        ],
        "dispenseRequest": {"expectedSupplyDuration": {"value": 28, "unit": "days", "code": "d"}},
        **more,
    }


def condition(known, whose):
    return {
        "resourceType": "Condition",
        "id": known,
        "subject": {"reference": f"Patient/{whose}"},
        "code": {"text": "Falls"},
    }


def practitioner(known):
    return {
        "resourceType": "Practitioner",
        "id": known,
        "name": [{"family": "Moreau", "given": ["Clara"]}],
    }


EVERYTHING = [
    order("o1", "p1", requester={"reference": "Practitioner/d1"}),
    condition("c1", "p2"),
    order("o2", "p2", basedOn=[{"reference": "MedicationRequest/o1"}]),
    practitioner("d1"),
    person("p1"),
    person("p2", link=[{"other": {"reference": "Patient/p1"}, "type": "seealso"}]),
]


def ndjson(*lines):
    return b"".join(
        (one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in lines
    )


def begin(system, *lines, **headers):
    answer = system.send("POST", "$import", ndjson(*lines), content_type=NDJSON, **headers)
    assert answer.status_code == 202, answer.content
    return path_of(answer["Content-Location"])


def imported(system, *lines):
    """`(counts by type, issues by line)` of an import from begin to end."""
    status = begin(system, *lines)
    work()
    return became(system, status)


def became(system, status):
    made = manifest(system, status)
    issues = {}
    for outcome in resources(system, made, "error").get("OperationOutcome", []):
        said = {one["url"].rpartition(":")[2]: one["valueInteger"] for one in outcome["extension"]}
        issues.setdefault(said["import-line"], []).append(outcome["issue"][0])
    return {one["type"]: one["count"] for one in made["output"]}, issues


def errors(issues):
    return sorted(
        line
        for line, several in issues.items()
        if any(one["severity"] == "error" for one in several)
    )


def live():
    """What stands in the record, without ids of rows and times."""
    return (
        sorted(
            PatientVersion.objects.filter(superseded_at=None).values_list(
                "family_name", "birth_date"
            )
        ),
        sorted(
            Prescription.objects.filter(superseded_at=None).values_list(
                "source_id", "order_id", "patient__versions__family_name", "dose", "days_supply"
            )
        ),
        sorted(Condition.objects.filter(superseded_at=None).values_list("source_id", "text")),
        sorted(
            SentResource.objects.exclude(resource_type="Patient").values_list(
                "resource_type", "logical_id", "version"
            )
        ),
    )


# -- The way of an import ----------------------------------------------------------------------


def test_lines_in_any_order_become_records(system):
    status = begin(system, *EVERYTHING)
    polled = system.get(status)
    assert (polled.status_code, polled["X-Progress"]) == (202, "0 resources; not begun")
    work()
    counts, issues = became(system, status)
    assert counts == {"Patient": 2, "Practitioner": 1, "MedicationRequest": 2, "Condition": 1}
    assert errors(issues) == []
    assert Patient.objects.count() == 2
    orders = system.found("MedicationRequest")
    assert len(orders) == 2
    by_based = {bool(one.get("basedOn")): one for one in orders}
    first, second = by_based[False], by_based[True]
    assert second["basedOn"] == [{"reference": f"MedicationRequest/{first['id']}"}]
    doctor = first["requester"]["reference"]
    assert system.get(doctor).json()["name"][0]["family"] == "Moreau"
    whose = system.get(first["subject"]["reference"]).json()
    assert whose["name"][0]["family"] == "Family p1"
    linked = next(one for one in system.found("Patient") if "link" in one)
    assert linked["link"][0]["other"]["reference"] == first["subject"]["reference"]


def test_sending_it_again_changes_nothing(system):
    imported(system, *EVERYTHING)
    before, rows = live(), Prescription.objects.count()
    shuffled = list(EVERYTHING)
    random.Random(7).shuffle(shuffled)
    counts, issues = imported(system, *shuffled)
    assert counts == {"Patient": 2, "Practitioner": 1, "MedicationRequest": 2, "Condition": 1}
    assert errors(issues) == []
    assert live() == before
    assert Prescription.objects.count() == rows


def test_another_file_amends_what_was_sent_under_the_same_id(system):
    imported(system, person("p1"), order("o1", "p1"))
    changed = order("o1", "p1", status="stopped")
    counts, issues = imported(system, changed)
    assert (counts, errors(issues)) == ({"MedicationRequest": 1}, [])
    [found] = system.found("MedicationRequest")
    assert (found["status"], found["meta"]["versionId"]) == ("stopped", "2")


def test_one_line_amends_an_earlier_one_of_the_same_file(system):
    counts, issues = imported(
        system, order("o1", "p1"), person("p1"), order("o1", "p1", status="stopped")
    )
    assert errors(issues) == []
    assert counts["MedicationRequest"] == 2
    [found] = system.found("MedicationRequest")
    assert found["status"] == "stopped"


def test_what_was_created_by_fhir_is_known_by_its_identifier(system):
    numbered = {"identifier": [{"system": "urn:example:orders", "value": "7"}]}
    answer = system.send("POST", "Patient", json.dumps(person("p1")))
    assert answer.status_code == 201, answer.content
    whose = answer.json()["id"]
    answer = system.send("POST", "MedicationRequest", json.dumps(order("x", whose, **numbered)))
    assert answer.status_code == 201, answer.content
    known = answer.json()["id"]
    again = order("o7", "p1", status="stopped", **numbered)
    _, issues = imported(system, person("p1"), again)
    assert errors(issues) == []
    [found] = system.found("MedicationRequest")
    assert (found["id"], found["status"]) == (known, "stopped")
    assert Patient.objects.count() == 1


def test_lines_without_an_id_are_known_by_what_they_say(system):
    one = {name: value for name, value in order("o1", "p1").items() if name != "id"}
    imported(system, person("p1"), one)
    before = live()
    imported(system, person("p1"), one)
    assert live() == before


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lines=st.permutations(EVERYTHING), at_once=st.integers(1, 4), again=st.booleans())
def test_order_and_slices_make_no_difference(system, lines, at_once, again):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk_data, "MOST_KEPT", 1000)
        patch.setattr(bulk_import, "LINES_AT_ONCE", at_once)
        patch.setattr(bulk_import, "INDEXED_AT_ONCE", at_once)
        _, issues = imported(system, *lines)
        assert errors(issues) == []
        if again:
            _, issues = imported(system, *lines)
            assert errors(issues) == []
    people, orders, conditions, sent = live()
    assert len(people) == 2
    assert [row[2] for row in orders] == ["Family p1", "Family p2"] or len(orders) == 2
    assert len(conditions) == 1
    # Ids follow from what a system calls its resources, not from when they came.
    assert {(kind, known) for kind, known, _ in sent} == {
        (row.resource_type, row.logical_id)
        for row in BulkId.objects.exclude(resource_type="Patient")
    }


# -- Conditional references and urn:uuid ---------------------------------------------------------


def by_number(type_name, value):
    return {"reference": f"{type_name}?identifier={NUMBERS}|{value}"}


def numbered(resource, value):
    return resource | {"identifier": [{"system": NUMBERS, "value": value}]}


def asking(known, whose, **more):
    """An order that asks for its person by their number."""
    return order(known, whose, **more) | {"subject": by_number("Patient", f"n-{whose}")}


CONDITIONAL = [
    asking("o2", "p2", basedOn=[by_number("MedicationRequest", "o1")]),
    numbered(asking("o1", "p1", requester=by_number("Practitioner", "d1")), "o1"),
    person("p1", generalPractitioner=[by_number("Practitioner", "d1")]),
    person("p2", link=[{"other": by_number("Patient", "n-p1"), "type": "seealso"}]),
    numbered(practitioner("d1"), "d1"),
]


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lines=st.permutations(CONDITIONAL), at_once=st.integers(1, 4))
def test_a_conditional_reference_leads_to_what_it_asks_for(system, lines, at_once):
    """To another line, in whatever order they come, and once all are here to what is here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk_data, "MOST_KEPT", 1000)
        patch.setattr(bulk_import, "LINES_AT_ONCE", at_once)
        counts, issues = imported(system, *lines)
    assert (errors(issues), sum(counts.values())) == ([], 5)
    by_based = {bool(one.get("basedOn")): one for one in system.found("MedicationRequest")}
    first, second = by_based[False], by_based[True]
    assert second["basedOn"] == [{"reference": f"MedicationRequest/{first['id']}"}]
    doctor = first["requester"]["reference"]
    assert system.get(doctor).json()["name"][0]["family"] == "Moreau"
    whose = system.get(first["subject"]["reference"]).json()
    assert whose["name"][0]["family"] == "Family p1"
    assert whose["generalPractitioner"] == [{"reference": doctor}]
    other = system.get(second["subject"]["reference"]).json()
    assert other["link"][0]["other"] == {"reference": f"Patient/{whose['id']}"}


def test_what_an_import_brought_is_asked_for_by_the_next_one(system):
    imported(system, person("p1"))
    counts, issues = imported(system, asking("o1", "p1"))
    assert (counts, issues) == ({"MedicationRequest": 1}, {})
    before = live()
    imported(system, asking("o1", "p1"))
    assert live() == before


@pytest.mark.parametrize(
    ("reference", "code", "said"),
    [
        (by_number("Patient", "nobody"), "not-found", "matches nothing"),
        ({"reference": "Patient?gender=female"}, "multiple-matches", "matches several"),
        ({"reference": "Patient?colour=red"}, "value", "colour: is no parameter of Patient here"),
        ({"reference": "Patient?identifier:above=1"}, "value", "this modifier is not offered"),
        ({"reference": "Patient?_format=json"}, "value", "names no parameter"),
        ({"reference": "Encounter?identifier=1"}, "not-supported", "a type that is not here"),
    ],
)
def test_a_conditional_reference_that_means_none_or_several_is_told(system, reference, code, said):
    bad = order("x", "p1") | {"subject": reference}
    counts, issues = imported(system, person("p1"), bad, person("p2"), asking("o1", "p1"))
    assert counts == {"Patient": 2, "MedicationRequest": 1}
    assert errors(issues) == [2]
    [issue] = issues[2]
    assert (issue["code"], issue["expression"]) == (code, ["MedicationRequest.subject"])
    assert said in issue["diagnostics"]


def test_of_several_conditional_references_the_one_that_fails_is_named(system):
    bad = asking("x", "p1", basedOn=[by_number("MedicationRequest", "none")])
    counts, issues = imported(system, bad, person("p1"), b"{")
    assert counts == {"Patient": 1}
    assert [issue["expression"] for issue in issues[1]] == [["MedicationRequest.basedOn[0]"]]
    # What was told of in the first round is not told again in the second.
    assert {line: len(several) for line, several in issues.items()} == {1: 1, 3: 1}


def test_nobody_is_found_at_another_practice(system, lakeside, ada):
    there = make.person("ada", lakeside)
    imported(System(lakeside, by=there, source="other"), person("p1"))
    _, issues = imported(system, asking("o1", "p1"))
    assert [issue["code"] for issue in issues[1]] == ["not-found"]


def test_who_may_not_search_a_type_asks_for_none_of_it(system, monkeypatch):
    from reviews.models import ApiKey  # noqa: PLC0415 - only here

    reaches = {(kind, letter): () for kind in ("Patient", "MedicationRequest") for letter in "cu"}
    monkeypatch.setattr(ApiKey, "scopes", Scopes(reaches), raising=False)
    counts, issues = imported(system, person("p1"), asking("o1", "p1"))
    assert counts == {"Patient": 1}
    assert "system/Patient.s is needed" in issues[2][0]["diagnostics"]


UUID = "61ebe359-bfdc-4613-8bf2-c5e300945f0a"


@pytest.mark.parametrize("turned", [False, True])
def test_a_urn_leads_to_the_line_of_that_id(system, turned):
    lines = [person(UUID), order("o1", "p") | {"subject": {"reference": f"urn:uuid:{UUID}"}}]
    counts, issues = imported(system, *(reversed(lines) if turned else lines))
    assert (counts, issues) == ({"Patient": 1, "MedicationRequest": 1}, {})
    [found] = system.found("MedicationRequest")
    whose = system.get(found["subject"]["reference"]).json()
    assert whose["name"][0]["family"] == f"Family {UUID}"


def test_a_urn_that_no_line_has_leads_nowhere(system):
    urn = {"reference": f"urn:uuid:{UUID}"}
    counts, issues = imported(
        system, person("p1"), order("o1", "p1", requester=urn), order("o2", "p1", subject=urn)
    )
    assert counts == {"Patient": 1, "MedicationRequest": 1}
    assert errors(issues) == [3]
    assert issues[2][0]["severity"] == "warning"


def test_an_import_begun_in_another_order_of_passes_loses_nothing(system):
    status = begin(system, *EVERYTHING)
    work(1)
    job = Job.objects.get(kind=bulk_import.IMPORT)
    Job.objects.filter(pk=job.pk).update(place={"step": "write", "run": 3, "files": 1})
    work()
    counts, issues = became(system, status)
    assert counts == {"Patient": 2, "Practitioner": 1, "MedicationRequest": 2, "Condition": 1}
    assert errors(issues) == []


# -- Bad lines ---------------------------------------------------------------------------------

BAD = [
    (b"{", "structure"),
    (b"[]", None),
    (b"[1]", "not-supported"),
    (b"\xff", "structure"),
    (b'{"resourceType":"Nothing","id":"1"}', "not-supported"),
    (b'{"resourceType":"DetectedIssue","id":"1"}', "not-supported"),
    (b'{"resourceType":["Patient"],"id":"1"}', "not-supported"),
    (b'{"resourceType":{"Patient":1},"id":"1"}', "not-supported"),
    ({**order("x", "p1"), "status": "bogus"}, "code-invalid"),
    ({**order("x", "p1"), "authoredOn": "01/02/2026"}, "value"),
    ({**order("x", "p1"), "meta": "none"}, "structure"),
    ({**order("x", "p1"), "id": "no id!"}, "value"),
    ({**order("x", "p1"), "id": "no\0id"}, None),
    (order("x", "p1") | {"subject": {"reference": "urn:uuid:\0"}}, None),
    (order("x", "p1") | {"subject": {"reference": "Patient?identifier=\0"}}, None),
    (order("x", "p1") | {"subject": {"reference": "Patient?identifier=%00"}}, "value"),
    (order("x", "nobody"), "business-rule"),
    ({"resourceType": "MedicationRequest", "id": "x"}, "required"),
    (b'{"a":' * 2_000 + b"1" + b"}" * 2_000, None),
    (b'"' + b"x" * (bulk_import.MOST_LINE_BYTES + 1) + b'"', "too-long"),
]


@pytest.mark.parametrize(("line", "code"), BAD, ids=range(len(BAD)))
def test_a_bad_line_is_told_of_and_stops_no_other(system, line, code):
    counts, issues = imported(
        system, order("o1", "p1"), line, b"", person("p1"), b"  ", order("o2", "p1")
    )
    assert counts == {"Patient": 1, "MedicationRequest": 2}
    assert errors(issues) == [2]
    found = issues[2][0]
    assert "Input 1, line 2: " in found["diagnostics"]
    if code:
        assert found["code"] == code, found


def test_many_bad_lines_among_good_ones(system):
    lines = [order(f"o{number}", "nobody" if number % 3 else "p1") for number in range(60)]
    counts, issues = imported(system, *lines, person("p1"))
    assert counts == {"Patient": 1, "MedicationRequest": 20}
    assert errors(issues) == [number + 1 for number in range(60) if number % 3]


def test_a_reference_to_what_was_never_sent_leads_to_nobody_here(system, harbour, clara):
    """Their Practitioner/7 and Patient/7 are not ours of that number."""
    here = make.patient(harbour, clara)
    counts, issues = imported(
        system,
        person("p1"),
        order("o1", "p1", requester={"reference": f"Practitioner/{clara.pk}"}),
        order("o2", str(here.pk)),
    )
    assert counts == {"Patient": 1, "MedicationRequest": 1}
    assert errors(issues) == [3]
    assert issues[2][0]["severity"] == "warning"
    [found] = system.found("MedicationRequest")
    assert found["requester"] == {"display": f"Practitioner/{clara.pk}"}
    assert not here.prescriptions.exists()


def test_a_reference_by_our_own_address_leads_here(system, harbour, clara):
    here = make.patient(harbour, clara, identifiers=["1"])
    one = order("o1", "p1") | {
        "subject": {"reference": f"http://testserver/fhir/Patient/{here.pk}"}
    }
    _, issues = imported(system, one)
    assert errors(issues) == []
    assert here.prescriptions.count() == 1


def test_a_reference_to_what_was_not_taken_leads_nowhere(system):
    bad = practitioner("d1") | {"gender": "bogus"}
    counts, issues = imported(
        system, order("o1", "p1", requester={"reference": "Practitioner/d1"}), person("p1"), bad
    )
    assert counts == {"Patient": 1, "MedicationRequest": 1}
    assert errors(issues) == [3]
    assert "not taken" in issues[1][0]["diagnostics"]
    [found] = system.found("MedicationRequest")
    assert found["requester"] == {"display": "Practitioner/d1"}


def test_a_line_of_which_not_everything_is_understood_is_taken_with_a_warning(system):
    odd = order("o1", "p1") | {"medicationCodeableConcept": {"text": "Something nobody knows"}}
    odd["dosageInstruction"] = [
        {
            "text": "as the wind blows",
            "doseAndRate": [{"doseQuantity": {"value": -1, "unit": "tablet"}}],
        }
    ]
    counts, issues = imported(system, person("p1"), odd)
    assert counts == {"Patient": 1, "MedicationRequest": 1}
    assert errors(issues) == []
    assert {one["severity"] for one in issues.get(2, [])} <= {"warning"}


# -- How it is sent ----------------------------------------------------------------------------


def test_several_files_of_a_form(system):
    files = {
        "orders": SimpleUploadedFile("orders.ndjson", ndjson(order("o1", "p1"), b"{")),
        "people": SimpleUploadedFile("people.ndjson", ndjson(person("p1"))),
    }
    answer = system.http.post(
        "/fhir/$import", files, headers={"Authorization": f"Bearer {system.secret}"}
    )
    assert answer.status_code == 202, answer.content
    work()
    counts, issues = became(system, path_of(answer["Content-Location"]))
    assert counts == {"Patient": 1, "MedicationRequest": 1}
    assert errors(issues) == [2]


def test_too_much_is_refused_and_nothing_is_left(system, monkeypatch, settings):
    from reviews.fhir_api import bulk_import as api  # noqa: PLC0415 - only here

    monkeypatch.setattr(api, "MOST_BYTES", 100)
    answer = system.send("POST", "$import", b"x" * 101, content_type=NDJSON)
    refused(answer, 413, "too-long")
    assert not BulkRequest.objects.exists()
    assert list(settings.BULK_DIR.glob("*")) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"resourceType": "Parameters"}, 400),
        ({"resourceType": "Patient"}, 400),
        ({"resourceType": "Parameters", "parameter": [{"name": "input"}]}, 400),
        ({"resourceType": "Parameters", "parameter": [{"name": "mode", "valueCode": "x"}]}, 400),
        (
            {
                "resourceType": "Parameters",
                "parameter": [
                    {
                        "name": "input",
                        "part": [
                            {"name": "type", "valueCode": "Nothing"},
                            {"name": "url", "valueUri": "https://ehr.example.org/out/1"},
                        ],
                    }
                ],
            },
            400,
        ),
    ],
)
def test_a_list_of_inputs_that_is_none_is_refused(system, body, status):
    assert system.send("POST", "$import", json.dumps(body)).status_code == status
    assert not BulkRequest.objects.exists()


def listed(*urls, type_name="Patient"):
    return json.dumps(
        {
            "resourceType": "Parameters",
            "parameter": [
                {"name": "inputFormat", "valueString": NDJSON},
                *(
                    {
                        "name": "input",
                        "part": [
                            {"name": "type", "valueCode": type_name},
                            {"name": "url", "valueUri": url},
                        ],
                    }
                    for url in urls
                ),
            ],
        }
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example.org/out/1",
        "http://ehr.example.org/out/1",
        "https://ehr.example.org/other/1",
        "https://ehr.example.org/out/../other/1",
        "https://ehr.example.org/out/%2e%2e/other/1",
        "https://ehr.example.org:8443/out/1",
        "https://user@ehr.example.org/out/1",
        "https://ehr.example.org.evil.example/out/1",
        "file:///etc/passwd",
    ],
)
def test_only_addresses_of_the_system_are_fetched_from(system, settings, url):
    settings.IMPORT_SOURCES = {"ehr": ["https://ehr.example.org/out/"]}
    refused(system.send("POST", "$import", listed(url)), 403, "forbidden")
    settings.IMPORT_SOURCES = {"lab": ["https://ehr.example.org/out/"]}
    answer = system.send("POST", "$import", listed("https://ehr.example.org/out/1"))
    refused(answer, 403, "forbidden")
    assert not BulkRequest.objects.exists()


def test_files_come_also_from_the_server_that_the_system_is_registered_with(system, harbour, ada):
    registrations.register(
        name="EHR that signs",
        source_system="ehr",
        practices=[harbour],
        allowed="system/*.cruds",
        keys=json.dumps(signing.public(signing.ec())),
        fhir_server="https://ehr.example.org/fhir",
        by=ada,
    )
    answer = system.send("POST", "$import", listed("https://ehr.example.org/fhir/out/1"))
    assert answer.status_code == 202, answer.content
    refused(
        system.send("POST", "$import", listed("https://ehr.example.org/other")), 403, "forbidden"
    )


@pytest.fixture
def their_server():
    """A server of the system that sends: `server.files` by path, `server.asked` what was."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            content = self.server.files.get(self.path)
            self.send_response(200 if content is not None else 404)
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.files, server.asked = {}, []
    server.url = f"http://127.0.0.1:{server.server_port}/out/"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_files_are_fetched_from_the_systems_own_address(system, settings, their_server):
    settings.OUTGOING_TO_LOOPBACK = True
    settings.IMPORT_SOURCES = {"ehr": [their_server.url]}
    their_server.files = {
        "/out/people": ndjson(person("p1"), order("o9", "p1")),
        "/out/more": ndjson(person("p2")),
    }
    urls = [f"{their_server.url}{name}" for name in ("people", "missing", "more")]
    answer = system.send("POST", "$import", listed(*urls))
    assert answer.status_code == 202, answer.content
    work()
    counts, issues = became(system, path_of(answer["Content-Location"]))
    assert counts == {"Patient": 2}
    assert errors(issues) == [0, 2]
    assert "answered with 404" in issues[0][0]["diagnostics"]
    assert "said to be of Patient" in issues[2][0]["diagnostics"]


def test_a_server_that_is_away_is_asked_again_and_then_told_of(system, settings, their_server):
    settings.OUTGOING_TO_LOOPBACK = True
    settings.IMPORT_SOURCES = {"ehr": ["http://127.0.0.1:1/"]}
    answer = system.send("POST", "$import", listed("http://127.0.0.1:1/people"))
    assert answer.status_code == 202, answer.content
    work(1)
    assert Job.objects.get(kind=bulk_import.IMPORT).tries == 1
    work()
    counts, issues = became(system, path_of(answer["Content-Location"]))
    assert counts == {}
    assert "could not be fetched" in issues[0][0]["diagnostics"]


# -- Who may -----------------------------------------------------------------------------------


def test_nobody_but_a_key_for_records_imports(client, system, harbour, clara, iris):
    assert client.post("/fhir/$import", b"{}", content_type=NDJSON).status_code == 401
    client.force_login(clara)
    assert client.post("/fhir/$import", b"{}", content_type=NDJSON).status_code == 401
    keeper = System(harbour, by=iris, kind="people")
    refused(keeper.send("POST", "$import", b"{}", content_type=NDJSON), 403, "forbidden")


class Scopes:
    def __init__(self, reaches):
        self.reaches = reaches

    def bounds(self, type_name, letter):
        return self.reaches.get((type_name, letter))


def test_scopes_say_which_types_are_taken(system, monkeypatch):
    from reviews.models import ApiKey  # noqa: PLC0415 - only here

    reaches = {("Patient", "c"): (), ("Patient", "u"): (), ("MedicationRequest", "c"): ()}
    monkeypatch.setattr(ApiKey, "scopes", Scopes(reaches), raising=False)
    counts, issues = imported(system, person("p1"), order("o1", "p1"))
    assert counts == {"Patient": 1}
    assert "system/MedicationRequest.cu" in issues[2][0]["diagnostics"]
    monkeypatch.setattr(ApiKey, "scopes", Scopes({}), raising=False)
    answer = system.send("POST", "$import", b"{}", content_type=NDJSON)
    refused(answer, 403, "forbidden")
    assert "insufficient_scope" in answer["WWW-Authenticate"]


def test_what_another_system_calls_the_same_is_another(system, harbour, ada):
    lab = System(harbour, by=ada, source="lab")
    imported(system, person("p1"), order("o1", "p1"))
    other = person("p1") | {"identifier": [{"system": NUMBERS, "value": "other"}]}
    _, issues = imported(lab, other, order("o1", "p1"))
    assert errors(issues) == []
    assert Patient.objects.count() == 2
    assert Prescription.objects.filter(superseded_at=None).count() == 2
    _, issues = imported(lab, order("o2", "p2"))
    assert errors(issues) == [1]


def test_another_system_follows_no_import(system, harbour, ada):
    status = begin(system, b"{")
    work()
    [file] = manifest(system, status)["error"]
    lab = System(harbour, by=ada, source="lab")
    refused(lab.get(status), 404, "not-found")
    refused(lab.get(path_of(file["url"])), 404, "not-found")


def test_what_was_sent_is_not_given_out(system):
    status = begin(system, person("p1"))
    work()
    assert manifest(system, status)["error"] == []
    bulk = BulkRequest.objects.get()
    assert system.get(f"/fhir/bulk-files/{bulk.pk}/0001.input.ndjson").status_code == 404


def test_who_loses_the_practice_imports_no_more(system):
    begin(system, person("p1"))
    Membership.objects.filter(user=system.key.user).delete()
    work()
    assert "may no longer" in Job.objects.get(kind=bulk_import.IMPORT).error
    assert not Patient.objects.exists()


def test_what_was_taken_is_in_the_trail(system, harbour):
    imported(system, person("p1"), order("o1", "p1"))
    told = AuditEvent.objects.filter(actor_id=system.key.user_id, practice_id=harbour.pk)
    sent = [one.detail for one in told if one.detail.get("source_system") == "ehr"]
    assert sorted(one["created"] for one in sent) == [1, 1]


# -- Slices ------------------------------------------------------------------------------------


def test_only_so_many_are_under_way(system):
    begin(system, person("p1"))
    begin(system, person("p1"))
    answer = system.send("POST", "$import", ndjson(person("p1")), content_type=NDJSON)
    refused(answer, 429, "throttled")
    assert answer["Retry-After"]


class Killed(Exception):
    pass


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(kills=st.lists(st.integers(1, 5), max_size=jobs.MOST_TRIES - 1))
def test_a_slice_that_was_cut_off_is_done_again(system, kills):
    """Records, ids and lines of errors are those of an import that nobody disturbed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk_data, "MOST_KEPT", 1000)
        patch.setattr(bulk_import, "LINES_AT_ONCE", 2)
        left = list(kills)
        add = bulk_data.Files.add

        def dying(self, *lines):
            add(self, *lines)
            if left and lines[2].lines and left[0] <= 3:
                left.pop(0)
                self.file.flush()
                raise Killed
            if left and left[0] > 3:
                left[0] -= 1

        patch.setattr(bulk_data.Files, "add", dying)
        lines = [*EVERYTHING, b"{", order("x", "nobody"), order("y", "nobody")]
        _, issues = imported(system, *lines)
    assert errors(issues) == [7, 8, 9]
    assert [len(issues[line]) for line in (7, 8, 9)] == [1, 1, 1]
    people, orders, conditions, _ = live()
    assert (len(people), len(orders), len(conditions)) == (2, 2, 1)


def test_files_that_were_sent_go_with_the_import(system):
    status = begin(system, person("p1"))
    folder = bulk_files.folder_of(BulkRequest.objects.get().pk)
    assert (folder / "0001.input.ndjson").exists()
    work()
    assert system.send("DELETE", status).status_code == 202
    cache.clear()
    refused(system.get(status), 404, "not-found")
    bulk_data.forget()
    assert not folder.exists()
    assert Patient.objects.count() == 1
    assert Reading.objects.count() == 0
