"""`./dev up`: services, web, worker and beat under one roof.

Starts them in order, waits until all answer, starts again whatever dies, and stops them in the
opposite order on Ctrl-C or SIGTERM.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, Protocol

from portal import embedded
from portal.local import BASE_DIR, Home, Lock, Refused, may_listen, port_is_free
from portal.processes import Child, kill_session
from portal.progress import say, step

_READY_SECONDS = 120
_BACKOFF_SECONDS = (1, 2, 4, 8, 15, 30)
_STEADY_SECONDS = 60
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """Somebody asked us to stop."""


class Wait(Protocol):
    """Waits until a child answers, with `pause` between its questions; may raise Refused."""

    def __call__(self, home: Home, child: Child, *, pause: Callable[[float], None]) -> None: ...


@dataclass(kw_only=True)
class Ward:
    """A child under supervision: how to tell that it is up, and how often it died lately."""

    child: Child
    wait: Wait | None = None
    deaths: int = 0
    start_at: float | None = None


class Supervisor:
    """Holds the children; the first started is the last stopped."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.wards: list[Ward] = []
        self.own: list[str] = []  # the settings that name servers we started
        self.stop_asked = False

    def ask_to_stop(self, number: int | None = None, frame: FrameType | None = None) -> None:
        """Note that somebody wants us to stop; the next pause raises Stopped. A signal handler."""
        self.stop_asked = True

    def pause(self, seconds: float) -> None:
        """Wait a little; raises Stopped when we have been asked to stop."""
        deadline = time.monotonic() + seconds
        while True:
            if self.stop_asked:
                raise Stopped
            left = deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.1))

    def add(self, child: Child, *, wait: Wait | None = None) -> None:
        """Start a child, wait for it where it says how, and watch it from now on."""
        self.pause(0)
        try:
            child.start()
        except OSError as error:
            raise Refused(f"{child.name} cannot be started: {error}") from None
        self.wards.append(Ward(child=child, wait=wait))
        if wait:
            wait(self.home, child, pause=self.pause)

    def services(self, *, durable: bool = True, said: bool = True) -> dict[str, str]:
        """Start the servers the environment does not name; return the settings to reach them."""
        env = base_environment(self.home)
        shown = step if said else nullcontext
        if not env.get("DATABASE_URL"):
            with shown("Start PostgreSQL"):
                self.add(
                    embedded.postgres(self.home, durable=durable), wait=embedded.wait_for_postgres
                )
            env["DATABASE_URL"] = embedded.database_url(self.home)
            env["DATABASE_OWNER_URL"] = embedded.owner_url(self.home)
            self.own.append("DATABASE_URL")
        if not env.get("REDIS_URL"):
            with shown("Start Valkey"):
                self.add(embedded.valkey(self.home), wait=embedded.wait_for_valkey)
            env["REDIS_URL"] = embedded.broker_url(self.home)
            self.own.append("REDIS_URL")
        return env

    def run(
        self,
        argv: Sequence[str],
        *,
        env: dict[str, str],
        cwd: str | Path = BASE_DIR,
        quiet: bool = False,
    ) -> tuple[int, str]:
        """Run a command to its end; return its exit code and, if quiet, what it printed."""
        self.pause(0)
        process = subprocess.Popen(
            argv,
            env={"LOG_LEVEL": "WARNING", **env},
            cwd=cwd,
            start_new_session=True,
            stdout=subprocess.PIPE if quiet else None,
            text=True,
        )
        try:
            while process.poll() is None:
                self.pause(0.05)
        except Stopped:
            kill_session(process.pid)
            process.wait()
            raise
        return process.returncode, process.stdout.read() if process.stdout else ""

    def watch(self, *, until: Callable[[], bool] | None = None) -> None:
        """Start again whatever dies, until we are asked to stop (or `until` is true)."""
        while not (until and until()):
            self.pause(0.25)
            for ward in self.wards:
                self._look_after(ward)
                ward.child.rotate()

    def _look_after(self, ward: Ward) -> None:
        now = time.monotonic()
        if ward.start_at is None:
            how = ward.child.ended()
            if how is None:
                return
            if now - ward.child.started_at > _STEADY_SECONDS:
                ward.deaths = 0
            delay = _BACKOFF_SECONDS[min(ward.deaths, len(_BACKOFF_SECONDS) - 1)]
            ward.deaths += 1
            ward.start_at = now + delay
            say(
                f"{ward.child.name} {how}; starting it again in {delay} s "
                f"(its log: {ward.child.log})"
            )
        elif now >= ward.start_at:
            ward.start_at = None
            try:
                ward.child.start()
                if ward.wait:
                    ward.wait(self.home, ward.child, pause=self.pause)
            except (OSError, Refused) as error:
                say(f"{ward.child.name} did not come back: {error}")
                return
            say(f"{ward.child.name} was started again")

    def stop(self) -> None:
        """Stop all children, the last started first."""
        for ward in reversed(self.wards):
            if not ward.child.stop():
                say(f"{ward.child.name} did not stop in time and was killed")
        self.wards.clear()


def base_environment(home: Home) -> dict[str, str]:
    """Return our environment with what `./dev` decides itself, unless it is given."""
    return {
        "SECRET_KEY": home.state()["secret_key"],
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "HTTPS": "off",
        "BEAT_SCHEDULE_FILE": str(home.path / "beat-schedule"),
        "PYTHONUNBUFFERED": "1",
        **os.environ,
    }


