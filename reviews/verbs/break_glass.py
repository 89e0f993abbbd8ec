"""Break-glass: a reason in words opens one record, in the session in which it was given.

In an emergency it is a record of another practice, to read, for an hour. Or it is one of the own
practice that is marked as sensitive, until the session ends. Each page is told of in the trail of
the patient's practice, and its auditors are told until one has looked.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NoReturn

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reviews import access, audit, likeness, reasons, tries, walls
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, NotAllowed, NotFound
from reviews.models import LASTS, BreakGlass, Identifier, Patient, compact
from reviews.tries import Limit

LOOK_UPS = Limit(20, timedelta(minutes=15))
OPENINGS = Limit(5, timedelta(minutes=15))
SHORTEST_NUMBER = 6
MOST_FOUND = 5


def look_up(*, number: str, family_name: str, birth_date: date | None, by: User) -> list[Patient]:
    """Those who have exactly this number, or exactly this family name and birth date, anywhere.

    Each is told of to the practice of whoever was found. Raises `BadRecord`.
    """
    access.require(by, Action.BREAK_GLASS)
    bare = re.sub(r"[^0-9a-z]", "", number.lower())
    if bare and len(bare) < SHORTEST_NUMBER:
        raise BadRecord("number", "must be whole")
    if not bare and not (family_name.strip() and birth_date):
        raise BadRecord("number", "is needed, or the family name and the birth date")
    until = tries.take(tries.key("break-glass", by.pk), LOOK_UPS).until
    if until:
        raise BadRecord("number", f"was looked for too often: wait until {_clock(until)}")
    everybody = Patient.objects.filter(merged_into__isnull=True).select_related("practice")
    if bare:
        having = Identifier.objects.annotate(bare=compact("value")).filter(bare=bare)
        rows, typed = everybody.filter(pk__in=having.values("patient")), number.strip()
    else:
        folded = likeness.folded(family_name)
        rows = everybody.filter(family_folded=folded, birth_date=birth_date)
        typed = f"{family_name.strip()}, {birth_date}"
    with walls.seeing(walls.EVERYTHING):
        found = list(rows.order_by("family_name", "given_name", "pk")[: MOST_FOUND + 1])
        if len(found) > MOST_FOUND:
            raise BadRecord("number", "is needed: too many people have this name and birth date")
        audit.record_all(
            audit.entry(
                by,
                Event.EMERGENCY_LOOKED_UP,
                practice_id=patient and patient.practice_id,
                patient_id=patient and patient.pk,
                subject=patient,
                typed=typed,
            )
            for patient in found or [None]
        )
    return found


def open_record(*, patient: Patient, reason: str, by: User) -> BreakGlass:
    """Open the record of somebody whom `look_up` has found.

    Raises `BadRecord` without a reason, and where somebody has opened too many shortly before.
    """
    access.require(by, Action.BREAK_GLASS)
    reason = _why(reason)
    until = tries.take(tries.key("break-glass-opened", by.pk), OPENINGS).until
    if until:
        _refuse(patient, reason, until, by)
    with transaction.atomic():
        return _open(patient, BreakGlass.Kind.EMERGENCY, reason, LASTS, by)


def _refuse(patient: Patient, reason: str, until: datetime, by: User) -> NoReturn:
    """Tell the patient's practice that one more was wanted, and whoever wanted it whom to call."""
    place = patient.practice
    with walls.seeing(walls.of([place.pk])):
        audit.record(
            by,
            Event.EMERGENCY_REFUSED,
            practice_id=place.pk,
            patient_id=patient.pk,
            subject=patient,
            reason=reason,
        )
    call = f"{place}, telephone {place.telephone}" if place.telephone else place
    raise BadRecord(
        "reason",
        f"opens no more records now: you have opened {OPENINGS.most} shortly before. "
        f"Call {call}, or wait until {_clock(until)}",
    )


def _why(reason: str) -> str:
    return reasons.in_words(reason, most=500, must="must say in words why you need this record now")


@transaction.atomic
def open_sensitive(*, patient: Patient, reason: str, by: User) -> BreakGlass:
    """Open a marked record of one's own practice for this session. Raises `BadRecord` likewise."""
    access.require(by, Action.SEE_PATIENT, patient)
    session = timedelta(seconds=settings.SESSION_COOKIE_AGE)
    return _open(patient, BreakGlass.Kind.SENSITIVE, _why(reason), session, by)


def _open(
    patient: Patient, kind: BreakGlass.Kind, reason: str, lasts: timedelta, by: User
) -> BreakGlass:
    emergency = kind == BreakGlass.Kind.EMERGENCY
    event = Event.EMERGENCY_OPENED if emergency else Event.SENSITIVE_OPENED
    with walls.seeing(walls.of([patient.practice_id])):
        opened = BreakGlass.objects.create(
            patient=patient,
            practice_id=patient.practice_id,
            kind=kind,
            by=by,
            reason=reason,
            until=timezone.now() + lasts,
        )
        _tell(opened, event, by, reason=opened.reason, until=opened.until.isoformat())
    return opened


def end(*, pk: int, by: User) -> None:
    """End what one has opened oneself; what is over already stays as it is."""
    if not end_all([pk], by=by, because="by who had opened it"):
        raise NotFound("That was closed already.")


@transaction.atomic
def end_all(opened: Iterable[int], *, by: User, because: str) -> int:
    """End those of these that `by` has opened and that are not over; how many those were."""
    with walls.seeing(walls.EVERYTHING):
        rows = BreakGlass.objects.in_force().filter(by=by, pk__in=list(opened))
        return _end(rows.select_for_update(of=["self"]).order_by("pk"), by, because)


@transaction.atomic
def end_what_is_over() -> int:
    """End those whose time is over, which let nobody in any more; how many those were."""
    rows = BreakGlass.objects.filter(ended_at__isnull=True, until__lte=timezone.now())
    return _end(rows.select_for_update(skip_locked=True).order_by("pk"), None, "the time was over")


def _end(rows: Iterable[BreakGlass], by: User | None, because: str) -> int:
    ended = 0
    for opened in rows:
        opened.ended_at = min(timezone.now(), opened.until)
        opened.ended_because = because
        opened.save(update_fields=["ended_at", "ended_because"])
        _tell(opened, Event.EMERGENCY_ENDED, by, why=because)
        ended += 1
    return ended


@transaction.atomic
def look_at(*, opened: BreakGlass, note: str, by: User) -> None:
    """An auditor has looked at it. `BadRecord` without a note, `NotAllowed` for their own."""
    access.require(by, Action.SEE_AUDIT, opened)
    note = " ".join(note.split())
    if not note:
        raise BadRecord("note", "is needed: what you looked at, and whether it was right")
    opened = BreakGlass.objects.select_for_update(of=["self"]).get(pk=opened.pk)
    if opened.by_id == by.pk:
        raise NotAllowed("Somebody else has to look at what you opened yourself.")
    if opened.looked_at is not None:
        return
    opened.looked_at, opened.looked_by, opened.note = timezone.now(), by, note[:500]
    opened.save(update_fields=["looked_at", "looked_by", "note"])
    _tell(opened, Event.EMERGENCY_LOOKED_AT, by, note=opened.note)


def _tell(opened: BreakGlass, event: Event, by: User | None, **detail: object) -> None:
    audit.record(
        by,
        event,
        practice_id=opened.practice_id,
        patient_id=opened.patient_id,
        subject=opened,
        opening=opened.pk,
        **detail,
    )


def _clock(at: datetime) -> str:
    return f"{timezone.localtime(at):%H:%M}"
