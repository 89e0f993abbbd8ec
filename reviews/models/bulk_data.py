"""Bulk data by FHIR: what a system asked to have exported or imported, and the files of it."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from .jobs import Job
from .people import Practice

USER = settings.AUTH_USER_MODEL


class BulkRequest(models.Model):
    """What a system asked to have exported or imported; a job does it.

    `asked` says what, and in which shape the kind decides; `address` is the one it asked at,
    `practice_ids` where the records are from, or may go. For an export, everything that was
    recorded until `transaction_time` is in the files. They can be fetched until `expires_at`,
    unless the system had them removed before. The row outlives its files: it says who got the
    records of whom.
    """

    class Kind(models.TextChoices):
        EXPORT = "export", "Export"
        IMPORT = "import", "Import"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=6, choices=Kind)
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="+")
    asked_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(db_default=Now(), editable=False)
    address = models.TextField()
    asked = models.JSONField()
    practice_ids = ArrayField(models.BigIntegerField())
    transaction_time = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="bulkrequest_kind_known", condition=models.Q(kind__in=["export", "import"])
            ),
            models.CheckConstraint(
                name="bulkrequest_of_some_practice",
                condition=models.Q(practice_ids__len__gt=0),
            ),
            models.CheckConstraint(
                name="bulkrequest_of_a_time_once_it_expires",
                condition=models.Q(expires_at__isnull=True)
                | models.Q(transaction_time__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["asked_by"],
                condition=models.Q(removed_at__isnull=True),
                name="bulkrequest_kept",
            ),
        ]

    def __str__(self) -> str:
        return f"bulk {self.kind} {self.pk}"


class BulkFile(models.Model):
    """One file: resources of a type, deletions, what could not be done, or what was sent.

    `rows` and `size` (in bytes) are what is committed of it; behind that may stand what a worker
    wrote before it was killed, which the next one cuts off. `patient_ids` are the people whom the
    resources are of. `digest` is the SHA-256 of the whole file, once it is whole.
    """

    class Purpose(models.TextChoices):
        OUTPUT = "output", "Resources"
        DELETED = "deleted", "Deletions"
        ERROR = "error", "What could not be done"
        INPUT = "input", "What was sent"

    bulk = models.ForeignKey(BulkRequest, on_delete=models.PROTECT, related_name="files")
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
            models.UniqueConstraint(fields=["bulk", "number"], name="bulkfile_numbered_once"),
            models.CheckConstraint(
                name="bulkfile_purpose_known",
                condition=models.Q(purpose__in=["output", "deleted", "error", "input"]),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The name of the file, which says the purpose where it is not resources."""
        kind = self.type if self.purpose == self.Purpose.OUTPUT else self.purpose
        return f"{self.number:04}.{kind}.ndjson"


class BulkId(models.Model):
    """The id here of a resource that a system sent in bulk under an id of its own.

    `logical_id` is "" for a person who is not written yet, and `practice` None until it is known.
    """

    sent_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", db_index=False)
    resource_type = models.CharField(max_length=40)
    sent_id = models.CharField(max_length=64)
    logical_id = models.CharField(max_length=64, blank=True)
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["sent_by", "resource_type", "sent_id"], name="bulkid_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource_type}/{self.sent_id}"
