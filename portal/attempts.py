"""Who may try a password or a code, and how often.

A browser in which somebody has signed in before is known by a cookie, and has a count of its own
for them: a stranger who guesses at their account, or a colleague behind the same address, keeps
them out of nothing. All other browsers share the counts of the account and of their address.
"""

import secrets
from datetime import datetime, timedelta
from http import HTTPStatus
from math import ceil
from typing import NamedTuple

from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from portal import trail
from portal.addresses import counted_address
from reviews import tries
from reviews.tries import Limit

WAIT = timedelta(minutes=15)
BY_ONE = Limit(settings.SIGN_IN_FAILURE_LIMIT, WAIT)
"""Tries at one account from one address, or in one known browser."""
ANYWHERE = Limit(10 * settings.SIGN_IN_FAILURE_LIMIT, WAIT)
"""Tries at one account from all addresses together."""
FROM_ADDRESS = Limit(20 * settings.SIGN_IN_FAILURE_LIMIT, WAIT)
"""Tries from one address at all accounts together: a whole site may be behind it."""

_SALT = "portal.device"
_PEOPLE_OF_A_BROWSER = 30
_DEVICE_SECONDS = 180 * 24 * 60 * 60


class Attempt(NamedTuple):
    """A try that was taken: under these keys, with `left` more before somebody waits."""

    keys: list[str]
    left: int


def at_password(request: HttpRequest, account: object) -> Attempt:
    """Take a try at the password of `account` (an id, or what was typed where nobody is known)."""
    device = _device_of(request, account)
    if device:
        return _take(request, account, [(tries.key("password", account, device), BY_ONE)])
    address = counted_address(request)
    return _take(
        request,
        account,
        [
            (tries.key("password", account, address), BY_ONE),
            (tries.key("password", account), ANYWHERE),
            (tries.key("password from", address), FROM_ADDRESS),
        ],
    )


def at_code(request: HttpRequest, user: User) -> Attempt:
    """Take a try at a code of `user`: one count over all sessions of unknown browsers."""
    device = _device_of(request, user.pk)
    return _take(request, user.pk, [(tries.key("code", user.pk, device), BY_ONE)])


def succeeded(attempt: Attempt) -> None:
    """The try was right: it counts for nobody, and the narrowest count begins anew."""
    narrowest, *others = attempt.keys
    tries.forget([narrowest])
    for key in others:
        tries.give_back(key)


def first_use(user: User, code: str) -> bool:
    """Whether a right code was not used before; it is used now."""
    digits = "".join(code.split())
    return tries.first_time(tries.key("used code", user.pk, digits), within=timedelta(minutes=3))


def remember_browser(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Know this browser again when `user` signs in here."""
    device, people = _known(request)
    people = [user.pk, *(pk for pk in people if pk != user.pk)][:_PEOPLE_OF_A_BROWSER]
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        signing.dumps([device or secrets.token_urlsafe(12), people], salt=_SALT),
        max_age=_DEVICE_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def wait_page(request: HttpRequest, until: datetime) -> HttpResponse:
    """The page that says for how long nobody's try is looked at."""
    seconds = max(1, ceil((until - timezone.now()).total_seconds()))
    response = render(
        request,
        "account/locked_out.html",
        {"until": until, "minutes": ceil(seconds / 60)},
        status=HTTPStatus.TOO_MANY_REQUESTS,
    )
    response["Retry-After"] = str(seconds)
    return response


def _take(request: HttpRequest, account: object, counts: list[tuple[str, Limit]]) -> Attempt:
    left = []
    for key, limit in counts:
        taken = tries.take(key, limit)
        if taken.until is not None:
            # Once for each wait: whoever goes on trying does not fill the trail.
            if tries.first_time(tries.key("told", key), within=WAIT):
                trail.refused(request, account, "too many tries: nobody's are looked at")
            raise ImmediateHttpResponse(wait_page(request, taken.until))
        left.append(taken.left)
    return Attempt([key for key, _ in counts], min(left))


def _device_of(request: HttpRequest, account: object) -> str:
    device, people = _known(request)
    return device if account in people else ""


def _known(request: HttpRequest) -> tuple[str, list[int]]:
    """The name of this browser, and the ids of those who have signed in here."""
    try:
        device, people = signing.loads(
            request.COOKIES.get(settings.DEVICE_COOKIE_NAME, ""),
            salt=_SALT,
            max_age=_DEVICE_SECONDS,
        )
    except (signing.BadSignature, ValueError):
        return "", []
    return device, people
