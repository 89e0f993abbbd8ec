"""Whether the database's clock goes forward.

Nothing waits for a time that is later because the clock was set back: what is new has no time to
wait for (`requests`), and what was screened is told from what was not by the order in which ids
were given (`PatientScreening.seen_through`). What does need the clock, such as an age or the
day of a screening, is wrong while it is behind, and so that is noticed and said.
"""

from datetime import datetime
from typing import NamedTuple, cast

from django.db import connection, transaction

from reviews import audit
from reviews.audit import Event

SMALL_SECONDS = 2.0
"""What a time server corrects every day; nobody is told."""


class Step(NamedTuple):
    """A clock found behind: by how much, and what it had shown before."""

    seconds: float
    furthest: datetime


@transaction.atomic
def look() -> Step | None:
    """Remember the time. Where the clock is behind and was not before: note it, and say so."""
    with connection.cursor() as cursor:
        # Locked: of two who look at once, one finds that the other has noted it.
        cursor.execute("SELECT behind FROM reviews_clock WHERE id = 1 FOR UPDATE")
        noted = cursor.fetchone() == (True,)
        cursor.execute(LOOK, [SMALL_SECONDS])
        seconds, furthest, behind = cast(tuple[float, datetime, bool], cursor.fetchone())
    if noted or not behind:
        return None
    audit.record(None, Event.CLOCK_BEHIND, seconds=round(seconds), furthest=furthest.isoformat())
    return Step(seconds, furthest)


@transaction.atomic
def accept() -> float:
    """Take the time the clock shows as right; returns by how many seconds it was behind.

    For a clock that was wrong before and was put right: it had shown a time that is far off.
    """
    with connection.cursor() as cursor:
        cursor.execute(ACCEPT)
        row = cursor.fetchone()
    seconds = max(0.0, row[0]) if row else 0.0
    if seconds > SMALL_SECONDS:
        audit.record(None, Event.CLOCK_ACCEPTED, seconds=round(seconds))
    return seconds


LOOK = """
    INSERT INTO reviews_clock AS clock (id, furthest, behind) VALUES (1, clock_timestamp(), false)
    ON CONFLICT (id) DO UPDATE SET
        furthest = greatest(clock.furthest, excluded.furthest),
        behind = clock.furthest > excluded.furthest + make_interval(secs => %s)
    RETURNING
        extract(epoch FROM furthest - clock_timestamp())::float, furthest, behind
"""
ACCEPT = """
    UPDATE reviews_clock SET furthest = clock_timestamp(), behind = false
    FROM (SELECT id, furthest AS before FROM reviews_clock WHERE id = 1 FOR UPDATE) old
    WHERE reviews_clock.id = old.id
    RETURNING extract(epoch FROM old.before - clock_timestamp())::float
"""
