"""A FHIR R4 Bundle to patients, conditions, readings and orders in the shapes of `reviews.records`.

Nothing is lost in silence: a resource that cannot be used is in `refused` with its reason, what of
it could not be kept is in `notes`, and types that are not read are counted in `others`.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from reviews.fhir.read import people, resources, words
from reviews.fhir.read.dosage import read_dosage
from reviews.rules.birth import possible_birth_date
from reviews.rules.readings import CHECKLIST, DATE, KINDS, NUMBER, Kind

TYPES = ("transaction", "batch", "collection", "searchset", "history", "document")
# An intent that is not yet an order: kept, so that it is seen, but as a draft nobody takes.
NOT_ORDERED = ("proposal", "plan", "option")
NEVER = ("cancelled", "entered-in-error", "stopped")
# What a dispensing takes over from the prescription that authorised it.
OF_THE_ORDER = ("prescriber", "team", "written_on", "indication", "setting", "change_reason")
SETTLED = ("final", "amended", "corrected")
RESOLVED = ("inactive", "remission", "resolved")
_READ = {
    "Patient": resources.Patient,
    "Condition": resources.Condition,
    "AllergyIntolerance": resources.AllergyIntolerance,
    "Observation": resources.Observation,
    "MedicationRequest": resources.MedicationRequest,
    "MedicationDispense": resources.MedicationDispense,
    "Medication": resources.Medication,
    "Practitioner": resources.Practitioner,
    "PractitionerRole": resources.PractitionerRole,
    "Organization": resources.Organization,
}
# What became of a dispensing, as the status of the order that it is kept as.
DISPENSED = {
    "completed": "completed",
    "stopped": "stopped",
    "unknown": "unknown",
    "entered-in-error": "entered-in-error",
    "cancelled": "cancelled",
    "declined": "cancelled",
}
_kind = msgspec.json.Decoder(resources.Resource)


class Unreadable(Exception):
    """Why a bundle, or one resource of it, cannot be used."""


@dataclass(frozen=True)
class Said:
    """Something to be told about one resource."""

    resource: str
    reason: str


@dataclass
class Content:
    """What a bundle holds: pairs of the resource's name and the record made of it."""

    patients: list = field(default_factory=list)
    conditions: list = field(default_factory=list)
    prescriptions: list = field(default_factory=list)
    readings: list = field(default_factory=list)
    refused: list[Said] = field(default_factory=list)
    notes: list[Said] = field(default_factory=list)
    others: Counter = field(default_factory=Counter)


def read(
    content: bytes, *, source: str, zone: ZoneInfo | None = None, today: date | None = None
) -> Content:
    """The content of a Bundle. Raises `Unreadable` when it is none.

    `source` names whom it comes from: a patient without any identifier is known by their id there.
    An instant is the day that it was in the time zone, or without one the day that it is written
    as. A number whose period has ended by `today` is an old one.
    """
    if zone is not None:
        content = people.in_zone(content, zone)
    try:
        bundle = msgspec.json.decode(content, type=resources.Bundle)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"is not a FHIR Bundle: {error}") from error
    if bundle.type not in TYPES:
        raise Unreadable(f"is a Bundle of type “{bundle.type}”, which is not read")
    return _Reader(bundle, source, today).content


