"""What was refused of what a system sent, counted by hour and kind."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models


class Refused(models.Model):
    """What was refused of one system in one hour, for one reason at one place in what it sent.

    `user` acts for the system, at the practices `practice_ids`. `field` is a path without numbers
    of a list, "" for a whole request; `reason` leaves out what it quotes, or each would be a kind
    of its own. Of the latest one, `record` is the id that its system gave it, or its place, and
    `said` the reason in full, unless it is about a person. `kind` is a digest of surface, field,
    reason and practices.
    """

    class Surface(models.TextChoices):
        REST = "rest", "REST"
        FHIR = "fhir", "FHIR"
        HOOKS = "hooks", "CDS Hooks"
        BULK = "bulk", "Many lines"
        TOKEN = "token", "Tokens"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    practice_ids = ArrayField(models.BigIntegerField())
    surface = models.CharField(max_length=5, choices=Surface)
    hour = models.DateTimeField()
    kind = models.CharField(max_length=32)
    field = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=500)
    times = models.PositiveIntegerField()
    said = models.CharField(max_length=500, blank=True)
    record = models.CharField(max_length=200, blank=True)
    latest_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "refused"
        constraints = [
            models.UniqueConstraint(fields=["user", "hour", "kind"], name="refused_counted_once"),
            models.CheckConstraint(
                name="refused_surface_known",
                condition=models.Q(surface__in=["rest", "fhir", "hooks", "bulk", "token"]),
            ),
            models.CheckConstraint(name="refused_at_least_once", condition=models.Q(times__gt=0)),
        ]
        indexes = [models.Index(fields=["hour"], name="refused_by_hour")]

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason
