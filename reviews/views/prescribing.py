"""Log, amend and withdraw a prescription, with what screening will say before it is saved.

One form with three buttons, so that each works without a script: "find" and "preview" show the
page again, "save" saves. With HTMX the picker and the preview follow what is typed.
"""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviews import access
from reviews.access import Action
from reviews.drawing import labels
from reviews.errors import IllegalMove, Stale
from reviews.forms.numbers import whole
from reviews.forms.prescribing import PrescriptionForm, WithdrawForm, values, with_units
from reviews.models import WITHDRAWN, Patient
from reviews.queries import medicines, prescriptions
from reviews.queries.before_saving import BeforeSaving, before_saving
from reviews.queries.picker import picker
from reviews.records import NOT_GIVEN
from reviews.rules.drug import BENZODIAZEPINE, BZRA
from reviews.verbs import prescribe
from reviews.views import person
from reviews.views.refusals import refusals_at, shows_refusals
from reviews.views.signed_in import SignedIn

SAVE = "save"


@require_http_methods(["GET", "POST"])
@login_required
def log(request: SignedIn, pk: int) -> HttpResponse:
    """Log a prescription of any medicine."""
    patient = person.fetch_for(request.user, Action.LOG, pk)
    initial = {"start_on": timezone.localdate(), "indication": "unknown"}
    if request.method == "GET":
        return _start(request, patient, PrescriptionForm(initial=initial))
    return _answer(request, patient, PrescriptionForm(with_units(request.POST), initial=initial))


@require_http_methods(["GET", "POST"])
@login_required
def amend(request: SignedIn, pk: int) -> HttpResponse:
    """Amend a prescription: the form holds its values, and saving makes a new version."""
    held = prescriptions.fetch(request.user, Action.AMEND, pk)
    live = prescriptions.newest(held)
    if live.status in WITHDRAWN:
        raise IllegalMove(
            f"This prescription is {live.get_status_display().lower()} and cannot be amended. "
            "Log a new one."
        )
    patient = person.fetch_for(request.user, Action.LOG, held.patient_id)
    if request.method == "POST":
        form = PrescriptionForm(with_units(request.POST, held), held=held, initial=values(held))
        return _answer(request, patient, form)
    if live.pk != held.pk:
        messages.info(request, "This prescription was changed. Here is its newest version.")
        return redirect("prescription-amend", live.pk)
    return _start(request, patient, PrescriptionForm(held=held, initial=values(held)))


@require_POST
@login_required
def preview(request: SignedIn, pk: int) -> HttpResponse:
    """The fragments that follow the fields: what screening would say, and what is worked out."""
    patient = person.fetch_for(request.user, Action.LOG, pk)
    replaced = whole(request.POST.get("replaces"))
    held = prescriptions.fetch(request.user, Action.AMEND, replaced) if replaced else None
    form = PrescriptionForm(with_units(request.POST, held), held=held)
    context = {
        "patient": patient,
        "form": form,
        "ahead": _ahead(request, patient, form),
        "reason": form.data.get("reason", ""),
        "parts": True,
    }
    return render(request, "reviews/prescribing/_preview_parts.html", context)


@require_GET
@login_required
def find(request: SignedIn, pk: int) -> HttpResponse:
    """The picker's list for what is typed."""
    patient = person.fetch_for(request.user, Action.LOG, pk)
    typed, chosen = request.GET.get("q", ""), request.GET.get("product", "")
    context = {"picker": picker(patient.practice, typed, chosen)}
    return render(request, "reviews/prescribing/_picker.html", context)


def _start(request: SignedIn, patient: Patient, form: PrescriptionForm) -> HttpResponse:
    """The page before anything was typed: an amendment is previewed as it stands."""
    as_it_stands = PrescriptionForm(form.as_posted(), held=form.held)
    ahead = _ahead(request, patient, as_it_stands)
    return _page(request, None, patient=patient, form=form, ahead=ahead)


def _answer(request: SignedIn, patient: Patient, form: PrescriptionForm) -> HttpResponse:
    """Save, or show the page again with everything that is known about what was typed."""
    ahead = _ahead(request, patient, form)
    shown = {"patient": patient, "form": form, "ahead": ahead}
    if request.POST.get("do") != SAVE:
        return _page(request, None, **shown)
    if ahead is None:
        return _page(request, None, **shown, status=422)
    if ahead.still_to_ask(request.POST.getlist("asked")) and not form.cleaned_data["reason"]:
        # Asked for once; the next save goes through with or without a reason.
        return _page(request, None, **shown, ask_now=True)
    return _save(request, **shown)


