"""The review queue: worst first, filters in the address bar and by name, claim from the row."""

from dataclasses import replace
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_POST

from reviews import access, conclusions, service_levels
from reviews.access import Action
from reviews.errors import BadRecord
from reviews.forms.marks import NO_CASE, Marks, read_marks
from reviews.models import Case, PatientScreening, SavedView
from reviews.moves import MOVES, Move
from reviews.queries import guarded, jobs, work
from reviews.rules import weight, words
from reviews.rules.matters import within_a_line
from reviews.rules.registry import RULES
from reviews.verbs import caseload, saved_views
from reviews.views import person, reading, walking
from reviews.views.filters import (
    DUE,
    OPIOID,
    OWNERS,
    PAGE_SIZE,
    SEVERITIES,
    SORTS,
    VIEWS,
    filters,
    in_words,
    narrow,
    query_of,
    unknown,
)
from reviews.views.paging import page_of
from reviews.views.refusals import shows_refusals
from reviews.views.signed_in import SignedIn


@require_GET
@login_required
def queue(request: SignedIn) -> HttpResponse:
    """The page and, for a live refresh, the list with the counts above it."""
    if not access.allowed(request.user, Action.SEE_QUEUE):
        return home(request)
    mine = access.practice_ids(request.user, Action.SEE_QUEUE)
    visible = access.scope(Case.objects.open(), request.user, Action.SEE_QUEUE)
    chosen = filters(request.GET)
    cases = narrow(visible, chosen, request.user)
    # Which cases first, then what is shown of them: else all those before the page are joined too.
    page = page_of(cases.values_list("pk", flat=True), request.GET.get("page", 1), PAGE_SIZE)
    shown = with_row(Case.objects.all()).in_bulk(page.rows)
    page = replace(page, rows=[shown[pk] for pk in page.rows])
    if chosen["q"]:
        reading.searched(request, chosen["q"], [case.patient for case in page.rows])
    fill_rows(page.rows, request.user)
    practices = list(access.practices(request.user, Action.SEE_QUEUE))
    colleagues = list(work.reviewers(mine).exclude(pk=request.user.pk))
    counts = work.counts(mine, request.user)
    own = list(SavedView.objects.filter(user=request.user).order_by("name"))
    narrowing = {name: value for name, value in chosen.items() if value}
    own_queries = [query_of(view.query) for view in own]
    total, *view_counts = work.count_all(
        [
            cases,
            *(
                narrow(visible, filters(query), request.user)
                for query in [*(view.query for view in VIEWS), *own_queries]
            ),
        ]
    )
    for view, query, count in zip(own, own_queries, view_counts[len(VIEWS) :], strict=True):
        view.count, view.says = count, in_words(filters(query))
    current = next((view for view in own if query_of(view.query) == narrowing), None)
    known_view = next((view for view in VIEWS if view.query == narrowing), None)
    context = {
        "page": page,
        "chosen": chosen,
        "marked_left_out": bool(chosen["rule"] or chosen["q"])
        and access.with_marks(visible).filter(is_marked=True).exists(),
        "filtered": bool(narrowing.keys() - {"sort"}),
        "counts": counts,
        "views": [
            {
                "name": view.name,
                "query": urlencode(view.query),
                "says": view.says,
                "count": count,
                "current": view == known_view,
            }
            for view, count in zip(VIEWS, view_counts, strict=False)
        ],
        "own_views": own,
        "current_view": current,
        "may_save": bool(narrowing) and known_view is None,
        "total": total,
        "shows": known_view.says if known_view else in_words(chosen),
        "unknown_filters": unknown(request.GET, request.user),
        "list_query": urlencode(narrowing | ({"page": page.number} if page.number > 1 else {})),
        "opioid_rules": OPIOID,
        "not_checked": work.not_checked(request.user),
        "rescreening": jobs.after_publication(),
        "guarded_here": guarded.at_my_practices(request.user),
        "practices": practices,
        "rules": [(rule.id, rule.title) for rule in RULES],
        "sorts": [(key, label) for key, (label, _) in SORTS.items()],
        "dues": DUE.items(),
        "severities": SEVERITIES.items(),
        "owners": [
            *OWNERS.items(),
            *((str(user.pk), user.get_full_name() or user.username) for user in colleagues),
        ],
        "may_claim": access.allowed(request.user, Action.CLAIM),
        "may_recall": access.allowed(request.user, Action.RECALL),
        "service_levels": service_levels.in_words(),
        "checked_patients": work.counted(
            PatientScreening.objects.filter(problem="", patient__practice__in=mine)
        ),
    }
    template = "reviews/queue/_refresh.html" if request.htmx else "reviews/queue/queue.html"
    return render(request, template, context)


