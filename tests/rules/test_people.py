"""Rules on a person's health, life, supply and reviews: each from both sides of its boundary."""

from datetime import date

import pytest

from reviews.rules import screen
from reviews.rules.dossier import Condition, Exemption, Reading
from reviews.rules.examples import EXAMPLES
from reviews.rules.finding import INTERRUPT

from .book import BOOK, finding, fired, line, not_evaluable, on

OLD = date(1950, 5, 5)
ZOPICLONE = "zopiclone 7.5 mg tablets"


def ill(code, day=0, **more):
    return Condition(id=1, codings=(("icd10", code),), onset_on=on(day), **more)


def snomed(code, day=0):
    return Condition(id=1, codings=(("snomed", code),), onset_on=on(day))


def told(kind, text="", value=None, day=0):
    return Reading(id=1, kind=kind, text=text, value=value, on=on(day))


def exempt(kind, start=-10, end=200):
    return Exemption(id=1, kind=kind, starts_on=on(start), expires_on=on(end))


# Rule, what the record holds, as-of day, severity expected (None = silent), why.
CONDITIONS = [
    ("FAL-01", [ill("W19", -366)], 0, None, "a fall 366 days ago"),
    ("FAL-01", [ill("W19", -365)], 0, 2, "a fall 365 days ago"),
    ("FAL-01", [ill("W19", -30)], 0, 2, "a fall 30 days ago"),
    ("FAL-01", [ill("W19", -29)], 0, 1, "a fall 29 days ago"),
    ("FAL-01", [ill("W19", -300), ill("S72.0", -100)], 0, 1, "a fall and a hip fracture"),
    ("COG-01", [ill("F03", -900)], 0, 2, "dementia at any time"),
    ("COG-01", [ill("F05", -90)], 0, 2, "delirium 90 days ago"),
    ("COG-01", [ill("F05", -91)], 0, None, "delirium 91 days ago"),
    ("COG-01", [ill("F03", -900, ended_on=on(-1))], 0, None, "an entry that is over"),
    ("RSP-01", [ill("J96.1")], 0, 1, "respiratory failure"),
    ("RSP-01", [ill("J44")], 0, 4, "COPD, nothing known of its grade"),
    ("RSP-01", [ill("J45")], 0, None, "asthma"),
    ("RSP-02", [ill("G47.3")], 0, 3, "sleep apnoea, treatment not known"),
    ("MYA-01", [ill("G70.0")], 0, 1, "myasthenia gravis"),
    ("MYA-01", [ill("G70.2")], 0, None, "another myasthenia"),
    ("HEP-01", [ill("K72.9")], 0, 1, "liver failure"),
    ("HEP-01", [ill("K70.4")], 0, 1, "alcoholic liver failure"),
    ("HEP-01", [ill("", text="Severe hepatic impairment")], 0, 1, "in words"),
    ("HEP-01", [ill("", text="Cirrhosis, Child-Pugh class C")], 0, 1, "its class in words"),
    ("HEP-01", [ill("", text="Cirrhosis, Child-Pugh class B")], 0, None, "a lower class"),
    ("COG-01", [snomed("52866005", -90)], 0, 2, "delirium by its SNOMED CT code"),
    ("GLA-01", [ill("H40.2")], 0, 2, "narrow-angle glaucoma"),
    ("GLA-01", [ill("H40.1")], 0, None, "open-angle glaucoma"),
    ("POR-01", [ill("E80.2")], 0, 3, "acute porphyria"),
    ("POR-01", [ill("E80.1")], 0, None, "porphyria of the skin"),
    ("SUD-01", [ill("F11.2", -2000, ended_on=on(-900))], 0, 2, "opioid use disorder in the past"),
    ("SUD-01", [ill("F10.2")], 0, None, "alcohol is ALC-01's"),
    ("ALC-01", [ill("F10.2", -2000)], 0, 1, "alcohol use disorder, a new episode"),
    ("ALC-01", [ill("F10.2", -2000)], 29, 2, "29 days later it continues"),
    ("ALC-01", [ill("F10.2", -2000)], 28, 1, "28 days later it is still new"),
    ("ALC-01", [ill("F10.2", -2000), ill("F10.21", -500)], 0, None, "with a code of remission"),
    ("SUI-01", [ill("R45.851", -30)], 0, 1, "suicidal thoughts 30 days ago"),
    ("SUI-01", [ill("R45.851", -31)], 0, 2, "31 days ago, with over 7 days supplied"),
    ("SUI-01", [ill("R45.851", -365)], 0, 2, "365 days ago"),
    ("SUI-01", [ill("R45.851", -366)], 0, None, "366 days ago"),
    ("SUI-01", [ill("T42.4X2A", -1)], 0, 1, "poisoning on purpose"),
    ("SUI-01", [ill("T42.4X1A", -1)], 0, None, "poisoning by accident"),
    ("SUI-01", [ill("X65", -1)], 0, 1, "alcohol on purpose"),
    ("ODH-01", [ill("X65", -1)], 0, 1, "alcohol on purpose is an overdose"),
    ("ODH-01", [ill("X66", -1)], 0, None, "solvents on purpose are not"),
    ("SUI-01", [ill("X64", -1)], 0, 1, "the same in the code of its cause"),
    ("SUI-01", [snomed("242831003", -1)], 0, 1, "an overdose on purpose, in SNOMED CT"),
    ("ODH-01", [snomed("242831003", -1)], 0, 1, "an overdose on purpose"),
    ("ODH-01", [snomed("295161000", -1)], 0, 1, "an overdose, in SNOMED CT"),
    ("ODH-01", [ill("X64", -1)], 0, 1, "by the code of its cause"),
    ("ODH-01", [ill("Y11", -1)], 0, 1, "of undetermined intent"),
    ("ODH-01", [ill("X70", -1)], 0, None, "self-harm by other means"),
    ("ODH-01", [ill("T42.4X1A", -90)], 0, 1, "an overdose 90 days ago"),
    ("ODH-01", [ill("T42.4X1A", -91)], 0, 2, "91 days ago"),
    ("ODH-01", [ill("T42.4X1A", -730)], 0, 2, "24 months ago"),
    ("ODH-01", [ill("T42.4X1A", -731)], 0, None, "a day more"),
    ("ODH-01", [ill("T42.4X5A", -10)], 0, None, "an adverse effect is no poisoning"),
    ("IND-04", [ill("F43.1")], 0, 2, "post-traumatic stress disorder and 28 days"),
    ("PRG-01", [ill("Z33.1")], 0, 2, "pregnant"),
]


