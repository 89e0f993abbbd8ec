"""A structured medication review: one verb, the readings it is made of, and what it clears."""

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from reviews import access, dossiers, rulebooks
from reviews.errors import BadRecord, IllegalMove, NotAllowed
from reviews.models import AuditEvent, Flag, Reading, StructuredReview
from reviews.queries import reviewing as asked
from reviews.records import ReadingRecord
from reviews.rules.readings import problem
from reviews.structured_reviews import BY_KEY, PARTS, Given, answering, known_of
from reviews.verbs import observe, reviewing, screen
from tests import make

FULL = {
    "came_to": ("taper",),
    "needed": ("little",),
    "signs": ("tolerance", "unsteadiness"),
    "falls": ("none",),
    "naloxone": ("offered",),
    "driving": ("advised",),
    "alcohol": ("moderate",),
    "others": ("none",),
    "advice": ("done",),
    "shared": ("agreed",),
}


def given(**changes):
    told = {"outcome": "done", "reviewed_on": make.day(), "answers": {"came_to": ("declined",)}}
    return Given(**told | changes)


def readings_of(review):
    rows = Reading.objects.filter(pk__in=review.reading_ids)
    return {row.kind: row.text or float(row.value) for row in rows}


@pytest.fixture
def costa(harbour, clara):
    return make.case_of_three_matters(harbour, logged_by=clara)


def open_rules(case):
    return set(Flag.objects.open().filter(patient=case.patient).values_list("rule_id", flat=True))


def test_a_full_review_is_saved_as_the_readings_it_is_made_of(costa, ravi):
    made = reviewing.record(
        patient=costa.patient,
        given=given(
            answers=FULL, egfr=58, egfr_on=make.day(-3), next_on=make.day(28), matters="To sleep"
        ),
        by=ravi,
        case=costa,
    )
    assert readings_of(made) == {
        "review_outcome": "done",
        "review": "taper",
        "taper_offer": "accepted",
        "still_indicated": "yes",
        "benefit": "little",
        "dependence_signs": "tolerance",
        "side_effects": "unsteadiness",
        "falls_in_a_year": "none",
        "naloxone": "offered",
        "driving_occupation": "private",
        "driving_counselling": "done",
        "alcohol_use": "moderate",
        "other_medicines": "none",
        "non_prescribed_benzodiazepine": "no",
        "counselling": "done",
        "shared_decision": "agreed",
        "next_review": make.day(28).isoformat(),
        "egfr": 58,
    }
    [event] = AuditEvent.objects.filter(verb="review.recorded")
    assert event.detail["readings"] == 18
    assert (made.case, made.matters) == (costa, "To sleep")


def test_what_the_form_said_it_would_clear_is_what_screening_clears(costa, ravi):
    before = open_rules(costa)
    assert {"REV-01", "ELD-05", "OPI-03"} <= before
    _, book = rulebooks.live()
    dossier = dossiers.one(costa.patient, as_of=make.day())
    answers = given(answers=FULL, next_on=make.day(28))
    would = asked.would(costa.patient, answers, dossier, book)
    made = reviewing.record(patient=costa.patient, given=answers, by=ravi, case=costa)
    assert would.readings == len(made.reading_ids)
    screen.drain()
    assert {finding.rule_id for finding in would.clears} == before - open_rules(costa)
    assert {"REV-01", "ELD-05", "OPI-03"} <= {finding.rule_id for finding in would.clears}
    assert "OPI-01" in open_rules(costa)


@pytest.mark.parametrize("outcome", ["declined", "did_not_attend", "not_appropriate"])
def test_one_that_was_not_done_clears_nothing(costa, ravi, outcome):
    before = open_rules(costa)
    answers = given(outcome=outcome, answers=FULL, note="Rang twice", egfr=58)
    made = reviewing.record(patient=costa.patient, given=answers, by=ravi)
    assert readings_of(made) == {"review_outcome": outcome}
    assert made.answers == {}
    screen.drain()
    assert open_rules(costa) == before


def test_nothing_is_confirmed_by_silence(harbour, clara, ravi):
    bell = make.patient(harbour, clara)
    make.review(bell, clara, answers={"came_to": ("declined",), "alcohol": ("moderate",)})
    silent = reviewing.record(patient=bell, given=given(), by=ravi)
    assert "alcohol_use" not in readings_of(silent)
    said = reviewing.record(patient=bell, given=given(unchanged=True), by=ravi)
    assert readings_of(said)["alcohol_use"] == "moderate"
    assert said.unchanged == ["alcohol"]
    other = given(unchanged=True, answers={"came_to": ("declined",), "alcohol": ("heavy",)})
    changed = reviewing.record(patient=bell, given=other, by=ravi)
    assert readings_of(changed)["alcohol_use"] == "heavy"
    assert changed.unchanged == []


def test_advice_once_given_is_not_given_again_by_confirming(harbour, clara):
    bell = make.patient(harbour, clara)
    make.review(bell, clara, answers={"came_to": ("declined",), "driving": ("advised",)})
    again = make.review(bell, clara, unchanged=True)
    assert readings_of(again)["driving_occupation"] == "private"
    assert "driving_counselling" not in readings_of(again)


