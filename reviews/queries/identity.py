"""Who is who: what waits for whom, who may be one person, and what was settled lately."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, TextField
from django.db.models.functions import Cast, Coalesce, Concat

from reviews import access, dossiers, likeness
from reviews.access import Action
from reviews.bulk import as_array
from reviews.models import (
    IdentityQuestion,
    KeptApart,
    Patient,
    PersonMerge,
    WaitingRecord,
    folded,
)
from reviews.rules.book import RuleBook
from reviews.rules.finding import Finding
from reviews.rules.screen import screen

LATELY = 10
SUSPECTED = 50


def current_id(patient_id: int) -> int:
    """The id of whoever answers for an id: into whom their record was merged, else themselves.

    An id of nobody is given back.
    """
    with connection.cursor() as cursor:
        cursor.execute(CURRENT, [patient_id])
        found = cursor.fetchone()
    return found[0] if found else patient_id


CURRENT = """
    WITH RECURSIVE chain AS (
        SELECT id, merged_into_id FROM reviews_patient WHERE id = %s
        UNION ALL
        SELECT p.id, p.merged_into_id FROM chain JOIN reviews_patient p
            ON p.id = chain.merged_into_id
    )
    SELECT id FROM chain WHERE merged_into_id IS NULL
"""


def current_ids(patient_ids: Iterable[int]) -> dict[int, int]:
    """As `current_id`, of many at once."""
    asked = list(patient_ids)
    with connection.cursor() as cursor:
        cursor.execute(ALL_CURRENT, [as_array(asked)])
        found = dict(cursor.fetchall())
    return {pk: found.get(pk, pk) for pk in asked}


ALL_CURRENT = """
    WITH RECURSIVE chain AS (
        SELECT id AS asked, id, merged_into_id FROM reviews_patient WHERE id = ANY(%s::bigint[])
        UNION ALL
        SELECT chain.asked, p.id, p.merged_into_id FROM chain JOIN reviews_patient p
            ON p.id = chain.merged_into_id
    )
    SELECT asked, id FROM chain WHERE merged_into_id IS NULL
"""


def all_ids(patient: Patient) -> list[int]:
    """The ids under which a person is or was known here: their own, and of what was merged in."""
    return ids_of(patient.pk)


def ids_of(patient_id: int) -> list[int]:
    """As `all_ids`, by the id of the person."""
    with connection.cursor() as cursor:
        cursor.execute(ALL, [patient_id])
        return [pk for (pk,) in cursor.fetchall()]


ALL = """
    WITH RECURSIVE chain AS (
        SELECT id FROM reviews_patient WHERE id = %s
        UNION ALL
        SELECT p.id FROM chain JOIN reviews_patient p ON p.merged_into_id = chain.id
    )
    SELECT id FROM chain
"""


def with_records_waiting(patients: QuerySet[Patient]) -> QuerySet[Patient]:
    """Add `records_waiting`: how many records wait that may be of each.

    A number of theirs is said in them, or their name and birth date under somebody else's number.
    """
    waits = WaitingRecord.objects.filter(
        ended_at__isnull=True, question__settled_at__isnull=True
    ).order_by()
    by_number = (
        waits.filter(question__patients=OuterRef("pk"))
        .values("question__patients")
        .annotate(number=Count("pk"))
        .values("number")
    )
    named = (
        IdentityQuestion.objects.open()
        .with_said()
        .filter(
            practice=OuterRef("practice"),
            said_birth_date=Cast(OuterRef("birth_date"), TextField()),
            said_name=folded(Concat(OuterRef("family_name"), OuterRef("given_name"))),
        )
        .exclude(patients=OuterRef("pk"))
        .order_by()
        .values("practice")
        .annotate(number=Count("records", filter=Q(records__ended_at__isnull=True)))
        .values("number")
    )
    return patients.annotate(
        records_waiting=Coalesce(Subquery(by_number), 0) + Coalesce(Subquery(named), 0)
    )


def questions(by: User) -> QuerySet[IdentityQuestion]:
    """The open questions at the practices where `by` may answer them, the oldest first."""
    rows = IdentityQuestion.objects.open().select_related("practice", "proposed_by")
    return access.scope(rows, by, Action.IDENTIFY).order_by("asked_at", "pk")


def of_hidden_records(questions: list[IdentityQuestion], by: User) -> set[int]:
    """Ids of those that may be about a marked record for which `by` has given no reason."""
    marked = access.with_marks(Patient.objects.filter(identity_questions__in=questions))
    hidden = marked.filter(is_marked=True).exclude(pk__in=list(access.opened_by(by)))
    return set(hidden.values_list("identity_questions", flat=True))


def medicines(question: IdentityQuestion) -> list[dict]:
    """What the prescriptions say that wait under a question; `start_on` is a date or None."""
    rows = question.records.filter(kind="prescriptions", ended_at__isnull=True).order_by("pk")
    return [row.content | {"start_on": _date(row.content.get("start_on"))} for row in rows]


def _date(said: str | None) -> date | None:
    return date.fromisoformat(said) if said else None


class Pair(NamedTuple):
    """Two records that may be of one person, of `records` with their name and birth date."""

    first: Patient
    second: Patient
    records: int


def suspected(by: User) -> list[Pair]:
    """For each name and birth date at a practice one pair that nobody has kept apart, at most 50.

    Where there are more than two records, the next pair follows when this one is settled.
    """
    with connection.cursor() as cursor:
        cursor.execute(ALIKE, [access.practice_ids(by, Action.IDENTIFY), SUSPECTED])
        pairs = cursor.fetchall()
    ids = {pk for first, second, _ in pairs for pk in (first, second)}
    people = (
        Patient.objects.select_related("practice")
        .prefetch_related("identifiers")
        .in_bulk(list(ids))
    )
    return [Pair(people[first], people[second], records) for first, second, records in pairs]


# One name and birth date, whatever the signs and spaces; groups first, so that nobody is compared
# with everybody.
ALIKE = """
    WITH alike AS (
        SELECT array_agg(id ORDER BY id) AS ids FROM reviews_patient
        WHERE practice_id = ANY(%s) AND merged_into_id IS NULL AND birth_date IS NOT NULL
        GROUP BY practice_id, birth_date, reviews_folded(family_name || given_name)
        HAVING count(*) > 1
    )
    SELECT DISTINCT ON (ids) one.id, other.id, cardinality(ids)
    FROM alike, unnest(ids) AS one (id), unnest(ids) AS other (id)
    WHERE one.id < other.id AND NOT EXISTS (
        SELECT FROM reviews_keptapart k
        WHERE k.first_id = one.id AND k.second_id = other.id AND k.ended_at IS NULL
    )
    ORDER BY ids, 1, 2 LIMIT %s
