"""`/fhir`: FHIR R4 for other systems. Parse, call one query or one verb, answer."""
