"""Escalated and answered, decided and done, in a real browser: counted, and looked at."""

import re

import pytest
from playwright.sync_api import expect

from reviews.messaging import Draft
from reviews.models import Case, CaseState, Decision, FindingOpinion, Flag, Message
from reviews.verbs import messages, opinions
from tests import make
from tests.browser.test_pages import ALL, faults
from tests.browser.test_reviewer import decide_all

pytestmark = pytest.mark.browser
ESCALATED_AND_ANSWERED = 6
"""Keys, clicks and fields of all who take part."""


@pytest.fixture
def costa(harbour, clara):
    return make.case_of_three_matters(harbour, logged_by=clara)


def ask(case, by, to, text="Could the morphine be shorter?"):
    return messages.write(case=case, draft=Draft(text=text, to=to), by=by)


def test_an_escalated_case_is_answered_in_six(visit, ravi, clara, costa, capsys):
    presses = 0
    page = visit(ravi, f"/cases/{costa.pk}")
    page.keyboard.press("e")  # the prescriber is chosen first
    page.get_by_label("What is asked of them").last.fill("Your call, please")
    page.get_by_role("button", name="Escalate", exact=True).click()
    presses += 3  # the key, the field, the button
    expect(page.get_by_role("status").first).to_contain_text("Escalated")
    hers = visit(clara, "/my-work")
    expect(hers.get_by_role("heading", level=1)).to_have_text("1 message waits for your answer")
    hers.get_by_label("Will do").check()
    hers.get_by_role("button", name="Send to Ravi Shah").click()
    presses += 2
    expect(hers.get_by_role("status").first).to_contain_text("Answered: will do")
    assert Case.objects.get(pk=costa.pk).state == CaseState.QUEUED
    back = visit(ravi, "/my-work")
    expect(back.get_by_role("main")).to_contain_text("Answers that came back")
    back.get_by_role("link", name=re.compile("Bell|Jonathan")).first.click()
    presses += 1
    expect(back.get_by_role("heading", level=1)).to_have_text("Clara Moreau will do it")
    with capsys.disabled():
        print(f"\nescalated, answered and read: {presses} keys, clicks and fields")
    assert presses <= ESCALATED_AND_ANSWERED


def test_an_escalation_is_answered_by_keys_alone(visit, ravi, clara, costa):
    page = visit(ravi, f"/cases/{costa.pk}")
    page.keyboard.press("e")
    page.get_by_label("What is asked of them").last.focus()
    page.keyboard.type("Your call, please")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status").first).to_contain_text("Escalated")
    hers = visit(clara, "/my-work")
    hers.get_by_label("Will do").focus()
    hers.keyboard.press("Space")
    hers.get_by_role("button", name="Send to Ravi Shah").focus()
    hers.keyboard.press("Enter")
    expect(hers.get_by_role("status").first).to_contain_text("Answered: will do")
    assert Case.objects.get(pk=costa.pk).state == CaseState.QUEUED


def test_a_decision_its_message_the_question_back_and_the_end(visit, ravi, clara, costa):
    page = visit(ravi, f"/cases/{costa.pk}")
    decide_all(page)
    page.get_by_text("Send a message with it").click()
    page.locator("#decide #message").fill("Could the morphine be shorter?")
    page.get_by_role("button", name=re.compile("^Decide")).click()
    expect(page.get_by_role("status").first).to_contain_text("Decision saved")
    message = Message.objects.get()
    assert (message.to, message.decision) == (clara, Decision.objects.get())

    hers = visit(clara, "/my-work", js=False)
    hers.get_by_role("radio", name="A question").check()
    hers.get_by_label(re.compile("In words")).fill("Which first?")
    hers.get_by_role("button", name="Send to Ravi Shah").click()
    expect(hers.get_by_role("status").first).to_contain_text("Answered: a question")

    page.goto("/my-work")
    page.get_by_role("link", name="Reply in the thread").click()
    page.get_by_label(re.compile("Your reply")).fill("Diazepam first")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status").first).to_contain_text("Sent to Clara Moreau")
    expect(page.get_by_role("main")).to_contain_text("Nothing.")
    assert not Message.objects.filter(due_at__isnull=False, closed_at__isnull=True).exists()


def test_the_answer_asks_only_for_what_it_needs(visit, ravi, clara, costa):
    ask(costa, ravi, clara)
    page = visit(clara, "/my-work")
    because = page.get_by_label("Because", exact=True)
    expect(because).to_be_hidden()
    page.get_by_role("radio", name="Not appropriate, because").check()
    expect(because).to_be_visible()
    because.select_option("other")
    page.get_by_role("button", name="Send to Ravi Shah").click()
    told = page.get_by_role("alert")
    expect(told).to_contain_text("Say it in words")
    expect(told).to_be_focused()
    expect(page.get_by_label("Because", exact=True)).to_have_value("other")


def test_unhelpful_is_said_in_two_clicks(visit, clara, costa):
    page = visit(clara, "/my-work")
    row = page.locator(".unhelpful").first
    row.locator("summary").click()
    row.get_by_role("button", name="Known already").click()
    expect(page.get_by_role("main")).to_contain_text("you said: unhelpful, known already")
    assert FindingOpinion.objects.get().where == "work"


def test_the_pages_are_accessible_and_fit(visit, ravi, clara, ada, costa):
    asked = ask(costa, ravi, clara)
    page = visit(clara, "/my-work")
    page.locator(".unhelpful summary").first.click()
    found = faults(page, ALL)
    page.goto(f"/messages/{asked.pk}/answer")
    found += faults(page)
    messages.answer(message=asked, answer="question", text="Which first?", by=clara)
    ask(costa, ravi, clara, "And the diazepam?")
    his = visit(ravi, f"/cases/{costa.pk}/thread")
    his.locator(".thread details summary").first.click()
    found += faults(his, ALL)
    his.goto("/my-work")
    found += faults(his)
    his.goto(f"/cases/{costa.pk}")
    his.get_by_text("Send a message with it").click()
    his.get_by_role("button", name="Unfold all lines").click()
    found += faults(his)
    flag = Flag.objects.open().filter(case=costa).first()
    opinions.say(
        rule_id=flag.rule_id,
        practice=costa.practice,
        because="short",
        where="work",
        flag=flag,
        by=clara,
    )
    found += faults(visit(ada, "/unhelpful"), ALL)
    assert found == []
