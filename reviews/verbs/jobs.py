"""Verbs on long jobs: work on them, and cancel one. KINDS says which kinds of job there are."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reviews import access, audit, jobs
from reviews.access import Action
from reviews.audit import Event
from reviews.engines import RESCREEN
from reviews.errors import IllegalMove
from reviews.jobs import Kind
from reviews.models import Job
from reviews.verbs import engines

KINDS = {
    # Nobody may be left judged by one engine and beside others judged by another.
    RESCREEN: Kind(engines.rescreen, may_cancel=False),
}
"""Every kind of job; `reviews.jobs` says how a new one is made."""


def work(*, seconds: float) -> int:
    """Work on the jobs that are due for about so long; returns how many slices were begun."""
    return jobs.work(KINDS, seconds=seconds)


def may_cancel(job: Job, by: User) -> bool:
    """Whether `by` may cancel this job now."""
    mine = job.asked_by_id == by.pk and access.allowed(by, Action.CANCEL_JOB)
    kind = KINDS.get(job.kind)
    return (
        (mine or access.allowed(by, Action.OVERSEE_JOBS))
        and job.ended_at is None
        and job.cancel_asked_at is None
        and (kind is None or kind.may_cancel)
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
    now = timezone.now()
    # Due at once: a job that is to be tried again later ends now all the same.
    locked.cancel_asked_at, locked.cancel_asked_by, locked.not_before = now, by, now
    locked.save(update_fields=["cancel_asked_at", "cancel_asked_by", "not_before"])
    audit.record(by, Event.JOB_CANCEL, subject=locked, kind=locked.kind, title=locked.title)
    if locked.state == jobs.WAITING:
        jobs.end(locked, jobs.CANCELLED)
    else:
        transaction.on_commit(jobs.ring)
    return locked
