"""What holds of every plan, whatever the dose, the pace and the tablets (no database)."""

import os
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reviews.rules import screen
from reviews.rules.registry import PARAMETERS
from reviews.tapering import checking, doses, limits, planning
from reviews.tapering.doses import Unplannable
from tests.rules.book import BOOK, DAY0, line, person

DIAZEPAM = BOOK.drugs["diazepam"]
LIMITS = limits.of(BOOK.rules, "UK", DIAZEPAM)
FALL = Decimal(PARAMETERS["TAP-01"]["UK"]["fall_over_percent"]) / 100
FIRST = DAY0 + timedelta(days=1)
TABLETS = tuple(doses.strength("tablet", mg) for mg in (2, 5, 10))
LIQUID = doses.strength("liquid", "0.4")

milligrams = st.sampled_from(["0.125", "0.25", "0.5", "1", "2", "2.5", "3.75", "5", "7.5", "10"])
percents = st.sampled_from([Decimal(p) for p in ("5", "10", "12.5", "25", "50")])
strengths = st.lists(
    st.builds(
        doses.strength,
        st.sampled_from(doses.FORMS),
        milligrams,
        halves=st.booleans(),
        quarters=st.booleans(),
    ),
    min_size=1,
    max_size=4,
    unique=True,
).map(tuple)


@st.composite
def requests(draw):
    """One dose a day, or several that the strengths make, at times in any order."""
    chosen = draw(strengths)
    times = ()
    mg = draw(st.decimals("0.5", 60, places=1))
    made = [each for each in doses.makeable(chosen, Decimal(20)) if each]
    if made and draw(st.booleans()):
        named = draw(st.lists(st.sampled_from([*planning.TIMES]), min_size=1, unique=True))
        times = tuple((time, draw(st.sampled_from(made))) for time in named)
        mg = sum(each for _, each in times)
    return planning.Request(
        drug="diazepam",
        from_mg=mg,
        begin_on=DAY0,
        first_on=DAY0 + timedelta(days=draw(st.integers(1, 20))),
        percent=draw(percents),
        every_days=draw(st.sampled_from([1, 3, 7, 14, 28])),
        strengths=chosen,
        faster_because=draw(st.sampled_from(["", "", "the ward asked for it"])),
        times=times,
    )


@st.composite
def nightly(draw):
    """A dose that the strengths make, on so many nights a week, of which there shall be fewer."""
    chosen = draw(strengths)
    made = [each for each in doses.makeable(chosen, Decimal(20)) if each]
    assume(made)
    return planning.Request(
        drug="diazepam",
        from_mg=draw(st.sampled_from(made)),
        begin_on=DAY0,
        first_on=DAY0 + timedelta(days=draw(st.integers(1, 20))),
        percent=draw(percents),
        every_days=draw(st.sampled_from([7, 14, 28])),
        strengths=chosen,
        nights=draw(st.integers(1, 7)),
        fewer_nights=True,
    )


def often(examples):
    """So many examples of a law; `LAWS_TIMES=20` asks for twenty times as many."""
    return settings(max_examples=examples * int(os.environ.get("LAWS_TIMES", "1")), deadline=None)


def made(request):
    try:
        return planning.plan(request, LIMITS)
    except Unplannable:
        assume(False)


def over(plan):
    """Steps at which a window passes the limit of TAP-01, found the slow way."""
    late = []
    for n, (before, _) in enumerate(pairwise(plan.steps), start=1):
        for m in range(n, len(plan.steps)):
            step, last = plan.steps[m], plan.steps[m - 1].mg
            if (step.on - plan.steps[n].on).days >= 14 or step.mg >= before.mg:
                continue
            small = before.mg <= 10 and before.mg - step.mg <= 2
            ending = not step.mg and last <= 2
            if before.mg - step.mg > before.mg * FALL and not small and not ending:
                late.append((n, m))
    return late


def steepest_percent(plan):
    return max((fall.percent for fall in checking.steepest(plan, LIMITS).values()), default=0)