class _Reader:
    def __init__(self, bundle: resources.Bundle, source: str, today: date | None) -> None:
        self.source = source
        self.today = today
        self.content = Content()
        self.held = {}
        self.by_reference = {}
        for place, entry in enumerate(bundle.entry):
            self._take(place, entry)
        self.patients, self.orders = {}, {}
        for kind, make in (
            ("Patient", self._patient),
            ("Condition", self._condition),
            ("AllergyIntolerance", self._allergy),
            ("Observation", self._observation),
            ("MedicationRequest", self._prescription),
            ("MedicationDispense", self._dispense),
        ):
            for name, resource in self.held.items():
                if resource.resourceType == kind:
                    self._make(name, resource, make)

    def _take(self, place: int, entry: resources.Entry) -> None:
        name = f"entry[{place}]"
        if bytes(entry.resource) in (b"", b"null"):
            said = f"{entry.request.method} {entry.request.url}".strip() or "is empty"
            self._refuse(name, f"{said}: an entry without a resource is not read")
            return
        try:
            kind = _kind.decode(entry.resource)
        except msgspec.DecodeError as error:
            self._refuse(name, f"is not a resource: {error}")
            return
        known = kind.id or entry.fullUrl.rpartition(":")[2].rpartition("/")[2]
        name = f"{kind.resourceType}/{known}" if known else name
        if kind.resourceType not in _READ:
            self.content.others[kind.resourceType] += 1
            return
        try:
            if not known:
                raise Unreadable("has neither an id nor a fullUrl")
            if kind.modifierExtension or kind.implicitRules:
                raise Unreadable("has a modifier extension or implicit rules, not understood here")
            resource = msgspec.json.decode(entry.resource, type=_READ[kind.resourceType])
        except (Unreadable, msgspec.DecodeError) as error:
            self._refuse(name, str(error))
            return
        resource.id = known
        if name in self.held:
            self._refuse(name, "is in the bundle twice: the first one is used")
            return
        self.held[name] = resource
        self.by_reference[name] = resource
        if entry.fullUrl:
            self.by_reference[entry.fullUrl] = resource

    def _make(self, name: str, resource: Any, make: Callable[..., Any]) -> None:
        try:
            make(name, resource)
        except Unreadable as error:
            self._refuse(name, str(error))

    def _refuse(self, name: str, reason: str) -> None:
        self.content.refused.append(Said(name, reason))

    def _note(self, name: str, reason: str) -> None:
        self.content.notes.append(Said(name, reason))

    # -- Patient ---------------------------------------------------------------------------------

    def _patient(self, name: str, patient: resources.Patient) -> None:
        def tell(reason: str) -> None:
            self._note(name, reason)

        replaced = any(link.type == people.REPLACED_BY for link in patient.link)
        identifiers = self._numbers(patient, tell, old=replaced)
        for link in patient.link:
            identifiers += self._linked(link, tell)
        identifiers = list(
            {(one["system"], one["value"]): one for one in identifiers[::-1]}.values()
        )
        identifiers = identifiers[::-1]
        if len(identifiers) > people.MOST_IDENTIFIERS:
            tell(f"only the first {people.MOST_IDENTIFIERS} identifiers are kept")
        record = {
            "identifiers": identifiers[: people.MOST_IDENTIFIERS],
            **people.name(patient.name),
            **people.death(patient),
        }
        if patient.gender:
            record["sex"] = patient.gender
        if day := words.day(patient.birthDate):
            record["birth_date"] = day.isoformat()
            if self.today and not possible_birth_date(day, today=self.today):
                tell(f"birth_date “{patient.birthDate}” can be nobody’s: left as not known")
        for field_name, said in (
            ("birth_date", patient.birthDate),
            ("deceased_on", patient.deceasedDateTime),
        ):
            if said and field_name not in record:
                tell(f"{field_name} “{said}” is only part of a date: left as not known")
        self.patients[name] = record
        self.content.patients.append((name, record))

    def _numbers(
        self, patient: resources.Patient, tell: people.Tell, *, old: bool = False
    ) -> list[dict[str, str]]:
        """The numbers of a Patient; one without any is known by their id at the source."""
        numbers = people.identifiers(patient.identifier, tell, today=self.today, old=old)
        own = resources.Identifier(system=f"{self.source}/Patient", value=patient.id)
        return numbers or people.identifiers([own], tell, old=old)

    def _linked(self, link: resources.Link, tell: people.Tell) -> list[dict[str, str]]:
        """The numbers of another record of the same person, where one stands in place of the other.

        So both records name one person; where they are held as two, somebody is asked.
        """
        if link.type not in (people.REPLACES, people.REPLACED_BY):
            tell(f"is recorded elsewhere too ({link.type or 'no reason given'}): not joined")
            return []
        old = link.type == people.REPLACES
        other = self._resolve(link.other.reference) if link.other.reference else None
        if isinstance(other, resources.Patient):
            return self._numbers(other, _nothing, old=old)
        if link.other.identifier is not None:
            return people.identifiers([link.other.identifier], tell, today=self.today, old=old)
        tell(f"the record that it {link.type} is not in the bundle: not joined")
        return []

    def _subject(self, reference: resources.Reference) -> dict[str, Any]:
        patient = self._resolve(reference.reference)
        if patient is not None:
            record = self.patients.get(f"Patient/{patient.id}")
            if record is None:
                raise Unreadable("is about a patient who was refused")
            return record
        if reference.identifier and reference.identifier.system and reference.identifier.value:
            given = reference.identifier
            return {"identifiers": [{"system": given.system, "value": given.value}]}
        raise Unreadable(f"its patient “{reference.reference}” is not in the bundle")

    def _resolve(self, reference: str) -> Any:
        """The resource of the bundle that a reference means, or None."""
        reference = reference.partition("/_history/")[0]
        tail = "/".join(reference.split("/")[-2:])
        return self.by_reference.get(reference) or self.by_reference.get(tail)

    # -- Condition -------------------------------------------------------------------------------

    def _condition(self, name: str, condition: resources.Condition) -> None:
        clinical = _code(condition.clinicalStatus, resources.ClinicalStatus, "clinicalStatus")
        verified = _code(
            condition.verificationStatus, resources.VerificationStatus, "verificationStatus"
        )
        text = condition.code.words
        if not text:
            raise Unreadable("has neither a code nor a text")
        status = "resolved" if clinical in RESOLVED else "active"
        if verified in ("refuted", "entered-in-error"):
            status = "entered-in-error"
        elif verified and verified != "confirmed":
            self._note(name, f"is {verified}: kept as a condition")
        record = {
            "source_id": name,
            "patient": self._subject(condition.subject),
            "text": self._cut(name, text, 300),
            "codings": self._codings(name, condition.code),
            "status": status,
        }
        for field_name, said in (
            ("onset_on", condition.onsetDateTime or condition.onsetPeriod.start),
            ("ended_on", condition.abatementDateTime or condition.abatementPeriod.end),
        ):
            self._put_day(name, record, field_name, said)
        self.content.conditions.append((name, record))

    # -- AllergyIntolerance ----------------------------------------------------------------------

    def _allergy(self, name: str, allergy: resources.AllergyIntolerance) -> None:
        clinical = _code(allergy.clinicalStatus, resources.AllergyStatus, "clinicalStatus")
        verified = _code(
            allergy.verificationStatus, resources.AllergyVerification, "verificationStatus"
        )
        text = allergy.code.words
        if not text:
            raise Unreadable("names no substance")
        if any(coding.code in words.NO_ALLERGY for coding in allergy.code.coding):
            self._note(name, "says that no allergy is known: nothing is kept")
            return
        status = "resolved" if clinical in ("inactive", "resolved") else "active"
        if verified in ("refuted", "entered-in-error"):
            status = "entered-in-error"
        elif verified and verified != "confirmed":
            self._note(name, f"is {verified}: kept as an allergy")
        if allergy.type == "intolerance":
            self._note(name, "is an intolerance: kept as an allergy")
        record = {
            "source_id": name,
            "patient": self._subject(allergy.patient),
            "kind": "allergy",
            "text": self._cut(name, text, 300),
            "codings": self._codings(name, allergy.code),
            "status": status,
        }
        self._put_day(name, record, "onset_on", allergy.onsetDateTime or allergy.onsetPeriod.start)
        self.content.conditions.append((name, record))

    # -- Observation -----------------------------------------------------------------------------

    def _observation(self, name: str, observation: resources.Observation) -> None:
        """The parts of an observation whose codes are read; without any it is only counted."""
        parts = [(name, observation)]
        parts += [
            (f"{name}#{place}", part) for place, part in enumerate(observation.component, start=1)
        ]
        known = [
            (part_id, kind, part)
            for part_id, part in parts
            if (kind := words.reading_kind(part.code)) is not None
        ]
        if not known:
            self.content.others["Observation"] += 1
            return
        if observation.status not in (*SETTLED, "entered-in-error"):
            raise Unreadable(f"is {observation.status}: only a final result is kept")
        said = (
            observation.effectiveDateTime
            or observation.effectivePeriod.start
            or observation.effectiveInstant
        )
        on = words.day(said)
        if on is None:
            raise Unreadable("does not say on which day")
        subject = self._subject(observation.subject)
        for part_id, kind, part in known:
            record = {
                "source_id": part_id,
                "patient": subject,
                "kind": kind,
                "on": on.isoformat(),
                "status": "final" if observation.status in SETTLED else "entered-in-error",
                **self._answer(name, kind, part),
            }
            self.content.readings.append((name, record))

    def _answer(
        self, name: str, kind: str, part: resources.Measured | resources.Observation
    ) -> dict[str, Any]:
        """The `value` or `text` of a reading."""
        known = KINDS[kind]
        if any(coding.system == words.READING_SYSTEM for coding in part.code.coding):
            return self._own_answer(known, part)
        answers = words.ANSWERS.get(kind, {})
        if part.valueCodeableConcept is not None:
            for coding in part.valueCodeableConcept.coding:
                if coding.code in answers:
                    answer = answers[coding.code]
                    return {"text": answer} if isinstance(answer, str) else {"value": answer}
            raise Unreadable(f"its answer “{part.valueCodeableConcept.words}” is not understood")
        if part.valueInteger is not None:
            return {"value": part.valueInteger}
        quantity = part.valueQuantity
        if quantity is None or quantity.value is None:
            raise Unreadable("has no value that is read")
        units = words.READING_UNITS.get(kind, {})
        unit = quantity.code if quantity.code in units else quantity.unit
        if unit not in units:
            raise Unreadable(f"its unit “{quantity.code or quantity.unit}” is not read")
        if quantity.comparator:
            self._note(name, f"is “{quantity.comparator}{quantity.value:g}”: kept as that number")
        return {"value": round(quantity.value * units[unit], 4)}

    def _own_answer(
        self, known: Kind, part: resources.Measured | resources.Observation
    ) -> dict[str, Any]:
        """The answer to an observation coded with our own kind of reading."""
        if known.shape == NUMBER:
            quantity = part.valueQuantity
            if part.valueInteger is not None:
                return {"value": part.valueInteger}
            if quantity is None or quantity.value is None:
                raise Unreadable("has no value that is read")
            if (said := quantity.code or quantity.unit) and known.unit not in (
                quantity.code,
                quantity.unit,
            ):
                raise Unreadable(f"its unit “{said}” is not read: {known.unit} is needed")
            return {"value": quantity.value}
        if known.shape == DATE:
            return {"text": part.valueDateTime[:10]}
        if part.valueCodeableConcept is not None:
            codes = [coding.code for coding in part.valueCodeableConcept.coding]
            return {"text": " ".join(codes if known.shape == CHECKLIST else codes[:1])}
        return {"text": part.valueString}

    # -- MedicationRequest -----------------------------------------------------------------------

    def _prescription(self, name: str, request: resources.MedicationRequest) -> None:
        if request.doNotPerform:
            raise Unreadable("says that the medicine is not to be given: it is no prescription")
        text, concept = self._medicine(name, request)
        record = {
            "source_id": name,
            "patient": self._subject(request.subject),
            "medicine": self._cut(name, text, 500),
            "codings": self._codings(name, concept),
            "status": request.status,
            "status_reason": self._cut(name, request.statusReason.words, 500),
            "prescriber": self._cut(name, self._requester(request.requester), 200),
        }
        if request.intent in NOT_ORDERED and request.status not in NEVER:
            record["status"] = "draft"
            self._note(name, f"is a {request.intent}, not an order: kept as a draft")
        self._put_day(name, record, "written_on", request.authoredOn)
        self._reason(name, record, request)
        for category in request.category:
            for coding in category.coding:
                if setting := words.SETTINGS.get(coding.code):
                    record["setting"] = setting
        if any(coding.code in words.ON_REPEAT for coding in request.courseOfTherapyType.coding):
            record["repeat_template"] = True
        if reason := words.change_reason(request.statusReason):
            record["change_reason"] = reason
        for field_name, named in (
            ("team", self._team(request.requester)),
            ("pharmacy", self._named(request.dispenseRequest.performer)),
        ):
            if named:
                record[field_name] = self._cut(name, named, 200)
        notes = read_dosage(record, request.dosageInstruction, request.dispenseRequest)
        for note in notes:
            self._note(name, note)
        self._extend(name, record, request)
        self.orders[name] = record
        self.content.prescriptions.append((name, record))

    def _extend(
        self,
        name: str,
        record: dict[str, Any],
        resource: resources.MedicationDispense | resources.MedicationRequest,
    ) -> None:
        """What FHIR has no element for, in the portal's own extensions; these outrank the rest."""
        for extension in resource.extension:
            field_name = extension.url.removeprefix(words.ORDER)
            if field_name == extension.url:
                continue
            if field_name in words.EXTENSIONS and extension.value is not None:
                record[field_name] = extension.value
            else:
                self._note(name, f"the extension {extension.url} is not known or has no value")

    # -- MedicationDispense ----------------------------------------------------------------------

    def _dispense(self, name: str, dispense: resources.MedicationDispense) -> None:
        """A supply handed out: the nearest to what was taken. It knows its order by reference."""
        if dispense.status not in DISPENSED:
            raise Unreadable(f"is {dispense.status}: nothing has been handed out yet")
        text, concept = self._medicine(name, dispense)
        record = {
            "source_id": name,
            "patient": self._subject(dispense.subject),
            "medicine": self._cut(name, text, 500),
            "codings": self._codings(name, concept),
            "status": DISPENSED[dispense.status],
            "dispensed": True,
        }
        order = next(
            (
                found
                for reference in dispense.authorizingPrescription
                if isinstance(
                    found := self._resolve(reference.reference), resources.MedicationRequest
                )
            ),
            None,
        )
        if order is not None:
            record |= {
                field_name: told
                for field_name, told in self.orders.get(f"MedicationRequest/{order.id}", {}).items()
                if field_name in OF_THE_ORDER
            }
        elif dispense.authorizingPrescription:
            self._note(name, "its prescription is not in the bundle: why and by whom is not known")
        self._put_day(name, record, "dispensed_on", dispense.whenHandedOver)
        pharmacy = self._named(dispense.location) or next(
            (said for one in dispense.performer if (said := self._named(one.actor))), ""
        )
        if pharmacy:
            record["pharmacy"] = self._cut(name, pharmacy, 200)
        if any(coding.code in words.FIRST_FILL for coding in dispense.type.coding):
            record["refill_number"] = 0
        supply = resources.DispenseRequest(
            quantity=dispense.quantity, expectedSupplyDuration=dispense.daysSupply
        )
        instructions = dispense.dosageInstruction or (order.dosageInstruction if order else [])
        for note in read_dosage(record, instructions, supply):
            self._note(name, note)
        if "dispensed_on" in record:
            record["start_on"] = record["dispensed_on"]
            record.pop("end_on", None)
        self._extend(name, record, dispense)
        self.content.prescriptions.append((name, record))

    def _medicine(
        self, name: str, request: resources.MedicationDispense | resources.MedicationRequest
    ) -> tuple[str, resources.Concept]:
        """`(text, concept)` of what is prescribed."""
        if request.medicationCodeableConcept is not None:
            concept = request.medicationCodeableConcept
            if not concept.words:
                raise Unreadable("its medicine has neither a code nor a text")
            return concept.words, concept
        reference = request.medicationReference
        if reference is None:
            raise Unreadable("names no medicine")
        if reference.reference.startswith("#"):
            medication = self._contained(request, reference.reference[1:])
        else:
            medication = self._resolve(reference.reference)
        if isinstance(medication, resources.Medication):
            return self._product(medication, reference)
        if reference.display:
            self._note(name, "its Medication is not in the bundle: only the name is known")
            return reference.display, resources.Concept()
        raise Unreadable(f"its medicine “{reference.reference}” is not in the bundle")

    def _contained(
        self, request: resources.MedicationDispense | resources.MedicationRequest, wanted: str
    ) -> resources.Medication | None:
        for raw in request.contained:
            try:
                kind = _kind.decode(raw)
                if kind.id == wanted and kind.resourceType == "Medication":
                    return msgspec.json.decode(raw, type=resources.Medication)
            except msgspec.DecodeError as error:
                raise Unreadable(f"a contained resource cannot be read: {error}") from error
        return None

    def _product(
        self, medication: resources.Medication, reference: resources.Reference
    ) -> tuple[str, resources.Concept]:
        if medication.code.words:
            return medication.code.words, medication.code
        parts = [part.itemCodeableConcept for part in medication.ingredient]
        named = [part.words for part in parts if part.words]
        if named and len(named) == len(medication.ingredient):
            # The codes of one ingredient are the product's; those of several are not.
            return " / ".join(named), parts[0] if len(parts) == 1 else resources.Concept()
        if reference.display:
            return reference.display, resources.Concept()
        raise Unreadable("its Medication has neither a code nor named ingredients")

    def _reason(
        self, name: str, record: dict[str, Any], request: resources.MedicationRequest
    ) -> None:
        concepts = list(request.reasonCode)
        for reference in request.reasonReference:
            condition = self._resolve(reference.reference)
            if isinstance(condition, resources.Condition):
                concepts.append(condition.code)
            else:
                concepts.append(resources.Concept(text=reference.display))
        found = words.indication(concepts)
        if found:
            record["indication"] = found
        elif concepts:
            self._note(name, "the reason is not on the list of indications: left as not known")

    def _named(self, reference: resources.Reference) -> str:
        """The name of an organisation, or what the reference says it is called."""
        found = self._resolve(reference.reference) if reference.reference else None
        named = found.name if isinstance(found, resources.Organization) else ""
        return named or reference.display

    def _team(self, reference: resources.Reference) -> str:
        """The organisation for which somebody prescribes, where the requester says so."""
        found = self._resolve(reference.reference) if reference.reference else None
        if isinstance(found, resources.PractitionerRole):
            return self._named(found.organization)
        return found.name if isinstance(found, resources.Organization) else ""

    def _requester(self, reference: resources.Reference) -> str:
        found = self._resolve(reference.reference) if reference.reference else None
        if isinstance(found, resources.PractitionerRole):
            return self._requester(found.practitioner) or reference.display
        if isinstance(found, resources.Practitioner):
            named = people.name(found.name)
            full = f"{named.get('given_name', '')} {named.get('family_name', '')}".strip()
            return full or reference.display
        return reference.display

    # -- Both ------------------------------------------------------------------------------------

    def _codings(self, name: str, concept: resources.Concept) -> list[dict[str, str]]:
        kept = []
        for coding in concept.coding:
            if not (coding.system and coding.code):
                self._note(name, "a code without a system is left out")
            elif len(coding.system) > 200 or len(coding.code) > 60:
                self._note(name, "a code that is too long is left out")
            else:
                display = self._cut(name, coding.display, 200)
                kept.append({"system": coding.system, "code": coding.code, "display": display})
        return kept

    def _cut(self, name: str, text: str, most: int) -> str:
        text = text.strip()
        if len(text) > most:
            self._note(name, f"a text longer than {most} characters is cut")
        return text[:most]

    def _put_day(self, name: str, record: dict[str, Any], field_name: str, said: str) -> None:
        if day := words.day(said):
            record[field_name] = day.isoformat()
        elif said:
            self._note(name, f"{field_name} “{said}” is only part of a date: left as not known")


def _nothing(reason: str) -> None:
    """What is told of another resource is told where that one is read."""


def _code(concept: resources.Concept | None, allowed: Any, field_name: str) -> str | None:
    """The code of a concept whose binding is required, or None when there is none."""
    if concept is None:
        return None
    for coding in concept.coding:
        if coding.code in allowed.__args__:
            return coding.code
    said = concept.words or "nothing"
    raise Unreadable(f"its {field_name} “{said}” is not a code of FHIR")
