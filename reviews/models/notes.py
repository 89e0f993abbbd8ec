"""What a source said of a person and could not be kept, and what colleagues note on a person."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from .people import Patient, Practice
from .versioned import of_nobody_merged_away

PRESCRIPTION = "prescription"
DEATH = " death"
"""Ends `about` of a note that a source contradicts the death on record."""


class ImportNoteQuerySet(models.QuerySet["ImportNote"]):
    def live(self) -> "ImportNoteQuerySet":
        """Those that still hold, what was not kept at all first."""
        return self.filter(ended_at__isnull=True).order_by("-refused", "source_system", "pk")

    def deaths(self) -> "ImportNoteQuerySet":
        """Live ones that contradict what is on record of a death."""
        return self.live().filter(kind="patient", about__endswith=DEATH)

    def unread_medicines(self) -> "ImportNoteQuerySet":
        """Live ones that each stand for a medicine which no rule has seen."""
        return self.live().filter(kind=PRESCRIPTION, refused=True)


class ImportNote(models.Model):
    """One thing that was left out of a record, or why a record (`refused`) was not kept at all.

    It belongs to the person, and holds until the source sends that record again or somebody
    answers it. `about` is the source's id of the record, `kind` what it is of; `medicine` is the
    text of a medicine, empty where it names none.
    """

    class Kind(models.TextChoices):
        PRESCRIPTION = PRESCRIPTION, "Medicine"
        CONDITION = "condition", "Condition or allergy"
        READING = "reading", "Reading"
        PATIENT = "patient", "Person"

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="import_notes")
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    source_system = models.CharField(max_length=100)
    kind = models.CharField(max_length=12, choices=Kind)
    about = models.CharField(max_length=200)
    refused = models.BooleanField()
    medicine = models.CharField(max_length=500, blank=True)
    reason = models.CharField(max_length=500)
    noted_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    answer = models.CharField(max_length=500, blank=True)

    objects = ImportNoteQuerySet.as_manager()

    class Meta:
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="end_is_final",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(
                    old__ended_at__isnull=False, old__ended_at__df=pgtrigger.F("new__ended_at")
                ),
            ),
            pgtrigger.ReadOnly(
                name="only_ended", exclude=["ended_at", "answered_by", "answer", "patient"]
            ),
            of_nobody_merged_away(),
        ]
        constraints = [
            models.CheckConstraint(
                name="importnote_kind_known",
                condition=Q(kind__in=["prescription", "condition", "reading", "patient"]),
            ),
            models.CheckConstraint(name="importnote_says_why", condition=~Q(reason="")),
            models.CheckConstraint(
                name="importnote_answered_in_words",
                condition=Q(answered_by__isnull=True, answer="")
                | (Q(answered_by__isnull=False, ended_at__isnull=False) & ~Q(answer="")),
            ),
        ]
        indexes = [
            models.Index(
                fields=["patient"],
                condition=Q(ended_at__isnull=True),
                name="importnote_live_by_patient",
            ),
            models.Index(
                fields=["practice", "source_system", "kind", "about"],
                name="importnote_by_record",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.named}: {self.reason}"

    @property
    def is_unread_medicine(self) -> bool:
        """Whether it stands for a medicine which no rule has seen."""
        return self.refused and self.kind == PRESCRIPTION

    @property
    def is_of_a_death(self) -> bool:
        """Whether a source contradicts what is on record of the person's death."""
        return self.kind == self.Kind.PATIENT and self.about.endswith(DEATH)

    @property
    def named(self) -> str:
        """What it is about, in words: the medicine, else the record's id in its source."""
        if self.is_of_a_death:
            return "Death"
        return self.medicine or f"{self.get_kind_display()} {self.about}"


class PatientNoteQuerySet(models.QuerySet["PatientNote"]):
    def newest_first(self) -> "PatientNoteQuerySet":
        """As somebody reads them, with who wrote and who struck each."""
        return self.select_related("written_by", "struck_by").order_by("-written_at", "-pk")


class PatientNote(models.Model):
    """What a colleague wants the next one to know of a person, in their own words.

    Never changed: one that is wrong, or of another person, is struck with the reason and stays.
    """

    LONGEST = 2000

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="colleagues_notes")
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    text = models.CharField(max_length=LONGEST)
    written_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    written_at = models.DateTimeField(db_default=Now(), editable=False)
    struck_at = models.DateTimeField(null=True, blank=True)
    struck_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    struck_because = models.CharField(max_length=500, blank=True)

    objects = PatientNoteQuerySet.as_manager()

    class Meta:
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="struck_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.struck_at IS NOT NULL"
                    " AND (OLD.struck_at, OLD.struck_by_id, OLD.struck_because)"
                    " IS DISTINCT FROM (NEW.struck_at, NEW.struck_by_id, NEW.struck_because)"
                ),
            ),
            # A note goes with its person, whose record may become part of another one.
            pgtrigger.ReadOnly(
                name="only_struck", exclude=["struck_at", "struck_by", "struck_because", "patient"]
            ),
            of_nobody_merged_away(),
        ]
        constraints = [
            models.CheckConstraint(name="patientnote_says_something", condition=~Q(text="")),
            models.CheckConstraint(
                name="patientnote_struck_by_somebody_with_a_reason",
                condition=Q(struck_at__isnull=True, struck_by__isnull=True, struck_because="")
                | (Q(struck_at__isnull=False, struck_by__isnull=False) & ~Q(struck_because="")),
            ),
        ]
        indexes = [models.Index(fields=["patient", "-written_at"], name="patientnote_newest")]

    def __str__(self) -> str:
        return self.text
