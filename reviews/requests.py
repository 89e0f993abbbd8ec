"""Screening requests: rows say who is to be screened; a Celery message only rings the bell."""

from datetime import timedelta

import structlog
from celery import current_app
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from reviews import walls
from reviews.fuse import valkey
from reviews.models import Practice, Prescription, ScreeningRequest

log = structlog.get_logger(__name__)
DRAIN = "reviews.drain"
LONGEST_WAIT_SECONDS = 3600
"""What is to be tried later than this from now was put off before the clock was set back: now."""
CHANGE, BULK = ScreeningRequest.Priority.CHANGE, ScreeningRequest.Priority.BULK


def enqueue(
    patient_ids: list[int], *, reason: str, priority: ScreeningRequest.Priority = CHANGE
) -> None:
    """Ask, in the caller's transaction, that these patients be screened; ring after commit."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO reviews_screeningrequest (patient_id, reason, attempts, priority)"
            " SELECT unnest(%s::bigint[]), %s, 0, %s",
            [list(patient_ids), reason, priority],
        )
    transaction.on_commit(ring)


def enqueue_practice(practice: Practice, *, reason: str) -> int:
    """Ask for everybody with a prescription at a practice, and say how many that is."""
    # Whoever changes by what a practice is judged may see none of its patients.
    with walls.seeing(walls.EVERYTHING):
        rows = Prescription.objects.live().filter(practice=practice).order_by("patient_id")
        ids = list(rows.values_list("patient_id", flat=True).distinct())
        enqueue(ids, reason=reason, priority=BULK)
    return len(ids)


def ring(task: str = DRAIN) -> None:
    """Wake a worker. A lost or refused message loses nothing: beat rings again for what waits.

    Called after the commit, when nothing may fail any more: what was written is written. So nobody
    waits long for a broker that does not answer, and the next caller does not wait at all.
    """
    if not valkey.allows():
        return
    try:
        current_app.send_task(task, retry=False)  # pyright: ignore[reportCallIssue] - a proxy
    except (KombuError, RedisError, OSError) as error:
        valkey.blow()
        log.warning("doorbell_not_rung", error=type(error).__name__)
    else:
        valkey.mend()


def waiting() -> bool:
    """Whether a request is due now."""
    due = (
        Q(not_before=None)
        | Q(not_before__lte=Now())
        | Q(not_before__gt=Now() + timedelta(seconds=LONGEST_WAIT_SECONDS))
    )
    return ScreeningRequest.objects.filter(due).exists()
