"""What was called wrong in the record: on the list until the record changes or somebody looks."""

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from reviews.conclusions import FlagOutcome
from reviews.errors import BadRecord, NotAllowed, Stale
from reviews.models import AuditEvent, Case, DataCheck, Decision, Flag, Outcome, Reason
from reviews.queries import data_quality as wrong
from reviews.verbs import data_quality, decide, prescribe, screen
from tests import make


@pytest.fixture
def case(harbour, clara):
    return make.flagged_case(harbour, logged_by=clara)


@pytest.fixture
def called_wrong(case, ravi):
    """DUR-01 called wrong: not being taken. Everything else is to be tapered."""
    wrong = Flag.objects.open().get(case=case, rule_id="DUR-01")
    given = [
        FlagOutcome(flag.pk, Outcome.DATA_WRONG, Reason.NOT_TAKEN)
        if flag == wrong
        else FlagOutcome(flag.pk, Outcome.TAPER, Reason.AGREED_WITH_PATIENT)
        for flag in Flag.objects.open().filter(case=case)
    ]
    decide.decide(case=case, outcomes=given, by=ravi, seen=case.lock, note="Says he stopped")
    return Decision.objects.get().items.get(outcome=Outcome.DATA_WRONG)


def waiting(harbour):
    return list(wrong.waiting([harbour.pk]))


def test_it_waits_for_those_of_the_practice(harbour, lakeside, called_wrong):
    assert waiting(harbour) == [called_wrong]
    assert waiting(lakeside) == []


def test_a_line_that_is_amended_answers_it(harbour, clara, called_wrong):
    line = called_wrong.decision.patient.prescriptions.live().get()
    prescribe.withdraw(prescription=line, status="stopped", reason="Not taken", by=clara)
    assert waiting(harbour) == []


def test_another_line_that_changes_does_not(harbour, clara, called_wrong):
    other = make.prescription(called_wrong.decision.patient, clara, "Amlodipine 5 mg tablets")
    prescribe.withdraw(prescription=other, status="stopped", reason="Swollen ankles", by=clara)
    assert waiting(harbour) == [called_wrong]


def test_a_flag_on_missing_data_that_is_found_no_more_is_off_the_list(harbour, clara, ravi):
    treated = make.patient(harbour, clara)
    make.prescription(treated, clara, "Zzyzx 5 mg tablets", start=-3, days=14)
    screen.drain()
    case = Case.objects.open().get(patient=treated)
    flags = Flag.objects.open().filter(case=case)
    given = [FlagOutcome(flag.pk, Outcome.DATA_WRONG, Reason.MEDICINE_WRONG) for flag in flags]
    decide.decide(case=case, outcomes=given, by=ravi, seen=case.lock)
    assert {item.flag.rule_id for item in waiting(harbour)} == {"DQ-03"}
    Flag.objects.live().filter(rule_id="DQ-03").update(
        ended_at=Decision.objects.get().decided_at, end_reason="cleared"
    )
    assert waiting(harbour) == []


def test_a_decision_taken_back_says_nothing_about_the_data(harbour, ravi, called_wrong):
    closed = called_wrong.decision.case
    closed.refresh_from_db()
    decide.undo(case=closed, reason="Slip", by=ravi, seen=closed.lock)
    assert waiting(harbour) == []


def test_put_right_elsewhere(harbour, clara, called_wrong):
    data_quality.check(item=called_wrong, result="corrected", note="In the source", by=clara)
    assert waiting(harbour) == []
    screen.drain()
    assert not Flag.objects.open().filter(rule_id="DUR-01").exists()
    event = AuditEvent.objects.get(verb="data.checked")
    assert (event.actor, event.detail["result"]) == ("Clara Moreau", "corrected")


def test_if_the_record_is_right_the_flag_comes_before_a_reviewer_again(
    harbour, clara, called_wrong
):
    data_quality.check(item=called_wrong, result="was_right", by=clara)
    screen.drain()
    again = Case.objects.open().get(patient=called_wrong.decision.patient)
    assert list(again.flags.open().values_list("rule_id", flat=True)) == ["DUR-01"]


def test_once_by_those_who_may_and_in_known_words(clara, audrey, called_wrong):
    with pytest.raises(NotAllowed):
        data_quality.check(item=called_wrong, result="corrected", by=audrey)
    with pytest.raises(BadRecord):
        data_quality.check(item=called_wrong, result="shrug", by=clara)
    data_quality.check(item=called_wrong, result="corrected", by=clara)
    with pytest.raises(Stale):
        data_quality.check(item=called_wrong, result="was_right", by=clara)


def test_the_database_keeps_the_answer(clara, called_wrong):
    made = data_quality.check(item=called_wrong, result="corrected", by=clara)
    with pytest.raises(DatabaseError), transaction.atomic():
        DataCheck.objects.filter(pk=made.pk).update(note="never said")
    with pytest.raises(DatabaseError), transaction.atomic():
        made.delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        DataCheck.objects.create(item=called_wrong, result="corrected", by=clara)
