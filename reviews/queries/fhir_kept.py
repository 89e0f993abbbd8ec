"""What systems sent and no record is of, as one more table behind each type that they may send."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db.models import Exists, F, Func, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Concat
from django.db.models.lookups import Contains

from reviews.fhir.render.elements import Json
from reviews.fhir.render.paths import DATE, REFERENCE, STRING, Definition, key
from reviews.models import SentResource
from reviews.queries import fhir_finders as find
from reviews.queries.fhir_source import Key, Sort, Source, Viewer
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

    def finders(self) -> Mapping[str, find.Finder]:
        return {
            name: self._finder(name, definition) for name, definition in self.definitions.items()
        }

    def _finder(self, name: str, definition: Definition) -> find.Finder:
        if definition.kind == DATE:
            period = find.Period(find.Instant("from_at"), find.Instant("until_at"), "until_at")
            return find.time(period) if name == self.dated else lambda _: find.NOTHING

        if definition.targets == ("Patient",):
            return find.whoever("patient_id")

        if definition.kind == STRING:
            return lambda value: _begins(name, value)

        def found(value: Any) -> Q:
            return Q(keys__contains=[wanted(name, definition.kind, value)])

        return found

    def sorts(self) -> Mapping[str, Sort]:
        return {self.dated: Sort("from_at", datetime)} if self.dated else {}

    def read_key(self, logical_id: str) -> Key | None:
        return logical_id

    def number(self, row: SentResource) -> int:
        return row.version

    def resources(self, rows: Sequence[SentResource], viewer: Viewer) -> list[Json]:
        return [content_of(row) for row in rows]


def _begins(name: str, value: Text) -> Q:
    """By the beginning of a text: the keys of a row, one in a line, are looked through."""
    wanted_key = key(name, None, value.text.casefold())
    if value.exact:
        return Q(keys__contains=[wanted_key])
    text = TextField()
    lines = Func(F("keys"), Value("\n"), function="array_to_string", output_field=text)
    return Q(Contains(Concat(Value("\n"), lines, output_field=text), f"\n{wanted_key}"))


def content_of(row: SentResource) -> dict[str, Any]:
    """What was sent, with each member exactly as it was written."""
    return msgspec.json.decode(row.body, type=dict[str, msgspec.Raw])


def wanted(name: str, kind: str, value: Any) -> str:
    """The key by which a value of a parameter is found."""
    if kind == REFERENCE and isinstance(value, Reference):
        return key(name, value.type or None, value.id)
    if kind == STRING and isinstance(value, Text):
        return key(name, None, value.text.casefold())
    if isinstance(value, Token):
        return key(name, value.system, value.code)
    return key(name, None, str(value))
