"""Many rows at once: COPY in, ids ahead of it, rows out, and no search among them for cycles."""

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any

import msgspec
import psycopg
from django.db import connection, transaction

FEW = 5
"""So many rows are inserted one by one."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Python's search for cycles is off inside, for a batch whose many objects die by themselves.

    It looks at each of those that live, again and again, and would find nothing.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def binary_cursor() -> Iterator[Any]:
    """Binary transfer: dates and numbers arrive parsed, at half the cost of text.

    Django's own cursors bind parameters in the client and can only read text.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.format = psycopg.pq.Format.BINARY
        yield cursor


def copy_rows(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """COPY `rows`, tuples in the order of `columns`, into `table`. Constraints hold as ever.

    By way of a table of this connection: PostgreSQL refuses COPY into one that a policy guards. A
    few rows are inserted instead, for which that table would cost more than they do.
    """
    rows = iter(rows)
    first = list(islice(rows, FEW + 1))
    names, own = ", ".join(columns), f"copied_{table}"
    if len(first) <= FEW:
        _insert(table, names, first)
        return
    # In one transaction, the caller's if there is one: a commit in between would empty that table.
    with (
        transaction.atomic(savepoint=False),
        connection.wrap_database_errors,
        connection.cursor() as cursor,
    ):
        cursor.execute(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {own} ON COMMIT DELETE ROWS"
            f" AS TABLE {table} WITH NO DATA"
        )
        with cursor.copy(f"COPY {own} ({names}) FROM STDIN") as copy:
            for row in chain(first, rows):
                copy.write_row(row)
        cursor.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM {own}; TRUNCATE {own}")


def _insert(table: str, names: str, rows: Sequence[Sequence[Any]]) -> None:
    """Insert a few rows."""
    if not rows:
        return
    one = f"({', '.join(['%s'] * len(rows[0]))})"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({names}) VALUES {', '.join([one] * len(rows))}",
            list(chain.from_iterable(rows)),
        )


def next_ids(table: str, count: int) -> list[int]:
    """`count` ids of `table` that nobody else will get."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [table, count],
        )
        return [pk for (pk,) in cursor.fetchall()]


def as_array(ids: Iterable[int]) -> str:
    """Ids as the text of a `bigint[]`, to be cast: far cheaper than to have each one adapted."""
    return f"{{{','.join(map(str, ids))}}}"


def as_json(values: Any) -> str:
    """One JSON text: far cheaper to send than an array of texts, each of which is quoted alone."""
    return msgspec.json.encode(values).decode()
