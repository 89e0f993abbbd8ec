"""FHIR as systems really send it: one unusable part never costs the medicine, and files are a set.

What a part is worth when it is not as FHIR says: it is left out, and named.
"""

import copy
import json

import pytest

from reviews import records
from reviews.fhir.read import bundle
from tests.fhir.test_bundle import CONDITION, GONE, PATIENT, REQUEST, changed, read

TWICE = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}
TABLET = {"value": 1, "unit": "tablet"}
FULL = {
    **REQUEST,
    "dosageInstruction": [
        {"text": "One twice a day", "timing": TWICE, "doseAndRate": [{"doseQuantity": TABLET}]}
    ],
    "dispenseRequest": {"quantity": {"value": 28, "unit": "tablet"}},
}


def put(resource, path, value):
    """A copy of a resource with one part of it as it should not be."""
    whole = copy.deepcopy(resource)
    *within, last = path
    place = whole
    for part in within:
        place = place[part]
    place[last] = value
    return whole


def of_one(content):
    """The record and the reasons noted of the only order; nothing may be refused."""
    assert not content.refused
    ((_, record),) = content.prescriptions
    records.convert(record, records.SyncedPrescription)
    return record, [said.reason for said in content.notes]


DOSAGE = {"dose", "dose_unit", "times_per_day", "as_needed"}
REPEAT = ("dosageInstruction", 0, "timing", "repeat")


@pytest.mark.parametrize(
    ("path", "value", "lost", "named"),
    [
        (("status",), "bogus", {}, "status is left out"),
        (("intent",), "wish", {}, "intent is left out"),
        ((*REPEAT, "boundsPeriod"), {"start": 5, "end": "2026-02-14"}, {}, "boundsPeriod.start is"),
        (
            ("dosageInstruction", 0, "maxDosePerPeriod"),
            {"numerator": TABLET, "denominator": {"value": "one", "code": "d"}},
            {},
            "maxDosePerPeriod.denominator.value is left out",
        ),
        (("authoredOn",), 20260201, {"written_on"}, "authoredOn is left out"),
        (("dosageInstruction",), "often", DOSAGE, "dosageInstruction is left"),
        ((*REPEAT, "periodUnit"), "fortnight", {"times_per_day"}, "repeat.periodUnit is left out"),
        ((*REPEAT, "frequency"), "twice", {"times_per_day"}, "repeat.frequency is left out"),
        ((*REPEAT, "frequency"), [2], {"times_per_day"}, "repeat.frequency is left out"),
        ((*REPEAT, "frequency"), 2.5, {"times_per_day"}, "repeat.frequency is left out"),
        (
            ("dosageInstruction", 0, "doseAndRate", 0, "doseQuantity", "value"),
            "0,5",
            {"dose", "dose_unit"},
            "doseQuantity.value is left out",
        ),
        (
            ("dosageInstruction", 0, "doseAndRate", 0, "doseQuantity", "value"),
            "nan",
            {"dose", "dose_unit"},
            "doseQuantity.value is left out",
        ),
        (
            ("dispenseRequest", "quantity"),
            28,
            {"quantity", "quantity_unit"},
            "quantity is left out",
        ),
        (("requester",), "Dr Moreau", {}, "requester is left out"),
        (("extension",), [{"url": 4}], {}, "extension[0].url is left out"),
        (("category",), {"coding": []}, {}, "category is left out"),
    ],
)
def test_one_part_that_cannot_be_used_is_left_out_and_named(path, value, lost, named):
    whole, _ = of_one(read(PATIENT, FULL))
    record, notes = of_one(read(PATIENT, put(FULL, path, value)))
    assert record["medicine"] == "Diazepam 5 mg tablets"
    assert any(named in note for note in notes)
    assert {name for name in whole if name not in record} == set(lost)


@pytest.mark.parametrize("gone", ["status", "intent"])
def test_an_order_without_status_or_intent_is_kept_and_may_be_in_use(gone):
    record, notes = of_one(read(PATIENT, changed(FULL, **{gone: GONE})))
    assert record["status"] == ("unknown" if gone == "status" else "active")
    assert any(f"has no {gone} that is known" in note for note in notes)


def test_a_patients_unusable_part_costs_nobody():
    content = read(changed(PATIENT, gender="m", birthDate=1950), FULL)
    record, notes = of_one(content)
    assert record["patient"]["family_name"] == "Bell"
    assert "sex" not in record["patient"]
    assert any("gender is left out" in note for note in notes)


def test_junk_without_end_is_read_in_a_bounded_time():
    codes = [{"system": 1} for _ in range(20_000)]
    concept = {"text": "Diazepam 5 mg tablets", "coding": codes}
    record, notes = of_one(read(PATIENT, changed(FULL, medicationCodeableConcept=concept)))
    assert record["medicine"] == "Diazepam 5 mg tablets"
    assert len(notes) < 100


@pytest.mark.parametrize(
    ("path", "value", "field", "kept"),
    [
        ((*REPEAT, "frequency"), 2.0, "times_per_day", 2),
        ((*REPEAT, "frequency"), "2", "times_per_day", 2),
        (("dispenseRequest", "quantity", "value"), "28", "quantity", 28),
        (("dispenseRequest", "numberOfRepeatsAllowed"), 3.0, "repeats_allowed", 3),
    ],
)
def test_a_whole_number_with_a_point_and_a_number_in_quotes_are_numbers(path, value, field, kept):
    record, notes = of_one(read(PATIENT, put(FULL, path, value)))
    assert record[field] == kept
    assert not notes


def test_null_says_nothing():
    masked = changed(PATIENT, name=[{"family": "Bell", "given": [None], "_given": [{}]}])
    masked = {
        **masked,
        "birthDate": None,
        "gender": None,
        "identifier": [None, *PATIENT["identifier"]],
    }
    order = {**FULL, "requester": {"reference": "Practitioner/9", "display": None}, "note": None}
    record, notes = of_one(read(masked, order))
    assert record["patient"] == {
        "identifiers": [{"system": "nhs", "value": "1"}],
        "family_name": "Bell",
        "given_name": "",
    }
    assert not notes


def test_what_is_not_to_be_given_is_no_prescription_and_no_unread_medicine():
    content = read(PATIENT, changed(REQUEST, doNotPerform=True))
    assert not content.prescriptions
    assert not content.refused
    assert "is not to be given" in content.notes[0].reason


# -- What a file may be ----------------------------------------------------------------------------


def test_a_mark_of_byte_order_is_no_part_of_the_file():
    content = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT}]}
    text = json.dumps(content)
    for sent in (text.encode("utf-8-sig"), text.encode("utf-16")):
        assert len(bundle.read(sent, source="ehr").patients) == 1


def test_a_bundle_of_a_message_is_read():
    assert len(read(PATIENT, FULL, kind="message").prescriptions) == 1


def test_a_bundle_in_a_bundle_is_read():
    inner = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": FULL}]}
    assert len(read(PATIENT, inner).prescriptions) == 1


def test_bulk_lines_are_read_and_a_broken_one_is_told():
    lines = [json.dumps(PATIENT), "", json.dumps(FULL), '{"resourceType": "Patient", ']
    content = bundle.read("\n".join(lines).encode(), source="ehr")
    assert len(content.patients) == len(content.prescriptions) == 1
    (said,) = content.refused
    assert said.resource == "line[3]"


def test_one_resource_is_a_file_too():
    assert len(bundle.read(json.dumps(PATIENT).encode(), source="ehr").patients) == 1


def test_a_bundle_written_over_many_lines_and_cut_off_is_not_read():
    text = json.dumps(
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT}]}, indent=1
    )
    with pytest.raises(bundle.Unreadable):
        bundle.read(text[:-9].encode(), source="ehr")


def test_an_entry_with_a_number_that_no_computer_holds_costs_only_itself():
    text = json.dumps(
        {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"resource": PATIENT}, {"resource": FULL}, {"resource": CONDITION}],
        }
    ).replace('"value": 28', '"value": 1e999')
    content = bundle.read(text.encode(), source="ehr")
    assert len(content.patients) == len(content.conditions) == 1
    (said,) = content.refused
    assert said.resource == "entry[1]"


# -- Files of one command, and what a resource contains --------------------------------------------


def files(*groups):
    sent = [
        json.dumps(
            {
                "resourceType": "Bundle",
                "type": "searchset",
                "entry": [{"resource": resource} for resource in group],
            }
        ).encode()
        for group in groups
    ]
    return bundle.read_set(sent, source="ehr")


def test_a_page_may_be_about_a_patient_of_another_page():
    for order in ([[PATIENT], [FULL]], [[FULL], [PATIENT]]):
        contents = files(*order)
        ((_, record),) = [one for content in contents for one in content.prescriptions]
        assert record["patient"]["family_name"] == "Bell"


def test_each_page_means_its_own_patient_first():
    other = changed(
        PATIENT, name=[{"family": "Cole"}], identifier=[{"system": "nhs", "value": "2"}]
    )
    first, second = files([PATIENT, FULL], [other, changed(FULL, id="n")])
    assert first.prescriptions[0][1]["patient"]["family_name"] == "Bell"
    assert second.prescriptions[0][1]["patient"]["family_name"] == "Cole"


