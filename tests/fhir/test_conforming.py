"""What FHIR R4 requires of a resource that a client writes."""

import copy

import pytest
from fhir.resources.R4B import get_fhir_model_class

from reviews.fhir.write.conforming import DEFINITIONS, faults

VALID = {
    "Patient": {"gender": "female"},
    "Practitioner": {"name": [{"family": "A"}]},
    "PractitionerRole": {"practitioner": {"reference": "Practitioner/1"}},
    "Organization": {"name": "A"},
    "Medication": {"code": {"text": "diazepam"}},
    "MedicationRequest": {
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/1"},
        "medicationCodeableConcept": {"text": "diazepam"},
    },
    "MedicationDispense": {
        "status": "completed",
        "medicationCodeableConcept": {"text": "diazepam"},
    },
    "MedicationStatement": {
        "status": "active",
        "subject": {"reference": "Patient/1"},
        "medicationCodeableConcept": {"text": "diazepam"},
    },
    "MedicationAdministration": {
        "status": "completed",
        "subject": {"reference": "Patient/1"},
        "effectiveDateTime": "2026-01-01",
        "medicationCodeableConcept": {"text": "diazepam"},
    },
    "Condition": {"subject": {"reference": "Patient/1"}},
    "Observation": {"status": "final", "code": {"text": "eGFR"}},
    "AllergyIntolerance": {"patient": {"reference": "Patient/1"}},
}
CODED = [
    (kind, name, code)
    for kind, definition in DEFINITIONS.items()
    for name, codes in definition.codes.items()
    for code in sorted(codes)
]


def resource(kind):
    return {"resourceType": kind, **copy.deepcopy(VALID[kind])}


def test_every_type_that_clients_may_write_is_tried():
    assert VALID.keys() == DEFINITIONS.keys()


@pytest.mark.parametrize("kind", VALID)
def test_a_plain_resource_conforms_here_and_for_others(kind):
    assert faults(resource(kind)) == []
    get_fhir_model_class(kind).model_validate(resource(kind))


@pytest.mark.parametrize(
    ("kind", "group"),
    [(kind, group) for kind, one in DEFINITIONS.items() for group in one.required],
)
def test_what_is_required_is_missed(kind, group):
    incomplete = {name: value for name, value in resource(kind).items() if name not in group}
    assert [(fault.expression, fault.code) for fault in faults(incomplete)] == [
        (f"{kind}.{group[0]}", "required")
    ]


@pytest.mark.parametrize(("kind", "name", "code"), CODED)
def test_the_codes_of_a_required_binding_are_taken(kind, name, code):
    many = name == "category"
    assert faults({**resource(kind), name: [code] if many else code}) == []


@pytest.mark.parametrize(("kind", "name"), sorted({(kind, name) for kind, name, _ in CODED}))
@pytest.mark.parametrize("code", ["bogus", "ACTIVE", 5, True, {"code": "active"}])
def test_another_code_is_refused(kind, name, code):
    many = name == "category"
    found = faults({**resource(kind), name: [code] if many else code})
    assert (f"{kind}.{name}", "code-invalid") in [(one.expression, one.code) for one in found]


@pytest.mark.parametrize(
    ("kind", "changes", "expression"),
    [
        ("Patient", {"id": "a b"}, "Patient.id"),
        ("Patient", {"name": "Smith"}, "Patient.name"),
        ("Patient", {"identifier": [{"system": 5}]}, "Patient.identifier[0].system"),
        ("MedicationRequest", {"subject": "Patient/1"}, "MedicationRequest.subject"),
        (
            "MedicationRequest",
            {"medicationReference": {"reference": "Medication/1"}},
            "MedicationRequest.medicationReference",
        ),
        (
            "MedicationRequest",
            {"dosageInstruction": [{"timing": {"repeat": {"frequency": "twice"}}}]},
            "MedicationRequest.dosageInstruction[0].timing.repeat.frequency",
        ),
        ("Condition", {"clinicalStatus": {"text": "active"}}, "Condition.clinicalStatus"),
        (
            "Condition",
            {
                "abatementDateTime": "2026-01-01",
                "clinicalStatus": {
                    "coding": [
                        {
                            "system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
                            "code": "active",
                        }
                    ]
                },
            },
            "Condition.clinicalStatus",
        ),
    ],
)
def test_a_fault_names_the_element(kind, changes, expression):
    assert expression in [fault.expression for fault in faults({**resource(kind), **changes})]


def test_an_organisation_needs_a_name_or_an_identifier():
    assert [fault.code for fault in faults({"resourceType": "Organization"})] == ["invariant"]


def test_what_is_checked_is_left_as_it_was():
    sent = resource("Patient") | {"name": "Smith", "birthDate": 5}
    before = copy.deepcopy(sent)
    faults(sent)
    assert sent == before
