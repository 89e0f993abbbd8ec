"""A portal of its own for the fault tests: real PostgreSQL, Valkey, workers and beat."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import environ
import psycopg
import pytest
import redis
from celery import current_app
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, connections

from portal import embedded, heartbeats
from portal.local import Home
from portal.processes import Child, kill_session
from reviews import dossiers
from reviews.models import Practice
from tests.portal.folders import enterable

PEOPLE = 1500
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

    def environment(self):
        return {
            **os.environ,
            "DATABASE_URL": embedded.database_url(self.home),
            "REDIS_URL": embedded.broker_url(self.home),
            "BEAT_SCHEDULE_FILE": str(self.folder / "beat-schedule"),
            "DATABASE_POOL": "0",
        }

    def worker(self, concurrency=1, *, app="portal", tree=ROOT):
        """Start a worker and return it at once; it needs some seconds to be ready.

        `app` names the module of the Celery application, `tree` the folder of the code it runs.
        """
        options = (f"--concurrency={concurrency}", "--pool=prefork", "--without-mingle")
        return self._celery("worker", *options, app=app, tree=tree)

    def beat(self):
        return self._celery("beat", "--pidfile=")

    def at_work(self, app="portal"):
        """A worker that is running, with a beat that rings; started unless they are there."""
        alive = {child.name.partition("-")[0]: child for child in self.running if not child.ended()}
        if "beat" not in alive:
            self.beat()
        return alive.get("worker") or self.worker(app=app)

    def _celery(self, command, *options, app="portal", tree=ROOT):
        self.started += 1
        name = f"{command}-{self.started}"
        named = ("-n", f"{name}@%h") if command == "worker" else ()
        child = Child(
            name=name,
            argv=[sys.executable, "-m", "celery", "-A", app, command, *options, *named],
            log=self.folder / f"{name}.log",
            env=self.environment(),
            cwd=tree,
        )
        child.start()
        self.running.append(child)
        return child

    def stop_processes(self):
        for child in self.running:
            if child.process.poll() is None:
                kill_session(child.process.pid)
                child.process.wait()
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


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    portal = Portal(enterable(tmp_path_factory.mktemp("faults")))
    yield portal
    portal.stop()


@pytest.fixture(scope="module")
def here(request, services, django_db_setup, django_db_blocker, tmp_path_factory):
    """This process speaks to those services, as a web process would; invented people are there.

    PEOPLE of them, or as many as the module says by that name.
    """
    people = getattr(request.module, "PEOPLE", PEOPLE)
    database = connections.databases["default"]
    services.copy_database(database)
    # As the tests' own: the owner, who takes on the role of the application.
    own = environ.Env.db_url_config(embedded.owner_url(services.home))
    before = {name: database[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")}
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():
        connection.close()
        sign_ins = tmp_path_factory.mktemp("sign-ins") / "demo-signins.json"
        patch.setattr(settings, "DEMO_SIGN_INS", sign_ins)
        # Ids of that database name other medicines than those of the tests before and after.
        patch.setattr(dossiers, "_medicines", {})
        patch.setattr(current_app.conf, "broker_url", embedded.broker_url(services.home))
        current_app.amqp._producer_pool = None
        database.update({name: own[name] for name in before})
        call_command("seed", patients=people, decisions=0, verbosity=0)
        yield
        connection.close()
        database.update(before)
    current_app.amqp._producer_pool = None


@pytest.fixture
def portal(services, here, django_db_blocker):
    with django_db_blocker.unblock():
        connection.close()
        yield services
        connection.close()


@pytest.fixture
def harbour(portal):
    return Practice.objects.get(code="harbour-street")


@pytest.fixture
def ada(portal):
    return User.objects.get(username="ada")


@pytest.fixture
def clara(portal):
    return User.objects.get(username="clara")
