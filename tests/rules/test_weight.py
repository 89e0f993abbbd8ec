"""The weight that orders cases as severe: each step on both sides, the words, and the docs."""

import re
from pathlib import Path

import pytest

from reviews.rules.finding import Fact, Finding, Severity
from reviews.rules.weight import MOST, WEIGHTS, Weighed, age, dose, in_words, points, weigh
from tests import make

PAGE = Path(__file__).resolve().parents[2] / "docs" / "clinical-safety.md"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("opioid", 0, 0),
        ("opioid", 1, 40),
        ("dde_mg", None, 0),
        ("dde_mg", 9.9, 0),
        ("dde_mg", 10, 10),
        ("dde_mg", 19.9, 10),
        ("dde_mg", 20, 15),
        ("dde_mg", 39.9, 15),
        ("dde_mg", 40, 25),
        ("age", None, 0),
        ("age", 64, 0),
        ("age", 65, 10),
        ("age", 74, 10),
        ("age", 75, 20),
        ("age", 84, 20),
        ("age", 85, 25),
        ("matters", 1, 0),
        ("matters", 2, 5),
        ("matters", 3, 10),
        ("matters", 4, 15),
        ("matters", 5, 20),
        ("matters", 9, 20),
        ("past_days", 0, 0),
        ("past_days", 1, 5),
        ("past_days", 92, 5),
        ("past_days", 93, 10),
        ("past_days", 152, 10),
        ("past_days", 153, 15),
        ("past_days", 337, 15),
        ("past_days", 338, 20),
    ],
)
def test_both_sides_of_every_step(name, value, expected):
    assert points(name, value) == expected


def test_more_never_weighs_less():
    for steps in WEIGHTS.values():
        assert list(steps) == sorted(steps)
        assert [step.points for step in steps] == sorted({step.points for step in steps})
    assert Weighed(1, 99, 99, 9, 999).points == MOST
    assert Weighed(0, None, None, 1, None).points == 0


def test_a_case_is_weighed_by_its_open_rules():
    weighed = weigh({"OPI-02", "DUR-04", "ELD-01", "REV-01"}, dde_mg=20, age=79, days=131)
    # An older person's long use without a review is one matter, the opioid another.
    assert weighed == Weighed(opioid=1, dde_mg=20, age=79, matters=2, past_days=103)
    assert weighed.points == 40 + 15 + 20 + 5 + 10
    assert weigh({"DUR-01"}, dde_mg=None, age=None, days=None).points == 0
    assert weigh({"DUR-01"}, dde_mg=None, age=None, days=20).past_days == 0


def test_the_heaviest_is_said_first_and_what_weighs_nothing_is_not():
    weighed = Weighed(opioid=1, dde_mg=20, age=79, matters=2, past_days=103)
    assert in_words(weighed._asdict()) == [
        "age 79",
        "about 20 mg diazepam a day or its like",
        "103 days past day 28",
    ]
    assert in_words(Weighed(0, 5, 40, 1, 0)._asdict()) == []
    assert in_words({}) == [], "a case from before there was a weight"


def test_the_dose_is_the_highest_that_is_stated():
    said = [
        Finding("DOSE-05", Severity.S4, "note", "k", (), "t", "s", (Fact("dde_mg", "l", mg),))
        for mg in (5, 12.5, None)
    ]
    assert dose(said) == 12.5
    assert dose([]) is None


def test_age_in_completed_years():
    assert age(make.birth_date(79), make.day()) == 79
    assert age(None, make.day()) is None


def test_the_docs_state_the_table():
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\| (.*?) \|$", PAGE.read_text(), re.MULTILINE)
    said = {
        name: tuple(
            (float(value), int(count)) for value, count in re.findall(r"([\d.]+): (\d+)", steps)
        )
        for name, steps in rows
        if name in WEIGHTS
    }
    assert said == {name: tuple(map(tuple, steps)) for name, steps in WEIGHTS.items()}
