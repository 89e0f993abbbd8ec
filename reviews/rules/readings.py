"""What may be recorded about a person besides medicines and diagnoses, and how long it speaks.

A reading is of one kind on one day. A *number* is kept in `Reading.value` in the kind's unit; a
*choice* keeps one code of `choices` in `Reading.text`; a *checklist* keeps the codes ticked in
`text`, separated by spaces (none ticked: "none"), and their count in `value`; a *date* keeps an ISO
date in `text`. `Reading.on` is the day it was measured, answered or done.

How long an answer speaks for the person is a product choice unless a rule names the time. An answer
older than that counts as not recorded.
"""

from datetime import date
from typing import NamedTuple

NUMBER = "number"
CHOICE = "choice"
CHECKLIST = "checklist"
DATE = "date"

YES_NO = {"yes": "Yes", "no": "No"}
DONE = {"done": "Done"}


class Kind(NamedTuple):
    """One kind of reading.

    `group` is a heading for forms. `unit`, `lowest` and `highest` belong to numbers (the range is
    what is plausible, ends included), `choices` (code: label) to choices and checklists.
    `valid_days` is how long an answer counts, None = until the next one. `rules` use it; what only
    people read, of a review, none does.
    """

    label: str
    shape: str
    group: str
    rules: tuple[str, ...]
    unit: str = ""
    lowest: float | None = None
    highest: float | None = None
    choices: dict[str, str] = {}
    valid_days: int | None = None


MEASURED = "Measurements"
LIFE = "Life and work"
FAMILY = "Pregnancy and breastfeeding"
SUBSTANCES = "Alcohol and substances"
CARE = "Reviews and care"
SAFETY = "Safety"
AT_A_REVIEW = "Asked at a structured review"


def _number(label, group, unit, plausible, *rules, valid_days):
    lowest, highest = plausible
    return Kind(label, NUMBER, group, rules, unit, lowest, highest, {}, valid_days)


def _choice(label, group, choices, valid_days, *rules):
    return Kind(label, CHOICE, group, rules, choices=choices, valid_days=valid_days)


def _checklist(label, group, choices, valid_days, *rules):
    return Kind(
        label,
        CHECKLIST,
        group,
        rules,
        unit="ticked",
        lowest=0,
        highest=len(choices),
        choices=choices,
        valid_days=valid_days,
    )


