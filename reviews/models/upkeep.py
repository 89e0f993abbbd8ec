"""Who keeps what of the formulary and the rules up to date, and until when."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from .versioned import ends_once


class UpkeepDuty(models.Model):
    """Somebody keeps one thing up to date until a day; ended by whoever takes it over.

    `key` says which line of the page of upkeep it is (`reviews.queries.upkeep`), `title` how it was
    called then. An unknown text is known by a digest of it: no text of a record stands here.
    """

    key = models.CharField(max_length=100)
    title = models.CharField(max_length=300)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    due_on = models.DateField()
    given_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    given_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "upkeep duties"
        triggers = ends_once("ended_at", "only_ended", changes=["ended_at"])
        constraints = [
            models.UniqueConstraint(
                fields=["key"], condition=Q(ended_at__isnull=True), name="one_owner_of_upkeep"
            )
        ]

    def __str__(self) -> str:
        return self.title