@pytest.mark.parametrize(("days", "is_known"), [(-365, True), (-366, False)])
def test_what_is_older_than_a_year_is_asked_again(harbour, clara, days, is_known):
    bell = make.patient(harbour, clara)
    make.review(
        bell,
        clara,
        reviewed_on=make.day(days),
        answers={"came_to": ("declined",), "falls": ("one",)},
    )
    assert ("falls" in known_of(bell, make.day())) is is_known


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"outcome": "perhaps"}, "outcome"),
        ({"answers": {}}, "came_to"),
        ({"answers": {"came_to": ("continue",)}}, "came_to"),
        ({"answers": {"came_to": ("taper", "refer")}}, "came_to"),
        ({"answers": {"came_to": ("taper",), "naloxone": ("not_appropriate",)}}, "naloxone"),
        ({"answers": {"came_to": ("taper",), "signs": ("none", "memory")}}, "signs"),
        ({"answers": {"came_to": ("taper",), "shoes": ("43",)}}, "answers"),
        ({"outcome": "declined", "note": " "}, "note"),
        ({"reviewed_on": make.on_day(1)}, "reviewed_on"),
        ({"next_on": make.on_day()}, "next_on"),
        ({"egfr": -1}, "egfr"),
        ({"egfr": 58, "egfr_on": make.on_day(1)}, "egfr_on"),
        ({"note": "x" * 5000}, "note"),
        ({"answers": {"came_to": ("taper",)}, "words": {"came_to": "x" * 501}}, "came_to"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(harbour, clara, changes, field):
    bell = make.patient(harbour, clara)
    with pytest.raises(BadRecord) as refused:
        reviewing.record(patient=bell, given=given(**changes), by=clara)
    assert refused.value.field == field
    assert not Reading.objects.exists()
    assert not StructuredReview.objects.exists()


def test_not_appropriate_with_a_reason_is_an_answer(costa, ravi):
    answers = {"came_to": ("taper",), "naloxone": ("not_appropriate",)}
    words = {"naloxone": "Codeine for three days only"}
    make.review(costa.patient, ravi, answers=answers, words=words)
    screen.drain()
    assert "OPI-03" not in open_rules(costa)


def test_a_case_of_somebody_else_is_refused(harbour, clara, costa):
    bell = make.patient(harbour, clara)
    with pytest.raises(BadRecord, match="somebody else"):
        reviewing.record(patient=bell, given=given(), by=clara, case=costa)


def test_a_review_is_taken_back_as_a_whole_on_its_day(costa, ravi, clara):
    before = open_rules(costa)
    made = make.review(costa.patient, ravi, answers=FULL)
    kept = Reading.objects.get(pk__in=made.reading_ids, kind="alcohol_use")
    record = ReadingRecord(kind=kept.kind, on=kept.dated_on, text="heavy")
    corrected = observe.correct(reading=kept, record=record, by=clara)
    reviewing.take_back(review=made, by=ravi)
    screen.drain()
    live = Reading.objects.live().filter(patient=costa.patient)
    assert {row.kind for row in live.exclude(status="entered-in-error")} == {"alcohol_use"}
    assert live.get(kind="alcohol_use") == corrected
    assert open_rules(costa) >= before - {"ALC-01"}
    with pytest.raises(IllegalMove):
        reviewing.take_back(review=made, by=ravi)


def test_not_on_another_day(harbour, clara, monkeypatch):
    made = make.review(make.patient(harbour, clara), clara)
    today, tomorrow = make.day(), make.day(1)
    monkeypatch.setattr(timezone, "localdate", lambda at=None: today if at else tomorrow)
    with pytest.raises(IllegalMove):
        reviewing.take_back(review=made, by=clara)


def test_who_may(harbour, clara, audrey, lakeside):
    bell = make.patient(harbour, clara)
    with pytest.raises(NotAllowed):
        make.review(bell, audrey)
    doctor = make.person("doc", lakeside, "clinician")
    with pytest.raises(NotAllowed):
        make.review(bell, doctor)
    made = make.review(bell, clara)
    with pytest.raises(NotAllowed):
        reviewing.take_back(review=made, by=doctor)
    assert access.allowed(clara, access.Action.RECORD_FACT, made)


def test_the_database_keeps_a_review_as_it_was_said(harbour, clara):
    made = make.review(make.patient(harbour, clara), clara)
    for change in ({"note": "other"}, {"outcome": "declined"}, {"reading_ids": []}):
        with pytest.raises(DatabaseError), transaction.atomic():
            StructuredReview.objects.filter(pk=made.pk).update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        made.delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        StructuredReview.objects.filter(pk=made.pk).update(taken_back_at=made.recorded_at)


def test_every_part_says_readings_that_fit_and_every_button_leads_somewhere():
    for part in PARTS:
        for choice in part.choices:
            for kind, text in choice.says:
                assert problem(kind, None, text) is None, (part.key, choice.code)
    assert answering("OPI-03") == BY_KEY["naloxone"]
    assert answering("ELD-05") == answering("REV-01") == BY_KEY["came_to"]
    assert answering("CYP-01") is None


def test_findings_come_first_and_what_is_known_has_its_age(costa, clara):
    make.review(
        costa.patient,
        clara,
        reviewed_on=make.day(-60),
        answers={"came_to": ("declined",), "alcohol": ("none",)},
    )
    screen.drain()
    _, book = rulebooks.live()
    asks = asked.asks(costa.patient, dossiers.one(costa.patient, as_of=make.day()), book)
    first = [ask.part.key for ask in asks.first]
    assert first[0] == "came_to"
    assert "naloxone" in first
    [known] = [ask for ask in asks.known if ask.part.key == "alcohol"]
    assert (known.known, known.age) == ("None", "8 weeks ago")
    assert {ask.part.key for ask in (*asks.first, *asks.known, *asks.others)} == BY_KEY.keys()
