"""What a person may choose for themselves: whether single keys do anything, and mail."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_http_methods, require_POST

from reviews.errors import BadRecord
from reviews.models import Preference
from reviews.verbs import digest
from reviews.views.chrome import KEYS, KEYS_COOKIE
from reviews.views.refusals import shows_refusals
from reviews.views.signed_in import SignedIn

YEAR_SECONDS = 365 * 24 * 60 * 60


@require_http_methods(["GET", "POST"])
@login_required
def preferences(request: SignedIn) -> HttpResponse:
    if request.method == "GET":
        chosen = Preference.objects.filter(user=request.user).first() or Preference()
        context = {"keys": KEYS, "chosen": chosen, "digests": Preference.Digest.choices}
        return render(request, "reviews/preferences.html", context)
    response = redirect("preferences")
    response.set_cookie(
        KEYS_COOKIE,
        "on" if request.POST.get("single_keys") else "off",
        max_age=YEAR_SECONDS,
        samesite="Lax",
        secure=request.is_secure(),
        httponly=True,
    )
    messages.success(request, "Saved.")
    return response


def _not_saved(request: SignedIn, refusal: BadRecord) -> HttpResponse:
    messages.warning(request, f"Not saved: that {refusal.reason}.")
    return redirect("preferences")


@require_POST
@login_required
@shows_refusals(_not_saved, BadRecord)
def choose_digest(request: SignedIn) -> HttpResponse:
    """Choose how often the digest of what waits comes by mail."""
    digest.choose(how_often=request.POST.get("digest", ""), by=request.user)
    messages.success(request, "Saved.")
    return redirect("preferences")


urlpatterns = [
    path("preferences", preferences, name="preferences"),
    path("preferences/digest", choose_digest, name="preferences-digest"),
]
