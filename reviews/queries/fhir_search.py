"""Search, read and history of every type of resource, over the tables that stand behind it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from reviews import fhir_versions
from reviews.errors import BadRecord
from reviews.fhir.render.elements import UNDERSTOOD, Json
from reviews.fhir.render.paths import DATE, Definition, references
from reviews.models import SentResource
from reviews.queries import fhir_question
from reviews.queries.fhir_finders import NOTHING, Finder, Instant, time
from reviews.queries.fhir_kept import Kept, content_of, wanted
from reviews.queries.fhir_question import Condition, Cursor, Question
from reviews.queries.fhir_source import (
    UNKNOWN_AT,
    UNKNOWN_ON,
    Key,
    Kind,
    Shown,
    Sort,
    Source,
    Viewer,
)
from reviews.queries.fhir_values import Token, midnight

Bounds = tuple[tuple[tuple[str, str], ...], ...]
Reach = Callable[[str], Bounds | None]
"""For a type, the bounds within which the viewer may read it; None: not at all."""
MOST_INCLUDED = 1_000
MOST_LISTED = 1_000
"""If more bodies have an identifier, they are asked for within the search, not listed before."""
MOST_APART = 50
"""So many practices are asked one by one, where an index has an order for each of them alone."""
Place = tuple[datetime, int, int]
"""Where a page of a history ended: when, in which table, which row."""


class Gone(Exception):
    """The resource was deleted."""


@dataclass
class Found:
    """A page: what matched, what was included, the cursor of the next page, how many there are.

    `left_out`: more belongs to the page than is included.
    """

    matches: list[Shown] = field(default_factory=list)
    included: list[Shown] = field(default_factory=list)
    left_out: bool = False
    following: str | None = None
    total: int | None = None


class Search:
    """Searches for one viewer, who reaches the types that `reach` says.

    `kinds` is the table of types, `base` the address of this server.
    """

    def __init__(self, kinds: Mapping[str, Kind], viewer: Viewer, reach: Reach, base: str) -> None:
        self.kinds, self.viewer, self.reach, self.base = kinds, viewer, reach, base

    # -- Search --------------------------------------------------------------------------------

    def find(self, question: Question) -> Found:
        """One page of what a question asks for."""
        found = Found()
        tables = _tables(question.kind)
        filtered = [self._filtered(table, question.kind, question.conditions) for table in tables]
        if question.total == "accurate" or question.summary == "count" or not question.count:
            found.total = sum(rows.count() for rows in filtered)
        if question.summary == "count" or not question.count:
            return found
        placed = [
            each
            for rank, (table, rows) in enumerate(zip(tables, filtered, strict=True))
            for each in self._page(table, rank, rows, question)
        ]
        placed.sort(key=_Order(question.sorts))
        page, more = placed[: question.count], len(placed) > question.count
        if more:
            last = page[-1]
            found.following = fhir_question.write_cursor(
                Cursor(
                    question.kind.name,
                    fhir_question.sort_name(question),
                    [
                        value.isoformat() if isinstance(value, datetime) else value
                        for value in last.values
                    ],
                    last.rank,
                    str(last.tie),
                )
            )
        found.matches = self._show(question.kind, tables, page)
        self._follow(question, found)
        return found

    def matching(
        self, table: Source[Any], kind: Kind, conditions: Iterable[Condition]
    ) -> QuerySet[Any]:
        """The rows of a table that the viewer may see, and that meet conditions."""
        return self._filtered(table, kind, conditions)

    def _filtered(
        self, table: Source[Any], kind: Kind, conditions: Iterable[Condition]
    ) -> QuerySet[Any]:
        rows = self._visible(table, kind, table.rows())
        finders = _finders(table, kind)
        for condition in conditions:
            rows = rows.filter(_found_by(finders, condition))
        return rows

    def _visible(self, table: Source[Any], kind: Kind, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of a table that the viewer may see at all, and that were not deleted."""
        bounds = self.reach(kind.name)
        if bounds is None:
            return rows.none()
        rows = table.visible(rows, self.viewer, kind.practices(self.viewer))
        if bounds:
            rows = rows.filter(self._bound(table, kind, bounds))
        if kind.kept and not isinstance(table, Kept):
            rows = rows.exclude(
                Exists(
                    SentResource.objects.filter(
                        resource_type=kind.name, record=OuterRef("pk"), deleted=True
                    )
                )
            )
        return rows

    def _bound(self, table: Source[Any], kind: Kind, bounds: Bounds) -> Q:
        """The condition that one of the alternatives holds. What is not understood never does."""
        finders = _finders(table, kind)
        any_of = NOTHING
        for alternative in bounds:
            try:
                asked = fhir_question.read(
                    kind, alternative, kinds=self.kinds, base=self.base, strict=True
                )
            except BadRecord:
                continue
            if len(asked.conditions) < len(alternative):
                # It says something that is no condition, such as an order.
                continue
            all_of = ~NOTHING
            for condition in asked.conditions:
                all_of &= _found_by(finders, condition)
            any_of |= all_of
        return any_of

    def _page(
        self, table: Source[Any], rank: int, rows: QuerySet[Any], question: Question
    ) -> list["_Placed"]:
        order: list[str] = []
        for index, (name, down) in enumerate(question.sorts):
            if sort := _sort(table, name):
                rows = rows.annotate(**{f"sort_{index}": sort.expression})
                order.append(f"{'-' if down else ''}sort_{index}")
        if question.cursor:
            rows = rows.filter(_after(table, rank, question, question.cursor))
        tie = _tie(table, question.sorts)
        rows = rows.order_by(*order, f"{'-' if _downwards(question.sorts) else ''}{tie}")
        apart = [rows]
        practices = question.kind.practices(self.viewer)
        first = question.sorts[0][0] if question.sorts else ""
        if first in table.sorted_apart and 1 < len(practices) <= MOST_APART:
            apart = [rows.filter(practice_id=pk) for pk in practices]
        return [
            _Placed(
                tuple(
                    _canonical(getattr(row, f"sort_{index}"))
                    if _sort(table, name)
                    else _nothing_known(question.kind, name)
                    for index, (name, _) in enumerate(question.sorts)
                ),
                rank,
                getattr(row, tie),
                row,
            )
            for some in apart
            for row in some[: question.count + 1]
        ]

    # -- What goes with it ---------------------------------------------------------------------

    def _follow(self, question: Question, found: Found) -> None:
        """Include in a page what is to come with it."""
        matches = found.matches
        met = {(shown.type, shown.id) for shown in matches}
        included: list[Shown] = []
        wanted: dict[str, dict[str, None]] = {}
        for follow in question.includes:
            definition = question.kind.includes[follow.name]
            for shown in matches:
                for type_name, logical_id in sorted(
                    references(_read(shown.content), definition.path)
                ):
                    led = follow.target or type_name
                    if led == type_name and type_name in definition.targets:
                        wanted.setdefault(type_name, {})[logical_id] = None
        for type_name, ids in wanted.items():
            new = [one for one in ids if (type_name, one) not in met]
            room = MOST_INCLUDED - len(included)
            found.left_out |= len(new) > room
            included += self.read_many(self.kinds[type_name], new[:room])
        ids = [shown.id for shown in matches]
        for follow in question.revincludes if ids else ():
            kind, room = self.kinds[follow.source], MOST_INCLUDED - len(included)
            if not room:
                # Whether there are any is not looked up.
                found.left_out = True
                break
            asked = Question(
                kind,
                (
                    fhir_question.read(
                        kind,
                        [(follow.name, ",".join(f"{follow.target}/{one}" for one in ids))],
                        kinds=self.kinds,
                        base=self.base,
                    ).conditions[0],
                ),
                count=room,
            )
            page = self.find(asked)
            found.left_out |= page.following is not None
            included += [shown for shown in page.matches if (shown.type, shown.id) not in met]
        found.included = list({(shown.type, shown.id): shown for shown in included}.values())

    # -- Read ----------------------------------------------------------------------------------

    def read_many(
        self, kind: Kind, logical_ids: Sequence[str], *, whole: bool = True
    ) -> list[Shown]:
        """The resources of a type with these ids, as they stand now; none where there is none.

        Not `whole`: which versions they are and since when, and nothing of what they say.
        """
        tables, placed = _tables(kind), []
        for rank, table in enumerate(tables):
            wanted = [key for one in logical_ids if (key := table.read_key(one)) is not None]
            if wanted:
                rows = self._visible(table, kind, table.rows())
                found = rows.filter(**{f"{table.key}__in": wanted})
                placed += [_Placed((), rank, row.pk, row) for row in found]
        shown = {one.id: one for one in self._show(kind, tables, placed, whole=whole)}
        return [shown[one] for one in logical_ids if one in shown]

    def read(self, kind: Kind, logical_id: str) -> Shown | None:
        """A resource as it stands now. Raises `Gone` where it was deleted."""
        if found := self.read_many(kind, [logical_id]):
            return found[0]
        history = self.history_of(kind, logical_id)
        if history and history[0].content is None:
            raise Gone
        return None

    def version(self, kind: Kind, logical_id: str, version: int) -> Shown | None:
        """One version of a resource. Raises `Gone` for a version that is a deletion."""
        for shown in self.history_of(kind, logical_id):
            if shown.version == version:
                if shown.content is None:
                    raise Gone
                return shown
        return None

    # -- History -------------------------------------------------------------------------------

    def history_of(self, kind: Kind, logical_id: str) -> list[Shown]:
        """All versions of a resource, the newest first."""
        shown: list[Shown] = []
        everything = fhir_versions.sent(kind.name, [logical_id]).get(logical_id, [])
        for table in kind.sources:
            key = table.read_key(logical_id)
            if key is None:
                continue
            rows = self._bounded(table, kind, table.versions()).filter(**{table.key: key})
            versions = self._versions(kind, table, list(rows), {logical_id: everything})
            shown += [one for _, one in versions]
        if kind.kept:
            bodies = self._bodies(kind).filter(logical_id=logical_id).order_by("version")
            shown += self._sent(kind, list(bodies))
        shown.sort(key=lambda one: -one.version)
        return shown

    def history(
        self, kind: Kind, *, before: Place | None, since: datetime | None, most: int
    ) -> tuple[list[Shown], Place | None]:
        """Versions of all resources of a type, the newest first, and where the next page begins.

        `before` is where the last page ended. A page may be shorter than `most`.
        """
        changes: list[_Change] = []
        for rank, table in enumerate(kind.sources):
            rows = self._bounded(table, kind, table.versions())
            changes += _newest(rows, rank, table.changed, before=before, since=since, most=most)
        if kind.kept:
            rows = self._bodies(kind)
            changes += _newest(
                rows, len(kind.sources), "sent_at", before=before, since=since, most=most
            )
        changes.sort(key=lambda one: one[:3], reverse=True)
        page = changes[:most]
        shown: dict[tuple[int, int], Shown] = {}
        for rank, table in enumerate(kind.sources):
            rows = [one.row for one in page if one.rank == rank]
            ids = [table.logical_id(row) for row in rows]
            all_sent = fhir_versions.sent(kind.name, ids) if kind.kept else {}
            for row, one in self._versions(kind, table, rows, all_sent):
                shown[rank, row.pk] = one
        bodies = [one.row for one in page if one.rank == len(kind.sources)]
        for row, one in zip(bodies, self._sent(kind, bodies), strict=True):
            shown[len(kind.sources), row.pk] = one
        following = page[-1][:3] if len(changes) > most else None
        return [shown[each] for one in page if (each := one[1:3]) in shown], following

    def _bodies(self, kind: Kind) -> QuerySet[SentResource]:
        """What was sent of a type, as far as the viewer may see it."""
        table = Kept(kind.name, kind.definitions, kind.dated)
        bounds = self.reach(kind.name)
        if bounds is None:
            return table.versions().none()
        rows = table.visible(table.versions(), self.viewer, kind.practices(self.viewer))
        # A deletion has no keys of its own, and says nothing.
        return rows.filter(self._bound(table, kind, bounds) | Q(deleted=True)) if bounds else rows

    def _bounded(self, table: Source[Any], kind: Kind, rows: QuerySet[Any]) -> QuerySet[Any]:
        bounds = self.reach(kind.name)
        if bounds is None:
            return rows.none()
        rows = table.visible(rows, self.viewer, kind.practices(self.viewer))
        return rows.filter(self._bound(table, kind, bounds)) if bounds else rows

    def _versions(
        self,
        kind: Kind,
        table: Source[Any],
        rows: Sequence[Any],
        all_sent: Mapping[str, list[SentResource]],
    ) -> list[tuple[Any, Shown]]:
        """Rows of versions with their resources, but for those that a body says word for word."""
        kept: list[tuple[int, Any]] = []
        for row in rows:
            sent = all_sent.get(table.logical_id(row), [])
            own = table.number(row)
            number = fhir_versions.number(own, sent) if table.keeps_versions else own
            if not any(each.version == number for each in sent):
                kept.append((number, row))
        contents = table.resources([row for _, row in kept], self.viewer) if kept else []
        return [
            (
                row,
                Shown(
                    kind.name,
                    table.logical_id(row),
                    number,
                    table.at(row),
                    content,
                    table.patient_of(row),
                ),
            )
            for (number, row), content in zip(kept, contents, strict=True)
        ]

    def _sent(self, kind: Kind, sent: Sequence[SentResource]) -> list[Shown]:
        """Bodies as resources, each with our reading of it where there is one."""
        readings = self._readings(kind, sent)
        return [
            Shown(
                kind.name,
                row.logical_id,
                row.version,
                row.sent_at,
                None if row.deleted else _with_reading(content_of(row), readings.get(row.record)),
                row.patient_id,
            )
            for row in sent
        ]

    def _readings(self, kind: Kind, sent: Sequence[SentResource]) -> dict[int | None, Json]:
        """What the portal read out of bodies, by the row that each of them became."""
        records = {row.record for row in sent if row.record is not None and not row.deleted}
        found: dict[int | None, Json] = {}
        for table in kind.sources if records else ():
            rows = list(table.versions().filter(pk__in=records))
            for row, content in zip(rows, table.resources(rows, self.viewer), strict=True):
                found[row.pk] = content
        return found

    # -- Showing -------------------------------------------------------------------------------

    def tables(self, kind: Kind) -> list[Source[Any]]:
        """The tables behind a type, by their ranks."""
        return _tables(kind)

    def show_rows(self, kind: Kind, rank: int, rows: Sequence[Any]) -> list[Shown]:
        """Rows of one table as resources, in their order."""
        return self._shown(kind, _tables(kind)[rank], rows)

    def _show(
        self,
        kind: Kind,
        tables: Sequence[Source[Any]],
        placed: Sequence["_Placed"],
        *,
        whole: bool = True,
    ) -> list[Shown]:
        """Rows of several tables as resources, as `_shown` says."""
        shown: dict[tuple[int, int], Shown] = {}
        for rank, table in enumerate(tables):
            rows = [each.row for each in placed if each.rank == rank]
            if rows:
                for row, one in zip(rows, self._shown(kind, table, rows, whole=whole), strict=True):
                    shown[rank, row.pk] = one
        return [shown[each.rank, each.row.pk] for each in placed]

    def _shown(
        self, kind: Kind, table: Source[Any], rows: Sequence[Any], *, whole: bool = True
    ) -> list[Shown]:
        """Rows of a table as resources: as they were sent where that is still what stands.

        Not `whole`: as resources that say nothing.
        """
        contents = table.resources(rows, self.viewer) if whole else [Json() for _ in rows]
        ids = [table.logical_id(row) for row in rows]
        of_records = kind.kept and not isinstance(table, Kept)
        all_sent = fhir_versions.latest(kind.name, ids) if of_records else {}
        shown: list[Shown] = []
        for row, one, content in zip(rows, ids, contents, strict=True):
            number, at, given = table.number(row), table.at(row), content
            if sent := all_sent.get(one):
                number, body = fhir_versions.current(number, [sent])
                if body is not None:
                    at = body.sent_at
                    given = _with_reading(content_of(body), content) if whole else content
            shown.append(Shown(kind.name, one, number, at, given, table.patient_of(row)))
        return shown


