"""What reviewers called wrong in the record: for whoever can put it right."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from reviews import access
from reviews.access import Action
from reviews.drawing import labels
from reviews.errors import BadRecord, NotFound, Stale
from reviews.models import DataCheck, DecisionItem, ImportNote, Prescription
from reviews.queries.data_quality import waiting
from reviews.verbs import data_quality
from reviews.views.paging import page_of
from reviews.views.refusals import shows_refusals
from reviews.views.signed_in import SignedIn

PAGE_SIZE = 25


@require_GET
@login_required
def listed(request: SignedIn) -> HttpResponse:
    access.require(request.user, Action.SEE_QUEUE)
    mine = access.practice_ids(request.user, Action.SEE_QUEUE)
    page = page_of(
        access.unhidden(waiting(mine), request.user, patient="decision__patient_id"),
        request.GET.get("page", 1),
        PAGE_SIZE,
    )
    ids = {pk for item in page.rows for pk in item.flag.prescription_ids}
    lines = Prescription.objects.select_related("medicine").in_bulk(ids)
    for item in page.rows:
        item.lines = [lines[pk] for pk in item.flag.prescription_ids if pk in lines]
        for line in item.lines:
            line.dose_in_words = labels.dose(cast(labels.Dosed, line))
        item.may_check = access.allowed(request.user, Action.CHECK_DATA, item.decision)
        item.may_amend = access.allowed(request.user, Action.AMEND, item.decision)
    context = {
        "page": page,
        "results": DataCheck.Result.choices,
        "may_judge": access.allowed(request.user, Action.JUDGE_MEDICINES),
    }
    return render(request, "reviews/data_quality/list.html", context)


def _checked_before(request: SignedIn, refusal: Stale, pk: int) -> HttpResponse:
    messages.warning(request, refusal.message)
    return redirect("data-quality")


@require_POST
@login_required
@shows_refusals(_checked_before, Stale)
def check(request: SignedIn, pk: int) -> HttpResponse:
    """Say what became of an entry: put right, or right as it was."""
    mine = access.practice_ids(request.user, Action.SEE_QUEUE)
    items = DecisionItem.objects.select_related("decision__answer", "flag")
    item = items.filter(pk=pk, outcome="data_wrong", decision__practice__in=mine).first()
    if item is None:
        raise NotFound("There is no such entry, or you may not see it.")
    made = data_quality.check(
        item=item,
        result=request.POST.get("result", ""),
        note=request.POST.get("note", "")[:500],
        by=request.user,
    )
    right = made.result == DataCheck.Result.WAS_RIGHT
    after = "The flag goes back to a reviewer." if right else "It is off the list."
    messages.success(request, f"{made.get_result_display()}. {after}")
    return redirect("data-quality")


def _unanswered(request: SignedIn, refusal: BadRecord, pk: int) -> HttpResponse:
    messages.warning(request, refusal.message)
    return redirect("patient", _note(request, pk).patient_id)


@require_POST
@login_required
@shows_refusals(_unanswered, BadRecord)
def answer_note(request: SignedIn, pk: int) -> HttpResponse:
    """Say what is known of something a source could not make understood."""
    note = _note(request, pk)
    data_quality.answer_note(note=note, answer=request.POST.get("answer", ""), by=request.user)
    messages.success(request, f"Answered: {note.named}.")
    return redirect("patient", note.patient_id)


def _note(request: SignedIn, pk: int) -> ImportNote:
    return access.fetch(ImportNote.objects.all(), request.user, Action.SEE_PATIENT, pk=pk)


urlpatterns = [
    path("data-quality", listed, name="data-quality"),
    path("data-quality/<int:pk>", check, name="data-quality-check"),
    path("notes/<int:pk>/answer", answer_note, name="import-note-answer"),
]
