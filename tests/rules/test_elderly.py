"""ELD-01, -02, -04, -06: the 65th birthday, 180 days, 28 and 14 days, from both sides."""

from datetime import date

import pytest

from reviews.rules.dossier import Exemption

from .book import finding, fired, line, not_evaluable, on

OLD = date(1950, 5, 5)
TURNS_65 = date(1961, 1, 1)  # on day 0
TURNS_65_NEXT_DAY = date(1961, 1, 2)
ELDER_RULES = {"ELD-01", "ELD-02", "ELD-04", "ELD-06"}


@pytest.mark.parametrize(
    ("birth", "expected", "why"),
    [
        (TURNS_65, ELDER_RULES, "65 on the day of the prescription"),
        (TURNS_65_NEXT_DAY, set(), "64 on the day of the prescription"),
        (date(1961, 2, 28), set(), "still 64"),
    ],
)
def test_the_65th_birthday(birth, expected, why):
    found = fired(line(days=28, indication="insomnia"), birth=birth, as_of=20)
    assert ELDER_RULES & found.keys() == expected, why


def test_a_birthday_on_29_february_is_reached_on_1_march():
    birth = date(1960, 2, 29)
    assert "ELD-02" not in fired(line(start=-307, days=28), birth=birth, as_of=-300)  # 28 Feb 2025
    assert "ELD-02" in fired(line(start=-306, days=28), birth=birth, as_of=-300)  # 1 Mar 2025


@pytest.mark.parametrize(
    ("previous_end", "new", "why"),
    [
        (-181, True, "180 days without"),
        (-180, False, "an exposed day 180 days before"),
        (-15, False, "a gap that still joins"),
    ],
)
def test_a_new_start_needs_180_days_without(previous_end, new, why):
    before = line(start=previous_end - 6, days=7)
    assert ("ELD-01" in fired(before, line(days=7), birth=OLD)) is new, why


def test_the_second_supply_is_no_new_start():
    lines = [line(days=7), line(start=7, days=7)]
    assert "ELD-01" in fired(*lines, birth=OLD, as_of=6)
    assert "ELD-01" not in fired(*lines, birth=OLD, as_of=22)


@pytest.mark.parametrize(
    ("indication", "setting", "fires"),
    [
        ("anxiety", "community", True),
        ("premedication", "community", False),
        ("procedure", "procedural", False),
        ("alcohol_withdrawal", "inpatient", False),
        ("alcohol_withdrawal", "community", True),
    ],
)
def test_a_new_start_is_expected_for_some_purposes(indication, setting, fires):
    found = fired(line(days=7, indication=indication, setting=setting), birth=OLD)
    assert ("ELD-01" in found) is fires


@pytest.mark.parametrize(
    ("text", "fires", "why"),
    [
        ("diazepam 5 mg", True, "long"),
        ("remimazolam", True, "unknown counts as long"),
        ("lorazepam 1 mg", False, "intermediate"),
        ("zopiclone 7.5 mg", False, "no benzodiazepine"),
    ],
)
def test_long_acting(text, fires, why):
    assert ("ELD-02" in fired(line(text, days=3), birth=OLD)) is fires, why


@pytest.mark.parametrize(("days", "fires"), [(27, False), (28, True)])
def test_four_weeks_is_met_at_28_days(days, fires):
    assert ("ELD-04" in fired(line(days=days), birth=OLD)) is fires


def test_four_weeks_concerns_benzodiazepines_and_counts_the_common_clock():
    assert "ELD-04" not in fired(line("zopiclone 7.5 mg", days=40), birth=OLD)
    lines = [line("zopiclone 7.5 mg", days=21), line(start=21, days=7)]
    assert "ELD-04" in fired(*lines, birth=OLD, as_of=22)


@pytest.mark.parametrize(
    ("text", "indication", "days", "fires"),
    [
        ("zopiclone 7.5 mg", "insomnia", 13, False),
        ("zopiclone 7.5 mg", "insomnia", 14, True),
        ("temazepam 10 mg", "insomnia", 14, True),
        ("temazepam 10 mg", "anxiety", 14, False),
    ],
)
def test_insomnia_from_14_days(text, indication, days, fires):
    found = fired(line(text, days=days, indication=indication), birth=OLD)
    assert ("ELD-06" in found) is fires


def test_a_first_supply_of_28_days_meets_the_criterion_and_not_the_limit():
    found = fired(line(days=28), birth=OLD)
    assert (found["ELD-04"], found["DUR-01"]) == (2, 4)
    assert fired(line(days=30), birth=OLD)["DUR-01"] == 2


def test_without_a_birth_date_nothing_is_passed():
    lines = [line(days=28, indication="insomnia")]
    assert not ELDER_RULES & fired(*lines, birth=None).keys()
    assert not_evaluable(*lines, birth=None) >= ELDER_RULES


def test_an_open_ended_line_is_judged_at_the_age_of_today():
    old = line(start=-6000, days_supply=None, quantity=None)
    found = finding("ELD-02", old, birth=OLD)
    assert "still in use is not recorded" in found.unknown
    assert not_evaluable(old, birth=OLD) >= {"ELD-04", "DUR-01"}
    assert "ELD-01" not in fired(old, birth=OLD)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("epilepsy_adjunct", {"ELD-02": 4, "ELD-06": 2}),
        ("spasticity_neurological", {"ELD-01": 3, "ELD-02": 3, "ELD-04": 3, "ELD-06": 3}),
        # 28 days are no supervised withdrawal: the exemption holds for 10.
        ("alcohol_withdrawal", {"ELD-01": 3, "ELD-02": 2, "ELD-04": 2, "ELD-06": 2}),
        ("palliative", {}),
    ],
)
def test_exemptions(kind, expected):
    exempt = Exemption(id=1, kind=kind, starts_on=on(0), expires_on=on(100))
    found = fired(line(days=28, indication="insomnia"), birth=OLD, exemptions=(exempt,))
    assert {rule: s for rule, s in found.items() if rule in ELDER_RULES} == expected
