"""One answer for notes that are alike: which cases, what is concluded, what was refused."""

from collections import Counter
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from reviews import access, conclusions, settling
from reviews.access import Action
from reviews.conclusions import REASONS, Answer
from reviews.errors import BadRecord
from reviews.forms import toast
from reviews.forms.days import read_day
from reviews.forms.marks import read_marks
from reviews.models import Case, Outcome, Reason, named
from reviews.rules import words
from reviews.rules.finding import Severity
from reviews.rules.matters import titles
from reviews.verbs import decide
from reviews.views import lists
from reviews.views.queue import fill_rows, with_row
from reviews.views.refusals import shows_refusals
from reviews.views.signed_in import SignedIn

AT_MOST = 100
TOLD = 20
OUTCOMES = [choice for choice in Outcome.choices if choice[0] != Outcome.EXEMPT]


def _page(request: SignedIn, refusal: BadRecord | None = None) -> HttpResponse:
    """The cases that were ticked, or those of a list, as far as they are alike, and the answer."""
    user = request.user
    given = request.POST if request.method == "POST" else request.GET
    marks = read_marks(given.getlist("case"))
    query = given.get("list", "")
    ids = list(marks.seen) or lists.read(user, query).case_ids
    found = access.scope(Case.objects.open().filter(pk__in=ids), user, Action.DECIDE)
    cases = list(with_row(found.ranked()))
    fill_rows(cases, user)
    rules = _rules(given.get("rules", "")) or _commonest(cases)
    alike, others = [], []
    for case in cases:
        case.seen = marks.seen.get(case.pk, case.lock)
        case.why_not = conclusions.not_alike(case, rules) or _colleagues(case, user)
        (others if case.why_not else alike).append(case)
    context = {
        "alike": alike[:AT_MOST],
        "too_many": max(0, len(alike) - AT_MOST),
        "others": others[:TOLD],
        "more_others": max(0, len(others) - TOLD),
        "rules": ",".join(rules),
        "called": ", ".join(titles(rules)),
        "groups": _groups(cases, rules, given),
        "outcomes": OUTCOMES,
        "reasons": Reason.choices,
        "reasons_for": {outcome: REASONS[outcome] for outcome, _ in OUTCOMES},
        "latest": settling.latest_until(Severity.S3, timezone.localdate()),
        "chosen": given,
        "outcome": given.get("outcome-all", ""),
        "reason": given.get("reason-all", ""),
        "until": given.get("until-all", ""),
        "note": given.get("note", ""),
        "list_query": query,
        "back": lists.address(query),
        "refusal": refusal,
    }
    status = 400 if refusal else 200
    return render(request, "reviews/queue/together.html", context, status=status)


@require_http_methods(["GET", "POST"])
@login_required
@shows_refusals(_page, BadRecord)
def answer(request: SignedIn) -> HttpResponse:
    """Look at them; or give each of those ticked the one answer, and tell of each refused."""
    access.require(request.user, Action.DECIDE)
    if request.method == "GET":
        return _page(request)
    marks = read_marks(request.POST.getlist("case"))
    if not marks.seen:
        raise BadRecord("case", "Tick at least one case")
    if len(marks.seen) > AT_MOST:
        raise BadRecord("case", f"At most {AT_MOST} cases are answered together")
    given = Answer(
        request.POST.get("outcome-all", ""),
        request.POST.get("reason-all", ""),
        read_day(request.POST.get("until-all", ""), "until"),
    )
    if given.outcome not in dict(OUTCOMES):
        raise BadRecord("outcome", "Choose an outcome")
    if given.reason not in REASONS[given.outcome]:
        raise BadRecord("reason", "Choose a reason that goes with the outcome")
    decisions, refusals = decide.decide_alike(
        seen=marks.seen,
        rule_ids=_rules(request.POST.get("rules", "")),
        answer=given,
        note=request.POST.get("note", ""),
        by=request.user,
    )
    for refusal in refusals[:TOLD]:
        messages.warning(request, f"Not decided. {refusal}")
    if len(refusals) > TOLD:
        messages.warning(request, f"Not decided: {len(refusals) - TOLD} more.")
    if decisions:
        count = len(decisions)
        said = f"{words.many(count, 'case')} decided with one answer."
        messages.success(request, said, extra_tags=toast.tags(decisions))
    return redirect(lists.address(request.POST.get("list", "")))


def _rules(text: str) -> list[str]:
    return [rule for rule in text.split(",") if rule]


def _commonest(cases: list[Case]) -> list[str]:
    """The rules that most of the notes hold."""
    held = Counter(tuple(case.rule_ids) for case in cases if case.severity == Severity.S3)
    return list(max(held, key=lambda rules: held[rules])) if held else []


def _colleagues(case: Case, user: User) -> str:
    if case.owner_id not in (None, user.pk):
        return f"{named(case.owner)} is working on it"
    return ""


def _groups(cases: list[Case], rules: list[str], given: Any) -> list[dict[str, Any]]:
    """The other notes that are alike among themselves: how many, and where to answer them."""
    held = Counter(tuple(case.rule_ids) for case in cases if case.severity == Severity.S3)
    kept = [("case", mark) for mark in given.getlist("case")]
    return [
        {
            "count": count,
            "called": ", ".join(titles(each)),
            "rules": ", ".join(each),
            "address": f"{reverse('queue-answer')}?"
            + urlencode([*kept, ("list", given.get("list", "")), ("rules", ",".join(each))]),
        }
        for each, count in held.most_common(6)
        if set(each) != set(rules)
    ]


urlpatterns = [path("queue/answer", answer, name="queue-answer")]
