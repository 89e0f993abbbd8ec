"""What the role of web and worker may do in the database: rows, and nothing else.

It owns nothing, so it can neither empty a table nor switch a trigger or a policy off.
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
            "SELECT current_user = %s, rolsuper FROM pg_roles WHERE rolname = current_user", [role]
        )
        [(itself, superuser)] = cursor.fetchall()
        if not itself:
            cursor.execute(GIVEN.format(role=connection.ops.quote_name(role)))
        if superuser:
            for function in TELL_NOTHING:
                cursor.execute(f"ALTER FUNCTION {function} LEAKPROOF")
