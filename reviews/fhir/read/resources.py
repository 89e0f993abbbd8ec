"""The parts of FHIR R4 resources that are read. What is not named here is not read.

Every part may be missing: what is not as FHIR says, such as a code that a required binding does not
know, is left out by `plain.convert`, and the reader decides what the rest is worth.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Raw, Struct

from reviews.rules.codes import SEXES, STATUSES

# Neither NaN nor infinity, nor anything that no record could hold.
Number = Annotated[float, Meta(ge=-1e12, le=1e12)]
Status = Literal[tuple(STATUSES)]
Intent = Literal[
    "proposal",
    "plan",
    "order",
    "original-order",
    "reflex-order",
    "filler-order",
    "instance-order",
    "option",
]
PeriodUnit = Literal["s", "min", "h", "d", "wk", "mo", "a"]
ClinicalStatus = Literal["active", "recurrence", "relapse", "inactive", "remission", "resolved"]
VerificationStatus = Literal[
    "unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error"
]


AllergyVerification = Literal["unconfirmed", "presumed", "confirmed", "refuted", "entered-in-error"]
AllergyStatus = Literal["active", "inactive", "resolved"]
ObservationStatus = Literal[
    "registered",
    "preliminary",
    "final",
    "amended",
    "corrected",
    "cancelled",
    "entered-in-error",
    "unknown",
]


class Coding(Struct, frozen=True):
    system: str = ""
    code: str = ""
    display: str = ""


class Concept(Struct, frozen=True):
    coding: list[Coding] = []
    text: str = ""

    @property
    def words(self) -> str:
        """The concept as somebody wrote it, else as its first code displays it."""
        displays = (coding.display or coding.code for coding in self.coding)
        return self.text.strip() or next((words for words in displays if words), "")


class Period(Struct, frozen=True):
    start: str = ""
    end: str = ""


class Identifier(Struct, frozen=True):
    system: str = ""
    value: str = ""
    use: str = ""
    period: Period = Period()


class Reference(Struct, frozen=True):
    reference: str = ""
    display: str = ""
    identifier: Identifier | None = None


class Stated(Struct, frozen=True):
    """What R5 has where R4 has a concept or a reference."""

    concept: Concept | None = None
    reference: Reference | None = None


class Quantity(Struct, frozen=True):
    value: Number | None = None
    unit: str = ""
    code: str = ""
    comparator: str = ""


class Ratio(Struct, frozen=True):
    numerator: Quantity = Quantity()
    denominator: Quantity = Quantity()


class Name(Struct, frozen=True):
    """FHIR lets an extension stand where a part of a name is masked: null in the list of parts."""

    use: str = ""
    family: str | None = ""
    given: list[str | None] = []
    text: str | None = ""
    period: Period = Period()


class Resource(Struct):
    """What every resource may say. An extension that changes its meaning must be understood."""

    resourceType: str
    id: str = ""
    modifierExtension: list[Any] = []
    implicitRules: str = ""
    contained: list[Any] = []


class Link(Struct, frozen=True):
    """Another record of the same person, and how the two stand: "replaced-by", "seealso" ..."""

    other: Reference = Reference()
    type: str = ""


class Patient(Resource):
    identifier: list[Identifier] = []
    name: list[Name] = []
    gender: Literal[tuple(SEXES)] | None = None
    birthDate: str = ""
    deceasedBoolean: bool | None = None
    deceasedDateTime: str = ""
    link: list[Link] = []


class Practitioner(Resource):
    name: list[Name] = []


class Organization(Resource):
    name: str = ""


class PractitionerRole(Resource):
    practitioner: Reference = Reference()
    organization: Reference = Reference()


class Extension(Struct, frozen=True):
    """An extension: the values that the portal's own ones may have, and the parts of another."""

    url: str = ""
    valueString: str | None = None
    valueCode: str | None = None
    valueInteger: int | None = None
    valuePositiveInt: int | None = None
    valueUnsignedInt: int | None = None
    valueDecimal: Number | None = None
    valueBoolean: bool | None = None
    valueDate: str | None = None
    valueDateTime: str | None = None
    extension: "list[Extension]" = []

    @property
    def value(self) -> bool | float | str | None:
        values = (
            *(self.valueString, self.valueCode, self.valueInteger, self.valueDecimal),
            *(self.valuePositiveInt, self.valueUnsignedInt, self.valueBoolean, self.valueDate),
            self.valueDateTime,
        )
        return next((value for value in values if value is not None), None)