@pytest.mark.parametrize(("rule", "conditions", "as_of", "severity", "why"), CONDITIONS)
def test_conditions(rule, conditions, as_of, severity, why):
    found = fired(line(days=40), conditions=tuple(conditions), as_of=as_of)
    assert found.get(rule) == severity, why
    assert rule not in fired(line(start=-300), conditions=tuple(conditions)), "nothing in use"


READINGS = [
    ("REN-01", [told("egfr", value=30)], None, "eGFR 30"),
    ("REN-01", [told("egfr", value=29.9)], 3, "eGFR under 30"),
    ("REN-01", [told("egfr", value=29, day=-731)], None, "too old to speak"),
    ("HEP-01", [told("child_pugh", "C")], 1, "Child-Pugh C"),
    ("HEP-01", [told("child_pugh", "B")], None, "Child-Pugh B"),
    ("HEP-02", [told("child_pugh", "B")], 2, "B with a long-acting medicine"),
    ("HEP-02", [told("alt_x_uln", value=3)], None, "ALT 3 times"),
    ("HEP-02", [told("alt_x_uln", value=3.1)], 2, "ALT over 3 times"),
    ("RSP-01", [told("po2_kpa", value=7.9)], 1, "pO2 under 8"),
    ("RSP-01", [told("po2_kpa", value=8)], None, "pO2 8"),
    ("RSP-01", [told("pco2_kpa", value=6.5)], None, "pCO2 6.5"),
    ("RSP-01", [told("pco2_kpa", value=6.6)], 1, "pCO2 over 6.5"),
    ("RSP-01", [told("home_oxygen", "yes")], 2, "oxygen at home"),
    ("ALC-01", [told("audit_c", value=7)], None, "AUDIT-C 7"),
    ("ALC-01", [told("audit_c", value=8)], 1, "AUDIT-C 8"),
    ("ALC-01", [told("alcohol_units_per_day", value=8)], None, "8 units"),
    ("ALC-01", [told("alcohol_units_per_day", value=8.5)], 1, "over 8 units"),
    ("ILL-01", [told("non_prescribed_benzodiazepine", "yes")], 2, "reported"),
    ("ILL-01", [told("non_prescribed_benzodiazepine", "no")], None, "denied"),
    ("SUI-01", [told("phq9_item9", value=0)], None, "item 9 of 0"),
    ("SUI-01", [told("phq9_item9", value=1, day=-30)], 1, "item 9 of 1, 30 days ago"),
    ("SUI-01", [told("phq9_item9", value=1, day=-31)], None, "31 days ago"),
    ("ODH-01", [told("reversal_given", "naloxone", day=-90)], 1, "reversed 90 days ago"),
    ("DEP-01", [told("dependence_signs", "tolerance", value=1)], None, "one sign"),
    ("DEP-01", [told("dependence_signs", "tolerance cannot_cope", value=2)], 2, "two signs"),
    ("DRV-01", [told("driving_occupation", "none")], None, "does not drive"),
    ("DRV-01", [told("driving_occupation", "private")], 4, "drives, no advice"),
    ("DRV-01", [told("driving_occupation", "vocational")], 2, "drives for work"),
    ("DRV-01", [told("driving_counselling", "done", day=-365)], None, "advice 365 days ago"),
    ("DRV-01", [told("driving_counselling", "done", day=-366)], 4, "advice too long ago"),
    ("OCC-01", [told("safety_critical_job", "yes")], 3, "a safety-critical job"),
    ("OCC-01", [told("safety_critical_job", "no")], None, "another job"),
    ("BRF-01", [told("breastfeeding", "yes")], 2, "a long-acting medicine"),
    ("BRF-01", [told("breastfeeding", "no")], None, "not breastfeeding"),
    ("PRG-01", [told("pregnancy", "first")], 2, "first trimester"),
    ("PRG-01", [told("pregnancy", "third")], 1, "third trimester and regular use"),
    ("PRG-01", [told("pregnancy", "not_pregnant")], None, "not pregnant"),
    ("PRG-01", [told("pregnancy", "second", day=-104)], 2, "second 104 days ago"),
    ("PRG-01", [told("pregnancy", "second", day=-105)], 1, "105 days later surely the third"),
    ("PRG-01", [told("pregnancy", "third", day=-98)], 1, "98 days after the third began"),
    ("PRG-01", [told("pregnancy", "third", day=-99)], None, "surely over"),
]


