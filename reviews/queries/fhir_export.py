"""What a bulk export gives out: all resources of some types, in pages that a slice can go on from.

A page is as many rows of one table behind the key where the last page ended, so that nothing is
held but one page, and an export that was cut off goes on where the last committed slice ended.
"""

from collections import namedtuple
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from reviews.bulk import uncollected
from reviews.models import SentResource
from reviews.queries import fhir_question, fhir_shaping
from reviews.queries.fhir_finders import NOTHING
from reviews.queries.fhir_kept import Kept
from reviews.queries.fhir_search import Bounds, Search
from reviews.queries.fhir_source import Kind, Shown, Source, Viewer

MOST_IN_A_BUNDLE = 100
"""Deletions in one line."""
After = int | str | None
"""The key where a page ended; None before the first one."""


class Asked(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What an export is asked for.

    `types` has the types with the bounds of the caller's scopes in each. `filters` are the
    alternatives of `_typeFilter` by type, each of (parameter, value) pairs, and `elements` those of
    `_elements`, for all types under "". `patients` limits it to these people, `practices` to these
    practices, and `only_people` to what is of some person. `ignored` is what could not be done and
    was to be passed over.
    """

    types: dict[str, Bounds]
    base: str
    since: datetime | None = None
    until: datetime | None = None
    filters: dict[str, list[list[tuple[str, str]]]] = {}
    elements: dict[str, list[str]] = {}
    patients: list[int] | None = None
    practices: list[int] = []
    only_people: bool = False
    ignored: list[str] = []


class Page(NamedTuple):
    """Resources as lines of JSON, of which people they are, and where the next page begins.

    `after` None: this was the last page of its table.
    """

    lines: list[bytes]
    patient_ids: set[int]
    after: After


class Export(Search):
    """Goes through everything that an export is asked for, as its viewer sees it."""

    def __init__(self, kinds: Mapping[str, Kind], viewer: Viewer, asked: Asked) -> None:
        super().__init__(kinds, viewer, asked.types.get, asked.base)
        self.asked = asked
        self.encoder = msgspec.json.Encoder()

    @uncollected()
    def page(self, kind: Kind, rank: int, after: After, most: int) -> Page:
        """At most `most` rows of one table of a type, in the order of their keys."""
        table = self.tables(kind)[rank]
        rows = self._wanted(table, kind)
        if after is not None:
            rows = rows.filter(**{f"{table.key}__gt": after})
        found = _read(table, rows.order_by(table.key)[:most])
        lines: list[bytes] = []
        patient_ids: set[int] = set()
        elements = self._elements(kind)
        for shown in self.show_rows(kind, rank, found):
            if table.changed and not self._is_in_time(shown):
                continue
            content = fhir_shaping.whole(shown)
            if elements:
                content = fhir_shaping.part(content, kind, elements=elements)
            lines.append(self._line(content))
            if shown.patient_id is not None:
                patient_ids.add(shown.patient_id)
        last = table.key_of(found[-1]) if len(found) == most else None
        return Page(lines, patient_ids, str(last) if isinstance(last, UUID) else last)

    def deletions(self, kind: Kind, after: After, most: int, until: datetime) -> Page:
        """Bundles that say which resources of a type were deleted since, at the latest `until`."""
        newer = SentResource.objects.filter(
            resource_type=OuterRef("resource_type"),
            logical_id=OuterRef("logical_id"),
            version__gt=OuterRef("version"),
        )
        table = Kept(kind.name, kind.definitions, kind.dated)
        rows = self._of_whom(
            table, kind, table.visible(table.versions(), self.viewer, kind.practices(self.viewer))
        ).filter(~Exists(newer), deleted=True, sent_at__gte=self.asked.since, sent_at__lte=until)
        if after is not None:
            rows = rows.filter(pk__gt=after)
        found = list(
            rows.order_by("pk").values_list("pk", "logical_id", "patient_id")[
                : most * MOST_IN_A_BUNDLE
            ]
        )
        lines = [
            self._line(_deletions(kind.name, [one for _, one, _ in found[at : at + 100]]))
            for at in range(0, len(found), MOST_IN_A_BUNDLE)
        ]
        patient_ids = {pk for *_, pk in found if pk is not None}
        last = found[-1][0] if len(found) == most * MOST_IN_A_BUNDLE else None
        return Page(lines, patient_ids, last)

    # -- Which rows ----------------------------------------------------------------------------

    def _wanted(self, table: Source[Any], kind: Kind) -> QuerySet[Any]:
        rows = self._of_whom(table, kind, self._visible(table, kind, table.rows()))
        if alternatives := self.asked.filters.get(kind.name):
            rows = rows.filter(self._filter(table, kind, alternatives))
        # Of some nobody keeps when they changed: they come each time.
        if table.changed and (since := self.asked.since):
            rows = rows.filter(self._since(table, kind, since))
        if table.changed and (until := self.asked.until):
            rows = rows.filter(**{f"{table.changed}__lte": until})
        return rows

    def _of_whom(self, table: Source[Any], kind: Kind, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the people and practices that the export is limited to."""
        if self.asked.practices:
            rows = table.visible(rows, self.viewer, self.asked.practices)
        if self.asked.patients is not None:
            if not table.patient:
                return rows.none()
            return rows.filter(**{f"{table.patient}__in": self.asked.patients})
        if self.asked.only_people and is_of_people(kind) and table.patient:
            rows = rows.filter(**{f"{table.patient}__isnull": False})
        return rows

    def _filter(
        self, table: Source[Any], kind: Kind, alternatives: Sequence[Sequence[tuple[str, str]]]
    ) -> Q:
        """The condition that one of the alternatives of `_typeFilter` holds."""
        any_of = NOTHING
        for alternative in alternatives:
            question = fhir_question.read(kind, alternative, kinds=self.kinds, base=self.base)
            # A condition on numbers joins: of two joined rows the resource would come twice.
            found = self._filtered(table, kind, question.conditions)
            any_of |= Q(pk__in=found.order_by().values("pk"))
        return any_of

    @staticmethod
    def _since(table: Source[Any], kind: Kind, since: datetime) -> Q:
        """Rows that may have changed since: themselves, or only what was sent of them."""
        changed = Q(**{f"{table.changed}__gte": since})
        if not kind.kept or isinstance(table, Kept):
            return changed
        sent = SentResource.objects.filter(
            resource_type=kind.name, sent_at__gte=since, record__isnull=False
        )
        return changed | Q(pk__in=sent.values("record"))

    def _is_in_time(self, shown: Shown) -> bool:
        since, until = self.asked.since, self.asked.until
        return (since is None or shown.at >= since) and (until is None or shown.at <= until)

    # -- How they are written ------------------------------------------------------------------

    def _elements(self, kind: Kind) -> list[str]:
        elements = self.asked.elements
        return [*elements.get("", ()), *elements.get(kind.name, ())]

    def _line(self, content: Mapping[str, Any]) -> bytes:
        line = self.encoder.encode(content)
        if b"\n" in line or b"\r" in line:
            # What a system sent is kept with its spaces and ends of lines.
            line = msgspec.json.format(line, indent=-1)
        return line


def _read(table: Source[Any], rows: QuerySet[Any]) -> list[Any]:
    """Rows with what they refer to read once for a page: a thousand orders have few prescribers.

    As values where that will do: Django takes five times as long to make instances of models.
    """
    related = rows.query.select_related
    if not isinstance(related, dict) or any(related.values()):
        return list(rows)
    if not table.read_as_values:
        return list(rows.select_related(None).prefetch_related(*related))
    fields = rows.model._meta.concrete_fields
    foreign = [field for field in fields if field.name in related]
    values = list(rows.select_related(None).values_list(*(field.attname for field in fields)))
    places = {field: fields.index(field) for field in foreign}
    referred = []
    for field, at in places.items():
        found = field.related_model._base_manager.in_bulk({row[at] for row in values} - {None})
        referred.append([found.get(row[at]) for row in values])
    make = _row_of(rows.model, tuple(field.name for field in foreign))._make
    return [make((*row, *others)) for row, *others in zip(values, *referred, strict=True)]


@lru_cache(maxsize=100)
def _row_of(model: type[Model], related: tuple[str, ...]) -> Any:
    """A row of a table as values: its columns, its `pk` and what it refers to have their names."""
    names = [field.attname for field in model._meta.concrete_fields]
    row = namedtuple(model.__name__, [*names, *related])
    return type(row.__name__, (row,), {"__slots__": (), "pk": row.id})


def is_of_people(kind: Kind) -> bool:
    """Whether resources of a type are of patients: it is in the compartment of Patient."""
    return any(source.patient for source in kind.sources)


def _deletions(type_name: str, ids: Sequence[str]) -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"request": {"method": "DELETE", "url": f"{type_name}/{one}"}} for one in ids],
    }
