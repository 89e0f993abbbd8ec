"""The time line: what is drawn, where, and that words keep apart."""

import re
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from django.template.loader import render_to_string
from django.utils import timezone

from reviews import dossiers, rulebooks
from reviews.drawing import labels, timeline
from reviews.drawing import lanes as drawn_lanes
from reviews.drawing.timeline_chart import charts
from reviews.rules import codes, words
from reviews.rules.dossier import Taper, TaperStep
from tests import make
from tests.rules.book import line


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
    return charts(picture(patient))[0]


@pytest.mark.parametrize(
    ("dose", "unit", "said"),
    [
        (1, "tablet", "1 tablet once a day"),
        (2, "tablet", "2 tablets once a day"),
        (0.5, "patch", "0.5 patches once a day"),
        (2, "suppository", "2 suppositories once a day"),
        (10, "mg", "10 mg once a day"),
        (2, None, "2 once a day"),
    ],
)
def test_a_dose_in_words(dose, unit, said):
    assert labels.dose(line(dose=dose, dose_unit=unit)) == said


def test_every_unit_has_its_plural_or_is_measured():
    assert codes.UNITS.keys() - labels.PLURALS.keys() == {"mg", "microgram", "g", "ml"}


def lanes(chart):
    return {lane.name: lane for lane in chart.lanes}


def test_no_medicine_that_a_rule_knows_no_picture(bell, clara):
    assert picture(bell) is None
    make.prescription(bell, clara, "Amlodipine 5 mg tablets", indication="other")
    assert picture(bell) is None


def test_supply_is_split_at_today(bell, clara):
    make.prescription(bell, clara, start=-10, days=14)
    chart = wide(bell)
    [bar] = lanes(chart)["Diazepam"].bars
    today = chart.today.x
    assert bar.box.x < today
    assert bar.box.width > bar.box.ahead_width > 0
    assert bar.box.ahead_x == pytest.approx(bar.box.x + bar.box.width, abs=0.2)
    assert bar.label.endswith("14 days")
    assert words.day(make.day(-10).toordinal()) in bar.label
    assert words.day(make.day(3).toordinal()) in bar.label


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
    [bar] = lanes(wide(bell))["Diazepam"].bars
    assert (bool(bar.box.width), bool(bar.box.ahead_width)) == (taken, ahead)


def test_medicines_are_lanes_benzodiazepines_first(bell, clara):
    make.prescription(bell, clara, "Morphine 10 mg tablets", start=-30, days=20, indication="pain")
    make.prescription(bell, clara, "Pregabalin 75 mg capsules", start=-30, days=20)
    make.prescription(bell, clara, start=-10, days=14)
    kinds = [(lane.name, lane.kind) for lane in wide(bell).lanes]
    assert kinds == [
        ("Diazepam", "benzo"),
        ("Morphine", "opioid"),
        ("Pregabalin", "gabapentinoid"),
    ]


def test_shared_days_with_an_opioid_are_marked_and_counted(bell, clara):
    make.prescription(bell, clara, start=-10, days=20)
    make.prescription(bell, clara, "Morphine 10 mg tablets", start=-4, days=7, indication="pain")
    [overlap] = wide(bell).overlaps
    assert overlap.text == "together 7 days"
    assert overlap.label.startswith("Morphine together with a benzodiazepine or Z-drug")
    make_lane = lanes(wide(bell))["Morphine"]
    assert make_lane.y < overlap.y <= make_lane.y + 16


def test_an_unknown_length_is_its_own_kind_of_bar(bell, clara):
    make.prescription(bell, clara, start=-10, days=None, dose=None, dose_unit=None)
    shown = picture(bell)
    lane = lanes(charts(shown)[0])["Diazepam"]
    assert lane.bars == []
    assert "length not known" in lane.unclear[0].label
    assert shown.drawn_kinds == set()
    assert shown.has_unknown
    assert [shown.has_supply_ahead, shown.has_plan, shown.has_range] == [False] * 3


@pytest.mark.parametrize("days", [28, 29, 120, 121])
def test_day_28_and_day_120_stand_on_their_days(bell, clara, days):
    long_term(bell, clara, days)
    marks = {mark.text for mark in wide(bell).marks}
    assert marks == {f"day {day}" for day in (28, 120) if day <= days}


