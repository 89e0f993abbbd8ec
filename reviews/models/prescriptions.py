"""What a patient takes and has, as reported; history is added to, never edited."""

import uuid
from datetime import date

import pgtrigger
from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce, Now

from reviews.rules.codes import (
    ACQUIRED,
    CHANGES,
    CONDITION_KINDS,
    CONDITION_STATUSES,
    EVIDENCE,
    REPLACEMENTS,
    SETTINGS,
    STATUSES,
    UNITS,
)
from reviews.rules.indications import INDICATIONS

from .versioned import Reported, one_live_version

Status = models.TextChoices(
    "Status", {code.upper().replace("-", "_"): (code, label) for code, label in STATUSES.items()}
)
WITHDRAWN = (Status.CANCELLED, Status.ENTERED_IN_ERROR, Status.STOPPED)


class Medicine(models.Model):
    """A product as somebody wrote it, with its codes; shared by all who wrote the same."""

    key = models.CharField(max_length=32, unique=True)
    text = models.CharField(max_length=500)
    codings = models.JSONField(default=list)
    added_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="immutable", operation=pgtrigger.Update | pgtrigger.Delete)
        ]
        indexes = [GinIndex(name="medicine_trigrams", fields=["text"], opclasses=["gin_trgm_ops"])]

    def __str__(self) -> str:
        return self.text


class Prescription(Reported):
    """One version of one medicine order. Amounts in `dose_unit`; None means not known.

    The fields are those of `reviews.fields`.
    """

    VERSIONS_OF = "order_id"
    CARRIED = (*Reported.CARRIED, "prescriber_id")

    medicine = models.ForeignKey(Medicine, on_delete=models.PROTECT, related_name="+")
    order_id = models.UUIDField(default=uuid.uuid4)

    dose = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    dose_unit = models.CharField(max_length=12, choices=list(UNITS.items()), blank=True)
    times_per_day = models.DecimalField(max_digits=8, decimal_places=4, null=True, blank=True)
    as_needed = models.BooleanField(default=False)
    max_per_day = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    expected_per_day = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    dosage_text = models.CharField(max_length=1000, blank=True)
    quantity = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    quantity_unit = models.CharField(max_length=12, choices=list(UNITS.items()), blank=True)
    days_supply = models.PositiveIntegerField(null=True, blank=True)
    written_on = models.DateField(null=True, blank=True)
    start_on = models.DateField(null=True, blank=True)
    end_on = models.DateField(null=True, blank=True)
    indication = models.CharField(max_length=40, default="unknown")
    route = models.CharField(max_length=40, blank=True)
    setting = models.CharField(max_length=12, choices=list(SETTINGS.items()), default="community")
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.ACTIVE)
    status_reason = models.CharField(max_length=500, blank=True)
    dispensed = models.BooleanField(default=False)
    prescriber = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="prescriptions",
        db_index=False,
    )
    prescriber_name = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=1000, blank=True)

    # Known from some systems only; the defaults say nothing. As in `reviews.rules.dossier.Line`,
    # but for `schedule`: [amount a day, days] pairs, or None.
    refill_number = models.PositiveIntegerField(null=True, blank=True)
    dispensed_on = models.DateField(null=True, blank=True)
    repeat_template = models.BooleanField(default=False, db_default=False)
    acquired = models.CharField(max_length=10, default="nhs", db_default="nhs")
    replacement_reason = models.CharField(max_length=20, blank=True, default="", db_default="")
    is_new_start = models.BooleanField(default=False, db_default=False)
    change_reason = models.CharField(max_length=20, blank=True, default="", db_default="")
    team = models.CharField(max_length=200, blank=True, default="", db_default="")
    pharmacy = models.CharField(max_length=200, blank=True, default="", db_default="")
    start_minute = models.PositiveSmallIntegerField(null=True, blank=True)
    schedule = models.JSONField(null=True, blank=True)
    dose_max = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    times_per_day_max = models.DecimalField(max_digits=8, decimal_places=4, null=True, blank=True)
    repeats_allowed = models.PositiveIntegerField(null=True, blank=True)
    issue_days = models.PositiveIntegerField(null=True, blank=True)
    valid_until = models.DateField(null=True, blank=True)
    quantity_text = models.CharField(max_length=200, blank=True, default="", db_default="")
    evidence = models.CharField(
        max_length=10, choices=list(EVIDENCE.items()), blank=True, default="", db_default=""
    )

    class Meta(Reported.Meta):
        constraints = [
            *one_live_version("order_id"),
            models.UniqueConstraint(
                fields=["practice", "source_system", "source_id"],
                condition=Q(superseded_at__isnull=True),
                name="prescription_one_live_per_source",
            ),
            models.CheckConstraint(
                name="prescription_amounts_positive",
                condition=(Q(dose__isnull=True) | Q(dose__gt=0))
                & (Q(times_per_day__isnull=True) | Q(times_per_day__gt=0))
                & (Q(max_per_day__isnull=True) | Q(max_per_day__gt=0))
                & (Q(expected_per_day__isnull=True) | Q(expected_per_day__gt=0))
                & (Q(quantity__isnull=True) | Q(quantity__gt=0)),
            ),
            models.CheckConstraint(
                name="prescription_ranges_in_order",
                condition=(Q(dose_max__isnull=True) | Q(dose_max__gt=0))
                & (Q(dose__isnull=True) | ~Q(dose_max__lt=models.F("dose")))
                & (Q(times_per_day_max__isnull=True) | Q(times_per_day_max__gt=0))
                & (
                    Q(times_per_day__isnull=True)
                    | ~Q(times_per_day_max__lt=models.F("times_per_day"))
                ),
            ),
            models.CheckConstraint(
                name="prescription_evidence_known",
                condition=Q(evidence__in=["", *EVIDENCE]),
            ),
            models.CheckConstraint(
                name="prescription_ends_after_start",
                condition=Q(end_on__isnull=True)
                | Q(start_on__isnull=True)
                | Q(end_on__gte=models.F("start_on")),
            ),
            models.CheckConstraint(
                name="prescription_status_known", condition=Q(status__in=Status.values)
            ),
            models.CheckConstraint(
                name="prescription_indication_known", condition=Q(indication__in=list(INDICATIONS))
            ),
            models.CheckConstraint(
                name="prescription_codes_known",
                condition=Q(
                    acquired__in=list(ACQUIRED),
                    replacement_reason__in=["", *REPLACEMENTS],
                    change_reason__in=["", *CHANGES],
                ),
            ),
            models.CheckConstraint(
                name="prescription_starts_within_a_day",
                condition=Q(start_minute__isnull=True) | Q(start_minute__lt=24 * 60),
            ),
            models.CheckConstraint(
                name="prescription_withdrawal_has_reason",
                condition=~Q(status__in=WITHDRAWN, source_system="portal") | ~Q(status_reason=""),
            ),
        ]
        indexes = [
            models.Index(
                fields=["patient"],
                condition=Q(superseded_at__isnull=True),
                name="prescription_live_by_patient",
            ),
            models.Index(fields=["patient", "order_id"]),
            models.Index(fields=["recorded_at", "id"]),
            # The newest orders of a practice: what is not known comes first, as FHIR sorts it.
            models.Index(
                F("practice"),
                Coalesce(F("written_on"), Value(date(1, 1, 1))),
                F("order_id"),
                condition=Q(superseded_at__isnull=True),
                name="prescription_live_by_day",
            ),
        ]

    def __str__(self) -> str:
        return self.medicine.text

    @property
    def indication_label(self) -> str:
        return INDICATIONS[self.indication]


