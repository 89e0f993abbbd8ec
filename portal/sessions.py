"""What a session may do, and for how long.

A session ends after a time without its person, and in any case after the working day. While
somebody lacks the second factor that their practice asks for, all they can do is set it up.

What was written is not lost with a session. A form that arrives after its session has ended, or
with cookies that are gone or of another sign-in, is kept; its person signs in and finds the page
where they wrote it, filled in as it was. So is a form whose record was marked as sensitive
meanwhile, until its person has said why they open it.
"""

import time
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlsplit

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from portal.errors import is_api, problem
from portal.one_press import FIELD, written_by
from reviews.access import DOORS
from reviews.models import Membership, SecondFactor

SEEN_EVERY_SECONDS = 60
KEPT_FORM = "kept_form"
KEPT_FORM_LENGTH = 100_000
NEVER_KEPT = (FIELD, "csrfmiddlewaretoken", "password", "code", "secret", "credential")
IN_WORDS = ("note", "reason", "text")
PREVIEWED = ("prescription-log", "prescription-amend")
LONG = 24
"""So many letters are no code of a list, but something that somebody wrote."""


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
        request.keep_form = partial(_keep_for_a_reason, request)
        response = self._instead(request) if signed_in else _ask_who(request)
        if response is None:
            if _is_sent_again(request):
                forget_form(request)
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


def context(request: HttpRequest) -> dict[str, Any]:
    """The context processor: what was not sent on, and what the request itself would have sent."""
    return {"unsent": kept_form(request), "written": SimpleLazyObject(lambda: _written(request))}


def kept_form(request: HttpRequest) -> dict[str, Any] | None:
    """What was written here and did not arrive, for whoever wrote it; it waits until it is sent.

    `here` says whether the page that is asked for is the one where it was written, `previews`
    whether its form can also be looked at before it is carried out.
    """
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return None
    kept = request.session.get(KEPT_FORM)
    if not kept or kept["user"] != user.pk:
        if kept and not kept.get("for_another"):
            forget_form(request)
        return None
    here = request.get_full_path() in (kept["page"], reverse("unsent"))
    shown = resolve(kept["path"].partition("?")[0])
    return {
        **kept,
        "here": here,
        "said": prose(kept["fields"]),
        "previews": shown.url_name in PREVIEWED,
    }


def forget_form(request: HttpRequest) -> None:
    """What was kept is not wanted any more."""
    request.session.pop(KEPT_FORM, None)


def _keep_for_a_reason(request: HttpRequest) -> str:
    """Keep a form of a record that was marked as sensitive meanwhile; the page it is for.

    Empty where nothing is kept.
    """
    kept = _form_of(request)
    if kept is None or kept["user"] not in (None, request.user.pk):
        return ""
    request.session[KEPT_FORM] = {**kept, "user": request.user.pk, "asked_why": True}
    return kept["page"]


def give_back(request: HttpRequest) -> HttpResponse:
    """Sign out whoever is here, so that the person who wrote what was kept can sign in."""
    kept = request.session.get(KEPT_FORM)
    request.signed_out_because = "somebody else had written here"
    logout(request)
    if kept is None:
        return redirect(settings.LOGIN_URL)
    return _wait(request, kept)


