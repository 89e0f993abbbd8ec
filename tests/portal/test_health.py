"""/healthz says which part is down, quickly, and how long the oldest change has waited."""

import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from portal import disk, health, heartbeats
from reviews import clock, engines, jobs, releases, requests
from reviews.models import Clock
from reviews.rules import ENGINE
from tests import make

HERE = heartbeats.worker_name("worker@here")
NOBODY_LISTENS = "redis://127.0.0.1:1/0"


@pytest.fixture
def signs():
    """The signs of life, with none there before and none left behind."""
    with heartbeats.client() as client:
        keys = [f"heartbeats:{part}" for part in (heartbeats.WORKER, heartbeats.BEAT)]
        client.delete(*keys)
        yield client
        client.delete(*keys)


@pytest.fixture
def all_beating(signs):
    heartbeats.write(signs, heartbeats.WORKER, HERE)
    heartbeats.write(signs, heartbeats.BEAT, "beat")


def test_all_is_up(client, db, all_beating):
    answer = client.get("/healthz")
    assert answer.status_code == 200
    parts = answer.json()
    assert parts["status"] == "up"
    assert parts["down"] == []
    for part in ("web", "database", "clock", "schema", "broker", "worker", "beat", "disk"):
        assert parts[part] == "up"


@pytest.mark.parametrize(("silent", "beating"), [("worker", "beat"), ("beat", "worker")])
def test_worker_and_beat_are_told_apart(client, db, signs, silent, beating):
    heartbeats.write(signs, beating, HERE)
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["down"] == [silent]


def test_a_part_is_down_once_it_has_missed_its_beats(client, db, signs, all_beating):
    late = time.time() - heartbeats.STALE_AFTER_SECONDS["worker"] - 1
    signs.zadd("heartbeats:worker", {HERE: late})
    assert client.get("/healthz").json()["down"] == ["worker"]


def test_one_live_worker_is_enough(client, db, signs, all_beating):
    signs.zadd("heartbeats:worker", {"worker@gone": time.time() - 3600})
    assert client.get("/healthz").status_code == 200


def test_a_worker_that_stops_on_purpose_is_down_at_once(client, db, signs, all_beating):
    heartbeats.forget(signs, "worker", HERE)
    assert client.get("/healthz").json()["down"] == ["worker"]


def test_workers_of_another_engine_are_as_good_as_none(client, db, signs, all_beating):
    signs.delete("heartbeats:worker")
    heartbeats.write(signs, "worker", "worker@older 0dd0dd0d")
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["down"] == ["worker"]
    assert answer.json()["worker"] == "runs other code than the portal's engine"
    heartbeats.write(signs, "worker", HERE)
    assert client.get("/healthz").json()["worker"] == "up"


def test_it_says_which_engine_judges(client, db, all_beating):
    answer = client.get("/healthz").json()
    assert (answer["engine"], answer["rescreen_left"]) == (ENGINE.name, None)


@pytest.mark.django_db(transaction=True)
def test_a_rescreen_in_progress_says_how_many_are_left(client, all_beating):
    jobs.ask(engines.RESCREEN, title="Judge everybody", total=120, unit="patients")
    assert client.get("/healthz").json()["rescreen_left"] == 120


def test_the_broker_is_down(client, db, settings):
    settings.REDIS_URL = NOBODY_LISTENS
    started = time.monotonic()
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["down"] == ["broker", "worker", "beat"]
    assert answer.json()["database"] == "up"
    assert time.monotonic() - started < 12


def test_the_database_is_down(client, db, all_beating, monkeypatch):
    given = connection.get_connection_params()
    monkeypatch.setattr(
        health.django_connection, "get_connection_params", lambda: given | {"port": 1}
    )
    started = time.monotonic()
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["down"] == ["database"]
    assert answer.json()["oldest_unscreened_seconds"] is None
    assert time.monotonic() - started < 12


def test_a_database_without_tables_is_not_up(client, db, all_beating, monkeypatch):
    given = connection.get_connection_params()
    monkeypatch.setattr(
        health.django_connection, "get_connection_params", lambda: given | {"dbname": "postgres"}
    )
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["database"] == "not migrated"


@pytest.mark.django_db(transaction=True)
def test_the_oldest_unscreened_change_has_an_age(
    client, all_beating, harbour, clara, monkeypatch, settings
):
    """Whoever's it is: asked by the role of the web server, that nobody's rows are shown."""
    given = connection.get_connection_params() | {"options": f"-c role={settings.DATABASE_ROLE}"}
    monkeypatch.setattr(health.django_connection, "get_connection_params", lambda: given)
    make.patient(harbour, clara)
    requests.enqueue([make.patient(harbour, clara).pk], reason="logged")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE reviews_screeningrequest SET requested_at = now() - interval '90 seconds'"
        )
    assert 90 <= client.get("/healthz").json()["oldest_unscreened_seconds"] < 120


def test_nothing_waiting_has_no_age(client, db, all_beating):
    assert client.get("/healthz").json()["oldest_unscreened_seconds"] is None


def test_writing_is_not_offered(client, db):
    assert client.post("/healthz").status_code == 405


def test_a_sign_of_life_from_the_future_is_none(client, db, signs, all_beating):
    """Given before the clock went back, by a process that may be dead since."""
    signs.zadd("heartbeats:worker", {HERE: time.time() + 7200})
    signs.zadd("heartbeats:beat", {"beat": time.time() + 7200})
    assert client.get("/healthz").json()["down"] == ["worker", "beat"]


@pytest.mark.django_db(transaction=True)
def test_a_clock_set_back_is_told_and_makes_no_change_young(client, all_beating, harbour, clara):
    make.prescription(make.patient(harbour, clara), clara)
    clock.look()
    Clock.objects.update(furthest=timezone.now() + timedelta(hours=2))
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["down"] == ["clock"]
    assert answer.json()["clock"].startswith("set back: 7200 s behind")
    assert answer.json()["oldest_unscreened_seconds"] >= 7199


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(20, "up"), (40, "40 s behind the web server's"), (-40, "40 s ahead of the web server's")],
)
def test_clocks_that_differ_are_told(client, db, all_beating, monkeypatch, seconds, told):
    monkeypatch.setattr(health, "time", type("Ahead", (), {"time": lambda: time.time() + seconds}))
    assert client.get("/healthz").json()["clock"] == told


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("reviews.9999_of_this_code", "older than this release: run prepare with it"),
        ("reviews.0001_initial", "newer than this release: restart with the newer one"),
    ],
)
def test_code_and_database_of_two_releases_are_told(
    client, db, all_beating, monkeypatch, name, told
):
    other = releases._of_this_code() ^ {name}
    monkeypatch.setattr(releases, "_of_this_code", lambda: other)
    answer = client.get("/healthz").json()
    assert (answer["schema"], answer["down"]) == (told, ["schema"])


def test_the_room_left_and_the_size_of_the_logs_are_shown(
    client, db, all_beating, settings, tmp_path
):
    settings.VAR = tmp_path
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "web.log").write_bytes(b"x" * 700)
    (tmp_path / "log" / "web.old.log").write_bytes(b"x" * 300)
    answer = client.get("/healthz").json()
    assert answer["log_bytes"] == 1000
    assert answer["disk_free_bytes"] > 0


def test_a_disk_that_is_nearly_full_is_told_while_there_is_time(
    client, db, all_beating, monkeypatch
):
    left = type("Usage", (), {"free": 100 * 2**20})
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: left)
    answer = client.get("/healthz").json()
    assert (answer["disk"], answer["down"]) == ("nearly full: 100 MB left", ["disk"])
