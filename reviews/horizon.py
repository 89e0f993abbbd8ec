"""A moment, and whether whatever was recorded until then can be read.

A transaction writes the time at which it recorded something, and is seen when it commits. So what
was recorded until now may become visible later: until every transaction has ended that was open
now. Numbers of transactions are of the whole server; those of other databases write nothing here.
"""

from datetime import datetime
from typing import Any

import msgspec
from django.db import connection

MOST_SECONDS_FOR_READERS = 30
"""So long it may take from the time that a transaction says to its first row."""

_HERE = "(SELECT oid FROM pg_database WHERE datname = current_database())"
# PostgreSQL's own cleaning records nothing, and is at it for long after much was written.
_WRITES = "(process.backend_type IS DISTINCT FROM 'autovacuum worker')"
# Everybody may read pg_locks, and of pg_stat_activity whose database a process works in.
_OPEN_HERE = f"""
    FROM pg_locks held JOIN pg_stat_activity process ON process.pid = held.pid
    WHERE held.locktype = 'virtualxid' AND held.mode = 'ExclusiveLock' AND held.granted
        AND process.datid = {_HERE} AND held.pid <> pg_backend_pid() AND {_WRITES}
"""
_NOW = f"""
    SELECT statement_timestamp(), pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
        (
            SELECT coalesce(array_agg(held.virtualxid), '{{}}') {_OPEN_HERE} AND NOT EXISTS (
                SELECT FROM pg_locks wrote
                WHERE wrote.locktype = 'transactionid' AND wrote.pid = held.pid AND wrote.granted
                    AND wrote.mode = 'ExclusiveLock'
            )
        )
"""
_WRITERS = f"""
    SELECT count(*) FROM pg_snapshot_xip(pg_current_snapshot()) AS xact
    WHERE xact < %s::text::xid8
        AND NOT EXISTS (
            SELECT FROM pg_locks held JOIN pg_stat_activity process ON process.pid = held.pid
            WHERE held.locktype = 'transactionid' AND held.mode = 'ExclusiveLock' AND held.granted
                AND held.transactionid = xact::xid
                AND (process.datid <> {_HERE} OR NOT {_WRITES})
        )
        AND NOT EXISTS (
            SELECT FROM pg_prepared_xacts prepared
            WHERE prepared.transaction = xact::xid AND prepared.database <> current_database()
        )
"""
_READERS = f"SELECT count(*) {_OPEN_HERE} AND held.virtualxid = ANY(%s)"


class Moment(msgspec.Struct):
    """A time of the database, and what was open then.

    Whoever had begun to write by then has a number below `below`. `others` had begun nothing yet:
    they may be about to write a time that they took before.
    """

    at: datetime
    below: int
    others: list[str]


def now() -> Moment:
    """This moment."""
    with connection.cursor() as cursor:
        cursor.execute(_NOW)
        row: Any = cursor.fetchone()
    return Moment(*row)


def still_open(moment: Moment) -> int:
    """How many transactions may yet commit what they recorded until a moment.

    Those that had written nothing then are waited for only so long: a backup reads for hours.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WRITERS, [moment.below])
        (found,) = cursor.fetchone() or (0,)
        cursor.execute("SELECT extract(epoch FROM statement_timestamp() - %s)", [moment.at])
        (seconds,) = cursor.fetchone() or (0,)
        if moment.others and seconds < MOST_SECONDS_FOR_READERS:
            cursor.execute(_READERS, [moment.others])
            found += (cursor.fetchone() or (0,))[0]
    return found
