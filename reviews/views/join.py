"""Accepting an invitation: whoever has its code chooses names and password, or signs in.

The code comes in the address once, behind the question mark, which no log keeps, and goes into
the session. Opening a link uses nothing up: mail filters do that as well.
"""

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from reviews.errors import NotFound
from reviews.forms.staff import AcceptForm, CodeForm
from reviews.verbs import invitations
from reviews.views.refusals import form_page, refusals_at
from reviews.views.signed_in import SignedIn

IN_SESSION = "invitation-code"


@never_cache
@sensitive_post_parameters("password", "again", "code")
@require_http_methods(["GET", "POST"])
def join(request: HttpRequest) -> HttpResponse:
    """Ask for a code; with one that is good, for what its holder chooses."""
    given = request.GET.get("code") or request.POST.get("code")
    if given:
        request.session[IN_SESSION] = given[:60]
        return redirect("join")
    code = request.session.get(IN_SESSION)
    if not code:
        return render(request, "reviews/people/join_code.html", {"form": CodeForm()})
    try:
        invitation = invitations.of_code(code)
    except NotFound as refusal:
        del request.session[IN_SESSION]
        context = {"form": CodeForm(), "refusal": refusal.message}
        return render(request, "reviews/people/join_code.html", context, status=404)
    context = {"invitation": invitation}
    if request.user.is_authenticated:
        return _accept_as(cast(SignedIn, request), code, context)
    if invitations.account_of(invitation):
        return render(request, "reviews/people/join_sign_in.html", context)
    return _accept(request, code, context)


def _accept_as(request: SignedIn, code: str, context: dict) -> HttpResponse:
    if request.method == "GET":
        refusal = invitations.not_for(context["invitation"], request.user)
        return render(request, "reviews/people/join_as.html", {**context, "refusal": refusal})
    invitations.accept_as(code=code, by=request.user)
    request.session.pop(IN_SESSION, None)
    messages.success(request, f"Welcome to {context['invitation'].practice}.")
    return redirect("queue")


def _accept(request: HttpRequest, code: str, context: dict) -> HttpResponse:
    invitation = context["invitation"]
    former = invitations.former_account_of(invitation)
    form = AcceptForm(
        request.POST or None,
        initial={"given_name": invitation.given_name, "family_name": invitation.family_name},
        address=invitation.email,
        former=former.username if former else "",
    )
    with refusals_at(form):
        if form.is_valid():
            chosen = form.cleaned_data
            person = invitations.accept(
                code=code,
                username=chosen.get("username", ""),
                given_name=chosen["given_name"],
                password=chosen["password"],
                email=chosen.get("email", ""),
            )
            request.session.pop(IN_SESSION, None)
            messages.success(
                request, f"Your account is ready. Sign in as {person.username}, with your password."
            )
            return redirect("account_login")
    return form_page(request, "reviews/people/join.html", form, {**context, "former": former})


urlpatterns = [path("join", join, name="join")]
