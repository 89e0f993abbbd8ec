"""How systems with a token call, for every edge that takes tokens, and how often anybody may."""

from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from reviews import access
from reviews.verbs import tokens
from reviews.verbs.tokens import Grant

REALM = 'Bearer realm="Prescription Safety Portal"'


class Token(BaseAuthentication):
    """`Authorization: Bearer <token>`, a token of `/token`.

    `request.user` is the service user of the client, `request.auth` a `Grant`: its `scopes` say
    what of its practices' records it may read and write. A caller without the header is nobody.
    """

    def authenticate(self, request: Request) -> tuple[User, Grant] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        grant = tokens.recognise(token.strip())
        if grant is None:
            raise InvalidToken
        access.let_see(grant.client.user)
        return grant.client.user, grant

    def authenticate_header(  # pyright: ignore[reportIncompatibleMethodOverride] - the base has none
        self, request: Request
    ) -> str:
        return (
            REALM if "Authorization" not in request.headers else f'{REALM}, error="invalid_token"'
        )


class InvalidToken(AuthenticationFailed):
    """The token is of nobody, over, or its client was withdrawn."""

    default_detail = "This token is not known, or it is over."
    default_code = "invalid_token"
