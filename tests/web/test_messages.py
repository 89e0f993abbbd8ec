"""The pages of messages: written with a decision, answered in My work, read in the thread."""

import pytest
from django.urls import reverse

from reviews.messaging import Draft
from reviews.models import Case, CaseState, Decision, FindingOpinion, Flag, Message
from reviews.verbs import messages, sensitive
from tests import make
from tests.web.browse import Browser, heading, words
from tests.web.test_prescribing import MORPHINE, fields


@pytest.fixture
def urgent(harbour, clara):
    return make.urgent_case(harbour, logged_by=clara)


@pytest.fixture
def asked(urgent, ravi, clara):
    draft = Draft(text="Could the morphine be shorter?", to=clara)
    return messages.write(case=urgent, draft=draft, by=ravi)


def decision(case, **more):
    fields = {"seen": case.lock, "note": ""}
    for flag in Flag.objects.open().filter(case=case):
        fields |= {f"outcome-{flag.pk}": "refer", f"reason-{flag.pk}": "service_needed"}
    return fields | more


def test_a_decision_carries_what_was_written(urgent, ravi, clara):
    browser = Browser(ravi)
    page = browser.read(reverse("case", args=[urgent.pk]))
    assert "Clara Moreau, prescriber" in page
    fields = decision(urgent, message="Please shorten it", message_to=f"user-{clara.pk}")
    browser.post(reverse("case-decide", args=[urgent.pk]), **fields)
    assert Message.objects.get().decision == Decision.objects.get()


def test_a_message_that_cannot_go_keeps_the_decision_back(harbour, ravi, clara):
    case = make.flagged_case(harbour, logged_by=clara)
    fields = decision(case, message="Please", message_to=f"user-{ravi.pk}")
    answer = Browser(ravi).post(reverse("case-decide", args=[case.pk]), **fields)
    assert answer.status_code == 400
    assert "choose somebody else" in words(answer)
    assert "Please</textarea>" in answer.content.decode()
    assert not Decision.objects.exists()
    assert not Message.objects.exists()


def test_my_work_answers_in_place(asked, ravi, clara):
    browser = Browser(clara)
    answer = browser.get(reverse("my-work"))
    assert heading(answer) == "1 message waits for your answer"
    text = words(answer)
    assert "Could the morphine be shorter?" in text
    assert "Morphine 10 mg tablets" in text
    assert "Diazepam" in text
    browser.follow(
        reverse("message-answer", args=[asked.pk]), answer="will_do", promised_on="+2d", text="Yes"
    )
    after = browser.read(reverse("my-work"))
    assert "You said you would do" in after
    back = Browser(ravi).read(reverse("my-work"))
    assert "Answers that came back" in back
    assert "“Yes”" in back


def test_what_is_refused_is_shown_with_all_that_was_typed(asked, clara):
    answer = Browser(clara).post(
        reverse("message-answer", args=[asked.pk]),
        answer="not_appropriate",
        because="other",
        text="",
        asks_back="yes",
    )
    assert answer.status_code == 422
    assert "Say it in words" in words(answer)
    page = answer.content.decode()
    assert 'value="not_appropriate" checked' in page
    assert Message.objects.count() == 1


def test_the_thread_says_who_does_what_next(asked, urgent, ravi, clara):
    address = reverse("case-thread", args=[urgent.pk])
    assert heading(Browser(ravi).get(address)) == "Waits for Clara Moreau"
    Browser(clara).read(address)
    asked.refresh_from_db()
    assert asked.seen_at is not None
    Browser(clara).post(
        reverse("message-answer", args=[asked.pk]),
        answer="done",
        did="spoken",
        text="Which first?",
        asks_back="yes",
        back="thread",
    )
    answer = Browser(ravi).get(address)
    assert heading(answer) == "Clara Moreau has done it, and asks something back"
    assert "You: answer what is asked back" in words(answer)
    Browser(ravi).post(
        reverse("case-message", args=[urgent.pk]),
        message="Diazepam first",
        message_to=f"user-{clara.pk}",
        asks="no",
    )
    text = Browser(ravi).read(address)
    assert "Diazepam first" in text
    assert "Nothing." in text
    assert "Diazepam first" in Browser(ravi).read(reverse("case", args=[urgent.pk]))


