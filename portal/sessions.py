"""What a session may do, and for how long.

A session ends after a time without its person, and in any case after the working day. While
somebody lacks the second factor that their practice asks for, all they can do is set it up.

What was written is not lost with a session: `portal.unsent` keeps it.
"""

import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import cast
from urllib.parse import urlsplit

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from portal import unsent
from portal.errors import is_api, problem
from reviews.models import Membership, SecondFactor

SEEN_EVERY_SECONDS = 60


class NoStoreMiddleware:
    """No browser and no proxy keeps an answer: on a shared machine Back shows nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response["Cache-Control"] = "no-store"
        return response


class SessionMiddleware:
    """Ends sessions that are over, and leads whoever lacks a second factor to set it up."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        signed_in = request.user.is_authenticated
        request.keep_form = partial(unsent.keep_for_a_reason, request)
        response = self._instead(request) if signed_in else _ask_who(request)
        if response is None:
            if unsent.is_sent_again(request):
                unsent.forget_form(request)
            response = self.get_response(request)
        return _whole_page(request, response)

    def _instead(self, request: HttpRequest) -> HttpResponse | None:
        """The answer instead of the page that was asked for, if there is a reason for one."""
        now = int(time.time())
        if because := _over(request, now):
            return _end(request, because)
        to_look_at = now - request.session["seen_at"] >= SEEN_EVERY_SECONDS
        if to_look_at and not _refreshes_itself(request):
            request.session["seen_at"] = now
            seen = UserSession.objects.filter(session_key=request.session.session_key)
            seen.update(last_seen_at=timezone.now())
        if to_look_at or request.session.get("lacks_factor", True):
            request.session["lacks_factor"] = lacks_second_factor(request)
        if not request.session["lacks_factor"] or _leads_to_a_factor(request):
            return None
        if is_api(request):
            return problem(
                request,
                HTTPStatus.FORBIDDEN,
                "Your practice asks for a second factor: set it up first.",
            )
        return redirect("mfa_index")


def lacks_second_factor(request: HttpRequest) -> bool:
    """Whether a practice asks for a second factor from a role that its person holds there."""
    in_force = Membership.objects.in_force().filter(user=request.user)
    held = in_force.values_list("role", "practice__second_factor")
    if not any(role in SecondFactor(policy).roles for role, policy in held):
        return False
    if settings.OIDC_SECOND_FACTOR and _came_from_organisation(request):
        return False
    proofs = Authenticator.objects.exclude(type=Authenticator.Type.RECOVERY_CODES)
    return not proofs.filter(user=request.user).exists()


def _over(request: HttpRequest, now: int) -> str:
    """Why the session is over; empty while it goes on. A clock that was set back ends none."""
    if now - request.session.get("began_at", 0) > settings.SESSION_COOKIE_AGE:
        return "it had lasted for as long as one may"
    if now - request.session.get("seen_at", 0) > settings.SESSION_IDLE_SECONDS:
        return "nobody had used it for a while"
    return ""


def _end(request: HttpRequest, because: str) -> HttpResponse | None:
    kept = unsent.form_of(request)
    if kept and kept["user"] is None:
        kept["user"] = request.user.pk
    request.signed_out_because = because
    logout(request)
    if is_api(request):
        return None
    messages.info(request, f"You were signed out: {because}.")
    if kept:
        return unsent.wait(request, kept)
    if request.method == "GET":
        return redirect_to_login(_page_of(request))
    return redirect(settings.LOGIN_URL)


def _ask_who(request: HttpRequest) -> HttpResponse | None:
    """To the sign-in, from a form whose session is gone; None where nobody knows who wrote it."""
    kept = unsent.form_of(request)
    if kept is None or kept["user"] is None:
        return None
    messages.info(request, "You are no longer signed in. What you wrote waits until you are.")
    return unsent.wait(request, kept)


def _came_from_organisation(request: HttpRequest) -> bool:
    made = get_authentication_records(request, cast(User, request.user))
    return any(record["method"] == "socialaccount" for record in made)


def _refreshes_itself(request: HttpRequest) -> bool:
    """Whether the page asks by a clock of its own: that is nobody at work."""
    return request.headers.get("X-By-Clock") == "yes"


def _leads_to_a_factor(request: HttpRequest) -> bool:
    """The pages that set a factor up, confirm who it is, or sign out."""
    open_to_all = ("account_logout", "account_reauthenticate", "healthz")
    return request.path.startswith(reverse("mfa_index")) or request.path in map(
        reverse, open_to_all
    )


def _whole_page(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """What a part of a page is answered where its person is led away.

    A list that brings itself up to date makes room, so that no names stay on a screen that nobody
    looks at. Where somebody types, the page stays and says that it is not up to date: what they
    send is kept until they have signed in.
    """
    if not request.htmx or response.status_code != HTTPStatus.FOUND:
        return response
    path = urlsplit(response["Location"]).path
    if path == reverse("mfa_index"):
        return HttpResponse(status=204, headers={"HX-Redirect": path})
    if path != reverse(settings.LOGIN_URL):
        return response
    if not _refreshes_itself(request) or request.headers.get("X-Stays") == "yes":
        return HttpResponse(status=HTTPStatus.UNAUTHORIZED)
    away = redirect_to_login(_page_of(request))["Location"]
    return HttpResponse(status=204, headers={"HX-Redirect": away})


def _page_of(request: HttpRequest) -> str:
    """The address of the page that is open in the browser."""
    shown = urlsplit(request.htmx.current_url_abs_path or "") if request.htmx else None
    return shown.geturl() if shown and shown.path else request.get_full_path()
