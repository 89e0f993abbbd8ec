"""Who is who: records that wait until somebody says whose they are, merging, and undoing that."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from reviews import access, records, rulebooks
from reviews.access import Action
from reviews.errors import BadRecord
from reviews.forms.identity import ReasonForm, SettleForm
from reviews.identifiers import label, read_aloud
from reviews.models import IdentityQuestion, KeptApart, Patient, PersonMerge
from reviews.queries import checked, identity
from reviews.queries.medicines import of as medicines_of
from reviews.rules.codes import SEXES
from reviews.verbs import identity as verbs
from reviews.views import person
from reviews.views.paging import page_of
from reviews.views.refusals import form_page, refusals_at
from reviews.views.signed_in import SignedIn

PAGE_SIZE = 25
MEDICINES_SHOWN = 8
SAID_TO_BE_SHOWN = 2
OTHERS_SHOWN = 8


@require_GET
@login_required
def listed(request: SignedIn) -> HttpResponse:
    """What waits, the oldest first; who may be one person; what was settled lately."""
    access.require(request.user, Action.IDENTIFY)
    page = page_of(identity.questions(request.user), request.GET.get("page", 1), PAGE_SIZE)
    hidden = identity.of_hidden_records(page.rows, request.user)
    for question in page.rows:
        question.is_hidden = question.pk in hidden
        question.medicines = identity.medicines(question)
    context = {
        "page": page,
        "suspected": identity.suspected(request.user),
        "merged": identity.merged_lately(request.user),
        "apart": identity.kept_apart_lately(request.user),
        "settled": identity.settled_lately(request.user),
    }
    return render(request, "reviews/identity/list.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def settle(request: SignedIn, pk: int) -> HttpResponse:
    """One question: the record that waits beside whoever it may be, and the answer."""
    question = access.fetch(
        IdentityQuestion.objects.select_related("practice", "proposed_by", "settled_by", "patient"),
        request.user,
        Action.IDENTIFY,
        pk=pk,
    )
    said_to_be = identity.said_to_be(question)[:SAID_TO_BE_SHOWN]
    for patient in (*question.patients.order_by("pk"), *said_to_be):
        access.require_reason(request.user, patient)
    form = SettleForm(question, identity.known_as(question), request.POST or None)
    with refusals_at(form):
        if form.is_valid() and question.settled_at is None:
            given = form.cleaned_data
            settled = verbs.settle(
                question=question,
                answer=given["answer"],
                by=request.user,
                how=given["how"],
                note=given["note"],
                patient=given["patient"],
            )
            if settled.settled_at is None:
                messages.success(request, "Kept. A second person must agree before it holds.")
                return redirect("waiting-records")
            messages.success(request, "Settled. What waited is taken in and will be checked now.")
            if settled.patient_id:
                return redirect("patient", settled.patient_id)
            return redirect("waiting-records")
    others = identity.questions(request.user)
    context = {
        "question": question,
        "said": _said(question),
        "medicines": identity.medicines(question),
        "records": question.records.filter(ended_at__isnull=True).order_by("pk"),
        "people": [
            *(_on_file(patient) for patient in question.patients.order_by("pk")),
            *(_on_file(patient) | {"said_to_be": True} for patient in said_to_be),
        ],
        "pair": _pair(question),
        "waiting": others.count(),
        "others": others[:OTHERS_SHOWN],
    }
    return form_page(request, "reviews/identity/question.html", form, context)


@require_http_methods(["GET", "POST"])
@login_required
def merge(request: SignedIn, pk: int, other: int) -> HttpResponse:
    """Two records side by side; one goes into the other, or they are two people."""
    kept = person.fetch_for(request.user, Action.IDENTIFY, pk)
    gone = person.fetch_for(request.user, Action.IDENTIFY, other)
    if kept.pk == gone.pk:
        messages.success(request, "They are one record already.")
        return redirect("patient", kept.pk)
    form = ReasonForm(request.POST or None)
    with refusals_at(form):
        if form.is_valid():
            reason = form.cleaned_data["reason"]
            if request.POST.get("answer") == "apart":
                verbs.keep_apart(first=kept, second=gone, reason=reason, by=request.user)
                messages.success(request, f"{kept} and {gone} are kept apart.")
                return redirect("waiting-records")
            if request.POST.get("answer") != "merge":
                raise BadRecord("reason", "is needed with an answer: merge, or two people")
            verbs.merge(kept=kept, gone=gone, reason=reason, by=request.user)
            messages.success(request, "Merged. Both are checked again; it can be undone here.")
            return redirect("patient", kept.pk)
    _version, book = rulebooks.holding_at(kept.practice_id)
    context = {
        "kept": _on_file(kept),
        "gone": _on_file(gone),
        "together": identity.found_together(kept, gone, book, timezone.localdate()),
    }
    return form_page(request, "reviews/identity/merge.html", form, context)


@require_http_methods(["GET", "POST"])
@login_required
def unmerge(request: SignedIn, pk: int) -> HttpResponse:
    """Take a merge back, with the reason."""
    held = access.fetch(
        PersonMerge.objects.select_related("kept", "gone", "by"),
        request.user,
        Action.IDENTIFY,
        pk=pk,
    )
    form = ReasonForm(request.POST or None)
    with refusals_at(form):
        if form.is_valid():
            verbs.unmerge(merge=held, reason=form.cleaned_data["reason"], by=request.user)
            messages.success(request, "Undone. Both are being checked again, and are kept apart.")
            return redirect("patient", held.gone_id)
    return form_page(request, "reviews/identity/unmerge.html", form, {"merge": held})


@require_http_methods(["GET", "POST"])
@login_required
def not_apart(request: SignedIn, pk: int) -> HttpResponse:
    """Take back that two people are two, with the reason; then they can be merged."""
    held = access.fetch(
        KeptApart.objects.select_related("first", "second", "by"),
        request.user,
        Action.IDENTIFY,
        pk=pk,
    )
    form = ReasonForm(request.POST or None)
    with refusals_at(form):
        if form.is_valid():
            verbs.not_apart(apart=held, reason=form.cleaned_data["reason"], by=request.user)
            messages.success(request, "Taken back. If they are one person, merge their records.")
            return redirect("patient-merge", held.first_id, held.second_id)
    return form_page(request, "reviews/identity/not_apart.html", form, {"apart": held})


def _said(question: IdentityQuestion) -> dict[str, Any]:
    """What the record says of the person, as rows beside those on file."""
    said = records.convert(question.said, records.PatientRecord)
    return {
        "name": question.name,
        "numbers": [
            (label(number.system), read_aloud(number.system, number.value), number.fits)
            for number in said.identifiers
        ],
        "birth_date": said.birth_date,
        "deceased_on": said.deceased_on,
        "deceased": said.deceased,
        "sex": SEXES[said.sex or "unknown"],
    }


def _on_file(patient: Patient) -> dict[str, Any]:
    """A person on file, as a column of a comparison."""
    _version, book = rulebooks.holding_at(patient.practice_id)
    rows, _ = medicines_of(patient, book=book, as_of=timezone.localdate())
    patient = (
        checked.with_waiting(
            Patient.objects.select_related("practice", "screening__version", "screening__engine")
            .defer("screening__version__book")
            .prefetch_related("identifiers")
        )
        .filter(pk=patient.pk)
        .get()
    )
    return {
        "patient": patient,
        "numbers": person.identifiers(patient, whole=True),
        "medicines": [row for row in rows if row.now][:MEDICINES_SHOWN],
        "medicines_count": len(rows),
        "open_case": patient.cases.filter(closed_at__isnull=True).first(),
        "checked": checked.of(patient, patient),
    }


def _pair(question: IdentityQuestion) -> list[Patient] | None:
    """The two people that a merge would join, where the question is about two."""
    people = list(question.patients.filter(merged_into__isnull=True).order_by("pk")[:2])
    return people if question.cause == "two_people" and len(people) == 2 else None


urlpatterns = [
    path("waiting-records", listed, name="waiting-records"),
    path("waiting-records/<int:pk>", settle, name="waiting-record"),
    path("patients/<int:pk>/merge/<int:other>", merge, name="patient-merge"),
    path("merges/<int:pk>/undo", unmerge, name="merge-undo"),
    path("kept-apart/<int:pk>/undo", not_apart, name="kept-apart-undo"),
]
