"""One file of a set of FHIR files: its resources, what they refer to, and what is told of them."""

import copy
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import msgspec

from reviews.fhir.read import elements, plain, resources, words
from reviews.fhir.read.plain import Unreadable

READ = {
    "Patient": resources.Patient,
    "Condition": resources.Condition,
    "AllergyIntolerance": resources.AllergyIntolerance,
    "Observation": resources.Observation,
    "MedicationRequest": resources.MedicationRequest,
    "MedicationDispense": resources.MedicationDispense,
    "MedicationStatement": resources.MedicationStatement,
    "MedicationAdministration": resources.MedicationAdministration,
    "Substance": resources.Substance,
    "Medication": resources.Medication,
    "Practitioner": resources.Practitioner,
    "PractitionerRole": resources.PractitionerRole,
    "Organization": resources.Organization,
}
MEDICINES = (
    *("MedicationRequest", "MedicationDispense"),
    *("MedicationStatement", "MedicationAdministration"),
)
"""The types of resource that each tell of one medicine of a person."""
# What resources about a medicine hold, of whatever type and version of FHIR.
OF_A_MEDICINE = ("medication", "dosage", "dispenseRequest")


@dataclass(frozen=True)
class Said:
    """Something to be told about one resource.

    `patient` is the record of whom it is about, None where that is not known. `medicine` is the
    text of the medicine, "" where it names none, and None where it is not about a medicine.
    """

    resource: str
    reason: str
    patient: dict[str, Any] | None = None
    medicine: str | None = None


@dataclass
class Content:
    """What a file holds: pairs of the resource's name and the record made of it."""

    patients: list = field(default_factory=list)
    conditions: list = field(default_factory=list)
    prescriptions: list = field(default_factory=list)
    readings: list = field(default_factory=list)
    refused: list[Said] = field(default_factory=list)
    notes: list[Said] = field(default_factory=list)
    others: Counter = field(default_factory=Counter)


@dataclass(eq=False)
class Held:
    """A resource of the set; `record` is what was made of a patient or of an order.

    `left_out` are the parts of it that could not be used.
    """

    name: str
    resource: Any
    left_out: list[str]
    record: dict[str, Any] | None = None
    medicine: str = ""


