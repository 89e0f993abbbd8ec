"""Exposure by the two published conventions: boundaries, worked examples, an independent oracle."""

import os
import stat
from fractions import Fraction
from itertools import product
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from reviews.rules import conventions
from reviews.rules.conventions import Dispensing
from tests.rules import oracle_conventions as oracle

A, B = "diazepam", "temazepam"


def supplied(*rows):
    """Dispensings from (start, days), with medicine and daily dose where the case needs them."""
    return [_dispensing(*row) for row in rows]


def _dispensing(start, days, medicine=A, dose=None):
    return Dispensing(medicine, start, days, None if dose is None else Fraction(dose))


def spans(found):
    return [(episode.start, episode.end) for episode in found]


# --- eras ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "expected", "why"),
    [
        ([(0, 28)], [(0, 28)], "28 days from day 0 cover days 0 to 27 and end on day 28"),
        ([(0, 28), (58, 28)], [(0, 86)], "30 days without supply, the window itself"),
        ([(0, 28), (59, 28)], [(0, 28), (59, 87)], "31 days, one over"),
        ([(0, 28), (28, 28)], [(0, 56)], "the next begins on the first day not covered"),
        ([(0, 28), (14, 28)], [(0, 42)], "14 days of overlap are not carried forward"),
        ([(0, 90), (14, 7), (119, 7)], [(0, 126)], "the gap counts from the furthest end"),
        ([(0, 90), (14, 7), (121, 7)], [(0, 90), (121, 128)], "31 days after the furthest end"),
        ([(0, 28), (0, 14)], [(0, 28)], "two supplies of one day do not add up"),
        ([(0, 0)], [(0, 1)], "no days' supply counts as one day"),
        ([(0, 0), (31, 28)], [(0, 59)], "30 days after that one day"),
        ([(0, 0), (32, 28)], [(0, 1), (32, 60)], "31 days after it"),
    ],
)
def test_eras_join_over_the_window_and_no_further(rows, expected, why):
    assert spans(conventions.eras(supplied(*rows), gap_days=30)) == expected, why


def test_era_window_is_thirty_days_unless_given():
    at, over = supplied((0, 28), (58, 28)), supplied((0, 28), (59, 28))

    assert [len(conventions.eras(history)) for history in (at, over)] == [1, 2]
    assert [len(conventions.eras(history, gap_days=29)) for history in (at, over)] == [2, 2]


def test_eras_are_of_one_medicine_and_count_their_dispensings():
    found = conventions.eras(supplied((0, 28, B), (0, 28, A), (20, 28, A), (100, 7, A)))

    assert found == [(A, 0, 48, 2), (A, 100, 7, 1), (B, 0, 28, 1)]


def test_inclusive_ends_are_the_same_eras_with_a_window_one_day_shorter():
    """Tables whose exposures end on their last day, start + days - 1, join over 29 free days."""
    history = supplied((0, 28), (57, 28), (115, 28))

    assert spans(conventions.eras(history, gap_days=29)) == [(0, 85), (115, 143)]


# --- episodes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "expected", "why"),
    [
        ([(0, 28)], [(0, 28)], "one supply"),
        ([(0, 28), (42, 28)], [(0, 70)], "14 days without supply, the permitted gap"),
        ([(0, 28), (43, 28)], [(0, 28), (43, 71)], "15 days; the gap is not added to the episode"),
        ([(0, 28), (14, 28)], [(0, 56)], "14 days left over are used after the second supply"),
        ([(0, 28), (14, 28), (70, 28)], [(0, 98)], "14 days after what was carried"),
        ([(0, 28), (14, 28), (71, 28)], [(0, 56), (71, 99)], "15 days after what was carried"),
        ([(0, 28), (0, 28)], [(0, 56)], "two supplies of one day are taken one after the other"),
        ([(0, 28), (40, 28), (60, 28)], [(0, 96)], "a gap does not use up what comes later"),
        ([(0, 90), (10, 28), (20, 28)], [(0, 146)], "carried across several dispensings"),
        ([(0, 28, A), (14, 28, B)], [(0, 56)], "carried to another medicine"),
    ],
)
def test_episodes_carry_supply_forward(rows, expected, why):
    assert spans(conventions.episodes(supplied(*rows), gap_days=14)) == expected, why


def test_episode_gap_is_ninety_days_unless_given():
    at, over = supplied((0, 28), (118, 28)), supplied((0, 28), (119, 28))

    assert [len(conventions.episodes(history)) for history in (at, over)] == [1, 2]


