"""One press, one deed: what was answered to a form is remembered with what the form did."""

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from reviews.models import Press

KEPT = timedelta(days=2)
"""Longer than a session lasts, and so than any form can be sent again."""


SHOWN_ONCE = "leads_again_to"
"""The attribute of an answer that shows something once, such as a secret: the address where the
same press is led later. There it says what was made, and how it is undone."""


def answered(key: bytes) -> Press | None:
    """The answer that the same press was given before, else None.

    Waits for a press with this key that is being answered, and keeps others waiting until the
    caller's transaction ends.
    """
    lock = int.from_bytes(key[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock])
    # A statement of its own, so that it sees what was committed while the lock was waited for.
    return Press.objects.filter(pk=key).first()


def has_written() -> bool:
    """Whether the caller's transaction has changed anything."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
        return cursor.fetchone() == (True,)


def keep(key: bytes, *, location: str) -> None:
    """Remember the answer, in the transaction that did what was asked."""
    Press.objects.create(key=key, pressed_at=timezone.now(), location=location)


def forget() -> None:
    """Remove what nobody can send again."""
    Press.objects.filter(pressed_at__lt=timezone.now() - KEPT).delete()
