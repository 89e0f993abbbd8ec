"""One open case a patient: the review queue, and what reviewers concluded."""

from typing import Self

import pgtrigger
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from .people import Patient, Practice, Role, named
from .screening import Flag
from .sealing import transaction_number


class CaseState(models.TextChoices):
    QUEUED = "queued", "Waiting"
    CLAIMED = "claimed", "Claimed"
    SNOOZED = "snoozed", "Snoozed"
    ESCALATED = "escalated", "Escalated"
    PROPOSED = "proposed", "Needs a second person"
    DECIDED = "decided", "Decided"
    CLEARED = "cleared", "Cleared"


OPEN_STATES = (
    CaseState.QUEUED,
    CaseState.CLAIMED,
    CaseState.SNOOZED,
    CaseState.ESCALATED,
    CaseState.PROPOSED,
)


class Move(models.TextChoices):
    """What moves a case, as its history tells it. OPEN, WAKE and CLEAR are the portal's own."""

    OPEN = "open", "Case opened"
    CLAIM = "claim", "Claimed"
    TAKE_OVER = "take over", "Taken over"
    RELEASE = "release", "Released"
    HAND_OVER = "hand over", "Handed over"
    DECIDE = "decide", "Decided"
    PROPOSE = "propose", "Proposed"
    CONFIRM = "confirm", "Confirmed"
    SEND_BACK = "send back", "Sent back"
    UNDO = "undo", "Taken back"
    SNOOZE = "snooze", "Snoozed"
    ESCALATE = "escalate", "Escalated"
    ANSWER = "answer", "Answered"
    WAKE = "wake", "Back in the queue"
    CLEAR = "clear", "Case cleared, nothing left to decide"


THE_PORTALS = (Move.OPEN, Move.WAKE, Move.CLEAR)
ALSO_THE_PORTALS = (Move.RELEASE, Move.HAND_OVER)
"""Made by the portal where a command on its machine says that somebody has left."""

RANKED = ("severity", "-leads", "-overdue", "-weight", "due_at", "opened_at", "id")
"""The order of the queue. Indexes hold it."""

SET_ASIDE = (CaseState.SNOOZED, CaseState.ESCALATED, CaseState.PROPOSED)
"""Open states of few cases, to be found among very many that wait or are claimed."""


class CaseQuerySet(models.QuerySet):
    def open(self) -> Self:
        return self.filter(closed_at__isnull=True)

    def ranked(self) -> Self:
        """Worst first; of those the overdue, the heaviest, due first, open longest.

        Before all of its severity comes whose review is long overdue.
        """
        return self.order_by(*RANKED)