def test_an_escalated_case_is_answered_from_my_work(urgent, ravi, clara):
    Browser(ravi).post(
        reverse("case-escalate", args=[urgent.pk]),
        to=f"user-{clara.pk}",
        reason="Your call",
        seen=urgent.lock,
    )
    urgent.refresh_from_db()
    assert urgent.state == CaseState.ESCALATED
    text = Browser(clara).read(reverse("my-work"))
    assert "Ravi Shah escalated it to you" in text
    message = Message.objects.get()
    Browser(clara).post(reverse("message-answer", args=[message.pk]), answer="done", did="spoken")
    assert Case.objects.get(pk=urgent.pk).state == CaseState.QUEUED


def test_the_api_says_the_thread(asked, urgent, ravi, clara):
    messages.answer(
        message=asked, answer="not_appropriate", because="patient_declined", by=clara, text="Asked"
    )
    browser = Browser(ravi)
    rows = browser.get(reverse("api-messages"), case=urgent.pk).json()["results"]
    assert [row["answer"] for row in rows] == ["", "not_appropriate"]
    assert rows[1]["answers"] == rows[0]["id"] == asked.pk
    assert rows[0]["closed_at"] is not None
    assert browser.get(reverse("api-messages"), state="waits").json()["results"] == []
    sensitive.mark(patient=urgent.patient, kind="staff", reason="A nurse here", by=ravi)
    assert browser.get(reverse("api-messages"), case=urgent.pk).json()["results"] == []


def test_unhelpful_is_said_in_my_work_and_answered(urgent, clara, ada):
    browser = Browser(clara)
    assert "Your flagged prescriptions" in browser.read(reverse("my-work"))
    flag = Flag.objects.open().filter(case=urgent).order_by("severity").first()
    address = reverse("finding-unhelpful", args=[urgent.patient_id, flag.rule_id])
    browser.post(f"{address}?where=work&flag={flag.pk}", unhelpful="known")
    assert "you said: unhelpful, known already" in browser.read(reverse("my-work"))
    admin = Browser(ada)
    assert "Known already" in admin.read(reverse("opinions"))
    made = FindingOpinion.objects.get()
    refused = admin.post(reverse("opinion-answer", args=[made.pk]), answer=" ")
    assert refused.status_code == 400
    admin.post(reverse("opinion-answer", args=[made.pk]), answer="It stays: it saved somebody")
    assert "It stays: it saved somebody" in browser.read(reverse("my-work"))
    assert heading(admin.get(reverse("opinions"))) == "Nobody waits for an answer"


def test_at_the_preview_one_press_says_it(urgent, clara):
    address = reverse("finding-unhelpful", args=[urgent.patient_id, "OPI-01"])
    answer = Browser(clara).client.post(
        f"{address}?where=preview", {"unhelpful": "short"}, headers={"HX-Request": "true"}
    )
    assert "You said: unhelpful, short course" in words(answer)
    assert FindingOpinion.objects.get().flag is None
    bell = make.patient(urgent.practice, clara)
    make.prescription(bell, clara)
    page = Browser(clara).post(
        reverse("prescription-preview", args=[bell.pk]), **fields(product=MORPHINE)
    )
    assert "Unhelpful, because" in words(page)


def test_an_opinion_of_another_practice_is_not_taken(lakeside, urgent):
    doctor = make.person("doc", lakeside, "clinician")
    address = reverse("finding-unhelpful", args=[urgent.patient_id, "OPI-01"])
    assert Browser(doctor).post(address, unhelpful="short").status_code == 404
    assert not FindingOpinion.objects.exists()
