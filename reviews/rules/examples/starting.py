"""One of the software's own examples as the record of a new one, as far as such a record goes.

A record that a site adds (`added`) holds less than a dossier: no taper, no exemption, no last day.
What it has no room for is told, so that nobody takes the new example for the old one.
"""

from dataclasses import replace
from typing import Any, NamedTuple

from reviews.rules import weight
from reviews.rules.dossier import Condition, Dossier, Line, Reading
from reviews.rules.examples import added
from reviews.rules.examples.described import described


class Start(NamedTuple):
    """A record to begin from, and the sentences on the original that it does not bear out."""

    record: dict[str, Any]
    left_out: list[str]


def start_from(dossier: Dossier) -> Start:
    """The record of an example's person, as `added.read` reads it."""
    record: dict[str, Any] = {"sex": dossier.sex}
    if (age := weight.age(dossier.birth_date, dossier.as_of)) is not None:
        record["age"] = age
    written = {
        "medicines": [_medicine(line, dossier) for line in dossier.lines],
        "conditions": [_condition(each, dossier) for each in dossier.conditions],
        "readings": [_reading(each, dossier) for each in dossier.readings],
    }
    for name, rows in written.items():
        record[name] = [row for row in rows if _can_be_read(name, row)]
    try:
        held = described(added.read(record, dossier.profile))
    except added.Unreadable:
        held = described(replace(dossier, lines=(), deceased=False, deceased_on=None))[:1]
    return Start(record, [each for each in described(dossier) if each not in held])


def _medicine(line: Line, dossier: Dossier) -> dict[str, Any]:
    return {
        "text": line.medicine.text,
        "start": line.start_on and (line.start_on - dossier.as_of).days,
        "days": line.days_supply,
        "amount": _plain(line.dose),
        "unit": line.dose_unit,
        "times": _plain(line.times_per_day),
        "indication": line.indication,
    }


def _condition(condition: Condition, dossier: Dossier) -> dict[str, Any]:
    codes = [code for system, code in condition.codings if system == "icd10"]
    return {
        "text": condition.text if condition.kind == "condition" else "",
        "code": codes[0] if codes else "",
        "day": condition.onset_on and (condition.onset_on - dossier.as_of).days,
    }


def _reading(reading: Reading, dossier: Dossier) -> dict[str, Any]:
    return {
        "kind": reading.kind,
        "answer": reading.text if reading.value is None else _plain(reading.value),
        "day": reading.on and (reading.on - dossier.as_of).days,
    }


def _plain(value: float | None) -> float | None:
    """A number as people write it: 1, and not 1.0."""
    return int(value) if value is not None and value == int(value) else value


def _can_be_read(name: str, row: dict[str, Any]) -> bool:
    """Whether a row is one that an added example may hold; another fact of a kind is left out."""
    medicine = {"text": "x", "start": 0, "days": 1, "amount": 1, "unit": "tablet", "times": 1}
    whole = {"medicines": [{**medicine, "indication": "other"}]} | {name: [row]}
    try:
        added.read(whole, "UK")
    except added.Unreadable:
        return False
    return True
