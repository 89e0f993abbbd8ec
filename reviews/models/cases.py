"""One open case a patient: the review queue, and what reviewers concluded."""

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from .people import Patient, Practice, Role
from .screening import Flag


class CaseState(models.TextChoices):
    QUEUED = "queued", "Waiting"
    CLAIMED = "claimed", "Claimed"
    SNOOZED = "snoozed", "Snoozed"
    ESCALATED = "escalated", "Escalated"
    DECIDED = "decided", "Decided"
    CLEARED = "cleared", "Cleared"


OPEN_STATES = (CaseState.QUEUED, CaseState.CLAIMED, CaseState.SNOOZED, CaseState.ESCALATED)


class CaseQuerySet(models.QuerySet):
    def open(self):
        return self.filter(closed_at__isnull=True)

    def ranked(self):
        """Worst first, then the one due first, then the one open longest."""
        return self.order_by("severity", "due_at", "opened_at", "id")


class Case(models.Model):
    """A patient's open flags as one place in the queue. `lock` grows with every change."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="cases")
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=CaseState, default=CaseState.QUEUED)
    severity = models.PositiveSmallIntegerField()
    headline = models.CharField(max_length=200)
    rule_ids = ArrayField(models.CharField(max_length=10), default=list)
    flag_count = models.PositiveSmallIntegerField(default=0)
    opened_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="cases"
    )
    claimed_at = models.DateTimeField(null=True, blank=True)
    snoozed_until = models.DateField(null=True, blank=True)
    escalated_to = models.CharField(max_length=20, choices=Role, blank=True)
    updated_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True, blank=True)
    lock = models.PositiveIntegerField(default=1)

    objects = CaseQuerySet.as_manager()

    class Meta:
        triggers = [pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete)]
        constraints = [
            models.UniqueConstraint(
                fields=["patient"],
                condition=Q(closed_at__isnull=True),
                name="case_one_open_per_patient",
            ),
            models.CheckConstraint(
                name="case_closed_with_its_state",
                condition=Q(closed_at__isnull=True, state__in=OPEN_STATES)
                | Q(closed_at__isnull=False, state__in=["decided", "cleared"]),
            ),
            models.CheckConstraint(
                name="case_owner_with_time",
                condition=Q(owner__isnull=True, claimed_at__isnull=True)
                | Q(owner__isnull=False, claimed_at__isnull=False),
            ),
            models.CheckConstraint(
                name="case_claimed_has_owner",
                condition=~Q(state="claimed") | Q(owner__isnull=False),
            ),
            models.CheckConstraint(
                name="case_snoozed_has_day",
                condition=~Q(state="snoozed") | Q(snoozed_until__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["practice", "severity", "due_at", "opened_at", "id"],
                condition=Q(closed_at__isnull=True),
                name="case_queue_by_practice",
            ),
            models.Index(
                fields=["severity", "due_at", "opened_at", "id"],
                condition=Q(closed_at__isnull=True),
                name="case_queue",
            ),
            models.Index(
                fields=["due_at", "severity", "opened_at", "id"],
                condition=Q(closed_at__isnull=True),
                name="case_queue_by_due",
            ),
            models.Index(
                fields=["owner"], condition=Q(closed_at__isnull=True), name="case_open_by_owner"
            ),
            models.Index(fields=["patient", "opened_at"]),
            models.Index(fields=["updated_at", "id"]),
            GinIndex(
                name="case_open_rules", fields=["rule_ids"], condition=Q(closed_at__isnull=True)
            ),
        ]

    def __str__(self):
        return self.headline


class Outcome(models.TextChoices):
    CONTINUE = "continue", "Continue until a date"
    TAPER = "taper", "Reduce or taper"
    CHANGE = "change", "Change the medicine"
    OTHER_MEDICINE = "other_medicine", "Review the other medicine"
    REFER = "refer", "Refer"
    DATA_WRONG = "data_wrong", "Data wrong"
    NOT_RELEVANT = "not_relevant", "Not relevant"


class Reason(models.TextChoices):
    SPECIALIST_ADVICE = "specialist_advice", "Specialist advice"
    BENEFIT_OUTWEIGHS = "benefit_outweighs", "Benefit outweighs risk, plan recorded"
    AGREED_WITH_PATIENT = "agreed_with_patient", "Agreed with the patient"
    ALREADY_ACTIONED = "already_actioned", "Already actioned"
    PATIENT_DECLINED = "patient_declined", "Patient declined"
    QUANTITY_WRONG = "quantity_wrong", "Quantity or supply wrong or missing"
    MEDICINE_WRONG = "medicine_wrong", "Medicine or code wrong"
    NOT_TAKEN = "not_taken", "Not being taken"
    NOT_APPLICABLE = "not_applicable", "Does not apply to this patient"
    SAFER_ALTERNATIVE = "safer_alternative", "Safer alternative available"
    SERVICE_NEEDED = "service_needed", "Needs another service"


class Decision(models.Model):
    """What a reviewer concluded on a case; append-only."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="decisions")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="decisions")
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(db_default=Now(), editable=False)
    note = models.TextField(blank=True)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]
        indexes = [
            models.Index(fields=["patient", "decided_at"]),
            models.Index(fields=["decided_at", "id"]),
        ]

    def __str__(self):
        return f"decision {self.pk} on case {self.case_id}"


class DecisionItem(models.Model):
    """The outcome and coded reason for one flag; append-only."""

    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="items")
    flag = models.ForeignKey(Flag, on_delete=models.PROTECT, related_name="decisions")
    outcome = models.CharField(max_length=20, choices=Outcome)
    reason = models.CharField(max_length=20, choices=Reason)
    until = models.DateField()

    class Meta:
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["decision", "flag"], name="one_outcome_per_flag_and_decision"
            ),
            models.CheckConstraint(
                name="decision_outcome_known", condition=Q(outcome__in=Outcome.values)
            ),
            models.CheckConstraint(
                name="decision_reason_known", condition=Q(reason__in=Reason.values)
            ),
        ]

    def __str__(self):
        return f"{self.get_outcome_display()}: {self.get_reason_display()}"
