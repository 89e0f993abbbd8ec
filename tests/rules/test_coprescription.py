"""OPI-01, OPI-02, GAB-01, CNS-01, CNS-02, CYP-01, DUP-01, DUP-02: overlap, start and pair."""

from datetime import date

import pytest

from reviews.rules import screen
from reviews.rules.dossier import Condition, Exemption, Reading
from reviews.rules.finding import INTERRUPT, NOTE, QUEUE

from .book import BOOK, finding, fired, line, medicine, not_evaluable, on, person

OLD = date(1950, 5, 5)
EPILEPSY = Exemption(id=1, kind="epilepsy_adjunct", starts_on=on(-9), expires_on=on(300))


def morphine(start=0, days=28, **more):
    return line("morphine 10 mg tablets", start=start, days=days, **more)


def methadone(start=0, days=28, **more):
    coded = medicine("methadone 1 mg/ml oral solution", ("atc", "N07BC02"))
    return line("", medicine=coded, start=start, days=days, dose_unit="ml", **more)


# --- OPI-01 ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "fires", "why"),
    [(27, True, "the last day of diazepam"), (28, False, "the day after")],
)
def test_an_opioid_on_any_day_of_the_supply(start, fires, why):
    assert ("OPI-01" in fired(line(days=28), morphine(start), as_of=0)) is fires, why


@pytest.mark.parametrize(
    ("as_of", "severity", "mode", "why"),
    [
        (0, 1, INTERRUPT, "a start still to come"),
        (10, 1, INTERRUPT, "the first shared day"),
        (38, 1, INTERRUPT, "28 days ago is in the last 28 days"),
        (39, 2, QUEUE, "29 days ago: continuing"),
    ],
)
def test_a_start_is_urgent_and_a_continuing_overlap_is_for_review(as_of, severity, mode, why):
    found = finding("OPI-01", line(days=100), morphine(10, 90), as_of=as_of)
    assert (found.severity, found.mode) == (severity, mode), why


@pytest.mark.parametrize(
    ("second", "severity", "why"),
    [
        (41, 2, "13 days with at most one of them: the same overlap"),
        (42, 1, "14 days with at most one of them: a start again"),
    ],
)
def test_a_start_follows_14_days_with_at_most_one(second, severity, why):
    lines = [line(days=100), morphine(0, 28), morphine(second, 28)]
    assert fired(*lines, as_of=second)["OPI-01"] == severity, why


@pytest.mark.parametrize(("as_of", "stands"), [(41, True), (42, False)])
def test_an_overlap_stands_while_a_shared_day_today_would_continue_it(as_of, stands):
    assert ("OPI-01" in fired(line(days=100), morphine(0, 28), as_of=as_of)) is stands


@pytest.mark.parametrize(
    ("first", "second", "title"),
    [
        (line(days=28), morphine(3), "Morphine started while on diazepam"),
        (line(start=3), morphine(0), "Diazepam started while on morphine"),
        (line(), morphine(), "Morphine and diazepam started together"),
    ],
)
def test_the_title_says_which_was_second(first, second, title):
    assert finding("OPI-01", first, second, as_of=3).title == title


def test_the_sentence_counts_shared_days_once():
    lines = [line(days=28), line("zopiclone 7.5 mg", start=14, days=28), morphine(20, 28)]
    found = finding("OPI-01", *lines, as_of=20)
    assert "Morphine overlaps with diazepam and zopiclone for 22 days" in found.sentence
    assert "from 21 January 2026 to 11 February 2026" in found.sentence
    assert found.facts[0].value == 22
    assert set(found.line_ids) == {each.id for each in lines}


def test_a_new_opioid_makes_a_new_key_and_a_renewal_does_not():
    keys = [
        finding("OPI-01", line(days=100), *opioids, as_of=40).key
        for opioids in (
            [morphine(0, 28)],
            [morphine(0, 28), morphine(28, 28)],
            [morphine(0, 28), line("codeine 30 mg", start=28)],
        )
    ]
    assert keys[0] == keys[1] == "OPI-01:2026-01-01:morphine"
    assert keys[2] == "OPI-01:2026-01-01:codeine+morphine"


