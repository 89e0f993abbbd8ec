"""Write the next version of a record: one way, whatever the record is, for one or for many."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import connection

from reviews.errors import Stale
from reviews.models import Versioned

V = TypeVar("V", bound=Versioned)


def lock(seen: V) -> V:
    """The version that somebody saw, locked. Raises `Stale` if it is not the live one any more."""
    live = type(seen).objects.select_for_update().get(pk=seen.pk)
    if not live.live:
        raise _stale(type(seen))
    return live


def supersede(live: V, *, by: User, **columns: Any) -> V:
    """End a live version and write the next one, which says `columns`. Raises `Stale`.

    Whose record it is, and what its source said last, is carried over.
    """
    model = type(live)
    carried = {name: getattr(live, name) for name in (model.VERSIONS_OF, *model.CARRIED)}
    moment = end(model, [live.pk])
    return model.objects.create(
        version=live.version + 1,
        supersedes=live,
        recorded_at=moment,
        recorded_by=by,
        **carried | columns,
    )


OF_THE_VERSION = ("id", "version", "supersedes", "superseded_at", "recorded_at", "recorded_by")


def content(version: Versioned) -> dict[str, Any]:
    """The columns of what a version says, and whose it is; not of the version itself."""
    return {
        field.attname: getattr(version, field.attname)
        for field in type(version)._meta.concrete_fields
        if field.name not in OF_THE_VERSION
    }


def hand_over(live: V, *, by: User, **columns: Any) -> V:
    """Write the next version of a live one, which says the same but for `columns`."""
    return supersede(live, by=by, **content(live) | columns)


def end(model: type[Versioned], ids: Iterable[int]) -> datetime | None:
    """End these live versions at one moment, at which their next ones are recorded; returns it.

    Raises `Stale` if one of them is not live any more.
    """
    ids = list(ids)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {model._meta.db_table} SET superseded_at = statement_timestamp()"
            " WHERE id = ANY(%s) AND superseded_at IS NULL RETURNING superseded_at",
            [ids],
        )
        ended = cursor.fetchall()
    if len(ended) != len(ids):
        raise _stale(model)
    return ended[0][0] if ended else None


def _stale(model: type[Versioned]) -> Stale:
    return Stale(f"Somebody else changed this {model._meta.verbose_name}. Look at it again.")
