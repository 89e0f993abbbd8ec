"""Which pairs interact, by which route and in what daily amount, and that no others do."""

from datetime import date

import pytest

from reviews.rules.dossier import Exemption, Reading

from .book import finding, fired, line, medicine, not_evaluable, on

OLD = date(1950, 5, 5)
OPEN = {"days_supply": None, "quantity": None}
EPILEPSY = Exemption(id=1, kind="epilepsy_adjunct", starts_on=on(-9), expires_on=on(300))
RESCUE = {"text": "diazepam 10 mg rectal solution", "days": 10, "indication": "seizure_rescue"}
INJECTED = {"days": 1, "route": "parenteral"}


def coded(text, atc):
    return line("", medicine=medicine(text, ("atc", atc)))


# --- routes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("azole", "fires"),
    [
        ({"text": "ketoconazole 200 mg tablets"}, True),
        ({"text": "ketoconazole 2 % cream"}, False),
        ({"text": "ketoconazole 2 % shampoo"}, False),
        ({"text": "ketoconazole 2 %", "route": "topical"}, False),
    ],
)
def test_what_is_put_on_the_skin_reaches_no_enzyme(azole, fires):
    assert ("CYP-01" in fired(line("alprazolam 0.5 mg tablets"), line(**azole))) is fires


@pytest.mark.parametrize(("atc", "fires"), [("D04AX01", True), ("D04AX99", False)])
def test_a_cream_that_the_tables_list_by_its_code_counts(atc, fires):
    assert ("ADP-02" in fired(line(), coded("doxepin 5 % cream", atc))) is fires


@pytest.mark.parametrize(
    ("fentanyl", "tail"),
    [
        ({"text": "fentanyl", "route": "transdermal"}, True),
        ({"text": "fentanyl", "dose_unit": "patch"}, True),
        ({"text": "fentanyl 100 microgram buccal tablets"}, False),
    ],
)
def test_the_recorded_route_tells_a_fentanyl_patch_too(fentanyl, tail):
    used = line(days=12, **fentanyl)
    assert ("OPI-01" in fired(used, line(start=14), as_of=14)) is tail


@pytest.mark.parametrize(
    ("midazolam", "fires"),
    [
        ({"text": "midazolam", "indication": "seizure_rescue"}, True),
        ({"text": "midazolam", "indication": "seizure_rescue", "route": "oral"}, True),
        ({"text": "midazolam", "indication": "seizure_rescue", "route": "nasal"}, False),
        ({"text": "diazepam 5 mg tablets", "indication": "seizure_rescue"}, False),
    ],
)
def test_midazolam_of_unknown_route_counts_as_oral_whatever_it_is_for(midazolam, fires):
    assert ("CYP-01" in fired(line(**midazolam), line("ritonavir 100 mg"))) is fires


# --- runs of days together ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "ahead", [[], [line(start=60, days=3), line("quetiapine 25 mg", start=60)]]
)
def test_a_short_run_still_to_come_does_not_hide_a_longer_one_today(ahead):
    lines = [line(days=28), line("quetiapine 25 mg", days=28), *ahead]
    assert fired(*lines, as_of=20)["CNS-04"] == 3
    assert "CNS-04" not in fired(*ahead, as_of=20)


# --- rescue medicine alone -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "lines", "severity"),
    [
        ("OPI-03", [line(**RESCUE), line("morphine 10 mg tablets")], 3),
        (
            "OPI-04",
            [line(**RESCUE), line("morphine 10 mg tablets"), line("pregabalin 75 mg capsules")],
            1,
        ),
        (
            "OLZ-01",
            [
                line("midazolam 5 mg/ml injection", **INJECTED),
                line("olanzapine 10 mg injection", **INJECTED),
            ],
            1,
        ),
        ("ADP-01", [line("midazolam"), line("fluvoxamine 50 mg tablets")], 2),
        ("CYP-02", [line("midazolam"), line("erythromycin 250 mg tablets")], 2),
        ("CYP-04", [line("midazolam"), line("rifampicin 300 mg capsules")], 2),
        ("AED-02", [line("midazolam"), line("stiripentol 250 mg capsules")], 2),
    ],
)
def test_rescue_medicine_needs_no_regular_one_beside_it(rule, lines, severity):
    assert fired(*lines)[rule] == severity


# --- OPI-03 ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "fires"), [("active", False), ("cancelled", True)])
def test_naloxone_that_was_never_handed_out_does_not_count(status, fires):
    naloxone = line("naloxone 400 micrograms injection", days=1, status=status)
    assert ("OPI-03" in fired(line(), line("morphine 10 mg tablets"), naloxone)) is fires


def test_naloxone_is_not_passed_over_when_an_opioid_has_no_date():
    assert "OPI-03" in not_evaluable(line(), line("morphine 10 mg tablets", start=None))


