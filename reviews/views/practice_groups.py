"""Groups of practices: who is in which, make one, move a practice."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from reviews import access
from reviews.access import Action
from reviews.errors import DomainError, Stale
from reviews.forms.practice_groups import GroupForm, MoveForm
from reviews.queries import practice_groups as queries
from reviews.verbs import practice_groups
from reviews.views.refusals import refusals_at, shows_refusals
from reviews.views.signed_in import SignedIn


@require_GET
@login_required
def groups(request: SignedIn) -> HttpResponse:
    """Every group of practices with its members, and what may be done."""
    return _page(request)


def _page(
    request: SignedIn, *, status: int = 200, refusal: DomainError | None = None, **forms: Any
) -> HttpResponse:
    access.require(request.user, Action.SEE_FORMULARY)
    places = queries.movable(request.user)
    context = {
        "groups": queries.groups(),
        "places": places,
        "make_form": forms.get("make_form") or GroupForm(),
        "move_form": forms.get("move_form") or MoveForm(places),
        "form": next(iter(forms.values()), None),
        "may_make": access.allowed(request.user, Action.KEEP_GROUPS),
        "refusal": refusal,
    }
    return render(request, "reviews/people/groups.html", context, status=status)


@require_POST
@login_required
def make(request: SignedIn) -> HttpResponse:
    """Make a group."""
    access.require(request.user, Action.KEEP_GROUPS)
    form = GroupForm(request.POST)
    with refusals_at(form):
        if form.is_valid():
            made = practice_groups.make(by=request.user, **form.cleaned_data)
            messages.success(request, f"{made} is made. It has no members and no policy yet.")
            return redirect("practice-groups")
    return _page(request, status=422, make_form=form)


def _moved_meanwhile(request: SignedIn, refusal: Stale) -> HttpResponse:
    return _page(request, status=409, refusal=refusal)


@require_POST
@login_required
@shows_refusals(_moved_meanwhile, Stale)
def move(request: SignedIn) -> HttpResponse:
    """Move a practice into a group or out of one."""
    places = queries.movable(request.user)
    if not places:
        access.require(request.user, Action.MOVE_TO_GROUP)
    form = MoveForm(places, request.POST)
    with refusals_at(form):
        if form.is_valid():
            practice, group = form.cleaned_data["practice"], form.cleaned_data["group"]
            practice_groups.move(
                practice=practice,
                group=group,
                reason=form.cleaned_data["reason"],
                seen=form.seen_of(practice),
                by=request.user,
            )
            where = f"in {group}" if group else "in no group"
            messages.success(request, f"{practice} is {where}.")
            return redirect("practice-groups")
    return _page(request, status=422, move_form=form)


urlpatterns = [
    path("practice-groups", groups, name="practice-groups"),
    path("practice-groups/make", make, name="practice-group-make"),
    path("practice-groups/move", move, name="practice-group-move"),
]
