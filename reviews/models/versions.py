"""The rule book as it was published: numbered, frozen, agreed by two people."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class RuleVersion(models.Model):
    """One numbered rule book. Screening reads only the published one; old flags keep theirs."""

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        PUBLISHED = "published", "Published"
        RETIRED = "retired", "Retired"

    number = models.PositiveIntegerField(unique=True)
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    book = models.JSONField()
    digest = models.CharField(max_length=64)
    note = models.CharField(max_length=1000, blank=True)
    drafted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    drafted_at = models.DateTimeField(db_default=Now(), editable=False)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    published_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="frozen", fields=["number", "book", "digest", "drafted_by", "drafted_at"]
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=Q(state="published"), name="one_published_rule_version"
            ),
            # The first book comes with the software; every later one needs two people.
            models.CheckConstraint(
                name="published_by_a_second_person",
                condition=Q(published_at__isnull=True)
                | Q(number=1)
                | (
                    Q(published_by__isnull=False)
                    & Q(drafted_by__isnull=False)
                    & ~Q(published_by=models.F("drafted_by"))
                ),
            ),
            models.CheckConstraint(
                name="published_has_a_time",
                condition=~Q(state="published") | Q(published_at__isnull=False),
            ),
        ]

    def __str__(self):
        return f"rule book {self.number}"
