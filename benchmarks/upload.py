"""An upload of many prescriptions with `Prefer: respond-async`, beside COPY of the same rows.

    ./dev bench upload                      100,000 lines
    UPLOAD_LINES=1000000 ./dev bench upload

Measured are the request, until it is answered, and the job, until all is taken in. The request is
served in this process, and so is the job. The floor is that of `./dev bench sync`: COPY of the same
rows, in COPY's own text, into an empty table with the same columns, indexes and checks.
"""

import gzip
import json
import os
import random
import resource
import sys
from time import perf_counter

from django.db import connection

from benchmarks import ground
from benchmarks.sync import RECORDS, Sender, batch
from reviews import jobs, requests, walls
from reviews.models import Job, Prescription
from reviews.tasks import KINDS
from tests import database

LINES = int(os.environ.get("UPLOAD_LINES", "100000"))


def body():
    """All lines as gzip: made a batch at a time."""
    rng = random.Random(7)
    members = []
    for number in range(LINES // RECORDS):
        records = batch(f"upload{number}", rng)
        text = b"".join(json.dumps(record).encode() + b"\n" for record in records)
        members.append(gzip.compress(text, 5))
    return b"".join(members)


def send(sender, packed):
    began = perf_counter()
    answer = sender.http.post(
        "/api/v1/prescriptions/sync",
        packed,
        content_type="application/x-ndjson",
        headers={
            "Authorization": f"Bearer {sender.secret}",
            "Prefer": "respond-async",
            "Content-Encoding": "gzip",
        },
    )
    took = perf_counter() - began
    if answer.status_code != 202:
        sys.exit(f"The answer was {answer.content[:500]}")
    return took


def take_in(expected):
    began = perf_counter()
    while Job.objects.unfinished().exists():
        jobs.work(KINDS, seconds=5)
    took = perf_counter() - began
    job = Job.objects.latest("pk")
    if job.state != Job.State.DONE or job.result[expected] != LINES:
        sys.exit(f"Expected {LINES:,} {expected}, but the job says {job.result} {job.error}")
    return took


def floor():
    with database.as_owner(), connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_floor")
        cursor.execute("CREATE TABLE bench_floor (LIKE reviews_prescription INCLUDING ALL)")
        with cursor.copy("COPY (SELECT * FROM reviews_prescription) TO STDOUT") as copy:
            text = [bytes(part) for part in copy]
        began = perf_counter()
        with cursor.copy("COPY bench_floor FROM STDIN") as copy:
            for part in text:
                copy.write(part)
        return perf_counter() - began


def main():
    requests.ring = lambda *_: None
    walls.by_default(walls.EVERYTHING)
    with ground.empty_database():
        sender = Sender()
        packed = body()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        sent = send(sender, packed)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        first = take_in("created")
        send(sender, packed)
        again = take_in("unchanged")
        if Prescription.objects.count() != LINES:
            sys.exit("Not all lines were taken in.")
        least = floor()
    print(f"{LINES:,} lines, {len(packed) / 2**20:.0f} MiB as gzip; {grown:.0f} MiB more memory")
    print(f"COPY into an equal table: {least * 1000:.0f} ms")
    for what, took in (
        ("upload, until it is answered", sent),
        ("upload, the job, everybody new", first),
        ("upload, the job, the same again", again),
    ):
        print(f"{what}: {took * 1000:.0f} ms, ratio {took / least:.1f}")


if __name__ == "__main__":
    main()
