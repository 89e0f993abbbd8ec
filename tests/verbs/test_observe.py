"""Readings: one answer of one kind on one day; a correction is a new row."""

from functools import partial

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from reviews import dossiers, records
from reviews.errors import BadRecord, NotAllowed, Stale
from reviews.models import AuditEvent, Reading, ScreeningRequest
from reviews.verbs import observe
from tests import make


@pytest.fixture
def bell(harbour, clara):
    treated = make.patient(harbour, clara)
    ScreeningRequest.objects.all().delete()
    return treated


def said(kind="egfr", *, on=-10, **answer):
    if kind == "egfr" and not answer:
        answer = {"value": 48}
    return records.convert({"kind": kind, "on": make.day(on), **answer}, records.ReadingRecord)


@pytest.fixture
def egfr(bell, clara):
    return observe.record_reading(patient=bell, record=said(value=48.25), by=clara)


def test_recording_writes_the_row_the_event_and_the_request(bell, egfr, clara):
    egfr.refresh_from_db()
    assert (egfr.kind, float(egfr.value), egfr.unit, egfr.text) == (
        "egfr",
        48.25,
        "mL/min/1.73m2",
        "",
    )
    assert (egfr.practice, egfr.recorded_by) == (bell.practice, clara)
    assert egfr.answer == "48.25 mL/min/1.73m2"
    event = AuditEvent.objects.get(verb="reading.recorded")
    assert (event.actor_id, event.patient_id, event.detail["kind"]) == (clara.pk, bell.pk, "egfr")
    assert ScreeningRequest.objects.get().patient == bell


