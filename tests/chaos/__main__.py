"""`./dev chaos [--seed N] [--minutes M]`: ends by itself, with 1 if a promise did not hold."""

import argparse
import contextlib
import ctypes
import hashlib
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from portal import embedded
from portal.local import free_port
from tests.faults.parts import ROOT, Portal, kill, tree, until

from . import faults, load

PEOPLE = 40
MANY = 60
MADE_FROM = ("drugs", "reviews/migrations", "reviews/rules", "reviews/seeding")
PR_SET_PDEATHSIG = 1
PLANTED = "tests.chaos.planted"
CLOCK = """
    CREATE SCHEMA shifted;
    CREATE TABLE shifted.clock (by interval NOT NULL);
    INSERT INTO shifted.clock VALUES ('0');
    CREATE FUNCTION shifted.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
        AS 'SELECT pg_catalog.clock_timestamp() + (SELECT by FROM shifted.clock)';
    CREATE FUNCTION shifted.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
        AS 'SELECT pg_catalog.statement_timestamp() + (SELECT by FROM shifted.clock)';
    CREATE FUNCTION shifted.now() RETURNS timestamptz LANGUAGE sql STABLE
        AS 'SELECT pg_catalog.now() + (SELECT by FROM shifted.clock)';
    GRANT USAGE ON SCHEMA shifted TO PUBLIC;
    GRANT SELECT ON shifted.clock TO PUBLIC;
"""
SEARCH = "ALTER DATABASE portal SET search_path = shifted, pg_catalog, public"
"""A clock of the database's that can be set: its functions go before PostgreSQL's own."""
DEFAULTS = """
    SELECT format('ALTER TABLE public.%I ALTER COLUMN %I SET DEFAULT shifted.%s', table_name,
        column_name, column_default)
    FROM information_schema.columns
    WHERE table_schema = 'public' AND column_default IN ('statement_timestamp()', 'now()')
"""