@pytest.mark.parametrize(("rule", "readings", "severity", "why"), READINGS)
def test_readings(rule, readings, severity, why):
    assert fired(line(days=40), readings=tuple(readings)).get(rule) == severity, why


@pytest.mark.parametrize(
    ("rule", "lines", "more", "severity", "why"),
    [
        ("BRF-01", [line("lorazepam 1 mg tablets", days=7)], {}, 3, "short and low"),
        ("BRF-01", [line("lorazepam 1 mg tablets", dose=3, days=7)], {}, 2, "above the low band"),
        ("BRF-01", [line("lorazepam 1 mg", days=7), line("morphine 5 mg")], {}, 2, "an opioid"),
    ],
)
def test_breastfeeding(rule, lines, more, severity, why):
    readings = (told("breastfeeding", "yes"),)
    assert fired(*lines, readings=readings, **more).get(rule) == severity, why


@pytest.mark.parametrize(
    ("text", "dose", "severity", "why"),
    [
        (ZOPICLONE, 1, 2, "zopiclone 7.5 mg with any impairment"),
        (ZOPICLONE, 0.5, None, "zopiclone 3.75 mg"),
        ("zolpidem 5 mg tablets", 1, None, "zolpidem 5 mg"),
        ("zolpidem 5 mg tablets", 2, 2, "zolpidem 10 mg"),
        ("lorazepam 1 mg tablets", 1, None, "glucuronidated"),
    ],
)
def test_a_liver_that_is_impaired(text, dose, severity, why):
    found = fired(line(text, dose=dose, days=7), conditions=(ill("K74.6"),))
    assert found.get("HEP-02") == severity, why


@pytest.mark.parametrize(
    ("treatment", "severity"), [("adherent", 3), ("nonadherent", 1), ("untreated", 1)]
)
def test_sleep_apnoea_by_treatment(treatment, severity):
    more = {"conditions": (ill("G47.3"),), "readings": (told("cpap_adherence", treatment),)}
    assert fired(line(), **more)["RSP-02"] == severity
    assert "RSP-02" in not_evaluable(line(), conditions=(ill("G47.3"),))


@pytest.mark.parametrize(("fev1", "severity"), [(49.9, 2), (50, 4)])
def test_copd_by_fev1(fev1, severity):
    more = {"conditions": (ill("J44"),), "readings": (told("fev1_percent", value=fev1),)}
    assert fired(line(), **more)["RSP-01"] == severity


@pytest.mark.parametrize(
    ("profile", "severity", "mode"), [("UK", 2, "queue"), ("EU", 2, "queue"), ("US", 1, INTERRUPT)]
)
def test_complex_sleep_behaviour_by_profile(profile, severity, mode):
    readings = (told("complex_sleep_behaviour", "yes"),)
    found = finding("ILN-01", line(ZOPICLONE, days=7), readings=readings, profile=profile)
    assert (found.severity, found.mode) == (severity, mode)
    assert finding("ILN-01", line(days=7), readings=readings) is None


@pytest.mark.parametrize(
    ("birth", "severity", "why"),
    [
        (date(2014, 1, 1), 2, "12 on the day"),
        (date(2014, 1, 2), 1, "11 on the day"),
        (date(2008, 1, 1), None, "18 on the day"),
        (date(2008, 1, 2), 2, "17 on the day"),
    ],
)
def test_children(birth, severity, why):
    assert fired(line(days=7), birth=birth).get("PED-01") == severity, why
    assert "PED-01" not in fired(line(days=7, indication="epilepsy_adjunct"), birth=birth)


