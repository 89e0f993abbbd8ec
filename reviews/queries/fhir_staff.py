"""Those who work at practices, and the practices, by FHIR.

Nobody keeps when a name or a role changed last, so that their version is a digest of what is said,
and no time is told.
"""

import hashlib
from collections.abc import Mapping, Sequence

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.utils import timezone

from reviews.fhir.render import people
from reviews.fhir.render.elements import OURS, Json
from reviews.fhir.render.paths import REFERENCE, STRING, TOKEN, Definition
from reviews.models import MACHINES, Leaving, Membership, Practice, RegisterEntry, Role, named
from reviews.queries import fhir_finders as find
from reviews.queries.fhir_source import Kind, Source, Viewer
from reviews.queries.fhir_values import Token


def _digest(*values: object) -> int:
    return int.from_bytes(hashlib.blake2b(repr(values).encode(), digest_size=6).digest())


class Practitioners(Source[User]):
    """People who work, or worked, at one of the practices."""

    changed = ""
    patient = ""

    def rows(self) -> QuerySet[User]:
        return User.objects.prefetch_related(
            Prefetch("register_entries", queryset=RegisterEntry.objects.order_by("-pk"))
        )

    def visible(self, rows: QuerySet[User], viewer: Viewer, practices: list[int]) -> QuerySet[User]:
        held = Membership.objects.filter(user=OuterRef("pk"), practice__in=practices)
        left = Leaving.objects.filter(user=OuterRef("pk"), practice__in=practices)
        return rows.filter(Exists(held.exclude(role__in=MACHINES)) | Exists(left))

    def finders(self) -> Mapping[str, find.Finder]:
        return {
            "identifier": _register,
            "family": find.begins("last_name"),
            "given": find.begins("first_name"),
            "name": find.begins("first_name", "last_name"),
            "active": _active,
        }

    def number(self, row: User) -> int:
        return _digest(_staff(row))

    def resources(self, rows: Sequence[User], viewer: Viewer) -> list[Json]:
        return [people.practitioner(_staff(row)) for row in rows]


def _staff(row: User) -> people.Staff:
    newest = list(row.register_entries.all())[:1]
    return people.Staff(
        row.last_name,
        row.first_name,
        row.username,
        row.is_active,
        tuple((one.register, one.number) for one in newest),
    )


def _register(token: Token) -> Q:
    entries = RegisterEntry.objects.all()
    if token.code:
        entries = entries.filter(number=token.code)
    if token.system is not None:
        if not token.system.startswith(f"{OURS}register:"):
            return find.NOTHING
        entries = entries.filter(register=token.system.removeprefix(f"{OURS}register:"))
    return Q(pk__in=entries.values("user_id"))


def _active(token: Token) -> Q:
    if token.code not in ("true", "false") or token.system:
        return find.NOTHING
    return Q(is_active=token.code == "true")


class Posts(Source[Membership]):
    """Roles of people at practices."""

    changed = ""
    patient = ""

    def rows(self) -> QuerySet[Membership]:
        return Membership.objects.exclude(role__in=MACHINES).select_related("user", "practice")

    def finders(self) -> Mapping[str, find.Finder]:
        return {
            "practitioner": find.row("user_id", "Practitioner"),
            "organization": find.row("practice_id", "Organization"),
            "role": find.column("role", f"{OURS}role"),
        }

    def number(self, row: Membership) -> int:
        return _digest(_post(row))

    def resources(self, rows: Sequence[Membership], viewer: Viewer) -> list[Json]:
        return [people.practitioner_role(_post(row)) for row in rows]


def _post(row: Membership) -> people.Post:
    in_force = row.ends_at is None or row.ends_at > timezone.now()
    return people.Post(
        row.user_id,
        named(row.user),
        row.practice_id,
        row.practice.name,
        (row.role, Role(row.role).label),
        active=in_force and row.user.is_active,
        ends_at=row.ends_at,
    )


class Places(Source[Practice]):
    """Practices."""

    changed = ""
    patient = ""

    def rows(self) -> QuerySet[Practice]:
        return Practice.objects.all()

    def visible(
        self, rows: QuerySet[Practice], viewer: Viewer, practices: list[int]
    ) -> QuerySet[Practice]:
        return rows.filter(pk__in=practices)

    def finders(self) -> Mapping[str, find.Finder]:
        return {
            "identifier": find.column("code", f"{OURS}practice"),
            "name": find.begins("name"),
            "active": find.always("true"),
        }

    def number(self, row: Practice) -> int:
        return _digest(_place(row))

    def resources(self, rows: Sequence[Practice], viewer: Viewer) -> list[Json]:
        return [people.organization(_place(row)) for row in rows]


def _place(row: Practice) -> people.Place:
    return people.Place(row.code, row.name, row.address, row.country_name, row.telephone, row.email)


PRACTITIONER = Kind(
    "Practitioner",
    {
        "identifier": Definition(TOKEN, "identifier"),
        "family": Definition(STRING, "name.family"),
        "given": Definition(STRING, "name.given"),
        "name": Definition(STRING, "name.family|name.given|name.text"),
        "active": Definition(TOKEN, "active"),
    },
    (Practitioners(),),
    kept=True,
    summary=("identifier", "active", "name", "telecom", "address", "gender", "birthDate"),
)
PRACTITIONER_ROLE = Kind(
    "PractitionerRole",
    {
        "practitioner": Definition(REFERENCE, "practitioner", ("Practitioner",)),
        "organization": Definition(REFERENCE, "organization", ("Organization",)),
        "role": Definition(TOKEN, "code"),
    },
    (Posts(),),
    kept=True,
    summary=("identifier", "active", "period", "practitioner", "organization", "code"),
)
ORGANIZATION = Kind(
    "Organization",
    {
        "identifier": Definition(TOKEN, "identifier"),
        "name": Definition(STRING, "name"),
        "active": Definition(TOKEN, "active"),
    },
    (Places(),),
    kept=True,
    summary=("identifier", "active", "type", "name", "partOf", "endpoint"),
)