@pytest.mark.parametrize(
    ("days", "fires"), [(12, True), (11, False)], ids=["72 hours after", "later"]
)
def test_a_fentanyl_patch_counts_72_hours_after_its_removal(days, fires):
    patch = line(
        "fentanyl 25 micrograms/hour patches",
        days=days,
        dose_unit="patch",
        times_per_day=1 / 3,
    )
    assert ("OPI-01" in fired(patch, line(start=14), as_of=14)) is fires


@pytest.mark.parametrize(
    ("text", "start_severity", "later"),
    [("pholcodine", 2, 2), ("dextromethorphan", 3, 3), ("codeine 30 mg", 1, 2)],
)
def test_a_row_of_the_table_keeps_its_severity(text, start_severity, later):
    lines = [line(days=100), line(text, days=100)]
    assert fired(*lines, as_of=0)["OPI-01"] == start_severity
    assert fired(*lines, as_of=60)["OPI-01"] == later


def test_a_cough_medicine_first_does_not_hide_the_start_of_morphine():
    lines = [line(days=100), line("dextromethorphan", days=100), morphine(50)]
    assert fired(*lines, as_of=50)["OPI-01"] == 1


def test_procedural_use_is_information_only():
    found = finding("OPI-01", line(), morphine(0, 1, setting="procedural"))
    assert (found.severity, found.mode) == (4, NOTE)


def test_rescue_medicine_counts_for_opioids():
    rescue = line("diazepam 10 mg rectal solution", days=2, indication="seizure_rescue")
    assert fired(rescue, morphine())["OPI-01"] == 1


def test_epilepsy_is_no_exception_for_opioids():
    assert fired(line(), morphine(), exemptions=(EPILEPSY,))["OPI-01"] == 1


def test_an_opioid_without_supply_is_not_missed():
    vague = morphine(-200, days_supply=None, quantity=None)
    found = finding("OPI-01", line(), vague, as_of=3)
    assert found.severity == 1
    assert found.unknown == "The length of supply is not known for morphine of 15 June 2025."
    over = morphine(-200, days_supply=None, quantity=None, status="completed")
    assert "OPI-01" not in fired(line(), over, as_of=3)


def test_both_without_supply_are_on_record_together():
    lines = [
        line(start=-900, days_supply=None, quantity=None),
        morphine(-400, days_supply=None, quantity=None),
    ]
    found = finding("OPI-01", *lines)
    assert found.severity == 2
    assert "with no end recorded" in found.sentence


def test_an_opioid_without_any_date_cannot_be_compared():
    assert "OPI-01" in not_evaluable(line(), morphine(None))


def test_methadone_for_pain_has_the_two_week_note():
    found = finding("OPI-01", line(), line("methadone 5 mg tablets"))
    assert "2 weeks" in found.sentence


# --- OPI-02 ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("as_of", "severity"), [(28, 1), (29, 2)])
def test_substitution_is_urgent_at_the_start(as_of, severity):
    found = fired(line(days=60), methadone(0, 60), as_of=as_of)
    assert found["OPI-02"] == severity
    assert "OPI-01" not in found


@pytest.mark.parametrize(
    ("dose", "as_of", "severity", "why"),
    [
        (40, 60, 2, "the same dose"),
        (41, 60, 1, "a higher dose"),
        (41, 88, 1, "28 days after the rise"),
        (41, 89, 2, "29 days after the rise"),
        (39, 60, 2, "a lower dose"),
    ],
)
def test_a_dose_rise_of_the_substitution_is_urgent(dose, as_of, severity, why):
    lines = [
        line(days=100),
        methadone(0, 60, dose=40),
        methadone(60, 60, dose=dose),
    ]
    assert fired(*lines, as_of=as_of)["OPI-02"] == severity, why


def test_a_dose_rise_of_the_benzodiazepine_is_urgent_too():
    lines = [line(days=60), line(start=60, days=40, dose=2), methadone(0, 100)]
    found = finding("OPI-02", *lines, as_of=61)
    assert (found.severity, found.mode) == (1, INTERRUPT)
    assert "diazepam rose from 5 to 10 mg a day on 2 March 2026" in found.sentence