def _tables(kind: Kind) -> list[Source[Any]]:
    kept = [Kept(kind.name, kind.definitions, kind.dated)] if kind.kept else []
    return [*kind.sources, *kept]


def _finders(table: Source[Any], kind: Kind) -> dict[str, Finder]:
    """The parameters of a table, and those that every one has.

    A record that a system sent is also found by what only the body says: its identifiers, and what
    no field of ours holds.
    """

    def by_id(token: Token) -> Q:
        key = table.read_key(token.code)
        return NOTHING if key is None or token.system else Q(**{table.key: key})

    found = {**table.finders(), "_id": by_id}
    if table.changed:
        found["_lastUpdated"] = time(Instant(table.changed))
    if kind.kept and not isinstance(table, Kept):
        for name, definition in kind.definitions.items():
            if definition.kind != DATE and name not in found:
                found[name] = _said_in_body(kind, name, definition)
        if "identifier" in kind.definitions:
            found["identifier"] = _or_in_body(kind, found["identifier"])
        if table.changed:
            found["_lastUpdated"] = _or_sent(kind, found["_lastUpdated"])
    return found


def _said_in_body(kind: Kind, name: str, definition: Definition) -> Finder:
    def find(value: Any) -> Q:
        return Q(pk__in=_bodies_with(kind, wanted(name, definition.kind, value)).values("record"))

    return find


