"""Long jobs: what runs, what waits, what became of the others; cancelling one, having one go on."""

from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviews import access
from reviews.access import Action
from reviews.models import Job
from reviews.queries import jobs as followed
from reviews.verbs import jobs as verbs
from reviews.views.paging import page_of
from reviews.views.signed_in import SignedIn

PAGE_SIZE = 20
LATELY = timedelta(days=7)
REFRESH_SECONDS, IDLE_SECONDS = 3, 30


@require_GET
@login_required
def jobs(request: SignedIn) -> HttpResponse:
    """The jobs that I may see. Asked for by the page itself, the answer is the list alone."""
    access.require(request.user, Action.SEE_JOBS)
    visible = followed.visible_to(request.user)
    unfinished = list(visible.unfinished().order_by("asked_at", "pk"))
    for job in unfinished:
        job.seconds_left = followed.seconds_left(job)
        job.may_cancel = verbs.may_cancel(job, request.user)
    running = [job for job in unfinished if job.state == Job.State.RUNNING]
    waiting = [job for job in unfinished if job.state == Job.State.WAITING]
    finished = visible.finished().order_by("-ended_at", "-pk")
    failed = finished.filter(state=Job.State.FAILED, ended_at__gt=timezone.now() - LATELY)
    page = page_of(finished, request.GET.get("page", 1), PAGE_SIZE)
    for job in page.rows:
        job.may_ask_again = verbs.may_ask_again(job, request.user)
    context = {
        "heading": _heading(len(running), len(waiting), failed.count()),
        "running": running,
        "waiting": waiting,
        "page": page,
        "oversees": access.allowed(request.user, Action.OVERSEE_JOBS),
        "refresh_seconds": REFRESH_SECONDS if unfinished else IDLE_SECONDS,
    }
    template = "reviews/jobs/_jobs.html" if request.htmx else "reviews/jobs/jobs.html"
    return render(request, template, context)


def _heading(running: int, waiting: int, failed: int) -> str:
    """ "2 jobs run, 1 waits; 1 failed in the last 7 days"."""
    now = []
    if running:
        now.append(f"{running} job runs" if running == 1 else f"{running} jobs run")
    if waiting:
        of_jobs = "" if running else " job" if waiting == 1 else " jobs"
        now.append(f"{waiting}{of_jobs} {'waits' if waiting == 1 else 'wait'}")
    said = ", ".join(now) or "No job runs"
    return f"{said}; {failed} failed in the last {LATELY.days} days" if failed else said


@require_http_methods(["GET", "POST"])
@login_required
def cancel(request: SignedIn, pk: int) -> HttpResponse:
    """Ask, then cancel: at once, or after the slice that the job is in."""
    access.require(request.user, Action.SEE_JOBS)
    job = followed.fetch(request.user, pk)
    if request.method == "POST":
        cancelled = verbs.cancel(job=job, by=request.user)
        how = "is cancelled" if cancelled.ended_at else "will end in a moment"
        messages.success(request, f"{cancelled.title}: it {how}.")
        return redirect("jobs")
    job.may_cancel = verbs.may_cancel(job, request.user)
    return render(request, "reviews/jobs/cancel.html", {"job": job})


@require_POST
@login_required
def again(request: SignedIn, pk: int) -> HttpResponse:
    """Have a job that failed go on where it ended."""
    access.require(request.user, Action.SEE_JOBS)
    made = verbs.ask_again(job=followed.fetch(request.user, pk), by=request.user)
    messages.success(request, f"{made.title}: it goes on.")
    return redirect("jobs")


urlpatterns = [
    path("jobs", jobs, name="jobs"),
    path("jobs/<int:pk>/cancel", cancel, name="job-cancel"),
    path("jobs/<int:pk>/again", again, name="job-again"),
]
