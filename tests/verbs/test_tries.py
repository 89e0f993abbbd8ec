"""Tries are taken before they are looked at: so many, and then everybody waits."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from reviews import tries
from reviews.models import Tries
from reviews.tries import Limit

LIMIT = Limit(3, timedelta(minutes=15))
KEY = tries.key("password", 7, "203.0.113.7")


def pass_time(**time):
    """Let time pass: all that is counted becomes so much older."""
    past = timedelta(**time)
    Tries.objects.update(last_at=F("last_at") - past, waits_until=F("waits_until") - past)


def test_so_many_and_then_a_wait(db):
    assert [tries.take(KEY, LIMIT) for _ in range(3)] == [(2, None), (1, None), (0, None)]
    refused = tries.take(KEY, LIMIT)
    assert refused.until - timezone.now() == pytest.approx(LIMIT.wait, abs=timedelta(seconds=5))


def test_trying_makes_the_wait_no_longer(db):
    for _ in range(3):
        tries.take(KEY, LIMIT)
    until = tries.take(KEY, LIMIT).until
    pass_time(minutes=10)
    assert tries.take(KEY, LIMIT).until == until - timedelta(minutes=10)
    pass_time(minutes=6)
    assert tries.take(KEY, LIMIT) == (2, None)


def test_a_count_that_rested_begins_anew(db):
    tries.take(KEY, LIMIT)
    tries.take(KEY, LIMIT)
    pass_time(minutes=16)
    assert tries.take(KEY, LIMIT).left == 2


def test_a_right_try_is_given_back(db):
    for _ in range(3):
        tries.take(KEY, LIMIT)
    tries.give_back(KEY)
    assert tries.take(KEY, LIMIT) == (0, None)
    assert tries.take(KEY, LIMIT).until


def test_a_count_begins_anew(db):
    tries.take(KEY, LIMIT)
    tries.take(tries.key("password", "somebody else"), LIMIT)
    tries.forget([KEY])
    assert Tries.objects.count() == 1


def test_what_nobody_added_to_for_a_day_is_dropped(db):
    tries.take(tries.key("password", "nobody"), LIMIT)
    pass_time(days=2)
    tries.take(KEY, LIMIT)
    tries.forget_old()
    assert [row.pk for row in Tries.objects.all()] == [KEY]


def test_a_key_says_nothing_of_what_was_typed():
    typed = tries.key("password", "correct horse battery staple")
    assert "horse" not in typed
    assert typed != tries.key("password", "correct horse", "battery staple")


@pytest.mark.django_db(transaction=True)
def test_of_forty_at_once_only_so_many_are_looked_at():
    def take(_):
        try:
            return tries.take(KEY, LIMIT).until is None
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        looked_at = sum(pool.map(take, range(40)))
    assert looked_at == LIMIT.most


@pytest.mark.django_db(transaction=True)
def test_of_twenty_who_use_one_code_at_once_one_is_first():
    def use(_):
        try:
            return tries.first_time(KEY, within=timedelta(minutes=3))
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(use, range(20))) == 1
