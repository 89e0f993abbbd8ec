"""The types of resources that are given out by FHIR: one table, which everything follows."""

from reviews.queries.fhir_groups import GROUP
from reviews.queries.fhir_people import PATIENT
from reviews.queries.fhir_source import Kind

KINDS: dict[str, Kind] = {kind.name: kind for kind in (PATIENT, GROUP)}