class Case(models.Model):
    """A patient's open flags as one place in the queue. `lock` grows with every change.

    `leads` puts it before the others of its severity: a flag of it says so. `weight` orders those
    that are as severe and as late, `weighed` is what it was made of (`reviews.rules.weight`).
    `overdue` follows `due_at` within a minute, so that an index holds the order.
    """

    # The indexes below begin with the patient, the practice and the owner.
    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, related_name="cases", db_index=False
    )
    practice = models.ForeignKey(
        Practice, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    state = models.CharField(max_length=10, choices=CaseState, default=CaseState.QUEUED)
    severity = models.PositiveSmallIntegerField()
    leads = models.BooleanField(default=False, db_default=False)
    overdue = models.BooleanField(default=False, db_default=False)
    weight = models.SmallIntegerField(default=0, db_default=0)
    weighed = models.JSONField(
        default=dict,
        db_default={},  # pyright: ignore[reportCallIssue] - JSON of any shape
    )
    headline = models.CharField(max_length=200)
    rule_ids = ArrayField(models.CharField(max_length=10), default=list)
    flag_count = models.PositiveSmallIntegerField(default=0)
    opened_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="cases",
        db_index=False,
    )
    claimed_at = models.DateTimeField(null=True, blank=True)
    snoozed_until = models.DateField(null=True, blank=True)
    escalated_to = models.CharField(max_length=20, choices=Role, blank=True)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    updated_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True, blank=True)
    lock = models.PositiveIntegerField(default=1)

    objects = CaseQuerySet.as_manager()

    class Meta:
        triggers = [pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete)]
        constraints = [
            models.UniqueConstraint(
                fields=["patient"],
                condition=Q(closed_at__isnull=True),
                name="case_one_open_per_patient",
            ),
            models.CheckConstraint(
                name="case_closed_with_its_state",
                condition=Q(closed_at__isnull=True, state__in=OPEN_STATES)
                | Q(closed_at__isnull=False, state__in=["decided", "cleared"]),
            ),
            models.CheckConstraint(
                name="case_owner_with_time",
                condition=Q(owner__isnull=True, claimed_at__isnull=True)
                | Q(owner__isnull=False, claimed_at__isnull=False),
            ),
            models.CheckConstraint(
                name="case_claimed_has_owner",
                condition=~Q(state="claimed") | Q(owner__isnull=False),
            ),
            models.CheckConstraint(
                name="case_snoozed_has_day",
                condition=~Q(state="snoozed") | Q(snoozed_until__isnull=False),
            ),
            models.CheckConstraint(
                name="case_proposed_by_somebody",
                condition=~Q(state="proposed") | Q(proposed_by__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["practice", *RANKED],
                condition=Q(closed_at__isnull=True),
                name="case_worst_by_practice",
            ),
            models.Index(fields=RANKED, condition=Q(closed_at__isnull=True), name="case_worst"),
            models.Index(
                fields=["state", "practice"],
                condition=Q(closed_at__isnull=True, state__in=SET_ASIDE),
                name="case_set_aside",
            ),
            models.Index(
                fields=["due_at", "severity", "opened_at", "id"],
                condition=Q(closed_at__isnull=True),
                name="case_queue_by_due",
            ),
            models.Index(
                fields=["owner"], condition=Q(closed_at__isnull=True), name="case_open_by_owner"
            ),
            models.Index(fields=["patient", "opened_at"]),
            models.Index(fields=["updated_at", "id"]),
            GinIndex(
                name="case_open_rules", fields=["rule_ids"], condition=Q(closed_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return self.headline

    @property
    def is_urgent(self) -> bool:
        """Whether a flag of it is of the worst severity."""
        return self.severity == 1


class CaseMove(models.Model):
    """Who moved a case where, when and why: written by the move, read by pages; append-only.

    `by` None means the portal itself. `to` and `to_role` say who was meant to have the case,
    `until` to which day it was snoozed.
    """

    # Screening writes many at once, and each index costs it: nothing is looked up by people alone.
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="moves")
    move = models.CharField(max_length=10, choices=Move)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
    )
    at = models.DateTimeField(db_default=Now(), editable=False)
    to = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
    )
    to_role = models.CharField(max_length=20, choices=Role, blank=True)
    until = models.DateField(null=True)
    reason = models.TextField(blank=True)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]
        constraints = [
            models.CheckConstraint(name="case_move_known", condition=Q(move__in=Move.values)),
            models.CheckConstraint(
                name="case_snoozed_until_a_day",
                condition=~Q(move="snooze") | Q(until__isnull=False),
            ),
            models.CheckConstraint(
                name="case_moved_by_the_portal_or_somebody",
                condition=Q(by__isnull=True, move__in=(*THE_PORTALS, *ALSO_THE_PORTALS))
                | (Q(by__isnull=False) & ~Q(move__in=THE_PORTALS)),
            ),
        ]
        indexes = [
            # Who snoozed a case is told when it wakes.
            models.Index(
                fields=["by", "id"], condition=Q(move="snooze"), name="case_snoozes_by_person"
            ),
        ]

    def __str__(self) -> str:
        return f"case {self.case_id}: {self.move}"

    @property
    def said(self) -> str:
        """ "Claimed by Ravi Patel", for the history of the case."""
        return f"{self.get_move_display()}{' by' if self.by else ', by'} {named(self.by)}"


class Outcome(models.TextChoices):
    CONTINUE = "continue", "Continue until a date"
    TAPER = "taper", "Reduce or taper"
    CHANGE = "change", "Change the medicine"
    OTHER_MEDICINE = "other_medicine", "Review the other medicine"
    REFER = "refer", "Refer"
    REVIEW = "review", "Keep under review"
    EXEMPT = "exempt", "Grant exemption"
    DATA_WRONG = "data_wrong", "Data wrong"
    NOT_RELEVANT = "not_relevant", "Not relevant"


CHANGED_PLAN = (Outcome.TAPER, Outcome.CHANGE, Outcome.OTHER_MEDICINE, Outcome.REFER)
"""The outcomes after which something about the person's medicines is to be different."""


class Reason(models.TextChoices):
    SPECIALIST_ADVICE = "specialist_advice", "Specialist advice"
    BENEFIT_OUTWEIGHS = "benefit_outweighs", "Benefit outweighs risk, plan recorded"
    AGREED_WITH_PATIENT = "agreed_with_patient", "Agreed with the patient"
    ALREADY_ACTIONED = "already_actioned", "Already actioned"
    PATIENT_DECLINED = "patient_declined", "Patient declined"
    LOOKED_AT = "looked_at", "Looked at, next look on the day"
    INFORMATION_AWAITED = "information_awaited", "Information awaited"
    SPECIALIST_CARE = "specialist_care", "Under specialist care, evidence given"
    QUANTITY_WRONG = "quantity_wrong", "Quantity or supply wrong or missing"
    MEDICINE_WRONG = "medicine_wrong", "Medicine or code wrong"
    NOT_TAKEN = "not_taken", "Not being taken"
    NOT_APPLICABLE = "not_applicable", "Does not apply to this patient"
    SAFER_ALTERNATIVE = "safer_alternative", "Safer alternative available"
    SERVICE_NEEDED = "service_needed", "Needs another service"


class DecisionQuerySet(models.QuerySet):
    def standing(self) -> Self:
        """Those that count now: proposals aside, and neither sent back nor undone."""
        return self.filter(STANDING)


