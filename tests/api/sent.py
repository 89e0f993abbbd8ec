"""Records as client systems send them."""

from tests import make


def patient(number="1", **changes):
    return {
        "identifiers": [{"system": "nhs", "value": number}],
        "family_name": "Bell",
        "given_name": "Jonathan",
        "birth_date": make.birth_date(45).isoformat(),
        "sex": "male",
        **changes,
    }


def prescription(source_id="rx-1", number="1", *, start=-34, days=35, **changes):
    """Diazepam for anxiety from `start` days from today for `days`."""
    return {
        "source_id": source_id,
        "patient": patient(number),
        "medicine": "Diazepam 5 mg tablets",
        "codings": [{"system": "rxnorm", "code": "197591", "display": "diazepam 5 MG Oral Tablet"}],
        "dose": 1,
        "dose_unit": "tablet",
        "times_per_day": 2,
        "quantity": days * 2,
        "quantity_unit": "tablet",
        "days_supply": days,
        "start_on": make.day(start).isoformat(),
        "indication": "anxiety",
        "prescriber": "Dr Moreau",
        **changes,
    }


def condition(source_id="c-1", number="1", **changes):
    return {
        "source_id": source_id,
        "patient": patient(number),
        "text": "Sleep apnoea",
        "codings": [{"system": "http://snomed.info/sct", "code": "73430006"}],
        "onset_on": "2020-02-01",
        **changes,
    }


def reading(source_id="o-1", number="1", **changes):
    """An eGFR of ten days ago."""
    return {
        "source_id": source_id,
        "patient": patient(number),
        "kind": "egfr",
        "value": 48.5,
        "unit": "mL/min/1.73m2",
        "on": make.day(-10).isoformat(),
        **changes,
    }