@pytest.mark.parametrize("days", range(20, 140, 7))
def test_words_above_the_lines_never_meet(bell, clara, days):
    long_term(bell, clara, days)
    for chart in charts(picture(bell)):
        marks = [mark for mark in chart.marks if not mark.quiet]
        heads = [*marks, chart.today]
        spans = sorted(_extent(head) for head in heads)
        for (_, end), (start, _) in pairwise(spans):
            assert end <= start, (chart.wide, heads)


@pytest.mark.parametrize(("profile", "marks"), [("UK", {28, 120}), ("US", {60, 120})])
def test_the_marks_are_those_of_the_profile(clara, harbour, profile, marks):
    harbour.profile = profile
    harbour.save()
    bell = make.patient(harbour, clara)
    long_term(bell, clara, 130)
    assert {mark.text for mark in wide(bell).marks} == {f"day {day}" for day in marks}


def test_an_exposure_names_its_first_day_in_its_longest_part(bell, clara):
    make.prescription(bell, clara, start=-200, days=14)
    make.prescription(bell, clara, start=-180, days=84)
    [band] = wide(bell).bands
    assert band.text == f"98 days from {words.day(make.day(-200).toordinal())}"
    [first, longest] = band.parts
    assert first.x < band.text_x == longest.x


class TestDose:
    """The diazepam equivalent under the lanes: the figure that the rules use, from day to day."""

    def test_each_change_is_a_step(self, bell, clara):
        make.prescription(bell, clara, start=-30, days=14)  # 10 mg a day
        make.prescription(bell, clara, start=-16, days=14, times_per_day=3, quantity=42)
        dose = picture(bell).dose
        assert [(level.mg, level.first, level.last) for level in dose.levels] == [
            (10, make.day(-30), make.day(-17)),
            (15, make.day(-16), make.day(-3)),
        ]
        assert dose.tables == ("Scottish Government 2024",)
        path = wide(bell).dose.step
        assert path.count("M") == 1
        assert path.count("H") == 2

    def test_supplies_that_go_on_unchanged_are_one_stretch(self, bell, clara):
        long_term(bell, clara, 112)
        [level] = picture(bell).dose.levels
        assert (level.mg, level.first) == (10, make.day(-111))

    def test_a_gap_falls_to_nothing(self, bell, clara):
        make.prescription(bell, clara, start=-60, days=14)
        make.prescription(bell, clara, start=-20, days=14)
        assert wide(bell).dose.step.count("M") == 2

    def test_the_range_of_the_tables_is_a_band(self, bell, clara):
        make.prescription(bell, clara, "Alprazolam 500 microgram tablets", start=-10, days=14)
        shown = picture(bell)
        [level] = shown.dose.levels
        assert level.lowest < level.highest
        assert level.lowest <= level.mg <= level.highest
        assert shown.has_range
        [drawn] = charts(shown)[0].dose.levels
        assert drawn.range_height > 0

    def test_what_has_no_figure_is_hatched_and_never_nothing(self, bell, clara):
        make.prescription(bell, clara, start=-20, days=28)
        make.prescription(bell, clara, "Lorazepam 1 mg tablets", start=-5, days=None)
        before, since, after = picture(bell).dose.levels
        assert (before.missing, since.missing, after.missing) == ((), ("lorazepam",), ())
        assert since.amount == "at least 10 mg"
        assert after.first == make.day(1)
        drawn = wide(bell).dose.levels
        assert [level.unknown for level in drawn] == [False, True, False]
        assert "without lorazepam" in drawn[1].label

    def test_nothing_known_at_all_draws_no_line(self, bell, clara):
        make.prescription(bell, clara, start=-5, days=14, dose=None, dose_unit=None)
        [level] = picture(bell).dose.levels
        assert level.amount == "not known"
        dose = wide(bell).dose
        assert (dose.step, dose.now) == ("", None)

    def test_z_drugs_count_where_the_profile_says_so(self, harbour, clara):
        for profile, mg, left_out in (("UK", 5, ()), ("US", None, ("zopiclone",))):
            harbour.profile = profile
            harbour.save()
            treated = make.patient(harbour, clara)
            make.prescription(
                treated, clara, "Zopiclone 7.5 mg tablets", start=-5, times_per_day=1, quantity=14
            )
            dose = picture(treated).dose
            assert [level.mg for level in dose.levels] == ([mg] if mg else [])
            assert dose.uncounted == left_out

    @pytest.mark.parametrize("mg", [1, 4, 9, 14, 15, 60, 150, 450])
    def test_the_line_stays_inside_its_axis(self, bell, clara, mg):
        make.prescription(bell, clara, start=-5, dose=mg, dose_unit="mg", times_per_day=1)
        dose = wide(bell).dose
        heights = [float(y) for y in re.findall(r"V([\d.]+)", dose.step)]
        assert dose.top <= min(heights) <= max(heights) == dose.base