class Chaos:
    """The portal, the load on it, and what goes wrong. Random by `seed`, and by nothing else."""

    SETTLE_SECONDS = 60
    SLACK_SECONDS = 2.0

    def __init__(self, folder, *, seed, minutes, planted, only):
        self.folder, self.seed, self.planted = folder, seed, planted
        self.random = random.Random(seed)
        self.ends_at = time.monotonic() + minutes * 60
        self.only = only
        self.seen, self.twins, self.times = {}, [], {}
        self.held = (faults.Fault("none", None), 0.0, 0.0)
        self.load = None
        self.parts = Portal(folder)
        self.application = embedded.database_url(self.parts.home)
        self.owner = embedded.owner_url(self.parts.home)
        self.server = self.owner.rpartition("/")[0] + "/postgres"

    # -- Setting up -------------------------------------------------------------------------------

    def prepare(self):
        os.environ |= self.parts.environment() | {
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "LOG_LEVEL": "ERROR",
            "DEMO_PATIENTS": str(PEOPLE),
        }
        import django  # noqa: PLC0415  (settings read the environment of this very run)

        django.setup()
        from reviews import walls  # noqa: PLC0415

        walls.by_default(walls.EVERYTHING)
        if not self._taken_from_last_time():
            subprocess.run(
                [sys.executable, "manage.py", "prepare", "--demo"],
                cwd=ROOT,
                env=os.environ | {"DATABASE_OWNER_URL": self.owner},
                check=True,
            )
            self._set_up_clock()
            self._keep_for_next_time()
        self.parts.lose_messages()
        self.load = self._make_load()
        self.web, self.worker, self.beat = None, None, None
        self.mend()
        if not until(lambda: self.parts.health().get("web") == "up", seconds=120):
            raise SystemExit(f"The portal did not come up.\n{self.parts.logs()}")
        self.settle()
        self.load.start()

    def _taken_from_last_time(self):
        """Whether a run of the same code has left the database as it was at the beginning."""
        name = self._name()
        with psycopg.connect(self.server, autocommit=True) as own:
            there = own.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
            own.execute("DROP DATABASE IF EXISTS portal WITH (FORCE)")
            own.execute(f"CREATE DATABASE portal TEMPLATE {name if there else 'template0'}")
            if there:
                own.execute(SEARCH)
                # A sequence is logged for 32 numbers ahead, a copy of one is not: a crash before
                # the next checkpoint would have it give the same numbers again.
                own.execute("CHECKPOINT")
        return bool(there)

    def _keep_for_next_time(self):
        with psycopg.connect(self.server, autocommit=True) as own:
            own.execute(f"CREATE DATABASE {self._name()} TEMPLATE portal")

    def _name(self):
        """Of that database: by the day, as what is seeded has days, and by what it is made of."""
        digest = hashlib.sha256(f"{datetime.now(UTC).date()} {PEOPLE}".encode())
        for path in sorted(path for top in MADE_FROM for path in (ROOT / top).rglob("*.*")):
            if path.suffix in (".py", ".toml"):
                digest.update(path.read_bytes())
        return f"prepared_{digest.hexdigest()[:12]}"

    def _set_up_clock(self):
        with psycopg.connect(self.owner, autocommit=True) as own:
            own.execute(CLOCK)
            own.execute(SEARCH)
            for (change,) in own.execute(DEFAULTS).fetchall():
                own.execute(change)

    def _make_load(self):
        from django.conf import settings  # noqa: PLC0415
        from django.contrib.auth.models import User  # noqa: PLC0415
        from django.test import Client  # noqa: PLC0415

        from reviews.models import Practice  # noqa: PLC0415
        from reviews.queries.picker import value_of  # noqa: PLC0415
        from reviews.verbs import clients  # noqa: PLC0415

        load.PRODUCT = value_of("Diazepam 5 mg tablets", [])
        harbour = Practice.objects.get(code="harbour-street")
        ada = User.objects.get(username="ada")
        keys = [
            clients.make_key(name=f"Chaos {n}", source_system="chaos", practices=[harbour], by=ada)[
                1
            ]
            for n in range(2)
        ]

        def cookie(username):
            client = Client()
            backend = "allauth.account.auth_backends.AuthenticationBackend"
            client.force_login(User.objects.get(username=username), backend=backend)
            value = client.cookies[settings.SESSION_COOKIE_NAME].value
            return f"{settings.SESSION_COOKIE_NAME}={value}"

        self.parts.port = free_port()
        return load.Load(
            self.parts.port,
            keys=keys,
            clara=cookie("clara"),
            stranger=cookie("niamh"),
            seed=self.seed,
            ask=self.ask,
        )

    # -- What faults and promises need ------------------------------------------------------------

    def ask(self, sql):
        return self.parts.ask(sql)

    def in_a_batch(self):
        """Whether a worker is inside a transaction that has claimed patients."""
        return self.ask(
            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'portal'"
            " AND state <> 'idle' AND backend_xid IS NOT NULL"
            " AND query NOT LIKE '%reviews_clock%'"
        )

    def many_changes(self):
        """A batch of new people from one system: enough for a worker to be killed over."""
        batch = list(self.load.records(MANY, self.random))
        self.load.send(self.load.systems[0], batch)

    def step(self, by):
        with (
            contextlib.suppress(psycopg.Error),
            psycopg.connect(self.owner, connect_timeout=3) as own,
        ):
            own.execute("UPDATE shifted.clock SET by = by + %s::interval", [by])

    def start_worker(self):
        return self.parts.worker(concurrency=1, app=PLANTED if self.planted else "portal")

    def why(self):
        return json.dumps(self.parts.health())

    # -- Rounds -----------------------------------------------------------------------------------

    def mend(self):
        """Start again whatever has died, as whoever watches over the processes would."""
        planted = {"CHAOS_PLANTED": self.planted} if self.planted else {}
        os.environ |= planted
        for part, wait in (
            (self.parts.database, embedded.wait_for_postgres),
            (self.parts.broker, embedded.wait_for_valkey),
        ):
            if part.ended():
                part.start()
                wait(self.parts.home, part)
        if self.web is None or self.web.ended():
            app = f"{PLANTED}:wsgi" if self.planted else "portal.wsgi"
            self.web = self.parts.web(app=app, LOG_LEVEL="ERROR")
        if self.worker is None or self.worker.ended():
            self.worker = self.start_worker()
        if self.beat is None or self.beat.ended():
            self.beat = self.parts.beat()

    def settle(self):
        """Wait until all parts are up and nothing waits to be screened; not for ever."""

        def settled():
            self.mend()
            down = set(self.parts.health().get("down", ["web"])) - {"clock", "disk"}
            return not down and self.parts.pending() == 0

        return until(settled, seconds=self.SETTLE_SECONDS, every=0.3)

    def make_twins(self):
        """The same prescription for two people, one by form and one from a system."""
        numbers = [f"TW{self.random.getrandbits(40)}" for _ in range(2)]
        for number in numbers:
            person = {
                "identifiers": [{"system": load.NUMBERS, "value": number}],
                "family_name": "Twin",
                "given_name": number,
                "birth_date": "1970-05-17",
                "sex": "female",
            }
            answer = self.load.systems[1].ask(
                "patients",
                "/api/v1/patients/sync",
                method="POST",
                body=json.dumps([person]),
                **{"Content-Type": "application/json"},
            )
            if answer.status != 200:
                return
        rows = self.ask(
            "SELECT patient_id FROM reviews_identifier"
            f" WHERE value IN ('{numbers[0]}', '{numbers[1]}') ORDER BY value = '{numbers[1]}'"
        )
        if len(rows) != 2:
            self.load.known.broken.append(f"two were acknowledged, and {len(rows)} are there")
            return
        found = [pk for (pk,) in rows]
        fields = {"dose": "1", "days_supply": "35", "quantity": "70", "quantity_unit": "tablet"}
        if not self.load.by_form(self.load.clara, found[0], **fields):
            return
        record = next(iter(self.load.records(1, self.random)))
        record["patient"]["identifiers"][0]["value"] = numbers[1]
        record["patient"] |= {"family_name": "Twin", "given_name": numbers[1]}
        record["source_id"] = f"chaos-twin-{numbers[1]}"
        record["start_on"] = time.strftime("%Y-%m-%d")
        if self.load.send(self.load.systems[1], [record]):
            self.twins.append(found)

    def round(self, fault):
        """Hold a fault under load, mend, wait, and ask for each promise; `[(number, sentence)]`."""
        self.load.go_on()
        time.sleep(self.random.uniform(0.5, 2))
        with contextlib.suppress(psycopg.Error, OSError):
            self.make_twins()
        began = time.monotonic()
        try:
            with fault.hold(self):
                began = time.monotonic()
                time.sleep(fault.seconds)
                ended = time.monotonic()
        except psycopg.Error as error:
            # The database was away when the fault wanted it: nothing was held.
            return self._skipped(fault, error)
        self.held = (fault, began, ended)
        self.load.pause()
        self.mend()
        self.settle()
        return self._broken()

    def _skipped(self, fault, error):
        print(f"    (could not be held: {type(error).__name__})", flush=True)
        self.load.pause()
        self.settle()
        self.held = (faults.Fault(fault.name, None), 0.0, 0.0)
        return self._broken()

    def _broken(self):
        from . import promises  # noqa: PLC0415  (needs Django to be ready)

        try:
            return promises.broken(self)
        except psycopg.Error as error:
            return [(0, f"the database could not be asked: {error}")]

    def run(self):
        """Rounds until the time is up; every fault comes once before any comes again."""
        found, rounds, waiting = [], Counter(), []
        started = time.monotonic()
        while time.monotonic() < self.ends_at and not (found and self.planted):
            if not waiting:
                waiting = [each for each in faults.FAULTS if self.only in each.name]
                self.random.shuffle(waiting)
            fault = waiting.pop()
            print(f"{time.monotonic() - started:6.0f} s  {fault.name}", flush=True)
            for number, sentence in self.round(fault):
                found.append((number, fault.name, sentence))
                print(f"    BROKEN, promise {number}: {sentence}", flush=True)
            rounds[fault.name] += 1
        return found, rounds, time.monotonic() - started


