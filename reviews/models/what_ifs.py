"""What a draft of a rule book would do, tried on everybody it can reach; nothing clinical."""

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from .jobs import Job
from .people import Patient, Practice
from .versioned import ends_once
from .versions import Engine, RuleChange, RuleVersion


class WhatIf(models.Model):
    """One trial of a frozen draft against a book, of the record as it was; `job` does the work.

    `practice_ids` and `medicine_ids` say whom the draft can reach: those treated there, or with
    these. `judged` of them were judged by both books, `failed` could not be. `seconds_each` is the
    median time that reviewers gave a case lately, None where fewer than enough were `timed`.
    """

    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="what_if")
    version = models.ForeignKey(RuleVersion, on_delete=models.PROTECT, related_name="what_ifs")
    against = models.ForeignKey(
        RuleVersion, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    digest = models.CharField(max_length=64)
    engine = models.ForeignKey(Engine, on_delete=models.PROTECT, related_name="+", db_index=False)
    as_of = models.DateField()
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    asked_at = models.DateTimeField(db_default=Now(), editable=False)
    practice_ids = ArrayField(models.BigIntegerField(), default=list)
    medicine_ids = ArrayField(models.BigIntegerField(), default=list)
    judged = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    seconds_each = models.FloatField(null=True)
    timed = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        triggers = ends_once(
            "finished_at",
            "only_prepared_or_finished",
            changes=[
                *("practice_ids", "medicine_ids", "judged", "failed", "seconds_each", "timed"),
                "finished_at",
            ],
            frozen="finished_for_good",
        )

    def __str__(self) -> str:
        return f"what-if {self.pk} of {self.version_id}"


class Effect(models.TextChoices):
    """What becomes of a flag. REWORDED is the same flag with other words or figures."""

    OPENED = "opened", "Opened"
    CLOSED = "closed", "Closed"
    RAISED = "raised", "More urgent"
    LOWERED = "lowered", "Less urgent"
    REWORDED = "reworded", "Said otherwise"


class Became(models.TextChoices):
    """What reviewers did with the same patient and matter last."""

    CHANGED = "changed", "Plan changed"
    LEFT = "left", "Left, with a reason"
    DATA = "data", "Wrong data"
    NOT_RELEVANT = "not_relevant", "Not relevant"
    NEVER = "never", "Never looked at"


class AgeBand(models.TextChoices):
    """Age in completed years on the day that was judged."""

    CHILD = "0", "Under 18"
    ADULT = "18", "18 to 64"
    OLDER = "65", "65 to 74"
    OLD = "75", "75 to 84"
    OLDEST = "85", "85 and over"
    UNKNOWN = "", "Not known"


def _append_only() -> list[pgtrigger.Trigger]:
    return [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]


def _pruned_when_old() -> list[pgtrigger.Trigger]:
    """Rows that name a patient: never changed, and deleted only once their what-if is old."""
    return [
        pgtrigger.Protect(name="append_only", operation=pgtrigger.Update),
        pgtrigger.Trigger(
            name="kept_for_a_month",
            when=pgtrigger.Before,
            operation=pgtrigger.Delete,
            func="""
                IF EXISTS (
                    SELECT FROM reviews_whatif
                    WHERE id = OLD.what_if_id AND asked_at > now() - interval '30 days'
                ) THEN
                    RAISE EXCEPTION 'rows of a what-if are kept for 30 days at least';
                END IF;
                RETURN OLD;
            """,
        ),
    ]


class WhatIfEffect(models.Model):
    """One flag of one patient that the two books judge otherwise; pruned once it is old.

    `before` and `after` are its severities, None where it is not there. `sentence` is what is lost
    or gained, empty where only its words or figures are others. `reopens`: a decision that covers
    the flag would cover it no longer.
    """

    what_if = models.ForeignKey(WhatIf, on_delete=models.PROTECT, related_name="effects")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+", db_index=False)
    practice = models.ForeignKey(
        Practice, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    rule_id = models.CharField(max_length=10)
    key = models.CharField(max_length=200)
    effect = models.CharField(max_length=10, choices=Effect)
    before = models.PositiveSmallIntegerField(null=True)
    after = models.PositiveSmallIntegerField(null=True)
    age_band = models.CharField(max_length=2, choices=AgeBand, blank=True)
    became = models.CharField(max_length=12, choices=Became)
    reopens = models.BooleanField(default=False)
    sentence = models.TextField(blank=True)

    class Meta:
        triggers = _pruned_when_old()
        constraints = [
            models.CheckConstraint(
                name="whatifeffect_is_a_difference",
                condition=Q(effect="opened", before=None, after__isnull=False)
                | Q(effect="closed", before__isnull=False, after=None)
                | Q(effect="raised", before__gt=models.F("after"))
                | Q(effect="lowered", before__lt=models.F("after"))
                | Q(effect="reworded", before=models.F("after")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.effect}"


class WhatIfCase(models.Model):
    """What becomes of one patient's open case, where anything does; pruned once it is old.

    `before` and `after` are its severities, None where there is none; `cards` its matters.
    """

    what_if = models.ForeignKey(WhatIf, on_delete=models.PROTECT, related_name="cases")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+", db_index=False)
    practice = models.ForeignKey(
        Practice, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    before = models.PositiveSmallIntegerField(null=True)
    after = models.PositiveSmallIntegerField(null=True)
    cards_before = models.PositiveSmallIntegerField()
    cards_after = models.PositiveSmallIntegerField()

    class Meta:
        triggers = _pruned_when_old()

    def __str__(self) -> str:
        return f"case: {self.before} to {self.after}"


class WhatIfCount(models.Model):
    """How many flags of a practice, a rule and an age band become what; no patient."""

    what_if = models.ForeignKey(WhatIf, on_delete=models.PROTECT, related_name="counts")
    practice = models.ForeignKey(
        Practice, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    rule_id = models.CharField(max_length=10)
    effect = models.CharField(max_length=10, choices=Effect)
    age_band = models.CharField(max_length=2, choices=AgeBand, blank=True)
    became = models.CharField(max_length=12, choices=Became)
    flags = models.PositiveIntegerField()
    reopened = models.PositiveIntegerField()

    class Meta:
        triggers = _append_only()
        constraints = [
            models.UniqueConstraint(
                fields=["what_if", "practice", "rule_id", "effect", "age_band", "became"],
                name="whatifcount_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.flags} {self.effect}"


class WhatIfPractice(models.Model):
    """The queue of a practice as it was at the end, and what the draft would add to it; no patient.

    `in_use` people are on a benzodiazepine or Z-drug on the day. `urgent` cases are of severity S1;
    `more_cards` can be negative.
    """

    what_if = models.ForeignKey(WhatIf, on_delete=models.PROTECT, related_name="practices")
    practice = models.ForeignKey(
        Practice, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    people = models.PositiveIntegerField()
    in_use = models.PositiveIntegerField()
    cases = models.PositiveIntegerField()
    cases_opened = models.PositiveIntegerField()
    cases_closed = models.PositiveIntegerField()
    urgent = models.PositiveIntegerField()
    urgent_more = models.PositiveIntegerField()
    urgent_less = models.PositiveIntegerField()
    cards = models.PositiveIntegerField()
    more_cards = models.IntegerField()

    class Meta:
        triggers = _append_only()
        constraints = [
            models.UniqueConstraint(fields=["what_if", "practice"], name="whatifpractice_once")
        ]

    def __str__(self) -> str:
        return f"practice {self.practice_id}: {self.cases} cases"


class WhatIfEdit(models.Model):
    """What one edit of the draft would do alone, added to the book it is tried against; no patient.

    Flags by what becomes of them; of those that would close, `closed_looked_at` were once decided
    on, and `closed_changed` of these led to a change. `people` are those with any of these flags.
    """

    what_if = models.ForeignKey(WhatIf, on_delete=models.PROTECT, related_name="edits")
    change = models.ForeignKey(RuleChange, on_delete=models.PROTECT, related_name="tried")
    opened = models.PositiveIntegerField()
    raised = models.PositiveIntegerField()
    lowered = models.PositiveIntegerField()
    closed = models.PositiveIntegerField()
    closed_looked_at = models.PositiveIntegerField()
    closed_changed = models.PositiveIntegerField()
    reworded = models.PositiveIntegerField()
    people = models.PositiveIntegerField()

    class Meta:
        triggers = _append_only()
        constraints = [
            models.UniqueConstraint(fields=["what_if", "change"], name="whatifedit_once")
        ]

    def __str__(self) -> str:
        return f"edit {self.change_id} alone"
