"""STOP-01, STOP-02 and TAP-01: which end is abrupt, what goes on, and what is not known."""

import pytest

from reviews.rules import screen
from reviews.rules.dossier import Taper, TaperStep

from .book import BOOK, finding, fired, line, not_evaluable, on, person


def taper(status, *steps):
    return Taper(
        id=1,
        drug="diazepam",
        status=status,
        steps=tuple(TaperStep(on(day), mg) for day, mg in steps),
    )


def ended(day, **more):
    """Diazepam that a prescriber set to ended on a day."""
    return line(days=90, status="stopped", end_on=on(day), **more)


# --- tapers that are not this one ------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "fires", "why"),
    [
        (380, True, "its last step came before this course began"),
        (381, False, "its last step is the first day of this course"),
    ],
)
def test_a_completed_taper_explains_the_end_of_its_own_course_only(first, fires, why):
    done = taper("completed", (first - 9, 10), (first, 5), (first + 19, 1))
    course = line(start=400, days=60)
    assert ("STOP-01" in fired(course, as_of=466, tapers=(done,))) is fires, why
    stopped = line(start=400, days=60, status="stopped", end_on=on(450))
    assert ("STOP-02" in fired(stopped, as_of=450, tapers=(done,))) is fires, why


@pytest.mark.parametrize(
    ("day", "fires", "why"),
    [(81, True, "10 mg a day were still planned"), (82, False, "the step of 1 mg had come")],
)
def test_a_taper_under_way_is_no_completed_one(day, fires, why):
    plan = taper("active", (40, 20), (54, 15), (68, 10), (82, 1), (96, 0))
    assert ("STOP-02" in fired(ended(day), as_of=day, tapers=(plan,))) is fires, why


def test_a_supply_dated_weeks_ahead_does_not_hide_dependence():
    ended_then = line("alprazolam 0.5 mg", days=14)
    ahead = line(ZOPICLONE, start=52, days=3)
    assert fired(ended_then, as_of=43)["STOP-01"] == 2
    assert fired(ended_then, ahead, as_of=43)["STOP-01"] == 2


# --- what goes on ----------------------------------------------------------------------------

ZOPICLONE = "zopiclone 7.5 mg tablets"


@pytest.mark.parametrize(
    ("start", "fires", "why"),
    [
        (52, False, "begun 28 days before the end: a switch"),
        (51, True, "begun 29 days before: taken beside it"),
        (95, False, "begun within the gap"),
        (96, True, "begun later"),
    ],
)
def test_another_medicine_is_a_switch_only_when_it_takes_the_place(start, fires, why):
    found = fired(ended(80), line(ZOPICLONE, start=start, days=60), as_of=80)
    assert ("STOP-02" in found) is fires, why


@pytest.mark.parametrize("profile", ["UK", "US"])
def test_a_medicine_taken_for_long_beside_it_does_not_hide_the_end(profile):
    lines = [ended(80, dose=4), line(ZOPICLONE, days=120)]
    assert fired(*lines, as_of=80, profile=profile)["STOP-02"] == 1


def test_the_end_of_a_short_course_beside_a_long_one_is_not_abrupt():
    short = line(ZOPICLONE, start=85, days=14, status="stopped", end_on=on(90))
    assert "STOP-02" not in fired(line(days=120), short, as_of=90)
    long = line(ZOPICLONE, days=120, status="stopped", end_on=on(90))
    assert "STOP-02" in fired(line(days=120), long, as_of=90)


def test_a_supply_may_run_out_before_its_end_is_recorded():
    spent = line(ZOPICLONE, days=60, status="stopped", end_on=on(64))
    assert finding("STOP-02", line(days=120), spent, as_of=65).facts[0].value == "2026-03-06"


def test_a_switch_stays_one_when_the_second_medicine_is_ended_as_well():
    second = line(ZOPICLONE, start=75, days=60, status="stopped", end_on=on(100))
    found = finding("STOP-02", ended(80), second, as_of=100)
    assert found.line_ids == (second.id,)


def test_two_medicines_ended_on_one_day_do_not_explain_each_other():
    second = line(ZOPICLONE, days=120, status="stopped", end_on=on(80))
    found = screen(person(ended(80), second, as_of=80), BOOK).findings
    assert [each.rule_id for each in found].count("STOP-02") == 2


