"""What resources of each type say of the record: cases, messages, tapers, facts, the trail."""

import pytest
from django.test import Client

from reviews.models import Case, Message
from reviews.verbs import caseload, messages, prescribe, screen, sync
from tests import make
from tests.api import sent
from tests.web.browse import BACKEND

OURS = "urn:prescription-safety-portal:"


@pytest.fixture
def case(harbour, clara):
    return make.flagged_case(harbour, logged_by=clara)


def codes(concept):
    return {(coding["system"], coding["code"]) for coding in concept["coding"]}


def test_a_case_is_a_task_for_whoever_claimed_it(system, case, harbour, ravi):
    (task,) = system.found("Task", {"status": "requested"})
    assert task["for"]["reference"] == f"Patient/{case.patient_id}"
    assert task["owner"]["reference"] == f"Organization/{harbour.pk}"
    assert codes(task["businessStatus"]) == {(f"{OURS}case-state", "queued")}
    assert task["meta"]["versionId"] == str(case.lock)
    claimed = caseload.claim(case=case, by=ravi, seen=case.lock)
    assert system.found("Task", {"status": "requested"}) == []
    for query in (
        {"status": "in-progress"},
        {"business-status": "claimed"},
        {"owner": f"Practitioner/{ravi.pk}"},
        {"owner": str(ravi.pk)},
        {"priority": task["priority"]},
        {"modified": f"ge{claimed.updated_at.date()}", "code": "review"},
        {"authored-on": f"{case.opened_at.isoformat()}"},
        {"identifier": f"{OURS}case|{case.pk}"},
    ):
        (found,) = system.found("Task", query)
        assert (found["status"], found["owner"]["reference"]) == (
            "in-progress",
            f"Practitioner/{ravi.pk}",
        )
    for query in ({"owner": f"Organization/{harbour.pk}"}, {"period": "ge2000"}):
        assert system.found("Task", query) == []


def test_a_finding_that_has_ended_is_cancelled(system, case, clara):
    (found,) = system.found("DetectedIssue", {"code": "DUR-01"})
    assert (found["status"], found["severity"]) == ("final", "high")
    assert f"{OURS}ended" not in {one["url"] for one in found["extension"]}
    for order in case.patient.prescriptions.live():
        prescribe.withdraw(
            prescription=order, status="entered-in-error", reason="Of another person.", by=clara
        )
    screen.drain()
    (ended,) = system.found("DetectedIssue", {"_id": found["id"]})
    assert ended["status"] == "cancelled"
    assert f"{OURS}ended" in {one["url"] for one in ended["extension"]}
    assert int(ended["meta"]["versionId"]) > int(found["meta"]["versionId"])
    assert system.found("Task", {"status": "cancelled"})[0]["executionPeriod"]["end"]


def test_a_message_is_a_communication_from_one_to_another(system, case, clara, ravi):
    from reviews.messaging import Draft  # noqa: PLC0415 - of this test alone

    messages.write(case=case, draft=Draft(text="Could she come in?", to=clara), by=ravi)
    message = Message.objects.get()
    (found,) = system.found("Communication", {"patient": str(case.patient_id)})
    assert found["id"] == f"message-{message.pk}"
    assert found["payload"] == [{"contentString": "Could she come in?"}]
    assert found["sender"]["reference"] == f"Practitioner/{ravi.pk}"
    assert found["recipient"][0]["reference"] == f"Practitioner/{clara.pk}"
    assert found["about"] == [{"reference": f"Task/{case.pk}"}]
    for query, number in (
        ({"sender": str(ravi.pk)}, 1),
        ({"recipient": str(ravi.pk)}, 0),
        ({"category": "letter"}, 0),
        ({"sent": "lt2000"}, 0),
    ):
        assert len(system.found("Communication", query)) == number


@pytest.mark.parametrize(
    ("changes", "clinical", "verification", "query"),
    [
        ({}, "active", "confirmed", {"clinical-status": "active"}),
        ({"ended_on": "2021-01-01"}, "resolved", "confirmed", {"clinical-status": "resolved"}),
        ({"status": "resolved"}, "resolved", "confirmed", {"clinical-status": "resolved"}),
        (
            {"status": "entered-in-error"},
            None,
            "entered-in-error",
            {"verification-status": "entered-in-error"},
        ),
    ],
)
@pytest.mark.parametrize("kind", ["condition", "allergy"])
def test_a_condition_says_whether_it_lasts(
    system, ehr, kind, changes, clinical, verification, query
):
    row = sent.condition(kind=kind, **changes)
    sync.conditions(rows=enumerate([row]), source_system="ehr", by=ehr)
    type_name = {"condition": "Condition", "allergy": "AllergyIntolerance"}[kind]
    other = {"condition": "AllergyIntolerance", "allergy": "Condition"}[kind]
    (found,) = system.found(type_name, query)
    assert ("http://snomed.info/sct", "73430006") in codes(found["code"])
    told = found.get("clinicalStatus", {"coding": [{"code": None}]})["coding"][0]["code"]
    assert (told, found["verificationStatus"]["coding"][0]["code"]) == (clinical, verification)
    assert system.found(type_name, {"clinical-status": "recurrence"}) == []
    assert system.found(type_name, {"code": "http://snomed.info/sct|73430006"}) == [found]
    assert system.found(other) == []
    assert system.get(f"{other}/{found['id']}").status_code == 404


