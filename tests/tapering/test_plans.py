"""What holds of every plan, whatever the dose, the pace and the tablets (no database)."""

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
strengths = st.lists(
    st.builds(doses.strength, st.sampled_from(doses.FORMS), milligrams, halves=st.booleans()),
    min_size=1,
    max_size=4,
    unique=True,
).map(tuple)


@st.composite
def requests(draw):
    return planning.Request(
        drug="diazepam",
        from_mg=draw(st.decimals("0.5", 60, places=1)),
        begin_on=DAY0,
        first_on=DAY0 + timedelta(days=draw(st.integers(1, 20))),
        percent=draw(st.sampled_from([Decimal(p) for p in ("5", "10", "12.5", "25", "50")])),
        every_days=draw(st.sampled_from([1, 3, 7, 14, 28])),
        strengths=draw(strengths),
        faster_because=draw(st.sampled_from(["", "", "the ward asked for it"])),
    )


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
    fall = checking.steepest(plan, LIMITS)
    return 0 if fall is None else 100 * (fall[0] - fall[1]) / fall[0]


@settings(max_examples=150, deadline=None)
@given(requests())
def test_a_plan_ends_at_nothing_and_its_days_agree(request):
    plan = made(request)
    assert [step.mg for step in plan.steps] == sorted({s.mg for s in plan.steps}, reverse=True)
    assert plan.steps[0].mg == request.from_mg
    assert plan.steps[-1].mg == 0
    assert plan.steps[1].on >= request.first_on
    gaps = [(after.on - before.on).days for before, after in pairwise(plan.steps[1:])]
    assert sum(gaps) == plan.days == (plan.ends_on - plan.steps[1].on).days
    assert all(gap > 0 and gap % request.every_days == 0 for gap in gaps)


@settings(max_examples=150, deadline=None)
@given(requests())
def test_every_dose_is_made_of_the_strengths_given(request):
    for step in made(request).steps[1:]:
        assert sum((part.mg for part in step.parts), Decimal(0)) == step.mg
        assert len({part.strength.form == "liquid" for part in step.parts}) <= 1
        for strength, count in step.parts:
            assert strength in request.strengths
            assert count > 0
            assert count % strength.part == 0


@settings(max_examples=200, deadline=None)
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
    """The doses between two steps that can be made: after a liquid, those of the liquids alone."""
    strengths = request.strengths
    if doses.LIQUID in {part.strength.form for part in before.parts}:
        strengths = [each for each in strengths if each.form == doses.LIQUID]
    sizes = doses.makeable(strengths, request.from_mg)
    return [mg for mg in sizes if after.mg < mg < before.mg]


@settings(max_examples=150, deadline=None)
@given(requests())
def test_a_step_called_the_smallest_is_the_smallest(request):
    for before, after in pairwise(made(request).steps):
        if after.smallest:
            assert not between(request, before, after)


@settings(max_examples=100, deadline=None)
@given(requests())
def test_with_a_reason_only_the_pace_asked_for_counts(request):
    plan = made(request._replace(faster_because="agreed with the ward"))
    gaps = {(b.on - a.on).days for a, b in pairwise(plan.steps[1:])}
    assert gaps <= {request.every_days}


@settings(max_examples=60, deadline=None)
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
        assert checks[rule_id].needs_reason == (rule_id in fired), rule_id
    assert bool(over(plan)) == ("TAP-01" in fired)


@settings(max_examples=100, deadline=None)
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


@settings(max_examples=100, deadline=None)
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


@settings(max_examples=100, deadline=None)
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
