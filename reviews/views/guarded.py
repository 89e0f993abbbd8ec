"""Guarded books: begin one at some practices, look at its burden, widen it, roll it back."""

from typing import NamedTuple

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from reviews import access, groups, publishing, what_ifs
from reviews.access import Action
from reviews.errors import BadRecord, IllegalMove, NotFound
from reviews.forms import budget
from reviews.forms.numbers import whole
from reviews.guarding import LONGEST_SOURCE
from reviews.models import GuardedBook, Practice, RuleVersion
from reviews.queries import guarded as queries
from reviews.queries import what_if as trials
from reviews.shadows import LONGEST_DAYS
from reviews.verbs import guard
from reviews.views.confirming import confirmed
from reviews.views.refusals import shows_refusals
from reviews.views.signed_in import SignedIn


@require_GET
@login_required
def page(request: SignedIn, number: int) -> HttpResponse:
    """Where a book runs guarded, or ran: its burden by day, and why it stopped itself."""
    return _page(request, number)


def _page(
    request: SignedIn,
    number: int,
    refusal: BadRecord | IllegalMove | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    access.require(request.user, Action.SEE_FORMULARY)
    version = _version(number)
    held = queries.newest_of(version)
    told = queries.told(held, request.user) if held else None
    runs = told is not None and told.is_running
    is_draft = version.state == RuleVersion.State.DRAFT
    tried = what_ifs.of(version)
    hindrance = publishing.hindrance(version, request.user) if is_draft and not runs else None
    context = {
        "version": version,
        "told": told,
        "refusal": refusal,
        "is_draft": is_draft,
        "hindrance": hindrance,
        "may_begin": is_draft and not runs and hindrance is None,
        "may_roll_back": runs and access.allowed(request.user, Action.DRAFT),
        "choices": _choices(told, request.POST.getlist("practices")),
        "longest_days": LONGEST_DAYS,
        "burdens": trials.told(tried).burdens if tried and is_draft and not runs else [],
        "typed": request.POST,
        "budget": request.POST if refusal else version,
        "longest_words": guard.LONGEST_WORDS,
        "longest_source": LONGEST_SOURCE,
    }
    return render(request, "reviews/rulebooks/guarded.html", context, status=status)


def _refused(request: SignedIn, refusal: BadRecord | IllegalMove, number: int) -> HttpResponse:
    status = 422 if isinstance(refusal, BadRecord) else 409
    return _page(request, number, refusal, status=status)


@require_POST
@login_required
@shows_refusals(_refused, BadRecord, IllegalMove)
@confirmed
def begin(request: SignedIn, number: int) -> HttpResponse:
    """Agree, as a second person, and let the draft judge at the first practices."""
    access.require(request.user, Action.PUBLISH)
    begun = guard.begin(
        version=_version(number),
        practices=_practices(request),
        budget=budget.typed(request.POST),
        agreement=request.POST.get("agreement", ""),
        by=request.user,
    )
    messages.success(
        request,
        f"Rule book {number} is guarded. Its patients are screened again, then it is looked at"
        f" each hour. It goes back to rule book {begun.against.number} by itself.",
    )
    return redirect("rulebook-guarded", number)


@require_POST
@login_required
@shows_refusals(_refused, BadRecord, IllegalMove)
@confirmed
def widen(request: SignedIn, number: int) -> HttpResponse:
    """Begin the next stage, at further practices, or again where it stopped itself."""
    access.require(request.user, Action.PUBLISH)
    guard.widen(
        guard=_guard(number),
        practices=_practices(request),
        reason=request.POST.get("reason", ""),
        by=request.user,
    )
    messages.success(request, "The next stage has begun. Its patients are screened again.")
    return redirect("rulebook-guarded", number)


@require_POST
@login_required
@shows_refusals(_refused, BadRecord, IllegalMove)
def roll_back(request: SignedIn, number: int) -> HttpResponse:
    """Give every practice the live book again."""
    access.require(request.user, Action.DRAFT)
    ended = guard.roll_back(
        guard=_guard(number), reason=request.POST.get("reason", ""), by=request.user
    )
    messages.success(
        request, f"Rolled back: rule book {ended.against.number} judges everywhere again."
    )
    return redirect("rulebook-guarded", number)


class Choice(NamedTuple):
    """A practice to begin at, or all free ones of a group; `is_only` where there is no other."""

    value: str
    label: str
    is_chosen: bool
    is_only: bool


def _choices(told: queries.Told | None, chosen: list[str]) -> list[Choice]:
    """Where a stage could begin, the groups first."""
    places = list(Practice.objects.order_by("name"))
    if told is not None and told.is_running:
        places = told.free
    free = {practice.pk for practice in places}
    found = [
        (group.scope, f"All {len(members)} of {group}")
        for group, members in groups.members()
        if len(members) > 1 and free.issuperset(members)
    ]
    found += [(str(practice.pk), practice.name) for practice in places]
    is_only = len(places) == 1
    return [Choice(value, label, is_only or value in chosen, is_only) for value, label in found]


def _practices(request: SignedIn) -> list[Practice]:
    """The practices that were ticked, by themselves or with their group."""
    chosen = set(request.POST.getlist("practices"))
    members = {group.scope: pks for group, pks in groups.members()}
    ids: set[int | None] = set()
    for each in chosen:
        ids |= set(members[each]) if each in members else {whole(each)}
    found = list(Practice.objects.filter(pk__in=[pk for pk in ids if pk is not None]))
    if len(found) != len(ids):
        raise BadRecord("practices", "choose practices of the list")
    return found


@require_POST
@login_required
@shows_refusals(_refused, BadRecord, IllegalMove)
def to_shadow(request: SignedIn, number: int) -> HttpResponse:
    """Have the book judge silently at a practice where it ran guarded."""
    access.require(request.user, Action.DRAFT)
    practice = Practice.objects.filter(pk=whole(request.POST.get("practice", ""))).first()
    if practice is None:
        raise BadRecord("practice", "choose a practice")
    begun = guard.to_shadow(
        guard=_guard(number),
        practice=practice,
        days=whole(request.POST.get("days", "")) or 0,
        reason=request.POST.get("reason", ""),
        by=request.user,
    )
    messages.success(
        request,
        f"Rule book {number} judges silently at {practice} until {begun.last_day:%-d %B %Y}."
        " The live book judges there.",
    )
    return redirect("rulebook-guarded", number)


def _guard(number: int) -> GuardedBook:
    held = queries.newest_of(_version(number))
    if held is None:
        raise IllegalMove(f"Rule book {number} was never guarded.")
    return held


def _version(number: int) -> RuleVersion:
    version = RuleVersion.objects.defer("book").filter(number=number).first()
    if version is None:
        raise NotFound("There is no rule book of that number.")
    return version


urlpatterns = [
    path("rule-books/<int:number>/guarded", page, name="rulebook-guarded"),
    path("rule-books/<int:number>/guarded/begin", begin, name="rulebook-guarded-begin"),
    path("rule-books/<int:number>/guarded/widen", widen, name="rulebook-guarded-widen"),
    path("rule-books/<int:number>/guarded/shadow", to_shadow, name="rulebook-guarded-to-shadow"),
    path("rule-books/<int:number>/guarded/roll-back", roll_back, name="rulebook-guarded-roll-back"),
]
