"""What happened, who did it, when. Append-only; no foreign keys, so it outlives its subjects."""

import pgtrigger
from django.db import models
from django.db.models.functions import Now


class AuditEvent(models.Model):
    """One event, written by the verb in its own transaction. `actor_id` is None for the system."""

    at = models.DateTimeField(db_default=Now(), editable=False)
    actor_id = models.BigIntegerField(null=True)
    actor = models.CharField(max_length=200)
    verb = models.CharField(max_length=60)
    practice_id = models.BigIntegerField(null=True)
    patient_id = models.BigIntegerField(null=True)
    subject = models.CharField(max_length=80, blank=True)
    detail = models.JSONField(default=dict)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]
        indexes = [
            models.Index(fields=["patient_id", "id"]),
            models.Index(fields=["practice_id", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.verb} by {self.actor}"
