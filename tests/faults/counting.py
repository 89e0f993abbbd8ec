"""Celery's application for the fault tests of jobs, with kinds of job of their own."""

import time

import django

from portal.celery import app

__all__ = ["app"]

STEPS = 10
STEP_SECONDS = 0.25


def count(job, seconds):
    """One step: a row, seen only if the slice was committed, and a while to be killed in."""
    step = (job.place or 0) + 1
    SavedView.objects.create(user=job.asked_by, name=f"{job.pk}: {step}", query=str(job.pk))
    time.sleep(STEP_SECONDS)
    return Slice(done=step, total=STEPS, place=step, finished=step == STEPS)


def stumble(job, seconds):
    """One step, and then always the same error."""
    if job.place:
        raise BadRecord("row 2", "is no number")
    return Slice(done=1, total=2, place=1)


django.setup()

from reviews.errors import BadRecord  # noqa: E402  (Django had to be ready first)
from reviews.jobs import Slice  # noqa: E402
from reviews.models import SavedView  # noqa: E402
from reviews.tasks import KINDS  # noqa: E402

KINDS |= {"count": count, "stumble": stumble}
