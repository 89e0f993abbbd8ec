"""Cards that were shown in record systems by CDS Hooks, and what became of them there."""

from uuid import uuid4

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from .clients import Client
from .opinions import FindingOpinion
from .people import Patient, Practice


class HookCard(models.Model):
    """A card that a client was answered with.

    `patient` is None where nobody here was meant. `matter` is what it is about (a key of
    `rules/matters.py`, else a word of the hooks), `rules` whose findings it holds. `about` is a
    digest of whom it was shown to about whom in the client, `said` one of what it says;
    `may_be_left_out` says that at the signature it need not be said again. `suggestions` are the
    ids of what it suggests.
    """

    uuid = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, null=True, related_name="hook_cards"
    )
    hook = models.CharField(max_length=20)
    hook_instance = models.CharField(max_length=64)
    matter = models.CharField(max_length=20)
    title = models.CharField(max_length=200)
    severity = models.PositiveSmallIntegerField()
    rules = models.JSONField(default=list)
    book = models.PositiveIntegerField()
    about = models.CharField(max_length=64)
    said = models.CharField(max_length=64)
    suggestions = models.JSONField(default=list)
    may_be_left_out = models.BooleanField(default=False)
    made_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        triggers = [pgtrigger.Protect(name="never_changed", operation=pgtrigger.Update)]
        indexes = [
            models.Index(fields=["about", "made_at"], name="hook_card_shown"),
            models.Index(fields=["made_at"], name="hook_card_age"),
        ]
        constraints = [
            models.CheckConstraint(
                name="hook_card_severity_known", condition=Q(severity__gte=1, severity__lte=4)
            ),
        ]

    def __str__(self) -> str:
        return self.title


class HookFeedback(models.Model):
    """What somebody did with a card in their record system, as that system told it: once.

    `reason` is a code of ours or of theirs, `comment` what they wrote.
    """

    class Outcome(models.TextChoices):
        ACCEPTED = "accepted", "Accepted"
        OVERRIDDEN = "overridden", "Overridden"

    card = models.OneToOneField(
        HookCard, on_delete=models.PROTECT, primary_key=True, related_name="feedback"
    )
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=10, choices=Outcome)
    accepted = models.JSONField(default=list)
    reason_system = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=100, blank=True)
    reason_display = models.CharField(max_length=200, blank=True)
    comment = models.CharField(max_length=1000, blank=True)
    said_at = models.DateTimeField()
    received_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name_plural = "hook feedback"
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]
        constraints = [
            models.CheckConstraint(
                name="hook_feedback_outcome_known",
                condition=Q(outcome__in=["accepted", "overridden"]),
            ),
        ]

    def __str__(self) -> str:
        return self.get_outcome_display()

    @property
    def why(self) -> str:
        """The reason in words, empty where none was given."""
        if self.reason in FindingOpinion.Because.values:
            return str(FindingOpinion.Because(self.reason).label)
        return self.reason_display or self.reason
