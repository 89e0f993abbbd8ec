"""FHIR's Timing and dosage: one thing said in many ways is one thing, and doubts stay doubts."""

import json
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviews.fhir.read import timing
from reviews.fhir.read.dosage import read_dosage
from reviews.fhir.read.resources import DispenseRequest, Dosage, Repeat, Timing

TABLET = {"unit": "tablet"}


def timed(**said):
    return timing.read(msgspec.convert(said, Timing))


def rate(**said):
    """Times a day, both ends: one number where they are one, None where they are not told."""
    told = timed(**said)
    return told.times if told.times == told.times_max else (told.times, told.times_max)


def every(frequency, period, unit, **more):
    return {"frequency": frequency, "period": period, "periodUnit": unit, **more}


def order(*instructions, written_on="2026-11-20", supply=None):
    """The record and the notes of an order with these instructions."""
    record = {"written_on": written_on}
    notes = read_dosage(
        record,
        msgspec.convert(list(instructions), list[Dosage]),
        msgspec.convert(supply or {}, DispenseRequest),
    )
    return record, notes


def dose(value, unit="tablet"):
    return {"doseAndRate": [{"doseQuantity": {"value": value, "unit": unit}}]}


def instruction(value=1, *, repeat=None, sequence=None, **more):
    said = {**dose(value), **more}
    if repeat is not None:
        said["timing"] = {"repeat": repeat}
    if sequence is not None:
        said["sequence"] = sequence
    return said


def test_every_element_of_a_timing_is_in_the_table():
    told = " ".join(timing.ELEMENTS)
    for name in (*Repeat.__struct_fields__, "event", "code"):
        assert name in told


# --- rates -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("repeat", "expected"),
    [
        (every(1, 1, "d"), 1),
        (every(2, 1, "d"), 2),
        ({"period": 1, "periodUnit": "d"}, 1),
        (every(1, 8, "h"), 3),
        (every(1, 720, "min"), 2),
        (every(1, 2, "d"), Fraction(1, 2)),
        (every(1, 3, "d"), Fraction(1, 3)),
        (every(1, 72, "h"), Fraction(1, 3)),
        (every(1, 1, "wk"), Fraction(1, 7)),
        (every(3, 1, "wk"), Fraction(3, 7)),
        (every(1, 2, "wk"), Fraction(1, 14)),
        (every(1, 1, "mo"), Fraction(1, 30)),
        (every(1, 3, "mo"), Fraction(1, 90)),
        (every(1, 1, "a"), Fraction(1, 365)),
        (every(1, 0.5, "d"), 2),
        # A range has two ends.
        (every(1, 1, "d", frequencyMax=3), (1, 3)),
        (every(1, 4, "h", periodMax=6), (4, 6)),
        (every(1, 2, "d", periodMax=3), (Fraction(1, 3), Fraction(1, 2))),
        # Without a lower end it is "up to".
        ({"frequencyMax": 3, "period": 1, "periodUnit": "d"}, (None, 3)),
        ({"frequencyMax": 2, "period": 1, "periodUnit": "wk"}, (None, Fraction(2, 7))),
        # Doses named by their time of day are as many as are named.
        ({"when": ["MORN", "NIGHT"]}, 2),
        ({"when": ["HS"]}, 1),
        ({"timeOfDay": ["08:00:00", "20:00:00"]}, 2),
        ({"period": 1, "periodUnit": "d", "when": ["MORN", "NIGHT"]}, 2),
        (every(1, 1, "d", when=["MORN", "EVE"]), 2),
        (every(1, 1, "d", timeOfDay=["08:00:00", "20:00:00"]), 2),
        (every(3, 1, "d", when=["MORN", "NOON", "NIGHT"]), 3),
        (every(3, 1, "d", when=["C"]), 3),
        (every(2, 1, "d", when=["HS"]), 2),
        (every(1, 2, "d", when=["HS"]), Fraction(1, 2)),
        # Days of the week name a weekly rate and divide a daily one.
        (every(3, 1, "wk", dayOfWeek=["mon", "wed", "fri"]), Fraction(3, 7)),
        (every(1, 1, "wk", dayOfWeek=["mon"]), Fraction(1, 7)),
        (every(1, 1, "wk", dayOfWeek=["mon"], when=["AFT"]), Fraction(1, 7)),
        (every(1, 2, "wk", dayOfWeek=["mon"]), Fraction(1, 14)),
        (every(1, 1, "d", dayOfWeek=["mon", "wed", "fri"]), Fraction(3, 7)),
        (every(2, 1, "d", dayOfWeek=["sat", "sun"]), Fraction(4, 7)),
        ({"dayOfWeek": ["mon", "thu"]}, Fraction(2, 7)),
        (every(1, 1, "d", dayOfWeek=["Mon", "Wednesday", "fri"]), Fraction(3, 7)),
        ({"dayOfWeek": ["mon", "Monday"]}, Fraction(1, 7)),
        ({"dayOfWeek": ["mon", "thu"], "when": ["MORN", "EVE"]}, Fraction(4, 7)),
    ],
)
def test_a_repeat_is_a_rate(repeat, expected):
    assert rate(repeat=repeat) == expected
    assert not timed(repeat=repeat).notes


