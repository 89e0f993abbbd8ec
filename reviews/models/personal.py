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

    def __str__(self):
        return self.name
