"""Records as FHIR R4 resources: plain values in, JSON out. Pure."""
