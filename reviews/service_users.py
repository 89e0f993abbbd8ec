"""The users as whom systems act: they sign in nowhere, and memberships say how far they go."""

from collections.abc import Iterable

from django.contrib.auth.models import User

from reviews.errors import BadRecord
from reviews.models import Membership, Practice, Role
from reviews.records import PORTAL


def check_source(source_system: str) -> None:
    """Raise `BadRecord` for what no record may be marked with."""
    fits = source_system.isascii() and 0 < len(source_system) <= 60
    if not (fits and source_system.replace("-", "").replace("_", "").isalnum()):
        raise BadRecord("source_system", "is needed: letters, digits, hyphens, at most 60")
    if source_system == PORTAL:
        raise BadRecord("source_system", f"“{PORTAL}” means the portal's own forms")


def make(
    username: str,
    name: str,
    practices: Iterable[Practice],
    role: Role = Role.INTEGRATION_CLIENT,
) -> User:
    """The service user of that name, made where there is none, with the role at these practices."""
    user, made = User.objects.get_or_create(username=username, defaults={"last_name": name})
    if made:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    for practice in practices:
        Membership.objects.get_or_create(user=user, practice=practice, role=role)
    return user
