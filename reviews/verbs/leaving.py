"""Leaving verbs: somebody's work at a practice ends, at once or at a time that is said before.

From that time on their roles count for nothing, whether or not a worker is up: `carry_out` then
removes the roles, ends the sessions and passes their cases on. What they did stays, under their
name.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reviews import access, audit, conclusions, moves, sessions, staff
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, DomainError, IllegalMove, NotAllowed
from reviews.models import (
    ApiKey,
    Case,
    CaseState,
    Flag,
    Leaving,
    Membership,
    Move,
    Patient,
    Practice,
    Role,
    named,
)

log = structlog.get_logger(__name__)
LEFT = "Left the practice"
MOST_AHEAD = timedelta(days=2 * 366)
"""Nobody knows earlier that they leave; a slip of the year is one."""


class Left(NamedTuple):
    """What the end of somebody's work did, and the keys of theirs that go on; counts, mostly."""

    at: datetime
    sessions: int
    handed_over: int
    released: int
    blocked: bool
    keys: list[ApiKey]
    invitations: int


@transaction.atomic
def plan(
    *, person: User, practice: Practice, at: datetime, cases_to: User | None = None, by: User | None
) -> Leaving:
    """Say that somebody leaves at a time ahead; said again, the newest holds.

    Raises `NotAllowed` for somebody whose roles are not `by`'s to end;
    `BadRecord` for a time that has passed or is more than two years ahead, and for somebody
    who cannot take the cases; `IllegalMove` for the last practice admin.
    """
    locked = staff.enter(practice, Action.END_WORK, by)
    person = staff.of(person, locked)
    _check_reach(by, person, locked)
    now = timezone.now()
    if at <= now:
        raise BadRecord("at", "has passed: block them now instead")
    if at > now + MOST_AHEAD:
        raise BadRecord("at", "is more than two years ahead")
    _check_heir(cases_to, person, locked)
    _keep_an_admin(person, locked)
    leaving = _planned(person, locked) or Leaving(user=person, practice=locked)
    leaving.at, leaving.cases_to, leaving.said_by = at, cases_to, by
    leaving.save()
    Membership.objects.filter(user=person, practice=locked).update(ends_at=at)
    audit.record(
        by,
        Event.LEAVING_PLANNED,
        practice_id=locked.pk,
        subject=leaving,
        person=person.pk,
        name=named(person),
        at=at.isoformat(),
        cases_to=cases_to.pk if cases_to else None,
    )
    return leaving


@transaction.atomic
def withdraw(*, person: User, practice: Practice, by: User | None) -> Leaving:
    """Take back that somebody leaves. Raises `IllegalMove` where nobody has said it, or too late.

    Nobody takes back what another said of them: it would give them back roles that end.
    """
    locked = staff.enter(practice, Action.END_WORK, by)
    leaving = _planned(person, locked)
    if leaving is None or leaving.at <= timezone.now():
        raise IllegalMove("Nobody has said that they leave, or they have left already.")
    if by is not None and by.pk == person.pk and leaving.said_by_id != by.pk:
        raise IllegalMove("A colleague said that you leave. Ask another practice admin.")
    _check_reach(by, person, locked)
    leaving.withdrawn_at, leaving.withdrawn_by = timezone.now(), by
    leaving.save(update_fields=["withdrawn_at", "withdrawn_by"])
    Membership.objects.filter(user=person, practice=locked).update(ends_at=None)
    audit.record(
        by,
        Event.LEAVING_WITHDRAWN,
        practice_id=locked.pk,
        subject=leaving,
        person=person.pk,
        name=named(person),
        at=leaving.at.isoformat(),
    )
    return leaving


@transaction.atomic
def leave(
    *, person: User, practice: Practice, cases_to: User | None = None, by: User | None
) -> Left:
    """End somebody's work at a practice now: roles, sessions, and with the last role the account.

    Raises `IllegalMove` for the last practice admin, `BadRecord` for somebody who cannot take the
    cases, `NotFound`.
    """
    locked = staff.enter(practice, Action.END_WORK, by)
    person = staff.of(person, locked)
    _check_reach(by, person, locked)
    _check_heir(cases_to, person, locked)
    _keep_an_admin(person, locked)
    leaving = _planned(person, locked) or Leaving(user=person, practice=locked)
    leaving.at, leaving.cases_to, leaving.said_by = timezone.now(), cases_to, by
    leaving.save()
    return _end(leaving, by)


