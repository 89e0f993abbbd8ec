"""Clients that others use, against a server: fhirpy searches and pages, fhirclient reads."""

import pytest
from fhirclient import client as smart
from fhirclient.models.medicationrequest import MedicationRequest
from fhirclient.models.patient import Patient
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome, ResourceNotFound

from tests import make
from tests.fhir.asking import System
from tests.fhir.test_fhir_writing import order
from tests.fhir.test_fhir_writing_people import bell

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def secret(harbour, ada, live_server):
    return System(harbour, by=ada).secret


@pytest.fixture
def orders(harbour, clara):
    """Twelve orders of Bell and one of Ames."""
    bell = make.patient(harbour, clara, identifiers=["1"])
    ames = make.patient(harbour, clara, family_name="Ames", given_name="Ann", sex="female")
    for number in range(12):
        make.prescription(bell, clara, start=-number - 1, written_on=make.day(-number - 1))
    make.prescription(ames, clara)
    return bell


def test_fhirpy_searches_and_pages(live_server, secret, orders):
    client = SyncFHIRClient(f"{live_server.url}/fhir", authorization=f"Bearer {secret}")
    found = client.resources("MedicationRequest").search(patient=orders.pk).limit(5)
    everything = found.fetch_all()
    assert len(everything) == len({one.id for one in everything}) == 12
    newest = client.resources("MedicationRequest").sort("-authoredon").first()
    assert newest["authoredOn"] == make.day(-1).isoformat()
    bundle = (
        client.resources("MedicationRequest").include("MedicationRequest", "patient").fetch_raw()
    )
    assert {entry.resource["resourceType"] for entry in bundle.entry} == {
        "MedicationRequest",
        "Patient",
    }
    person = client.reference("Patient", str(orders.pk)).to_resource()
    assert person["name"][0]["family"] == "Bell"
    assert client.resources("Patient").search(family="Ames").count() == 1
    assert client.resources("Patient").search(identifier="nhs|1").get().id == str(orders.pk)


def test_fhirpy_is_told_what_is_wrong(live_server, secret, orders):
    client = SyncFHIRClient(f"{live_server.url}/fhir", authorization=f"Bearer {secret}")
    with pytest.raises(ResourceNotFound):
        client.reference("Patient", "987654321").to_resource()
    with pytest.raises(OperationOutcome, match="this modifier is not offered"):
        client.resources("Patient").search(**{"family:text": "x"}).fetch()


def test_fhirclient_reads_and_searches(live_server, secret, orders):
    settings = {"app_id": "test", "api_base": f"{live_server.url}/fhir"}
    client = smart.FHIRClient(settings=settings)
    client.server.session.headers["Authorization"] = f"Bearer {secret}"
    person = Patient.read(str(orders.pk), client.server)
    assert (person.name[0].family, person.birthDate.date) == ("Bell", make.birth_date(45))
    found = MedicationRequest.where({"patient": str(orders.pk), "_count": "5"})
    read = list(found.perform_resources_iter(client.server))
    assert len({one.id for one in read}) == 12
    assert {one.subject.reference for one in read} == {f"Patient/{orders.pk}"}
    assert read[0].medicationCodeableConcept.text == "Diazepam 5 mg tablets"


def test_fhirpy_writes(live_server, secret):
    client = SyncFHIRClient(f"{live_server.url}/fhir", authorization=f"Bearer {secret}")
    people = client.resources("Patient").search(identifier="urn:clinic|77")
    whole = {name: value for name, value in bell().items() if name != "resourceType"}
    ann, created = people.get_or_create(client.resource("Patient", **whole))
    assert created
    again, created = people.get_or_create(client.resource("Patient", **whole))
    assert (again.id, created) == (ann.id, False)
    asked = order(f"Patient/{ann.id}")
    del asked["resourceType"]
    mine = client.resource("MedicationRequest", **asked)
    mine.save()
    mine["status"] = "on-hold"
    mine.save()
    mine["status"] = "active"
    mine.save(fields=["status"])
    mine.patch(status="stopped")
    held = client.reference("MedicationRequest", mine.id).to_resource()
    assert (held["status"], held["meta"]["versionId"]) == ("stopped", "4")
    mine.delete()
    assert client.resources("MedicationRequest").search(patient=ann.id).count() == 0
