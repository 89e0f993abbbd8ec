"""What the commands on people share: a practice and a person by name, and an answer on stdout."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.models import User
from django.core.management.base import CommandError

from reviews.errors import DomainError
from reviews.models import Practice, Role
from reviews.verbs.invitations import Invited

GIVEN = [role.value for role in Role if not role.value.endswith("_client")]
"""The roles of people, as they are written in a command."""


@contextmanager
def refusals() -> Iterator[None]:
    """A refusal of a verb is what the command says on standard error."""
    try:
        yield
    except DomainError as error:
        raise CommandError(error.message) from error


def practice_of(code: str) -> Practice:
    found = Practice.objects.filter(code=code).first()
    if found is None:
        known = ", ".join(Practice.objects.order_by("code").values_list("code", flat=True))
        raise CommandError(f"There is no practice “{code}”. Known: {known or 'none yet'}.")
    return found


def person_of(username: str) -> User:
    found = User.objects.filter(username__iexact=username).first()
    if found is None:
        raise CommandError(f"There is no user “{username}”.")
    return found


def answer_of(invited: Invited) -> str:
    """The one line that a script reads: where to go with which code, and until when."""
    return f"{invited.link}  until {invited.invitation.ends_at.isoformat(timespec='minutes')}"
