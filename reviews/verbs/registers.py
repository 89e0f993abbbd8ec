"""The verb that records what a professional register says of somebody."""

from datetime import date

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reviews import audit, staff
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, NotAllowed
from reviews.models import Practice, RegisterEntry, named
from reviews.records import FIRST_DAY

Status = RegisterEntry.Status


@transaction.atomic
def record(
    *,
    person: User,
    practice: Practice,
    register: str,
    number: str,
    status: str = Status.UNCHECKED,
    checked_on: date | None = None,
    by: User,
) -> RegisterEntry:
    """Add the number of somebody and, with a status, what the register said of it on a day.

    Nobody checks themselves. A status stops nobody from working: that is said on the page, and is
    for people to act on. Raises `BadRecord`, `NotAllowed`, `NotFound`.
    """
    locked = staff.enter(practice, Action.CHECK_REGISTER, by)
    person = staff.of(person, locked)
    if person.pk in staff.behind(by):
        raise NotAllowed("Nobody checks their own number. Ask another practice admin.")
    register, number = staff.written_number(register, number)
    if not number:
        raise BadRecord("number", "is needed")
    if status not in Status.values:
        raise BadRecord("status", f"must be one of {', '.join(Status.values)}")
    checked = status != Status.UNCHECKED
    if checked and checked_on is None:
        raise BadRecord("checked_on", "is needed: on which day did the register say so?")
    if not checked and checked_on is not None:
        raise BadRecord("checked_on", "is of a check: say what the register said")
    if checked_on is not None and checked_on > timezone.localdate():
        raise BadRecord("checked_on", "is in the future")
    if checked_on is not None and checked_on < FIRST_DAY:
        raise BadRecord("checked_on", f"is before {FIRST_DAY.year}")
    entry = RegisterEntry.objects.create(
        user=person,
        practice=locked,
        register=register,
        number=number,
        status=status,
        checked_on=checked_on,
        checked_by=by if checked else None,
    )
    audit.record(
        by,
        Event.REGISTER_SAID,
        practice_id=locked.pk,
        subject=person,
        person=person.pk,
        name=named(person),
        register=register,
        number=number,
        status=status,
        checked_on=checked_on.isoformat() if checked_on else None,
    )
    return entry
