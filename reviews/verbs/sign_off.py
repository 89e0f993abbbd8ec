"""The verb `sign_off`: a named person has read rows of the formulary in the source they name."""

from datetime import date, datetime, timedelta

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from drugs.models import Sourced
from reviews import access, audit, governing
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, IllegalMove, Stale

NO_PUBLICATION = "general knowledge"
"""Stands in the source of a row that rests on no publication."""
READ_AGAIN = timedelta(days=365)


@transaction.atomic
def sign_off(
    *,
    model: type[Sourced],
    seen: dict[int, datetime],
    by: User,
    source: str = "",
    locator: str = "",
) -> list[Sourced]:
    """Sign off rows of one table of the formulary, all or none; returns them.

    `seen` maps ids to `changed_at` as it was shown. `source` and `locator` name where they were
    read, if that is not the source on the row; both go onto the row then. The values of a row do
    not change: whoever finds another one revises the row. Raises `BadRecord`, `Stale`,
    `IllegalMove`.
    """
    access.require(by, Action.EDIT_FORMULARY)
    if not seen:
        raise BadRecord("rows", "tick at least one")
    governing.one_at_a_time()
    rows = list(model.objects.select_for_update().filter(pk__in=seen).order_by("pk"))
    if len(rows) != len(seen) or any(row.changed_at != seen[row.pk] for row in rows):
        raise Stale("Somebody else changed one of these since you opened the page. Look again.")
    if any(row.verified or row.retired_at for row in rows):
        raise IllegalMove("One of these is signed off already, or no longer in force.")
    source, locator = source.strip(), locator.strip()
    if bool(source) != bool(locator):
        raise BadRecord("locator" if source else "source", "name the source and the place in it")
    if not source and any(NO_PUBLICATION in row.source.casefold() for row in rows):
        raise BadRecord("source", "general knowledge is no publication: name where you read it")
    now, today = timezone.now(), timezone.localdate()
    for row in rows:
        if source:
            _cite(row, source=source, locator=locator, reviewed=today, note=row.note)
        row.sign_off(by=by, at=now)
        audit.record(
            by,
            Event.FORMULARY_SIGNED_OFF,
            subject=row,
            row=str(row),
            source=row.source,
            locator=row.locator,
        )
    return rows


def _cite(row: Sourced, *, source: str, locator: str, reviewed: date, note: str) -> None:
    try:
        row.revise(
            source=source,
            locator=locator,
            reviewed=reviewed,
            next_review=reviewed + READ_AGAIN,
            note=note,
        )
    except ValidationError as error:
        field, reasons = next(iter(error.message_dict.items()))
        raise BadRecord(field, reasons[0]) from error
