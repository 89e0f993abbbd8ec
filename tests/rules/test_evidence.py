"""What is reported as taken, and what staff gave: evidence of use beside orders and supplies."""

import pytest

from .book import DAY0, finding, fired, line, medicine, not_evaluable
from .test_exposure import summary, use_of, view_of

BEGIN = DAY0.toordinal()


def reported(**more):
    """Diazepam reported as taken from day 0 on; nobody says for how long."""
    told = {"days_supply": None, "quantity": None, "source": "reported"}
    return line(**told | more)


def given(start=0, **more):
    """One administration of 5 mg on a day."""
    told = {"days_supply": None, "quantity": None, "times_per_day": None, "source": "given"}
    return line(start=start, **told | more)


def ids(*lines, as_of=0):
    return [use.line.id for use in view_of(lines, as_of).uses]


def test_what_is_reported_as_taken_is_in_use_and_its_length_is_not_known():
    assert "DUR-01" in not_evaluable(reported(), as_of=100)
    morphine = line("morphine 10 mg tablets", start=95, indication="other")
    assert finding("OPI-01", reported(), morphine, as_of=100).unknown
    assert fired(reported(status="completed"), morphine, as_of=300) == fired(
        line(status="completed", days_supply=None, quantity=None), morphine, as_of=300
    )


@pytest.mark.parametrize(
    ("order", "told", "kept", "why"),
    [
        (line(), reported(start=5), False, "it tells of the order"),
        (line(), reported(start=27), False, "the last day of the order"),
        (line(), reported(start=28), True, "the order is over"),
        (line(start=3), reported(start=0), True, "it began before"),
        (line(start=3), reported(start=0, days_supply=4), False, "they share a day"),
        (line("lorazepam 1 mg tablets"), reported(start=5), True, "another drug"),
        (line(source="dispensed"), reported(start=5), False, "it tells of the supply"),
        (line(days_supply=None, quantity=None), reported(start=90), False, "the order may go on"),
        (line(repeats_allowed=5), reported(start=90), False, "of a further issue"),
        (line(), reported(start=None), False, "said today, while the order runs"),
        (line(start=-90), reported(start=None), True, "the order is over today"),
        (line(), given(5), False, "given of the order"),
        (line(), given(28), True, "given after it"),
    ],
)
def test_what_tells_of_an_order_is_not_more_of_it(order, told, kept, why):
    assert (told.id in ids(order, told)) is kept, why
    assert order.id in ids(order, told)


def test_what_was_given_is_of_that_day():
    use = use_of(given())
    assert (use.start, use.end, use.mg) == (BEGIN, BEGIN, 5)
    assert "times a day" not in str(finding("DQ-01", given()))


def test_each_time_counts():
    found = view_of([given(), given(), given(1)]).stretches
    assert [(each.start - BEGIN, sum(part.mg for part in each.parts)) for each in found] == [
        (0, 10),
        (1, 5),
    ]


def test_a_fortnight_of_doses_given_is_a_fortnight():
    found = summary(*[given(day) for day in range(14)], as_of=13)
    assert (found.days, found.known) == (14, True)


def test_an_infusion_until_a_day_lasts_until_then():
    assert use_of(given(end_on=given(2).start_on)).end == BEGIN + 2


def test_other_medicines_are_told_in_the_same_way():
    tablets = medicine("morphine 10 mg tablets")
    morphine = given(5, medicine=tablets, indication="other")
    assert "OPI-01" in fired(line(), morphine, as_of=5)