def test_substitution_is_not_to_be_disturbed():
    assert (
        "keep the substitution treatment going" in finding("OPI-02", line(), methadone()).sentence
    )


# --- GAB-01 ----------------------------------------------------------------------------------

GABAPENTIN = "gabapentin 300 mg capsules"


def condition(code="", text="", **more):
    codings = (("icd10", code),) if code else ()
    return Condition(id=1, codings=codings, text=text, **more)


GAB = [
    ({}, 2, "no added risk"),
    ({"birth": date(1961, 1, 1)}, 1, "65 on the day"),
    ({"birth": date(1961, 1, 2)}, 2, "64"),
    ({"conditions": (condition("J44.9"),)}, 1, "COPD"),
    ({"conditions": (condition("G35"),)}, 1, "multiple sclerosis"),
    ({"conditions": (condition("G47.33"),)}, 1, "sleep apnoea"),
    ({"conditions": (condition("G43.9"),)}, 2, "migraine is not meant"),
    ({"conditions": (condition(text="Obstructive sleep apnoea"),)}, 1, "by its words"),
    ({"conditions": (condition("J44.9", ended_on=on(0)),)}, 2, "over"),
    ({"conditions": (condition("J44.9", onset_on=on(1)),)}, 2, "not yet"),
    ({"readings": (Reading(id=1, kind="egfr", value=59, on=on(0)),)}, 1, "eGFR 59"),
    ({"readings": (Reading(id=1, kind="egfr", value=60, on=on(0)),)}, 2, "eGFR 60"),
    (
        {
            "readings": (
                Reading(id=1, kind="egfr", value=40, on=on(-9)),
                Reading(id=2, kind="egfr", value=70, on=on(-1)),
            )
        },
        2,
        "the latest counts",
    ),
]


@pytest.mark.parametrize(("more", "severity", "why"), GAB)
def test_gabapentinoid_by_added_risk(more, severity, why):
    assert fired(line(days=14), line(GABAPENTIN), **more)["GAB-01"] == severity, why


def test_gabapentinoid_with_an_opioid_is_urgent_and_never_interrupts():
    found = finding("GAB-01", line(), line(GABAPENTIN), morphine(5, 2))
    assert (found.severity, found.mode) == (1, QUEUE)
    assert "an opioid as well" in found.sentence


def test_gabapentinoid_says_what_it_does_not_know():
    found = finding("GAB-01", line(days=14), line(GABAPENTIN), birth=None)
    assert found.unknown == "Not recorded: birth date and eGFR."


@pytest.mark.parametrize(
    ("lines", "severity", "why"),
    [
        ([], 3, "a note in epilepsy care; the disease itself does not count"),
        ([morphine(0, 6)], 1, "unless there is an opioid"),
    ],
)
def test_gabapentinoid_under_the_epilepsy_exemption(lines, severity, why):
    more = {"exemptions": (EPILEPSY,), "conditions": (condition("G40.9"),)}
    assert fired(line(), line(GABAPENTIN), *lines, **more)["GAB-01"] == severity, why


@pytest.mark.parametrize(("start", "fires"), [(27, True), (28, False)])
def test_gabapentinoid_from_one_shared_day(start, fires):
    assert ("GAB-01" in fired(line(), line(GABAPENTIN, start=start))) is fires


# --- CNS-01, CNS-02 --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("as_of", "mode", "why"),
    [(28, INTERRUPT, "a start"), (29, QUEUE, "urgent still, but no interruption")],
)
def test_an_older_sedative_is_urgent_throughout(as_of, mode, why):
    found = finding("CNS-01", line(days=60), line("carisoprodol", days=60), as_of=as_of)
    assert (found.severity, found.mode) == (1, mode), why


