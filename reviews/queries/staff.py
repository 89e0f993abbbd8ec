"""Who works at a practice, as its admins read it: roles, factors, registers, who comes and goes.

Nothing here is of a patient; of cases only how many.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from reviews import access, service_levels, sessions, staff
from reviews.access import GRANTS, Action
from reviews.likeness import folded
from reviews.models import (
    ApiKey,
    Case,
    CaseState,
    FactorReset,
    Invitation,
    Leaving,
    Membership,
    Practice,
    RegisterEntry,
    Role,
)

FACTORS = {
    Authenticator.Type.TOTP: "app",
    Authenticator.Type.WEBAUTHN: "passkey",
}
"""How people call a second factor. Recovery codes are no factor of their own."""
PROFESSIONAL = frozenset({Role.CLINICIAN, Role.REVIEWER})
"""The roles whose holders are on a register."""
GOOD = RegisterEntry.Status.REGISTERED
LEFT_SHOWN = 10


@dataclass(frozen=True)
class Colleague:
    """One person of a practice. `concern` says what is to be done about their register, if any.

    `namesakes` are the user names of whoever else has their name here.
    """

    user: User
    roles: list[Role]
    factors: list[str]
    entry: RegisterEntry | None
    concern: str
    leaving: Leaving | None
    namesakes: list[str]

    @property
    def in_words(self) -> str:
        """The roles as people call them."""
        return ", ".join(role.label.lower() for role in self.roles)

    @property
    def is_admin(self) -> bool:
        return Role.PRACTICE_ADMIN in self.roles

    @property
    def is_professional(self) -> bool:
        """Whether somebody in these roles is on a register."""
        return bool(PROFESSIONAL.intersection(self.roles))


def colleagues(practice: Practice) -> list[Colleague]:
    """Everybody who works at a practice, by name, in a fixed number of queries."""
    people = list(staff.people_of([practice.pk]))
    ids = [user.pk for user in people]
    roles = defaultdict(list)
    held = Membership.objects.in_force().filter(practice=practice, user__in=ids)
    for user_id, role in held.values_list("user_id", "role"):
        roles[user_id].append(Role(role))
    factors = defaultdict(set)
    for user_id, kind in Authenticator.objects.filter(user__in=ids).values_list("user_id", "type"):
        if kind in FACTORS:
            factors[user_id].add(FACTORS[kind])
    entries = {
        entry.user_id: entry
        for entry in RegisterEntry.objects.filter(user__in=ids)
        .select_related("checked_by")
        .order_by("user_id", "-pk")
        .distinct("user_id")
    }
    leaving = {row.user_id: row for row in planned(practice)}
    called = defaultdict(list)
    for user in people:
        called[folded(user.get_full_name())].append(user.username)
    found = []
    for user in people:
        theirs = sorted(roles[user.pk], key=list(Role).index)
        entry = entries.get(user.pk)
        found.append(
            Colleague(
                user,
                theirs,
                sorted(factors[user.pk]),
                entry,
                concern(entry, professional=bool(PROFESSIONAL.intersection(theirs))),
                leaving.get(user.pk),
                [
                    username
                    for username in called[folded(user.get_full_name())]
                    if user.last_name and username != user.username
                ],
            )
        )
    return found


def concern(entry: RegisterEntry | None, *, professional: bool) -> str:
    """What is to be done about somebody's register entry; empty for nothing."""
    if entry is None:
        return "has no professional number on file" if professional else ""
    number = f"{entry.register} {entry.number}"
    if entry.checked_on is None:
        return f"has {number}, which nobody has checked"
    if entry.status != GOOD:
        return f"has {number}: {entry.get_status_display().lower()}"
    oldest = timezone.localdate() - timedelta(days=service_levels.REGISTER_CHECK_DAYS)
    if entry.checked_on < oldest:
        return f"has {number}, last checked on {entry.checked_on:%-d %b %Y}"
    return ""


def planned(practice: Practice) -> QuerySet[Leaving]:
    """Who leaves at a time ahead, or has left and is about to be tidied up after."""
    rows = Leaving.objects.filter(practice=practice, done_at=None, withdrawn_at=None)
    return rows.select_related("user", "cases_to", "said_by").order_by("at", "pk")


def left(practice: Practice) -> list[Leaving]:
    """Who left last."""
    rows = Leaving.objects.filter(practice=practice, done_at__isnull=False)
    return list(rows.select_related("user", "said_by").order_by("-done_at", "-pk")[:LEFT_SHOWN])


def invitations(practice: Practice) -> QuerySet[Invitation]:
    """Those that nobody has answered, those that have ended included, the newest first."""
    rows = Invitation.objects.filter(practice=practice, answered_at=None)
    return rows.select_related("made_by", "practice").order_by("-made_at", "-pk")


def resets(practice: Practice) -> QuerySet[FactorReset]:
    """Requests to reset a second factor that wait for a second person."""
    return waiting_resets().filter(practice=practice)


def waiting_resets() -> QuerySet[FactorReset]:
    """Requests of every practice that nobody has answered and that have not lapsed."""
    rows = FactorReset.objects.filter(answer="", ends_at__gt=timezone.now())
    return rows.select_related("user", "asked_by", "practice").order_by("asked_at", "pk")


def register_entries(person: User) -> list[RegisterEntry]:
    """Everything recorded of somebody's professional number, the newest first."""
    rows = RegisterEntry.objects.filter(user=person).select_related("checked_by", "practice")
    return list(rows.order_by("-pk"))


def heirs(practice: Practice, person: User) -> list[User]:
    """Who could take over the cases of `person`: whoever else decides on cases here."""
    deciding = Membership.objects.in_force().filter(
        practice=practice, role__in=GRANTS[Action.DECIDE].roles
    )
    found = staff.people_of([practice.pk]).filter(memberships__in=deciding)
    return list(found.exclude(pk=person.pk))


@dataclass(frozen=True)
class Belongings:
    """What somebody who leaves has in hand. The keys go on: systems use them. Invitations end."""

    sessions: int
    cases: int
    urgent: int
    proposed: int
    keys: list[ApiKey]
    invitations: list[Invitation]
    elsewhere: list[Practice]


def belongings(person: User, practice: Practice) -> Belongings:
    """How many sessions and cases somebody has, what they made, where else they work."""
    mine = Case.objects.open().filter(practice=practice)
    claimed = mine.filter(owner=person, state=CaseState.CLAIMED).aggregate(
        all=Count("pk"), urgent=Count("pk", filter=Q(severity=1))
    )
    others = Membership.objects.in_force().filter(user=person).exclude(practice=practice)
    return Belongings(
        sessions=sessions.count(person),
        cases=claimed["all"],
        urgent=claimed["urgent"],
        proposed=mine.filter(proposed_by=person, state=CaseState.PROPOSED).count(),
        keys=staff.keys_of(person, practice),
        invitations=list(staff.invitations_of(person, practice)),
        elsewhere=list(Practice.objects.filter(memberships__in=others).distinct()),
    )


def practice_of(user: User, pk: int | None = None) -> Practice | None:
    """The practice of this id, or the first by name, whose people `user` may see."""
    mine = access.practices(user, Action.SEE_PEOPLE)
    return mine.first() if pk is None else mine.filter(pk=pk).first()
