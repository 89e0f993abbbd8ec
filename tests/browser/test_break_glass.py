"""A record of another practice in an emergency, and one that is marked: in a real browser."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from reviews.models import BreakGlass
from reviews.verbs import sensitive

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LOOKS = [(width, scheme) for width in (1440, 360) for scheme in ("light", "dark")]


def is_for_everybody(page, width):
    faults = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in faults] == [], page.url
    assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url


def test_a_record_is_opened_by_keyboard_alone_and_without_scripts(visit, quillfeather, dora):
    page = visit(dora, "/emergency", js=False)
    page.locator("#id_number").focus()
    page.keyboard.type("1Quillfeather")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Found 1")).to_be_visible()
    page.get_by_label("Why you need it now").focus()
    page.keyboard.type("Brought in drowsy, asks for her tablets")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/patients/{quillfeather.patient.pk}")
    assert BreakGlass.objects.get().by == dora


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_the_pages_of_an_emergency_are_for_everybody(visit, quillfeather, dora, width, scheme):
    page = visit(dora, "/emergency", width=width, scheme=scheme)
    is_for_everybody(page, width)
    page.locator("#id_number").fill("nobody has this")
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_text("Nobody has exactly this")).to_be_visible()
    is_for_everybody(page, width)
    page.locator("#id_number").fill("1Quillfeather")
    page.get_by_role("button", name="Look up").click()
    is_for_everybody(page, width)
    page.get_by_role("button", name="Open for 60 minutes").click()
    is_for_everybody(page, width)
    page.get_by_label("Why you need it now").fill("Brought in drowsy")
    page.get_by_role("button", name="Open for 60 minutes").click()
    page.wait_for_url(f"**/patients/{quillfeather.patient.pk}")
    is_for_everybody(page, width)
    page.goto(f"/cases/{quillfeather.case.pk}")
    is_for_everybody(page, width)


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_the_pages_of_a_marked_record_are_for_everybody(
    visit, quillfeather, samira, ravi, width, scheme
):
    page = visit(
        samira, f"/patients/{quillfeather.patient.pk}/sensitive", width=width, scheme=scheme
    )
    is_for_everybody(page, width)
    sensitive.mark(
        patient=quillfeather.patient, kind="staff", reason="works at this practice", by=samira
    )
    page = visit(ravi, f"/cases/{quillfeather.case.pk}", width=width, scheme=scheme)
    expect(page.get_by_role("heading", level=1)).to_contain_text("is marked as sensitive")
    is_for_everybody(page, width)
    page.keyboard.press("Tab")
    page.get_by_role("textbox").last.fill("Her review is due")
    page.get_by_role("button", name="Open the record").click()
    page.wait_for_url(f"**/cases/{quillfeather.case.pk}")
    is_for_everybody(page, width)
    page.goto("/patients")
    is_for_everybody(page, width)