@pytest.mark.parametrize(
    ("rows", "expected", "why"),
    [
        ([(0, 28, A), (14, 28, A)], [(0, 56)], "the same medicine: carried"),
        ([(0, 28, A), (14, 28, B)], [(0, 42)], "another medicine: 14 days of diazepam are lost"),
        (
            [(0, 28, A), (14, 7, B), (21, 28, A)],
            [(0, 49)],
            "they stay lost when diazepam comes back: only neighbours are compared",
        ),
        (
            [(0, 28, A), (0, 7, B)],
            [(0, 7)],
            "a second medicine of the same day, later in the file, displaces the first",
        ),
        ([(0, 7, B), (0, 28, A)], [(0, 28)], "in the other order"),
    ],
)
def test_carried_only_within_the_same_medicine(rows, expected, why):
    found = conventions.episodes(supplied(*rows), gap_days=0, same_medicine_only=True)

    assert spans(found) == expected, why


@pytest.mark.parametrize(
    ("rows", "expected", "why"),
    [
        ([(0, 28, A, 10), (14, 28, A, 10)], (56, 56), "the dose stays: 14 days stay 14"),
        ([(0, 28, A, 10), (14, 28, A, 5)], (70, 70), "half the dose: 14 days last 28"),
        ([(0, 28, A, 5), (14, 28, A, 10)], (49, 49), "double the dose: 14 days last 7"),
        ([(0, 28, A, "0.1"), (14, 28, A, "0.3")], (Fraction(140, 3), 46), "they last 4 and 2/3"),
        (
            [(0, 28, A, 10), (14, 28, B, 20)],
            (49, 49),
            "across medicines too, milligram for milligram",
        ),
        ([(0, 28, A, 10), (28, 28, A, 5)], (56, 56), "nothing is left, so nothing is rescaled"),
    ],
)
def test_what_is_carried_lasts_by_the_new_dose(rows, expected, why):
    (found,) = conventions.episodes(supplied(*rows), gap_days=14, rescale_dose=True)

    assert (found.days, found.end) == expected, why


def test_a_gap_is_judged_by_the_exact_amount_left():
    """14 days at 3 a day last 6 days at 7: an exact gap of 14, which binary fractions can miss."""
    at = supplied((0, 28, A, 3), (14, 7, A, 7), (41, 7, A, 7))
    over = supplied((0, 28, A, 3), (14, 7, A, 7), (42, 7, A, 7))

    assert len(conventions.episodes(at, gap_days=14, rescale_dose=True)) == 1
    assert len(conventions.episodes(over, gap_days=14, rescale_dose=True)) == 2


def test_rescaling_without_a_dose_is_refused():
    history = supplied((0, 28, A, 10), (14, 28, A))

    with pytest.raises(ValueError, match="needs the dose"):
        conventions.episodes(history, rescale_dose=True)
    assert spans(conventions.episodes(history)) == [(0, 56)]


def test_rescaling_within_the_same_medicine_leaves_another_medicine_nothing():
    history = supplied((0, 28, A, 10), (14, 28, B, 5), (21, 28, B, 10))

    found = conventions.episodes(history, same_medicine_only=True, rescale_dose=True)

    # 21 days of B are left on day 21; at double the dose they last 10 days and a half.
    assert [(episode.end, episode.days) for episode in found] == [(59, Fraction(119, 2))]


def test_a_change_of_medicine_begins_an_episode_if_asked():
    history = supplied((0, 28, A), (14, 28, B), (60, 7, A))

    assert conventions.episodes(history) == [(None, 0, 67, 3)]
    assert conventions.episodes(history, new_on_change=True) == [
        (A, 0, 14, 1),  # ends where the other medicine begins
        (B, 14, 42, 1),  # with what was carried, before the gap
        (A, 60, 7, 1),
    ]


def test_a_medicine_displaced_on_its_first_day_is_an_episode_of_no_days():
    found = conventions.episodes(supplied((0, 28, A), (0, 7, B)), new_on_change=True)

    assert found == [(A, 0, 0, 1), (B, 0, 35, 1)]


