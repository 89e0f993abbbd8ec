"""Handing a claimed case over: to whom it may go, why, and what two windows make of it."""

import pytest

from reviews.errors import BadRecord, IllegalMove, NotAllowed, Stale
from reviews.models import AuditEvent, CaseState, Role
from reviews.verbs import caseload
from tests import make


@pytest.fixture
def case(harbour, clara, ravi):
    made = make.flagged_case(harbour, logged_by=clara)
    return caseload.claim(case=made, by=ravi, seen=made.lock)


def hand_over(case, to, by, reason="On leave until Monday", seen=None):
    return caseload.hand_over(case=case, to=to, reason=reason, by=by, seen=seen or case.lock)


def test_to_a_colleague(case, ravi, samira):
    before = case.claimed_at
    handed = hand_over(case, samira, ravi)
    assert (handed.state, handed.owner, handed.lock) == (CaseState.CLAIMED, samira, case.lock + 1)
    assert handed.claimed_at > before
    event = AuditEvent.objects.get(verb="case.hand_over")
    assert (event.actor_id, event.patient_id) == (ravi.pk, case.patient_id)
    assert event.detail == {
        "from": ravi.pk,
        "to": samira.pk,
        "reason": "On leave until Monday",
    }


def test_back_to_the_queue(case, ravi):
    handed = hand_over(case, None, ravi)
    assert (handed.state, handed.owner, handed.claimed_at) == (CaseState.QUEUED, None, None)
    assert AuditEvent.objects.get(verb="case.release").detail["reason"] == "On leave until Monday"


def test_a_colleague_may_hand_over_for_somebody_who_is_away(case, harbour, samira):
    nora = make.person("nora", harbour, Role.REVIEWER)
    assert hand_over(case, nora, samira).owner == nora


def test_a_reason_is_needed(case, ravi, samira):
    with pytest.raises(BadRecord, match="reason"):
        hand_over(case, samira, ravi, reason="  ")


def test_only_to_somebody_who_may_decide_there(case, ravi, clara, lakeside):
    elsewhere = make.person("nora", lakeside, Role.REVIEWER)
    for to in (clara, elsewhere):
        with pytest.raises(BadRecord, match="does not review at Harbour Street"):
            hand_over(case, to, ravi)


def test_not_to_who_prescribed_what_is_urgent(harbour, clara, ravi):
    urgent = make.urgent_case(harbour, logged_by=clara)
    urgent = caseload.claim(case=urgent, by=ravi, seen=urgent.lock)
    clara = make.person("clara", harbour, Role.REVIEWER)
    with pytest.raises(BadRecord, match="prescription by Clara Moreau"):
        hand_over(urgent, clara, ravi)


def test_a_clinician_may_not(case, clara, samira):
    with pytest.raises(NotAllowed):
        hand_over(case, samira, clara)


def test_of_two_windows_one_is_told(case, ravi, samira):
    seen = case.lock
    hand_over(case, samira, ravi)
    with pytest.raises(Stale, match="changed by Samira Okafor"):
        hand_over(case, None, ravi, seen=seen)
    case.refresh_from_db()
    assert case.owner == samira


def test_only_a_claimed_case(harbour, clara, ravi, samira):
    waiting = make.flagged_case(harbour, logged_by=clara)
    for to in (samira, None):
        with pytest.raises(IllegalMove):
            hand_over(waiting, to, ravi)