KINDS: dict[str, Kind] = {
    "egfr": _number(
        "Kidney function (eGFR)",
        MEASURED,
        "mL/min/1.73m2",
        (0, 200),
        "REN-01",
        "GAB-01",
        valid_days=730,
    ),
    "child_pugh": _choice(
        "Child-Pugh class",
        MEASURED,
        {"A": "A", "B": "B", "C": "C"},
        730,
        "HEP-01",
        "HEP-02",
    ),
    "alt_x_uln": _number(
        "ALT, times upper limit", MEASURED, "x ULN", (0, 200), "HEP-02", valid_days=180
    ),
    "fev1_percent": _number(
        "FEV1, % of predicted", MEASURED, "%", (5, 150), "RSP-01", valid_days=730
    ),
    "po2_kpa": _number("Arterial oxygen (pO2)", MEASURED, "kPa", (2, 80), "RSP-01", valid_days=365),
    "pco2_kpa": _number(
        "Arterial carbon dioxide (pCO2)", MEASURED, "kPa", (1, 30), "RSP-01", valid_days=365
    ),
    "home_oxygen": _choice("Oxygen at home", MEASURED, YES_NO, None, "RSP-01"),
    "cpap_adherence": _choice(
        "Sleep apnoea treatment (CPAP)",
        MEASURED,
        {"adherent": "Uses it", "nonadherent": "Does not use it", "untreated": "Not treated"},
        365,
        "RSP-02",
    ),
    "audit_c": _number("AUDIT-C", SUBSTANCES, "points", (0, 12), "ALC-01", valid_days=365),
    "alcohol_units_per_day": _number(
        "Alcohol, UK units a day", SUBSTANCES, "units/day", (0, 100), "ALC-01", valid_days=365
    ),
    "alcohol_use": _choice(
        "Alcohol use",
        SUBSTANCES,
        {"none": "None", "moderate": "Moderate", "heavy": "Heavy, daily"},
        365,
        "ALC-01",
    ),
    "non_prescribed_benzodiazepine": _choice(
        "Benzodiazepines not prescribed to the person", SUBSTANCES, YES_NO, 365, "ILL-01"
    ),
    "phq9_item9": _number("PHQ-9 item 9", SAFETY, "points", (0, 3), "SUI-01", valid_days=30),
    "reversal_given": _choice(
        "Overdose reversal given",
        SAFETY,
        {"flumazenil": "Flumazenil", "naloxone": "Naloxone"},
        731,
        "ODH-01",
    ),
    "naloxone": _choice(
        "Naloxone to take home",
        SAFETY,
        {
            "supplied": "Supplied",
            "offered": "Offered",
            "declined": "Offered and declined",
            "not_appropriate": "Not appropriate",
        },
        365,
        "OPI-03",
    ),
    "complex_sleep_behaviour": _choice(
        "Sleep-walking or sleep-driving on a Z-drug", SAFETY, YES_NO, None, "ILN-01"
    ),
    "pregnancy": _choice(
        "Pregnancy",
        FAMILY,
        {
            "not_pregnant": "Not pregnant",
            "first": "First trimester",
            "second": "Second trimester",
            "third": "Third trimester",
            "unknown_trimester": "Pregnant, trimester not known",
        },
        294,
        "PRG-01",
        "PRG-02",
    ),
    "breastfeeding": _choice(
        "Breastfeeding",
        FAMILY,
        {"no": "No", "yes": "Yes", "preterm": "Yes, infant born preterm"},
        365,
        "BRF-01",
    ),
    "pregnancy_intention": _choice(
        "Contraception or pregnancy intention",
        FAMILY,
        {
            "contraception": "Uses contraception",
            "not_planning": "Not planning a pregnancy",
            "planning": "Planning a pregnancy",
            "not_possible": "Pregnancy not possible",
        },
        365,
        "PRG-02",
    ),
    "driving_occupation": _choice(
        "Driving",
        LIFE,
        {"none": "Does not drive", "private": "Drives", "vocational": "Drives for work"},
        None,
        "DRV-01",
    ),
    "driving_counselling": _choice("Advice on driving given", LIFE, DONE, 365, "DRV-01"),
    "safety_critical_job": _choice(
        "Works with machinery or in a safety-critical job", LIFE, YES_NO, None, "OCC-01"
    ),
    "counselling": _choice("Advice on risks, dependence and plan given", CARE, DONE, 365, "DEP-01"),
    "dependence_signs": _checklist(
        "Signs of dependence",
        CARE,
        {
            "tolerance": "Needs more for the same effect",
            "cannot_cope": "Cannot cope without it",
            "withdrawal_between_doses": "Symptoms between doses",
            "early_requests": "Loses supplies or asks early",
            "failed_reduction": "An earlier reduction failed",
        },
        365,
        "DEP-01",
    ),
    "side_effects": _checklist(
        "Side effects",
        CARE,
        {
            "drowsiness": "Drowsiness",
            "unsteadiness": "Dizziness or unsteadiness",
            "memory": "Memory problems",
            "confusion": "Confusion",
            "mood": "Change of mood",
            "breathing": "Slow or difficult breathing",
        },
        365,
        "COG-01",
    ),
    "review": _choice(
        "Structured review done",
        CARE,
        {
            "continue": "Continue",
            "reduce": "Reduce",
            "taper": "Taper off",
            "refer": "Refer",
        },
        None,
        "REV-01",
    ),
    "in_use_since": Kind(
        "Benzodiazepine or Z-drug in use since",
        DATE,
        CARE,
        (
            *("DUR-01", "DUR-02", "DUR-03", "DUR-04", "DUR-05", "DUR-06", "ELD-04", "ELD-05"),
            *("STOP-01", "STOP-02", "TAP-01", "TAP-02", "TAP-06"),
        ),
    ),
    "in_use_since_told_by": _choice(
        "Who said since when it is in use",
        CARE,
        {
            "person": "The person",
            "carer": "A relative or carer",
            "prescriber": "A prescriber",
            "pharmacy": "The pharmacy",
            "record": "An earlier record",
        },
        None,
        "DUR-06",
    ),
    "next_review": Kind("Next review planned for", DATE, CARE, ("REV-02",)),
    "falls_in_a_year": _choice(
        "Falls in the last 12 months, as told",
        CARE,
        {"none": "None", "one": "One", "several": "Two or more"},
        365,
        "FAL-01",
    ),
    "taper_offer": _choice(
        "Taper offered",
        CARE,
        {
            "offered": "Offered",
            "accepted": "Accepted",
            "declined": "Declined",
            "not_appropriate": "Not appropriate",
        },
        365,
        "ELD-05",
    ),
    "medicines_reconciled": _choice(
        "Current medicines checked with the person",
        CARE,
        {"listed": "Listed", "none": "Takes no other medicine"},
        None,
        "DQ-02",
    ),
    "crisis_plan": _choice("Crisis plan of at most 4 weeks", CARE, DONE, 28, "IND-03"),
    "hypnotic_adverse_effect": _choice(
        "Adverse effect of the earlier hypnotic", CARE, YES_NO, 60, "SWI-01"
    ),
    "care_status": _choice(
        "Where the person is cared for",
        CARE,
        {
            "community": "At home",
            "hospital": "In hospital",
            "hospice": "Hospice",
            "moved": "Moved away",
        },
        None,
        "STOP-01",
        "STOP-03",
    ),
    "bzra_reconciliation": _choice(
        "Benzodiazepine or Z-drug at admission or discharge",
        CARE,
        {"kept": "Kept", "dropped": "Left out"},
        28,
        "STOP-03",
    ),
    "usual_prescriber_informed": _choice(
        "Usual prescriber knows of a private or online supply", CARE, YES_NO, None, "PRE-02"
    ),
    "clozapine_titration": _choice(
        "Clozapine started again by titration", CARE, DONE, 28, "CLZ-01"
    ),
    "withdrawal_complication": _choice(
        "Withdrawal seizure or delirium tremens ever", SAFETY, YES_NO, None, "TAP-07"
    ),
    "severe_comorbidity": _choice(
        "Severe illness that complicates a taper", SAFETY, YES_NO, 365, "TAP-07"
    ),
    "review_outcome": _choice(
        "How a structured review went",
        AT_A_REVIEW,
        {
            "done": "Done",
            "declined": "Declined",
            "did_not_attend": "Did not attend",
            "not_appropriate": "Not appropriate",
        },
        None,
    ),
    "still_indicated": _choice(
        "Still needed for what it was begun for",
        AT_A_REVIEW,
        {"yes": "Yes", "no": "No longer", "unclear": "Not clear"},
        365,
    ),
    "benefit": _choice(
        "Benefit of the benzodiazepine or Z-drug",
        AT_A_REVIEW,
        {"clear": "Helps clearly", "little": "Helps a little", "none": "Does not help"},
        365,
    ),
    "other_medicines": _choice(
        "Bought, borrowed or other people’s medicines",
        AT_A_REVIEW,
        {"none": "None", "some": "Some"},
        365,
    ),
    "shared_decision": _choice(
        "Decision shared with the person",
        AT_A_REVIEW,
        {
            "agreed": "Agreed together",
            "wants_time": "Wants time",
            "disagrees": "Does not agree",
        },
        None,
    ),
}
"""Code: kind. A code is at most 40 characters long."""


def problem(kind: str, value: float | None, text: str) -> str | None:
    """Why an answer does not fit its kind, in words; None when it does."""
    known = KINDS.get(kind)
    if known is None:
        return f"is not one of {', '.join(KINDS)}"
    if known.shape == NUMBER:
        if value is None:
            return f"needs a number ({known.unit})"
        if known.lowest is None or known.highest is None:
            return None
        if not known.lowest <= value <= known.highest:
            return f"must be from {known.lowest:g} to {known.highest:g} {known.unit}"
        return None
    if known.shape == DATE:
        try:
            date.fromisoformat(text)
        except ValueError:
            return "must be a date such as 2027-01-31"
        return None
    ticked = text.split() if known.shape == CHECKLIST and text != "none" else [text]
    if text == "none" and known.shape == CHECKLIST:
        ticked = []
    if unknown := [code for code in ticked if code not in known.choices]:
        return f"{' '.join(unknown) or 'no answer'} is not one of {', '.join(known.choices)}"
    if known.shape == CHECKLIST and value is not None and value != len(set(ticked)):
        return f"says {value:g}, but {len(set(ticked))} are ticked"
    return None