# --- CNS-06 ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "days"), [(0, 30), (None, None)], ids=["a known supply", "not even a start"]
)
def test_three_medicines_of_which_one_has_no_end_cannot_be_counted(start, days):
    lines = [
        line(days=60),
        line("citalopram 20 mg tablets", start=start, days=days or 28),
        line("quetiapine 25 mg tablets", days=60),
    ]
    if days is None:
        assert "CNS-06" in not_evaluable(*lines, birth=OLD)
        assert "CNS-06" not in not_evaluable(*lines)
    else:
        assert fired(*lines, birth=OLD)["CNS-06"] == 2


@pytest.mark.parametrize("birth", [OLD, None])
def test_three_medicines_without_an_end_are_not_counted_to_the_end_of_time(birth):
    lines = [
        line(**OPEN),
        line("citalopram 20 mg tablets", **OPEN),
        line("quetiapine 25 mg tablets", **OPEN),
    ]
    assert "CNS-06" not in fired(*lines, birth=birth)
    assert "CNS-06" in not_evaluable(*lines, birth=birth)


# --- the gravest of several pairs ------------------------------------------------------------


@pytest.mark.parametrize(("birth", "severity"), [(OLD, 2), (date(1980, 6, 15), 3)])
def test_the_pair_that_age_makes_graver_is_not_hidden_by_another(birth, severity):
    lines = [line("alprazolam 0.5 mg"), line(), line("fluoxetine 20 mg capsules")]
    assert fired(*lines, birth=birth)["ADP-01"] == severity
    alone = [line("alprazolam 0.5 mg"), line("fluoxetine 20 mg capsules")]
    assert fired(*alone, birth=birth)["ADP-01"] == 3


@pytest.mark.parametrize(
    ("clobazam", "severity"),
    [
        ([line("clobazam 10 mg tablets")], 3),
        ([line("clobazam 20 mg tablets")], 2),
        ([line("clobazam 10 mg tablets", dosage_text=when) for when in ("mane", "nocte")], 2),
        ([line("clobazam 10 mg tablets"), line("clobazam 10 mg tablets")], 3),
    ],
)
def test_clobazam_is_added_up_over_the_day(clobazam, severity):
    other = line("chlordiazepoxide 5 mg capsules")
    assert fired(*clobazam, other, line("disulfiram 200 mg tablets"))["CYP-03"] == severity


# --- CYP-02 ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sedative", "more", "severity", "why"),
    [
        ("diazepam 5 mg", {"times_per_day": 1}, None, "400 mg a day"),
        ("diazepam 5 mg", {"times_per_day": 2}, 3, "800 mg a day"),
        ("diazepam 5 mg", {"dose": None}, 3, "the dose is not known"),
        ("triazolam 0.25 mg", {"times_per_day": 1}, 2, "at any dose"),
        ("zopiclone 7.5 mg", {"times_per_day": 2}, None, "a pair that is not named"),
    ],
)
def test_cimetidine_by_pair_and_dose(sedative, more, severity, why):
    found = fired(line(sedative), line("cimetidine 400 mg tablets", **more))
    assert found.get("CYP-02") == severity, why


@pytest.mark.parametrize("birth", [OLD, date(1980, 6, 15)])
def test_a_weak_inhibitor_is_a_note_at_any_age(birth):
    assert fired(line(), line("amiodarone 200 mg tablets"), birth=birth)["CYP-02"] == 4


# --- daily amounts ---------------------------------------------------------------------------

VALPROATE = "valproic acid 300 mg tablets"


@pytest.mark.parametrize(
    ("lorazepam", "fires", "why"),
    [
        ([line("lorazepam 1 mg")], False, "1 mg"),
        ([line("lorazepam 1 mg"), line("lorazepam 0.5 mg")], True, "1.5 mg in two lines"),
    ],
)
def test_lorazepam_is_added_up_over_the_day(lorazepam, fires, why):
    assert ("UGT-01" in fired(*lorazepam, line(VALPROATE))) is fires, why


@pytest.mark.parametrize(("after", "fires"), [(2, False), (2.5, True)])
def test_half_of_what_was_taken_before_the_two_came_together(after, fires):
    lines = [
        line("lorazepam 1 mg", days=28, dose=3),
        line("lorazepam 1 mg", days=28, dose=1),
        line("lorazepam 1 mg", start=28, dose=after),
        line(VALPROATE, start=28),
    ]
    assert ("UGT-01" in fired(*lines, as_of=28)) is fires


def test_lorazepam_of_unknown_dose_is_not_evaluable():
    assert "UGT-01" in not_evaluable(line("lorazepam 1 mg", dose=None), line(VALPROATE))


