"""Worked examples: plans that the sources describe, checked by hand (no database)."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from reviews.rules.dossier import Taper
from reviews.tapering import checking, comparing, crossing, doses, limits, planning
from reviews.tapering.checking import LOOK, MET, NOT_APPLICABLE, UNKNOWN
from tests.rules.book import BOOK, DAY0, line, on, person

D = Decimal
LORAZEPAM = replace(
    BOOK.drugs["lorazepam"],
    equivalents={"SCOT2024": (1, 1), "VADOD2021": (2, 2), "ASAM_BAND": (2, 2)},
    strengths={"UK": {"tablet": (0.5, 1, 2.5)}},
)
CLONAZEPAM = replace(
    BOOK.drugs["clonazepam"],
    equivalents={"SCOT2024": (0.5, 0.5)},
    strengths={"UK": {"tablet": (0.5, 2)}},
)
ALPRAZOLAM = replace(BOOK.drugs["alprazolam"], equivalents={"VADOD2021": (1, 1)})
BOOK = replace(
    BOOK,
    drugs=BOOK.drugs | {"lorazepam": LORAZEPAM, "clonazepam": CLONAZEPAM, "alprazolam": ALPRAZOLAM},
)
TWO, FIVE, TEN = (doses.strength("tablet", mg) for mg in (2, 5, 10))
LIQUID = doses.strength("liquid", "0.4")


def plan(mg, *strengths, drug="diazepam", percent="10", every=14, profile="UK", because=""):
    request = planning.Request(
        drug, D(mg), DAY0, on(1), D(percent), every, strengths, faster_because=because
    )
    return planning.plan(request, limits.of(BOOK.rules, profile, BOOK.drugs[drug]))


def amounts(planned):
    return [f"{step.mg.normalize():f}" for step in planned.steps]


def supply(*, mg=20, days=140, medicine="diazepam tablets", **more):
    return [
        line(medicine, start=-n, dose=mg, dose_unit="mg", days=28, **more)
        for n in range(days, 0, -28)
    ]


def checked(planned, *lines, **more):
    dossier = person(*(lines or supply()), **more)
    checks = checking.check(planned, dossier, BOOK, pace_chosen=(D(10), 14))
    return {check.rule_id: check for check in checks}


# -- Paces that the sources name -------------------------------------------------------------------


def test_asam_ten_percent_every_two_weeks_from_15_mg():
    """5 to 10 % at a step, every 2 to 4 weeks (ASAM 2025, recommendation 6, Key Takeaway 5)."""
    planned = plan(15, TWO, FIVE, LIQUID)
    assert amounts(planned)[:8] == ["15", "13.5", "12.5", "11.5", "10.5", "9.5", "9", "8.5"]
    assert doses.short(planned.steps[1].parts) == "2½ × 5 mg + ½ × 2 mg"
    assert doses.short(planned.steps[3].parts) == "1½ × 5 mg + 2 × 2 mg"
    assert amounts(planned)[-5:] == ["0.8", "0.6", "0.4", "0.2", "0"]
    assert doses.short(planned.steps[-2].parts) == "0.5 ml of 2 mg/5 ml"
    # 0.4 to 0.2 mg is half: kept for 5 times as long as a tenth would be.
    assert [days for _, _, days in planned.held()][-2:] == [49, 70]
    results = checked(planned, *supply(mg=15))
    assert {rule: check.result for rule, check in results.items()} == {
        "pace": MET,
        "TAP-01": LOOK,
        "TAP-02": NOT_APPLICABLE,
        "TAP-03": MET,
        "TAP-04": MET,
        "TAP-05": MET,
        "TAP-06": MET,
        "TAP-07": MET,
    }


def test_cks_one_eighth_every_two_weeks_from_20_mg():
    """An eighth of the dose fortnightly (CKS, extract of 2018 to 2019), with 2, 5 and 10 mg."""
    planned = plan(20, TWO, FIVE, TEN, percent="12.5")
    assert amounts(planned)[:9] == ["20", "17.5", "15.5", "14", "12.5", "11", "10", "9", "8"]
    assert doses.short(planned.steps[1].parts) == "3½ × 5 mg"
    check = checked(planned)["TAP-01"]
    assert check.said == (
        "steps 1 to 19: at most 20 %; steps 20 to 21: 50 % (2 mg to 1 mg) and 100 % (1 mg to "
        "none), each alone in 14 days"
    )
    # The rule leaves so small doses out; the plan is accepted with a reason all the same.
    assert (check.result, check.severity) == (LOOK, None)
    # After a year the same pace is one to look at.
    year = supply(days=364 + 28)
    assert checked(planned, *year)["TAP-02"].result == LOOK


def test_cks_at_its_fastest_edge_is_faster_than_asam():
    """12 to 8 mg within 14 days, as 10 % each week allows with 2 mg tablets: meant to fire."""
    four = plan(12, doses.strength("tablet", 4, halves=False), because="as in the extract")
    assert amounts(four) == ["12", "8", "4", "0"]
    check = checked(four, *supply(mg=12))["TAP-01"]
    assert (check.result, check.severity) == (LOOK, 1)
    assert {source.issuer for source in check.sources} == {
        "American Society of Addiction Medicine",
        "Prescription Safety Portal",
    }
    assert [source.verified for source in check.sources] == [True, False]


def test_alprazolam_at_label_speed():
    """0.5 mg every 3 days (US label) after 90 days or more; slowed down without a reason."""
    halves = (doses.strength("tablet", "0.5"),)
    fast = plan(
        4, *halves, drug="alprazolam", percent="12.5", every=3, profile="US", because="label"
    )
    assert amounts(fast)[:3] == ["4", "3.5", "3.25"]
    lines = supply(mg=4, medicine="alprazolam tablets")
    found = checked(fast, *lines, profile="US")
    assert found["TAP-01"].result == LOOK
    assert found["TAP-06"].result == LOOK
    slow = plan(4, *halves, drug="alprazolam", percent="12.5", every=3, profile="US")
    assert slow.days > fast.days


def test_clonazepam_tablets_leave_no_small_last_step():
    """Half of 0.5 mg is 5 mg of diazepam: the plan says so, and a liquid or diazepam would help."""
    planned = plan("0.5", doses.strength("tablet", "0.5"), drug="clonazepam")
    assert amounts(planned) == ["0.5", "0.25", "0"]
    assert all(step.smallest for step in planned.steps[1:])
    found = checked(planned, *supply(mg=0.5, medicine="clonazepam tablets"))
    assert (found["TAP-01"].result, found["TAP-01"].severity) == (LOOK, 2)
    assert found["pace"].result == LOOK
    assert "from 0.25 mg a day, about 5 mg diazepam, to none is a large one" in found["pace"].said


def test_a_weekly_step_waits_when_the_tablets_make_it_large():
    planned = plan(20, FIVE, percent="10", every=7)
    days = [(step.on - DAY0).days for step in planned.steps[1:4]]
    assert amounts(planned)[:4] == ["20", "17.5", "15", "12.5"]
    # 20 to 17.5 mg is 12.5 %, so it is kept for 2 weeks; 17.5 to 15 mg is 14 %.
    assert days == [1, 15, 29]
    # From 2.5 mg, 2.5 mg of diazepam, half a tablet is all that is left: the plan says so.
    assert "100 %" in checked(planned)["TAP-01"].said


LORAZEPAM_HALF = doses.strength("tablet", "0.5")


def test_lorazepam_three_times_a_day_keeps_its_times():
    request = planning.Request(
        "lorazepam",
        D(3),
        DAY0,
        on(1),
        D(10),
        14,
        (LORAZEPAM_HALF,),
        times=(("morning", D(1)), ("midday", D(1)), ("night", D(1))),
    )
    planned = planning.plan(request, limits.of(BOOK.rules, "UK", LORAZEPAM))
    taken = [{dose.time: dose.parts[0].counted for dose in step.times} for step in planned.steps]
    assert taken[:5] == [
        {"morning": "2", "midday": "2", "night": "2"},
        {"morning": "2", "midday": "1½", "night": "2"},
        {"morning": "1½", "midday": "1½", "night": "2"},
        {"morning": "1½", "midday": "1½", "night": "1½"},
        {"morning": "1½", "midday": "1", "night": "1½"},
    ]
    assert taken[-2:] == [{"night": "½"}, {}]
    # 2.25 to 2 mg is 11 %, kept for 3 weeks and not 2.
    assert [days for _, _, days in planned.held()][:5] == [14, 14, 14, 21, 21]
    supply = [*planned.supplies()][1]
    assert [(each.name, number) for each, number in supply.numbers] == [("0.5 mg tablets", 77)]


def test_half_of_the_smallest_zopiclone_tablet_is_kept_for_ten_weeks():
    """3.75 to 1.875 mg is a step of half: 5 times a tenth, so 5 times 2 weeks."""
    zopiclone = limits.of(BOOK.rules, "UK", BOOK.drugs["zopiclone"])
    tablet = doses.strength("tablet", "3.75")
    request = planning.Request("zopiclone", D("3.75"), DAY0, on(1), D(10), 14, (tablet,))
    planned = planning.plan(request, zopiclone)
    assert amounts(planned) == ["3.75", "1.875", "0"]
    assert [days for _, _, days in planned.held()] == [70]
    whole = request._replace(strengths=(doses.strength("tablet", "3.75", halves=False),))
    with pytest.raises(doses.Unplannable) as refused:
        planning.plan(whole, zopiclone)
    assert "fewer nights" in str(refused.value)
    nights = planning.plan(
        whole._replace(fewer_nights=True, percent=D(25), times=(("night", D("3.75")),)), zopiclone
    )
    assert [step.nights for step in nights.steps] == [7, 6, 5, 4, 3, 7]
    assert [days for _, _, days in nights.held()] == [14, 14, 14, 14]
    # From Monday 5 January: 4 days before it, and 12, 10, 8 and 6 nights.
    assert sum(number for each in nights.supplies() for _, number in each.numbers[:1]) == 40


# -- Circumstances ---------------------------------------------------------------------------------


def test_without_a_supply_on_record_nothing_is_called_met():
    fast = plan(20, TEN, because="urgent")
    dossier = person()
    found = {check.rule_id: check.result for check in checking.check(fast, dossier, BOOK)}
    assert found["TAP-01"] == found["TAP-07"] == UNKNOWN


def test_a_failed_taper_asks_for_smaller_steps():
    planned = plan(20, TWO, FIVE, TEN, percent="12.5")
    failed = Taper(id=4, drug="diazepam", status="failed")
    assert checked(planned, tapers=(failed,))["TAP-02"].result == LOOK
    assert checked(planned)["TAP-02"].result == NOT_APPLICABLE


def test_a_high_dose_asks_where_the_taper_takes_place():
    planned = plan(45, TWO, FIVE, TEN)
    assert checked(planned, *supply(mg=45))["TAP-07"].severity == 2
    assert checked(plan(20, TWO, FIVE, TEN))["TAP-07"].said.startswith("about 20 mg")


def test_a_long_wait_is_a_halt():
    planned = planning.hold(plan(15, TWO, FIVE), on(20), 70)
    assert checked(planned)["TAP-04"].result == LOOK
    assert checked(plan(15, TWO, FIVE))["TAP-04"].result == MET


def test_the_halcion_label_allows_a_step_back():
    """A pause, or the dose before, is acceptable (Halcion PI 2.3): noted, and no failure."""
    planned = planning.step_back(plan(15, TWO, FIVE), on(18), 14)
    assert amounts(planned)[:5] == ["15", "13.5", "12.5", "13.5", "12.5"]
    assert [(step.on - DAY0).days for step in planned.steps[2:6]] == [15, 18, 32, 46]
    check = checked(planned)["TAP-05"]
    assert (check.result, check.said) == (MET, "one step back: acceptable, and no failure")


def test_a_pause_keeps_what_was_taken_and_can_be_planned_on():
    planned = plan(15, TWO, FIVE)
    paused = planning.pause(planned, on(20))
    assert amounts(paused) == ["15", "13.5", "12.5"]


# -- How a dose is made up, in words ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("mg", "strengths", "short", "said"),
    [
        ("12.5", (FIVE,), "2½ × 5 mg", "two and a half 5 mg tablets"),
        ("1", (TWO,), "½ × 2 mg", "half a 2 mg tablet"),
        ("7", (TWO, FIVE), "1 × 5 mg + 1 × 2 mg", "one 5 mg tablet and one 2 mg tablet"),
        ("10", (FIVE, TEN), "1 × 10 mg", "one 10 mg tablet"),
        ("5", (FIVE, TEN), "1 × 5 mg", "one 5 mg tablet"),
        ("1.4", (LIQUID,), "3.5 ml of 2 mg/5 ml", "3.5 ml of the 2 mg/5 ml liquid"),
        ("55", (doses.strength("capsule", 5),), "11 × 5 mg", "11 5 mg capsules"),
    ],
)
def test_how_a_dose_is_made_up(mg, strengths, short, said):
    parts = doses.makeable(strengths, D(60))[D(mg)]
    assert (doses.short(parts), doses.in_words(parts)) == (short, said)


def test_a_capsule_is_not_halved_and_a_dose_mixes_no_liquid_with_tablets():
    capsules = doses.makeable((doses.strength("capsule", 10),), D(30))
    assert list(capsules) == [0, 10, 20, 30]
    both = doses.makeable((FIVE, LIQUID), D(10))
    assert doses.short(both[D("7.4")]) == "18.5 ml of 2 mg/5 ml"
    assert D("9.9") not in both
    assert D("8.2") not in both, "more than 20 ml a day is not planned"


def test_after_a_liquid_the_doses_that_tablets_make_too_are_measured_in_it():
    """4 mg with 2 mg tablets to halve and a liquid: 3, 2 and 1 mg are 7.5, 5 and 2.5 ml."""
    planned = plan(4, TWO, LIQUID)
    steps = {step.mg: step for step in planned.steps[1:-1]}
    made = {mg: doses.short(step.parts) for mg, step in steps.items()}
    assert made[D(3)] == "7.5 ml of 2 mg/5 ml"
    assert made[D(2)] == "5 ml of 2 mg/5 ml"
    assert made[D(1)] == "2.5 ml of 2 mg/5 ml"
    assert not steps[D(3)].smallest, "3.2 to 3 mg is 6 %, less than was asked for"
    assert D("0.2") == max(a.mg - b.mg for a, b in planned.pairs() if a.mg != 4)


def test_a_strength_is_carried_as_a_code():
    for strength in (TWO, LIQUID, doses.strength("tablet", "0.125", halves=False)):
        assert doses.read_code(strength.code) == strength
    for code in ("tablet:5", "tablet:x:1", "drops:5:1", "tablet:0:1", "tablet:5:1:1"):
        with pytest.raises(doses.Unplannable):
            doses.read_code(code)
    assert (TWO.name, LIQUID.name) == ("2 mg tablets", "2 mg/5 ml liquid")


# -- Cross-over ------------------------------------------------------------------------------------


def test_lorazepam_equals_twice_as_much_in_one_table_as_in_the_other():
    """3 mg of lorazepam: 30 mg by the Scottish table, 15 mg by VA/DoD (ASAM 2025, Table 7)."""
    rows = crossing.equivalents(BOOK, "UK", LORAZEPAM, D(3))
    assert [(row.table, row.lowest, row.own) for row in rows] == [
        ("Scottish Government 2024", 30, True),
        ("VA/DoD 2021", 15, False),
    ]
    assert crossing.outside(rows, D(15)) == crossing.outside(rows, D(30)) == ""
    assert "under the lowest table (15 mg)" in crossing.outside(rows, D("14.5"))
    assert "over the highest table (30 mg)" in crossing.outside(rows, D(31))
    assert "no table" in crossing.outside([], D(31))


def test_the_change_is_made_in_two_halves_over_one_week():
    half = doses.strength("tablet", 1)
    old = crossing.Side(D("2.5"), (half,))
    new = crossing.Side(D(15), (TWO, FIVE, TEN))
    stages = crossing.stages(old, new, DAY0, 7)
    assert [(stage.old_mg, stage.new_mg) for stage in stages] == [(D("1.5"), D("7.5")), (0, 15)]
    assert [(stage.on - DAY0).days for stage in stages] == [0, 3]
    whole = crossing.Side(D(15), (doses.strength("capsule", 15),))
    assert len(crossing.stages(old, whole, DAY0, 7)) == 1
    with pytest.raises(doses.Unplannable):
        crossing.stages(old, crossing.Side(D("15.3"), (FIVE,)), DAY0, 7)
    with pytest.raises(doses.Unplannable):
        crossing.stages(old, new, DAY0, 3)


# -- Planned beside prescribed ---------------------------------------------------------------------


def supplied(*lines, as_of=60):
    return comparing.prescribed(person(*lines, as_of=as_of), BOOK, "diazepam", DAY0)


def issue(start, mg, days=14, **more):
    return line("diazepam tablets", start=start, dose=mg, dose_unit="mg", days=days, **more)


def compared(*lines, today=60):
    planned = plan(15, TWO, FIVE)  # 13.5 from day 1, 12.5 from day 15, 11.5 from day 29, 10.5 ...
    return comparing.compare(planned, supplied(*lines), on(today))


def test_each_step_is_told_apart():
    rows = compared(issue(0, 13.5, 15), issue(15, 10), issue(29, 12.5), today=50)
    assert [row.result for row in rows[:6]] == [
        "faster",
        "as planned",
        "faster",
        "slower",
        "not supplied",
        "to come",
    ]
    assert (rows[2].mg, rows[2].days, rows[2].supplied_days) == (10, 14, 14)
    assert rows[2].until == on(28)


def test_a_later_supply_takes_the_place_of_what_was_left():
    """28 days of the earlier dose, and the next step after 14: no stock is added up."""
    rows = compared(issue(1, 13.5, 28), issue(15, 12.5, 28), issue(29, 11.5, 14))
    assert [row.result for row in rows[1:4]] == ["as planned"] * 3


def test_two_strengths_of_one_day_are_one_dose():
    both = (issue(15, 10), line("diazepam 5 mg tablets", start=15, days=14, dose=0.5))
    assert compared(*both)[2].result == "as planned"


def test_weekly_issues_of_one_day_are_the_dose_of_each_week():
    weekly = [issue(1, 13.5, 7) for _ in range(2)]
    assert compared(*weekly, issue(15, 12.5))[1].result == "as planned"


def test_an_order_and_its_dispensing_are_one_dose():
    both = issue(1, 13.5), issue(1, 13.5, source="dispensed")
    assert compared(*both, issue(15, 12.5))[1].result == "as planned"


def test_what_an_order_allows_later_was_not_supplied_for_certain():
    order = issue(1, 13.5, repeats_allowed=5)
    assert [row.result for row in compared(order)[1:3]] == ["as planned", "not supplied"]


def test_a_written_schedule_is_read_step_by_step():
    schedule = ((13.5, 14), (12.5, 14), (11.5, 14))
    rows = compared(issue(1, 13.5, 42, schedule=schedule))
    assert [row.result for row in rows[1:4]] == ["as planned"] * 3


def test_what_is_not_known_is_said():
    unknown = line("diazepam tablets", start=1, dose=None, dose_unit=None, days=14)
    assert compared(unknown)[1].result == "not known"
    assert compared(issue(1, 13.5, 6))[1].result == "not supplied"
    assert compared(issue(1, 13.5, 7))[1].result == "as planned"


def test_after_the_end_any_supply_is_slower():
    planned = plan(2, TWO)
    assert amounts(planned) == ["2", "1", "0"]
    # 2 to 1 mg is half, kept for 10 weeks.
    late = comparing.compare(planned, supplied(issue(72, 1), as_of=80), on(80))
    assert late[-1].result == "slower"
    assert late[-1].until is None
    done = comparing.compare(planned, supplied(issue(1, 1), as_of=80), on(80))
    assert done[-1].result == "as planned"


def test_the_days_of_a_plan_in_figures():
    planned = plan(20, TWO, FIVE, TEN)
    assert planned.half_on == next(step.on for step in planned.steps if step.mg <= 10)
    assert planned.step_on(on(0)).mg == 20
    assert planned.step_on(planned.ends_on + timedelta(days=400)).mg == 0
