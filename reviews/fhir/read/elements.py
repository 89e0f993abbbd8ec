"""What is read of each resource of FHIR, and as what: the table of docs/sources.md.

A test compares it with `resources`, so that nothing is read which is not said here, nor the other
way round. The elements of a Timing are in `timing.ELEMENTS`.
"""

import re

from reviews.fhir.read import timing
from reviews.fhir.read.words import EXTENSIONS, ORDER

NAMED = ", ".join(f"`{name}`" for name in EXTENSIONS)
OWN = (
    f"`{ORDER}FIELD`, as in REST, which outranks the elements: {NAMED}; of UK Core and CareConnect "
    "the number and the last day of what was authorised (MedicationRepeatInformation)"
)
MEDICINE = {
    "medicationCodeableConcept": "the medicine: its text, else what its first code says; its codes",
    "medicationReference": "a Medication of the set or contained; else the reference's display",
    "medication": "R5's concept or reference, as the two above",
}
REASON = {
    "reasonCode": "the indication, by ICD-10 code or exact words; else not known, with a note",
    "reasonReference": "the same, of a Condition of the set; else of the reference's display",
}

ELEMENTS = {
    "Every resource": {
        "resourceType": "others than these are counted; refused where they name a medicine",
        "id": "with the type the id of the record in its source; else the end of the fullUrl",
        "contained": "what the resource itself refers to: the patient, the product, an order",
        "modifierExtension": "not understood: the resource is refused, and noted",
        "implicitRules": "not understood: the resource is refused, and noted",
    },
    "Patient": {
        "identifier": (
            "whom it is, compared in the form of its system; old by use, an ended period or link;"
            " without any, the id in the source"
        ),
        "name": "the official name, else the usual one, else the first; a single one as it is",
        "gender": "sex",
        "birthDate": "birth date; part of a date, or one that nobody can have, is not known",
        "link": (
            "replaces and replaced-by name one person by the numbers of both records; where they"
            " are held as two people, somebody is asked to merge them. Others are noted"
        ),
        "deceasedBoolean": "has died, on a day that is not known; or has not",
        "deceasedDateTime": "the day of death",
    },
    "MedicationRequest": {
        **MEDICINE,
        "status": "status; without one, or with another, of unknown status and noted",
        "intent": "a proposal, plan or option is a draft; without one an order, and noted",
        "doNotPerform": "no prescription: noted",
        "subject": "whom it is for, by reference or by identifier",
        "authoredOn": "the day it was written",
        "requester": "prescriber; a PractitionerRole or an Organization is the team as well",
        **REASON,
        "category": "where it is taken",
        "courseOfTherapyType": "continuous, by its code or its words: a repeat template",
        "statusReason": "the reason of the status, and why it was changed",
        "dosageInstruction": "dose, rate and days: see Dosage",
        "dispenseRequest": "the supply: see Supply",
        "extension": OWN,
    },
    "MedicationDispense": {
        **MEDICINE,
        "status": "status; declined is cancelled; what is not handed out yet is noted",
        "subject": "whom it is for",
        "authorizingPrescription": "of the order: prescriber, team, day, indication, setting",
        "performer": "pharmacy, where there is no location",
        "location": "pharmacy",
        "type": "a first fill is refill 0",
        "quantity": "as in Supply",
        "daysSupply": "days of supply",
        "whenHandedOver": "the day handed out, which is the first day of use",
        "dosageInstruction": "dose, rate and days; else those of the order",
        "extension": OWN,
    },
    "MedicationStatement": {
        **MEDICINE,
        "status": "evidence “reported”; intended is a draft, not-taken is cancelled",
        "taken": "STU3: “n” is cancelled",
        "statusReason": "the reason of the status",
        "subject": "who takes it",
        "effectiveDateTime": "the first day of use",
        "effectivePeriod": "the first and the last day of use",
        "dateAsserted": "the day it was written",
        **REASON,
        "dosage": "dose, rate and days: see Dosage",
        "extension": OWN,
    },
    "MedicationAdministration": {
        **MEDICINE,
        "status": "evidence “given”; not-done is cancelled; what still runs is “reported”",
        "category": "where it was given",
        "subject": "who got it",
        "effectiveDateTime": "the day and the time of the dose",
        "effectivePeriod": "the first and the last day",
        **REASON,
        "dosage": "text, route and dose; a rate is noted",
        "extension": OWN,
    },
    "Dosage": {
        "sequence": "instructions of one number hold at once, those of several follow one another",
        "text": "the directions as written",
        "patientInstruction": "beside the text",
        "timing": "how often, and from when to when: see Timing",
        "asNeededBoolean": "as needed",
        "asNeededCodeableConcept": "as needed",
        "asNeeded": "as needed in R5",
        "asNeededFor": "as needed in R5",
        "route": "route",
        "type": "where there are several doses, the one that was ordered",
        "doseAndRate": "dose and rate, of which one counts",
        "doseQuantity": "dose; in STU3 it stands in the instruction itself",
        "doseRange": "both ends of a dose",
        "rateQuantity": "so much an hour or a day, where nothing says how often",
        "rateRange": "both ends of such a rate",
        "rateRatio": "so much in a time, as such a rate",
        "maxDosePerPeriod": "the most a day of a dose that varies",
    },
    "Timing": timing.ELEMENTS,
    "Supply": {
        "quantity": "quantity; packs by what the Medication says one holds; else in words",
        "expectedSupplyDuration": "days of supply; a month is 30",
        "numberOfRepeatsAllowed": "issues that may follow the first",
        "dispenseInterval": "days from one issue to the next",
        "validityPeriod": "first day of use, where nothing else says it; last day of an issue",
        "performer": "pharmacy",
    },
    "Medication": {
        "code": "the product; a code for “named by its ingredients” is none",
        "form": "beside the ingredients, where the code names no product",
        "amount": "what one pack holds",
        "ingredient": "names and strengths, where the code names no product",
    },
    "Substance": {"code": "the ingredient that refers to it"},
    "Condition": {
        "code": "text and codes of the problem",
        "clinicalStatus": "active or resolved",
        "verificationStatus": "refuted or entered in error is so; not confirmed is noted",
        "subject": "whose it is",
        "onsetDateTime": "since when",
        "onsetPeriod": "since when",
        "abatementDateTime": "until when",
        "abatementPeriod": "until when",
    },
    "AllergyIntolerance": {
        "code": "text and codes of the substance; “no known allergy” is noted",
        "reaction": "the substance, where there is no code",
        "type": "an intolerance is kept as an allergy, and noted",
        "clinicalStatus": "active or resolved",
        "verificationStatus": "refuted or entered in error is so; not confirmed is noted",
        "patient": "whose it is",
        "onsetDateTime": "since when",
        "onsetPeriod": "since when",
    },
    "Observation": {
        "status": "final, amended or corrected is a reading; entered in error is so; else refused",
        "code": "kind of reading, by LOINC or by the portal's own code; others are counted",
        "subject": "whose it is",
        "effectiveDateTime": "the day",
        "effectivePeriod": "its first day",
        "effectiveInstant": "the day",
        "valueQuantity": "a number in its unit",
        "valueInteger": "a number",
        "valueCodeableConcept": "an answer by its code",
        "valueString": "an answer of a kind of our own",
        "valueDateTime": "a date of a kind of our own",
        "component": "each part whose code is read is a reading of its own",
    },
    "Practitioner": {"name": "prescriber"},
    "PractitionerRole": {"practitioner": "prescriber", "organization": "team"},
    "Organization": {"name": "team, or pharmacy"},
}
"""Of each resource, or part of one: each element that is read, and as what."""


