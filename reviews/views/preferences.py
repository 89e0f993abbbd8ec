"""What a person may choose for themselves: whether single keys do anything."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_http_methods

from reviews.views.chrome import KEYS, KEYS_COOKIE

YEAR_SECONDS = 365 * 24 * 60 * 60


@require_http_methods(["GET", "POST"])
@login_required
def preferences(request):
    if request.method == "GET":
        return render(request, "reviews/preferences.html", {"keys": KEYS})
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


urlpatterns = [path("preferences", preferences, name="preferences")]
