"""Keyset pages, in two orders.

Plain: by id; everything committed is seen. Changes (`updated_since`): by (time of change, id), and
only up to a horizon before which nothing can change any more. A row is stamped when it is written
and seen when it is committed, so the newest stamps may still have earlier ones coming behind them;
what lies after the horizon is given by the next poll instead. `until` is that horizon: everything
changed before it has been given, and it is the right `updated_since` to ask with next.
"""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec
from django.db import connection
from django.db.models import F, Q, QuerySet

from reviews.errors import BadRecord

# A statement is stamped an instant before the server's list of running transactions shows it, and
# some stamps come from the clocks of the portal's own processes.
MARGIN = timedelta(seconds=5)


class Cursor(msgspec.Struct, array_like=True):
    """Where a page ended. `at` and `until` are None in the plain order."""

    kind: str
    pk: int
    at: datetime | None = None
    until: datetime | None = None


class Page(msgspec.Struct):
    rows: list[Any]
    following: str | None
    until: datetime | None


def page(
    queryset: QuerySet[Any],
    *,
    kind: str,
    changed_at: str,
    limit: int,
    cursor: str,
    updated_since: datetime | None,
) -> Page:
    """One page of `queryset`, which must be able to filter and order by `id` and `changed_at`."""
    after = _read(cursor, kind, changes=updated_since is not None) if cursor else None
    if updated_since is None:
        if after:
            queryset = queryset.filter(pk__gt=after.pk)
        rows, more = _take(queryset.order_by("pk"), limit)
        return Page(rows, _write(Cursor(kind, rows[-1].pk)) if more else None, None)

    updated_since = _utc(updated_since, "updated_since", "is out of range")
    until = after.until if after else horizon()
    queryset = queryset.alias(change=F(changed_at)) if changed_at != "change" else queryset
    queryset = queryset.filter(change__gte=updated_since, change__lt=until)
    if after:
        # The first condition says nothing new; it lets the index start at the right place.
        queryset = queryset.filter(
            Q(change__gte=after.at), Q(change__gt=after.at) | Q(pk__gt=after.pk)
        )
    rows, more = _take(queryset.order_by("change", "pk"), limit)
    following = None
    if more:
        last = rows[-1]
        following = _write(Cursor(kind, last.pk, getattr(last, changed_at), until))
    return Page(rows, following, until)


def horizon() -> datetime:
    """The time before which no transaction can change anything any more.

    Asked in a statement of its own: the page is read by a later one, which therefore sees all
    that was committed until now.
    """
    given: list[Any] = [MARGIN]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT least(clock_timestamp(), min(xact_start)) - %s FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'",
            given,
        )
        (until,) = cast(tuple[datetime], cursor.fetchone())
    return until


def _take(queryset: QuerySet[Any], limit: int) -> tuple[list[Any], bool]:
    rows = list(queryset[: limit + 1])
    return rows[:limit], len(rows) > limit


def _write(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).rstrip(b"=").decode()


def _read(text: str, kind: str, *, changes: bool) -> Cursor:
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        cursor = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=Cursor)
    except (ValueError, msgspec.MsgspecError) as error:
        raise BadRecord("cursor", "is not a cursor of this list") from error
    stamped = cursor.at is not None and cursor.until is not None
    if cursor.kind != kind or stamped != changes or abs(cursor.pk) >= 2**63:
        raise BadRecord("cursor", "is not a cursor of this list")
    if cursor.at is not None and cursor.until is not None:
        cursor.at = _utc(cursor.at, "cursor", "is not a cursor of this list")
        cursor.until = _utc(cursor.until, "cursor", "is not a cursor of this list")
    return cursor


def _utc(time: datetime, field: str, reason: str) -> datetime:
    """The time in UTC: PostgreSQL knows no offset beyond 16 hours. Without an offset: refused."""
    try:
        if time.tzinfo is not None:
            return time.astimezone(UTC)
    except OverflowError:
        pass  # within hours of the first or the last year
    raise BadRecord(field, reason)
