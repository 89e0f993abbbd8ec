"""The time line: what is drawn, where, and that words keep apart."""

import re
from datetime import timedelta
from itertools import pairwise

import pytest
from django.template.loader import render_to_string
from django.utils import timezone

from reviews import dossiers, rulebooks, timeline
from reviews.rules import words
from tests import make


@pytest.fixture
def bell(harbour, clara):
    return make.patient(harbour, clara)


def long_term(patient, by, days):
    """Diazepam for `days` days until today, in supplies of at most 28 days."""
    for begun in range(0, days, 28):
        make.prescription(patient, by, start=begun - days + 1, days=min(28, days - begun))


def picture(patient, ahead=0):
    _version, book = rulebooks.live()
    as_of = timezone.localdate() + timedelta(days=ahead)
    return timeline.picture(dossiers.one(patient, as_of=as_of), book)


def wide(patient):
    return picture(patient).charts[0]


def lanes(chart):
    return {lane["name"]: lane for lane in chart["lanes"]}


def test_no_medicine_that_a_rule_knows_no_picture(bell, clara):
    assert picture(bell) is None
    make.prescription(bell, clara, "Amlodipine 5 mg tablets", indication="other")
    assert picture(bell) is None


def test_supply_is_split_at_today(bell, clara):
    make.prescription(bell, clara, start=-10, days=14)
    chart = wide(bell)
    [bar] = lanes(chart)["Diazepam"]["bars"]
    today = chart["today"]["x"]
    assert bar["x"] < today
    assert bar["width"] > bar["ahead_width"] > 0
    assert bar["ahead_x"] == pytest.approx(bar["x"] + bar["width"], abs=0.2)
    assert bar["label"].endswith("14 days")
    assert words.day(make.day(-10).toordinal()) in bar["label"]
    assert words.day(make.day(3).toordinal()) in bar["label"]


@pytest.mark.parametrize(
    ("start", "taken", "ahead"),
    [
        (-20, True, False),  # used up
        (-13, True, False),  # the last day is today
        (-12, True, True),  # one more day
        (0, True, True),  # starts today
        (1, False, True),  # starts tomorrow
    ],
)
def test_what_is_taken_and_what_is_in_hand(bell, clara, start, taken, ahead):
    make.prescription(bell, clara, start=start, days=14)
    [bar] = lanes(wide(bell))["Diazepam"]["bars"]
    assert (bool(bar["width"]), bool(bar["ahead_width"])) == (taken, ahead)


def test_medicines_are_lanes_benzodiazepines_first(bell, clara):
    make.prescription(bell, clara, "Morphine 10 mg tablets", start=-30, days=20, indication="pain")
    make.prescription(bell, clara, "Pregabalin 75 mg capsules", start=-30, days=20)
    make.prescription(bell, clara, start=-10, days=14)
    kinds = [(lane["name"], lane["kind"]) for lane in wide(bell)["lanes"]]
    assert kinds == [
        ("Diazepam", "benzo"),
        ("Morphine", "opioid"),
        ("Pregabalin", "gabapentinoid"),
    ]


def test_shared_days_with_an_opioid_are_marked_and_counted(bell, clara):
    make.prescription(bell, clara, start=-10, days=20)
    make.prescription(bell, clara, "Morphine 10 mg tablets", start=-4, days=7, indication="pain")
    [overlap] = wide(bell)["overlaps"]
    assert overlap["text"] == "together 7 days"
    assert overlap["label"].startswith("Morphine together with a benzodiazepine or Z-drug")
    make_lane = lanes(wide(bell))["Morphine"]
    assert make_lane["y"] < overlap["text_y"] <= make_lane["y"] + 16


def test_an_unknown_length_is_its_own_kind_of_bar(bell, clara):
    make.prescription(bell, clara, start=-10, days=None, dose=None, dose_unit=None)
    shown = picture(bell)
    lane = lanes(shown.charts[0])["Diazepam"]
    assert lane["bars"] == []
    assert "length not known" in lane["unclear"][0]["label"]
    assert shown.kinds == {"drawn": set(), "supplied": False, "unknown": True}


@pytest.mark.parametrize("days", [28, 29, 120, 121])
def test_day_28_and_day_120_stand_on_their_days(bell, clara, days):
    long_term(bell, clara, days)
    marks = {mark["text"] for mark in wide(bell)["marks"]}
    assert marks == {f"day {day}" for day in (28, 120) if day <= days}


@pytest.mark.parametrize("days", range(20, 140, 7))
def test_words_above_the_lines_never_meet(bell, clara, days):
    long_term(bell, clara, days)
    for chart in picture(bell).charts:
        heads = [*chart["marks"], {**chart["today"], "text": "today"}]
        spans = sorted(_extent(head) for head in heads)
        for (_, end), (start, _) in pairwise(spans):
            assert end <= start, (chart["wide"], heads)


def _extent(head, letter=6.2):
    """From where to where a text of about 6 units a letter reaches."""
    width = len(head["text"]) * letter
    left = {"start": 0, "middle": width / 2, "end": width}[head["anchor"]]
    return head["x"] - left, head["x"] - left + width


def test_the_drawing_has_no_inline_style_and_every_bar_is_named(bell, clara):
    make.prescription(bell, clara, start=-40, days=50)
    make.prescription(bell, clara, "Morphine 10 mg tablets", start=-4, days=7, indication="pain")
    html = render_to_string("reviews/_timeline.html", {"picture": picture(bell)})
    assert "style=" not in html
    assert html.count('<svg class="chart wide"') == html.count('<svg class="chart narrow"') == 1
    links = re.findall(r"<a [^>]*>", html)
    assert len(links) == 2 * 3
    assert all('aria-label="' in link for link in links)


def test_the_view_ends_within_the_drawing(bell, clara):
    make.prescription(bell, clara, start=-300, days=30)
    make.prescription(bell, clara, start=-5, days=90)
    for chart in picture(bell).charts:
        for lane in chart["lanes"]:
            for bar in lane["bars"]:
                assert chart["left"] <= bar["x"]
                assert bar["ahead_x"] + bar["ahead_width"] <= chart["width"]
