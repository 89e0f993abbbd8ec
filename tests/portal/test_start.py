"""What cannot be started says so in one line, and says what to do."""

import errno
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from portal import disk, environment
from portal.local import BASE_DIR, Home, Refused
from portal.processes import _LOG_KEEP_BYTES, Child
from reviews import releases

GIVEN = {
    "SECRET_KEY": "a-secret-of-more-than-fifty-characters-0123456789-abcdefgh",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nowhere",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "ALLOWED_HOSTS": "portal.example",
    "HTTPS": "on",
}
WEB = ["gunicorn", "-c", "python:portal.gunicorn", "portal.wsgi"]
WORKER = ["celery", "-A", "portal", "worker"]
BEAT = ["celery", "-A", "portal", "beat", "--pidfile="]
MANAGE = ["manage.py", "check"]
SHORT = "SECRET_KEY (or one of SECRET_KEY_FALLBACKS) is too easy to guess: it has 5 characters"
ANY_HOST = "ALLOWED_HOSTS=* lets a request choose which host"


def said(command, **changes):
    """What a command says that ends by itself, without the lines that are logged as usual."""
    program = [*command] if command[0].endswith(".py") else ["-m", *command]
    done = subprocess.run(
        [sys.executable, *program],
        cwd=BASE_DIR,
        env=os.environ | GIVEN | changes,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    return [line for line in done.stderr.splitlines() if "[INFO]" not in line]


@pytest.mark.parametrize("command", [WEB, WORKER, BEAT, MANAGE])
@pytest.mark.parametrize(
    ("changes", "line"),
    [({"SECRET_KEY": "short"}, SHORT), ({"ALLOWED_HOSTS": "a.example,*"}, ANY_HOST)],
)
def test_a_dangerous_setting_is_one_line_for_every_process(command, changes, line):
    lines = said(command, **changes)
    assert len(lines) == 1, lines
    assert lines[0].startswith(line)


@pytest.mark.parametrize(
    ("key", "sound", "why"),
    [
        ("abcdefghij" * 5, True, "exactly 50"),
        ("abcdefghij" * 4 + "abcdefghi", False, "49"),
        ("a" * 80, False, "long, but all the same"),
    ],
)
def test_a_key_is_long_and_not_all_the_same(key, sound, why):
    if sound:
        environment.require_secret(key)
        return
    with pytest.raises(ImproperlyConfigured, match="Make one of at least 50"):
        environment.require_secret(GIVEN["SECRET_KEY"], key)


def test_a_taken_port_is_one_line():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        assert said(WEB, BIND=address) == [
            f"{address}: another program listens there already. Set BIND to another address."
        ]


def test_an_address_of_another_machine_is_one_line():
    assert said(WEB, BIND="192.0.2.1:8000") == [
        "192.0.2.1:8000: this machine has no such address. Set BIND to another address."
    ]


def test_beat_without_a_place_for_its_schedule_says_so_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    lines = said(BEAT, BEAT_SCHEDULE_FILE=str(tmp_path / "file" / "schedule"))
    assert len(lines) == 1
    assert lines[0].endswith("or set BEAT_SCHEDULE_FILE to a place where it may.")


FULL = "The disk of {} is full (0 MB left). Free some room, or set PORTAL_VAR to a place on another"


@pytest.mark.parametrize(
    ("code", "line"),
    [
        (errno.ENOSPC, FULL),
        (errno.EDQUOT, FULL),
        (errno.EROFS, "{} is on a read-only disk. Make it writable, or set PORTAL_VAR to"),
        (errno.EACCES, "Nothing can be written to {} (Permission denied). Give this user the"),
    ],
)
def test_a_disk_that_takes_nothing_is_one_line(tmp_path, monkeypatch, code, line):
    def refuse(**_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(disk.tempfile, "TemporaryFile", refuse)
    with pytest.raises(Refused) as refused:
        Home(tmp_path).lock({"command": "up"})
    assert str(refused.value).startswith(line.format(tmp_path))
    assert "\n" not in str(refused.value)
    with pytest.raises(CommandError, match="PORTAL_VAR"):
        call_command("prepare")


def test_a_disk_with_too_little_left_is_one_line(tmp_path, monkeypatch):
    left = type("Usage", (), {"free": 63 * 2**20})
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: left)
    assert disk.refusal(tmp_path).startswith(f"The disk of {tmp_path} is full (63 MB left).")


def namespaces():
    """Whether this user may mount a small disk of their own."""
    program = shutil.which("unshare")
    return program and not subprocess.call([program, "-Urm", "true"], stderr=subprocess.DEVNULL)


@pytest.mark.skipif(not namespaces(), reason="no mount namespaces here")
@pytest.mark.parametrize(
    ("options", "line"),
    [
        ("size=100k", "is full (0 MB left)."),
        ("ro,size=100m", "is on a read-only disk."),
    ],
)
def test_dev_up_on_a_real_disk_that_takes_nothing_is_one_line(tmp_path, options, line):
    script = 'mount -t tmpfs -o "$1" none "$2" && exec "$3" -m portal.dev up --port 18999'
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script, "sh", options, str(tmp_path), sys.executable],
        cwd=BASE_DIR,
        env=os.environ | {"PORTAL_VAR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("./dev: ")
    assert line in done.stderr


def test_an_older_release_does_not_prepare_a_newer_database(db, monkeypatch):
    code = releases._of_this_code() - {"reviews.0001_initial"}
    monkeypatch.setattr(releases, "_of_this_code", lambda: code)
    with pytest.raises(CommandError, match="of a newer release"):
        call_command("prepare")


class TestALogThatGrows:
    """It is begun anew while its writer goes on, and takes no more room than twice its limit."""

    def test_the_same_process_writes_on_in_the_new_log(self, tmp_path):
        count = 4 * _LOG_KEEP_BYTES // 1000
        code = (
            "import sys, time\n"
            f"for n in range({count}):\n"
            "    print(f'{n:0999d}', flush=True)\n"
            "    if n % 200 == 0: time.sleep(0.002)\n"
        )
        child = Child(name="web", argv=[sys.executable, "-c", code], log=tmp_path / "web.log")
        child.start()
        seen, largest = set(), 0
        while child.ended() is None:
            child.rotate()
            largest = max(largest, child.log.stat().st_size)
        for file in (tmp_path / "web.old.log", tmp_path / "web.log"):
            seen |= {int(line) for line in file.read_text().split()}
        assert child.ended() == "ended with code 0"
        assert max(seen) == count - 1
        assert largest < 2 * _LOG_KEEP_BYTES
        assert (tmp_path / "web.log").stat().st_size <= _LOG_KEEP_BYTES * 1.5

    def test_on_a_full_disk_the_log_makes_room(self, tmp_path, monkeypatch):
        child = Child(name="web", argv=["true"], log=tmp_path / "web.log")
        child.log.write_bytes(b"x" * (_LOG_KEEP_BYTES + 1))
        honest = Path.open

        def full(path, mode="r", *args, **kwargs):
            if "w" in mode:
                raise OSError(errno.ENOSPC, "No space left on device")
            return honest(path, mode, *args, **kwargs)

        monkeypatch.setattr(Path, "open", full)
        child.rotate()
        assert child.log.stat().st_size == 0

    def test_a_small_one_stays(self, tmp_path):
        child = Child(name="web", argv=["true"], log=tmp_path / "web.log")
        child.log.write_bytes(b"x" * 100)
        child.rotate()
        assert child.log.stat().st_size == 100
        assert not (tmp_path / "web.old.log").exists()
