"""Medicines, and orders, hand-overs, reports and administrations of them."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from reviews.fhir.render import elements
from reviews.fhir.render.elements import OURS, UNDERSTOOD, Json, said

ORDER = f"{OURS}order:"
"""What the names of our extensions of an order begin with: what FHIR has no element for."""
MEDICATION = f"{OURS}medication"
"""The extension that names the Medication of a concept."""
ROUTES = {
    "oral": ("26643006", "Oral route"),
    "sublingual": ("37839007", "Sublingual route"),
    "buccal": ("54471007", "Buccal route"),
    "nasal": ("46713006", "Nasal route"),
    "rectal": ("37161004", "Rectal route"),
    "transdermal": ("45890007", "Transdermal route"),
    "parenteral": ("78421000", "Intramuscular route"),
    "topical": ("6064005", "Topical route"),
}
SNOMED = "http://snomed.info/sct"
CATEGORY = "http://terminology.hl7.org/CodeSystem/medicationrequest-category"
CATEGORIES = {"community": "Community", "inpatient": "Inpatient"}
THERAPY = "http://terminology.hl7.org/CodeSystem/medicationrequest-course-of-therapy"
DISPENSED = {
    "active": "completed",
    "completed": "completed",
    "stopped": "stopped",
    "cancelled": "cancelled",
    "entered-in-error": "entered-in-error",
    "on-hold": "on-hold",
    "draft": "preparation",
    "unknown": "unknown",
}
"""Status of a hand-over by the status of the record that it is kept as."""
STATED = {
    "active": "active",
    "completed": "completed",
    "entered-in-error": "entered-in-error",
    "draft": "intended",
    "stopped": "stopped",
    "on-hold": "on-hold",
    "unknown": "unknown",
    "cancelled": "not-taken",
}
GIVEN = {
    "active": "in-progress",
    "completed": "completed",
    "entered-in-error": "entered-in-error",
    "draft": "unknown",
    "stopped": "stopped",
    "on-hold": "on-hold",
    "unknown": "unknown",
    "cancelled": "not-done",
}
MOST_IN_A_PERIOD = 366


class Part(NamedTuple):
    """One ingredient that was recognised: key, name, ATC code, and the most mg a day."""

    key: str
    name: str
    atc: str
    mg_per_day: float | None


class Understood(NamedTuple):
    """What the portal read out of an order. `missing` says why the length is not known."""

    recognised: bool
    parts: tuple[Part, ...]
    start: date | None
    end: date | None
    missing: tuple[str, ...]
    notes: tuple[str, ...]


class Order(NamedTuple):
    """A version of an order as kept; amounts None: not known. Days, minutes, units as there.

    `medicine` is as `ordered` makes it: many orders share one.
    """

    source: tuple[str, str]
    patient_id: int
    medicine: Json
    status: str
    status_reason: str
    dose: Decimal | None
    dose_max: Decimal | None
    dose_unit: str
    times: Decimal | None
    times_max: Decimal | None
    as_needed: bool
    max_per_day: Decimal | None
    schedule: tuple[tuple[float, int], ...]
    dosage_text: str
    route: str
    start_on: date | None
    end_on: date | None
    start_at: datetime | None
    quantity: Decimal | None
    quantity_unit: str
    quantity_text: str
    days_supply: int | None
    repeats_allowed: int | None
    issue_days: int | None
    valid_until: date | None
    written_on: date | None
    dispensed_on: date | None
    indication: tuple[str, str]
    setting: str
    repeat_template: bool
    prescriber: Json
    recorder: Json
    pharmacy: str
    extensions: tuple[Json, ...]
    understood: Understood | None


def ordered(medicine_id: int, text: str, codings: tuple[Json, ...]) -> Json:
    """The concept of what is ordered, which leads to its Medication."""
    leads = elements.reference("Medication", medicine_id)
    return elements.concept(text, codings) | {
        "extension": [elements.extension(MEDICATION, valueReference=leads)]
    }


def medication(text: str, codings: tuple[Json, ...], key: str) -> Json:
    return elements.resource(
        "Medication",
        identifier=[elements.identifier(f"{OURS}medicine", key)],
        code=elements.concept(text, codings),
    )


def request(order: Order) -> Json:
    return elements.resource(
        "MedicationRequest",
        **_common(order),
        status=order.status,
        statusReason=elements.concept(order.status_reason) if order.status_reason else None,
        intent="order",
        category=[_category(order.setting)] if order.setting in CATEGORIES else None,
        subject=elements.reference("Patient", order.patient_id),
        authoredOn=elements.when(order.written_on),
        requester=order.prescriber,
        recorder=order.recorder,
        courseOfTherapyType=elements.concept(
            "", [elements.coding(THERAPY, "continuous", "Continuous long term therapy")]
        )
        if order.repeat_template
        else None,
        reasonCode=_reason(order),
        dosageInstruction=dosages(order),
        dispenseRequest=_supply(order),
    )


def dispense(order: Order) -> Json:
    performer = [{"actor": elements.named(order.pharmacy)}] if order.pharmacy else None
    return elements.resource(
        "MedicationDispense",
        **_common(order),
        status=DISPENSED[order.status],
        subject=elements.reference("Patient", order.patient_id),
        performer=performer,
        quantity=_quantity(order),
        daysSupply=elements.days(order.days_supply),
        whenHandedOver=elements.when(order.dispensed_on or order.start_on),
        dosageInstruction=dosages(order),
        note=_note(order),
    )


def statement(order: Order) -> Json:
    return elements.resource(
        "MedicationStatement",
        **_common(order),
        status=STATED[order.status],
        statusReason=[elements.concept(order.status_reason)] if order.status_reason else None,
        subject=elements.reference("Patient", order.patient_id),
        effectivePeriod=elements.period(order.start_on, _end(order)),
        dateAsserted=elements.when(order.written_on),
        reasonCode=_reason(order),
        dosage=dosages(order),
    )


def administration(order: Order) -> Json:
    """When it was given is required: where nobody knows, that is said in its place."""
    dose = elements.quantity(order.dose, order.dose_unit)
    effective = elements.period(order.start_on, _end(order))
    return elements.resource(
        "MedicationAdministration",
        **_common(order),
        status=GIVEN[order.status],
        statusReason=[elements.concept(order.status_reason)] if order.status_reason else None,
        subject=elements.reference("Patient", order.patient_id),
        effectivePeriod=effective or elements.absent(),
        reasonCode=_reason(order),
        # Without a dose there is no dosage to speak of (mad-1): its text is a note then.
        dosage=said(text=elements.words(order.dosage_text), route=_route(order.route), dose=dose)
        if dose
        else None,
        note=_note(order) if not dose else None,
    )


def _common(order: Order) -> dict[str, Any]:
    return {
        "identifier": [elements.source(*order.source)],
        "medicationCodeableConcept": order.medicine,
        "extension": [*order.extensions, *_understood(order.understood)],
    }


# There are few of these, and each order has them: they are made once, and nobody alters them.


@lru_cache(maxsize=100)
def _category(setting: str) -> Json:
    return elements.concept("", [elements.coding(CATEGORY, setting, CATEGORIES[setting])])


@lru_cache(maxsize=1_000)
def _indication(code: str, label: str) -> Json:
    return elements.own("indication", code, label)


@lru_cache(maxsize=elements.MOST_KNOWN)
def _drug(key: str, name: str, atc: str) -> Json:
    codings = [elements.coding(f"{OURS}drug", key, name)]
    if atc:
        codings.append(elements.coding("http://www.whocc.no/atc", atc))
    return elements.concept(name, codings)


def _reason(order: Order) -> list[Json]:
    code, label = order.indication
    return [] if code == "unknown" else [_indication(code, label)]


def _note(order: Order) -> list[Json]:
    text = elements.words(order.dosage_text)
    return [{"text": text}] if text and not dosages(order) else []


# -- Dosage ------------------------------------------------------------------------------------


def dosages(order: Order) -> list[Json]:
    """The instruction; for amounts that change, one for each stretch of days."""
    if order.schedule:
        return _steps(order)
    highest = None
    if order.max_per_day is not None:
        highest = {
            "numerator": elements.quantity(order.max_per_day, order.dose_unit),
            "denominator": {"value": 1, "unit": "day", "system": elements.UCUM, "code": "d"},
        }
    one = said(
        text=elements.words(order.dosage_text),
        timing=_timing(order),
        asNeededBoolean=True if order.as_needed else None,
        route=_route(order.route),
        doseAndRate=_dose(order.dose, order.dose_max, order.dose_unit),
        maxDosePerPeriod=highest,
    )
    return [one] if one else []


def _steps(order: Order) -> list[Json]:
    steps: list[Json] = []
    start = order.start_on
    for sequence, (per_day, days) in enumerate(order.schedule, start=1):
        bounds: Json = {"boundsDuration": elements.days(days)}
        if start is not None:
            last = start + timedelta(days=max(days, 1) - 1)
            bounds = {"boundsPeriod": elements.period(start, last)}
            start = last + timedelta(days=1)
        steps.append(
            said(
                sequence=sequence,
                text=elements.words(order.dosage_text) if sequence == 1 else None,
                timing={"repeat": {**bounds, "frequency": 1, "period": 1, "periodUnit": "d"}},
                asNeededBoolean=True if order.as_needed else None,
                route=_route(order.route),
                doseAndRate=_dose(Decimal(str(per_day)), None, order.dose_unit),
            )
        )
    return steps


def _timing(order: Order) -> Json:
    timing: Json = {}
    # The time of the first dose, where that is known.
    if order.start_at:
        timing["event"] = [elements.instant(order.start_at)]
    repeat = _often(order.times, order.times_max)
    if bounds := elements.period(order.start_on, order.end_on):
        repeat = {"boundsPeriod": bounds, **repeat}
    if repeat:
        timing["repeat"] = repeat
    return timing


@lru_cache(maxsize=1_000)
def _often(times: Decimal | None, most: Decimal | None) -> Json:
    """So many times in so many days: FHIR counts whole times only."""
    if times is None:
        return {}
    often = Fraction(times).limit_denominator(MOST_IN_A_PERIOD)
    if often.numerator == 0:
        return {}
    repeat: Json = {
        "frequency": often.numerator,
        "period": often.denominator,
        "periodUnit": "d",
    }
    if most is not None and most > times:
        highest = Fraction(most).limit_denominator(MOST_IN_A_PERIOD) * often.denominator
        if highest.denominator == 1:
            repeat["frequencyMax"] = highest.numerator
    return repeat


def _dose(dose: Decimal | None, most: Decimal | None, unit: str) -> list[Json]:
    if most is not None:
        return [
            {
                "doseRange": said(
                    low=elements.quantity(dose, unit), high=elements.quantity(most, unit)
                )
            }
        ]
    return [{"doseQuantity": elements.quantity(dose, unit)}] if dose is not None else []


@lru_cache(maxsize=1_000)
def _route(route: str) -> Json:
    if route not in ROUTES:
        return elements.concept(route)
    code, display = ROUTES[route]
    return elements.concept(route, [elements.coding(SNOMED, code, display)])


# -- Supply ------------------------------------------------------------------------------------


def _quantity(order: Order) -> Json:
    found = elements.quantity(order.quantity, order.quantity_unit)
    if not found and order.quantity_text:
        return {"unit": elements.words(order.quantity_text)}
    return found


def _supply(order: Order) -> Json:
    return said(
        validityPeriod=elements.period(None, order.valid_until) if order.valid_until else None,
        numberOfRepeatsAllowed=order.repeats_allowed,
        dispenseInterval=elements.days(order.issue_days),
        quantity=_quantity(order),
        expectedSupplyDuration=elements.days(order.days_supply),
        performer=elements.named(order.pharmacy) if order.pharmacy else None,
    )


def _end(order: Order) -> date | None:
    if order.end_on or order.start_on is None or not order.days_supply:
        return order.end_on
    return order.start_on + timedelta(days=order.days_supply - 1)


# -- What was understood -----------------------------------------------------------------------


@lru_cache(maxsize=elements.MOST_KNOWN)
def _recognised(parts: tuple[Part, ...]) -> list[Json]:
    """What is said of each part: few medicines in few doses make up most orders."""
    said_of: list[Json] = []
    for part in parts:
        concept = _drug(part.key, part.name, part.atc)
        said_of.append({"url": "medicine", "valueCodeableConcept": concept})
        if part.mg_per_day is not None:
            amount = elements.quantity(round(part.mg_per_day, 4), "mg")
            said_of.append({"url": "dailyDose", "valueQuantity": amount})
    return said_of


def _understood(found: Understood | None) -> list[Json]:
    if found is None:
        return []
    parts: list[Json] = [
        {"url": "recognised", "valueBoolean": found.recognised},
        *_recognised(found.parts),
    ]
    if found.start:
        parts.append({"url": "start", "valueDate": found.start.isoformat()})
    if found.start and found.end:
        parts.append({"url": "end", "valueDate": found.end.isoformat()})
        parts.append({"url": "days", "valueInteger": (found.end - found.start).days + 1})
    parts += [{"url": "notKnown", "valueString": one} for one in found.missing if one]
    parts += [{"url": "note", "valueString": one} for one in found.notes if one]
    return [{"url": UNDERSTOOD, "extension": parts}]
