"""What systems sent comes back word for word, version by version, with what was read out of it."""

import json
import uuid
from datetime import datetime

import pytest
from django.db import DatabaseError, transaction

from reviews import fhir_versions
from reviews.models import Prescription, SentResource
from reviews.queries.fhir import KINDS
from reviews.verbs import prescribe
from tests import database, make
from tests.fhir.asking import System, refused

UNDERSTOOD = "urn:prescription-safety-portal:understood"
THEIRS = {"url": "https://example.org/colour", "valueString": "blue"}


@pytest.fixture
def order(harbour, clara):
    return make.prescription(make.patient(harbour, clara, identifiers=["1"]), clara)


@pytest.fixture
def keep(harbour, ehr):
    """Keep a body as the writing side does: `keep(body, of=a live row)`, or of nothing."""

    def keep(body, *, type_name="MedicationRequest", of=None, logical_id=None, deleted=False):
        logical_id = str(of.order_id) if of else logical_id or str(uuid.uuid4())
        before = fhir_versions.sent(type_name, [logical_id]).get(logical_id, [])
        if of is None:
            version = before[-1].version + 1 if before else 1
        elif of.version == 1 and not before and not deleted and not keep.later:
            version = 1
        else:
            version = fhir_versions.current(of.version, before)[0] + 1
        row = fhir_versions.made(
            resource_type=type_name,
            logical_id=logical_id,
            version=version,
            body=body,
            content=json.loads(body or "{}"),
            definitions=KINDS[type_name].definitions,
            practice_id=harbour.pk,
            patient_id=of.patient_id if of else keep.patient_id,
            source_system="ehr",
            by=ehr,
            record=of.pk if of else None,
            record_version=of.version if of else None,
            deleted=deleted,
        )
        row.save()
        return row

    keep.patient_id, keep.later = None, False
    return keep


def body_of(patient_id, **members):
    """A body with a number whose last nought counts, and an element that nobody knows."""
    text = json.dumps(
        {
            "resourceType": "MedicationRequest",
            "id": "theirs",
            "meta": {"versionId": "77", "profile": ["https://example.org/profile"]},
            "status": "active",
            "intent": "order",
            "subject": {"reference": f"Patient/{patient_id}"},
            "medicationCodeableConcept": {
                "coding": [{"system": "http://snomed.info/sct", "code": "319773006"}]
            },
            "extension": [THEIRS],
            "dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": 0}}]}],
            "unheardOf": {"b": 1, "a": 2},
            **members,
        }
    )
    return text.replace('"value": 0', '"value": 1.50')


def test_what_was_sent_is_read_as_it_was_sent_beside_our_reading(system, order, keep):
    keep(body_of(order.patient_id), of=order)
    answer = system.get(f"MedicationRequest/{order.order_id}")
    assert b'"value": 1.50' in answer.content
    assert b'{"b": 1, "a": 2}' in answer.content
    read = answer.json()
    assert read["id"] == str(order.order_id)
    assert read["meta"]["versionId"] == "1"
    assert read["meta"]["profile"] == ["https://example.org/profile"]
    theirs, ours = read["extension"]
    assert (theirs, ours["url"]) == (THEIRS, UNDERSTOOD)
    said = {part["url"]: part for part in ours["extension"]}
    assert said["medicine"]["valueCodeableConcept"]["text"] == "diazepam"
    assert said["dailyDose"]["valueQuantity"]["value"] == 10
    assert said["start"]["valueDate"] == order.start_on.isoformat()
    assert said["days"]["valueInteger"] == 14
    (found,) = system.found("MedicationRequest", {"_id": read["id"]})
    assert found == read


def test_a_version_of_ours_follows_the_one_that_was_sent(system, order, keep, clara):
    keep(body_of(order.patient_id), of=order)
    prescribe.amend(prescription=order, record=make.record(days=7), reason="Shorter.", by=clara)
    path = f"MedicationRequest/{order.order_id}"
    read = system.get(path).json()
    assert (read["meta"]["versionId"], "unheardOf" in read) == ("2", False)
    assert read["dispenseRequest"]["expectedSupplyDuration"]["value"] == 7
    first = system.get(f"{path}/_history/1").json()
    assert first["unheardOf"] == {"b": 1, "a": 2}
    history = system.bundle(f"{path}/_history")["entry"]
    assert [one["resource"]["meta"]["versionId"] for one in history] == ["2", "1"]
    assert [one["request"]["method"] for one in history] == ["PUT", "POST"]