@pytest.mark.parametrize(
    ("rows", "expected", "why"),
    [
        ([(0, 28)], [(0, 28, 1)], "the supply ends 72 days before the window does"),
        ([(0, 86)], [(0, 86, 1)], "14 days before: ended, by the gap itself"),
        ([(0, 87)], [(0, 100, 1)], "13 days before: not known to have ended"),
        ([(0, 100)], [(0, 100, 1)], "the supply and the window end together"),
        ([(0, 101)], [(0, 100, 1)], "cut off at the end of the window"),
        ([(0, 60), (30, 60)], [(0, 100, 2)], "what is carried is cut off too"),
        ([(0, 28), (100, 28)], [(0, 28, 1), (100, 100, 1)], "dispensed on the last day: no days"),
        ([(0, 28), (101, 28)], [(0, 28, 1)], "dispensed a day later: left out"),
        ([(500, 28), (560, 28)], [(500, 528, 1), (560, 600, 1)], "from the first dispensing"),
    ],
)
def test_follow_up_of_a_hundred_days(rows, expected, why):
    found = conventions.episodes(supplied(*rows), gap_days=14, follow_up_days=100)

    assert [(item.start, item.end, item.dispensings) for item in found] == expected, why


def test_nobody_without_dispensings_is_exposed():
    assert conventions.eras([]) == []
    assert conventions.episodes([], follow_up_days=30) == []


# --- AdhereR's own example -------------------------------------------------------------------

STEADY = supplied(
    *[(0, 50, A, 4), (111, 50, A, 4), (158, 50, A, 4)],
    *[(267, 30, B, 4), (296, 30, B, 4), (394, 30, B, 4), (490, 30, B, 4), (578, 30, B, 4)],
)
CHANGING = supplied(
    *[(0, 30, A, 20), (36, 30, A, 20), (41, 60, A, 2), (134, 60, A, 2), (239, 60, A, 2)],
    *[(295, 60, A, 2), (352, 60, A, 2), (374, 30, B, 6), (389, 30, B, 6), (578, 30, B, 6)],
    (668, 30, A, 2),
)
"""The two invented patients of the package's overview, in days from their first dispensing."""

TWO_YEARS = {
    "gap_days": 180,
    "same_medicine_only": True,
    "rescale_dose": True,
    "follow_up_days": 730,
}


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        (STEADY, [(A, 0, 211, 3), (B, 267, 463, 5)]),
        (CHANGING, [(A, 0, 374, 7), (B, 374, 234, 3), (A, 668, 62, 1)]),
    ],
)
def test_published_episodes_where_a_change_of_medicine_begins_one(history, expected):
    """Starts and durations are those of Table 2, as the authors' software printed them."""
    assert conventions.episodes(history, **TWO_YEARS, new_on_change=True) == expected


@pytest.mark.parametrize("history", [STEADY, CHANGING])
def test_published_episodes_where_episodes_span_medicines(history):
    """Table 3: one episode each, for the whole of follow-up."""
    assert conventions.episodes(history, **TWO_YEARS) == [(None, 0, 730, len(history))]


# --- the oracle ------------------------------------------------------------------------------

DOSES = [Fraction(text) for text in ("2", "2.5", "3", "5", "7", "10", "0.5")]

rows = st.lists(
    st.tuples(
        st.sampled_from([A, B, "zopiclone"]),
        st.integers(1000, 1120),
        st.one_of(st.sampled_from([7, 14, 28, 30]), st.integers(1, 40)),
        st.sampled_from(DOSES),
    ),
    min_size=1,
    max_size=9,
)
gaps = st.one_of(st.sampled_from([0, 1, 7, 14, 30]), st.integers(0, 60))


@settings(max_examples=1000, deadline=None)
@given(history=rows, gap_days=gaps, empty=st.integers(0, 8))
def test_eras_agree_with_counting_days(history, gap_days, empty):
    history = [
        (medicine, start, 0 if i == empty else days, dose)
        for i, (medicine, start, days, dose) in enumerate(history)
    ]
    found = conventions.eras([Dispensing(*row) for row in history], gap_days=gap_days)

    assert [(*item[:2], item.end, *item[2:]) for item in found] == oracle.eras(
        history, gap_days=gap_days
    )


