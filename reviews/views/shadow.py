"""Running a frozen draft in shadow: begin it at a practice, look at its counts, end it."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from reviews import access, groups
from reviews.access import Action
from reviews.errors import BadRecord, NotFound
from reviews.forms.numbers import whole
from reviews.models import Practice, RuleVersion, Shadow
from reviews.queries import shadow as queries
from reviews.rules import words
from reviews.shadows import LONGEST_DAYS
from reviews.verbs import shadow
from reviews.views.refusals import shows_refusals
from reviews.views.signed_in import SignedIn


@require_GET
@login_required
def page(request: SignedIn, number: int) -> HttpResponse:
    """Where a draft runs in shadow, or ran, and what it said otherwise, by day."""
    return _page(request, number)


def _page(
    request: SignedIn, number: int, refusal: BadRecord | None = None, *, status: int = 200
) -> HttpResponse:
    access.require(request.user, Action.SEE_FORMULARY)
    version = _version(number)
    is_draft, shadows = version.state == RuleVersion.State.DRAFT, queries.told(version)
    context = {
        "version": version,
        "name": f"{'Draft' if is_draft else 'Rule book'} {number}",
        "shadows": shadows,
        "running": sum(each.is_running for each in shadows),
        "refusal": refusal,
        "may_begin": is_draft and access.allowed(request.user, Action.DRAFT),
        "may_end": access.allowed(request.user, Action.DRAFT),
        "practices": Practice.objects.order_by("name"),
        "groups": [group for group, _ in groups.members()],
        "longest_days": LONGEST_DAYS,
        "height": queries.HEIGHT,
        "step": queries.STEP,
    }
    return render(request, "reviews/rulebooks/shadow.html", context, status=status)


def _refused(request: SignedIn, refusal: BadRecord, number: int) -> HttpResponse:
    return _page(request, number, refusal, status=422)


@require_POST
@login_required
@shows_refusals(_refused, BadRecord)
def begin(request: SignedIn, number: int) -> HttpResponse:
    """Have the draft judge silently at a practice."""
    access.require(request.user, Action.DRAFT)
    chosen = request.POST.get("practice", "")
    group = next((each for each, _ in groups.members() if each.scope == chosen), None)
    practice = Practice.objects.filter(pk=whole(chosen)).first()
    given: dict[str, Any] = {
        "version": _version(number),
        "days": whole(request.POST.get("days", "")) or 0,
        "by": request.user,
    }
    if group is not None:
        begun = shadow.begin_in_group(group=group, **given)
        said = f"begins at {words.many(len(begun), 'practice')} of {group}"
    elif practice is not None:
        until = shadow.begin(practice=practice, **given).last_day
        said = f"runs in shadow at {practice} until {until:%-d %B %Y}"
    else:
        raise BadRecord("practice", "choose a practice")
    messages.success(request, f"Draft {number} {said}.")
    return redirect("rulebook-shadow", number)


@require_POST
@login_required
def end(request: SignedIn, pk: int) -> HttpResponse:
    """End a shadow before its last day."""
    access.require(request.user, Action.DRAFT)
    found = Shadow.objects.select_related("version", "practice").filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such shadow.")
    shadow.end(shadow=found, by=request.user)
    messages.success(request, f"The shadow at {found.practice} has ended. What it said stays.")
    return redirect("rulebook-shadow", found.version.number)


def _version(number: int) -> RuleVersion:
    version = RuleVersion.objects.defer("book").filter(number=number).first()
    if version is None:
        raise NotFound("There is no rule book of that number.")
    return version


urlpatterns = [
    path("rule-books/<int:number>/shadow", page, name="rulebook-shadow"),
    path("rule-books/<int:number>/shadow/begin", begin, name="rulebook-shadow-begin"),
    path("shadows/<int:pk>/end", end, name="shadow-end"),
]
