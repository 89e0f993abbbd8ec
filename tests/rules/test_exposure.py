"""Supplies, carry-forward, episodes and overlap: tables by hand, and a day-by-day recount."""

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviews.rules import exposure, screen
from reviews.rules.parameters import EXPOSURE
from reviews.rules.registry import PARAMETERS
from reviews.rules.view import View

from .book import BOOK, DAY0, line, medicine, on, person

LIMIT = PARAMETERS[EXPOSURE]["UK"]
BEGIN = DAY0.toordinal()


def use_of(given):
    recognition = BOOK.recognise(given.medicine)
    return exposure.read(given, recognition, recognition.ingredients[0], LIMIT)


def summary(*lines, as_of=0, **more):
    return screen(person(*lines, as_of=as_of, **more), BOOK).exposure


# --- one line --------------------------------------------------------------------------------

SUPPLIES = [
    ({"days_supply": 28}, 28, "a stated days' supply, both ends included"),
    ({"days_supply": 28, "quantity": 60}, 28, "stated outranks worked out"),
    ({"days_supply": None, "quantity": 28}, 28, "28 tablets, one a day"),
    ({"days_supply": None, "quantity": 28, "times_per_day": 3}, 9, "9 whole days, and one tablet"),
    ({"days_supply": None, "quantity": 2, "times_per_day": 3}, None, "less than a day is no day"),
    ({"days_supply": None, "quantity": 28, "dose": 10, "dose_unit": "mg"}, 14, "5 mg tablets"),
    ({"days_supply": None, "quantity": 28, "dose": 2.5, "dose_unit": "mg"}, 56, "half tablets"),
    (
        {
            "days_supply": None,
            "quantity": 140,
            "quantity_unit": "mg",
            "dose": 1,
            "dose_unit": "tablet",
        },
        28,
        "140 mg in 5 mg tablets",
    ),
    ({"days_supply": None, "quantity": 28, "dose_unit": "mg", "dose": None}, None, "no dose"),
    ({"days_supply": None, "quantity": None}, None, "no quantity"),
    ({"days_supply": None, "quantity": None, "end_on": on(9)}, 10, "only a written end"),
    ({"days_supply": 28, "end_on": on(9)}, 10, "ended before the supply was used"),
    ({"days_supply": 28, "end_on": on(90)}, 28, "a later end does not stretch one supply"),
    ({"days_supply": 0}, None, "0 days is a contradiction, not a supply"),
    ({"days_supply": 0, "end_on": on(9)}, None, "and the end date does not cure it"),
    ({"days_supply": 120}, 120, "120 days is the most that is plausible"),
    ({"days_supply": 121}, None, "121 days is not"),
    *(
        ({"days_supply": None, **told}, days, why)
        for told, days, why in [
            ({"quantity": 4, "times_per_day": 0.1429}, 28, "four, one a week"),
            ({"quantity": 12, "times_per_day": 0.4286}, 28, "twelve, three a week"),
            ({"quantity": 28, "times_per_day": 0.6667}, 42, "two in three days"),
            ({"quantity": 28, "times_per_day": 0.67}, 42, "in two decimals too"),
            ({"quantity": 12, "times_per_day": 0.43}, 28, "twelve, three a week"),
            ({"quantity": 4, "times_per_day": 0.143}, 28, "four, one a week, in three decimals"),
            ({"quantity": 28, "times_per_day": 0.7}, 40, "one decimal is what it says"),
            (
                {"quantity": 2, "quantity_text": "2 packs of 28"},
                None,
                "two tablets, or two packs: unknown",
            ),
            ({"quantity": 2, "quantity_text": "2 Packung"}, None, "a number of packs"),
            ({"quantity": 56, "quantity_text": "2 Packung"}, 56, "what two packs hold"),
            ({"quantity": 56, "quantity_text": "2 packs of 28"}, 56, "the same twice"),
            ({"dosage_text": "1 nocte prn max 2"}, None, "if needed, in words not understood"),
            ({"dosage_text": "one at night, avoid grapefruit"}, 28, "words that say nothing of it"),
            ({"quantity": 28, "quantity_unit": None}, None, "28 of what?"),
            ({"quantity": 2, "quantity_unit": None, "quantity_text": "2 packs of 28"}, 56, "words"),
            ({"quantity": None, "quantity_text": "2 packs of 28"}, 56, "56 tablets"),
            ({"quantity": None, "quantity_text": "2 Packungen à 28 Tabletten"}, 56, "in German"),
            ({"quantity": None, "quantity_text": "2 Packung"}, None, "of an unknown size"),
            ({"quantity": None, "quantity_text": "56 ml"}, None, "no tablets"),
            (
                {"quantity": 30, "quantity_text": "2 Packung"},
                30,
                "a number with a unit is better",
            ),
            ({"dose_max": 2}, 28, "one or two: the lower end tells how long it can last"),
            ({"times_per_day_max": 4}, 28, "once to four times"),
            ({"dose": None, "dose_max": 2}, None, "up to two"),
            ({"quantity": None, "dose_max": 2}, None, "no quantity"),
        ]
    ),
]


