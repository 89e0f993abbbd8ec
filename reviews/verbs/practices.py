"""Practice verbs: set one up, and change what is known of it.

`by` None is whoever administers the portal's machine, recorded as the portal itself.
"""

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction

from reviews import access, audit, staff, walls
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord
from reviews.models import Patient, Practice, Role

DETAILS = (
    *("name", "profile", "time_zone", "country", "locale", "address", "telephone", "email"),
    "second_factor",
)
"""What can be said of a practice; `second_factor` is who must have one (`SecondFactor`). Its code
stays: client systems call it by that."""


@transaction.atomic
def set_up(*, code: str, by: User | None = None, **details: str) -> Practice:
    """Make a practice of these `DETAILS`; whoever did is its first practice admin.

    Raises `BadRecord`, also for a code that another has.
    """
    if by is not None:
        access.require(by, Action.SET_UP_PRACTICE)
    practice = Practice(code=code, **_known(details))
    _save(practice)
    # Nobody works there yet, and so nobody sees it.
    with walls.seeing(walls.of([practice.pk])):
        audit.record(
            by,
            Event.PRACTICE_SET_UP,
            practice_id=practice.pk,
            subject=practice,
            name=practice.name,
            profile=practice.profile,
            time_zone=practice.zone.key,
            second_factor=practice.second_factor,
        )
        if by is not None:
            staff.give(by, practice, [Role.PRACTICE_ADMIN])
            access.forget(by)
            audit.record(
                by,
                Event.ROLES_CHANGED,
                practice_id=practice.pk,
                subject=by,
                person=by.pk,
                name=by.get_full_name(),
                given=[Role.PRACTICE_ADMIN],
                reason="set the practice up",
            )
    return practice


@transaction.atomic
def edit(*, practice: Practice, by: User | None = None, **details: str) -> Practice:
    """Change the `DETAILS` that are given; nothing to change is no error.

    The profile of a practice with patients stays: with it everybody there would have to be judged
    anew, and a day in the past would be judged by limits that were not those of the practice. Days
    that instants have become stay too, whatever the time zone. Raises `BadRecord`.
    """
    locked = staff.enter(practice, Action.EDIT_PRACTICE, by)
    said = {field: value.strip() for field, value in _known(details).items()}
    before = {field: getattr(locked, field) for field in said}
    changed = {field: value for field, value in said.items() if value != before[field]}
    if not changed:
        return locked
    if "profile" in changed and Patient.objects.filter(practice=locked).exists():
        raise BadRecord("profile", "of a practice with patients stays as it is")
    if "profile" in changed and locked.groups.current().exists():
        raise BadRecord("profile", "of a practice in a group stays as it is")
    for field, value in changed.items():
        setattr(locked, field, value)
    _save(locked)
    audit.record(
        by,
        Event.PRACTICE_CHANGED,
        practice_id=locked.pk,
        subject=locked,
        before={field: before[field] for field in changed},
        after=changed,
    )
    return locked


def _known(details: dict[str, Any]) -> dict[str, Any]:
    if unknown := details.keys() - set(DETAILS):
        raise TypeError(f"a practice has no {', '.join(sorted(unknown))}")
    for field in ("name", "telephone"):
        if field in details:
            details[field] = staff.written_name(field, details[field])
    for line in details.get("address", "").splitlines():
        staff.written_name("address", line)
    return details


def _save(practice: Practice) -> None:
    try:
        practice.full_clean()
    except ValidationError as error:
        field, reasons = next(iter(error.message_dict.items()))
        raise BadRecord(field, reasons[0]) from error
    practice.save()
