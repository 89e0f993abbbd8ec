"""Creating and changing orders, readings and conditions by FHIR, alone and in Bundles."""

import json

import pytest

from reviews.audit import Event
from reviews.models import (
    AuditEvent,
    Condition,
    IdentityQuestion,
    ImportNote,
    Patient,
    Prescription,
    Reading,
    SentResource,
)
from reviews.verbs import identity
from tests.fhir.asking import System, refused
from tests.fhir.test_fhir_writing_people import bell, post, put
from tests.verbs.test_sync import at_once


def order(person, **more):
    return {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": person},
        "authoredOn": "2026-01-05",
        "medicationCodeableConcept": {"text": "diazepam 5 mg tablets"},
        "dosageInstruction": [
            {
                "text": "one at night",
                "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
                "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}],
            }
        ],
        "dispenseRequest": {"quantity": {"value": 28, "unit": "tablet"}},
        **more,
    }


def bundle(*entries, kind="transaction"):
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def entry(method, url, resource=None, full_url="", **conditions):
    said = {"request": {"method": method, "url": url, **conditions}}
    if resource is not None:
        said["resource"] = resource
    if full_url:
        said["fullUrl"] = full_url
    return said


def sent(system, content):
    return system.send("POST", "/fhir", json.dumps(content))


# -- One resource ------------------------------------------------------------------------------


def test_an_order_is_a_record_and_stands_as_it_was_sent(system, ann):
    given = order(ann, note=[{"text": "kept"}], _status={"id": "a"})
    answer = post(system, given)
    assert answer.status_code == 201, answer.content
    row = Prescription.objects.get()
    assert answer.json()["id"] == str(row.order_id)
    assert (row.source_system, row.medicine.text, row.quantity) == (
        "ehr",
        "diazepam 5 mg tablets",
        28,
    )
    read = system.get(f"MedicationRequest/{row.order_id}").json()
    assert {name: read[name] for name in given} == given


def test_an_order_for_nobody_here_is_refused(system, ann):
    issue = refused(post(system, order("Patient/123456789")), 422, "business-rule")
    assert "no Patient/123456789" in issue["diagnostics"]
    refused(post(system, order("https://elsewhere.example/Patient/1")), 422, "business-rule")
    assert not Prescription.objects.exists()


def test_an_identifier_that_is_here_is_not_taken_twice(system, ann):
    given = order(ann, identifier=[{"system": "urn:rx", "value": "1"}])
    made = post(system, given).json()
    issue = refused(post(system, given), 409, "duplicate")
    assert f"MedicationRequest/{made['id']}" in issue["diagnostics"]
    answer = post(system, given, If_None_Exist="identifier=urn:rx|1")
    assert (answer.status_code, answer.json()["id"]) == (200, made["id"])
    assert Prescription.objects.count() == 1


def test_an_order_is_amended_and_deleted(system, ann):
    made = post(system, order(ann)).json()
    url = f"MedicationRequest/{made['id']}"
    answer = put(system, url, {**order(ann, status="stopped"), "id": made["id"]})
    assert (answer.status_code, answer["ETag"]) == (200, 'W/"2"')
    assert Prescription.objects.live().get().status == "stopped"
    assert system.send("DELETE", url, If_Match='W/"1"').status_code == 412
    assert system.send("DELETE", url, If_Match='W/"2"').status_code == 204
    assert Prescription.objects.live().get().status == "entered-in-error"
    refused(system.get(url), 410, "deleted")
    assert system.send("DELETE", url).status_code == 204
    again = put(system, url, {**order(ann), "id": made["id"]})
    assert again.status_code == 201
    assert system.get(url).json()["status"] == "active"
    history = system.get(f"{url}/_history").json()["entry"]
    assert [one["request"]["method"] for one in history] == ["PUT", "DELETE", "PUT", "POST"]


def test_what_another_system_sent_is_not_amended(system, ann, harbour, ada):
    made = post(system, order(ann)).json()
    other = System(harbour, by=ada, source="pharmacy")
    url = f"MedicationRequest/{made['id']}"
    issue = refused(put(other, url, {**order(ann), "id": made["id"]}), 403, "forbidden")
    assert "“ehr”" in issue["diagnostics"]


