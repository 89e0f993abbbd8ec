"""Tries at a password, a code or a link: taken before they are looked at, so that none is free.

A try is one statement on one row, so however many arrive at once, over however many sessions, no
more than the limit are looked at. Then whoever is next waits; tries meanwhile change nothing, so
that nobody who goes on trying waits for longer.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from reviews.models import Tries

KEPT = timedelta(days=1)


class Limit(NamedTuple):
    """`most` tries are looked at; then none is until `wait` has passed since the last."""

    most: int
    wait: timedelta


class Taken(NamedTuple):
    """`left` more tries after this one, or, where none was to be had, who waits `until` when."""

    left: int
    until: datetime | None = None


def key(kind: str, *parts: object) -> str:
    """The row of a count. A digest: logins that belong to nobody may be passwords."""
    text = "\0".join([kind, *map(str, parts)])
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def take(key: str, limit: Limit) -> Taken:
    """Take one try. A count that rested for as long as the wait begins anew."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO reviews_tries AS t (key, count, last_at, waits_until)
            VALUES (%(key)s, 1, clock_timestamp(),
                CASE WHEN %(most)s = 1 THEN clock_timestamp() + %(wait)s::interval END)
            ON CONFLICT (key) DO UPDATE SET
                count = CASE WHEN t.last_at <= clock_timestamp() - %(wait)s::interval THEN 1
                    ELSE t.count + 1 END,
                last_at = clock_timestamp(),
                waits_until = CASE
                    WHEN %(most)s = 1 OR t.count + 1 >= %(most)s
                        AND t.last_at > clock_timestamp() - %(wait)s::interval
                    THEN clock_timestamp() + %(wait)s::interval END
                WHERE t.waits_until IS NULL OR t.waits_until <= clock_timestamp()
            RETURNING count
            """,
            {"key": key, "most": limit.most, "wait": f"{limit.wait.total_seconds()} seconds"},
        )
        row = cursor.fetchone()
    if row is not None:
        return Taken(left=max(0, limit.most - row[0]))
    until = Tries.objects.filter(pk=key).values_list("waits_until", flat=True).first()
    return Taken(left=0, until=until or timezone.now())


def give_back(key: str) -> None:
    """Take back one try that was right, and the wait that it may have begun."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE reviews_tries SET count = GREATEST(count - 1, 0), waits_until = NULL"
            " WHERE key = %s",
            [key],
        )


def forget(keys: Iterable[str]) -> None:
    """Begin these counts anew."""
    Tries.objects.filter(pk__in=list(keys)).delete()


def forget_old() -> None:
    """Drop what nobody has added to for a day."""
    Tries.objects.filter(last_at__lt=timezone.now() - KEPT).delete()


def first_time(key: str, *, within: timedelta) -> bool:
    """Whether nobody has asked this `within` that time; of many who ask at once, one is first."""
    return take(key, Limit(1, within)).until is None
