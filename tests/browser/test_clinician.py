"""The clinician's journey in a real browser: find, pick, preview, save, amend, withdraw."""

import re

import pytest
from playwright.sync_api import expect

from reviews.models import Flag, Prescription, Status
from reviews.records import NOT_GIVEN
from reviews.verbs import screen
from tests import make
from tests.browser.test_pages import faults

pytestmark = pytest.mark.browser

NEW = "/patients/{}/prescriptions/new"


@pytest.fixture
def bell(harbour, clara):
    """A man who takes diazepam since five days."""
    bell = make.patient(harbour, clara, identifiers=("9990001112",))
    make.prescription(bell, clara, start=-5, days=14)
    screen.drain()
    return bell


def live(patient, text):
    return Prescription.objects.live().get(patient=patient, medicine__text__icontains=text)


def test_from_sign_in_to_an_urgent_prescription_with_its_reason(visit, clara, bell):
    page = visit(path="/accounts/login/")
    page.get_by_label(re.compile("user name", re.IGNORECASE)).fill("clara")
    page.get_by_label("Password").fill(make.PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    page.get_by_role("searchbox", name="Search: Patient").fill("999 000 1112")
    page.keyboard.press("Enter")
    page.get_by_role("main").get_by_role("link", name=re.compile("BELL", re.IGNORECASE)).click()
    page.get_by_role("link", name="Log a prescription").first.click()
    preview = page.locator("#preview")
    expect(preview).to_contain_text("Choose a medicine")

    page.get_by_label("Find a medicine").fill("morph 10 tab")
    picked = page.locator("#matches li", has_text="Morphine").first
    picked.get_by_role("radio").check()
    expect(page.get_by_label("Unit").first).to_have_value("tablet")
    page.get_by_label("Each time", exact=True).fill("1")
    page.get_by_label("Times a day", exact=True).fill("2")
    page.get_by_label("Days’ supply").fill("7")
    page.get_by_label("Indication").select_option("pain")

    expect(preview).to_contain_text("OPI-01")
    expect(preview).to_contain_text("S1 Urgent")
    expect(page.locator("#worked-out")).to_contain_text("20 mg a day")
    expect(page.locator("#worked-out")).to_contain_text("7 days")
    page.get_by_label("Reason").fill("Lowest dose, five days, wife at home")
    page.get_by_role("button", name="Save prescription").click()

    expect(page.get_by_role("status").first).to_contain_text("Logged")
    saved = live(bell, "morphine")
    assert saved.reason == "Lowest dose, five days, wife at home"
    assert saved.recorded_by == clara
    screen.drain()
    assert Flag.objects.filter(patient=bell, rule_id="OPI-01").exists()


def test_what_is_typed_in_the_reason_stays_while_the_preview_changes(visit, clara, bell):
    page = visit(clara, NEW.format(bell.pk))
    page.get_by_label("Find a medicine").fill("morphine 10")
    page.keyboard.press("Enter")
    first = page.locator("#matches").get_by_role("radio").first
    # Several medicines fit: Enter leads to them, and chooses none.
    expect(first).to_be_focused()
    expect(first).not_to_be_checked()
    page.keyboard.press("Space")
    reason = page.get_by_label("Reason")
    reason.fill("Specialist advice")
    page.get_by_label("Each time", exact=True).fill("1")
    expect(page.locator("#worked-out")).to_contain_text("Missing")
    expect(reason).to_have_value("Specialist advice")


def test_an_unknown_medicine_is_kept_as_written_and_said_to_be_unchecked(visit, clara, bell):
    page = visit(clara, NEW.format(bell.pk))
    page.get_by_label("Find a medicine").fill("Grandmother's drops")
    page.get_by_role("radio", name=re.compile("Record as written")).check()
    expect(page.locator("#preview")).to_contain_text("not recognised", ignore_case=True)
    expect(page.locator("#preview")).not_to_contain_text("Nothing new found")
    page.get_by_role("button", name="Save prescription").click()
    expect(page.get_by_role("status").first).to_contain_text("Logged")
    assert live(bell, "Grandmother").medicine.codings == []


def test_a_harmless_medicine_says_nothing_new_was_found(visit, clara, harbour):
    well = make.patient(harbour, clara, family_name="Well")
    page = visit(clara, NEW.format(well.pk))
    page.get_by_label("Find a medicine").fill("paracetamol")
    page.locator("#matches").get_by_role("radio").first.check()
    page.get_by_label("Days’ supply").fill("7")
    expect(page.locator("#preview")).to_contain_text("Nothing new found")


def test_a_preview_that_could_not_be_brought_up_to_date_says_so(visit, clara, bell):
    page = visit(clara, NEW.format(bell.pk))
    page.get_by_label("Find a medicine").fill("diazepam 5")
    page.locator("#matches").get_by_role("radio").first.check()
    expect(page.locator("#preview")).to_contain_text("just now")
    page.route("**/prescriptions/preview", lambda route: route.fulfill(status=502, body="bad"))
    page.get_by_label("Days’ supply").fill("40")
    expect(page.locator("#preview")).to_contain_text("NOT UP TO DATE")


def test_amend_and_withdraw(visit, clara, bell):
    first = live(bell, "diazepam")
    page = visit(clara, f"/patients/{bell.pk}")
    page.get_by_role("link", name="Amend Diazepam").click()
    expect(page.get_by_label("Days’ supply")).to_have_value("14")
    page.get_by_label("Days’ supply").fill("20")
    expect(page.locator("#worked-out")).to_contain_text("20 days")
    page.get_by_role("button", name="Save the new version").click()
    expect(page.get_by_role("status").first).to_contain_text("Amended")
    amended = live(bell, "diazepam")
    assert (amended.days_supply, amended.version, amended.supersedes_id) == (20, 2, first.pk)

    page.get_by_role("link", name="Withdraw Diazepam").click()
    expect(page.get_by_role("main")).to_contain_text("can cause withdrawal, including seizures")
    page.get_by_role("radio", name=re.compile("It has ended")).check()
    page.get_by_label("Reason").fill("Taper completed")
    page.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_role("status").first).to_contain_text("stopped")
    assert live(bell, "diazepam").status == Status.STOPPED


