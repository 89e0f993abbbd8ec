"""Condition and AllergyIntolerance as records."""

from typing import Any

from reviews.fhir.read import resources, words
from reviews.fhir.read.file import File
from reviews.fhir.read.plain import Unreadable

RESOLVED = ("inactive", "remission", "resolved")


def condition(file: File, name: str, condition: resources.Condition) -> None:
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
        file.note(name, f"is {verified}: kept as a condition")
    record = {
        "source_id": name,
        "patient": file.subject(condition.subject),
        "text": file.cut(name, text, 300),
        "codings": file.codings(name, condition.code),
        "status": status,
    }
    for field_name, said in (
        ("onset_on", condition.onsetDateTime or condition.onsetPeriod.start),
        ("ended_on", condition.abatementDateTime or condition.abatementPeriod.end),
    ):
        file.put_day(name, record, field_name, said)
    file.content.conditions.append((name, record))


def allergy(file: File, name: str, allergy: resources.AllergyIntolerance) -> None:
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
        file.note(name, "says that no allergy is known: nothing is kept")
        return
    status = "resolved" if clinical in ("inactive", "resolved") else "active"
    if verified in ("refuted", "entered-in-error"):
        status = "entered-in-error"
    elif verified and verified != "confirmed":
        file.note(name, f"is {verified}: kept as an allergy")
    if allergy.type == "intolerance":
        file.note(name, "is an intolerance: kept as an allergy")
    record = {
        "source_id": name,
        "patient": file.subject(allergy.patient),
        "kind": "allergy",
        "text": file.cut(name, text, 300),
        "codings": file.codings(name, substance),
        "status": status,
    }
    file.put_day(name, record, "onset_on", allergy.onsetDateTime or allergy.onsetPeriod.start)
    file.content.conditions.append((name, record))


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
