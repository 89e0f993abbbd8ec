"""Systems that sign what they ask: register one, change its keys, withdraw it."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_http_methods, require_POST

from reviews import access
from reviews.access import Action
from reviews.errors import NotAllowed, NotFound
from reviews.forms.clients import ClientForm, KeysForm
from reviews.models import Client
from reviews.queries import clients
from reviews.verbs import registrations
from reviews.views.confirming import confirmed
from reviews.views.refusals import form_page, refusals_at
from reviews.views.signed_in import SignedIn


@require_http_methods(["GET", "POST"])
@login_required
@confirmed
def register(request: SignedIn) -> HttpResponse:
    """Register a system: afterwards its page says by which id it asks for tokens."""
    practices = access.practices(request.user, Action.MANAGE_CLIENTS)
    if not practices:
        raise NotAllowed("You may not register systems. A formulary admin may.")
    form = ClientForm(practices, request.POST or None)
    with refusals_at(form):
        if form.is_valid():
            client = registrations.register(**form.cleaned_data, by=request.user)
            messages.success(request, f"{client.name} is registered.")
            return redirect("client", client.pk)
    return form_page(request, "reviews/keys/register.html", form, {})


@require_http_methods(["GET", "POST"])
@login_required
@confirmed
def client(request: SignedIn, pk: int) -> HttpResponse:
    """What is registered of a system; new keys are entered here."""
    found = _client(request.user, pk)
    may_add = any(
        access.allowed(request.user, Action.MANAGE_CLIENTS, practice)
        for practice in found.practices.all()
    )
    form = KeysForm(request.POST or None)
    with refusals_at(form):
        if form.is_valid():
            made = registrations.add_keys(client=found, by=request.user, **form.cleaned_data)
            names = ", ".join(key.kid for key in made)
            messages.success(request, f"{names} works from now on, beside the keys before.")
            return redirect("client", pk)
    keys = found.keys.order_by(F("withdrawn_at").desc(nulls_first=True), "-added_at", "pk")
    context = {"client": found, "keys": keys, "may_add": may_add}
    return form_page(request, "reviews/keys/client.html", form, context)


@require_POST
@login_required
@confirmed
def withdraw_key(request: SignedIn, pk: int, key_pk: int) -> HttpResponse:
    """End one key of a system."""
    key = _client(request.user, pk).keys.select_related("client").filter(pk=key_pk).first()
    if key is None:
        raise NotFound("There is no such key.")
    registrations.withdraw_key(key=key, by=request.user)
    messages.success(request, f"{key.kid} is withdrawn. What it signs proves nothing any more.")
    return redirect("client", pk)


@require_http_methods(["GET", "POST"])
@login_required
@confirmed
def withdraw(request: SignedIn, pk: int) -> HttpResponse:
    """Ask, then end the system and its tokens at once."""
    found = _client(request.user, pk)
    if request.method == "POST":
        registrations.withdraw(client=found, by=request.user)
        messages.success(request, f"{found.name} is withdrawn. Its tokens and calls are refused.")
        return redirect("keys")
    return render(request, "reviews/keys/withdraw.html", {"client": found})


def _client(user: User, pk: int) -> Client:
    found = clients.visible(user).filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such system, or it is not yours to change.")
    return found


urlpatterns = [
    path("keys/systems/register", register, name="client-register"),
    path("keys/systems/<int:pk>", client, name="client"),
    path("keys/systems/<int:pk>/withdraw", withdraw, name="client-withdraw"),
    path(
        "keys/systems/<int:pk>/keys/<int:key_pk>/withdraw",
        withdraw_key,
        name="client-key-withdraw",
    ),
]
