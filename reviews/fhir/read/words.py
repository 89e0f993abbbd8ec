"""FHIR's codes and units as our own: units, routes, times a day, days, and indications."""

import re
from datetime import date, datetime, time
from fractions import Fraction
from math import ceil

from reviews.fhir.read.resources import Concept, Quantity
from reviews.fields import PRESCRIPTION
from reviews.rules import quantities
from reviews.rules.indications import INDICATIONS
from reviews.rules.readings import KINDS

# UCUM codes and the words that systems write in their place. Another unit is not guessed.
UNITS = {
    "mg": "mg",
    "milligram": "mg",
    "milligrams": "mg",
    "ug": "microgram",
    "mcg": "microgram",
    "microgram": "microgram",
    "micrograms": "microgram",
    "g": "g",
    "gram": "g",
    "ml": "ml",
    "millilitre": "ml",
    "milliliter": "ml",
    "{tbl}": "tablet",
    "{tablet}": "tablet",
    "tab": "tablet",
    "tablet": "tablet",
    "tablets": "tablet",
    "{capsule}": "capsule",
    "{cap}": "capsule",
    "cap": "capsule",
    "capsule": "capsule",
    "capsules": "capsule",
    "{patch}": "patch",
    "patch": "patch",
    "patches": "patch",
    "[drp]": "drop",
    "{drop}": "drop",
    "drop": "drop",
    "drops": "drop",
    "{spray}": "spray",
    "spray": "spray",
    "sprays": "spray",
    "{suppository}": "suppository",
    "supp": "suppository",
    "suppository": "suppository",
    "suppositories": "suppository",
    "[iu]": "unit",
    "{unit}": "unit",
    "unit": "unit",
    "units": "unit",
    # SNOMED CT, as the NHS sends them: units of product usage and of presentation.
    "258684004": "mg",
    "258685003": "microgram",
    "258773002": "ml",
    "428673006": "tablet",
    "732936001": "tablet",
    "428641000": "capsule",
    "732937005": "capsule",
}
ONE = "1"
"""UCUM's unit of a plain number."""
MILLIGRAMS = {"mg": 1.0, "microgram": 0.001, "g": 1000.0}

# Days in FHIR's units of time. A month of supply is counted as 30 days.
DAYS = {
    "s": Fraction(1, 86_400),
    "min": Fraction(1, 1440),
    "h": Fraction(1, 24),
    "d": Fraction(1),
    "wk": Fraction(7),
    "mo": Fraction(30),
    "a": Fraction(365),
}
TIME_WORDS = {
    **dict.fromkeys(("hour", "hours", "hr", "hrs"), "h"),
    **dict.fromkeys(("day", "days", "24 hours"), "d"),
    **dict.fromkeys(("week", "weeks"), "wk"),
    **dict.fromkeys(("month", "months"), "mo"),
    **dict.fromkeys(("year", "years"), "a"),
}

# SNOMED CT codes of http://hl7.org/fhir/ValueSet/route-codes, and the words in their place.
ROUTES = {
    "26643006": "oral",
    "37839007": "sublingual",
    "54471007": "buccal",
    "46713006": "nasal",
    "37161004": "rectal",
    "45890007": "transdermal",
    "47625008": "parenteral",
    "78421000": "parenteral",
    "34206005": "parenteral",
    "6064005": "topical",
    "oral": "oral",
    "oral use": "oral",
    "by mouth": "oral",
    "po": "oral",
    "sublingual": "sublingual",
    "buccal": "buccal",
    "nasal": "nasal",
    "rectal": "rectal",
    "transdermal": "transdermal",
    "intravenous": "parenteral",
    "intramuscular": "parenteral",
    "subcutaneous": "parenteral",
    "topical": "topical",
    "inhalation": "inhaled",
    "inhaled": "inhaled",
}

# Our own names, for what FHIR R4 has no element or code for.
ORDER = "urn:prescription-safety-portal:order:"
READING_SYSTEM = "urn:prescription-safety-portal:reading"
EXTENSIONS = tuple(field.name for field in PRESCRIPTION if field.extension)

