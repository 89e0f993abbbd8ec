"""The FHIR edge: R4 resources to the records that the sync verbs take. Pure, without a clock."""
