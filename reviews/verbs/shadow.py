"""Verbs on shadows: have a frozen draft judge silently beside the live book, and end that."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reviews import access, governing, shadows
from reviews.access import Action
from reviews.errors import BadRecord, IllegalMove
from reviews.models import Practice, PracticeGroup, RuleVersion, Shadow


@transaction.atomic
def begin(*, version: RuleVersion, practice: Practice, days: int, by: User) -> Shadow:
    """Have a draft judge everybody who is screened at a practice, for so many days, today included.

    Everybody treated there is asked for once, so that it can be compared from its first day on.
    Raises what `shadows.begin` says.
    """
    access.require(by, Action.DRAFT)
    return shadows.begin(version, practice, days=days, by=by)


@transaction.atomic
def begin_in_group(
    *, version: RuleVersion, group: PracticeGroup, days: int, by: User
) -> list[Shadow]:
    """The same at every practice that is in a group now; at all of them or at none.

    Where this draft runs in shadow already it goes on as it is. Raises `BadRecord` for a group
    without practices, and what `shadows.begin` says.
    """
    access.require(by, Action.DRAFT)
    governing.one_at_a_time()
    members = Practice.objects.filter(groups__group=group, groups__until=None).order_by("pk")
    running = Shadow.objects.running(timezone.localdate()).filter(version=version)
    left = list(members.exclude(pk__in=running.values("practice")))
    if not members.exists():
        raise BadRecord("practice", f"no practice is in {group}")
    return [shadows.begin(version, practice, days=days, by=by) for practice in left]


@transaction.atomic
def end(*, shadow: Shadow, by: User) -> Shadow:
    """End a shadow before its last day; what it said stays. `IllegalMove` where it has ended."""
    access.require(by, Action.DRAFT)
    locked = Shadow.objects.select_for_update(of=["self"]).get(pk=shadow.pk)
    if locked.ended_at is not None:
        raise IllegalMove("This shadow has ended already.")
    shadows.end(locked, by)
    return locked
