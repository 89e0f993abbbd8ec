"""Systems that read and write: by bearer keys, or as clients that sign what they ask."""

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


class Client(models.Model):
    """A system that proves who it is by signing: it asks for tokens, or calls CDS Hooks.

    It acts as its own service user, whose memberships scope it. `scopes` are the most that a token
    of it allows; `hook_issuer` is who it says it is in CDS Hooks, empty where it calls none, and
    `fhir_server` the only one whose data hooks fetch for it.
    """

    name = models.CharField(max_length=100)
    client_id = models.CharField(max_length=64, unique=True)
    source_system = models.SlugField(max_length=60)
    jwks_url = models.CharField(max_length=500, blank=True)
    scopes = models.CharField(max_length=4000, blank=True)
    hook_issuer = models.CharField(max_length=255, blank=True)
    fhir_server = models.CharField(max_length=500, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="clients"
    )
    practices = models.ManyToManyField(Practice, related_name="clients")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hook_issuer"],
                condition=~Q(hook_issuer="") & Q(withdrawn_at__isnull=True),
                name="client_of_an_issuer_once",
            ),
            models.CheckConstraint(
                name="client_withdrawn_by_somebody_at_a_time",
                condition=Q(withdrawn_by__isnull=True) | Q(withdrawn_at__isnull=False),
            ),
            models.CheckConstraint(
                name="client_may_something", condition=~Q(scopes="", hook_issuer="")
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ClientKey(models.Model):
    """A public key of a client, as a JSON Web Key. A new one goes beside those in force."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="keys")
    kid = models.CharField(max_length=200)
    jwk = models.JSONField()
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    added_at = models.DateTimeField(db_default=Now(), editable=False)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        # A name that was withdrawn never comes back for another key.
        constraints = [
            models.UniqueConstraint(fields=["client", "kid"], name="client_key_once"),
            models.CheckConstraint(
                name="client_key_withdrawn_by_somebody_at_a_time",
                condition=Q(withdrawn_by__isnull=True) | Q(withdrawn_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.kid


class FetchedKeys(models.Model):
    """The keys that a client's address gave, until when they may be used without asking again."""

    client = models.OneToOneField(Client, on_delete=models.CASCADE, primary_key=True)
    keys = models.JSONField()
    fetched_at = models.DateTimeField()
    fresh_until = models.DateTimeField()

    class Meta:
        verbose_name_plural = "fetched keys"

    def __str__(self) -> str:
        return f"{len(self.keys)} keys"


class AccessToken(models.Model):
    """A token that was given to a client, as a digest: what it allows, and until when."""

    digest = models.CharField(max_length=64, primary_key=True)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="tokens")
    scopes = models.CharField(max_length=4000)
    issued_at = models.DateTimeField(db_default=Now(), editable=False)
    ends_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.scopes


class UsedAssertion(models.Model):
    """A signed statement that was used; until it ends nobody uses it again.

    `digest` is of who made it and the number that they gave it.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    ends_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.digest[:8]