@contextmanager
def supervised(home: Home) -> Iterator[Supervisor]:
    """Give a supervisor; whatever happens, its children are stopped in order afterwards."""
    supervisor = Supervisor(home)
    before = {number: signal.signal(number, supervisor.ask_to_stop) for number in _STOP_SIGNALS}
    try:
        yield supervisor
    finally:
        supervisor.stop()
        for number, handler in before.items():
            signal.signal(number, handler)


def address_of(port: int | str) -> str:
    """Where the portal is that listens on a port of this machine."""
    return f"http://127.0.0.1:{port}"


def up(port: int, *, demo: bool = False) -> None:
    """Run the portal until somebody stops it. Raises Refused when it cannot start.

    `demo`: seed invented people even into a database that somebody else keeps.
    """
    home = Home()
    address = address_of(port)
    with home.lock({"command": "up", "address": address}) as lock:
        if port < 1024 and not may_listen(port):
            raise Refused(f"This user may not listen on port {port}. Choose one from 1024 up.")
        if not port_is_free(port):
            raise Refused(f"Port {port} is taken. Choose another: ./dev up --port {port + 1}")
        with supervised(home) as supervisor:
            try:
                _start(supervisor, port, address, lock, demo)
                supervisor.watch()
            except Stopped:
                say("\nStopping ...")
    say("Stopped.")


def prepare_arguments(own: Sequence[str], demo: bool) -> list[str]:
    """What `prepare` is told: invented people go into our own database, or where one asks for it.

    `own` are the settings that name servers we started.
    """
    return ["prepare", "--demo"] if demo or "DATABASE_URL" in own else ["prepare"]


def _start(supervisor: Supervisor, port: int, address: str, lock: Lock, demo: bool) -> None:
    env = {"PORTAL_URL": address, **supervisor.services()}
    lock.say(command="up", address=address, own=supervisor.own)
    manage = [sys.executable, str(BASE_DIR / "manage.py")]
    prepare = prepare_arguments(supervisor.own, demo)
    code, _ = supervisor.run([*manage, *prepare], env=env)
    if code:
        raise Refused("The portal could not be prepared; the reason stands above.")
    with step("Start worker, beat and web, and wait until all answer"):
        for child in portal_children(supervisor.home, env, port):
            supervisor.add(child)
        _, sign_ins = supervisor.run([*manage, "demo_signins"], env=env, quiet=True)
        _wait_until_healthy(supervisor, port)
    print(f"\nThe Prescription Safety Portal is at {address}\n")
    print(sign_ins, flush=True)
    if "--demo" not in prepare:
        say(
            "DATABASE_URL names this database, so nobody was invented in it: ./dev up --demo does. "
            "For its first practice and admin: ./dev manage first_run --help."
        )
    say("Stop it with Ctrl-C.")


def serve(supervisor: Supervisor, env: dict[str, str], port: int) -> None:
    """Prepare a demo and start its web server alone. Raises Refused when it does not answer."""
    prepare = [sys.executable, str(BASE_DIR / "manage.py"), "prepare", "--demo"]
    if supervisor.run(prepare, env=env)[0]:
        raise Refused("The portal could not be prepared; the reason stands above.")
    _, _, web = portal_children(supervisor.home, env, port)
    supervisor.add(web)
    deadline = time.monotonic() + _READY_SECONDS
    while not read_health(port):
        if web.ended() or time.monotonic() > deadline:
            raise Refused(f"The web server does not answer. Its last words:\n{web.last_words()}")
        supervisor.pause(0.2)


def portal_children(home: Home, env: dict[str, str], port: int) -> list[Child]:
    """Return worker, beat and web as children, in the order they are started."""
    celery = [sys.executable, "-m", "celery", "-A", "portal"]
    # Who serves has no means to connect as the owner of the tables.
    env = {name: value for name, value in env.items() if name != "DATABASE_OWNER_URL"}
    shared = {"env": env, "cwd": BASE_DIR}
    return [
        Child(
            name="worker",
            argv=[*celery, "worker", "--pool=prefork", "--concurrency=2", "--loglevel=INFO"],
            log=home.logs / "worker.log",
            # Warm: it finishes its tasks. Work that is cut off is done again by the next worker.
            grace_seconds=20,
            **shared,
        ),
        Child(
            name="beat",
            argv=[*celery, "beat", "--loglevel=INFO", "--pidfile="],
            log=home.logs / "beat.log",
            **shared,
        ),
        Child(
            name="web",
            argv=[sys.executable, "-m", "gunicorn", "-c", "python:portal.gunicorn", "portal.wsgi"],
            log=home.logs / "web.log",
            grace_seconds=25,
            env=env | {"BIND": f"127.0.0.1:{port}"},
            cwd=BASE_DIR,
        ),
    ]


def _wait_until_healthy(supervisor: Supervisor, port: int) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        health = read_health(port)
        if health.get("status") == "up":
            return
        for ward in supervisor.wards:
            if how := ward.child.ended():
                raise Refused(
                    f"{ward.child.name} did not start ({how}). Its last words, from "
                    f"{ward.child.log}:\n{ward.child.last_words()}"
                )
        if time.monotonic() > deadline:
            down = ", ".join(health.get("down", ["web"]))
            raise Refused(
                f"Still down after {_READY_SECONDS} s: {down}. See {supervisor.home.logs}."
            )
        supervisor.pause(0.2)


def read_health(port: int) -> dict[str, Any]:
    """Return what /healthz says, or an empty dict while nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return json.load(connection.getresponse())
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    finally:
        connection.close()


def fail(error: Exception) -> NoReturn:
    """Say why `./dev` cannot go on, and end with a code that says so."""
    say(f"./dev: {error}")
    sys.exit(1)
