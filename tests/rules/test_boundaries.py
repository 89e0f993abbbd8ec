"""Boundaries of the rules on record, duration and dose where several supplies meet.

One supply alone is tried in `test_duration` and `test_doses_and_tapers`; here are the cases in
which one supply could hide another, or silence could pass for an answer.
"""

from datetime import date

import pytest

from reviews.rules import screen
from reviews.rules.book import RuleBook
from reviews.rules.dossier import Condition, Exemption, Reading

from .book import BOOK, drug, finding, fired, line, not_evaluable, on, person

OLD = date(1950, 5, 5)
ZOPICLONE, TEMAZEPAM = "zopiclone 7.5 mg tablets", "temazepam 10 mg tablets"
LORAZEPAM, DISPERSIBLE = "lorazepam 1 mg tablets", "lorazepam 2.5 mg orodispersible tablets"
VAGUE = {"days_supply": None, "quantity": None}


def exempt(kind, **more):
    return Exemption(id=1, kind=kind, starts_on=on(-10), expires_on=on(300), **more)


def reviewed(day):
    return Reading(id=1, kind="review", text="continue", on=on(day))


# --- dose ------------------------------------------------------------------------------------


def test_a_higher_amount_within_its_own_maximum_does_not_hide_one_over_it():
    # 7 mg of the orodispersible form (maximum 7.5), then 6 mg in tablets (maximum 4).
    lines = [line(DISPERSIBLE, dose=2.8, days=11), line(LORAZEPAM, start=11, dose=6, days=10)]
    found = finding("DOSE-02", *lines, as_of=12)
    assert {fact.name: fact.value for fact in found.facts}["mg_per_day"] == 6


@pytest.mark.parametrize(
    ("tablets", "severity", "why"),
    [
        (4, None, "4 mg in tablets and 2.5 mg orodispersible: 6.5, each within its own"),
        (4.1, 2, "4.1 mg in tablets"),
        (5.1, 2, "7.6 mg in all is over the higher of the two as well"),
    ],
)
def test_forms_with_different_maxima_on_one_day(tablets, severity, why):
    lines = [line(LORAZEPAM, dose=tablets, days=7), line(DISPERSIBLE, days=7)]
    assert fired(*lines).get("DOSE-02") == severity, why


@pytest.mark.parametrize(("most", "severity"), [(6, None), (7, 2), (10, 1)])
def test_as_needed_counts_at_its_highest_rate_whether_its_length_is_known_or_not(most, severity):
    vague = line(as_needed=True, max_per_day=most, days_supply=None)
    assert fired(vague).get("DOSE-02") == severity
    assert not_evaluable(vague).isdisjoint({"DOSE-02", "DOSE-05"})


@pytest.mark.parametrize(
    ("fields", "rules", "why"),
    [
        ({"dose": None}, {"DOSE-02", "DOSE-03", "DOSE-05"}, "no daily dose"),
        (
            {"medicine": "oxazepam 10 mg"},
            {"DOSE-01", "DOSE-02", "DOSE-03", "DOSE-05"},
            "neither maximum nor equivalent is held",
        ),
        ({}, set(), "all is known"),
        ({"start": -20, "days": 10}, set(), "a dose that was"),
    ],
)
def test_a_dose_rule_without_dose_or_maximum_is_not_evaluable(fields, rules, why):
    found = not_evaluable(line(**fields), birth=OLD)
    assert {rule for rule in found if rule.startswith("DOSE")} == rules, why


def test_two_supplies_of_unknown_length_may_add_up():
    lines = [line(dose=4, **VAGUE), line(start=5, dose=4, **VAGUE)]
    assert "DOSE-02" in not_evaluable(*lines, as_of=6)
    assert "DOSE-02" not in not_evaluable(lines[0], as_of=6)


