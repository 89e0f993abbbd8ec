"""Bulk data by FHIR: what a system asked to have exported, and the files made for it."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from .jobs import Job


class BulkExport(models.Model):
    """What a system asked to have exported; a job writes the files.

    `asked` is what it asked for (`queries.fhir_export.Asked`), `request` the address it asked at,
    `practice_ids` where the records are from. Everything that was recorded until
    `transaction_time` is in the files. They can be fetched until `expires_at`, unless the system
    had them removed before. The row outlives its files: it says who got the records of whom.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="+")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    asked_at = models.DateTimeField(db_default=Now(), editable=False)
    request = models.TextField()
    asked = models.JSONField()
    practice_ids = ArrayField(models.BigIntegerField())
    transaction_time = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="bulkexport_of_some_practice",
                condition=models.Q(practice_ids__len__gt=0),
            ),
            models.CheckConstraint(
                name="bulkexport_of_a_time_once_it_expires",
                condition=models.Q(expires_at__isnull=True)
                | models.Q(transaction_time__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["asked_by"],
                condition=models.Q(removed_at__isnull=True),
                name="bulkexport_kept",
            ),
        ]

    def __str__(self) -> str:
        return f"bulk export {self.pk}"


class BulkFile(models.Model):
    """One file of an export: resources of a type, deletions, or what could not be exported.

    `rows` and `size` (in bytes) are what is committed of it; behind that may stand what a worker
    wrote before it was killed, which the next one cuts off. `patient_ids` are the people whom the
    resources are of. `digest` is the SHA-256 of the whole file, once it is whole.
    """

    class Purpose(models.TextChoices):
        OUTPUT = "output", "Resources"
        DELETED = "deleted", "Deletions"
        ERROR = "error", "What could not be done"

    export = models.ForeignKey(BulkExport, on_delete=models.PROTECT, related_name="files")
    number = models.PositiveIntegerField()
    purpose = models.CharField(max_length=7, choices=Purpose)
    type = models.CharField(max_length=40)
    rows = models.PositiveBigIntegerField(default=0)
    size = models.PositiveBigIntegerField(default=0)
    # The stubs know no default of the database here.
    patient_ids = ArrayField(  # pyright: ignore[reportCallIssue]
        models.BigIntegerField(), default=list, db_default=[], blank=True
    )
    digest = models.CharField(max_length=64, blank=True, db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["export", "number"], name="bulkfile_numbered_once"),
            models.CheckConstraint(
                name="bulkfile_purpose_known",
                condition=models.Q(purpose__in=["output", "deleted", "error"]),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The name of the file, which says the purpose where it is not resources."""
        kind = self.type if self.purpose == self.Purpose.OUTPUT else self.purpose
        return f"{self.number:04}.{kind}.ndjson"
