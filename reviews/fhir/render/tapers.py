"""Tapers as care plans: each step an activity."""

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from reviews.fhir.render import elements
from reviews.fhir.render.elements import OURS, Json

STATUSES = {
    "planned": "draft",
    "active": "active",
    "paused": "on-hold",
    "completed": "completed",
    "failed": "revoked",
    "cancelled": "revoked",
}


class Step(NamedTuple):
    """So many mg a day from a day on, to the day before the next step."""

    on: date
    until: date | None
    mg: Decimal
    words: str


class Taper(NamedTuple):
    """A version of a taper."""

    patient_id: int
    drug: tuple[str, str]
    status: str
    status_words: str
    steps: tuple[Step, ...]
    contacts: tuple[date, ...]
    reason: str
    opened_at: datetime
    author: Json


def care_plan(taper: Taper) -> Json:
    drug = elements.own("drug", *taper.drug)
    last = taper.steps[-1]
    return elements.resource(
        "CarePlan",
        extension=[elements.extension(f"{OURS}taper-state", valueCode=taper.status)],
        status=STATUSES[taper.status],
        intent="plan",
        category=[elements.own("care-plan", "taper", "Taper")],
        title=f"Taper of {taper.drug[1]}",
        description=elements.words(f"{taper.status_words}. {taper.reason}".strip()),
        subject=elements.reference("Patient", taper.patient_id),
        period=elements.period(taper.steps[0].on, None if last.mg else last.on),
        created=elements.instant(taper.opened_at),
        author=taper.author if "reference" in taper.author else None,
        activity=[
            {
                "detail": elements.said(
                    kind="MedicationRequest",
                    status="completed" if taper.status == "completed" else "scheduled",
                    scheduledPeriod=elements.period(step.on, step.until),
                    productCodeableConcept=drug,
                    dailyAmount=elements.quantity(step.mg, "mg"),
                    description=elements.words(step.words),
                )
            }
            for step in taper.steps
        ],
        note=[{"text": f"Contact on {day.isoformat()}"} for day in taper.contacts],
    )