def test_somebody_else_amends_first_and_nothing_typed_is_lost(visit, clara, bell):
    page = visit(clara, f"/prescriptions/{live(bell, 'diazepam').pk}/amend")
    other = visit(clara, page.url)
    other.get_by_label("Days’ supply").fill("10")
    other.get_by_role("button", name="Save the new version").click()
    expect(other.get_by_role("status").first).to_contain_text("Amended")

    page.get_by_label("Directions in words").fill("At night")
    page.get_by_role("button", name="Save the new version").click()
    told = page.get_by_role("alert")
    expect(told).to_contain_text("Not saved")
    expect(told).to_contain_text("Days’ supply")
    expect(page.get_by_label("Directions in words")).to_have_value("At night")
    page.get_by_role("button", name="Save the new version").click()
    expect(page.get_by_role("status").first).to_contain_text("Amended")
    assert live(bell, "diazepam").version == 3


def test_without_a_script_find_preview_ask_and_save(visit, clara, bell):
    page = visit(clara, NEW.format(bell.pk), js=False)
    page.get_by_label("Find a medicine").fill("morphine 10")
    page.get_by_role("button", name="Find").click()
    page.locator("#matches").get_by_role("radio").first.check()
    page.get_by_label("Each time", exact=True).fill("1")
    page.get_by_label("Times a day", exact=True).fill("2")
    page.get_by_label("Days’ supply").fill("7")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview")).to_contain_text("OPI-01")
    expect(page.locator("#matches").get_by_role("radio").first).to_be_checked()
    # Without a reason it is saved all the same, and that none was given is kept.
    page.get_by_role("button", name="Save prescription").click()
    expect(page.get_by_role("status").first).to_contain_text("Logged")
    assert live(bell, "morphine").reason == NOT_GIVEN


def test_by_keyboard_alone(visit, clara, bell):
    page = visit(clara, f"/patients/{bell.pk}")
    page.keyboard.press("l")
    expect(page.get_by_label("Find a medicine")).to_be_focused()
    page.keyboard.type("diazepam 2 mg tab")
    page.keyboard.press("Enter")
    expect(page.locator("#matches").get_by_role("radio").first).to_be_focused()
    expect(page.locator("#matches").get_by_role("radio").first).to_be_checked()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Each time", exact=True)).to_be_focused()
    page.keyboard.type("1")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("2")
    expect(page.locator("#worked-out")).to_contain_text("4 mg a day")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status").first).to_contain_text("Logged")
    assert live(bell, "diazepam 2").times_per_day == 2


def test_keys_do_nothing_while_somebody_types(visit, clara, bell):
    page = visit(clara, NEW.format(bell.pk))
    page.get_by_label("Directions in words").focus()
    page.keyboard.type("?p/jkn")
    expect(page.get_by_label("Directions in words")).to_have_value("?p/jkn")
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_every_state_of_the_form_is_accessible(visit, clara, bell):
    page = visit(clara, NEW.format(bell.pk))
    page.get_by_label("Find a medicine").fill("morphine 10")
    page.keyboard.press("Enter")
    first = page.locator("#matches").get_by_role("radio").first
    # Several medicines fit: Enter leads to them, and chooses none.
    expect(first).to_be_focused()
    expect(first).not_to_be_checked()
    page.keyboard.press("Space")
    expect(page.get_by_label("Reason")).to_be_visible()
    with page.expect_response("**/prescriptions/preview"):
        page.get_by_label("If needed").check()
    expect(page.locator(".htmx-request")).to_have_count(0)
    assert faults(page) == []
    page.get_by_label("Each time", exact=True).fill("two")
    page.get_by_role("button", name="Save prescription").click()
    expect(page.get_by_role("alert")).to_be_focused()
    assert faults(page) == []
