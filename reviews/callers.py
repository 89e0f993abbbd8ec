"""Who calls: a client system by its key or a token, or a signed-in person who only reads."""

from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from reviews import access
from reviews.models import ApiKey
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
