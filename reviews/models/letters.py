"""Letters: their texts, version by version, and each letter as it went out."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from reviews.lettering.fields import AUDIENCES

from .people import Patient, Practice
from .versioned import of_nobody_merged_away

USER = settings.AUTH_USER_MODEL
Audience = models.TextChoices(
    "Audience", {code.upper(): (code, label) for code, label in AUDIENCES.items()}
)


class LetterTemplate(models.Model):
    """A letter that is written again and again, for every practice; its texts are its versions."""

    key = models.SlugField(max_length=60, unique=True)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="immutable", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return self.key


class LetterText(models.Model):
    """One numbered text of a template. Letters are written from the published one; old ones keep
    theirs.

    `owner` is who answers for the text: None for one that came with the portal. It was read by them
    on `reviewed_on` and is to be read again by `next_review_on`.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        PUBLISHED = "published", "In use"
        RETIRED = "retired", "Retired"

    template = models.ForeignKey(LetterTemplate, on_delete=models.PROTECT, related_name="texts")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    name = models.CharField(max_length=100)
    audience = models.CharField(max_length=12, choices=Audience.choices)
    body = models.TextField()
    owner = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    reviewed_on = models.DateField()
    next_review_on = models.DateField()
    drafted_by = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    drafted_at = models.DateTimeField(db_default=Now(), editable=False)
    published_by = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    published_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="retired_for_good",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__state="retired"),
            ),
            pgtrigger.ReadOnly(
                name="frozen",
                exclude=["state", "published_by", "published_at", "retired_at"],
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["template", "number"], name="letter_text_once"),
            models.UniqueConstraint(
                fields=["template"], condition=Q(state="published"), name="letter_text_one_in_use"
            ),
            models.CheckConstraint(
                name="letter_text_audience_known", condition=Q(audience__in=list(AUDIENCES))
            ),
            models.CheckConstraint(
                name="letter_text_published_with_time",
                condition=~Q(state="published") | Q(published_at__isnull=False),
            ),
            models.CheckConstraint(
                name="letter_text_published_by_another",
                condition=Q(published_by__isnull=True)
                | Q(drafted_by__isnull=True)
                | ~Q(published_by=F("drafted_by")),
            ),
            models.CheckConstraint(
                name="letter_text_read_again_later",
                condition=Q(next_review_on__gt=F("reviewed_on")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}, version {self.number}"

    @property
    def is_to_be_read_again(self) -> bool:
        """Whether its owner should have read it again by now."""
        return self.next_review_on < timezone.localdate()


class Letter(models.Model):
    """A letter about a patient as it went out; append-only.

    `blocks` are its words, as `lettering.text.as_json` keeps them, and `pdf` the very pages.
    `number` is counted within practice and year, and `identifier` is what stands on the paper.
    `person` and `round` say for which recall it was made: one letter a person and round.
    """

    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="letters")
    text = models.ForeignKey(LetterText, on_delete=models.PROTECT, related_name="letters")
    identifier = models.CharField(max_length=40, unique=True)
    year = models.PositiveSmallIntegerField()
    number = models.PositiveIntegerField()
    dated_on = models.DateField()
    addressee = models.CharField(max_length=500)
    blocks = models.JSONField()
    pdf = models.BinaryField()
    digest = models.CharField(max_length=64)
    written_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    written_at = models.DateTimeField(db_default=Now(), editable=False)
    person = models.ForeignKey(
        "reviews.RecallPerson",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="letters",
        db_index=False,
    )
    round = models.ForeignKey(
        "reviews.RecallRound",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="letters",
    )

    class Meta:
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            of_nobody_merged_away(),
        ]
        constraints = [
            models.UniqueConstraint(fields=["practice", "year", "number"], name="letter_once"),
            models.UniqueConstraint(
                fields=["person", "round"], name="letter_one_a_person_and_round"
            ),
            models.CheckConstraint(
                name="letter_of_a_recall_or_not",
                condition=Q(person__isnull=True, round__isnull=True)
                | Q(person__isnull=False, round__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.identifier
