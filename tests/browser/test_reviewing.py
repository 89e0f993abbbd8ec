"""A full medication review in a real browser: counted, by mouse, keys, and without JavaScript."""

import re

import pytest
from playwright.sync_api import expect

from reviews.models import Reading, StructuredReview
from tests import make
from tests.browser.test_pages import ALL, faults

pytestmark = pytest.mark.browser
MOST = 12
"""Clicks and keys of a full review, from the case to what is saved."""


@pytest.fixture
def costa(harbour, clara):
    return make.case_of_three_matters(harbour, logged_by=clara)


class Hand:
    """Clicks, and counts them."""

    def __init__(self, page):
        self.page, self.clicks = page, 0

    def click(self, name, role="radio", within=None):
        self.clicks += 1
        (within or self.page).get_by_role(role, name=name).first.click()

    def answer(self, part, name, role="radio"):
        self.click(name, role, self.page.locator(f"#ask-{part}"))


def test_a_full_review_takes_twelve_clicks_from_the_case(visit, ravi, costa, capsys):
    hand = Hand(visit(ravi, f"/cases/{costa.pk}"))
    hand.click(re.compile("Record a review"), "link")
    hand.answer("came_to", "Taper offered, accepted")
    hand.answer("needed", "Helps a little")
    hand.answer("signs", "None of these", "checkbox")
    hand.answer("falls", "None")
    hand.answer("naloxone", "Offered", "radio")
    hand.answer("driving", "Does not drive")
    hand.answer("alcohol", "None")
    hand.answer("others", "None")
    hand.answer("advice", "Given today")
    hand.answer("shared", "Agreed together")
    expect(hand.page.locator("#would")).to_contain_text("REV-01 clear")
    hand.click(re.compile("Save the review"), "button")
    expect(hand.page.get_by_role("status").first).to_contain_text("Review saved")
    with capsys.disabled():
        print(f"\na full review from the case: {hand.clicks} clicks, no keys")
    assert hand.clicks <= MOST
    made = StructuredReview.objects.get()
    assert made.case == costa
    assert len(made.answers) == 10
    assert made.next_on == make.day(90)
    assert Reading.objects.filter(pk__in=made.reading_ids).count() == 16


def test_by_keyboard_alone(visit, ravi, costa, capsys):
    page = visit(ravi, f"/patients/{costa.patient_id}/review")
    page.locator("[name=outcome][value=done]").focus()
    keys = 0

    def press(key, times=1):
        nonlocal keys
        keys += times
        for _ in range(times):
            page.keyboard.press(key)

    press("Tab")  # into "What comes of it"
    press("Space")
    expect(page.locator("#ask-came_to [value=taper]")).to_be_checked()
    press("Control+Enter")
    expect(page.get_by_role("status").first).to_contain_text("Review saved")
    with capsys.disabled():
        print(f"\nthe shortest review by keyboard: {keys} keys")
    assert StructuredReview.objects.get().answers.keys() == {"came_to"}


@pytest.mark.parametrize("js", [True, False])
def test_a_refusal_is_told_and_nothing_is_lost(visit, ravi, costa, js):
    page = visit(ravi, f"/patients/{costa.patient_id}/review", js=js)
    page.locator("#ask-signs").get_by_label("Memory problems").check()
    page.locator("#ask-signs").get_by_role("textbox").fill("Forgets names")
    page.get_by_role("button", name=re.compile("Save the review")).click()
    told = page.get_by_role("alert")
    expect(told).to_contain_text("Say what comes of it")
    if js:
        expect(told).to_be_focused()
    expect(page.locator("#ask-signs").get_by_label("Memory problems")).to_be_checked()
    expect(page.locator("#ask-signs").get_by_role("textbox")).to_have_value("Forgets names")
    told.get_by_role("link").click()
    page.locator("#ask-came_to").get_by_label("Referred").check()
    page.get_by_role("button", name=re.compile("Save the review")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Medication review of")


def test_none_of_these_stands_alone(visit, ravi, costa):
    page = visit(ravi, f"/patients/{costa.patient_id}/review")
    signs = page.locator("#ask-signs")
    signs.get_by_label("Memory problems").check()
    signs.get_by_label("None of these").check()
    expect(signs.get_by_label("Memory problems")).not_to_be_checked()
    signs.get_by_label("Memory problems").check()
    expect(signs.get_by_label("None of these")).not_to_be_checked()


def test_the_pages_are_accessible_and_fit(visit, ravi, clara, costa):
    make.review(
        costa.patient,
        clara,
        reviewed_on=make.day(-60),
        answers={"came_to": ("declined",), "alcohol": ("moderate",)},
        words={"came_to": "Wants time"},
    )
    made = make.review(costa.patient, ravi, unchanged=True, matters="To sleep through", egfr=58)
    page = visit(ravi, f"/patients/{costa.patient_id}/review?case={costa.pk}")
    page.locator("#ask-came_to [value=taper]").check()
    page.locator(".change summary").first.click()
    expect(page.locator("#would")).to_contain_text("Records")
    found = faults(page, ALL)
    page.goto(f"/patients/{costa.patient_id}/reviews/{made.pk}")
    assert [*found, *faults(page, ALL)] == []
