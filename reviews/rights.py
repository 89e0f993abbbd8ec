"""What the role of web and worker may do in the database: rows, and nothing else.

It owns nothing, so it can neither empty a table nor switch a trigger or a policy off. What is only
ever added to it may neither change nor delete, and no setting makes a trigger step aside for it.
"""

from django.conf import settings
from django.db import connection, transaction

GIVEN = """
    GRANT USAGE ON SCHEMA public TO {role};
    REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
    REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {role};
    GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role};
"""
ONLY_ADDED_TO = """
    SELECT tgrelid::regclass::text FROM pg_trigger JOIN pg_proc p ON p.oid = tgfoid
    WHERE tgqual IS NULL AND prosrc LIKE '%Cannot update or delete rows%'
"""
"""Tables whose triggers refuse every change and every deletion: the trail, decisions, the log."""
BY_TRIGGERS = ("reviews_change",)
"""Tables that nobody writes to: triggers do, with the rights of the owner. Old rows are removed."""
IGNORE_NOTHING = """
    CREATE OR REPLACE FUNCTION public._pgtrigger_should_ignore(trigger_name name) RETURNS boolean
    LANGUAGE sql IMMUTABLE AS 'SELECT false'
"""
"""Triggers of pgtrigger ask this first; its own answer is a setting, which any role may make.

Every migration that adds a trigger writes its own again.
"""
TELL_NOTHING = (
    "textlike(text, text)",
    "textregexeq(text, text)",
    "similarity_op(text, text)",
    "lower(text)",
    "regexp_replace(text, text, text, text)",
    "arraycontains(anyarray, anyarray)",
    "arrayoverlap(anyarray, anyarray)",
)
"""Functions of PostgreSQL by which people and cases are searched for.

Behind a policy an index answers only by functions that PostgreSQL knows to tell nothing of the rows
that they are given. These do not, but only a superuser may say so. Where nobody does, a search goes
through the people of a practice one by one.
"""


def give() -> None:
    """Give the application its rights to every table there is; by the owner, again and again."""
    role = settings.DATABASE_ROLE
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname = %s, rolsuper, pg_has_role(relowner, 'USAGE')"
            " FROM pg_roles, pg_class WHERE rolname = current_user"
            " AND pg_class.oid = 'django_migrations'::regclass",
            [role],
        )
        [(itself, superuser, owner)] = cursor.fetchall()
        if owner:
            cursor.execute(IGNORE_NOTHING)
        if not itself:
            quoted = connection.ops.quote_name(role)
            cursor.execute(GIVEN.format(role=quoted))
            cursor.execute(ONLY_ADDED_TO)
            if tables := ", ".join(table for (table,) in cursor.fetchall()):
                cursor.execute(f"REVOKE UPDATE, DELETE ON {tables} FROM {quoted}")
            for table in set(BY_TRIGGERS) & set(connection.introspection.table_names(cursor)):
                cursor.execute(f"REVOKE INSERT, UPDATE ON {table} FROM {quoted}")
        if superuser:
            for function in TELL_NOTHING:
                cursor.execute(f"ALTER FUNCTION {function} LEAKPROOF")
