"""Digests of whole tables, to say that two databases hold exactly the same rows."""

import hashlib

from psycopg import sql

# As text, a row must look the same wherever it is read.
_SETTINGS = ("SET timezone = 'UTC'", "SET datestyle = 'ISO, YMD'", "SET extra_float_digits = 1")


def columns(connection):
    """Return {table: its columns in order} of every table that is ours."""
    rows = connection.execute(
        """
        SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position)
        FROM information_schema.columns JOIN information_schema.tables
            USING (table_schema, table_name)
        WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
        GROUP BY table_name ORDER BY table_name
        """
    )
    return dict(rows.fetchall())


def of_tables(connection, wanted=None):
    """Return {table: (rows, digest)}; `wanted` is `columns()` of some moment, or all of now."""
    for setting in _SETTINGS:
        connection.execute(setting)
    return {
        table: _of_table(connection, table, names)
        for table, names in (wanted or columns(connection)).items()
    }


def _of_table(connection, table, names):
    """Sum the digests of the rows: the same in whatever order they lie, and no sort needed."""
    row = sql.SQL(", ").join(map(sql.Identifier, names))
    query = sql.SQL(
        """
        SELECT count(*), coalesce(sum(part1), 0)::text, coalesce(sum(part2), 0)::text
        FROM (
            SELECT ('x' || left(d, 16))::bit(64)::bigint::numeric AS part1,
                   ('x' || right(d, 16))::bit(64)::bigint::numeric AS part2
            FROM (SELECT encode(sha256(convert_to(ROW({row})::text, 'UTF8')), 'hex') AS d
                  FROM {table}) AS rows
        ) AS parts
        """
    ).format(row=row, table=sql.Identifier(table))
    count, first, second = connection.execute(query).fetchone()
    return count, f"{first},{second}"


def together(tables):
    """Return one short digest of `of_tables`."""
    text = "\n".join(f"{table} {rows} {digest}" for table, (rows, digest) in tables.items())
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def differing(before, after):
    """Return the tables that are not the same in both."""
    return sorted(
        table for table in before.keys() | after.keys() if before.get(table) != after.get(table)
    )