def test_the_same_medicine_in_another_strength_goes_on():
    assert "STOP-02" not in fired(ended(80), line("diazepam 2 mg", days=120), as_of=80)


def test_two_strengths_ended_on_one_day_are_one_finding():
    lines = [ended(50), line("diazepam 2 mg", days=90, status="stopped", end_on=on(50))]
    found = finding("STOP-02", *lines, as_of=50)
    assert set(found.line_ids) == {each.id for each in lines}


# --- how far behind ---------------------------------------------------------------------------

TEMAZEPAM = "temazepam 20 mg tablets"


@pytest.mark.parametrize("ends", ["supply", "prescriber"])
@pytest.mark.parametrize(
    ("text", "due", "late"),
    [(ZOPICLONE, 2, 16), (TEMAZEPAM, 4, 18), ("diazepam 5 mg tablets", 7, 21)],
)
def test_the_end_of_long_use_is_urgent_until_withdrawal_was_due(ends, text, due, late):
    more = {"status": "stopped", "end_on": on(99)} if ends == "prescriber" else {}
    rule_id = "STOP-02" if more else "STOP-01"

    def after(days):
        return finding(rule_id, line(text, days=100, **more), as_of=99 + days)

    before = after(due - 1)
    if more:
        assert int(before.severity) == 1
        assert "plan a gradual taper instead" in before.sentence
    else:
        assert before is None
    for days in (due, late - 1):
        assert int(after(days).severity) == 1
        assert "the same day" in after(days).sentence
        assert "instead" not in after(days).sentence
    for days in (late, 30):
        assert int(after(days).severity) == 2
        assert "only where they are troublesome" in after(days).sentence
        assert "usually give" not in after(days).sentence
        assert "supply" not in after(days).clears
    assert after(31) is None


@pytest.mark.parametrize(("days", "severity"), [(6, 1), (7, 2), (20, 2), (30, 2)])
def test_where_dependence_is_possible_only_planning_is_urgent_and_asking_is_not(days, severity):
    stopped = line(days=40, status="stopped", end_on=on(39))
    assert fired(stopped, as_of=39 + days)["STOP-02"] == severity


@pytest.mark.parametrize("more", [{}, {"status": "stopped", "end_on": on(27)}])
def test_after_a_short_course_no_word_gives_it_again(more):
    for days in range(7, 31):
        found = screen(person(line(**more), as_of=27 + days), BOOK).findings
        (end,) = (each for each in found if each.rule_id.startswith("STOP"))
        assert int(end.severity) == 4
        assert "giv" not in end.sentence
        assert "supply" not in end.clears
        assert "taper plan" not in end.clears


# --- TAP-01 ----------------------------------------------------------------------------------


def test_an_unknown_dose_is_no_fall():
    lines = [
        line(days=60, dose=4),
        line("lorazepam 1 mg", days=30),
        line("lorazepam 1 mg", start=30, dose=None, days=30),
    ]
    assert "TAP-01" not in fired(*lines, as_of=35)
    assert "TAP-01" in not_evaluable(*lines, as_of=35)
    fell = [line(days=30, dose=4), line(start=30, dose=2, days=30)]
    assert "TAP-01" in fired(*fell, as_of=35)
    assert "TAP-01" not in not_evaluable(*fell, as_of=35)


def test_dependence_reached_within_a_supply_is_not_waited_past():
    alprazolam = line("alprazolam 0.5 mg", days=20)
    plan = Taper(
        id=1, drug="alprazolam", status="planned", steps=(TaperStep(on(0), 2), TaperStep(on(18), 0))
    )
    for day in range(19):
        found = screen(person(alprazolam, as_of=day, tapers=(plan,)), BOOK)
        fires = any(each.rule_id == "TAP-01" for each in found.findings)
        assert fires is (day >= 13), "14 days of alprazolam in a row"
        assert day >= 13 or found.valid_until <= on(13)


def test_no_two_findings_of_a_rule_have_one_key():
    lines = [
        ended(50),
        line("diazepam 2 mg", days=90, status="stopped", end_on=on(50)),
        line("lorazepam 1 mg", days=90, status="stopped", end_on=on(50)),
    ]
    keys = [(f.rule_id, f.key) for f in screen(person(*lines, as_of=50), BOOK).findings]
    assert len(keys) == len(set(keys))