class File:
    """One file of a set; `all_files` are those of the whole set, this one among them."""

    def __init__(
        self,
        sent: list[plain.Sent],
        source: str,
        today: date | None,
        all_files: list["File"],
    ) -> None:
        self.source = source
        self.today = today
        self.all_files = all_files
        self.content = Content()
        self.held: dict[str, Held] = {}
        self.by_reference: dict[str, Held] = {}
        self.within = ""  # The name of the resource that is being read.
        for one in sent:
            self._take(one)

    def _take(self, one: plain.Sent) -> None:
        """Hold one resource, and what it contains."""
        if one.resource is None:
            self.refuse(one.place, one.problem)
            return
        kind = one.resource.get("resourceType")
        if not isinstance(kind, str) or not kind:
            self.refuse(one.place, "is not a resource: it has no resourceType")
            return
        known = _id(one.resource) or one.full_url.rpartition(":")[2].rpartition("/")[2]
        name = f"{kind}/{known}" if known else one.place
        if kind not in READ and not any(part.startswith(OF_A_MEDICINE) for part in one.resource):
            self.content.others[kind] += 1
            return
        held = self._decoded(name, one.resource)
        if held is None:
            return
        held.resource.id = known
        if name in self.held:
            if held.resource != self.held[name].resource:
                self.refuse(name, "is in the bundle twice: the first one is used")
            return
        self._hold(held)
        if one.full_url:
            self.by_reference[one.full_url] = held
        for contained in held.resource.contained:
            self._contain(name, contained)

    def _contain(self, name: str, contained: Any) -> None:
        """Hold a resource within another, which alone can refer to it."""
        if not isinstance(contained, dict) or contained.get("resourceType") not in READ:
            return
        inner = f"{name}#{_id(contained)}"
        # What cannot be used is taken out of a copy: the whole may come again, to be compared.
        held = self._decoded(inner, copy.deepcopy(contained))
        if held is not None and inner not in self.held:
            held.resource.id = inner
            self._hold(held)

    def _hold(self, held: Held) -> None:
        self.held[held.name] = self.by_reference[held.name] = held
        for said in held.left_out:
            self.note(held.name, said)

    def _decoded(self, name: str, content: dict[str, Any]) -> Held | None:
        """A resource with what could be used of it; None where nothing can be."""
        try:
            shape = READ.get(content["resourceType"], resources.UnreadMedicine)
            resource, left_out = plain.convert(content, shape)
        except msgspec.ValidationError as error:
            self.refuse(name, str(error))
            return None
        return Held(name, resource, left_out)

    def finish(self) -> None:
        """Say of everything that is told whom and which medicine it is about."""
        for held in self.held.values():
            if isinstance(held.resource, resources.UnreadMedicine):
                held.medicine = held.resource.words
                kind = held.resource.resourceType
                self.refuse(held.name, f"is of type {kind}, which is not read")
        self.content.refused = [self._about(said) for said in self.content.refused]
        self.content.notes = [self._about(said) for said in self.content.notes]

    def _about(self, said: Said) -> Said:
        held = self.held.get(said.resource)
        if held is None:
            return said
        self.within = held.name
        patient = held.record if isinstance(held.resource, resources.Patient) else None
        reference = getattr(held.resource, "subject", None) or getattr(
            held.resource, "patient", None
        )
        if reference is not None:
            try:
                patient = self.subject(reference)
            except Unreadable:
                patient = None
        of_a_medicine = held.resource.resourceType in MEDICINES or isinstance(
            held.resource, resources.UnreadMedicine
        )
        medicine = held.medicine if of_a_medicine else None
        return replace(said, patient=patient, medicine=medicine)

    def refuse(self, name: str, reason: str) -> None:
        self.content.refused.append(Said(name, reason))

    def note(self, name: str, reason: str) -> None:
        self.content.notes.append(Said(name, reason))

    def subject(self, reference: resources.Reference) -> dict[str, Any]:
        patient = self.find(reference.reference)
        if patient is not None:
            if patient.record is None:
                raise Unreadable("is about a patient who was refused")
            return patient.record
        if reference.identifier and reference.identifier.system and reference.identifier.value:
            given = reference.identifier
            return {"identifiers": [{"system": given.system, "value": given.value}]}
        raise Unreadable(f"its patient “{reference.reference}” is not in the bundle")

    def resolve(self, reference: str) -> Any:
        """The resource of the set that a reference means, or None."""
        held = self.find(reference)
        return None if held is None else held.resource

    def find(self, reference: str) -> Held | None:
        """What a reference means: in the same file, else in another one of the set."""
        if reference.startswith("#"):
            reference = f"{self.within.partition('#')[0]}{reference}"
        reference = reference.partition("/_history/")[0]
        tail = "/".join(reference.split("/")[-2:])
        for reader in (self, *self.all_files):
            if found := reader.by_reference.get(reference) or reader.by_reference.get(tail):
                return found
        return None

    def codings(self, name: str, concept: resources.Concept) -> list[dict[str, str]]:
        kept = []
        for coding in concept.coding:
            if not (coding.system and coding.code):
                self.note(name, "a code without a system is left out")
            elif len(coding.system) > 200 or len(coding.code) > 60:
                self.note(name, "a code that is too long is left out")
            else:
                display = self.cut(name, coding.display, 200)
                kept.append({"system": coding.system, "code": coding.code, "display": display})
        return kept

    def cut(self, name: str, text: str, most: int) -> str:
        text = text.strip()
        if len(text) > most:
            self.note(name, f"a text longer than {most} characters is cut")
        return text[:most]

    def put_day(self, name: str, record: dict[str, Any], field_name: str, said: str) -> None:
        if day := words.day(said):
            record[field_name] = day.isoformat()
        elif said:
            where = elements.called(name.partition("/")[0], field_name)
            self.note(name, f"{where} “{said}” is only part of a date: left as not known")


def _id(resource: dict[str, Any]) -> str:
    """Its id; some systems write it as a number."""
    known = resource.get("id", "")
    return str(known) if isinstance(known, (str, int)) and not isinstance(known, bool) else ""
