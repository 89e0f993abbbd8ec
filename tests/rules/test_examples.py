"""The worked examples: every rule has some, each is true, and together they hold every boundary."""

import re
from dataclasses import replace

import pytest

from reviews import rulebooks
from reviews.rules.catalogue import default_rules_section, labelled
from reviews.rules.codes import PROFILES
from reviews.rules.examples import EXAMPLES, NOT_EVALUABLE, QUIET, judge, worked_examples
from reviews.rules.finding import INTERRUPT
from reviews.rules.parameters import EXPOSURE, SHARED
from reviews.rules.registry import BY_ID, PARAMETERS, RULES

RULE_IDS = sorted(rule.id for rule in RULES)


DECLARED = [*SHARED, *(each for rule in RULES for each in rule.parameters)]
YES_NO = {each.name for each in DECLARED if each.kind.yes_no}


@pytest.fixture
def book(rulebook):
    return rulebooks.live()[1]


def test_every_rule_has_examples_that_fire_and_near_misses():
    assert sorted(EXAMPLES) == RULE_IDS
    for rule_id, examples in EXAMPLES.items():
        said = [claim for example in examples for claim in example.claims.values()]
        assert any(isinstance(claim, int) for claim in said), rule_id
        assert QUIET in said, rule_id
        assert len({example.why for example in examples}) == len(examples), rule_id


def test_every_example_speaks_for_each_profile_that_has_the_rule():
    for rule_id, examples in EXAMPLES.items():
        profiles = [profile for profile in PROFILES if profile in PARAMETERS[rule_id]]
        for example in examples:
            assert [each for each in PROFILES if each in example.claims] == profiles, rule_id


@pytest.mark.parametrize("rule_id", RULE_IDS)
def test_what_an_example_claims_is_what_the_core_says(rule_id, book):
    for example in worked_examples(rule_id, book):
        wrong = [(each.profile, each.said) for each in example.outcomes if not each.holds]
        assert not wrong, example.why


@pytest.mark.parametrize("rule_id", RULE_IDS)
def test_a_rule_declares_every_severity_and_interruption_that_its_examples_show(rule_id, book):
    rule = BY_ID[rule_id]
    shown = [
        outcome.finding
        for example in worked_examples(rule_id, book)
        for outcome in example.outcomes
        if outcome.finding is not None
    ]
    assert {int(finding.severity) for finding in shown} <= set(rule.severity.severities)
    assert any(finding.mode == INTERRUPT for finding in shown) is rule.shown.interrupts


def test_an_example_tells_who_what_and_since_when(book):
    worked = {example.why: example for example in worked_examples("GAB-01", book)}
    assert worked["At 65"].record == [
        "Aged 65.",
        "Diazepam 5 mg tablets, 1 a day, for anxiety: 28 days, from 18 days ago.",
        "Pregabalin 75 mg capsules, 1 a day: 28 days, from today.",
        "Kidney function (eGFR): 90 mL/min/1.73m2, recorded today.",
    ]


def test_the_record_of_an_example_is_told_in_words(book):
    for rule_id in RULE_IDS:
        for example in worked_examples(rule_id, book):
            text = " ".join([example.why, *example.record])
            assert not re.search(r"None|_|  |\bdays? days?\b|from in", text), text
            assert all(sentence.endswith(".") for sentence in example.record)


def test_profiles_that_say_the_same_are_shown_together(book):
    by_why = {example.why: example.by_outcome for example in worked_examples("DUR-01", book)}
    assert [profiles for profiles, _ in by_why["14 days"]] == [["UK", "US", "EU"]]
    groups = [(profiles, outcome.said) for profiles, outcome in by_why["28 days"]]
    assert groups == [(["UK"], 4), (["US", "EU"], QUIET)]


def test_a_rule_without_examples_shows_none(book):
    assert worked_examples("NO-SUCH", book) == []


def test_an_example_cannot_be_judged_by_a_rule_the_book_lacks(book):
    example = EXAMPLES["REN-01"][2]
    assert judge("REN-01", example, "UK", book).said == NOT_EVALUABLE
    rules = {rule: limits for rule, limits in book.rules.items() if rule != "REN-01"}
    assert judge("REN-01", example, "UK", with_rules(book, rules)).said is QUIET


# --- every parameter matters -----------------------------------------------------------------

