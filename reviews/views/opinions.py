"""Unhelpful, because: said of a finding where it stands; seen and answered by rule keepers."""

from typing import Any

from django.contrib import messages as told
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from reviews import access
from reviews.access import Action
from reviews.errors import BadRecord
from reviews.forms.numbers import whole
from reviews.models import Case, FindingOpinion, Flag, Patient
from reviews.queries import opinions as asked
from reviews.verbs import opinions
from reviews.views.refusals import shows_refusals
from reviews.views.signed_in import SignedIn

BECAUSES = FindingOpinion.Because.choices


@require_POST
@login_required
def say(request: SignedIn, pk: int, rule_id: str) -> HttpResponse:
    """Said of a finding about a patient: where it stands, it then says so."""
    patient = access.fetch(
        Patient.objects.select_related("practice"), request.user, Action.CALL_UNHELPFUL, pk=pk
    )
    flag = None
    if (flag_pk := whole(request.GET.get("flag"))) is not None:
        flag = access.fetch(
            Flag.objects.filter(patient=patient), request.user, Action.CALL_UNHELPFUL, pk=flag_pk
        )
    where = request.GET.get("where", FindingOpinion.Where.PREVIEW)
    made = opinions.say(
        rule_id=rule_id,
        practice=patient.practice,
        because=request.POST.get("unhelpful", ""),
        where=where,
        words=request.POST.get("unhelpful_words", ""),
        flag=flag,
        by=request.user,
    )
    if request.htmx:
        return render(request, "reviews/opinions/_said.html", {"said": made})
    told.success(request, f"You said of {made.rule_id}: {made.get_because_display().lower()}.")
    if where == FindingOpinion.Where.WORK:
        return redirect("my-work")
    if flag is not None and flag.case_id:
        return redirect("case", flag.case_id)
    return render(request, "reviews/opinions/said.html", {"said": made})


def _page(request: SignedIn, refusal: BadRecord | None, pk: int | None = None) -> HttpResponse:
    access.require(request.user, Action.ANSWER_UNHELPFUL)
    context = {
        "rules": asked.by_rule(request.user),
        "waiting": list(asked.unanswered(request.user)[: asked.SHOWN]),
        "refusal": refusal,
        "refused": pk,
        "typed": request.POST,
    }
    status = 400 if refusal else 200
    return render(request, "reviews/opinions/list.html", context, status=status)


@require_GET
@login_required
def listed(request: SignedIn) -> HttpResponse:
    """Which rules are called unhelpful, how often and why, and what waits for an answer."""
    return _page(request, None)


@require_POST
@login_required
@shows_refusals(_page, BadRecord)
def answer(request: SignedIn, pk: int) -> HttpResponse:
    opinion = access.fetch(
        FindingOpinion.objects.all(), request.user, Action.ANSWER_UNHELPFUL, pk=pk
    )
    opinions.answer(opinion=opinion, text=request.POST.get("answer", ""), by=request.user)
    told.success(request, "Answered. They see it in My work.")
    return redirect("opinions")


def on_flags(user: User, case: Case, flags: list[Flag]) -> dict[str, Any]:
    """What the page of a case needs for findings to be called unhelpful where they stand."""
    may = access.allowed(user, Action.CALL_UNHELPFUL, case)
    return {
        "may_call_unhelpful": may,
        "said_unhelpful": asked.said_of(user, flags) if may else {},
        "unhelpful_becauses": BECAUSES,
    }


def my_opinions(user: User) -> dict[str, Any]:
    """What "My work" shows of flagged prescriptions of mine, and of what I said."""
    return {
        "flagged": asked.flagged(user) if access.allowed(user, Action.LOG) else [],
        "opinions_answered": list(asked.answered_to(user)),
        "unhelpful_becauses": BECAUSES,
    }


urlpatterns = [
    path("patients/<int:pk>/unhelpful/<slug:rule_id>", say, name="finding-unhelpful"),
    path("unhelpful", listed, name="opinions"),
    path("unhelpful/<int:pk>/answer", answer, name="opinion-answer"),
]