def test_a_body_that_changes_nothing_of_our_reading_is_a_version_too(system, order, keep, clara):
    keep.later = True
    keep(body_of(order.patient_id), of=order)
    path = f"MedicationRequest/{order.order_id}"
    assert system.get(path).json()["meta"]["versionId"] == "2"
    keep(body_of(order.patient_id, unheardOf={"c": 3}), of=order)
    assert system.get(path).json()["meta"]["versionId"] == "3"
    prescribe.amend(prescription=order, record=make.record(days=7), reason="Shorter.", by=clara)
    read = system.get(path).json()
    assert (read["meta"]["versionId"], "unheardOf" in read) == ("4", False)
    keep(body_of(order.patient_id), of=Prescription.objects.live().get())
    history = system.bundle(f"{path}/_history")["entry"]
    told = [
        (one["resource"]["meta"]["versionId"], one["resource"].get("unheardOf")) for one in history
    ]
    assert told == [
        *(("5", {"b": 1, "a": 2}), ("4", None), ("3", {"c": 3})),
        *(("2", {"b": 1, "a": 2}), ("1", None)),
    ]
    for version, unheard in told:
        one = system.get(f"{path}/_history/{version}").json()
        assert (one["meta"]["versionId"], one.get("unheardOf")) == (version, unheard)
    everything = system.bundle("MedicationRequest/_history")["entry"]
    assert sorted(one["resource"]["meta"]["versionId"] for one in everything) == list("12345")


def test_what_was_deleted_is_gone_until_somebody_changes_it(system, order, keep, clara):
    keep.later = True
    keep("", of=order, deleted=True)
    path = f"MedicationRequest/{order.order_id}"
    refused(system.get(path), 410, "deleted")
    refused(system.get(f"{path}/_history/2"), 410, "deleted")
    assert system.get(f"{path}/_history/1").status_code == 200
    assert system.found("MedicationRequest") == []
    for bundle in (system.bundle(f"{path}/_history"), system.bundle("MedicationRequest/_history")):
        gone, made = bundle["entry"]
        assert (gone["request"]["method"], "resource" in gone) == ("DELETE", False)
        assert made["resource"]["meta"]["versionId"] == "1"
    prescribe.amend(prescription=order, record=make.record(days=7), reason="It is taken.", by=clara)
    assert system.get(path).json()["meta"]["versionId"] == "3"
    assert len(system.found("MedicationRequest")) == 1


def test_an_order_is_found_by_what_only_its_body_says(system, order, keep, clara):
    sent_on = {"identifier": [{"system": "https://ehr.example", "value": "7"}]}
    keep(body_of(order.patient_id, **sent_on, priority="urgent"), of=order)
    for query in (
        {"identifier": "https://ehr.example|7"},
        {"identifier": "7", "patient": str(order.patient_id)},
        {"priority": "urgent"},
    ):
        assert len(system.found("MedicationRequest", query)) == 1
    assert system.found("MedicationRequest", {"identifier": "https://other.example|7"}) == []
    assert system.found("MedicationRequest", {"priority": "stat"}) == []
    own = f"urn:prescription-safety-portal:source:{order.source_system}|{order.source_id}"
    assert len(system.found("MedicationRequest", {"identifier": own})) == 1
    prescribe.amend(prescription=order, record=make.record(days=7), reason="Shorter.", by=clara)
    assert system.found("MedicationRequest", {"priority": "urgent"}) == []


def test_what_only_the_body_changed_was_changed_then(system, order, keep):
    keep.later = True
    body = keep(body_of(order.patient_id), of=order)
    read = system.get(f"MedicationRequest/{order.order_id}").json()
    assert datetime.fromisoformat(read["meta"]["lastUpdated"]) == body.sent_at
    for prefix, found in (("ge", 1), ("le", 1), ("gt", 0), ("lt", 0)):
        query = {"_lastUpdated": f"{prefix}{read['meta']['lastUpdated']}"}
        assert len(system.found("MedicationRequest", query)) == found, prefix


# -- Kept, and not judged ----------------------------------------------------------------------


