"""A work session: the list as it stood, its order, what colleagues take of it, and its end."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from reviews import conclusions
from reviews.conclusions import FlagOutcome
from reviews.messaging import Draft
from reviews.models import (
    AuditEvent,
    Case,
    CaseState,
    Decision,
    Flag,
    Outcome,
    Reason,
    WorkSession,
    WorkVisit,
)
from reviews.queries import walking
from reviews.queries.walking import Stands, Times
from reviews.verbs import caseload, decide, messages, prescribe, screen
from tests import make
from tests.web.browse import BACKEND, words


@pytest.fixture
def cases(harbour, clara):
    """Five cases alike, in the order of the queue."""
    for number in range(5):
        treated = make.patient(harbour, clara, family_name=f"Okonkwo{number}")
        make.prescription(treated, clara, start=-34, days=35)
    screen.drain()
    return list(Case.objects.open().ranked())


def signed_in(user):
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client


def read(browser, address):
    """The markup of a page."""
    answer = browser.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def opened(browser, case, text=""):
    """Open a case from a list; returns the address within the session."""
    answer = browser.get(f"/cases/{case.pk}?list={text}", follow=True)
    assert answer.status_code == 200
    return answer


def decide_on(case, by, outcome=Outcome.TAPER, reason=Reason.AGREED_WITH_PATIENT):
    case.refresh_from_db()
    return decide.decide(
        case=case,
        outcomes=[
            FlagOutcome(flag.pk, outcome, reason) for flag in Flag.objects.open().filter(case=case)
        ],
        by=by,
        seen=case.lock,
    )


def stands(session, user):
    return [stop.stands for stop in walking.walk(session, user).stops]


def test_a_case_opened_from_a_list_has_its_place_in_it(cases, ravi):
    browser = signed_in(ravi)
    text = words(opened(browser, cases[2], "severity%3D2"))
    assert "3 of 5 · S2 Review" in text
    session = WorkSession.objects.get()
    assert session.case_ids == [case.pk for case in cases]
    assert (session.query, session.found) == ("severity=2", "5")
    assert f"/cases/{cases[3].pk}?session={session.pk}" in read(
        browser, f"/cases/{cases[2].pk}?session={session.pk}"
    )
    assert WorkVisit.objects.get().case == cases[2]


def test_the_same_list_goes_on_as_the_same_session_until_it_is_left(cases, ravi):
    browser = signed_in(ravi)
    opened(browser, cases[0])
    opened(browser, cases[1])
    [session] = WorkSession.objects.all()
    browser.post(reverse("work-session-leave", args=[session.pk]))
    opened(browser, cases[1])
    assert WorkSession.objects.count() == 2
    WorkSession.objects.update(started_at=timezone.now() - timedelta(days=1))
    opened(browser, cases[1])
    assert WorkSession.objects.count() == 3
    opened(browser, cases[1], "owner%3Dnone")
    assert WorkSession.objects.count() == 4


def test_deciding_leads_along_the_list_past_what_colleagues_took(
    cases, harbour, clara, ravi, samira
):
    browser = signed_in(ravi)
    opened(browser, cases[0], "severity%3D2")
    session = WorkSession.objects.get()
    caseload.claim(case=cases[1], by=samira, seen=cases[1].lock)
    decide_on(cases[2], samira)
    worse = make.urgent_case(harbour, logged_by=clara)  # it would come first in the queue
    flags = Flag.objects.open().filter(case=cases[0])
    data = {"seen": cases[0].lock, "note": ""}
    for flag in flags:
        data[f"outcome-{flag.pk}"], data[f"reason-{flag.pk}"] = "taper", "agreed_with_patient"
    answer = browser.post(f"/cases/{cases[0].pk}/decide?session={session.pk}", data)
    assert answer.url == f"/cases/{cases[3].pk}?session={session.pk}"
    assert stands(session, ravi) == [
        *(Stands.DECIDED, Stands.TAKEN, Stands.TAKEN, Stands.OPEN, Stands.OPEN)
    ]
    decide_on(cases[3], ravi)
    decide_on(cases[4], ravi)
    text = read(browser, f"/cases/{cases[4].pk}?session={session.pk}")
    assert f"/cases/{worse.pk}" not in text
    assert "End of the list" in text


def test_previous_and_next_keep_the_order_and_do_not_turn_back(cases, ravi, samira):
    opened(signed_in(ravi), cases[0])
    session = WorkSession.objects.get()
    caseload.claim(case=cases[1], by=samira, seen=cases[1].lock)
    walked = walking.walk(session, ravi)
    assert walked.next(cases[0]) == cases[2].pk
    assert walked.previous(cases[2]) == cases[0].pk
    assert walked.previous(cases[0]) is None
    assert walked.next(cases[4]) is None
    assert walked.first_left == cases[0].pk


def test_what_the_portal_cleared_is_skipped(cases, clara, ravi):
    opened(signed_in(ravi), cases[0])
    session = WorkSession.objects.get()
    prescribe.withdraw(
        prescription=cases[1].patient.prescriptions.live().get(),
        reason="entered twice",
        status="entered-in-error",
        by=clara,
    )
    screen.drain()
    assert stands(session, ravi)[1] == Stands.CLEARED
    assert walking.walk(session, ravi).next(cases[0]) == cases[2].pk


def test_the_end_adds_up(cases, clara, ravi, samira):
    browser = signed_in(ravi)
    opened(browser, cases[0])
    session = WorkSession.objects.get()
    decide_on(cases[0], ravi)
    caseload.snooze(
        case=cases[1], until=make.day(5), reason="Blood test", by=ravi, seen=cases[1].lock
    )
    decide_on(cases[2], samira)
    opened(browser, cases[3])
    address = reverse("work-session", args=[session.pk])
    text = words(browser.get(address))
    assert "1 of 5 decided, 3 left" in text
    assert "Reduce or taper: length of use" in text
    assert "Snoozed until" in text
    assert "“Blood test”" in text
    assert "Opened, not decided" in text
    assert "Not opened" in text
    assert "Samira Okafor, decided" in text
    counts = walking.walk(session, ravi).counts
    parts = ("decided", "proposed", "taken", "cleared", "open", "aside")
    assert sum(counts[part] for part in parts) == counts["all"] == 5
    assert words(browser.get(address)).count("more in this list now") == 0


def test_the_end_says_what_was_asked_of_others_and_answered(cases, clara, ravi):
    browser = signed_in(ravi)
    opened(browser, cases[0])
    session = WorkSession.objects.get()
    asked = [
        messages.write(case=case, draft=Draft(text="Could you call them?", to=clara), by=ravi)
        for case in cases[:2]
    ]
    messages.answer(message=asked[0], answer="done", did="spoken", by=clara)
    text = words(browser.get(reverse("work-session", args=[session.pk])))
    assert "2 messages sent, 1 answered already" in text.replace(" ,", ",")
    assert "Clara Moreau: done already" in text
    assert "“Could you call them?”" not in text
    assert text.count("Could you call them?") == 1, "of the one that waits"


def test_a_matter_offers_to_ask_its_prescriber_and_the_session_stays(cases, clara, ravi):
    browser = signed_in(ravi)
    opened(browser, cases[0])
    session = WorkSession.objects.get()
    page = read(browser, f"/cases/{cases[0].pk}?session={session.pk}")
    thread = f"/cases/{cases[0].pk}/thread?session={session.pk}"
    assert f'href="{thread}#write">Message Clara Moreau' in page
    assert f'href="/cases/{cases[0].pk}?session={session.pk}">The case' in read(browser, thread)
    sent = browser.post(
        f"/cases/{cases[0].pk}/messages?session={session.pk}",
        {"message_to": f"user-{clara.pk}", "message": "Could you call them?"},
    )
    assert (sent.status_code, sent.url) == (302, thread)


def test_what_came_into_the_list_since_is_told_and_not_walked(cases, harbour, clara, ravi):
    browser = signed_in(ravi)
    opened(browser, cases[0])
    session = WorkSession.objects.get()
    make.urgent_case(harbour, logged_by=clara)
    assert "1 more in this list now" in words(
        browser.get(reverse("work-session", args=[session.pk]))
    )
    assert len(walking.walk(session, ravi).stops) == 5


def test_the_address_can_be_shared(cases, ravi, samira, lakeside):
    opened(signed_in(ravi), cases[0])
    session = WorkSession.objects.get()
    decide_on(cases[0], ravi)
    text = words(signed_in(samira).get(f"/cases/{cases[1].pk}?session={session.pk}"))
    assert "2 of 5 · All open, Ravi Shah’s list" in text
    assert stands(session, samira)[0] == Stands.TAKEN
    stranger = make.person("stranger", lakeside, "reviewer")
    assert signed_in(stranger).get(f"/sessions/{session.pk}").status_code == 404


def test_a_shared_search_does_not_tell_the_name_that_was_typed(cases, ravi, samira):
    opened(signed_in(ravi), cases[1], "q%3Dokonkwo1")
    session = WorkSession.objects.get()
    assert session.case_ids == [cases[1].pk]
    assert "“okonkwo1”" in session.name
    told = AuditEvent.objects.get(verb="work_session.begun")
    assert told.detail == {"cases": 1, "query": ""}
    shared = read(signed_in(samira), f"/cases/{cases[1].pk}?session={session.pk}")
    assert "okonkwo1”" not in shared
    assert "A search" in shared


def test_ticked_cases_are_walked_and_no_others(cases, ravi):
    browser = signed_in(ravi)
    ticked = [f"{case.pk}:{case.lock}" for case in (cases[1], cases[3])]
    answer = browser.post(
        reverse("queue-claim"), {"case": ticked, "do": "work", "back": "?severity=2"}
    )
    session = WorkSession.objects.get()
    assert answer.url == f"/cases/{cases[1].pk}?session={session.pk}"
    assert session.case_ids == [cases[1].pk, cases[3].pk]
    assert session.name == "2 ticked of “S2 Review”"
    none = browser.post(reverse("queue-claim"), {"do": "work"}, follow=True)
    assert "Tick the cases that you want to work through" in none.content.decode()


def test_my_work_and_a_search_are_lists_too(cases, ravi):
    browser = signed_in(ravi)
    for case in cases[:2]:
        caseload.claim(case=case, by=ravi, seen=case.lock)
    assert f"/cases/{cases[0].pk}?list=work%3Amine" in read(browser, "/my-work")
    opened(browser, cases[0], "work%3Amine")
    assert WorkSession.objects.get().case_ids == [cases[0].pk, cases[1].pk]
    assert "?list=search:Okonkwo" in read(browser, "/search?q=Okonkwo")
    opened(browser, cases[4], "search:Okonkwo")
    session = WorkSession.objects.latest("pk")
    assert sorted(session.case_ids) == sorted(case.pk for case in cases)
    assert session.name == "Search “Okonkwo”"


def test_a_case_that_left_the_list_meanwhile_is_opened_all_the_same(cases, ravi, samira):
    caseload.claim(case=cases[2], by=samira, seen=cases[2].lock)
    opened(signed_in(ravi), cases[2], "owner%3Dnone")
    assert WorkSession.objects.get().case_ids[0] == cases[2].pk


def test_a_session_asks_a_fixed_number_of_queries(cases, ravi, django_assert_max_num_queries):
    opened(signed_in(ravi), cases[0])
    session = WorkSession.objects.get()
    with django_assert_max_num_queries(5):
        walking.walk(session, ravi)


WORDS = ((20, "½ minute"), (60, "1 minute"), (92, "1½ minutes"), (240, "4 minutes"))


def test_minutes_are_from_the_first_case_to_the_last_decision():
    now = timezone.now()
    for seconds, said in WORDS:
        times = Times(since=now, until=now, each=timedelta(seconds=seconds))
        assert times.each_in_words == said
    assert Times(since=now, until=now + timedelta(minutes=58), each=None).minutes == 58


class TestUndo:
    def test_the_message_takes_it_back(self, cases, ravi):
        browser = signed_in(ravi)
        opened(browser, cases[0])
        session = WorkSession.objects.get()
        flags = Flag.objects.open().filter(case=cases[0])
        data = {"seen": cases[0].lock, "note": ""}
        for flag in flags:
            data[f"outcome-{flag.pk}"], data[f"reason-{flag.pk}"] = "taper", "agreed_with_patient"
        told = browser.post(
            f"/cases/{cases[0].pk}/decide?session={session.pk}", data, follow=True
        ).content.decode()
        decision = Decision.objects.get()
        assert "Decision saved for" in told
        assert "until 23:59 today" in told
        assert f"/cases/{cases[0].pk}?session={session.pk}#decide" in told
        back = browser.post(
            f"/decisions/undo?session={session.pk}", {"decision": decision.pk}, follow=True
        )
        assert "Taken back for" in back.content.decode()
        assert back.redirect_chain[-1][0] == f"/cases/{cases[0].pk}?session={session.pk}"
        cases[0].refresh_from_db()
        assert (cases[0].state, cases[0].owner) == (CaseState.CLAIMED, ravi)
        assert stands(session, ravi)[0] == Stands.OPEN

    def test_not_what_another_decision_followed(self, cases, ravi, samira):
        first = decide_on(cases[0], ravi)
        decide.undo_this(decision=first, reason="Wrong patient", by=ravi)
        second = decide_on(cases[0], ravi)
        told = signed_in(samira).post("/decisions/undo", {"decision": first.pk}, follow=True)
        assert "this is not what holds any more" in told.content.decode()
        assert conclusions.newest(cases[0]) == second

    def test_not_tomorrow(self, cases, ravi, monkeypatch):
        decision = decide_on(cases[0], ravi)
        monkeypatch.setattr(conclusions, "may_undo", lambda _: False)
        told = signed_in(ravi).post("/decisions/undo", {"decision": decision.pk}, follow=True)
        assert "on the day it was made" in told.content.decode()
        assert Case.objects.get(pk=cases[0].pk).state == CaseState.DECIDED

    def test_several_and_each_that_cannot_be_is_told(self, cases, ravi):
        decisions = [decide_on(case, ravi) for case in cases[:3]]
        decide.undo_this(decision=decisions[1], reason="Wrong patient", by=ravi)
        told = signed_in(ravi).post(
            "/decisions/undo", {"decision": [each.pk for each in decisions]}, follow=True
        )
        assert "not what holds any more" in told.content.decode()
        assert "Taken back for" in told.content.decode()
        assert not Decision.objects.standing().exists()

    def test_nobody_takes_back_what_they_may_not_see(self, cases, ravi, lakeside):
        decision = decide_on(cases[0], ravi)
        stranger = make.person("stranger", lakeside, "reviewer")
        answer = signed_in(stranger).post("/decisions/undo", {"decision": decision.pk})
        assert answer.status_code == 404
