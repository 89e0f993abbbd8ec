"""Groups of practices with their members, and what the live rule book says for each."""

from dataclasses import dataclass

from django.contrib.auth.models import User

from reviews import access, governing
from reviews.access import Action
from reviews.errors import NotFound
from reviews.models import GroupMember, Practice, PracticeGroup


@dataclass(frozen=True, kw_only=True)
class GroupRow:
    """A group, its members now, and the rules on which the live book holds a policy of it."""

    group: PracticeGroup
    members: list[GroupMember]
    rules: list[str]


@dataclass(frozen=True, kw_only=True)
class PlaceRow:
    """A practice that one may move, and the membership that it has; None for none."""

    practice: Practice
    member: GroupMember | None


def groups() -> list[GroupRow]:
    """Every group, by name."""
    members: dict[int, list[GroupMember]] = {}
    rows = GroupMember.objects.current().select_related("practice", "by")
    for each in rows.order_by("practice__name"):
        members.setdefault(each.group_id, []).append(each)
    local = _local()
    return [
        GroupRow(
            group=group,
            members=members.get(group.pk, []),
            rules=_rules(local.get(group.scope, {})),
        )
        for group in PracticeGroup.objects.order_by("name", "code")
    ]


def _local() -> dict[str, dict]:
    try:
        return governing.live().book.get("local", {})
    except NotFound:
        return {}


def _rules(own: dict[str, dict]) -> list[str]:
    return sorted(own.get("rules", {}).keys() | own.get("grading", {}).keys())


def movable(user: User) -> list[PlaceRow]:
    """The practices that somebody may move into another group."""
    practices = access.practices(user, Action.MOVE_TO_GROUP)
    rows = GroupMember.objects.current().filter(practice__in=practices).select_related("group")
    members = {each.practice_id: each for each in rows}
    return [PlaceRow(practice=each, member=members.get(each.pk)) for each in practices]
