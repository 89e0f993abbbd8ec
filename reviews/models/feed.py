"""The change feed: a thin row for each row of the record that was written, and which feed this is.

Triggers write the rows (migration 0100), in the transaction of whatever wrote the record: a verb,
COPY, or SQL by hand of any role. `reviews.feed` reads them.
"""

from django.db import models
from django.db.models.functions import Now

from .people import Practice
from .sealing import transaction_number


class Change(models.Model):
    """That one row was written: which, of whom, and by which transaction.

    The order is by `xact`, then `seq`: transactions are numbered when they begin to write and end
    in any order, so that only those before the oldest one that is still open are given. No foreign
    keys: it outlives what it tells of, and each would cost a look-up a row.
    """

    class Op(models.TextChoices):
        CREATED = "created", "Created"
        UPDATED = "updated", "Updated"
        DELETED = "deleted", "Deleted"

    seq = models.BigAutoField(primary_key=True)
    xact = models.BigIntegerField(editable=False, db_default=transaction_number())
    kind = models.CharField(max_length=14)
    op = models.CharField(max_length=7, choices=Op)
    row = models.BigIntegerField()
    version = models.IntegerField(null=True)
    practice = models.ForeignKey(
        Practice, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    patient = models.BigIntegerField(null=True)
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes = [models.Index(fields=["xact", "seq"], name="change_in_order")]

    def __str__(self) -> str:
        return f"{self.kind} {self.row} {self.op}"


class Feed(models.Model):
    """Which feed this is; one row.

    `place` says where the rows were written: server, line of its history, database, table. Where
    that is another one now, the database was restored, and a new feed begins with a new `name`.
    Up to (`pruned_xact`, `pruned_seq`) rows were removed.
    """

    name = models.UUIDField()
    place = models.CharField(max_length=100)
    began_at = models.DateTimeField(db_default=Now())
    pruned_xact = models.BigIntegerField(default=0)
    pruned_seq = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(name="feed_one_row", condition=models.Q(id=1)),
        ]

    def __str__(self) -> str:
        return f"feed {self.name}"
