"""The supervisor on small children, and `./dev up` as a person uses it."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from portal import embedded
from portal.local import BASE_DIR, Home, Refused, free_port
from portal.processes import Child
from portal.supervisor import Stopped, Supervisor, prepare_arguments, read_health
from tests.portal.folders import enterable

SLEEP = "import time; time.sleep(60)"
READY_SECONDS = 600


def child(home, name, code, **options):
    return Child(
        name=name, argv=[sys.executable, "-c", code], log=home.logs / f"{name}.log", **options
    )


@pytest.fixture
def supervisor(tmp_path):
    supervisor = Supervisor(Home(tmp_path / "var"))
    yield supervisor
    supervisor.stop()


def eventually(happened, seconds=20):
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_children_stop_in_the_opposite_order(supervisor, tmp_path):
    diary = tmp_path / "diary"
    code = (
        "import signal, sys, time\n"
        "def stop(*_):\n"
        "    open({diary!r}, 'a').write({name!r} + ' ')\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    for name in ("postgres", "worker", "web"):
        one = child(supervisor.home, name, code.format(diary=str(diary), name=name))
        supervisor.add(one)
        eventually(lambda one=one: "ready" in one.last_words())
    supervisor.stop()
    assert diary.read_text().split() == ["web", "worker", "postgres"]


@pytest.mark.parametrize(
    ("own", "demo", "seeded", "why"),
    [
        (["DATABASE_URL", "REDIS_URL"], False, True, "our own database"),
        (["REDIS_URL"], False, False, "somebody's database"),
        ([], True, True, "somebody's database, and they ask for it"),
    ],
)
def test_invented_people_stay_out_of_somebodys_database(own, demo, seeded, why):
    assert ("--demo" in prepare_arguments(own, demo)) is seeded, why


def test_a_child_that_dies_is_started_again_and_said_so(supervisor, capsys):
    one = child(supervisor.home, "worker", SLEEP)
    supervisor.add(one)
    first = one.process.pid
    os.kill(first, signal.SIGKILL)
    one.process.wait()
    supervisor.watch(until=lambda: one.process.pid != first)
    assert one.ended() is None
    said = capsys.readouterr().err
    assert "worker killed by SIGKILL; starting it again in 1 s" in said
    assert "worker was started again" in said


def test_a_child_that_keeps_dying_is_given_more_and_more_time(supervisor, capsys):
    supervisor.add(child(supervisor.home, "beat", "raise SystemExit(3)"))
    said = []

    def seen_twice():
        said.extend(
            re.findall(r"ended with code 3; starting it again in (\d+) s", capsys.readouterr().err)
        )
        return len(said) == 2

    supervisor.watch(until=seen_twice)
    assert said == ["1", "2"]


def test_a_child_that_will_not_stop_is_killed(supervisor, capsys):
    stubborn = (
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('on', flush=True)\n"
        "time.sleep(60)\n"
    )
    one = child(supervisor.home, "web", stubborn, grace_seconds=0.2)
    supervisor.add(one)
    eventually(lambda: "on" in one.last_words())
    supervisor.stop()
    assert one.ended() == "killed by SIGKILL"
    assert "web did not stop in time and was killed" in capsys.readouterr().err


def test_a_program_that_is_not_there_is_a_refusal(supervisor):
    nothing = Child(name="web", argv=["/nowhere/web"], log=supervisor.home.logs / "web.log")
    with pytest.raises(Refused, match="web cannot be started"):
        supervisor.add(nothing)


def test_asking_to_stop_ends_any_wait(supervisor):
    supervisor.ask_to_stop()
    with pytest.raises(Stopped):
        supervisor.pause(60)


def dev(*argv, var, **env):
    return subprocess.run(
        [sys.executable, "-m", "portal.dev", *argv],
        cwd=BASE_DIR,
        env=local_environment(var) | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def local_environment(var):
    """Our environment as it is where nobody set up any server."""
    ours = (
        "DATABASE_URL",
        "DATABASE_OWNER_URL",
        "DATABASE_ROLE",
        "REDIS_URL",
        "SECRET_KEY",
        "ALLOWED_HOSTS",
        "HTTPS",
        "LOG_LEVEL",
        "PORT",
    )
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | {"PORTAL_VAR": str(var), "DEMO_PATIENTS": "30"}


def test_a_taken_port_is_one_clear_line(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = dev("up", "--port", str(port), var=tmp_path / "var")
    assert done.returncode == 1
    assert done.stderr == (
        f"./dev: Port {port} is taken. Choose another: ./dev up --port {port + 1}\n"
    )


@pytest.fixture
def fresh_folder(tmp_path):
    """A clone in which nothing was set up yet. What would be downloaded there is here already:
    its `pip` and `uv` only talk, and its Python is ours."""
    folder = enterable(tmp_path) / "clone"
    left = (".git", ".venv", "var", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(BASE_DIR, folder, ignore=shutil.ignore_patterns(*left))
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    talk = 'echo "Installing: $*"'
    for name, line in {
        "python": f'[ "$2" = pip ] && {talk} || exec "{sys.executable}" "$@"',
        "uv": talk,
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o755)
    return folder


@pytest.mark.supervisor
def test_standard_output_is_the_commands_own(fresh_folder):
    env = local_environment(fresh_folder / "var")
    del env["PORTAL_VAR"]
    done = subprocess.run(
        ["./dev", "manage", "rules", "--json"],
        cwd=fresh_folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=READY_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rules"]
    for said in ("Install Python packages", "Installing: pip sync", "Installing: -m pip install"):
        assert said in done.stderr


@pytest.mark.parametrize("port", ["eight", "0", "65536"])
def test_a_port_that_is_none_is_one_clear_line(tmp_path, port):
    done = dev("up", var=tmp_path / "var", PORT=port)
    assert done.returncode == 1
    assert done.stderr.startswith(f"./dev: '{port}' is not a port.")
    assert done.stderr.count("\n") == 1


def processes():
    """Process id, parent, session and command line of every process."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it has ended since
        yield int(folder.name), int(stat[1]), int(stat[3]), command