def report(chaos, found, rounds, seconds):
    """What was done and found, as the last lines."""
    answers = chaos.load.known.answers
    told = Counter(each.status for each in answers)
    slowest = max((each.took for each in answers), default=0.0)
    print(
        f"\nSeed {chaos.seed}: {sum(rounds.values())} rounds of {len(rounds)} faults in "
        f"{seconds:.0f} s; {len(answers)} requests ({told[200] + told[302]} served, "
        f"{told[503]} told to wait, {told[0]} without an answer, slowest {slowest:.1f} s); "
        f"{len(chaos.load.known.acknowledged)} prescriptions acknowledged, "
        f"{len(chaos.load.known.written_by_form)} by form, {len(chaos.twins)} twins."
    )
    for number, fault, sentence in found:
        print(f"  promise {number} broken by “{fault}”: {sentence}")
    print("Every promise was kept." if not found else f"{len(found)} findings.", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="./dev chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="the same faults in the same order")
    parser.add_argument("--minutes", type=float, default=5, help="how long (default: 5)")
    parser.add_argument("--only", default="", metavar="WORDS", help="faults whose name has these")
    parser.add_argument("--planted", default="", metavar="BUG", help="a bug that must be found")
    parser.add_argument("--list", action="store_true", help="name the faults, and end")
    given = parser.parse_args()
    if given.list:
        print("\n".join(each.name for each in faults.FAULTS))
        return 0
    if not any(given.only in each.name for each in faults.FAULTS):
        parser.error(f"no fault has {given.only!r} in its name")
    # Its own children get a signal when it dies; it gets one when ./dev does.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    # Whatever happens, it ends: a minute for each that it was given, and five to set up and settle.
    signal.signal(signal.SIGALRM, lambda *_: sys.exit("It did not end in time, and was ended."))
    signal.alarm(int(given.minutes * 60 + 300))
    seed = given.seed if given.seed is not None else secrets.randbelow(10_000)
    print(f"Chaos with seed {seed} for {given.minutes:g} minutes ...", flush=True)
    chaos = Chaos(
        Path(os.environ["CHAOS_FOLDER"]),
        seed=seed,
        minutes=given.minutes,
        planted=given.planted,
        only=given.only,
    )
    try:
        chaos.prepare()
        chaos.ends_at = time.monotonic() + given.minutes * 60
        found, rounds, seconds = chaos.run()
        chaos.load.stop()
        report(chaos, found, rounds, seconds)
    finally:
        # By the hardest way: some may be hung, and a hung one hears nothing else.
        for child in (*chaos.parts.running, chaos.parts.broker, chaos.parts.database):
            pids = tree(child) if child.process and child.process.poll() is None else []
            kill(child)
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
    if given.planted:
        print(f"The planted bug “{given.planted}” was {'found' if found else 'NOT FOUND'}.")
        return 0 if found else 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
