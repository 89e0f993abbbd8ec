"""A structured medication review as a whole: what was asked, and which readings came of it."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from .cases import Case
from .people import Patient, Practice
from .versioned import ends_once, of_nobody_merged_away


class StructuredReview(models.Model):
    """A structured medication review, as it was answered on one form; it is never edited.

    `answers` holds for each part that was asked its codes and its words: `{part: {"codes": [...],
    "words": ""}}`, by the keys of `reviews.structured_reviews.PARTS`. `unchanged` are the parts
    that were confirmed as they were known before. `reading_ids` are the readings that it is made
    of, in their first version. Taking it back, on the day it was recorded, stamps `taken_back_at`
    and `taken_back_by`.
    """

    class Outcome(models.TextChoices):
        DONE = "done", "Done"
        DECLINED = "declined", "Declined"
        DID_NOT_ATTEND = "did_not_attend", "Did not attend"
        NOT_APPROPRIATE = "not_appropriate", "Not appropriate"

    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, related_name="structured_reviews", db_index=False
    )
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, null=True, related_name="+")
    outcome = models.CharField(max_length=16, choices=Outcome)
    reviewed_on = models.DateField()
    answers = models.JSONField(default=dict)
    unchanged = ArrayField(models.CharField(max_length=20), default=list)
    matters = models.TextField(blank=True)
    next_on = models.DateField(null=True)
    note = models.TextField(blank=True)
    reading_ids = ArrayField(models.BigIntegerField(), default=list)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)
    taken_back_at = models.DateTimeField(null=True, blank=True)
    taken_back_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        triggers = [
            *ends_once(
                "taken_back_at", "only_taken_back", changes=["taken_back_at", "taken_back_by"]
            ),
            of_nobody_merged_away(),
        ]
        constraints = [
            models.CheckConstraint(
                name="structured_review_outcome_known",
                condition=Q(outcome__in=["done", "declined", "did_not_attend", "not_appropriate"]),
            ),
            models.CheckConstraint(
                name="structured_review_taken_back_by_somebody",
                condition=Q(taken_back_at__isnull=True, taken_back_by__isnull=True)
                | Q(taken_back_at__isnull=False, taken_back_by__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["patient", "recorded_at"]),
            models.Index(fields=["recorded_at", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.reviewed_on:%-d %b %Y}: {self.get_outcome_display().lower()}"
