"""Following the feed of changes in tests: others hold transactions open on the same server."""

import time

from django.db import connection

from reviews import feed

PATIENCE_SECONDS = 600


def wait_for_horizon():
    """Wait until all that was committed so far can be given: others' transactions may hold it."""
    until = time.monotonic() + PATIENCE_SECONDS
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        [(mine,)] = cursor.fetchall()
        while True:
            cursor.execute(f"SELECT {feed.HORIZON}")
            if cursor.fetchone()[0] > mine:
                return
            assert time.monotonic() < until, "somebody holds a transaction open on this server"
            time.sleep(0.02)


class Follower:
    """A client system that follows the feed from now on."""

    def __init__(self, system, **query):
        self.system, self.query = system, query
        self.since = self.get()["next"]

    def get(self, **query):
        answer = self.system.get("changes", **self.query, **query)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def news(self, limit=500):
        """All changes that were committed since."""
        wait_for_horizon()
        found = []
        while True:
            page = self.get(since=self.since, limit=limit)
            self.since = page["next"]
            found += page["results"]
            if not page["more"]:
                return found
