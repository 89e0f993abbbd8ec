"""Pages asked of the real server at a steady rate, whoever waits: 25 and 50 a second, then 200.

The floor is the same pages one after the other. A page is a case, the queue or a person in turn.
The client runs beside the server, on the same processors.
"""

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from statistics import median, quantiles

import urllib3
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from benchmarks import ground
from benchmarks.table import Row
from portal.local import VAR, free_port
from portal.management.commands.prepare import collect_static
from portal.processes import Child
from portal.progress import step
from reviews import requests
from reviews.models import Case, Patient
from reviews.verbs import screen

AIMS = {25: 13, 50: 33}
"""Pages a second, and how many times the floor the 95th percentile may be."""
TOO_MANY, RECOVERY_SECONDS = 200, 5
PATIENCE_SECONDS = 10
READY_SECONDS = 60
SCREENED, CASES = 2_000, 40


@dataclass
class Load:
    """What came of so many pages a second: seconds of those that were served, and the others."""

    served: list = field(default_factory=list)
    shed: list = field(default_factory=list)
    failed: int = 0
    cpu: float = 0.0

    @property
    def p95(self):
        return quantiles(self.served, n=20)[-1]

    def said(self):
        told = f"p95 {self.p95 * 1000:.0f} ms, {self.failed} failed, {len(self.shed)} shed"
        return f"{told}, {self.cpu * 1000:.0f} ms of processor a page"


class Portal:
    """A running web server, and a client that is signed in to it."""

    def __init__(self):
        self.port = free_port()
        self.child = Child(
            name="web",
            argv=[sys.executable, "-m", "gunicorn", "-c", "python:portal.gunicorn", "portal.wsgi"],
            log=VAR / "bench" / "log" / "web.log",
            env={key: value for key, value in os.environ.items() if key != "DATABASE_POOL"}
            | {
                "DATABASE_URL": ground.database_url(),
                "BIND": f"127.0.0.1:{self.port}",
                "LOG_LEVEL": "WARNING",
            },
            cwd=ground.ROOT,
            grace_seconds=25,
        )
        browser = Client()
        browser.force_login(
            User.objects.get(username="samira"), backend=settings.AUTHENTICATION_BACKENDS[-1]
        )
        name = settings.SESSION_COOKIE_NAME
        self.headers = {"Cookie": f"{name}={browser.cookies[name].value}"}
        self.pool = urllib3.PoolManager(maxsize=400, retries=False)

    def __enter__(self):
        self.child.start()
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                self.ask("/healthz")
                return self
            except urllib3.exceptions.HTTPError:
                if time.monotonic() > deadline:
                    self.child.stop()
                    sys.exit(self.child.last_words())
                time.sleep(0.1)

    def __exit__(self, *_):
        self.child.stop()

    def ask(self, path):
        """Status of the answer, and the seconds until all of it was there."""
        began = time.perf_counter()
        answer = self.pool.request(
            "GET",
            f"http://127.0.0.1:{self.port}{path}",
            headers=self.headers,
            timeout=PATIENCE_SECONDS,
            redirect=False,
        )
        return answer.status, time.perf_counter() - began

    def cpu(self):
        """Seconds of processor that the server and its database connections have used."""
        master = self.child.process.pid
        mine = [master, *_children(master)]
        with connection.cursor() as cursor:
            cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
            mine += [pid for (pid,) in cursor.fetchall()]
        return sum(map(_cpu_of, mine))


def measure(seconds):
    """Rows for 25 and 50 pages a second, for what follows 200, and for health meanwhile."""
    collect_static()
    with step("Screen some people, so that there are cases"):
        some = list(Patient.objects.order_by("pk").values_list("pk", flat=True)[:SCREENED])
        requests.enqueue(some, reason="published")
        screen.drain()
        ground.settle()
    cases = list(Case.objects.open().values_list("pk", "patient_id")[:CASES])
    pages = [path for pk, who in cases for path in (f"/cases/{pk}", "/", f"/patients/{who}")]
    rows = []
    with Portal() as portal:
        # Together, so that every process has met them.
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(portal.ask, pages * 2))
        with step("Pages one after the other"):
            alone = median(_ask(portal, pages))
        for rate, aim in AIMS.items():
            with step(f"{rate} pages a second for {seconds} s"):
                load = run(portal, pages, rate, seconds)
            rows.append(_row(f"{rate} pages/s", load.p95, alone, aim, load.said()))
        with step(f"{TOO_MANY} pages a second for {seconds} s, health beside them, and afterwards"):
            health = []
            done = threading.Event()
            watcher = threading.Thread(target=_watch, args=(portal, health, done))
            watcher.start()
            flood = run(portal, pages, TOO_MANY, seconds)
            done.set()
            watcher.join()
            time.sleep(RECOVERY_SECONDS)
            after = run(portal, pages, 25, seconds)
        rows.append(_row(f"{TOO_MANY} pages/s, those served", flood.p95, alone, None, flood.said()))
        slow = quantiles(health, n=20)[-1]
        said = f"p95 {slow * 1000:.0f} ms"
        rows.append(_row(f"Health beside {TOO_MANY} pages/s", slow, alone, None, said))
        what = f"25 pages/s, {RECOVERY_SECONDS} s after that"
        rows.append(_row(what, after.p95, alone, AIMS[25], after.said()))
    return rows


def run(portal, pages, rate, seconds):
    """Ask for a page every 1/rate seconds, whatever became of those before."""
    load, lock = Load(), threading.Lock()
    before = portal.cpu()

    def one(path):
        try:
            status, took = portal.ask(path)
        except urllib3.exceptions.HTTPError:
            status, took = 0, 0.0
        with lock:
            if status == 200:
                load.served.append(took)
            elif status == 503:
                load.shed.append(took)
            else:
                load.failed += 1

    began = time.monotonic()
    with ThreadPoolExecutor(400) as pool:
        for n, path in enumerate(islice(cycle(pages), rate * seconds)):
            time.sleep(max(0.0, began + n / rate - time.monotonic()))
            pool.submit(one, path)
    load.cpu = (portal.cpu() - before) / max(1, len(load.served))
    return load


def _ask(portal, pages):
    for path in pages:
        status, took = portal.ask(path)
        if status != 200:
            sys.exit(f"{path} was answered {status}.")
        yield took


def _watch(portal, health, done):
    while not done.is_set():
        _, took = portal.ask("/healthz")
        health.append(took)
        time.sleep(0.1)


def _row(what, seconds, floor, aim, measured):
    return Row(
        what=what,
        ratio=seconds / floor,
        aim=aim,
        floor=f"one after the other: {floor * 1000:.0f} ms",
        measured=measured,
    )


def _children(pid):
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield int(child)
            yield from _children(int(child))


def _cpu_of(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return 0.0
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
