"""Who calls: a client system by its bearer key, or a signed-in person who only reads."""

from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from reviews import access
from reviews.models import ApiKey
from reviews.verbs import clients


class Bearer(BaseAuthentication):
    """`Authorization: Bearer <key>`. `request.auth` is the key, `request.user` its service user."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        secret = secret.strip()
        key = clients.authenticate(secret) if secret.isascii() and secret.isprintable() else None
        if key is None:
            raise AuthenticationFailed("This key is not known, or it was revoked.")
        access.let_see(key.user)
        return key.user, key

    def authenticate_header(  # pyright: ignore[reportIncompatibleMethodOverride] - the base has none
        self, request: Request
    ) -> str:
        return 'Bearer realm="Prescription Safety Portal"'


class Session(SessionAuthentication):
    """The session of somebody who is signed in to the portal."""


class Known(BasePermission):
    """Anybody who is known. What they may see is decided where each list starts."""

    def has_permission(  # pyright: ignore[reportIncompatibleMethodOverride] - the base says yes
        self, request: Request, view: APIView
    ) -> bool:
        return bool(request.user and request.user.is_authenticated)
