"""Creating and changing people by FHIR."""

import json

import pytest

from reviews.models import Patient, SentResource
from tests.fhir.asking import refused

NHS = "https://fhir.nhs.uk/Id/nhs-number"


def bell(**more):
    return {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:clinic", "value": "77"}],
        "name": [{"family": "Bell", "given": ["Ann"]}],
        "gender": "female",
        "birthDate": "1941-03-04",
        **more,
    }


def post(system, resource, path=None, **headers):
    return system.send("POST", path or resource["resourceType"], json.dumps(resource), **headers)


def put(system, path, resource, **headers):
    return system.send("PUT", path, json.dumps(resource), **headers)


def test_a_person_is_created_and_read_back_as_sent(system):
    sent = bell(
        telecom=[{"system": "phone", "value": "0123"}],
        extension=[{"url": "urn:x", "valueDecimal": 0}],
    )
    body = json.dumps(sent).replace('"valueDecimal": 0', '"valueDecimal": 1.50')
    answer = system.send("POST", "Patient", body)
    assert answer.status_code == 201, answer.content
    person = Patient.objects.get()
    assert answer["Location"].endswith(f"/fhir/Patient/{person.pk}/_history/1")
    assert answer["ETag"] == 'W/"1"'
    assert (person.family_name, person.sex) == ("Bell", "female")
    read = system.get(f"Patient/{person.pk}")
    assert read.status_code == 200
    assert b"1.50" in read.content, "a number keeps its digits"
    content = read.json()
    assert content["telecom"] == sent["telecom"]
    assert {"url": "urn:x", "valueDecimal": 1.5} in content["extension"]


def test_the_same_person_twice_is_one_person(system):
    first, again = post(system, bell()), post(system, bell())
    assert (first.status_code, again.status_code) == (201, 200)
    assert Patient.objects.count() == 1
    assert first.json()["id"] == again.json()["id"]


def test_if_none_exist_returns_who_is_there(system):
    made = post(system, bell()).json()
    changed = bell(gender="male")
    answer = post(system, changed, If_None_Exist="identifier=urn:clinic|77")
    assert answer.status_code == 200
    assert answer.json()["id"] == made["id"]
    assert answer.json()["gender"] == "female", "nothing was written"
    by_address = post(system, changed, path="Patient?identifier=urn:clinic|77")
    assert by_address.status_code == 200
    assert by_address.json()["gender"] == "female"


def test_a_condition_that_several_meet_is_refused(system):
    post(system, bell())
    post(system, bell(identifier=[{"system": "urn:clinic", "value": "78"}], birthDate="1950-01-01"))
    refused(post(system, bell(), If_None_Exist="family=Bell"), 412, "multiple-matches")
    assert Patient.objects.count() == 2


def test_a_person_is_amended_by_id(system):
    made = post(system, bell()).json()
    answer = put(
        system, f"Patient/{made['id']}", {**bell(birthDate="1941-03-05"), "id": made["id"]}
    )
    assert answer.status_code == 200, answer.content
    assert answer["ETag"] == 'W/"2"'
    assert str(Patient.objects.get().birth_date) == "1941-03-05"
    first = system.get(f"Patient/{made['id']}/_history/1").json()
    assert first["birthDate"] == "1941-03-04"


def test_what_only_the_body_says_is_a_version_too(system):
    made = post(system, bell()).json()
    url = f"Patient/{made['id']}"
    again = {**bell(telecom=[{"system": "phone", "value": "9"}]), "id": made["id"]}
    assert put(system, url, again)["ETag"] == 'W/"2"'
    assert put(system, url, again)["ETag"] == 'W/"2"', "the same again changes nothing"
    assert SentResource.objects.count() == 2
    assert "telecom" not in system.get(f"{url}/_history/1").json()


def test_a_stale_version_is_refused(system):
    made = post(system, bell()).json()
    url = f"Patient/{made['id']}"
    body = {**bell(birthDate="1941-03-05"), "id": made["id"]}
    assert put(system, url, body, If_Match='W/"1"').status_code == 200
    refused(put(system, url, body, If_Match='W/"1"'), 412, "conflict")
    refused(put(system, url, body, If_Match="one"), 400, "invalid")


