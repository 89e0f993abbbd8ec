"""Long jobs, as people follow them."""

from typing import NamedTuple

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from reviews import access, engines, walls
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import NotFound
from reviews.models import AuditEvent, Job, RuleVersion, ScreeningRequest


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


def about(kind: str, **given: object) -> Job | None:
    """The newest job of a kind about something, such as a release; None where there is none."""
    rows = Job.objects.filter(kind=kind, **{f"given__{name}": of for name, of in given.items()})
    job = rows.order_by("-pk").first()
    if job is not None:
        job.seconds_left = seconds_left(job)
    return job


def rescreen() -> Job | None:
    """The job that has everybody judged by the portal's engine, while it goes on; else None."""
    return Job.objects.unfinished().filter(kind=engines.RESCREEN).first()


class Rescreening(NamedTuple):
    """How far the screening after the publication of a book is, over all practices."""

    number: int
    done: int
    total: int


def after_publication() -> Rescreening | None:
    """How far those are screened whom the live book can affect; None when all of them are.

    Two counts of every practice, of nobody in particular.
    """
    with walls.seeing(walls.EVERYTHING):
        asked = ScreeningRequest.objects.filter(
            priority=ScreeningRequest.Priority.BULK, reason="published"
        )
        left = asked.values("patient").distinct().count()
        if not left:
            return None
        rows = RuleVersion.objects.only("number", "published_by")
        live = rows.filter(state=RuleVersion.State.PUBLISHED).first()
        if live is None:
            return None
        # By who did it: the trail has no index of what was done.
        told = AuditEvent.objects.filter(
            actor_id=live.published_by_id,
            verb=Event.RULES_PUBLISHED.verb,
            detail__number=live.number,
        )
        event = told.order_by("-pk").first()
        total = max(left, event.detail.get("patients", 0) if event else 0)
    return Rescreening(live.number, total - left, total)
