"""One order written as REST, as FHIR in several ways, as STU3 and in English is one exposure."""

import json
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from reviews import dossiers, records
from reviews.fhir.read import bundle
from reviews.rules.screen import screen
from tests.rules.book import BOOK, DAY0, person

MEDICINES = ("Diazepam 5 mg tablets", "Zopiclone 7.5 mg tablets", "Lorazepam 1 mg tablets")
# Times a day: the same as several Timings, and in words.
OFTEN = {
    Fraction(1): (
        "once a day",
        {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
        {"repeat": {"period": 24, "periodUnit": "h"}},
        {"repeat": {"when": ["HS"]}},
        {"code": {"text": "QD"}},
    ),
    Fraction(2): (
        "twice a day",
        {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
        {"repeat": {"period": 12, "periodUnit": "h"}},
        {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d", "when": ["MORN", "EVE"]}},
        {"code": {"coding": [{"code": "BID"}]}},
    ),
    Fraction(3): (
        "three times a day",
        {"repeat": {"frequency": 3, "period": 1, "periodUnit": "d"}},
        {"repeat": {"frequency": 1, "period": 8, "periodUnit": "h"}},
        {"repeat": {"timeOfDay": ["08:00:00", "14:00:00", "20:00:00"]}},
        {"code": {"text": "tds"}},
    ),
    Fraction(1, 2): (
        "every other day",
        {"repeat": {"frequency": 1, "period": 2, "periodUnit": "d"}},
        {"repeat": {"frequency": 1, "period": 48, "periodUnit": "h"}},
        {"code": {"text": "QOD"}},
    ),
    Fraction(3, 7): (
        "three times a week",
        {"repeat": {"frequency": 3, "period": 1, "periodUnit": "wk"}},
        {
            "repeat": {
                "frequency": 3,
                "period": 1,
                "periodUnit": "wk",
                "dayOfWeek": ["mon", "wed", "fri"],
            }
        },
        {
            "repeat": {
                "frequency": 1,
                "period": 1,
                "periodUnit": "d",
                "dayOfWeek": ["tue", "thu", "sat"],
            }
        },
    ),
    Fraction(1, 7): (
        "once a week",
        {"repeat": {"frequency": 1, "period": 1, "periodUnit": "wk"}},
        {"repeat": {"frequency": 1, "period": 7, "periodUnit": "d"}},
        {"repeat": {"dayOfWeek": ["mon"]}},
        {"code": {"text": "WK"}},
    ),
}
PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "identifier": [{"system": "mrn", "value": "1"}],
    "name": [{"family": "Bell"}],
}


def by_rest(medicine, dose, times, quantity, as_needed):
    return {
        "medicine": medicine,
        "dose": dose,
        "dose_unit": "tablet",
        "times_per_day": round(float(times), 4),
        "quantity": quantity,
        "quantity_unit": "tablet",
        "as_needed": as_needed,
        "start_on": DAY0.isoformat(),
    }


def by_fhir(medicine, quantity, instruction):
    request = {
        "resourceType": "MedicationRequest",
        "id": "m",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p"},
        "medicationCodeableConcept": {"text": medicine},
        "dosageInstruction": [instruction],
        "dispenseRequest": {
            "quantity": {"value": quantity, "unit": "tablet"},
            "validityPeriod": {"start": DAY0.isoformat()},
        },
    }
    entries = [{"resource": PATIENT}, {"resource": request}]
    content = bundle.read(
        json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode(),
        source="ehr",
    )
    ((_, record),) = content.prescriptions
    return {
        name: value for name, value in record.items() if name not in ("source_id", "patient")
    }, [note.reason for note in content.notes]


def judged(record, days):
    """Exposure, findings and gaps of somebody who takes this alone; not how it was worked out."""
    line = dossiers.line(records.convert(record, records.PrescriptionRecord), line_id=1)
    said = screen(person(line, as_of=days, birth=DAY0 - timedelta(days=70 * 366)), BOOK)
    exposure = said.exposure and replace(said.exposure, notes=())
    return exposure, said.findings, said.not_evaluable


@given(
    st.sampled_from(MEDICINES),
    st.sampled_from([0.5, 1, 1.5, 2, 3]),
    st.sampled_from(sorted(OFTEN)),
    st.integers(4, 120),
    st.booleans(),
    st.integers(0, 60),
)
def test_one_order_is_one_exposure_however_it_is_written(
    medicine, dose, times, quantity, as_needed, days
):
    expected = judged(by_rest(medicine, dose, times, quantity, as_needed), days)
    words, *timings = OFTEN[times]
    given_dose = {"doseQuantity": {"value": dose, "unit": "tablet"}}
    for timing in timings:
        said = {"timing": timing, "asNeededBoolean": as_needed}
        for instruction in (said | {"doseAndRate": [given_dose]}, said | given_dose):
            record, notes = by_fhir(medicine, quantity, instruction)
            assert notes == []
            assert judged(record, days) == expected, timing
    amount = {0.5: "half a tablet", 1.5: "one and a half tablets"}.get(dose, f"{dose} tablets")
    text = f"Take {amount} {words}{' when required' if as_needed else ''}"
    record, _ = by_fhir(medicine, quantity, {"text": text})
    assert judged(record, days) == expected, text
