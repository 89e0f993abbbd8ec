"""Records that are opened with a reason, which an auditor looks at; and which are marked so."""

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
    """Somebody opened the record of one person with a reason, for a time.

    In an emergency it is one of another practice, to read. Or the record is marked as sensitive,
    and whoever opens it by their role says why. It holds in the session in which it was opened,
    until `until` or until it is ended before. `practice` is that of the patient. `ended_because` is
    in words.
    """

    class Kind(models.TextChoices):
        EMERGENCY = "emergency", "In an emergency"
        SENSITIVE = "sensitive", "Marked as sensitive"

    kind = models.CharField(
        max_length=9, choices=Kind, default=Kind.EMERGENCY, db_default=Kind.EMERGENCY
    )
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
        verbose_name_plural = "records opened with a reason"
        constraints = [
            models.CheckConstraint(
                name="break_glass_kind_known", condition=Q(kind__in=["emergency", "sensitive"])
            ),
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
    def is_emergency(self) -> bool:
        return self.kind == BreakGlass.Kind.EMERGENCY

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None or self.until <= timezone.now()

    @property
    def seconds_left(self) -> int:
        """Whole seconds until it ends by itself, at least one."""
        return max(1, int((self.until - timezone.now()).total_seconds()) + 1)


class SensitiveMarkQuerySet(models.QuerySet):
    def live(self) -> Self:
        return self.filter(removed_at__isnull=True)


class SensitiveMark(models.Model):
    """The record of somebody whom people here know, or many: it is opened with a reason alone.

    It is kept when it is removed. Screening takes no notice of it.
    """

    class Kind(models.TextChoices):
        STAFF = "staff", "Works here, or is close to somebody who does"
        PUBLIC = "public", "Publicly known"
        OTHER = "other", "At risk from being found, or another reason"

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+", db_index=False)
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=6, choices=Kind)
    reason = models.CharField(max_length=300)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField(db_default=Now(), editable=False)
    removed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    removed_at = models.DateTimeField(null=True)
    removal_reason = models.CharField(max_length=300, blank=True)

    objects = SensitiveMarkQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="sensitive_mark_kind_known", condition=Q(kind__in=["staff", "public", "other"])
            ),
            models.CheckConstraint(name="sensitive_mark_with_reason", condition=~Q(reason="")),
            models.CheckConstraint(
                name="sensitive_mark_removed_with_reason",
                condition=Q(removed_at__isnull=True, removed_by__isnull=True, removal_reason="")
                | (Q(removed_at__isnull=False, removed_by__isnull=False) & ~Q(removal_reason="")),
            ),
            models.UniqueConstraint(
                fields=["patient"],
                condition=Q(removed_at__isnull=True),
                name="sensitive_mark_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.patient}: {self.get_kind_display()}"
