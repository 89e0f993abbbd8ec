"""FHIR Bundles to records, without a database: what goes in, what comes out, what is said."""

import json
from pathlib import Path

import pytest
from fhir.resources.R4B.bundle import Bundle

from reviews import records
from reviews.fhir.read import bundle

FEATURES = (Path(__file__).parent / "bundles" / "features.json").read_bytes()
PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "identifier": [{"system": "nhs", "value": "1"}],
    "name": [{"family": "Bell"}],
}
REQUEST = {
    "resourceType": "MedicationRequest",
    "id": "m",
    "status": "active",
    "intent": "order",
    "medicationCodeableConcept": {"text": "Diazepam 5 mg tablets"},
    "subject": {"reference": "Patient/p"},
    "authoredOn": "2026-02-01",
}
CONDITION = {
    "resourceType": "Condition",
    "id": "c",
    "code": {"text": "Epilepsy"},
    "subject": {"reference": "Patient/p"},
}
GONE = object()


def read(*resources, kind="transaction"):
    entries = [{"resource": resource} for resource in resources]
    content = {"resourceType": "Bundle", "type": kind, "entry": entries}
    return bundle.read(json.dumps(content).encode(), source="ehr")


def changed(resource, **changes):
    whole = {**resource, **changes}
    return {name: value for name, value in whole.items() if value is not GONE}


def request(**changes):
    """The record, and what is noted, of one order."""
    content = read(PATIENT, changed(REQUEST, **changes))
    assert not content.refused
    ((_, record),) = content.prescriptions
    return record, [note.reason for note in content.notes]


def dosage(**said):
    return request(dosageInstruction=[said])


@pytest.fixture
def content():
    return bundle.read(FEATURES, source="ehr")


@pytest.fixture
def orders(content):
    return {
        name.removeprefix("MedicationRequest/"): record for name, record in content.prescriptions
    }


# -- The bundle with everything in it ------------------------------------------------------------


def test_the_bundle_is_valid_to_an_independent_reader():
    assert len(Bundle.model_validate_json(FEATURES).entry) == 13


def test_every_record_is_one_that_the_verbs_accept(content):
    for name, record in content.prescriptions:
        kept = records.convert(record, records.SyncedPrescription)
        records.check_prescription(kept)
        assert kept.source_id == name
    for _, record in content.conditions:
        records.check_condition(records.convert(record, records.SyncedCondition))
    for _, record in content.patients:
        records.convert(record, records.SyncedPatient)


def test_a_patient_by_official_name_and_whole_identifiers(content):
    first, second = (record for _, record in content.patients)
    assert first == {
        "identifiers": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9000000009"}],
        "family_name": "Bell",
        "given_name": "Jonathan Kofi",
        "sex": "male",
        "birth_date": "1950-02-03",
    }
    assert second == {
        "identifiers": [{"system": "ehr/Patient", "value": "part"}],
        "family_name": "Somebody Partial",
        "given_name": "",
        "deceased": True,
    }


def test_conditions_with_their_state_and_days(content):
    first, second = (record for _, record in content.conditions)
    assert (first["status"], first["onset_on"], first["text"]) == (
        "active",
        "2024-05-06",
        "Disorders of initiating and maintaining sleep",
    )
    assert (second["status"], second["onset_on"]) == ("resolved", "2019-01-02")
    assert "ended_on" not in second, "March 2020 is no day"


def test_an_order_with_its_own_concept(orders):
    order = orders["concept"]
    patient = order.pop("patient")
    assert patient["family_name"] == "Bell"
    assert order == {
        "source_id": "MedicationRequest/concept",
        "medicine": "Diazepam 5 mg tablets",
        "codings": [
            {
                "system": "http://www.nlm.nih.gov/research/umls/rxnorm",
                "code": "197591",
                "display": "diazepam 5 MG Oral Tablet",
            }
        ],
        "status": "active",
        "status_reason": "",
        "prescriber": "Clara Moreau",
        "written_on": "2026-01-31",
        "indication": "anxiety",
        "setting": "inpatient",
        "dosage_text": "One tablet twice a day",
        "as_needed": False,
        "dose": 1.0,
        "dose_unit": "tablet",
        "times_per_day": 2.0,
        "start_on": "2026-02-01",
        "end_on": "2026-02-14",
        "route": "oral",
        "quantity": 28.0,
        "quantity_unit": "tablet",
        "days_supply": 14,
        "repeats_allowed": 2,
    }


