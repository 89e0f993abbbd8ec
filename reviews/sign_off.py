"""The verb `sign_off`: a named person has read rows of the formulary in the source they name."""

from django.db import transaction
from django.utils import timezone

from reviews import access, audit
from reviews.access import Action
from reviews.errors import BadRecord, IllegalMove, Stale


@transaction.atomic
def sign_off(*, model, seen, by):
    """Sign off rows of one table of the formulary, all or none; returns them.

    `seen` maps ids to `changed_at` as it was shown. Nothing else of a row changes: whoever finds
    another value or source there revises the row instead. Raises `Stale`, `IllegalMove`.
    """
    access.require(by, Action.EDIT_FORMULARY)
    if not seen:
        raise BadRecord("rows", "tick at least one")
    rows = list(model.objects.select_for_update().filter(pk__in=seen).order_by("pk"))
    if len(rows) != len(seen) or any(row.changed_at != seen[row.pk] for row in rows):
        raise Stale("Somebody else changed one of these since you opened the page. Look again.")
    if any(row.verified or row.retired_at for row in rows):
        raise IllegalMove("One of these is signed off already, or no longer in force.")
    now = timezone.now()
    for row in rows:
        row.sign_off(by=by, at=now)
        audit.record(
            by,
            "formulary.signed_off",
            subject=row,
            row=str(row),
            source=row.source,
            locator=row.locator,
        )
    return rows
