"""Dose, duplication, cumulative exposure, co-prescription of the later rules, and tapers."""

from datetime import date

import pytest

from reviews.rules import screen
from reviews.rules.dossier import Exemption, Reading, Taper, TaperStep
from reviews.rules.finding import INTERRUPT, NOTE

from .book import BOOK, finding, fired, line, on, person

OLD = date(1950, 5, 5)
LORAZEPAM, ZOPICLONE = "lorazepam 1 mg tablets", "zopiclone 7.5 mg tablets"


def told(kind, text="", value=None, day=0):
    return Reading(id=1, kind=kind, text=text, value=value, on=on(day))


def exempt(kind):
    return Exemption(id=1, kind=kind, starts_on=on(-10), expires_on=on(300))


# --- dose ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "dose", "more", "severity", "why"),
    [
        ("diazepam 10 mg tablets", 3, {}, None, "30 mg, the maximum"),
        ("diazepam 10 mg tablets", 3.1, {}, 2, "over it"),
        ("diazepam 10 mg tablets", 4.5, {}, 2, "one and a half times it"),
        ("diazepam 10 mg tablets", 4.6, {}, 1, "over one and a half times it"),
        ("diazepam 10 mg tablets", 6, {"indication": "spasticity_neurological"}, None, "60 mg"),
        (LORAZEPAM, 4, {}, None, "lorazepam 4 mg"),
        (LORAZEPAM, 5, {}, 2, "lorazepam 5 mg"),
        ("lorazepam 2.5 mg orodispersible tablets", 3, {}, None, "7.5 mg orodispersible"),
    ],
)
def test_the_labelled_maximum(text, dose, more, severity, why):
    assert fired(line(text, dose=dose, days=7, **more)).get("DOSE-02") == severity, why


def test_an_unknown_dose_beside_the_maximum_adds_nothing_that_is_known():
    lines = [line("diazepam 10 mg tablets", dose=3, days=7), line(dose=None, days=7)]
    assert "DOSE-02" not in fired(*lines)


def test_two_strengths_make_up_one_dose():
    lines = [line("diazepam 10 mg tablets", dose=3, days=7), line("diazepam 2 mg tablets", days=7)]
    assert fired(*lines)["DOSE-02"] == 2


@pytest.mark.parametrize(
    ("dose", "profile", "severity", "why"),
    [
        (1.5, "UK", None, "15 mg, half of the adult 30"),
        (1.6, "UK", 2, "over half"),
        (0.5, "US", None, "5 mg, the label's figure"),
        (0.6, "US", 2, "over it"),
    ],
)
def test_the_maximum_for_older_people(dose, profile, severity, why):
    found = fired(line("diazepam 10 mg tablets", dose=dose), birth=OLD, profile=profile)
    assert found.get("DOSE-03") == severity, why


def test_the_higher_dose_rule_of_a_drug_is_shown_alone():
    dossier = person(line("diazepam 10 mg tablets", dose=4), birth=OLD)
    screening = screen(dossier, BOOK)
    assert "DOSE-02" in {f.rule_id for f in screening.findings}
    assert "DOSE-03" in screening.shadowed


@pytest.mark.parametrize(
    ("diazepam", "days", "severity", "why"),
    [
        (20, 7, None, "diazepam 20 and lorazepam 1 come to 30"),
        (21, 7, 2, "31 on 7 days"),
        (21, 6, None, "31 on 6 days"),
        (50, 7, 2, "60 on 7 days"),
        (51, 7, 1, "61 on 7 days"),
    ],
)
def test_two_benzodiazepines_in_diazepam_equivalents(diazepam, days, severity, why):
    lines = [
        line("diazepam tablets", dose=diazepam, dose_unit="mg", days=days),
        line(LORAZEPAM, days=28),
    ]
    assert fired(*lines).get("DOSE-01") == severity, why


def test_an_equivalent_names_its_table_and_range():
    lines = [line("diazepam tablets", dose=40, dose_unit="mg"), line(LORAZEPAM)]
    found = finding("DOSE-01", *lines)
    facts = {fact.name: fact.value for fact in found.facts}
    assert facts["dde_mg"] == 50
    assert facts["dde_table"] == "Scottish Government 2024"
    assert facts["dde_range_mg"] == "45 to 50"
    assert "Scottish Government 2024" in found.sentence


