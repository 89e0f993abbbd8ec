"""Readings and exemptions of a patient: recorded, corrected, granted and ended in place."""

from datetime import timedelta
from itertools import groupby
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from reviews import access, rulebooks
from reviews.access import Action
from reviews.errors import NotFound
from reviews.forms.facts import CorrectForm, ExemptForm, ReadingForm
from reviews.models import Exemption, Patient, Prescription, Reading
from reviews.queries import medicines, reviewing
from reviews.rules import exemptions
from reviews.rules.readings import KINDS
from reviews.rules.registry import BY_ID
from reviews.verbs import exempt, observe
from reviews.views import person
from reviews.views.refusals import form_page, refusals_at
from reviews.views.signed_in import SignedIn

REVIEWS_SHOWN = 5


def sections(patient: Patient, user: User) -> dict[str, Any]:
    """What the patient page shows of readings and exemptions."""
    today = timezone.localdate()
    rows = (
        Reading.objects.live()
        .filter(patient=patient)
        .exclude(status="entered-in-error")
        .select_related("recorded_by")
        .order_by("-dated_on", "-pk")
    )
    latest, earlier = {}, []
    for row in rows:
        if row.kind in latest:
            earlier.append(row)
            continue
        known = KINDS.get(row.kind)
        until = known and known.valid_days and row.dated_on + timedelta(days=known.valid_days)
        row.speaks_until = until or None
        row.too_old = bool(until and until < today)
        latest[row.kind] = row
    granted = list(
        Exemption.objects.filter(patient=patient)
        .select_related("owner", "ended_by")
        .order_by("-expires_on", "-pk")
    )
    limited = {order_id for exemption in granted for order_id in exemption.order_ids}
    texts = dict(
        Prescription.objects.live()
        .filter(patient=patient, order_id__in=limited)
        .values_list("order_id", "medicine__text")
    )
    for exemption in granted:
        exemption.silent, exemption.lowered = _effects(exemption.kind)
        exemption.is_to_come = exemption.starts_on > today
        exemption.only_for = [texts[pk] for pk in exemption.order_ids if pk in texts]
    return {
        "readings": list(latest.values()),
        "earlier_readings": earlier,
        "reviews_done": reviewing.of(patient)[:REVIEWS_SHOWN],
        "exemptions": [e for e in granted if e.ended_at is None and e.expires_on >= today],
        "past_exemptions": [e for e in granted if e.ended_at or e.expires_on < today],
        "may_exempt": access.allowed(user, Action.EXEMPT, patient),
        "today": today,
    }