@pytest.mark.parametrize(
    ("same_medicine_only", "rescale_dose", "new_on_change", "followed"),
    list(product([False, True], repeat=4)),
)
def test_episodes_agree_with_emptying_a_box(
    same_medicine_only, rescale_dose, new_on_change, followed
):
    @settings(max_examples=250, deadline=None)
    @given(history=rows, gap_days=gaps, window=st.integers(1, 200))
    def agree(history, gap_days, window):
        options = {
            "gap_days": gap_days,
            "same_medicine_only": same_medicine_only,
            "rescale_dose": rescale_dose,
            "new_on_change": new_on_change,
            "follow_up_days": window if followed else None,
        }
        found = conventions.episodes([Dispensing(*row) for row in history], **options)

        assert [(*item[:2], item.end, *item[2:]) for item in found] == oracle.episodes(
            history, **options
        )

    agree()


@settings(max_examples=300, deadline=None)
@given(history=rows, gap_days=gaps, days=st.integers(-5000, 5000))
def test_only_the_distance_between_days_matters(history, gap_days, days):
    found = conventions.episodes([Dispensing(*row) for row in history], gap_days=gap_days)
    moved = conventions.episodes(
        [Dispensing(row[0], row[1] + days, *row[2:]) for row in history], gap_days=gap_days
    )

    assert [item._replace(start=item.start + days) for item in found] == moved


# --- the command -----------------------------------------------------------------------------

HEADER = "person,medicine,start,days,dose_per_day\n"
RESULT = "person,medicine,episode,start,end,days,dispensings"


@pytest.fixture
def desk(tmp_path, capsys):
    source, result = tmp_path / "in.csv", tmp_path / "out.csv"

    def run(*options, text=None):
        if text is not None:
            source.write_text(HEADER + text)
        call_command("exposure", *options, str(source), str(result))
        header, *lines = result.read_text().splitlines()
        assert header == RESULT
        return lines

    def refuse(*options, text=None):
        """The complaint, once it is certain that nothing was written."""
        result.write_text("as before")
        with pytest.raises(CommandError) as refused:
            run(*options, text=text)
        assert result.read_text() == "as before"
        assert {path.name for path in tmp_path.iterdir()} <= {"in.csv", "out.csv"}
        return str(refused.value).replace(f"{tmp_path}{os.sep}", "")

    return SimpleNamespace(
        source=source, result=result, run=run, refuse=refuse, said=lambda: capsys.readouterr().out
    )


ERA, EPISODE = "--convention=era", "--convention=episode"


def test_eras_are_numbered_within_the_medicine_and_people_come_in_order(desk):
    text = (
        "p2,temazepam,2025-01-01,28,20\n"
        "p10,zopiclone,2025-06-01,28,7.5\n"
        "p2,diazepam,2025-06-01,28,\n"
        "p2,temazepam,2025-03-01,28,20\n"
    )
    assert desk.run(ERA, text=text) == [
        "p10,zopiclone,1,2025-06-01,2025-06-29,28,1",
        "p2,diazepam,1,2025-06-01,2025-06-29,28,1",
        "p2,temazepam,1,2025-01-01,2025-01-29,28,1",
        "p2,temazepam,2,2025-03-01,2025-03-29,28,1",
    ]
    assert desk.said() == "Dispensings: 4. People: 2.\nEras: 4.\n"


def test_episodes_span_medicines_and_are_numbered_within_the_person(desk):
    text = "p1,diazepam,2025-01-01,28,\np1,temazepam,2025-01-15,28,\np1,diazepam,2025-09-01,7,\n"

    assert desk.run(EPISODE, text=text) == [
        "p1,,1,2025-01-01,2025-02-26,56,2",
        "p1,,2,2025-09-01,2025-09-08,7,1",
    ]


def test_parts_of_a_day_have_six_decimals_and_end_within_their_day(desk):
    text = "p1,diazepam,2025-01-01,28,1\np1,diazepam,2025-01-15,28,3\n"

    assert desk.run(EPISODE, "--rescale-dose", text=text) == [
        "p1,,1,2025-01-01,2025-02-16,46.666667,2"
    ]


@pytest.mark.parametrize(
    ("options", "lines", "why"),
    [
        ([ERA, "--gap-days=29"], 2, "30 free days, one over"),
        ([ERA, "--gap-days=30"], 1, "30 free days"),
        ([ERA], 1, "30 is the default of an era"),
        ([ERA, "--gap-days=0"], 2, "0 is not 'none given'"),
        ([EPISODE, "--gap-days=30"], 1, "30 free days"),
        ([EPISODE], 1, "90 is the default of an episode"),
        ([EPISODE, "--gap-days=0"], 2, "0 is not 'none given'"),
        ([EPISODE, "--follow-up-days=57"], 1, "the second comes a day after follow-up"),
    ],
)
def test_options_reach_the_convention(desk, options, lines, why):
    text = "p1,diazepam,2025-01-01,28,5\np1,diazepam,2025-02-28,28,5\n"

    assert len(desk.run(*options, text=text)) == lines, why


