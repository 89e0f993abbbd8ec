"""Break-glass: open a record of another practice in an emergency, end it, and look at it."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_http_methods, require_POST

from reviews import access
from reviews.access import Action
from reviews.errors import BadRecord, DomainError
from reviews.forms.break_glass import LookUpForm, OpenForm
from reviews.models import LASTS, BreakGlass, Patient
from reviews.verbs import break_glass
from reviews.views.refusals import refusals_at, shows_refusals
from reviews.views.signed_in import SignedIn

OPENED = "opened_in_emergency"
"""In the session: the numbers of what was opened in it."""
MINUTES = int(LASTS.total_seconds() // 60)


@require_http_methods(["GET", "POST"])
@login_required
def open_record(request: SignedIn) -> HttpResponse:
    """Look somebody up, by all that is known of them; then say why, and their record opens.

    What was looked for is sent and never part of an address.
    """
    access.require(request.user, Action.BREAK_GLASS)
    opens = "reason" in request.POST
    form = (OpenForm if opens else LookUpForm)(request.POST if request.method == "POST" else None)
    found: list[Patient] | None = None
    with refusals_at(form):
        if request.method == "POST":
            valid = form.is_valid()
            found = _found(request, form)
            chosen = next(
                (each for each in found if each.pk == form.cleaned_data.get("patient")), None
            )
            if opens and valid and chosen is None:
                form.add_error("patient", "Say who it is.")
            elif opens and valid and chosen is not None:
                return _open(request, chosen, form.cleaned_data["reason"])
    context = {"form": form, "found": found, "opens": opens, "minutes": MINUTES}
    return render(
        request, "reviews/break_glass/open.html", context, status=422 if form.errors else 200
    )


def _found(request: SignedIn, form: LookUpForm) -> list[Patient]:
    given = form.cleaned_data
    found = break_glass.look_up(
        number=given.get("number") or "",
        family_name=given.get("family_name") or "",
        birth_date=given.get("birth_date"),
        by=request.user,
    )
    for patient in found:
        patient.is_mine = access.allowed(request.user, Action.SEE_PATIENT, patient)
    return found


def _open(request: SignedIn, patient: Patient, reason: str) -> HttpResponse:
    if not access.allowed(request.user, Action.SEE_PATIENT, patient):
        opened = break_glass.open_record(patient=patient, reason=reason, by=request.user)
        request.session[OPENED] = [*request.session.get(OPENED, []), opened.pk]
    return redirect("patient", patient.pk)


@require_POST
@login_required
def end(request: SignedIn, pk: int) -> HttpResponse:
    """Close a record that I opened, before its time is over."""
    break_glass.end(pk=pk, by=request.user)
    request.session[OPENED] = [each for each in request.session.get(OPENED, []) if each != pk]
    messages.success(request, "Closed. The auditor is told how it was used.")
    return redirect("break-glass")


def _desk_again(request: SignedIn, refusal: DomainError, pk: int) -> HttpResponse:
    messages.error(request, f"Not kept. {refusal.message}")
    return redirect("audit")


@require_POST
@login_required
@shows_refusals(_desk_again, BadRecord)
def look_at(request: SignedIn, pk: int) -> HttpResponse:
    """An auditor says what they found."""
    opened = access.fetch(BreakGlass.objects.all(), request.user, Action.SEE_AUDIT, pk=pk)
    break_glass.look_at(opened=opened, note=request.POST.get("note", ""), by=request.user)
    messages.success(request, "Kept in the trail.")
    return redirect("audit")


urlpatterns = [
    path("emergency", open_record, name="break-glass"),
    path("emergency/<int:pk>/end", end, name="break-glass-end"),
    path("audit/emergencies/<int:pk>", look_at, name="break-glass-look"),
]