@pytest.mark.parametrize(
    "repeat",
    [
        every(2, 1, "d", when=["MORN", "NOON", "NIGHT"]),
        every(1, 0, "d"),
        every(1, 1, "s"),
        every(1, 10, "min"),
        {"frequency": 2},
        {"frequency": 2, "period": 1},
        every(1, 3, "d", dayOfWeek=["mon"]),
        every(1, 6, "h", periodMax=4),
        every(0, 1, "d"),
        every(-1, 1, "d"),
        every(3, 1, "d", frequencyMax=2),
        every(1, 1, "d", dayOfWeek=["someday"]),
        {"when": ["banana"]},
        {"when": ["MORN", "PRN"]},
        {"when": ["AC"]},
    ],
)
def test_a_repeat_that_contradicts_itself_is_noted_and_no_rate(repeat):
    told = timed(repeat=repeat)
    assert (told.times, told.times_max) == (None, None)
    assert len(told.notes) == 1


@pytest.mark.parametrize(
    ("code", "repeat", "times", "noted"),
    [
        ("BID", {"when": ["MORN"]}, None, True),
        ("BID", {"when": ["MORN", "EVE"]}, 2, False),
        ("HS", {"dayOfWeek": ["mon"]}, Fraction(1, 7), False),
        ("BID", every(3, 1, "d"), 3, True),
        ("TID", every(3, 1, "d"), 3, False),
    ],
)
def test_a_code_beside_what_a_repeat_says(code, repeat, times, noted):
    told = timed(repeat=repeat, code={"text": code})
    assert (told.times, bool(told.notes)) == (times, noted)


@pytest.mark.parametrize(
    ("repeat", "days", "why"),
    [
        (every(1, 1, "d", duration=24, durationUnit="h"), None, "worn until the next one"),
        (every(1, 72, "h", duration=72, durationUnit="h"), None, "the same for a patch"),
        (every(1, 1, "wk", duration=7, durationUnit="d"), None, "worn for the week"),
        (every(1, 1, "d", duration=30, durationUnit="min"), None, "an infusion"),
        (every(2, 1, "d", duration=14, durationUnit="d"), 14, "the length of the course"),
        (every(1, 1, "wk", duration=28, durationUnit="d"), 28, "four weeks of it"),
        ({"duration": 14, "durationUnit": "d"}, None, "nothing tells which of the two"),
    ],
)
def test_a_dose_that_takes_days_is_no_course(repeat, days, why):
    assert timed(repeat=repeat).days == days, why


