"""What a system sent to be taken in later: its lines until that is done, and what was refused."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from .jobs import Job


class UploadPart(models.Model):
    """Some lines of an upload, packed; removed in the transaction that takes them in.

    `name` is that of the upload, `number` its place among the parts, `first` the number of its
    first line. In the database, because web and worker share no disk.
    """

    name = models.UUIDField()
    number = models.PositiveIntegerField()
    first = models.PositiveIntegerField()
    lines = models.PositiveIntegerField()
    packed = models.BinaryField()
    practice_ids = ArrayField(models.BigIntegerField())
    sent_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name", "number"], name="upload_part_once"),
        ]

    def __str__(self) -> str:
        return f"lines {self.first} to {self.first + self.lines - 1}"


class UploadFault(models.Model):
    """One line that was not accepted, or that waits for somebody to say whose it is (`waits`)."""

    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="faults", db_index=False)
    practice_ids = ArrayField(models.BigIntegerField())
    line = models.PositiveIntegerField()
    waits = models.BooleanField()
    source_id = models.CharField(max_length=200, null=True)
    field = models.CharField(max_length=200)
    reason = models.CharField(max_length=1000)

    class Meta:
        indexes = [models.Index(fields=["job", "id"], name="upload_faults_in_order")]

    def __str__(self) -> str:
        return f"line {self.line}: {self.field}"
