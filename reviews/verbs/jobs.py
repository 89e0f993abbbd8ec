"""The verb on long jobs: cancel one. Asking for them is part of other verbs."""

from django.contrib.auth.models import User
from django.db import transaction

from reviews import access, jobs
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