def test_the_smaller_dose_of_a_range_counts():
    data = BOOK.to_json()
    data["drugs"]["oxazepam"]["equivalents"] = {"SCOT2024": [20, 30]}
    book = type(BOOK).from_json(data)
    assert book.to_json() == data
    dossier = person(
        line("oxazepam tablets", dose=60, dose_unit="mg"),
        line("diazepam tablets", dose=5, dose_unit="mg"),
    )
    (found,) = (f for f in screen(dossier, book).findings if f.rule_id == "DOSE-01")
    facts = {fact.name: fact.value for fact in found.facts}
    assert facts["dde_mg"] == 35
    assert facts["dde_range_mg"] == "25 to 35"


def test_z_drugs_are_added_up_in_the_uk_profile_only():
    lines = [
        line("diazepam tablets", dose=10, dose_unit="mg"),
        line(LORAZEPAM, dose=1.8),
        line(ZOPICLONE),
    ]
    assert "DOSE-01" in fired(*lines)
    more = [line("diazepam tablets", dose=30, dose_unit="mg"), line(LORAZEPAM, dose=1.8)]
    assert "DOSE-01" not in fired(*more, line(ZOPICLONE), profile="US")


@pytest.mark.parametrize(
    ("dose", "band"),
    [(2, "low"), (2.1, "moderate"), (3, "moderate"), (3.1, "high")],
)
def test_dose_bands(dose, band):
    found = finding("DOSE-05", line(LORAZEPAM, dose=dose))
    assert (found.severity, found.mode) == (4, NOTE)
    assert found.facts[0].value == band


@pytest.mark.parametrize(
    ("before", "after", "as_of", "fires", "why"),
    [
        (10, 15, 28, True, "half as much again, and 5 mg"),
        (10, 14.9, 28, False, "less than half"),
        (8, 12, 28, False, "half, but only 4 mg"),
        (10, 15, 56, True, "28 days after the rise"),
        (10, 15, 57, False, "29 days after"),
    ],
)
def test_escalation(before, after, as_of, fires, why):
    lines = [
        line("diazepam tablets", dose=before, dose_unit="mg", days=28),
        line("diazepam tablets", start=28, dose=after, dose_unit="mg", days=60),
    ]
    assert ("DOSE-04" in fired(*lines, as_of=as_of)) is fires, why


def test_a_planned_titration_is_no_escalation():
    lines = [
        line("diazepam tablets", dose=10, dose_unit="mg", days=28),
        line(
            "diazepam tablets",
            start=28,
            dose=20,
            dose_unit="mg",
            days=28,
            change_reason="titration",
        ),
    ]
    assert "DOSE-04" not in fired(*lines, as_of=28)


@pytest.mark.parametrize(
    ("sex", "profile", "dose", "fires", "why"),
    [
        ("female", "US", 1, False, "5 mg"),
        ("female", "US", 2, True, "10 mg"),
        ("male", "US", 2, False, "a man"),
        ("female", "UK", 2, False, "not in this profile"),
    ],
)
def test_the_first_zolpidem_dose(sex, profile, dose, fires, why):
    found = fired(line("zolpidem 5 mg tablets", dose=dose, days=7), sex=sex, profile=profile)
    assert ("DOSE-06" in found) is fires, why


@pytest.mark.parametrize(("days", "fires"), [(2, False), (3, True)])
def test_two_z_drugs(days, fires):
    lines = [line(ZOPICLONE, days=7), line("zolpidem 5 mg tablets", start=7 - days, days=7)]
    assert ("DUP-03" in fired(*lines)) is fires


@pytest.mark.parametrize(("start", "fires"), [(6, False), (5, True)])
def test_the_same_medicine_twice_beyond_what_is_carried(start, fires):
    # 28 days, of which 22 or 23 are left: 15 are carried, 7 or 8 overlap.
    assert ("DUP-04" in fired(line(days=28), line(start=start, days=28), as_of=start)) is fires


# --- cumulative ------------------------------------------------------------------------------


def courses(days, gap, count, last=None):
    return [line(start=n * (days + gap), days=days) for n in range(count)]


@pytest.mark.parametrize(
    ("days", "rule"), [(90, None), (91, "DUR-05"), (143, "DUR-05"), (144, "DUR-06")]
)
def test_days_in_a_year(days, rule):
    lines = [line(start=n, days=min(30, days - n)) for n in range(0, days, 30)]
    found = fired(*lines, as_of=days - 1)
    assert {"DUR-05", "DUR-06"} & found.keys() == ({rule} if rule else set())


def test_180_days_in_a_year_with_pauses():
    lines = courses(20, 19, 9)  # 180 of 332 days, and 100 of the last 180
    assert "DUR-06" in fired(*lines, as_of=330)
    lines[0] = line(days=19)
    found = fired(*lines, as_of=330)
    assert "DUR-06" not in found
    assert found["DUR-05"] == 3


@pytest.mark.parametrize(
    ("count", "days", "fires", "why"),
    [
        (5, 19, False, "95 days in 5 supplies"),
        (6, 16, True, "96 days in 6 supplies"),
        (6, 15, False, "90 days in 6 supplies"),
    ],
)
def test_intermittent_use(count, days, fires, why):
    lines = courses(days, 25, count)
    assert ("DUR-10" in fired(*lines, as_of=(days + 25) * (count - 1))) is fires, why


@pytest.mark.parametrize(
    ("fields", "fires", "why"),
    [
        ({"days": 2}, False, "2 days"),
        ({"days": 3}, True, "3 days"),
        ({"days": 3, "indication": "anxiety"}, False, "another indication"),
    ],
)
def test_premedication(fields, fires, why):
    assert ("DUR-07" in fired(line(**{"indication": "premedication", **fields}))) is fires, why


@pytest.mark.parametrize(("gap", "fires"), [(30, True), (31, False)])
def test_a_second_procedure(gap, fires):
    lines = [line(start=n, days=1, indication="procedure") for n in (0, gap)]
    assert ("DUR-07" in fired(*lines, as_of=gap)) is fires


@pytest.mark.parametrize(
    ("birth", "days", "before", "fires", "why"),
    [
        (date(1960, 1, 1), 21, None, True, "66 on the day, 21 days"),
        (date(1960, 1, 2), 21, None, False, "65 on the day"),
        (date(1960, 1, 1), 20, None, False, "20 days"),
        (date(1960, 1, 1), 21, -451, True, "451 days before"),
        (date(1960, 1, 1), 21, -450, False, "450 days before"),
    ],
)
def test_a_new_long_course_over_65(birth, days, before, fires, why):
    lines = [line(days=days)] + ([] if before is None else [line(start=before, days=1)])
    assert ("DUR-08" in fired(*lines, birth=birth)) is fires, why


@pytest.mark.parametrize(
    ("start", "fields", "fires", "why"),
    [
        (42, {"is_new_start": True}, True, "after 14 free days"),
        (43, {"is_new_start": True}, False, "after 15 free days it is one"),
        (42, {}, False, "not recorded as a new start"),
        (42, {"is_new_start": True, "medicine": "diazepam 2 mg"}, False, "the same ingredient"),
    ],
)
def test_a_new_start_within_an_episode(start, fields, fires, why):
    lines = [line(days=28), line(start=start, **{"medicine": LORAZEPAM, **fields})]
    assert ("DUR-09" in fired(*lines, as_of=start)) is fires, why


@pytest.mark.parametrize(
    ("start", "reason", "fires", "why"),
    [
        (43, "", True, "30 days after the last day"),
        (44, "", False, "31 days after"),
        (20, "adverse_effect", False, "an adverse effect of the first"),
        (20, "no_effect", True, "not for want of effect"),
    ],
)
def test_a_switch_of_hypnotic(start, reason, fires, why):
    lines = [
        line(ZOPICLONE, days=14),
        line("temazepam 10 mg", start=start, days=7, change_reason=reason),
    ]
    assert ("SWI-01" in fired(*lines, as_of=start)) is fires, why


# --- other medicines -------------------------------------------------------------------------

