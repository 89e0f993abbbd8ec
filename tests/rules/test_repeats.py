"""Orders with repeats: what goes on is not over, and what was handed out tells."""

import pytest

from reviews.rules import screen
from reviews.rules.exposure import MAY_GO_ON, OPEN, as_taken
from reviews.rules.view import View

from .book import BOOK, DAY0, finding, fired, line, medicine, not_evaluable, on, person
from .test_exposure import LIMIT, use_of

BEGIN = DAY0.toordinal()


def ordered(**more):
    """28 days of diazepam from day 0, with five repeats."""
    return line(**{"repeats_allowed": 5, **more})


def further(*lines, as_of):
    """(line id, first day, last possible day) of further issues, as days from day 0."""
    view = screened(*lines, as_of=as_of)
    return [
        (use.line.id, use.start - BEGIN, use.reach if use.reach == OPEN else use.reach - BEGIN)
        for use in view.unclear
    ]


def screened(*lines, as_of):
    recognised = [(each, BOOK.recognise(each.medicine)) for each in lines]
    return View(person(*lines, as_of=as_of), BOOK, recognised)


@pytest.mark.parametrize(
    ("fields", "last", "why"),
    [
        ({}, 167, "six issues of 28 days"),
        ({"repeats_allowed": 0}, 27, "no repeat"),
        ({"repeats_allowed": None}, 27, "none said"),
        ({"repeats_allowed": 1}, 55, "one"),
        ({"refill_number": 3}, 83, "the third refill of five: two may follow"),
        ({"refill_number": 5}, 27, "the last one"),
        ({"issue_days": 30}, 177, "each issue begins 30 days after the one before"),
        ({"issue_days": 7}, 167, "issues never overlap by being told closer"),
        ({"valid_until": on(60)}, 87, "issued until day 60, and that lasts 28 days"),
        ({"valid_until": on(400)}, 167, "validity adds no issue"),
        ({"valid_until": on(-5)}, 27, "no longer valid: the first issue all the same"),
        ({"end_on": on(99)}, 99, "ended on a day"),
        ({"end_on": on(9)}, 9, "ended during the first issue"),
        ({"status": "stopped"}, 27, "stopped"),
        ({"status": "completed"}, 27, "completed"),
        ({"source": "dispensed"}, 27, "a supply that was handed out"),
        ({"repeats_allowed": None, "repeat_template": True}, OPEN, "nobody says how many"),
        (
            {"repeats_allowed": None, "repeat_template": True, "valid_until": on(180)},
            207,
            "a template until a day",
        ),
        ({"repeat_template": True}, 167, "a number is better than none"),
        ({"repeats_allowed": None, "valid_until": on(200)}, 227, "valid for more than one issue"),
        ({"repeats_allowed": None, "valid_until": on(31)}, 58, "31 days: for more than one"),
        ({"repeats_allowed": None, "valid_until": on(30)}, 27, "as long as one prescription is"),
        ({"repeats_allowed": 0, "valid_until": on(200)}, 27, "no repeat, however long it is valid"),
    ],
)
def test_how_far_an_order_can_reach(fields, last, why):
    reached = use_of(ordered(**fields)).authorised
    assert (reached if reached == OPEN else reached - BEGIN) == last, why


def test_an_order_that_may_go_on_says_so():
    assert MAY_GO_ON in use_of(ordered()).notes
    assert MAY_GO_ON not in use_of(ordered(repeats_allowed=0)).notes


@pytest.mark.parametrize(
    ("as_of", "found"),
    [(27, []), (28, [(28, 167)]), (167, [(28, 167)]), (300, [(28, 167)])],
)
def test_further_issues_are_possible_once_the_first_is_used_up(as_of, found):
    assert [(first, last) for _, first, last in further(ordered(), as_of=as_of)] == found


def test_a_later_issue_with_a_record_of_its_own_tells_what_was_issued():
    first, second = ordered(), ordered(start=28)
    assert further(first, second, as_of=40) == []
    assert further(first, second, as_of=60) == [(second.id, 56, 195)]


