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
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role};
"""


def give() -> None:
    """Give the application its rights to every table there is; by the owner, again and again."""
    role = settings.DATABASE_ROLE
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_user = %s", [role])
        if cursor.fetchone() == (True,):
            return
        cursor.execute(GIVEN.format(role=connection.ops.quote_name(role)))
