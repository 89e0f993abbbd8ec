"""Examples of the rules on data quality and on the indication."""

from reviews.rules.dossier import Condition
from reviews.rules.examples.writing import (
    DIAZEPAM,
    MONTH,
    QUIET,
    TEMAZEPAM,
    TODAY,
    ZOPICLONE,
    also,
    course,
    eg,
    ill,
    on,
    supply,
    told,
)

_HALF_A_YEAR = (TODAY.replace(year=2025, month=9) - TODAY).days


def _allergy(text):
    return Condition(id=0, text=text, kind="allergy", onset_on=on(-900))


EXAMPLES = {
    "DQ-01": (
        eg("A complete prescription", QUIET, supply()),
        eg("Quantity and dose tell the days", QUIET, supply(days_supply=None)),
        eg("120 days in one supply", QUIET, supply(days=120)),
        eg("121 days in one supply: not plausible", 3, supply(days=121)),
        eg("Neither quantity nor days' supply", 3, supply(days=None)),
        eg("“2 packs of 28”", QUIET, supply(days=None, quantity_text="2 packs of 28")),
        eg("“2 packs”, of an unknown size", 3, supply(days=None, quantity_text="2 packs")),
        eg(
            "A quantity of 28, without a unit",
            3,
            supply(days_supply=None, quantity_unit=None),
        ),
        eg(
            "Repeats allowed, on the last day of the first issue",
            QUIET,
            supply(start=-MONTH + 1, repeats_allowed=5),
        ),
        eg("The day after: more may have been issued", 3, supply(start=-MONTH, repeats_allowed=5)),
        eg("No start date", 3, supply(start=None)),
        eg("No dose", 3, supply(dose=None, dose_unit=None, times_per_day=None)),
    ),
    "DQ-02": (
        eg("Checked 90 days before", QUIET, supply(), told("medicines_reconciled", "none", -90)),
        eg("Checked 91 days before", 4, supply(), told("medicines_reconciled", "none", -91)),
        eg("Another medicine is listed", QUIET, supply(), also("amlodipine 5 mg tablets")),
        eg("Nothing listed, nothing said to be none: 28 days, a short course", 4, supply()),
        eg("Nothing listed, nothing said to be none: 29 days", 2, supply(days=29)),
        eg("No new course: the second supply", QUIET, course(2 * MONTH)),
    ),
    "DQ-03": (
        eg("Known by its name, without a code", QUIET, supply(), also("amlodipine 5 mg tablets")),
        eg("A product no list knows, beside a benzodiazepine", 2, supply(), also("Relaxonel 10")),
        eg("The same, with no benzodiazepine or Z-drug in use", 3, also("Relaxonel 10")),
    ),
    "DQ-04": (
        eg("Written on the day of death", QUIET, supply(start=-7), deceased_on=on(-7)),
        eg("Written the day after", 3, supply(start=-7), deceased_on=on(-8)),
        eg("Never issued", QUIET, supply(start=-7, status="draft"), deceased_on=on(-8)),
        eg("Will have died tomorrow", QUIET, supply(), deceased_on=on(1)),
    ),
    "STR-01": (
        eg("A tablet of 10 mg", QUIET, supply("diazepam 10 mg tablets", 7)),
        eg(
            "A tablet of 20 mg; no list of strengths is held for the EU profile",
            {"UK": 3, "US": 3, "EU": QUIET},
            supply("diazepam 20 mg tablets", 7),
        ),
    ),
    "IND-01": (
        eg("Anxiety", QUIET, supply()),
        eg("Other", 2, supply(indication="other")),
        eg("Not known, written 7 days ago", QUIET, supply(start=-7, indication="unknown")),
        eg("Not known, written 8 days ago", 2, supply(start=-8, indication="unknown")),
    ),
    "IND-02": (
        eg("Severe or disabling anxiety", QUIET, supply()),
        eg("Mild anxiety", 3, supply(indication="anxiety_mild")),
        eg("Acute low back pain", 3, supply(indication="back_pain_acute")),
    ),
    "IND-03": (
        eg(
            "A crisis plan made 28 days before",
            QUIET,
            supply(indication="gad"),
            told("crisis_plan", "done", -28),
        ),
        eg(
            "A crisis plan made 29 days before",
            3,
            supply(indication="gad"),
            told("crisis_plan", "done", -29),
        ),
        eg("Panic disorder, no crisis plan", 3, supply(indication="panic_disorder")),
        eg("The second supply begins no new course", QUIET, course(2 * MONTH, indication="gad")),
    ),
    "IND-04": (
        eg("27 days", QUIET, supply(days=27, indication="ptsd")),
        eg("28 days", 2, supply(indication="ptsd")),
        eg(
            "28 days for anxiety, with the diagnosis on record",
            2,
            supply(),
            ill("Post-traumatic stress disorder", "F43.1"),
        ),
    ),
    "ALG-01": (
        eg("Allergy to another substance", QUIET, supply(), _allergy("penicillin")),
        eg("Allergy to another benzodiazepine", 1, supply(), _allergy("lorazepam")),
        eg("Another Z-drug", QUIET, supply(ZOPICLONE, indication="insomnia"), _allergy("zolpidem")),
        eg("The same Z-drug", 1, supply(ZOPICLONE, indication="insomnia"), _allergy("zopiclone")),
    ),
    "LEG-01": (
        eg("30 days in one supply", QUIET, supply(days=30)),
        eg("31 days in one supply", {"UK": 2, "US": QUIET, "EU": QUIET}, supply(days=31)),
        eg("An anxiolytic for 84 days", {"UK": 2, "US": QUIET, "EU": QUIET}, supply(days=84)),
        eg("An anxiolytic for 85 days", {"UK": 2, "US": QUIET, "EU": 4}, supply(days=85)),
        eg("A hypnotic for 28 days", QUIET, supply(TEMAZEPAM, indication="insomnia")),
        eg(
            "A hypnotic for 29 days",
            {"UK": QUIET, "US": QUIET, "EU": 4},
            supply(TEMAZEPAM, 29, indication="insomnia"),
        ),
        eg(
            "Dispensed 28 days after the date written",
            QUIET,
            supply(written_on=on(-28), dispensed_on=on(0)),
        ),
        eg(
            "Dispensed 29 days after the date written",
            {"UK": 2, "US": QUIET, "EU": QUIET},
            supply(written_on=on(-29), dispensed_on=on(0)),
        ),
        eg("The fifth refill", QUIET, supply(refill_number=5)),
        eg("The sixth refill", {"UK": QUIET, "US": 2, "EU": QUIET}, supply(refill_number=6)),
        eg("6 months to the day after it was written", QUIET, supply(written_on=on(_HALF_A_YEAR))),
        eg(
            "A day more than 6 months after it was written",
            {"UK": QUIET, "US": 2, "EU": QUIET},
            supply(DIAZEPAM, written_on=on(_HALF_A_YEAR - 1)),
        ),
    ),
}
