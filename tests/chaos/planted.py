"""Bugs, planted to show that the harness finds them. Nothing of the portal knows of them.

`CHAOS_PLANTED` names one. The processes are started with the applications of this module in place
of the portal's own: `celery -A tests.chaos.planted`, `gunicorn tests.chaos.planted:wsgi`.
"""

import os
import time
from dataclasses import replace

import django
from django.core.wsgi import get_wsgi_application

from portal.celery import app

__all__ = ["PLANTED", "app", "wsgi"]


def early():
    """Requests are gone before their batch is kept: a worker that is killed loses them."""
    honest = screen._take_requests

    def take(patient_ids):
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as own:
            own.execute(walls.SEE_EVERYTHING)
            rows = own.execute(
                "DELETE FROM reviews_screeningrequest WHERE patient_id = ANY(%s::bigint[])"
                " RETURNING patient_id, attempts, requested_at, priority",
                [list(patient_ids)],
            ).fetchall()
        _, read_at, seen_through = honest(patient_ids)
        return {pk: screen.Pending(*rest) for pk, *rest in rows}, read_at, seen_through

    screen._take_requests = take


def clock():
    """What is new waits for the time at which it was made."""
    honest = requests.enqueue

    def enqueue(patient_ids, **given):
        honest(patient_ids, **given)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE reviews_screeningrequest SET not_before = requested_at"
                " WHERE patient_id = ANY(%s::bigint[]) AND attempts = 0",
                [list(patient_ids)],
            )

    requests.enqueue = enqueue
    screen.CLAIM = screen.CLAIM.replace(
        "OR not_before > statement_timestamp() + make_interval(secs => %s)",
        "AND %s > 0",
    )
    requests.LONGEST_WAIT_SECONDS = 10**9


def clear():
    """What waits to be screened is shown as checked."""
    honest = checked.of

    def of(patient, row):
        row.waiting_since = None
        told = honest(patient, row)
        return replace(told, state=checked.CHECKED, reason="")

    checked.of = of


def hang():
    """Whoever rings the doorbell waits for the broker."""

    def ring(task=requests.DRAIN):
        for _ in range(60):
            try:
                return app.send_task(task, retry=False)
            except Exception:
                time.sleep(1)
        return None

    requests.ring = ring


def trail():
    """Some of what systems send leaves no event."""
    honest, seen = audit.record, []

    def record(by, event, **said):
        if event is audit.Event.PRESCRIPTIONS_SYNCED:
            seen.append(event)
            if len(seen) % 7 == 0:
                return None
        return honest(by, event, **said)

    audit.record = record


def stranger():
    """Whoever is signed in sees the patients of every practice: neither wall holds.

    Where only the first is gone the second shows nothing, as tests/web/test_walls.py proves.
    """

    honest = access.practice_ids

    def everywhere(by, action):
        if by.username.startswith("client-"):
            return honest(by, action)
        return list(Practice.objects.values_list("pk", flat=True))

    access.practice_ids = everywhere
    access.let_see = lambda *_, **__: walls.let_see(walls.EVERYTHING)


PLANTED = {each.__name__: each for each in (early, clock, clear, hang, trail, stranger)}

django.setup()

import psycopg  # noqa: E402  (Django had to be ready first)
from django.db import connection  # noqa: E402

from reviews import access, audit, requests, walls  # noqa: E402
from reviews.models import Practice  # noqa: E402
from reviews.queries import checked  # noqa: E402
from reviews.verbs import screen  # noqa: E402

if name := os.environ.get("CHAOS_PLANTED"):
    PLANTED[name]()
wsgi = get_wsgi_application()
