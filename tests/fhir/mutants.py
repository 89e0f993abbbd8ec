"""Bundles as real systems send them, and the same with a few faults: fields gone, wrong types,
codes nobody knows, units swapped. A bundle is read and judged without a database.
"""

import copy
import json
import random
from datetime import date, timedelta
from typing import NamedTuple

from reviews import dossiers, records
from reviews.errors import BadRecord
from reviews.fhir.read import bundle
from reviews.rules import screen
from reviews.rules.dossier import Condition, Dossier

TODAY = date(2026, 11, 28)
# What a source means by one and writes as the other.
SWAPPED = {
    "mg": "ug",
    "ug": "mg",
    "tablet": "ml",
    "Tabletten": "Packung",
    "d": "wk",
    "wk": "d",
    "day": "week",
    "days": "Stück",
}
WRONG = [None, 7, -1, 0.5, 1e30, "", "perhaps", "0,5", True, [], {}, ["x"], {"x": 1}, [None]]
# Their absence is no fault: without them it is another record, of another day or another person,
# or of an order that nobody said may be repeated.
MEANT = {"resource", "entry", "numberOfRepeatsAllowed", "birthDate"}


class Page(NamedTuple):
    """What the page of the only person would be made of."""

    findings: set[str]
    not_evaluable: set[str]
    notes: list[str]
    unread: int

    @property
    def clear(self) -> bool:
        return not (self.findings or self.not_evaluable or self.unread)


def ago(days):
    return (TODAY - timedelta(days=days)).isoformat()


def judged(content, book):
    """The page of the person in a bundle."""
    found = bundle.read(json.dumps(content).encode(), source="ehr")
    notes = [said.reason for said in (*found.refused, *found.notes)]
    unread = sum(said.medicine is not None for said in found.refused)
    lines, conditions, person = [], [], {}
    for number, (_, whole) in enumerate(found.prescriptions, start=1):
        record, left_out = records.without_unusable(whole)
        notes += map(str, left_out)
        try:
            kept = records.convert(record, records.SyncedPrescription)
            records.check_prescription(kept)
        except BadRecord as error:
            notes.append(str(error))
            unread += 1
        else:
            lines.append(dossiers.line(kept, line_id=number, system="ehr"))
            if not book.recognise(lines[-1].medicine).parts:
                # The page counts those beside the medicines in hand.
                notes.append("a medicine is not recognised")
    for number, (_, record) in enumerate(found.conditions, start=1):
        try:
            kept = records.convert(record, records.SyncedCondition)
            records.check_condition(kept)
        except BadRecord as error:
            notes.append(str(error))
            continue
        if kept.status == "active":
            codings = tuple((coding.system, coding.code) for coding in kept.codings)
            conditions.append(
                Condition(number, codings, kept.text, kept.onset_on, kept.ended_on, kept.kind)
            )
    for _, record in found.patients:
        try:
            kept = records.convert(record, records.SyncedPatient)
            records.check_patient(kept, today=TODAY)
        except BadRecord as error:
            notes.append(str(error))
            # Nobody is registered, so no order of theirs is kept.
            unread += len(lines)
            lines = []
        else:
            person = {
                "birth_date": kept.birth_date,
                "sex": kept.sex or "unknown",
                "deceased_on": kept.deceased_on,
            }
    dossier = Dossier(
        patient_id=1, as_of=TODAY, lines=tuple(lines), conditions=tuple(conditions), **person
    )
    said = screen(dossier, book)
    return Page(
        {finding.rule_id for finding in said.findings if finding.severity < 4},
        {missing.rule_id for missing in said.not_evaluable},
        notes,
        unread,
    )


def mutant(content, seed):
    """`(the bundle with one to three faults, what they are)`; the same seed gives the same."""
    draw = random.Random(seed)
    changed = copy.deepcopy(content)
    faults = []
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        parts = list(_parts(changed))
        place, key, path = draw.choice(parts)
        value = place[key]
        kinds = ["type"]
        if key not in MEANT and not isinstance(key, int):
            kinds.append("gone")
        if isinstance(value, str):
            kinds.append("code")
        if value in SWAPPED if isinstance(value, str) else False:
            kinds += ["unit"] * 3
        kind = draw.choice(kinds)
        if kind == "gone":
            del place[key]
        elif kind == "code":
            place[key] = "zz-unknown"
        elif kind == "unit":
            place[key] = SWAPPED[value]
        else:
            place[key] = copy.deepcopy(draw.choice(_wrong(key, value)))
        faults.append(f"{path}: {kind} {place.get(key) if isinstance(place, dict) else ''}")
    return changed, faults


