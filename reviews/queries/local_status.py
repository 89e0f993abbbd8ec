"""What practices can get of the formulary, for whoever prescribes or looks a medicine up."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Q

from drugs.models import Ingredient
from reviews import access
from reviews.access import Action
from reviews.governing import Place
from reviews.models import GroupMember, LocalStatus, Practice, PracticeGroup

# A combination is told of by the part that is hardest to get.
_WORST = (
    LocalStatus.Status.NOT_STOCKED,
    LocalStatus.Status.RESTRICTED,
    LocalStatus.Status.AVAILABLE,
)


def at(practice: Practice) -> dict[str, LocalStatus]:
    """By the key of a medicine what holds at a practice: its own word before its group's."""
    return _by_practice([practice]).get(practice.pk, {})


def _by_practice(practices: Iterable[Practice]) -> dict[int, dict[str, LocalStatus]]:
    practices = list(practices)
    members = GroupMember.objects.current().filter(practice__in=practices)
    groups = dict(members.values_list("practice", "group"))
    rows = LocalStatus.objects.current().filter(
        Q(practice__in=practices) | Q(group__in=groups.values())
    )
    own: dict[tuple[str, int], dict[str, LocalStatus]] = {}
    for row in rows.select_related("ingredient", "practice", "group"):
        whose = ("practice", row.practice_id) if row.practice_id else ("group", row.group_id)
        own.setdefault(whose, {})[row.ingredient.key] = row
    return {
        each.pk: own.get(("group", groups.get(each.pk, 0)), {}) | own.get(("practice", each.pk), {})
        for each in practices
    }


def told(held: Mapping[str, LocalStatus], keys: Iterable[str]) -> str:
    """What a prescriber is told of a medicine of these ingredients; "" where nobody said."""
    found = [held[key] for key in keys if key in held]
    return min(found, key=lambda row: _WORST.index(row.status)).in_words if found else ""


@dataclass(frozen=True, kw_only=True)
class Here:
    """What holds of a medicine at one place: its own word, or that of the practice's group."""

    place: Place
    row: LocalStatus | None
    may_set: bool

    @property
    def scope(self) -> str:
        """The place as its address names it."""
        return self.place.scope

    @property
    def is_of_its_group(self) -> bool:
        """Whether a practice has no word of its own, and its group's counts."""
        return self.row is not None and self.row.place != self.place


def of(ingredient: Ingredient, by: User) -> list[Here]:
    """What holds of a medicine at the practices of `by`, and at groups where they may set it."""
    practices = list(access.practices(by, Action.SEE_FORMULARY))
    may = set(access.practice_ids(by, Action.SET_LOCAL_STATUS))
    held = _by_practice(practices)
    found = [
        Here(place=each, row=held[each.pk].get(ingredient.key), may_set=each.pk in may)
        for each in practices
    ]
    if access.allowed(by, Action.KEEP_GROUPS):
        rows = LocalStatus.objects.current().filter(ingredient=ingredient, group__isnull=False)
        of_groups = {row.group_id: row for row in rows.select_related("group")}
        found += [
            Here(place=group, row=of_groups.get(group.pk), may_set=True)
            for group in PracticeGroup.objects.order_by("name")
        ]
    return found


def own(ingredient: Ingredient, place: Place) -> LocalStatus | None:
    """The word of a place of its own on a medicine."""
    columns = {"practice": place} if isinstance(place, Practice) else {"group": place}
    rows = LocalStatus.objects.current().filter(ingredient=ingredient, **columns)
    return rows.select_related("practice", "group", "by").first()


def everywhere(by: User) -> dict[str, list[tuple[Practice, LocalStatus]]]:
    """By the key of a medicine what holds at each practice of `by` that says something of it."""
    practices = list(access.practices(by, Action.SEE_FORMULARY))
    held = _by_practice(practices)
    found: dict[str, list[tuple[Practice, LocalStatus]]] = {}
    for practice in practices:
        for key, row in held[practice.pk].items():
            found.setdefault(key, []).append((practice, row))
    return found
