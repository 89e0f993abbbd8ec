"""A part that is there and does not answer: nobody waits for it, and everybody is told."""

import threading
import time

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from portal import embedded
from reviews import requests
from reviews.fuse import valkey
from reviews.verbs import prescribe
from tests import make

from .parts import frozen, until
from .test_faults import assert_nothing_lost_and_nothing_twice

pytestmark = pytest.mark.faults
PEOPLE = 60
BOUND = 12.0
"""Seconds in which everybody has an answer, on a busy machine too: without time-outs, never."""
WAITS_FOR_A_LOCK = "SELECT FROM pg_locks WHERE NOT granted"


@pytest.fixture
def web(portal):
    """The web server, answering, with its worker and beat."""
    portal.at_work()
    if not any(child.name.startswith("web") and not child.ended() for child in portal.running):
        portal.web()
    assert until(lambda: portal.health().get("status") == "up"), portal.logs()
    return portal


def sign_in_page(portal):
    """A page for which the database is asked: a cookie of a session that is none."""
    return portal.get("/", Cookie="session=0123456789abcdef0123456789abcdef")


def api(portal):
    return portal.get("/api/v1/flags", Authorization="Bearer none-of-the-keys-that-there-are")


def test_a_save_does_not_wait_for_a_hung_broker(web, harbour, clara):
    person = make.patient(harbour, clara, family_name="Patience")
    valkey.mend()
    with frozen(web.broker):
        took = []
        for _ in range(4):
            began = time.monotonic()
            prescribe.log(patient=person, record=make.record(), by=clara)
            took.append(time.monotonic() - began)
        assert max(took) < BOUND, took
        assert sum(sorted(took)[:-1]) < max(took), (
            "each save paid for the broker, not only the first"
        )
    assert_nothing_lost_and_nothing_twice(web)


def test_health_tells_of_a_hung_broker_in_time(web):
    with frozen(web.broker):
        status, body, took = web.get("/healthz")
        assert status == 503
        assert '"broker": "down"' in body
        assert '"database": "up"' in body
        assert took < BOUND
        status, body, took = sign_in_page(web)
        assert status == 200, body
        assert took < BOUND
    assert until(lambda: web.health().get("status") == "up"), web.logs()


def test_a_worker_whose_task_ended_while_the_broker_hung_takes_the_next(web, harbour, clara):
    person = make.patient(harbour, clara, family_name="Patience")
    with psycopg.connect(embedded.owner_url(web.home)) as own:
        own.execute("LOCK TABLE reviews_screeningrequest IN ACCESS EXCLUSIVE MODE")
        requests.ring()
        assert until(lambda: web.ask(WAITS_FOR_A_LOCK)), "no worker came to the table"
        with frozen(web.broker):
            own.rollback()
            time.sleep(settings.CELERY_BROKER_TRANSPORT_OPTIONS["socket_timeout"] + 2)
    prescribe.log(patient=person, record=make.record(), by=clara)
    assert_nothing_lost_and_nothing_twice(web)


@pytest.mark.parametrize("ask", [sign_in_page, api])
def test_a_frozen_database_is_503_with_a_sentence_and_a_time(web, ask):
    # Each process of the web server finds by itself that the database of the test before is back.
    assert until(lambda: all(ask(web)[0] in (200, 401) for _ in range(4))), web.logs()
    before, *_ = ask(web)
    with frozen(web.database):
        answers = [ask(web) for _ in range(5)]
        for status, body, took in answers:
            assert status == 503, body
            assert "The database does not answer. Nothing was lost. Try again in 5 seconds." in body
            assert took < BOUND
        waited = sorted(took for *_, took in answers)
        assert waited[2] < waited[-1] / 2, "every request paid for the database"
    assert until(lambda: ask(web)[0] == before), web.logs()


def test_all_who_ask_a_frozen_database_at_once_are_answered_in_time(web):
    answers = []
    with frozen(web.database):
        asking = [threading.Thread(target=lambda: answers.append(api(web))) for _ in range(4)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        assert [status for status, *_ in answers] == [503] * 4
        assert max(took for *_, took in answers) < BOUND
        status, body, took = web.get("/healthz")
        assert (status, '"database": "down"' in body) == (503, True)
        assert took < BOUND
    assert until(lambda: web.health().get("status") == "up"), web.logs()


def test_a_frozen_database_loses_nothing_of_what_was_saved(web, harbour, clara):
    people = [make.patient(harbour, clara, family_name=f"Frost {n}") for n in range(12)]
    for person in people:
        prescribe.log(patient=person, record=make.record(start=-40, days=35), by=clara)
    with frozen(web.database):
        time.sleep(4)
    assert_nothing_lost_and_nothing_twice(web)


def test_a_statement_that_only_takes_long_is_left_in_peace(web):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(2.5), 7")
        assert cursor.fetchone()[1] == 7