class Decision(models.Model):
    """What a reviewer concluded on a case; append-only.

    A decision that needs a second person is PROPOSED and holds only when a CONFIRMED one answers
    it. SENT_BACK and UNDONE answer one too, and take it out of force; `note` then says why. Only
    the first two kinds have items.
    """

    class Kind(models.TextChoices):
        DECIDED = "decided", "Decided"
        PROPOSED = "proposed", "Proposed"
        CONFIRMED = "confirmed", "Confirmed"
        SENT_BACK = "sent_back", "Sent back"
        UNDONE = "undone", "Undone"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="decisions")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="decisions")
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.DECIDED)
    answers = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="answer"
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(db_default=Now(), editable=False)
    note = models.TextField(blank=True)
    xact = models.BigIntegerField(null=True, editable=False, db_default=transaction_number())

    objects = DecisionQuerySet.as_manager()

    class Meta:
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="second_person",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                condition=pgtrigger.Q(new__kind__in=["confirmed", "sent_back"]),
                func="""
                    IF EXISTS (
                        SELECT 1 FROM reviews_decision
                        WHERE id = NEW.answers_id AND (by_id = NEW.by_id OR kind <> 'proposed')
                    ) THEN
                        RAISE EXCEPTION 'another person must answer a proposal';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="decision_answers_if_its_kind_does",
                condition=Q(kind__in=["decided", "proposed"], answers__isnull=True)
                | Q(kind__in=["confirmed", "sent_back", "undone"], answers__isnull=False),
            ),
            models.CheckConstraint(
                name="decision_taken_back_with_reason",
                condition=~Q(kind__in=["sent_back", "undone"]) | ~Q(note=""),
            ),
        ]
        indexes = [
            models.Index(fields=["patient", "decided_at"]),
            models.Index(fields=["decided_at", "id"]),
            BrinIndex(fields=["xact"], autosummarize=True, name="decision_by_transaction"),
        ]

    def __str__(self) -> str:
        return f"decision {self.pk} on case {self.case_id}"

    @property
    def state(self) -> str:
        """What became of it: "stands", "waits", "sent_back" or "undone"."""
        answer = getattr(self, "answer", None)
        if answer is None:
            return "waits" if self.kind == Decision.Kind.PROPOSED else "stands"
        if answer.kind == Decision.Kind.CONFIRMED:
            return "undone" if getattr(answer, "answer", None) else "stands"
        return answer.kind

    @property
    def confirmed_by(self) -> User | None:
        """The second person, of a proposal that was confirmed and still stands."""
        answer = getattr(self, "answer", None)
        return answer.by if answer and self.state == "stands" else None

    @property
    def is_in_force(self) -> bool:
        """Whether it has items, and holds or waits for a second person."""
        return self.answers_id is None and self.state in ("stands", "waits")


STANDING = Q(kind=Decision.Kind.DECIDED, answer__isnull=True) | Q(
    kind=Decision.Kind.PROPOSED,
    answer__kind=Decision.Kind.CONFIRMED,
    answer__answer__isnull=True,
)


class DecisionItem(models.Model):
    """The outcome and coded reason for one flag; append-only.

    `exemption_kind` (a key of `reviews.rules.exemptions.KINDS`) and `evidence` belong to the
    outcome "exempt", whose `until` is the last day of the exemption.
    """

    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="items")
    flag = models.ForeignKey(Flag, on_delete=models.PROTECT, related_name="decisions")
    outcome = models.CharField(max_length=20, choices=Outcome)
    reason = models.CharField(max_length=20, choices=Reason)
    until = models.DateField()
    exemption_kind = models.CharField(max_length=40, blank=True)
    evidence = models.CharField(max_length=1000, blank=True)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["decision", "flag"], name="one_outcome_per_flag_and_decision"
            ),
            models.CheckConstraint(
                name="decision_outcome_known", condition=Q(outcome__in=Outcome.values)
            ),
            models.CheckConstraint(
                name="decision_reason_known", condition=Q(reason__in=Reason.values)
            ),
            models.CheckConstraint(
                name="decision_exempts_with_evidence",
                condition=(Q(outcome="exempt") & ~Q(exemption_kind="") & ~Q(evidence=""))
                | (~Q(outcome="exempt") & Q(exemption_kind="", evidence="")),
            ),
        ]
        indexes = [
            models.Index(
                fields=["decision"], condition=Q(outcome="data_wrong"), name="item_data_wrong"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_outcome_display()}: {self.get_reason_display()}"


class DataCheck(models.Model):
    """What somebody found when they looked at data that a reviewer called wrong; append-only."""

    class Result(models.TextChoices):
        CORRECTED = "corrected", "Put right where it came from"
        WAS_RIGHT = "was_right", "The record is right"

    item = models.OneToOneField(DecisionItem, on_delete=models.PROTECT, related_name="data_check")
    result = models.CharField(max_length=10, choices=Result)
    note = models.CharField(max_length=500, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    checked_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]
        constraints = [
            models.CheckConstraint(
                name="data_check_result_known", condition=Q(result__in=["corrected", "was_right"])
            )
        ]

    def __str__(self) -> str:
        return self.get_result_display()
