"""What systems sent and no record is of, as one more table behind each type that they may send."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db.models import BigIntegerField, Exists, OuterRef, Q, QuerySet, UUIDField
from django.db.models.functions import Cast

from reviews.fhir.render.elements import Json
from reviews.fhir.render.paths import DATE, REFERENCE, STRING, Definition, key
from reviews.models import SentResource
from reviews.queries.fhir_finders import NOTHING, Finder, Instant, Period, time
from reviews.queries.fhir_source import Key, Kind, Sort, Source, Viewer
from reviews.queries.fhir_values import Reference, Text, Token


class Kept(Source[SentResource]):
    """The newest version of each resource of a type that is kept word for word, and not judged."""

    key = "logical_id"
    changed = "sent_at"
    keeps_versions = True

    def __init__(self, type_name: str, definitions: Mapping[str, Definition], dated: str) -> None:
        self.type_name, self.definitions, self.dated = type_name, definitions, dated

    def rows(self) -> QuerySet[SentResource]:
        newer = SentResource.objects.filter(
            resource_type=OuterRef("resource_type"),
            logical_id=OuterRef("logical_id"),
            version__gt=OuterRef("version"),
        )
        return self.versions().filter(~Exists(newer), record__isnull=True, deleted=False)

    def versions(self) -> QuerySet[SentResource]:
        return SentResource.objects.filter(resource_type=self.type_name)

    def finders(self) -> Mapping[str, Finder]:
        return {
            name: self._finder(name, definition) for name, definition in self.definitions.items()
        }

    def _finder(self, name: str, definition: Definition) -> Finder:
        if definition.kind == DATE:
            period = Period(Instant("from_at"), Instant("until_at"), "until_at")
            return time(period) if name == self.dated else lambda _: NOTHING

        def find(value: Any) -> Q:
            return Q(keys__contains=[_wanted(name, definition.kind, value)])

        return find

    def sorts(self) -> Mapping[str, Sort]:
        return {self.dated: Sort("from_at", datetime)} if self.dated else {}

    def read_key(self, logical_id: str) -> Key | None:
        return logical_id

    def number(self, row: SentResource) -> int:
        return row.version

    def resources(self, rows: Sequence[SentResource], viewer: Viewer) -> list[Json]:
        return [content_of(row) for row in rows]


def in_words(table: Source[Any], kind: Kind) -> dict[str, Finder]:
    """How records are found by what was sent of them, where a record itself does not hold it.

    Their numbers in other systems, and whatever the record has no column for.
    """
    known = table.finders()
    return {
        name: _sent_with(table, kind, name, definition)
        for name, definition in kind.definitions.items()
        if definition.kind != DATE and (name == "identifier" or name not in known)
    }


def _sent_with(table: Source[Any], kind: Kind, name: str, definition: Definition) -> Finder:
    as_key = BigIntegerField() if table.key == "patient_id" else UUIDField()
    newer = SentResource.objects.filter(
        resource_type=OuterRef("resource_type"),
        logical_id=OuterRef("logical_id"),
        version__gt=OuterRef("version"),
    )

    def find(value: Any) -> Q:
        rows = SentResource.objects.filter(
            ~Exists(newer),
            resource_type=kind.name,
            record__isnull=False,
            keys__contains=[_wanted(name, definition.kind, value)],
        )
        ids = rows.annotate(key=Cast("logical_id", as_key)).values("key")
        return Q(**{f"{table.key}__in": ids})

    return find


def content_of(row: SentResource) -> dict[str, Any]:
    """What was sent, with each member exactly as it was written."""
    return msgspec.json.decode(row.body, type=dict[str, msgspec.Raw])


def _wanted(name: str, kind: str, value: Any) -> str:
    if kind == REFERENCE and isinstance(value, Reference):
        return key(name, value.type or None, value.id)
    if kind == STRING and isinstance(value, Text):
        return key(name, None, value.text.casefold())
    if isinstance(value, Token):
        return key(name, value.system, value.code)
    return key(name, None, str(value))
