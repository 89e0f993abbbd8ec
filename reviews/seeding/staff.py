"""Demo staff, with passwords made for this installation and kept beside its other secrets."""

import json
import os
import secrets
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from reviews.models import Membership, Practice, RegisterEntry, SecondFactor
from reviews.seeding.surgeries import PRACTICES, STAFF, clinicians
from reviews.verbs import registers

CHECKED_BY = "maeve"
CONSONANTS, VOWELS = "bdfghjklmnprstvz", "aeiou"


def employ() -> tuple[dict[str, Practice], dict[str, list[int]], dict[str, str]]:
    """Make the practices and their staff, each with a new password.

    Returns `({practice code: practice}, {practice code: ids of its clinicians}, {user: password})`.
    """
    practices = {
        # Whoever tries the portal out has a password for each of them, and no telephone.
        demo.code: Practice.objects.create(
            code=demo.code,
            name=demo.name,
            profile=demo.profile,
            telephone=demo.telephone,
            second_factor=SecondFactor.OPTIONAL,
        )
        for demo in PRACTICES
    }
    users, passwords = {}, {}
    for member in STAFF:
        passwords[member.username] = password()
        user = users[member.username] = User(
            username=member.username,
            first_name=member.first_name,
            last_name=member.last_name,
            email=f"{member.username}@demo.example",
        )
        user.set_password(passwords[member.username])
        user.save()
        Membership.objects.bulk_create(
            Membership(user=user, practice=practices[code], role=role)
            for code, roles in member.roles.items()
            for role in roles
        )
    _register(users)
    doctors = {code: [users[username].pk for username in clinicians(code)] for code in practices}
    return practices, doctors, passwords


def _register(users: dict[str, User]) -> None:
    """Give professionals a number that the practice admin has checked."""
    for member in STAFF:
        if member.checked_days_ago is not None:
            registers.record(
                person=users[member.username],
                practice=Practice.objects.get(code=next(iter(member.roles))),
                register=member.register,
                number=member.number,
                status=RegisterEntry.Status.REGISTERED,
                checked_on=timezone.localdate() - timedelta(days=member.checked_days_ago),
                by=users[CHECKED_BY],
            )


def password() -> str:
    """Six syllables and a number: about 51 bits, and it can be typed from paper."""
    words = (
        "".join(secrets.choice(CONSONANTS) + secrets.choice(VOWELS) for _ in range(3))
        for _ in range(2)
    )
    return f"{'-'.join(words)}-{secrets.randbelow(9000) + 1000}"


def remember(passwords: dict[str, str]) -> None:
    """Keep the passwords where only the owner of this installation reads them (mode 0600)."""
    file = settings.DEMO_SIGN_INS
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        json.dump(passwords, out, indent=2)
    draft.replace(file)


def remembered() -> dict[str, str]:
    """`{username: password}` of this installation; empty where nothing was seeded."""
    file = settings.DEMO_SIGN_INS
    return json.loads(file.read_text()) if file.exists() else {}
