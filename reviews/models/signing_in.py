"""How often somebody has tried to prove who they are, and how long they wait now."""

from django.db import models
from django.db.models.functions import Now


class Tries(models.Model):
    """Tries that have not succeeded, counted under `key` (`reviews.tries` says what a key is).

    While `waits_until` is ahead no try is looked at, and none is counted.
    """

    key = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField()
    last_at = models.DateTimeField(db_default=Now())
    waits_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["last_at"], name="tries_last_at")]

    def __str__(self) -> str:
        return f"{self.count} tries"
