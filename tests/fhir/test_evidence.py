"""What somebody reports as taken, what staff gave, allergies, and products by their ingredients."""

import pytest

from reviews import records
from tests.fhir.test_bundle import CONDITION, GONE, PATIENT, REQUEST, changed, read

DIAZEPAM = {"text": "Diazepam 5 mg tablets"}
ABOUT = {"subject": {"reference": "Patient/p"}, "medicationCodeableConcept": DIAZEPAM}
STATEMENT = {
    "resourceType": "MedicationStatement",
    "id": "s",
    "status": "active",
    **ABOUT,
    "effectivePeriod": {"start": "2026-01-01"},
    "dosage": [
        {
            "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
            "doseAndRate": [{"doseQuantity": {"value": 5, "unit": "mg"}}],
        }
    ],
}
GIVEN = {
    "resourceType": "MedicationAdministration",
    "id": "a",
    "status": "completed",
    **ABOUT,
    "effectiveDateTime": "2026-01-02T22:30:00+00:00",
    "dosage": {"dose": {"value": 5, "unit": "mg"}, "route": {"text": "oral"}},
}


def of_one(content):
    assert not content.refused
    ((_, record),) = content.prescriptions
    records.check_prescription(records.convert(record, records.SyncedPrescription))
    return record, [said.reason for said in content.notes]


def test_a_statement_is_what_somebody_reports():
    record, notes = of_one(read(PATIENT, STATEMENT))
    told = ("evidence", "status", "start_on", "dose", "dose_unit", "times_per_day")
    assert [record[name] for name in told] == ["reported", "active", "2026-01-01", 5, "mg", 2]
    assert "end_on" not in record
    assert "dispensed" not in record
    assert record["source_id"] == "MedicationStatement/s"
    assert not notes


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"status": "completed"}, "completed"),
        ({"status": "intended"}, "draft"),
        ({"status": "not-taken"}, "cancelled"),
        ({"taken": "n"}, "cancelled"),
        ({"taken": "y"}, "active"),
        ({"status": "recorded"}, "active"),
        ({"status": GONE}, "unknown"),
        ({"status": "perhaps"}, "unknown"),
        ({"status": "entered-in-error"}, "entered-in-error"),
    ],
)
def test_the_state_of_a_statement(said, status):
    record, _ = of_one(read(PATIENT, changed(STATEMENT, **said)))
    assert record["status"] == status


@pytest.mark.parametrize(
    ("when", "start", "end"),
    [
        ({"effectivePeriod": {"start": "2026-01-01", "end": "2026-02-01"}}, "01-01", "02-01"),
        ({"effectivePeriod": GONE, "effectiveDateTime": "2026-01-03"}, "01-03", None),
        ({"effectivePeriod": GONE}, None, None),
        ({"effectivePeriod": {"start": "2026"}}, None, None),
    ],
)
def test_when_a_statement_says_it_is_taken(when, start, end):
    record, notes = of_one(read(PATIENT, changed(STATEMENT, **when)))
    assert record.get("start_on") == (start and f"2026-{start}")
    assert record.get("end_on") == (end and f"2026-{end}")
    assert bool(notes) == (when.get("effectivePeriod") == {"start": "2026"})


def test_an_administration_is_one_dose_of_a_day():
    record, notes = of_one(read(PATIENT, GIVEN))
    told = ("evidence", "status", "start_on", "start_minute", "dose", "dose_unit", "route")
    assert [record[name] for name in told] == [
        *("given", "completed", "2026-01-02", 22 * 60 + 30, 5, "mg", "oral")
    ]
    assert "times_per_day" not in record
    assert not notes


def test_an_infusion_is_given_from_day_to_day():
    period = {"start": "2026-01-02T08:00:00Z", "end": "2026-01-04T08:00:00Z"}
    rate = {"rateQuantity": {"value": 2, "unit": "mg/h"}}
    infusion = changed(GIVEN, effectiveDateTime=GONE, effectivePeriod=period, dosage=rate)
    record, notes = of_one(read(PATIENT, infusion))
    assert (record["start_on"], record["end_on"]) == ("2026-01-02", "2026-01-04")
    assert notes == ["the rate of giving (2 mg/h) is left out"]


def test_an_infusion_that_still_runs_has_no_known_end():
    period = {"start": "2026-01-02T08:00:00Z"}
    running = changed(GIVEN, effectiveDateTime=GONE, effectivePeriod=period, status="in-progress")
    record, notes = of_one(read(PATIENT, running))
    assert (record["start_on"], record["evidence"]) == ("2026-01-02", "reported")
    assert notes == ["is still being given, and until when is not known"]
    done = changed(GIVEN, effectiveDateTime=GONE, effectivePeriod=period, status="completed")
    assert of_one(read(PATIENT, done))[0]["evidence"] == "given"


def test_what_was_not_given_was_not_taken():
    record, notes = of_one(read(PATIENT, changed(GIVEN, status="not-done")))
    assert record["status"] == "cancelled"
    assert notes == ["says that the medicine was not given: kept as cancelled"]


@pytest.mark.parametrize(
    "kind", ["MedicationOrder", "MedicationPrescription", "MedicationUsage", "MedicineList"]
)
def test_a_medicine_of_another_version_is_refused_by_name_and_not_only_counted(kind):
    order = {"resourceType": kind, "id": "o", "patient": {"reference": "Patient/p"}}
    (said,) = read(PATIENT, {**order, "medicationCodeableConcept": DIAZEPAM}).refused
    assert said.patient["family_name"] == "Bell"
    assert said.medicine == "Diazepam 5 mg tablets"
    assert said.reason == f"is of type {kind}, which is not read"


