"""A worker of another release than the database does nothing, and says so in a line."""

import pytest

from reviews import releases, tasks
from reviews.models import ScreeningRequest
from tests import make

NEEDED, FIRST = "reviews.9999_of_this_code", "reviews.0001_initial"


@pytest.fixture
def differs(monkeypatch):
    """`differs(name)`: the code has a migration more, or one less, than the database."""

    def by(name):
        code = releases._of_this_code() ^ {name}
        monkeypatch.setattr(releases, "_of_this_code", lambda: code)

    return by


def test_code_and_database_of_one_release_work(db):
    releases.require()


def test_a_database_without_what_the_code_needs_is_named(db, differs):
    differs(NEEDED)
    with pytest.raises(releases.OlderDatabase, match=rf"lacks {NEEDED} .* run prepare with it"):
        releases.require()


def test_a_database_of_a_newer_release_is_named(db, differs):
    differs(FIRST)
    with pytest.raises(releases.NewerDatabase, match=r"newer release .* restart this process"):
        releases.require()


@pytest.mark.parametrize("name", [NEEDED, FIRST])
def test_its_worker_takes_nothing_and_raises_nothing(harbour, clara, differs, name):
    make.patient(harbour, clara)
    waiting = ScreeningRequest.objects.count()
    differs(name)
    for task in (tasks.drain, tasks.ring, tasks.work, tasks.sweep, tasks.send_digests):
        task()
    assert ScreeningRequest.objects.count() == waiting > 0
    differs(name)  # as it was
    tasks.drain()
    assert not ScreeningRequest.objects.exists()


def test_only_an_older_worker_takes_no_more(harbour, clara, differs, monkeypatch):
    """A newer one will do the work as soon as somebody has run `prepare`."""
    taken = []
    monkeypatch.setattr(tasks, "_take_no_more", taken.append)
    differs(NEEDED)
    tasks.drain()
    assert taken == []
    differs(NEEDED)
    differs(FIRST)
    tasks.drain()
    assert len(taken) == 1


def test_a_task_pays_one_query_for_the_question(db, django_assert_num_queries):
    with django_assert_num_queries(1):
        releases.require()
