"""Recall lists: people who wait for something, until it is on record.

Whether somebody is still on a list is not kept: it follows from the record (`reviews.recalls`).
Rows here are what was found, what prescribers and people said, and who was to be written to.
"""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from .jobs import Job
from .letters import LetterText
from .people import Patient, Practice
from .versioned import ends_once

USER = settings.AUTH_USER_MODEL
_APPEND_ONLY = pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)


class Asked(models.TextChoices):
    """What people of a list are asked for; once it is recorded they leave."""

    REVIEW = "review", "A review"
    TAPER = "taper", "A taper"
    EITHER = "either", "A review or a taper"


class RecallList(models.Model):
    """People found by a question, who are asked for something by a day.

    `query` is the view they were found by, `question` the same in words. What is dated before
    `since` does not count as what was asked for. `look_by` is the day until which prescribers may
    look before letters go.
    """

    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="recalls")
    name = models.CharField(max_length=100)
    reason = models.CharField(max_length=500)
    question = models.CharField(max_length=500)
    query = models.CharField(max_length=500)
    asked = models.CharField(max_length=6, choices=Asked)
    since = models.DateField()
    look_by = models.DateField()
    due_on = models.DateField()
    made_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now(), editable=False)
    closed_by = models.ForeignKey(
        USER, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        triggers = ends_once(
            "closed_at",
            "only_closed",
            changes=["closed_by", "closed_at"],
            frozen="closed_for_good",
        )
        constraints = [
            models.CheckConstraint(name="recall_asked_known", condition=Q(asked__in=Asked.values)),
            models.CheckConstraint(
                name="recall_closed_by_somebody",
                condition=Q(closed_at__isnull=True, closed_by__isnull=True)
                | Q(closed_at__isnull=False, closed_by__isnull=False),
            ),
            models.CheckConstraint(
                name="recall_due_after_prescribers_looked",
                condition=Q(due_on__gte=F("look_by")),
            ),
        ]
        indexes = [models.Index(fields=["practice", "-id"], name="recall_by_practice")]

    def __str__(self) -> str:
        return self.name


class RecallPerson(models.Model):
    """Somebody whom the question of a list found, as they were then; append-only.

    `excluded` names why the list leaves them out for good, empty where it does not; `why` says it
    in words. `mg_then` is what they took in diazepam a day, None where nobody knew.
    """

    class Excluded(models.TextChoices):
        EXEMPT = "exempt", "Exempt"
        REVIEW = "review", "Reviewed already"
        TAPER = "taper", "Taper under way"
        DIED = "died", "Has died"
        MOVED = "moved", "Has moved away"
        NOTHING = "nothing", "Takes none now"

    recall = models.ForeignKey(
        RecallList, on_delete=models.PROTECT, related_name="people", db_index=False
    )
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="recalls")
    excluded = models.CharField(max_length=8, choices=Excluded, blank=True)
    why = models.CharField(max_length=300, blank=True)
    medicine = models.CharField(max_length=300, blank=True)
    days_then = models.PositiveIntegerField(null=True, blank=True)
    mg_then = models.DecimalField(max_digits=10, decimal_places=3, null=True, blank=True)
    prescriber = models.ForeignKey(
        USER, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    prescriber_name = models.CharField(max_length=200, blank=True)

    class Meta:
        triggers = [_APPEND_ONLY]
        constraints = [
            models.UniqueConstraint(fields=["recall", "patient"], name="recall_person_once"),
            models.CheckConstraint(
                name="recall_excluded_known",
                condition=Q(
                    excluded__in=["", "exempt", "review", "taper", "died", "moved", "nothing"]
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"person {self.pk} of recall {self.recall_id}"


class OptOut(models.Model):
    """No letter of any recall to this person until a day, and why; ended early or never changed.

    Said by a prescriber or a reviewer who knows them. `recall` is the list it was said on.
    """

    class Reason(models.TextChoices):
        SPECIALIST = "specialist", "Stable on specialist advice"
        TAPER_ELSEWHERE = "taper_elsewhere", "Taper under way elsewhere"
        END_OF_LIFE = "end_of_life", "End of life"
        CRISIS = "crisis", "Bereavement or crisis now"
        HARM = "harm", "Talk would do harm now"
        IN_PERSON = "in_person", "I will ask in person"
        OTHER = "other", "Other, in words"

    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="opt_outs")
    recall = models.ForeignKey(RecallList, on_delete=models.PROTECT, related_name="opt_outs")
    reason = models.CharField(max_length=15, choices=Reason)
    note = models.CharField(max_length=300, blank=True)
    until = models.DateField()
    by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now(), editable=False)
    ended_by = models.ForeignKey(
        USER, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        triggers = ends_once("ended_at", "only_ended", changes=["ended_by", "ended_at"])
        constraints = [
            models.CheckConstraint(
                name="opt_out_reason_known",
                condition=Q(
                    reason__in=[
                        *("specialist", "taper_elsewhere", "end_of_life", "crisis", "harm"),
                        *("in_person", "other"),
                    ]
                ),
            ),
            models.CheckConstraint(
                name="opt_out_other_in_words", condition=~Q(reason="other") | ~Q(note="")
            ),
            models.CheckConstraint(
                name="opt_out_ended_by_somebody",
                condition=Q(ended_at__isnull=True, ended_by__isnull=True)
                | Q(ended_at__isnull=False, ended_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} until {self.until:%-d %b %Y}"


class RecallLook(models.Model):
    """A prescriber has looked at their people of a list; append-only."""

    recall = models.ForeignKey(RecallList, on_delete=models.PROTECT, related_name="looks")
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        triggers = [_APPEND_ONLY]
        constraints = [models.UniqueConstraint(fields=["recall", "by"], name="recall_looked_once")]

    def __str__(self) -> str:
        return f"look at recall {self.recall_id}"


class RecallAnswer(models.Model):
    """What came back from somebody who was written to; append-only, the newest counts.

    Somebody who declined is left alone until `ask_again_on`.
    """

    class Answer(models.TextChoices):
        TALK = "talk", "Asked to talk"
        DECLINED = "declined", "Declined"
        CAME_BACK = "came_back", "Letter came back"

    person = models.ForeignKey(RecallPerson, on_delete=models.PROTECT, related_name="answers")
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    answer = models.CharField(max_length=9, choices=Answer)
    note = models.CharField(max_length=300, blank=True)
    ask_again_on = models.DateField(null=True, blank=True)
    by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        triggers = [_APPEND_ONLY]
        constraints = [
            models.CheckConstraint(
                name="recall_answer_known",
                condition=Q(answer__in=["talk", "declined", "came_back"]),
            ),
            models.CheckConstraint(
                name="recall_declined_until_a_day",
                condition=~Q(answer="declined") | Q(ask_again_on__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_answer_display()}: {self.person_id}"


class RecallRound(models.Model):
    """Letters to all who are on a list: the first round invites, a later one reminds.

    `job` makes them; another one goes on where that was cancelled or failed.
    """

    recall = models.ForeignKey(RecallList, on_delete=models.PROTECT, related_name="rounds")
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveSmallIntegerField()
    text = models.ForeignKey(LetterText, on_delete=models.PROTECT, related_name="+")
    asked_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(db_default=Now(), editable=False)
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="+")

    class Meta:
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="only_another_job", exclude=["job"]),
        ]
        constraints = [
            models.UniqueConstraint(fields=["recall", "number"], name="recall_round_once")
        ]

    def __str__(self) -> str:
        return f"round {self.number} of recall {self.recall_id}"
