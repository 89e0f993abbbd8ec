"""One way to version a record: a row for each version; history is added to, never edited.

Of any `Versioned` record "version n, who, when, what" is one row. `live()`, `history(of)` and
`as_known(at)` ask for it, whatever the record is; `reviews.versions` writes the next one.
"""

from datetime import datetime
from typing import Any, Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

# The same conditions for the raw cursors of the hot paths.
LIVE = "superseded_at IS NULL"
KNOWN_THEN = (
    "recorded_at <= %(known_at)s AND (superseded_at IS NULL OR superseded_at > %(known_at)s)"
)


def of_nobody_merged_away() -> pgtrigger.Trigger:
    """Refuse rows of somebody whose record went into another one: nobody would ever look there.

    Once for each statement. Who merges locks the two people, so a row is there before and moves,
    or comes after and is refused.
    """
    return pgtrigger.Trigger(
        name="of_nobody_merged_away",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="written"),
        func="""
            IF EXISTS (
                SELECT FROM written WHERE patient_id IN (
                    SELECT id FROM reviews_patient WHERE merged_into_id IS NOT NULL
                )
            ) THEN
                RAISE EXCEPTION 'this person was merged into another one';
            END IF;
            RETURN NULL;
        """,
    )


def ends_once(
    at: str, only: str, *, changes: list[str], frozen: str = "history_is_frozen"
) -> list[pgtrigger.Trigger]:
    """A row is never deleted, changes in the columns `changes` alone, and no more once `at` is set.

    `only` and `frozen` name the triggers.
    """
    return [
        pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
        pgtrigger.Protect(
            name=frozen,
            operation=pgtrigger.Update,
            condition=pgtrigger.Q(**{f"old__{at}__isnull": False}),
        ),
        pgtrigger.ReadOnly(name=only, exclude=changes),
    ]


class VersionedQuerySet(models.QuerySet):
    """Rows of a `Versioned` model."""

    def live(self) -> Self:
        """What stands now: one version of each record."""
        return self.filter(superseded_at__isnull=True)

    def history(self, of: Any) -> Self:
        """Every version of one record, the first one first.

        `of` is any version of it, or what all of them share: an order's id, a taper, a patient.
        """
        record = getattr(of, self.model.VERSIONS_OF) if isinstance(of, self.model) else of
        return self.filter(**{self.model.VERSIONS_OF: record}).order_by("version")

    def as_known(self, at: datetime) -> Self:
        """What stood at a time: at most one version of each record."""
        return self.filter(
            Q(superseded_at__isnull=True) | Q(superseded_at__gt=at), recorded_at__lte=at
        )


class Versioned(models.Model):
    """One version of a record about a patient: its number, who recorded it, when, until when.

    A version ends at the moment at which the next one is recorded, so that at any time exactly one
    is known. `recorded_by` is None where the portal itself wrote it, or nobody knows.
    """

    # The column that all versions of one record share and no other record has.
    VERSIONS_OF: str
    # What a next version takes over from the one before, besides what `VERSIONS_OF` names.
    CARRIED: tuple[str, ...] = ("patient_id", "practice_id")

    # Each index slows a sync, so a model names those that it needs, and none is here.
    patient = models.ForeignKey(
        "reviews.Patient", on_delete=models.PROTECT, related_name="%(class)ss", db_index=False
    )
    practice = models.ForeignKey(
        "reviews.Practice", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    version = models.PositiveIntegerField(default=1)
    supersedes = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="superseded_by"
    )
    superseded_at = models.DateTimeField(null=True, blank=True)
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
    )

    objects = VersionedQuerySet.as_manager()

    class Meta:
        abstract = True
        # A live row may only become superseded; a superseded row is history.
        triggers = [
            *ends_once("superseded_at", "only_superseding", changes=["superseded_at"]),
            of_nobody_merged_away(),
        ]

    @property
    def live(self) -> bool:
        return self.superseded_at is None


class Reported(Versioned):
    """A version of what a source reports: the portal itself, or a client system under its own id.

    `digest` is what the source said last: a source that repeats itself changes nothing, even where
    somebody has corrected its record here since.
    """

    CARRIED = (*Versioned.CARRIED, "source_system", "source_id", "digest")

    source_system = models.CharField(max_length=100)
    source_id = models.CharField(max_length=200)
    digest = models.BinaryField(max_length=16)

    class Meta(Versioned.Meta):
        abstract = True


def one_live_version(of: str) -> list[models.UniqueConstraint]:
    """At most one version of a record is live, and no number is given twice.

    `of` is the field that all versions of one record share.
    """
    return [
        models.UniqueConstraint(
            fields=[of],
            condition=Q(superseded_at__isnull=True),
            name="%(class)s_one_live_version",
        ),
        models.UniqueConstraint(fields=[of, "version"], name="%(class)s_version_once"),
    ]