class Condition(Reported):
    """One version of a coded problem or an allergy, whose codes and text name the substance.

    A condition belongs to its patient and does not move, so a source knows it by patient and id.
    """

    VERSIONS_OF = "record_id"

    record_id = models.UUIDField(default=uuid.uuid4)
    kind = models.CharField(max_length=10, default="condition", db_default="condition")
    text = models.CharField(max_length=300)
    codings = models.JSONField(default=list)
    onset_on = models.DateField(null=True, blank=True)
    ended_on = models.DateField(null=True, blank=True)
    status = models.CharField(max_length=16, default="active")

    class Meta(Reported.Meta):
        constraints = [
            *one_live_version("record_id"),
            models.UniqueConstraint(
                fields=["patient", "source_system", "source_id"],
                condition=Q(superseded_at__isnull=True),
                name="condition_one_live_per_source",
            ),
            models.CheckConstraint(
                name="condition_ends_after_onset",
                condition=Q(ended_on__isnull=True)
                | Q(onset_on__isnull=True)
                | Q(ended_on__gte=models.F("onset_on")),
            ),
            models.CheckConstraint(
                name="condition_kind_known", condition=Q(kind__in=list(CONDITION_KINDS))
            ),
            models.CheckConstraint(
                name="condition_status_known",
                condition=Q(status__in=CONDITION_STATUSES),
            ),
        ]
        indexes = [
            models.Index(
                fields=["patient"],
                condition=Q(superseded_at__isnull=True),
                name="condition_live_by_patient",
            ),
            models.Index(fields=["patient"]),
        ]

    def __str__(self) -> str:
        return self.text
