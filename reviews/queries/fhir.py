"""The types of resources that are given out by FHIR: one table, which everything follows."""

from reviews.queries.fhir_facts import ALLERGY, CONDITION, OBSERVATION
from reviews.queries.fhir_findings import COMMUNICATION, ISSUE, TASK
from reviews.queries.fhir_groups import GROUP
from reviews.queries.fhir_medicines import (
    ADMINISTRATION,
    DISPENSE,
    MEDICATION,
    REQUEST,
    STATEMENT,
)
from reviews.queries.fhir_people import PATIENT
from reviews.queries.fhir_source import Kind
from reviews.queries.fhir_staff import ORGANIZATION, PRACTITIONER, PRACTITIONER_ROLE
from reviews.queries.fhir_tapers import CARE_PLAN
from reviews.queries.fhir_trail import EVENT, PROVENANCE

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        *(PATIENT, PRACTITIONER, PRACTITIONER_ROLE, ORGANIZATION, GROUP),
        *(MEDICATION, REQUEST, DISPENSE, STATEMENT, ADMINISTRATION),
        *(CONDITION, OBSERVATION, ALLERGY),
        *(ISSUE, TASK, COMMUNICATION, CARE_PLAN),
        *(EVENT, PROVENANCE),
    )
}
