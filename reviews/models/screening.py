"""What is to be checked, what was checked, and what was found."""

from typing import Self

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Greatest, Now

from .people import Patient, Practice
from .versioned import ends_once
from .versions import Engine, RuleVersion


class ScreeningRequest(models.Model):
    """This patient is to be screened. Deleted by the transaction that screens.

    Several pending rows for one patient are normal; a unique row would lose screenings. Only what
    is tried again has a `not_before`: nothing new may wait for a clock, which can be set back.
    """

    class Priority(models.IntegerChoices):
        """A change by a person or a system goes before a rescreen of everybody."""

        CHANGE = 0
        BULK = 1

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="requests")
    reason = models.CharField(max_length=40)
    requested_at = models.DateTimeField(db_default=Now(), editable=False)
    not_before = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    priority = models.PositiveSmallIntegerField(choices=Priority, default=Priority.CHANGE)

    class Meta:
        indexes = [
            models.Index(fields=["priority", "patient", "not_before"]),
            models.Index(fields=["requested_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.patient_id}: {self.reason}"


class PatientScreening(models.Model):
    """The newest screening of a patient: with what, when, and what could not be judged.

    `gave_way` names the rules that fired and are shown by another one of their chain. `problem` is
    why the patient is NOT CHECKED; empty when the last screening succeeded. `seen_through` is the
    newest id that any version of a prescription had when the record was read: one with a later id
    was not seen. Ids are given in order, times are not.
    """

    patient = models.OneToOneField(
        Patient, on_delete=models.CASCADE, primary_key=True, related_name="screening"
    )
    # Without an index: every screening writes its row again, and that keeps out of indexes.
    version = models.ForeignKey(
        RuleVersion, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    engine = models.ForeignKey(
        Engine, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    as_of = models.DateField(null=True)
    screened_at = models.DateTimeField(null=True)
    seen_through = models.BigIntegerField(null=True)
    valid_until = models.DateField(null=True)
    not_evaluable = models.JSONField(default=list)
    # The stubs know no default of the database here.
    gave_way = models.JSONField(  # pyright: ignore[reportCallIssue]
        default=list, db_default=Value([], models.JSONField())
    )
    exposure = models.JSONField(null=True)
    problem = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["valid_until"],
                condition=Q(valid_until__isnull=False),
                name="screening_by_validity",
            ),
            models.Index(fields=["patient"], condition=~Q(problem=""), name="screening_problems"),
        ]

    def __str__(self) -> str:
        return f"screening of {self.patient_id}"


class ScreeningRun(models.Model):
    """A batch of patients that was screened: with what, for which day, when; append-only."""

    version = models.ForeignKey(
        RuleVersion, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    engine = models.ForeignKey(
        Engine, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    as_of = models.DateField()
    screened_at = models.DateTimeField()
    patients = models.PositiveIntegerField()

    class Meta:
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.patients} patients at {self.screened_at}"


class FlagQuerySet(models.QuerySet):
    def live(self) -> Self:
        return self.filter(ended_at__isnull=True)

    def open(self) -> Self:
        """Live, and no decision covers it."""
        return self.filter(ended_at__isnull=True, settled_at__isnull=True)


class Flag(models.Model):
    """A finding kept on a patient, with its rule version and engine; superseded, never edited.

    With `leads` its case goes before others of the same severity, as `Finding.leads` says.
    `new_since` is the book by which the patient was judged last where another one raised or changed
    the flag, until somebody decides. `ended_version` is the book by which it was no longer found.
    """

    class EndReason(models.TextChoices):
        CLEARED = "cleared", "No longer found"
        SUPERSEDED = "superseded", "Replaced by a newer finding"

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="flags")
    # A screening writes many flags: of the references only those have an index that flags are
    # looked up by.
    practice = models.ForeignKey(
        Practice, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    rule_id = models.CharField(max_length=10)
    key = models.CharField(max_length=200)
    severity = models.PositiveSmallIntegerField()
    leads = models.BooleanField(default=False, db_default=False)
    mode = models.CharField(max_length=10)
    title = models.CharField(max_length=200)
    sentence = models.TextField()
    facts = models.JSONField(default=list)
    clears = models.TextField(blank=True)
    unknown = models.TextField(blank=True)
    prescription_ids = ArrayField(models.BigIntegerField(), default=list)
    digest = models.CharField(max_length=32)

    version = models.ForeignKey(
        RuleVersion, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    engine = models.ForeignKey(
        Engine, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    as_of = models.DateField()
    raised_at = models.DateTimeField(db_default=Now(), editable=False)
    supersedes = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="superseded_by"
    )
    case = models.ForeignKey(
        "reviews.Case", on_delete=models.PROTECT, null=True, blank=True, related_name="flags"
    )
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_until = models.DateField(null=True, blank=True)
    reopened_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=10, choices=EndReason, blank=True)
    new_since = models.ForeignKey(
        RuleVersion, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    ended_version = models.ForeignKey(
        RuleVersion, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )

    objects = FlagQuerySet.as_manager()

    class Meta:
        triggers = ends_once(
            "ended_at",
            "only_settled_or_ended",
            changes=[
                "settled_at",
                "settled_until",
                "reopened_at",
                "ended_at",
                "end_reason",
                "ended_version",
                "case",
            ],
        )
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "rule_id", "key"],
                condition=Q(ended_at__isnull=True),
                name="flag_once_while_live",
            ),
            models.CheckConstraint(
                name="flag_severity_known", condition=Q(severity__gte=1, severity__lte=4)
            ),
            models.CheckConstraint(
                name="flag_end_has_reason",
                condition=Q(ended_at__isnull=True, end_reason="")
                | (Q(ended_at__isnull=False) & ~Q(end_reason="")),
            ),
        ]
        indexes = [
            models.Index(
                Greatest("raised_at", "settled_at", "reopened_at", "ended_at"),
                "id",
                name="flag_by_change",
            ),
            models.Index(
                fields=["rule_id", "practice"],
                condition=Q(ended_at__isnull=True),
                name="flag_live_by_rule",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.title}"
