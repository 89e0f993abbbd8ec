"""Work sessions: a case opened from a list leads to the next one of that list, and to its end."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_POST

from reviews import conclusions
from reviews.forms.numbers import whole
from reviews.models import Case, Decision, WorkSession
from reviews.queries import walking
from reviews.queries.walking import Stands, Walk
from reviews.rules.matters import within_a_line
from reviews.verbs import work_sessions
from reviews.views import lists
from reviews.views.signed_in import SignedIn

LIST, SESSION = "list", "session"
"""What an address says of a case: from which list it is opened, or in which session."""
SHOWN = 6
"""So many cases that are left, and that were decided, stand on the page; the others are folded."""


def begin(user: User, case: Case, text: str) -> WorkSession:
    """The session over the list that `text` names, from this case on; mine that goes on, or new."""
    found = lists.read(user, text)
    session = walking.going_on(user, found.query, case)
    if session is not None:
        return session
    # It may have left the list since the list was shown; it was opened from there all the same.
    ids = found.case_ids if case.pk in found.case_ids else [case.pk, *found.case_ids]
    return _begin(user, found._replace(case_ids=ids))


def begin_with(user: User, case_ids: list[int], text: str) -> WorkSession:
    """A session over cases that were ticked in a list, in its order."""
    found = lists.read(user, text)
    count = len(case_ids)
    return _begin(
        user,
        lists.List(
            name=f"{count} ticked of “{found.name}”",
            query=lists.TICKED + found.query,
            case_ids=case_ids,
            found=str(count),
        ),
    )


def _begin(user: User, found: lists.List) -> WorkSession:
    return work_sessions.begin(
        name=found.name,
        query=found.query,
        told=lists.for_the_trail(found.query),
        case_ids=found.case_ids,
        found=found.found,
        by=user,
    )


def current(request: HttpRequest, user: User) -> WorkSession | None:
    """The session that the address names. Raises `NotFound` for one that is not to be seen."""
    pk = whole(request.GET.get(SESSION))
    return None if pk is None else walking.fetch(user, pk)


def to_case(pk: int, session: WorkSession | None) -> str:
    """The address of a case, within the session if there is one."""
    return reverse("case", args=[pk]) + words_of(session)


def words_of(session: WorkSession | None) -> str:
    """What an address says at its end so that a page stays within the session."""
    return f"?{SESSION}={session.pk}" if session else ""


def onwards(user: User, case: Case, session: WorkSession | None) -> HttpResponse:
    """After a case: the next of the list, else its end; without a list, back to the queue."""
    if session is None:
        return redirect("queue")
    following = walking.walk(session, user).next(case)
    return redirect(to_case(following, session) if following else _page_of(session))


def bar(user: User, case: Case, session: WorkSession | None) -> dict[str, Any]:
    """What the page of a case shows of its session, and where its keys lead."""
    if session is None:
        return {"walk": None, "in_session": ""}
    walked = walking.walk(session, user)
    following, previous = walked.next(case), walked.previous(case)
    return {
        "walk": {
            "session": session,
            "name": lists.seen_by(session, user),
            "is_mine": session.user_id == user.pk,
            "number": walked.number(case),
            "counts": walked.counts,
            "next": to_case(following, session) if following else "",
            "previous": to_case(previous, session) if previous else "",
            "end": _page_of(session),
        },
        "in_session": words_of(session),
    }


def _page_of(session: WorkSession) -> str:
    return reverse("work-session", args=[session.pk])


@require_GET
@login_required
def show(request: SignedIn, pk: int) -> HttpResponse:
    """What was done of a list, and what is left of it."""
    user = request.user
    session = walking.fetch(user, pk)
    walked = walking.walk(session, user)
    _with_case(walked, _cases(walked))
    decided = walked.of(Stands.DECIDED)
    asked = walking.asked(walked, user)
    now = lists.read(user, session.query)
    fresh = [] if session.query.startswith(lists.TICKED) else now.case_ids
    context = {
        "session": session,
        "name": lists.seen_by(session, user),
        "is_mine": session.user_id == user.pk,
        "counts": walked.counts,
        "times": walking.times(walked),
        "left": walked.of(*walking.LEFT),
        "proposed": walked.of(Stands.PROPOSED),
        "shown": f":{SHOWN}",
        "from_shown": f"{SHOWN}:",
        "decided": decided[:SHOWN],
        "decided_more": decided[SHOWN:],
        "taken": walked.of(*walking.SKIPPED),
        "asked": asked,
        "answered": [each for each in asked if each.answer],
        "go_on": to_case(walked.first_left, session) if walked.first_left else "",
        "list_address": lists.address(session.query),
        "fresh": len(set(fresh) - set(session.case_ids)),
        "split": _split(walked),
        "in_session": words_of(session),
    }
    return render(request, "reviews/queue/session.html", context)


@require_POST
@login_required
def leave(request: SignedIn, pk: int) -> HttpResponse:
    session = walking.fetch(request.user, pk)
    work_sessions.leave(session=session, by=request.user)
    return redirect(_page_of(session))


def _cases(walked: Walk) -> dict[int, Case]:
    rows: QuerySet[Case] = Case.objects.select_related("patient")
    return rows.in_bulk([stop.pk for stop in walked.stops])


def _with_case(walked: Walk, cases: dict[int, Case]) -> None:
    """Give each stop its case, the items of my decision and whether it can be undone."""
    mine = [stop.decision for stop in walked.stops if stop.decision]
    sources = Decision.objects.filter(
        pk__in=[decision.answers_id or decision.pk for decision in mine]
    )
    items = {
        decision.pk: list(decision.items.all())
        for decision in sources.prefetch_related("items__flag")
    }
    for stop in walked.stops:
        stop.case = cases[stop.pk]
        if stop.decision:
            stop.did = _outcomes(items.get(stop.decision.answers_id or stop.decision.pk, []))
            waits = stop.decision.state == "waits"
            stop.may_undo = waits or conclusions.may_undo(stop.decision)


def _outcomes(items: list[Any]) -> list[tuple[str, str]]:
    """`[(outcome, the matters it was given for)]` of a decision."""
    rules: dict[str, list[str]] = {}
    for item in items:
        rules.setdefault(item.get_outcome_display(), []).append(item.flag.rule_id)
    return [(outcome, ", ".join(within_a_line(each))) for outcome, each in rules.items()]


WIDTH = 400
GAP = 2
_PARTS = (
    ("done", "decided", (Stands.DECIDED,)),
    ("proposed", "proposed", (Stands.PROPOSED,)),
    ("taken", "taken or cleared", walking.SKIPPED),
    ("left", "left", walking.LEFT),
)


def _split(walked: Walk) -> list[dict[str, Any]]:
    """The bar that shows how the list was divided: parts that are there, with place and width."""
    parts, x = [], 0.0
    total = len(walked.stops) or 1
    for kind, words, stands in _PARTS:
        count = len(walked.of(*stands))
        if count:
            width = WIDTH * count / total
            parts.append(
                {
                    "kind": kind,
                    "words": words,
                    "count": count,
                    "x": round(x, 1),
                    "width": round(max(width - GAP, 1), 1),
                }
            )
            x += width
    return parts


urlpatterns = [
    path("sessions/<int:pk>", show, name="work-session"),
    path("sessions/<int:pk>/leave", leave, name="work-session-leave"),
]
