"""What a practice or a group of practices can get of a medicine: say it, take it back."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from drugs.models import Ingredient
from reviews import access, governing
from reviews.access import Action
from reviews.errors import BadRecord, NotFound, Stale
from reviews.forms.local_status import LocalStatusForm
from reviews.forms.numbers import whole
from reviews.governing import Place
from reviews.models import LocalStatus, Practice
from reviews.queries import local_status as queries
from reviews.verbs import local_status
from reviews.views.refusals import refusals_at, shows_refusals
from reviews.views.signed_in import SignedIn


def _said_meanwhile(request: SignedIn, refusal: Stale, key: str, scope: str) -> HttpResponse:
    """What was typed, beside what is said now; saving again replaces that knowingly."""
    drug, place = _drug(key), _place(request, scope)
    held = queries.own(drug, place)
    seen = str(held.pk) if held else ""
    form = LocalStatusForm(held, {**request.POST.dict(), "seen": seen})
    return _page(request, drug, place, held, form, refusal=refusal, status=409)


@require_http_methods(["GET", "POST"])
@login_required
@shows_refusals(_said_meanwhile, Stale)
def here(request: SignedIn, key: str, scope: str) -> HttpResponse:
    """Say whether a place can get a medicine."""
    drug, place = _drug(key), _place(request, scope)
    held = queries.own(drug, place)
    form = LocalStatusForm(held, request.POST or None)
    with refusals_at(form):
        if form.is_valid():
            made = local_status.say(
                ingredient=drug,
                place=place,
                status=form.cleaned_data["status"],
                restricted_to=form.cleaned_data["restricted_to"],
                citation=form.citation(),
                seen=form.cleaned_data["seen"],
                by=request.user,
            )
            messages.success(request, f"{drug.name.capitalize()}, {place}: {made.in_words}.")
            return redirect("drug", key)
    return _page(request, drug, place, held, form, status=422 if request.method == "POST" else 200)


def _page(
    request: SignedIn,
    drug: Ingredient,
    place: Place,
    held: LocalStatus | None,
    form: LocalStatusForm,
    *,
    status: int,
    refusal: Stale | None = None,
) -> HttpResponse:
    context: dict[str, Any] = {
        "drug": drug,
        "place": place,
        "held": held,
        "form": form,
        "refusal": refusal,
        "is_overdue": held is not None and held.is_overdue(timezone.localdate()),
    }
    return render(request, "reviews/formulary/here.html", context, status=status)


def _still_said(request: SignedIn, refusal: BadRecord, key: str, scope: str) -> HttpResponse:
    messages.warning(request, f"Still said: {refusal.message}.")
    return redirect("drug-here", key, scope)


@require_POST
@login_required
@shows_refusals(_said_meanwhile, Stale)
@shows_refusals(_still_said, BadRecord)
def take_back(request: SignedIn, key: str, scope: str) -> HttpResponse:
    """Say nothing of a medicine any more."""
    drug, place = _drug(key), _place(request, scope)
    local_status.take_back(
        ingredient=drug,
        place=place,
        reason=request.POST.get("reason", ""),
        seen=whole(request.POST.get("seen")),
        by=request.user,
    )
    messages.success(request, f"{drug.name.capitalize()}, {place}: nothing is said any more.")
    return redirect("drug", key)


def _drug(key: str) -> Ingredient:
    found = Ingredient.objects.live().filter(key=key).first()
    if found is None:
        raise NotFound("The formulary holds no such drug.")
    return found


def _place(request: SignedIn, scope: str) -> Place:
    """The practice or group that an address names, where I may say what it can get."""
    place = governing.places().get(scope)
    if place is None:
        raise NotFound("There is no such practice or group.")
    if isinstance(place, Practice):
        access.require(request.user, Action.SET_LOCAL_STATUS, place)
    else:
        access.require(request.user, Action.KEEP_GROUPS)
    return place


urlpatterns = [
    path("formulary/<slug:key>/at/<str:scope>", here, name="drug-here"),
    path("formulary/<slug:key>/at/<str:scope>/take-back", take_back, name="drug-here-take-back"),
]