def _wrong(key, value):
    """What cannot be meant in a value's place: another number can be, and null is an absence."""
    wrong = WRONG
    if isinstance(value, int | float):
        wrong = [one for one in wrong if one not in (7, 0.5)]
    if key in MEANT:
        wrong = [one for one in wrong if one is not None]
    return wrong


def _parts(content):
    """Every member of every resource: (what holds it, its key, its path)."""
    for number, entry in enumerate(content["entry"]):
        yield from _members(entry["resource"], f"{number}")


def _members(place, path):
    pairs = place.items() if isinstance(place, dict) else enumerate(place)
    for key, value in list(pairs):
        yield place, key, f"{path}.{key}"
        if isinstance(value, dict | list):
            yield from _members(value, f"{path}.{key}")


# -- The bundles -----------------------------------------------------------------------------------

PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9434765919"}],
    "name": [{"use": "official", "family": "Bell", "given": ["Edith"]}],
    "gender": "female",
    "birthDate": "1944-05-06",
}
SUBJECT = {"reference": "Patient/p"}
TWICE = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}


def order(name, text, **more):
    return {
        "resourceType": "MedicationRequest",
        "id": name,
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"text": text},
        "subject": SUBJECT,
        "authoredOn": ago(60),
        "requester": {"display": "Dr Moreau"},
        "dosageInstruction": [
            {
                "text": "One twice a day",
                "timing": TWICE,
                "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}],
            }
        ],
        "dispenseRequest": {
            "quantity": {"value": 168, "unit": "tablet"},
            "expectedSupplyDuration": {"value": 84, "unit": "day", "code": "d"},
        },
        **more,
    }


def of(*resources, kind="collection"):
    entries = [{"resource": resource} for resource in (PATIENT, *resources)]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


BUNDLES = {
    "long use with an opioid": of(
        order("m", "Diazepam 5 mg tablets", reasonCode=[{"text": "Anxiety"}]),
        order("o", "Morphine 10 mg modified-release tablets"),
    ),
    "alone, with codes and repeats": of(
        order(
            "m",
            "Zopiclone 7.5 mg tablets",
            medicationCodeableConcept={
                "coding": [{"system": "http://www.whocc.no/atc", "code": "N05CF01"}],
                "text": "Zopiclone 7.5 mg tablets",
            },
            dispenseRequest={
                "quantity": {"value": 28, "unit": "tablet"},
                "expectedSupplyDuration": {"value": 28, "unit": "days", "code": "d"},
                "numberOfRepeatsAllowed": 5,
                "validityPeriod": {"start": ago(90), "end": ago(-90)},
            },
        )
    ),
    "handed out": of(
        order("m", "Lorazepam 1 mg tablets", status="completed"),
        {
            "resourceType": "MedicationDispense",
            "id": "d",
            "status": "completed",
            "medicationCodeableConcept": {"text": "Lorazepam 1 mg tablets"},
            "subject": SUBJECT,
            "authorizingPrescription": [{"reference": "MedicationRequest/m"}],
            "quantity": {"value": 180, "unit": "tablet"},
            "daysSupply": {"value": 90, "unit": "days", "code": "d"},
            "whenHandedOver": ago(60),
            "dosageInstruction": order("m", "")["dosageInstruction"],
        },
    ),
    "a list of what is taken": of(
        {
            "resourceType": "MedicationStatement",
            "id": "s",
            "status": "active",
            "medicationCodeableConcept": {"text": "Clonazepam 2 mg"},
            "subject": SUBJECT,
            "effectivePeriod": {"start": ago(200)},
            "dosage": [
                {
                    "timing": TWICE,
                    "doseAndRate": [{"doseQuantity": {"value": 2, "unit": "mg", "code": "mg"}}],
                }
            ],
        }
    ),
    "an ingredient": of(
        {
            "resourceType": "Medication",
            "id": "x",
            "form": {"text": "Tabletten"},
            "amount": {"numerator": {"value": 50, "unit": "Tabletten"}},
            "ingredient": [
                {
                    "itemCodeableConcept": {"text": "Diazepam"},
                    "strength": {"numerator": {"value": 5, "unit": "mg"}},
                }
            ],
        },
        {
            **order("m", ""),
            "medicationCodeableConcept": None,
            "medicationReference": {"reference": "Medication/x"},
            "dispenseRequest": {"quantity": {"value": 3, "unit": "Packung"}},
        },
    ),
    "an illness": of(
        order("m", "Temazepam 10 mg tablets"),
        {
            "resourceType": "Condition",
            "id": "c",
            "clinicalStatus": {"coding": [{"code": "active"}]},
            "code": {
                "coding": [{"system": "http://snomed.info/sct", "code": "73430006"}],
                "text": "Sleep apnoea",
            },
            "subject": SUBJECT,
            "onsetDateTime": "2020-02-01",
        },
    ),
}