def _or_in_body(kind: Kind, finder: Finder) -> Finder:
    """Few bodies have one identifier: they are looked up first, so that an index serves both."""
    of = kind.definitions["identifier"].kind

    def find(value: Any) -> Q:
        records = _bodies_with(kind, wanted("identifier", of, value)).values_list(
            "record", flat=True
        )
        few = list(records[: MOST_LISTED + 1])
        if len(few) > MOST_LISTED:
            # A whole system of identifiers, for instance.
            return finder(value) | Q(pk__in=records)
        return finder(value) | Q(pk__in=few) if few else finder(value)

    return find


def _or_sent(kind: Kind, finder: Finder) -> Finder:
    """What a body changed last was changed when that was sent."""
    at_sent = time(Instant("sent_at"))

    def find(value: Any) -> Q:
        bodies = _current_bodies(kind)
        return (finder(value) & ~Q(pk__in=bodies.values("record"))) | Q(
            pk__in=bodies.filter(at_sent(value)).values("record")
        )

    return find


def _bodies_with(kind: Kind, key: str) -> QuerySet[SentResource]:
    return _current_bodies(kind).filter(keys__contains=[key])


def _current_bodies(kind: Kind) -> QuerySet[SentResource]:
    """What was sent last of each record."""
    newer = SentResource.objects.filter(
        resource_type=OuterRef("resource_type"),
        logical_id=OuterRef("logical_id"),
        version__gt=OuterRef("version"),
    )
    bodies = SentResource.objects.filter(resource_type=kind.name, record__isnull=False)
    return bodies.filter(~Exists(newer))