@pytest.fixture
def pressure(order, keep):
    """A blood pressure, which no rule asks."""
    keep.patient_id = order.patient_id
    return keep(
        json.dumps(
            {
                "resourceType": "Observation",
                "identifier": [{"system": "https://example.org/obs", "value": "o-1"}],
                "status": "final",
                "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
                "subject": {"reference": f"Patient/{order.patient_id}"},
                "effectiveDateTime": "2026-01-02",
            }
        ),
        type_name="Observation",
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, True),
        ({"code": "85354-9"}, True),
        ({"code": "http://loinc.org|85354-9"}, True),
        ({"code": "http://loinc.org|"}, True),
        ({"code": "http://snomed.info/sct|85354-9"}, False),
        ({"identifier": "https://example.org/obs|o-1"}, True),
        ({"identifier": "o-2"}, False),
        ({"patient": "{patient}"}, True),
        ({"subject": "Patient/{patient}"}, True),
        ({"patient": "987654321"}, False),
        ({"patient:identifier": "nhs|1"}, True),
        ({"patient:identifier": "nhs|2"}, False),
        ({"status": "final"}, True),
        ({"status": "amended"}, False),
        ({"_lastUpdated": "gt2000"}, True),
        ({"_lastUpdated": "lt2000"}, False),
    ],
)
def test_what_is_only_kept_is_found_as_well(system, pressure, query, found):
    asked = {
        name: value.replace("{patient}", str(pressure.patient_id)) for name, value in query.items()
    }
    ids = [one["id"] for one in system.found("Observation", asked)]
    assert ids == ([pressure.logical_id] if found else [])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"name": "har"}, True),
        ({"name": "HARBOUR PH"}, True),
        ({"name": "pharmacy"}, False),
        ({"name:exact": "Harbour Pharmacy"}, True),
        ({"name:exact": "Harbour"}, False),
    ],
)
def test_what_is_only_kept_is_found_by_its_name(system, order, keep, query, found):
    body = {"resourceType": "Organization", "name": "Harbour Pharmacy", "alias": ["Harpoon"]}
    kept = keep(json.dumps(body), type_name="Organization")
    ids = [one["id"] for one in system.found("Organization", query)]
    assert (kept.logical_id in ids) == found


def test_what_is_only_kept_has_versions_and_ends(system, pressure, keep):
    path = f"Observation/{pressure.logical_id}"
    assert system.get(path)["ETag"] == 'W/"1"'
    keep(
        pressure.body.replace("final", "amended"),
        type_name="Observation",
        logical_id=pressure.logical_id,
    )
    assert system.get(path).json()["status"] == "amended"
    assert system.get(f"{path}/_history/1").json()["status"] == "final"
    assert system.found("Observation", {"status": "final"}) == []
    keep("", type_name="Observation", logical_id=pressure.logical_id, deleted=True)
    refused(system.get(path), 410, "deleted")
    assert system.found("Observation") == []
    methods = [one["request"]["method"] for one in system.bundle(f"{path}/_history")["entry"]]
    assert methods == ["DELETE", "PUT", "POST"]


def test_nobody_of_another_practice_sees_what_was_sent(pressure, order, keep, lakeside):
    keep(body_of(order.patient_id), of=order)
    make.person("adam", lakeside)
    stranger = System(lakeside, by=make.person("adam", lakeside), source="other")
    for path in (f"Observation/{pressure.logical_id}", f"MedicationRequest/{order.order_id}"):
        refused(stranger.get(path), 404, "not-found")
        refused(stranger.get(f"{path}/_history"), 404, "not-found")
        refused(stranger.get(f"{path}/_history/1"), 404, "not-found")
    assert stranger.found("Observation") == []


def test_what_was_sent_is_never_changed(pressure, db):
    with pytest.raises(DatabaseError), transaction.atomic():
        SentResource.objects.filter(pk=pressure.pk).update(body="{}")
    with pytest.raises(DatabaseError), transaction.atomic():
        SentResource.objects.filter(pk=pressure.pk).delete()
    # Nor by whoever owns the table.
    with database.as_owner():
        with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
            SentResource.objects.filter(pk=pressure.pk).update(body="{}")
        with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
            SentResource.objects.filter(pk=pressure.pk).delete()