def carry_out() -> int:
    """End the work of whoever's time has come; how many. A failure of one holds up no other."""
    due = Leaving.objects.filter(done_at=None, withdrawn_at=None, at__lte=timezone.now())
    done = 0
    for pk in list(due.order_by("at", "pk").values_list("pk", flat=True)):
        try:
            with transaction.atomic():
                practice = Practice.objects.filter(leavings=pk).select_for_update(no_key=True).get()
                leaving = due.filter(pk=pk, practice=practice).first()
                if leaving is not None:
                    _end(leaving, leaving.said_by)
                    done += 1
        except DomainError as error:
            log.warning("leaving_not_carried_out", leaving=pk, error=error.code)
    return done


def _end(leaving: Leaving, by: User | None) -> Left:
    """Remove the roles first: then no case can be claimed anew, and none is missed below."""
    practice = leaving.practice
    person = staff.lock_person(leaving.user)
    held = Membership.objects.filter(user=person, practice=practice)
    roles = sorted(held.values_list("role", flat=True))
    held.delete()
    access.forget(person)
    blocked = not Membership.objects.in_force().filter(user=person).exists()
    if blocked:
        person.is_active = False
        person.set_unusable_password()
        person.save(update_fields=["is_active", "password"])
    handed_over, released = _pass_on(person, practice, leaving.cases_to, by)
    ended = sessions.end_all(person)
    keys = staff.keys_of(person, practice)
    invited = staff.end_invitations(person, practice, by=by, reason="whoever made it left")
    now = timezone.now()
    leaving.done_at, leaving.roles = now, roles
    leaving.save(update_fields=["done_at", "roles"])
    audit.record(
        by,
        Event.PERSON_LEFT,
        practice_id=practice.pk,
        subject=leaving,
        person=person.pk,
        name=named(person),
        roles=roles,
        sessions=ended,
        handed_over=handed_over,
        released=released,
        blocked=blocked,
        keys=[key.prefix for key in keys],
        invitations=invited,
    )
    return Left(now, ended, handed_over, released, blocked, keys, invited)


def _pass_on(
    person: User, practice: Practice, heir: User | None, by: User | None
) -> tuple[int, int]:
    """Hand the claimed cases on, or back to the queue: `(handed over, released)`.

    An urgent case of a prescription by the heir goes back to the queue: it is not theirs to decide.
    """
    mine = Case.objects.open().filter(owner=person, practice=practice, state=CaseState.CLAIMED)
    patients = sorted(mine.values_list("patient_id", flat=True))
    # Patients before cases, as screening locks them.
    list(Patient.objects.select_for_update(no_key=True).filter(pk__in=patients).order_by("pk"))
    handed_over = released = 0
    for case in mine.select_for_update().order_by("pk"):
        to = heir
        if to and conclusions.own_urgent_flags(Flag.objects.open().filter(case=case), to):
            to = None
        detail = {"from": person.pk, "to": to.pk if to else None, "reason": LEFT}
        moves.move_case(
            case,
            Move.HAND_OVER if to else Move.RELEASE,
            by,
            owner=to,
            claimed_at=timezone.now() if to else None,
            to=to,
            reason=LEFT,
            detail=detail,
        )
        handed_over, released = handed_over + bool(to), released + (not to)
    return handed_over, released


def _planned(person: User, practice: Practice) -> Leaving | None:
    return Leaving.objects.filter(
        user=person, practice=practice, done_at=None, withdrawn_at=None
    ).first()


def _check_reach(by: User | None, person: User, practice: Practice) -> None:
    """Raise `NotAllowed` where `by` does not end every role that `person` holds here."""
    held = Membership.objects.in_force().filter(user=person, practice=practice)
    beyond = set(held.values_list("role", flat=True)) - access.ends(by, practice)
    if beyond:
        roles = ", ".join(sorted(Role(role).label.lower() for role in beyond))
        raise NotAllowed(
            f"You do not end the work of somebody who is {roles} here. A practice admin does."
        )


def _check_heir(heir: User | None, person: User, practice: Practice) -> None:
    if heir is None:
        return
    if heir.pk == person.pk or not access.allowed(heir, Action.DECIDE, practice):
        raise BadRecord("cases_to", f"{named(heir)} does not review at {practice}")


def _keep_an_admin(person: User, practice: Practice) -> None:
    if Membership.objects.filter(user=person, practice=practice, role=Role.PRACTICE_ADMIN).exists():
        staff.keep_an_admin(practice, without=person)