@pytest.mark.parametrize(("text", "severity"), [("phenobarbital 60 mg", 3), ("carisoprodol", 1)])
def test_phenobarbital_in_epilepsy_care_is_a_note(text, severity):
    found = finding("CNS-01", line(), line(text), exemptions=(EPILEPSY,))
    assert found.severity == severity
    assert (found.mode == INTERRUPT) is (severity == 1)


@pytest.mark.parametrize(
    ("text", "start", "severity", "why"),
    [
        ("suvorexant 10 mg", 22, None, "6 days"),
        ("suvorexant 10 mg", 21, 2, "7 days"),
        ("melatonin 2 mg", 22, None, "6 days"),
        ("melatonin 2 mg", 21, 3, "7 days, a step lower"),
    ],
)
def test_another_hypnotic_from_7_shared_days(text, start, severity, why):
    assert fired(line(days=28), line(text, start=start)).get("CNS-02") == severity, why


def test_shared_days_are_counted_over_the_whole_exposure():
    lines = [line(days=60), line("suvorexant 10 mg", days=4)]
    assert "CNS-02" not in fired(*lines, as_of=3)
    assert "CNS-02" in fired(*lines, line("suvorexant 10 mg", start=40, days=3), as_of=40)


def test_a_hypnotic_without_supply_is_not_evaluable_and_not_passed():
    vague = line("suvorexant 10 mg", days_supply=None, quantity=None)
    assert "CNS-02" in not_evaluable(line(), vague, as_of=10)
    assert "CNS-02" not in fired(line(), vague, as_of=10)


# --- CYP-01 ----------------------------------------------------------------------------------

PAIRS = [
    ("triazolam 0.25 mg", "clarithromycin 500 mg", 1),
    ("midazolam 15 mg tablets", "ritonavir 100 mg", 1),
    ("midazolam", "ritonavir 100 mg", 1),
    ("midazolam 10 mg/2 ml oromucosal solution", "ritonavir 100 mg", None),
    ("alprazolam 0.5 mg", "ketoconazole 200 mg", 1),
    ("alprazolam 0.5 mg", "clarithromycin 500 mg", 2),
    ("diazepam 5 mg", "ketoconazole 200 mg", 2),
    ("zopiclone 7.5 mg", "clarithromycin 500 mg", 2),
    ("triazolam 0.25 mg", "ceritinib 150 mg", 2),
    ("alprazolam 0.5 mg", "ceritinib 150 mg", 2),
    ("lorazepam 1 mg", "ketoconazole 200 mg", None),
    ("oxazepam 10 mg", "ketoconazole 200 mg", None),
    ("temazepam 10 mg", "ketoconazole 200 mg", None),
    ("lormetazepam 1 mg", "ketoconazole 200 mg", None),
]


@pytest.mark.parametrize(("sedative", "inhibitor", "severity"), PAIRS)
def test_each_pair_has_its_severity(sedative, inhibitor, severity):
    found = finding("CYP-01", line(sedative, days=14), line(inhibitor, days=7))
    assert (None if found is None else found.severity) == severity
    if found is not None:
        assert found.mode == (INTERRUPT if severity == 1 else QUEUE)


@pytest.mark.parametrize(("start", "fires"), [(13, True), (14, False)])
def test_an_inhibitor_from_one_shared_day(start, fires):
    lines = [line("alprazolam 0.5 mg", days=14), line("clarithromycin 500 mg", start=start, days=7)]
    assert ("CYP-01" in fired(*lines)) is fires


@pytest.mark.parametrize(("days", "short"), [(14, True), (15, False)])
def test_a_short_course_asks_for_a_plan_of_its_own_length(days, short):
    lines = [line("alprazolam 0.5 mg", days=14), line("clarithromycin 500 mg", days=days)]
    assert ("look again on its last day" in finding("CYP-01", *lines).clears) is short


def test_the_gravest_pair_leads_and_the_others_are_named():
    lines = [line("triazolam 0.25 mg"), line("diazepam 5 mg"), line("ketoconazole 200 mg")]
    found = finding("CYP-01", *lines)
    assert found.severity == 1
    assert "less strongly, for diazepam" in found.sentence


