"""Formulary and rule book in the test database: loaded once, brought back when a test empties it.

A transactional test, such as one in a browser, ends by emptying all tables; loading the formulary
again would take seconds each time.
"""

from django.db import connection

from reviews.models import RuleVersion


def keep():
    """Copy the loaded tables aside, into a schema that no test empties."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS kept")
        for name in _tables(cursor):
            cursor.execute(f"DROP TABLE IF EXISTS kept.{name}")
            cursor.execute(f"CREATE TABLE kept.{name} AS TABLE public.{name}")


def bring_back():
    """Fill the tables again, if a test before this one has emptied them."""
    if RuleVersion.objects.exists():
        return
    with connection.cursor() as cursor:
        # Replica mode: no triggers and no order among the tables.
        cursor.execute("SET session_replication_role = replica")
        for name in _tables(cursor):
            cursor.execute(f"INSERT INTO public.{name} SELECT * FROM kept.{name}")
        cursor.execute("SET session_replication_role = DEFAULT")


def _tables(cursor):
    cursor.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        " AND (table_name LIKE 'drugs\\_%%' OR table_name = 'reviews_ruleversion')"
    )
    return [name for (name,) in cursor.fetchall()]