ZOLPIDEM = RuleBook.from_json(
    BOOK.to_json()
    | {
        "drugs": BOOK.to_json()["drugs"]
        | {
            "zolpidem": drug(
                "zolpidem",
                "z-drug",
                max_mg_per_day={
                    "US": {"adult": 10, "extended_release": 12.5, "elder_extended_release": 6.25}
                },
                elder_max_mg_per_day={"US": 5},
            )
        }
    }
)


@pytest.mark.parametrize(
    ("text", "dose", "fires", "why"),
    [
        ("zolpidem 6.25 mg extended release tablets", 1, False, "its own figure"),
        ("zolpidem 6.25 mg extended-release tablets", 1.1, True, "over it"),
        ("zolpidem ER 6.25 mg tablets", 1, False, "so abbreviated"),
        ("zolpidem 5 mg tablets", 1, False, "the figure of the other form"),
        ("zolpidem 5 mg tablets", 1.25, True, "over it"),
    ],
)
def test_a_form_may_have_a_figure_of_its_own_for_older_people(text, dose, fires, why):
    dossier = person(line(text, dose=dose, days=7), birth=OLD, profile="US")
    found = {finding.rule_id for finding in screen(dossier, ZOLPIDEM).findings}
    assert ("DOSE-03" in found) is fires, why


def test_a_run_of_high_days_stands_as_a_whole_while_it_is_current():
    # 10 days over 30 mg, on the fifth of which the dose rises.
    lines = [
        line("diazepam tablets", dose=40, dose_unit="mg", days=10),
        line(LORAZEPAM, days=5),
        line(LORAZEPAM, start=5, dose=2, days=5),
    ]
    assert "DOSE-01" in fired(*lines, as_of=24)
    assert "DOSE-01" not in fired(*lines, as_of=25)


def test_a_band_of_another_drug_says_by_whose_figures():
    found = finding("DOSE-05", line(TEMAZEPAM))
    facts = {fact.name: fact.value for fact in found.facts}
    # 10 mg: 6.7 mg diazepam equivalent by VA/DoD (15 mg), 5 mg by the Scottish table (20 mg).
    assert (facts["band"], facts["dde_mg"], facts["band_table"]) == ("low", 6.67, "VA/DoD 2021")
    own = {fact.name: fact.value for fact in finding("DOSE-05", line()).facts}
    assert ("dde_mg" in own, own["band_table"]) == (False, "ASAM 2025 bands")


@pytest.mark.parametrize(("dose", "fires"), [(3, False), (3.1, True)])
def test_a_missing_dose_beside_a_high_one_leaves_it_high(dose, fires):
    """The dependence gate: a high band on 14 days, whatever the other came to."""
    lines = [line(dose=dose, days=14), line("oxazepam 10 mg", dose=None, days=14)]
    assert ("STOP-01" in fired(*lines, as_of=20)) is fires


@pytest.mark.parametrize(("reason", "fires"), [("cross_taper", False), ("", True)])
def test_a_recorded_cross_taper_is_no_duplicate(reason, fires):
    lines = [line(LORAZEPAM, days=28), line(start=14, days=28, change_reason=reason)]
    assert ("DUP-01" in fired(*lines, as_of=20)) is fires


def test_a_written_taper_beside_the_next_medicine_is_a_cross_taper():
    falling = line(LORAZEPAM, dose_unit="mg", schedule=((2, 14), (1, 14)))
    assert "DUP-01" not in fired(falling, line(start=14, days=28), as_of=20)
    level = line(LORAZEPAM, dose_unit="mg", schedule=((2, 28),))
    assert "DUP-01" in fired(level, line(start=14, days=28), as_of=20)


# --- duration --------------------------------------------------------------------------------


def test_a_length_that_is_not_known_is_not_evaluable_for_every_rule_that_asks_for_it():
    vague = line(indication="premedication", **VAGUE)
    ptsd = (Condition(id=1, text="PTSD"),)
    rules = {"DUR-04", "DUR-05", "DUR-06", "DUR-07", "DUR-08", "IND-04", "REV-01"}
    assert rules <= not_evaluable(vague, birth=OLD, conditions=ptsd)
    assert rules.isdisjoint(not_evaluable(line(), birth=OLD, conditions=ptsd))


