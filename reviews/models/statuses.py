"""What a practice or a group of practices can get of the formulary, for whoever prescribes."""

from datetime import date
from typing import Self, cast

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from drugs.models import Ingredient

from .groups import PracticeGroup
from .people import Practice
from .versioned import ends_once


class LocalStatusQuerySet(models.QuerySet):
    def current(self) -> Self:
        """What holds now."""
        return self.filter(ended_at=None)


class LocalStatus(models.Model):
    """Whether a practice, or each practice of a group, can get a medicine; changed by a new row.

    `restricted_to` says in words to whom. No rule reads it, and no record is refused for it.
    """

    class Status(models.TextChoices):
        AVAILABLE = "available", "Available"
        RESTRICTED = "restricted", "Restricted"
        NOT_STOCKED = "not-stocked", "Not stocked"

    ingredient = models.ForeignKey(Ingredient, on_delete=models.PROTECT, related_name="+")
    practice = models.ForeignKey(
        Practice, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    group = models.ForeignKey(
        PracticeGroup, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    status = models.CharField(max_length=11, choices=Status)
    restricted_to = models.CharField(max_length=300, blank=True)
    source = models.CharField(max_length=300)
    locator = models.CharField(max_length=200)
    reviewed = models.DateField()
    next_review = models.DateField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    at = models.DateTimeField(db_default=Now(), editable=False)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = LocalStatusQuerySet.as_manager()

    class Meta:
        triggers = ends_once(
            "ended_at", "only_ended", changes=["ended_by", "ended_at"], frozen="ended_for_good"
        )
        constraints = [
            models.CheckConstraint(
                name="localstatus_of_a_practice_or_a_group",
                condition=Q(practice__isnull=False, group=None)
                | Q(practice=None, group__isnull=False),
            ),
            models.CheckConstraint(
                name="localstatus_known",
                condition=Q(status__in=["available", "restricted", "not-stocked"]),
            ),
            models.CheckConstraint(
                name="localstatus_restricted_to_somebody",
                condition=(Q(status="restricted") & ~Q(restricted_to=""))
                | (~Q(status="restricted") & Q(restricted_to="")),
            ),
            models.CheckConstraint(
                name="localstatus_says_who_says_so", condition=~Q(source="") & ~Q(locator="")
            ),
            models.CheckConstraint(
                name="localstatus_read_again_later", condition=Q(next_review__gt=F("reviewed"))
            ),
            models.CheckConstraint(
                name="localstatus_ended_by_somebody",
                condition=Q(ended_at=None, ended_by=None)
                | Q(ended_at__isnull=False, ended_by__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["ingredient", "practice", "group"],
                condition=Q(ended_at=None),
                nulls_distinct=False,
                name="localstatus_one_of_a_medicine",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ingredient} at {self.place}: {self.get_status_display()}"

    @property
    def place(self) -> Practice | PracticeGroup:
        """Whose it is: a constraint says that it is of one."""
        return cast(Practice | PracticeGroup, self.practice or self.group)

    @property
    def in_words(self) -> str:
        """What a prescriber is told."""
        if self.status == self.Status.RESTRICTED:
            return f"restricted to {self.restricted_to}"
        return self.get_status_display().lower()

    def is_overdue(self, today: date) -> bool:
        """Whether it should have been looked at again before `today`."""
        return self.next_review < today
