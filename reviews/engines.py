"""Which engine is the portal's, and whether it is the one that this process runs."""

from django.db import connection

from reviews.errors import NotFound, OtherEngine
from reviews.models import Engine
from reviews.rules import ENGINE

RESCREEN = "rescreen"
"""The kind of job that has everybody judged again."""
LOCK = 0xE491
"""Advisory lock: shared by whoever judges, alone by whoever makes another engine the portal's."""


def current() -> Engine | None:
    """The portal's engine, or None before one was recorded."""
    return Engine.objects.filter(is_current=True).first()


def hold() -> int:
    """The id of the portal's engine, which stays so until the caller's transaction ends.

    A process that runs other code must not judge: what it found would stand beside findings of
    the portal's engine as if it were one of them. Raises `OtherEngine` there, and `NotFound` before
    any engine was recorded.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [LOCK])
    # Read after the lock: whoever waited for it must not judge by what was true before.
    engine = current()
    if engine is None:
        raise NotFound("No engine is recorded yet: run prepare first.")
    if engine.digest != ENGINE.digest:
        raise OtherEngine(
            f"This process runs engine {ENGINE.name}, and the portal's is {engine.name}. "
            "Run prepare with the newer code, and restart what still runs the older."
        )
    return engine.pk


def hold_alone() -> None:
    """Wait until nobody judges, and keep others from it until the caller's transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
