"""Upkeep: what of the formulary and the rules needs somebody, and who has it."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from reviews import access, walls
from reviews.access import Action
from reviews.errors import BadRecord
from reviews.forms.days import read_day
from reviews.forms.numbers import whole
from reviews.forms.unknown_medicines import AnswerForm
from reviews.queries import upkeep as asked
from reviews.rules.words import sentence_case
from reviews.verbs import upkeep as verbs
from reviews.views.refusals import shows_refusals
from reviews.views.signed_in import SignedIn

NO_OWNER = "none"


def _page(request: SignedIn, refusal: BadRecord | None = None) -> HttpResponse:
    chosen = request.GET.get("owner", "")
    # Medicines are asked about in every practice; the page counts and names nobody.
    with walls.seeing(walls.EVERYTHING):
        found = asked.of(request.user)

    def is_shown(line: asked.Line) -> bool:
        if chosen == NO_OWNER:
            return line.duty is None
        pk = whole(chosen)
        return pk is None or (line.duty is not None and line.duty.owner_id == pk)

    context = {
        "upkeep": found,
        "groups": [
            ("facts", "Past their next review", [*filter(is_shown, found.overdue)]),
            ("soon", "To be read again within 30 days", [*filter(is_shown, found.soon)]),
            ("rules", "Rules to look at", [*filter(is_shown, found.rules)]),
            (
                "unverified",
                "Not checked against the original",
                [*filter(is_shown, found.unverified)],
            ),
        ],
        "unknown": [
            (line, row, AnswerForm(prefix=f"m{number}"))
            for number, (line, row) in enumerate(found.unknown)
            if is_shown(line)
        ],
        "possible": list(asked.possible_owners()),
        "chosen": chosen,
        "mine": sum(
            1 for line in found.lines if line.duty and line.duty.owner_id == request.user.pk
        ),
        "given": request.POST,
        "problem": sentence_case(refusal.reason) if refusal else "",
        "weeks": (asked.SILENT_WEEKS, asked.FEWEST_BASE_WEEKS, asked.AT_LEAST),
    }
    return render(request, "reviews/upkeep/upkeep.html", context, status=422 if refusal else 200)


@require_GET
@login_required
def upkeep(request: SignedIn) -> HttpResponse:
    """Everything that needs somebody; with `owner`, what one of them has, or nobody."""
    access.require(request.user, Action.EDIT_FORMULARY)
    return _page(request)


@require_POST
@login_required
@shows_refusals(_page, BadRecord)
def give(request: SignedIn) -> HttpResponse:
    """Give one line to somebody, until a day."""
    access.require(request.user, Action.EDIT_FORMULARY)
    due_on = read_day(request.POST.get("due_on", ""), "due_on")
    with walls.seeing(walls.EVERYTHING):
        duty = verbs.give(
            key=request.POST.get("key", ""),
            owner_id=whole(request.POST.get("owner")),
            due_on=due_on,
            by=request.user,
        )
    messages.success(
        request, f"{duty.owner.get_full_name()} has it until {duty.due_on:%-d %b %Y}: {duty.title}."
    )
    return redirect("upkeep")


urlpatterns = [
    path("upkeep", upkeep, name="upkeep"),
    path("upkeep/give", give, name="upkeep-give"),
]
