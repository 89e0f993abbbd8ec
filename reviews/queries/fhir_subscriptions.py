"""What a Subscription of FHIR is told of: which resources changed and meet its criteria."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from django.contrib.auth.models import User
from django.db.models import Model

from reviews import access, scopes
from reviews.errors import BadRecord
from reviews.models import (
    Case,
    Change,
    Client,
    Condition,
    Flag,
    Letter,
    Message,
    PatientVersion,
    Prescription,
    Reading,
    TaperVersion,
    Webhook,
)
from reviews.queries import fhir_question
from reviews.queries.fhir import KINDS
from reviews.queries.fhir_question import Question
from reviews.queries.fhir_search import Bounds, Search
from reviews.queries.fhir_source import Kind, Shown, Source, Viewer

TOLD: Mapping[type[Model], tuple[str, str]] = {
    PatientVersion: ("patients", "patient_id"),
    Prescription: ("prescriptions", "pk"),
    Condition: ("conditions", "pk"),
    Reading: ("readings", "pk"),
    Flag: ("flags", "pk"),
    Case: ("cases", "pk"),
    Message: ("messages", "pk"),
    Letter: ("letters", "pk"),
    TaperVersion: ("tapers", "pk"),
}
"""`{table behind a type: its name in the feed of changes, and which column the feed names}`."""


class Match(NamedTuple):
    """A change of the feed that a Subscription is told of: where, of which resource, of whom."""

    seq: int
    logical_id: str
    patient_id: int | None


def _tables(kind: Kind) -> list[tuple[Source[Any], str, str]]:
    """The tables behind a type that the feed tells of."""
    found = ((table, TOLD.get(table.rows().model)) for table in kind.sources)
    return [(table, *told) for table, told in found if told is not None]


TYPES = tuple(sorted(name for name, kind in KINDS.items() if _tables(kind)))
"""The types of resources that a Subscription can be about."""


def read(criteria: str, base: str) -> Question:
    """What criteria ask for: a type and conditions. Raises `BadRecord`."""
    where = "Subscription.criteria"
    name, _, asked = criteria.removeprefix("/").partition("?")
    if name not in TYPES:
        raise BadRecord(where, f"begins with none of {', '.join(TYPES)}")
    try:
        pairs = parse_qsl(asked, keep_blank_values=True, strict_parsing=bool(asked))
        # The specification's own example says it; which form goes out is said by the payload.
        pairs = [(name, value) for name, value in pairs if name != "_format"]
        question = fhir_question.read(KINDS[name], pairs, kinds=KINDS, base=base, strict=True)
    except BadRecord as error:
        raise BadRecord(where, f"{error.field}: {error.reason}") from error
    except ValueError as error:
        raise BadRecord(where, "is no type with a search behind a question mark") from error
    if len(question.conditions) != len(pairs):
        raise BadRecord(
            where, "may hold conditions alone: no order, no count, nothing that is added"
        )
    return question


def changes_of(question: Question, practice_id: int) -> Any:
    """What the feed tells of the tables behind a type, at one practice."""
    names = [name for _, name, _ in _tables(question.kind)]
    return Change.objects.filter(practice_id=practice_id, kind__in=names).exclude(op="deleted")


def matches(webhook: Webhook, question: Question, changed: Iterable[Change]) -> list[Match]:
    """Those of some changes that the Subscription may be told of, the last one of each resource.

    A version that was followed by another one is none that stands, and is not told of.
    """
    last: dict[tuple[str, int], int] = {}
    for change in changed:
        last[change.kind, change.row] = max(change.seq, last.get((change.kind, change.row), 0))
    search = _search(webhook)
    found: dict[str, Match] = {}
    for table, name, column in _tables(question.kind):
        wanted = [row for kind, row in last if kind == name]
        if not wanted:
            continue
        rows = search.matching(table, question.kind, question.conditions)
        rows = rows.filter(practice_id=webhook.practice_id, **{f"{column}__in": wanted})
        for row in rows:
            seq = last[name, row.patient_id if column == "patient_id" else row.pk]
            logical_id = table.logical_id(row)
            found[logical_id] = Match(seq, logical_id, table.patient_of(row))
    return sorted(found.values())


def shown(webhook: Webhook, subject: str) -> Shown | None:
    """The resource of a message as it stands now, if whoever subscribed may read it still."""
    name, _, logical_id = subject.partition("/")
    found = _search(webhook).read_many(KINDS[name], [logical_id])
    return found[0] if found else None


def _search(webhook: Webhook) -> Search:
    reach = _Reach(webhook.made_by, webhook.scopes)
    return Search(KINDS, Viewer(webhook.made_by, is_system=True), reach, webhook.base)


class _Reach:
    """How far a system reads now: as its role, the token that asked, and its registration say."""

    def __init__(self, user: User, asked: str | None) -> None:
        self.user, self.granted = user, None
        if asked is not None:
            rows = Client.objects.filter(user=user, withdrawn_at=None).exclude(scopes="")
            held = rows.values_list("scopes", flat=True).first()
            self.granted = (
                scopes.parse(asked).within(scopes.parse(held)) if held else scopes.Scopes()
            )

    def __call__(self, type_name: str) -> Bounds | None:
        if not any(access.practice_ids(self.user, each) for each in access.FHIR[type_name]):
            return None
        return () if self.granted is None else self.granted.bounds(type_name, "r")