@pytest.mark.parametrize(
    ("record", "value", "answer"),
    [
        (partial(said, "child_pugh", text="B"), None, "B"),
        (partial(said, "pregnancy", text="second"), None, "Second trimester"),
        (partial(said, "phq9_item9", value=0), 0, "0 points"),
        (partial(said, "dependence_signs", text="none"), 0, "None of them"),
        (
            partial(said, "dependence_signs", text="tolerance cannot_cope"),
            2,
            "Needs more for the same effect, Cannot cope without it",
        ),
        (partial(said, "next_review", text="2031-02-28"), None, "28 Feb 2031"),
    ],
)
def test_each_shape_keeps_its_answer(bell, clara, record, value, answer):
    made = observe.record_reading(patient=bell, record=record, by=clara)
    made.refresh_from_db()
    assert made.value == value
    assert made.answer == answer
    (seen,) = dossiers.one(bell, as_of=make.day()).readings
    assert (seen.kind, seen.value, seen.text, seen.on) == (
        record.kind,
        value,
        record.text,
        record.on,
    )


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        ({"kind": "audit_c"}, "value"),
        ({"kind": "egfr", "value": 201}, "value"),
        ({"kind": "egfr", "value": -1}, "value"),
        ({"kind": "egfr", "value": 50, "unit": "mmol/L"}, "unit"),
        ({"kind": "egfr", "value": 50, "text": "fine"}, "text"),
        ({"kind": "child_pugh", "text": "D"}, "text"),
        ({"kind": "child_pugh"}, "text"),
        ({"kind": "child_pugh", "text": "A", "value": 1}, "value"),
        ({"kind": "dependence_signs", "text": "sneezing"}, "text"),
        ({"kind": "next_review", "text": "soon"}, "text"),
        ({"kind": "egfr", "value": 50, "on": 1}, "on"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(bell, clara, answer, field):
    with pytest.raises(BadRecord) as refused:
        observe.record_reading(patient=bell, record=said(**answer), by=clara)
    assert refused.value.field == field
    assert not Reading.objects.exists()


def test_a_kind_nobody_knows_is_refused_by_its_name():
    with pytest.raises(BadRecord) as refused:
        said("shoe_size", value=44)
    assert refused.value.field == "kind"


def test_a_correction_supersedes_and_keeps_the_old_row(egfr, clara, ravi):
    corrected = observe.correct(reading=egfr, record=said(value=84), by=ravi)
    egfr.refresh_from_db()
    assert egfr.superseded_at is not None
    assert float(egfr.value) == 48.25
    assert (corrected.supersedes, corrected.recorded_by) == (egfr, ravi)
    assert (corrected.source_id, bytes(corrected.digest)) == (egfr.source_id, bytes(egfr.digest))
    assert AuditEvent.objects.get(verb="reading.corrected").detail["supersedes"] == egfr.pk
    with pytest.raises(Stale):
        observe.correct(reading=egfr, record=said(value=50), by=clara)


def test_what_was_an_error_is_not_read_by_the_rules(bell, egfr, clara):
    record = said(value=48.25, status="entered-in-error")
    observe.correct(reading=egfr, record=record, by=clara)
    assert dossiers.one(bell, as_of=make.day()).readings == ()


def test_a_correction_keeps_the_kind(egfr, clara):
    with pytest.raises(BadRecord, match="kind"):
        observe.correct(reading=egfr, record=said("audit_c", value=3), by=clara)


def test_a_replay_reads_the_value_known_then(bell, egfr, clara):
    before = timezone.now()
    observe.correct(reading=egfr, record=said(value=84), by=clara)

    def known(**when):
        return [r.value for r in dossiers.one(bell, as_of=make.day(), **when).readings]

    assert known(known_at=before) == [48.25]
    assert known() == [84]


def test_each_person_gets_their_own(harbour, clara):
    patients = [make.patient(harbour, clara) for _ in range(3)]
    for number, treated in enumerate(patients, start=1):
        for _ in range(number):
            observe.record_reading(patient=treated, record=said(value=30 + number), by=clara)
    held = {
        pk: [reading.value for reading in make_dossier().readings]
        for pk, _, make_dossier in dossiers.read([p.pk for p in patients], as_of=make.day())
    }
    assert held == {
        treated.pk: [30 + number] * number for number, treated in enumerate(patients, start=1)
    }


def test_who_may_record(bell, egfr, ravi, ehr, ada, audrey, lakeside):
    for user in (ravi, ehr):
        observe.record_reading(patient=bell, record=said(), by=user)
    stranger = make.person("stranger", lakeside, "clinician")
    for user in (ada, audrey, stranger):
        with pytest.raises(NotAllowed):
            observe.record_reading(patient=bell, record=said(), by=user)
        with pytest.raises(NotAllowed):
            observe.correct(reading=egfr, record=said(), by=user)


class TestTheDatabaseRefuses:
    @pytest.fixture
    def row(self, bell):
        return {
            "patient": bell,
            "practice": bell.practice,
            "kind": "egfr",
            "value": 50,
            "dated_on": make.day(-1),
            "source_system": "lab",
            "source_id": "1",
            "digest": b"0" * 16,
        }

    @pytest.mark.parametrize("changes", [{"value": None}, {"status": "maybe"}])
    def test_what_no_reading_may_say(self, row, changes):
        with pytest.raises(IntegrityError), transaction.atomic():
            Reading.objects.create(**row | changes)

    def test_two_live_readings_of_one_source(self, row):
        Reading.objects.create(**row)
        with pytest.raises(IntegrityError), transaction.atomic():
            Reading.objects.create(**row)

    def test_editing_a_live_one_or_a_superseded_one(self, egfr, clara):
        with pytest.raises(DatabaseError), transaction.atomic():
            Reading.objects.filter(pk=egfr.pk).update(value=90)
        observe.correct(reading=egfr, record=said(value=84), by=clara)
        with pytest.raises(DatabaseError), transaction.atomic():
            Reading.objects.filter(pk=egfr.pk).update(superseded_at=None)

    def test_deleting_one(self, egfr):
        with pytest.raises(DatabaseError), transaction.atomic():
            Reading.objects.filter(pk=egfr.pk).delete()
