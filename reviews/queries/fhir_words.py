"""What resources of several types say in the same way: codes, people, sources."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User

from reviews.fhir.render import elements
from reviews.fhir.render.elements import Json
from reviews.models import MACHINES, Membership, named
from reviews.records import SYSTEMS

URIS: dict[str, str] = {short: uri for uri, short in SYSTEMS.items()}
"""The address of each system that has a short name here."""


def codings(kept: Iterable[dict[str, Any]]) -> tuple[Json, ...]:
    """Codes as they are kept in a row, as FHIR has them."""
    return tuple(
        elements.coding(
            URIS.get(one["system"]) or one["system"], one["code"], one.get("display", "")
        )
        for one in kept
    )


def machines(users: Iterable[int | None]) -> frozenset[int]:
    """Which of these users are systems, that no Practitioner is of."""
    return frozenset(
        Membership.objects.filter(
            user__in={pk for pk in users if pk}, role__in=MACHINES
        ).values_list("user_id", flat=True)
    )


def somebody(user: User | None, systems: frozenset[int]) -> Json:
    """A reference to a person of the staff; of a system, and of the portal, the name alone."""
    if user is None:
        return {}
    if user.pk in systems:
        return elements.named(named(user))
    return elements.reference("Practitioner", user.pk, named(user))
