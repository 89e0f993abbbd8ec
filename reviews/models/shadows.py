"""A draft of a rule book that runs silently beside the live one at a practice."""

from datetime import date
from typing import Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from .people import Patient, Practice
from .versioned import ends_once
from .versions import RuleVersion
from .what_ifs import Effect


class ShadowQuerySet(models.QuerySet):
    def running(self, today: date) -> Self:
        """Those that judge: not ended, not past their last day, and of a book that is a draft."""
        return self.filter(
            ended_at=None, last_day__gte=today, version__state=RuleVersion.State.DRAFT
        )


class Shadow(models.Model):
    """A frozen draft judges whoever is screened at a practice, until the end of `last_day`.

    Nobody who reviews sees what it says.
    """

    version = models.ForeignKey(RuleVersion, on_delete=models.PROTECT, related_name="shadows")
    practice = models.ForeignKey(
        Practice, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    begun_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    begun_at = models.DateTimeField(db_default=Now(), editable=False)
    begun_on = models.DateField()
    last_day = models.DateField()
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = ShadowQuerySet.as_manager()

    class Meta:
        triggers = ends_once(
            "ended_at", "only_ended", changes=["ended_by", "ended_at"], frozen="ended_for_good"
        )
        constraints = [
            models.UniqueConstraint(
                fields=["practice"],
                condition=Q(ended_at=None),
                name="shadow_one_at_a_practice",
            ),
            models.CheckConstraint(
                name="shadow_has_days", condition=Q(last_day__gte=F("begun_on"))
            ),
            models.CheckConstraint(
                name="shadow_ended_by_somebody",
                condition=Q(ended_at=None, ended_by=None)
                | Q(ended_at__isnull=False, ended_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"shadow {self.pk} of {self.version_id}"


class ShadowFlag(models.Model):
    """One flag that a shadow judges otherwise than the live book, from a day to a day.

    `before` is its severity by the live book, `after` by the draft; None where there is no flag.
    `ended_on` is the day of the screening that found it so no longer.
    """

    shadow = models.ForeignKey(Shadow, on_delete=models.PROTECT, related_name="flags")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+", db_index=False)
    practice = models.ForeignKey(
        Practice, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    rule_id = models.CharField(max_length=10)
    key = models.CharField(max_length=200)
    effect = models.CharField(max_length=10, choices=Effect)
    before = models.PositiveSmallIntegerField(null=True)
    after = models.PositiveSmallIntegerField(null=True)
    begun_on = models.DateField()
    ended_on = models.DateField(null=True)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="ended_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__ended_on__isnull=False),
            ),
            pgtrigger.ReadOnly(
                name="only_ended",
                fields=[
                    *("shadow", "patient", "practice", "rule_id", "key", "effect"),
                    *("before", "after", "begun_on"),
                ],
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["shadow", "patient", "rule_id", "key"],
                condition=Q(ended_on=None),
                name="shadowflag_once_while_it_holds",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.effect}"