def _ahead(request: SignedIn, patient: Patient, form: PrescriptionForm) -> BeforeSaving | None:
    """What is known of the prescription that was typed; None while something cannot be read."""
    with refusals_at(form):
        if form.is_valid():
            return before_saving(
                patient=patient,
                record=form.record(written_on=timezone.localdate()),
                by=request.user,
                replaces=form.held,
            )
    return None


def _page(
    request: SignedIn,
    refusal: Stale | None,
    *,
    patient: Patient,
    form: PrescriptionForm,
    ahead: BeforeSaving | None,
    ask_now: bool = False,
    status: int = 200,
) -> HttpResponse:
    held = form.held
    live = prescriptions.newest(held) if held else None
    chosen = request.POST.get("product") or form.initial.get("product", "")
    context = {
        **person.banner(patient),
        "form": form,
        "held": held,
        "live": live,
        "ahead": ahead,
        "ask_now": ask_now,
        "reason": form["reason"].value() or "",
        "picker": picker(patient.practice, request.POST.get("q", ""), chosen),
        "show_errors": status == 422 and bool(form.errors),
        "refusal": refusal,
        "changes": form.changes(live) if live and refusal else [],
    }
    return render(request, "reviews/prescribing/prescription.html", context, status=status)


def _changed_meanwhile(request: SignedIn, refusal: Stale, **shown: Any) -> HttpResponse:
    return _page(request, refusal, **shown, status=409)


@shows_refusals(_changed_meanwhile, Stale)
def _save(
    request: SignedIn, *, patient: Patient, form: PrescriptionForm, ahead: BeforeSaving
) -> HttpResponse:
    reason = form.cleaned_data["reason"] if ahead.asking else ""
    if ahead.interrupting:
        reason = reason or NOT_GIVEN
    elif form.held is not None and not ahead.asking:
        # Nothing new is asked about, so what was said of this prescription goes on holding.
        reason = form.held.reason
    given = {"record": ahead.record, "by": request.user, "reason": reason}
    with refusals_at(form):
        if form.held is None:
            saved, done = prescribe.log(patient=patient, **given), "Logged"
        else:
            saved, done = prescribe.amend(prescription=form.held, **given), "Amended"
        messages.success(request, f"{done}: {saved}. {patient} is being checked again.")
        return redirect("patient", patient.pk)
    return _page(request, None, patient=patient, form=form, ahead=ahead, status=422)


def _withdraw_page(
    request: SignedIn, refusal: Stale | None, pk: int, form: WithdrawForm | None = None
) -> HttpResponse:
    held = prescriptions.fetch(request.user, Action.WITHDRAW, pk)
    live = prescriptions.newest(held)
    if live.status in WITHDRAWN:
        raise IllegalMove(f"This prescription is already {live.get_status_display().lower()}.")
    if request.method == "GET" and live.pk != held.pk:
        messages.info(request, "This prescription was changed. Here is its newest version.")
        return redirect("prescription-withdraw", live.pk)
    # Even where what was typed is what is refused: the version below is not the one that was read.
    changed = refusal is not None or live.pk != held.pk
    recognition = medicines.recognition_of(live)
    patient = person.fetch_for(request.user, Action.WITHDRAW, held.patient_id)
    context = {
        **person.banner(patient),
        "form": form or WithdrawForm(request.POST),
        "held": live,
        "dose": labels.dose(cast(labels.Dosed, live)),
        "sedative": bool(recognition.mask & BZRA),
        "benzodiazepine": bool(recognition.mask & BENZODIAZEPINE),
        "changed": changed,
        "may_amend": access.allowed(request.user, Action.AMEND, live),
    }
    status = 409 if changed else 422 if request.method == "POST" else 200
    return render(request, "reviews/prescribing/withdraw.html", context, status=status)


@require_http_methods(["GET", "POST"])
@login_required
@shows_refusals(_withdraw_page, Stale)
def withdraw(request: SignedIn, pk: int) -> HttpResponse:
    """Say that an order has ended, never began or was an error; it stays on the record."""
    held = prescriptions.fetch(request.user, Action.WITHDRAW, pk)
    form = WithdrawForm(request.POST or None)
    with refusals_at(form):
        if form.is_valid():
            ended = prescribe.withdraw(prescription=held, by=request.user, **form.cleaned_data)
            messages.success(request, f"{held}: {ended.get_status_display().lower()}.")
            return redirect("patient", held.patient_id)
    return _withdraw_page(request, None, pk, form)


urlpatterns = [
    path("patients/<int:pk>/prescriptions/new", log, name="prescription-log"),
    path("patients/<int:pk>/prescriptions/preview", preview, name="prescription-preview"),
    path("patients/<int:pk>/prescriptions/medicines", find, name="medicine-search"),
    path("prescriptions/<int:pk>/amend", amend, name="prescription-amend"),
    path("prescriptions/<int:pk>/withdraw", withdraw, name="prescription-withdraw"),
]