@pytest.mark.parametrize(
    ("start", "open_for", "why"),
    [(-337, True, "its last possible day is the first of the 365"), (-338, False, "a day before")],
)
def test_what_may_add_to_the_days_of_a_year(start, open_for, why):
    # At most 120 days, of which none is known but the first; the year ends with day 27.
    over = line(start=start - 119, status="completed", **VAGUE)
    assert ("DUR-05" in not_evaluable(over, line())) is open_for, why


def test_a_known_part_that_suffices_is_an_answer():
    lines = [line(start=n, days=30) for n in range(0, 180, 30)]
    found = not_evaluable(*lines, line(start=2, **VAGUE), as_of=179)
    assert found.isdisjoint({"DUR-05", "DUR-06", "REV-01"})


@pytest.mark.parametrize(("last", "told"), [(-90, False), (-91, True)])
def test_a_review_in_time_answers_for_an_unknown_length(last, told):
    assert ("REV-01" in not_evaluable(line(**VAGUE), readings=(reviewed(last),))) is told


def test_intermittent_use_counts_supplies_of_unknown_length():
    lines = [line(start=n * 40, days=10) for n in range(5)]
    assert "DUR-10" in not_evaluable(*lines, line(start=165, **VAGUE), as_of=170)
    assert "DUR-10" not in not_evaluable(*lines, as_of=170)


def test_everything_over_is_named_where_several_are_for_a_procedure():
    lines = [line(days=days, indication="procedure") for days in (3, 2)]
    lines.append(line(LORAZEPAM, days=4, indication="procedure"))
    found = finding("DUR-07", *lines)
    assert set(found.line_ids) == {lines[0].id, lines[2].id}


@pytest.mark.parametrize(
    ("gap", "fires", "why"),
    [
        (14, False, "diazepam goes on over a gap that is bridged"),
        (15, True, "back to diazepam, recorded as a new start"),
    ],
)
def test_going_back_to_an_earlier_medicine_is_a_change_too(gap, fires, why):
    lines = [
        line(days=28),
        line(LORAZEPAM, start=28, days=gap),
        line(start=28 + gap, days=14, is_new_start=True),
    ]
    assert ("DUR-09" in fired(*lines, as_of=28 + gap)) is fires, why


SWITCHES = [
    ([(ZOPICLONE, 0, 28, ""), (ZOPICLONE, 28, 28, ""), (TEMAZEPAM, 30, 7, "")], False, "beside"),
    ([(ZOPICLONE, 0, 14, ""), (TEMAZEPAM, 14, 15, ""), (ZOPICLONE, 29, 7, "")], True, "and back"),
    ([(ZOPICLONE, 0, 14, ""), (TEMAZEPAM, 14, 14, ""), (ZOPICLONE, 28, 7, "")], False, "goes on"),
    ([(ZOPICLONE, 0, 14, ""), (TEMAZEPAM, 14, 7, "cross_taper")], True, "not to diazepam"),
    ([(ZOPICLONE, 0, 14, ""), ("diazepam 5 mg", 14, 7, "cross_taper")], False, "to diazepam"),
    ([(ZOPICLONE, 0, 14, ""), ("diazepam 5 mg", 14, 7, "")], True, "diazepam as a hypnotic"),
]


@pytest.mark.parametrize(("supplies", "fires", "why"), SWITCHES, ids=[c[2] for c in SWITCHES])
def test_one_hypnotic_after_another(supplies, fires, why):
    lines = [
        line(text, start=start, days=days, change_reason=reason, indication="insomnia")
        for text, start, days, reason in supplies
    ]
    assert ("SWI-01" in fired(*lines, as_of=supplies[-1][1])) is fires, why


