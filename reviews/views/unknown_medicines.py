"""Medicines that no rule can read: what people take that nobody knows, and who says what it is."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from reviews import access
from reviews.access import Action
from reviews.errors import BadRecord, IllegalMove, NotFound
from reviews.models import NoSedative, Practice
from reviews.queries.unknown_medicines import of, said, unknown, with_near
from reviews.verbs import no_sedatives
from reviews.views.refusals import shows_refusals
from reviews.views.signed_in import SignedIn

SHOWN = 50
EVERYWHERE = "everywhere"


@require_GET
@login_required
def listed(request: SignedIn) -> HttpResponse:
    """The texts nobody knows, most people first, and those said to be no sedative."""
    here = _where(request.user)
    rows = unknown(here)
    context = {
        "rows": with_near(rows[:SHOWN]),
        "more": max(0, len(rows) - SHOWN),
        "texts": len(rows),
        "prescriptions": sum(row.prescriptions for row in rows),
        "said": [(row, _may_take_back(request.user, row)) for row in said(here)],
        "practices": access.practices(request.user, Action.JUDGE_MEDICINES),
        "everywhere": access.allowed(request.user, Action.EDIT_FORMULARY),
    }
    return render(request, "reviews/unknown_medicines/list.html", context)


def _refused(request: SignedIn, refusal: BadRecord) -> HttpResponse:
    messages.warning(request, f"Not saved: {refusal.reason}.")
    return redirect("unknown-medicines")


@require_POST
@login_required
@shows_refusals(_refused, BadRecord)
def judge(request: SignedIn) -> HttpResponse:
    """Save the answers of the page: each text that was ticked names no sedative."""
    practice = _practice(request)
    answered = 0
    for text in request.POST.getlist("no_sedative"):
        no_sedatives.say(
            text=text,
            practice=practice,
            reason=request.POST.get("reason", "")[:300],
            by=request.user,
        )
        answered += 1
    if answered:
        where = "in every practice" if practice is None else f"at {practice}"
        messages.success(
            request,
            f"{answered} text{'' if answered == 1 else 's'} said to be no sedative {where}. "
            "Whoever takes it is checked again.",
        )
    else:
        messages.info(request, "Nothing was ticked, so nothing was saved.")
    return redirect("unknown-medicines")


def _taken_back_before(request: SignedIn, refusal: IllegalMove, pk: int) -> HttpResponse:
    messages.warning(request, refusal.message)
    return redirect("unknown-medicines")


@require_POST
@login_required
@shows_refusals(_taken_back_before, IllegalMove)
def take_back(request: SignedIn, pk: int) -> HttpResponse:
    """Take one answer back."""
    held = of(_where(request.user)).filter(pk=pk).first()
    if held is None:
        raise NotFound(access.NO_SUCH_RECORD)
    no_sedatives.take_back(said=held, by=request.user)
    messages.success(request, f"“{held.shown}” is asked about again.")
    return redirect("unknown-medicines")


def _where(user: User) -> list[int] | None:
    """Ids of the practices whose medicines somebody may look at; None for all of them."""
    if access.allowed(user, Action.EDIT_FORMULARY):
        return None
    here = access.practice_ids(user, Action.JUDGE_MEDICINES)
    if not here:
        access.require(user, Action.JUDGE_MEDICINES)
    return here


def _practice(request: SignedIn) -> Practice | None:
    """The practice for which somebody answers; None for all of them."""
    chosen = request.POST.get("where", "")
    if chosen == EVERYWHERE:
        return None
    mine = access.practices(request.user, Action.JUDGE_MEDICINES)
    found = mine.filter(pk=chosen).first() if chosen.isdecimal() else None
    if found is None:
        raise NotFound(access.NO_SUCH_RECORD)
    return found


def _may_take_back(user: User, row: NoSedative) -> bool:
    if row.practice_id is None:
        return access.allowed(user, Action.EDIT_FORMULARY)
    return access.allowed(user, Action.JUDGE_MEDICINES, row)


urlpatterns = [
    path("unknown-medicines", listed, name="unknown-medicines"),
    path("unknown-medicines/judge", judge, name="unknown-medicines-judge"),
    path("unknown-medicines/<int:pk>/take-back", take_back, name="unknown-medicines-take-back"),
]