def _found_by(finders: Mapping[str, Finder], condition: Condition) -> Q:
    finder = finders.get(condition.name)
    found = NOTHING
    for value in condition.values if finder else ():
        found |= finder(value)  # pyright: ignore[reportOptionalCall] - there is one
    return found


# -- Order -------------------------------------------------------------------------------------


class _Placed(NamedTuple):
    """A row, and where it stands in the order: what it is sorted by, its table, what is its own."""

    values: tuple[datetime | str, ...]
    rank: int
    tie: Key
    row: Any


class _Order:
    """The order of rows of several tables, as a key for sorting."""

    def __init__(self, sorts: Sequence[tuple[str, bool]]) -> None:
        self.sorts = sorts

    def __call__(self, placed: _Placed) -> tuple[Any, ...]:
        values = [
            _Reversed(value) if down else value
            for value, (_, down) in zip(placed.values, self.sorts, strict=True)
        ]
        last = (placed.rank, placed.tie)
        return (*values, *(_Reversed(each) if _downwards(self.sorts) else each for each in last))


class _Reversed:
    """A value that comes first where it is greater."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: "_Reversed") -> bool:
        return other.value < self.value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and self.value == other.value

    __hash__ = None  # pyright: ignore[reportAssignmentType] - it is only compared


def _downwards(sorts: Sequence[tuple[str, bool]]) -> bool:
    """Whether what is equal otherwise comes by falling keys: as an index can be read backwards."""
    return bool(sorts) and sorts[-1][1]


def _tie(table: Source[Any], sorts: Sequence[tuple[str, bool]]) -> str:
    """What orders rows that are equal otherwise.

    That is the id of the record, which stays. Among those that were changed at once, which may be a
    whole batch, it is the number of the version, as the index has it.
    """
    return "pk" if sorts and sorts[-1][0] == "_lastUpdated" else table.key


def _sort(table: Source[Any], name: str) -> Sort | None:
    """How rows of a table are ordered by a parameter; None: all of them are equal in that."""
    if name == "_lastUpdated":
        return Sort(table.changed, datetime, nullable=False)
    return table.sorts().get(name)


def _nothing_known(kind: Kind, name: str) -> datetime | str:
    """What stands for rows of a table that cannot be ordered by a parameter."""
    if name == "_id":
        return ""
    known = next((one.sorts()[name] for one in kind.sources if name in one.sorts()), None)
    return "" if known and known.kind is str else UNKNOWN_AT


def _canonical(value: Any) -> datetime | str:
    """A value as rows of all tables have it: a day is its midnight."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, date):
        return UNKNOWN_AT if value == UNKNOWN_ON else midnight(value).astimezone(UTC)
    return str(value)


