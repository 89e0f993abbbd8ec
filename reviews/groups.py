"""Which group a practice is in, now or at a time: a rule book may hold a policy of the group."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from reviews.models import GroupMember, PracticeGroup

GROUP_NOW = """
    SELECT g.code FROM reviews_groupmember m JOIN reviews_practicegroup g ON g.id = m.group_id
    WHERE m.practice_id = %s AND m.until IS NULL
"""


def group_of(practice_id: int, at: datetime | None = None) -> str:
    """The code of the group that a practice is in, now or at a time; "" for none."""
    if at is None:
        # Asked with each call of a hook: Django takes ten times as long to make the statement.
        with connection.cursor() as cursor:
            cursor.execute(GROUP_NOW, [practice_id])
            found = cursor.fetchone()
        return found[0] if found else ""
    members = GroupMember.objects.as_known(at).filter(practice=practice_id)
    return members.values_list("group__code", flat=True).first() or ""


def grouped() -> dict[str, str]:
    """By the code of a practice that is in a group the code of that group."""
    rows = GroupMember.objects.current().values_list("practice__code", "group__code")
    return dict(rows)


class Stay(NamedTuple):
    """That a practice was in a group, by their codes, from a time until another; None = it is."""

    practice: str
    group: str
    since: datetime
    until: datetime | None


def stays() -> list[Stay]:
    """Which practice was ever in which group."""
    rows = GroupMember.objects.values_list("practice__code", "group__code", "since", "until")
    return [Stay(*row) for row in rows]


def then(told: Iterable[Stay], practice: str, at: datetime) -> str:
    """The code of the group that a practice was in at a time; "" for none."""
    for stay in told:
        if stay.practice == practice and stay.since <= at and not (stay.until and stay.until <= at):
            return stay.group
    return ""


def members() -> list[tuple[PracticeGroup, list[int]]]:
    """The groups that have practices now, by name, with the ids of those."""
    found: dict[PracticeGroup, list[int]] = {}
    rows = GroupMember.objects.current().select_related("group").order_by("group__name", "pk")
    for row in rows:
        found.setdefault(row.group, []).append(row.practice_id)
    return list(found.items())
