"""FHIR R4 to patients, conditions, readings and orders in the shapes of `reviews.records`.

Nothing is lost in silence: a resource that cannot be used is in `refused` with its reason, what of
it could not be kept is in `notes`, both with the person and the medicine they are about, and types
that are not read are counted in `others`. One part that cannot be used never costs the medicine.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from reviews.fhir.read import conditions, observations, orders, people, plain, products
from reviews.fhir.read.file import MEDICINES, Content, File, Held, Said
from reviews.fhir.read.plain import Unreadable

__all__ = ["MEDICINES", "Content", "Said", "Unreadable", "read", "read_set"]

MAKE: dict[str, Callable[[File, str, Any], None]] = {
    "Patient": people.patient,
    "Condition": conditions.condition,
    "AllergyIntolerance": conditions.allergy,
    "Observation": observations.observation,
    "MedicationRequest": orders.order,
    "MedicationDispense": orders.dispense,
    "MedicationStatement": orders.statement,
    "MedicationAdministration": orders.administration,
}
"""What makes records of a type of resource, in the order in which they need one another."""


def read(
    content: bytes, *, source: str, zone: ZoneInfo | None = None, today: date | None = None
) -> Content:
    """The content of one file. Raises `Unreadable` when it is no FHIR.

    `source` names whom it comes from: a patient without any identifier is known by their id there.
    An instant is the day that it was in the time zone, or without one the day that it is written
    as. A number whose period has ended by `today` is an old one.
    """
    (found,) = read_set([content], source=source, zone=zone, today=today)
    if isinstance(found, Unreadable):
        raise found
    return found


def read_set(
    files: Sequence[bytes],
    *,
    source: str,
    zone: ZoneInfo | None = None,
    today: date | None = None,
) -> list[Content | Unreadable]:
    """The content of each of several files that belong together, or why it cannot be read.

    A resource may refer to one of another file: the pages of a search, the files of an export.
    `zone` and `today` are as in `read`.
    """
    found: list[Content | Unreadable] = []
    whole: list[File] = []
    for content in files:
        try:
            sent = [_in_zone(one, zone) for one in plain.sent(content)]
            file = File(sent, source, today, whole)
        except Unreadable as error:
            found.append(error)
            continue
        whole.append(file)
        found.append(file.content)
    for kind, make in MAKE.items():
        for file in whole:
            _make(file, kind, make)
    for file in whole:
        file.finish()
    return found


def _make(file: File, kind: str, make: Callable[[File, str, Any], None]) -> None:
    """Make the records of one type of resource."""
    for held in list(file.held.values()):
        if held.resource.resourceType != kind or (
            # Within another resource a problem is a reason, and a reading is nobody's.
            "#" in held.name and kind not in ("Patient", "MedicationRequest")
        ):
            continue
        file.within = held.name
        if kind in MEDICINES:
            held.medicine = _name_of_medicine(file, held)
        try:
            if not held.resource.id:
                raise Unreadable("has neither an id nor a fullUrl")
            if held.resource.modifierExtension or held.resource.implicitRules:
                raise Unreadable("has a modifier extension or implicit rules, not understood here")
            make(file, held.name, held.resource)
        except Unreadable as error:
            file.refuse(held.name, str(error))


def _name_of_medicine(file: File, held: Held) -> str:
    """What a resource calls its medicine, whether or not it can be used; nothing is noted."""
    noted = len(file.content.notes)
    try:
        return products.product(file, held.name, held.resource)[0]
    except Unreadable:
        return ""
    finally:
        del file.content.notes[noted:]


def _in_zone(one: plain.Sent, zone: ZoneInfo | None) -> plain.Sent:
    return one if zone is None else one._replace(resource=people.in_zone(one.resource, zone))