class _Beyond(NamedTuple):
    """Conditions on a column: past a value, equal to it, and either: where an index begins."""

    past: Q
    same: Q
    either: Q


def _after(table: Source[Any], rank: int, question: Question, cursor: Cursor) -> Q:
    """The condition that a row comes after where a page ended. Raises `BadRecord`."""
    after = _after_key(table, rank, cursor, question)
    try:
        beyond = [
            _beyond(table, question.kind, name, f"sort_{index}", value, down=down)
            for index, ((name, down), value) in enumerate(
                zip(question.sorts, cursor.values, strict=True)
            )
        ]
    except (ValueError, OverflowError) as error:
        raise BadRecord("_cursor", "is not a cursor of this search") from error
    for each in reversed(beyond):
        after = each.past | (each.same & after)
    return beyond[0].either & after if beyond else after


def _beyond(
    table: Source[Any], kind: Kind, name: str, alias: str, value: str, *, down: bool
) -> _Beyond:
    least = _nothing_known(kind, name)
    wanted: Any = datetime.fromisoformat(value).astimezone(UTC) if least else value
    sort = _sort(table, name)
    if sort is None:
        # All rows of this table stand where nothing is known.
        same = ~NOTHING if wanted == least else NOTHING
        past = ~NOTHING if down and wanted != least else NOTHING
        return _Beyond(past, same, same | past)
    strictly, loosely = ("lt", "lte") if down else ("gt", "gte")
    if sort.kind is date:
        day = UNKNOWN_ON if wanted == UNKNOWN_AT else timezone.localtime(wanted).date()
        if wanted != UNKNOWN_AT and midnight(day) != wanted:
            # Between two midnights there is no day that is equal.
            past = Q(**{f"{alias}__{loosely if down else strictly}": day})
            return _Beyond(past, NOTHING, past)
        wanted = day
    return _Beyond(
        Q(**{f"{alias}__{strictly}": wanted}),
        Q(**{alias: wanted}),
        Q(**{f"{alias}__{loosely}": wanted}),
    )