@pytest.mark.parametrize(("fields", "days", "why"), SUPPLIES)
def test_the_length_of_a_supply(fields, days, why):
    use = use_of(line(**fields))
    length = None if use.end is None else use.end - use.start + 1
    assert length == days, why


AS_NEEDED = [
    ({"max_per_day": 4, "expected_per_day": 1}, 28, "the longer of 7 and 28 days"),
    ({"max_per_day": 1, "expected_per_day": 2}, 28, "the longer, whichever rate gives it"),
    ({"max_per_day": 4}, None, "no expected rate: the length is not known"),
    ({"max_per_day": 4, "days_supply": 14}, 14, "a stated days' supply is the expectation"),
    ({"max_per_day": 4, "end_on": on(20)}, 21, "a written end bounds it"),
]


@pytest.mark.parametrize(("fields", "days", "why"), AS_NEEDED)
def test_the_length_of_an_as_needed_supply(fields, days, why):
    use = use_of(line(as_needed=True, **{"days_supply": None, "quantity": 28, **fields}))
    length = None if use.end is None else use.end - use.start + 1
    assert length == days, why


@pytest.mark.parametrize(
    ("fields", "days", "why"),
    [
        ({"quantity_unit": None}, 28, "28 packs are no less than 28 tablets"),
        ({"quantity": 2, "quantity_unit": None, "times_per_day": 3}, 1, "at least a day"),
        ({"dose": None, "dose_max": 2}, 14, "up to two a day"),
        ({"times_per_day": None, "times_per_day_max": 4}, 7, "up to four times a day"),
        ({"quantity": None, "quantity_text": "2 Packung"}, 1, "nobody knows"),
    ],
)
def test_a_supply_of_unknown_length_lasts_at_least(fields, days, why):
    use = use_of(line(**{"days_supply": None, "quantity": 28, **fields}))
    assert (use.end, use.least_end) == (None, BEGIN + days - 1), why


@pytest.mark.parametrize(
    ("fields", "mg"),
    [
        ({"dose_max": 2}, 10),
        ({"times_per_day": 2, "times_per_day_max": 3}, 15),
        ({"dose": 1, "dose_max": 2, "times_per_day": 1, "times_per_day_max": 3}, 30),
        ({"dose": None, "dose_max": 2}, 10),
        ({"dose_max": 2, "times_per_day": 4, "max_per_day": 6}, 30),
        ({"dose_max": 2, "as_needed": True, "max_per_day": 1}, 5),
        ({"times_per_day": 0.4286}, 15 / 7),
    ],
)
def test_the_dose_of_a_day_is_the_upper_end_of_a_range(fields, mg):
    assert use_of(line(**fields)).mg == pytest.approx(mg)


def test_an_as_needed_supply_of_unknown_length_lasts_at_least_as_long_as_at_the_highest_rate():
    use = use_of(line(as_needed=True, days_supply=None, quantity=28, max_per_day=4))
    assert use.least_end == BEGIN + 6


@pytest.mark.parametrize(
    ("status", "counts"),
    [
        ("active", True),
        ("on-hold", True),
        ("unknown", True),
        ("completed", True),
        ("stopped", True),
        ("draft", False),
        ("cancelled", False),
        ("entered-in-error", False),
    ],
)
def test_a_status_says_whether_it_was_taken(status, counts):
    assert (use_of(line(status=status)) is not None) is counts


def test_a_line_that_ended_before_it_began_was_never_taken():
    assert use_of(line(start=5, end_on=on(4))) is None
    assert use_of(line(start=5, end_on=on(5), days=28)).end == BEGIN + 5


def test_the_written_date_stands_in_for_the_start_and_says_so():
    use = use_of(line(start=None, written_on=on(3)))
    assert (use.start, use.notes) == (BEGIN + 3, (exposure.START_FROM_WRITTEN,))


def test_what_was_handed_out_begins_on_that_day_where_no_other_is_recorded():
    handed_out = {"start": None, "written_on": on(3), "dispensed_on": on(9)}
    use = use_of(line(source="dispensed", **handed_out))
    assert (use.start, use.notes) == (BEGIN + 9, (exposure.START_FROM_DISPENSED,))
    assert use_of(line(**handed_out)).start == BEGIN + 3, "an order begins when it is written"


