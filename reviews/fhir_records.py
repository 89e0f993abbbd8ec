"""What the FHIR reader found, as the batches and the notes that `syncing` takes."""

from reviews import identifiers, incoming, records, syncing
from reviews.fhir.read import bundle, elements

KINDS: tuple[tuple[str, incoming.Kind, tuple[str, ...]], ...] = (
    ("patients", incoming.Patients, ("Patient",)),
    ("conditions", incoming.Conditions, ("Condition", "AllergyIntolerance")),
    ("readings", incoming.Readings, ("Observation",)),
    ("prescriptions", incoming.Prescriptions, ()),
)
"""What of a `bundle.Content` is which batch, in the order in which they need one another.

With each batch go the notes of these types of resource, and with the last one those of medicines.
"""


def leave_out_unusable(content: bundle.Content) -> None:
    """Take out of the orders what no record may have, and note it."""
    for place, (name, whole) in enumerate(content.prescriptions):
        kept, left_out = records.without_unusable(whole)
        kind = name.partition("/")[0]
        content.prescriptions[place] = name, kept
        content.notes += [
            bundle.Said(
                name,
                f"{elements.called(kind, error.field)} is left out:"
                f" {elements.in_words(kind, error.reason)}",
                kept["patient"],
                kept["medicine"],
            )
            for error in left_out
        ]


def noted(content: bundle.Content, types: tuple[str, ...], practice: str) -> list[syncing.Noted]:
    """What is to be noted of persons about resources of these types; of none: about medicines."""
    return [
        syncing.Noted(
            _about(said), said.patient, said.reason, refused, said.medicine or "", practice
        )
        for refused, group in ((True, content.refused), (False, content.notes))
        for said in group
        if said.patient is not None and _is_of(said, types)
    ]


def _is_of(said: bundle.Said, types: tuple[str, ...]) -> bool:
    kind = said.resource.partition("/")[0]
    return kind in types if types else said.medicine is not None or kind in bundle.MEDICINES


def _about(said: bundle.Said) -> str:
    """The id by which a batch knows the record again.

    A person goes by their first number; a resource within another one is a part of that.
    """
    if said.patient is not None and said.resource.startswith("Patient/"):
        known = said.patient["identifiers"][0]
        return "|".join(identifiers.written(known["system"], known["value"]))[:200]
    return said.resource.partition("#")[0]