@pytest.mark.parametrize(
    ("value", "code", "days"),
    [(36, "h", 2), (24, "h", 1), (48, "h", 2), (1, "h", 1), (2, "wk", 14), (1.5, "d", 2)],
)
def test_a_day_that_is_begun_is_a_day_of_use(value, code, days):
    bounds = {"boundsDuration": {"value": value, "code": code}}
    assert timed(repeat=every(1, 1, "d", **bounds)).days == days


def test_once_a_week_on_three_days_is_once_or_three_times():
    told = timed(repeat=every(1, 1, "wk", dayOfWeek=["mon", "wed", "fri"]))
    assert (told.times, told.times_max) == (Fraction(1, 7), Fraction(3, 7))
    assert len(told.notes) == 1


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        *(("QD", 1), ("OD", 1), ("ON", 1), ("OM", 1), ("AM", 1), ("HS", 1), ("QHS", 1)),
        *(("nocte", 1), ("mane", 1), ("BED", 1), ("BID", 2), ("BD", 2), ("b.d.", 2), ("TID", 3)),
        *(("TDS", 3), ("QID", 4), ("qds", 4), ("QOD", Fraction(1, 2)), ("Q2H", 12), ("Q4H", 6)),
        *(("Q8H", 3), ("Q12H", 2), ("Q3D", Fraction(1, 3)), ("WK", Fraction(1, 7))),
        *(("twice a day", 2), ("Twice daily", 2), ("every 8 hours", 3), ("at night", 1)),
        *(("every other day", Fraction(1, 2)), ("1 to 3 times a day", (1, 3))),
    ],
)
def test_a_code_or_its_words_are_a_rate(code, expected):
    assert rate(code={"coding": [{"code": code}]}) == expected
    assert rate(code={"text": code}) == expected
    assert not timed(code={"text": code}).notes


@pytest.mark.parametrize("code", ["STAT", "when the moon is full", "Q0H", "then stop"])
def test_a_code_that_is_no_rate_is_noted(code):
    told = timed(code={"text": code})
    assert told.times_max is None
    assert len(told.notes) == 1


def test_a_code_may_say_as_needed():
    told = timed(code={"text": "PRN"})
    assert told.as_needed
    assert not told.notes


def test_a_code_stands_beside_a_repeat():
    bounds = {"boundsPeriod": {"start": "2026-11-20"}}
    told = timed(repeat=bounds, code={"text": "BID"})
    assert (told.times, told.first.isoformat()) == (2, "2026-11-20")
    agreed = timed(repeat=every(2, 1, "d"), code={"text": "BID"})
    assert (agreed.times, agreed.notes) == (2, [])
    differs = timed(repeat=every(3, 1, "d"), code={"text": "BID"})
    assert differs.times == 3
    assert len(differs.notes) == 1


SAME = [
    *({"repeat": every(n, n, "d")} for n in (1, 2, 3)),
    {"repeat": {"period": 24, "periodUnit": "h"}},
    {"repeat": {"when": ["HS"]}},
    {"repeat": {"timeOfDay": ["22:00:00"]}},
    {"repeat": every(7, 1, "wk")},
    {"repeat": every(1, 1, "d", offset=30, when=["ACV"])},
    {"code": {"text": "QHS"}},
    {"code": {"text": "once daily"}},
    {"repeat": every(1, 1, "d"), "code": {"text": "QD"}},
    {"event": ["2026-11-20", "2026-11-21", "2026-11-22"]},
]


@pytest.mark.parametrize("said", SAME)
def test_once_a_day_is_once_a_day_however_it_is_said(said):
    assert rate(**said) == 1


@given(st.integers(1, 6), st.integers(1, 12), st.sampled_from(["h", "d", "wk"]), st.integers(1, 4))
def test_a_rate_does_not_depend_on_how_the_fraction_is_written(frequency, period, unit, by):
    times = {"h": 24, "d": 1, "wk": Fraction(1, 7)}[unit] * Fraction(frequency, period)
    said = [every(frequency * by, period * by, unit), every(frequency, period, unit)]
    if unit != "h":
        hours = {"d": 24, "wk": 168}[unit]
        said.append(every(frequency, period * hours, "h"))
    for repeat in said:
        expected = times if times <= timing.MOST_PER_DAY else None
        assert timed(repeat=repeat).times == expected


