"""Where the benchmarks run: a database of their own with an invented population, and workers."""

import os
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

import redis
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from portal import heartbeats
from portal.local import VAR
from portal.processes import Child
from portal.progress import step
from reviews.seeding import population, staff, writing
from reviews.verbs import engines, publish
from tests import database

ROOT = Path(__file__).resolve().parent.parent
SEED = 20
READY_SECONDS = 60
LONGEST_SECONDS = 600


@contextmanager
def own_database():
    """A fresh, migrated database beside the configured one, with the formulary; gone afterwards."""
    with step("Make a database for this run"), empty_database() as made:
        call_command("load_formulary", verbosity=0)
        engines.adopt()
        publish.bootstrap()
        keep = made.pop_all()
    with keep:
        yield


@contextmanager
def empty_database():
    """A fresh, migrated database; gone afterwards, unless its `ExitStack` is taken over."""
    configured = connection.settings_dict["NAME"]
    with ExitStack() as made:
        with _connecting_as_owner():
            connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        made.callback(_drop, configured)
        yield made


def _drop(configured):
    with _connecting_as_owner():
        connection.creation.destroy_test_db(configured, verbosity=0)


@contextmanager
def _connecting_as_owner():
    """Inside, connections have all rights from their start, and not those of the application."""
    options = connection.settings_dict["OPTIONS"]
    role = options.pop("assume_role")
    connection.close()
    try:
        yield
    finally:
        options["assume_role"] = role
        connection.close()


def populate(patients):
    """Invent so many patients; nobody is asked for yet. Returns how many prescriptions."""
    with step(f"Seed {patients:,} patients"):
        with transaction.atomic(), database.as_owner():
            writing.trust_rows()
            practices, doctors, _ = staff.employ()
            writer = writing.Writer(practices=practices, doctors=doctors)
            for _ in writer.write(
                population.people(patients, seed=SEED, today=timezone.localdate())
            ):
                pass
        with database.as_owner(), connection.cursor() as cursor:
            cursor.execute("TRUNCATE reviews_screeningrequest")
            # What the owner copied by way of; the application makes tables of the same names.
            cursor.execute("DISCARD TEMP")
        settle()
    return writer.prescriptions


def settle():
    """Clear away what was deleted, and count what there is."""
    with database.as_owner(), connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


@contextmanager
def workers(count):
    """So many Celery workers, a process each, ready and idle; stopped afterwards."""
    redis.Redis.from_url(settings.REDIS_URL).flushdb()
    children = [
        Child(
            name=f"worker-{n}",
            argv=[
                sys.executable,
                *("-m", "celery", "-A", "portal", "worker", "--concurrency=1", "--pool=prefork"),
                *(f"--hostname=bench-{n}@%h", "--loglevel=WARNING"),
            ],
            log=VAR / "bench" / "log" / f"worker-{n}.log",
            env=os.environ | {"DATABASE_URL": database_url(), "DATABASE_POOL": "0"},
            cwd=ROOT,
        )
        for n in range(count)
    ]
    try:
        for child in children:
            child.start()
        with heartbeats.client() as client:
            deadline = time.monotonic() + READY_SECONDS
            while heartbeats.alive(client, heartbeats.WORKER) < count:
                if time.monotonic() > deadline:
                    sys.exit("\n".join(child.last_words() for child in children))
                time.sleep(0.1)
        yield
    finally:
        for child in children:
            child.stop()


def wait_until_screened():
    """Wait until no request is left; ends the run when that takes improbably long."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while scalar("SELECT EXISTS (SELECT FROM reviews_screeningrequest)"):
        if time.monotonic() > deadline:
            sys.exit(f"There are requests left after {LONGEST_SECONDS} s.")
        # Seldom: looking costs the workers time, most of all while deleted rows pile up.
        time.sleep(0.25)


def database_url():
    own = connection.settings_dict
    password = f":{quote(own['PASSWORD'], safe='')}" if own["PASSWORD"] else ""
    host, port = own["HOST"] or "127.0.0.1", own["PORT"] or 5432
    return f"postgres://{own['USER']}{password}@{host}:{port}/{own['NAME']}"


def scalar(sql, *given):
    with connection.cursor() as cursor:
        cursor.execute(sql, given)
        return cursor.fetchone()[0]
