"""Lose the database and get it back: to a moment, from base backup and WAL, and from a dump.

    ./dev drill recovery [--patients 2000]

Backs up as docs/operations.md says while the portal works on, destroys data and then the server,
and restores to the moment before. Every table must then be what it was at that moment, by its
digest, and the portal must work on it.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import time

import psycopg
from drills import digests
from drills.ground import Ground
from drills.parts import Drill, Ended, Failed

from portal import embedded
from portal.local import BASE_DIR, VAR, Home
from portal.supervisor import supervised

ARCHIVE = "test ! -f {to}/%f && cp %p {to}/%f.part && sync {to}/%f.part && mv {to}/%f.part {to}/%f"
RECORDS = """
import json, sys
from django.contrib.auth.models import User
from reviews.models import Prescription
from reviews.verbs import sync, clients
from reviews.models import Practice
first, count = {first}, {count}
ada = User.objects.get(username="ada")
key = clients.make_key(
    name="drill {first}", source_system="drill", by=ada,
    practices=[Practice.objects.get(code="harbour-street")],
)[0]
rows = [
    (n, dict(
        source_id="drill-%d" % (first + n),
        patient=dict(identifiers=[dict(system="drill", value=str(first + n))], family_name="Drill",
                     given_name="Person %d" % (first + n), birth_date="1940-01-01", sex="female"),
        medicine="Temazepam 10 mg tablets", dose=1, dose_unit="tablet", times_per_day=1,
        quantity=90, quantity_unit="tablet", days_supply=90, start_on="2026-01-01"))
    for n in range(count)
]
result = sync.prescriptions(rows=rows, source_system="drill", by=key.user)
print(result.created)
"""


def main(argv):
    parser = argparse.ArgumentParser(
        prog="./dev drill recovery",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--patients", type=int, default=2000, metavar="N")
    given = parser.parse_args(argv)
    home = Home(VAR / "drill-recovery")
    home.remove()
    drill = Drill()
    with (
        home.lock({"command": "drill recovery"}),
        supervised(home) as supervisor,
        contextlib.suppress(Ended),
    ):
        Recovery(drill, Ground(home, supervisor)).run(given.patients)
    for name in ("postgres", "base", "archive"):
        shutil.rmtree(home.path / name, ignore_errors=True)
    return drill.close()


class Recovery:
    def __init__(self, drill, ground):
        self.drill = drill
        self.ground = ground
        path = ground.home.path
        self.data, self.base, self.archive = path / "postgres", path / "base", path / "archive"
        self.tools = embedded._postgres_bin()
        self.owner = embedded._Identity.choose(ground.home)

    def run(self, patients):
        with self.drill.part("a server that archives its WAL") as part:
            part.say(self.start())
        with self.drill.part("a portal at work") as part:
            self.ground.manage(BASE_DIR, "prepare")
            said = self.ground.manage(BASE_DIR, "seed", f"--patients={patients}", "--decisions=12")
            self.ground.work_off(BASE_DIR)
            self.ground.manage(BASE_DIR, "seal")
            part.say(" ".join(said.split()).rstrip("."))
        with self.drill.part("base backup") as part:
            part.say(self.back_up())
        with self.drill.part("work after the backup") as part:
            self.write(first=1000, count=200)
            self.ground.work_off(BASE_DIR)
            self.write(first=2000, count=50)  # not screened yet: it must be, after the restore
            part.say("250 records of a client system, 50 of them not screened yet")
        with self.drill.part("the moment") as part:
            with self.ground.connect() as connection:
                self.wanted = digests.of_tables(connection)
                [self.moment] = connection.execute("SELECT clock_timestamp()").fetchone()
            time.sleep(1)
            rows = sum(count for count, _ in self.wanted.values())
            part.say(f"{self.moment:%H:%M:%S.%f} UTC: {rows:,} rows in {len(self.wanted)} tables")
            part.say(f"together {digests.together(self.wanted)}")
        with self.drill.part("a dump of that moment, restored", needed=False) as part:
            part.say(self.dump(part))
        with self.drill.part("the mishap") as part:
            part.say(self.destroy())
        with self.drill.part("restore to the moment") as part:
            part.say(self.restore(part))
        with self.drill.part("the portal on what was restored") as part:
            part.say(self.work_on(part))

    def start(self):
        self.archive.mkdir(mode=0o700)
        self.owner.own(self.archive)
        self.options = []
        for name, value in (
            ("wal_level", "replica"),
            ("archive_mode", "on"),
            ("archive_command", ARCHIVE.format(to=self.archive)),
            ("archive_timeout", "60"),
        ):
            self.options += ["-c", f"{name}={value}"]
        self.server = self.ground.start_servers(*self.options)
        with self.ground.connect() as connection:
            [version] = connection.execute("SHOW server_version").fetchone()
        return f"PostgreSQL {version}, archive_timeout 60 s: a lost disk costs at most that"

    def tool(self, name, *argv, **options):
        """Run one of PostgreSQL's programs, of the version of the server."""
        done = subprocess.run(
            [self.tools / name, *argv], capture_output=True, text=True, check=False, **options
        )
        if done.returncode:
            raise RuntimeError(f"{name} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        return done.stdout

    def back_up(self):
        began = time.monotonic()
        server = self.ground.url.rpartition("/")[0] + "/postgres"
        self.tool(
            "pg_basebackup", f"--dbname={server}", f"--pgdata={self.base}", "--checkpoint=fast"
        )
        took = time.monotonic() - began
        checked = self.tool("pg_verifybackup", str(self.base))
        size = sum(path.stat().st_size for path in self.base.rglob("*") if path.is_file())
        return f"{size / 2**20:,.0f} MiB in {took:.1f} s; pg_verifybackup: {checked.strip()}"

    def write(self, *, first, count):
        self.ground.manage(BASE_DIR, "shell", "-v0", "-c", RECORDS.format(first=first, count=count))

    def dump(self, part):
        """pg_dump and pg_restore of the server's own version, and what an older one says."""
        file, server = self.ground.home.path / "portal.dump", self.ground.url.rpartition("/")[0]
        began = time.monotonic()
        self.tool("pg_dump", "--format=custom", f"--file={file}", self.ground.url)
        dumped = time.monotonic() - began
        with self.ground.connect() as connection:
            connection.execute("CREATE DATABASE restored TEMPLATE template0")
        began = time.monotonic()
        self.tool(
            "pg_restore", "--no-owner", "--exit-on-error", f"--dbname={server}/restored", str(file)
        )
        restored = time.monotonic() - began
        with psycopg.connect(f"{server}/restored", autocommit=True) as connection:
            differ = digests.differing(self.wanted, digests.of_tables(connection))
        part.expect(not differ, f"not the same: {', '.join(differ)}")
        with self.ground.connect() as connection:
            connection.execute("DROP DATABASE restored")
        version = self.tool("pg_dump", "--version").split()[2]
        part.say(
            f"pg_dump {version}: {file.stat().st_size / 2**20:.1f} MiB in {dumped:.1f} s, restored"
            f" in {restored:.1f} s, every table the same"
        )
        other = shutil.which("pg_dump")
        if not other:
            return "no other pg_dump here"
        older = subprocess.run([other, "--version"], capture_output=True, text=True, check=True)
        tried = subprocess.run(
            [other, "--schema-only", self.ground.url], capture_output=True, text=True, check=False
        )
        words = "takes it too" if tried.returncode == 0 else "is refused by the server's version"
        return f"the one on the PATH ({older.stdout.split()[2]}) {words}"

    def destroy(self):
        """Somebody empties a table past every trigger; the server dies; its disk is gone."""
        self.write(first=3000, count=50)
        # The file outside the database knows of it, and the database will not.
        self.ground.manage(BASE_DIR, "seal")
        with self.ground.connect() as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute("DELETE FROM reviews_prescription")
            [gone] = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
            while not (self.archive / gone).exists():
                time.sleep(0.1)
        os.kill(self.server.process.pid, signal.SIGKILL)
        self.server.process.wait()
        time.sleep(0.5)  # its own children end with it
        shutil.rmtree(self.data)
        segments = list(self.archive.iterdir())
        size = sum(path.stat().st_size for path in segments) / 2**20
        return (
            f"every prescription deleted with triggers off, the server killed, its data removed;"
            f" {len(segments)} WAL segments of {size:,.0f} MiB are in the archive"
        )

    def restore(self, part):
        began = time.monotonic()
        shutil.copytree(self.base, self.data, symlinks=True)
        (self.data / "recovery.signal").touch()
        self.owner.own(self.data)
        for path in (self.data, *self.data.rglob("*")):
            os.chown(path, self.data.stat().st_uid, self.data.stat().st_gid)
        target = [
            ("restore_command", f"cp {self.archive}/%f %p"),
            ("recovery_target_time", self.moment.isoformat()),
            ("recovery_target_action", "promote"),
        ]
        usual = list(self.server.argv)
        for name, value in target:
            self.server.argv += ["-c", f"{name}={value}"]
        self.server.start()
        embedded.wait_for_postgres(self.ground.home, self.server)
        with self.ground.connect() as connection:
            while connection.execute("SELECT pg_is_in_recovery()").fetchone()[0]:
                time.sleep(0.05)
            took = time.monotonic() - began
            now = digests.of_tables(connection)
        self.server.argv = usual
        differ = digests.differing(self.wanted, now)
        part.expect(not differ, f"not what it was at that moment: {', '.join(differ)}")
        return (
            f"up again after {took:.1f} s; all {len(now)} tables the same, {digests.together(now)}"
        )

    def work_on(self, part):
        self.ground.manage(BASE_DIR, "prepare")
        try:
            self.ground.manage(BASE_DIR, "seal")
        except Failed:
            pass  # as it should: the file outside has heads that the restore lost
        else:
            raise Failed("the trail is sealed on as if nothing had been lost")
        self.ground.manage(BASE_DIR, "seal", "--restored=the disk was lost")
        with self.ground.connect() as connection:
            waiting = "SELECT count(*) FROM reviews_screeningrequest"
            [before] = connection.execute(waiting).fetchone()
            part.expect(before, "nobody waits to be screened, so this shows little")
            self.ground.work_off(BASE_DIR)
            self.write(first=4000, count=10)  # numbers go on where they were
            [events] = connection.execute("SELECT count(*) FROM reviews_auditevent").fetchone()
        self.ground.work_off(BASE_DIR)
        self.ground.manage(BASE_DIR, "seal")
        whole = self.ground.manage(BASE_DIR, "verify").strip()
        part.expect(whole.startswith("Whole"), whole)
        part.say(f"the trail goes on once somebody has said why. {whole.partition('.')[0]}")
        return (
            f"the {before} people who were not screened are now; new records are taken;"
            f" {events:,} events in the trail"
        )
