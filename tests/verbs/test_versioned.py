"""Whatever the record is: version n, who, when and what are rows, asked for in one way."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from reviews import dossiers, records, versions
from reviews.errors import BadRecord, Stale
from reviews.models import (
    Condition,
    Patient,
    PatientVersion,
    Prescription,
    Reading,
    Reported,
    TaperVersion,
    Versioned,
)
from reviews.verbs import observe, prescribe, sync, taper
from tests import make
from tests.api import sent
from tests.verbs.test_taper import planned

MOMENT = timedelta(microseconds=1)


@pytest.fixture
def bell(harbour, clara):
    return make.patient(harbour, clara, identifiers=["1"])


@pytest.fixture
def dora(harbour):
    return make.person("dora", harbour, "clinician")


def problem(kind, text, **changes):
    return records.ConditionRecord(kind=kind, text=text, **changes)


def egfr(value):
    return records.convert(
        {"kind": "egfr", "value": value, "on": make.day(-3)}, records.ReadingRecord
    )


def order(bell, clara, dora, ehr):
    first = make.prescription(bell, clara)
    prescribe.amend(prescription=first, record=make.record(dose=2), by=dora)
    return Prescription, "dose", (1, 2), (clara, dora)


def condition(bell, clara, dora, ehr, kind="condition"):
    first = prescribe.record_condition(patient=bell, record=problem(kind, "Asthma"), by=clara)
    prescribe.record_condition(
        patient=bell, record=problem(kind, "Severe asthma"), by=dora, supersedes=first
    )
    return Condition, "text", ("Asthma", "Severe asthma"), (clara, dora)


def allergy(bell, clara, dora, ehr):
    return condition(bell, clara, dora, ehr, kind="allergy")


def reading(bell, clara, dora, ehr):
    first = observe.record_reading(patient=bell, record=egfr(48), by=clara)
    observe.correct(reading=first, record=egfr(84), by=dora)
    return Reading, "value", (48, 84), (clara, dora)


def a_taper(bell, clara, dora, ehr):
    make.prescription(bell, clara, dose=3, times_per_day=1)
    first = planned(bell, clara, mg=15)
    taper.start(taper=first.taper, by=dora, seen=1)
    return TaperVersion, "status", ("planned", "active"), (clara, dora)


def person(bell, clara, dora, ehr):
    told = sent.patient(family_name="Bell-Okafor", birth_date=bell.birth_date.isoformat())
    sync.patients(rows=[(0, told)], source_system="ehr", by=ehr)
    return PatientVersion, "family_name", ("Bell", "Bell-Okafor"), (clara, ehr)


def synced(verb, telling, model, name, values):
    """A record that a system tells, and then tells anew."""

    def story(bell, clara, dora, ehr):
        for value in values:
            row = telling(**{name: value})
            assert verb(rows=[(0, row)], source_system="ehr", by=ehr).refused == 0
        return model, name, values, (ehr, ehr)

    return story


STORIES = {
    "order": order,
    "condition": condition,
    "allergy": allergy,
    "reading": reading,
    "taper": a_taper,
    "person": person,
    "synced order": synced(sync.prescriptions, sent.prescription, Prescription, "dose", (1, 2)),
    "synced condition": synced(sync.conditions, sent.condition, Condition, "text", ("A", "B")),
    "synced reading": synced(sync.readings, sent.reading, Reading, "value", (48.5, 84)),
}


@pytest.fixture(params=STORIES)
def told(request, bell, clara, dora, ehr):
    """`(model, field, values, who)` of a record with two versions."""
    return STORIES[request.param](bell, clara, dora, ehr)


def test_the_history_says_who_when_and_what(told, bell):
    model, field, values, who = told
    live = model.objects.live().get()
    first, second = model.objects.history(live)
    assert (first.version, second.version) == (1, 2)
    assert (getattr(first, field), getattr(second, field)) == values
    assert (first.recorded_by, second.recorded_by) == who
    assert {(row.patient_id, row.practice_id) for row in (first, second)} == {
        (bell.pk, bell.practice_id)
    }
    assert (first.supersedes, second.supersedes) == (None, first)
    assert (first.live, second.live, live) == (False, True, second)
    record = getattr(first, model.VERSIONS_OF)
    assert list(model.objects.history(record)) == [first, second], "of the record as of a version"


def test_at_any_time_exactly_one_version_is_known(told):
    model, *_ = told
    first, second = model.objects.history(model.objects.live().get())
    assert first.superseded_at == second.recorded_at
    for at, known in (
        (first.recorded_at - MOMENT, []),
        (first.recorded_at, [first]),
        (second.recorded_at - MOMENT, [first]),
        (second.recorded_at, [second]),
        (second.recorded_at + timedelta(days=1), [second]),
    ):
        assert list(model.objects.as_known(at)) == known


def test_history_is_added_to_and_never_edited(told):
    model, field, (before, _), _ = told
    first, second = model.objects.history(model.objects.live().get())
    for edit in (
        lambda: model.objects.filter(pk=first.pk).update(superseded_at=None),
        lambda: model.objects.filter(pk=second.pk).update(**{field: before}),
        lambda: model.objects.filter(pk=second.pk).update(version=7),
        lambda: model.objects.filter(pk=first.pk).delete(),
        lambda: model.objects.filter(pk=second.pk).delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            edit()


def test_a_record_has_one_live_version_and_each_number_once(told):
    model, *_ = told
    live = model.objects.live().get()
    for number, ended in ((live.version, live.recorded_at), (live.version + 1, None)):
        row = model.objects.get(pk=live.pk)
        row.pk, row.version, row.superseded_at, row.supersedes = None, number, ended, None
        if isinstance(row, Reported):
            row.source_id = "another"
        with pytest.raises(IntegrityError), transaction.atomic():
            row.save(force_insert=True)


def test_only_the_live_version_has_a_next_one(told, clara):
    model, *_ = told
    first, _ = model.objects.history(model.objects.live().get())
    with pytest.raises(Stale, match="Look at it again"):
        versions.supersede(first, by=clara)
    with pytest.raises(Stale, match="Look at it again"):
        versions.lock(first)


def test_these_are_all_the_records_that_have_versions():
    def below(model):
        for each in model.__subclasses__():
            yield from below(each) if each._meta.abstract else [each]

    assert {*below(Versioned)} == {Condition, PatientVersion, Prescription, Reading, TaperVersion}


# -- Which record it is ------------------------------------------------------------------------


def test_two_records_of_a_person_have_a_history_each(bell, clara):
    for text in ("Asthma", "Eczema"):
        first = prescribe.record_condition(
            patient=bell, record=problem("condition", text), by=clara
        )
        prescribe.record_condition(
            patient=bell, record=problem("condition", f"No {text}"), by=clara, supersedes=first
        )
    for live in Condition.objects.live():
        texts = [version.text for version in Condition.objects.history(live)]
        assert texts == [live.text.removeprefix("No "), live.text]


def test_an_order_that_moves_keeps_its_history(harbour, ehr):
    for number in ("1", "2"):
        row = sent.prescription("rx-1", number)
        sync.prescriptions(rows=[(0, row)], source_system="ehr", by=ehr)
    before, now = Prescription.objects.history(Prescription.objects.live().get())
    assert before.patient != now.patient


def test_a_condition_of_somebody_else_is_not_superseded(bell, harbour, clara):
    other = make.patient(harbour, clara, family_name="Okafor")
    theirs = prescribe.record_condition(
        patient=other, record=problem("allergy", "Penicillin"), by=clara
    )
    with pytest.raises(BadRecord, match="somebody else"):
        prescribe.record_condition(
            patient=bell, record=problem("allergy", "None"), by=clara, supersedes=theirs
        )
    assert Condition.objects.get() == theirs


# -- People ------------------------------------------------------------------------------------


def tell(ehr, **changes):
    said = {"identifiers": [{"system": "nhs", "value": "1"}], **changes}
    return sync.patients(rows=[(0, said)], source_system="ehr", by=ehr)


def test_a_person_is_what_their_live_version_says(bell, ehr):
    tell(ehr, birth_date="1950-02-03", sex="female")
    bell.refresh_from_db()
    first, second = PatientVersion.objects.history(bell)
    assert (first.sex, second.sex) == ("male", "female")
    assert (bell.sex, bell.birth_date) == (second.sex, second.birth_date)
    assert bell.updated_at == second.recorded_at
    assert second.given_name == "Jonathan", "what the system left out stays as it was"


def test_an_identifier_that_is_added_is_a_change_of_the_person(bell, ehr):
    both = [{"system": "nhs", "value": "1"}, {"system": "hospital", "value": "H9"}]
    tell(ehr, identifiers=both)
    tell(ehr, identifiers=both)
    assert [version.version for version in PatientVersion.objects.history(bell)] == [1, 2]


def test_many_people_are_registered_and_changed_at_once(harbour, ehr):
    for family in ("Bell", "Okafor"):
        rows = [sent.patient(str(number), family_name=family) for number in range(30)]
        sync.patients(rows=enumerate(rows), source_system="ehr", by=ehr)
    for patient in Patient.objects.all():
        told = [(row.version, row.family_name) for row in patient.versions.order_by("version")]
        assert told == [(1, "Bell"), (2, "Okafor")]


@pytest.mark.parametrize("change", [{"family_name": "Nobody"}, {"sex": "female"}])
def test_a_person_is_not_changed_behind_the_back_of_their_history(bell, change):
    with pytest.raises(DatabaseError, match="live version"), transaction.atomic():
        Patient.objects.filter(pk=bell.pk).update(**change)


def test_nobody_is_registered_without_a_version(harbour):
    with pytest.raises(DatabaseError, match="live version"), transaction.atomic():
        Patient.objects.create(practice=harbour, family_name="Nobody")


def test_a_replay_reads_the_person_as_they_were_known_then(bell, ehr):
    tell(ehr, birth_date="1931-02-03", sex="female")
    tell(ehr, deceased_on=make.day(-1).isoformat())
    first, second, third = PatientVersion.objects.history(bell)

    def known(at):
        dossier = dossiers.one(bell, as_of=make.day(), known_at=at)
        return dossier.birth_date, dossier.sex, dossier.deceased_on

    for version in (first, second, third):
        assert known(version.recorded_at) == (
            version.birth_date,
            version.sex,
            version.deceased_on,
        )
    assert third.deceased_on == make.day(-1)
    assert known(first.recorded_at - MOMENT) == (None, "unknown", None)


def test_a_batch_of_people_is_compared_with_their_versions_once_and_not_row_by_row(db):
    row_by_row = 1
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgtype FROM pg_trigger WHERE tgrelid = 'reviews_patient'::regclass"
            " AND tgname LIKE 'pgtrigger%as_said%'"
        )
        kinds = [kind for (kind,) in cursor.fetchall()]
    assert len(kinds) == 2
    assert not any(kind & row_by_row for kind in kinds)
