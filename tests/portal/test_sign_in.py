"""Sign-in by username or e-mail, lock-out after repeated failures, no signing up by oneself."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import F
from django.test import Client

from portal import attempts
from reviews.models import AuditEvent, Tries

PASSWORD = "correct horse battery staple"
WRONG = "wrong horse"


@pytest.fixture
def mary(db):
    return User.objects.create_user("mary", "mary@harbour.example", PASSWORD)


SITE, PROXY = "203.0.113.7", "10.0.0.2"


def sign_in(client, login, password=PASSWORD, **headers):
    form = {"login": login, "password": password}
    return client.post("/accounts/login/", form, **headers)


def pass_time(**time):
    past = timedelta(**time)
    Tries.objects.update(last_at=F("last_at") - past, waits_until=F("waits_until") - past)


def lock(login="mary", **headers):
    """Use up what is looked at, each time from a browser that nobody has signed in with."""
    for _ in range(settings.SIGN_IN_FAILURE_LIMIT):
        assert sign_in(Client(), login, WRONG, **headers).status_code == 200


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


def test_how_many_tries_are_left_is_told_and_for_unknown_people_too(client, mary):
    for login in ("mary", "nobody"):
        told = [sign_in(client, login, WRONG).content.decode() for _ in range(5)]
        assert "4 more tries, then a wait of 15 minutes" in told[0]
        assert "1 more try, then" in told[3]
        assert "That was the last try" in told[4]


def test_the_wait_is_told_and_trying_makes_it_no_longer(client, mary):
    lock()
    refused = sign_in(client, "mary")
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 900
    assert "Wait <b>15 minutes</b>" in refused.content.decode()
    pass_time(minutes=10)
    for _ in range(20):
        refused = sign_in(client, "mary", WRONG)
    assert int(refused["Retry-After"]) <= 300
    assert "Wait <b>5 minutes</b>" in refused.content.decode()
    pass_time(minutes=6)
    assert sign_in(client, "mary").status_code == 302


@pytest.mark.parametrize("proxies", [0, 1, 2])
def test_a_client_that_writes_the_header_itself_is_locked_out_all_the_same(
    client, mary, settings, proxies
):
    settings.PROXY_COUNT = proxies
    ours = [SITE, "10.0.0.3"][:proxies]
    for number in range(settings.SIGN_IN_FAILURE_LIMIT + 3):
        told = ", ".join([f"198.51.100.{number}", *ours])
        answer = sign_in(
            client, "mary", WRONG, HTTP_X_FORWARDED_FOR=told, REMOTE_ADDR=PROXY if proxies else SITE
        )
    assert answer.status_code == 429


@pytest.mark.parametrize("proxies", [1, 2])
def test_behind_our_proxies_another_address_is_another_count(client, mary, settings, proxies):
    settings.PROXY_COUNT = proxies
    behind = ["10.0.0.3"][: proxies - 1]
    lock(HTTP_X_FORWARDED_FOR=", ".join([SITE, *behind]), REMOTE_ADDR=PROXY)
    elsewhere = ", ".join(["192.0.2.8", *behind])
    assert (
        sign_in(client, "mary", HTTP_X_FORWARDED_FOR=elsewhere, REMOTE_ADDR=PROXY).status_code
        == 302
    )


def test_a_browser_that_mary_knows_is_not_kept_out_by_a_stranger_at_the_same_address(client, mary):
    sign_in(client, "mary")
    client.post("/accounts/logout/")
    lock()
    assert sign_in(Client(), "mary").status_code == 429
    assert sign_in(client, "mary").status_code == 302


def test_a_known_browser_has_no_more_tries_than_others(client, mary):
    sign_in(client, "mary")
    client.post("/accounts/logout/")
    for _ in range(settings.SIGN_IN_FAILURE_LIMIT):
        sign_in(client, "mary", WRONG)
    assert sign_in(client, "mary").status_code == 429


def test_the_browser_of_one_person_is_unknown_for_another_and_its_cookie_cannot_be_made(
    client, mary
):
    User.objects.create_user("nell", "nell@harbour.example", PASSWORD)
    sign_in(client, "mary")
    client.post("/accounts/logout/")
    lock("nell")
    assert sign_in(client, "nell").status_code == 429
    forged = Client()
    forged.cookies[settings.DEVICE_COOKIE_NAME] = f'["x", [{mary.pk}]]'
    lock()
    assert sign_in(forged, "mary").status_code == 429


def test_a_site_behind_one_address_is_not_shut_out_together(mary):
    """Fifty people come in at nine, and a few mistype; one of them forgets the password."""
    people = [User.objects.create_user(f"p{number}", password=PASSWORD) for number in range(50)]
    lock()
    for person in people:
        sign_in(Client(), person.username, WRONG)
        assert sign_in(Client(), person.username).status_code == 302


def test_one_address_cannot_try_a_few_passwords_at_every_account(db):
    for number in range(attempts.FROM_ADDRESS.most):
        assert sign_in(Client(), f"somebody{number}", WRONG).status_code == 200
    assert sign_in(Client(), "somebody else", WRONG).status_code == 429
    assert sign_in(Client(), "somebody else", WRONG, REMOTE_ADDR="192.0.2.8").status_code == 200


def test_many_addresses_together_cannot_go_on_at_one_account(mary):
    for number in range(attempts.ANYWHERE.most):
        assert sign_in(Client(), "mary", WRONG, REMOTE_ADDR=f"192.0.2.{number}").status_code == 200
    assert sign_in(Client(), "mary", REMOTE_ADDR="198.51.100.1").status_code == 429


def test_the_trail_tells_of_failures_with_their_address_and_of_a_wait_once(client, mary):
    lock(REMOTE_ADDR=SITE)
    for _ in range(10):
        sign_in(client, "mary", REMOTE_ADDR=SITE)
    refused = AuditEvent.objects.filter(verb="sign_in.refused").order_by("pk")
    assert {row.subject for row in refused} == {f"user {mary.pk}"}
    assert {row.detail["address"] for row in refused} == {SITE}
    assert {row.actor_id for row in refused} == {None}
    assert [row.detail["why"] for row in refused].count("wrong password") == 5
    assert len(refused) == 6


def test_what_was_typed_for_nobody_is_kept_nowhere(client, db):
    sign_in(client, "my-password-by-mistake", WRONG)
    event = AuditEvent.objects.get(verb="sign_in.refused")
    assert event.subject == ""
    assert "mistake" not in str(event.detail)
    assert not Tries.objects.filter(key__contains="mistake").exists()


def test_signing_in_and_out_stand_in_the_trail(client, mary):
    sign_in(client, "mary", REMOTE_ADDR=SITE)
    client.post("/accounts/logout/", REMOTE_ADDR=SITE)
    done, ended = AuditEvent.objects.filter(verb__startswith="sign_in.").order_by("pk")
    assert (done.verb, done.actor_id) == ("sign_in.done", mary.pk)
    assert done.detail == {"address": SITE, "how": "password"}
    assert (ended.verb, ended.actor_id) == ("sign_in.ended", mary.pk)
    assert ended.detail == {"address": SITE, "why": "by themselves"}


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
