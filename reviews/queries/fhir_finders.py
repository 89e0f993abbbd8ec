"""How a value of a search parameter finds rows: what each kind of column is compared with."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from reviews.fhir.render.elements import OURS
from reviews.identifiers import written
from reviews.models import Identifier
from reviews.queries.fhir_values import Reference, Span, Text, Token, midnight
from reviews.queries.identity import current_id, ids_of
from reviews.records import SYSTEMS

NOTHING = Q(pk__in=[])
EVERYTHING = ~NOTHING
Finder = Callable[[Any], Q]
"""From a value to the condition on rows."""
LARGEST = 2**63 - 1
MOST_PEOPLE = 200


# -- Tokens ------------------------------------------------------------------------------------


def codes(field: str, meant: Mapping[str, Iterable[object]], system: str = "") -> Finder:
    """A column that holds our own values: `meant` says which of them a code of FHIR stands for."""

    def find(token: Token) -> Q:
        if token.system not in (None, system):
            return NOTHING
        if not token.code:
            return EVERYTHING
        return Q(**{f"{field}__in": list(meant.get(token.code, ()))})

    return find


def column(field: str, system: str = "") -> Finder:
    """A column that holds the code itself."""

    def find(token: Token) -> Q:
        if token.system not in (None, system):
            return NOTHING
        return Q(**{field: token.code}) if token.code else EVERYTHING

    return find


def codings(field: str) -> Finder:
    """A column with a list of codings."""

    def find(token: Token) -> Q:
        wanted = {}
        if token.code:
            wanted["code"] = token.code
        if token.system:
            wanted["system"] = SYSTEMS.get(token.system, token.system)
        return NOTHING if token.system == "" else Q(**{f"{field}__contains": [wanted]})

    return find


def always(code: str, system: str = "") -> Finder:
    """What is the same of each row."""

    def find(token: Token) -> Q:
        fits = token.system in (None, system) and token.code in ("", code)
        return EVERYTHING if fits else NOTHING

    return find


def source(token: Token) -> Q:
    """The number that a record has in the system that it came from."""
    named = Q(source_id=token.code) if token.code else EVERYTHING
    if token.system is None:
        return named
    begins = f"{OURS}source:"
    if not token.system.startswith(begins):
        return NOTHING
    return named & Q(source_system=token.system.removeprefix(begins))


def numbered(token: Token) -> QuerySet[Identifier]:
    """The numbers of people that a token names, in the form in which they are kept."""
    system, value = token.system, token.code
    found = Identifier.objects.all()
    if system is not None:
        system, value = written(system, value)
        found = found.filter(system=system)
    return found.filter(value=value) if value else found


# -- References --------------------------------------------------------------------------------


def person(field: str) -> Finder:
    """The patient of a row: also by an id that they had before they were merged, or by a number."""

    def find(value: Reference | Token) -> Q:
        if isinstance(value, Token):
            return Q(**{f"{field}__in": numbered(value).values("patient_id")})
        pk = number_of(value, "Patient")
        return NOTHING if pk is None else Q(**{field: current_id(pk)})

    return find


def whoever(field: str) -> Finder:
    """As `person`, of a row that stays with the id that somebody had when it was written."""

    def find(value: Reference | Token) -> Q:
        if isinstance(value, Token):
            people = list(numbered(value).values_list("patient", flat=True)[:MOST_PEOPLE])
        else:
            pk = number_of(value, "Patient")
            people = [] if pk is None else [current_id(pk)]
        ids = [pk for one in people for pk in ids_of(one)]
        return Q(**{f"{field}__in": ids}) if ids else NOTHING

    return find


def row(field: str, type_name: str, prefix: str = "") -> Finder:
    """A reference to a row by its number."""

    def find(reference: Reference) -> Q:
        pk = number_of(reference, type_name, prefix)
        return NOTHING if pk is None else Q(**{field: pk})

    return find


def record(field: str, type_name: str) -> Finder:
    """A reference to a record by the id that its versions share."""

    def find(reference: Reference) -> Q:
        pk = uuid_of(reference.id)
        fits = pk is not None and reference.type in ("", type_name)
        return Q(**{field: pk}) if fits else NOTHING

    return find


def number_of(reference: Reference, type_name: str, prefix: str = "") -> int | None:
    """The number of the row that is meant; None where it cannot be one."""
    digits = reference.id.removeprefix(prefix)
    if reference.type not in ("", type_name) or not reference.id.startswith(prefix):
        return None
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= 19
    return int(digits) if is_number and int(digits) <= LARGEST else None


def uuid_of(text: str) -> UUID | None:
    """A UUID as it is written here: with hyphens and small letters."""
    try:
        made = UUID(text)
    except ValueError:
        return None
    return made if str(made) == text else None


# -- Texts -------------------------------------------------------------------------------------


def begins(*fields: str) -> Finder:
    """Texts that begin so, whatever the case; exactly so with `:exact`."""

    def find(value: Text) -> Q:
        found = NOTHING
        for field in fields:
            lookup = field if value.exact else f"{field}__istartswith"
            found |= Q(**{lookup: value.text})
        return found

    return find


# -- Times -------------------------------------------------------------------------------------


class Target(Protocol):
    """A time of a row, as an interval: whether it starts and ends before or after an instant."""

    def starts_from(self, at: datetime) -> Q: ...
    def starts_before(self, at: datetime) -> Q: ...
    def ends_after(self, at: datetime) -> Q: ...
    def ends_by(self, at: datetime) -> Q: ...


class Instant:
    """A column that holds an instant."""

    def __init__(self, field: str) -> None:
        self.field = field

    def starts_from(self, at: datetime) -> Q:
        return Q(**{f"{self.field}__gte": at})

    def starts_before(self, at: datetime) -> Q:
        return Q(**{f"{self.field}__lt": at})

    ends_after = starts_from
    ends_by = starts_before


class Day:
    """A column that holds a day, which lasts from one midnight to the next."""

    def __init__(self, field: str) -> None:
        self.field = field

    def starts_from(self, at: datetime) -> Q:
        return Q(**{f"{self.field}__gte": _next_midnight(at)})

    def starts_before(self, at: datetime) -> Q:
        return Q(**{f"{self.field}__lt": _next_midnight(at)})

    def ends_after(self, at: datetime) -> Q:
        return Q(**{f"{self.field}__gte": timezone.localtime(at).date()})

    def ends_by(self, at: datetime) -> Q:
        return Q(**{f"{self.field}__lt": timezone.localtime(at).date()})


class Period:
    """Two columns: an end that is not known is open. What has no start has no time."""

    def __init__(self, start: Target, end: Target, end_field: str) -> None:
        self.start, self.end, self.end_field = start, end, end_field

    def starts_from(self, at: datetime) -> Q:
        return self.start.starts_from(at)

    def starts_before(self, at: datetime) -> Q:
        return self.start.starts_before(at)

    def ends_after(self, at: datetime) -> Q:
        return self.end.ends_after(at) | Q(**{f"{self.end_field}__isnull": True})

    def ends_by(self, at: datetime) -> Q:
        return self.end.ends_by(at)


def time(target: Target) -> Finder:
    """FHIR's comparisons of intervals, which its prefixes name."""

    def find(span: Span) -> Q:
        match span.prefix:
            case "eq":
                return target.starts_from(span.start) & target.ends_by(span.end)
            case "ne":
                return target.starts_before(span.start) | target.ends_after(span.end)
            case "gt":
                return target.ends_after(span.end)
            case "lt":
                return target.starts_before(span.start)
            case "ge":
                within = target.starts_from(span.start) & target.ends_by(span.end)
                return target.ends_after(span.end) | within
            case "le":
                within = target.starts_from(span.start) & target.ends_by(span.end)
                return target.starts_before(span.start) | within
            case "sa":
                return target.starts_from(span.end)
            case _:
                return target.ends_by(span.start)

    return find


def at(field: str) -> Finder:
    return time(Instant(field))


def on(field: str) -> Finder:
    return time(Day(field))


def _next_midnight(at: datetime) -> Any:
    """The first day that begins at this instant or later."""
    day = timezone.localtime(at).date()
    return day if midnight(day) == at else day + timedelta(days=1)