class Condition(Resource):
    """In STU3 the two statuses are codes and not concepts."""

    clinicalStatus: Concept | str | None = None
    verificationStatus: Concept | str | None = None
    code: Concept = Concept()
    subject: Reference = Reference()
    onsetDateTime: str = ""
    onsetPeriod: Period = Period()
    abatementDateTime: str = ""
    abatementPeriod: Period = Period()


class Reaction(Struct, frozen=True):
    substance: Concept = Concept()


class AllergyIntolerance(Resource):
    clinicalStatus: Concept | str | None = None
    verificationStatus: Concept | str | None = None
    type: Literal["allergy", "intolerance"] | None = None
    code: Concept = Concept()
    reaction: list[Reaction] = []
    patient: Reference = Reference()
    onsetDateTime: str = ""
    onsetPeriod: Period = Period()


class Measured(Struct, frozen=True):
    """A code with its value, as an Observation and each component of one have it."""

    code: Concept = Concept()
    valueQuantity: Quantity | None = None
    valueInteger: int | None = None
    valueCodeableConcept: Concept | None = None
    valueString: str = ""
    valueDateTime: str = ""


class Observation(Resource):
    status: ObservationStatus | None = None
    subject: Reference = Reference()
    effectiveDateTime: str = ""
    effectivePeriod: Period = Period()
    effectiveInstant: str = ""
    code: Concept = Concept()
    valueQuantity: Quantity | None = None
    valueInteger: int | None = None
    valueCodeableConcept: Concept | None = None
    valueString: str = ""
    valueDateTime: str = ""
    component: list[Measured] = []


class Ingredient(Struct, frozen=True):
    itemCodeableConcept: Concept = Concept()
    itemReference: Reference = Reference()
    strength: Ratio | None = None


class Medication(Resource):
    """`amount` is what one pack holds."""

    code: Concept = Concept()
    form: Concept = Concept()
    amount: Ratio | None = None
    ingredient: list[Ingredient] = []


class Substance(Resource):
    code: Concept = Concept()


class Range(Struct, frozen=True):
    low: Quantity | None = None
    high: Quantity | None = None


class Repeat(Struct, frozen=True):
    boundsDuration: Quantity | None = None
    boundsPeriod: Period | None = None
    boundsRange: Range | None = None
    count: int | None = None
    countMax: int | None = None
    duration: Number | None = None
    durationMax: Number | None = None
    durationUnit: PeriodUnit | None = None
    frequency: int | None = None
    frequencyMax: int | None = None
    period: Number | None = None
    periodMax: Number | None = None
    periodUnit: PeriodUnit | None = None
    dayOfWeek: list[str] = []
    timeOfDay: list[str] = []
    when: list[str] = []
    offset: int | None = None


class Timing(Struct, frozen=True):
    event: list[str] = []
    repeat: Repeat | None = None
    code: Concept = Concept()


class DoseAndRate(Struct, frozen=True):
    type: Concept = Concept()
    doseQuantity: Quantity | None = None
    doseRange: Range | None = None
    rateQuantity: Quantity | None = None
    rateRange: Range | None = None
    rateRatio: Ratio | None = None


class Dosage(DoseAndRate, frozen=True):
    """In STU3 dose and rate stand here and not in `doseAndRate`."""

    sequence: int | None = None
    text: str = ""
    patientInstruction: str = ""
    timing: Timing = Timing()
    asNeededBoolean: bool = False
    asNeededCodeableConcept: Concept | None = None
    asNeeded: bool = False
    asNeededFor: list[Concept] = []
    route: Concept = Concept()
    doseAndRate: list[DoseAndRate] = []
    maxDosePerPeriod: Ratio | None = None


class DispenseRequest(Struct, frozen=True):
    validityPeriod: Period = Period()
    numberOfRepeatsAllowed: int | None = None
    dispenseInterval: Quantity | None = None
    quantity: Quantity | None = None
    expectedSupplyDuration: Quantity | None = None
    performer: Reference = Reference()


