"""Steps that verbs on people share: one practice at a time, its last admin, roles, mails to them.

Whatever gives or takes roles locks the practice first, so that two who each remove one of two
admins do so one after the other, and the second is refused.
"""

import unicodedata
from collections.abc import Iterable
from functools import partial
from smtplib import SMTPException

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.utils import timezone

from reviews import access, audit
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, IllegalMove, NotFound
from reviews.models import (
    MACHINES,
    ApiKey,
    Invitation,
    Leaving,
    Membership,
    Practice,
    RegisterEntry,
    Role,
    named,
)

log = structlog.get_logger(__name__)
ALPHABETS = {"LATIN", "CYRILLIC", "GREEK"}
"""Those with letters that look like one of another."""
LAST_ADMIN = (
    "This is the last practice admin of {practice}. Make somebody else a practice admin first."
)


def enter(practice: Practice, action: Action, by: User | None) -> Practice:
    """The practice, locked for whoever changes who works there. Records of patients go on.

    Asks whether `by` may as well, and once more behind the lock: somebody else may just have taken
    the role from them. None is the portal, that is a command on its machine.
    """
    if by is not None:
        access.require(by, action, practice)
    locked = Practice.objects.select_for_update(no_key=True).get(pk=practice.pk)
    if by is not None:
        access.forget(by)
        access.require(by, action, practice)
    return locked


def lock_person(person: User) -> User:
    """The person, locked after the practice, so that two practices do not both think they stay."""
    return User.objects.select_for_update(no_key=True).get(pk=person.pk)


def behind(by: User | None) -> set[int]:
    """Ids of whoever acts: `by`, and who made the key where `by` is one. It is their hand too."""
    if by is None:
        return set()
    makers = ApiKey.objects.filter(user=by, created_by__isnull=False)
    return {by.pk, *makers.values_list("created_by_id", flat=True)}


def people_of(practices: Iterable[int]) -> QuerySet[User]:
    """The people who work at any of these practices, by name. Keys are no people."""
    return (
        User.objects.filter(
            is_active=True,
            memberships__in=Membership.objects.in_force()
            .filter(practice__in=list(practices))
            .exclude(role__in=MACHINES),
        )
        .distinct()
        .order_by("last_name", "first_name", "username")
    )


def of(person: User, practice: Practice) -> User:
    """`person`, who works at this practice. Raises `NotFound`."""
    found = people_of([practice.pk]).filter(pk=person.pk).first()
    if found is None:
        raise NotFound("Nobody of that name works at this practice.")
    return found


def staying_admins(practice: Practice) -> QuerySet[User]:
    """The practice admins of whom nobody has said that they leave."""
    staying = Membership.objects.filter(
        practice=practice, role=Role.PRACTICE_ADMIN, ends_at__isnull=True
    )
    return User.objects.filter(is_active=True, memberships__in=staying).distinct()


def keep_an_admin(practice: Practice, *, without: User) -> None:
    """Raise `IllegalMove` where only `without` is a practice admin who stays. Locked before."""
    admins = set(staying_admins(practice).values_list("pk", flat=True))
    if admins == {without.pk}:
        raise IllegalMove(LAST_ADMIN.format(practice=practice.name))


def known_roles(roles: Iterable[str], given: Iterable[Role]) -> set[Role]:
    """The roles, each one that may be given. Raises `BadRecord`, also for none at all."""
    wanted, may = set(roles), set(given)
    if not wanted:
        raise BadRecord("roles", "at least one is needed")
    if unknown := wanted - may:
        names = ", ".join(sorted(str(role).replace("_", " ") for role in unknown))
        raise BadRecord("roles", f"you do not give this one: {names}")
    return {Role(role) for role in wanted}


def give(person: User, practice: Practice, roles: Iterable[str]) -> None:
    """Add these roles, until the day they leave where that is known."""
    leaving = Leaving.objects.filter(
        user=person, practice=practice, done_at=None, withdrawn_at=None
    ).first()
    Membership.objects.bulk_create(
        Membership(
            user=person, practice=practice, role=role, ends_at=leaving.at if leaving else None
        )
        for role in roles
    )