def test_an_order_that_refers_to_a_medication(orders):
    order = orders["reference"]
    assert (order["medicine"], order["codings"][0]["code"]) == (
        "Zopiclone 7.5 mg tablets",
        "N05CF01",
    )
    assert (order["indication"], order["status"], order["route"]) == (
        "insomnia",
        "completed",
        "oral",
    )
    assert (order["as_needed"], order["times_per_day"]) == (True, 1)
    assert (order["dose"], order["dose_unit"]) == (7.5, "mg")
    assert "max_per_day" not in order, "15 mg in two days may be 15 mg in one"
    assert (order["days_supply"], order["start_on"]) == (30, "2026-03-02")
    assert "end_on" not in order, "the end of validity is not the end of use"
    assert order["valid_until"] == "2026-08-31"
    assert (order["quantity"], order["quantity_unit"]) == (30, "unit")


def test_an_order_with_a_contained_medication_and_a_written_taper(orders):
    order = orders["contained"]
    assert (order["medicine"], order["codings"][0]["code"]) == ("Diazepam", "387264003")
    assert (order["status"], order["status_reason"]) == ("stopped", "Taper completed")
    assert "dose" not in order
    assert order["dosage_text"] == "4 mg for a week; then 2 mg for a week"


def test_an_order_whose_medication_is_elsewhere_is_known_by_name(orders):
    assert orders["bare"]["medicine"] == "Lorazepam 1 mg tablets"
    assert orders["bare"]["codings"] == []
    missing = {"dose", "times_per_day", "quantity", "days_supply", "written_on", "start_on"}
    assert not missing & orders["bare"].keys()


def test_a_proposal_is_a_draft(orders):
    assert orders["proposal"]["status"] == "draft"


def test_a_patient_known_by_identifier_alone_is_enough(orders):
    order = orders["outside"]
    assert order["patient"] == {
        "identifiers": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9000000009"}]
    }
    assert order["times_per_day"] == pytest.approx(3 / 7, abs=0.0001)
    assert order["end_on"] == "2026-06-10", (
        "ten days from the day it was written, that day included"
    )


def test_what_could_not_be_kept_is_said(content):
    assert not content.refused
    assert content.others == {"Observation": 1}
    said = {}
    for note in content.notes:
        said.setdefault(note.resource, []).append(note.reason)
    assert said == {
        "Patient/jonathan": ["an identifier without a system or a value is left out"],
        "Patient/part": ["Patient.birthDate “1961” is only part of a date: left as not known"],
        "Condition/insomnia": ["is provisional: kept as a condition"],
        "Condition/apnoea": [
            "Condition.abatement[x] “2020-03” is only part of a date: left as not known"
        ],
        "MedicationRequest/concept": ["a code without a system is left out"],
        "MedicationRequest/contained": ["has 2 dosage instructions: the dose is kept as text only"],
        "MedicationRequest/bare": ["its Medication is not in the bundle: only the name is known"],
        "MedicationRequest/proposal": [
            "is a proposal, not an order: kept as a draft",
            "the dose unit “” is not known",
        ],
        "MedicationRequest/reference": [
            "the maximum dose is not a daily amount of a dose that varies: left out"
        ],
        "MedicationRequest/outside": ["the dose unit “spoon” is not known"],
    }


# -- Piece by piece --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("repeat", "times"),
    [
        ({"frequency": 3, "period": 1, "periodUnit": "d"}, 3),
        ({"period": 1, "periodUnit": "d"}, 1),
        ({"frequency": 1, "period": 8, "periodUnit": "h"}, 3),
        ({"frequency": 1, "period": 2, "periodUnit": "d"}, 0.5),
        ({"frequency": 1, "period": 1, "periodUnit": "wk"}, 0.1429),
        ({"when": ["MORN", "NIGHT"]}, 2),
        ({"frequency": 2, "period": 1, "periodUnit": "d", "dayOfWeek": ["sat", "sun"]}, 0.5714),
    ],
)
def test_times_a_day(repeat, times):
    record, notes = dosage(timing={"repeat": repeat})
    assert record["times_per_day"] == pytest.approx(times)
    assert not notes


@pytest.mark.parametrize(("code", "times"), [("BID", 2), ("qid", 4), ("QOD", 0.5), ("Q6H", 4)])
def test_times_a_day_by_code(code, times):
    assert dosage(timing={"code": {"coding": [{"code": code}]}})[0]["times_per_day"] == times


@pytest.mark.parametrize(
    "timing",
    [
        {"repeat": {"frequency": 2}},
        {"code": {"text": "when the moon is full"}},
        {"event": ["2026-02-01"]},
    ],
)
def test_a_timing_that_is_no_rate_is_noted_and_not_guessed(timing):
    record, notes = dosage(timing=timing)
    assert "times_per_day" not in record
    assert len(notes) == 1