PAIRS = [
    ("OXY-01", "diazepam 5 mg", "sodium oxybate", 1, {}, 1),
    ("CNS-03", "diazepam 5 mg", "promethazine 25 mg", 7, {}, 3),
    ("CNS-03", "diazepam 5 mg", "promethazine 25 mg", 7, {"birth": OLD}, 2),
    ("CNS-04", "diazepam 5 mg", "quetiapine 25 mg", 7, {}, 3),
    ("CNS-04", "diazepam 5 mg", "loxapine 25 mg", 7, {}, 2),
    ("CNS-04", "diazepam 5 mg", "amisulpride 50 mg", 7, {}, 4),
    ("CNS-05", "diazepam 5 mg", "baclofen 10 mg", 7, {}, 3),
    ("CNS-05", "diazepam 5 mg", "baclofen 10 mg", 7, {"birth": OLD}, 2),
    ("ADP-02", "diazepam 5 mg", "mirtazapine 15 mg", 7, {}, 3),
    ("ADP-02", "diazepam 5 mg", "mirtazapine 15 mg", 7, {"birth": OLD}, 2),
    ("ADP-01", "alprazolam 0.5 mg", "fluvoxamine 50 mg", 7, {}, 2),
    ("ADP-01", "diazepam 5 mg", "fluoxetine 20 mg", 7, {}, 3),
    ("ADP-01", "diazepam 5 mg", "fluoxetine 20 mg", 7, {"birth": OLD}, 2),
    ("ADP-01", "triazolam 0.125 mg", "sertraline 50 mg", 7, {}, 4),
    ("ADP-01", "triazolam 0.125 mg", "nefazodone 100 mg", 1, {}, 1),
    ("CYP-02", "alprazolam 0.5 mg", "erythromycin 250 mg", 7, {}, 3),
    ("CYP-02", "triazolam 0.125 mg", "erythromycin 250 mg", 7, {}, 2),
    ("CYP-02", "triazolam 0.125 mg", "amiodarone 200 mg", 7, {}, 4),
    ("CYP-03", "diazepam 5 mg", "ticlopidine 250 mg", 7, {}, 3),
    ("CYP-03", "diazepam 5 mg", "ticlopidine 250 mg", 7, {"birth": OLD}, 2),
    ("CYP-03", "diazepam 5 mg", "omeprazole 20 mg", 7, {"birth": OLD}, 4),
    ("CYP-04", "alprazolam 0.5 mg", "efavirenz 600 mg", 7, {}, 3),
    ("CYP-04", "diazepam 5 mg", "rifampicin 300 mg", 7, {}, 2),
    ("AED-01", "diazepam 5 mg", "carbamazepine 200 mg", 7, {}, 3),
    ("AED-01", "alprazolam 0.5 mg", "carbamazepine 200 mg", 7, {}, 2),
    ("AED-02", "clobazam 10 mg", "stiripentol 500 mg", 7, {}, 2),
    ("AED-02", "clobazam 10 mg", "felbamate 400 mg", 7, {}, 3),
]


@pytest.mark.parametrize(("rule", "sedative", "other", "at", "more", "severity"), PAIRS)
def test_a_pair_counts_from_so_many_days_together(rule, sedative, other, at, more, severity):
    def together(days):
        lines = [line(sedative, days=28), line(other, start=28 - days, days=28)]
        return fired(*lines, as_of=20, **more)

    assert together(at)[rule] == severity
    assert rule not in together(at - 1)


@pytest.mark.parametrize("sedative", ["lorazepam 1 mg", "oxazepam 10 mg", "temazepam 10 mg"])
@pytest.mark.parametrize(
    "other", ["erythromycin", "ticlopidine", "efavirenz", "rifampicin", "fluvoxamine"]
)
def test_a_glucuronidated_medicine_has_no_enzyme_findings(sedative, other):
    found = fired(line(sedative), line(other))
    assert not {"ADP-01", "CYP-01", "CYP-02", "CYP-03", "CYP-04"} & found.keys()


def test_an_ssri_alone_raises_nothing():
    assert not {"ADP-01", "ADP-02"} & fired(line(), line("citalopram 20 mg")).keys()


@pytest.mark.parametrize(("days", "fires"), [(6, False), (7, True)])
def test_three_together(days, fires):
    lines = [line(), line("morphine 10 mg"), line("gabapentin 300 mg", start=28 - days)]
    found = finding("OPI-04", *lines, as_of=20)
    assert (found is not None) is fires
    if fires:
        assert (found.severity, found.mode) == (1, INTERRUPT)
        assert "GAB-01" not in fired(*lines, as_of=20)


@pytest.mark.parametrize(("day", "fires"), [(-365, False), (-366, True)])
def test_naloxone(day, fires):
    readings = (told("naloxone", "offered", day=day),)
    assert ("OPI-03" in fired(line(), line("morphine 10 mg"), readings=readings)) is fires


@pytest.mark.parametrize(("as_of", "severity"), [(28, 1), (29, 2)])
def test_clozapine(as_of, severity):
    lines = [line(days=60), line("clozapine 25 mg", days=60)]
    assert fired(*lines, as_of=as_of)["CLZ-01"] == severity