def test_an_id_is_given_by_the_server(system):
    refused(put(system, "Patient/77", {**bell(), "id": "77"}), 405, "not-supported")
    made = post(system, bell()).json()
    issue = refused(put(system, f"Patient/{made['id']}", {**bell(), "id": "x"}), 400, "value")
    assert issue["expression"] == ["Patient.id"]


def test_a_person_is_found_or_created_by_a_conditional_update(system):
    made = put(system, "Patient?identifier=urn:clinic|77", bell())
    assert made.status_code == 201
    again = put(system, "Patient?identifier=urn:clinic|77", bell(gender="male"))
    assert again.status_code == 200
    assert Patient.objects.get().sex == "male"
    wrong = put(system, "Patient?identifier=urn:clinic|77", {**bell(), "id": "other"})
    refused(wrong, 400, "value")


def test_a_patch_changes_one_thing(system):
    made = post(system, bell()).json()
    answer = system.send(
        "PATCH",
        f"Patient/{made['id']}",
        json.dumps([{"op": "replace", "path": "/birthDate", "value": "1941-03-06"}]),
        content_type="application/json-patch+json",
    )
    assert answer.status_code == 200, answer.content
    assert str(Patient.objects.get().birth_date) == "1941-03-06"
    merged = system.send(
        "PATCH",
        f"Patient/{made['id']}",
        json.dumps({"gender": "male", "name": None}),
        content_type="application/merge-patch+json",
    )
    assert merged.status_code == 200, merged.content
    assert Patient.objects.get().sex == "male"
    assert "name" not in merged.json()


@pytest.mark.parametrize(
    ("operations", "status", "code"),
    [
        ([{"op": "replace", "path": "/nowhere/0", "value": 1}], 400, "structure"),
        ([{"op": "test", "path": "/gender", "value": "male"}], 422, "business-rule"),
        ([{"op": "replace", "path": "/gender", "value": "no"}], 400, "code-invalid"),
        ([{"op": "replace", "path": "/id", "value": "other"}], 400, "value"),
        ([{"op": "remove", "path": "/resourceType"}], 400, "value"),
        ([{"path": "/gender"}], 400, "structure"),
        ([5], 400, "structure"),
        ({"gender": "male"}, 400, "structure"),
    ],
)
def test_a_patch_that_cannot_be_applied_changes_nothing(system, operations, status, code):
    made = post(system, bell()).json()
    answer = system.send(
        "PATCH",
        f"Patient/{made['id']}",
        json.dumps(operations),
        content_type="application/json-patch+json",
    )
    refused(answer, status, code)
    assert SentResource.objects.count() == 1


def test_a_person_is_not_deleted(system):
    made = post(system, bell()).json()
    refused(system.send("DELETE", f"Patient/{made['id']}"), 403, "forbidden")
    assert system.send("DELETE", "Patient/123456").status_code == 204, "who is not here"
    refused(system.send("DELETE", "Patient?family=Bell"), 400, "invalid")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "structure"),
        (b'{"resourceType":"Patient","gender":"f"}', 400, "code-invalid"),
        (b'{"resourceType":"Observation"}', 400, "value"),
        (b'{"resourceType":"Patient","gender":"male","gender":"male"}', 400, "structure"),
        (b"[]", 400, "structure"),
        (b'"x"', 400, "value"),
        (b'{"resourceType":"Patient","name":"' + b"a" * 1_100_000 + b'"}', 413, "too-long"),
    ],
)
def test_a_body_that_is_none_is_refused(system, body, status, code):
    refused(system.send("POST", "Patient", body), status, code)
    assert not Patient.objects.exists()


def test_another_media_type_is_refused(system):
    answer = system.send("POST", "Patient", b"<Patient/>", content_type="application/fhir+xml")
    refused(answer, 415, "not-supported")


def test_what_prefer_asks_for_is_given_back(system):
    answer = post(system, bell(), Prefer="return=minimal")
    assert (answer.status_code, answer.content) == (201, b"")
    outcome = post(system, bell(gender="male"), Prefer="return=OperationOutcome").json()
    assert outcome["resourceType"] == "OperationOutcome"
