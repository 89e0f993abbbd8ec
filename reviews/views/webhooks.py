"""Receivers of events: make one, see how it does, give it a new secret, send again."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviews import access
from reviews.access import Action
from reviews.errors import NotAllowed
from reviews.forms.webhooks import WebhookForm
from reviews.presses import SHOWN_ONCE
from reviews.queries import webhooks as queries
from reviews.verbs import webhooks as verbs
from reviews.views.confirming import confirmed
from reviews.views.refusals import form_page, refusals_at
from reviews.views.signed_in import SignedIn

SHOWN = 50
"""Messages on the page of a receiver, the newest ones."""


@require_GET
@login_required
def receivers(request: SignedIn) -> HttpResponse:
    """The receivers of the practices whose receivers I keep."""
    if not access.allowed(request.user, Action.MANAGE_WEBHOOKS):
        raise NotAllowed(f"You may not {Action.MANAGE_WEBHOOKS} anywhere.")
    context = {"webhooks": list(queries.visible_to(request.user))}
    return render(request, "reviews/webhooks/webhooks.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
@confirmed
def make(request: SignedIn) -> HttpResponse:
    """The secret is in the answer to the form and nowhere else."""
    practices = access.practices(request.user, Action.MANAGE_WEBHOOKS)
    if not practices:
        raise NotAllowed(f"You may not {Action.MANAGE_WEBHOOKS} anywhere.")
    form = WebhookForm(practices, request.POST or None, initial={"practice": practices[0]})
    with refusals_at(form):
        if form.is_valid():
            webhook, secret = verbs.make(**form.cleaned_data, by=request.user)
            return _shown_once(request, webhook.pk, secret)
    return form_page(request, "reviews/webhooks/edit.html", form, {})


@require_GET
@login_required
def webhook(request: SignedIn, pk: int) -> HttpResponse:
    found = queries.fetch(request.user, pk)
    context = {
        "webhook": found,
        "log": list(queries.messages(found)[:SHOWN]),
        "shown": SHOWN,
        "shown_once": request.GET.get("shown") == "once",
    }
    return render(request, "reviews/webhooks/webhook.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def change(request: SignedIn, pk: int) -> HttpResponse:
    found = queries.fetch(request.user, pk)
    now = {"name": found.name, "url": found.url, "events": found.events}
    form = WebhookForm(None, request.POST or None, initial=now)
    with refusals_at(form):
        if form.is_valid():
            verbs.change(webhook=found, by=request.user, **form.cleaned_data)
            messages.success(request, f"The receiver {found.name} is changed.")
            return redirect("webhook", pk=pk)
    return form_page(request, "reviews/webhooks/edit.html", form, {"webhook": found})


@never_cache
@require_POST
@login_required
@confirmed
def secret(request: SignedIn, pk: int) -> HttpResponse:
    """A new secret; for a day the one before signs as well."""
    found = queries.fetch(request.user, pk)
    _, new = verbs.rotate(webhook=found, by=request.user)
    return _shown_once(request, pk, new)


@require_POST
@login_required
def sample(request: SignedIn, pk: int) -> HttpResponse:
    verbs.send_sample(webhook=queries.fetch(request.user, pk), by=request.user)
    messages.success(request, "A sample is on its way. What came of it stands below in a moment.")
    return redirect("webhook", pk=pk)


@require_POST
@login_required
def switch(request: SignedIn, pk: int) -> HttpResponse:
    """Turn a receiver off, or on again: then all that waits is sent at once."""
    found = queries.fetch(request.user, pk)
    if request.POST.get("on"):
        verbs.enable(webhook=found, by=request.user)
        messages.success(request, f"{found.name} is told again, and of all that waits.")
    else:
        verbs.disable(webhook=found, by=request.user)
        messages.success(request, f"{found.name} is turned off. What happens waits for it.")
    return redirect("webhook", pk=pk)


@require_POST
@login_required
def remove(request: SignedIn, pk: int) -> HttpResponse:
    found = queries.fetch(request.user, pk)
    verbs.remove(webhook=found, by=request.user)
    messages.success(request, f"The receiver {found.name} is removed.")
    return redirect("webhooks")


@require_POST
@login_required
def again(request: SignedIn, webhook_pk: int, pk: int) -> HttpResponse:
    message = queries.message(request.user, webhook_pk, pk)
    verbs.send_again(message=message, by=request.user)
    messages.success(request, "It is on its way again.")
    return redirect("webhook", pk=webhook_pk)


def _shown_once(request: SignedIn, pk: int, secret: str) -> HttpResponse:
    context = {"webhook": queries.fetch(request.user, pk), "secret": secret}
    answer = render(request, "reviews/webhooks/made.html", context)
    setattr(answer, SHOWN_ONCE, f"{reverse('webhook', args=[pk])}?shown=once")
    return answer


urlpatterns = [
    path("keys/receivers", receivers, name="webhooks"),
    path("keys/receivers/make", make, name="webhook-make"),
    path("keys/receivers/<int:pk>", webhook, name="webhook"),
    path("keys/receivers/<int:pk>/change", change, name="webhook-change"),
    path("keys/receivers/<int:pk>/secret", secret, name="webhook-secret"),
    path("keys/receivers/<int:pk>/sample", sample, name="webhook-sample"),
    path("keys/receivers/<int:pk>/switch", switch, name="webhook-switch"),
    path("keys/receivers/<int:pk>/remove", remove, name="webhook-remove"),
    path("keys/receivers/<int:webhook_pk>/messages/<int:pk>/again", again, name="webhook-again"),
]
