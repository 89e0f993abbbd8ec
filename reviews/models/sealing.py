"""The log that seals what was done and decided: leaves, kept subtrees, signed tree heads."""

import pgtrigger
from django.db import models
from django.db.models import F, Func, Q


def transaction_number() -> Func:
    """The number of the transaction that writes a row: what is sealed next is found by it."""
    return Func(
        template="(pg_current_xact_id()::text::bigint)", output_field=models.BigIntegerField()
    )


def _append_only() -> list[pgtrigger.Trigger]:
    return [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]


class SealedLeaf(models.Model):
    """One sealed row, at its place in the log.

    `hash` is of the row's text (`reviews.sealing.TEXTS`), which says `vouched` too: whether the
    row bears the mark of the portal. None: it is older than marks.
    """

    class Kind(models.TextChoices):
        EVENT = "event", "Event"
        DECISION = "decision", "Decision"
        BOOK = "book", "Rule book"

    position = models.BigIntegerField(primary_key=True)
    kind = models.CharField(max_length=8, choices=Kind)
    row_id = models.BigIntegerField()
    vouched = models.BooleanField(null=True)
    hash = models.BinaryField()

    class Meta:
        triggers = _append_only()
        constraints = [
            models.UniqueConstraint(fields=["kind", "row_id"], name="sealed_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.row_id} at {self.position}"


class SealedSubtree(models.Model):
    """The root of a complete subtree of 256, 65,536, ... leaves: it makes proofs quick."""

    level = models.PositiveSmallIntegerField()
    index = models.BigIntegerField()
    hash = models.BinaryField()

    class Meta:
        triggers = _append_only()
        constraints = [
            models.UniqueConstraint(fields=["level", "index"], name="one_root_per_subtree"),
        ]

    def __str__(self) -> str:
        return f"subtree {self.index} of level {self.level}"


class TreeHead(models.Model):
    """A signed tree head. `body` is the JSON text that was signed; by the columns it is found."""

    number = models.BigIntegerField(primary_key=True)
    size = models.BigIntegerField()
    signed_at = models.DateTimeField()
    body = models.TextField()
    signature = models.CharField(max_length=128)

    class Meta:
        triggers = _append_only()
        constraints = [
            models.CheckConstraint(name="head_numbers_from_one", condition=Q(number__gte=1)),
        ]
        indexes = [models.Index(F("size"), F("number"), name="head_by_size")]

    def __str__(self) -> str:
        return f"tree head {self.number}"
