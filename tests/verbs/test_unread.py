"""What a source said and could not be kept is noted of the person, until it is sent again."""

import json
from functools import partial

import pytest
from django.db import DatabaseError, transaction

from reviews import records
from reviews.errors import BadRecord, NotAllowed
from reviews.models import AuditEvent, IdentityQuestion, ImportNote, Patient, WaitingRecord
from reviews.rules.codes import STATUSES
from reviews.verbs import data_quality, identity, sync
from tests import make
from tests.api import sent


def send(ehr, *rows, verb=sync.prescriptions, **more):
    return verb(rows=enumerate(rows), source_system="ehr", by=ehr, **more)


def notes():
    return [
        (note.patient.family_name, note.kind, note.about, note.refused, note.medicine, note.reason)
        for note in ImportNote.objects.live()
    ]


@pytest.fixture
def bell(harbour, ehr):
    send(ehr, sent.prescription())
    return Patient.objects.get()


WRONG_DOSE = "dose: Expected `float` >= 0.0001"


def test_a_refused_medicine_of_a_known_person_is_noted(bell, ehr):
    bad = sent.prescription("rx-2", dose=-1)
    for row in (bad, json.dumps(bad).encode()):
        send(ehr, row)
        assert notes() == [
            ("Bell", "prescription", "rx-2", True, "Diazepam 5 mg tablets", WRONG_DOSE)
        ], "once, however often it is sent"
    assert ImportNote.objects.count() == 1
    assert ImportNote.objects.unread_medicines().count() == 1


def test_what_names_nobody_cannot_be_noted(bell, ehr):
    nameless = {"identifiers": [{"system": "nhs", "value": "2"}]}
    nobody = {**sent.prescription("rx-2", "2", dose=-1), "patient": nameless}
    send(ehr, nobody, b"{", {"patient": 4}, {"source_id": "x"})
    assert notes() == []
    assert Patient.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"dose": -1}, "dose"),
        ({"status": "bogus"}, "status"),
        ({"patient": partial(sent.patient, "2", sex="F")}, "patient.sex"),
        ({"patient": partial(sent.patient, "2", birth_date="12/03/1950")}, "patient.birth_date"),
    ],
)
def test_somebody_unknown_is_registered_so_that_a_refused_medicine_is_seen(bell, ehr, wrong, field):
    bad = {**sent.prescription("rx-2", "2"), **wrong}
    for row in (bad, json.dumps(bad).encode()):
        result = send(ehr, row)
        assert [error.field for error in result.errors] == [field]
        assert Patient.objects.count() == 2
    (note,) = ImportNote.objects.live()
    assert (note.refused, note.medicine) == (True, "Diazepam 5 mg tablets")
    assert note.patient != bell
    send(ehr, sent.prescription("rx-2", "2"))
    assert notes() == []
    assert Patient.objects.count() == 2


def test_a_refused_medicine_changes_nobody_who_is_known(bell, ehr):
    other_name = {**sent.patient(), "family_name": "Belle"}
    send(ehr, {**sent.prescription("rx-2", dose=-1), "patient": other_name})
    bell.refresh_from_db()
    assert bell.family_name == "Bell"
    assert len(notes()) == 1


def test_a_refused_reading_registers_nobody(bell, ehr):
    send(ehr, {**sent.reading(value="much"), "patient": sent.patient("2")}, verb=sync.readings)
    assert Patient.objects.count() == 1


def test_somebody_registered_by_the_same_batch_is_known(harbour, ehr):
    send(ehr, sent.prescription("rx-2", dose=-1), sent.prescription())
    assert len(notes()) == 1


def test_sent_again_and_kept_it_is_no_longer_noted(bell, ehr):
    send(ehr, sent.prescription("rx-2", dose=-1), sent.prescription("rx-3", dose=-1))
    send(ehr, sent.prescription("rx-2"))
    assert [about for _, _, about, *_ in notes()] == ["rx-3"]
    ended = ImportNote.objects.get(about="rx-2")
    assert ended.ended_at is not None
    send(ehr, sent.prescription("rx-4"))
    assert [about for _, _, about, *_ in notes()] == ["rx-3"], "another record says nothing of it"


def test_sent_again_and_refused_for_another_reason_the_reason_is_the_new_one(bell, ehr):
    send(ehr, sent.prescription("rx-2", dose=-1))
    send(ehr, sent.prescription("rx-2", status="bogus"))
    assert [reason for *_, reason in notes()] == [
        f"status: 'bogus' is none of {', '.join(sorted(STATUSES))}"
    ]


def test_the_same_id_in_another_source_or_of_another_kind_is_another_record(bell, ehr):
    send(ehr, sent.prescription("1", dose=-1))
    sync.prescriptions(rows=[(0, sent.prescription("1"))], source_system="other", by=ehr)
    send(ehr, sent.condition("1"), verb=sync.conditions)
    assert len(notes()) == 1


