"""Upgrade a database of an earlier release to this tree while people go on reading.

    ./dev drill upgrade --from COMMIT [--prescriptions 1000000]

The earlier release is taken out of git and runs its own code: it makes the database, its web server
serves pages before, during and after. The longest wait of a page and of a look-up in each large
table is measured, the locks that the migrations hold are listed, no row may be lost, and the schema
must be the one that a new installation gets. Needs about 4 GB of disk, and some minutes.
"""

import argparse
import contextlib
import json
import random
import shutil
import subprocess
import sys
import threading
import time
from http.client import HTTPException
from itertools import cycle

import psycopg
from drills import digests
from drills.browser import Browser
from drills.ground import Ground, python_of
from drills.parts import Drill, Ended
from psycopg import sql

from portal import embedded
from portal.local import BASE_DIR, VAR, Home, free_port
from portal.processes import Child
from portal.supervisor import supervised

PRESCRIPTIONS_A_PERSON = 10.2
"""What the invented people of the demo have."""
AIM_SECONDS = 1.0
"""No look-up may wait this much longer than before: that is what locks do."""
PAGE_SECONDS = 3.0
"""No page may take longer: it may lack an index that its release had, and not be kept waiting."""
LOOKED_AT = 8
OURS = ("reviews_", "drugs_")
"""What is in the other tables (sessions, sign-ins, permissions) changes with use."""
WARM_SECONDS = 10
_KEY = """
    SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
    WHERE indisprimary AND indrelid = %s::regclass
"""


