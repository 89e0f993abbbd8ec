"""What the people of a case say to one another: asked, answered, promised, done."""

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from .cases import Case, Decision
from .people import Practice, Role

CHANGES = ["seen_at", "closed_at", "kept_at", "mailed_at", "reminded_on"]
"""The columns in which what becomes of a message is noted; nothing else of it ever changes."""


class Message(models.Model):
    """What somebody wrote to a person, or to whoever holds a role, about a case.

    With `due_at` it wants an answer, and waits for one until `closed_at`. An answer is a message
    that `answers` another one. "Will do" promises a day, and is kept at `kept_at`. `sight` is what
    the one who is asked had in sight: `{"medicines": [...], "matters": [...], "readings": [...]}`;
    `order_ids` are the orders that the findings of the case then rested on. `mailed_at` and
    `reminded_on` say when a mail without any detail went out for it.
    """

    class Carrier(models.TextChoices):
        DECISION = "decision", "With a decision"
        PROPOSAL = "proposal", "With a proposal"
        ESCALATION = "escalation", "With an escalation"

    class Answer(models.TextChoices):
        WILL_DO = "will_do", "Will do"
        DONE = "done", "Done already"
        NOT_APPROPRIATE = "not_appropriate", "Not appropriate, because"
        QUESTION = "question", "A question"

    class Because(models.TextChoices):
        BENEFIT_OUTWEIGHS = "benefit_outweighs", "Benefit outweighs risk"
        SPECIALIST_ADVICE = "specialist_advice", "Specialist advice"
        PATIENT_DECLINED = "patient_declined", "Patient declined"
        RECORD_WRONG = "record_wrong", "Record is wrong"
        OTHER = "other", "Other, in words"

    class Did(models.TextChoices):
        AMENDED = "amended", "Prescription amended"
        REVIEWED = "reviewed", "Review recorded"
        SPOKEN = "spoken", "Spoken with the patient"
        OTHER = "other", "Other, in words"

    case = models.ForeignKey(
        Case, on_delete=models.PROTECT, related_name="messages", db_index=False
    )
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    answers = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="answered_with"
    )
    decision = models.ForeignKey(
        Decision, on_delete=models.PROTECT, null=True, related_name="messages"
    )
    carried_by = models.CharField(max_length=10, choices=Carrier, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    to = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
    )
    to_role = models.CharField(max_length=20, choices=Role, blank=True)
    severity = models.PositiveSmallIntegerField()
    text = models.TextField(blank=True)
    answer = models.CharField(max_length=15, choices=Answer, blank=True)
    because = models.CharField(max_length=17, choices=Because, blank=True)
    did = models.CharField(max_length=8, choices=Did, blank=True)
    promised_on = models.DateField(null=True)
    sight = models.JSONField(default=dict)
    order_ids = ArrayField(models.UUIDField(), default=list)
    sent_at = models.DateTimeField(db_default=Now(), editable=False)
    due_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    kept_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)
    reminded_on = models.DateField(null=True)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="said_once", exclude=CHANGES),
        ]
        constraints = [
            models.CheckConstraint(
                name="message_to_a_person_or_a_role",
                condition=Q(to__isnull=False, to_role="") | (Q(to__isnull=True) & ~Q(to_role="")),
            ),
            models.CheckConstraint(
                name="message_says_something", condition=~Q(text="") | ~Q(answer="")
            ),
            models.CheckConstraint(
                name="message_answer_known",
                condition=Q(answer="")
                | Q(
                    answers__isnull=False,
                    answer__in=["will_do", "done", "not_appropriate", "question"],
                ),
            ),
            models.CheckConstraint(
                name="message_promises_a_day",
                condition=Q(answer="will_do", promised_on__isnull=False)
                | (~Q(answer="will_do") & Q(promised_on__isnull=True, kept_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="message_not_appropriate_because",
                condition=(Q(answer="not_appropriate") & ~Q(because=""))
                | (~Q(answer="not_appropriate") & Q(because="")),
            ),
            models.CheckConstraint(
                name="message_closed_if_it_waited",
                condition=Q(closed_at__isnull=True) | Q(due_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["case", "id"]),
            models.Index(
                fields=["to"],
                condition=Q(due_at__isnull=False, closed_at__isnull=True),
                name="message_waits_for_person",
            ),
            models.Index(
                fields=["practice", "to_role"],
                condition=Q(due_at__isnull=False, closed_at__isnull=True),
                name="message_waits_for_role",
            ),
            models.Index(
                fields=["by"],
                condition=Q(due_at__isnull=False, closed_at__isnull=True),
                name="message_asked_by_person",
            ),
            models.Index(
                fields=["by", "promised_on"],
                condition=Q(answer="will_do", kept_at__isnull=True),
                name="message_promised",
            ),
            models.Index(
                fields=["to", "id"], condition=Q(seen_at__isnull=True), name="message_unseen"
            ),
            models.Index(fields=["sent_at", "id"]),
        ]

    def __str__(self) -> str:
        return f"message {self.pk} on case {self.case_id}"

    @property
    def patient_id(self) -> int:
        """Whom its case is about: so that those who read it are in the trail of that person."""
        return self.case.patient_id

    @property
    def waits(self) -> bool:
        """Whether it wants an answer that nobody has given."""
        return self.due_at is not None and self.closed_at is None

    @property
    def asks_back(self) -> bool:
        """Whether an answer itself wants one."""
        return bool(self.answer) and self.due_at is not None
