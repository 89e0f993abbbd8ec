"""Several records of one product, dose and day: issues to follow one another, or copies."""

import pytest

from .book import DAY0, finding, fired, line, medicine, not_evaluable, on
from .test_exposure import view_of

BEGIN = DAY0.toordinal()
OTHER_WORDS = medicine("DIAZEPAM TAB 5MG")


def days_of(*lines, as_of=0):
    """(first day, last day, mg a day) of each stretch, as days from day 0."""
    return [
        (stretch.start - BEGIN, stretch.end - BEGIN, sum(part.mg for part in stretch.parts))
        for stretch in view_of(lines, as_of).stretches
    ]


def test_weekly_issues_written_on_one_day_follow_one_another():
    weekly = [line(days=7, times_per_day=3, quantity=21) for _ in range(4)]
    assert days_of(*weekly) == [(n * 7, n * 7 + 6, 15) for n in range(4)]
    one_after_the_other = [line(start=n * 7, days=7, times_per_day=3) for n in range(4)]
    assert fired(*weekly) == fired(*one_after_the_other)


@pytest.mark.parametrize(
    ("first", "second", "mg", "why"),
    [
        ({}, {}, 5, "two issues of one system"),
        ({}, {"medicine": OTHER_WORDS}, 5, "perhaps a copy: other words"),
        ({"system": "a"}, {"system": "b"}, 5, "perhaps a copy: another system"),
        ({}, {"medicine": OTHER_WORDS, "dose": 5, "dose_unit": "mg"}, 5, "5 mg is one tablet"),
        ({"dosage_text": "One a day"}, {"dosage_text": "1 od"}, 5, "perhaps a copy: other words"),
        ({"dosage_text": "One at night"}, {}, 5, "nobody says that the other is for the morning"),
        ({"dosage_text": "1 mane"}, {"dosage_text": "1 nocte"}, 10, "two parts of a day"),
        ({"start_minute": 480}, {"start_minute": 1320}, 10, "at two times of the day"),
        ({}, {"dose": 2}, 15, "two doses"),
        ({}, {"medicine": "diazepam 2 mg tablets"}, 7, "two strengths make up one dose"),
        ({}, {"medicine": "diazepam 5 mg capsules"}, 10, "two products"),
        ({}, {"as_needed": True, "max_per_day": 1}, 10, "one of them only if needed"),
    ],
)
def test_the_dose_of_the_day(first, second, mg, why):
    stretches = days_of(line(**first), line(**second))
    assert stretches[0][2] == mg, why


@pytest.mark.parametrize(
    ("second", "twice", "why"),
    [
        ({}, False, "the same words of the same system: another issue"),
        ({"medicine": OTHER_WORDS}, True, "other words"),
        ({"system": "other"}, True, "another system"),
        ({"days": 14, "medicine": OTHER_WORDS}, True, "half as long"),
        ({"start": 1, "medicine": OTHER_WORDS}, True, "of the next day: perhaps recorded late"),
        ({"start": 3, "system": "other"}, True, "after a weekend"),
        ({"start": 4, "medicine": OTHER_WORDS}, False, "later: an early refill"),
        ({"start": 1}, False, "the same words of the next day: the next issue"),
        ({"start": 1, "medicine": OTHER_WORDS, "days": 14}, False, "of another length"),
        ({"dose": 2, "medicine": OTHER_WORDS}, False, "another dose"),
        ({"days_supply": None, "quantity": None}, True, "nobody knows how long it lasts"),
        ({"source": "dispensed", "medicine": OTHER_WORDS}, False, "handed out: it stands for both"),
    ],
)
def test_whether_the_question_is_put(second, twice, why):
    found = finding("DUP-04", line(), line(**second), as_of=1)
    assert (found is not None and found.key.endswith("recorded twice")) is twice, why


def test_a_copy_of_the_next_day_raises_no_dose_and_no_length():
    first, copy = line(), line(start=1, medicine=OTHER_WORDS)
    assert days_of(first, copy, as_of=20) == [(0, 27, 5)]
    assert "REF-01" not in fired(first, copy, as_of=20)


def test_copies_may_be_further_supplies_so_nothing_is_over_when_the_first_is_used_up():
    weekly = [line(days=7, dosage_text=f"week {n}") for n in range(1, 7)]
    assert "DUP-04" in fired(*weekly, as_of=3)
    assert "DUR-01" not in not_evaluable(*weekly, as_of=6)
    for as_of in (7, 41):
        assert "DUR-01" in not_evaluable(*weekly, as_of=as_of)
        found = finding("DQ-01", *weekly, as_of=as_of)
        assert "whether it is one supply" in found.title + found.sentence
    assert fired(*weekly, as_of=41 + 16) == {}, "the sixth week and the gap are over"


def test_a_later_supply_ends_what_a_copy_may_be():
    both = line(days=14), line(days=14, medicine=OTHER_WORDS)
    assert "DUR-01" in not_evaluable(*both, as_of=20)
    assert "DUR-01" not in not_evaluable(*both, line(start=14, days=14), as_of=20)


