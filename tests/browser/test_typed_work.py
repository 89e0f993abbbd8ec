"""What was typed outlives its session, and a page that was not checked becomes true by itself."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.sessions.models import Session
from django.urls import reverse

from reviews.models import Case, Decision
from reviews.verbs import screen
from tests import make

pytestmark = pytest.mark.browser

NOT_CHECKED = ".not-checked-words, .notice.not-checked"
"""The words in the banner, and the notice above what was found."""
NOTE = "Spoke with her daughter; keeps the tablets at hers"


def faults(page):
    found = Axe().run(page).response["violations"]
    return [(each["id"], each["nodes"][0]["html"][:120]) for each in found]


@pytest.fixture
def case(harbour, clara):
    return make.flagged_case(harbour, logged_by=clara)


def sign_in(page, who):
    page.locator("[name=login]").fill(who)
    page.locator("[name=password]").fill(make.PASSWORD)
    page.locator("[name=password]").press("Enter")


@pytest.mark.parametrize("lost", ["session", "cookies"])
def test_a_decision_is_in_its_form_again_after_signing_in(visit, case, ravi, lost):
    page = visit(ravi, reverse("case", args=[case.pk]))
    outcome = page.locator("#decide select[name^=outcome-]").first
    outcome.select_option("taper")
    page.locator("#decide select[name^=reason-]").first.select_option("agreed_with_patient")
    page.get_by_label("Note for whoever acts next").fill(NOTE)
    if lost == "session":
        Session.objects.all().delete()
    else:
        page.context.clear_cookies()
    page.get_by_role("button", name=re.compile("^Decide")).click()
    page.wait_for_url("**/accounts/login/**")
    assert not Decision.objects.exists()
    sign_in(page, "ravi")
    page.wait_for_url(f"**/cases/{case.pk}")
    page.get_by_text("It is in the form again").wait_for()
    assert page.get_by_label("Note for whoever acts next").input_value() == NOTE
    assert page.locator("#decide select[name^=outcome-]").first.input_value() == "taper"
    reason = page.locator("#decide select[name^=reason-]").first
    assert reason.input_value() == "agreed_with_patient"
    assert faults(page) == []
    page.get_by_role("button", name=re.compile("^Decide")).click()
    page.get_by_text("Decision saved for").wait_for()
    assert Decision.objects.get().note == NOTE
    assert page.locator("#unsent").count() == 0


def test_without_a_script_it_is_sent_as_it_was(visit, case, ravi):
    page = visit(ravi, reverse("case", args=[case.pk]), js=False)
    page.locator("#escalate summary").click()
    page.get_by_label("What is asked of them").fill(NOTE)
    Session.objects.all().delete()
    page.locator("#escalate button").click()
    sign_in(page, "ravi")
    assert page.get_by_text(NOTE).first.is_visible()
    page.get_by_role("button", name="Send it as it was").click()
    case.refresh_from_db()
    assert case.state == "escalated"


def test_a_page_that_was_not_checked_becomes_true_and_never_says_both(visit, case, clara, ravi):
    make.prescription(case.patient, clara, "Morphine 10 mg tablets", start=-1, days=7)
    page = visit(ravi, reverse("case", args=[case.pk]))
    assert page.locator(NOT_CHECKED).count() == 2
    assert faults(page) == []
    screen.drain()
    page.get_by_text("Checked with rule book").wait_for()
    assert page.locator(NOT_CHECKED).count() == 0
    assert "Morphine started" in page.locator("h1").inner_text()


def test_it_is_not_shown_again_under_the_hands_of_somebody_who_writes(visit, case, clara, ravi):
    make.prescription(case.patient, clara, "Morphine 10 mg tablets", start=-1, days=7)
    page = visit(ravi, reverse("case", args=[case.pk]))
    page.get_by_label("Note for whoever acts next").fill(NOTE)
    screen.drain()
    page.get_by_text("This page is from before").wait_for()
    assert page.locator(NOT_CHECKED).count() == 0
    assert page.get_by_label("Note for whoever acts next").input_value() == NOTE
    assert faults(page) == []
    assert Case.objects.get(pk=case.pk).closed_at is None


@pytest.mark.parametrize("width", [1440, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_description_of_the_api(visit, width, scheme):
    page = visit(None, "/api/v1/docs/", width=width, scheme=scheme)
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    loaded = (
        "performance.getEntriesByType('resource').reduce((all, e) => all + e.decodedBodySize, 0)"
    )
    assert page.evaluate(loaded) < 100_000


def test_the_confirm_button_is_in_sight(visit, harbour, clara, ravi, samira):
    urgent = make.urgent_case(harbour, logged_by=clara)
    from_ravi = visit(ravi, reverse("case", args=[urgent.pk]))
    for name, choice in (("outcome", "continue"), ("reason", "benefit_outweighs")):
        for select in from_ravi.locator(f"#decide select[name^={name}-]:visible").all():
            select.select_option(choice)
    from_ravi.get_by_role("button", name=re.compile("^Decide")).click()
    from_ravi.get_by_text("Proposed, for a second person").wait_for()
    for height in (600, 900):
        page = visit(samira, reverse("case", args=[urgent.pk]), height=height)
        button = page.get_by_role("button", name=re.compile("^Confirm")).bounding_box()
        assert button["y"] + button["height"] <= height
    page.get_by_role("button", name=re.compile("^Confirm")).click()
    page.get_by_text("Confirmed: the decision").wait_for()