@pytest.mark.parametrize(
    ("minutes", "fires"), [((600, 660), True), ((600, 661), False), ((None, None), True)]
)
def test_olanzapine_by_injection(minutes, fires):
    injected = {"route": "parenteral", "days": 1}
    lines = [
        line("olanzapine 10 mg injection", start_minute=minutes[0], **injected),
        line("lorazepam 4 mg/ml injection", start_minute=minutes[1], **injected),
    ]
    found = finding("OLZ-01", *lines)
    assert (found is not None) is fires
    assert found is None or found.mode == INTERRUPT


@pytest.mark.parametrize(("days", "fires"), [(29, False), (30, True)])
def test_three_that_act_on_the_brain(days, fires):
    lines = [line(days=60), line("morphine 10 mg", days=60), line("quetiapine 25 mg", days=days)]
    assert ("CNS-06" in fired(*lines, birth=OLD)) is fires
    assert "CNS-06" not in fired(*lines)


@pytest.mark.parametrize(
    ("before", "after", "fires", "why"),
    [(2, 1, False, "half of the dose before"), (2, 1.1, True, "over half")],
)
def test_lorazepam_with_valproate(before, after, fires, why):
    lines = [
        line(LORAZEPAM, dose=before, days=28),
        line(LORAZEPAM, start=28, dose=after, days=28),
        line("valproic acid 500 mg", start=28, days=28),
    ]
    assert ("UGT-01" in fired(*lines, as_of=28)) is fires, why


@pytest.mark.parametrize(("dose", "fires"), [(1, False), (1.1, True)])
def test_lorazepam_begun_on_valproate(dose, fires):
    lines = [line("valproic acid 500 mg", days=60), line(LORAZEPAM, start=5, dose=dose)]
    assert ("UGT-01" in fired(*lines, as_of=5)) is fires


@pytest.mark.parametrize(("as_of", "fires"), [(56, False), (57, True), (84, True), (85, False)])
def test_an_inducer_that_ended_after_a_raised_dose(as_of, fires):
    lines = [
        line("alprazolam 0.5 mg", days=20),
        line("alprazolam 0.5 mg", start=20, dose=2, days=90),
        line("efavirenz", start=0, days=57),
    ]
    found = finding("CYP-04", *lines, as_of=as_of)
    assert (found is not None and "ended" in found.title) is fires


# --- the end of supply -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "days", "after", "fires", "why"),
    [
        ("diazepam 5 mg tablets", 28, 6, False, "long-acting, 6 days"),
        ("diazepam 5 mg tablets", 28, 7, True, "long-acting, 7 days"),
        (LORAZEPAM, 28, 3, False, "intermediate, 3 days"),
        (LORAZEPAM, 28, 4, True, "intermediate, 4 days"),
        (ZOPICLONE, 28, 1, False, "short, 1 day"),
        (ZOPICLONE, 28, 2, True, "short, 2 days"),
        (ZOPICLONE, 27, 2, False, "27 days: dependence is not to be expected"),
        ("alprazolam 0.5 mg tablets", 13, 4, False, "alprazolam for 13 days"),
        ("alprazolam 0.5 mg tablets", 14, 4, True, "alprazolam for 14 days"),
        ("diazepam 5 mg tablets", 28, 30, True, "30 days after"),
        ("diazepam 5 mg tablets", 28, 31, False, "31 days after"),
    ],
)
def test_supply_that_ends(text, days, after, fires, why):
    assert ("STOP-01" in fired(line(text, days=days), as_of=days - 1 + after)) is fires, why


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"readings": (told("care_status", "hospital"),)}, "in hospital"),
        ({"readings": (told("care_status", "moved"),)}, "moved away"),
        ({"tapers": (Taper(id=1, drug="diazepam"),)}, "a taper"),
        ({"deceased_on": on(30)}, "dead"),
    ],
)
def test_an_end_that_is_explained(more, why):
    assert "STOP-01" in fired(line(), as_of=35)
    assert "STOP-01" not in fired(line(), as_of=35, **more), why


@pytest.mark.parametrize(
    ("days", "dose", "mode", "why"),
    [
        (27, 1, None, "27 days of a low dose"),
        (28, 1, NOTE, "28 days"),
        (29, 1, INTERRUPT, "29 days: no short course any more"),
        (14, 4, INTERRUPT, "14 days of a high dose"),
        (13, 4, None, "13 days of a high dose"),
    ],
)
def test_ended_by_a_prescriber(days, dose, mode, why):
    stopped = line(days=60, dose=dose, end_on=on(days - 1), status="stopped")
    found = finding("STOP-02", stopped, as_of=days)
    assert (found and found.mode) == mode, why


