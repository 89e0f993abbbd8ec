"""What judges: the rule book as it was published, and the engine, the code of the rules."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Engine(models.Model):
    """The code of the rules, by the digest of its sources. One is the portal's: it judges now.

    Flags and screenings that name none were made before engines were recorded.
    """

    # As small as can be: every flag names its engine.
    id = models.SmallAutoField(primary_key=True)
    digest = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=8)
    first_seen_at = models.DateTimeField(db_default=Now(), editable=False)
    is_current = models.BooleanField(default=False)
    current_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="named_once", fields=["digest", "name", "first_seen_at"]),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["is_current"], condition=Q(is_current=True), name="one_current_engine"
            ),
            models.CheckConstraint(
                name="engine_current_has_a_time",
                condition=Q(is_current=False) | Q(current_since__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"engine {self.name}"


class RuleVersion(models.Model):
    """One numbered rule book. Screening reads only the published one; old flags keep theirs.

    `engine` is the one that was the portal's when the book was published.
    """

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
    engine = models.ForeignKey(
        Engine, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

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

    def __str__(self) -> str:
        return f"rule book {self.number}"
