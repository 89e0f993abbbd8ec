"""A missing or dangerous setting is named at start; the defaults are the safe ones."""

import json
import os
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from portal import environment
from portal.local import BASE_DIR

GIVEN = {
    "SECRET_KEY": "a-secret-of-more-than-fifty-characters-0123456789-abcdefgh",
    "DATABASE_URL": "postgres://portal:secret@db.example:5432/portal",
    "REDIS_URL": "redis://:secret@broker.example:6379/0",
    "ALLOWED_HOSTS": "portal.example",
}
SHOW = """
import json
from django.conf import settings
names = [name for name in dir(settings) if name.isupper()]
print(json.dumps({name: getattr(settings, name) for name in names}, default=str))
"""


def settings_with(env):
    """Read the settings in a process of their own, with nothing but `env` around."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        env=kept | {"DJANGO_SETTINGS_MODULE": "portal.settings"} | env,
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def on_a_server():
    return settings_with(GIVEN)


def test_every_missing_setting_is_named_at_once(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "there")
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALLOWED_HOSTS", "  ")
    with pytest.raises(ImproperlyConfigured) as refused:
        environment.require(environment.environ.Env())
    first_line = str(refused.value).splitlines()[0]
    assert first_line == "Missing settings: DATABASE_URL, REDIS_URL, ALLOWED_HOSTS."


def test_manage_py_says_what_is_missing_without_a_traceback():
    env = {name: value for name, value in os.environ.items() if name not in GIVEN}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        env=env | {"SECRET_KEY": "there"},
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Missing settings: DATABASE_URL, REDIS_URL, ALLOWED_HOSTS." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("host", ["portal.example", "10.0.0.4", "*"])
def test_plain_http_is_refused_where_others_can_reach_it(host):
    with pytest.raises(ImproperlyConfigured, match="only for this machine"):
        environment.require_loopback(["localhost", host])


def test_plain_http_on_this_machine_is_accepted():
    environment.require_loopback(["localhost", "127.0.0.1", "[::1]"])


def test_cookies_go_only_over_tls(on_a_server):
    assert on_a_server["SESSION_COOKIE_SECURE"] is True
    assert on_a_server["CSRF_COOKIE_SECURE"] is True
    assert on_a_server["SESSION_COOKIE_NAME"].startswith("__Host-")
    assert on_a_server["SECURE_SSL_REDIRECT"] is True
    assert on_a_server["SECURE_HSTS_SECONDS"] >= 31_536_000


def test_debug_is_off_even_when_the_environment_asks_for_it():
    assert settings_with(GIVEN | {"DEBUG": "true", "DJANGO_DEBUG": "1"})["DEBUG"] is False


def test_forwarded_headers_are_believed_only_from_our_own_proxies(on_a_server):
    assert on_a_server["SECURE_PROXY_SSL_HEADER"] is None
    behind_one = settings_with(GIVEN | {"PROXY_COUNT": "1"})
    assert behind_one["SECURE_PROXY_SSL_HEADER"] == ["HTTP_X_FORWARDED_PROTO", "https"]
    assert behind_one["PROXY_COUNT"] == 1


def test_connections_are_pooled_only_where_it_is_asked_for(on_a_server):
    assert "pool" not in on_a_server["DATABASES"]["default"]["OPTIONS"]
    web = settings_with(GIVEN | {"DATABASE_POOL": "8"})
    assert web["DATABASES"]["default"]["OPTIONS"]["pool"]["max_size"] == 8


def test_a_task_of_a_dead_worker_is_handed_out_again_soon(on_a_server):
    options = on_a_server["CELERY_BROKER_TRANSPORT_OPTIONS"]
    assert options["visibility_timeout"] >= 2 * on_a_server["CELERY_TASK_TIME_LIMIT"]
    assert options["unacked_restore_interval"] * options["unacked_restore_throttle"] <= 5
    assert on_a_server["CELERY_TASK_ACKS_LATE"] is True
    assert on_a_server["CELERY_TASK_REJECT_ON_WORKER_LOST"] is True
