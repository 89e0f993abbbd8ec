"""What may be recorded: every kind is complete, and an answer that does not fit is refused."""

import pytest

from reviews.rules.readings import AT_A_REVIEW, CHECKLIST, CHOICE, DATE, KINDS, NUMBER, problem


@pytest.mark.parametrize(("code", "kind"), KINDS.items())
def test_every_kind_is_complete(code, kind):
    assert len(code) <= 40
    assert kind.label
    assert kind.group
    assert bool(kind.rules) is (kind.group != AT_A_REVIEW)
    assert kind.shape in {NUMBER, CHOICE, CHECKLIST, DATE}
    assert bool(kind.choices) is (kind.shape in {CHOICE, CHECKLIST})
    if kind.shape == NUMBER:
        assert kind.unit
        assert kind.lowest < kind.highest
    for choice in kind.choices:
        assert " " not in choice
        assert kind.shape == CHOICE or choice != "none"


@pytest.mark.parametrize(
    ("kind", "value", "text", "fits", "why"),
    [
        ("egfr", 0, "", True, "the lowest"),
        ("egfr", -0.1, "", False, "below it"),
        ("egfr", 200, "", True, "the highest"),
        ("egfr", 200.1, "", False, "above it"),
        ("egfr", None, "low", False, "a number is needed"),
        ("child_pugh", None, "C", True, "an allowed answer"),
        ("child_pugh", None, "D", False, "no such class"),
        ("child_pugh", None, "", False, "no answer"),
        ("dependence_signs", 2, "tolerance cannot_cope", True, "two ticked"),
        ("dependence_signs", 3, "tolerance cannot_cope", False, "two ticked, three said"),
        ("dependence_signs", 0, "none", True, "asked, none ticked"),
        ("dependence_signs", None, "tolerance", True, "the count may be left out"),
        ("dependence_signs", None, "happy", False, "no such sign"),
        ("next_review", None, "2027-01-31", True, "a date"),
        ("next_review", None, "next spring", False, "no date"),
        ("shoe_size", 43, "", False, "nobody knows this kind"),
    ],
)
def test_an_answer_must_fit_its_kind(kind, value, text, fits, why):
    assert (problem(kind, value, text) is None) is fits, why


SPEAKS_FOR_DAYS = {
    28: "crisis_plan bzra_reconciliation clozapine_titration",
    30: "phq9_item9",
    60: "hypnotic_adverse_effect",
    180: "alt_x_uln",
    294: "pregnancy",
    365: (
        "po2_kpa pco2_kpa cpap_adherence audit_c alcohol_units_per_day alcohol_use"
        " non_prescribed_benzodiazepine naloxone breastfeeding pregnancy_intention"
        " driving_counselling counselling dependence_signs side_effects taper_offer"
        " severe_comorbidity falls_in_a_year still_indicated benefit other_medicines"
    ),
    730: "egfr child_pugh fev1_percent",
    731: "reversal_given",
    None: (
        "home_oxygen complex_sleep_behaviour driving_occupation safety_critical_job review"
        " next_review medicines_reconciled care_status usual_prescriber_informed"
        " withdrawal_complication in_use_since in_use_since_told_by review_outcome shared_decision"
    ),
}


def test_how_long_an_answer_speaks_for_the_person():
    assert {code: kind.valid_days for code, kind in KINDS.items()} == {
        code: days for days, codes in SPEAKS_FOR_DAYS.items() for code in codes.split()
    }