def keys_of(person: User, practice: Practice) -> list[ApiKey]:
    """The keys in force at a practice that somebody made: systems use them, so they go on."""
    made = ApiKey.objects.filter(created_by=person, practices=practice, revoked_at=None)
    return list(made.order_by("name", "pk"))


def invitations_of(maker: User, practice: Practice) -> QuerySet[Invitation]:
    """What somebody offered at a practice and nobody has answered, also where it has lapsed."""
    made = Invitation.objects.filter(made_by=maker, practice=practice, answered_at=None)
    return made.order_by("pk")


def end_invitations(maker: User, practice: Practice, *, by: User | None, reason: str) -> int:
    """Take back what somebody offered who may offer it no longer; how many. Locked before."""
    now = timezone.now()
    ended = list(invitations_of(maker, practice).select_for_update())
    for invitation in ended:
        invitation.answer = Invitation.Answer.WITHDRAWN
        invitation.answered_at, invitation.answered_by = now, by
        invitation.save(update_fields=["answer", "answered_at", "answered_by"])
        audit.record(
            by,
            Event.INVITATION_WITHDRAWN,
            practice_id=practice.pk,
            subject=invitation,
            name=str(invitation),
            roles=list(invitation.roles),
            reason=reason,
        )
    return len(ended)


def register_entry_of(person: User) -> RegisterEntry | None:
    """What is known now of somebody's professional number."""
    return RegisterEntry.objects.filter(user=person).order_by("-pk").first()


def written_name(field: str, name: str) -> str:
    """A name as it is kept, with single spaces. Raises `BadRecord` for one that shows as another.

    Signs that are not seen, or turn what follows around, are refused, and letters of two alphabets,
    some of which look the same.
    """
    name = " ".join(name.split())
    if any(unicodedata.category(sign)[0] == "C" for sign in name):
        raise BadRecord(field, "has a sign that cannot be seen: type it anew")
    alphabets = {
        alphabet
        for sign in name
        if sign.isalpha() and (alphabet := unicodedata.name(sign, "").split(" ")[0]) in ALPHABETS
    }
    if len(alphabets) > 1:
        raise BadRecord(field, "has letters of more than one alphabet")
    return name


def written_number(register: str, number: str) -> tuple[str, str]:
    """A register and a number as they are kept; both or neither. Raises `BadRecord`."""
    register, number = written_name("register", register), written_name("number", number)
    if bool(register) != bool(number):
        raise BadRecord(
            "number" if register else "register", "is needed: a number is of some register"
        )
    for field, value in (("register", register), ("number", number)):
        if len(value) > 40:
            raise BadRecord(field, "is longer than 40 characters")
    return register, number


def mail(
    to: str, subject: str, template: str, context: dict[str, object], *, practice: Practice
) -> bool:
    """Send a mail whose links begin with the address of the portal; whether it went out.

    Times in it are those of the practice, as on its pages. No mail is worth a change that was made:
    where the server does not answer, the log says so.
    """
    with timezone.override(practice.zone):
        text = render_to_string(
            template, {**context, "practice": practice, "portal": settings.PORTAL_URL}
        )
    try:
        return bool(EmailMessage(subject, text, to=[to]).send())
    except (OSError, SMTPException) as error:
        log.warning("mail_not_sent", template=template, error=type(error).__name__)
        return False


def tell_admins(practice: Practice, *, of: User, except_for: Iterable[User | None]) -> None:
    """Tell the other practice admins, after the commit, that somebody is one from now on."""
    known = {user.pk for user in except_for if user is not None}
    admins = [user for user in staying_admins(practice) if user.pk not in known and user.email]
    for admin in admins:
        transaction.on_commit(
            partial(
                mail,
                admin.email,
                f"A practice admin more at {practice.name}",
                "reviews/people/admin_added.txt",
                {"person": named(of)},
                practice=practice,
            )
        )
