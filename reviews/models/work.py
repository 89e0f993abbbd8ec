"""A work session: somebody works through a list of cases, in the order it had when they began."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from .cases import Case


class WorkSession(models.Model):
    """The cases of a list, in its order, and whose session it is; a colleague may open it too.

    `query` names the list (`reviews.views.lists`), `name` says it in words. `case_ids` stay as they
    were, whatever becomes of the cases. `found` is how many the list held, which can be more.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="work_sessions"
    )
    name = models.CharField(max_length=200)
    query = models.CharField(max_length=500, blank=True)
    case_ids = ArrayField(models.BigIntegerField())
    practice_ids = ArrayField(models.BigIntegerField())
    found = models.CharField(max_length=10)
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="work_session_has_cases",
                condition=models.Q(case_ids__len__gt=0, practice_ids__len__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return f"work session {self.pk}"


class WorkVisit(models.Model):
    """When somebody first came to a case of a session."""

    session = models.ForeignKey(WorkSession, on_delete=models.CASCADE, related_name="visits")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+", db_index=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["session", "user", "case"], name="work_visit_once_a_case"
            )
        ]

    def __str__(self) -> str:
        return f"case {self.case_id} in work session {self.session_id}"
