"""Many rows at once: COPY in, and ids ahead of it."""

import msgspec
from django.db import connection


def copy_rows(table, columns, rows):
    """COPY `rows`, tuples in the order of `columns`, into `table`. Constraints hold as ever."""
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        for row in rows:
            copy.write_row(row)


def next_ids(table, count):
    """`count` ids of `table` that nobody else will get."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [table, count],
        )
        return [pk for (pk,) in cursor.fetchall()]


def as_array(ids):
    """Ids as the text of a `bigint[]`, to be cast: far cheaper than to have each one adapted."""
    return f"{{{','.join(map(str, ids))}}}"


def as_json(values):
    """One JSON text: far cheaper to send than an array of texts, each of which is quoted alone."""
    return msgspec.json.encode(values).decode()