def test_an_issue_within_the_gap_is_the_next_one_and_a_later_one_ends_what_is_possible():
    order = ordered()
    assert further(order, line(start=42), as_of=50) == []
    assert further(order, line(start=43), as_of=50) == [(order.id, 28, 42)]


def test_another_product_tells_nothing_of_the_repeats():
    order = ordered()
    other = line("diazepam 2 mg tablets", start=30)
    assert further(order, other, as_of=50) == [(order.id, 28, 167)]


def test_what_was_dispensed_stands_for_the_order():
    order = ordered()
    handed_out = [line(start=n * 28, source="dispensed") for n in range(2)]
    assert further(order, *handed_out, as_of=100) == []
    view = screened(order, *handed_out, as_of=100)
    assert [use.line.id for use in view.uses] == [each.id for each in handed_out]


def test_a_supply_dispensed_later_ends_what_is_possible():
    order, handed_out = ordered(), line(start=100, source="dispensed")
    assert further(order, handed_out, as_of=110) == [(order.id, 28, 99)]
    assert further(order, handed_out, as_of=200) == [(order.id, 28, 99)]
    covered = [
        (span.start - BEGIN, span.end - BEGIN)
        for span in screened(order, handed_out, as_of=110).spans
    ]
    assert covered == [(0, 27), (100, 127)], "the first issue stands"


class TestWhatTheRulesSay:
    def test_it_is_not_over_and_not_clear(self):
        assert screen(person(line(), as_of=100), BOOK).findings == ()
        found = finding("DQ-01", ordered(), as_of=100)
        assert found.facts[0].value == "the number of further issues"
        assert "1 January 2026" in found.sentence
        assert {"DUR-01", "REV-01"} <= not_evaluable(ordered(), as_of=100)

    def test_nothing_is_asked_while_the_first_issue_lasts(self):
        assert fired(ordered(), as_of=20) == fired(line(), as_of=20)
        assert not_evaluable(ordered(), as_of=20) == not_evaluable(line(), as_of=20)

    def test_the_day_after_it_is_asked_again(self):
        assert screen(person(ordered(), as_of=20), BOOK).valid_until <= on(28)

    def test_it_is_over_once_the_last_issue_can_be_used_up(self):
        assert "DQ-01" in fired(ordered(), as_of=167)
        assert fired(ordered(), as_of=167 + 16) == {}

    def test_beside_an_opioid_it_may_overlap(self):
        morphine = line("morphine 10 mg tablets", start=95, days=14, indication="other")
        assert fired(line(), morphine, as_of=100) == {}
        found = finding("OPI-01", ordered(), morphine, as_of=100)
        assert found.severity <= 2
        assert found.unknown

    def test_the_opioid_may_be_the_one_that_goes_on(self):
        morphine = ordered(medicine=medicine("morphine 10 mg tablets"), indication="other")
        assert finding("OPI-01", morphine, line(start=95), as_of=100).unknown

    def test_days_that_are_certain_are_counted_and_are_at_least(self):
        known = [line(start=n * 28 - 84) for n in range(3)]
        summary = screen(person(*known, ordered(), as_of=60), BOOK).exposure
        assert (summary.days, summary.known) == (112, False)

    def test_a_dose_over_the_maximum_is_over_it_if_it_goes_on(self):
        assert "DOSE-02" in fired(ordered(dose=8), as_of=100)
        assert "DOSE-02" not in fired(ordered(dose=6), as_of=100)

    def test_further_issues_add_up_with_nothing(self):
        # 20 mg of either; what follows the first issue may have been stopped for the other.
        both = ordered(dose=4), line("diazepam 2 mg tablets", start=28, dose=10)
        assert "DOSE-02" not in fired(*both, as_of=40)


def test_a_rescue_medicine_on_repeat_is_no_exposure():
    buccal = ordered(medicine=medicine("midazolam 10 mg buccal"), indication="seizure_rescue")
    assert not screened(buccal, as_of=100).uses


def test_exposures_of_records_without_repeats_are_as_before():
    lines = [line(start=n * 30) for n in range(4)]
    uses = [use_of(each) for each in lines]
    assert as_taken(uses, BEGIN + 200, LIMIT) == (uses, [])
