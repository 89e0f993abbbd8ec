"""Pages with row-level security, beside the same pages without it and with nothing told."""

from contextlib import contextmanager
from unittest.mock import patch

from django.db import connection

from benchmarks import queue
from benchmarks.table import Row
from portal.management.commands.prepare import collect_static
from portal.progress import step
from reviews import walls
from tests import database

AIM = 1.15
ROUNDS = 5
VIEWS = {
    "queue, worst first": "/",
    "queue, by name": "/?q=okonkwo",
    "queue, page 10": "/?page=10",
    "list of people": "/patients",
    "search for a name": "/search?q=okonkwo",
    "search for a misspelt name": "/search?q=okonwko",
}


def measure(flags):
    """A row for each page: with the wall and without, in turns, the best median of each."""
    collect_static()
    with step(f"Pages behind the wall and without it, {flags:,} open flags"):
        queue.fill(flags)
        times = {True: dict.fromkeys(VIEWS, 1e9), False: dict.fromkeys(VIEWS, 1e9)}
        for _ in range(ROUNDS):
            for up in (True, False):
                with _as_it_is() if up else _without():
                    for name, address in VIEWS.items():
                        took = queue.page(address)
                        times[up][name] = min(times[up][name], took)
        queue.empty()
    return [
        Row(
            what=f"Behind the wall: {name}",
            ratio=times[True][name] / times[False][name],
            aim=AIM if name.startswith("queue") else None,
            floor=f"without: {times[False][name] * 1000:.1f} ms",
            measured=f"{times[True][name] * 1000:.1f} ms",
        )
        for name in VIEWS
    ]


@contextmanager
def _as_it_is():
    yield


@contextmanager
def _without():
    """No policy is asked, and connections are told nothing."""
    _switch("DISABLE")
    try:
        with patch.object(walls, "_tell", lambda *_: None):
            yield
    finally:
        _switch("ENABLE")


def _switch(how):
    with database.as_owner(), connection.cursor() as cursor:
        for table in walls.WALLED:
            cursor.execute(f"ALTER TABLE {table} {how} ROW LEVEL SECURITY")
