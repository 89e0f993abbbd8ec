"""What people say of medicines that the formulary does not hold."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from .people import Practice


class SaidOfAText(models.Model):
    """Somebody's word on a text that the formulary does not know: it sticks until it is taken back.

    `text` is the medicine as it is compared: lower case, without accents, single spaces; `shown` is
    the text as it was read. Without a practice it holds in every one. Taking it back stamps
    `taken_back_at` and `taken_back_by`, and nothing else of it ever changes.
    """

    practice = models.ForeignKey(
        Practice, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    text = models.CharField(max_length=500)
    shown = models.CharField(max_length=500)
    reason = models.CharField(max_length=300, blank=True)
    said_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    said_at = models.DateTimeField(db_default=Now(), editable=False)
    taken_back_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    taken_back_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


def _only_taken_back() -> list[pgtrigger.Trigger]:
    return [
        pgtrigger.Protect(name="said_not_deleted", operation=pgtrigger.Delete),
        pgtrigger.Protect(
            name="taken_back_once",
            operation=pgtrigger.Update,
            condition=pgtrigger.Q(old__taken_back_at__isnull=False),
        ),
        pgtrigger.ReadOnly(name="only_taken_back", exclude=["taken_back_at", "taken_back_by"]),
    ]


def _said_whole(name: str) -> list[models.BaseConstraint]:
    """Said once of a text in a practice, of some text, and taken back by somebody."""
    return [
        models.UniqueConstraint(
            fields=["practice", "text"],
            condition=Q(taken_back_at__isnull=True),
            nulls_distinct=False,
            name=f"{name}_said_once",
        ),
        models.CheckConstraint(name=f"{name}_has_a_text", condition=~Q(text="")),
        models.CheckConstraint(
            name=f"{name}_taken_back_by_somebody",
            condition=Q(taken_back_at__isnull=True, taken_back_by__isnull=True)
            | Q(taken_back_at__isnull=False, taken_back_by__isnull=False),
        ),
    ]


class NoSedative(SaidOfAText):
    """Somebody's word that a text names no sedative."""

    class Meta(SaidOfAText.Meta):
        triggers = _only_taken_back()
        constraints = _said_whole("no_sedative")

    def __str__(self) -> str:
        return f"“{self.shown}” is no sedative"


class MedicineMeaning(SaidOfAText):
    """Somebody's word which medicine of the formulary a text is: `medicine`, as one would write it.

    What the formulary holds of it then counts for whoever takes something of this text.
    """

    medicine = models.ForeignKey("Medicine", on_delete=models.PROTECT, related_name="+")

    class Meta(SaidOfAText.Meta):
        triggers = _only_taken_back()
        constraints = _said_whole("medicine_meaning")

    def __str__(self) -> str:
        return f"“{self.shown}” is {self.medicine.text}"
