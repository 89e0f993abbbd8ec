"""Where resources of a type come from: rows of a table, and what systems sent that is only kept.

A `Kind` is one type of resource with its search parameters; a `Source` is one table behind it.
Routing, searching, history and the CapabilityStatement all follow the kinds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar, cast
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import F, Model, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from reviews import access
from reviews.fhir.render.elements import Json
from reviews.fhir.render.paths import Definition
from reviews.queries.fhir_finders import Finder

Row = TypeVar("Row", bound=Model)
Key = int | UUID | str

UNKNOWN_AT = datetime(1, 1, 1, tzinfo=UTC)
UNKNOWN_ON = date(1, 1, 1)


class Viewer(NamedTuple):
    """Who asks, and whether it is a system: a person is shown no marked record."""

    user: User
    is_system: bool


class Shown(NamedTuple):
    """One version of a resource as it is given out; `content` None: it was deleted."""

    type: str
    id: str
    version: int
    at: datetime
    content: Mapping[str, Any] | None
    patient_id: int | None


class Sort:
    """Something to order by: a time, a day or a text. What is not known comes first."""

    def __init__(self, name: str, kind: type, *, nullable: bool = True) -> None:
        self.name, self.kind, self.nullable = name, kind, nullable

    @property
    def expression(self) -> Combinable:
        if self.nullable and self.kind is datetime:
            return Coalesce(F(self.name), Value(UNKNOWN_AT))
        if self.nullable and self.kind is date:
            return Coalesce(F(self.name), Value(UNKNOWN_ON))
        return F(self.name)


class Source(Generic[Row]):
    """One table behind a type.

    `key` is the column that names a record whatever its version; `changed` when it last changed,
    and empty where nobody keeps that.
    """

    prefix = ""
    key = "pk"
    changed = "recorded_at"
    patient = "patient_id"
    """The path to the patient's id, for marked records; empty where rows are of no patient."""
    keeps_versions = False
    read_as_values = False
    """Whether `resources` asks rows for columns and what they refer to only, and for no method."""
    sorted_apart: tuple[str, ...] = ()
    """The orders that an index has for each practice alone, so that each is asked by itself."""

    def rows(self) -> QuerySet[Row]:
        """The rows that stand now, each with all that its resource needs."""
        raise NotImplementedError

    def versions(self) -> QuerySet[Row]:
        """Every version there is; where versions are not kept, what stands now."""
        return self.rows()

    def finders(self) -> Mapping[str, Finder]:
        """How the parameters of the type find rows. One that is not named finds none."""
        raise NotImplementedError

    def sorts(self) -> Mapping[str, Sort]:
        return {}

    def visible(self, rows: QuerySet[Row], viewer: Viewer, practices: list[int]) -> QuerySet[Row]:
        """The rows of these practices, and for a person none of a marked record."""
        rows = rows.filter(practice_id__in=practices)
        if viewer.is_system or not self.patient:
            return rows
        return access.unhidden(rows, viewer.user, patient=self.patient)

    def resources(self, rows: Sequence[Row], viewer: Viewer) -> list[Json]:
        """The resources of rows, without id and meta, in their order."""
        raise NotImplementedError

    def key_of(self, row: Row) -> Key:
        return cast(Key, getattr(row, self.key))

    def number(self, row: Row) -> int:
        """The number of this version of the row."""
        changed = self.at(row)
        return int(changed.timestamp() * 1_000_000)

    def at(self, row: Row) -> datetime:
        """When this version came to be; `UNKNOWN_AT` where nobody keeps that."""
        return cast(datetime, getattr(row, self.changed)) if self.changed else UNKNOWN_AT

    def patient_of(self, row: Row) -> int | None:
        return cast(int | None, getattr(row, "patient_id", None))

    def logical_id(self, row: Row) -> str:
        return f"{self.prefix}{self.key_of(row)}"

    def read_key(self, logical_id: str) -> Key | None:
        """The key that an id names; None where it can be none of this source."""
        digits = logical_id.removeprefix(self.prefix)
        if not logical_id.startswith(self.prefix) or not digits.isascii() or not digits.isdigit():
            return None
        return int(digits) if str(int(digits)) == digits and int(digits) < 2**63 else None


@dataclass(frozen=True)
class Kind:
    """A type of resource: its parameters and the tables behind it.

    `kept`: systems may send resources of it, so that what they sent belongs to it. `dated` is the
    parameter whose times are kept of those that no record is of. `required`, `modifiers` and
    `summary` are elements by their names, without the type of a choice: the first two are in every
    answer, the third in a summary.
    `includes` are the parameters that lead to other resources.
    """

    name: str
    definitions: Mapping[str, Definition]
    sources: tuple[Source[Any], ...]
    kept: bool = False
    dated: str = ""
    required: tuple[str, ...] = ()
    summary: tuple[str, ...] = ()
    modifiers: tuple[str, ...] = ()
    includes: Mapping[str, Definition] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(
            self,
            "includes",
            {
                name: definition
                for name, definition in self.definitions.items()
                if definition.targets
            },
        )

    @property
    def actions(self) -> tuple[access.Action, ...]:
        """Any one of these lets somebody see resources of it."""
        return access.FHIR[self.name]

    @cached_property
    def keeps_versions(self) -> bool:
        return any(source.keeps_versions for source in self.sources)

    @cached_property
    def timed(self) -> bool:
        """Whether it is known of each when it changed last."""
        return all(source.changed for source in self.sources)

    def practices(self, viewer: Viewer) -> list[int]:
        """The practices whose resources of this type somebody sees."""
        return sorted(
            {pk for action in self.actions for pk in access.practice_ids(viewer.user, action)}
        )
