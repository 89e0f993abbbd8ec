"""Code lists: the releases of national lists that were read in, and what each would change."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRefresh

from drugs import editions
from drugs.models import Edition
from reviews import access
from reviews.access import Action
from reviews.errors import BadRecord, NotFound
from reviews.forms.days import read_day
from reviews.queries import jobs
from reviews.rules.words import sentence_case
from reviews.verbs import editions as verbs
from reviews.views.paging import page_of
from reviews.views.refusals import shows_refusals
from reviews.views.signed_in import SignedIn

FAULTS_SHOWN = 100
REFRESH_SECONDS = 3
State = Edition.State


@require_GET
@login_required
def code_lists(request: SignedIn) -> HttpResponse:
    """Every release that was read in, the one in force of each list first."""
    access.require(request.user, Action.SEE_FORMULARY)
    rows = list(Edition.objects.select_related("read_by", "put_in_force_by").order_by("-pk"))
    live = [row for row in rows if row.state == State.IN_FORCE]
    context = {
        "live": live,
        "others": [row for row in rows if row.state != State.IN_FORCE],
        "without": [
            label
            for system, label in Edition.System.choices
            if system not in {row.system for row in live}
        ],
    }
    return render(request, "reviews/formulary/code_lists.html", context)


def _page(request: SignedIn, refusal: BadRecord | None = None, *, pk: int) -> HttpResponse:
    edition = _edition(pk)
    is_read = edition.state in (State.READY, State.IN_FORCE, State.REPLACED)
    changes = editions.changes(edition) if is_read else None
    faults = edition.faults.order_by("pk")
    against = (
        Edition.objects.filter(system=edition.system, state=State.IN_FORCE).exclude(pk=pk).first()
    )
    context = {
        "edition": edition,
        "changes": changes,
        "sorts": [
            (sort, getattr(changes, sort), changes.counts[sort])
            for sort in ("new", "changed", "gone")
        ]
        if changes and edition.state != State.IN_FORCE
        else [],
        "against": against,
        "job": jobs.about(verbs.READ, edition=pk) if edition.state == State.READING else None,
        "refresh_seconds": REFRESH_SECONDS,
        "page": page_of(faults, request.GET.get("page", 1), FAULTS_SHOWN),
        "fault_count": faults.count(),
        "most_faults": verbs.MOST_FAULTS,
        "may_put_in_force": edition.state in (State.READY, State.REPLACED)
        and access.allowed(request.user, Action.EDIT_FORMULARY),
        "may_take_out": edition.state == State.IN_FORCE
        and access.allowed(request.user, Action.EDIT_FORMULARY),
        "problem": sentence_case(refusal.reason) if refusal else "",
        "problem_field": refusal.field if refusal else "",
        "given": request.POST,
    }
    return render(
        request, "reviews/formulary/code_list.html", context, status=422 if refusal else 200
    )


@require_GET
@login_required
def code_list(request: SignedIn, pk: int) -> HttpResponse:
    """One release: how far it is read, what it would change, and what could not be read."""
    access.require(request.user, Action.SEE_FORMULARY)
    if request.htmx and _edition(pk).state != State.READING:
        # It was read meanwhile: the whole page is another one.
        return HttpResponseClientRefresh()
    return _page(request, pk=pk)


@require_POST
@login_required
@shows_refusals(_page, BadRecord)
def in_force(request: SignedIn, pk: int) -> HttpResponse:
    """Put a release in force."""
    access.require(request.user, Action.EDIT_FORMULARY)
    done = verbs.put_in_force(
        edition=_edition(pk),
        next_review=read_day(request.POST.get("next_review", ""), "next_review"),
        by=request.user,
    )
    messages.success(request, f"{done} is in force. Screening knows of it with the next rule book.")
    return redirect("code-list", pk)


@require_POST
@login_required
@shows_refusals(_page, BadRecord)
def out_of_force(request: SignedIn, pk: int) -> HttpResponse:
    """Take the release in force out of force."""
    access.require(request.user, Action.EDIT_FORMULARY)
    done = verbs.take_out_of_force(
        edition=_edition(pk), reason=request.POST.get("reason", ""), by=request.user
    )
    messages.success(request, f"{done} is no longer in force.")
    return redirect("code-list", pk)


def _edition(pk: int) -> Edition:
    found = Edition.objects.select_related("read_by", "put_in_force_by").filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such release.")
    return found


urlpatterns = [
    path("code-lists", code_lists, name="code-lists"),
    path("code-lists/<int:pk>", code_list, name="code-list"),
    path("code-lists/<int:pk>/in-force", in_force, name="code-list-in-force"),
    path("code-lists/<int:pk>/out-of-force", out_of_force, name="code-list-out-of-force"),
]
