"""The change feed: what was written to the record, in an order in which nothing is ever missed.

Rows are numbered when they are written and seen when they are committed. By number or by time a
reader would pass over a transaction that commits late. So rows come by (number of the transaction,
number of the row), and only up to the oldest transaction that is still open, whichever role,
process or prepared transaction it is of: what is behind that point can no longer change. Numbers of
transactions are of the whole server, so an open transaction of another database delays the feed
too. Nothing open ever makes a hole in it.

A cursor names the feed. Where the database was restored, or what a cursor would still have to be
given was removed, a follower is told to begin again (`Gone`).

A server that crashes gives the numbers again of transactions of which nothing was on the disk yet.
A cursor that stands on such a number would pass over what is written under it then. So whoever
hands a cursor out commits something to the disk first, under a number of its own, which is higher;
one that is beyond the horizon all the same is of a database that was taken back.
"""

import base64
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from django.conf import settings
from django.db import connection, transaction

from reviews import walls
from reviews.errors import BadRecord, Gone

KINDS = (
    *("patients", "conditions", "readings", "prescriptions", "reviews", "tapers", "notes"),
    *("flags", "cases", "messages", "decisions", "letters", "screenings"),
)
"""What the feed tells of, by the names of the lists of the API."""
PRUNED_AT_ONCE = 50_000

PLACE = """
    concat_ws('.',
        (SELECT system_identifier FROM pg_control_system()),
        left(pg_walfile_name(pg_current_wal_lsn()), 8),
        (SELECT oid FROM pg_database WHERE datname = current_database()),
        'reviews_change'::regclass::oid)
"""
"""Where the feed is written: another one after each restore, and after a standby took over."""
HORIZON = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
# One statement, and so one snapshot: of the horizon, of what was removed, and of the rows.
_PAGE = f"""
    WITH feed AS MATERIALIZED (
        SELECT name, place = {PLACE} AS here, pruned_xact, pruned_seq, {HORIZON} AS horizon
        FROM reviews_feed WHERE id = 1
    )
    SELECT feed.*, change.* FROM feed LEFT JOIN LATERAL (
        SELECT xact, seq, kind, op, row, version, practice_id, patient, at FROM reviews_change
        WHERE (xact, seq) > (%s, %s) AND xact < feed.horizon AND ({{seen}})
        ORDER BY xact, seq LIMIT %s
    ) change ON true
    ORDER BY change.xact, change.seq
"""
# The last of the oldest rows that are all too old.
_OLD = f"""
    WITH oldest AS MATERIALIZED (
        SELECT xact, seq, at FROM reviews_change WHERE xact < {HORIZON} ORDER BY xact, seq LIMIT %s
    ), kept AS MATERIALIZED (
        SELECT xact, seq FROM oldest WHERE at >= statement_timestamp() - %s
        ORDER BY xact, seq LIMIT 1
    )
    SELECT xact, seq FROM oldest WHERE at < statement_timestamp() - %s
        AND NOT EXISTS (SELECT FROM kept WHERE (kept.xact, kept.seq) <= (oldest.xact, oldest.seq))
    ORDER BY xact DESC, seq DESC LIMIT 1
"""
LAG = f"""
    SELECT
        extract(epoch FROM clock_timestamp() - (
            SELECT min(at) FROM reviews_change WHERE xact >= {HORIZON}
        ))::float AS lag,
        extract(epoch FROM clock_timestamp() - least(
            (SELECT xact_start FROM pg_stat_activity
                WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()
                ORDER BY age(backend_xid) DESC LIMIT 1),
            (SELECT prepared FROM pg_prepared_xacts ORDER BY age(transaction) DESC LIMIT 1)
        ))::float AS held
"""
"""How old the oldest change is that is not given yet, and for how long the transaction is open, or
prepared, that holds it back; in seconds, null for none."""
_HOW = (
    "Ask once without “since”, keep “next”, read the lists anew from their beginning, and then "
    "follow from that “next”."
)


class Changed(NamedTuple):
    """One change, as it is kept. `xact` and `seq` are its place in the order."""

    xact: int
    seq: int
    kind: str
    op: str
    row: int
    version: int | None
    practice_id: int
    patient: int | None
    at: datetime


class Found(NamedTuple):
    """Some changes in order, the cursor behind them, and whether there are more already."""

    rows: list[Changed]
    next: str
    more: bool


