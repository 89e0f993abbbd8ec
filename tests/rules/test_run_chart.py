"""The run chart of a burden: where a day stands, and that nothing of it leaves the drawing."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviews.drawing.run_chart import LEFT, PLOT, Measured, Practice, drawings

FIRST = date(2026, 11, 19)


def practice(*rates, stopped=False):
    last = len(rates) - 1
    return Practice(
        name="Harbour Street Surgery",
        measured=[
            Measured(
                day=FIRST + timedelta(days=number),
                per_100=rate,
                before=number == 0,
                stopped=stopped and number == last,
            )
            for number, rate in enumerate(rates)
        ],
    )


def test_nothing_measured_is_not_drawn():
    assert drawings([], 60) == []
    assert drawings([practice()], 60) == []


def test_the_budget_is_a_line_and_a_day_at_it_stands_on_it():
    wide, narrow = drawings([practice(0, 60, 30, stopped=True)], 60)
    for drawn in (wide, narrow):
        (part,) = drawn.parts
        assert [dot.kind for dot in part.dots] == ["before", "seen", "outside"]
        assert part.dots[0].y == part.base
        assert part.dots[1].y == part.limit
        assert float(part.base) - float(part.limit) == pytest.approx(PLOT * 60 / 75, abs=0.1)
        assert drawn.highest == "75"
    assert [text for _, text in wide.dates] == ["19 Nov", "20 Nov", "21 Nov"]


def test_one_day_is_a_dot_without_a_line():
    (part,) = drawings([practice(12)], 60)[0].parts
    assert (len(part.dots), part.line) == (1, "")


@settings(deadline=None)
@given(
    rates=st.lists(st.lists(st.floats(0, 500), min_size=1, max_size=40), min_size=1, max_size=5),
    budget=st.floats(0.1, 100),
)
def test_every_dot_is_inside_and_days_go_to_the_right(rates, budget):
    for drawn in drawings([practice(*each) for each in rates], budget):
        assert len(drawn.dates) <= 11
        for part in drawn.parts:
            places = [float(dot.x) for dot in part.dots]
            assert places == sorted(places)
            assert places[0] >= LEFT
            assert places[-1] <= drawn.right
            for dot in part.dots:
                assert float(part.top) - 0.1 <= float(dot.y) <= float(part.base) <= drawn.height