def form_without_proof(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The answer to a form whose cookie is another one than its page had.

    Usually its person has signed in again in another window: then it waits on its page for one
    more press. What somebody else wrote, who was signed in here before, waits for them.
    """
    kept = None if is_api(request) else _form_of(request)
    if kept is None or not request.user.is_authenticated or kept["user"] is None:
        return render(request, "403_csrf.html", {"reason": reason}, status=HTTPStatus.FORBIDDEN)
    kept["for_another"] = kept["user"] != request.user.pk
    request.session[KEPT_FORM] = kept
    if kept["for_another"]:
        return render(request, "account/not_yours.html", status=HTTPStatus.CONFLICT)
    return redirect(kept["page"])


def prose(fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """What of a form somebody wrote in words: `[(name of the field, what it says)]`."""
    return [
        (name.replace("_", " ").replace("-", " ").capitalize(), value)
        for name, value in fields
        if value.strip() and (name in IN_WORDS or " " in value.strip() or len(value) > LONG)
    ]


def _written(request: HttpRequest) -> list[tuple[str, str]]:
    return prose(_fields(request)) if request.method == "POST" else []


def _over(request: HttpRequest, now: int) -> str:
    """Why the session is over; empty while it goes on. A clock that was set back ends none."""
    if now - request.session.get("began_at", 0) > settings.SESSION_COOKIE_AGE:
        return "it had lasted for as long as one may"
    if now - request.session.get("seen_at", 0) > settings.SESSION_IDLE_SECONDS:
        return "nobody had used it for a while"
    return ""


def _end(request: HttpRequest, because: str) -> HttpResponse | None:
    kept = _form_of(request)
    if kept and kept["user"] is None:
        kept["user"] = request.user.pk
    request.signed_out_because = because
    logout(request)
    if is_api(request):
        return None
    messages.info(request, f"You were signed out: {because}.")
    if kept:
        return _wait(request, kept)
    if request.method == "GET":
        return redirect_to_login(_page_of(request))
    return redirect(settings.LOGIN_URL)


def _ask_who(request: HttpRequest) -> HttpResponse | None:
    """To the sign-in, from a form whose session is gone; None where nobody knows who wrote it."""
    kept = _form_of(request)
    if kept is None or kept["user"] is None:
        return None
    messages.info(request, "You are no longer signed in. What you wrote waits until you are.")
    return _wait(request, kept)


def _wait(request: HttpRequest, kept: dict[str, Any]) -> HttpResponse:
    """To the sign-in and from there back to the page where it was written."""
    request.session[KEPT_FORM] = kept
    return redirect_to_login(kept["page"])


def _form_of(request: HttpRequest) -> dict[str, Any] | None:
    """What was written, for the same person to send; no password and no code.

    `user` is who was shown the form, None where its token does not say.
    """
    is_form = request.method == "POST" and not request.htmx and not is_api(request)
    if not is_form or request.path.startswith("/accounts/"):
        return None
    fields = _fields(request)
    if sum(len(name) + len(value) for name, value in fields) > KEPT_FORM_LENGTH:
        return None
    return {
        "user": written_by(request.POST.get(FIELD, "")),
        "path": request.get_full_path(),
        "page": _page_with_form(request),
        "fields": fields,
    }


def _fields(request: HttpRequest) -> list[tuple[str, str]]:
    try:
        lists = list(request.POST.lists())
    except UnreadablePostError:
        return []
    return [
        (name, value)
        for name, values in lists
        if name not in NEVER_KEPT and "password" not in name
        for value in values
    ]


def _page_with_form(request: HttpRequest) -> str:
    """The page where a form stood: the one it came from, else the nearest above its address."""
    came = urlsplit(request.headers.get("Referer", ""))
    if came.netloc == request.get_host() and _can_be_opened(came.path):
        return came._replace(scheme="", netloc="", fragment="").geturl()
    path = request.path
    while path:
        if _can_be_opened(path):
            return path
        path = path.rpartition("/")[0]
    return reverse("unsent")


def _can_be_opened(path: str) -> bool:
    """Whether there is a page at an address, and not only something that takes a form."""
    try:
        name = resolve(path).url_name
    except Resolver404:
        return False
    return name in DOORS and DOORS[name].see is not None


def _is_sent_again(request: HttpRequest) -> bool:
    """Whether this is the form that was kept, filled in once more."""
    if request.method != "POST" or not request.user.is_authenticated:
        return False
    kept = request.session.get(KEPT_FORM)
    if kept is None or kept["user"] != request.user.pk or request.htmx:
        return False
    return kept["path"] == request.get_full_path()


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