def test_what_cannot_be_judged_is_kept_and_said(system, ann):
    given = order(ann, modifierExtension=[{"url": "urn:x", "valueBoolean": True}])
    answer = post(system, given, Prefer="return=OperationOutcome")
    assert answer.status_code == 201, answer.content
    assert "Not screened" in answer.json()["issue"][0]["diagnostics"]
    assert not Prescription.objects.exists()
    assert ImportNote.objects.get().patient_id == Patient.objects.get().pk
    row = SentResource.objects.get(resource_type="MedicationRequest")
    assert system.get(f"MedicationRequest/{row.logical_id}").json()["modifierExtension"]


def test_who_ordered_it_is_found_by_reference(system, ann):
    doctor = post(system, {"resourceType": "Practitioner", "name": [{"text": "Dr Gray"}]}).json()
    drug = post(
        system, {"resourceType": "Medication", "code": {"text": "zopiclone 7.5 mg tablets"}}
    ).json()
    given = order(
        ann,
        requester={"reference": f"Practitioner/{doctor['id']}"},
        medicationReference={"reference": f"Medication/{drug['id']}"},
    )
    del given["medicationCodeableConcept"]
    assert post(system, given).status_code == 201
    row = Prescription.objects.get()
    assert (row.prescriber_name, row.medicine.text) == ("Dr Gray", "zopiclone 7.5 mg tablets")


def test_a_reading_and_a_condition_become_records(system, ann):
    made = post(system, egfr(ann))
    assert made.status_code == 201, made.content
    assert made.json()["id"] == str(Reading.objects.get().record_id)
    problem = {
        "resourceType": "Condition",
        "subject": {"reference": ann},
        "code": {
            "text": "COPD",
            "coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "J44"}],
        },
    }
    url = f"Condition/{post(system, problem).json()['id']}"
    assert Condition.objects.get().status == "active"
    assert system.send("DELETE", url).status_code == 204
    assert Condition.objects.live().get().status == "entered-in-error"


def egfr(person, **more):
    return {
        "resourceType": "Observation",
        "status": "final",
        "subject": {"reference": person},
        "effectiveDateTime": "2026-01-02",
        "code": {"coding": [{"system": "http://loinc.org", "code": "62238-1"}]},
        "valueQuantity": {"value": 25.0, "unit": "mL/min/1.73m2"},
        **more,
    }


def test_what_was_only_kept_becomes_a_record_under_its_id(system, ann):
    made = post(system, egfr(ann, status="preliminary")).json()
    assert not Reading.objects.exists()
    by_day = {"patient": ann, "date": "2026-01-02"}
    assert [one["id"] for one in system.found("Observation", by_day)] == [made["id"]]
    answer = put(system, f"Observation/{made['id']}", {**egfr(ann), "id": made["id"]})
    assert (answer.status_code, answer["ETag"]) == (200, 'W/"2"')
    assert str(Reading.objects.get().record_id) == made["id"]
    assert [one["id"] for one in system.found("Observation", by_day)] == [made["id"]]


def test_what_is_still_being_given_stands_as_a_statement(system, ann):
    """No single dose is known of it, so the record says that it is taken."""
    given = {
        "resourceType": "MedicationAdministration",
        "status": "in-progress",
        "subject": {"reference": ann},
        "effectivePeriod": {"start": "2026-01-02"},
        "medicationCodeableConcept": {"text": "midazolam"},
    }
    answer = post(system, given)
    assert answer.status_code == 201, answer.content
    assert answer.json()["id"] == str(Prescription.objects.get().order_id)


def test_what_can_be_judged_no_more_stays_one_resource(system, ann):
    made = post(system, order(ann)).json()
    changed = order(ann, modifierExtension=[{"url": "urn:x", "valueBoolean": True}])
    answer = put(system, f"MedicationRequest/{made['id']}", {**changed, "id": made["id"]})
    assert (answer.status_code, answer["ETag"]) == (200, 'W/"2"')
    assert Prescription.objects.get().status == "active"
    (found,) = system.found("MedicationRequest", {"patient": ann})
    assert (found["id"], found["modifierExtension"][0]["url"]) == (made["id"], "urn:x")


