"""The verb that gives and takes roles of somebody who works at a practice."""

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db import transaction

from reviews import access, audit, staff
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import NotAllowed
from reviews.models import Membership, Practice, Role, named


@transaction.atomic
def change(
    *, person: User, practice: Practice, roles: Iterable[str], reason: str = "", by: User | None
) -> set[Role]:
    """Let somebody hold these of the roles that `by` gives and takes; the roles they hold then.

    Other roles of theirs stay. Whoever is to hold none leaves instead. Nobody gives a role to
    themselves, and the last practice admin stays one. Raises `BadRecord`, `NotAllowed`,
    `IllegalMove`, `NotFound`.
    """
    locked = staff.enter(practice, Action.GIVE_ROLES, by)
    person = staff.of(person, locked)
    mine = access.gives(by, locked)
    rows = Membership.objects.in_force().filter(user=person, practice=locked)
    held = {Role(role) for role in rows.values_list("role", flat=True)}
    others = held - mine
    asked = set(roles)
    wanted = staff.known_roles(asked, mine) if asked or not others else set()
    given, taken = wanted - held, (held & mine) - wanted
    if given and person.pk in staff.behind(by):
        raise NotAllowed("Nobody gives roles to themselves. Ask another practice admin.")
    if Role.PRACTICE_ADMIN in taken:
        staff.keep_an_admin(locked, without=person)
    if not given and not taken:
        return held
    rows.filter(role__in=taken).delete()
    staff.give(person, locked, given)
    access.forget(person)
    told: dict[str, int] = {}
    if taken and not access.allowed(person, Action.INVITE, locked):
        ended = staff.end_invitations(
            person, locked, by=by, reason="whoever made it lost the role that may"
        )
        told = {"invitations": ended} if ended else {}
    audit.record(
        by,
        Event.ROLES_CHANGED,
        practice_id=locked.pk,
        subject=person,
        person=person.pk,
        name=named(person),
        given=sorted(given),
        taken=sorted(taken),
        reason=reason.strip(),
        **told,
    )
    if Role.PRACTICE_ADMIN in given:
        staff.tell_admins(locked, of=person, except_for=[by, person])
    return wanted | others
