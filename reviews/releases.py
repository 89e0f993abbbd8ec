"""Whether the database is of the release whose code this process runs."""

import pkgutil
from collections.abc import Iterable
from functools import cache

from django.db import connection

import drugs.migrations
import reviews.migrations
from reviews.errors import Stale

APPS = {"drugs": drugs.migrations, "reviews": reviews.migrations}
APPLIED = "SELECT app || '.' || name FROM django_migrations WHERE app IN ('drugs', 'reviews')"


class OlderDatabase(Stale):
    """The database lacks what this code needs: `prepare` has not been run with it."""


class NewerDatabase(Stale):
    """The database has been prepared by a release that came after this code."""


def require() -> None:
    """Raise `OlderDatabase` or `NewerDatabase` where code and database are of different releases.

    Work done by the one on the other would fail in the middle, or be done by half.
    """
    lacking, unknown = difference(applied())
    if lacking:
        raise OlderDatabase(
            f"The database lacks {lacking[-1]} of this release: run prepare with it."
        )
    if unknown:
        raise NewerDatabase(
            f"The database is of a newer release ({unknown[-1]}): restart this process with that."
        )


def applied() -> list[str]:
    """The migrations of our own that the database has seen."""
    with connection.cursor() as cursor:
        cursor.execute(APPLIED)
        return [name for (name,) in cursor.fetchall()]


def difference(there: Iterable[str]) -> tuple[list[str], list[str]]:
    """`(lacking, unknown)`: migrations of this code that are not `there`, and others that are."""
    there, ours = set(there), _of_this_code()
    return sorted(ours - there), sorted(there - ours)


@cache
def _of_this_code() -> frozenset[str]:
    return frozenset(
        f"{app}.{module.name}"
        for app, package in APPS.items()
        for module in pkgutil.iter_modules(package.__path__)
    )
