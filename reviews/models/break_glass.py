"""Records that somebody opened with a reason instead of a role, which an auditor looks at."""

from datetime import timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from .people import Patient, Practice

LASTS = timedelta(minutes=60)


class BreakGlassQuerySet(models.QuerySet):
    def in_force(self) -> Self:
        """Those that nobody has ended and whose time is not over."""
        return self.filter(ended_at__isnull=True, until__gt=timezone.now())

    def to_look_at(self) -> Self:
        """Those that no auditor has looked at."""
        return self.filter(looked_at__isnull=True)


class BreakGlass(models.Model):
    """Somebody opened the record of one person, in an emergency; to read, and only for a time.

    It holds in the session in which it was opened, until `until` or until it is ended before.
    `practice` is that of the patient. `ended_because` is in words.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=500)
    opened_at = models.DateTimeField(db_default=Now(), editable=False)
    until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_because = models.CharField(max_length=80, blank=True)
    looked_at = models.DateTimeField(null=True)
    looked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    note = models.CharField(max_length=500, blank=True)

    objects = BreakGlassQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "records opened in an emergency"
        constraints = [
            models.CheckConstraint(name="break_glass_with_reason", condition=~Q(reason="")),
            models.CheckConstraint(
                name="break_glass_looked_at_by_another_with_a_note",
                condition=Q(looked_at__isnull=True, looked_by__isnull=True, note="")
                | (
                    Q(looked_at__isnull=False, looked_by__isnull=False)
                    & ~Q(note="")
                    & ~Q(looked_by=F("by"))
                ),
            ),
        ]
        indexes = [
            models.Index(
                fields=["practice", "id"],
                condition=Q(looked_at__isnull=True),
                name="break_glass_to_look_at",
            ),
            models.Index(
                fields=["until"], condition=Q(ended_at__isnull=True), name="break_glass_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.patient}, opened by {self.by}"

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None or self.until <= timezone.now()

    @property
    def seconds_left(self) -> int:
        """Whole seconds until it ends by itself, at least one."""
        return max(1, int((self.until - timezone.now()).total_seconds()) + 1)