def test_the_medicine_of_r5_is_read():
    order = changed(REQUEST, medicationCodeableConcept=GONE, medication={"concept": DIAZEPAM})
    assert of_one(read(PATIENT, order))[0]["medicine"] == "Diazepam 5 mg tablets"


# -- Allergies and problems ------------------------------------------------------------------------

ALLERGY = {
    "resourceType": "AllergyIntolerance",
    "id": "y",
    "patient": {"reference": "Patient/p"},
    "code": {"text": "Diazepam"},
}


def test_an_allergy_is_kept_with_its_substance():
    ((_, record),) = read(PATIENT, ALLERGY).conditions
    assert (record["kind"], record["text"], record["status"]) == ("allergy", "Diazepam", "active")
    reaction = changed(ALLERGY, code=GONE, reaction=[{"substance": {"text": "Diazepam"}}])
    assert read(PATIENT, reaction).conditions[0][1]["text"] == "Diazepam"


@pytest.mark.parametrize("resource", [ALLERGY, CONDITION])
@pytest.mark.parametrize(
    ("clinical", "verified", "status"),
    [
        ("active", "confirmed", "active"),
        ("resolved", "confirmed", "resolved"),
        ("active", "refuted", "entered-in-error"),
    ],
)
def test_the_states_of_stu3_are_codes(resource, clinical, verified, status):
    said = changed(resource, clinicalStatus=clinical, verificationStatus=verified)
    content = read(PATIENT, said)
    assert content.conditions[0][1]["status"] == status
    assert not content.notes


# -- Products by their ingredients -----------------------------------------------------------------

KBV = "https://fhir.kbv.de/CodeSystem/KBV_CS_ERP_Medication_Type"


def part(text="Diazepam", **more):
    return {"itemCodeableConcept": {"text": text}, **more}


def strength(value, unit, of=1, of_unit="Stück"):
    return {
        "strength": {
            "numerator": {"value": value, "unit": unit},
            "denominator": {"value": of, "unit": of_unit},
        }
    }


def product(**medication):
    order = changed(
        REQUEST,
        medicationCodeableConcept=GONE,
        medicationReference={"reference": "Medication/x"},
        dispenseRequest={"quantity": {"value": 2, "unit": "Packung", "code": "{Package}"}},
    )
    return of_one(read(PATIENT, {"resourceType": "Medication", "id": "x", **medication}, order))


@pytest.mark.parametrize(
    ("medication", "text"),
    [
        (
            {
                "code": {"coding": [{"system": KBV, "code": "wirkstoff"}]},
                "form": {"text": "Tabletten"},
                "ingredient": [part(**strength(5, "mg"))],
            },
            "Diazepam 5 mg Tabletten",
        ),
        (
            {
                "code": {"coding": [{"system": KBV, "code": "freitext"}], "text": "Diazepam 10"},
            },
            "Diazepam 10",
        ),
        ({"ingredient": [part(**strength(2, "mg", 5, "ml"))]}, "Diazepam 2 mg/5 ml"),
        ({"ingredient": [part(**strength(2, "mg", 1, "ml"))]}, "Diazepam 2 mg/ml"),
        (
            {"code": {"text": "Diazepam"}, "ingredient": [part(**strength(0.5, "mg"))]},
            "Diazepam 0.5 mg",
        ),
        (
            {"code": {"text": "Diazepam 5 mg"}, "ingredient": [part(**strength(5, "mg"))]},
            "Diazepam 5 mg",
        ),
        (
            {"ingredient": [part(**strength(5, "mg")), part("Clidinium", **strength(2.5, "mg"))]},
            "Diazepam 5 mg / Clidinium 2.5 mg",
        ),
    ],
)
def test_a_product_by_its_ingredients(medication, text):
    assert product(**medication)[0]["medicine"] == text


def test_an_ingredient_may_be_a_substance_that_is_contained():
    record, _ = product(
        contained=[{"resourceType": "Substance", "id": "d", "code": {"text": "Diazepam"}}],
        ingredient=[{"itemReference": {"reference": "#d"}}],
    )
    assert record["medicine"] == "Diazepam"


def test_an_ingredient_without_a_name_is_said_and_the_others_are_kept():
    record, notes = product(ingredient=[part(), {}])
    assert record["medicine"] == "Diazepam"
    assert "one of the ingredients of its Medication has no name" in notes


@pytest.mark.parametrize(
    ("amount", "kept"),
    [
        ({"numerator": {"value": 20, "unit": "Tabletten"}}, (40, "tablet", None)),
        ({"numerator": {"value": 20, "unit": "N2"}}, (None, None, "2 Packung")),
        (None, (None, None, "2 Packung")),
    ],
)
def test_packs_are_what_they_hold_where_the_product_says_it(amount, kept):
    said = {"amount": amount} if amount else {}
    record, _ = product(code=DIAZEPAM, **said)
    assert tuple(map(record.get, ("quantity", "quantity_unit", "quantity_text"))) == kept


def test_what_is_left_out_of_a_product_is_noted_of_the_order():
    wrong = strength("five", "mg")
    record, notes = product(ingredient=[part(**wrong)])
    assert record["medicine"] == "Diazepam"
    assert any(note.startswith("of its Medication ingredient[0].strength") for note in notes)