def test_an_unknown_egfr_is_quiet_and_only_beside_a_benzodiazepine():
    assert "REN-01" in not_evaluable(line())
    assert "REN-01" not in not_evaluable(line("morphine 10 mg"))


@pytest.mark.parametrize(
    ("days", "sex", "readings", "fires", "why"),
    [
        (28, "female", (), True, "28 days, nothing noted"),
        (27, "female", (), False, "27 days"),
        (28, "male", (), False, "a man"),
        (28, "female", (told("pregnancy_intention", "planning", day=-365),), False, "noted"),
        (28, "female", (told("pregnancy_intention", "planning", day=-366),), True, "too old"),
    ],
)
def test_pregnancy_intention(days, sex, readings, fires, why):
    assert ("PRG-02" in fired(line(days=days), sex=sex, readings=readings)) is fires, why


@pytest.mark.parametrize(
    ("text", "kind", "fires", "why"),
    [
        ("Diazepam", "allergy", True, "the substance"),
        ("Benzodiazepines", "allergy", True, "the class"),
        ("Allergic to lorazepam", "condition", True, "said in a diagnosis"),
        ("Penicillin", "allergy", False, "another substance"),
        ("Diazepam dependence", "condition", False, "no allergy"),
    ],
)
def test_hypersensitivity(text, kind, fires, why):
    found = finding("ALG-01", line(), conditions=(Condition(id=1, text=text, kind=kind),))
    assert (found is not None) is fires, why
    assert found is None or found.mode == INTERRUPT


# --- indication, legal limits, strength ------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "as_of", "fires", "why"),
    [
        ({"indication": "other"}, 0, True, "other, at once"),
        ({"indication": ""}, 0, True, "none, at once"),
        ({"indication": "unknown"}, 7, False, "not known for 7 days"),
        ({"indication": "unknown"}, 8, True, "not known for over 7 days"),
        ({}, 8, False, "anxiety"),
    ],
)
def test_a_missing_indication(fields, as_of, fires, why):
    assert ("IND-01" in fired(line(**fields), as_of=as_of)) is fires, why


@pytest.mark.parametrize(("indication", "fires"), [("phobia", True), ("anxiety", False)])
def test_a_doubtful_indication(indication, fires):
    assert ("IND-02" in fired(line(indication=indication))) is fires


@pytest.mark.parametrize(
    ("day", "fires", "why"),
    [(None, True, "no plan"), (-28, False, "a plan 28 days before"), (-29, True, "29 days before")],
)
def test_panic_disorder_needs_a_crisis_plan(day, fires, why):
    readings = () if day is None else (told("crisis_plan", "done", day=day),)
    found = fired(line(indication="panic_disorder"), readings=readings)
    assert ("IND-03" in found) is fires, why


@pytest.mark.parametrize(
    ("profile", "fields", "fires", "why"),
    [
        ("UK", {"days": 30}, False, "30 days"),
        ("UK", {"days": 31}, True, "31 days"),
        ("US", {"days": 90}, False, "no cap on days"),
        ("EU", {"days": 84}, False, "an anxiolytic for 84 days"),
        ("EU", {"days": 85}, True, "85 days"),
        ("EU", {"medicine": ZOPICLONE, "days": 28}, False, "a hypnotic for 28 days"),
        ("EU", {"medicine": ZOPICLONE, "days": 29}, True, "29 days"),
        ("UK", {"written_on": on(-28), "dispensed_on": on(0)}, False, "28 days later"),
        ("UK", {"written_on": on(-29), "dispensed_on": on(0)}, True, "29 days later"),
        ("US", {"refill_number": 5}, False, "the fifth refill"),
        ("US", {"refill_number": 6}, True, "the sixth"),
        ("US", {"written_on": date(2025, 7, 1)}, False, "6 months to the day"),
        ("US", {"written_on": date(2025, 6, 30)}, True, "a day more"),
    ],
)
def test_legal_limits(profile, fields, fires, why):
    assert ("LEG-01" in fired(line(**fields), profile=profile)) is fires, why


@pytest.mark.parametrize(
    ("text", "fires", "why"),
    [
        ("diazepam 10 mg tablets", False, "marketed"),
        ("diazepam 20 mg tablets", True, "no such tablet"),
        ("diazepam 20 mg rectal solution", False, "no list for this form"),
    ],
)
def test_strengths(text, fires, why):
    assert ("STR-01" in fired(line(text, days=7))) is fires, why


@pytest.mark.parametrize(
    ("lines", "readings", "severity", "why"),
    [
        ([line(days=28)], (), 4, "nothing listed, a short course"),
        ([line(days=29)], (), 2, "nothing listed, a day longer"),
        ([line(), line("amoxicillin 500 mg")], (), None, "another medicine is listed"),
        ([line()], (told("medicines_reconciled", "none", day=-90),), None, "checked 90 days ago"),
        ([line()], (told("medicines_reconciled", "none", day=-91),), 4, "checked 91 days ago"),
        ([line(start=-28), line()], (), None, "no new course"),
        ([line(), line(source="reported")], (), 4, "a report of the same supply lists nothing"),
        ([line(), line(source="dispensed")], (), 4, "the same supply handed out lists nothing"),
    ],
)
def test_current_medicines(lines, readings, severity, why):
    assert fired(*lines, readings=readings).get("DQ-02") == severity, why


