"""Groups of practices, for which a local policy may be set, and which practice was in one when."""

from datetime import datetime
from typing import Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from drugs.models import IS_PROFILE, PROFILE_LENGTH
from reviews.rules.policy import GROUP

from .people import Practice, of_a_live_profile
from .versioned import ends_once


class PracticeGroup(models.Model):
    """Practices of one profile that share a local policy. Its code and its profile stay."""

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=200)
    profile = models.CharField(max_length=PROFILE_LENGTH)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    made_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            of_a_live_profile("group_of_a_live_profile"),
        ]
        constraints = [
            models.CheckConstraint(name="practicegroup_profile_known", condition=IS_PROFILE),
            models.CheckConstraint(
                name="practicegroup_has_a_name", condition=~Q(code="") & ~Q(name="")
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def scope(self) -> str:
        """By what name a rule book keeps the policy of the group."""
        return GROUP + self.code


class GroupMemberQuerySet(models.QuerySet):
    def current(self) -> Self:
        """Who is in a group now."""
        return self.filter(until=None)

    def as_known(self, at: datetime) -> Self:
        """Who was in a group at a time."""
        return self.filter(Q(until=None) | Q(until__gt=at), since__lte=at)


class GroupMember(models.Model):
    """That a practice is in a group, from `since` on, until it leaves it or joins another."""

    practice = models.ForeignKey(
        Practice, on_delete=models.PROTECT, related_name="groups", db_index=False
    )
    group = models.ForeignKey(PracticeGroup, on_delete=models.PROTECT, related_name="members")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    since = models.DateTimeField(db_default=Now(), editable=False)
    reason = models.CharField(max_length=500)
    until = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )

    objects = GroupMemberQuerySet.as_manager()

    class Meta:
        triggers = ends_once(
            "until", "only_ended", changes=["until", "ended_by"], frozen="ended_for_good"
        )
        constraints = [
            models.UniqueConstraint(
                fields=["practice"], condition=Q(until=None), name="groupmember_of_one_group"
            ),
            models.CheckConstraint(name="groupmember_says_why", condition=~Q(reason="")),
            models.CheckConstraint(
                name="groupmember_ended_by_somebody",
                condition=Q(until=None, ended_by=None)
                | (Q(until__isnull=False, ended_by__isnull=False) & Q(until__gte=F("since"))),
            ),
        ]
        indexes = [models.Index(fields=["practice", "since"], name="groupmember_then")]

    def __str__(self) -> str:
        return f"{self.practice} in {self.group}"