def test_the_end_of_a_completed_taper_is_no_abrupt_end():
    stopped = line(days=60, end_on=on(40), status="stopped")
    steps = (TaperStep(on(0), 5), TaperStep(on(20), 2), TaperStep(on(40), 0))
    assert "STOP-02" in fired(stopped, as_of=41)
    done = Taper(id=1, drug="diazepam", status="completed", steps=steps)
    assert "STOP-02" not in fired(stopped, as_of=41, tapers=(done,))


@pytest.mark.parametrize(("as_of", "fires"), [(38, True), (39, False)])
def test_left_out_on_admission(as_of, fires):
    stopped = line(days=60, end_on=on(10), status="stopped", change_reason="admission")
    assert ("STOP-03" in fired(stopped, as_of=as_of)) is fires


# --- tapers ----------------------------------------------------------------------------------


def taper(*steps, status="active", contact=0, **more):
    return Taper(
        id=1,
        drug="diazepam",
        status=status,
        steps=tuple(TaperStep(on(day), mg) for day, mg in steps),
        last_contact_on=None if contact is None else on(contact),
        **more,
    )


@pytest.mark.parametrize(
    ("steps", "severity", "why"),
    [
        ([(0, 20), (14, 15)], None, "25 %"),
        ([(0, 20), (14, 14.9)], 2, "over 25 %"),
        ([(0, 20), (14, 10)], 2, "50 %"),
        ([(0, 20), (14, 9.9)], 1, "over 50 %"),
        ([(0, 20), (1, 17), (14, 14.5)], 2, "two steps within 14 days"),
        ([(0, 20), (1, 17), (15, 14.5)], None, "two steps 14 days apart"),
        ([(0, 10), (14, 8), (28, 6), (42, 4)], None, "2 mg from 10 mg or less"),
        ([(0, 12), (14, 8)], 2, "from 12 mg to 8 mg"),
        ([(0, 2), (14, 1), (28, 0)], None, "the last small step"),
        ([(0, 20), (14, 0)], 1, "to nothing at once"),
    ],
)
def test_a_taper_too_fast(steps, severity, why):
    lines = [line("diazepam tablets", dose=20, dose_unit="mg", days=60)]
    assert fired(*lines, tapers=(taper(*steps),)).get("TAP-01") == severity, why


def test_a_short_course_without_dependence_may_come_down_fast():
    lines = [line("diazepam tablets", dose=5, dose_unit="mg", days=27)]
    assert "TAP-01" not in fired(*lines, tapers=(taper((0, 5), (10, 0)),))


@pytest.mark.parametrize(("after", "severity"), [(15, None), (14, 2), (9, 1)])
def test_an_issued_dose_that_falls(after, severity):
    lines = [
        line("diazepam tablets", dose=20, dose_unit="mg", days=28),
        line("diazepam tablets", start=28, dose=after, dose_unit="mg", days=28),
    ]
    assert fired(*lines, as_of=30).get("TAP-01") == severity


@pytest.mark.parametrize(
    ("before", "step", "fires", "why"),
    [(365, 18, False, "10 %"), (365, 17.9, True, "over 10 %"), (300, 17.9, False, "under a year")],
)
def test_a_large_step_after_a_year(before, step, fires, why):
    lines = [
        line("diazepam tablets", start=n, dose=20, dose_unit="mg", days=30)
        for n in range(-before, 0, 30)
    ]
    found = fired(*lines, tapers=(taper((0, 20), (14, step)),), as_of=0)
    assert ("TAP-02" in found) is fires, why


@pytest.mark.parametrize(("contact", "as_of", "fires"), [(0, 28, False), (0, 29, True)])
def test_a_taper_without_contact(contact, as_of, fires):
    plan = taper((0, 5), (60, 4), contact=contact)
    assert ("TAP-03" in fired(line(days=60), tapers=(plan,), as_of=as_of)) is fires


@pytest.mark.parametrize(("as_of", "fires"), [(17, False), (18, True)])
def test_the_first_steps_of_a_taper_are_followed_up(as_of, fires):
    plan = taper((0, 5), (10, 4), contact=9)
    assert ("TAP-03" in fired(line(days=60), tapers=(plan,), as_of=as_of)) is fires