@pytest.mark.parametrize(
    ("verb", "bad", "good", "kind"),
    [
        (sync.conditions, sent.condition, {"status": "bogus"}, "condition"),
        (sync.readings, sent.reading, {"value": "much"}, "reading"),
    ],
)
def test_every_kind_of_record_is_noted(bell, ehr, verb, bad, good, kind):
    send(ehr, bad(**good), verb=verb)
    ((_, noted, _, refused, medicine, _),) = notes()
    assert (noted, refused, medicine) == (kind, True, "")
    assert not ImportNote.objects.unread_medicines()
    send(ehr, bad(), verb=verb)
    assert notes() == []


def test_a_refused_change_of_the_person_is_noted(bell, ehr):
    send(ehr, sent.patient(deceased_on="1931-01-01"), verb=sync.patients)
    ((_, kind, about, refused, _, reason),) = notes()
    assert (kind, about, refused) == ("patient", "nhs|1", True)
    assert "deceased_on" in reason
    send(ehr, sent.patient(), verb=sync.patients)
    assert notes() == []


def test_a_birth_date_that_can_be_nobodys_is_noted(bell, ehr):
    send(ehr, sent.patient(birth_date="2950-01-01"), verb=sync.patients)
    reason = "birth_date 2950-01-01 can be nobody’s: left as not known"
    assert notes() == [("Bell", "patient", "nhs|1", False, "", reason)]
    send(ehr, sent.patient(), verb=sync.patients)
    assert notes() == []


def test_a_birth_date_that_can_be_nobodys_is_noted_of_whoever_is_registered_by_it(harbour, ehr):
    several = [sent.prescription(f"rx-{n}") for n in (1, 2)]
    for record in several:
        record["patient"] = record["patient"] | {"birth_date": "1900-01-01"}
    send(ehr, *several)
    ((_, kind, about, refused, _, reason),) = notes()
    assert (kind, about, refused) == ("prescription", "rx-1", False), "once, not of each order"
    assert reason == "birth_date 1900-01-01 can be nobody’s: left as not known"


def test_a_refused_record_of_two_persons_is_noted_of_both(bell, ehr):
    send(ehr, sent.prescription("rx-2", "2"))
    both = sent.patient()
    both["identifiers"] += [{"system": "nhs", "value": "2"}]
    send(ehr, {**sent.prescription("rx-3", dose=-1), "patient": both})
    assert sorted(ImportNote.objects.live().values_list("patient", flat=True)) == sorted(
        Patient.objects.values_list("pk", flat=True)
    )


def test_a_refused_record_without_an_id_is_noted_once(bell, ehr):
    bad = sent.prescription(source_id=None)
    send(ehr, bad)
    send(ehr, bad)
    assert len(notes()) == 1


def test_what_a_reader_left_out_is_noted_and_is_no_unread_medicine(bell, ehr):
    reason = "the unit is not known"
    said = sync.Noted("rx-1", sent.patient(), reason, False, "Diazepam", "harbour")
    send(ehr, sent.prescription(), notes=[said])
    assert notes() == [("Bell", "prescription", "rx-1", False, "Diazepam", "the unit is not known")]
    assert not ImportNote.objects.unread_medicines()
    send(ehr, sent.prescription())
    assert notes() == []


# -- Answers ---------------------------------------------------------------------------------------


def test_an_answered_note_does_not_come_back_with_the_same_record(bell, ehr, clara):
    send(ehr, sent.prescription("rx-2", dose=-1))
    (note,) = ImportNote.objects.live()
    data_quality.answer_note(note=note, answer="Stopped in March, see letter.", by=clara)
    send(ehr, sent.prescription("rx-2", dose=-1))
    assert notes() == []
    send(ehr, sent.prescription("rx-2", status="bogus"))
    assert len(notes()) == 1, "another reason is another note"
    event = AuditEvent.objects.get(verb="note.answered")
    assert (event.actor_id, event.patient_id) == (clara.pk, bell.pk)


def test_an_answer_needs_words_and_somebody_who_may(bell, ehr, clara, harbour):
    send(ehr, sent.prescription("rx-2", dose=-1))
    (note,) = ImportNote.objects.live()
    with pytest.raises(BadRecord):
        data_quality.answer_note(note=note, answer=" ", by=clara)
    with pytest.raises(NotAllowed):
        data_quality.answer_note(note=note, answer="Seen", by=make.person("audrey", harbour))
    data_quality.answer_note(note=note, answer="Seen", by=clara)
    data_quality.answer_note(note=note, answer="Seen again", by=clara)
    assert ImportNote.objects.get().answer == "Seen", "what is answered stays as it was answered"


@pytest.mark.parametrize("change", [{"reason": "other"}, {"answer": "x"}, {"medicine": "other"}])
def test_a_note_is_never_edited(bell, ehr, change):
    send(ehr, sent.prescription("rx-2", dose=-1))
    with pytest.raises(DatabaseError), transaction.atomic():
        ImportNote.objects.update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        ImportNote.objects.all().delete()


@pytest.mark.parametrize(
    ("wrong", "gone"),
    [
        ({"dose": -1}, {"dose"}),
        ({"dose": 2, "dose_max": 1}, {"dose", "dose_max"}),
        ({"times_per_day_max": 500}, {"times_per_day", "times_per_day_max"}),
        ({"dose_unit": "spoon"}, {"dose", "dose_unit"}),
        ({"dose_unit": None}, {"dose", "dose_unit"}),
        ({"end_on": "1999-01-01"}, {"end_on"}),
        ({"dose": -1, "end_on": "1999-01-01"}, {"dose", "end_on"}),
        ({"codings": [{"system": "atc"}]}, {"codings"}),
        ({"repeats_allowed": 10**6}, set()),
        ({"source_id": ""}, set()),
    ],
)
def test_fields_that_no_record_may_have_are_left_out_of_an_order(wrong, gone):
    whole = {**sent.prescription(), **wrong}
    kept, left_out = records.without_unusable(whole)
    assert whole.keys() - kept.keys() == gone
    assert bool(left_out) == bool(gone)


# -- Of records that wait, and of people who become one --------------------------------------------

OTHER = {"family_name": "Pym", "given_name": "Ama", "birth_date": "1999-01-01", "sex": "female"}


def said_of(about, patient, reason="the unit is not known"):
    return sync.Noted(about, patient, reason, False, "Diazepam", "harbour")


def settle(answer, by, **given):
    identity.settle(
        question=IdentityQuestion.objects.open().get(), answer=answer, by=by, how="sender", **given
    )


def noted():
    return {
        (note.patient.family_name, note.about, note.reason) for note in ImportNote.objects.live()
    }


def test_notes_of_a_record_that_waits_wait_with_it_and_go_to_whose_it_is(bell, ehr, ravi):
    ama = sent.patient(**OTHER)
    row = sent.prescription("rx-2", patient=ama)
    for _ in range(2):
        assert send(ehr, row, notes=[said_of("rx-2", ama)]).waiting == 1
    assert noted() == set(), "nobody is said to have what may be of somebody else"
    assert WaitingRecord.objects.get().notes == [
        {"reason": "the unit is not known", "medicine": "Diazepam"}
    ]
    settle("apart", ravi)
    assert noted() == {("Pym", "rx-2", "the unit is not known")}
    send(ehr, row, notes=[said_of("rx-2", ama)])
    assert ImportNote.objects.count() == 1
    send(ehr, row)
    assert noted() == set(), "its source can read it now"


def test_other_notes_of_a_record_that_waits_replace_those_before(bell, ehr, ravi):
    ama = sent.patient(**OTHER)
    row = sent.prescription("rx-2", patient=ama)
    send(ehr, row, notes=[said_of("rx-2", ama)])
    send(ehr, row, notes=[said_of("rx-2", ama, "the route is not known")])
    settle("same", ravi)
    settle("same", make.person("samira", bell.practice))
    assert noted() == {("Pym", "rx-2", "the route is not known")}


def test_notes_of_a_person_who_waits_wait_too(bell, ehr, ravi):
    ama = sent.patient(**OTHER)
    send(ehr, ama, verb=sync.patients, notes=[said_of("nhs|1", ama, "an address is left out")])
    assert noted() == set()
    settle("apart", ravi)
    assert noted() == {("Pym", "nhs|1", "an address is left out")}


@pytest.fixture
def two(bell, ehr):
    """Bell, and a second record of him with a note of its own."""
    again = sent.patient("2")
    row = sent.prescription("rx-2", "2")
    send(ehr, row, notes=[said_of("rx-2", again)])
    return bell, Patient.objects.exclude(pk=bell.pk).get()


def owners():
    return dict(ImportNote.objects.live().values_list("about", "patient"))


def test_notes_move_with_a_merge_and_back(two, ehr, ravi, clara):
    kept, gone = two
    send(ehr, sent.prescription("rx-3", "2", dose=-1))
    data_quality.answer_note(note=ImportNote.objects.get(about="rx-3"), answer="Stopped.", by=clara)
    merge = identity.merge(kept=kept, gone=gone, reason="One person.", by=ravi)
    assert owners() == {"rx-2": kept.pk}
    send(ehr, sent.prescription("rx-3", "2", dose=-1))
    assert owners() == {"rx-2": kept.pk}, "what was answered does not come back"
    send(ehr, sent.prescription("rx-2", "2"), notes=[said_of("rx-2", sent.patient("2"))])
    assert ImportNote.objects.count() == 2, "the same note, of the same person"
    send(ehr, sent.prescription("rx-4", "2", dose=-1))
    assert owners() == {"rx-2": kept.pk, "rx-4": kept.pk}
    identity.unmerge(merge=merge, reason="Two people.", by=ravi)
    assert owners() == {"rx-2": gone.pk, "rx-4": kept.pk}
    send(ehr, sent.prescription("rx-4", "2", dose=-1))
    assert owners() == {"rx-2": gone.pk, "rx-4": gone.pk}, "whoever has the number has the note"


def test_a_note_of_whoever_was_merged_away_is_answered_where_it_is(two, ehr, ravi, clara):
    kept, gone = two
    identity.merge(kept=kept, gone=gone, reason="One person.", by=ravi)
    (note,) = ImportNote.objects.live()
    data_quality.answer_note(note=note, answer="Two tablets.", by=clara)
    assert AuditEvent.objects.get(verb="note.answered").patient_id == kept.pk
