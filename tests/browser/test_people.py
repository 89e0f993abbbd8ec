"""A practice is made, somebody is invited, comes, works and leaves: in a real browser."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from reviews.models import Case, Membership, Practice, RegisterEntry, Role
from reviews.verbs import caseload, factors, screen
from tests import make
from tests.portal.factors import App, shown

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PASSWORD = "a long walk by the canal"


def test_a_practice_is_made_and_somebody_comes_works_and_leaves(visit, harbour, maeve, settings):
    App(maeve)
    admin = visit(maeve, "/")
    settings.PORTAL_URL = re.match(r"https?://[^/]+", admin.url)[0]
    admin.get_by_role("link", name="New practice").click()
    admin.get_by_label("Name").fill("Liffey Quay")
    admin.get_by_label("Code").fill("liffey-quay")
    admin.get_by_label("Profile").select_option("EU")
    admin.get_by_label("Country").select_option("IE")
    admin.get_by_role("button", name="Set it up").click()
    expect(admin.locator("h1")).to_have_text("1 person")

    admin.get_by_label("Given name").fill("Tom")
    admin.get_by_label("Family name").fill("Ashby")
    admin.get_by_label("reviewer", exact=True).check()
    admin.get_by_role("button", name="Invite").click()
    code = admin.locator("#code").inner_text()
    address = admin.locator(".sheet .code").first.inner_text()

    tom = visit(None, address)
    tom.get_by_label("Code").fill(code.lower())
    tom.keyboard.press("Enter")
    expect(tom.locator("h1")).to_have_text("Welcome to Liffey Quay")
    tom.get_by_label("User name").fill("tom")
    tom.get_by_label("Password", exact=True).fill(PASSWORD)
    tom.get_by_label("The password again").fill(PASSWORD)
    tom.get_by_role("button", name="Make my account").click()
    sign_in(tom)
    expect(tom.get_by_text("Your practice asks for a second factor")).to_be_visible()
    tom.get_by_role("link", name="Set it up").click()
    tom.get_by_label("Authenticator code").fill(shown(tom.locator("code").inner_text()))
    tom.get_by_role("button", name="Switch it on").click()
    expect(tom.locator("#recovery_codes")).to_contain_text(re.compile(r"(\d{8}\s+){9}\d{8}"))
    tom.get_by_role("link", name="I have kept them").click()
    expect(tom.locator("h1")).to_have_text("Review queue")
    expect(tom.locator(".account summary")).to_contain_text("Tom Ashby")

    quay = Practice.objects.get(code="liffey-quay")
    doctor = make.person("doc", quay, Role.CLINICIAN)
    case = make.flagged_case(quay, logged_by=doctor)
    person = Membership.objects.get(practice=quay, role=Role.REVIEWER).user
    caseload.claim(case=case, by=person, seen=case.lock)

    admin.get_by_role("link", name="I have printed it").click()
    admin.get_by_role("link", name="Change Tom Ashby").click()
    admin.get_by_role("link", name="Tom Ashby leaves").click()
    expect(admin.locator("form dl.facts")).to_contain_text(re.compile(r"Cases they hold\s*1"))
    admin.get_by_role("button", name="Block now").click()
    expect(admin.locator(".toast")).to_contain_text("Tom Ashby has left and is blocked")
    tom.reload()
    expect(tom.locator("h1")).to_have_text("Sign in")
    sign_in(tom)
    expect(tom.get_by_text("That did not match")).to_be_visible()
    assert Case.objects.get(pk=case.pk).owner is None


def sign_in(page):
    page.get_by_label("E-mail or user name").fill("tom")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
def test_the_pages_are_for_everybody(visit, harbour, maeve, iris, clara, ravi, scheme, width):
    screen.drain()
    App(clara)
    App(ravi)
    RegisterEntry.objects.create(
        user=clara, practice=harbour, register="GMC", number="9000017", status="unchecked"
    )
    factors.ask(person=clara, practice=harbour, reason="seen in person", by=iris)
    page = visit(maeve, "/people", width=width, scheme=scheme)
    paths = [
        "/people",
        f"/people/{harbour.pk}/{clara.pk}",
        f"/people/{harbour.pk}/{ravi.pk}",
        f"/people/{harbour.pk}/{ravi.pk}/leave",
        f"/people/practices/{harbour.pk}",
        f"/people/{harbour.pk}/invite",
    ]
    for path in paths:
        page.goto(path)
        found = Axe().run(page).response["violations"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in found] == [], path
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{path} scrolls sideways at {width}"


def test_somebody_is_invited_by_keyboard_alone_and_without_scripts(visit, harbour, maeve):
    page = visit(maeve, "/people", js=False)
    page.get_by_label("Given name").focus()
    page.keyboard.type("Tom")
    page.keyboard.press("Tab")
    page.keyboard.type("Ashby")
    page.keyboard.press("Tab")  # mail, left empty
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.wait_for_url("**/invite")
    assert page.locator("h1").inner_text().startswith("Print this code now")
