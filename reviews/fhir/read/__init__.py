"""FHIR R4 JSON into the shapes of `reviews.records`, as plain data. Pure."""
