"""A taper in a real browser: planned by mouse, by keyboard, without a script; followed; printed."""

import re

import pytest
from playwright.sync_api import expect

from reviews.models import TaperVersion
from tests import make
from tests.browser.test_pages import ALL, faults
from tests.verbs.test_taper import crossed, supply, under_way

pytestmark = pytest.mark.browser


@pytest.fixture
def treated(harbour, clara):
    """15 mg of diazepam a day for five months."""
    patient = make.patient(harbour, clara, family_name="Marlowe", given_name="Edith", age=79)
    for start in range(-128, 0, 28):
        supply(patient, clara, 15, start=start)
    return patient


def latest():
    return TaperVersion.objects.get(superseded_at=None)


def test_plan_by_mouse_and_follow_what_changes(visit, clara, treated):
    page = visit(clara, f"/patients/{treated.pk}")
    page.get_by_role("link", name="Plan a taper").click()
    planned = page.locator("#planned")
    expect(planned).to_contain_text("steps in")
    before = planned.get_by_role("status").inner_text()
    page.get_by_label("Every").select_option("4 weeks")
    expect(planned.get_by_role("status")).not_to_have_text(before)
    expect(page).to_have_url(re.compile("every_days=28"))
    page.get_by_label("5 mg tablets", exact=True).uncheck()
    expect(planned).not_to_contain_text("× 5 mg")

    page.get_by_text("Own pace").click()
    page.get_by_label("Own percentage").fill("50")
    page.get_by_label("Own days").fill("7")
    page.get_by_label("Do not slow down").check()
    expect(page).to_have_url(re.compile("faster=on"))
    expect(planned).to_contain_text("accept or change")
    reason = page.get_by_label("Reason for this plan")
    page.get_by_role("button", name="Save plan").first.click()
    expect(reason).to_be_focused()
    reason.fill("Moves abroad; ward informed")
    page.get_by_role("button", name="Save plan").first.click()
    expect(page.get_by_role("status").first).to_contain_text("Saved: taper of diazepam")
    expect(page.get_by_role("main")).to_contain_text("Moves abroad; ward informed")
    assert latest().over == ["TAP-01"]

    page.locator("#move-start").get_by_role("button", name="Start").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Diazepam: 15 mg a day now")
    page.locator("#move-hold summary").click()
    page.get_by_label("For how many days").fill("10")
    page.locator("#move-hold").get_by_label("Reason").fill("Exams")
    page.get_by_role("button", name="Hold this dose").click()
    expect(page.get_by_role("status").first).to_contain_text("Held")
    assert (latest().version, latest().move) == (3, "hold")


def test_plan_by_keyboard_alone(visit, clara, treated):
    page = visit(clara, f"/patients/{treated.pk}")
    page.keyboard.press("t")
    expect(page.get_by_role("heading", level=1)).to_have_text("Plan a taper")
    for _ in range(40):
        if page.evaluate("document.activeElement.name") == "from_mg":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type("14")
    expect(page).to_have_url(re.compile("from_mg=14"))
    # What is typed stays, and so does the place.
    assert page.evaluate("document.activeElement.name") == "from_mg"
    expect(page.locator("#planned")).not_to_contain_text("NOT UP TO DATE")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_label("Reason for this plan")).to_be_focused()
    page.keyboard.type("small last doses")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status").first).to_contain_text("Saved")
    assert latest().plan.steps[0].mg == 14


def test_without_a_script(visit, clara, treated):
    page = visit(clara, f"/patients/{treated.pk}/taper", js=False)
    page.get_by_label("Every").select_option("3 weeks")
    page.get_by_role("button", name="Work it out").click()
    expect(page.get_by_label("Every")).to_have_value("21")
    page.get_by_label("Reason for this plan").fill("small last doses")
    page.get_by_role("button", name="Save plan").first.click()
    expect(page.get_by_role("status").first).to_contain_text("Saved")
    assert latest().every_days == 21
    page.locator("#move-cancel summary").click()
    page.locator("#move-cancel").get_by_label("Reason").fill("Not wanted")
    page.get_by_role("button", name="Cancel the plan").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("cancelled")


def test_a_cross_over_is_never_filled_in(visit, clara, harbour):
    patient = make.patient(harbour, clara)
    supply(patient, clara, 3, start=-100, days=110, medicine="Lorazepam 1 mg tablets")
    page = visit(clara, f"/patients/{patient.pk}/taper")
    page.get_by_text("Cross-over", exact=True).click()
    page.get_by_label("Change over to diazepam first").check()
    expect(page.locator("#equals")).to_contain_text("≈ 30 mg")
    expect(page.locator("#equals")).to_contain_text("≈ 15 mg")
    dose = page.get_by_label("Diazepam, mg a day")
    expect(dose).to_have_value("")
    expect(page.locator("#planned")).to_contain_text("No plan yet")
    expect(page.locator("#strengths")).to_contain_text("10 mg tablets")
    dose.fill("20")
    expect(page.locator("#planned")).to_contain_text("Change from lorazepam to diazepam")
    expect(dose).to_have_value("20")


def test_another_medicine_brings_its_own_dose_and_strengths(visit, clara, treated):
    supply(treated, clara, 2, start=-20, medicine="Lorazepam 1 mg tablets")
    page = visit(clara, f"/patients/{treated.pk}/taper")
    page.get_by_label("Medicine", exact=True).select_option("Lorazepam")
    expect(page.get_by_label("From, mg a day")).to_have_value("2")
    expect(page.locator("#strengths")).to_contain_text("2.5 mg tablets")
    expect(page.locator("#planned")).to_contain_text("Lorazepam, ends")


def test_printing_prints_the_sheet_alone(visit, clara, treated):
    version = under_way(treated, clara)
    page = visit(clara, f"/tapers/{version.taper_id}/sheet")
    page.emulate_media(media="print")
    expect(page.get_by_text("Do not stop all at once")).to_be_visible()
    for hidden in (page.get_by_role("banner"), page.get_by_text("Printing this page")):
        expect(hidden).not_to_be_visible()


def test_no_page_of_a_taper_has_a_fault(visit, clara, treated, harbour):
    version = under_way(treated, clara)
    other = make.patient(harbour, clara)
    supply(other, clara, 3, start=-100, days=110, medicine="Lorazepam 1 mg tablets")
    crossing = crossed(other, clara)
    page = visit(clara, f"/patients/{treated.pk}/taper")
    found = faults(page, ALL)
    for address in (
        f"/patients/{treated.pk}/taper?percent=10&from_mg=nothing",
        f"/tapers/{version.taper_id}",
        f"/tapers/{version.taper_id}/sheet",
        f"/tapers/{crossing.taper_id}",
        f"/tapers/{crossing.taper_id}/sheet",
    ):
        page.goto(address)
        found += faults(page)
    assert found == []
