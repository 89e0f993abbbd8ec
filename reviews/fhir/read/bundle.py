"""FHIR R4 to patients, conditions, readings and orders in the shapes of `reviews.records`.

Nothing is lost in silence: a resource that cannot be used is in `refused` with its reason, what of
it could not be kept is in `notes`, both with the person and the medicine they are about, and types
that are not read are counted in `others`. One part that cannot be used never costs the medicine.
"""

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec import structs

from reviews.fhir.read import people, plain, resources, words
from reviews.fhir.read.dosage import rate_in_words, read_dosage
from reviews.fhir.read.plain import Unreadable
from reviews.rules.birth import nobodys, possible_birth_date
from reviews.rules.readings import CHECKLIST, DATE, KINDS, NUMBER, Kind

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
OfAMedicine = (
    resources.MedicationRequest
    | resources.MedicationDispense
    | resources.MedicationStatement
    | resources.MedicationAdministration
)
# What became of a dispensing, as the status of the order that it is kept as.
DISPENSED = {
    "completed": "completed",
    "stopped": "stopped",
    "unknown": "unknown",
    "entered-in-error": "entered-in-error",
    "cancelled": "cancelled",
    "declined": "cancelled",
}


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
class _Held:
    """A resource of the set; `record` is what was made of a patient or of an order.

    `left_out` are the parts of it that could not be used.
    """

    name: str
    resource: Any
    left_out: list[str]
    record: dict[str, Any] | None = None
    medicine: str = ""


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
    readers: list[_Reader] = []
    for content in files:
        try:
            sent = [_in_zone(one, zone) for one in plain.sent(content)]
            reader = _Reader(sent, source, today, readers)
        except Unreadable as error:
            found.append(error)
            continue
        readers.append(reader)
        found.append(reader.content)
    for kind in _Reader.MAKE:
        for reader in readers:
            reader.make(kind)
    for reader in readers:
        reader.finish()
    return found


class _Reader:
    """One file of a set; `all_files` are the readers of the whole set, this one among them."""

    MAKE: ClassVar[dict[str, Callable[..., None]]]
    """What makes records of a type of resource, in the order in which they need one another."""

    def __init__(
        self,
        sent: list[plain.Sent],
        source: str,
        today: date | None,
        all_files: list["_Reader"],
    ) -> None:
        self.source = source
        self.today = today
        self.all_files = all_files
        self.content = Content()
        self.held: dict[str, _Held] = {}
        self.by_reference: dict[str, _Held] = {}
        self.within = ""  # The name of the resource that is being read.
        for one in sent:
            self._take(one)

    def _take(self, one: plain.Sent) -> None:
        """Hold one resource, and what it contains."""
        if one.resource is None:
            self._refuse(one.place, one.problem)
            return
        kind = one.resource.get("resourceType")
        if not isinstance(kind, str) or not kind:
            self._refuse(one.place, "is not a resource: it has no resourceType")
            return
        known = _id(one.resource) or one.full_url.rpartition(":")[2].rpartition("/")[2]
        name = f"{kind}/{known}" if known else one.place
        if kind not in _READ and not any(part.startswith(OF_A_MEDICINE) for part in one.resource):
            self.content.others[kind] += 1
            return
        held = self._decoded(name, one.resource)
        if held is None:
            return
        held.resource.id = known
        if name in self.held:
            if held.resource != self.held[name].resource:
                self._refuse(name, "is in the bundle twice: the first one is used")
            return
        self._hold(held)
        if one.full_url:
            self.by_reference[one.full_url] = held
        for contained in held.resource.contained:
            self._contain(name, contained)

    def _contain(self, name: str, contained: Any) -> None:
        """Hold a resource within another, which alone can refer to it."""
        if not isinstance(contained, dict) or contained.get("resourceType") not in _READ:
            return
        inner = f"{name}#{_id(contained)}"
        # What cannot be used is taken out of a copy: the whole may come again, to be compared.
        held = self._decoded(inner, copy.deepcopy(contained))
        if held is not None and inner not in self.held:
            held.resource.id = inner
            self._hold(held)

    def _hold(self, held: _Held) -> None:
        self.held[held.name] = self.by_reference[held.name] = held
        for said in held.left_out:
            self._note(held.name, said)

    def _decoded(self, name: str, content: dict[str, Any]) -> _Held | None:
        """A resource with what could be used of it; None where nothing can be."""
        try:
            shape = _READ.get(content["resourceType"], resources.UnreadMedicine)
            resource, left_out = plain.convert(content, shape)
        except msgspec.ValidationError as error:
            self._refuse(name, str(error))
            return None
        return _Held(name, resource, left_out)

    def make(self, kind: str) -> None:
        """Make the records of one type of resource."""
        for held in list(self.held.values()):
            if held.resource.resourceType != kind or (
                # Within another resource a problem is a reason, and a reading is nobody's.
                "#" in held.name and kind not in ("Patient", "MedicationRequest")
            ):
                continue
            self.within = held.name
            if kind in MEDICINES:
                held.medicine = self._name_of_medicine(held)
            try:
                if not held.resource.id:
                    raise Unreadable("has neither an id nor a fullUrl")
                if held.resource.modifierExtension or held.resource.implicitRules:
                    raise Unreadable(
                        "has a modifier extension or implicit rules, not understood here"
                    )
                self.MAKE[kind](self, held.name, held.resource)
            except Unreadable as error:
                self._refuse(held.name, str(error))

    def _name_of_medicine(self, held: _Held) -> str:
        """What a resource calls its medicine, whether or not it can be used; nothing is noted."""
        noted = len(self.content.notes)
        try:
            return self._medicine(held.name, held.resource)[0]
        except Unreadable:
            return ""
        finally:
            del self.content.notes[noted:]

    def finish(self) -> None:
        """Say of everything that is told whom and which medicine it is about."""
        for held in self.held.values():
            if isinstance(held.resource, resources.UnreadMedicine):
                held.medicine = held.resource.words
                self._refuse(held.name, f"is a {held.resource.resourceType}, which is not read")
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
                patient = self._subject(reference)
            except Unreadable:
                patient = None
        of_a_medicine = held.resource.resourceType in MEDICINES or isinstance(
            held.resource, resources.UnreadMedicine
        )
        medicine = held.medicine if of_a_medicine else None
        return replace(said, patient=patient, medicine=medicine)

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
                tell(nobodys(day))
        for field_name, said in (
            ("birth_date", patient.birthDate),
            ("deceased_on", patient.deceasedDateTime),
        ):
            if said and field_name not in record:
                tell(f"{field_name} “{said}” is only part of a date: left as not known")
        self.held[name].record = record
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
        patient = self._held(reference.reference)
        if patient is not None:
            if patient.record is None:
                raise Unreadable("is about a patient who was refused")
            return patient.record
        if reference.identifier and reference.identifier.system and reference.identifier.value:
            given = reference.identifier
            return {"identifiers": [{"system": given.system, "value": given.value}]}
        raise Unreadable(f"its patient “{reference.reference}” is not in the bundle")

    def _resolve(self, reference: str) -> Any:
        """The resource of the set that a reference means, or None."""
        held = self._held(reference)
        return None if held is None else held.resource

    def _held(self, reference: str) -> _Held | None:
        """What a reference means: in the same file, else in another one of the set."""
        if reference.startswith("#"):
            reference = f"{self.within.partition('#')[0]}{reference}"
        reference = reference.partition("/_history/")[0]
        tail = "/".join(reference.split("/")[-2:])
        for reader in (self, *self.all_files):
            if found := reader.by_reference.get(reference) or reader.by_reference.get(tail):
                return found
        return None

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
        substances = [allergy.code, *(reaction.substance for reaction in allergy.reaction)]
        substance = next((concept for concept in substances if concept.words), None)
        if substance is None:
            raise Unreadable("names no substance")
        text = substance.words
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
            "codings": self._codings(name, substance),
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
            said = observation.status or "of no known status"
            raise Unreadable(f"is {said}: only a final result is kept")
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
        text, concept = self._medicine(name, request)
        if request.doNotPerform:
            self._note(name, "says that the medicine is not to be given: it is no prescription")
            return
        if request.status is None:
            self._note(name, "has no status that is known: kept as of unknown status")
        if request.intent is None:
            self._note(name, "has no intent that is known: kept as an order")
        record = {
            "source_id": name,
            "patient": self._subject(request.subject),
            "medicine": self._cut(name, text, 500),
            "codings": self._codings(name, concept),
            "status": request.status or "unknown",
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
        supply = request.dispenseRequest
        supply = structs.replace(supply, quantity=self._packed(request, supply.quantity))
        notes = read_dosage(record, request.dosageInstruction, supply)
        for note in notes:
            self._note(name, note)
        self._extend(name, record, request)
        self.held[name].record = record
        if "#" not in name:
            # Within a dispensing an order only says by whom and why.
            self.content.prescriptions.append((name, record))

    def _extend(
        self,
        name: str,
        record: dict[str, Any],
        resource: OfAMedicine,
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
        text, concept = self._medicine(name, dispense)
        if dispense.status is None:
            self._note(name, "has no status that is known: kept as of unknown status")
        elif dispense.status not in DISPENSED:
            self._note(name, f"is {dispense.status}: nothing has been handed out yet")
            return
        record = {
            "source_id": name,
            "patient": self._subject(dispense.subject),
            "medicine": self._cut(name, text, 500),
            "codings": self._codings(name, concept),
            "status": DISPENSED[dispense.status or "unknown"],
            "dispensed": True,
        }
        order, ordered = self._authorised(dispense)
        record |= {
            field_name: told for field_name, told in ordered.items() if field_name in OF_THE_ORDER
        }
        if order is None and dispense.authorizingPrescription:
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
            quantity=self._packed(dispense, dispense.quantity),
            expectedSupplyDuration=dispense.daysSupply,
        )
        instructions = dispense.dosageInstruction or (order.dosageInstruction if order else [])
        for note in read_dosage(record, instructions, supply):
            self._note(name, note)
        if "dispensed_on" in record:
            record["start_on"] = record["dispensed_on"]
            record.pop("end_on", None)
        self._extend(name, record, dispense)
        self.content.prescriptions.append((name, record))

    def _authorised(
        self, dispense: resources.MedicationDispense
    ) -> tuple[resources.MedicationRequest | None, dict[str, Any]]:
        """The order on which something was handed out, and the record made of it."""
        for reference in dispense.authorizingPrescription:
            held = self._held(reference.reference)
            if held and isinstance(held.resource, resources.MedicationRequest):
                return held.resource, held.record or {}
        return None, {}

    # -- MedicationStatement and MedicationAdministration ----------------------------------------

    def _statement(self, name: str, statement: resources.MedicationStatement) -> None:
        """What somebody says is taken: evidence of use where nothing was ordered here."""
        status = resources.STATED.get(statement.status or "")
        record = self._evidence(name, statement, "reported", status)
        if statement.taken == "n":
            record["status"] = "cancelled"
        if record["status"] == "cancelled":
            self._note(name, "says that the medicine is not taken: kept as cancelled")
        reasons = [concept.words for concept in statement.statusReason if concept.words]
        record["status_reason"] = self._cut(name, "; ".join(reasons), 500)
        self._put_day(name, record, "written_on", statement.dateAsserted)
        for note in read_dosage(record, statement.dosage, resources.DispenseRequest()):
            self._note(name, note)
        self._put_day(
            name, record, "start_on", statement.effectivePeriod.start or statement.effectiveDateTime
        )
        self._put_day(name, record, "end_on", statement.effectivePeriod.end)
        self._extend(name, record, statement)
        self.content.prescriptions.append((name, record))

    def _administration(self, name: str, given: resources.MedicationAdministration) -> None:
        """A dose that staff gave, or what ran over a period."""
        status = resources.ADMINISTERED.get(given.status or "")
        record = self._evidence(name, given, "given", status)
        if record["status"] == "cancelled":
            self._note(name, "says that the medicine was not given: kept as cancelled")
        for coding in given.category.coding if given.category else ():
            if setting := words.SETTINGS.get(coding.code):
                record["setting"] = setting
        said = resources.Dosage(
            text=given.dosage.text,
            route=given.dosage.route,
            doseAndRate=[resources.DoseAndRate(doseQuantity=given.dosage.dose)],
        )
        for note in read_dosage(record, [said], resources.DispenseRequest()):
            self._note(name, note)
        if given.dosage.rateQuantity or given.dosage.rateRatio:
            rate = resources.DoseAndRate(
                rateQuantity=given.dosage.rateQuantity, rateRatio=given.dosage.rateRatio
            )
            self._note(name, f"the rate of giving{rate_in_words(rate)} is left out")
        period = given.effectivePeriod
        if given.status == "in-progress" and period.start and not period.end:
            # No single dose: it runs, and until when is not known.
            record["evidence"] = "reported"
            self._note(name, "is still being given, and until when is not known")
        begun = given.effectivePeriod.start or given.effectiveDateTime
        self._put_day(name, record, "start_on", begun)
        self._put_day(name, record, "end_on", given.effectivePeriod.end)
        if at := words.time_of_day(begun):
            record["start_minute"] = at.hour * 60 + at.minute
        self._extend(name, record, given)
        self.content.prescriptions.append((name, record))

    def _evidence(
        self,
        name: str,
        resource: resources.MedicationStatement | resources.MedicationAdministration,
        evidence: str,
        status: str | None,
    ) -> dict[str, Any]:
        """What both have in common."""
        text, concept = self._medicine(name, resource)
        if status is None:
            self._note(name, "has no status that is known: kept as of unknown status")
        record = {
            "source_id": name,
            "patient": self._subject(resource.subject),
            "medicine": self._cut(name, text, 500),
            "codings": self._codings(name, concept),
            "status": status or "unknown",
            "evidence": evidence,
        }
        self._reason(name, record, resource)
        return record

    # -- The product -----------------------------------------------------------------------------

    def _medicine(self, name: str, request: OfAMedicine) -> tuple[str, resources.Concept]:
        """`(text, concept)` of a medicine."""
        concept, reference = request.medicationCodeableConcept, request.medicationReference
        if request.medication is not None:
            concept = concept or request.medication.concept
            reference = reference or request.medication.reference
        if concept is not None and (concept.words or reference is None):
            if not concept.words:
                raise Unreadable("its medicine has neither a code nor a text")
            return concept.words, concept
        if reference is None:
            raise Unreadable("names no medicine")
        held = self._held(reference.reference)
        if held is not None and isinstance(held.resource, resources.Medication):
            for said in held.left_out:
                self._note(name, f"of its Medication {said}")
            return self._product(name, held.resource, reference)
        if reference.display:
            self._note(name, "its Medication is not in the bundle: only the name is known")
            return reference.display, resources.Concept()
        raise Unreadable(f"its medicine “{reference.reference}” is not in the bundle")

    def _product(
        self, name: str, medication: resources.Medication, reference: resources.Reference
    ) -> tuple[str, resources.Concept]:
        """A Medication by its code, else by what is in it."""
        self.within = medication.id if "#" in medication.id else f"Medication/{medication.id}"
        parts = [(self._substance(part), part.strength) for part in medication.ingredient]
        self.within = name
        codings = [
            coding for coding in medication.code.coding if coding.system not in words.NOT_A_PRODUCT
        ]
        code = resources.Concept(codings, medication.code.text)
        named = [
            f"{concept.words} {_strength(strength)}".strip()
            for concept, strength in parts
            if concept.words
        ]
        complete = len(named) == len(medication.ingredient)
        if code.words:
            if complete and len(named) == 1 and not any(map(str.isdigit, code.words)):
                # The code names the substance and the ingredient how much of it there is.
                strength = _strength(parts[0][1])
                return " ".join(filter(None, [code.words, strength, medication.form.words])), code
            return code.words, code
        if named and complete:
            # The codes of one ingredient are the product's; those of several are not.
            text = " ".join(filter(None, [" / ".join(named), medication.form.words]))
            return text, parts[0][0] if len(parts) == 1 else resources.Concept()
        if named:
            self._note(name, "one of the ingredients of its Medication has no name")
            return " / ".join(named), resources.Concept()
        if reference.display:
            return reference.display, resources.Concept()
        raise Unreadable("its Medication has neither a code nor named ingredients")

    def _substance(self, part: resources.Ingredient) -> resources.Concept:
        """What an ingredient is, itself or by reference."""
        if part.itemCodeableConcept.words:
            return part.itemCodeableConcept
        reference = part.itemReference
        found = self._resolve(reference.reference) if reference.reference else None
        if isinstance(found, resources.Medication | resources.Substance) and found.code.words:
            return found.code
        return resources.Concept(text=reference.display)

    def _packed(self, request: OfAMedicine, quantity: resources.Quantity | None) -> Any:
        """So many packs, as what they hold where the Medication says it."""
        reference = request.medicationReference
        found = self._resolve(reference.reference) if reference and reference.reference else None
        amount = found.amount if isinstance(found, resources.Medication) else None
        if quantity is None or not quantity.value or amount is None:
            return quantity
        said = {quantity.unit.strip().casefold(), quantity.code.strip().casefold()}
        holds = amount.numerator
        if not said & {*words.PACKS} or not holds.value or words.unit(holds) is None:
            return quantity
        each = holds.value / (amount.denominator.value or 1)
        return resources.Quantity(quantity.value * each, holds.unit, holds.code)

    def _reason(
        self,
        name: str,
        record: dict[str, Any],
        request: resources.MedicationRequest
        | resources.MedicationStatement
        | resources.MedicationAdministration,
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


_Reader.MAKE = {
    "Patient": _Reader._patient,
    "Condition": _Reader._condition,
    "AllergyIntolerance": _Reader._allergy,
    "Observation": _Reader._observation,
    "MedicationRequest": _Reader._prescription,
    "MedicationDispense": _Reader._dispense,
    "MedicationStatement": _Reader._statement,
    "MedicationAdministration": _Reader._administration,
}


def _in_zone(one: plain.Sent, zone: ZoneInfo | None) -> plain.Sent:
    return one if zone is None else one._replace(resource=people.in_zone(one.resource, zone))


def _id(resource: dict[str, Any]) -> str:
    """Its id; some systems write it as a number."""
    known = resource.get("id", "")
    return str(known) if isinstance(known, (str, int)) and not isinstance(known, bool) else ""


def _nothing(reason: str) -> None:
    """What is told of another resource is told where that one is read."""


def _strength(ratio: resources.Ratio | None) -> str:
    """ "5 mg", "2 mg/5 ml": how much of an ingredient there is; empty where it is not said."""
    if ratio is None or not ratio.numerator.value:
        return ""
    much = f"{ratio.numerator.value:.10g} {ratio.numerator.unit or ratio.numerator.code}"
    of = words.unit(ratio.denominator)
    if of not in ("ml", "g", "mg"):
        return much
    return f"{much}/{ratio.denominator.value or 1:.10g} {of}".replace("/1 ", "/")


def _code(concept: resources.Concept | str | None, allowed: Any, field_name: str) -> str | None:
    """The code of a concept whose binding is required, or None when there is none."""
    if concept is None:
        return None
    if isinstance(concept, str):
        concept = resources.Concept([resources.Coding(code=concept)])
    for coding in concept.coding:
        if coding.code in allowed.__args__:
            return coding.code
    said = concept.words or "nothing"
    raise Unreadable(f"its {field_name} “{said}” is not a code of FHIR")