@pytest.mark.parametrize(
    ("as_of", "agreed", "fires"), [(93, False, False), (94, False, True), (94, True, False)]
)
def test_a_taper_at_a_halt(as_of, agreed, fires):
    lines = [line(start=n, days=30) for n in range(0, 120, 30)]
    plan = taper((0, 5), (10, 4), contact=as_of, maintenance_agreed=agreed)
    assert ("TAP-04" in fired(*lines, tapers=(plan,), as_of=as_of)) is fires


@pytest.mark.parametrize(("after", "fires"), [(11.9, False), (12, True)])
def test_a_dose_raised_during_a_taper(after, fires):
    lines = [
        line("diazepam tablets", dose=10, dose_unit="mg", days=28),
        line("diazepam tablets", start=28, dose=after, dose_unit="mg", days=28),
    ]
    plan = taper((0, 10), (60, 9), contact=28)
    assert ("TAP-05" in fired(*lines, tapers=(plan,), as_of=28)) is fires


@pytest.mark.parametrize(("every", "fires"), [(3, True), (4, False)])
def test_a_taper_at_label_speed(every, fires):
    lines = [
        line("diazepam tablets", start=n, dose=20, dose_unit="mg", days=30)
        for n in range(-90, 30, 30)
    ]
    plan = taper((0, 20), (every, 19.5), (2 * every, 19))
    found = fired(*lines, tapers=(plan,), as_of=0)
    assert ("TAP-06" in found) is fires


@pytest.mark.parametrize(
    ("dose", "readings", "fires", "why"),
    [
        (40, (), False, "40 mg"),
        (41, (), True, "over 40 mg"),
        (5, (told("withdrawal_complication", "yes"),), True, "a withdrawal seizure before"),
        (5, (told("pregnancy", "first"),), True, "pregnant"),
    ],
)
def test_the_level_of_care_of_a_taper(dose, readings, fires, why):
    lines = [line("diazepam tablets", dose=dose, dose_unit="mg")]
    found = fired(*lines, readings=readings, tapers=(taper((0, dose), (30, dose - 1)),))
    assert ("TAP-07" in found) is fires, why


@pytest.mark.parametrize(("day", "fires"), [(-365, False), (-366, True)])
def test_a_taper_is_offered_to_older_people(day, fires):
    lines = [line(start=n, days=30) for n in range(0, 90, 30)]
    readings = (told("taper_offer", "declined", day=day + 60),)
    assert ("ELD-05" in fired(*lines, birth=OLD, readings=readings, as_of=60)) is fires
    assert "ELD-05" not in fired(*lines[:2], birth=OLD, as_of=30)


def test_a_supply_that_will_run_out_is_no_fall_yet():
    lines = [line("diazepam tablets", dose=20, dose_unit="mg", days=60), line(LORAZEPAM, dose=2)]
    assert "TAP-01" not in fired(*lines, as_of=27)
    assert "TAP-01" in fired(*lines, as_of=28)


@pytest.mark.parametrize(("as_of", "fires"), [(26, False), (27, True), (57, True), (58, False)])
def test_an_end_without_a_day_is_that_of_the_supply(as_of, fires):
    assert ("STOP-02" in fired(line(days=28, status="stopped"), as_of=as_of)) is fires


def written(*schedule):
    """A written schedule of (mg a day, days)."""
    return line(dose=None, dose_unit="mg", schedule=schedule)


def alternate(*amounts, times=7):
    """A schedule that repeats these amounts in mg, each for a day."""
    return written(*[(mg, 1) for mg in amounts] * times)


@pytest.mark.parametrize(
    ("schedule", "raised", "why"),
    [
        (alternate(10, 5), False, "every other day"),
        (alternate(10, 5, 5), False, "every third day"),
        (alternate(10, 10, 10, 10, 10, 5, 5, times=4), False, "less at the week-end"),
        (written((5, 8), (10, 8)), True, "twice as much"),
        (written((20, 1), (10, 6), (20, 7)), False, "back within a week"),
        (written((20, 1), (10, 13), (20, 7)), True, "back after two weeks"),
    ],
)
def test_a_pattern_that_comes_back_is_no_rise(schedule, raised, why):
    assert ("DOSE-04" in fired(schedule, as_of=20)) is raised, why


UNDER_WAY = Taper(id=1, drug="diazepam", steps=(TaperStep(on(-60), 20),), last_contact_on=on(0))


