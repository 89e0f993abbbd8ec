"""Pages around sign-in: the portal's look and words, and all of it under its content policy."""

import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.conf import settings
from django.core import mail
from django.urls import reverse

from tests import make
from tests.portal.factors import age_session
from tests.web.browse import Browser, heading, words

SIGNED_OUT = ["account_login", "account_reset_password", "account_reset_password_done"]
SIGNED_IN = [
    "account_change_password",
    "account_email",
    "account_logout",
    "mfa_index",
    "mfa_activate_totp",
    "mfa_add_webauthn",
    "mfa_list_webauthn",
    "own-sessions",
    "preferences",
]


@pytest.mark.parametrize("name", SIGNED_OUT)
def test_pages_before_sign_in(client, rulebook, name):
    response = client.get(reverse(name))
    assert response.status_code == 200
    page = response.content.decode()
    assert heading(response)
    assert "portal/portal" in page
    assert 'class="topbar"' not in page
    assert "style=" not in page


@pytest.mark.parametrize("name", SIGNED_IN)
def test_pages_of_ones_own_account(ravi, name):
    browser = Browser(ravi)
    response = browser.get(reverse(name))
    assert response.status_code == 200
    page = response.content.decode()
    assert heading(response)
    assert 'class="topbar"' in page
    # The content policy allows neither inline styles nor data: addresses.
    assert "style=" not in page
    assert "data:image" not in page


def sign_in(client, password=make.PASSWORD):
    return client.post(reverse("account_login"), {"login": "ravi", "password": password})


def confirm(client):
    """A second factor is set up only by who has just given the password."""
    client.post(reverse("account_reauthenticate"), {"password": make.PASSWORD})


def test_a_wrong_password_is_told_without_saying_which_was_wrong(client, ravi):
    page = words(sign_in(client, "wrong"))
    assert "That did not match" in page
    assert 'value="ravi"' in sign_in(client, "wrong").content.decode()


def test_the_lock_out_says_for_how_long(client, ravi):
    for _ in range(settings.SIGN_IN_FAILURE_LIMIT + 1):
        response = sign_in(client, "wrong")
    assert response.status_code == 429
    assert "15 minutes" in words(response)


def test_a_forgotten_password_is_set_anew_by_a_link(client, ravi):
    client.post(reverse("account_reset_password"), {"email": ravi.email})
    link = re.search(settings.PORTAL_URL + r"(\S+)", mail.outbox[0].body)[1]
    form = client.get(link, follow=True)
    assert heading(form) == "Set a new password"
    new = "a quieter horse battery"
    done = client.post(form.request["PATH_INFO"], {"password1": new, "password2": new}, follow=True)
    assert heading(done) == "New password set"
    assert sign_in(client, new).status_code == 302


def test_an_unknown_address_gets_the_same_answer(client, ravi):
    response = client.post(
        reverse("account_reset_password"), {"email": "nobody@example.org"}, follow=True
    )
    assert heading(response) == "Look into your e-mail"


def test_a_used_link_says_so(client, ravi):
    response = client.get(reverse("account_reset_password_from_key", args=["1", "bad-key"]))
    assert heading(response) == "This link no longer works"


def test_a_second_factor_is_set_up_and_asked_for(client, ravi):
    sign_in(client)
    age_session(client, settings.ACCOUNT_REAUTHENTICATION_TIMEOUT + 1)
    asked = client.get(reverse("mfa_activate_totp"), follow=True)
    assert heading(asked) == "Confirm that it is you"
    confirm(client)
    page = client.get(reverse("mfa_activate_totp"))
    assert "<svg" in page.content.decode()
    secret = page.context["form"].secret
    code = totp.format_hotp_value(
        totp.hotp_value(secret, next(totp.yield_hotp_counters_from_time()))
    )
    client.post(reverse("mfa_activate_totp"), {"code": code})
    assert Authenticator.objects.filter(user=ravi, type="totp").exists()
    assert "At each sign-in" in words(client.get(reverse("mfa_index")))
    client.post(reverse("account_logout"))
    asked = client.post(
        reverse("account_login"), {"login": "ravi", "password": make.PASSWORD}, follow=True
    )
    assert asked.request["PATH_INFO"] == reverse("mfa_authenticate")
    assert "_auth_user_id" not in client.session


def test_signing_out_asks_first_and_a_link_cannot_do_it(ravi):
    browser = Browser(ravi)
    browser.get(reverse("account_logout"))
    assert "_auth_user_id" in browser.client.session
    browser.post(reverse("account_logout"))
    assert "_auth_user_id" not in browser.client.session


def test_single_keys_can_be_switched_off_and_on(ravi):
    browser = Browser(ravi)
    keys = 'data-keys="on"'
    assert keys in browser.get(reverse("queue")).content.decode()
    browser.post(reverse("preferences"))
    off = browser.get(reverse("queue")).content.decode()
    assert keys not in off
    assert "<kbd>j</kbd>" not in off
    browser.post(reverse("preferences"), single_keys="on")
    assert keys in browser.get(reverse("queue")).content.decode()