@require_POST
@login_required
def claim(request: SignedIn) -> HttpResponse:
    """Claim the ticked cases; each that cannot be is told, and the others are claimed.

    The same ticks can go to the page that hands cases over instead.
    """
    if request.POST.get("do") == "hand_over":
        marks = request.POST.getlist("case")
        return redirect(f"{reverse('hand-over')}?{urlencode({'case': marks}, doseq=True)}")
    if request.POST.get("do") == "answer":
        back = request.POST.get("back", "").removeprefix("?")
        asked = [("list", back), *(("case", mark) for mark in request.POST.getlist("case"))]
        return redirect(f"{reverse('queue-answer')}?{urlencode(asked)}")
    marks = read_marks(request.POST.getlist("case"))
    if request.POST.get("do") == "work":
        return _work_through(request, marks)
    claimed, refusals = caseload.claim_all(seen=marks.seen, by=request.user)
    for refusal in [*refusals, *[NO_CASE] * marks.unread]:
        messages.warning(request, refusal)
    if claimed:
        messages.success(request, f"{words.many(len(claimed), 'case')} claimed.")
    # The place in the list is kept, with a script or without.
    return redirect(_back(request) + (f"#case-{claimed[0].pk}" if claimed else ""))


def _work_through(request: SignedIn, marks: Marks) -> HttpResponse:
    """Begin a session over the ticked cases."""
    if not marks.seen:
        messages.warning(request, "Tick the cases that you want to work through.")
        return redirect(_back(request))
    back = request.POST.get("back", "").removeprefix("?")
    session = walking.begin_with(request.user, list(marks.seen), back)
    return redirect(walking.to_case(session.case_ids[0], session))


def _view_not_saved(request: SignedIn, refusal: BadRecord) -> HttpResponse:
    messages.warning(request, f"Not saved. {refusal.reason}.")
    return redirect(_back(request))


@require_POST
@login_required
@shows_refusals(_view_not_saved, BadRecord)
def save_view(request: SignedIn) -> HttpResponse:
    """Keep the filters of the page I came from, under a name."""
    query = urlencode(query_of(request.POST.get("back", "").removeprefix("?")))
    view = saved_views.save(name=request.POST.get("name", ""), query=query, by=request.user)
    messages.success(request, f"Saved as “{view.name}”. Only you see it.")
    return redirect(_back(request))


def _view_not_renamed(request: SignedIn, refusal: BadRecord, pk: int) -> HttpResponse:
    messages.warning(request, f"Not renamed. {refusal.reason}.")
    return redirect(_back(request))


@require_POST
@login_required
@shows_refusals(_view_not_renamed, BadRecord)
def change_view(request: SignedIn, pk: int) -> HttpResponse:
    """Rename or remove a view of mine."""
    if request.POST.get("do") == "remove":
        view = saved_views.remove(pk=pk, by=request.user)
        messages.success(request, f"“{view.name}” is removed from your views.")
        return redirect("queue")
    saved_views.rename(pk=pk, name=request.POST.get("name", ""), by=request.user)
    return redirect(_back(request))


def home(request: SignedIn) -> HttpResponse:
    """Where somebody who has no queue starts: the first page of their menu."""
    if access.allowed(request.user, Action.SEE_PEOPLE):
        return redirect("people")
    if access.allowed(request.user, Action.SEE_FORMULARY):
        return redirect("formulary")
    return render(request, "reviews/no_role.html", status=403)


def with_row(cases: QuerySet[Case]) -> QuerySet[Case]:
    """The cases with what a row of the list shows, in a fixed number of queries."""
    return (
        access.with_marks(cases)
        .annotate(new_since=work.new_since())
        .select_related("patient", "patient__screening", "practice", "owner", "proposed_by")
        .prefetch_related("patient__identifiers")
    )


def fill_rows(cases: list[Case], user: User) -> None:
    """What a row says of each case, and what `user` may do with it."""
    for case in cases:
        works_here = access.allowed(user, Action.CLAIM, case)
        case.may_claim = works_here and (case.state, Move.CLAIM) in MOVES
        case.needs_me = works_here and conclusions.needs_second(case, user)
        case.may_tick = works_here
        case.is_mine = case.owner_id == user.pk
        case.numbers = person.identifiers(
            case.patient, whole=access.allowed(user, Action.SEE_NUMBERS, case)
        )[:1]
        case.matters = within_a_line(case.rule_ids)
        case.is_hidden = access.hides(user, case)
        case.weighed_by = weight.in_words(case.weighed)


def _back(request: SignedIn) -> str:
    """The address of the queue that the form came from; nowhere else."""
    back = request.POST.get("back", "")
    return reverse("queue") + (back if back.startswith("?") else "")


urlpatterns = [
    path("", queue, name="queue"),
    path("queue/claim", claim, name="queue-claim"),
    path("queue/views", save_view, name="queue-view-save"),
    path("queue/views/<int:pk>", change_view, name="queue-view"),
]
