"""A short record is no short use: "in use since" counts wherever length counts."""

from datetime import timedelta

import pytest

from reviews.rules import screen
from reviews.rules.dossier import Reading, Taper, TaperStep
from tests.rules.book import BOOK, line, on, person


def told(since, *, said=-3, by="person"):
    """Somebody said on a day that it is in use since another."""
    return (
        Reading(1, "in_use_since", on=on(said), text=on(since).isoformat()),
        Reading(2, "in_use_since_told_by", on=on(said), text=by),
    )


def fortnight(*readings, **more):
    """14 days of diazepam on record, the second week of them to come."""
    lines = [line("diazepam 5 mg tablets", start=-7, days=14, indication="anxiety")]
    return screen(person(*lines, readings=readings, **more), BOOK)


def rules(screening):
    return {finding.rule_id for finding in screening.findings}


@pytest.mark.parametrize(
    ("since", "days", "found"),
    [
        (-7, 14, set()),
        (-5, 14, set()),
        (-21, 28, {"DUR-01"}),
        (-22, 29, {"DUR-01"}),
        (-113, 120, {"DUR-01", "DUR-05"}),
        (-114, 121, {"DUR-04", "DUR-05"}),
        (-172, 179, {"DUR-04", "DUR-06"}),
    ],
    ids=["the first day on record", "later", "28 days", "29", "120", "121", "179"],
)
def test_use_before_the_record_counts_as_days(since, days, found):
    screening = fortnight(*told(since))
    assert screening.exposure.days == days
    assert rules(screening) & {"DUR-01", "DUR-04", "DUR-05", "DUR-06"} == found


def test_29_days_are_past_the_guidance_and_28_are_not():
    severities = [
        {f.rule_id: f.severity for f in fortnight(*told(since)).findings}["DUR-01"]
        for since in (-21, -22)
    ]
    assert severities == [4, 2]


def test_who_said_so_and_where_the_record_begins_is_told():
    notes = fortnight(*told(-200, by="pharmacy")).exposure.notes
    assert notes == (
        "In use since 15 June 2025, as the pharmacy said on 29 December 2025; the record begins on "
        "25 December 2025",
    )
    (said,) = (f for f in fortnight(*told(-200)).findings if f.rule_id == "DUR-06")
    assert "use, partly as told, of diazepam covers 207 days" in said.sentence


def test_what_was_said_later_than_the_day_judged_says_nothing_yet():
    assert fortnight(*told(-200, said=1)).exposure.days == 14


def test_nothing_in_use_is_made_longer_by_it():
    assert screen(person(readings=told(-200)), BOOK).exposure is None


def test_an_earlier_course_on_record_becomes_part_of_the_same_use():
    lines = [
        line("diazepam 5 mg tablets", start=-7, days=14),
        line("zopiclone 7.5 mg tablets", start=-150, days=14),
    ]
    exposure = screen(person(*lines, readings=told(-100)), BOOK).exposure
    assert (exposure.start_on, exposure.days) == (on(-7 - 93), 107)
    exposure = screen(person(*lines, readings=told(-140)), BOOK).exposure
    assert (exposure.start_on, exposure.days) == (on(-150), 157)


def test_a_taper_after_a_year_of_use_that_the_record_does_not_show():
    taper = Taper(
        id=1,
        drug="diazepam",
        steps=(TaperStep(on(-1), 20), TaperStep(on(2), 17.5), TaperStep(on(60), 15)),
        last_contact_on=on(0),
    )
    assert "TAP-02" not in rules(fortnight(tapers=(taper,)))
    assert "TAP-02" in rules(fortnight(*told(-400), tapers=(taper,)))


def test_dependence_is_to_be_expected_after_28_days_that_were_told():
    """Two days on record and then none: quiet, unless it was in use for a month before."""
    lines = [line("lorazepam 1 mg tablets", start=-6, days=2)]
    assert "STOP-01" not in rules(screen(person(*lines), BOOK))
    assert "STOP-01" in rules(screen(person(*lines, readings=told(-40)), BOOK))
    assert "STOP-01" not in rules(screen(person(*lines, readings=told(-20)), BOOK))


def test_a_longer_use_never_shortens_exposure():
    days = [fortnight(*told(-n)).exposure.days for n in range(0, 400, 7)]
    assert days == sorted(days)
    assert timedelta(days=days[-1]) >= timedelta(days=399)
