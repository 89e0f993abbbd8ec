"""What was handed out, by REST both ways: the same record as a MedicationDispense by FHIR."""

import json

import pytest

from reviews import jobs
from reviews.models import Prescription, WaitingRecord
from reviews.tasks import KINDS
from reviews.verbs import sync
from tests import make
from tests.api import sent
from tests.api.conftest import make_system
from tests.api.test_lists import rows


def handed(source_id="d-1", **changes):
    one = sent.prescription(source_id, dispensed_on=make.day(-5).isoformat(), **changes)
    one.pop("start_on")
    return one


def test_one_that_is_sent_is_read_as_sent(system):
    answer = system.sync([handed()], kind="dispensings").json()
    assert (answer["created"], answer["refused"]) == (1, 0)
    (row,) = rows(system.get("dispensings"))
    day = make.day(-5).isoformat()
    assert (row["dispensed"], row["dispensed_on"], row["start_on"]) == (True, day, day)
    assert system.get(f"dispensings/{row['id']}").json() == row
    assert rows(system.get("prescriptions")) == [row]


def test_orders_are_no_dispensings(system):
    system.sync([sent.prescription("rx-1")])
    (order,) = rows(system.get("prescriptions"))
    assert rows(system.get("dispensings")) == []
    assert system.get(f"dispensings/{order['id']}").status_code == 404


def test_the_same_by_either_address_changes_nothing(system):
    system.sync([handed()], kind="dispensings")
    told = {**handed(), "dispensed": True, "start_on": make.day(-5).isoformat()}
    assert system.sync([told]).json()["unchanged"] == 1
    assert system.sync([handed()], kind="dispensings").json()["unchanged"] == 1
    assert Prescription.objects.count() == 1


def test_a_start_that_is_said_stays(system):
    said = {**handed(), "start_on": make.day(-3).isoformat()}
    system.sync([said], kind="dispensings")
    (row,) = rows(system.get("dispensings"))
    assert row["start_on"] == make.day(-3).isoformat()


def test_one_that_says_it_was_not_handed_out_is_refused(system):
    answer = system.sync([{**handed(), "dispensed": False}], kind="dispensings").json()
    [error] = answer["errors"]
    assert (answer["created"], error["field"]) == (0, "dispensed")


def test_many_are_taken_in_by_a_job(system):

    body = b"\n".join(json.dumps(handed(f"d-{n}")).encode() for n in range(3))
    answer = system.post(
        "dispensings/sync", body, content_type="application/x-ndjson", Prefer="respond-async"
    )
    assert answer.status_code == 202
    jobs.work(KINDS, seconds=30)
    assert len(rows(system.get("dispensings"))) == 3


def test_one_that_waits_is_still_one_afterwards(system, harbour, ravi):
    system.sync([sent.prescription("rx-1")])
    other = {**sent.patient("1"), "family_name": "Zed", "given_name": "Zoe", "sex": "female"}
    other["birth_date"] = "2009-09-09"
    answer = system.sync([handed(patient=other)], kind="dispensings").json()
    assert answer["waiting"] == 1
    held = WaitingRecord.objects.get()
    assert (held.kind, held.content["dispensed"]) == ("prescriptions", True)
    assert held.content["start_on"] == make.day(-5).isoformat()


def dispense():
    return {
        "resourceType": "MedicationDispense",
        "identifier": [{"system": "https://pharmacy.example", "value": "d-1"}],
        "status": "completed",
        "subject": {"reference": "Patient/x"},
        "medicationCodeableConcept": {"text": "Diazepam 5 mg tablets"},
        "whenHandedOver": make.day(-5).isoformat(),
        "quantity": {"value": 28, "unit": "tablet"},
        "daysSupply": {"value": 14, "unit": "days", "code": "d"},
    }


@pytest.fixture
def known(system):
    system.sync([sent.patient("1")], kind="patients")
    (person,) = rows(system.get("patients"))
    return person["id"]


def test_one_by_fhir_is_read_by_rest_and_one_by_rest_by_fhir(system, known, ehr):
    by_fhir = {**dispense(), "subject": {"reference": f"Patient/{known}"}}
    made = system.http.post(
        "/fhir/MedicationDispense",
        json.dumps(by_fhir),
        content_type="application/fhir+json",
        headers=system._headers(),
    )
    assert made.status_code == 201, made.content
    (row,) = rows(system.get("dispensings"))
    assert (row["dispensed_on"], row["days_supply"]) == (make.day(-5).isoformat(), 14)
    system.sync([handed("d-2")], kind="dispensings")
    found = system.http.get("/fhir/MedicationDispense", headers=system._headers()).json()
    assert {one["resource"]["whenHandedOver"][:10] for one in found["entry"]} == {
        make.day(-5).isoformat()
    }
    assert len(found["entry"]) == 2


def test_nobody_reads_those_of_another_practice(system, lakeside):
    system.sync([handed()], kind="dispensings")
    (row,) = rows(system.get("dispensings"))
    admin = make.person("lee", lakeside, "formulary_admin")

    other = make_system(lakeside, by=admin)
    assert rows(other.get("dispensings")) == []
    assert other.get(f"dispensings/{row['id']}").status_code == 404


def test_a_verb_takes_plain_records(ehr):
    result = sync.dispensings(rows=enumerate([handed()]), source_system="ehr", by=ehr)
    assert (result.created, Prescription.objects.get().dispensed) == (1, True)
