"""The two addresses of SMART Backend Services. Errors are those of RFC 6749, in JSON."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from django.http import JsonResponse
from django.urls import reverse
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.views import APIView

from reviews import jwts, scopes
from reviews.limits import Tokens
from reviews.verbs import tokens
from reviews.verbs.tokens import ASSERTION_TYPE, GRANT, Denied

FORM = "application/x-www-form-urlencoded"
MOST_BYTES = 64 * 1024
MOST_FIELDS = 50
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
NEEDED = ("grant_type", "scope", "client_assertion_type", "client_assertion")


class Configuration(APIView):
    """How a client gets a token: told to anybody, and as JSON whatever is asked for."""

    authentication_classes = []
    permission_classes = []
    throttle_classes = []
    schema = None

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        return self.get_renderers()[0], "application/json"

    def get(self, request: Request) -> JsonResponse:
        configuration = {
            "token_endpoint": token_url(request),
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": [*jwts.ALGORITHMS],
            "grant_types_supported": [GRANT],
            "scopes_supported": scopes_supported(),
            "response_types_supported": ["token"],
            "code_challenge_methods_supported": ["S256"],
            "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
        }
        answer = JsonResponse(configuration)
        # Pages of other sites may read it: it says nothing of anybody.
        answer["Access-Control-Allow-Origin"] = "*"
        return answer


class Token(APIView):
    """A signed statement in, a token out: a form of RFC 6749."""

    authentication_classes = []
    permission_classes = []
    throttle_classes = [Tokens]
    schema = None

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        return self.get_renderers()[0], "application/json"

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], JsonResponse | None]:
        return _refused

    def post(self, request: Request) -> JsonResponse:
        given = _form(request)
        if given.get("grant_type", "") != GRANT and "grant_type" in given:
            raise Denied("unsupported_grant_type", f"grant_type: only {GRANT} is supported")
        for name in NEEDED:
            if not given.get(name):
                raise Denied("invalid_request", f"{name}: is needed")
        if given["client_assertion_type"] != ASSERTION_TYPE:
            raise Denied("invalid_request", f"client_assertion_type: must be {ASSERTION_TYPE}")
        issued = tokens.issue(
            assertion=given["client_assertion"],
            scope=given["scope"],
            audience=token_url(request),
        )
        return JsonResponse(
            {
                "access_token": issued.token,
                "token_type": "bearer",  # nosec B105
                "expires_in": issued.seconds,
                "scope": str(issued.scopes),
            },
            headers=NO_STORE,
        )


def token_url(request: Request) -> str:
    """The address for which statements are made."""
    return request.build_absolute_uri(reverse("smart-token"))


def scopes_supported() -> list[str]:
    """Scopes that a client can be given, each in the form of both versions."""
    types = [scopes.ANY_TYPE, *sorted(scopes.LIMITED_BY)]
    return [
        f"{scopes.SYSTEM}/{kind}.{letters}" for kind in types for letters in ("rs", "cruds", "read")
    ]


def _form(request: Request) -> dict[str, str]:
    """The fields of the form, each given once. Raises `Denied`."""
    if (request.content_type or "").partition(";")[0].strip().lower() != FORM:
        raise Denied("invalid_request", f"The body must be {FORM}.")
    length = request.headers.get("Content-Length", "")
    if not length.isdigit() or int(length) > MOST_BYTES:
        raise Denied("invalid_request", f"The body has a length, of at most {MOST_BYTES} bytes.")
    try:
        pairs = parse_qsl(
            request.body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            max_num_fields=MOST_FIELDS,
        )
    except ValueError as error:
        raise Denied("invalid_request", "The body is no form.") from error
    given = dict(pairs)
    if len(given) < len(pairs):
        raise Denied("invalid_request", "A field of the form is given twice.")
    return given


def _refused(error: Exception, context: dict[str, Any]) -> JsonResponse | None:
    """What RFC 6749 says of a refusal; None for the unexpected."""
    if isinstance(error, Denied):
        status = 401 if error.error == "invalid_client" else 400
        body = {"error": error.error, "error_description": _ascii(error.message)}
        return JsonResponse(body, status=status, headers=NO_STORE)
    if not isinstance(error, APIException):
        return None
    headers = dict(NO_STORE)
    if getattr(error, "wait", None):
        headers["Retry-After"] = str(int(error.wait) + 1)
    body = {"error": "invalid_request", "error_description": _ascii(str(error.detail))}
    return JsonResponse(body, status=error.status_code, headers=headers)


def _ascii(text: str) -> str:
    """In the signs that RFC 6749 allows in a description."""
    plain = text.replace("“", "'").replace("”", "'").replace('"', "'").replace("\\", "/")
    return "".join(sign if " " <= sign <= "~" else "?" for sign in plain)
