"""A form that is sent twice is carried out once.

Every form that writes carries a token of its own, put there beside Django's by `{% csrf_token %}`
(portal/templatetags/one_press.py). Whoever presses twice, or whose browser sends again what was not
answered in time, is given the first answer: it is remembered by a key that is unique, in the
transaction that did the deed, so there is no moment at which only one of them is there.

The same form sent with something else in it is another press: somebody went back and chose again.

The token also says, signed, who was shown the form: whoever has lost their session since, or whose
cookies are gone, is known by it, so that what they wrote can wait for them (`portal.unsent`).
"""

import hashlib
import secrets
from collections.abc import Callable
from typing import Any

from django.core import signing
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, UnreadablePostError
from django.shortcuts import render

from portal.errors import is_api
from reviews import presses

FIELD = "press"
IGNORED = {FIELD, "csrfmiddlewaretoken"}
_signer = signing.Signer(salt="portal.press")


def token_for(user: Any) -> str:
    """A token that no other form has; of somebody who is signed in, it says who they are."""
    token = secrets.token_urlsafe(16)
    return _signer.sign(f"{token}.{user.pk}") if user and user.is_authenticated else token


def written_by(token: str) -> int | None:
    """The id of whoever was shown the form with this token; None for any other text."""
    try:
        return int(_signer.unsign(token).rpartition(".")[2])
    except (signing.BadSignature, ValueError):
        return None


class OnePressMiddleware:
    """Carries out a press once. Stands within whatever turns exceptions into answers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        key = _key(request)
        return self.get_response(request) if key is None else self._once(request, key)

    def _once(self, request: HttpRequest, key: bytes) -> HttpResponse:
        with transaction.atomic():
            if first := presses.answered(key):
                return _again(request, first)
            response = self.get_response(request)
            if response.status_code >= 500:
                transaction.set_rollback(True)
            elif response.status_code < 400 and presses.has_written():
                presses.keep(
                    key,
                    location=response.get("Location") or getattr(response, presses.SHOWN_ONCE, ""),
                )
        return response


def _key(request: HttpRequest) -> bytes | None:
    """What is the same when a form is sent again, else None: nobody's form, or one without token.

    A form that was made by hand has no token, and is carried out as often as it is sent.
    """
    if request.method != "POST" or is_api(request):
        return None
    try:
        token = request.POST.get(FIELD)
    except UnreadablePostError:
        return None  # whoever sent it has gone, and Django says so
    if not token or not request.user.is_authenticated:
        return None
    digest = hashlib.blake2b(digest_size=32)
    sent = sorted((name, texts) for name, texts in request.POST.lists() if name not in IGNORED)
    whole = (request.user.pk, request.path, token, sent)
    digest.update(repr(whole).encode("utf-8", "surrogatepass"))
    return digest.digest()


def _again(request: HttpRequest, first: presses.Press) -> HttpResponse:
    if not first.location:
        # What a page showed once, such as the secret of a key, is kept nowhere.
        return render(request, "already_done.html", status=409)
    return HttpResponseRedirect(first.location)
