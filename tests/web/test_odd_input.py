"""Input that once made a page fail, in the form that it has: refused, and nothing is changed."""

import pytest
from django.urls import reverse

from reviews.models import Decision, Prescription, TaperVersion
from tests import make
from tests.fuzz import nasty
from tests.web.browse import Browser

DIGITS = ["²", "٣", "9" * 19, "9" * 4300, "9" * 4301, "-1", " 7"]


@pytest.fixture
def case(harbour, clara):
    return make.flagged_case(harbour, logged_by=clara)


@pytest.mark.parametrize("seen", DIGITS)
@pytest.mark.parametrize("address", ["case-claim", "case-decide", "case-release", "case-snooze"])
def test_a_lock_that_is_no_number(case, ravi, address, seen):
    answer = Browser(ravi).post(reverse(address, args=[case.pk]), seen=seen)
    assert answer.status_code in (302, 400, 409)
    assert not Decision.objects.exists()


@pytest.mark.parametrize("number", DIGITS)
def test_ids_and_pages_that_are_no_numbers(case, ravi, number):
    browser = Browser(ravi)
    for address, field in (
        ("/", "page"),
        ("/", "practice"),
        ("/", "owner"),
        ("/patients", "page"),
        ("/patients", "practice"),
    ):
        assert browser.get(address, **{field: number}).status_code == 200
    ticked = browser.post(reverse("queue-claim"), case=[f"{number}:0", f"{case.pk}:{number}"])
    assert ticked.status_code == 302
    answers = {f"outcome-{number}": "continued", f"of-{number}": number, "seen": "0"}
    assert browser.post(reverse("case-decide", args=[case.pk]), **answers).status_code < 500


@pytest.mark.parametrize("pk", ["9" * 19, "9" * 30, "9" * 4301])
def test_a_number_in_an_address_that_no_row_has(ravi, pk):
    for address in (f"/cases/{pk}", f"/patients/{pk}", f"/tapers/{pk}"):
        assert Browser(ravi).get(address).status_code == 404


@pytest.mark.parametrize("product", [*nasty.SHAPES, "\0", "\ud7ff"])
@pytest.mark.parametrize("do", ["save", "preview", "find"])
def test_a_medicine_of_the_wrong_shape(harbour, clara, product, do):
    bell = make.patient(harbour, clara)
    for address in ("prescription-log", "prescription-preview"):
        answer = Browser(clara).post(
            reverse(address, args=[bell.pk]), product=product, do=do, dose="much"
        )
        assert answer.status_code in (200, 400, 422)
    assert not Prescription.objects.exists()


@pytest.mark.parametrize("day", nasty.DAYS)
def test_days_past_the_calendar(harbour, clara, day):
    bell, browser = make.patient(harbour, clara), Browser(clara)
    for address, fields in (
        ("prescription-log", {"do": "preview", "start_on": day, "end_on": day}),
        ("patient-condition", {"kind": "condition", "text": "Falls", "onset_on": day}),
        ("taper-plan", {"start_on": day}),
    ):
        assert browser.post(reverse(address, args=[bell.pk]), **fields).status_code < 500
    assert not TaperVersion.objects.exists()


def test_a_name_with_nul_and_bytes_that_are_no_text(case, ravi):
    browser = Browser(ravi)
    assert browser.get("/", **{"a\0b": "1"}).status_code == 400
    answer = browser.client.generic("GET", "/", QUERY_STRING="q=%ff%00&page=%c3%28")
    assert answer.status_code == 400
    assert browser.client.generic("GET", "/", QUERY_STRING="q=%ff&page=%c3%28").status_code == 200
