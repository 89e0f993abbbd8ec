"""The ways to come down, side by side: what each would be, or why it is not offered."""

from decimal import Decimal

import pytest

from reviews.tapering import doses, limits, planning, proportion, ways
from reviews.tapering.crossing import equivalents
from tests.rules.book import BOOK, DAY0, line, on, person

ZOPICLONE = BOOK.drugs["zopiclone"]
MG = Decimal("3.75")


def offered(days, *, halves=False, times=(("night", MG),), nights=7):
    """The ways for 3.75 mg of zopiclone at night, in use for so many days."""
    dossier = person(*[line("zopiclone 3.75 mg tablets", start=n) for n in range(1 - days, 1, 28)])
    request = planning.Request(
        "zopiclone",
        sum(mg for _, mg in times),
        DAY0,
        on(4),
        Decimal(25),
        14,
        (doses.strength("tablet", MG, halves=halves),),
        times=times,
        nights=nights,
    )
    pace = limits.of(BOOK.rules, "UK", ZOPICLONE)
    use = proportion.of(dossier, BOOK)
    equals = equivalents(BOOK, "UK", ZOPICLONE, MG)
    return {way.code: way for way in ways.ways(request, pace, use, equals)}


def test_short_use_may_do_without_or_with_fewer_nights():
    found = offered(20)
    assert "not usually needed" in found["none"].said
    assert "leave nothing between 3.75 mg and none" in found["dose"].why_not
    assert [step.nights for step in found["nights"].plan.steps] == [7, 6, 5, 4, 3, 7]
    assert "local policy, unverified" in found["nights"].said


def test_six_weeks_of_use_are_no_short_use_and_no_long_one():
    found = offered(41, halves=True)
    assert found["none"].why_not == (
        "Usual after less than 28 days of use; this is day 41. So it is not offered."
    )
    assert found["nights"].plan is not None
    assert [step.mg for step in found["dose"].plan.steps] == [MG, MG / 2, 0]
    # Half of a small tablet equals 1.25 mg of diazepam in this book: more than a last small dose.
    assert "is a large one" in found["dose"].said


@pytest.mark.parametrize(("days", "is_offered"), [(89, True), (90, False)])
def test_nightly_use_of_90_days_comes_down_by_dose_first(days, is_offered):
    assert (offered(days)["nights"].plan is not None) is is_offered


def test_use_on_some_nights_is_planned_by_nights_however_long():
    found = offered(400, nights=4)
    assert [step.nights for step in found["nights"].plan.steps] == [4, 3, 7]
    assert "dose" not in found


def test_doses_over_the_day_have_no_nights():
    assert "nights" not in offered(41, times=(("morning", MG), ("night", MG)))


def test_a_change_to_diazepam_names_its_table_and_proposes_no_dose():
    found = offered(41)["cross"]
    assert found.plan is None
    assert "≈ 2.5 mg by Scottish Government 2024 (this profile)" in found.said
    assert "the dose is yours to give" in found.said
