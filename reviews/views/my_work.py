"""My work: what waits for me, what came back, what I decided; and handing a caseload over."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods

from reviews import access
from reviews.access import Action
from reviews.errors import BadRecord
from reviews.forms.marks import NO_CASE, read_marks
from reviews.forms.numbers import whole
from reviews.models import Case, CaseState, Decision
from reviews.queries import jobs, recall, work
from reviews.rules import words
from reviews.verbs import caseload
from reviews.views.messages import my_messages
from reviews.views.opinions import my_opinions
from reviews.views.paging import page_of
from reviews.views.queue import fill_rows, with_row
from reviews.views.refusals import shows_refusals
from reviews.views.signed_in import SignedIn

DECIDED_PAGE = 20
BACK_TO_QUEUE = "queue"
CONCLUDED = (Decision.Kind.DECIDED, Decision.Kind.PROPOSED, Decision.Kind.CONFIRMED)


@require_GET
@login_required
def my_work(request: SignedIn) -> HttpResponse:
    """What waits for me first; then what I thought was done and is not; then what is."""
    access.require(request.user, Action.SEE_WORK)
    user = request.user
    mine = list(with_row(work.claimed(user).ranked()))
    asked = list(with_row((work.escalated(user) | work.to_confirm(user)).ranked()))
    why = work.woken(user) | work.reopened(user)
    came_back = list(with_row(Case.objects.filter(pk__in=why).ranked()))
    said = work.said_of([*mine, *asked])
    for case in [*mine, *asked]:
        case.news = said.get(case.pk, "")
    for case in came_back:
        case.news = why[case.pk]
    fill_rows([*mine, *asked, *came_back], user)
    decisions = (
        access.with_marks(Decision.objects.filter(by=user, kind__in=CONCLUDED))
        .select_related("patient", "case", "answer__by", "answers__by")
        .prefetch_related("items__flag", "answers__items__flag")
        .order_by("-decided_at", "-pk")
    )
    decided = page_of(decisions, request.GET.get("page", 1), DECIDED_PAGE)
    for decision in decided.rows:
        decision.is_hidden = access.hides(user, decision)
    context = {
        "mine": mine,
        "asked": asked,
        "waiting": len(mine) + len(asked),
        "came_back": came_back,
        "decided": decided,
        "recalls": recall.mine(user),
        "practices": access.practices(user, Action.SEE_WORK),
        **my_messages(user),
        **my_opinions(user),
        "rescreening": jobs.after_publication(),
        "may_claim": access.allowed(user, Action.CLAIM),
        "may_hand_over": access.allowed(user, Action.HAND_OVER),
    }
    return render(request, "reviews/queue/my_work.html", context)


def _hand_over_page(request: SignedIn, refusal: BadRecord | None = None) -> HttpResponse:
    """The marked cases, or all of mine, and to whom they may go."""
    given = request.POST if request.method == "POST" else request.GET
    marks = read_marks(given.getlist("case"))
    marked = len(marks.seen) + marks.unread
    claimed = access.scope(Case.objects.open(), request.user, Action.HAND_OVER).filter(
        state=CaseState.CLAIMED
    )
    chosen = claimed.filter(pk__in=marks.seen) if marked else claimed.filter(owner=request.user)
    cases = list(with_row(chosen.ranked()))
    for case in cases:
        # The list may be older than this page: what was seen there is what must still hold.
        case.seen = marks.seen.get(case.pk, case.lock)
        case.is_hidden = access.hides(request.user, case)
    practice_ids = {case.practice_id for case in cases}
    context = {
        "cases": cases,
        "colleagues": work.reviewers(practice_ids).exclude(pk=request.user.pk),
        "to": given.get("to", ""),
        "reason": given.get("reason", ""),
        "refusal": refusal,
        "left_out": marked - len(cases) if marked else 0,
    }
    status = 400 if refusal else 200
    return render(request, "reviews/queue/hand_over.html", context, status=status)


@require_http_methods(["GET", "POST"])
@login_required
@shows_refusals(_hand_over_page, BadRecord)
def hand_over(request: SignedIn) -> HttpResponse:
    """Hand over the marked cases; each that cannot be is told, and the others are."""
    access.require(request.user, Action.HAND_OVER)
    if request.method == "GET":
        return _hand_over_page(request)
    marks = read_marks(request.POST.getlist("case"))
    reason = request.POST.get("reason", "").strip()
    to = _colleague(request.POST.get("to", ""), request.user)
    if not reason:
        raise BadRecord("reason", "Say why, so that whoever goes on knows")
    if not marks.seen and not marks.unread:
        raise BadRecord("case", "Tick at least one case")
    moved, refusals = caseload.hand_over_all(seen=marks.seen, to=to, reason=reason, by=request.user)
    for refusal in [*refusals, *[NO_CASE] * marks.unread]:
        messages.warning(request, refusal)
    if moved:
        where = f"handed over to {to.get_full_name() or to.username}" if to else "back in the queue"
        messages.success(request, f"{words.many(len(moved), 'case')} {where}.")
    return redirect("my-work")


def _colleague(key: str, user: User) -> User | None:
    """The reviewer chosen, or None for the queue. Raises `BadRecord`."""
    if key == BACK_TO_QUEUE:
        return None
    here = work.reviewers(access.practice_ids(user, Action.HAND_OVER))
    chosen = whole(key)
    found = here.filter(pk=chosen).first() if chosen is not None else None
    if found is None:
        raise BadRecord("to", "Choose a colleague, or the queue")
    return found


urlpatterns = [
    path("my-work", my_work, name="my-work"),
    path("hand-over", hand_over, name="hand-over"),
]