# courseOfTherapyType: HL7's "continuous", and the repeat dispensing of the English NHS.
ON_REPEAT = ("continuous", "continuous-repeat-dispensing")
NOT_ON_REPEAT = ("acute", "seasonal")
GOES_ON = re.compile(r"continuous|long.?term|repeat", re.IGNORECASE)
# How the British profiles (UK Core, CareConnect) say what was authorised, by the end of their URIs.
REPEAT_INFORMATION = re.compile(r"/Extension-\S*MedicationRepeatInformation(-\d+)?$")
ALLOWED = ("numberOfRepeatPrescriptionsAllowed", "numberOfRepeatsAllowed")
AUTHORISED_UNTIL = "authorisationExpiryDate"
# http://terminology.hl7.org/CodeSystem/v3-ActCode: first fill, complete, partial, and emergency.
FIRST_FILL = ("FF", "FFC", "FFP", "FFCS", "FFPS", "FFSS", "TF", "EM")
# http://terminology.hl7.org/CodeSystem/medicationrequest-status-reason
CHANGE_REASONS = {"hospadm": "admission", "sintol": "adverse_effect", "salg": "adverse_effect"}

SETTINGS = {"inpatient": "inpatient", "outpatient": "community", "community": "community"}

# ICD-10 and ICD-10-CM, by the start of the code.
ICD_10 = {
    "F41.0": "panic_disorder",
    "F41.1": "gad",
    "F41": "anxiety",
    "F51.0": "insomnia",
    "G47.0": "insomnia",
    "F10.23": "alcohol_withdrawal",
    "F10.3": "alcohol_withdrawal",
    "F10.4": "alcohol_withdrawal",
    "G40": "epilepsy_adjunct",
    "G25.81": "restless_legs",
    "F40": "phobia",
    "F42": "ocd",
    "F43.1": "ptsd",
    "M62.83": "muscle_spasm_acute",
    "F11.2": "opioid_dependence",
}
ICD_SYSTEMS = ("http://hl7.org/fhir/sid/icd-10", "http://hl7.org/fhir/sid/icd-10-cm")
# Exact words only: "no anxiety" is not anxiety.
WORDS = {
    **{label.lower(): code for code, label in INDICATIONS.items()},
    **{code: code for code in INDICATIONS},
    "anxiety": "anxiety",
    "anxiety disorder": "anxiety",
    "generalized anxiety disorder": "gad",
    "insomnia": "insomnia",
    "chronic insomnia": "insomnia",
    "epilepsy": "epilepsy_adjunct",
    "seizure disorder": "epilepsy_adjunct",
    "muscle spasm": "muscle_spasm_acute",
    "spasticity": "spasticity_neurological",
    "alcohol withdrawal syndrome": "alcohol_withdrawal",
    "restless legs": "restless_legs",
    "obsessive-compulsive disorder": "ocd",
}
# LOINC (loinc.org): the observations that are read, as our kinds of reading.
LOINC_SYSTEM = "http://loinc.org"
LOINC = {
    "33914-3": "egfr",  # MDRD
    "77147-7": "egfr",  # MDRD, without race
    "62238-1": "egfr",  # CKD-EPI 2009
    "98979-8": "egfr",  # CKD-EPI 2021
    "2703-7": "po2_kpa",  # arterial blood
    "2019-8": "pco2_kpa",  # arterial blood
    "75626-2": "audit_c",  # total score
    "44260-8": "phq9_item9",
    "82810-3": "pregnancy",
}
# Of each kind, the units (UCUM, or the words in their place) and what they are times our own.
PER_1_73 = ("mL/min/{1.73_m2}", "mL/min/{1.73m2}", "mL/min/1.73m2", "mL/min/1.73 m2")
READING_UNITS = {
    "egfr": dict.fromkeys((*PER_1_73, "mL/min/1.73_m2"), 1),
    "po2_kpa": {"kPa": 1, "mm[Hg]": 0.133322, "mmHg": 0.133322},
    "pco2_kpa": {"kPa": 1, "mm[Hg]": 0.133322, "mmHg": 0.133322},
    "audit_c": {"{score}": 1, "1": 1, "": 1, "points": 1},
    "phq9_item9": {"{score}": 1, "1": 1, "": 1, "points": 1},
}
# LOINC answers and SNOMED CT findings: the score, or the code of the answer.
ANSWERS = {
    "phq9_item9": {"LA6568-5": 0, "LA6569-3": 1, "LA6570-1": 2, "LA6571-9": 3},
    "pregnancy": {
        "LA15173-0": "unknown_trimester",
        "77386006": "unknown_trimester",
        "LA26683-5": "not_pregnant",
        "60001007": "not_pregnant",
    },
}
# SNOMED CT: no known allergy, to drugs, to food, of the environment.
NO_ALLERGY = ("716186003", "409137002", "429625007", "428607008")
# What a code of a Medication may be that names no product: the kinds of entry of the German KBV.
NOT_A_PRODUCT = ("https://fhir.kbv.de/CodeSystem/KBV_CS_ERP_Medication_Type",)
# One pack of a product, of which a Medication may say what it holds.
PACKS = (
    *("{package}", "{pack}", "{box}", "pack", "packs", "package", "packages", "box", "boxes"),
    *("packung", "packungen", "pck", "op", "boite", "boites", "boîte", "boîtes"),
)
_KIND = re.compile(r" \((disorder|finding|situation)\)$")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def unit(quantity: Quantity) -> str | None:
    """Our unit of a FHIR Quantity, or None when it is not one we know.

    None too where code and unit are two that differ: "mg" and "tablet".
    """
    said = [
        found
        for each in (quantity.code, quantity.unit)
        if (found := UNITS.get(each.strip().lower()) or quantities.unit_of(each))
    ]
    named = {each for each in said if each != "unit"}
    if len(named) > 1:
        return None
    return next(iter(named), None) or next(iter(said), None)


