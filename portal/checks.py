"""Checks of the deployment that ask the database: `check --deploy --database default`."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections

SAID = """
    SELECT rolsuper OR rolbypassrls,
        EXISTS (SELECT FROM pg_class WHERE relname = 'reviews_patient' AND relowner = r.oid)
    FROM pg_roles r WHERE rolname = current_user
"""


@register(Tags.database, deploy=True)
def check_role(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Say where web and worker would connect as a role for which the second wall is none."""
    found: list[CheckMessage] = []
    for name in databases or ():
        with connections[name].cursor() as cursor:
            cursor.execute(SAID)
            [(passes, owns)] = cursor.fetchall()
        if passes:
            found.append(
                Error(
                    "DATABASE_URL names a role that row-level security does not hold for.",
                    hint="Use a role without SUPERUSER and BYPASSRLS: docs/operations.md.",
                    id="portal.E001",
                )
            )
        elif owns:
            found.append(
                Warning(
                    "DATABASE_URL names the owner of the tables, who can switch triggers off.",
                    hint="Use a role of its own for web and worker: docs/operations.md.",
                    id="portal.W001",
                )
            )
    return found