_FIELD = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
_OF_A_DOSE = {
    "dosage_text": "text",
    "dose": "doseAndRate",
    "dose_unit": "doseAndRate",
    "dose_max": "doseAndRate",
    "times_per_day": "timing.repeat",
    "times_per_day_max": "timing.repeat",
    "schedule": "timing.repeat",
    "start_minute": "timing.repeat",
    "as_needed": "asNeeded[x]",
    "max_per_day": "maxDosePerPeriod",
    "route": "route",
}


def _medicine(dosage: str, **others: str) -> dict[str, str]:
    """What a type of medicine calls the fields of an order; `dosage` holds what is of the dose."""
    return {
        "medicine": "medication[x]",
        "codings": "medication[x]",
        "patient": "subject",
        "indication": "reasonCode",
        **{name: f"{dosage}.{element}" for name, element in _OF_A_DOSE.items()},
        **others,
    }


CALLED = {
    "Patient": {
        "identifiers": "identifier",
        "family_name": "name.family",
        "given_name": "name.given",
        "birth_date": "birthDate",
        "sex": "gender",
        "deceased": "deceased[x]",
        "deceased_on": "deceased[x]",
    },
    "MedicationRequest": _medicine(
        "dosageInstruction",
        written_on="authoredOn",
        start_on="dosageInstruction.timing.repeat.boundsPeriod.start",
        end_on="dosageInstruction.timing.repeat.boundsPeriod.end",
        prescriber="requester",
        team="requester",
        quantity="dispenseRequest.quantity",
        quantity_unit="dispenseRequest.quantity",
        quantity_text="dispenseRequest.quantity",
        days_supply="dispenseRequest.expectedSupplyDuration",
        repeats_allowed="dispenseRequest.numberOfRepeatsAllowed",
        issue_days="dispenseRequest.dispenseInterval",
        valid_until="dispenseRequest.validityPeriod",
        pharmacy="dispenseRequest.performer",
        setting="category",
        status_reason="statusReason",
    ),
    "MedicationDispense": _medicine(
        "dosageInstruction",
        start_on="whenHandedOver",
        dispensed_on="whenHandedOver",
        quantity_unit="quantity",
        quantity_text="quantity",
        days_supply="daysSupply",
        indication="authorizingPrescription",
        setting="authorizingPrescription",
        prescriber="authorizingPrescription",
        pharmacy="performer",
    ),
    "MedicationStatement": _medicine(
        "dosage",
        written_on="dateAsserted",
        start_on="effective[x]",
        end_on="effective[x]",
        status_reason="statusReason",
    ),
    "MedicationAdministration": _medicine(
        "dosage", start_on="effective[x]", end_on="effective[x]", setting="category"
    ),
    "Condition": {
        "patient": "subject",
        "text": "code",
        "codings": "code",
        "onset_on": "onset[x]",
        "ended_on": "abatement[x]",
        "status": "clinicalStatus",
    },
    "AllergyIntolerance": {
        "text": "code",
        "codings": "code",
        "onset_on": "onset[x]",
        "status": "clinicalStatus",
    },
    "Observation": {
        "patient": "subject",
        "kind": "code",
        "value": "value[x]",
        "text": "value[x]",
        "unit": "valueQuantity.unit",
        "on": "effective[x]",
    },
}
"""By type: the element that a field of our record is made of, where it has another name."""


def called(kind: str, field: str) -> str:
    """The path of the element that a field of a record is made of: `MedicationRequest.authoredOn`.

    `field` may be the path of a part of it. One that no element is made into keeps its name.
    """
    first, dot, rest = field.partition(".")
    if dot and first == "patient":
        return called("Patient", rest)
    name = first.partition("[")[0]
    element = CALLED.get(kind, {}).get(name, name)
    return f"{kind}.{element}" if element else kind


def in_words(kind: str, reason: str) -> str:
    """A reason that may name further fields of the record, by their elements."""
    named = CALLED.get(kind, {})
    return _FIELD.sub(lambda found: named.get(found[0], found[0]), reason)
