"""What happened, who did it, when. Append-only; no foreign keys, so it outlives its subjects."""

import pgtrigger
from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from .sealing import transaction_number

SHOWN = "shown"
"""In the detail of an event that tells of many patients at once: their ids."""


class AuditEvent(models.Model):
    """One event, written by the verb in its own transaction. `actor_id` is None for the system.

    `mark` shows that the portal wrote it (`reviews.audit.mark_of`), `xact` is its transaction.
    """

    at = models.DateTimeField(db_default=Now(), editable=False)
    actor_id = models.BigIntegerField(null=True)
    actor = models.CharField(max_length=200)
    verb = models.CharField(max_length=60)
    practice_id = models.BigIntegerField(null=True)
    patient_id = models.BigIntegerField(null=True)
    subject = models.CharField(max_length=80, blank=True)
    detail = models.JSONField(default=dict)
    mark = models.BinaryField(null=True)
    xact = models.BigIntegerField(null=True, editable=False, db_default=transaction_number())

    class Meta:
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]
        indexes = [
            models.Index(fields=["patient_id", "id"]),
            models.Index(fields=["practice_id", "id"]),
            # Who did it, on that person's day; what the portal does by itself is most of the trail.
            models.Index(
                fields=["actor_id", "id"],
                condition=Q(actor_id__isnull=False),
                name="event_by_actor",
            ),
            BrinIndex(fields=["at"], autosummarize=True, name="event_by_time"),
            BrinIndex(fields=["xact"], autosummarize=True, name="event_by_transaction"),
            GinIndex(
                fields=["detail"],
                opclasses=["jsonb_path_ops"],
                condition=Q(detail__has_key=SHOWN),
                name="event_by_shown_patient",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verb} by {self.actor}"