# --- reviews and exemptions ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "last", "as_of", "fires", "why"),
    [
        (89, None, 80, False, "89 calendar days"),
        (90, None, 80, True, "90 calendar days"),
        (200, 10, 100, False, "a review 90 days ago"),
        (200, 9, 100, True, "a review 91 days ago"),
    ],
)
def test_a_structured_review_is_due(days, last, as_of, fires, why):
    lines = [line(start=n, days=min(20, days - n)) for n in range(0, days, 20)]
    readings = () if last is None else (told("review", "continue", day=last),)
    found = fired(*lines, readings=readings, as_of=as_of)
    assert ("REV-01" in found) is fires, why


def test_an_overdue_review_goes_to_the_top_after_60_days():
    lines = [line(start=n, days=28) for n in range(0, 280, 28)]
    due, overdue = (finding("REV-01", *lines, as_of=day) for day in (149, 150))
    assert due.title.startswith("Review due")
    assert not due.leads
    assert overdue.title.startswith("Review long overdue")
    assert overdue.leads


def test_nothing_but_an_overdue_review_goes_to_the_top():
    leading = {
        found.rule_id
        for examples in EXAMPLES.values()
        for example in examples
        for found in screen(example.dossier, BOOK).findings
        if found.leads
    }
    assert leading == {"REV-01"}


@pytest.mark.parametrize(("last", "fires"), [(-180, False), (-181, True)])
def test_epilepsy_care_is_reviewed_every_180_days(last, fires):
    lines = [line(start=n, days=28, indication="epilepsy_adjunct") for n in range(-280, 28, 28)]
    readings = (told("review", "continue", day=last),)
    found = fired(*lines, readings=readings, exemptions=(exempt("epilepsy_adjunct", -300, 20),))
    assert ("REV-01" in found) is fires


def test_an_opioid_makes_a_review_due_at_each_renewal():
    lines = [line(days=28), line(start=28, days=28), line("morphine 10 mg", days=60)]
    assert "REV-01" in fired(*lines, as_of=30)
    assert "REV-01" not in fired(*lines, readings=(told("review", "continue", day=3),), as_of=30)
    assert "REV-01" not in fired(*lines[:2], as_of=30)


@pytest.mark.parametrize(
    ("planned", "as_of", "severity", "why"),
    [
        ("2026-01-11", 10, None, "planned for today"),
        ("2026-01-11", 11, 3, "missed by a day"),
        ("2026-01-11", 24, 3, "missed by 14 days"),
        ("2026-01-11", 25, 2, "missed by over 14 days"),
        (None, 9, None, "none planned, in the first supply"),
        (None, 10, 3, "none planned, and it goes on"),
        (None, 24, 3, "none planned for 14 days"),
        (None, 25, 2, "none planned for over 14 days"),
    ],
)
def test_the_next_review(planned, as_of, severity, why):
    lines = [line(days=10), line(start=10, days=18)]
    readings = () if planned is None else (told("next_review", planned),)
    assert fired(*lines, readings=readings, as_of=as_of).get("REV-02") == severity, why


def test_a_review_that_is_due_is_said_once():
    lines = [line(start=n, days=28) for n in range(0, 112, 28)]
    found = fired(*lines, as_of=90)
    assert "REV-01" in found
    assert "REV-02" not in found


@pytest.mark.parametrize(("as_of", "fires"), [(20, False), (21, True)])
def test_an_exemption_that_ran_out(as_of, fires):
    found = fired(line(days=40), exemptions=(exempt("specialist", 0, 20),), as_of=as_of)
    assert ("EXM-06" in found) is fires


def test_palliative_care_keeps_what_protects():
    more = {"exemptions": (exempt("palliative"),)}
    lines = [line(days=60), line("morphine 10 mg", days=60)]
    assert set(fired(*lines, **more)) == {"OPI-03"}
    assert fired(*lines, **more)["OPI-03"] == 4


# --- supply ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("second", "severity", "why"),
    [
        (24, None, "4 of 28 days left are under 15 %"),
        (23, 4, "5 of 28 days left are over 15 %"),
        (28, None, "none left"),
    ],
)
def test_an_early_refill(second, severity, why):
    found = fired(line(days=28), line(start=second, days=28), as_of=second)
    assert found.get("REF-01") == severity, why


def test_an_early_refill_needs_three_days_left():
    assert "REF-01" not in fired(line(days=7), line(start=5, days=7), as_of=5)
    assert "REF-01" in fired(line(days=7), line(start=4, days=7), as_of=4)