@pytest.mark.parametrize(
    ("text", "fields", "mg"),
    [
        ("diazepam 5 mg tablets", {"dose": 2, "times_per_day": 3}, 30),
        ("diazepam 5 mg tablets", {"dose": 7.5, "dose_unit": "mg"}, 7.5),
        ("diazepam 2 mg/5 ml oral solution", {"dose": 10, "dose_unit": "ml"}, 4),
        ("lormetazepam 500 microgram tablets", {"dose": 500, "dose_unit": "microgram"}, 0.5),
        ("diazepam tablets", {"dose": 2, "times_per_day": 3}, None),
        ("diazepam 5 mg tablets", {"as_needed": True, "max_per_day": 4}, 20),
        (
            "fentanyl 25 micrograms/hour patches",
            {"dose_unit": "patch", "times_per_day": 1 / 3},
            0.6,
        ),
    ],
)
def test_the_daily_dose_in_mg(text, fields, mg):
    use = use_of(line(text, **fields))
    found = exposure.mg_per_day(use.line, use.part, use.recognition.form)
    assert found == (None if mg is None else pytest.approx(mg))


@pytest.mark.parametrize(
    ("fields", "rescue"),
    [
        ({"medicine": "diazepam 5 mg tablets"}, False),
        ({"medicine": "diazepam 10 mg rectal solution"}, True),
        ({"medicine": "midazolam 10 mg/2 ml oromucosal solution"}, True),
        ({"medicine": medicine("as coded", ("atc", "N05CD08")), "dose_unit": "ml"}, True),
        ({"medicine": medicine("as coded", ("atc", "N05CD08")), "dose_unit": "tablet"}, False),
        ({"medicine": medicine("as coded", ("atc", "N05CD08")), "route": "oral"}, False),
        ({"medicine": "midazolam 15 mg tablets"}, False),
        ({"medicine": "diazepam 5 mg tablets", "indication": "seizure_rescue"}, True),
        ({"medicine": "lorazepam 1 mg tablets", "route": "nasal"}, True),
    ],
)
def test_rescue_medicine_is_no_exposure(fields, rescue):
    given = line(**fields)
    assert exposure.is_rescue(use_of(given)) is rescue
    assert (summary(given) is None) is rescue


# --- many lines ------------------------------------------------------------------------------

EPISODES = [
    ([(0, 28)], (0, 27, 28), "one supply of 28 days"),
    ([(0, 28), (28, 28)], (0, 55, 56), "the next day"),
    ([(0, 14), (28, 14)], (0, 41, 28), "14 free days join; they are not counted"),
    ([(0, 14), (29, 14)], (29, 42, 14), "15 free days begin a new episode"),
    ([(0, 28), (21, 28)], (0, 55, 56), "7 days of stock are carried forward"),
    ([(0, 28), (13, 28)], (0, 55, 56), "15 days of stock are carried forward"),
    ([(0, 28), (12, 28)], (0, 54, 55), "of 16 days of stock, 15 are carried"),
    ([(0, 28), (0, 28)], (0, 55, 56), "two issues of one day follow one another"),
    ([(0, 7)] * 6, (0, 41, 42), "six weekly issues written at once"),
    ([(0, 28), (13, 7), (13, 7)], (0, 41, 42), "behind the stock that was left"),
]


@pytest.mark.parametrize(("supplies", "expected", "why"), EPISODES)
def test_episodes_of_one_ingredient(supplies, expected, why):
    found = summary(*(line(start=s, days=d) for s, d in supplies), as_of=supplies[-1][0])
    first, last, days = expected
    assert (found.start_on, found.end_on, found.days) == (on(first), on(last), days), why
    assert found.elapsed_days == last - first + 1


def test_a_switch_does_not_reset_the_clock_and_shifts_nothing():
    found = summary(line(), line("zopiclone 7.5 mg tablets", start=21), as_of=21)
    assert (found.days, found.end_on, found.drugs) == (49, on(48), ("diazepam", "zopiclone"))


def test_an_ended_line_is_not_carried_past_its_end():
    found = summary(line(), line(start=20, end_on=on(30)), as_of=21)
    assert (found.days, found.end_on) == (31, on(30))


def test_what_was_dispensed_outranks_what_was_written():
    written = line(days=28)
    dispensed = line(start=2, days=14, source="dispensed")
    assert summary(written, dispensed).days == 14
    other = line("lorazepam 1 mg tablets", start=2, days=7, source="dispensed")
    assert summary(written, other).days == 28


def test_imputations_are_named():
    found = summary(line(days_supply=None, start=None, written_on=on(0)))
    assert found.notes == (
        "Start taken from the date written",
        "Days' supply worked out from quantity and dose",
    )


def test_nothing_is_known_of_a_line_without_supply():
    found = summary(line(days_supply=None, quantity=None), as_of=300)
    assert (found.known, found.days, found.end_on) == (False, None, None)