def test_issues_of_one_day_whose_written_end_is_the_same_are_asked_about():
    weekly = [line(days=7, end_on=on(6)) for _ in range(3)]
    assert days_of(*weekly) == [(0, 6, 5)]
    assert "DUP-04" in fired(*weekly, as_of=3)
    stopped = [line(days=14, end_on=on(6)) for _ in range(3)]
    assert "DUP-04" not in fired(*stopped, as_of=3), "stopped with the order"


def test_what_is_said_of_a_copy():
    first, copy = line(times_per_day=2), line(times_per_day=2, medicine=OTHER_WORDS)
    found = finding("DUP-04", first, copy, as_of=1)
    assert found.line_ids == (first.id, copy.id)
    assert "counted once, 10 mg a day" in found.sentence
    assert "20 mg" in found.sentence
    assert "DOSE-02" not in fired(first, copy, as_of=1)


def test_of_copies_the_one_that_lasts_longest_is_kept():
    short = line(days=7)
    whole = line(medicine=OTHER_WORDS)
    assert days_of(short, whole) == [(0, 27, 5)]
    issues = [line(days=7, medicine=OTHER_WORDS) for _ in range(4)]
    assert days_of(line(days=14), *issues) == [(n * 7, n * 7 + 6, 5) for n in range(4)]


def test_a_record_of_unknown_length_beside_a_known_one_is_asked_about_while_it_may_go_on():
    known = line()
    vague = line(medicine=OTHER_WORDS, days_supply=None, quantity=None)
    assert days_of(known, vague) == [(0, 27, 5)]
    found = finding("DUP-04", known, vague, as_of=200)
    assert found.line_ids == (known.id, vague.id)
    ended = vague._replace(end_on=on(13))
    assert "DUP-04" not in fired(known, ended, as_of=200)


def test_two_periods_with_one_written_end_are_one():
    period = {"days_supply": None, "quantity": None, "end_on": on(9)}
    assert days_of(line(**period), line(**period)) == [(0, 9, 5)]


def test_issues_end_with_the_order():
    weekly = [line(days=7, end_on=on(9)) for _ in range(4)]
    assert days_of(*weekly) == [(0, 6, 5), (7, 9, 5)]


def test_an_ended_issue_of_the_day_takes_nothing_from_what_is_carried_to_another():
    stock, ended, issue = line(days=3), line(start=1, days=1, end_on=on(1)), line(start=1, days=1)
    assert days_of(stock, issue) == [(0, 2, 5), (3, 3, 5)]
    assert days_of(stock, ended, issue)[-1] == (3, 3, 5)


def test_an_issue_with_room_for_a_day_before_its_end_is_no_copy():
    issues = [line(days=1), line(days=11, end_on=on(10)), line(days=11, end_on=on(11))]
    assert days_of(*issues)[-1][1] == 11


def test_what_was_given_was_given_each_time():
    given = [line(days=1, source="given") for _ in range(2)]
    assert days_of(*given) == [(0, 0, 10)]


def test_it_is_asked_until_nothing_of_it_is_current():
    both = line(), line(medicine=OTHER_WORDS)
    assert "DUP-04" in fired(*both, as_of=27 + 15)
    assert "DUP-04" not in fired(*both, as_of=27 + 16)


def test_an_early_issue_after_several_of_one_day_is_measured_by_all_of_them():
    weekly = [line(days=7) for _ in range(4)]
    assert "REF-01" not in fired(*weekly, line(start=24), as_of=24), "4 of 28 days left"
    assert "REF-01" in fired(*weekly, line(start=23), as_of=23), "5 of 28 days"


def test_other_medicines_follow_one_another_too():
    weekly = [
        line("morphine 10 mg tablets", days=7, indication="other", quantity=7) for _ in range(4)
    ]
    sedative = line(start=20, days=5)
    assert "OPI-01" in fired(sedative, *weekly, as_of=20)


STOCK = [
    ({}, 5, "what is left of an earlier supply of the product is stock"),
    ({"medicine": OTHER_WORDS}, 5, "in other words too"),
    ({"dose": 2}, 10, "the dose of the later one holds"),
    ({"medicine": "diazepam 2 mg tablets"}, 7, "another strength is added"),
    ({"as_needed": True, "max_per_day": 1, "days_supply": 28}, 10, "beside a regular one"),
]


@pytest.mark.parametrize(("second", "mg", "why"), STOCK)
def test_stock_beyond_what_is_carried_is_no_second_dose(second, mg, why):
    # Of 25 days left, 15 are carried; the two overlap on days 18 to 27. Another length: no copy.
    stretches = days_of(line(), line(start=3, **{"days": 29, **second}))
    assert {on_day: each for on_day, _, each in stretches}[18] == mg, why


def test_two_parts_of_a_day_are_a_dose_whenever_they_were_begun():
    morning, night = line(dosage_text="1 mane"), line(start=3, dosage_text="1 nocte")
    assert days_of(morning, night)[1] == (18, 27, 10)


def test_an_early_issue_each_month_raises_no_dose():
    monthly = [line(start=n * 26) for n in range(14)]
    told = fired(*monthly, as_of=13 * 26)
    assert "DOSE-04" not in told
    assert "TAP-01" not in told
    assert told["REF-01"] == 2
