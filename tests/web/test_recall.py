"""Recall lists on pages: made from a view, looked at, written to, answered."""

from urllib.parse import urlencode

import pytest

from reviews import jobs
from reviews.models import Letter, OptOut, Practice, RecallList
from reviews.tasks import KINDS
from reviews.verbs import screen
from reviews.views import filters
from tests.verbs.test_recall import long_user, make_list, reviewed, text
from tests.web.browse import Browser, heading, words


@pytest.fixture
def people(harbour, clara):
    Practice.objects.filter(pk=harbour.pk).update(telephone="01632 960 114")
    harbour.refresh_from_db()
    made = [long_user(harbour, clara, name) for name in ("Ann", "Bob", "Cy")]
    screen.drain()
    return made


def fields(**changes):
    return {
        "name": "Over 65",
        "reason": "Review is overdue",
        "asked": "either",
        "age_from": "65",
        "days_from": "28",
        "since": "+0d",
        "look_by": "+7d",
        "due_on": "+60d",
        **changes,
    }


def test_a_list_is_made_from_a_view_of_the_queue(people, ravi):
    browser = Browser(ravi)
    assert "Recall these people" in browser.read("/", severity=2)
    page = browser.get("/recall/new", severity=2)
    assert heading(page) == "3 people of this view"
    page = browser.client.post("/recall/new?severity=2", fields(), follow=True)
    made = RecallList.objects.get()
    assert (made.people.count(), made.query) == (3, "severity=2")
    assert "65 or over" in made.question
    assert heading(page) == "3 people wait for a letter"


@pytest.mark.parametrize("view", filters.VIEWS, ids=lambda view: view.name)
def test_each_view_of_the_queue_can_be_asked_for(people, harbour, clara, ravi, view):
    browser = Browser(ravi)
    page = browser.get("/recall/new", **view.query)
    assert filters.in_words(filters.filters(view.query)) in words(page)
    address = f"/recall/new?{urlencode(view.query)}"
    page = browser.client.post(address, fields(), follow=True)
    found = int(heading(browser.get("/recall/new", **view.query)).split()[0].replace("Nobody", "0"))
    assert page.status_code == (200 if found else 422)
    assert RecallList.objects.exists() == bool(found)


def test_what_is_wrong_is_said_where_it_was_typed(people, ravi):
    page = Browser(ravi).client.post("/recall/new", fields(name="", look_by="yesterday"))
    assert page.status_code == 422
    assert "must be a day such as" in words(page).lower()
    assert not RecallList.objects.exists()
    page = Browser(ravi).client.post("/recall/new", fields(age_from="100"))
    assert "Nobody fits" in words(page)


def test_the_way_of_a_list(people, harbour, clara, ravi):
    made = make_list(harbour, people, ravi)
    address = f"/recall/{made.pk}"
    prescriber, reviewer = Browser(clara), Browser(ravi)
    assert "3 of your people" in prescriber.read("/recall")
    assert "3 of your people" in prescriber.read("/my-work")
    page = prescriber.read(address, prescriber="me")
    assert "I have looked" in page
    ann = made.people.get(patient=people[0])
    page = prescriber.follow(
        f"{address}/opt-out", person=ann.pk, reason="crisis", until="+90d", note=""
    )
    assert "1 person is left out until" in words(page)
    assert "bereavement or crisis now, until" in words(page)
    early = reviewer.post(f"{address}/write", text=text().pk)
    assert early.status_code == 403
    assert "Clara Moreau may look" in words(early)
    prescriber.post(f"{address}/looked")
    page = reviewer.follow(f"{address}/write", text=text().pk)
    assert "2 letters are being made, one a person" in words(page)
    jobs.work(KINDS, seconds=60)
    assert Letter.objects.count() == 2
    page = reviewer.get(address)
    assert heading(page) == "0 reviews, 0 tapers and 0 smaller doses from 2 letters"
    pdf = reviewer.get(f"{address}/rounds/1/pdf")
    assert pdf.content[:5] == b"%PDF-"
    bob = made.people.get(patient=people[1])
    reviewer.post(f"{address}/people/{bob.pk}/answer", answer="talk")
    reviewed(people[2], ravi)
    page = words(reviewer.get(address))
    assert "left by themselves review recorded" in page
    assert "answered" in page
    page = prescriber.follow(f"{address}/people/{ann.pk}/ask-again")
    assert "can be written to again" in words(page)
    assert not OptOut.objects.filter(ended_at__isnull=True).exists()
    page = reviewer.follow(f"{address}/close")
    assert "The list is closed" in words(page)
    assert reviewer.post(f"{address}/write", text=text().pk).status_code == 409


def test_a_refused_opt_out_keeps_what_was_typed(people, harbour, clara, ravi):
    made = make_list(harbour, people, ravi)
    ann = made.people.first()
    page = Browser(clara).post(
        f"/recall/{made.pk}/opt-out", person=ann.pk, reason="other", until="+90d", note=""
    )
    assert page.status_code == 422
    assert "say why in words" in words(page)


def test_filters(people, harbour, ravi, clara):
    made = make_list(harbour, people, ravi)
    reviewed(people[0], ravi)
    browser = Browser(ravi)
    page = browser.read(f"/recall/{made.pk}", state="review recorded")
    assert "Ann" in page
    assert "GRAY, Bob" not in page
    assert "GRAY, Bob" in browser.read(f"/recall/{made.pk}", q="bob")
    assert "Nobody fits these filters" in browser.read(f"/recall/{made.pk}", prescriber="me")


def test_a_page_of_a_long_list_costs_no_more_queries(
    people, harbour, clara, ravi, django_assert_max_num_queries
):
    made = make_list(harbour, people, ravi)
    browser = Browser(ravi)
    browser.get(f"/recall/{made.pk}")
    with django_assert_max_num_queries(45):
        browser.get(f"/recall/{made.pk}")
