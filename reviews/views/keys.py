"""Keys of client systems: make one, see it once, revoke it."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db.models import F, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from reviews import access
from reviews.access import Action
from reviews.errors import NotAllowed, NotFound
from reviews.forms.keys import KeyForm
from reviews.models import ApiKey
from reviews.presses import SHOWN_ONCE
from reviews.verbs import clients
from reviews.verbs.clients import KINDS
from reviews.views.confirming import confirmed
from reviews.views.refusals import form_page, refusals_at
from reviews.views.signed_in import SignedIn


@require_GET
@login_required
def keys(request: SignedIn) -> HttpResponse:
    """The keys of the practices whose keys I may revoke, those in force first."""
    found = list(_mine(request.user).order_by(F("revoked_at").desc(nulls_first=True), "name", "pk"))
    context = {
        "in_force": [key for key in found if key.revoked_at is None],
        "keeps_receivers": access.allowed(request.user, Action.MANAGE_WEBHOOKS),
        "makes_for_people": access.allowed(request.user, Action.PROVISION),
        "all_for_records": all(key.kind == ApiKey.Kind.RECORDS for key in found),
        "revoked": [key for key in found if key.revoked_at is not None],
    }
    return render(request, "reviews/keys/keys.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
@confirmed
def make(request: SignedIn) -> HttpResponse:
    """The secret is in the answer to the form and nowhere else: it is not kept, even in passing."""
    may = {kind: access.practices(request.user, action) for kind, (action, _) in KINDS.items()}
    may = {kind: practices for kind, practices in may.items() if practices}
    if not may:
        raise NotAllowed("You may not make keys. A formulary admin may, or a practice admin.")
    form = KeyForm(may, request.POST or None)
    with refusals_at(form):
        if form.is_valid():
            key, secret = clients.make_key(**form.cleaned_data, by=request.user)
            made = {"key": key, "secret": secret, "practices": form.cleaned_data["practices"]}
            answer = render(request, "reviews/keys/made.html", made)
            setattr(answer, SHOWN_ONCE, f"{reverse('key-revoke', args=[key.pk])}?shown=once")
            return answer
    return form_page(request, "reviews/keys/make.html", form, {})


@require_http_methods(["GET", "POST"])
@login_required
@confirmed
def revoke(request: SignedIn, pk: int) -> HttpResponse:
    """Ask, then end the key at once."""
    key = _mine(request.user).filter(pk=pk).first()
    if key is None:
        raise NotFound("There is no such key, or it is not yours to revoke.")
    if request.method == "POST":
        clients.revoke_key(key=key, by=request.user)
        messages.success(request, f"The key of {key.name} is revoked. Calls with it are refused.")
        return redirect("keys")
    context = {"key": key, "shown_once": request.GET.get("shown") == "once"}
    return render(request, "reviews/keys/revoke.html", context)


def _mine(user: User) -> QuerySet[ApiKey]:
    practice_ids = access.practice_ids(user, Action.REVOKE_KEYS)
    if not practice_ids:
        raise NotAllowed("You may not see keys. A formulary admin may, or a practice admin.")
    return (
        ApiKey.objects.filter(practices__in=practice_ids)
        .distinct()
        .select_related("created_by", "revoked_by")
        .prefetch_related("practices")
    )


urlpatterns = [
    path("keys", keys, name="keys"),
    path("keys/make", make, name="key-make"),
    path("keys/<int:pk>/revoke", revoke, name="key-revoke"),
]