def dose_unit(quantity: Quantity) -> str | None:
    """The unit of a dose, which may be a number of what the product is."""
    said = {quantity.code.strip(), quantity.unit.strip()} - {""}
    return "unit" if said == {ONE} else unit(quantity)


def days(quantity: Quantity | None, *, up: bool = False) -> int | None:
    """Whole days of a FHIR Duration, or None when its unit or value is not known.

    `up`: a day that is begun counts, as for a time over which something is taken.
    """
    if quantity is None or quantity.value is None:
        return None
    long = part_of_days(quantity)
    return None if long is None else ceil(long) if up else int(long)


def part_of_days(quantity: Quantity) -> Fraction | None:
    """A FHIR Duration in days, 1 of its unit without a value; None when the unit is not known."""
    for said in (quantity.code, quantity.unit):
        code = TIME_WORDS.get(said.strip().lower(), said.strip())
        if code in DAYS:
            many = 1 if quantity.value is None else Fraction(str(quantity.value))
            return DAYS[code] * many
    return None


def day(text: str) -> date | None:
    """The calendar day of a FHIR date or dateTime as it was written; None for part of a date."""
    if not _DAY.match(text):
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def time_of_day(text: str) -> time | None:
    """The time of a FHIR dateTime as it was written; None for a date."""
    if "T" not in text:
        return None
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).time()
    except ValueError:
        return None


def route(concept: Concept) -> str | None:
    """Our route of a concept, or None."""
    said = [coding.code for coding in concept.coding]
    said += [coding.display.lower() for coding in concept.coding]
    said += [concept.text.lower()]
    for words in said:
        if found := ROUTES.get(words.removesuffix(" route").strip()):
            return found
    return None


def change_reason(concept: Concept) -> str | None:
    """Why an order differs from the one before or ended, where the code says so; or None."""
    said = (coding.code for coding in concept.coding)
    return next((CHANGE_REASONS[code] for code in said if code in CHANGE_REASONS), None)


def reading_kind(concept: Concept) -> str | None:
    """The kind of reading that an observation's code names, or None."""
    for coding in concept.coding:
        if coding.system == LOINC_SYSTEM and coding.code in LOINC:
            return LOINC[coding.code]
        if coding.system == READING_SYSTEM and coding.code in KINDS:
            return coding.code
    return None


def indication(concepts: list[Concept]) -> str | None:
    """The first indication that one of the concepts names, or None."""
    for concept in concepts:
        for coding in concept.coding:
            if coding.system in ICD_SYSTEMS:
                for start in sorted(ICD_10, key=len, reverse=True):
                    if coding.code.startswith(start):
                        return ICD_10[start]
        for words in (concept.text, *(coding.display for coding in concept.coding)):
            if found := WORDS.get(_KIND.sub("", words.strip().lower())):
                return found
    return None
