"""Conditions, allergies and observations."""

from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from reviews.fhir.render import elements
from reviews.fhir.render.elements import OURS, UNDERSTOOD, Json

_TERMS = "http://terminology.hl7.org/CodeSystem"
LOINC = "http://loinc.org"
_PROBLEM = [
    elements.concept(
        "",
        [elements.coding(f"{_TERMS}/condition-category", "problem-list-item", "Problem List Item")],
    )
]


class Fact(NamedTuple):
    """A version of a condition or an allergy."""

    source: tuple[str, str]
    patient_id: int
    text: str
    codings: tuple[Json, ...]
    status: str
    onset_on: date | None
    ended_on: date | None
    recorded_at: datetime
    recorder: Json


def condition(fact: Fact) -> Json:
    """In error, it has no clinical status (con-5); ended, it is not active (con-4)."""
    wrong = fact.status == "entered-in-error"
    over = fact.status == "resolved" or fact.ended_on is not None
    code = elements.concept(fact.text, fact.codings)
    return elements.resource(
        "Condition",
        identifier=[elements.source(*fact.source)],
        clinicalStatus=None if wrong else _status("condition-clinical", over=over),
        verificationStatus=_verified("condition-ver-status", wrong=wrong),
        category=_PROBLEM,
        code=code,
        subject=elements.reference("Patient", fact.patient_id),
        onsetDateTime=elements.when(fact.onset_on),
        abatementDateTime=elements.when(fact.ended_on),
        recordedDate=elements.instant(fact.recorded_at),
        recorder=fact.recorder,
        extension=_understood(fact, code),
    )


def allergy(fact: Fact) -> Json:
    """In error, it has no clinical status (ait-2)."""
    wrong = fact.status == "entered-in-error"
    over = fact.status == "resolved" or fact.ended_on is not None
    code = elements.concept(fact.text, fact.codings)
    return elements.resource(
        "AllergyIntolerance",
        identifier=[elements.source(*fact.source)],
        clinicalStatus=None if wrong else _status("allergyintolerance-clinical", over=over),
        verificationStatus=_verified("allergyintolerance-verification", wrong=wrong),
        code=code,
        patient=elements.reference("Patient", fact.patient_id),
        onsetDateTime=elements.when(fact.onset_on),
        recordedDate=elements.instant(fact.recorded_at),
        recorder=fact.recorder,
        extension=_understood(fact, code),
    )


# There are few of these, and each has them: they are made once, and nobody alters them.


@lru_cache(maxsize=10)
def _status(system: str, *, over: bool) -> Json:
    code = "resolved" if over else "active"
    return elements.concept("", [elements.coding(f"{_TERMS}/{system}", code)])


@lru_cache(maxsize=10)
def _verified(system: str, *, wrong: bool) -> Json:
    code = "entered-in-error" if wrong else "confirmed"
    return elements.concept("", [elements.coding(f"{_TERMS}/{system}", code)])


def _understood(fact: Fact, code: Json) -> list[Json]:
    parts: list[Json] = [{"url": "concept", "valueCodeableConcept": code}]
    for name, day in (("start", fact.onset_on), ("end", fact.ended_on)):
        if day:
            parts.append({"url": name, "valueDate": day.isoformat()})
    return [{"url": UNDERSTOOD, "extension": parts}]


class Measured(NamedTuple):
    """A version of a reading. `choices` are (code, words) of an answer that is one of a list."""

    source: tuple[str, str]
    patient_id: int
    kind: str
    label: str
    loinc: tuple[str, ...]
    value: Decimal | None
    unit: str
    choices: tuple[tuple[str, str], ...]
    day: str
    text: str
    dated_on: date
    status: str
    recorded_at: datetime


def observation(measured: Measured) -> Json:
    codings = [elements.coding(f"{OURS}reading", measured.kind, measured.label)]
    codings += [elements.coding(LOINC, code) for code in measured.loinc]
    code = elements.concept(measured.label, codings)
    answer = _answer(measured)
    return elements.resource(
        "Observation",
        identifier=[elements.source(*measured.source)],
        status=measured.status,
        code=code,
        subject=elements.reference("Patient", measured.patient_id),
        effectiveDateTime=measured.dated_on.isoformat(),
        issued=elements.instant(measured.recorded_at),
        extension=[
            {
                "url": UNDERSTOOD,
                "extension": [
                    {"url": "concept", "valueCodeableConcept": code},
                    {"url": "start", "valueDate": measured.dated_on.isoformat()},
                    *({"url": "value", name: said} for name, said in answer.items()),
                ],
            }
        ],
        **answer,
    )


def _answer(measured: Measured) -> dict[str, Any]:
    if measured.choices:
        codings = [
            elements.coding(f"{OURS}reading:{measured.kind}", code, label)
            for code, label in measured.choices
        ]
        text = ", ".join(label for _, label in measured.choices)
        return {"valueCodeableConcept": elements.concept(text, codings)}
    if measured.day:
        return {"valueDateTime": measured.day}
    if measured.value is not None:
        value = elements.number(measured.value)
        unit = measured.unit
        if unit in MEASURES:
            return {
                "valueQuantity": {
                    "value": value,
                    "unit": unit,
                    "system": elements.UCUM,
                    "code": MEASURES[unit],
                }
            }
        return {"valueQuantity": elements.said(value=value, unit=elements.words(unit))}
    return elements.said(valueString=elements.words(measured.text))


MEASURES = {"mL/min/1.73m2": "mL/min/{1.73_m2}", "kPa": "kPa", "mmHg": "mm[Hg]", "%": "%"}
"""UCUM's code of the units of readings."""
