"""Sign-in by username or e-mail, lock-out after repeated failures, no signing up by oneself."""

import pytest
from django.conf import settings
from django.contrib.auth.models import User

PASSWORD = "correct horse battery staple"
WRONG = "wrong horse"


@pytest.fixture
def mary(db):
    return User.objects.create_user("mary", "mary@harbour.example", PASSWORD)


def sign_in(client, login, password=PASSWORD):
    return client.post("/accounts/login/", {"login": login, "password": password})


def signed_in(client):
    return "_auth_user_id" in client.session


@pytest.mark.parametrize("login", ["mary", "MARY", "mary@harbour.example"])
def test_username_and_email_both_work(client, mary, login):
    assert sign_in(client, login).status_code == 302
    assert signed_in(client)


def test_a_wrong_password_is_refused(client, mary):
    assert sign_in(client, "mary", WRONG).status_code == 200
    assert not signed_in(client)


def test_the_account_is_locked_after_repeated_failures(client, mary):
    for _ in range(settings.SIGN_IN_FAILURE_LIMIT):
        sign_in(client, "mary", WRONG)
    answer = sign_in(client, "mary")
    assert answer.status_code == 429
    assert not signed_in(client)


def test_username_and_email_share_one_count(client, mary):
    for number in range(settings.SIGN_IN_FAILURE_LIMIT):
        sign_in(client, "mary" if number % 2 else "mary@harbour.example", WRONG)
    assert sign_in(client, "mary").status_code == 429
    assert sign_in(client, "mary@harbour.example").status_code == 429


def test_others_are_not_locked_out_with_her(client, mary):
    User.objects.create_user("nell", "nell@harbour.example", PASSWORD)
    for _ in range(settings.SIGN_IN_FAILURE_LIMIT):
        sign_in(client, "mary", WRONG)
    assert sign_in(client, "nell").status_code == 302


def test_a_success_starts_the_count_again(client, mary):
    for _ in range(settings.SIGN_IN_FAILURE_LIMIT - 1):
        sign_in(client, "mary", WRONG)
    sign_in(client, "mary")
    client.logout()
    sign_in(client, "mary", WRONG)
    assert sign_in(client, "mary").status_code == 302


def test_nobody_signs_up(client, db):
    answer = client.post(
        "/accounts/signup/",
        {"username": "eve", "email": "eve@x.example", "password1": PASSWORD, "password2": PASSWORD},
    )
    assert answer.status_code in {200, 403}
    assert not User.objects.filter(username="eve").exists()


def test_the_page_may_load_only_what_is_ours(client, db):
    policy = client.get("/accounts/login/")["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_passwords_are_kept_with_argon2():
    # The test run swaps the hashers for speed; the installed setting is what counts.
    from_file = (settings.BASE_DIR / "portal" / "settings.py").read_text()
    assert 'PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]' in from_file