@pytest.mark.parametrize(("third", "severity"), [(113, 2), (114, 4)])
def test_two_early_refills_in_90_days(third, severity):
    lines = [line(days=28), line(start=23, days=28), line(start=third - 22, days=28)]
    found = fired(*lines, line(start=third, days=28), as_of=third)
    assert found["REF-01"] == severity


@pytest.mark.parametrize(("as_of", "fires"), [(180, True), (181, False)])
def test_replacements(as_of, fires):
    lines = [line(replacement_reason="lost"), line(start=100, replacement_reason="stolen")]
    found = fired(*lines, line(start=100, days=100), as_of=as_of)
    assert ("REF-02" in found) is fires


@pytest.mark.parametrize(
    ("teams", "severity", "why"),
    [
        (["a", "a", "a", "a"], None, "one team"),
        (["a", "b"], 2, "two with overlapping supply"),
        (["a", "b", "c"], 2, "three"),
        (["a", "b", "c", "d"], 1, "four"),
    ],
)
def test_several_prescribers(teams, severity, why):
    lines = [line(start=-n, team=team, prescriber=str(n)) for n, team in enumerate(teams)]
    assert fired(*lines).get("PRE-01") == severity, why


@pytest.mark.parametrize(
    ("told", "severity", "why"),
    [
        ({"prescriber": "p{}"}, None, "four prescribers may be of one practice"),
        ({"prescriber": "p{}", "system": "s{}"}, 1, "orders of four systems"),
        ({"prescriber": "p{}", "source": "dispensed"}, 1, "supplies handed out for four"),
        ({"prescriber": "p{}", "team": "a"}, None, "and here they are"),
        ({"prescriber": "p{}", "team": "t{}"}, 1, "four teams"),
        ({"prescriber": "p{}", "pharmacy": "s{}"}, 1, "four pharmacies"),
        ({"prescriber": "p", "pharmacy": "s"}, None, "one of each"),
    ],
)
def test_who_may_be_colleagues(told, severity, why):
    lines = [
        line(start=n * 28, **{name: value.format(n) for name, value in told.items()})
        for n in range(4)
    ]
    assert fired(*lines, as_of=90).get("PRE-01") == severity, why
    unsure = severity is None and told == {"prescriber": "p{}"}
    assert ("PRE-01" in not_evaluable(*lines, as_of=90)) is unsure, why


@pytest.mark.parametrize(
    ("second", "fires", "why"),
    [
        (1, True, "a day later, though its supply is carried behind the first"),
        (6, True, "on the last day of the first"),
        (7, False, "the day after it"),
    ],
)
def test_two_teams_overlap_as_issued(second, fires, why):
    lines = [line(days=7, team="a"), line(start=second, days=7, team="b")]
    assert ("PRE-01" in fired(*lines, as_of=10)) is fires, why


@pytest.mark.parametrize(("as_of", "fires"), [(75, True), (180, True), (181, False)])
def test_short_supplies_from_many_are_seen_between_them_too(as_of, fires):
    short = [line(start=n * 25, days=5, team=f"t{n}", replacement_reason="lost") for n in range(3)]
    found = fired(*short, as_of=as_of)
    assert ("PRE-01" in found) is fires
    assert ("REF-02" in found) is (as_of <= 25 + 180)


def test_two_prescribers_one_after_the_other_are_no_finding():
    assert "PRE-01" not in fired(line(days=7, team="a"), line(start=8, days=7, team="b"), as_of=9)


@pytest.mark.parametrize(
    ("acquired", "text", "fires"),
    [("nhs", "", False), ("online", "", True), ("private", "no", True), ("private", "yes", False)],
)
def test_a_private_supply(acquired, text, fires):
    readings = (told("usual_prescriber_informed", text),) if text else ()
    assert ("PRE-02" in fired(line(acquired=acquired), readings=readings)) is fires


@pytest.mark.parametrize(
    ("start", "days", "conditions", "fires", "why"),
    [
        (0, 30, (), False, "30 days"),
        (0, 31, (), True, "31 days at the start"),
        (90, 31, (), False, "90 days after the start"),
        (89, 31, (), True, "89 days after the start"),
        (0, 7, (ill("F11.2", -5),), False, "7 days with a risk"),
        (0, 8, (ill("F11.2", -5),), True, "8 days with a risk"),
    ],
)
def test_a_long_supply(start, days, conditions, fires, why):
    lines = [line(start=n, days=min(15, start - n)) for n in range(0, start, 15)]
    found = fired(
        *lines, line(start=start, days=days), conditions=conditions, as_of=start, profile="US"
    )
    assert ("SUP-01" in found) is fires, why


def test_a_supply_over_the_legal_limit_is_a_long_one_too():
    found = fired(line(days=31))
    assert found["LEG-01"] == found["SUP-01"] == 2