@require_GET
@login_required
def kinds(request: SignedIn, pk: int) -> HttpResponse:
    """Which kind of reading to record."""
    found = _patient(request, pk, Action.RECORD_FACT)
    groups = [
        (group, list(members))
        for group, members in groupby(
            sorted(KINDS.items(), key=lambda item: item[1].group), key=lambda item: item[1].group
        )
    ]
    context = {**person.banner(found), "groups": groups}
    return render(request, "reviews/facts/kinds.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def reading(request: SignedIn, pk: int, kind: str) -> HttpResponse:
    """Record a reading of one kind."""
    found = _patient(request, pk, Action.RECORD_FACT)
    if kind not in KINDS:
        raise NotFound("There is no such kind of reading.")
    form = ReadingForm(kind, request.POST or None)
    with refusals_at(form):
        if form.is_valid():
            made = observe.record_reading(patient=found, record=form.record(), by=request.user)
            messages.success(request, f"Recorded: {made}. The patient is being checked again.")
            return redirect("patient", found.pk)
    context = {**person.banner(found), "rules": KINDS[kind].rules}
    return form_page(request, "reviews/facts/reading.html", form, context)


@require_http_methods(["GET", "POST"])
@login_required
def correct(request: SignedIn, pk: int, reading_pk: int) -> HttpResponse:
    """Put a reading right; what it said before is kept."""
    found = _patient(request, pk, Action.RECORD_FACT)
    held = Reading.objects.filter(patient=found, pk=reading_pk, kind__in=KINDS).first()
    if held is None:
        raise NotFound("There is no such reading.")
    form = CorrectForm(held, request.POST if request.method == "POST" else None)
    with refusals_at(form):
        if form.is_valid():
            observe.correct(reading=held, record=form.record(), by=request.user)
            messages.success(request, f"Corrected: {held}. The patient is being checked again.")
            return redirect("patient", found.pk)
    context = {**person.banner(found), "reading": held}
    return form_page(request, "reviews/facts/correct.html", form, context)


@require_http_methods(["GET", "POST"])
@login_required
def grant(request: SignedIn, pk: int) -> HttpResponse:
    """Exempt a patient from some rules."""
    found = _patient(request, pk, Action.EXEMPT)
    _version, book = rulebooks.holding_at(found.practice_id)
    rows, _dossier = medicines.of(found, book=book, as_of=timezone.localdate())
    orders = [
        (str(row.prescription.order_id), _in_a_line(row))
        for row in rows
        if row.now and row.sedative
    ]
    form = ExemptForm(orders, request.POST or None)
    with refusals_at(form):
        if form.is_valid():
            made = exempt.exempt(patient=found, by=request.user, **form.cleaned_data)
            messages.success(request, f"Exempted: {made}. The patient is being checked again.")
            return redirect("patient", found.pk)
    return form_page(request, "reviews/facts/exempt.html", form, person.banner(found))


@require_http_methods(["GET", "POST"])
@login_required
def end(request: SignedIn, pk: int, exemption_pk: int) -> HttpResponse:
    """Ask once more, then end an exemption before its day."""
    found = _patient(request, pk, Action.EXEMPT)
    held = Exemption.objects.filter(patient=found, pk=exemption_pk).select_related("owner").first()
    if held is None:
        raise NotFound("There is no such exemption.")
    if request.method == "POST":
        exempt.end(exemption=held, by=request.user)
        messages.success(request, "The exemption has ended. The rules apply again from now on.")
        return redirect("patient", found.pk)
    context = {**person.banner(found), "exemption": held}
    return render(request, "reviews/facts/end.html", context)


def _effects(kind: str) -> tuple[str, list[str]]:
    """The rules that an exemption silences, in words, and the ids of those it lowers."""
    left = {rule_id: exemptions.graded(rule_id, 1, [kind]) for rule_id in BY_ID}
    silent = sorted(rule_id for rule_id, severity in left.items() if severity is None)
    kept = {rule_id: severity for rule_id, severity in sorted(left.items()) if severity is not None}
    lowered = [rule_id for rule_id, severity in kept.items() if severity > 1]
    if len(silent) > len(kept):
        return f"every rule but {', '.join(kept)}", lowered
    return ", ".join(silent), lowered


def _in_a_line(row: medicines.Row) -> str:
    """An order in a line: what, how much, since when."""
    begun = f"from {row.begun_on:%-d %b %Y}" if row.begun_on else ""
    return ", ".join(filter(None, [row.prescription.medicine.text, row.dose, begun]))


def _patient(request: SignedIn, pk: int, action: Action) -> Patient:
    found = person.fetch(request.user, Action.SEE_PATIENT, pk)
    access.require(request.user, action, found)
    return found


urlpatterns = [
    path("patients/<int:pk>/readings", kinds, name="patient-readings"),
    path("patients/<int:pk>/readings/<slug:kind>", reading, name="patient-reading"),
    path(
        "patients/<int:pk>/readings/<int:reading_pk>/correct",
        correct,
        name="patient-reading-correct",
    ),
    path("patients/<int:pk>/exemptions", grant, name="patient-exempt"),
    path("patients/<int:pk>/exemptions/<int:exemption_pk>/end", end, name="patient-exemption-end"),
]
