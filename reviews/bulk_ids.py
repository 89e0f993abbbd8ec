"""Which resources here a system means by ids of its own, and where it may have files fetched."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection

from reviews.bulk import as_json
from reviews.errors import NotAllowed
from reviews.models import BulkId, Client

Name = tuple[str, str]
"""A type of resource, and the id that a system has for one of it."""


class Found(NamedTuple):
    """The id here, "" for a person who is not written yet; `is_written`: the resource is here."""

    logical_id: str
    is_written: bool


def known(by: User, names: Iterable[Name]) -> dict[Name, Found]:
    """What a system sent in bulk, of these names."""
    by_type: dict[str, set[str]] = defaultdict(set)
    for kind, sent_id in names:
        by_type[kind].add(sent_id)
    found: dict[Name, Found] = {}
    for kind, ids in by_type.items():
        rows = BulkId.objects.filter(sent_by=by, resource_type=kind, sent_id__in=ids)
        for sent_id, logical_id, practice_id in rows.values_list(
            "sent_id", "logical_id", "practice_id"
        ):
            found[kind, sent_id] = Found(logical_id, practice_id is not None)
    return found


def named(by: User, types: Iterable[str], sent_ids: Iterable[str]) -> list[Name]:
    """The names, of these types, of what a system sent under ids that it gave to one type only.

    An id that resources of several types have says of none of them that it is meant.
    """
    found: dict[str, list[str]] = defaultdict(list)
    rows = BulkId.objects.filter(
        sent_by=by, resource_type__in=list(types), sent_id__in=list(sent_ids)
    )
    for kind, sent_id in rows.values_list("resource_type", "sent_id"):
        found[sent_id].append(kind)
    return [(kinds[0], sent_id) for sent_id, kinds in found.items() if len(kinds) == 1]


def keep(by: User, ids: Mapping[Name, tuple[str, int]]) -> None:
    """Keep what became of resources: `(id here, practice)` of each name."""
    rows = [(*name, *became) for name, became in ids.items()]
    with connection.cursor() as cursor:
        cursor.execute(KEEP, [by.pk, as_json(rows)])


def meet(by: User, ids: Mapping[Name, str]) -> None:
    """Keep which ids resources will have that are not written yet; those that are known stay."""
    rows = [(*name, logical_id, None) for name, logical_id in ids.items()]
    with connection.cursor() as cursor:
        cursor.execute(MEET, [by.pk, as_json(rows)])


# One text for all: Django takes longer to make as many instances than PostgreSQL to insert them.
_INSERT = """
    INSERT INTO reviews_bulkid (sent_by_id, resource_type, sent_id, logical_id, practice_id)
    SELECT %s, row ->> 0, row ->> 1, row ->> 2, (row ->> 3)::bigint
    FROM json_array_elements(%s) AS said (row)
    ON CONFLICT (sent_by_id, resource_type, sent_id) DO
"""
MEET = f"{_INSERT} NOTHING"
KEEP = f"""
    {_INSERT} UPDATE SET logical_id = excluded.logical_id, practice_id = excluded.practice_id
"""


def require_source(url: str, source_system: str) -> None:
    """Raise `NotAllowed` unless an address is one from which the files of this system come.

    Those that whoever runs the portal names, and the server with which the system is registered.
    """
    registered = Client.objects.filter(
        source_system=source_system, withdrawn_at=None, fhir_server__gt=""
    )
    allowed = [
        *settings.IMPORT_SOURCES.get(source_system, ()),
        *registered.values_list("fhir_server", flat=True),
    ]
    if not any(_is_below(url, base) for base in allowed):
        raise NotAllowed(
            f"Files of “{source_system}” are not fetched from this address: register the system"
            " with its server, or have it named in IMPORT_SOURCES.",
            action="sync",
        )


def _is_below(url: str, base: str) -> bool:
    try:
        asked, allowed = urlsplit(url), urlsplit(base)
        same = (asked.scheme, asked.hostname, asked.port) == (
            *(allowed.scheme, allowed.hostname, allowed.port),
        )
    except ValueError:
        return False
    folder = allowed.path if allowed.path.endswith("/") else f"{allowed.path}/"
    climbs = ".." in unquote(unquote(asked.path)).split("/")
    return same and "@" not in asked.netloc and not climbs and asked.path.startswith(folder)
