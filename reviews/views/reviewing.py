"""A structured medication review: one form, what saving would do, and the review as it was said."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviews import access, dossiers, rulebooks
from reviews.access import Action
from reviews.errors import BadRecord, NotFound
from reviews.forms.numbers import whole
from reviews.forms.reviewing import Read, read
from reviews.models import Case, Patient, StructuredReview
from reviews.queries import reviewing as asked
from reviews.structured_reviews import BY_KEY, DONE, LONGEST_NOTE, LONGEST_WORDS, OUTCOMES
from reviews.verbs import reviewing
from reviews.views import person
from reviews.views.signed_in import SignedIn


@require_http_methods(["GET", "POST"])
@login_required
def form(request: SignedIn, pk: int) -> HttpResponse:
    """The form: what this person's findings ask first; saved in one go."""
    patient = person.fetch_for(request.user, Action.RECORD_FACT, pk)
    case = _case(request, patient)
    if request.method == "GET":
        return render(request, "reviews/reviewing/form.html", _context(request, patient, case))
    sent = read(request.POST)
    try:
        if sent.refusal:
            raise sent.refusal
        made = reviewing.record(patient=patient, given=sent.given, by=request.user, case=case)
    except BadRecord as refusal:
        context = _context(request, patient, case, sent, refusal)
        return render(request, "reviews/reviewing/form.html", context, status=422)
    messages.success(
        request, f"Review saved: {len(made.reading_ids)} readings. {patient} is checked again now."
    )
    if request.POST.get("then") == "taper":
        return redirect("taper-plan", patient.pk)
    return redirect("patient-review-shown", patient.pk, made.pk)


def _context(
    request: SignedIn,
    patient: Patient,
    case: Case | None,
    sent: Read | None = None,
    refusal: BadRecord | None = None,
) -> dict[str, Any]:
    today = timezone.localdate()
    _version, book = rulebooks.holding_at(patient.practice_id)
    dossier = dossiers.one(patient, as_of=today)
    given = sent.given if sent else None
    asks = asked.asks(patient, dossier, book, given)
    return {
        **person.banner(patient),
        "case": case,
        "asks": asks,
        "outcomes": list(OUTCOMES.items()),
        "outcome": given.outcome if given else DONE,
        "given": given,
        "would": asked.would(patient, given, dossier, book) if given else None,
        "refusal": refusal,
        "wrong_at": _place_of(refusal) if refusal else "",
        "today": today,
        "typed": request.POST,
        "next_on": asked.next_on(book, dossier, today),
        "longest_words": LONGEST_WORDS,
        "longest_note": LONGEST_NOTE,
        "may_taper": access.allowed(request.user, Action.TAPER, patient),
    }


def _place_of(refusal: BadRecord) -> str:
    """The id of what a refusal is about, on the page."""
    return f"ask-{refusal.field}" if refusal.field in BY_KEY else refusal.field


@require_POST
@login_required
def would(request: SignedIn, pk: int) -> HttpResponse:
    """What saving the form as it is would record and clear: a fragment, and nothing is saved."""
    patient = person.fetch_for(request.user, Action.RECORD_FACT, pk)
    _version, book = rulebooks.holding_at(patient.practice_id)
    dossier = dossiers.one(patient, as_of=timezone.localdate())
    sent = read(request.POST)
    context = {"would": asked.would(patient, sent.given, dossier, book), "given": sent.given}
    return render(request, "reviews/reviewing/_would.html", context)


@require_GET
@login_required
def shown(request: SignedIn, pk: int, review_pk: int) -> HttpResponse:
    """A review as it was said, to read and to print."""
    patient = person.fetch(request.user, Action.SEE_PATIENT, pk)
    review = _review(patient, review_pk)
    may_record = access.allowed(request.user, Action.RECORD_FACT, patient)
    context = {
        **person.banner(patient),
        "review": review,
        "answers": asked.words_of([review])[review.pk],
        "not_asked": asked.not_asked(review),
        "egfr": asked.egfr_in(review),
        "may_take_back": may_record and reviewing.may_take_back(review),
        "may_see_case": access.allowed(request.user, Action.SEE_QUEUE, patient),
    }
    return render(request, "reviews/reviewing/shown.html", context)


@require_POST
@login_required
def take_back(request: SignedIn, pk: int, review_pk: int) -> HttpResponse:
    patient = person.fetch_for(request.user, Action.RECORD_FACT, pk)
    review = _review(patient, review_pk)
    reviewing.take_back(review=review, by=request.user)
    messages.success(request, "Taken back: its readings count no longer. The form is here again.")
    return redirect("patient-review", patient.pk)


def _review(patient: Patient, pk: int) -> StructuredReview:
    found = asked.of(patient).filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such review.")
    return found


def _case(request: SignedIn, patient: Patient) -> Case | None:
    """The case from which the form was opened, if it is this person's."""
    given = request.POST if request.method == "POST" else request.GET
    pk = whole(given.get("case"))
    return Case.objects.filter(pk=pk, patient=patient).first() if pk is not None else None


urlpatterns = [
    path("patients/<int:pk>/review", form, name="patient-review"),
    path("patients/<int:pk>/review/would", would, name="patient-review-would"),
    path("patients/<int:pk>/reviews/<int:review_pk>", shown, name="patient-review-shown"),
    path(
        "patients/<int:pk>/reviews/<int:review_pk>/take-back",
        take_back,
        name="patient-review-take-back",
    ),
]
