"""Who comes to a practice and who leaves it, what a register says of them, and lost factors."""

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from .people import Practice, Role

USER = settings.AUTH_USER_MODEL


class Invitation(models.Model):
    """Somebody may come to work at a practice, in these roles, until `ends_at`.

    Whoever has the code is taken to be them, once; only its hash is kept. `made_by` None is the
    portal, that is whoever administers its machine. With an `email` the code went there.
    """

    class Answer(models.TextChoices):
        ACCEPTED = "accepted", "Accepted"
        WITHDRAWN = "withdrawn", "Taken back"

    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="invitations")
    given_name = models.CharField(max_length=150, blank=True)
    family_name = models.CharField(max_length=150)
    email = models.EmailField(blank=True)
    roles = ArrayField(models.CharField(max_length=20, choices=Role))
    register = models.CharField(max_length=40, blank=True)
    number = models.CharField(max_length=40, blank=True)
    code_hash = models.CharField(max_length=64, unique=True)
    made_by = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    made_at = models.DateTimeField(db_default=Now(), editable=False)
    ends_at = models.DateTimeField()
    answer = models.CharField(max_length=9, choices=Answer, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(
        USER, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="answered_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__answered_at__isnull=False),
            ),
            pgtrigger.ReadOnly(
                name="for_one_person_and_place",
                fields=["practice", "email", "roles", "made_by", "made_at"],
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="invitation_answered_whole",
                condition=Q(answer="", answered_at__isnull=True, answered_by__isnull=True)
                | Q(answer="accepted", answered_at__isnull=False, answered_by__isnull=False)
                | Q(answer="withdrawn", answered_at__isnull=False),
            ),
            models.CheckConstraint(
                name="invitation_for_somebody", condition=~Q(family_name="") & ~Q(roles__len=0)
            ),
            models.CheckConstraint(
                name="invitation_register_with_number",
                condition=Q(register="", number="") | ~Q(register="") & ~Q(number=""),
            ),
        ]
        indexes = [
            models.Index(
                fields=["practice", "ends_at"],
                condition=Q(answered_at__isnull=True),
                name="invitation_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.given_name} {self.family_name}".strip()

    @property
    def in_words(self) -> list[str]:
        """The roles as people call them."""
        return [Role(role).label.lower() for role in self.roles]


class RegisterEntry(models.Model):
    """A professional number of somebody, and what its register said on a day, if it was asked.

    Added to, never changed: the newest row of a person holds.
    """

    class Status(models.TextChoices):
        UNCHECKED = "unchecked", "Not checked"
        REGISTERED = "registered", "Registered"
        CONDITIONS = "conditions", "Registered, with conditions"
        SUSPENDED = "suspended", "Suspended"
        ABSENT = "absent", "Not on the register"

    user = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="register_entries")
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    register = models.CharField(max_length=40)
    number = models.CharField(max_length=40)
    status = models.CharField(max_length=10, choices=Status)
    checked_on = models.DateField(null=True, blank=True)
    checked_by = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]
        constraints = [
            models.CheckConstraint(
                name="register_checked_by_somebody_on_a_day",
                condition=Q(status="unchecked", checked_on__isnull=True, checked_by__isnull=True)
                | Q(
                    status__in=["registered", "conditions", "suspended", "absent"],
                    checked_on__isnull=False,
                    checked_by__isnull=False,
                ),
            ),
            models.CheckConstraint(
                name="register_checked_by_another",
                condition=Q(checked_by__isnull=True) | ~Q(checked_by=F("user")),
            ),
        ]
        indexes = [models.Index(fields=["user", "-id"], name="register_newest")]

    def __str__(self) -> str:
        return f"{self.register} {self.number}"


class Leaving(models.Model):
    """Somebody leaves a practice at a time, planned or at once; `done_at` is when they had left.

    Their claimed cases go to `cases_to`, or back to the queue.
    """

    user = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="leavings")
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="leavings")
    at = models.DateTimeField()
    cases_to = models.ForeignKey(
        USER, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    said_by = models.ForeignKey(USER, on_delete=models.PROTECT, null=True, related_name="+")
    said_at = models.DateTimeField(db_default=Now(), editable=False)
    roles = ArrayField(models.CharField(max_length=20, choices=Role), default=list)
    done_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        USER, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        triggers = [pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete)]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "practice"],
                condition=Q(done_at__isnull=True, withdrawn_at__isnull=True),
                name="leaving_once_at_a_time",
            ),
            models.CheckConstraint(
                name="leaving_done_or_withdrawn",
                condition=Q(done_at__isnull=True) | Q(withdrawn_at__isnull=True),
            ),
        ]
        indexes = [
            models.Index(
                fields=["at"],
                condition=Q(done_at__isnull=True, withdrawn_at__isnull=True),
                name="leaving_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} leaves {self.practice}"


class FactorReset(models.Model):
    """One person asked that somebody's lost second factor be removed; another agrees, or not.

    `told_at` is when the person was told at their next sign-in.
    """

    class Answer(models.TextChoices):
        AGREED = "agreed", "Agreed"
        REFUSED = "refused", "Refused"
        LAPSED = "lapsed", "Answered by nobody in time"

    user = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="factor_resets")
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=300)
    asked_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(db_default=Now(), editable=False)
    ends_at = models.DateTimeField()
    answer = models.CharField(max_length=7, choices=Answer, blank=True)
    answered_by = models.ForeignKey(
        USER, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    answered_at = models.DateTimeField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        triggers = [pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete)]
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(answer=""), name="factor_reset_once_at_a_time"
            ),
            models.CheckConstraint(
                name="factor_reset_by_two_others",
                condition=~Q(asked_by=F("user"))
                & (
                    Q(answered_by__isnull=True)
                    | ~Q(answered_by=F("user")) & ~Q(answered_by=F("asked_by"))
                ),
            ),
            models.CheckConstraint(
                name="factor_reset_answered_whole",
                condition=Q(answer="", answered_at__isnull=True, answered_by__isnull=True)
                | Q(answer="lapsed", answered_at__isnull=False, answered_by__isnull=True)
                | Q(
                    answer__in=["agreed", "refused"],
                    answered_at__isnull=False,
                    answered_by__isnull=False,
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"second factor of {self.user}"
