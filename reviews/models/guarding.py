"""A frozen draft that judges at some practices first, within a burden budget; what was measured."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from .people import Practice
from .versioned import ends_once
from .versions import RuleVersion


class GuardedBook(models.Model):
    """A draft that a second person lets judge at some practices, and the budget they stated.

    `most_cases` and `most_urgent` are open cases per 100 people on a benzodiazepine or Z-drug.
    `budget_source` is who says that it is so. `against` is the book that the practices go back to.
    """

    class Outcome(models.TextChoices):
        RUNNING = "running", "Guarded"
        LIVE = "live", "Live"
        BACK = "back", "Rolled back"

    version = models.ForeignKey(RuleVersion, on_delete=models.PROTECT, related_name="guards")
    against = models.ForeignKey(
        RuleVersion, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    most_cases = models.DecimalField(max_digits=4, decimal_places=1)
    most_urgent = models.DecimalField(max_digits=4, decimal_places=1)
    budget_source = models.CharField(max_length=300)
    agreement = models.CharField(max_length=2000)
    begun_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    begun_at = models.DateTimeField(db_default=Now(), editable=False)
    outcome = models.CharField(max_length=8, choices=Outcome, default=Outcome.RUNNING)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    why = models.CharField(max_length=1000, blank=True)

    class Meta:
        triggers = [
            *ends_once(
                "ended_at",
                "only_ended",
                changes=["outcome", "ended_by", "ended_at", "why"],
                frozen="ended_for_good",
            ),
            pgtrigger.Trigger(
                name="begun_by_a_second_person",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                declare=[("book", "reviews_ruleversion%ROWTYPE")],
                func="""
                    SELECT * INTO book FROM reviews_ruleversion WHERE id = NEW.version_id;
                    IF book.state <> 'draft' THEN
                        RAISE EXCEPTION 'only a draft is guarded';
                    END IF;
                    IF NEW.begun_by_id IS NOT DISTINCT FROM book.drafted_by_id
                        OR NEW.begun_by_id = ANY (book.editor_ids) THEN
                        RAISE EXCEPTION 'a second person lets a draft judge';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["outcome"], condition=Q(outcome="running"), name="guardedbook_one_runs"
            ),
            models.CheckConstraint(
                name="guardedbook_has_a_budget",
                condition=Q(most_cases__gt=0, most_cases__lte=100)
                & Q(most_urgent__gt=0, most_urgent__lte=100)
                & ~Q(budget_source=""),
            ),
            models.CheckConstraint(name="guardedbook_agreed_in_words", condition=~Q(agreement="")),
            models.CheckConstraint(
                name="guardedbook_ended_by_somebody",
                condition=Q(outcome="running", ended_at=None, ended_by=None, why="")
                | (
                    ~Q(outcome="running")
                    & Q(ended_at__isnull=False, ended_by__isnull=False)
                    & ~Q(why="")
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"guarded book {self.version_id}"


class GuardedPractice(models.Model):
    """A practice that a guarded book judges, from a moment to a moment.

    `stage` counts the presses that added practices, and `of_stage` the practices that one added.
    `reason` is why it began. A practice that stopped itself has `ended_by` None.
    """

    class Outcome(models.TextChoices):
        RUNNING = "running", "Guarded"
        STOPPED = "stopped", "Stopped itself"
        BACK = "back", "Rolled back"
        LIVE = "live", "Live"

    guard = models.ForeignKey(GuardedBook, on_delete=models.PROTECT, related_name="practices")
    practice = models.ForeignKey(
        Practice, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    stage = models.PositiveSmallIntegerField()
    of_stage = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=1000)
    begun_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    begun_at = models.DateTimeField(db_default=Now(), editable=False)
    outcome = models.CharField(max_length=8, choices=Outcome, default=Outcome.RUNNING)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    why = models.CharField(max_length=1000, blank=True)

    class Meta:
        triggers = ends_once(
            "ended_at",
            "only_ended",
            changes=["outcome", "ended_by", "ended_at", "why"],
            frozen="ended_for_good",
        )
        constraints = [
            models.UniqueConstraint(
                fields=["practice"],
                condition=Q(outcome="running"),
                name="guardedpractice_one_runs_at_a_practice",
            ),
            models.CheckConstraint(
                name="guardedpractice_counts",
                condition=Q(stage__gte=1, of_stage__gte=1) & ~Q(reason=""),
            ),
            models.CheckConstraint(
                name="guardedpractice_ended_with_why",
                condition=Q(outcome="running", ended_at=None, ended_by=None, why="")
                | (~Q(outcome="running") & Q(ended_at__isnull=False) & ~Q(why="")),
            ),
            models.CheckConstraint(
                name="guardedpractice_ended_by_somebody_or_itself",
                condition=Q(outcome="running")
                | Q(outcome="stopped", ended_by=None)
                | Q(outcome__in=["back", "live"], ended_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"guarded at practice {self.practice_id}"


class GuardedPoint(models.Model):
    """The burden of a guarded practice at a moment; append-only, and counts alone.

    `day` counts the days of the stage from 1; 0 is the burden by the book before, at the beginning.
    `look` counts the judgements of that day; 0 is a point that judged nothing, and `problem` says
    why. `halts_at_cases` and `halts_at_urgent` are the counts at which this look would stop it;
    None where no count could. `waiting` people were still to be screened, `failed` could not be.
    """

    guarded = models.ForeignKey(GuardedPractice, on_delete=models.PROTECT, related_name="points")
    at = models.DateTimeField(db_default=Now(), editable=False)
    day = models.PositiveIntegerField()
    look = models.PositiveIntegerField()
    people = models.PositiveIntegerField(default=0)
    in_use = models.PositiveIntegerField(default=0)
    cases = models.PositiveIntegerField(default=0)
    urgent = models.PositiveIntegerField(default=0)
    halts_at_cases = models.PositiveIntegerField(null=True)
    halts_at_urgent = models.PositiveIntegerField(null=True)
    waiting = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    problem = models.CharField(max_length=300, blank=True)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["guarded", "day", "look"],
                condition=Q(look__gt=0),
                name="guardedpoint_each_look_once",
            ),
            models.CheckConstraint(
                name="guardedpoint_judged_or_says_why_not",
                condition=Q(day=0, look=0, problem="")
                | Q(day__gt=0, look__gt=0, problem="")
                | (Q(day__gt=0, look=0) & ~Q(problem="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.cases} cases on day {self.day}"


class GuardedNotice(models.Model):
    """That somebody was mailed that a guarded book stopped itself at a practice; append-only."""

    guarded = models.ForeignKey(GuardedPractice, on_delete=models.PROTECT, related_name="notices")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]
        constraints = [
            models.UniqueConstraint(fields=["guarded", "user"], name="guardednotice_once"),
        ]

    def __str__(self) -> str:
        return f"notice of {self.guarded_id}"