def test_a_file_that_cannot_be_read_leaves_the_others():
    found = bundle.read_set([b"{", json.dumps(PATIENT).encode()], source="ehr")
    assert isinstance(found[0], bundle.Unreadable)
    assert len(found[1].patients) == 1


def test_a_patient_within_the_order_is_who_it_is_for():
    inner = changed(PATIENT, id="who")
    order = changed(FULL, contained=[inner], subject={"reference": "#who"})
    record, notes = of_one(read(order))
    assert record["patient"]["identifiers"] == [{"system": "nhs", "value": "1"}]
    assert not notes


def test_nameless_patients_within_two_orders_are_not_one_person():
    inner = changed(PATIENT, id="who", identifier=GONE)
    first = changed(FULL, contained=[inner], subject={"reference": "#who"})
    content = read(first, changed(first, id="n"))
    known = [record["patient"]["identifiers"][0]["value"] for _, record in content.prescriptions]
    assert known == ["MedicationRequest/m#who", "MedicationRequest/n#who"]


def test_what_an_order_contains_is_used_and_is_no_record_of_its_own():
    inner = changed(CONDITION, id="why", code={"text": "Anxiety"})
    order = changed(FULL, contained=[inner], reasonReference=[{"reference": "#why"}])
    content = read(PATIENT, order)
    record, notes = of_one(content)
    assert record["indication"] == "anxiety"
    assert not content.conditions
    assert not notes


def test_a_dispensing_may_contain_its_order():
    order = changed(FULL, id="rx", reasonCode=[{"text": "Anxiety"}])
    dispense = {
        "resourceType": "MedicationDispense",
        "id": "d",
        "status": "completed",
        "medicationCodeableConcept": {"text": "Diazepam 5 mg tablets"},
        "subject": {"reference": "Patient/p"},
        "authorizingPrescription": [{"reference": "#rx"}],
        "contained": [order],
    }
    record, _ = of_one(read(PATIENT, dispense))
    assert (record["source_id"], record["indication"]) == ("MedicationDispense/d", "anxiety")


def test_the_same_resource_twice_is_no_fault_whatever_it_contains():
    inner = changed(PATIENT, id="who", gender="m")
    order = changed(FULL, contained=[inner], subject={"reference": "#who"})
    content = read(order, order)
    assert len(content.prescriptions) == 1
    assert not content.refused


UK_REPEATS = (
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-MedicationRepeatInformation"
)
CARE_CONNECT = (
    "https://fhir.nhs.uk/STU3/StructureDefinition/"
    "Extension-CareConnect-GPC-MedicationRepeatInformation-1"
)


@pytest.mark.parametrize(
    ("url", "parts", "expected"),
    [
        (
            UK_REPEATS,
            [{"url": "authorisationExpiryDate", "valueDateTime": "2027-01-31T00:00:00Z"}],
            {"valid_until": "2027-01-31", "repeat_template": True},
        ),
        (
            CARE_CONNECT,
            [
                {"url": "numberOfRepeatPrescriptionsAllowed", "valuePositiveInt": 6},
                {"url": "numberOfRepeatPrescriptionsIssued", "valueUnsignedInt": 1},
            ],
            {"repeats_allowed": 6},
        ),
        (UK_REPEATS, [], {"repeat_template": True}),
        ("https://example.org/StructureDefinition/colour", [], {}),
    ],
)
def test_what_british_profiles_say_of_repeats_is_read(url, parts, expected):
    record, _ = of_one(read(PATIENT, {**FULL, "extension": [{"url": url, "extension": parts}]}))
    told = ("valid_until", "repeats_allowed", "repeat_template")
    assert {name: record[name] for name in told if name in record} == expected


@pytest.mark.parametrize(
    ("course", "goes_on", "notes"),
    [
        ({"coding": [{"code": "continuous"}]}, True, 0),
        ({"text": "Continuous long term therapy"}, True, 0),
        ({"coding": [{"code": "x", "display": "Repeat"}]}, True, 0),
        ({"coding": [{"code": "acute"}], "text": "Short course"}, None, 0),
        ({"text": "See letter"}, None, 1),
        ({}, None, 0),
    ],
)
def test_a_course_of_therapy_is_read_by_its_code_or_its_words(course, goes_on, notes):
    before = len(of_one(read(PATIENT, FULL))[1])
    record, noted = of_one(read(PATIENT, {**FULL, "courseOfTherapyType": course}))
    assert record.get("repeat_template") is goes_on
    assert len(noted) - before == notes
