"""The verbs on long jobs: cancel one, have one that failed go on. Asking is part of other verbs."""

from django.contrib.auth.models import User
from django.db import transaction

from reviews import access, engines, jobs, uploads
from reviews.access import Action
from reviews.errors import IllegalMove
from reviews.models import Job


def may_cancel(job: Job, by: User) -> bool:
    """Whether `by` may cancel this job now."""
    mine = job.asked_by_id == by.pk and access.allowed(by, Action.CANCEL_JOB)
    return (
        (mine or access.allowed(by, Action.OVERSEE_JOBS))
        and job.cancellable
        and job.ended_at is None
        and job.cancel_asked_at is None
    )


@transaction.atomic
def cancel(*, job: Job, by: User) -> Job:
    """Cancel a job of one's own, or as an overseer anybody's: at once, or after the slice it is in.

    What it committed stays; twice is no error. Raises `IllegalMove` for a job that has ended or
    may not be cancelled.
    """
    locked = Job.objects.select_for_update(of=["self"]).get(pk=job.pk)
    access.require(by, Action.CANCEL_JOB if locked.asked_by_id == by.pk else Action.OVERSEE_JOBS)
    if locked.cancel_asked_at is not None:
        return locked
    if not may_cancel(locked, by):
        raise IllegalMove(f"“{locked.title}” cannot be cancelled.")
    jobs.cancel(locked, by=by)
    return locked


def may_ask_again(job: Job, by: User) -> bool:
    """Whether `by` may have this job go on: it failed, and what it worked on is still there.

    What a system asked for by FHIR it asks for again itself, and letters are asked for on their
    list.
    """
    mine = job.asked_by_id == by.pk and access.allowed(by, Action.CANCEL_JOB)
    return (
        (mine or access.allowed(by, Action.OVERSEE_JOBS))
        and job.state == Job.State.FAILED
        and _is_left(job)
        and not Job.objects.filter(kind=job.kind, **{f"given__{jobs.AFTER}": job.pk}).exists()
    )


def _is_left(job: Job) -> bool:
    if job.kind == uploads.KIND:
        return uploads.next_part(job.given["upload"]) is not None
    if job.kind == engines.RESCREEN:
        engine = engines.current()
        return engine is not None and engine.pk == job.given.get("engine")
    return False


@transaction.atomic
def ask_again(*, job: Job, by: User) -> Job:
    """Have a job that failed go on where it ended, as another one. The first stays as it is.

    Raises `IllegalMove` for one that did not fail, that goes on already, or that nothing is left
    of: the lines of an upload are kept for a day.
    """
    locked = Job.objects.select_for_update(of=["self"]).get(pk=job.pk)
    access.require(by, Action.CANCEL_JOB if locked.asked_by_id == by.pk else Action.OVERSEE_JOBS)
    if not may_ask_again(locked, by):
        raise IllegalMove(f"“{locked.title}” cannot go on from here. Ask for it anew.")
    return jobs.ask_again(locked, by=by)
