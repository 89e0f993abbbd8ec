"""My work: what waits for me, what came back, what I decided; and handing a caseload over."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from reviews import requests
from reviews.conclusions import FlagOutcome
from reviews.models import Case, CaseMove, CaseState, Flag, Move, Outcome, Reason, Role
from reviews.verbs import caseload, decide, screen
from tests import make
from tests.web.browse import Browser, heading, words

WORK, HAND_OVER = "/my-work", "/hand-over"


@pytest.fixture
def case(harbour, clara):
    return make.flagged_case(harbour, logged_by=clara)


def claim(case, by):
    return caseload.claim(case=case, by=by, seen=case.lock)


def settle(case, by, days=28, **changes):
    flags = Flag.objects.open().filter(case=case)
    outcomes = [
        FlagOutcome(flag.pk, Outcome.TAPER, Reason.AGREED_WITH_PATIENT, make.day(days))
        for flag in flags
    ]
    return decide.decide(case=case, outcomes=outcomes, by=by, seen=case.lock, **changes)


def rescreen(case, days=0):
    requests.enqueue([case.patient_id], reason="test")
    screen.drain(as_of=make.day(days))


def section(text, name, until="Decided by you"):
    return text.partition(name)[2].partition(until)[0]


def test_nothing_waits(ravi, harbour):
    response = Browser(ravi).get(WORK)
    assert heading(response) == "Nothing waits for you"
    assert "You have decided on no case yet" in words(response)


def test_what_i_claimed_and_what_a_colleague_handed_me(case, ravi, samira):
    mine = claim(case, samira)
    caseload.hand_over(case=mine, to=ravi, reason="You know her", by=samira, seen=mine.lock)
    response = Browser(ravi).get(WORK)
    assert heading(response) == "1 case waits for you"
    assert "Handed over by Samira Okafor: “You know her”" in words(response)
    assert heading(Browser(samira).get(WORK)) == "Nothing waits for you"


def test_what_was_escalated_to_my_role(case, ravi, clara, samira):
    caseload.escalate(case=case, to=Role.CLINICIAN, reason="Please call", by=ravi, seen=case.lock)
    text = Browser(clara).read(WORK)
    assert "Asked of you 1" in text
    assert "Escalated by Ravi Shah: “Please call”" in text
    assert "Asked of you" not in Browser(samira).read(WORK)


@pytest.mark.parametrize(
    ("days", "screened", "said"),
    [
        (5, 5, None),
        (5, 6, "your decision held until"),
    ],
)
def test_a_decision_that_ran_out_comes_back(case, ravi, samira, days, screened, said):
    settle(case, ravi, days=days)
    rescreen(case, days=screened)
    assert (said is not None) == Case.objects.open().exists()
    text = Browser(ravi).read(WORK)
    assert ("Came back 1" in text) == (said is not None)
    assert (said or "") in section(text, "Came back")
    assert "Came back" not in Browser(samira).read(WORK)


def test_what_became_more_urgent_comes_back(harbour, clara, ravi):
    case = make.flagged_case(harbour, logged_by=clara)
    settle(case, ravi)
    Flag.objects.filter(rule_id="DUR-01").update(settled_at=None, settled_until=None)
    worse = Case.objects.create(
        patient=case.patient,
        practice=harbour,
        severity=1,
        headline="Worse",
        due_at=case.due_at,
        rule_ids=["DUR-01"],
    )
    live = Flag.objects.get(rule_id="DUR-01", ended_at=None)
    Flag.objects.filter(pk=live.pk).update(ended_at=case.opened_at, end_reason="superseded")
    copied = {
        field.name: getattr(live, field.name)
        for field in Flag._meta.fields
        if field.name not in ("id", "raised_at", "supersedes", "ended_at", "end_reason")
    }
    Flag.objects.create(**copied | {"severity": 1, "case": worse, "supersedes": live})
    assert "more urgent than when you decided" in Browser(ravi).read(WORK)


def test_another_medicine_in_what_i_decided_comes_back(case, ravi, clara):
    make.prescription(case.patient, clara, "Lorazepam 1 mg tablets", start=-9, days=10)
    rescreen(case)
    case.refresh_from_db()
    assert "DUP-01" in case.rule_ids
    settle(case, ravi)
    make.prescription(case.patient, clara, "Oxazepam 10 mg tablets", start=-9, days=10)
    screen.drain()
    text = section(Browser(ravi).read(WORK), "Came back")
    assert "again, in a new episode or with another medicine" in text


def test_a_snooze_that_woke_comes_back(case, ravi, clara, samira):
    caseload.snooze(case=case, until=make.day(4), reason="Letter", by=ravi, seen=case.lock)
    assert "Came back" not in Browser(ravi).read(WORK)
    make.prescription(case.patient, clara, "Morphine 10 mg tablets", start=-1, days=7)
    screen.drain()
    assert "Woken early: something new was found" in Browser(ravi).read(WORK)
    case.refresh_from_db()
    claim(case, samira)
    assert "Came back" not in Browser(ravi).read(WORK)


def test_a_snooze_whose_day_has_come_comes_back(case, ravi):
    caseload.snooze(case=case, until=make.day(4), reason="Wait", by=ravi, seen=case.lock)
    # As if it had been snoozed days ago: the clock of the database is not ours to turn.
    CaseMove.objects.create(case=case, move=Move.SNOOZE, by=ravi, until=make.day())
    rescreen(case, days=4)
    assert "The day you snoozed it to has come" in Browser(ravi).read(WORK)


def test_what_i_decided(case, ravi, samira):
    settle(case, ravi, note="Agreed by telephone")
    text = section(Browser(ravi).read(WORK), "Decided by you", until="the newest first")
    assert "Reduce or taper" in text
    assert "Agreed by telephone" in text
    assert "Agreed by telephone" not in Browser(samira).read(WORK)


def test_what_needs_a_second_person_is_put_before_the_others(harbour, clara, ravi, samira):
    case = make.urgent_case(harbour, logged_by=clara)
    outcome = Outcome.CONTINUE, Reason.SPECIALIST_ADVICE
    flags = Flag.objects.open().filter(case=case)
    outcomes = [FlagOutcome(flag.pk, *outcome) for flag in flags]
    decide.decide(case=case, outcomes=outcomes, by=ravi, seen=case.lock)
    mine = Browser(ravi).get(WORK)
    assert heading(mine) == "Nothing waits for you"
    assert "waits for a second person" in words(mine)
    assert "Asked of you" not in Browser(clara).read(WORK)
    hers = Browser(samira).get(WORK)
    assert heading(hers) == "1 case waits for you"
    assert "Proposed by Ravi Shah" in words(hers)
    case.refresh_from_db()
    decide.send_back(case=case, reason="Ask the clinic first", by=samira, seen=case.lock)
    back = Browser(ravi).get(WORK)
    assert heading(back) == "1 case waits for you"
    assert "Sent back by Samira Okafor: “Ask the clinic first”" in words(back)


def test_what_i_confirmed_is_mine_too(harbour, clara, ravi, samira):
    case = make.urgent_case(harbour, logged_by=clara)
    outcome = Outcome.CONTINUE, Reason.SPECIALIST_ADVICE
    flags = Flag.objects.open().filter(case=case)
    outcomes = [FlagOutcome(flag.pk, *outcome) for flag in flags]
    decide.decide(case=case, outcomes=outcomes, by=ravi, seen=case.lock)
    case.refresh_from_db()
    decide.confirm(case=case, by=samira, seen=case.lock)
    assert "confirmed by you proposed by Ravi Shah" in Browser(samira).read(WORK)
    assert "confirmed by Samira Okafor" in Browser(ravi).read(WORK)


def test_whoever_has_no_cases_of_their_own_has_no_such_page(harbour, ada, audrey):
    for user in (ada, audrey):
        assert Browser(user).get(WORK).status_code == 403


def test_the_query_count_does_not_grow(harbour, clara, ravi):
    counts = []
    browser = Browser(ravi)
    browser.get(WORK)
    for number in (3, 9):
        cases = [make.flagged_case(harbour, logged_by=clara) for _ in range(number)]
        for case in cases[::3]:
            claim(case, ravi)
        for case in cases[1::3]:
            settle(case, ravi, days=5)
            rescreen(case, days=6)
        for case in cases[2::3]:
            caseload.snooze(case=case, until=make.day(4), reason="Wait", by=ravi, seen=case.lock)
            rescreen(case, days=4)
        with CaptureQueriesContext(connection) as held:
            assert "Came back" in browser.read(WORK)
        counts.append(len(held))
    assert counts[0] == counts[1]


# -- Handing over --------------------------------------------------------------------------------


def mark(case):
    return f"{case.pk}:{case.lock}"


def test_all_of_mine_are_offered(harbour, clara, ravi, samira):
    mine = claim(make.flagged_case(harbour, logged_by=clara), ravi)
    claim(make.flagged_case(harbour, logged_by=clara), samira)
    response = Browser(ravi).get(HAND_OVER)
    assert heading(response) == "Hand over 1 case"
    assert f'value="{mark(mine)}" checked' in response.content.decode()
    assert "Samira Okafor" in words(response)


def test_the_ticked_ones_go_with_what_was_seen(harbour, clara, ravi, samira):
    cases = [claim(make.flagged_case(harbour, logged_by=clara), ravi) for _ in range(3)]
    browser = Browser(ravi)
    ticked = browser.post(
        reverse("queue-claim"), do="hand_over", case=[mark(case) for case in cases[:2]]
    )
    assert heading(browser.get(ticked.url)) == "Hand over 2 cases"
    fields = {"case": [mark(case) for case in cases[:2]], "to": samira.pk, "reason": "On leave"}
    response = browser.follow(HAND_OVER, **fields)
    assert "2 cases handed over to Samira Okafor." in words(response)
    assert Case.objects.filter(owner=samira).count() == 2
    assert Case.objects.filter(owner=ravi).count() == 1


def test_back_to_the_queue(case, ravi):
    mine = claim(case, ravi)
    response = Browser(ravi).follow(HAND_OVER, case=mark(mine), to="queue", reason="On leave")
    assert "1 case back in the queue." in words(response)
    assert Case.objects.get().state == CaseState.QUEUED


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"to": ""}, "Choose a colleague, or the queue"),
        ({"to": "12345"}, "Choose a colleague, or the queue"),
        ({"to": "queue", "reason": " "}, "Say why"),
        ({"to": "queue", "case": []}, "Tick at least one case"),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_lost(case, ravi, samira, fields, said):
    mine = claim(case, ravi)
    fields = {"case": mark(mine), "to": "queue", "reason": "On leave", **fields}
    response = Browser(ravi).post(HAND_OVER, **fields)
    assert response.status_code == 400
    assert said in words(response)
    assert fields["reason"] in response.content.decode()
    mine.refresh_from_db()
    assert mine.owner == ravi


def test_one_that_changed_is_told_and_the_others_go(harbour, clara, ravi, samira):
    cases = [claim(make.flagged_case(harbour, logged_by=clara), ravi) for _ in range(2)]
    marks = [mark(case) for case in cases]
    caseload.claim(case=cases[0], by=samira, seen=cases[0].lock, take_over=True)
    response = Browser(ravi).follow(HAND_OVER, case=marks, to="queue", reason="On leave")
    assert "changed by Samira Okafor" in words(response)
    assert "1 case back in the queue." in words(response)
    assert set(Case.objects.values_list("owner", flat=True)) == {samira.pk, None}


def test_of_another_practice_nothing_is_shown(case, ravi, lakeside):
    stranger = make.person("stranger", lakeside, Role.REVIEWER)
    mine = claim(case, ravi)
    browser = Browser(stranger)
    response = browser.get(HAND_OVER, case=mark(mine))
    assert heading(response) == "No claimed case to hand over"
    browser.post(HAND_OVER, case=mark(mine), to="queue", reason="Mine now")
    mine.refresh_from_db()
    assert mine.owner == ravi


def test_the_history_of_the_case_tells(case, ravi, samira):
    mine = claim(case, ravi)
    caseload.hand_over(case=mine, to=samira, reason="On leave", by=ravi, seen=mine.lock)
    text = Browser(ravi).read(reverse("case", args=[case.pk]))
    assert "Handed over by Ravi Shah: “On leave”" in text


def test_a_case_of_mine_is_handed_over_from_its_page(case, ravi, samira):
    mine = claim(case, ravi)
    address = f"{HAND_OVER}?case={mark(mine)}"
    page = reverse("case", args=[case.pk])
    assert address in Browser(ravi).get(page).content.decode()
    assert address not in Browser(samira).get(page).content.decode()
    assert heading(Browser(ravi).get(address)) == "Hand over 1 case"
