"""The verb on upkeep: give a line of it to somebody, until a day."""

from datetime import date, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from reviews import access, audit
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, Stale
from reviews.models import UpkeepDuty
from reviews.queries import upkeep

LONGEST_DAYS = 366


@transaction.atomic
def give(*, key: str, owner_id: int | None, due_on: date | None, by: User) -> UpkeepDuty:
    """Give a line of upkeep to somebody who may edit the formulary, until a day within a year.

    Who had it before does not have it any more. Raises `BadRecord`, and `Stale` for a line that is
    not there any more, or that somebody else gives at the same time.
    """
    access.require(by, Action.EDIT_FORMULARY)
    owner = upkeep.possible_owners().filter(pk=owner_id).first()
    if owner is None:
        raise BadRecord("owner", "is nobody who may edit the formulary")
    today = timezone.localdate()
    if due_on is None or not today <= due_on <= today + timedelta(days=LONGEST_DAYS):
        raise BadRecord("due_on", "must be from today on, and within a year")
    line = upkeep.line_of(by, key)
    if line is None:
        raise Stale("This line is not there any more: somebody has done it.")
    now = timezone.now()
    before = UpkeepDuty.objects.select_for_update().filter(key=key, ended_at=None).first()
    if before is not None:
        if (before.owner_id, before.due_on) == (owner.pk, due_on):
            return before
        before.ended_at = now
        before.save(update_fields=["ended_at"])
    title = line.title if not key.startswith("text:") else "a medicine that no rule can read"
    try:
        with transaction.atomic():
            duty = UpkeepDuty.objects.create(
                key=key, title=title, owner=owner, due_on=due_on, given_by=by
            )
    except IntegrityError as error:
        raise Stale(
            "Somebody else gave this line at the same time. Look who has it now."
        ) from error
    detail: dict[str, Any] = {"from": before.owner_id} if before else {}
    audit.record(
        by,
        Event.UPKEEP_GIVEN,
        subject=duty,
        title=title,
        to=owner.pk,
        due_on=due_on.isoformat(),
        **detail,
    )
    return duty