def test_an_unknown_supply_beside_a_known_one_leaves_the_length_open():
    found = summary(line(), line("lorazepam 1 mg", start=3, days_supply=None, quantity=None))
    assert (found.known, found.days) == (False, 28)


# --- properties ------------------------------------------------------------------------------

SOME_LINES = st.lists(
    st.builds(
        lambda text, start, days, end: line(
            text,
            start=start,
            days=days,
            end_on=None if end is None else on(start + end),
            status="active",
        ),
        st.sampled_from(
            ["diazepam 5 mg tablets", "lorazepam 1 mg tablets", "zopiclone 7.5 mg tablets"]
        ),
        st.integers(0, 150),
        st.integers(1, 60),
        st.none() | st.integers(0, 70),
    ),
    min_size=1,
    max_size=8,
)


def view_of(lines, as_of=0):
    dossier = person(*lines, as_of=as_of)
    return View(dossier, BOOK, [(each, BOOK.recognise(each.medicine)) for each in lines])


def naive_days(lines):
    """Exposed days, told one by one; shares no code with the core."""
    supplies = {}
    for each in lines:
        start = (each.start_on - DAY0).days
        until = math.inf if each.end_on is None else (each.end_on - DAY0).days
        end = min(start + each.days_supply - 1, until)
        if end >= start:
            supplies.setdefault(each.medicine.text, {}).setdefault(start, []).append((end, until))
    exposed = set()
    for by_start in supplies.values():
        used_up = -1
        for start in sorted(by_start):
            # The first issue of a day waits for what is left, the next one for that one.
            stock, waited = min(used_up, start + 14), False
            for end, until in sorted(by_start[start]):
                shift = max(stock - start + 1, 0)
                if start + shift > until and waited:
                    continue
                if start + shift > until:
                    shift = 0
                last = min(end + shift, until)
                exposed |= set(range(start + shift, last + 1))
                stock = max(stock, last)
                used_up, waited = max(used_up, last), True
    return exposed


def naive_episodes(days, gap=14):
    found = []
    for each in sorted(days):
        if found and each - found[-1][-1] - 1 <= gap:
            found[-1].append(each)
        else:
            found.append([each])
    return [(run[0], run[-1], len(run)) for run in found]


@given(SOME_LINES)
def test_a_day_by_day_recount_agrees(lines):
    found = [
        (e.start - BEGIN, e.end - BEGIN, e.exposed_days(e.start, e.end))
        for e in view_of(lines).episodes
    ]
    assert found == naive_episodes(naive_days(lines))


@given(SOME_LINES, st.randoms())
def test_the_order_of_lines_does_not_matter(lines, random):
    shuffled = list(lines)
    random.shuffle(shuffled)
    assert screen(person(*lines, as_of=100), BOOK) == screen(person(*shuffled, as_of=100), BOOK)


@given(SOME_LINES, SOME_LINES)
def test_adding_a_line_never_shortens_exposure(lines, more):
    assert naive_days(lines) <= naive_days([*lines, *more])
    before = sum(e.exposed_days(e.start, e.end) for e in view_of(lines).episodes)
    after = sum(e.exposed_days(e.start, e.end) for e in view_of([*lines, *more]).episodes)
    assert after >= before


INTERVALS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 20)).map(lambda p: (p[0], p[0] + p[1])), max_size=8
)


def day_set(intervals):
    return {day for start, end in intervals for day in range(start, end + 1)}


@given(INTERVALS, INTERVALS, st.integers(0, 40), st.integers(0, 40))
def test_overlap_is_counted_once(a, b, first, length):
    shared = exposure.both(exposure.union(a), exposure.union(b))
    expected = day_set(a) & day_set(b)
    assert day_set(shared) == expected
    assert exposure.count(shared, 0, 100) == len(expected)
    window = set(range(first, first + length + 1))
    assert exposure.count(shared, first, first + length) == len(expected & window)


@pytest.mark.parametrize(("free", "runs"), [(13, 1), (14, 2)])
def test_fourteen_days_apart_make_a_new_start(free, runs):
    assert len(exposure.runs([(0, 9), (10 + free, 20 + free)], 14)) == runs


@pytest.mark.parametrize(
    ("birth", "day", "age"),
    [
        (date(1961, 6, 15), date(2026, 6, 14), 64),
        (date(1961, 6, 15), date(2026, 6, 15), 65),
        (date(1960, 2, 29), date(2025, 2, 28), 64),
        (date(1960, 2, 29), date(2025, 3, 1), 65),
        (date(1956, 2, 29), date(2024, 2, 29), 68),
    ],
)
def test_age_in_completed_years(birth, day, age):
    somebody = View(person(line(), birth=birth), BOOK, []).person
    assert somebody.age_on(day.toordinal()) == age
    assert somebody.birthday(age) <= day.toordinal() < somebody.birthday(age + 1)
