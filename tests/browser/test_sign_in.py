"""Signing in and out in a real browser: passkeys, a code, and what Back shows afterwards."""

import re

import pytest
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import expect

from reviews.models import AuditEvent, Decision, Practice, SecondFactor
from tests import make
from tests.portal.factors import App, has

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def ravi(harbour):
    return make.person("ravi", harbour)


def give_password(page, name="ravi", password=make.PASSWORD):
    page.get_by_label("E-mail or user name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def with_a_passkey(page):
    """Give the browser of `page` a finger reader that says yes."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )


def sign_out(page):
    page.locator(".account summary").click()
    page.get_by_role("button", name="Sign out").click()


def test_back_after_sign_out_shows_nothing(visit, harbour, clara, ravi):
    case = make.flagged_case(harbour, logged_by=clara)
    page = visit()
    give_password(page)
    page.goto(reverse("case", args=[case.pk]))
    expect(page.locator("body")).to_contain_text("BELL")
    page.goto(reverse("patients"))
    sign_out(page)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    for _ in range(3):
        page.go_back()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert "BELL" not in page.content()


def test_a_passkey_is_set_up_asked_for_and_signs_in_alone(visit, harbour, ravi):
    Practice.objects.update(second_factor=SecondFactor.OFFICES)
    page = visit()
    with_a_passkey(page)
    give_password(page)
    expect(page.get_by_text("Your practice asks for a second factor")).to_be_visible()
    page.get_by_role("link", name="Add one").click()
    page.get_by_label("What you call it").fill("Work laptop")
    page.get_by_label("It also signs me in").check()
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    assert has(ravi, "webauthn")
    page.goto(reverse("queue"))
    expect(page).to_have_url(re.compile(r"/$"))
    sign_out(page)
    give_password(page)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator(".account summary")).to_contain_text("Ravi Shah")
    sign_out(page)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator(".account summary")).to_contain_text("Ravi Shah")
    done = AuditEvent.objects.filter(verb="sign_in.done").order_by("pk")
    assert [row.detail["how"] for row in done] == ["password", "password, passkey", "passkey"]
    page.goto(reverse("mfa_list_webauthn"))
    expect(page.get_by_role("row", name=re.compile("Work laptop"))).to_contain_text(
        "signs in by itself"
    )


def test_a_decision_goes_on_after_a_passkey_confirmed_it(visit, harbour, clara, ravi):
    """Here the key alone: an urgent case, an old sign-in, and a note that is not lost."""
    page = visit()
    with_a_passkey(page)
    give_password(page)
    page.goto(reverse("mfa_add_webauthn"))
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    case = make.urgent_case(harbour, logged_by=clara)
    page.goto(reverse("case", args=[case.pk]))
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT, before = 0, settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
    try:
        page.get_by_label("Outcome: With an opioid").select_option("Review the other medicine")
        page.get_by_label("Reason: With an opioid").select_option("Specialist advice")
        page.locator("textarea[name=note]").fill("Naloxone is at home")
        page.locator("form[action$='/decide'] button[type=submit]").last.click()
        expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
        settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = before
        page.get_by_role("link", name="Use a security key").click()
        page.get_by_role("button", name="Use a passkey or key").click()
        expect(page.get_by_text("Decision saved for")).to_be_visible()
    finally:
        settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = before
    assert Decision.objects.get().note == "Naloxone is at home"


def test_a_code_by_the_keyboard_alone(visit, harbour, ravi):
    app = App(ravi)
    page = visit()
    page.get_by_label("E-mail or user name").focus()
    page.keyboard.type("ravi")
    page.keyboard.press("Tab")
    page.keyboard.type(make.PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Six figures")).to_be_focused()
    page.keyboard.type(app.wrong())
    page.keyboard.press("Enter")
    expect(page.get_by_text("4 more tries, then a wait of 15 minutes")).to_be_visible()
    page.keyboard.type(app.code())
    page.keyboard.press("Enter")
    expect(page.locator(".account summary")).to_contain_text("Ravi Shah")


def test_a_queue_that_nobody_looks_at_makes_room(visit, harbour, clara, ravi, monkeypatch):
    make.flagged_case(harbour, logged_by=clara)
    page = visit(ravi)
    expect(page.locator("#cases")).to_contain_text("BELL")
    monkeypatch.setattr(settings, "SESSION_IDLE_SECONDS", -1)
    page.evaluate("htmx.trigger('#cases', 'refresh')")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert "BELL" not in page.content()
