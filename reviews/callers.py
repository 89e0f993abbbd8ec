"""Who calls: a client system by its key or a token, or a signed-in person who only reads."""

from collections.abc import Iterable
from http import HTTPStatus

from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from reviews import access, refused
from reviews.models import ApiKey
from reviews.refused import Fault, Surface
from reviews.verbs import clients, tokens
from reviews.verbs.tokens import Grant

REALM = 'Bearer realm="Prescription Safety Portal"'


class InvalidToken(AuthenticationFailed):
    """The token is of nobody, over, or its client was withdrawn."""

    default_detail = "This token is not known, or it is over."
    default_code = "invalid_token"


class _ByHeader(BaseAuthentication):
    """`Authorization: Bearer ...`. A caller without the header is nobody."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey | Grant] | None:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        return self.known(secret.strip()) if scheme.lower() == "bearer" else None

    def known(self, secret: str) -> tuple[User, ApiKey | Grant]:
        """Whose secret it is. Raises `AuthenticationFailed`."""
        raise NotImplementedError

    def authenticate_header(  # pyright: ignore[reportIncompatibleMethodOverride] - the base has none
        self, request: Request
    ) -> str:
        said = "Authorization" in request.headers
        return f'{REALM}, error="invalid_token"' if said else REALM


class Bearer(_ByHeader):
    """A key. `request.auth` is the key, `request.user` its service user."""

    def known(self, secret: str) -> tuple[User, ApiKey]:
        key = clients.authenticate(secret) if secret.isascii() and secret.isprintable() else None
        if key is None:
            raise AuthenticationFailed("This key is not known, or it was revoked.")
        access.let_see(key.user)
        return key.user, key


class Token(_ByHeader):
    """A token of `/token`.

    `request.user` is the service user of the client, `request.auth` a `Grant`: its `scopes` say
    what of its practices' records it may read and write.
    """

    def known(self, secret: str) -> tuple[User, Grant]:
        grant = tokens.recognise(secret)
        if grant is None:
            raise InvalidToken
        access.let_see(grant.client.user)
        return grant.client.user, grant


class KeyOrToken(_ByHeader):
    """A token where it looks like one, else a key."""

    def known(self, secret: str) -> tuple[User, ApiKey | Grant]:
        way = Token() if secret.startswith(tokens.PREFIX) else Bearer()
        return way.known(secret)


class Session(SessionAuthentication):
    """The session of somebody who is signed in to the portal."""


class Known(BasePermission):
    """Anybody who is known. What they may see is decided where each list starts."""

    def has_permission(  # pyright: ignore[reportIncompatibleMethodOverride] - the base says yes
        self, request: Request, view: APIView
    ) -> bool:
        return bool(request.user and request.user.is_authenticated)


TOLD = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.CONFLICT,
        HTTPStatus.LENGTH_REQUIRED,
        HTTPStatus.PRECONDITION_FAILED,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
"""Refusals that whoever looks after a system should know of: it sent what is not taken. That
something is not there is no fault of one that reads."""
TOO_OFTEN = Fault("", "It asked more often than it may.")


def tell_refused(
    request: Request, surface: Surface, status: int, said: Iterable[tuple[str, str]]
) -> None:
    """Keep that a request of a system was refused; `said` are pairs of (where, why).

    Nobody is known where the proof of who asks was refused, and a person sees the answer.
    """
    user, auth = getattr(request, "_user", None), getattr(request, "_auth", None)
    missed = status == HTTPStatus.NOT_FOUND and request.method not in SAFE_METHODS
    if auth is None or not isinstance(user, User) or not (status in TOLD or missed):
        return
    record = f"{request.method} {request.path}"
    faults = [Fault(where, why, record) for where, why in said]
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        faults = [TOO_OFTEN._replace(record=record)]
    refused.keep(user, surface, faults)