class _Cursor(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    feed: uuid.UUID
    xact: int
    seq: int


class _State(NamedTuple):
    name: uuid.UUID
    here: bool
    pruned_xact: int
    pruned_seq: int
    horizon: int


Seen = Sequence[tuple[Iterable[int], Iterable[str]]]
"""`[(ids of practices, kinds)]`: what a follower may see, and asked for."""


def changes(*, since: str, seen: Seen, limit: int) -> Found:
    """At most `limit` changes behind a cursor, oldest first; without a cursor none, from now on.

    Raises `BadRecord` for what is no cursor, and `Gone` for one of a feed that has ended, or of
    before the oldest change that is still kept.
    """
    cursor = _read(since) if since else None
    state, rows = _page(cursor, seen, limit + 1 if cursor else 0)
    if not state.here:
        begin_anew()
        state, rows = _page(None, seen, 0)
    if cursor is None:
        return Found([], _write(_Cursor(state.name, state.horizon, 0)), False)
    if cursor.feed != state.name or cursor.xact > state.horizon:
        raise Gone(f"This feed has ended: the database was restored. {_HOW}")
    if (cursor.xact, cursor.seq) < (state.pruned_xact, state.pruned_seq):
        raise Gone(
            f"What was changed since is no longer kept: it is older than {settings.FEED_DAYS} days."
            f" {_HOW}"
        )
    if len(rows) > limit:
        rows = rows[:limit]
        last = rows[-1]
        return Found(rows, _write(_Cursor(state.name, last.xact, last.seq)), True)
    # All there is up to the horizon was given, or looked through. It never goes back in one feed.
    behind = max((state.horizon, 0), (cursor.xact, cursor.seq))
    return Found(rows, _write(_Cursor(state.name, *behind)), False)


def begin_anew(*, always: bool = False) -> None:
    """End the feed and begin another, where its place is another one; or `always`."""
    with walls.seeing(walls.EVERYTHING), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT FROM reviews_feed WHERE id = 1 FOR UPDATE")
        cursor.execute(f"SELECT place = {PLACE} FROM reviews_feed WHERE id = 1")
        [(here,)] = cursor.fetchall()
        if here and not always:
            return
        # What stands in it bears numbers of transactions of another server, or of another time.
        cursor.execute("DELETE FROM reviews_change")
        cursor.execute(
            f"UPDATE reviews_feed SET name = %s, place = {PLACE}, began_at = clock_timestamp(),"
            " pruned_xact = 0, pruned_seq = 0 WHERE id = 1",
            [uuid.uuid4()],
        )


def prune() -> int:
    """Remove what is older than `settings.FEED_DAYS`; returns how many rows.

    What is removed is a beginning of the order, so a cursor either finds all behind it or is told.
    """
    removed, kept = 0, timedelta(days=settings.FEED_DAYS)
    too_old: list[Any] = [PRUNED_AT_ONCE, kept, kept]
    while True:
        with walls.seeing(walls.EVERYTHING), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT FROM reviews_feed WHERE id = 1 FOR UPDATE")
            cursor.execute(
                _OLD,
                too_old,
            )
            last = cursor.fetchone()
            if last is None:
                return removed
            cursor.execute("DELETE FROM reviews_change WHERE (xact, seq) <= (%s, %s)", last)
            removed += cursor.rowcount
            cursor.execute(
                "UPDATE reviews_feed SET pruned_xact = %s, pruned_seq = %s WHERE id = 1", last
            )


def _page(cursor: _Cursor | None, seen: Seen, limit: int) -> tuple[_State, list[Changed]]:
    terms: list[str] = []
    given: list[Any] = []
    for practices, kinds in seen:
        terms.append("practice_id = ANY (%s) AND kind = ANY (%s)")
        given += [list(practices), list(kinds)]
    after = (cursor.xact, cursor.seq) if cursor else (0, 0)
    with connection.cursor() as execute:
        execute.execute(_PAGE.format(seen=" OR ".join(terms) or "false"), [*after, *given, limit])
        found = execute.fetchall()
    width = len(_State._fields)
    rows = [Changed(*row[width:]) for row in found if row[width] is not None]
    return _State(*found[0][:width]), rows


def _write(cursor: _Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).rstrip(b"=").decode()


def _read(text: str) -> _Cursor:
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        cursor = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=_Cursor)
    except (ValueError, msgspec.MsgspecError) as error:
        raise BadRecord("since", "is not a cursor of this feed") from error
    if not (0 <= cursor.xact < 2**63 and 0 <= cursor.seq < 2**63):
        raise BadRecord("since", "is not a cursor of this feed")
    return cursor
