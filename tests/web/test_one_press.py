"""A form that is sent twice, or five times at once, is carried out once."""

import re
import threading

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.local import BASE_DIR
from portal.one_press import FIELD
from reviews import presses
from reviews.models import ApiKey, AuditEvent, Condition, Prescription, Press, SavedView
from reviews.queries.picker import value_of
from reviews.verbs import prescribe
from tests import make
from tests.web.browse import Browser

TOKEN = re.compile(rf'name="{FIELD}" value="([^"]+)"')


def tokens(response):
    return TOKEN.findall(response.content.decode())


def diazepam(**changes):
    return {
        "do": "save",
        "product": value_of("Diazepam 5 mg tablets", []),
        "dose": "1",
        "dose_unit": "tablet",
        "times_per_day": "1",
        "days_supply": "14",
        "start_on": f"{make.day():%-d %b %Y}",
        "indication": "anxiety",
        "setting": "community",
        **changes,
    }


@pytest.fixture
def form(clara, harbour):
    """The address of a form, and a browser that has opened it."""
    return reverse("prescription-log", args=[make.patient(harbour, clara).pk]), Browser(clara)


@pytest.mark.django_db(transaction=True)
def test_five_presses_at_once_log_one_prescription(form):
    address, browser = form
    sent = diazepam(**{FIELD: tokens(browser.get(address))[-1]})
    together, answers = threading.Barrier(5), []

    def press():
        client = Client()
        client.cookies = browser.client.cookies
        together.wait()
        answers.append(client.post(address, sent))
        connections.close_all()

    threads = [threading.Thread(target=press) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Prescription.objects.count() == 1
    assert len({(answer.status_code, answer.url) for answer in answers}) == 1
    assert answers[0].status_code == 302
    assert Press.objects.count() == 1


def test_each_form_has_a_token_of_its_own(form):
    address, browser = form
    found = tokens(browser.get(address)) + tokens(browser.get(address))
    assert len(found) == len(set(found)) >= 4


def test_pressing_again_later_gives_the_first_answer_and_says_nothing_twice(form):
    address, browser = form
    first = browser.post(address, **diazepam(**{FIELD: "a"}))
    events = AuditEvent.objects.count()
    again = browser.post(address, **diazepam(**{FIELD: "a"}))
    assert (again.status_code, again.url) == (first.status_code, first.url)
    assert (Prescription.objects.count(), AuditEvent.objects.count()) == (1, events)
    assert browser.get(first.url).content.decode().count("Logged:") == 1


def test_the_same_form_with_something_else_in_it_is_another_press(form):
    address, browser = form
    browser.post(address, **diazepam(**{FIELD: "a"}))
    browser.post(address, **diazepam(days_supply="7", **{FIELD: "a"}))
    assert Prescription.objects.count() == 2


def test_the_same_content_from_another_form_is_another_press(form):
    address, browser = form
    browser.post(address, **diazepam(**{FIELD: "a"}))
    browser.post(address, **diazepam(**{FIELD: "b"}))
    assert Prescription.objects.count() == 2


def test_a_form_without_a_token_is_carried_out_as_often_as_it_is_sent(form):
    address, browser = form
    browser.post(address, **diazepam())
    browser.post(address, **diazepam())
    assert (Prescription.objects.count(), Press.objects.count()) == (2, 0)


def test_somebody_elses_token_says_nothing_of_my_form(harbour, clara, ravi):
    sent = {"name": "Urgent", "back": "?severity=1", FIELD: "a"}
    for person in (clara, ravi):
        make.person(person.username, harbour, "reviewer")
        Browser(person).post(reverse("queue-view-save"), **sent)
    assert set(SavedView.objects.values_list("user__username", flat=True)) == {"clara", "ravi"}


@pytest.mark.django_db(transaction=True)
def test_what_was_refused_is_not_held_against_the_same_form_set_right(form):
    address, browser = form
    refused = browser.post(address, **diazepam(dose="much", **{FIELD: "a"}))
    looked = browser.post(address, **diazepam(do="preview", **{FIELD: "a"}))
    assert (refused.status_code, looked.status_code) == (422, 200)
    assert not Press.objects.exists()
    saved = browser.post(address, **diazepam(**{FIELD: "a"}))
    assert saved.status_code == 302
    assert Prescription.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_press_that_failed_left_nothing_and_can_be_sent_again(form, monkeypatch):
    address, browser = form
    browser.client.raise_request_exception = False
    keep = presses.keep

    def fails(*_, **__):
        raise OSError

    monkeypatch.setattr(presses, "keep", fails)
    assert browser.post(address, **diazepam(**{FIELD: "a"})).status_code == 500
    assert not Prescription.objects.exists()
    monkeypatch.setattr(presses, "keep", keep)
    monkeypatch.setattr("reviews.views.prescribing.messages.success", fails)
    assert browser.post(address, **diazepam(**{FIELD: "a"})).status_code == 500
    assert not Prescription.objects.exists()
    monkeypatch.undo()
    assert browser.post(address, **diazepam(**{FIELD: "a"})).status_code == 302
    assert Prescription.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_key_is_made_once_and_its_secret_is_kept_nowhere(ada, harbour):
    browser, address = Browser(ada), reverse("key-make")
    sent = {"name": "Main record", "source_system": "ehr", "practices": harbour.pk, FIELD: "a"}
    made = browser.post(address, **sent)
    assert (made.status_code, ApiKey.objects.count()) == (200, 1)
    again = browser.post(address, **sent)
    assert (again.status_code, ApiKey.objects.count()) == (302, 1)
    page = browser.read(again["Location"])
    assert "in force. Its secret was shown once and cannot be shown again" in page
    assert "Revoke the key" in page
    assert "make another" in page


def test_presses_are_forgotten_when_nobody_can_send_them_again(form):
    address, browser = form
    browser.post(address, **diazepam(**{FIELD: "old"}))
    Press.objects.update(pressed_at=timezone.now() - presses.KEPT)
    browser.post(address, **diazepam(days_supply="7", **{FIELD: "new"}))
    presses.forget()
    assert Press.objects.count() == 1


def test_a_fact_about_somebody_is_recorded_once(harbour, clara):
    bell = make.patient(harbour, clara)
    address, browser = reverse("patient-condition", args=[bell.pk]), Browser(clara)
    sent = {"text": "Sleep apnoea", "kind": "condition", "system": "snomed", FIELD: "a"}
    for _ in range(2):
        browser.post(address, **sent)
    assert Condition.objects.count() == 1


def test_a_record_logged_by_a_verb_knows_no_presses(harbour, clara):
    bell = make.patient(harbour, clara)
    for _ in range(2):
        prescribe.log(patient=bell, record=make.record(), by=clara)
    assert Prescription.objects.count() == 2


FORM = re.compile(r'<form\b[^>]*method="post".*?</form>', re.DOTALL)
INCLUDED = re.compile(r'{% include "([^"]+)"')
TEMPLATES = BASE_DIR / "templates"


def test_every_form_that_writes_carries_the_tokens():
    found = 0
    for file in TEMPLATES.rglob("*.html"):
        for form in FORM.findall(file.read_text()):
            found += 1
            parts = [form, *((TEMPLATES / name).read_text() for name in INCLUDED.findall(form))]
            assert any("{% csrf_token %}" in part for part in parts), (file, form[:200])
    assert found > 40