@pytest.mark.parametrize(
    ("duration", "days"),
    [
        ({"value": 28, "code": "d"}, 28),
        ({"value": 4, "code": "wk"}, 28),
        ({"value": 1, "unit": "month"}, 30),
        ({"value": 2, "unit": "weeks"}, 14),
        ({"value": 36, "code": "h"}, 1),
        ({"value": 0, "code": "d"}, 0),
    ],
)
def test_days_of_supply(duration, days):
    assert request(dispenseRequest={"expectedSupplyDuration": duration})[0]["days_supply"] == days


def test_a_supply_in_an_unknown_unit_is_noted_and_not_guessed():
    duration = {"value": 2, "unit": "fortnights"}
    record, notes = request(dispenseRequest={"expectedSupplyDuration": duration})
    assert "days_supply" not in record
    assert notes == ["the duration of supply has no unit that is known: left out"]


@pytest.mark.parametrize(
    ("numerator", "denominator", "per_day"),
    [
        ({"value": 30, "unit": "mg"}, {"value": 1, "code": "d"}, 30),
        ({"value": 30, "unit": "mg"}, {"value": 24, "code": "h"}, 30),
        ({"value": 0.03, "unit": "g"}, {"value": 1, "unit": "d"}, 30),
    ],
)
def test_the_daily_ceiling_is_in_the_unit_of_the_dose(numerator, denominator, per_day):
    record, notes = dosage(
        asNeededBoolean=True,
        doseAndRate=[{"doseQuantity": {"value": 10, "unit": "mg"}}],
        maxDosePerPeriod={"numerator": numerator, "denominator": denominator},
    )
    assert (record["max_per_day"], record["dose_unit"]) == (pytest.approx(per_day), "mg")
    assert not notes


@pytest.mark.parametrize(
    ("as_needed", "numerator"),
    [(False, {"value": 3, "unit": "tablet"}), (True, {"value": 30, "unit": "mg"})],
)
def test_a_ceiling_that_does_not_fit_is_noted(as_needed, numerator):
    record, notes = dosage(
        asNeededBoolean=as_needed,
        doseAndRate=[{"doseQuantity": {"value": 1, "unit": "tablet"}}],
        maxDosePerPeriod={"numerator": numerator, "denominator": {"value": 1, "code": "d"}},
    )
    assert "max_per_day" not in record
    assert len(notes) == 1