# --- days ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "last"),
    [
        ({"repeat": {"boundsPeriod": {"start": "2026-11-21", "end": "2026-11-30"}}}, "2026-11-30"),
        ({"repeat": {"boundsDuration": {"value": 10, "code": "d"}}}, "2026-11-29"),
        ({"repeat": {"boundsDuration": {"value": 2, "unit": "weeks"}}}, "2026-12-03"),
        (
            {
                "repeat": {
                    "boundsRange": {
                        "low": {"value": 7, "code": "d"},
                        "high": {"value": 1, "code": "wk"},
                    }
                }
            },
            "2026-11-26",
        ),
        ({"repeat": every(1, 8, "h", count=9)}, "2026-11-22"),
        ({"repeat": every(2, 1, "d", count=5)}, "2026-11-22"),
        ({"event": ["2026-11-24", "2026-11-25"]}, "2026-11-25"),
        ({"repeat": {"duration": 14, "durationUnit": "d"}, "code": {"text": "BID"}}, "2026-12-03"),
    ],
)
def test_the_last_day(said, last):
    record, _ = order({**dose(1), "timing": said})
    assert record["end_on"] == last


@pytest.mark.parametrize(
    "said",
    [
        {"boundsRange": {"low": {"value": 7, "code": "d"}, "high": {"value": 14, "code": "d"}}},
        {"boundsDuration": {"value": 3, "unit": "moons"}},
        {"boundsPeriod": {"start": "2026-11-20", "end": "2026-11-01"}},
        {"boundsPeriod": {"start": "2026-11-20", "end": "2026-12"}},
        {**every(1, 8, "h", count=9), "countMax": 12},
    ],
)
def test_a_last_day_that_is_not_told_is_noted(said):
    record, notes = order({**dose(1), "timing": {"repeat": said}})
    assert "end_on" not in record
    assert len(notes) == 1


def test_an_infusion_that_takes_half_an_hour_ends_no_course():
    record, notes = order(instruction(repeat=every(1, 1, "d", duration=30, durationUnit="min")))
    assert "end_on" not in record
    assert not notes


# --- doses -----------------------------------------------------------------------------------


def test_a_range_of_doses_has_two_ends():
    given = [{"doseRange": {"low": {"value": 1, **TABLET}, "high": {"value": 2, **TABLET}}}]
    record, notes = order({"doseAndRate": given, "timing": {"repeat": every(1, 1, "d")}})
    assert (record["dose"], record["dose_max"], record["dose_unit"]) == (1, 2, "tablet")
    assert not notes


def test_up_to_a_dose_has_no_lower_end():
    given = [{"doseRange": {"high": {"value": 2, **TABLET}}}]
    record, _ = order({"doseAndRate": given})
    assert record["dose_max"] == 2
    assert "dose" not in record


def test_a_dose_stands_in_the_instruction_itself_in_stu3():
    record, notes = order(
        {"doseQuantity": {"value": 60, "unit": "mg"}, "timing": {"repeat": every(1, 1, "d")}}
    )
    assert (record["dose"], record["dose_unit"], record["times_per_day"]) == (60, "mg", 1)
    assert not notes


def test_the_dose_that_was_ordered_counts_and_not_the_one_that_was_calculated():
    def typed(code, value):
        return {"type": {"coding": [{"code": code}]}, "doseQuantity": {"value": value, **TABLET}}

    record, notes = order({"doseAndRate": [typed("calculated", 3), typed("ordered", 2)]})
    assert record["dose"] == 2
    assert not notes
    record, notes = order({"doseAndRate": [typed("calculated", 3), typed("calculated", 2)]})
    assert "dose" not in record
    assert len(notes) == 1