@often(150)
@given(requests())
def test_a_plan_ends_at_nothing_and_its_days_agree(request):
    plan = made(request)
    assert [step.mg for step in plan.steps] == sorted({s.mg for s in plan.steps}, reverse=True)
    assert plan.steps[0].mg == request.from_mg
    assert plan.steps[-1].mg == 0
    assert plan.steps[1].on >= request.first_on
    gaps = [(after.on - before.on).days for before, after in pairwise(plan.steps[1:])]
    assert sum(gaps) == plan.days == (plan.ends_on - plan.steps[1].on).days
    assert all(gap >= request.every_days for gap in gaps)


def mean_pace(plan, first, last):
    """(percent fallen, days kept) over the steps from one to another, each kept to its end."""
    held = [*plan.held()][first:last]
    return (
        sum(planning.percent_fallen(before, after) for before, after, _ in held),
        sum(days for _, _, days in held),
    )


@often(300)
@given(st.one_of(requests(), nightly()))
def test_the_mean_pace_is_at_most_the_pace_chosen(request):
    """Of every step, and of any steps in a row: the last step to nothing is judged by itself."""
    plan = made(request)
    steps = len([*plan.held()])
    for first in range(steps):
        for last in {first + 1, (first + steps + 1) // 2, steps}:
            percent, days = mean_pace(plan, first, last)
            assert percent * request.every_days <= request.percent * days + Decimal("1e-9")


@often(300)
@given(st.one_of(requests(), nightly()))
def test_every_dose_is_made_of_the_strengths_given(request):
    for step in made(request).steps[1:]:
        assert sum((part.mg for part in step.parts), Decimal(0)) == step.taken_mg
        for dose in step.times:
            assert sum((part.mg for part in dose.parts), Decimal(0)) == dose.mg
            assert len({part.strength.form == "liquid" for part in dose.parts}) == 1
            for strength, count in dose.parts:
                assert strength in request.strengths
                assert count > 0
                assert count % strength.part == 0


@often(200)
@given(requests())
def test_one_dose_of_the_day_comes_down_at_a_time_and_none_goes_up(request):
    plan = made(request)
    for before, after in plan.pairs():
        assert len(after.lowered(before)) == 1
        assert {dose.time for dose in after.times} <= {dose.time for dose in before.times}
        assert max((dose.mg for dose in after.times), default=0) <= max(
            dose.mg for dose in before.times
        )


@often(300)
@given(st.one_of(requests(), nightly()))
def test_pieces_by_strength_by_days_are_the_mg_planned(request):
    """What is to be supplied is counted day by day, and is never short of the plan."""
    plan = made(request)
    for supply in plan.supplies():
        days = [
            supply.step.on + timedelta(days=n)
            for n in range((supply.until - supply.step.on).days + 1)
        ]
        taken = [day for day in days if supply.step.is_taken_on(day)]
        counted = sum((part.number * part.strength.mg for part in supply.step.parts), Decimal(0))
        if supply.step.parts:
            assert counted * len(taken) == supply.mg == supply.step.taken_mg * len(taken)
            pieces = sum((number * each.mg for each, number in supply.numbers), Decimal(0))
            assert pieces >= supply.mg
            assert pieces - supply.mg < sum(each.mg for each, _ in supply.numbers)
        weeks = [days[n : n + 7] for n in range(0, len(days) - 6, 7)]
        for week in weeks:
            nights = sum(supply.step.is_taken_on(day) for day in week)
            assert nights == supply.step.nights


def as_written(plan):
    """The plan as a prescriber writes it: mg a day and days, night by night where they differ."""
    rows = []
    for supply in plan.supplies():
        on = supply.step.on
        while on <= supply.until:
            taken = float(supply.step.taken_mg if supply.step.is_taken_on(on) else 0)
            if rows and rows[-1][0] == taken:
                rows[-1] = taken, rows[-1][1] + 1
            else:
                rows.append((taken, 1))
            on += timedelta(days=1)
    return tuple(rows)


@often(150)
@given(st.one_of(requests(), nightly()), st.integers(0, 3))
def test_a_plan_that_is_written_down_is_readable_by_the_rules(request, quarter):
    """After four weeks at the start, no dose of it is a rise, and its end is no abrupt one."""
    plan = made(request._replace(first_on=request.first_on + timedelta(days=28)))
    assume(plan.reductions > 1)  # a small dose may end at once: written down, that is no taper
    written = line(
        "diazepam tablets", dose=None, dose_unit="mg", schedule=as_written(plan), days_supply=None
    )
    days = (plan.ends_on - DAY0).days
    for taper in ((), (checking.as_taper(plan, id=9, last_contact_on=DAY0),)):
        for as_of in {days * quarter // 3, days + 8}:
            found = screen(person(written, as_of=as_of, tapers=taper), BOOK).findings
            assert not {f.rule_id for f in found} & {"DOSE-04", "TAP-05", "STOP-01"}


@often(100)
@given(nightly())
def test_fewer_nights_end_at_none_and_the_dose_of_a_night_stays(request):
    plan = made(request)
    nights = [step.nights for step in plan.steps[:-1]]
    assert nights == list(range(request.nights, nights[-1] - 1, -1))
    assert nights[-1] == (3 if request.nights > 3 else 1)
    assert {step.taken_mg for step in plan.steps[:-1]} == {request.from_mg}
    assert plan.steps[-1].mg == 0


@often(200)
@given(requests())
def test_a_plan_is_never_faster_than_the_limit_without_a_reason(request):
    plan = made(request)
    assume(not request.faster_because)
    for n, m in over(plan):
        # Only one step by itself may pass, where nothing between can be made.
        assert n == m
        assert not between(request, plan.steps[n - 1], plan.steps[n])
    for before, after in pairwise(plan.steps):
        if after.mg < before.mg * (1 - request.percent / 100):
            assert after.smallest


def between(request, before, after):
    """Doses with which less would have come down; after a liquid, those of the liquids alone."""
    strengths = request.strengths
    if doses.LIQUID in {part.strength.form for part in before.parts}:
        strengths = [each for each in strengths if each.form == doses.LIQUID]
    sizes = doses.makeable(strengths, request.from_mg)
    fall = before.mg - after.mg
    return [mg for dose in before.times for mg in sizes if dose.mg - fall < mg < dose.mg]


@often(150)
@given(requests())
def test_a_step_called_the_smallest_is_the_smallest(request):
    for before, after in pairwise(made(request).steps):
        if after.smallest:
            assert not between(request, before, after)


@often(100)
@given(requests())
def test_with_a_reason_only_the_pace_asked_for_counts(request):
    plan = made(request._replace(faster_because="agreed with the ward"))
    for before, after, days in plan.held():
        fallen = planning.percent_fallen(before, after)
        assert days == planning.kept_days(fallen, request.percent, request.every_days)


@often(100)
@given(requests())
def test_a_quick_end_is_as_fast_as_the_interval_at_small_doses_only(request):
    plan = made(request._replace(quick_end=True, faster_because="agreed with her"))
    for before, after, days in plan.held():
        fallen = planning.percent_fallen(before, after)
        if LIMITS.is_small(before.mg, after.mg):
            assert days == request.every_days
        else:
            assert days == planning.kept_days(fallen, request.percent, request.every_days)


@often(60)
@given(requests())
def test_what_the_check_says_is_what_screening_says(request):
    """The same plan, once unsaved and once on the record: TAP-01 and TAP-06 agree."""
    plan = made(request)
    supply = [
        line("diazepam tablets", start=-n * 28, dose=5, dose_unit="mg", days=28) for n in range(6)
    ]
    dossier = person(*supply)
    checks = {check.rule_id: check for check in checking.check(plan, dossier, BOOK)}
    kept = checking.as_taper(plan, id=9, last_contact_on=DAY0)
    screening = screen(replace(dossier, tapers=(kept,)), BOOK)
    fired = {f.rule_id for f in screening.findings} | set(screening.shadowed)
    for rule_id in ("TAP-01", "TAP-02", "TAP-06"):
        assert checks[rule_id].needs_reason >= (rule_id in fired), rule_id
    assert bool(over(plan)) == ("TAP-01" in fired)
    assert checks["TAP-01"].needs_reason == (steepest_percent(plan) > 25)
    assert checks["TAP-06"].needs_reason == ("TAP-06" in fired)


@often(100)
@given(requests(), st.integers(0, 400), st.integers(1, 60))
def test_a_hold_only_makes_it_longer(request, day, days):
    plan = made(request)
    on = DAY0 + timedelta(days=day)
    held = planning.hold(plan, on, days)
    assert [step.mg for step in held.steps] == [step.mg for step in plan.steps]
    assert held.mg_on(on) == plan.mg_on(on)
    waits = plan.ends_on > on
    assert (held.ends_on - plan.ends_on).days == (days if waits else 0)
    assert steepest_percent(held) <= steepest_percent(plan)


@often(100)
@given(requests(), st.integers(0, 400))
def test_a_step_back_goes_up_once_and_still_ends_at_nothing(request, day):
    plan = made(request)
    on = DAY0 + timedelta(days=day)
    try:
        back = planning.step_back(plan, on, request.every_days)
    except Unplannable:
        assert plan.mg_on(on) == plan.steps[0].mg
        return
    assert back.mg_on(on) > plan.mg_on(on)
    assert back.steps[-1].mg == 0
    assert back.ends_on >= plan.ends_on
    assert [step.on for step in back.steps] == sorted({step.on for step in back.steps})
    # On the very day of a step nothing of it has been taken, so nothing goes up.
    begins = any(step.on == on for step in plan.steps)
    assert sum(b.mg > a.mg for a, b in pairwise(back.steps)) == (not begins)
    assert steepest_percent(back) <= steepest_percent(plan)


@often(100)
@given(requests())
def test_contacts_leave_no_gap_that_tap_03_would_find(request):
    plan = made(request)
    days = planning.contacts(plan, LIMITS)
    assert list(days) == sorted(set(days))
    assert days[-1] == plan.ends_on
    for earlier, later in pairwise([plan.steps[0].on, *days]):
        assert (later - earlier).days <= 28 or later == plan.steps[1].on + timedelta(days=7)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"from_mg": Decimal(0)}, "from_mg"),
        ({"from_mg": Decimal(1001)}, "from_mg"),
        ({"percent": Decimal(51)}, "percent"),
        ({"percent": Decimal("0.5")}, "percent"),
        ({"every_days": 0}, "every_days"),
        ({"every_days": 85}, "every_days"),
        ({"first_on": DAY0}, "first_on"),
        ({"strengths": ()}, "strengths"),
        ({"strengths": (doses.strength("capsule", 25),)}, "strengths"),
        ({"percent": Decimal(1), "every_days": 84}, "percent"),
        (
            {"from_mg": Decimal(900), "strengths": (doses.strength("tablet", "0.0125"),)},
            "strengths",
        ),
    ],
)
def test_what_cannot_be_planned_says_what_to_change(changes, field):
    request = planning.Request(
        "diazepam", Decimal(15), DAY0, FIRST, Decimal(10), 14, (*TABLETS, LIQUID)
    )
    with pytest.raises(Unplannable) as refused:
        planning.plan(request._replace(**changes), LIMITS)
    assert refused.value.field == field


def test_before_the_plan_begins_nothing_is_planned():
    plan = planning.plan(
        planning.Request("diazepam", Decimal(5), DAY0, FIRST, Decimal(10), 14, TABLETS), LIMITS
    )
    assert plan.mg_on(date(2025, 12, 31)) is None
