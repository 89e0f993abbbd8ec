"""The data-quality list: who sees what, what can be said, and a fixed number of queries."""

import pytest
from django.urls import reverse

from reviews.conclusions import FlagOutcome
from reviews.models import Case, DataCheck, DecisionItem, Flag
from reviews.verbs import decide, screen
from tests import make
from tests.web.browse import Browser, heading

LIST = "/data-quality"


def call_wrong(place, logged_by, by):
    case = make.flagged_case(place, logged_by=logged_by)
    flags = Flag.objects.open().filter(case=case)
    given = [FlagOutcome(flag.pk, "data_wrong", "not_taken") for flag in flags]
    decide.decide(case=case, outcomes=given, by=by, seen=case.lock, note="Says he stopped in May")
    return DecisionItem.objects.filter(decision__case=case)


@pytest.fixture
def items(harbour, clara, ravi):
    return call_wrong(harbour, clara, ravi)


def test_it_says_whose_which_line_what_is_wrong_and_who_said_so(items, clara):
    text = Browser(clara).read(LIST)
    for said in (
        "BELL, Jonathan",
        "Diazepam 5 mg tablets, 1 tablet twice a day",
        "Not being taken",
        "Ravi Shah",
        "Says he stopped in May",
        "Amend Diazepam 5 mg tablets",
    ):
        assert said in text


@pytest.mark.parametrize(("who", "may"), [("clara", True), ("ravi", True), ("audrey", False)])
def test_who_may_answer(items, request, who, may):
    user = request.getfixturevalue(who)
    assert ("What you found" in Browser(user).read(LIST)) == may
    answer = Browser(user).post(
        reverse("data-quality-check", args=[items.first().pk]), result="corrected"
    )
    assert answer.status_code == (302 if may else 403)
    assert DataCheck.objects.exists() == may


def test_elsewhere_there_is_nothing(items, lakeside):
    stranger = Browser(make.person("stranger", lakeside, "reviewer"))
    assert "Nothing waits" in stranger.read(LIST)
    address = reverse("data-quality-check", args=[items.first().pk])
    assert stranger.post(address, result="corrected").status_code == 404


def test_a_record_that_is_right_goes_back_to_a_reviewer(items, clara, ravi):
    for item in items:
        address = reverse("data-quality-check", args=[item.pk])
        told = Browser(clara).follow(address, result="was_right", note="Asked the pharmacy")
    assert "goes back to a reviewer" in told.content.decode()
    assert heading(told) == "Data quality"
    screen.drain()
    assert Case.objects.open().exists()


def test_said_twice_is_told(items, clara, ravi):
    address = reverse("data-quality-check", args=[items.first().pk])
    Browser(clara).post(address, result="corrected")
    told = Browser(ravi).follow(address, result="was_right")
    assert "answered this already" in told.content.decode()


def test_a_longer_list_asks_no_more(harbour, clara, ravi, items, django_assert_max_num_queries):
    browser = Browser(clara)
    browser.get(LIST)
    counts = []
    for more in (0, 4):
        for _ in range(more):
            call_wrong(harbour, clara, ravi)
        with django_assert_max_num_queries(20) as counted:
            browser.get(LIST)
        counts.append(len(counted))
    assert counts[0] == counts[1]
