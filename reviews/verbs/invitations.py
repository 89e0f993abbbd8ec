"""Invitation verbs: invite somebody to a practice by mail or by a printed code, and accept.

A code is random, works once and until a day, and is kept as a hash, so that whoever reads the
database cannot use it. It has 100 bits: nobody finds one by trying.
"""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.validators import ASCIIUsernameValidator
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from reviews import access, audit, staff, walls
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, IllegalMove, NotAllowed, NotFound
from reviews.models import Invitation, Membership, Practice, RegisterEntry, Role, named

DAYS = 7
MOST_DAYS = 30
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Neither I nor 1, neither O nor 0: a code is typed from paper."""
GROUPS, GROUP = 4, 5
FIRST_ROLES = (Role.CLINICIAN, Role.REVIEWER, Role.FORMULARY_ADMIN)
"""What the first practice admin of a portal may be as well: nobody else can give it to them."""
LOOKALIKES = str.maketrans("01i", "oll", ".+-_")
RESERVED = ("client-", "import-")
"""What user names of systems begin with."""
NO_SUCH_CODE = (
    "This code is not known, was used already, or has ended. Ask whoever gave it to you for a "
    "new one."
)


class Invited(NamedTuple):
    """An invitation with its code, which is known only here, and whether it went out by mail."""

    invitation: Invitation
    code: str
    link: str
    mailed: bool


def invite(
    *,
    practice: Practice,
    family_name: str,
    given_name: str = "",
    email: str = "",
    roles: Iterable[str],
    register: str = "",
    number: str = "",
    days: int = DAYS,
    by: User | None,
) -> Invited:
    """Invite somebody to work at a practice; with an `email` the code goes there.

    `by` gives only the roles that `access.GIVES` lets them. Raises `BadRecord`, `NotAllowed`.
    """
    code = _new_code()
    with transaction.atomic():
        locked = staff.enter(practice, Action.INVITE, by)
        wanted = staff.known_roles(roles, access.gives(by, locked))
        family_name = staff.written_name("family_name", family_name)
        given_name = staff.written_name("given_name", given_name)
        if not family_name or len(family_name) > 150 or len(given_name) > 150:
            raise BadRecord("family_name", "is needed; names have at most 150 characters")
        email = _an_address(email)
        register, number = staff.written_number(register, number)
        if email and _open(locked).filter(email__iexact=email).exists():
            raise BadRecord("email", "is invited already: make a new code for that invitation")
        if email and staff.people_of([locked.pk]).filter(email__iexact=email).exists():
            raise BadRecord("email", "is of somebody who works here already: change their roles")
        invitation = Invitation.objects.create(
            practice=locked,
            given_name=given_name,
            family_name=family_name,
            email=email,
            roles=sorted(wanted),
            register=register,
            number=number,
            code_hash=_hash(code),
            made_by=by,
            ends_at=timezone.now() + _lasting(days),
        )
        _record(by, Event.PERSON_INVITED, invitation, mailed=bool(email))
    return _told(invitation, code)


def renew(*, invitation: Invitation, days: int = DAYS, by: User | None) -> Invited:
    """Make a new code for an invitation that nobody has answered; the one before ends."""
    code = _new_code()
    with transaction.atomic():
        locked = _unanswered(invitation, by)
        # Roles that `by` may not give are not given by renewing what another had offered.
        staff.known_roles(locked.roles, access.gives(by, locked.practice))
        if not _still_given(locked):
            raise IllegalMove(
                "Whoever made this invitation may not give these roles any more. Take it back and "
                "invite anew."
            )
        locked.code_hash = _hash(code)
        locked.ends_at = timezone.now() + _lasting(days)
        locked.save(update_fields=["code_hash", "ends_at"])
        _record(by, Event.INVITATION_RENEWED, locked, mailed=bool(locked.email))
    return _told(locked, code)


@transaction.atomic
def withdraw(*, invitation: Invitation, by: User | None) -> Invitation:
    """Take an invitation back: its code works no longer. Raises `NotAllowed` for roles that are not
    `by`'s to end.
    """
    locked = _unanswered(invitation, by)
    if set(locked.roles) - access.ends(by, locked.practice):
        raise NotAllowed("You do not take back an invitation to roles that you do not give.")
    locked.answer = Invitation.Answer.WITHDRAWN
    locked.answered_at, locked.answered_by = timezone.now(), by
    locked.save(update_fields=["answer", "answered_at", "answered_by"])
    _record(by, Event.INVITATION_WITHDRAWN, locked)
    return locked


def of_code(code: str) -> Invitation:
    """The invitation that a code opens. Raises `NotFound`, the same whatever is wrong with it.

    It is good as long as whoever made it may give each of its roles.
    """
    invitation = (
        Invitation.objects.select_related("practice", "made_by")
        .filter(code_hash=_hash(code), answered_at=None, ends_at__gt=timezone.now())
        .first()
    )
    if invitation is None or not _still_given(invitation):
        raise NotFound(NO_SUCH_CODE)
    return invitation


def account_of(invitation: Invitation) -> User | None:
    """Whose account has the address that the invitation went to."""
    if not invitation.email:
        return None
    return User.objects.filter(email__iexact=invitation.email, is_active=True).first()


def former_account_of(invitation: Invitation) -> User | None:
    """The account that was blocked when somebody with this address left."""
    if not invitation.email:
        return None
    return (
        User.objects.filter(email__iexact=invitation.email, is_active=False)
        .filter(leavings__done_at__isnull=False)
        .order_by("-pk")
        .first()
    )


@transaction.atomic
def accept(
    *,
    code: str,
    username: str,
    given_name: str,
    password: str,
    email: str = "",
) -> User:
    """Make the account of whoever has the code: they choose given name, user name and password.

    The family name is that of the invitation, so that nobody takes the name of a colleague.
    The address that the code went to is theirs, and proven; another is only what they say. Who left
    and comes back under the same address gets the account that they had, with its user name and
    its second factor. Raises `NotFound` for a code that is no good, `BadRecord`.
    """
    invitation = _to_accept(code)
    if account_of(invitation):
        raise IllegalMove("Somebody with this address has an account. Sign in, then accept.")
    person = former_account_of(invitation)
    new = person is None
    if person is None:
        address = invitation.email or _an_address(email)
        _free_address(address)
        person = User(username=_a_username(username), email=address)
    person.is_active = True
    person.first_name = staff.written_name("given_name", given_name)
    person.last_name = invitation.family_name
    if len(person.first_name) > 150:
        raise BadRecord("given_name", "has more than 150 characters")
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise BadRecord("password", " ".join(error.messages)) from error
    person.set_password(password)
    try:
        with transaction.atomic():
            person.save()
    except IntegrityError as error:
        raise BadRecord("username", "is taken: choose another") from error
    if new and person.email:
        EmailAddress.objects.create(
            user=person, email=person.email, primary=True, verified=bool(invitation.email)
        )
    _let_in(invitation, person, new=new)
    return person


@transaction.atomic
def accept_as(*, code: str, by: User) -> User:
    """Accept as somebody who has an account already, and is signed in.

    Raises `NotFound`, and `NotAllowed` for what `not_for` says.
    """
    invitation = _to_accept(code)
    if reason := not_for(invitation, by):
        raise NotAllowed(reason)
    _let_in(invitation, by, new=False)
    access.forget(by)
    return by


def not_for(invitation: Invitation, by: User) -> str:
    """Why somebody who is signed in cannot accept an invitation; empty where they can.

    Nobody accepts what they offered themselves, nor what went to the address of another.
    """
    if by.pk in staff.behind(invitation.made_by):
        return "You made this invitation, so you cannot accept it."
    if not by.is_active or (invitation.email and invitation.email.lower() != by.email.lower()):
        return "This invitation went to another address than that of your account."
    return ""


def _to_accept(code: str) -> Invitation:
    """The invitation of a code, behind the lock of its practice: looked up anew after waiting."""
    practice = of_code(code).practice
    Practice.objects.select_for_update(no_key=True).get(pk=practice.pk)
    return of_code(code)


def _let_in(invitation: Invitation, person: User, *, new: bool) -> None:
    practice = invitation.practice
    held = Membership.objects.filter(user=person, practice=practice)
    if held.filter(ends_at__lte=timezone.now()).exists():
        raise IllegalMove("Your work here ended a moment ago. Accept in ten minutes.")
    staff.give(person, practice, set(invitation.roles) - set(held.values_list("role", flat=True)))
    known = staff.register_entry_of(person)
    if invitation.number and (known is None or known.number != invitation.number):
        RegisterEntry.objects.create(
            user=person,
            practice=practice,
            register=invitation.register,
            number=invitation.number,
            status=RegisterEntry.Status.UNCHECKED,
        )
    invitation.answer = Invitation.Answer.ACCEPTED
    invitation.answered_at, invitation.answered_by = timezone.now(), person
    invitation.save(update_fields=["answer", "answered_at", "answered_by"])
    # Until now they saw nothing of this practice, and may not even be signed in.
    with walls.seeing(walls.of([practice.pk])):
        _record(person, Event.INVITATION_ACCEPTED, invitation, new=new)
    if Role.PRACTICE_ADMIN in invitation.roles:
        staff.tell_admins(practice, of=person, except_for=[invitation.made_by, person])


def _still_given(invitation: Invitation) -> bool:
    return access.gives(invitation.made_by, invitation.practice).issuperset(invitation.roles)


def _unanswered(invitation: Invitation, by: User | None) -> Invitation:
    staff.enter(invitation.practice, Action.INVITE, by)
    locked = Invitation.objects.select_for_update().select_related("practice").get(pk=invitation.pk)
    if locked.answered_at is not None:
        raise IllegalMove(f"This invitation was {locked.get_answer_display().lower()} already.")
    return locked


def _open(practice: Practice) -> QuerySet[Invitation]:
    return Invitation.objects.filter(
        practice=practice, answered_at=None, ends_at__gt=timezone.now()
    )


def _told(invitation: Invitation, code: str) -> Invited:
    """Send the mail, after the commit: nobody gets a code that was never kept."""
    link = f"{settings.PORTAL_URL}{reverse('join')}?{urlencode({'code': code})}"
    mailed = bool(invitation.email) and staff.mail(
        invitation.email,
        f"You are invited to the Prescription Safety Portal of {invitation.practice.name}",
        "reviews/people/invitation.txt",
        {"invitation": invitation, "by": named(invitation.made_by), "link": link},
        practice=invitation.practice,
    )
    return Invited(invitation, code, link, mailed)


def _record(by: User | None, event: Event, invitation: Invitation, **detail: Any) -> None:
    if event in (Event.PERSON_INVITED, Event.INVITATION_RENEWED):
        detail["ends_at"] = invitation.ends_at.isoformat()
    audit.record(
        by,
        event,
        practice_id=invitation.practice_id,
        subject=invitation,
        name=str(invitation),
        roles=list(invitation.roles),
        **detail,
    )


def _new_code() -> str:
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP)) for _ in range(GROUPS))
    return "-".join(groups)


def _hash(code: str) -> str:
    """The hash of a code, however it was typed: spaces, hyphens and small letters count nothing."""
    compact = "".join(letter for letter in code.upper() if letter.isalnum())
    return hashlib.sha256(compact.encode(errors="surrogatepass")).hexdigest()


def _lasting(days: int) -> timedelta:
    if not 1 <= days <= MOST_DAYS:
        raise BadRecord("days", f"must be from 1 to {MOST_DAYS}")
    return timedelta(days=days)


def _an_address(email: str) -> str:
    """A mail address without spaces around it; empty for none. Raises `BadRecord`."""
    email = email.strip()
    if not email:
        return ""
    try:
        validate_email(email)
    except ValidationError as error:
        raise BadRecord("email", "is no mail address") from error
    if len(email) > 254:
        raise BadRecord("email", "is longer than 254 characters")
    return email


def _free_address(email: str) -> None:
    """Raise `BadRecord` for an address that another account signs in with."""
    if email and (
        User.objects.filter(email__iexact=email).exists()
        or EmailAddress.objects.filter(email__iexact=email).exists()
    ):
        raise BadRecord("email", "is that of another account")


def _a_username(username: str) -> str:
    """A user name that nobody has, nor one that looks so, and that is nobody's address nor a
    system's.
    """
    username = username.strip()
    try:
        ASCIIUsernameValidator()(username)
    except ValidationError as error:
        raise BadRecord("username", "has letters, digits and . + - _ only") from error
    if "@" in username or len(username) > 150 or username.lower().startswith(RESERVED):
        raise BadRecord("username", "cannot be this one: choose another")
    if User.objects.filter(username__iexact=username).exists():
        raise BadRecord("username", "is taken: choose another")
    seen = _as_seen(username)
    if any(_as_seen(known) == seen for known in User.objects.values_list("username", flat=True)):
        raise BadRecord("username", "looks like that of somebody else: choose another")
    return username


def _as_seen(username: str) -> str:
    """A user name as a hasty eye reads it: 0 is o, 1 and i are l, and signs are nothing."""
    return username.lower().translate(LOOKALIKES)
