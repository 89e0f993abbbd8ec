"""What was answered to a system, so that a request that it sends again is not carried out again."""

from django.db import models
from django.db.models import Q


class Reply(models.Model):
    """One request with an `Idempotency-Key`, and how it was answered.

    `key` is a digest of who asked what by which key, `payload` one of what was sent. Without a
    `status` it is being carried out. `body` is encrypted: an answer may hold a secret.
    """

    key = models.BinaryField(max_length=32, primary_key=True)
    payload = models.BinaryField(max_length=32)
    begun_at = models.DateTimeField(db_index=True)
    status = models.PositiveSmallIntegerField(null=True)
    content_type = models.CharField(max_length=100, blank=True)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "replies"
        constraints = [
            models.CheckConstraint(
                name="reply_whole_or_none",
                condition=Q(status__isnull=True, body="") | Q(status__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"answered with {self.status}"