class TestPlannedTaper:
    @pytest.fixture
    def planned(self, bell, clara):
        long_term(bell, clara, 60)
        steps = tuple(TaperStep(make.day(14 * n), mg) for n, mg in enumerate((10, 8, 6, 4, 2, 0)))
        _version, book = rulebooks.live()
        dossier = dossiers.one(bell, as_of=timezone.localdate())
        taper = Taper(id=1, drug="diazepam", steps=steps)
        return lambda **changes: timeline.picture(
            replace(dossier, tapers=(replace(taper, **changes),)), book
        )

    def test_its_steps_stand_in_the_lane_and_in_the_dose(self, planned):
        chart = charts(planned())[0]
        plan = lanes(chart)["Diazepam"].plan
        assert len(plan) >= 4
        assert plan[1].label.startswith("Planned: 8 mg diazepam a day from")
        assert plan[0].box.x == chart.today.x
        [path] = chart.dose.plans
        assert path.count("H") == 5

    @pytest.mark.parametrize(
        ("status", "drawn"),
        [("planned", True), ("active", True), ("paused", True), ("completed", False)],
    )
    def test_only_while_it_is_in_force(self, planned, status, drawn):
        assert planned(status=status).has_plan == drawn

    def test_a_long_plan_leaves_the_past_its_room_and_says_how_far_it_goes(self, planned):
        far = (TaperStep(make.day(0), 10), TaperStep(make.day(300), 5), TaperStep(make.day(330), 0))
        shown = planned(steps=far)
        assert shown.last - shown.today <= 60
        assert shown.plan_ends == make.day(329)

    def test_a_plan_that_goes_on_beyond_the_drawing_does_not_fall_at_its_edge(self, planned):
        far = (TaperStep(make.day(0), 10), TaperStep(make.day(300), 5), TaperStep(make.day(330), 0))
        kept = (TaperStep(make.day(0), 10), TaperStep(make.day(14), 5))
        for steps in (far, kept):
            chart = charts(planned(steps=steps))[0]
            assert f"V{chart.dose.base}.0" not in chart.dose.plans[0]
        assert lanes(chart)["Diazepam"].plan[-1].label.endswith(" on")
        short = (*kept, TaperStep(make.day(28), 0))
        dose = charts(planned(steps=short))[0].dose
        assert dose.plans[0].endswith(f"V{dose.base}.0")

    def test_the_medicine_changed_to_has_a_lane_before_it_is_prescribed(self, planned):
        shown = planned(drug="clonazepam")
        assert lanes(charts(shown)[0])["Clonazepam"].dose == "planned"


class TestPins:
    def pinned(self, bell, clara, *days):
        long_term(bell, clara, 60)
        _version, book = rulebooks.live()
        pins = [
            timeline.Pin(make.day(day).toordinal(), n, f"Decision {n}", f"decision-{n}")
            for n, day in enumerate(days, 1)
        ]
        dossier = dossiers.one(bell, as_of=timezone.localdate())
        return charts(timeline.picture(dossier, book, pins))

    def test_each_stands_on_its_day(self, bell, clara):
        chart = self.pinned(bell, clara, -30, 0)[0]
        first, second = chart.pins
        assert (first.number, second.x) == (1, chart.today.x)

    def test_those_of_one_day_stand_side_by_side(self, bell, clara):
        for chart in self.pinned(bell, clara, -1, 0, 0):
            places = [pin.x for pin in chart.pins]
            assert all(after - before >= 17 for before, after in pairwise(places))


