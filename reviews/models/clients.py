"""Keys of the systems that read and write by REST."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from .people import Practice


class ApiKey(models.Model):
    """A bearer key, held as a hash. It acts as its own service user, whose memberships scope it.

    `kind` is what it is for, and so which role its user holds.
    """

    class Kind(models.TextChoices):
        RECORDS = "records", "Sends and reads records of patients"
        PEOPLE = "people", "Keeps the people of a practice; reads nothing of patients"

    name = models.CharField(max_length=100)
    kind = models.CharField(
        max_length=7, choices=Kind, default=Kind.RECORDS, db_default=Kind.RECORDS
    )
    source_system = models.SlugField(max_length=60)
    prefix = models.CharField(max_length=12, unique=True)
    key_hash = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="api_keys"
    )
    practices = models.ManyToManyField(Practice, related_name="api_keys")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="key_kind_known", condition=Q(kind__in=["records", "people"])
            ),
            models.CheckConstraint(
                name="key_revoked_by_somebody",
                condition=Q(revoked_at__isnull=True, revoked_by__isnull=True)
                | Q(revoked_at__isnull=False, revoked_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name
