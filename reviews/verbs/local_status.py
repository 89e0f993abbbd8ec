"""Verbs on what a practice or a group of practices can get: say it of a medicine, take it back.

It informs whoever prescribes. No rule reads it, and no record is refused for it.
"""

from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from drugs.models import Ingredient
from reviews import access, audit, governing, staff
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, Stale
from reviews.formulary_rows import Citation, cited
from reviews.governing import Place
from reviews.models import LocalStatus, Practice

LOCK = 0x10CA
"""First key of the advisory lock of whoever says what a group can get; then its id."""
LONGEST = 300
RESTRICTED = LocalStatus.Status.RESTRICTED


@transaction.atomic
def say(
    *,
    ingredient: Ingredient,
    place: Place,
    status: str,
    restricted_to: str,
    citation: Citation,
    seen: int | None,
    by: User,
) -> LocalStatus:
    """Say whether a place can get a medicine, and of a restricted one for whom.

    `seen` is the id of what was said of it as it was shown, None for nothing. Raises `BadRecord` by
    field, `Stale` when somebody said something else since.
    """
    held = _enter(ingredient, place, by, seen)
    said = {"status": status, "restricted_to": restricted_to.strip()}
    _check(**said)
    columns = cited(citation)
    del columns["note"]
    _end(held, by)
    made = LocalStatus.objects.create(
        ingredient=ingredient, by=by, **governing.columns_of(place), **said, **columns
    )
    before = {"before": held.in_words} if held else {}
    _record(by, Event.LOCAL_STATUS_SAID, made, after=made.in_words, source=made.source, **before)
    return made


@transaction.atomic
def take_back(
    *, ingredient: Ingredient, place: Place, reason: str, seen: int | None, by: User
) -> None:
    """Say nothing of a medicine any more; nothing said is no error. Raises `BadRecord`, `Stale`."""
    held = _enter(ingredient, place, by, seen)
    if held is None:
        return
    if not reason.strip():
        raise BadRecord("reason", "is needed to take it back")
    _end(held, by)
    said = {"before": held.in_words, "reason": reason.strip()[:LONGEST]}
    _record(by, Event.LOCAL_STATUS_TAKEN_BACK, held, **said)


def _enter(ingredient: Ingredient, place: Place, by: User, seen: int | None) -> LocalStatus | None:
    """What the place says of a medicine, which is locked for whoever changes it."""
    if isinstance(place, Practice):
        staff.enter(place, Action.SET_LOCAL_STATUS, by)
    else:
        access.require(by, Action.KEEP_GROUPS)
        # A group never changes, so nobody has the right to lock its row.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, place.pk])
    held = (
        LocalStatus.objects.current()
        .filter(ingredient=ingredient, **governing.columns_of(place))
        .first()
    )
    if (held.pk if held else None) != seen:
        raise Stale("Somebody else changed this since you opened it. Look at it again.")
    return held


def _check(*, status: str, restricted_to: str) -> None:
    if status not in LocalStatus.Status.values:
        raise BadRecord("status", f"must be one of {', '.join(LocalStatus.Status.values)}")
    if status == RESTRICTED and not restricted_to:
        raise BadRecord("restricted_to", "is needed: say for whom it is")
    if status != RESTRICTED and restricted_to:
        raise BadRecord("restricted_to", "is only for a medicine that is restricted")
    if len(restricted_to) > LONGEST:
        raise BadRecord("restricted_to", f"must not be longer than {LONGEST} characters")


def _end(held: LocalStatus | None, by: User) -> None:
    if held is not None:
        held.ended_by, held.ended_at = by, timezone.now()
        held.save(update_fields=["ended_by", "ended_at"])


def _record(by: User, event: Event, row: LocalStatus, **told: Any) -> None:
    audit.record(
        by,
        event,
        practice_id=row.practice_id,
        subject=row,
        medicine=row.ingredient.key,
        scope=row.place.scope,
        **told,
    )
