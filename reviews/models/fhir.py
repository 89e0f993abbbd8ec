"""Resources as systems sent them by FHIR, word for word, beside the records they became."""

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from .people import Patient, Practice


class SentResource(models.Model):
    """One version of a resource, as it was sent; append-only.

    `logical_id` is the id of the record that it became (an order, a reading, a condition, a
    person), and one of its own where nothing is judged by it: `record` is then None. `record` is
    the id of the row that was live when this was taken in, and `record_version` its number: the
    body is the record until a newer version of it is live. `version` counts all that happened to
    the record, so that it is `record_version` and however many versions only the body had.

    `body` is JSON exactly as it was sent but for the references, which are to resources here; empty
    for a deletion. `keys` and the two times are what a search finds it by where no record is.
    """

    resource_type = models.CharField(max_length=40)
    logical_id = models.CharField(max_length=64)
    version = models.PositiveIntegerField()
    body = models.TextField(blank=True)
    deleted = models.BooleanField(default=False)
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    source_system = models.CharField(max_length=100)
    record = models.BigIntegerField(null=True, blank=True)
    record_version = models.PositiveIntegerField(null=True, blank=True)
    # The stubs know no default of the database here.
    keys = ArrayField(  # pyright: ignore[reportCallIssue]
        models.TextField(), default=list, db_default=[], blank=True
    )
    from_at = models.DateTimeField(null=True, blank=True)
    until_at = models.DateTimeField(null=True, blank=True)
    sent_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    sent_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["resource_type", "logical_id", "version"], name="sentresource_version_once"
            ),
            models.CheckConstraint(
                name="sentresource_says_something",
                condition=Q(deleted=True, body="") | (Q(deleted=False) & ~Q(body="")),
            ),
            models.CheckConstraint(
                name="sentresource_record_with_its_version",
                condition=Q(record__isnull=True, record_version__isnull=True)
                | Q(record__isnull=False, record_version__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["resource_type", "record"],
                condition=Q(record__isnull=False),
                name="sentresource_by_record",
            ),
            models.Index(
                fields=["practice", "resource_type", "logical_id"],
                condition=Q(record__isnull=True),
                name="sentresource_only_kept",
            ),
            models.Index(fields=["resource_type", "sent_at"], name="sentresource_by_time"),
            # Each search and each page of an export leaves out what was deleted, which is little.
            models.Index(fields=["record"], condition=Q(deleted=True), name="sentresource_deleted"),
            GinIndex(fields=["keys"], name="sentresource_keys"),
        ]

    def __str__(self) -> str:
        return f"{self.resource_type}/{self.logical_id}, version {self.version}"
