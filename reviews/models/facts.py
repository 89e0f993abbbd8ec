"""What else the rules need to know of a patient: dated readings, and exemptions somebody owns."""

import uuid
from datetime import date

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from reviews.rules import exemptions, readings
from reviews.rules.codes import READING_STATUSES

from .people import Patient, Practice
from .versioned import Reported, ends_once, of_nobody_merged_away, one_live_version


class Reading(Reported):
    """One version of a value measured or answered on a day, such as an eGFR or a naloxone offer.

    `kind` is a key of `reviews.rules.readings.KINDS`, which says what `value` and `text` hold;
    `unit` is the unit of `value` when it was recorded.
    """

    VERSIONS_OF = "record_id"

    record_id = models.UUIDField(default=uuid.uuid4)
    kind = models.CharField(max_length=40)
    value = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    unit = models.CharField(max_length=30, blank=True)
    text = models.CharField(max_length=300, blank=True)
    dated_on = models.DateField()
    status = models.CharField(max_length=16, default="final")

    class Meta(Reported.Meta):
        constraints = [
            *one_live_version("record_id"),
            models.UniqueConstraint(
                fields=["practice", "source_system", "source_id"],
                condition=Q(superseded_at__isnull=True),
                name="reading_one_live_per_source",
            ),
            models.CheckConstraint(
                name="reading_says_something", condition=Q(value__isnull=False) | ~Q(text="")
            ),
            models.CheckConstraint(
                name="reading_status_known", condition=Q(status__in=READING_STATUSES)
            ),
        ]
        indexes = [
            models.Index(
                fields=["patient"],
                condition=Q(superseded_at__isnull=True),
                name="reading_live_by_patient",
            ),
            models.Index(fields=["patient"]),
            models.Index(fields=["recorded_at", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.label}, {self.dated_on:%-d %b %Y}"

    @property
    def label(self) -> str:
        """What was measured, asked or done; a kind that is no longer in use keeps its code."""
        known = readings.KINDS.get(self.kind)
        return known.label if known else self.kind

    @property
    def answer(self) -> str:
        """The value in words."""
        known = readings.KINDS.get(self.kind)
        if self.value is not None and not self.text:
            return f"{self.value.normalize():f} {self.unit}".strip()
        if known is None:
            return self.text
        if known.shape == readings.DATE:
            return f"{date.fromisoformat(self.text):%-d %b %Y}"
        if known.shape == readings.CHECKLIST and not self.value:
            return "None of them"
        codes = self.text.split() if known.shape == readings.CHECKLIST else [self.text]
        return ", ".join(known.choices.get(code, code) for code in codes)


class Exemption(models.Model):
    """Somebody's decision that some rules do not apply to a patient, with evidence and an end.

    `kind` is a key of `reviews.rules.exemptions.KINDS`; both days are included. `order_ids` limits
    it to these orders, whatever their version; empty means all of the patient. At most a year, so
    that nothing is muted for ever; ending one early stamps `ended_at` and `ended_by`, and nothing
    else of it ever changes.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="exemptions")
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=40)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    evidence = models.CharField(max_length=1000)
    # The stubs know no default of the database here.
    order_ids = ArrayField(  # pyright: ignore[reportCallIssue]
        models.UUIDField(), default=list, db_default=[], blank=True
    )
    starts_on = models.DateField()
    expires_on = models.DateField()
    decision = models.ForeignKey(
        "reviews.Decision",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="exemptions",
    )
    granted_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        triggers = [
            *ends_once("ended_at", "only_ended", changes=["ended_at", "ended_by"]),
            of_nobody_merged_away(),
        ]
        constraints = [
            models.CheckConstraint(
                name="exemption_lasts_a_year_at_most",
                condition=Q(expires_on__gte=F("starts_on"))
                & Q(expires_on__lte=F("starts_on") + 365),
            ),
            models.CheckConstraint(name="exemption_has_evidence", condition=~Q(evidence="")),
            # An unknown kind would leave the patient unscreened.
            models.CheckConstraint(
                name="exemption_kind_known", condition=Q(kind__in=list(exemptions.KINDS))
            ),
            models.CheckConstraint(
                name="exemption_ended_by_somebody",
                condition=Q(ended_at__isnull=True, ended_by__isnull=True)
                | Q(ended_at__isnull=False, ended_by__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["patient", "expires_on"])]

    def __str__(self) -> str:
        return f"{self.label} until {self.expires_on:%-d %b %Y}"

    @property
    def label(self) -> str:
        return exemptions.KINDS[self.kind]
