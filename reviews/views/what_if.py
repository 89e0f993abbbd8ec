"""What a draft of a rule book would do: ask, follow, read, and take the counts away."""

import csv

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from reviews import access
from reviews.access import Action
from reviews.errors import NotFound
from reviews.models import Became, Effect, RuleVersion
from reviews.queries import jobs as followed
from reviews.queries import what_if as queries
from reviews.verbs import jobs, what_if
from reviews.views.signed_in import SignedIn
from reviews.what_ifs import DAYS, of

REFRESH_SECONDS = 3
COLUMNS = (
    *("practice", "profile", "rule_id", "effect", "age_from", "became", "flags", "reopened"),
)


@require_GET
@login_required
def page(request: SignedIn, number: int) -> HttpResponse:
    """The newest what-if of a draft. Asked for by the page itself, the answer is its content."""
    access.require(request.user, Action.SEE_FORMULARY)
    version = _version(number)
    newest, finished = queries.newest(version), of(version)
    job = newest.job if newest is not None and newest.finished_at is None else None
    if job is not None:
        job.seconds_left = followed.seconds_left(job)
        job.may_cancel = jobs.may_cancel(job, request.user)
    context = {
        "version": version,
        "job": job,
        "refresh_seconds": REFRESH_SECONDS if job is not None and job.ended_at is None else None,
        "may_ask": version.state == RuleVersion.State.DRAFT
        and access.allowed(request.user, Action.DRAFT)
        and (job is None or job.ended_at is not None),
        "days": DAYS,
        "least_timed": what_if.LEAST_TIMED,
        "timed_days": what_if.TIMED_DAYS,
        "told": None,
        "became": Became,
    }
    if finished is not None:
        context |= {
            "told": queries.told(finished),
            "lost": queries.examples(finished, request.user, [Effect.CLOSED]),
            "gained": queries.examples(finished, request.user, queries.GAINED),
            "why_not_current": queries.why_not_current(finished),
        }
    template = (
        "reviews/rulebooks/_what_if.html" if request.htmx else "reviews/rulebooks/what_if.html"
    )
    return render(request, template, context)


@require_POST
@login_required
def ask(request: SignedIn, number: int) -> HttpResponse:
    """Ask what a draft would do."""
    asked = what_if.ask(version=_version(number), by=request.user)
    messages.success(request, f"{asked.job.title}: asked for. Nothing clinical is changed.")
    return redirect("rulebook-what-if", number)


@require_GET
@login_required
def counts(request: SignedIn, number: int) -> HttpResponse:
    """The counts of the newest finished what-if as CSV; no patient is in them."""
    access.require(request.user, Action.SEE_FORMULARY)
    found = of(_version(number))
    if found is None:
        messages.info(request, "No what-if of this book has finished, so there is nothing to take.")
        return redirect("rulebook-what-if", number)
    answer = HttpResponse(
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="what-if-{number}.csv"'},
    )
    table = csv.writer(answer)
    table.writerow(COLUMNS)
    for row in queries.as_table(found):
        table.writerow(
            [
                *(row.practice.code, row.practice.profile, row.rule_id, row.effect),
                *(row.age_band, row.became, row.flags, row.reopened),
            ]
        )
    return answer


def _version(number: int) -> RuleVersion:
    found = RuleVersion.objects.defer("book").select_related("drafted_by", "made_of")
    version = found.filter(number=number).first()
    if version is None:
        raise NotFound("There is no rule book of that number.")
    return version


urlpatterns = [
    path("rule-books/<int:number>/what-if", page, name="rulebook-what-if"),
    path("rule-books/<int:number>/what-if/ask", ask, name="rulebook-what-if-ask"),
    path("rule-books/<int:number>/what-if.csv", counts, name="rulebook-what-if-counts"),
]