def test_carried_over_all_medicines_unless_told_otherwise(desk):
    text = "p1,diazepam,2025-01-01,28,\np1,temazepam,2025-01-15,28,\n"

    every, same = "p1,,1,2025-01-01,2025-02-26,56,2", "p1,,1,2025-01-01,2025-02-12,42,2"
    assert desk.run(EPISODE, text=text) == [every]
    assert desk.run(EPISODE, "--carry-over=all") == [every]
    assert desk.run(EPISODE, "--carry-over=same-medicine") == [same]


def test_spreadsheet_marks_blank_lines_other_columns_and_quotes_are_read(desk):
    desk.source.write_bytes(
        "\ufeffnote,dose_per_day, days ,start,medicine,person\r\n"
        'first,,28.0,2025-01-01,"diazepam, oral",Renée\r\n\r\n'.encode()
    )
    assert desk.run(ERA) == ['Renée,"diazepam, oral",1,2025-01-01,2025-01-29,28,1']


def test_eras_count_missing_supply_as_a_day_and_say_so(desk):
    text = "p1,diazepam,2025-01-01,,\np2,diazepam,2025-01-01,0,\n"

    assert desk.run(ERA, text=text) == [
        "p1,diazepam,1,2025-01-01,2025-01-02,1,1",
        "p2,diazepam,1,2025-01-01,2025-01-02,1,1",
    ]
    assert "Without days' supply, counted as one day: 2." in desk.said()


def test_no_dispensings_make_an_empty_result(desk):
    assert desk.run(ERA, text="") == []


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (",diazepam,2025-01-01,28,5", "column person: it is empty"),
        ("p1, ,2025-01-01,28,5", "column medicine: it is empty"),
        ("p1,diazepam,,28,5", "column start: '' is not a date like 2025-01-31"),
        ("p1,diazepam,01/02/2025,28,5", "column start: '01/02/2025' is not a date like 2025-01-31"),
        ("p1,diazepam,20250101,28,5", "column start: '20250101' is not a date like 2025-01-31"),
        ("p1,diazepam,2025-W01-1,28,5", "column start: '2025-W01-1' is not a date like 2025-01-31"),
        ("p1,diazepam,2025-02-29,28,5", "column start: '2025-02-29' is not a day of the calendar"),
        ("p1,diazepam,2025-01-01,,5", "column days: it is empty"),
        ("p1,diazepam,2025-01-01,28.5,5", "column days: '28.5' is not a whole number of days"),
        ("p1,diazepam,2025-01-01,NA,5", "column days: 'NA' is not a whole number of days"),
        ("p1,diazepam,2025-01-01,0,5", "column days: 0 is not from 1 to 36525"),
        ("p1,diazepam,2025-01-01,-7,5", "column days: -7 is not from 1 to 36525"),
        ("p1,diazepam,2025-01-01,36526,5", "column days: 36526 is not from 1 to 36525"),
        ("p1,diazepam,2025-01-01,28,0", "column dose_per_day: '0' is not an amount above 0"),
        ("p1,diazepam,2025-01-01,28,-5", "column dose_per_day: '-5' is not an amount above 0"),
        ("p1,diazepam,2025-01-01,28,5 mg", "column dose_per_day: '5 mg' is not an amount above 0"),
        ("p1,diazepam,2025-01-01,28,nan", "column dose_per_day: 'nan' is not an amount above 0"),
        ("p1,diazepam,2025-01-01", "column days: the line ends before it"),
        ("p1,diazepam,oral,2025-01-01,28,5", "column 6: there are 6 values for 5 columns"),
    ],
)
def test_a_bad_row_is_named_by_line_and_column_and_nothing_is_written(desk, row, complaint):
    text = f"p1,diazepam,2025-01-01,28,5\n\n{row}\n"

    assert desk.refuse(EPISODE, text=text) == f"in.csv, line 4, {complaint}."


@pytest.mark.parametrize(("days", "accepted"), [("0", True), ("-1", False), ("36525", True)])
def test_an_era_needs_days_from_nought_to_a_century(desk, days, accepted):
    text = f"p1,diazepam,2025-01-01,{days},\n"

    if accepted:
        assert len(desk.run(ERA, text=text)) == 1
    else:
        assert "line 2, column days: -1 is not from 0" in desk.refuse(ERA, text=text)