class TestManyMedicines:
    def test_the_oldest_are_named_and_not_drawn(self, bell, clara):
        long_term(bell, clara, 60)
        names = ["Morphine 10 mg tablets", "Pregabalin 75 mg capsules", "Codeine 30 mg tablets"]
        for name in names:
            make.prescription(bell, clara, name, start=-600, days=28, indication="pain")
        shown = picture(bell)
        assert [lane.name for lane in shown.lanes] == ["diazepam"]
        assert set(shown.folded) == {"morphine", "pregabalin", "codeine"}

    def test_what_was_long_ago_does_not_press_the_rest_together(self, bell, clara):
        make.prescription(bell, clara, "Temazepam 10 mg tablets", start=-700, days=14)
        long_term(bell, clara, 100)
        shown = picture(bell)
        assert shown.begins == make.day(-102)
        assert shown.folded == ("temazepam",)

    def test_no_more_lanes_than_can_be_read(self, bell, clara, monkeypatch):
        monkeypatch.setattr(drawn_lanes, "MOST_LANES", 2)
        long_term(bell, clara, 60)
        for start, name in ((-90, "Codeine 30 mg tablets"), (-20, "Morphine 10 mg tablets")):
            make.prescription(bell, clara, name, start=start, days=14, indication="pain")
        shown = picture(bell)
        assert [lane.name for lane in shown.lanes] == ["diazepam", "morphine"]
        assert shown.folded == ("codeine",)

    def test_a_sedative_within_the_drawing_is_always_drawn(self, bell, clara, monkeypatch):
        monkeypatch.setattr(drawn_lanes, "MOST_LANES", 1)
        long_term(bell, clara, 60)
        make.prescription(bell, clara, "Zopiclone 7.5 mg tablets", start=-50, days=7)
        make.prescription(bell, clara, "Morphine 10 mg tablets", start=-5, indication="pain")
        assert [lane.name for lane in picture(bell).lanes] == ["diazepam", "zopiclone"]

    def test_shading_of_several_is_laid_once(self, bell, clara):
        long_term(bell, clara, 60)
        for name in ("Codeine 30 mg tablets", "Morphine 10 mg tablets"):
            make.prescription(bell, clara, name, start=-20, days=14, indication="pain")
        chart = wide(bell)
        assert (len(chart.shades), len(chart.overlaps)) == (1, 2)

    def test_words_on_what_is_shared_stay_inside(self, bell, clara):
        long_term(bell, clara, 400)
        for start in range(-400, 0, 28):
            make.prescription(
                bell, clara, "Morphine 10 mg tablets", start=start, days=28, indication="pain"
            )
        for chart in charts(picture(bell)):
            for overlap in chart.overlaps:
                spread = {"start": (0, 110), "end": (-110, 0)}[overlap.place.anchor]
                assert chart.left <= overlap.place.x + spread[0]
                assert overlap.place.x + spread[1] <= chart.width


@pytest.mark.parametrize("days", [60, 150, 250, 399])
def test_months_never_meet(bell, clara, days):
    long_term(bell, clara, days)
    for ahead in range(0, 360, 45):
        shown = picture(bell, ahead)
        for chart in charts(shown):
            for month, following in pairwise(chart.months):
                assert month.x + len(month.text) * 6 <= following.x + 3, chart.months


def _extent(head, letter=6.2):
    """From where to where a text of about 6 units a letter reaches."""
    width = len(head.text) * letter
    left = {"start": 0, "middle": width / 2, "end": width}[head.anchor]
    return head.x - left, head.x - left + width


def test_the_drawing_has_no_inline_style_and_every_bar_is_named(bell, clara):
    make.prescription(bell, clara, start=-40, days=50)
    make.prescription(bell, clara, "Morphine 10 mg tablets", start=-4, days=7, indication="pain")
    shown = picture(bell)
    html = render_to_string("reviews/_timeline.html", {"picture": shown, "charts": charts(shown)})
    assert "{" not in html
    assert "style=" not in html
    assert html.count('<svg class="chart wide"') == html.count('<svg class="chart narrow"') == 1
    links = re.findall(r"<a [^>]*>", html)
    assert len(links) == 2 * 4  # the exposure, two supplies, one stretch of dose
    assert all('aria-label="' in link for link in links)
    # On the wide drawing whoever points at a mark or focuses it reads its dates.
    day = words.day(make.day(-4).toordinal())
    assert len(re.findall(rf'class="tip"[^>]*>[^<]*{day}', html)) >= 1


def test_the_view_ends_within_the_drawing(bell, clara):
    make.prescription(bell, clara, start=-300, days=30)
    make.prescription(bell, clara, start=-5, days=90)
    for chart in charts(picture(bell)):
        for lane in chart.lanes:
            for bar in lane.bars:
                assert chart.left <= bar.box.x
                assert bar.box.ahead_x + bar.box.ahead_width <= chart.width