def _after_key(table: Source[Any], rank: int, cursor: Cursor, question: Question) -> Q:
    down, tie = _downwards(question.sorts), _tie(table, question.sorts)
    if rank != cursor.rank:
        return ~NOTHING if (rank < cursor.rank) == down else NOTHING
    key: Any = cursor.key
    if tie != "logical_id":
        try:
            key = UUID(key) if "-" in key else int(key)
        except ValueError as error:
            raise BadRecord("_cursor", "is not a cursor of this search") from error
        if isinstance(key, int) and not 0 <= key < 2**63:
            raise BadRecord("_cursor", "is not a cursor of this search")
    return Q(**{f"{tie}__{'lt' if down else 'gt'}": key})


# -- Small parts -------------------------------------------------------------------------------


class _Change(NamedTuple):
    """A version among those of all resources of a type: when, in which table, which row."""

    at: datetime
    rank: int
    pk: int
    row: Any


def _newest(
    rows: QuerySet[Any],
    rank: int,
    changed: str,
    *,
    before: Place | None,
    since: datetime | None,
    most: int,
) -> list[_Change]:
    """The newest versions of one table that come after `before`."""
    if since:
        rows = rows.filter(**{f"{changed}__gte": since})
    if before:
        at, last_rank, pk = before
        at_once = Q(**{changed: at})
        tied = at_once if rank < last_rank else at_once & Q(pk__lt=pk)
        earlier = Q(**{f"{changed}__lt": at})
        rows = rows.filter(
            Q(**{f"{changed}__lte": at}), earlier if rank > last_rank else earlier | tied
        )
    rows = rows.order_by(f"-{changed}", "-pk")
    return [_Change(getattr(row, changed), rank, row.pk, row) for row in rows[: most + 1]]


def _with_reading(content: dict[str, Any], reading: Json | None) -> dict[str, Any]:
    """What was sent, and beside it what the portal read out of it."""
    ours = [one for one in (reading or {}).get("extension", ()) if one["url"] == UNDERSTOOD]
    if ours:
        theirs = msgspec.json.decode(content.get("extension", b"[]"), type=list[msgspec.Raw])
        content = {**content, "extension": [*theirs, *ours]}
    return content


def _read(content: Mapping[str, Any] | None) -> Json:
    return {
        name: msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value
        for name, value in (content or {}).items()
    }