@pytest.mark.parametrize(("dose", "factor"), [("1e-04", 10000), ("10.", Fraction(1, 10)), ("1", 1)])
def test_amounts_are_read_as_statistics_software_writes_them(desk, dose, factor):
    text = f"p1,diazepam,2025-01-01,28,1\np1,diazepam,2025-01-28,28,{dose}\n"

    (line,) = desk.run(EPISODE, "--rescale-dose", text=text)

    assert Fraction(line.split(",")[5]) == 27 + 28 + factor


def test_rescaling_needs_the_dose_of_every_dispensing(desk):
    text = "p1,diazepam,2025-01-01,28,5\np1,diazepam,2025-01-15,28,\n"

    assert len(desk.run(EPISODE, text=text)) == 1
    assert desk.refuse(EPISODE, "--rescale-dose", text=text) == (
        "in.csv, line 3, column dose_per_day: it is empty, and --rescale-dose needs the dose of "
        "every dispensing."
    )


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        ("", "line 1, column person: named 0 times, not once"),
        ("person,medicine,start,days\n", "line 1, column dose_per_day: named 0 times, not once"),
        (
            "person,medicine,start,days,days,dose_per_day\n",
            "line 1, column days: named 2 times, not once",
        ),
    ],
)
def test_the_header_names_each_column_once(desk, header, complaint):
    desk.source.write_text(header)

    assert complaint in desk.refuse(ERA)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"p1,diaz\xe9pam,2025-01-01,28,5\n", "in.csv, after line 0: this is not UTF-8 text."),
        (b'p1,"diazepam,2025-01-01,28,5\n', "in.csv, after line 0: this is not CSV"),
    ],
)
def test_what_is_not_csv_is_refused(desk, content, complaint):
    desk.source.write_bytes(HEADER.encode() + content)

    assert desk.refuse(ERA).startswith(complaint)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([ERA, "--carry-over=all"], "--carry-over is only for --convention episode."),
        ([ERA, "--rescale-dose"], "--rescale-dose is only for --convention episode."),
        ([ERA, "--new-episode-on-change"], "--new-episode-on-change is only for"),
        ([ERA, "--follow-up-days=30"], "--follow-up-days is only for --convention episode."),
        ([ERA, "--gap-days=-1"], "argument --gap-days: '-1' is not a whole number from 0"),
        ([EPISODE, "--gap-days=2.5"], "argument --gap-days: '2.5' is not a whole number from 0"),
        ([EPISODE, "--follow-up-days=0"], "argument --follow-up-days: '0' is not a whole number"),
        ([], "the following arguments are required: --convention"),
    ],
)
def test_options_that_mean_nothing_are_refused(desk, options, complaint):
    assert complaint in desk.refuse(*options, text="p1,diazepam,2025-01-01,28,5\n")


def test_supply_beyond_the_calendar_is_refused_and_nothing_is_left_behind(desk):
    text = "p1,diazepam,2025-01-01,28,5\np2,diazepam,9999-12-31,28,5\n"

    assert desk.refuse(ERA, text=text) == "Person p2: the supply lasts beyond the year 9999."


def test_a_missing_source_is_named(desk):
    assert desk.refuse(ERA) == "in.csv cannot be read: No such file or directory."


def test_the_result_never_replaces_the_source_or_a_device(desk, tmp_path):
    desk.source.write_text(HEADER)
    with pytest.raises(CommandError, match="are the same file"):
        call_command("exposure", ERA, str(desk.source), str(desk.source))
    with pytest.raises(CommandError, match="not a file that can be replaced"):
        call_command("exposure", ERA, str(desk.source), os.devnull)
    with pytest.raises(CommandError, match="cannot be written: No such file or directory"):
        call_command("exposure", ERA, str(desk.source), str(tmp_path / "nowhere" / "out.csv"))

    assert desk.source.read_text() == HEADER
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_the_order_of_lines_matters_only_within_a_day(desk):
    lines = [
        f"p{person},diazepam,2025-0{month}-0{person},28,5\n"
        for person in (1, 2)
        for month in (1, 2, 4)
    ]
    before = desk.run(EPISODE, "--gap-days=7", text="".join(lines))

    assert len(before) == 4
    assert desk.run(EPISODE, "--gap-days=7", text="".join(reversed(lines))) == before
