"""From a saved prescription to its flag, at 20 writes a second, through broker and worker."""

import threading
import time
from statistics import median, quantiles

from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from benchmarks import ground
from benchmarks.table import Row
from portal.progress import step
from reviews import records, requests
from reviews.models import Practice
from reviews.verbs import prescribe

A_SECOND = 20
AIMS = {"p50": None, "p95": 8}
GIVE_UP_SECONDS = 30


def measure(seconds):
    """The median and the 95th percentile, each beside the median time of the write itself."""
    practice = Practice.objects.get(code="harbour-street")
    clara = User.objects.get(username="clara")
    count = A_SECOND * seconds
    people = [register(practice, clara, n) for n in range(count)]
    with ground.workers(1):
        requests.ring()
        ground.wait_until_screened()
        with step(f"{count} prescriptions at {A_SECOND} a second"):
            written, took, seen = run(people, clara)
    late = [seen[pk] - written[pk] for pk in written]
    write = median(took)
    rows = []
    for name, value in (("p50", median(late)), ("p95", quantiles(late, n=20)[-1])):
        rows.append(
            Row(
                what=f"Saved to flagged, {name}, {A_SECOND} writes/s, 1 worker",
                ratio=value / write,
                aim=AIMS[name],
                floor=f"the write alone: {write * 1000:.0f} ms",
                measured=f"{value * 1000:.0f} ms",
            )
        )
    return rows


def register(practice, by, n):
    person = records.PatientRecord(
        family_name=f"Late {n}", birth_date=timezone.localdate().replace(1980, 1, 1)
    )
    return prescribe.register(practice=practice, record=person, by=by)


def run(people, by):
    """When each person's write began, how long each write took, and when each flag was seen."""
    seen, done = {}, threading.Event()
    watcher = threading.Thread(target=watch, args=(seen, len(people), done))
    watcher.start()
    written, took = {}, []
    began = time.perf_counter()
    for n, person in enumerate(people):
        time.sleep(max(0.0, began + n / A_SECOND - time.perf_counter()))
        written[person.pk] = time.perf_counter()
        prescribe.log(patient=person, record=flagged(), by=by)
        took.append(time.perf_counter() - written[person.pk])
    watcher.join(GIVE_UP_SECONDS)
    done.set()
    watcher.join()
    if len(seen) < len(people):
        raise SystemExit(f"{len(people) - len(seen)} prescriptions were not flagged in time.")
    return written, took, seen


def flagged():
    """35 days of diazepam for anxiety: DUR-01 in the UK."""
    return records.PrescriptionRecord(
        medicine="Diazepam 5mg tablets",
        codings=(records.Coding("atc", "N05BA01"),),
        dose=5,
        dose_unit="mg",
        times_per_day=1,
        quantity=35,
        quantity_unit="tablet",
        start_on=timezone.localdate(),
        indication="anxiety",
    )


def watch(seen, count, done):
    """Look for new flags all the time, and note when each patient's first one was there."""
    last = ground.scalar("SELECT coalesce(max(id), 0) FROM reviews_flag")
    while len(seen) < count and not done.is_set():
        with connection.cursor() as cursor:
            cursor.execute("SELECT id, patient_id FROM reviews_flag WHERE id > %s", [last])
            for pk, patient_id in cursor.fetchall():
                last = max(last, pk)
                seen.setdefault(patient_id, time.perf_counter())
        time.sleep(0.004)
    connection.close()
