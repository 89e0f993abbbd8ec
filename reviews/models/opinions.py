"""What the people who are shown findings think of them: unhelpful, and why; and the answer."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from .people import Practice
from .screening import Flag
from .versioned import ends_once


class FindingOpinion(models.Model):
    """Somebody said that a finding does not help, and because of what.

    `flag` is None for a finding that stood in a preview: nothing of it was kept. Whoever keeps the
    rules answers once; nothing else of it ever changes.
    """

    class Because(models.TextChoices):
        KNOWN = "known", "Known already"
        SHORT = "short", "Short course"
        NOT_THIS_PERSON = "not_this_person", "Does not fit this person"
        WRONG = "wrong", "Wrong, or rests on wrong data"
        TOO_OFTEN = "too_often", "Comes too often"
        UNCLEAR = "unclear", "Not clear what to do"

    class Where(models.TextChoices):
        PREVIEW = "preview", "Before saving a prescription"
        CASE = "case", "On a case"
        WORK = "work", "In My work"
        HOOK = "hook", "In the record system"

    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    rule_id = models.CharField(max_length=10)
    book = models.PositiveIntegerField()
    flag = models.ForeignKey(Flag, on_delete=models.PROTECT, null=True, related_name="opinions")
    because = models.CharField(max_length=15, choices=Because)
    where = models.CharField(max_length=7, choices=Where)
    words = models.CharField(max_length=500, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    said_at = models.DateTimeField(db_default=Now(), editable=False)
    answer = models.CharField(max_length=1000, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        triggers = ends_once(
            "answered_at",
            "only_answered",
            changes=["answer", "answered_by", "answered_at"],
            frozen="answered_once",
        )
        constraints = [
            models.UniqueConstraint(
                fields=["flag", "by"],
                condition=Q(flag__isnull=False),
                name="opinion_once_for_a_flag_and_person",
            ),
            models.CheckConstraint(
                name="opinion_answered_by_somebody",
                condition=Q(answer="", answered_by__isnull=True, answered_at__isnull=True)
                | (~Q(answer="") & Q(answered_by__isnull=False, answered_at__isnull=False)),
            ),
        ]
        indexes = [
            models.Index(fields=["rule_id", "said_at"]),
            models.Index(
                fields=["practice", "id"],
                condition=Q(answered_at__isnull=True),
                name="opinion_unanswered",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.get_because_display().lower()}"
