"""Long jobs, as people follow them."""

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from reviews import access, engines
from reviews.access import Action
from reviews.errors import NotFound
from reviews.models import Job


def visible_to(user: User) -> QuerySet[Job]:
    """The jobs that `user` asked for, or everybody's."""
    rows = Job.objects.select_related("asked_by", "cancel_asked_by")
    if access.allowed(user, Action.OVERSEE_JOBS):
        return rows
    return rows.filter(asked_by=user)


def fetch(user: User, pk: int) -> Job:
    """One job that `user` may see. Raises `NotFound`."""
    found = visible_to(user).filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such job, or you may not see it.")
    return found


def seconds_left(job: Job) -> float | None:
    """How long it will take at the pace it had so far, or None while nothing tells."""
    if not job.done or not job.total or job.started_at is None:
        return None
    gone = (timezone.now() - job.started_at).total_seconds()
    return gone * (job.total - job.done) / job.done


def rescreen() -> Job | None:
    """The job that has everybody judged by the portal's engine, while it goes on; else None."""
    return Job.objects.unfinished().filter(kind=engines.RESCREEN).first()
