"""Verbs on groups of practices: make one, and move a practice into one or out of it.

What a rule book says for a group holds for the patients of its members from then on. Both people
who agreed to that policy agreed to it within the bounds of every practice of its profile.
"""

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from reviews import access, audit, governing, profiles, requests, staff
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, Stale
from reviews.models import GroupMember, Practice, PracticeGroup
from reviews.rules.changing import judged_by

REASON_LENGTH = 500


@transaction.atomic
def make(*, code: str, name: str, profile: str, by: User) -> PracticeGroup:
    """Make a group of practices of one profile. Raises `BadRecord`, also for a code in use."""
    access.require(by, Action.KEEP_GROUPS)
    # A group stays: no book without its profile is published after this.
    governing.one_at_a_time()
    profiles.require_known("profile", profile)
    group = PracticeGroup(
        code=code.strip(),
        name=staff.written_name("name", name.strip()),
        profile=profile,
        made_by=by,
    )
    try:
        group.full_clean(exclude=["made_at"])
    except ValidationError as error:
        field, reasons = next(iter(error.message_dict.items()))
        raise BadRecord(field, reasons[0]) from error
    group.save()
    audit.record(
        by,
        Event.PRACTICE_GROUP_MADE,
        subject=group,
        code=group.code,
        name=group.name,
        profile=group.profile,
    )
    return group


@transaction.atomic
def move(
    *, practice: Practice, group: PracticeGroup | None, reason: str, seen: int | None, by: User
) -> GroupMember | None:
    """Move a practice into a group, out of the one that it is in; None = into none.

    `seen` is the id of its membership as it was shown, None for none. Nothing to change is no
    error. Its patients are asked for again where that judges them otherwise. Raises `BadRecord` by
    field, `Stale` when somebody moved it since.
    """
    locked = staff.enter(practice, Action.MOVE_TO_GROUP, by)
    governing.one_at_a_time()
    held = locked.groups.current().select_related("group").first()
    before = held.group if held else None
    if before == group:
        return held
    if (held.pk if held else None) != seen:
        raise Stale(f"Somebody else moved {locked} since you opened this. Look at it again.")
    missing = "is needed: why the practice moves"
    why = governing.kept_words("reason", reason, REASON_LENGTH, missing=missing)
    if group is not None and group.profile != locked.profile:
        raise BadRecord("group", f"is of the {group.profile} profile, and {locked} is not")
    books = governing.books_at(locked)
    if group is not None:
        governing.require_agreeing(
            locked, books, field="group", profile=locked.profile, group=group.code
        )
    judged_otherwise = bool(books) and _judges_otherwise(books[0], locked, before, group)
    # Behind the lock: a what-if that was asked for before knows nothing of it.
    now = timezone.now()
    if held is not None:
        held.until, held.ended_by = now, by
        held.save(update_fields=["until", "ended_by"])
    made = None
    if group is not None:
        made = GroupMember.objects.create(
            practice=locked, group=group, by=by, since=now, reason=why
        )
    patients = requests.enqueue_practice(locked, reason="group") if judged_otherwise else 0
    told = {"from": before, "to": group}
    audit.record(
        by,
        Event.PRACTICE_GROUPED,
        practice_id=locked.pk,
        subject=locked,
        reason=why,
        patients=patients,
        **{name: each.code for name, each in told.items() if each},
    )
    return made


def _judges_otherwise(
    book: dict[str, Any], practice: Practice, before: PracticeGroup | None, to: PracticeGroup | None
) -> bool:
    """Whether a book judges patients of the practice otherwise in the other group."""
    codes = [group.code if group else "" for group in (before, to)]
    said = [judged_by(book, practice.profile, practice.code, code) for code in codes]
    return said[0] != said[1]
