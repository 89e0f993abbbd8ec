"""Whose a record is, where that is not certain: what waits, who was kept apart, who was merged."""

from typing import Self

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Concat, Now

from .people import Patient, Practice, folded
from .versioned import ends_once


class IdentityQuestionQuerySet(models.QuerySet):
    def open(self) -> Self:
        """Those that nobody has settled."""
        return self.filter(settled_at__isnull=True)

    def with_said(self) -> Self:
        """Add `said_birth_date` in ISO form, and `said_name` as names are compared."""
        names = (KeyTextTransform(part, "said") for part in ("family_name", "given_name"))
        return self.annotate(
            said_birth_date=KeyTextTransform("birth_date", "said"), said_name=folded(Concat(*names))
        )


class IdentityQuestion(models.Model):
    """Whose are the records that say this of a person? Nobody but a person can answer.

    `said` is what they say of the person (the shape of `records.PatientRecord`), `patients` are
    those whom it may be. `differs` names the particulars that contradict those on file. `patient`
    is whose the records turned out to be. Where everything differs, a second person must agree
    that it is the same person (`proposed_by`).
    """

    class Cause(models.TextChoices):
        CONTRADICTION = "contradiction", "Number of another person"
        TWO_PEOPLE = "two_people", "Numbers of two people in one record"
        NUMBER = "number", "Number fails its check"

    class Answer(models.TextChoices):
        APART = "apart", "Another person"
        SAME = "same", "The same person"
        NUMBER_WRONG = "number_wrong", "The number on file is wrong"
        MERGED = "merged", "Two records of one person"
        WITHDRAWN = "withdrawn", "Sent again without the contradiction"

    class How(models.TextChoices):
        SENDER = "sender", "Asked the sender"
        PATIENT = "patient", "Asked the patient"
        REGISTRY = "registry", "Registry look-up"
        SEEN = "seen", "Seen in person"

    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=32)
    cause = models.CharField(max_length=13, choices=Cause)
    said = models.JSONField()
    differs = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    patients = models.ManyToManyField(Patient, related_name="identity_questions")
    asked_at = models.DateTimeField(db_default=Now(), editable=False)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    answer = models.CharField(max_length=12, choices=Answer, blank=True)
    how = models.CharField(max_length=8, choices=How, blank=True)
    note = models.CharField(max_length=1000, blank=True)
    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = IdentityQuestionQuerySet.as_manager()

    class Meta:
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="history_is_frozen",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__settled_at__isnull=False),
            ),
            pgtrigger.ReadOnly(
                name="asked_once", fields=["practice", "key", "cause", "said", "asked_at"]
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["practice", "key"],
                condition=Q(settled_at__isnull=True),
                name="identity_question_once_while_open",
            ),
            models.CheckConstraint(
                name="identity_question_settled_with_answer",
                condition=Q(settled_at__isnull=True, answer="")
                | (Q(settled_at__isnull=False) & ~Q(answer="")),
            ),
            # The portal itself may only see that nothing is left to ask.
            models.CheckConstraint(
                name="identity_question_settled_by_somebody",
                condition=Q(settled_at__isnull=True)
                | Q(settled_by__isnull=False)
                | Q(answer="withdrawn"),
            ),
            models.CheckConstraint(
                name="identity_question_cause_known",
                condition=Q(cause__in=["contradiction", "two_people", "number"]),
            ),
        ]
        indexes = [
            models.Index(
                "practice",
                KeyTextTransform("birth_date", "said"),
                condition=Q(settled_at__isnull=True),
                name="identity_question_by_birth",
            )
        ]

    def __str__(self) -> str:
        return f"identity question {self.pk}"

    @property
    def name(self) -> str:
        """The name that the records say, as on a prescription."""
        return Patient(
            family_name=self.said.get("family_name", ""), given_name=self.said.get("given_name", "")
        ).display_name


class WaitingRecord(models.Model):
    """A record as a client system sent it, whole, until somebody has said whose it is.

    `kind` names the batch it came in ("prescriptions", "conditions", ...); `content` is its JSON,
    `notes` what its reader could not keep of it: dicts of `reason` and `medicine`. `record_id` is
    the id that its record will have, where that was given out already.
    """

    question = models.ForeignKey(
        IdentityQuestion, on_delete=models.PROTECT, related_name="records", db_index=False
    )
    practice = models.ForeignKey(
        Practice, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    kind = models.CharField(max_length=20)
    source_system = models.CharField(max_length=100)
    source_id = models.CharField(max_length=200, blank=True)
    record_id = models.UUIDField(null=True, blank=True)
    content = models.JSONField()
    notes = models.JSONField(default=list)
    sent_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    arrived_at = models.DateTimeField(db_default=Now(), editable=False)
    # When it was taken in, or replaced by what its source sent later.
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        triggers = ends_once("ended_at", "only_ended", changes=["ended_at"])
        constraints = [
            models.UniqueConstraint(
                fields=["question", "kind", "source_system", "source_id"],
                condition=Q(ended_at__isnull=True),
                name="waiting_record_once",
            )
        ]
        indexes = [
            models.Index(
                fields=["practice", "source_system", "kind"],
                condition=Q(ended_at__isnull=True),
                name="waiting_record_by_source",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.source_id}".strip()


class KeptApart(models.Model):
    """Somebody said that these are two people, however alike. `first` has the lower id."""

    first = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+", db_index=False)
    second = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=1000)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        triggers = ends_once("ended_at", "only_ended", changes=["ended_at"])
        constraints = [
            models.UniqueConstraint(
                fields=["first", "second"],
                condition=Q(ended_at__isnull=True),
                name="kept_apart_once",
            ),
            models.CheckConstraint(name="kept_apart_in_order", condition=Q(first__lt=F("second"))),
            models.CheckConstraint(name="kept_apart_for_a_reason", condition=~Q(reason="")),
        ]

    def __str__(self) -> str:
        return f"patients {self.first_id} and {self.second_id} are two people"


class PersonMerge(models.Model):
    """Two records of one person became one: `gone` went into `kept`, and can come back.

    `moved` says what moved, so that undoing it restores both exactly: ids shared by all versions
    of orders, conditions and readings, ids of identifiers, exemptions and tapers as they were
    before and as they are now, and what of `kept` was not known and was filled in.
    """

    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    kept = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="merges")
    gone = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=1000)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now(), editable=False)
    moved = models.JSONField()
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    undone_because = models.CharField(max_length=1000, blank=True)

    class Meta:
        triggers = ends_once(
            "undone_at", "only_undone", changes=["undone_at", "undone_by", "undone_because"]
        )
        constraints = [
            models.UniqueConstraint(
                fields=["gone"],
                condition=Q(undone_at__isnull=True),
                name="merge_once_while_it_holds",
            ),
            models.CheckConstraint(name="merge_of_two", condition=~Q(kept=F("gone"))),
            models.CheckConstraint(name="merge_has_reason", condition=~Q(reason="")),
            models.CheckConstraint(
                name="merge_undone_by_somebody",
                condition=Q(undone_at__isnull=True, undone_by__isnull=True, undone_because="")
                | (Q(undone_at__isnull=False, undone_by__isnull=False) & ~Q(undone_because="")),
            ),
        ]

    def __str__(self) -> str:
        return f"patient {self.gone_id} merged into {self.kept_id}"