def test_a_person_who_waits_is_amended_by_id(system, ann):
    """The number is somebody's whose name and birth date are others: whose it is, nobody knows."""
    other = bell(name=[{"family": "Okoro", "given": ["Tom"]}], birthDate="1990-01-01")
    waiting = {**other, "identifier": [*other["identifier"], {"system": "urn:b", "value": "9"}]}
    answer = post(system, waiting)
    assert answer.status_code in (200, 201), answer.content
    known = answer.json()["id"]
    again = put(system, f"Patient/{known}", {**waiting, "id": known, "gender": "male"})
    assert again.status_code == 200, again.content


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("PUT", "MedicationRequest?identifier=urn:rx|1", {}),
        ("POST", "MedicationRequest", {"If_None_Exist": "identifier=urn:rx|1"}),
        ("POST", "MedicationRequest", {}),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_the_same_from_several_at_once_is_one_resource(harbour, ada, method, path, headers):
    system = System(harbour, by=ada)
    known = post(system, bell()).json()["id"]
    body = json.dumps(order(f"Patient/{known}", identifier=[{"system": "urn:rx", "value": "1"}]))
    answers = at_once(*[lambda: system.send(method, path, body, **headers)] * 4)
    codes = sorted(answer.status_code for answer in answers)
    assert codes.count(201) == 1, [answer.content for answer in answers]
    assert set(codes) <= {200, 201, 409}
    made = next(answer.json() for answer in answers if answer.status_code == 201)
    kept = SentResource.objects.filter(resource_type="MedicationRequest")
    assert set(kept.values_list("logical_id", flat=True)) == {made["id"]}
    assert [one["id"] for one in system.found("MedicationRequest")] == [made["id"]]


def test_a_patch_that_copies_a_list_into_itself_again_and_again_is_refused(system, ann):
    """Each copy doubles it: forty are more than any memory."""
    made = post(system, order(ann)).json()
    copying = [{"op": "copy", "from": "/dosageInstruction", "path": "/dosageInstruction/0"}] * 99
    answer = system.send(
        "PATCH",
        f"MedicationRequest/{made['id']}",
        json.dumps(copying),
        content_type="application/json-patch+json",
    )
    refused(answer, 413, "too-costly")
    assert system.get(f"MedicationRequest/{made['id']}").json() == made


def a_person_who_waits(system):
    """The id under which somebody waits whose number is Jonathan Bell's."""
    other = bell(name=[{"family": "Okoro", "given": ["Tom"]}], birthDate="1990-01-01")
    waiting = {**other, "identifier": [*other["identifier"], {"system": "urn:b", "value": "9"}]}
    answer = post(system, waiting)
    assert answer.status_code == 201, answer.content
    return answer.json()["id"], waiting


@pytest.mark.parametrize("how", ["APART", "SAME", "NUMBER_WRONG"])
def test_a_person_who_waited_leads_to_who_they_are(system, ann, ravi, samira, how):
    known, waiting = a_person_who_waits(system)
    (before,) = [each for each in system.found("Patient") if each["id"] == known]
    # Whose number it is is not shown under the name of another one meanwhile.
    assert system.get(ann).json()["name"][0]["family"] == "Bell"
    question = IdentityQuestion.objects.get()
    identity.settle(question=question, answer=question.Answer[how], how="sender", by=ravi)
    question.refresh_from_db()
    if question.settled_at is None:
        identity.settle(question=question, answer=question.Answer[how], how="sender", by=samira)
        question.refresh_from_db()
    whose = f"Patient/{question.patient_id}"
    assert (whose == ann) is (how == "SAME")
    # The old id says who it is, as somebody whose record went into another one does.
    shown = system.get(f"Patient/{known}").json()
    assert (shown["active"], shown["meta"]["versionId"]) == (False, "2")
    assert shown["link"] == [{"other": {"reference": whose}, "type": "replaced-by"}]
    assert system.get(f"Patient/{known}/_history/1").json()["name"] == before["name"]
    history = system.get(f"Patient/{known}/_history").json()["entry"]
    assert [each["resource"]["meta"]["versionId"] for each in history] == ["2", "1"]
    # Their number finds them once, so that conditions mean one.
    (found,) = system.found("Patient", {"identifier": "urn:b|9"})
    assert f"Patient/{found['id']}" == whose
    # What is sent about the old id is about them, and so is what is said of them.
    answer = post(system, order(f"Patient/{known}"))
    assert answer.status_code == 201, answer.content
    assert Prescription.objects.get().patient_id == question.patient_id
    answer = put(system, f"Patient/{known}", {**waiting, "id": known, "gender": "male"})
    assert answer.status_code == 200, answer.content
    assert answer.json()["id"] == str(question.patient_id)
    patch = [{"op": "replace", "path": "/active", "value": True}]
    answer = system.send(
        "PATCH",
        f"Patient/{known}",
        json.dumps(patch),
        content_type="application/json-patch+json",
    )
    refused(answer, 409, "conflict")


