"""Long work that is done in slices, and that a person can follow."""

from typing import Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now


class JobQuerySet(models.QuerySet):
    def unfinished(self) -> Self:
        return self.filter(ended_at__isnull=True)

    def finished(self) -> Self:
        return self.filter(ended_at__isnull=False)


class Job(models.Model):
    """Long work of a kind; `reviews.jobs` says how it is done. No text of it names a patient.

    `given` is what the work needs to know, `place` where its next slice begins (both JSON, of a
    shape that the kind decides); `result` is what became of it. `done` of `total` (None: not known)
    are counted in `unit`, and `note` says more: while it runs, what was met so far; then, the
    conclusion. `tries` counts the slices begun since the last one that came to its end, and `error`
    says why the last of them did not.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    kind = models.CharField(max_length=40)
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    asked_at = models.DateTimeField(db_default=Now(), editable=False)
    given = models.JSONField(default=dict)
    cancellable = models.BooleanField(default=True)
    place = models.JSONField(null=True, blank=True)
    done = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(null=True, blank=True)
    unit = models.CharField(max_length=40, blank=True)
    note = models.CharField(max_length=500, blank=True)
    result = models.JSONField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    worked_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    cancel_asked_at = models.DateTimeField(null=True, blank=True)
    cancel_asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = JobQuerySet.as_manager()

    class Meta:
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="history_is_frozen",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__ended_at__isnull=False),
            ),
            pgtrigger.ReadOnly(
                name="asked_once",
                fields=["kind", "title", "asked_by", "asked_at", "given", "cancellable"],
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="job_ended_with_its_state",
                condition=Q(ended_at__isnull=True, state__in=["waiting", "running"])
                | Q(ended_at__isnull=False, state__in=["done", "failed", "cancelled"]),
            ),
            models.CheckConstraint(
                name="job_started_once_it_runs",
                condition=~Q(state__in=["running", "done"]) | Q(started_at__isnull=False),
            ),
            models.CheckConstraint(
                name="job_done_of_its_total",
                condition=Q(total__isnull=True) | Q(done__lte=F("total")),
            ),
            models.CheckConstraint(
                name="job_failed_for_a_reason", condition=~Q(state="failed") | ~Q(error="")
            ),
            models.CheckConstraint(
                name="job_cancel_asked_by_somebody",
                condition=Q(cancel_asked_at__isnull=True, cancel_asked_by__isnull=True)
                | Q(cancel_asked_at__isnull=False, cancel_asked_by__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["not_before"], condition=Q(ended_at__isnull=True), name="job_unfinished"
            ),
            models.Index(fields=["-ended_at"], name="job_by_end"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def took(self) -> float | None:
        """Seconds from its first slice to its end; None unless it had both."""
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds()