def main(argv):
    parser = argparse.ArgumentParser(
        prog="./dev drill upgrade",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--from", dest="commit", required=True, help="tag or commit to start at")
    parser.add_argument("--prescriptions", type=int, default=1_000_000, metavar="N")
    given = parser.parse_args(argv)
    home = Home(VAR / "drill-upgrade")
    home.remove()
    drill = Drill()
    with (
        home.lock({"command": "drill upgrade"}),
        supervised(home) as supervisor,
        contextlib.suppress(Ended),
    ):
        Rehearsal(drill, home, supervisor).run(given.commit, given.prescriptions)
    shutil.rmtree(home.path / "postgres", ignore_errors=True)
    return drill.close()


class Rehearsal:
    def __init__(self, drill, home, supervisor):
        self.drill = drill
        self.home = home
        self.supervisor = supervisor
        self.ground = Ground(home, supervisor)
        self.old = home.path / "old"
        self.sign_ins = {}

    def run(self, commit, prescriptions):
        with self.drill.part("the earlier release") as part:
            name = self._take_out(commit)
            # Whose slow statements are they?
            self.ground.start_servers("-c", "log_min_duration_statement=200")
            part.say(f"{name} taken out of git, PostgreSQL and Valkey started")
        with self.drill.part("its database") as part:
            part.say(self._fill(prescriptions))
        with self.drill.part("its web server") as part:
            port = self._serve(self.old, "old-web")
            paths = self._paths()
            signed_in = self._look(port, paths)
            part.say(f"serves {len(paths)} pages")
        with self.ground.connect() as connection:
            before = digests.columns(connection)
            rows = digests.of_tables(connection, before)
        largest = sorted(rows, key=lambda table: -rows[table][0])[:LOOKED_AT]
        with self.drill.part("readers, before anything changes") as part:
            with Watch(self, port, paths, largest) as watch:
                time.sleep(WARM_SECONDS)
            part.expect(not watch.errors, f"{len(watch.errors)} failed: {watch.errors[:2]}")
            part.say(watch.words())
            before_it = watch.longest_read()
        with self.drill.part("migrate while they read", needed=False) as part:
            with Watch(self, port, paths, largest) as watch:
                took = self._migrate()
            part.say(f"migrations took {took:.1f} s")
            part.expect(not watch.errors, f"{len(watch.errors)} failed: {watch.errors[:2]}")
            part.say(watch.words())
            for words in watch.locks():
                part.say(words)
            part.expect(
                watch.longest_read() <= before_it + AIM_SECONDS,
                f"a look-up waited {watch.longest_read():.2f} s, {before_it:.2f} s before",
            )
            slowest, page = max(watch.pages)
            part.expect(slowest <= PAGE_SECONDS, f"{page} took {slowest:.2f} s")
        with self.drill.part("every row is there", needed=False) as part:
            with self.ground.connect() as connection:
                there = digests.columns(connection)
                gone = [table for table in before if table not in there]
                for table in gone:
                    del before[table], rows[table]
                now = digests.of_tables(connection, before)
            rewritten = [name for name in digests.differing(rows, now) if name.startswith(OURS)]
            lost = [table for table in rewritten if now[table][0] < rows[table][0]]
            part.say(f"{sum(count for count, _ in rows.values()):,} rows in {len(rows)} tables")
            part.say(f"the same in what was there before, but for {', '.join(rewritten) or 'none'}")
            part.say(f"tables of packages that left: {', '.join(gone) or 'none'}")
            lost += [table for table in gone if table.startswith(OURS)]
            part.expect(not lost, f"rows are missing in {', '.join(lost)}")
        with self.drill.part("the schema is that of a new installation", needed=False) as part:
            part.say(self._same_schema(part))
        with self.drill.part("the earlier release after the migration", needed=False) as part:
            self._look_again(signed_in, paths)
            part.say(f"its web server still serves {len(paths)} pages to who is signed in")
        with self.drill.part("this release") as part:
            self.supervisor.wards[-1].child.stop()
            self.ground.manage(BASE_DIR, "prepare")
            # Nobody is there to set up a second factor, which the drill's reviewer would be led to.
            for code in self._practices():
                self.ground.manage(BASE_DIR, "practice", code, "--second-factor=optional")
            self._look(self._serve(BASE_DIR, "new-web"), paths)
            part.say(f"prepared, serves {len(paths)} pages")

    def _take_out(self, commit):
        """Write the tree of a commit to a folder of its own; returns its name."""
        git = ["git", "-c", f"safe.directory={BASE_DIR}", "-C", str(BASE_DIR)]
        ask = [*git, "rev-parse", "--short", f"{commit}^{{commit}}"]
        name = subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip()
        self.old.mkdir(parents=True)
        archive = subprocess.run([*git, "archive", name], check=True, capture_output=True)
        subprocess.run(["tar", "-x", "-C", str(self.old)], input=archive.stdout, check=True)
        if _locked(self.old) != _locked(BASE_DIR):
            subprocess.run([sys.executable, "-m", "venv", self.old / ".venv"], check=True)
            pip = [python_of(self.old), "-m", "pip", "install", "--quiet", "--require-hashes"]
            subprocess.run([*pip, "-r", self.old / "requirements.txt"], check=True)
        return name

    def _fill(self, prescriptions):
        people = int(prescriptions / PRESCRIPTIONS_A_PERSON)
        self.ground.manage(self.old, "prepare")
        said = self.ground.manage(self.old, "seed", f"--patients={people}", "--decisions=0").strip()
        self.sign_ins = json.loads(
            next(self.home.path.glob("var-old/demo-signins.json")).read_text()
        )
        self.ground.work_off(self.old)
        with self.ground.connect() as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")
            size, flags = connection.execute(
                "SELECT pg_size_pretty(pg_database_size(current_database())),"
                " (SELECT count(*) FROM reviews_flag)"
            ).fetchone()
        return f"{said.rstrip('.')} and {flags:,} flags, {size}"

    def _serve(self, tree, name):
        port = free_port()
        web = Child(
            name=name,
            argv=[python_of(tree), "-m", "gunicorn", "-c", "python:portal.gunicorn", "portal.wsgi"],
            log=self.home.logs / f"{name}.log",
            env=self.ground.env(tree) | {"BIND": f"127.0.0.1:{port}"},
            cwd=tree,
        )
        self.supervisor.add(web)
        for _ in range(300):
            with contextlib.suppress(OSError, HTTPException):
                Browser(port).get("/healthz")
                return port
            self.supervisor.pause(0.2)
        raise Ended(f"{name} does not answer: {web.last_words()}")

    def _paths(self):
        with self.ground.connect() as connection:
            [[patient, case]] = connection.execute(
                "SELECT patient_id, id FROM reviews_case WHERE state = 'queued' LIMIT 1"
            ).fetchall()
        return ["/", f"/patients/{patient}", f"/cases/{case}", "/patients", "/search?q=okonkwo"]

    def browser(self, port):
        browser = Browser(port)
        answer = browser.sign_in("samira", self.sign_ins["samira"])
        if answer.status != 302:
            raise Ended(f"signing in was answered with {answer.status}")
        return browser

    def _practices(self):
        with self.ground.connect() as connection:
            return [code for (code,) in connection.execute("SELECT code FROM reviews_practice")]

    def _look(self, port, paths):
        """Sign in and look at each page; returns the browser, which stays signed in."""
        browser = self.browser(port)
        self._look_again(browser, paths)
        return browser

    def _look_again(self, browser, paths):
        bad = {path: status for path in paths if (status := browser.get(path).status) != 200}
        if bad:
            raise Ended(f"not every page is served: {bad}")

    def _migrate(self):
        began = time.monotonic()
        self.ground.manage(BASE_DIR, "migrate", "--verbosity=0")
        return time.monotonic() - began

    def _same_schema(self, part):
        with self.ground.connect() as connection:
            connection.execute("CREATE DATABASE fresh")
        fresh = self.ground.url.rpartition("/")[0] + "/fresh"
        self.ground.manage(BASE_DIR, "migrate", "--verbosity=0", DATABASE_OWNER_URL=fresh)
        upgraded, new = (_schema(url) for url in (self.ground.url, fresh))
        other = [line for line in upgraded ^ new if line.strip()]
        part.expect(not other, f"{len(other)} lines differ: {sorted(other)[:4]}")
        return f"{len(new):,} lines of pg_dump --schema-only, none differs"


def _locked(tree):
    return (tree / "requirements.txt").read_text()


def _schema(url):
    dump = [embedded._postgres_bin() / "pg_dump", "--schema-only", "--no-owner", url]
    text = subprocess.run(dump, check=True, capture_output=True, text=True).stdout
    # Its own marks are new in each dump.
    return {line.rstrip(",") for line in text.splitlines() if not line.startswith("\\")}


class Watch:
    """Readers, a writer and an eye on the locks, each a thread, for as long as the block lasts."""

    def __init__(self, rehearsal, port, paths, tables):
        self.rehearsal = rehearsal
        self.port = port
        self.paths = paths
        self.tables = tables
        self.pages = []
        self.reads = {}
        self.writes = []
        self.held = {}
        self.errors = []
        self.over = threading.Event()

    def __enter__(self):
        work = [self._watch_locks, self._write, self._read_pages, self._read_pages]
        work += [lambda table=table: self._read(table) for table in self.tables]
        self.threads = [threading.Thread(target=self._noted, args=[one]) for one in work]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exception):
        self.over.set()
        for thread in self.threads:
            thread.join(60)

    def _noted(self, work):
        try:
            work()
        except Exception as error:
            self.errors.append((type(error).__name__, str(error)))

    def longest_read(self):
        return max(max(times) for times in self.reads.values())

    def words(self):
        worst, path = max(self.pages)
        slowest = max(self.reads, key=lambda table: max(self.reads[table]))
        usual = sorted(took for took, _ in self.pages)[len(self.pages) // 2]
        return (
            f"{len(self.pages):,} pages, median {usual * 1000:.0f} ms,"
            f" longest {worst * 1000:.0f} ms ({path.partition('?')[0]});"
            f" {sum(map(len, self.reads.values())):,} look-ups, longest"
            f" {max(self.reads[slowest]) * 1000:.0f} ms ({slowest}); {len(self.writes):,} writes,"
            f" longest {max(self.writes) * 1000:.0f} ms"
        )

    def locks(self):
        """The longest hold of each lock that keeps readers or writers of a table waiting."""
        for mode, whom in (("AccessExclusiveLock", "readers"), (None, "writers")):
            held = {}
            for (table, kind), seconds in self.held.items():
                if mode in (None, kind):
                    held[table] = max(held.get(table, 0), *seconds)
            longest = sorted(held.items(), key=lambda item: -item[1])[:4]
            said = ", ".join(f"{table} {seconds:.2f} s" for table, seconds in longest) or "none"
            yield f"locks seen that stop {whom}: {said}"

    def _read_pages(self):
        browser = self.rehearsal.browser(self.port)
        for path in cycle(self.paths):
            if self.over.is_set():
                return
            began = time.monotonic()
            try:
                status = browser.get(path).status
            except (OSError, HTTPException) as error:
                status = repr(error)
            self.pages.append((time.monotonic() - began, path))
            if status != 200:
                self.errors.append((path, status))

    def _read(self, table):
        times = self.reads[table] = []
        with self.rehearsal.ground.connect() as connection:
            [key] = connection.execute(_KEY, [table]).fetchone()
            names = {"table": sql.Identifier(table), "key": sql.Identifier(key)}
            query = sql.SQL("SELECT * FROM {table} WHERE {key} = %s").format(**names)
            last = sql.SQL("SELECT coalesce(max({key}), 1) FROM {table}").format(**names)
            [top] = connection.execute(last).fetchone()
            while not self.over.wait(0.01):
                began = time.monotonic()
                try:
                    connection.execute(query, [random.randint(1, top)]).fetchall()
                except psycopg.Error as error:
                    self.errors.append((table, str(error)))
                times.append(time.monotonic() - began)

    def _write(self):
        """Take the locks of writes, as a release that still serves would, and change nothing."""
        tables = ("reviews_patient", "reviews_prescription", "reviews_identifier")
        queries = cycle(f"UPDATE {table} SET id = id WHERE false" for table in tables)
        with self.rehearsal.ground.connect() as connection:
            while not self.over.wait(0.05):
                began = time.monotonic()
                connection.execute(next(queries))
                self.writes.append(time.monotonic() - began)

    def _watch_locks(self):
        """Add up, lock by lock, how long it was seen held without a break."""
        since = {}
        with self.rehearsal.ground.connect() as connection:
            existing = {
                name
                for (name,) in connection.execute(
                    "SELECT relname FROM pg_class WHERE relkind = 'r'"
                    " AND relnamespace = 'public'::regnamespace"
                )
            }
            while not self.over.wait(0.01):
                seen = set(
                    connection.execute(
                        "SELECT c.relname, l.mode FROM pg_locks l JOIN pg_class c"
                        " ON c.oid = l.relation WHERE l.granted AND c.relkind = 'r' AND l.mode IN"
                        " ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',"
                        " 'AccessExclusiveLock')"
                    ).fetchall()
                )
                now = time.monotonic()
                for key in seen:
                    if key[0] in existing:
                        since.setdefault(key, now)
                        self.held.setdefault(key, [0.0]).append(now - since[key])
                for key in since.keys() - seen:
                    del since[key]