def test_two_who_wait_under_one_question_both_lead_to_who_they_are(system, ann, ravi):
    first, _ = a_person_who_waits(system)
    second, _ = a_person_who_waits(system)
    question = IdentityQuestion.objects.get()
    identity.settle(question=question, answer=question.Answer.APART, how="sender", by=ravi)
    question.refresh_from_db()
    for known in {first, second}:
        shown = system.get(f"Patient/{known}").json()
        assert shown["link"][0]["other"]["reference"] == f"Patient/{question.patient_id}"


def test_an_order_that_waited_keeps_its_id_when_it_is_known_whose_it_is(system, ann, ravi):
    other = bell(
        name=[{"family": "Okoro", "given": ["Tom"]}], birthDate="1990-01-01", gender="male"
    )
    answer = sent(
        system,
        bundle(
            entry("POST", "Patient", other, "urn:uuid:a"),
            entry("POST", "MedicationRequest", order("urn:uuid:a")),
        ),
    )
    assert answer.status_code == 200, answer.content
    made = answer.json()["entry"][1]
    assert "Not screened yet" in made["response"]["outcome"]["issue"][0]["diagnostics"]
    assert not Prescription.objects.exists()
    question = IdentityQuestion.objects.get()
    identity.settle(question=question, answer=question.Answer.APART, how="sender", by=ravi)
    row = Prescription.objects.get()
    assert row.patient_id != int(ann.removeprefix("Patient/"))
    assert str(row.order_id) == made["resource"]["id"]
    (found,) = system.found("MedicationRequest", {"patient": f"Patient/{row.patient_id}"})
    assert found["id"] == made["resource"]["id"]
    assert found["meta"]["versionId"] == "2"
    assert system.found("MedicationRequest") == [found]


# -- Bundles -----------------------------------------------------------------------------------


def test_a_transaction_brings_people_and_their_orders_in_any_order(system):
    answer = sent(
        system,
        bundle(
            entry("POST", "MedicationRequest", order("urn:uuid:a"), "urn:uuid:b"),
            entry("POST", "Patient", bell(), "urn:uuid:a"),
        ),
    )
    assert answer.status_code == 200, answer.content
    said = answer.json()
    assert said["type"] == "transaction-response"
    assert [one["response"]["status"] for one in said["entry"]] == ["201 Created", "201 Created"]
    person = Patient.objects.get()
    assert said["entry"][0]["resource"]["subject"]["reference"] == f"Patient/{person.pk}"
    assert Prescription.objects.get().patient == person
    assert all(one["response"]["etag"] == 'W/"1"' for one in said["entry"])


def test_one_fault_leaves_nothing_of_a_transaction(system):
    answer = sent(
        system,
        bundle(
            entry("POST", "Patient", bell(), "urn:uuid:a"),
            entry("POST", "MedicationRequest", order("urn:uuid:a", status="bogus")),
        ),
    )
    issue = refused(answer, 400, "code-invalid")
    assert issue["expression"] == ["Bundle.entry[1].resource.status"]
    assert not Patient.objects.exists()
    assert not SentResource.objects.exists()


def test_a_batch_takes_each_entry_by_itself(system):
    answer = sent(
        system,
        bundle(
            entry("POST", "Patient", bell()),
            entry("POST", "MedicationRequest", order("Patient/987654321")),
            entry("GET", "Patient?identifier=urn:clinic|77"),
            kind="batch",
        ),
    )
    assert answer.status_code == 200, answer.content
    first, second, third = answer.json()["entry"]
    assert first["response"]["status"] == "201 Created"
    assert second["response"]["status"] == "422 Unprocessable Entity"
    assert second["response"]["outcome"]["issue"][0]["expression"]
    assert third["resource"]["type"] == "searchset"
    assert len(third["resource"]["entry"]) == 1
    assert Patient.objects.count() == 1


def test_conditional_references_and_creates(system, ann):
    answer = sent(
        system,
        bundle(
            entry("POST", "MedicationRequest", order("Patient?identifier=urn:clinic|77")),
            entry(
                "POST",
                "Patient",
                bell(gender="male"),
                "urn:uuid:a",
                ifNoneExist="identifier=urn:clinic|77",
            ),
            entry("POST", "MedicationRequest", order("urn:uuid:a")),
        ),
    )
    assert answer.status_code == 200, answer.content
    statuses = [one["response"]["status"] for one in answer.json()["entry"]]
    assert statuses == ["201 Created", "200 OK", "201 Created"]
    assert Prescription.objects.count() == 2
    assert Patient.objects.get().sex == "female"
    missing = bundle(entry("POST", "MedicationRequest", order("Patient?identifier=urn:clinic|9")))
    issue = refused(sent(system, missing), 412, "not-found")
    assert issue["expression"] == ["Bundle.entry[0].resource.subject"]