STEPS = {
    ("CYP-03", "clobazam_from_mg"): 10,
    ("DOSE-03", "share_of_adult_percent"): 5,
    ("DOSE-06", "over_mg"): 5,
    ("DOSE-06", "extended_over_mg"): 6.25,
    ("HEP-02", "alt_over_times"): 0.1,
    ("HEP-02", "zopiclone_over_mg"): 3.75,
    ("HEP-02", "zolpidem_over_mg"): 5,
    ("RSP-01", "po2_under_kpa"): 0.1,
    ("RSP-01", "pco2_over_kpa"): 0.1,
    ("UGT-01", "share_of_dose_percent"): 25,
    ("UGT-01", "new_start_over_mg"): 0.5,
    **{
        ("DOSE-05", f"{drug}_{edge}_mg"): step
        for drug, step in (("alprazolam", 0.25), ("clonazepam", 0.25), ("lorazepam", 0.5))
        for edge in ("low_to", "high_over")
    },
}
"""By how much a parameter is changed where 1 is not the next dose or measurement in use."""

OTHER_TABLE = {"SCOT2024": "VADOD2021", "VADOD2021": "SCOT2024", "WHO2009": "VADOD2021"}
WITHOUT_EFFECT = {
    ("TAP-01", "floor_start_mg", PROFILES): (
        "a fall of 2 mg is over 25 % only from less than 8 mg, so 9 or 11 mg changes nothing"
    ),
    ("TAP-02", "last_step_mg", PROFILES): (
        "a step to nothing from 1 or 2 mg is a small fall from a small dose already"
    ),
}
"""(rule, parameter, profiles): why no example can notice a step of it."""


def with_rules(book, rules):
    """The same formulary under other thresholds."""
    return replace(book, rules=rules)


def changed(rule_id, name, value):
    """The values a step to either side; 0 is no threshold for days or for a count."""
    if name in YES_NO:
        return [1 - value]
    if isinstance(value, str):
        return [OTHER_TABLE[value]]
    step = STEPS.get((rule_id, name), 1)
    values = [value - step, value + step]
    return [each for each in values if each > 0 or not name.endswith(("_from_days", "_from_count"))]


def unnoticed(book, rule_id):
    """Changes of one parameter of a rule, under one profile, that no example notices."""
    examples = EXAMPLES if rule_id == EXPOSURE else {rule_id: EXAMPLES[rule_id]}
    told = [(asked, example) for asked, found in examples.items() for example in found]
    for profile, limits in PARAMETERS[rule_id].items():
        mine = [pair for pair in told if profile in pair[1].claims]
        for name, value in limits.items():
            for other in changed(rule_id, name, value):
                rules = {
                    **book.rules,
                    rule_id: {**book.rules[rule_id], profile: {**limits, name: other}},
                }
                mutated = with_rules(book, rules)
                if all(judge(asked, example, profile, mutated).holds for asked, example in mine):
                    yield name, profile, other


@pytest.mark.parametrize("rule_id", sorted(PARAMETERS))
def test_changing_any_parameter_by_a_step_changes_an_example(rule_id, book):
    found = {(name, profile) for name, profile, _ in unnoticed(book, rule_id)}
    assert found == {
        (name, profile)
        for rule, name, profiles in WITHOUT_EFFECT
        if rule == rule_id
        for profile in profiles
    }


def test_the_parameters_of_the_examples_are_those_of_the_first_book(book):
    assert book.rules == default_rules_section()


# --- words -----------------------------------------------------------------------------------


def test_a_parameter_has_a_label_and_is_named_by_its_kind():
    for each in DECLARED:
        assert each.label, each.name
        if each.kind.yes_no:
            assert each.name.startswith(("is_", "are_"))
        else:
            assert each.name.endswith(f"_{each.kind.ending}")
        assert set(each.values) <= set(PROFILES)
        assert not each.kind.yes_no or set(each.values.values()) <= {0, 1}


@pytest.mark.parametrize(
    ("rule_id", "name", "value", "shown"),
    [
        ("DUR-02", "s2_over_days", 28, {"label": "S2 above", "unit": "days", "value": 28}),
        ("REN-01", "egfr_below_ml_min", 30, {"label": "eGFR below", "unit": "ml/min", "value": 30}),
        (
            "GLA-01",
            "is_urgent",
            1,
            {"label": "Urgent in this profile", "unit": "", "value": "yes"},
        ),
        (
            EXPOSURE,
            "equivalents_table",
            "SCOT2024",
            {"label": "Diazepam equivalents by", "unit": "", "value": "Scottish Government 2024"},
        ),
        ("REN-01", "some_old_days", 3, {"label": "Some old days", "unit": "days", "value": 3}),
        ("OLD-99", "some_old_mg", 3, {"label": "Some old mg", "unit": "mg", "value": 3}),
    ],
)
def test_a_parameter_in_words(rule_id, name, value, shown):
    assert labelled(rule_id, name, value) == shown
