"""Notes on a person: added to, never changed, and they go with the person."""

import pytest
from django.db import DatabaseError, transaction

from reviews.errors import BadRecord, NotAllowed
from reviews.models import AuditEvent, PatientNote
from reviews.verbs import identity, patient_notes
from tests import make


@pytest.fixture
def bell(harbour, clara):
    return make.patient(harbour, clara)


@pytest.fixture
def note(bell, ravi):
    return patient_notes.write(patient=bell, text="  Hard of hearing: write.  ", by=ravi)


def told():
    rows = AuditEvent.objects.filter(verb__startswith="patient.note").order_by("pk")
    return [(row.verb, row.actor_id, row.patient_id, row.detail) for row in rows]


def test_each_is_told_of(bell, note, ravi, clara):
    patient_notes.strike(note=note, reason="It was her sister", by=clara)
    assert note.text == "Hard of hearing: write."
    assert told() == [
        ("patient.noted", ravi.pk, bell.pk, {"note": note.pk}),
        (
            "patient.note_struck",
            clara.pk,
            bell.pk,
            {"note": note.pk, "reason": "It was her sister"},
        ),
    ]


def test_struck_twice_is_struck_once(note, ravi, clara):
    patient_notes.strike(note=note, reason="It was her sister", by=clara)
    again = patient_notes.strike(note=note, reason="Another reason", by=ravi)
    assert (again.struck_by, again.struck_because) == (clara, "It was her sister")
    assert len(told()) == 2


@pytest.mark.parametrize("text", ["", "   ", "x" * (PatientNote.LONGEST + 1)])
def test_what_says_nothing_or_too_much_is_refused(bell, ravi, text):
    with pytest.raises(BadRecord):
        patient_notes.write(patient=bell, text=text, by=ravi)
    assert told() == []


def test_who_may_not_does_not(bell, note, audrey, lakeside):
    stranger = make.person("stranger", lakeside, "reviewer")
    for user in (audrey, stranger):
        with pytest.raises(NotAllowed):
            patient_notes.write(patient=bell, text="x", by=user)
        with pytest.raises(NotAllowed):
            patient_notes.strike(note=note, reason="x", by=user)


@pytest.mark.parametrize(
    "change",
    [
        {"text": "something else"},
        {"written_by_id": None},
        {"struck_because": "no reason at all"},
    ],
)
def test_the_database_changes_none(note, change):
    with pytest.raises(DatabaseError), transaction.atomic():
        PatientNote.objects.update(**change)


def test_the_database_keeps_what_was_struck(note, clara):
    patient_notes.strike(note=note, reason="It was her sister", by=clara)
    for change in (
        {"struck_because": "Because"},
        {"struck_at": None, "struck_by": None, "struck_because": ""},
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            PatientNote.objects.update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        PatientNote.objects.all().delete()


def test_they_go_with_the_person_into_another_record_and_back(harbour, bell, note, ravi, clara):
    kept = make.patient(harbour, clara, given_name="Jon")
    patient_notes.strike(note=note, reason="It was her sister", by=clara)
    merged = identity.merge(kept=kept, gone=bell, reason="One person", by=ravi)
    assert kept.colleagues_notes.get() == note
    identity.unmerge(merge=merged, reason="Two after all", by=ravi)
    assert bell.colleagues_notes.get() == note
    assert not kept.colleagues_notes.exists()
