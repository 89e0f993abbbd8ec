"""What was written and did not arrive: kept in the session until its person has sent it.

A form that arrives after its session has ended, or with cookies that are gone or of another
sign-in, is kept; its person signs in and finds the page where they wrote it, filled in as it was.
So is a form whose record was marked as sensitive meanwhile, until its person has said why they open
it.
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve, reverse
from django.utils.functional import SimpleLazyObject

from portal.errors import is_api
from portal.one_press import FIELD, written_by
from reviews.access import DOORS

KEPT_FORM = "kept_form"
KEPT_FORM_LENGTH = 100_000
NEVER_KEPT = (FIELD, "csrfmiddlewaretoken", "password", "code", "secret", "credential")
IN_WORDS = ("note", "reason", "text")
PREVIEWED = ("prescription-log", "prescription-amend")
LONG = 24
"""So many letters are no code of a list, but something that somebody wrote."""


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


def prose(fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """What of a form somebody wrote in words: `[(name of the field, what it says)]`."""
    return [
        (name.replace("_", " ").replace("-", " ").capitalize(), value)
        for name, value in fields
        if value.strip() and (name in IN_WORDS or " " in value.strip() or len(value) > LONG)
    ]


def forget_form(request: HttpRequest) -> None:
    """What was kept is not wanted any more."""
    request.session.pop(KEPT_FORM, None)


def form_of(request: HttpRequest) -> dict[str, Any] | None:
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


def wait(request: HttpRequest, kept: dict[str, Any]) -> HttpResponse:
    """To the sign-in and from there back to the page where it was written."""
    request.session[KEPT_FORM] = kept
    return redirect_to_login(kept["page"])


def keep_for_a_reason(request: HttpRequest) -> str:
    """Keep a form of a record that was marked as sensitive meanwhile; the page it is for.

    Empty where nothing is kept.
    """
    kept = form_of(request)
    if kept is None or kept["user"] not in (None, request.user.pk):
        return ""
    request.session[KEPT_FORM] = {**kept, "user": request.user.pk, "asked_why": True}
    return kept["page"]


def is_sent_again(request: HttpRequest) -> bool:
    """Whether this is the form that was kept, filled in once more."""
    if request.method != "POST" or not request.user.is_authenticated:
        return False
    kept = request.session.get(KEPT_FORM)
    if kept is None or kept["user"] != request.user.pk or request.htmx:
        return False
    return kept["path"] == request.get_full_path()


def give_back(request: HttpRequest) -> HttpResponse:
    """Sign out whoever is here, so that the person who wrote what was kept can sign in."""
    kept = request.session.get(KEPT_FORM)
    request.signed_out_because = "somebody else had written here"
    logout(request)
    if kept is None:
        return redirect(settings.LOGIN_URL)
    return wait(request, kept)


def form_without_proof(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The answer to a form whose cookie is another one than its page had.

    Usually its person has signed in again in another window: then it waits on its page for one
    more press. What somebody else wrote, who was signed in here before, waits for them.
    """
    kept = None if is_api(request) else form_of(request)
    if kept is None or not request.user.is_authenticated or kept["user"] is None:
        return render(request, "403_csrf.html", {"reason": reason}, status=HTTPStatus.FORBIDDEN)
    kept["for_another"] = kept["user"] != request.user.pk
    request.session[KEPT_FORM] = kept
    if kept["for_another"]:
        return render(request, "account/not_yours.html", status=HTTPStatus.CONFLICT)
    return redirect(kept["page"])


def _written(request: HttpRequest) -> list[tuple[str, str]]:
    return prose(_fields(request)) if request.method == "POST" else []


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
