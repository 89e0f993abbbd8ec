"""What belongs to one person alone: how they like to work."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower


class SavedView(models.Model):
    """Filters of the queue under a name of one's own; nobody else sees it.

    `query` is what stands behind the question mark of the queue's address.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views"
    )
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=500)

    class Meta:
        constraints = [
            models.UniqueConstraint("user", Lower("name"), name="saved_view_name_once_per_person")
        ]

    def __str__(self) -> str:
        return self.name


class Preference(models.Model):
    """How one person likes to be told. `digest_on` is the last day a digest was made for."""

    class Digest(models.TextChoices):
        OFF = "off", "Never"
        DAILY = "daily", "Every day"
        WORKING_DAYS = "working_days", "From Monday to Friday"
        MONDAYS = "mondays", "On Mondays"

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="preference",
    )
    digest = models.CharField(max_length=12, choices=Digest, default=Digest.OFF)
    digest_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="preference_digest_known",
                condition=models.Q(digest__in=["off", "daily", "working_days", "mondays"]),
            )
        ]

    def __str__(self) -> str:
        return f"preferences of {self.user_id}"