def test_a_transaction_deletes_first_and_reads_last(system, ann):
    made = post(system, order(ann)).json()
    url = f"MedicationRequest/{made['id']}"
    answer = sent(
        system,
        bundle(
            entry("GET", f"MedicationRequest?patient={ann}"),
            entry("POST", "MedicationRequest", order(ann)),
            entry("DELETE", url),
        ),
    )
    found, _, deleted = answer.json()["entry"]
    assert deleted["response"]["status"] == "204 No Content"
    assert len(found["resource"]["entry"]) == 1


@pytest.mark.parametrize(
    ("content", "status", "code", "expression"),
    [
        ({"resourceType": "Patient"}, 400, "required", None),
        (bundle(entry("GET", "Patient"), kind="collection"), 400, "code-invalid", "Bundle.type"),
        (bundle({"resource": {"a": 1}}), 400, "required", "Bundle.entry[0].request"),
        (bundle(entry("EAT", "Patient")), 400, "code-invalid", "Bundle.entry[0].request.method"),
        (bundle(entry("POST", "Patient")), 400, "required", "Bundle.entry[0].resource"),
        (bundle(entry("GET", "Unknown/1")), 404, "not-supported", "Bundle.entry[0]"),
        (bundle(entry("DELETE", "Patient?a=b")), 400, "invalid", "Bundle.entry[0]"),
        (
            bundle(*[entry("PUT", "Patient/1", {"resourceType": "Patient", "id": "1"})] * 2),
            400,
            "duplicate",
            "Bundle.entry[1]",
        ),
    ],
)
def test_a_bundle_that_is_none_is_refused(system, content, status, code, expression):
    issue = refused(sent(system, content), status, code)
    assert issue.get("expression", [None])[0] == expression


def test_a_bundle_of_too_many_entries_is_refused(system):
    many = bundle(*[entry("GET", "Patient/1")] * 1001)
    refused(sent(system, many), 413, "too-costly")


def test_a_transaction_of_a_hundred_orders(system, ann, django_assert_max_num_queries):
    content = json.dumps(
        bundle(*(entry("POST", "MedicationRequest", order(ann)) for _ in range(100)))
    )
    with django_assert_max_num_queries(80):
        answer = system.send("POST", "/fhir", content)
    assert answer.status_code == 200, answer.content
    assert Prescription.objects.count() == 100


# -- What is given back ------------------------------------------------------------------------


def readings():
    """Events that tell who was shown over the API."""
    return AuditEvent.objects.filter(verb=Event.API_READ.verb).count()


def test_who_wants_no_resource_back_is_told_the_same_version_and_shown_nobody(system, ann):
    before = readings()
    minimal = post(system, order(ann), "MedicationRequest", Prefer="return=minimal")
    assert (minimal.status_code, minimal.content, readings()) == (201, b"", before)
    there = system.get(f"MedicationRequest/{Prescription.objects.get().order_id}")
    assert minimal["Location"].endswith(
        f"/MedicationRequest/{there.json()['id']}/_history/{there.json()['meta']['versionId']}"
    )
    assert (minimal["ETag"], minimal["Last-Modified"]) == (there["ETag"], there["Last-Modified"])


def test_a_transaction_says_the_same_of_each_entry_with_and_without_resources(system, ann):
    said = []
    for number, wanted in enumerate(("representation", "minimal")):
        name = f"urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e{number}"
        sent = bundle(
            entry("POST", "MedicationRequest", order(ann), name),
            entry("POST", "MedicationRequest", order(ann, status="draft")),
        )
        before = readings()
        answer = system.send("POST", "/fhir", json.dumps(sent), Prefer=f"return={wanted}")
        assert answer.status_code == 200, answer.content
        said.append((answer.json()["entry"], readings() - before))
    (whole, shown), (bare, hidden) = said
    assert (shown > 0, hidden) == (True, 0)
    assert all("resource" in one for one in whole)
    assert [sorted(one) for one in bare] == [["fullUrl", "response"]] * 2
    for one in bare:
        there = system.get(one["response"]["location"].partition("/_history/")[0])
        assert (one["response"]["etag"], one["response"]["lastModified"]) == (
            there["ETag"],
            there.json()["meta"]["lastUpdated"],
        )