@pytest.mark.parametrize(
    "given",
    [
        {"rateQuantity": {"value": 2, "unit": "mg/h"}},
        {
            "rateRatio": {
                "numerator": {"value": 2, "unit": "mg"},
                "denominator": {"value": 1, "code": "h"},
            }
        },
        {"rateRange": {"low": {"value": 2, "unit": "mg/h"}, "high": {"value": 2, "unit": "mg/h"}}},
    ],
)
def test_a_rate_of_giving_is_an_amount_a_day(given):
    record, notes = order({"doseAndRate": [given]})
    assert (record["dose"], record["dose_unit"], record["times_per_day"]) == (48, "mg", 1)
    assert not notes


@pytest.mark.parametrize(
    "given",
    [
        {"rateQuantity": {"value": 2, "unit": "mg/kg/h"}},
        {"doseQuantity": {"value": 2, "unit": "spoon"}},
        {"doseQuantity": {"unit": "mg"}},
        {"doseQuantity": {"value": 2, "unit": "mg", "comparator": ">"}},
        {"doseRange": {"low": {"value": 2, "unit": "mg"}, "high": {"value": 1, "unit": "mg"}}},
        {"doseRange": {"low": {"value": 1, "unit": "tablet"}, "high": {"value": 2, "unit": "ml"}}},
    ],
)
def test_a_dose_that_is_not_understood_is_noted_and_not_guessed(given):
    record, notes = order({"doseAndRate": [given]})
    assert "dose" not in record
    assert "dose_max" not in record
    assert len(notes) == 1


@pytest.mark.parametrize("unit", ["d", "day", "24.h"])
def test_a_maximum_a_day_is_a_daily_maximum(unit):
    said = {
        **dose(1),
        "asNeededCodeableConcept": {"text": "insomnia"},
        "timing": {"repeat": every(3, 1, "wk")},
        "maxDosePerPeriod": {
            "numerator": {"value": 1, **TABLET},
            "denominator": {"value": 24, "unit": "h"}
            if unit == "24.h"
            else {"value": 1, "unit": unit},
        },
    }
    record, notes = order(said)
    assert record["max_per_day"] == 1
    assert not notes


# --- several instructions --------------------------------------------------------------------

MORNING, NIGHT = every(1, 1, "d", when=["MORN"]), every(1, 1, "d", when=["NIGHT"])


def during(repeat, start, end):
    return {**repeat, "boundsPeriod": {"start": f"2026-{start}", "end": f"2026-{end}"}}


def test_doses_of_one_day_are_added_up():
    record, notes = order(instruction(2, repeat=MORNING), instruction(4, repeat=NIGHT))
    assert (record["dose"], record["times_per_day"]) == (6, 1)
    record, notes = order(instruction(2, repeat=MORNING), instruction(2, repeat=NIGHT))
    assert (record["dose"], record["times_per_day"]) == (2, 2)
    assert not notes


@pytest.mark.parametrize("sequences", [(1, 1), (1, 2), (None, None)])
def test_what_holds_over_the_same_days_is_side_by_side_whatever_its_number(sequences):
    both = (during(MORNING, "11-20", "12-03"), during(NIGHT, "11-20", "12-03"))
    record, _ = order(
        *(
            instruction(value, repeat=repeat, sequence=sequence)
            for value, repeat, sequence in zip((1, 3), both, sequences, strict=True)
        )
    )
    assert (record["dose"], record["times_per_day"]) == (4, 1)
    assert (record["start_on"], record["end_on"]) == ("2026-11-20", "2026-12-03")
    assert "schedule" not in record


def test_what_follows_is_a_schedule_in_the_order_of_its_days():
    daily = every(1, 1, "d")
    record, _ = order(
        instruction(2, repeat=during(daily, "11-20", "11-26"), sequence=2),
        instruction(1, repeat=during(daily, "11-27", "12-03"), sequence=1),
    )
    assert record["start_on"] == "2026-11-20"
    assert record["schedule"] == [{"per_day": 2, "days": 7}, {"per_day": 1, "days": 7}]


