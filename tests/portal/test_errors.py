"""Refusals as responses: a problem under /api, a page elsewhere, the same status for both."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.exceptions import SessionInterrupted
from django.test import RequestFactory

from portal import errors
from reviews.errors import BadRecord, DomainError, IllegalMove, NotAllowed, NotFound, Stale

REFUSALS = [
    (BadRecord("dose", "is too large"), 400),
    (NotAllowed("You may not decide here."), 403),
    (NotFound("There is no such case."), 404),
    (Stale("Somebody else was quicker."), 409),
    (IllegalMove("The case is closed."), 409),
    (DomainError("This cannot be done."), 409),
]


def refuse(path, error):
    request = RequestFactory().get(path)
    request.user = AnonymousUser()
    return errors.RefusalMiddleware(None).process_exception(request, error)


@pytest.mark.parametrize(("error", "status"), REFUSALS)
def test_a_refusal_is_a_problem_under_api(error, status):
    answer = refuse("/api/v1/flags", error)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, errors.PROBLEM)


@pytest.mark.parametrize(("error", "status"), REFUSALS)
def test_a_refusal_is_a_page_elsewhere_that_says_why(error, status, db):
    answer = refuse("/cases/7", error)
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert error.message in answer.content.decode()


def test_whose_session_was_ended_meanwhile_signs_in_again():
    """It is not said that nothing was changed: what was asked for may have been done."""
    ended = SessionInterrupted("ended before the request was answered")
    answer = errors.bad_request(RequestFactory().get("/patients?q=bell"), ended)
    assert answer["Location"] == "/accounts/login/?next=/patients%3Fq%3Dbell"
    answer = errors.bad_request(RequestFactory().post("/patients/7/death"), ended)
    assert answer["Location"] == "/accounts/login/?next=/"


def test_a_bad_value_names_its_field():
    answer = refuse("/api/v1/flags", BadRecord("dose", "is too large"))
    assert (
        b'"errors": [{"field": "dose", "reason": "is too large", "detail": "is too large", '
        in answer.content
    )
    assert b'"code": "bad_record"' in answer.content


def test_what_is_no_refusal_is_left_to_fail():
    assert refuse("/api/v1/flags", ValueError("a fault")) is None