def test_two_strengths_begun_on_one_day_are_no_change_of_dose():
    lines = [line("clobazam 10 mg"), line("clobazam 20 mg"), line("stiripentol 250 mg capsules")]
    assert fired(*lines)["AED-02"] == 2
    lower = line("clobazam 10 mg", start=28)
    assert "AED-02" not in fired(*lines[1:], lower, line("stiripentol 250 mg", start=28), as_of=28)


def test_a_changed_dose_of_one_benzodiazepine_does_not_clear_the_other():
    lines = [
        line("clobazam 20 mg"),
        line("clobazam 10 mg", start=28),
        line(days=56),
        line("stiripentol 250 mg capsules", days=56),
    ]
    found = finding("AED-02", *lines, as_of=28)
    assert found.severity == 2
    assert "diazepam" in found.title


@pytest.mark.parametrize(
    ("more", "fires"), [([], False), ([line("diazepam 2 mg", start=30, days=60, dose=2)], True)]
)
def test_a_dose_raised_while_the_inducer_was_taken(more, fires):
    lines = [line(days=90), line("diazepam 2 mg", days=90), *more]
    rifampicin = line("rifampicin 300 mg capsules", days=60)
    found = finding("CYP-04", *lines, rifampicin, as_of=70)
    assert ((found is not None) and "ended" in found.title) is fires


def test_an_inducing_antiseizure_medicine_concerns_every_benzodiazepine():
    assert fired(line("lorazepam 1 mg"), line("carbamazepine 200 mg"))["AED-01"] == 3
    assert "AED-01" not in fired(line("zopiclone 7.5 mg"), line("carbamazepine 200 mg"))


# --- GAB-01 ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("day", "severity"), [(-730, 1), (-731, 2)])
def test_kidney_function_speaks_for_two_years(day, severity):
    egfr = Reading(id=1, kind="egfr", value=40, on=on(day))
    found = finding("GAB-01", line(days=14), line("gabapentin 300 mg"), readings=(egfr,))
    assert found.severity == severity
    assert ("eGFR" in found.unknown) is (severity == 2)


# --- OPI-02 ----------------------------------------------------------------------------------


def methadone(start=0, days=28, **more):
    told = medicine("methadone 1 mg/ml oral solution", ("atc", "N07BC02"))
    return line("", medicine=told, start=start, days=days, dose_unit="ml", dose=40, **more)


@pytest.mark.parametrize(
    ("more", "severity", "why"),
    [
        ([], 2, "early renewals"),
        ([line("diazepam 2 mg", start=70, days=50)], 1, "another tablet added"),
        ([line("diazepam 2 mg", start=70, days=50, status="cancelled")], 2, "never taken"),
    ],
)
def test_a_dose_rise_is_one_of_the_whole_day(more, severity, why):
    early = [line(start=n * 20, days=28) for n in range(5)]
    assert fired(*early, *more, methadone(days=120), as_of=80)["OPI-02"] == severity, why


def test_a_supply_without_an_end_is_not_added_to_the_next_one():
    lines = [line(days=100), methadone(**OPEN), methadone(start=50, days=40)]
    assert fired(*lines, as_of=60)["OPI-02"] == 2
    lines = [line("lorazepam 2 mg", **OPEN), line("lorazepam 1 mg", start=50)]
    assert "UGT-01" not in fired(*lines, line(VALPROATE, start=50), as_of=60)


def test_lorazepam_renewed_since_and_of_unknown_length_has_no_dose_to_compare():
    lines = [
        line("lorazepam 1 mg tablets", days=None),
        line("lorazepam 1 mg tablets", start=30),
        line("valproic acid 500 mg tablets", start=100, days=None),
    ]
    assert "UGT-01" in not_evaluable(*lines, as_of=101)


def test_days_together_are_those_of_the_medicine_named():
    """Another opioid of weeks ago is no day of the one that is taken now."""
    sedative = [line(start=n * 28) for n in range(3)]
    before = line("morphine 10 mg tablets", start=10, days=20, indication="other")
    now = line("dextromethorphan 15 mg capsules", start=70, days=5, indication="other")
    found = finding("OPI-01", *sedative, before, now, as_of=72)
    assert "for 5 days, from" in found.sentence
    again = line("dextromethorphan 15 mg capsules", start=20, days=6, indication="other")
    found = finding("OPI-01", *sedative, again, now, as_of=72)
    assert "for 11 days" in found.sentence, "the same medicine earlier in the exposure"


def test_a_sleeping_medicine_of_long_ago_does_not_lend_its_days_to_another():
    sedative = [line(start=n * 28) for n in range(3)]
    melatonin = line("melatonin 2 mg tablets", start=0, days=20, indication="insomnia")
    suvorexant = line("suvorexant 10 mg tablets", start=70, days=3, indication="insomnia")
    assert "CNS-02" not in fired(*sedative, melatonin, suvorexant, as_of=71)
    assert "CNS-02" in fired(*sedative, suvorexant._replace(days_supply=7), as_of=71)