def test_a_supply_of_unknown_length_is_not_passed_as_short():
    assert "SUP-01" in not_evaluable(line(days=150))
    assert "SUP-01" not in not_evaluable(line(days=120))


def test_a_long_supply_is_shown_by_the_risk_itself():
    found = fired(line(days=31), conditions=(ill("R45.851"),))
    assert "SUI-01" in found
    assert "SUP-01" not in found


@pytest.mark.parametrize(("repeat", "fires"), [(True, True), (False, False)])
def test_on_repeat(repeat, fires):
    assert ("SUP-02" in fired(line(repeat_template=repeat))) is fires


@pytest.mark.parametrize(
    ("fields", "fires", "why"),
    [
        ({"days": 3}, False, "3 days at a time"),
        ({"days": 4}, True, "4 days at a time"),
        ({"days": 10, "setting": "inpatient"}, False, "10 days in hospital"),
        ({"days": 11, "setting": "inpatient"}, True, "11 exposed days"),
        ({"days": 2, "setting": "unsupervised"}, True, "unsupervised"),
    ],
)
def test_alcohol_withdrawal(fields, fires, why):
    found = fired(line(indication="alcohol_withdrawal", **fields))
    assert ("ALC-02" in found) is fires, why


@pytest.mark.parametrize(("gap", "fires"), [(90, True), (91, False)])
def test_a_second_withdrawal_regimen_within_90_days(gap, fires):
    def regimen(start):
        return line(start=start, days=3, indication="alcohol_withdrawal")

    found = fired(regimen(0), regimen(2 + gap), as_of=2 + gap)
    assert ("ALC-02" in found) is fires


# --- what is newer, added up, or not known ---------------------------------------------------


@pytest.mark.parametrize(
    ("answered", "severity", "why"),
    [(10, None, "asked after the diagnosis"), (5, 2, "the diagnosis is newer than the answer")],
)
def test_a_pregnancy_newer_than_an_answer_that_denies_it(answered, severity, why):
    found = fired(
        line(days=20),
        conditions=(ill("Z34.0", 6),),
        readings=(told("pregnancy", "not_pregnant", day=answered),),
        as_of=12,
        sex="female",
    )
    assert found.get("PRG-01") == severity, why


def test_a_later_diagnosis_does_not_hide_the_trimester_answered():
    found = fired(
        line(days=28),
        conditions=(ill("Z34.0", 3),),
        readings=(told("pregnancy", "third", day=2),),
        as_of=12,
        sex="female",
    )
    assert found["PRG-01"] == 1


@pytest.mark.parametrize(
    ("code", "day", "severity", "why"),
    [
        ("Z34.03", 0, 1, "third trimester"),
        ("Z34.02", 0, 2, "second trimester"),
        ("Z34.02", -105, 1, "the third is certain 15 weeks later"),
        ("Z34.02", -104, 2, "the day before"),
        ("Z34.03", -99, None, "14 weeks after the third began it is over"),
        ("O09.213", 0, 1, "a trimester in the sixth place"),
        ("O09.21", 0, 2, "no trimester"),
        ("Z3A.28", 0, 1, "28 weeks"),
        ("Z3A.27", 0, 2, "27 weeks"),
        ("Z3A.27", -7, 1, "27 weeks a week ago"),
    ],
)
def test_the_trimester_that_a_code_says(code, day, severity, why):
    found = fired(line(days=28), conditions=(ill(code, day),), sex="female")
    assert found.get("PRG-01") == severity, why


@pytest.mark.parametrize(("start", "severity"), [(-28, 1), (-29, 2)])
def test_alcohol_beside_a_supply_of_unknown_length(start, severity):
    vague = line(start=start, days_supply=None, quantity=None)
    assert fired(vague, conditions=(ill("F10.2", -500),))["ALC-01"] == severity


@pytest.mark.parametrize(
    ("indication", "conditions", "severity", "said"),
    [
        ("anxiety", (), 1, "for another purpose than epilepsy"),
        ("unknown", (), 1, "the purpose is not recorded"),
        ("unknown", (ill("G40", -500),), 2, "the purpose is not recorded"),
        ("anxiety", (ill("G40", -500),), 1, "for another purpose than epilepsy"),
    ],
)
def test_a_child_whose_purpose_is_not_recorded(indication, conditions, severity, said):
    child = {"birth": date(2018, 1, 1), "conditions": conditions}
    found = finding("PED-01", line(days=7, indication=indication), **child)
    assert (found.severity, found.mode == "interrupt") == (severity, severity == 1)
    assert said in found.sentence


ILL_LIVER = {"conditions": (ill("K74.6"),)}


