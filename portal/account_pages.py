"""Pages of one's own account: where one is signed in, the e-mail address, and what was not sent."""

from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.reauthentication import resume_request
from allauth.socialaccount.providers.base import AuthProcess
from allauth.usersessions.internal.flows.sessions import end_sessions
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core import signing
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_http_methods

from portal import trail
from portal import unsent as kept
from portal.addresses import client_address
from portal.browsers import named
from portal.sign_in import PROVEN_WITHIN_SECONDS
from reviews.audit import Event
from reviews.errors import BadRecord, NotFound, Stale
from reviews.verbs import account
from reviews.views.confirming import confirmed, is_confirmed
from reviews.views.signed_in import SignedIn

_SALT = "portal.mail"
LINK_SECONDS = 24 * 60 * 60


@require_http_methods(["GET", "POST"])
@login_required
def own_sessions(request: SignedIn) -> HttpResponse:
    """Where I am signed in; end one of them, all others, or all."""
    UserSession.objects.create_from_request(request)
    mine = UserSession.objects.purge_and_list(request.user)
    if request.method == "POST":
        return _end(request, mine)
    rows = [
        {"session": row, "here": row.is_current(), "browser": named(row.user_agent)}
        for row in sorted(
            mine, key=lambda row: (not row.is_current(), -row.last_seen_at.timestamp())
        )
    ]
    context = {"rows": rows, "idle_minutes": settings.SESSION_IDLE_SECONDS // 60}
    return render(request, "account/sessions.html", context)


def _end(request: SignedIn, mine: list[UserSession]) -> HttpResponse:
    which = request.POST.get("end", "")
    ended = [
        row
        for row in mine
        if which == "all" or (which == "others" and not row.is_current()) or str(row.pk) == which
    ]
    if not ended:
        raise NotFound("There is no such session of yours any more.")
    trail.record(request, Event.SESSIONS_ENDED, by=request.user, sessions=len(ended))
    end_sessions(request, ended)
    if not request.user.is_authenticated:
        return redirect(settings.LOGIN_URL)
    messages.success(request, "Ended." if len(ended) == 1 else f"{len(ended)} sessions ended.")
    return redirect("own-sessions")


@require_http_methods(["GET", "POST"])
@login_required
@confirmed
def mail(request: SignedIn) -> HttpResponse:
    """Ask for another e-mail address; a link sent there makes the change."""
    refusal = None
    to = request.POST.get("email", "")
    if request.method == "POST":
        try:
            to = account.ask_mail(to=to, by=request.user, address=client_address(request))
        except BadRecord as error:
            refusal = error
        else:
            _send_link(request, to)
            messages.success(
                request, f"A link is on its way to {to}. Until it is used, nothing changes."
            )
            return redirect("account_email")
    context = {"refusal": refusal, "typed": to, "hours": LINK_SECONDS // 3600}
    return render(request, "account/mail.html", context, status=422 if refusal else 200)


def _send_link(request: SignedIn, to: str) -> None:
    token = signing.dumps([request.user.pk, request.user.email, to], salt=_SALT)
    link = settings.PORTAL_URL + reverse("mail-confirm") + "?" + urlencode({"link": token})
    get_adapter().send_mail("account/email/mail_link", to, {"link": link, "user": request.user})


@require_http_methods(["GET", "POST"])
@login_required
def confirm_mail(request: SignedIn) -> HttpResponse:
    """What the link opens: whoever reads the mail, and is signed in, agrees to the address."""
    asked = request.GET.get("link", "")
    try:
        pk, before, to = signing.loads(asked, salt=_SALT, max_age=LINK_SECONDS)
    except signing.BadSignature:
        pk, before, to = None, "", ""
    if pk != request.user.pk or before != request.user.email:
        raise Stale("This link is too old, was used, or is for somebody else. Nothing was changed.")
    if request.method == "GET":
        return render(request, "account/mail_confirm.html", {"to": to, "before": before})
    account.change_mail(to=to, before=before, by=request.user, address=client_address(request))
    if before:
        get_adapter().send_notification_mail(
            "account/email/email_changed",
            request.user,
            {"from_email": before, "to_email": to},
            email=before,
        )
    messages.success(request, f"Mails go to {to} now. The address before was told.")
    return redirect("preferences")


@require_http_methods(["GET", "POST"])
@login_required
def unsent(request: SignedIn) -> HttpResponse:
    """What was written and did not arrive: send it now, leave it, or let its person sign in."""
    if request.POST.get("do") == "give_back":
        return kept.give_back(request)
    if request.method == "POST":
        kept.forget_form(request)
    if kept.kept_form(request) is None:
        return redirect(settings.LOGIN_REDIRECT_URL)
    return render(request, "account/unsent.html")


@require_GET
@login_required
def confirm_at_organisation(request: SignedIn) -> HttpResponse:
    """To the organisation's sign-in, which asks again whoever has a session there."""
    back = reverse("confirmed-at-organisation") + "?" + urlencode({"next": _next(request)})
    asked = {
        "process": AuthProcess.REDIRECT,
        "next": back,
        "auth_params": urlencode({"prompt": "login", "max_age": PROVEN_WITHIN_SECONDS}),
    }
    login = reverse("openid_connect_login", args=["organisation"])
    return redirect(f"{login}?{urlencode(asked)}")


@require_GET
@login_required
def confirmed_at_organisation(request: SignedIn) -> HttpResponse:
    """Back from there: what was being sent is sent on, if they have confirmed indeed."""
    if not is_confirmed(request):
        return redirect("confirm-at-organisation")
    return resume_request(request) or redirect(settings.LOGIN_REDIRECT_URL)


def _next(request: SignedIn) -> str:
    return request.GET.get("next", settings.LOGIN_REDIRECT_URL)


urlpatterns = [
    path("confirm/", confirm_at_organisation, name="confirm-at-organisation"),
    path("confirmed/", confirmed_at_organisation, name="confirmed-at-organisation"),
    path("sessions/", own_sessions, name="own-sessions"),
    path("email/", mail, name="account_email"),
    path("email/confirm/", confirm_mail, name="mail-confirm"),
    path("unsent/", unsent, name="unsent"),
]
