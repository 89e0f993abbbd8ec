"""Whoever does what cannot be taken back confirms first that it is them.

A session stays open while its person is away for a minute. Somebody who signed in or confirmed
lately (`ACCOUNT_REAUTHENTICATION_TIMEOUT`) is not asked. Otherwise the form is kept, and sent on as
it was once they have confirmed: nothing that was written is lost.
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from allauth.account.internal.flows.login import get_authentication_records
from allauth.core.exceptions import ReauthenticationRequired
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse

View = Callable[..., HttpResponse]


def is_confirmed(request: HttpRequest) -> bool:
    """Whether the person of this session proved lately who they are."""
    proven = [
        record["at"]
        for record in get_authentication_records(request, cast(User, request.user))
        if record.get("reauthenticated")
    ]
    age = time.time() - max(proven, default=0)
    return 0 <= age < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


def confirm_first(request: HttpRequest) -> None:
    """Ask, unless they have confirmed; for where only the view itself can tell that it must."""
    if not is_confirmed(request):
        raise ReauthenticationRequired


def confirmed(view: View) -> View:
    """Ask before a form is acted on; looking at it asks nobody."""

    @wraps(view)
    def asked(request: HttpRequest, **address: Any) -> HttpResponse:
        if request.method == "POST":
            confirm_first(request)
        return view(request, **address)

    return asked
