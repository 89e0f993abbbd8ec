"""Observations and allergies of a bundle: what becomes a reading, and what is said of the rest."""

import pytest
from fhir.resources.R4B.allergyintolerance import AllergyIntolerance
from fhir.resources.R4B.observation import Observation

from reviews import records
from reviews.fhir.read import words
from reviews.rules.readings import KINDS
from tests.fhir.test_bundle import GONE, PATIENT, changed, read

EGFR = {
    "resourceType": "Observation",
    "id": "o",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "62238-1"}]},
    "subject": {"reference": "Patient/p"},
    "effectiveDateTime": "2026-03-04T09:30:00Z",
    "valueQuantity": {"value": 48, "unit": "mL/min/1.73m2", "code": "mL/min/{1.73_m2}"},
}
ALLERGY = {
    "resourceType": "AllergyIntolerance",
    "id": "a",
    "clinicalStatus": {"coding": [{"code": "active"}]},
    "verificationStatus": {"coding": [{"code": "confirmed"}]},
    "code": {
        "text": "Diazepam",
        "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "3322"}],
    },
    "patient": {"reference": "Patient/p"},
    "onsetDateTime": "2020-05-06",
}


def loinc(code):
    return {"coding": [{"system": "http://loinc.org", "code": code}]}


def answer(code):
    return {"coding": [{"system": "http://loinc.org", "code": code}]}


def observed(**changes):
    """The readings, what is noted, and what is refused of one observation."""
    resource = changed(EGFR, **changes)
    Observation.model_validate(resource)
    content = read(PATIENT, resource)
    for _, record in content.readings:
        records.check_reading(
            records.convert(record, records.SyncedReading), today=records.LAST_DAY
        )
    return (
        [record for _, record in content.readings],
        [note.reason for note in content.notes],
        [said.reason for said in content.refused],
    )


def test_an_egfr_is_a_reading_of_its_day():
    (record,), notes, refused = observed()
    assert record == {
        "source_id": "Observation/o",
        "patient": record["patient"],
        "kind": "egfr",
        "on": "2026-03-04",
        "status": "final",
        "value": 48,
    }
    assert record["patient"]["identifiers"] == [{"system": "nhs", "value": "1"}]
    assert (notes, refused) == ([], [])


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"code": loinc("75626-2"), "valueQuantity": {"value": 7}}, "audit_c", {"value": 7}),
        (
            {"code": loinc("75626-2"), "valueQuantity": GONE, "valueInteger": 7},
            "audit_c",
            {"value": 7},
        ),
        (
            {
                "code": loinc("44260-8"),
                "valueQuantity": GONE,
                "valueCodeableConcept": answer("LA6570-1"),
            },
            "phq9_item9",
            {"value": 2},
        ),
        (
            {
                "code": loinc("82810-3"),
                "valueQuantity": GONE,
                "valueCodeableConcept": answer("LA15173-0"),
            },
            "pregnancy",
            {"text": "unknown_trimester"},
        ),
        (
            {"code": loinc("2703-7"), "valueQuantity": {"value": 60, "code": "mm[Hg]"}},
            "po2_kpa",
            {"value": 7.9993},
        ),
    ],
)
def test_each_kind_with_its_answer(changes, kind, said):
    (record,), _, refused = observed(**changes)
    assert refused == []
    assert record["kind"] == kind
    assert {name: record[name] for name in said} == said


def test_a_part_of_a_questionnaire_is_a_reading_of_its_own():
    part = {"code": loinc("44260-8"), "valueCodeableConcept": answer("LA6571-9")}
    (record,), _, _ = observed(code={"text": "PHQ-9"}, valueQuantity=GONE, component=[part])
    assert (record["source_id"], record["kind"], record["value"]) == (
        "Observation/o#1",
        "phq9_item9",
        3,
    )


@pytest.mark.parametrize(
    ("status", "kept"),
    [("amended", "final"), ("corrected", "final"), ("entered-in-error", "entered-in-error")],
)
def test_a_status_that_settles_it(status, kept):
    (record,), _, _ = observed(status=status)
    assert record["status"] == kept


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "preliminary"}, "only a final result is kept"),
        ({"effectiveDateTime": "2026-03"}, "does not say on which day"),
        ({"valueQuantity": {"value": 48, "code": "mL/min"}}, "unit “mL/min” is not read"),
        ({"valueQuantity": GONE}, "has no value"),
        ({"valueQuantity": GONE, "valueCodeableConcept": {"text": "fine"}}, "not understood"),
        ({"subject": {"reference": "Patient/nobody"}}, "is not in the bundle"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_reason(changes, reason):
    made, _, refused = observed(**changes)
    assert made == []
    assert reason in refused[0]


def test_a_bound_is_kept_as_its_number_and_said():
    (record,), notes, _ = observed(
        valueQuantity={"value": 90, "comparator": ">", "code": "mL/min/{1.73_m2}"}
    )
    assert record["value"] == 90
    assert notes == ["is “>90”: kept as that number"]


def test_an_observation_of_something_else_is_counted():
    content = read(PATIENT, changed(EGFR, code=loinc("8867-4")))
    assert (content.readings, content.refused) == ([], [])
    assert content.others["Observation"] == 1


def test_every_code_means_a_kind_there_is_and_every_answer_fits():
    assert set(words.LOINC.values()) <= KINDS.keys()
    assert set(words.LOINC.values()) == words.READING_UNITS.keys() | words.ANSWERS.keys()
    for kind, answers in words.ANSWERS.items():
        for said in answers.values():
            assert said in KINDS[kind].choices or isinstance(said, int)


# -- Allergies -------------------------------------------------------------------------------------


def allergic(**changes):
    resource = changed(ALLERGY, **changes)
    AllergyIntolerance.model_validate(resource)
    content = read(PATIENT, resource)
    for _, record in content.conditions:
        records.convert(record, records.SyncedCondition)
    return (
        [record for _, record in content.conditions],
        [note.reason for note in content.notes],
        [said.reason for said in content.refused],
    )


def test_an_allergy_is_kept_with_its_substance():
    (record,), notes, refused = allergic()
    assert (record["kind"], record["text"], record["status"], record["onset_on"]) == (
        "allergy",
        "Diazepam",
        "active",
        "2020-05-06",
    )
    assert record["codings"][0]["code"] == "3322"
    assert (notes, refused) == ([], [])


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"clinicalStatus": {"coding": [{"code": "resolved"}]}}, "resolved"),
        ({"clinicalStatus": {"coding": [{"code": "inactive"}]}}, "resolved"),
        (
            {"clinicalStatus": GONE, "verificationStatus": {"coding": [{"code": "refuted"}]}},
            "entered-in-error",
        ),
    ],
)
def test_an_allergy_that_is_over_or_never_was(changes, status):
    (record,), _, _ = allergic(**changes)
    assert record["status"] == status


def test_an_intolerance_is_kept_and_said():
    (record,), notes, _ = allergic(type="intolerance")
    assert record["kind"] == "allergy"
    assert notes == ["is an intolerance: kept as an allergy"]


def test_no_known_allergy_is_none():
    code = {"coding": [{"system": "http://snomed.info/sct", "code": "716186003"}], "text": "NKA"}
    made, notes, _ = allergic(code=code)
    assert made == []
    assert notes == ["says that no allergy is known: nothing is kept"]