@pytest.mark.parametrize(
    ("lines", "severity", "why"),
    [
        ([line("zopiclone 3.75 mg tablets")], None, "3.75 mg"),
        ([line("zopiclone 3.75 mg tablets")] * 2, None, "two issues of 3.75 mg"),
        ([line("zopiclone 3.75 mg tablets", times_per_day=2)], 2, "3.75 mg twice"),
        ([line(ZOPICLONE, days_supply=None, quantity=None)], 2, "7.5 mg, supply not known"),
    ],
)
def test_the_liver_and_the_daily_amount_of_a_z_drug(lines, severity, why):
    lines = [each._replace(id=n) for n, each in enumerate(lines, 1)]
    assert fired(*lines, **ILL_LIVER).get("HEP-02") == severity, why


def test_a_z_drug_of_unknown_dose_and_the_liver():
    assert "HEP-02" in not_evaluable(line(ZOPICLONE, dose=None), **ILL_LIVER)


@pytest.mark.parametrize(("day", "severity"), [(-30, 1), (-31, None)])
def test_item_nine_within_30_days_counts_after_a_later_answer_of_0(day, severity):
    readings = (told("phq9_item9", value=1, day=day), told("phq9_item9", value=0, day=-2))
    assert fired(line(days=7), readings=readings).get("SUI-01") == severity


def test_risk_of_suicide_with_a_supply_of_unknown_length():
    vague = {"days_supply": None, "quantity": None}
    found = finding("SUI-01", line(**vague), conditions=(ill("R45.851", -60),))
    assert found.severity == 3
    assert found.unknown.startswith("The length of supply is not known for diazepam")
    assert finding("SUI-01", line(days=7), conditions=(ill("R45.851", -60),)).unknown == ""


def test_a_child_without_a_birth_date_is_not_passed():
    assert "PED-01" in not_evaluable(line(), birth=None)
    assert "PED-01" not in not_evaluable(line(indication="procedure"), birth=None)


@pytest.mark.parametrize(("birth", "severity"), [(date(2014, 1, 2), 1), (date(2014, 1, 1), 2)])
def test_a_prescription_without_a_date_is_judged_by_the_age_today(birth, severity):
    assert fired(line(start=None), birth=birth)["PED-01"] == severity


@pytest.mark.parametrize(
    ("setting", "fires"), [("unsupervised", True), ("community", False), ("inpatient", False)]
)
def test_a_withdrawal_regimen_of_unknown_length(setting, fires):
    regimen = line(
        "chlordiazepoxide 10 mg capsules",
        days_supply=None,
        quantity=None,
        indication="alcohol_withdrawal",
        setting=setting,
    )
    assert ("ALC-02" in fired(regimen)) is fires
    assert ("ALC-02" in not_evaluable(regimen)) is not fires


@pytest.mark.parametrize(("free", "fires"), [(7, False), (8, True)])
def test_a_second_regimen_begins_after_more_than_7_free_days(free, fires):
    regimen = {"indication": "alcohol_withdrawal", "setting": "inpatient", "days": 3}
    lines = [line(**regimen), line(start=3 + free, **regimen)]
    assert ("ALC-02" in fired(*lines, as_of=3 + free)) is fires


@pytest.mark.parametrize(
    ("before", "fires", "why"),
    [
        (line("midazolam 10 mg oromucosal solution", days=2), True, "rescue is no exposure"),
        (line(days=2), False, "a tablet is"),
    ],
)
def test_rescue_medicine_before_does_not_hide_a_new_start(before, fires, why):
    assert ("ELD-01" in fired(before, line(start=100), as_of=100, birth=OLD)) is fires, why


def test_the_renewal_of_rescue_medicine_is_no_new_start():
    rescue = "midazolam 10 mg oromucosal solution"
    lines = [line(rescue, days=2), line(rescue, start=100, days=2)]
    assert "ELD-01" not in fired(*lines, as_of=100, birth=OLD)
    assert "ELD-01" in fired(lines[1], as_of=100, birth=OLD)


def test_a_taper_offer_cannot_be_judged_without_the_length_of_supply():
    vague = line(days_supply=None, quantity=None)
    assert "ELD-05" in not_evaluable(vague, as_of=200, birth=OLD)
    assert "ELD-05" not in not_evaluable(vague, as_of=200)


def test_rescue_medicine_alone_is_looked_at_where_the_notes_say_so():
    rescue = [
        line(
            "midazolam 10 mg oromucosal solution",
            start=n,
            days=2,
            team=f"t{n}",
            replacement_reason="lost",
        )
        for n in range(4)
    ]
    allergy = Condition(id=1, kind="allergy", text="benzodiazepines")
    found = fired(*rescue, conditions=(allergy,), as_of=4)
    assert (found["ALG-01"], found["REF-02"], found["PRE-01"]) == (1, 2, 1)


@pytest.mark.parametrize(("start", "fires"), [(5, True), (None, False)])
def test_two_prescribers_of_whom_one_supply_has_no_end(start, fires):
    lines = [line(days_supply=None, quantity=None, team="a")]
    if start is not None:
        lines.append(line(start=start, team="b"))
    assert ("PRE-01" in fired(*lines, as_of=6)) is fires
