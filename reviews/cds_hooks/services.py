"""The hooks that are served, and what each asks a record system to send along."""

from collections.abc import Mapping
from typing import NamedTuple

VERSION, HOOK_VERSION = "2.0.1", "1.0"
PATIENT = "{{context.patientId}}"
PREFETCH: Mapping[str, str] = {
    "patient": f"Patient/{PATIENT}",
    "medications": f"MedicationRequest?patient={PATIENT}",
    "conditions": f"Condition?patient={PATIENT}",
    "allergies": f"AllergyIntolerance?patient={PATIENT}",
    "observations": f"Observation?patient={PATIENT}",
}
"""`{key: template}`: what there is to ask for, in the words of a FHIR search."""
REQUIRED = ("patient", "medications")
"""Without these nothing is judged. Without another one the cards say so."""
TYPES: Mapping[str, frozenset[str]] = {
    "patient": frozenset({"Patient"}),
    "medications": frozenset(
        {
            *("MedicationRequest", "MedicationDispense", "MedicationStatement"),
            *("MedicationAdministration", "Medication"),
        }
    ),
    "conditions": frozenset({"Condition"}),
    "allergies": frozenset({"AllergyIntolerance"}),
    "observations": frozenset({"Observation"}),
}
"""The types of resource that count under a key; others may come with them, and are read for it."""
WORDS: Mapping[str, str] = {
    "patient": "the patient",
    "medications": "medicines on record there",
    "conditions": "conditions",
    "allergies": "allergies",
    "observations": "measurements",
}


class Hook(NamedTuple):
    """A hook: its title, what it does, and the members of its context."""

    title: str
    description: str
    orders: bool
    selects: bool = False


HOOKS: Mapping[str, Hook] = {
    "patient-view": Hook(
        "Benzodiazepines and Z-drugs of this patient",
        "What screening finds in the record of a patient who takes benzodiazepines or Z-drugs.",
        orders=False,
    ),
    "order-select": Hook(
        "Benzodiazepines and Z-drugs in a chosen order",
        "What the chosen orders add to what screening finds, with the other drafts as they are.",
        orders=True,
        selects=True,
    ),
    "order-sign": Hook(
        "Benzodiazepines and Z-drugs in orders to be signed",
        "What all orders to be signed add together to what screening finds.",
        orders=True,
    ),
}
"""`{hook: what it is}`. Each is served under its own name as id."""


def discovery() -> dict[str, list[dict[str, object]]]:
    """What is told to whoever asks which services there are."""
    return {
        "services": [
            {
                "hook": name,
                "id": name,
                "title": hook.title,
                "description": hook.description,
                "prefetch": dict(PREFETCH),
                "usageRequirements": (
                    "A registered client that signs its calls. Without prefetch, the FHIR server"
                    " that was registered for it is asked."
                ),
                "version": VERSION,
                "hookVersion": HOOK_VERSION,
            }
            for name, hook in HOOKS.items()
        ]
    }
