"""Refusals are pages: they say what happened, that nothing was changed, and where to go."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from reviews.verbs import caseload
from tests import make
from tests.web.browse import Browser, heading, words


def test_an_unknown_address(ravi):
    response = Browser(ravi).get("/no-such-page")
    assert response.status_code == 404
    assert heading(response) == "There is nothing here"


def test_a_case_of_another_practice_is_told_like_one_that_does_not_exist(harbour, lakeside, clara):
    case = make.flagged_case(harbour, logged_by=clara)
    stranger = Browser(make.person("stranger", lakeside, "reviewer"))
    theirs = stranger.get(reverse("case", args=[case.pk]))
    nobodys = stranger.get(reverse("case", args=[case.pk + 1000]))
    assert (theirs.status_code, nobodys.status_code) == (404, 404)
    assert words(theirs) == words(nobodys)


def test_what_a_role_may_not_do_says_who_may(harbour, clara):
    case = make.flagged_case(harbour, logged_by=clara)
    response = Browser(clara).post(reverse("case-claim", args=[case.pk]), seen=case.lock)
    assert response.status_code == 403
    page = words(response)
    assert "You may not claim cases here" in page
    assert "reviewers decide on cases" in page


def test_a_stale_page_is_told_and_nothing_is_done(harbour, clara, ravi, samira):
    case = make.flagged_case(harbour, logged_by=clara)
    caseload.claim(case=case, by=samira, seen=case.lock)
    response = Browser(ravi).post(reverse("case-claim", args=[case.pk]), seen=case.lock)
    assert response.status_code == 409
    assert "Samira Okafor" in words(response)
    case.refresh_from_db()
    assert case.owner == samira


def test_a_form_without_its_token_is_explained(ravi):
    client = Client(enforce_csrf_checks=True)
    client.force_login(ravi, backend="allauth.account.auth_backends.AuthenticationBackend")
    response = client.post(reverse("preferences"))
    assert response.status_code == 403
    assert heading(response) == "This page was open for too long"


def test_a_failure_is_a_page_that_needs_nothing(ravi, monkeypatch):
    def fail(*_args, **_kwargs):
        raise RuntimeError("boom")

    monkeypatch.setattr("reviews.queries.work.counts", fail)
    browser = Browser(ravi)
    browser.client.raise_request_exception = False
    response = browser.get(reverse("queue"))
    assert response.status_code == 500
    assert heading(response) == "The portal failed here"
    assert "boom" not in response.content.decode()


@pytest.mark.parametrize("path", ["/?q=a%00", "/patients?q=%00", "/search?q=a%00b"])
def test_what_no_database_keeps_is_refused_when_looked_for(ravi, path):
    response = Browser(ravi).get(path)
    assert response.status_code == 400
    assert "contains the character NUL" in words(response)


def test_what_no_database_keeps_is_refused_in_a_form(harbour, clara, ravi):
    case = make.flagged_case(harbour, logged_by=clara)
    address = reverse("case-snooze", args=[case.pk])
    response = Browser(ravi).post(address, seen=case.lock, until="+2d", reason="a\x00b")
    assert response.status_code == 400
    assert "Nothing was changed" in words(response)
    case.refresh_from_db()
    assert case.snoozed_until is None


def test_the_address_of_a_form_says_that_nothing_was_sent(harbour, clara, ravi):
    case = make.flagged_case(harbour, logged_by=clara)
    response = Browser(ravi).get(reverse("case-decide", args=[case.pk]))
    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert heading(response) == "Nothing was saved"


def test_somebody_without_a_role_is_told(rulebook):
    user = User.objects.create_user("newcomer", "n@example.org", make.PASSWORD)
    response = Browser(user).get("/")
    assert response.status_code == 403
    assert heading(response) == "You have no role yet"


@pytest.mark.parametrize(
    "path", ["/", "/patients", "/rules", "/formulary", "/keys", "/preferences"]
)
def test_every_page_asks_to_sign_in_first(client, rulebook, path):
    response = client.get(path)
    assert response.status_code == 302
    assert response.url == f"{reverse('account_login')}?next={path}"


def test_every_page_carries_the_content_policy(ravi):
    policy = Browser(ravi).get("/").headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