def test_days_between_two_instructions_are_days_without():
    daily = every(1, 1, "d")
    record, _ = order(
        instruction(2, repeat=during(daily, "11-20", "11-26")),
        instruction(1, repeat=during(daily, "11-30", "12-03")),
    )
    assert [step["per_day"] for step in record["schedule"]] == [2, 0, 1]
    assert [step["days"] for step in record["schedule"]] == [7, 3, 4]


def test_alternating_doses_that_overlap_come_to_their_mean():
    other = every(1, 2, "d")
    record, _ = order(
        instruction(2, repeat=during(other, "11-20", "12-03"), sequence=1),
        instruction(1, repeat=during(other, "11-21", "12-03"), sequence=1),
    )
    assert record["schedule"] == [{"per_day": 1, "days": 1}, {"per_day": 1.5, "days": 13}]


def lasting(repeat, days):
    return {**repeat, "boundsDuration": {"value": days, "code": "d"}}


def test_what_lasts_follows_by_its_number():
    daily = every(1, 1, "d")
    record, _ = order(
        instruction(1, repeat=lasting(daily, 14), sequence=2),
        instruction(2, repeat=lasting(daily, 7), sequence=1),
        instruction(0, repeat=lasting(daily, 7), sequence=3),
    )
    assert record["schedule"] == [
        {"per_day": 2, "days": 7},
        {"per_day": 1, "days": 14},
        {"per_day": 0, "days": 7},
    ]


@pytest.mark.parametrize(
    "instructions",
    [
        # Numbered, and nobody says how long the first lasts.
        (instruction(2, repeat=MORNING, sequence=1), instruction(1, repeat=MORNING, sequence=2)),
        # One without a rate.
        (instruction(2, repeat=MORNING), instruction(1)),
        # Units that do not add up.
        (instruction(2, repeat=MORNING), {**dose(5, "ml"), "timing": {"repeat": NIGHT}}),
        # The last one is open.
        (
            instruction(2, repeat=lasting(MORNING, 7), sequence=1),
            instruction(1, repeat=MORNING, sequence=2),
        ),
    ],
)
def test_instructions_that_do_not_fit_together_are_kept_as_text(instructions):
    record, notes = order(*instructions)
    assert not {"dose", "dose_max", "times_per_day", "schedule"} & record.keys()
    assert notes == ["has 2 dosage instructions: the dose is kept as text only"]


def test_what_is_taken_if_needed_beside_a_regular_dose_may_be_none():
    record, _ = order(
        instruction(1, repeat=every(2, 1, "d")),
        instruction(1, repeat=every(1, 1, "d"), asNeededBoolean=True),
    )
    assert (record["dose"], record["dose_max"], record["times_per_day"]) == (2, 3, 1)
    assert record["as_needed"] is False


@given(st.permutations(range(3)))
def test_the_order_in_which_instructions_are_sent_changes_nothing(places):
    daily = every(1, 1, "d")
    said = [
        instruction(3, repeat=during(daily, "11-20", "11-26")),
        instruction(2, repeat=during(daily, "11-27", "12-03")),
        instruction(1, repeat=during(NIGHT, "11-25", "12-10")),
    ]
    expected, _ = order(*said)
    record, _ = order(*(said[place] for place in places))
    assert record["schedule"] == expected["schedule"]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists))
def test_what_is_not_a_timing_is_refused_by_its_type_and_never_crashes(junk):
    try:
        said = msgspec.json.decode(json.dumps({"repeat": junk}), type=Timing)
    except msgspec.DecodeError:
        return
    timing.read(said)


# --- one dose said twice, and units ----------------------------------------------------------


def test_an_instruction_that_is_said_twice_counts_once():
    bd = instruction(repeat=every(2, 1, "d"), text="one bd")
    record, notes = order(bd, bd)
    assert (record["dose"], record["times_per_day"]) == (1, 2)
    assert notes == ["says the same instruction more than once: counted once"]