# --- DUP-01, DUP-02 --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "fires", "why"),
    [
        ({}, {"start": 22}, False, "6 shared days"),
        ({}, {"start": 21}, True, "7 shared days"),
        ({}, {"start": 0, "as_needed": True}, False, "as-needed is left out"),
        ({}, {"start": 0, "route": "nasal"}, False, "rescue is left out"),
    ],
)
def test_two_benzodiazepines(first, second, fires, why):
    found = fired(line(**first), line("lorazepam 1 mg tablets", **second))
    assert ("DUP-01" in found) is fires, why


def test_the_same_benzodiazepine_twice_is_another_matter():
    assert "DUP-01" not in fired(line(), line("diazepam 2 mg tablets"))


@pytest.mark.parametrize(
    ("overlap", "dose_after", "last", "fires", "why"),
    [
        (28, 1, 90, False, "28 days with the earlier dose coming down, and it ends first"),
        (29, 1, 90, True, "29 days are more than a cross-taper"),
        (28, 2, 90, True, "the earlier dose did not come down"),
        (28, 1, 57, True, "the earlier medicine does not run out first"),
    ],
)
def test_a_cross_taper_is_left_out(overlap, dose_after, last, fires, why):
    lines = [
        line("lorazepam 1 mg tablets", days=30, dose=2),
        line("lorazepam 1 mg tablets", start=30, days=28, dose=dose_after),
        line("diazepam 5 mg tablets", start=58 - overlap, days=last - (58 - overlap) + 1),
    ]
    assert ("DUP-01" in fired(*lines, as_of=40)) is fires, why


def test_a_medicine_whose_end_is_not_known_is_no_cross_taper():
    lines = [line(days=200), line("lorazepam 1 mg tablets", start=100, days=10)]
    assert "DUP-01" in fired(*lines, as_of=100)


def test_clonazepam_and_clobazam_belong_together_in_epilepsy_care():
    lines = [line("clonazepam 0.5 mg"), line("clobazam 10 mg")]
    assert "DUP-01" in fired(*lines)
    assert "DUP-01" not in fired(*lines, exemptions=(EPILEPSY,))


@pytest.mark.parametrize(("start", "fires"), [(22, False), (21, True)])
def test_a_benzodiazepine_and_a_z_drug(start, fires):
    found = fired(line(), line("zopiclone 7.5 mg", start=start, as_needed=True))
    assert ("DUP-02" in found) is fires


def test_duplicates_without_supply_are_not_evaluable():
    vague = {"days_supply": None, "quantity": None}
    assert "DUP-01" in not_evaluable(line(), line("lorazepam 1 mg", **vague), as_of=9)
    assert "DUP-02" in not_evaluable(line(), line("zopiclone 7.5 mg", **vague), as_of=9)


def test_exposure_that_ended_years_ago_says_nothing():
    lines = [line(days=100), morphine(), line(GABAPENTIN), line("carisoprodol"), line("zopiclone")]
    screening = screen(person(*lines, as_of=3000, birth=OLD), BOOK)
    assert (screening.findings, screening.not_evaluable) == ((), ())
    assert screening.valid_until is None


def test_medicines_without_an_end_leave_no_day_to_wait_for():
    lines = [line(days=None), line("naltrexone 50 mg tablets", days=None)]
    screening = screen(person(*lines, as_of=3000, birth=None), BOOK)
    assert "ALC-01" in {finding.rule_id for finding in screening.findings}
    assert screening.valid_until is None


@pytest.mark.parametrize(
    ("before", "severity", "why"),
    [
        ("morphine 10 mg", 2, "a renewal of the same opioid"),
        ("codeine 30 mg", 1, "another opioid, whose end nobody knows"),
    ],
)
def test_a_renewal_after_a_supply_of_unknown_length_is_no_start(before, severity, why):
    diazepam = [line(start=start, days=28) for start in (0, 28, 56)]
    unknown = line(before, start=20, days=None, quantity=None, status="completed")
    found = fired(*diazepam, unknown, line("morphine 10 mg", start=60, days=14), as_of=62)
    assert found["OPI-01"] == severity, why
