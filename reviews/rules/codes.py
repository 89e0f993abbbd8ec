"""The codes that a record may hold, with their words: each list stands here once.

Models, records, forms and FHIR read them from here.
"""

PROFILE_NAMES = {"UK": "United Kingdom", "US": "United States", "EU": "European Union"}
PROFILES: tuple[str, ...] = tuple(PROFILE_NAMES)
"""Whose guidance a practice follows; limits differ by jurisdiction and are never mixed."""

UNITS = {
    "mg": "mg",
    "microgram": "microgram",
    "g": "g",
    "ml": "ml",
    "tablet": "tablet",
    "capsule": "capsule",
    "patch": "patch",
    "drop": "drop",
    "spray": "spray",
    "suppository": "suppository",
    "unit": "unit",
}
"""In what a dose or a quantity is counted."""

ROUTES = {
    "oral": "By mouth",
    "sublingual": "Sublingual",
    "buccal": "Buccal",
    "nasal": "Nasal",
    "rectal": "Rectal",
    "transdermal": "Transdermal",
    "parenteral": "By injection or infusion",
    "topical": "Topical",
    "inhaled": "Inhaled",
}
"""The routes that rules know. A record may name another, which is kept as it is."""

SETTINGS = {
    "community": "Community",
    "inpatient": "In-patient",
    "procedural": "Procedure",
    "substitution": "Substitution service",
    "unsupervised": "Community, unsupervised",
    "unknown": "Not known",
}
"""Where a medicine is taken."""

STATUSES = {
    "active": "Active",
    "on-hold": "On hold",
    "cancelled": "Cancelled",
    "completed": "Completed",
    "entered-in-error": "Entered in error",
    "stopped": "Stopped",
    "draft": "Draft",
    "unknown": "Unknown",
}
"""FHIR MedicationRequest.status."""

ACQUIRED = {"nhs": "Usual health service", "private": "Private", "online": "Online"}
EVIDENCE = {"reported": "Reported as taken", "given": "Given by staff"}
REPLACEMENTS = {"lost": "Lost", "stolen": "Stolen", "travel": "Travel", "damaged": "Damaged"}
CHANGES = {
    "adverse_effect": "Adverse effect of the earlier medicine",
    "no_effect": "No or too little effect",
    "cross_taper": "Cross-taper",
    "taper": "Step of a taper",
    "titration": "Planned titration",
    "admission": "Left out on admission",
    "discharge": "Left out on discharge",
    "patient_wish": "The person's wish",
    "other": "Other",
}
"""Why an order differs from the one before, or ended."""

SEXES = {"female": "Female", "male": "Male", "other": "Other", "unknown": "Unknown"}
"""FHIR administrative-gender."""

CONDITION_KINDS = {"condition": "Condition", "allergy": "Allergy"}
CONDITION_STATUSES = ("active", "resolved", "entered-in-error")
READING_STATUSES = ("final", "entered-in-error")

TAPER_STATES = {
    "planned": "Planned",
    "active": "Under way",
    "paused": "Paused",
    "completed": "Completed",
    "failed": "Given up",
    "cancelled": "Cancelled",
}