def test_instructions_that_differ_in_their_number_alone_are_no_dose():
    bounds = {"boundsDuration": {"value": 14, "code": "d"}}
    bd = every(2, 1, "d", **bounds)
    record, notes = order(instruction(repeat=bd, sequence=1), instruction(repeat=bd, sequence=2))
    assert not {"dose", "schedule"} & record.keys()
    assert len(notes) == 1


def period(start, end, times=1):
    return every(times, 1, "d", boundsPeriod={"start": start, "end": end})


@pytest.mark.parametrize(
    ("first_end", "second_start", "schedule"),
    [
        ("2026-11-26", "2026-11-27", [(2, 7), (1, 7)]),
        ("2026-11-27", "2026-11-27", [(2, 7), (1, 7)]),
        ("2026-11-28", "2026-11-27", [(2, 7), (3, 2), (1, 5)]),
        ("2026-11-25", "2026-11-27", [(2, 6), (0, 1), (1, 7)]),
    ],
)
def test_periods_that_touch_on_a_day_do_not_add_up_on_it(first_end, second_start, schedule):
    record, _ = order(
        instruction(2, repeat=period("2026-11-20", first_end)),
        instruction(1, repeat=period(second_start, "2026-12-03")),
    )
    assert [(step["per_day"], step["days"]) for step in record["schedule"]] == schedule


@pytest.mark.parametrize(
    ("quantity", "unit"),
    [
        ({"unit": "tablet", "code": "{tbl}"}, "tablet"),
        ({"unit": "Tablette", "code": "mg"}, None),
        ({"unit": "tablet", "code": "mg"}, None),
        ({"unit": "tablet", "code": "428673006"}, "tablet"),
        ({"unit": "each", "code": "{tablet}"}, "tablet"),
        ({"code": "1"}, "unit"),
        ({"unit": "1", "code": "1"}, "unit"),
        ({"unit": "tablet", "code": "1"}, "tablet"),
        ({}, None),
    ],
)
def test_the_unit_of_a_dose(quantity, unit):
    said = {"doseAndRate": [{"doseQuantity": {"value": 1, **quantity}}]}
    record, notes = order({**said, "timing": {"repeat": every(1, 1, "d")}})
    assert record.get("dose_unit") == unit
    assert bool(notes) is (unit is None)


def test_a_plain_number_of_a_supply_counts_what_a_plain_number_of_a_dose_counts():
    one = {"value": 1, "code": "1"}
    supply = {"quantity": {"value": 28, "code": "1"}}
    record, _ = order({"doseAndRate": [{"doseQuantity": one}]}, supply=supply)
    assert (record["quantity"], record["quantity_unit"]) == (28, "unit")
    record, _ = order(instruction(), supply=supply)
    assert (record["quantity"], "quantity_unit" in record) == (28, False)


@pytest.mark.parametrize(
    "said", [{"asNeeded": True}, {"asNeededFor": [{"text": "anxiety"}]}, {"asNeededBoolean": True}]
)
def test_as_needed_in_each_version(said):
    record, _ = order(instruction(repeat=every(2, 1, "d"), **said))
    assert record["as_needed"] is True


def test_a_rate_of_giving_that_is_left_out_is_named():
    per_kg = {"rateQuantity": {"value": 0.1, "unit": "mg/kg/h"}}
    _, notes = order({"doseAndRate": [per_kg]})
    assert notes == ["the rate of giving (0.1 mg/kg/h) is left out"]


def code(text, *codes, **repeat):
    said = {"code": {"text": text, "coding": [{"code": each} for each in codes]}}
    return timed(**said, **({"repeat": repeat} if repeat else {}))


def test_codes_that_say_several_rates_are_no_rate():
    assert code("once daily", "QD").times == 1
    assert code("as needed", "BID").as_needed
    several = code("twice a day", "QD")
    assert several.times is None
    assert several.notes == ["its codes say several rates (QD, twice a day): kept as text only"]
    beside_numbers = code("twice a day", "QD", **every(3, 1, "d"))
    assert beside_numbers.times == 3
    assert len(beside_numbers.notes) == 1