class MedicationRequest(Resource):
    status: Status | None = None
    extension: list[Extension] = []
    courseOfTherapyType: Concept = Concept()
    intent: Intent | None = None
    statusReason: Concept = Concept()
    category: list[Concept] = []
    doNotPerform: bool = False
    medicationCodeableConcept: Concept | None = None
    medicationReference: Reference | None = None
    medication: Stated | None = None
    subject: Reference = Reference()
    authoredOn: str = ""
    requester: Reference = Reference()
    reasonCode: list[Concept] = []
    reasonReference: list[Reference] = []
    dosageInstruction: list[Dosage] = []
    dispenseRequest: DispenseRequest = DispenseRequest()


DispenseStatus = Literal[
    "preparation",
    "in-progress",
    "cancelled",
    "on-hold",
    "completed",
    "entered-in-error",
    "stopped",
    "declined",
    "unknown",
]


class Performer(Struct, frozen=True):
    actor: Reference = Reference()


class MedicationDispense(Resource):
    status: DispenseStatus | None = None
    extension: list[Extension] = []
    medicationCodeableConcept: Concept | None = None
    medicationReference: Reference | None = None
    medication: Stated | None = None
    subject: Reference = Reference()
    performer: list[Performer] = []
    location: Reference = Reference()
    authorizingPrescription: list[Reference] = []
    type: Concept = Concept()
    quantity: Quantity | None = None
    daysSupply: Quantity | None = None
    whenHandedOver: str = ""
    dosageInstruction: list[Dosage] = []


# What somebody says of a medicine, as the status of the order that it is kept as; the last two are
# R5's, where the status tells of the record.
STATED = {
    "active": "active",
    "completed": "completed",
    "entered-in-error": "entered-in-error",
    "intended": "draft",
    "stopped": "stopped",
    "on-hold": "on-hold",
    "unknown": "unknown",
    "not-taken": "cancelled",
    "recorded": "active",
    "draft": "draft",
}
ADMINISTERED = {
    "in-progress": "active",
    "not-done": "cancelled",
    "on-hold": "on-hold",
    "completed": "completed",
    "entered-in-error": "entered-in-error",
    "stopped": "stopped",
    "unknown": "unknown",
}


class MedicationStatement(Resource):
    """Somebody says that a medicine is taken; `taken` is STU3's."""

    status: Literal[tuple(STATED)] | None = None
    taken: Literal["y", "n", "unk", "na"] | None = None
    extension: list[Extension] = []
    statusReason: list[Concept] = []
    medicationCodeableConcept: Concept | None = None
    medicationReference: Reference | None = None
    medication: Stated | None = None
    subject: Reference = Reference()
    effectiveDateTime: str = ""
    effectivePeriod: Period = Period()
    dateAsserted: str = ""
    reasonCode: list[Concept] = []
    reasonReference: list[Reference] = []
    dosage: list[Dosage] = []


class Administered(Struct, frozen=True):
    text: str = ""
    route: Concept = Concept()
    dose: Quantity | None = None
    rateQuantity: Quantity | None = None
    rateRatio: Ratio | None = None


class MedicationAdministration(Resource):
    """Staff gave a medicine, once or over a period."""

    status: Literal[tuple(ADMINISTERED)] | None = None
    extension: list[Extension] = []
    category: Concept | None = None
    medicationCodeableConcept: Concept | None = None
    medicationReference: Reference | None = None
    medication: Stated | None = None
    subject: Reference = Reference()
    effectiveDateTime: str = ""
    effectivePeriod: Period = Period()
    reasonCode: list[Concept] = []
    reasonReference: list[Reference] = []
    dosage: Administered = Administered()


class UnreadMedicine(Resource):
    """What is asked of a resource about a medicine of a type, or of a version, that is not read.

    Before STU3 orders were called MedicationOrder and MedicationPrescription.
    """

    medicationCodeableConcept: Concept = Concept()
    medicationReference: Reference = Reference()
    medication: Stated | None = None
    subject: Reference | None = None
    patient: Reference | None = None

    @property
    def words(self) -> str:
        """The medicine, where it is named."""
        stated = self.medication.concept if self.medication else None
        concept = self.medicationCodeableConcept
        return concept.words or (stated.words if stated else "") or self.medicationReference.display


class Request(Struct, frozen=True):
    method: str = ""
    url: str = ""


class Entry(Struct, frozen=True):
    fullUrl: str = ""
    resource: dict[str, Any] = {}
    request: Request = Request()


class Named(Struct, frozen=True):
    """Any resource, of which only the type is asked."""

    resourceType: str = ""


class Bundle(Struct, frozen=True):
    type: str | None = None
    entry: list[Raw] | None = None