@pytest.mark.parametrize(
    ("reason", "indication"),
    [
        ({"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "F41.1"}]}, "gad"),
        ({"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "F41.9"}]}, "anxiety"),
        ({"coding": [{"display": "Insomnia (disorder)"}]}, "insomnia"),
        ({"text": "Muscle spasm, acute"}, "muscle_spasm_acute"),
        ({"text": "No anxiety"}, None),
        ({"coding": [{"system": "http://snomed.info/sct", "code": "F41.1"}]}, None),
    ],
)
def test_the_reason_is_an_indication_when_it_is_on_the_list(reason, indication):
    record, notes = request(reasonCode=[reason])
    assert record.get("indication") == indication
    assert len(notes) == (indication is None)


@pytest.mark.parametrize("intent", ["plan", "option"])
def test_what_is_not_ordered_is_a_draft_unless_it_was_withdrawn(intent):
    assert request(intent=intent)[0]["status"] == "draft"
    assert request(intent=intent, status="cancelled")[0]["status"] == "cancelled"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("refuted", "entered-in-error"),
        ("entered-in-error", "entered-in-error"),
        ("confirmed", "active"),
    ],
)
def test_a_refuted_condition_is_none(code, status):
    said = changed(CONDITION, verificationStatus={"coding": [{"code": code}]})
    ((_, record),) = read(PATIENT, said).conditions
    assert record["status"] == status


def test_a_resource_without_an_id_is_known_by_its_full_url():
    uuid = "urn:uuid:00000000-0000-4000-8000-00000000000a"
    entries = [
        {"fullUrl": "urn:uuid:1", "resource": changed(PATIENT, id=GONE)},
        {
            "fullUrl": uuid,
            "resource": changed(REQUEST, id=GONE, subject={"reference": "urn:uuid:1"}),
        },
    ]
    content = bundle.read(
        json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode(),
        source="ehr",
    )
    ((name, record),) = content.prescriptions
    assert name == "MedicationRequest/00000000-0000-4000-8000-00000000000a" == record["source_id"]


# -- Refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (changed(REQUEST, medicationCodeableConcept=GONE), "names no medicine"),
        (changed(REQUEST, medicationCodeableConcept={}), "neither a code nor a text"),
        (
            changed(
                REQUEST,
                medicationCodeableConcept=GONE,
                medicationReference={"reference": "Medication/x"},
            ),
            "its medicine “Medication/x” is not in the bundle",
        ),
        (
            changed(
                REQUEST, medicationCodeableConcept=GONE, medicationReference={"reference": "#x"}
            ),
            "its medicine “#x” is not in the bundle",
        ),
        (changed(REQUEST, subject={"reference": "Patient/x"}), "its patient “Patient/x” is not"),
        (changed(REQUEST, subject=GONE), "its patient “” is not in the bundle"),
        (changed(REQUEST, modifierExtension=[{"url": "x"}]), "modifier extension"),
        (changed(REQUEST, id=GONE), "has neither an id nor a fullUrl"),
        (changed(CONDITION, code=GONE), "has neither a code nor a text"),
        (
            changed(CONDITION, clinicalStatus={"coding": [{"code": "sort of"}]}),
            "its clinicalStatus “sort of” is not a code of FHIR",
        ),
        ({"id": "x"}, "is not a resource"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(resource, reason):
    content = read(PATIENT, resource, changed(REQUEST, id="good"))
    (refused,) = content.refused
    assert reason in refused.reason
    assert [name for name, _ in content.prescriptions] == ["MedicationRequest/good"]


def test_orders_of_a_refused_patient_are_refused():
    content = read(changed(PATIENT, implicitRules="x"), REQUEST)
    assert [said.resource for said in content.refused] == ["Patient/p", "MedicationRequest/m"]
    assert content.refused[1].reason == "is about a patient who was refused"


def test_a_resource_that_comes_twice_is_told_where_the_two_differ():
    content = read(PATIENT, REQUEST, REQUEST)
    assert not content.refused
    content = read(PATIENT, REQUEST, changed(REQUEST, status="stopped"))
    assert [said.reason for said in content.refused] == [
        "is in the bundle twice: the first one is used"
    ]
    assert len(content.prescriptions) == 1


def test_what_is_told_names_the_person_and_the_medicine():
    content = read(PATIENT, changed(REQUEST, modifierExtension=[{"url": "x"}]), CONDITION)
    (said,) = content.refused
    assert said.patient["family_name"] == "Bell"
    assert said.medicine == "Diazepam 5 mg tablets"
    content = read(PATIENT, changed(REQUEST, authoredOn="2026"))
    (said,) = content.notes
    assert (said.patient["family_name"], said.medicine) == ("Bell", "Diazepam 5 mg tablets")
    content = read(PATIENT, changed(CONDITION, onsetDateTime="2026"))
    (said,) = content.notes
    assert (said.patient["family_name"], said.medicine) == ("Bell", None)
    content = read(changed(REQUEST, subject={"reference": "Patient/x"}))
    assert content.refused[0].patient is None


def test_an_entry_that_asks_to_delete_is_told():
    content = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"request": {"method": "DELETE", "url": "MedicationRequest/m"}}],
    }
    (said,) = bundle.read(json.dumps(content).encode(), source="ehr").refused
    assert said.reason == "DELETE MedicationRequest/m: an entry without a resource is not read"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"[]",
        b"\xff",
        b'{"resourceType": "Bundle"}',
        b'{"resourceType": "Bundle", "type": "collection", "entry": "none"}',
    ],
)
def test_what_is_no_bundle_cannot_be_read(content):
    with pytest.raises(bundle.Unreadable):
        bundle.read(content, source="ehr")


# -- Supply ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "kept"),
    [
        ({"value": 56, "unit": "Tablet(s)"}, {"quantity": 56, "quantity_unit": "tablet"}),
        ({"value": 20, "unit": "Stück"}, {"quantity": 20, "quantity_unit": "unit"}),
        ({"value": 28, "unit": "comprimés"}, {"quantity": 28, "quantity_unit": "tablet"}),
        ({"value": 28}, {"quantity": 28}),
        ({"value": 2, "unit": "Packung"}, {"quantity_text": "2 Packung"}),
        ({"value": 2, "unit": "packs of 28"}, {"quantity_text": "2 packs of 28"}),
        ({"value": 1.5, "code": "{bottle}"}, {"quantity_text": "1.5 {bottle}"}),
    ],
)
def test_a_number_is_kept_as_one_only_with_a_unit_that_is_understood(quantity, kept):
    record, notes = request(dispenseRequest={"quantity": quantity})
    said = {name: record[name] for name in record if name.startswith("quantity")}
    assert said == kept
    assert len(notes) == ("quantity_text" in kept)


def test_what_may_follow_the_first_issue_is_kept_and_no_note():
    record, notes = request(
        dispenseRequest={
            "quantity": {"value": 56, "unit": "tablet"},
            "numberOfRepeatsAllowed": 5,
            "dispenseInterval": {"value": 4, "code": "wk"},
            "validityPeriod": {"start": "2026-02-01", "end": "2026-07-31"},
        }
    )
    assert (record["repeats_allowed"], record["issue_days"]) == (5, 28)
    assert record["valid_until"] == "2026-07-31"
    assert not notes