@pytest.mark.parametrize(
    ("changes", "member", "value"),
    [
        ({}, "valueQuantity", 48.5),
        ({"kind": "pregnancy", "value": None, "unit": None, "text": "second"}, None, "second"),
    ],
)
def test_a_reading_is_an_observation(system, ehr, changes, member, value):
    row = {name: said for name, said in (sent.reading() | changes).items() if said is not None}
    sync.readings(rows=enumerate([row]), source_system="ehr", by=ehr)
    (found,) = system.found("Observation", {"code": f"{OURS}reading|{row['kind']}"})
    if member:
        assert (found[member]["value"], found[member]["code"]) == (value, "mL/min/{1.73_m2}")
    else:
        assert codes(found["valueCodeableConcept"]) == {(f"{OURS}reading:pregnancy", value)}
    assert found["effectiveDateTime"] == row["on"]
    assert system.found("Observation", {"date": row["on"]}) == [found]
    assert system.found("Observation", {"code": f"{OURS}reading|naloxone"}) == []


def test_a_system_reads_what_it_did_itself_and_an_auditor_what_all_did(
    system, case, audrey, clara, harbour
):
    system.get("Patient")
    (event,) = system.found("AuditEvent", {"subtype": "api.read", "action": "R"})
    assert event["agent"][0]["who"] == {"display": "ehr records"}
    verbs = {one["subtype"][0]["code"] for one in system.found("AuditEvent")}
    assert verbs == {"api.read"}
    browser = Client()
    browser.force_login(audrey, backend=BACKEND)
    bundle = browser.get("/fhir/AuditEvent", {"agent": f"Practitioner/{clara.pk}"}).json()
    found = {one["resource"]["subtype"][0]["code"] for one in bundle["entry"]}
    assert "prescription.logged" in found
    browser.force_login(clara, backend=BACKEND)
    assert browser.get("/fhir/AuditEvent").status_code == 403


def test_provenance_says_who_wrote_a_version(system, case, clara):
    order = case.patient.prescriptions.live().first()
    prescribe.amend(prescription=order, record=make.record(days=7), reason="Shorter.", by=clara)
    found = system.found("Provenance", {"target": f"MedicationRequest/{order.order_id}"})
    assert [one["target"][0]["reference"] for one in found] == [
        f"MedicationRequest/{order.order_id}/_history/{version}" for version in (1, 2)
    ]
    assert {one["agent"][0]["who"]["reference"] for one in found} == {f"Practitioner/{clara.pk}"}
    assert [one["activity"]["coding"][0]["code"] for one in found] == ["CREATE", "UPDATE"]
    assert system.found("Provenance", {"target": f"Observation/{order.order_id}"}) == []
    assert system.get(found[0]["target"][0]["reference"]).status_code == 200


def test_the_staff_of_a_practice_are_seen_there_alone(system, clara, dora, harbour, lakeside):
    people = {one["id"] for one in system.found("Practitioner")}
    assert str(clara.pk) in people
    assert str(dora.pk) not in people
    (role,) = system.found("PractitionerRole", {"practitioner": str(clara.pk)})
    assert codes(role["code"][0]) == {(f"{OURS}role", "clinician")}
    assert [one["id"] for one in system.found("Organization")] == [str(harbour.pk)]
    for path in (f"Practitioner/{dora.pk}", f"Organization/{lakeside.pk}"):
        assert system.get(path).status_code == 404
    answer = system.get("Practitioner", {"_lastUpdated": "gt2000"})
    assert answer.status_code == 400
    assert "lastUpdated" not in system.get(f"Practitioner/{clara.pk}").json()["meta"]


def test_a_medicine_that_nobody_of_the_practice_has_is_not_seen(system, case, lakeside, dora):
    other = make.prescription(make.patient(lakeside, dora), dora, "Mrs Gray's own mixture")
    assert system.get(f"Medication/{other.medicine_id}").status_code == 404
    assert [one["code"]["text"] for one in system.found("Medication")] == ["Diazepam 5 mg tablets"]
    assert Case.objects.count() == 1
