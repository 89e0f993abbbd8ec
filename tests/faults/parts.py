"""The parts of a portal as processes of their own: started, stopped, frozen, killed, and asked."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psycopg
import redis

from portal import embedded, heartbeats
from portal.local import Home, free_port
from portal.processes import Child, kill_session

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 45
"""How long recovery may take before a test calls the promise broken."""


class Portal:
    """The services, and the processes that use them. Everything listens on 127.0.0.1 only."""

    def __init__(self, folder):
        self.home = Home(folder)
        self.folder = folder
        self.database = embedded.postgres(self.home, durable=False)
        self.database.start()
        embedded.wait_for_postgres(self.home, self.database)
        self.broker = embedded.valkey(self.home)
        self.broker.start()
        embedded.wait_for_valkey(self.home, self.broker)
        self.started = 0
        self.running = []
        self.port = None

    def environment(self):
        return {
            **os.environ,
            "DATABASE_URL": embedded.database_url(self.home),
            "REDIS_URL": embedded.broker_url(self.home),
            "BEAT_SCHEDULE_FILE": str(self.folder / "beat-schedule"),
            "DATABASE_POOL": "0",
            "PORTAL_VAR": str(self.folder / "var"),
        }

    def worker(self, concurrency=1, *, app="portal", tree=ROOT):
        """Start a worker and return it at once; it needs some seconds to be ready.

        `app` names the module of the Celery application, `tree` the folder of the code it runs.
        """
        options = (f"--concurrency={concurrency}", "--pool=prefork", "--without-mingle")
        return self._celery("worker", *options, app=app, tree=tree)

    def beat(self):
        return self._celery("beat", "--pidfile=")

    def web(self, *, app="portal.wsgi", **environment):
        """Start a web server of a process with four threads; `self.port` is where it listens."""
        if self.port is None:
            self.port = free_port()
            self._collect_static()
        return self._start(
            "web",
            [sys.executable, "-m", "gunicorn", "-c", "python:portal.gunicorn", app],
            environment={"BIND": f"127.0.0.1:{self.port}", "WEB_THREADS": "4", **environment},
            without=("DATABASE_POOL",),
        )

    def _collect_static(self):
        """Pages name their static files by digest, so they need them collected."""
        subprocess.run(
            [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity=0"],
            cwd=ROOT,
            env=self.environment(),
            check=True,
        )

    def get(self, path, *, seconds=10, **headers):
        """`(status, body, seconds it took)` of a GET; status 0 where nobody answered."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        began = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                return (
                    answer.status,
                    answer.read().decode(errors="replace"),
                    time.monotonic() - began,
                )
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), time.monotonic() - began
        except OSError:
            return 0, "", time.monotonic() - began

    def health(self):
        """What /healthz says; empty where nobody answered."""
        _, body, _ = self.get("/healthz")
        return json.loads(body) if body.startswith("{") else {}

    def at_work(self, app="portal"):
        """A worker that is running, with a beat that rings; started unless they are there."""
        alive = {child.name.partition("-")[0]: child for child in self.running if not child.ended()}
        if "beat" not in alive:
            self.beat()
        return alive.get("worker") or self.worker(app=app)

    def _celery(self, command, *options, app="portal", tree=ROOT):
        named = ("-n", f"{command}-{self.started + 1}@%h") if command == "worker" else ()
        argv = [sys.executable, "-m", "celery", "-A", app, command, *options, *named]
        return self._start(command, argv, tree=tree)

    def _start(self, part, argv, *, tree=ROOT, environment=None, without=()):
        self.started += 1
        name = f"{part}-{self.started}"
        given = self.environment() | (environment or {})
        child = Child(
            name=name,
            argv=argv,
            log=self.folder / f"{name}.log",
            env={key: value for key, value in given.items() if key not in without},
            cwd=tree,
        )
        child.start()
        self.running.append(child)
        return child

    def stop_processes(self):
        for child in self.running:
            kill(child)
        self.running.clear()

    def stop(self):
        self.stop_processes()
        self.broker.stop()
        self.database.stop()

    def restart_database(self):
        self.database.stop()
        self.database.start()
        embedded.wait_for_postgres(self.home, self.database)

    def start_broker(self):
        self.broker.start()
        embedded.wait_for_valkey(self.home, self.broker)

    def copy_database(self, source):
        """Bring in the test database as it is now: schema, triggers, formulary and rule book.

        Migrating again would take longer than all of these tests together.
        """
        tools = embedded._postgres_bin()
        environment = os.environ | {"PGPASSWORD": source["PASSWORD"] or ""}
        dump = subprocess.run(
            [
                tools / "pg_dump",
                "--no-owner",
                "--exclude-schema=kept",
                f"--host={source['HOST']}",
                f"--port={source['PORT'] or 5432}",
                f"--username={source['USER']}",
                source["NAME"],
            ],
            env=environment,
            capture_output=True,
            check=True,
        )
        url = embedded.owner_url(self.home)
        subprocess.run(
            [tools / "psql", "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", url],
            input=dump.stdout,
            capture_output=True,
            check=True,
        )

    def lose_messages(self):
        """Take every message and every sign of life from the broker."""
        with redis.from_url(embedded.broker_url(self.home)) as broker:
            broker.flushall()

    def workers_listening(self):
        with redis.from_url(embedded.broker_url(self.home)) as broker:
            return heartbeats.alive(broker, heartbeats.WORKER)

    def ask(self, sql):
        """All rows of a query, on a connection of its own."""
        url = embedded.owner_url(self.home)
        with psycopg.connect(url, autocommit=True, connect_timeout=3) as own:
            return own.execute(sql).fetchall()

    def pending(self):
        return self.ask("SELECT count(*) FROM reviews_screeningrequest")[0][0]

    def logs(self):
        return "\n".join(f"{child.log}:\n{child.last_words(15)}" for child in self.running)


def until(condition, *, seconds=SECONDS, every=0.1):
    """Wait until `condition()` is true; says False when the time is up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(psycopg.OperationalError):
            if condition():
                return True
        time.sleep(every)
    return False


def kill(child):
    """SIGKILL a child and what it started. A PostgreSQL backend ends with its postmaster."""
    if child.process and child.process.poll() is None:
        kill_session(child.process.pid)
        child.process.wait()


def tree(child):
    """Ids of a child and of all processes below it; PostgreSQL's are no group of its own."""
    found, left = [], [child.process.pid]
    while left:
        pid = left.pop()
        found.append(pid)
        with contextlib.suppress(OSError):
            left += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return found


@contextlib.contextmanager
def frozen(child):
    """Stop a child and all below it as a machine that hangs: its sockets stay open."""
    stopped = []
    while new := [pid for pid in tree(child) if pid not in stopped]:
        for pid in new:
            stop(pid)
        stopped += new
    try:
        yield
    finally:
        for pid in reversed(stopped):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def stop(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
