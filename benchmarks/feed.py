"""Following the feed of changes over HTTP, beside reading the same rows from their table.

    ./dev bench feed

A client system follows 100,000 changes: key, limits, the page, the event in the trail, JSON, and
reading that JSON. The floor is one SELECT of the same rows by a cursor. Writing is measured by
`./dev bench sync`: its floor is COPY, and the feed is part of what it takes.
"""

import json
import sys
from time import perf_counter

from django.db import connection
from django.test import Client

from benchmarks import ground
from benchmarks.sync import Sender
from reviews import feed, requests, walls
from reviews.models import Change, Practice
from tests import database

CHANGES = 100_000
PAGE = 5_000
ROUNDS = 3
AIM_ROWS_A_SECOND = 20_000


class Follower:
    """A client system that follows from a cursor on."""

    def __init__(self, sender):
        self.http = Client(SERVER_NAME="localhost")
        self.headers = {"Authorization": f"Bearer {sender.secret}"}
        self.since = self.get()["next"]

    def get(self, **query):
        answer = self.http.get("/api/v1/changes", query, headers=self.headers)
        if answer.status_code != 200:
            sys.exit(f"The answer was {answer.content[:500]}")
        return json.loads(answer.content)

    def follow(self):
        """`(rows, seconds)` of everything behind the cursor, which stays where it is."""
        rows, since, began = 0, self.since, perf_counter()
        while True:
            page = self.get(since=since, limit=PAGE)
            rows, since = rows + len(page["results"]), page["next"]
            if not page["more"]:
                return rows, perf_counter() - began


def write(practice):
    with database.as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO reviews_change (kind, op, row, version, practice_id, patient, at)"
            " SELECT 'prescriptions', 'created', n, 1, %s, n / 5, clock_timestamp()"
            " FROM generate_series(1, %s) n",
            [practice.pk, CHANGES],
        )
        cursor.execute("ANALYZE reviews_change")


def floor():
    began = perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT kind, row, version, op, practice_id, patient, at FROM reviews_change"
            " ORDER BY xact, seq"
        )
        rows = len(cursor.fetchall())
    if rows < CHANGES:
        sys.exit("The floor did not read all rows.")
    return perf_counter() - began


def main():
    requests.ring = lambda: None
    walls.by_default(walls.EVERYTHING)
    with ground.empty_database():
        sender = Sender()
        follower = Follower(sender)
        write(Practice.objects.get())
        best, floors = [], []
        for _ in range(ROUNDS):
            rows, took = follower.follow()
            if rows != CHANGES:
                sys.exit(f"{rows:,} of {CHANGES:,} changes came.")
            best.append(took)
            floors.append(floor())
        assert Change.objects.count() == CHANGES
    took, least = min(best), min(floors)
    print(f"{CHANGES:,} changes in pages of {PAGE:,}, of {len(feed.KINDS)} kinds")
    print(f"SELECT of the same rows: {least * 1000:.0f} ms")
    print(
        f"follow them by {CHANGES / took:,.0f} rows a second ({AIM_ROWS_A_SECOND:,} wanted):"
        f" {took * 1000:.0f} ms, ratio {took / least:.1f}"
    )


if __name__ == "__main__":
    main()
