"""What the feed of a hospital sends of people of the demo, which nobody but a person can settle."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from reviews.models import Identifier, Patient, Practice
from reviews.seeding import numbers
from reviews.seeding.surgeries import HARBOUR
from reviews.verbs import clients, sync

SOURCE = "hospital-demo"
ANOTHER = {
    "family_name": "Pym",
    "given_name": "Kofi",
    "birth_date": "2009-09-09",
    "sex": "male",
}
"""Nobody at the practice: not the age of anybody who is told of."""


def send(today: date) -> None:
    """Send what cannot be filed: a number of somebody else, a second number, what nobody can read.

    For three people of the first practice with a number: a record of somebody else comes under the
    number of the first, one of the second under a number of the hospital's own, and of the third a
    medicine in a dose that does not exist.
    """
    practice = Practice.objects.get(code=HARBOUR.code)
    known = list(
        Identifier.objects.filter(
            practice=practice,
            system=numbers.NHS_NUMBER,
            patient__deceased_on=None,
            patient__prescriptions__medicine__text__istartswith="diazepam",
        )
        .order_by("patient_id")
        .distinct("patient_id")
        .select_related("patient")[:3]
    )
    if len(known) < 3:
        return
    rows = enumerate(_records(known, today - timedelta(days=2)))
    by = clients.importer(practice=practice, source_system=SOURCE)
    sync.prescriptions(rows=rows, source_system=SOURCE, by=by)


def _records(known: list[Identifier], day: date) -> Iterator[dict[str, Any]]:
    first, second, third = known
    own = {"system": "https://hospital.example/patient", "value": "H0004711"}
    yield _morphine("ward-1", ANOTHER, _number(first), day)
    yield _morphine("ward-2", _said(second.patient), own, day)
    yield _morphine("ward-3", _said(third.patient), _number(third), day) | {"dose_unit": "spoon"}


def _morphine(
    source_id: str, person: dict[str, Any], number: dict[str, str], day: date
) -> dict[str, Any]:
    return {
        "source_id": source_id,
        "practice": HARBOUR.code,
        "patient": {**person, "identifiers": [number]},
        "medicine": "Morphine sulfate 10 mg tablets",
        "dose": 1,
        "dose_unit": "tablet",
        "times_per_day": 2,
        "days_supply": 14,
        "written_on": day.isoformat(),
        "indication": "pain",
        "prescriber": "Dr Okoro, surgical ward",
    }


def _number(identifier: Identifier) -> dict[str, str]:
    return {"system": identifier.system, "value": identifier.value}


def _said(patient: Patient) -> dict[str, Any]:
    return {
        "family_name": patient.family_name,
        "given_name": patient.given_name,
        "birth_date": patient.birth_date and patient.birth_date.isoformat(),
        "sex": patient.sex,
    }