@pytest.mark.parametrize(
    ("schedule", "raised", "why"),
    [
        (alternate(10, 5), False, "every other day"),
        (alternate(10, 0), False, "every other night"),
        (alternate(10, 0, 10, 0, 10, 0, 0, times=4), False, "three nights a week"),
        (written((5, 7), (10, 7)), True, "twice as much from the second week"),
    ],
)
def test_alternate_days_are_no_rise_during_a_taper(schedule, raised, why):
    assert ("TAP-05" in fired(schedule, as_of=10, tapers=(UNDER_WAY,))) is raised, why


@pytest.mark.parametrize(
    ("schedule", "severity", "why"),
    [
        (((20, 28), *((20, 1), (10, 1)) * 14), None, "20 then 15 a day: 25 % less"),
        (((20, 28), *((20, 1), (5, 1)) * 14), 2, "then 12.5 a day, after a week with one more"),
        (((20, 28), (10, 28)), 2, "half"),
    ],
)
def test_alternate_days_come_down_by_the_mean_of_a_week(schedule, severity, why):
    assert fired(written(*schedule), as_of=40).get("TAP-01") == severity, why


def test_fewer_nights_that_are_written_down_end_without_alarm():
    nights = ((10, 28), *((10, 2), (0, 1), (10, 4)) * 2, *((10, 1), (0, 1)) * 14)
    assert "STOP-01" not in fired(written(*nights), as_of=82)
    assert "STOP-01" in fired(alternate(10, 0, times=35), as_of=82), "they do not come down"


@pytest.mark.parametrize(
    ("as_of", "severity", "why"),
    [(11, 1, "its last day"), (12, 2, "it has come down since"), (27, None, "16 days ago")],
)
def test_a_dose_far_over_the_maximum_is_urgent_while_it_is_taken(as_of, severity, why):
    coming_down = line("diazepam 10 mg tablets", schedule=((6, 12), (2, 7), (1, 14)), dose=None)
    assert fired(coming_down, as_of=as_of).get("DOSE-02") == severity, why


@pytest.mark.parametrize(("as_of", "severity"), [(27, 1), (28, 2), (42, 2), (43, None)])
def test_so_it_is_once_the_supply_has_run_out(as_of, severity):
    assert fired(line(dose=12), as_of=as_of).get("DOSE-02") == severity


def test_a_supply_that_may_go_on_may_still_be_taken():
    assert fired(line(dose=12, repeats_allowed=5), as_of=100)["DOSE-02"] == 1
    assert fired(line(dose=12, days_supply=None, quantity=None), as_of=100)["DOSE-02"] == 1


@pytest.mark.parametrize(
    ("tablets", "severity", "says", "why"),
    [
        (6, 1, "comes to 60 mg a day from 1 January 2026;", "the same dose goes on"),
        (4, 2, "comes to 40 mg a day from 29 January 2026;", "what is taken now is told"),
        (3, 2, "came to 60 mg a day from 1 January 2026 until 28 January 2026;", "30 mg, within"),
    ],
)
def test_a_supply_renewed_is_judged_by_what_is_taken_now(tablets, severity, says, why):
    renewed = [
        line("diazepam 10 mg tablets", dose=6),
        line("diazepam 10 mg tablets", start=28, dose=tablets),
    ]
    found = finding("DOSE-02", *renewed, as_of=30)
    assert int(found.severity) == severity, why
    assert says in found.sentence, why


def test_what_is_left_of_a_dose_that_another_took_the_place_of_is_not_taken():
    """The lower dose is carried 15 days; from then on the rest of the higher one is stock."""
    lines = [
        line("diazepam 10 mg tablets", dose=6),
        line("diazepam 10 mg tablets", start=5, dose=3),
    ]
    assert fired(*lines, as_of=19)["DOSE-02"] == 1
    assert "until 20 January 2026" in finding("DOSE-02", *lines, as_of=20).title
    assert fired(*lines, as_of=20)["DOSE-02"] == 2


@pytest.mark.parametrize(("tablets", "past"), [(1, False), (0.5, True)])
def test_so_is_the_dose_of_an_older_person(tablets, past):
    lines = [line("diazepam 20 mg tablets"), line("diazepam 20 mg tablets", start=28, dose=tablets)]
    found = finding("DOSE-03", *lines, as_of=30, birth=date(1950, 1, 1))
    assert ("until 28 January 2026" in found.title) is past
