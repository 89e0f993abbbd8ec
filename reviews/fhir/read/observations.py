"""Observation as readings."""

from typing import Any

from reviews.fhir.read import resources, words
from reviews.fhir.read.file import File
from reviews.fhir.read.plain import Unreadable
from reviews.rules.readings import CHECKLIST, DATE, KINDS, NUMBER, Kind

SETTLED = ("final", "amended", "corrected")


def observation(file: File, name: str, observation: resources.Observation) -> None:
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
        file.content.others["Observation"] += 1
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
    subject = file.subject(observation.subject)
    for part_id, kind, part in known:
        record = {
            "source_id": part_id,
            "patient": subject,
            "kind": kind,
            "on": on.isoformat(),
            "status": "final" if observation.status in SETTLED else "entered-in-error",
            **_answer(file, name, kind, part),
        }
        file.content.readings.append((name, record))


def _answer(
    file: File, name: str, kind: str, part: resources.Measured | resources.Observation
) -> dict[str, Any]:
    """The `value` or `text` of a reading."""
    known = KINDS[kind]
    if any(coding.system == words.READING_SYSTEM for coding in part.code.coding):
        return _own_answer(file, known, part)
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
        file.note(name, f"is “{quantity.comparator}{quantity.value:g}”: kept as that number")
    return {"value": round(quantity.value * units[unit], 4)}


def _own_answer(
    file: File, known: Kind, part: resources.Measured | resources.Observation
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