class Up:
    """A running `./dev up`, with what it has said so far."""

    def __init__(self, var, port):
        self.var, self.port = var, port
        self.said_file = var.parent / f"said-{time.monotonic_ns()}"
        with self.said_file.open("w") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "portal.dev", "up", "--port", str(port)],
                cwd=BASE_DIR,
                env=local_environment(var),
                stdout=said,
                stderr=subprocess.STDOUT,
            )
        eventually(lambda: self.ended() or "Stop it with Ctrl-C" in self.said(), READY_SECONDS)
        assert not self.ended(), self.said()

    def said(self):
        return self.said_file.read_text()

    def ended(self):
        return self.process.poll() is not None

    def children(self):
        """Name and process id of each child, by its command line."""
        marks = {
            "postgres": "bin/postgres ",
            "valkey": "valkey-server",
            "worker": "portal worker",
            "beat": "portal beat",
            "web": "gunicorn",
        }
        return {
            name: pid
            for pid, parent, _, command in processes()
            for name, mark in marks.items()
            if parent == self.process.pid and mark in command
        }

    def stop(self, how=signal.SIGTERM):
        """Stop it; return its exit code and what is left of its children and theirs."""
        sessions = {os.getsid(pid) for pid in self.children().values()}
        self.process.send_signal(how)
        code = self.process.wait(90)
        return code, [command for _, _, session, command in processes() if session in sessions]

    def health(self):
        return read_health(self.port)

    def page(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Where the portal is kept, and those that were started there, the last of them running."""
    var = enterable(tmp_path_factory.mktemp("dev up")) / "var"
    started = []
    yield var, started
    for up in started:
        if not up.ended():
            up.stop()


@pytest.fixture
def running(installed):
    """The portal, started again where the test before this one stopped it."""
    var, started = installed
    if not started or started[-1].ended():
        started.append(Up(var, free_port()))
    return started[-1]


@pytest.mark.supervisor
class TestDevUp:
    def test_it_says_each_slow_step_the_address_and_the_sign_ins(self, running, installed):
        _, (first, *_) = installed
        said = first.said()
        for step in (
            "Start PostgreSQL",
            "Bring the database up to date",
            "Seed three demo practices",
        ):
            assert f"{step}" in said
        assert f"at http://127.0.0.1:{first.port}\n" in said
        assert re.search(r"clara +\S+ +clinician", said)

    def test_all_answer(self, running):
        assert running.health()["status"] == "up"

    def test_pages_come_with_their_static_files_and_a_session_that_works_here(self, running):
        status, headers, body = running.page("/accounts/login/")
        assert status == 200
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        # Plain HTTP on this machine: a Secure cookie would be dropped, and nobody get in.
        assert "csrf=" in headers["Set-Cookie"]
        assert "Secure" not in headers["Set-Cookie"]
        sheet = re.search(r'href="(/static/[^"]+\.css)"', body)[1]
        status, headers, _ = running.page(sheet)
        assert status == 200
        assert "immutable" in headers["Cache-Control"]

    def test_a_second_instance_is_refused_and_told_where_the_first_is(self, running):
        done = dev("up", "--port", str(free_port()), var=running.var)
        assert done.returncode == 1
        assert f"already running here at http://127.0.0.1:{running.port}" in done.stderr

    def test_reset_refuses_while_it_runs(self, running):
        done = dev("reset", var=running.var)
        assert done.returncode == 1
        assert running.health()["status"] == "up"

    def test_manage_uses_the_running_services(self, running):
        code = "from reviews.models import Patient; print(Patient.objects.count())"
        done = dev("manage", "shell", "-v", "0", "-c", code, var=running.var)
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) > 0

    def test_links_that_manage_prints_lead_to_it(self, running):
        done = dev(
            "manage", "invite", "harbour-street", "Tom Ashby", "--role=clinician", var=running.var
        )
        assert done.stdout.startswith(f"http://127.0.0.1:{running.port}/join?code="), done.stderr

    def test_whatever_is_killed_comes_back(self, running):
        before = running.children()
        assert before.keys() == {"postgres", "valkey", "worker", "beat", "web"}
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: running.said().count("was started again") >= len(before), 60)
        eventually(lambda: running.health().get("status") == "up", 90)
        for name in before:
            assert f"{name} killed by SIGKILL; starting it again in 1 s" in running.said()
        now = running.children()
        assert now.keys() == before.keys()
        assert not set(now.values()) & set(before.values())

    def test_sigterm_stops_everything_and_a_second_start_finds_the_data(self, running):
        counted = "select count(*) from reviews_patient"
        before = count(running.var, counted)
        code, left = running.stop()
        assert code == 0
        assert left == []
        assert running.said().endswith("Stopping ...\nStopped.\n")
        again = Up(running.var, free_port())
        try:
            assert "Seed" not in again.said()
            assert re.search(r"clara +\S+ +clinician", again.said())
            assert count(again.var, counted) == before > 0
        finally:
            code, left = again.stop(signal.SIGINT)
        assert code == 0
        assert left == []


def count(var, sql):
    with psycopg.connect(embedded.owner_url(Home(Path(var)))) as connection:
        return connection.execute(sql).fetchone()[0]
