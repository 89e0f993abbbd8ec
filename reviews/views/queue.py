"""The review queue: worst first, filters in the address bar and by name, claim from the row."""

from collections.abc import Container, Mapping
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db.models import F, IntegerField, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_POST

from reviews import access, conclusions, service_levels
from reviews.access import Action
from reviews.errors import BadRecord
from reviews.forms.marks import NO_CASE, read_marks
from reviews.forms.numbers import whole
from reviews.models import RANKED, Case, CaseState, Patient, PatientScreening, SavedView
from reviews.moves import MOVES, Move
from reviews.queries import search, work
from reviews.rules.matters import titles
from reviews.rules.registry import BY_ID, RULES
from reviews.verbs import caseload, saved_views
from reviews.views import person, reading
from reviews.views.paging import page_of
from reviews.views.refusals import shows_refusals
from reviews.views.signed_in import SignedIn

PAGE_SIZE = 20
FEW = 1_000
"""People found by name, whose cases are looked up one by one."""

SORTS = {
    "worst": ("Worst first", RANKED),
    "due": ("Due first", ("due_at", "severity", "opened_at", "id")),
    "newest": ("Newest first", ("-opened_at", "-id")),
    "exposure": ("Longest exposure", ("-exposed_days", "severity", "due_at", "id")),
}
DUE = {
    "overdue": "Overdue",
    "today": "Due today",
    "soon": f"Due in {work.SOON_WORKING_DAYS} working days",
    "snoozed": "Snoozed",
    "escalated": "Escalated",
    "second": "For a second person",
}
SEVERITIES = {"1": "S1 Urgent", "2": "S2 Review", "3": "S3 Note"}
OWNERS = {"me": "Mine", "none": "Nobody"}
# The views that reviewers ask for most: a name, its filters, and the count it shows, if any.
VIEWS = (
    ("All open", {}, "all"),
    ("Mine", {"owner": "me"}, "mine"),
    ("Urgent, unclaimed", {"severity": "1", "owner": "none"}, None),
    ("With an opioid", {"rule": "OPI-01"}, None),
    ("Past day 120", {"rule": "DUR-04"}, None),
    ("Cannot be judged", {"rule": "DQ-01"}, None),
    ("For a second person", {"due": "second"}, None),
    ("Snoozed", {"due": "snoozed"}, "snoozed"),
)


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
    context = {
        "page": page,
        "chosen": chosen,
        "marked_left_out": bool(chosen["rule"] or chosen["q"])
        and access.with_marks(visible).filter(is_marked=True).exists(),
        "filtered": bool(narrowing.keys() - {"sort"}),
        "counts": counts,
        "views": [
            {
                "name": name,
                "query": urlencode(query),
                "count": counts[count] if count else None,
                "current": narrowing == query,
            }
            for name, query, count in VIEWS
        ],
        "own_views": own,
        "current_view": next((view for view in own if _same(view, narrowing)), None),
        "may_save": bool(narrowing) and all(narrowing != query for _, query, _ in VIEWS),
        "not_checked": work.not_checked(request.user),
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
    marks = read_marks(request.POST.getlist("case"))
    claimed, refusals = caseload.claim_all(seen=marks.seen, by=request.user)
    for refusal in [*refusals, *[NO_CASE] * marks.unread]:
        messages.warning(request, refusal)
    if claimed:
        messages.success(request, f"{len(claimed)} case{'s'[: len(claimed) > 1]} claimed.")
    # The place in the list is kept, with a script or without.
    return redirect(_back(request) + (f"#case-{claimed[0].pk}" if claimed else ""))


def _view_not_saved(request: SignedIn, refusal: BadRecord) -> HttpResponse:
    messages.warning(request, f"Not saved. {refusal.reason}.")
    return redirect(_back(request))


@require_POST
@login_required
@shows_refusals(_view_not_saved, BadRecord)
def save_view(request: SignedIn) -> HttpResponse:
    """Keep the filters of the page I came from, under a name."""
    narrowing = filters(dict(parse_qsl(request.POST.get("back", "").removeprefix("?"))))
    query = urlencode({name: value for name, value in narrowing.items() if value})
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


def filters(given: Mapping[str, str]) -> dict[str, str]:
    """The filters of an address, as text; unknown values left out, the usual order too."""
    owner = given.get("owner", "")
    return {
        "q": " ".join(given.get("q", "").split())[:100],
        "severity": _known(given.get("severity"), SEVERITIES),
        "rule": _known(given.get("rule"), BY_ID),
        "practice": _number(given.get("practice", "")),
        "owner": owner if owner in OWNERS else _number(owner),
        "due": _known(given.get("due"), DUE),
        "sort": _known(given.get("sort"), SORTS.keys() - {"worst"}),
    }


def narrow(cases: QuerySet[Case], chosen: dict[str, str], user: User) -> QuerySet[Case]:
    """The cases that the filters leave, in the chosen order."""
    if chosen["rule"] or chosen["q"]:
        # Whom a rule or a medicine finds tells something clinical of them. The page says so.
        called = search.named(Patient.objects.all(), chosen["q"])
        cases = access.unhidden(cases, user, but=None if chosen["rule"] else called)
    if chosen["severity"]:
        cases = cases.filter(severity=chosen["severity"])
    if chosen["rule"]:
        cases = cases.filter(rule_ids__contains=[chosen["rule"]])
    if chosen["practice"]:
        cases = cases.filter(practice=chosen["practice"])
    if chosen["owner"] == "none":
        cases = cases.filter(owner__isnull=True)
    elif chosen["owner"]:
        cases = cases.filter(owner=user.pk if chosen["owner"] == "me" else chosen["owner"])
    if chosen["due"] in (CaseState.SNOOZED, CaseState.ESCALATED):
        cases = cases.filter(state=chosen["due"])
    elif not chosen["q"]:
        cases = cases.exclude(state=CaseState.SNOOZED)
    if chosen["due"] == "second":
        cases = cases.filter(state=CaseState.PROPOSED).exclude(proposed_by=user)
    if chosen["due"] in work.due_between():
        cases = work.due(cases, chosen["due"])
    if chosen["q"]:
        found = search.anybody(Patient.objects.all(), chosen["q"]).order_by().values_list("pk")
        few = [pk for (pk,) in found[: FEW + 1]]
        # Told as a question, PostgreSQL would rather walk the queue and try the name on everybody.
        cases = cases.filter(patient__in=few if len(few) <= FEW else found)
    if chosen["sort"] == "exposure":
        days = KeyTextTransform("days", "patient__screening__exposure")
        return cases.annotate(exposed_days=Cast(days, IntegerField())).order_by(
            F("exposed_days").desc(nulls_last=True), "severity", "due_at", "id"
        )
    return cases.order_by(*SORTS[chosen["sort"] or "worst"][1])


def with_row(cases: QuerySet[Case]) -> QuerySet[Case]:
    """The cases with what a row of the list shows, in a fixed number of queries."""
    return (
        access.with_marks(cases)
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
        case.matters = _matters(case.rule_ids)
        case.is_hidden = access.hides(user, case)


def _known(value: str | None, values: Container[str]) -> str:
    return value if value is not None and value in values else ""


def _number(value: str) -> str:
    return "" if whole(value) is None else value


def _same(view: SavedView, narrowing: dict[str, str]) -> bool:
    return dict(parse_qsl(view.query)) == narrowing


def _back(request: SignedIn) -> str:
    """The address of the queue that the form came from; nowhere else."""
    back = request.POST.get("back", "")
    return reverse("queue") + (back if back.startswith("?") else "")


def _matters(rule_ids: list[str]) -> list[str]:
    """What the matters of a case are called, in the middle of a line."""
    return [title[:1].lower() + title[1:] for title in titles(rule_ids)]


urlpatterns = [
    path("", queue, name="queue"),
    path("queue/claim", claim, name="queue-claim"),
    path("queue/views", save_view, name="queue-view-save"),
    path("queue/views/<int:pk>", change_view, name="queue-view"),
]
