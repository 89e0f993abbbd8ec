"""Who is who: what waits for whom, who is suspected to be one person, and what was settled lately."""

from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from reviews import access
from reviews.access import Action
from reviews.models import IdentityQuestion, Patient, PersonMerge, WaitingRecord

LATELY = 10
SUSPECTED = 50


def current_id(patient_id: int | None) -> int | None:
    """The id of whoever answers for an id: into whom their record was merged, else themselves.

    Anything that is no id is given back.
    """
    if not patient_id or not isinstance(patient_id, int):
        return patient_id
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


def with_records_waiting(patients: QuerySet[Patient]) -> QuerySet[Patient]:
    """Add `records_waiting`: how many records wait that may be of each."""
    waits = (
        WaitingRecord.objects.filter(
            ended_at__isnull=True,
            question__settled_at__isnull=True,
            question__patients=OuterRef("pk"),
        )
        .order_by()
        .values("question__patients")
        .annotate(number=Count("pk"))
        .values("number")
    )
    return patients.annotate(records_waiting=Coalesce(Subquery(waits), 0))


def questions(by: User) -> QuerySet[IdentityQuestion]:
    """The open questions at the practices where `by` may answer them, the oldest first."""
    rows = IdentityQuestion.objects.open().select_related("practice", "proposed_by")
    return access.scope(rows, by, Action.IDENTIFY).order_by("asked_at", "pk")


def medicines(question: IdentityQuestion) -> list[dict]:
    """What the prescriptions say that wait under a question."""
    rows = question.records.filter(kind="prescriptions", ended_at__isnull=True).order_by("pk")
    return [row.content for row in rows]


class Pair(NamedTuple):
    """Two records that may be of one person."""

    first: Patient
    second: Patient


def suspected(by: User) -> list[Pair]:
    """Pairs of one name and birth date at a practice that nobody has kept apart, at most 50."""
    with connection.cursor() as cursor:
        cursor.execute(ALIKE, [access.practice_ids(by, Action.IDENTIFY), SUSPECTED])
        pairs = cursor.fetchall()
    ids = {pk for pair in pairs for pk in pair}
    people = (
        Patient.objects.select_related("practice")
        .prefetch_related("identifiers")
        .in_bulk(list(ids))
    )
    return [Pair(people[first], people[second]) for first, second in pairs]


# One name and birth date, whatever the signs and spaces; groups first, so that nobody is compared
# with everybody.
ALIKE = """
    WITH alike AS (
        SELECT array_agg(id ORDER BY id) AS ids FROM reviews_patient
        WHERE practice_id = ANY(%s) AND merged_into_id IS NULL AND birth_date IS NOT NULL
        GROUP BY practice_id, birth_date, reviews_folded(family_name || given_name)
        HAVING count(*) > 1
    )
    SELECT one.id, other.id FROM alike, unnest(ids) AS one (id), unnest(ids) AS other (id)
    WHERE one.id < other.id AND NOT EXISTS (
        SELECT FROM reviews_keptapart k
        WHERE k.first_id = one.id AND k.second_id = other.id AND k.ended_at IS NULL
    )
    ORDER BY 1, 2 LIMIT %s
"""


def merged_lately(by: User) -> QuerySet[PersonMerge]:
    """The last merges that hold."""
    rows = PersonMerge.objects.filter(undone_at__isnull=True).select_related("kept", "gone", "by")
    return access.scope(rows, by, Action.IDENTIFY).order_by("-at", "-pk")[:LATELY]


def settled_lately(by: User) -> QuerySet[IdentityQuestion]:
    """The last questions that somebody answered."""
    rows = IdentityQuestion.objects.filter(settled_by__isnull=False)
    rows = rows.select_related("settled_by", "patient")
    return access.scope(rows, by, Action.IDENTIFY).order_by("-settled_at", "-pk")[:LATELY]
