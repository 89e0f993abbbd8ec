"""Whether a caller may do something with resources of a type, and within which bounds."""

from http import HTTPStatus
from typing import Any, Literal

from rest_framework.request import Request

from reviews import access
from reviews.errors import NotAllowed
from reviews.fhir_api.outcomes import Refused

Letter = Literal["c", "r", "u", "d", "s"]
"""Create, read, update, delete, search: as scopes of SMART write them."""
Bounds = tuple[tuple[tuple[str, str], ...], ...]
"""Alternatives, each of (search parameter, value) pairs that all must hold; empty: no bounds."""


def require(request: Request, type_name: str, letter: Letter) -> Bounds:
    """The bounds within which the caller may; raises `Refused` or `NotAllowed` where they may not.

    A caller needs both: the role, which the table of `access` gives, and where it has scopes, one
    of them.
    """
    found = within(request, type_name, letter)
    if found is None:
        scope = f"system/{type_name}.{letter}"
        raise Refused(
            HTTPStatus.FORBIDDEN,
            f"The scopes of this token do not reach so far: {scope} is needed.",
            headers={
                "WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"',
            },
        )
    actions = access.FHIR[type_name]
    if letter in "rs" and not any(access.practice_ids(request.user, each) for each in actions):
        raise NotAllowed(f"You may not {actions[0]} anywhere.", action=actions[0].name.lower())
    return found


def within(request: Request, type_name: str, letter: Letter) -> Bounds | None:
    """The bounds that the scopes of the caller set; None where they do not reach the type at all.

    A key that has no scopes may what its role may.
    """
    scopes: Any = getattr(request.auth, "scopes", None)
    return () if scopes is None else scopes.bounds(type_name, letter)


def may_see(request: Request, type_name: str) -> bool:
    """Whether the role of the caller sees resources of a type anywhere."""
    return any(access.practice_ids(request.user, each) for each in access.FHIR[type_name])
