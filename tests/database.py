"""The test database: one template, a copy of it for each worker, brought back where a test commits.

The template holds the schema, the formulary and the first rule book. Its name holds a digest of
all it was made from, so it is made again when any of that changes, and only then.
"""

import hashlib
from contextlib import contextmanager

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql

from portal.local import BASE_DIR
from reviews.verbs import engines, letters, publish

PREFIX = "portal_template_"
MADE_FROM = ("drugs", "reviews", "portal/settings.py", "requirements-dev.txt", "tests/database.py")
EDGES = {
    *(("reviews", room) for room in ("views", "api", "fhir_api", "forms")),
    *(("reviews", room) for room in ("management", "seeding", "templatetags")),
}
"""Nothing of it comes from them: a verb made it, and imports only go down."""
LOCK = 0x7E57
"""Advisory lock of the server, held by the worker that makes the template or copies it."""


def take(name):
    """Make database `name` for this process, a copy of the template."""
    with _server() as server:
        server.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        _make_role(server)
        template = PREFIX + _digest()
        server.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX])
        there = [found for (found,) in server.fetchall()]
        if template not in there:
            for old in there:
                server.execute(f"DROP DATABASE {old} WITH (FORCE)")
            _make(server, template)
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE {template}')
    connection.settings_dict["NAME"] = name


def leave(name):
    """Drop this process's database; a thread that outlived its test may still be connected."""
    connection.close()
    with _server() as server:
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def bring_back():
    """Make every table again what the template holds, after a test that committed.

    Emptying and filling all of them, as Django does, takes longer than most of those tests.
    """
    with transaction.atomic(), as_owner(), connection.cursor() as cursor:
        kept, others = _tables(cursor, "kept"), _tables(cursor, "public")
        # Wait for writers that the test left behind: a request that is still being answered.
        cursor.execute(f"LOCK TABLE {', '.join(others)} IN SHARE ROW EXCLUSIVE MODE")
        # Replica mode: no triggers and no order among the tables.
        cursor.execute("SET LOCAL session_replication_role = replica")
        for table in others - kept:
            cursor.execute(f"DELETE FROM {table}")
        for table in kept:
            cursor.execute(
                f"SELECT EXISTS ((TABLE {table} EXCEPT TABLE kept.{table})"
                f" UNION ALL (TABLE kept.{table} EXCEPT TABLE {table}))"
            )
            if cursor.fetchone()[0]:
                cursor.execute(f"DELETE FROM {table}")
                cursor.execute(f"INSERT INTO {table} TABLE kept.{table}")


def _make(server, template):
    """Migrate and load under another name first: what has the template's name is complete."""
    draft = f"{template}_draft"
    server.execute(f"CREATE DATABASE {draft}")
    connection.close()
    connection.settings_dict["NAME"] = draft
    with as_owner():
        call_command("migrate", interactive=False, verbosity=0)
    call_command("load_formulary", verbosity=0)
    engines.adopt()
    publish.bootstrap()
    letters.bootstrap()
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA kept")
        for table in _tables(cursor, "public"):
            cursor.execute(f"SELECT EXISTS (TABLE {table})")
            if cursor.fetchone()[0]:
                cursor.execute(f"CREATE TABLE kept.{table} AS TABLE {table}")
        cursor.execute("ANALYZE")
    connection.close()
    server.execute(f"ALTER DATABASE {draft} RENAME TO {template}")


def _digest():
    """Of the files the template is made from, and of the day: it says when it was published."""
    digest = hashlib.sha256(str(timezone.localdate()).encode())
    for name in MADE_FROM:
        top = BASE_DIR / name
        for path in sorted(top.rglob("*") if top.is_dir() else [top]):
            inside = path.relative_to(BASE_DIR)
            if path.suffix in {".py", ".toml", ".txt"} and inside.parts[:2] not in EDGES:
                digest.update(f"{inside}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _tables(cursor, schema):
    cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema])
    return {name for (name,) in cursor.fetchall()} - {"django_migrations"}


@contextmanager
def as_owner():
    """Inside, this connection has the rights of who owns the tables, as `migrate` has."""
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE NONE")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"SET ROLE {settings.DATABASE_ROLE}")


@contextmanager
def without_triggers():
    """Inside, a cursor with every right: no trigger, foreign key or policy keeps anything from it.

    So does somebody who has the superuser's password, and a test that needs rows of long ago.
    """
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        try:
            yield cursor
        finally:
            cursor.execute("SET session_replication_role = origin")


def _make_role(server):
    role = settings.DATABASE_ROLE
    server.execute("SELECT FROM pg_roles WHERE rolname = %s", [role])
    if server.fetchone() is None:
        server.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
    server.execute(sql.SQL("GRANT pg_read_all_stats TO {}").format(sql.Identifier(role)))


@contextmanager
def _server():
    """A cursor on the server, connected to none of the databases concerned, with all rights."""
    given = connection.get_connection_params()
    wanted = {name: given[name] for name in ("user", "password", "host", "port") if name in given}
    with psycopg.connect(**wanted, dbname="postgres", autocommit=True) as server:
        yield server.cursor()