# --- record, exemption and review ------------------------------------------------------------


@pytest.mark.parametrize(("days", "fires"), [(30, False), (31, True), (180, True)])
def test_a_supply_too_long_to_be_plausible_still_passes_the_legal_limit(days, fires):
    found = finding("LEG-01", line(days=days))
    assert (found is not None) is fires
    assert found is None or f"{days} days in one supply" in found.title


@pytest.mark.parametrize(
    ("text", "fires"),
    [
        ("Allergy to benzodiazepines", True),
        ("No known allergy to benzodiazepines", False),
        ("Denies allergy to diazepam", False),
    ],
)
@pytest.mark.parametrize("kind", ["condition", "allergy"])
def test_a_denied_allergy_is_none(text, kind, fires):
    found = finding("ALG-01", line(), conditions=(Condition(id=1, text=text, kind=kind),))
    assert (found is not None) is fires


@pytest.mark.parametrize(
    ("fields", "fires", "why"),
    [
        ({"setting": "inpatient", "days": 10}, False, "10 days, supervised"),
        ({"setting": "inpatient", "days": 11}, True, "11 days"),
        ({"setting": "unsupervised", "days": 10}, True, "unsupervised"),
        ({"setting": "unknown", "days": 10}, True, "the setting is not recorded"),
        ({"indication": "anxiety", "days": 10}, True, "nothing for withdrawal is in use"),
        ({"setting": "inpatient", **VAGUE}, True, "how long is not known"),
    ],
)
def test_the_withdrawal_exemption_needs_a_supervised_regimen_of_few_days(fields, fires, why):
    heavy = (Reading(id=1, kind="alcohol_use", text="heavy", on=on(0)),)
    regimen = line(**{"indication": "alcohol_withdrawal", **fields}), line(LORAZEPAM, days=7)
    granted = (exempt("alcohol_withdrawal"),)
    found = fired(*regimen, birth=OLD, readings=heavy, exemptions=granted)
    assert ("ELD-01" in found or "ALC-01" in found) is fires, why


def test_an_exemption_for_one_line_need_not_cover_one_that_is_over():
    over = line(start=-900, status="completed", **VAGUE)
    mine = line(days=29)
    palliative = exempt("palliative", line_scope=(mine.id,))
    assert "DUR-01" not in fired(over, mine, exemptions=(palliative,))


@pytest.mark.parametrize(("days", "fires"), [(179, False), (180, True)])
def test_epilepsy_care_is_first_reviewed_at_180_days(days, fires):
    lines = [line(start=n, days=min(30, days - n)) for n in range(0, days, 30)]
    epilepsy = (exempt("epilepsy_adjunct"),)
    assert ("REV-01" in fired(*lines, as_of=days - 1, exemptions=epilepsy)) is fires
    opioid = line("morphine 10 mg", days=200)
    assert "REV-01" in fired(*lines, opioid, as_of=days - 1, exemptions=epilepsy)


def test_a_written_schedule_in_tablets_of_unknown_strength_lacks_the_strength():
    vague = line("diazepam tablets", dose=None, schedule=((2, 7), (1, 7)))
    assert finding("DQ-01", vague).facts[0].value == "strength"


@pytest.mark.parametrize(("planned", "says"), [("2026-01-11", "Review missed"), (None, None)])
def test_a_missed_review_is_said_beside_a_length_that_asks_for_one(planned, says):
    told = Reading(id=1, kind="next_review", text=planned or "", on=on(0))
    lines = [line(days=10), line(start=10, days=28)]
    found = finding("REV-02", *lines, readings=(told,) if planned else (), as_of=11)
    assert (found and found.title.split(":")[0]) == says


def test_a_rule_that_gives_way_is_recorded_as_fired():
    def shadowed(*lines, **more):
        return set(screen(person(*lines, **more), BOOK).shadowed)

    assert "REV-02" in shadowed(line(days=10), line(start=10, days=28), as_of=11)
