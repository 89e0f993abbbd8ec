"""Worked examples that a site adds to rules, and those that a book does not keep to."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from drugs.models import PROFILE_LENGTH

from .people import Practice
from .versioned import ends_once
from .versions import Engine, RuleVersion


class Expected(models.TextChoices):
    """What a rule is to make of an example."""

    FLAG = "flag", "Should flag"
    QUIET = "quiet", "Should not flag"


class RuleExample(models.Model):
    """An invented person, and whether a rule should flag them; only ever withdrawn.

    `record` is what is on record of them, in the format of `reviews.rules.examples.added`. It is
    judged under a profile, or under the local policy of a practice. `reviewed` is the day on which
    the source was read.
    """

    rule_id = models.CharField(max_length=10)
    profile = models.CharField(max_length=PROFILE_LENGTH, blank=True)
    practice = models.ForeignKey(
        Practice, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    title = models.CharField(max_length=200)
    record = models.JSONField()
    expected = models.CharField(max_length=5, choices=Expected)
    source = models.CharField(max_length=300)
    locator = models.CharField(max_length=200)
    reviewed = models.DateField()
    next_review = models.DateField()
    reason = models.CharField(max_length=1000)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now(), editable=False)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_reason = models.CharField(max_length=1000, blank=True)

    class Meta:
        triggers = ends_once(
            "withdrawn_at",
            "only_withdrawn",
            changes=["withdrawn_by", "withdrawn_at", "withdrawn_reason"],
            frozen="withdrawn_once",
        )
        constraints = [
            models.CheckConstraint(
                name="ruleexample_of_a_profile_or_a_practice",
                condition=(~Q(profile="") & Q(practice=None))
                | Q(profile="", practice__isnull=False),
            ),
            models.CheckConstraint(
                name="ruleexample_says_who_says_so",
                condition=~Q(title="") & ~Q(source="") & ~Q(locator="") & ~Q(reason=""),
            ),
            models.CheckConstraint(
                name="ruleexample_read_again_later", condition=Q(next_review__gt=F("reviewed"))
            ),
            models.CheckConstraint(
                name="ruleexample_withdrawn_by_somebody_and_why",
                condition=Q(withdrawn_at=None, withdrawn_by=None, withdrawn_reason="")
                | (
                    Q(withdrawn_at__isnull=False, withdrawn_by__isnull=False)
                    & ~Q(withdrawn_reason="")
                ),
            ),
            models.UniqueConstraint(
                fields=["rule_id", "profile", "practice", "title"],
                condition=Q(withdrawn_at=None),
                nulls_distinct=False,
                name="ruleexample_one_of_a_title",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.title}"


class BrokenExample(models.Model):
    """A worked example of which a frozen book says something else than it should, and why.

    `example` is one that the site added; without it, the software's of this `title`. `said` and
    `expected` are codes of `reviews.worked_examples`; `said_live` is what the live book said then,
    empty where it was what it should. `reason` is stated once, by somebody; `carried_from` is the
    book with which it was, where that said the same.
    """

    version = models.ForeignKey(
        RuleVersion, on_delete=models.PROTECT, related_name="broken_examples"
    )
    example = models.ForeignKey(
        RuleExample, on_delete=models.PROTECT, null=True, blank=True, related_name="broken"
    )
    rule_id = models.CharField(max_length=10)
    profile = models.CharField(max_length=PROFILE_LENGTH, blank=True)
    practice = models.ForeignKey(
        Practice, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    title = models.CharField(max_length=200)
    expected = models.CharField(max_length=20)
    said = models.CharField(max_length=20)
    said_live = models.CharField(max_length=20, blank=True)
    engine = models.ForeignKey(Engine, on_delete=models.PROTECT, related_name="+", db_index=False)
    found_at = models.DateTimeField(db_default=Now(), editable=False)
    reason = models.CharField(max_length=1000, blank=True)
    explained_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    explained_at = models.DateTimeField(null=True, blank=True)
    carried_from = models.ForeignKey(
        RuleVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        triggers = ends_once(
            "explained_at",
            "only_explained",
            changes=["reason", "explained_by", "explained_at"],
            frozen="explained_once",
        )
        constraints = [
            models.CheckConstraint(
                name="brokenexample_explained_by_somebody",
                condition=Q(explained_at=None, explained_by=None, reason="")
                | (Q(explained_at__isnull=False, explained_by__isnull=False) & ~Q(reason="")),
            ),
            models.UniqueConstraint(
                fields=["version", "rule_id", "profile", "practice", "example", "title"],
                nulls_distinct=False,
                name="brokenexample_once_of_a_book",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.title}"