"""


def merged_lately(by: User) -> QuerySet[PersonMerge]:
    """The last merges that hold."""
    rows = PersonMerge.objects.filter(undone_at__isnull=True).select_related("kept", "gone", "by")
    return access.scope(rows, by, Action.IDENTIFY).order_by("-at", "-pk")[:LATELY]


def kept_apart_lately(by: User) -> QuerySet[KeptApart]:
    """The last pairs that were kept apart, and still are."""
    rows = KeptApart.objects.filter(ended_at__isnull=True).select_related("first", "second", "by")
    return access.scope(rows, by, Action.IDENTIFY).order_by("-at", "-pk")[:LATELY]


def settled_lately(by: User) -> QuerySet[IdentityQuestion]:
    """The last questions that somebody answered."""
    rows = IdentityQuestion.objects.filter(settled_by__isnull=False)
    rows = rows.select_related("settled_by", "patient")
    return access.scope(rows, by, Action.IDENTIFY).order_by("-settled_at", "-pk")[:LATELY]


def known_as(question: IdentityQuestion) -> QuerySet[Patient]:
    """Those at the practice of the name or birth date that is said, and those whom it may be."""
    said = question.said
    name = likeness.folded(said.get("family_name", "") + said.get("given_name", ""))
    alike = Q(name=name) if name else Q(pk__in=())
    if said.get("birth_date"):
        family = likeness.folded(said.get("family_name", ""))
        alike |= Q(birth_date=said["birth_date"], family=family)
    everybody = Patient.objects.annotate(
        name=folded(Concat("family_name", "given_name")), family=folded("family_name")
    )
    return everybody.filter(
        alike | Q(identity_questions=question),
        practice=question.practice_id,
        merged_into__isnull=True,
    ).distinct()


def said_to_be(question: IdentityQuestion) -> QuerySet[Patient]:
    """Those at the practice of the name and birth date said, who have none of the numbers."""
    said = question.said
    if not said.get("birth_date"):
        return Patient.objects.none()
    name = likeness.folded(said.get("family_name", "") + said.get("given_name", ""))
    return (
        Patient.objects.annotate(name=folded(Concat("family_name", "given_name")))
        .filter(
            practice=question.practice_id,
            birth_date=said["birth_date"],
            name=name,
            merged_into__isnull=True,
        )
        .exclude(identity_questions=question)
        .order_by("pk")
    )


def found_together(one: Patient, other: Patient, book: RuleBook, as_of: date) -> list[Finding]:
    """What is found of two records as those of one person, and of neither alone; notes aside."""
    first, second = (dossiers.one(patient, as_of=as_of) for patient in (one, other))
    alone = {
        (finding.rule_id, finding.severity)
        for dossier in (first, second)
        for finding in screen(dossier, book).findings
    }
    together = replace(
        first,
        birth_date=first.birth_date or second.birth_date,
        lines=first.lines + second.lines,
        conditions=first.conditions + second.conditions,
        readings=first.readings + second.readings,
        exemptions=first.exemptions + second.exemptions,
        tapers=first.tapers + second.tapers,
    )
    return [
        finding
        for finding in screen(together, book).findings
        if finding.severity < 4 and (finding.rule_id, finding.severity) not in alone
    ]
