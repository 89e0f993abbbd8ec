"""Tapers: what was planned for a person, version by version, and how far it has come."""

from datetime import date
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from reviews.rules.codes import TAPER_STATES
from reviews.tapering.crossing import Stage
from reviews.tapering.doses import Part, read_code
from reviews.tapering.planning import DAY, EVERY_NIGHT, Plan, Step, TimedDose

from .people import Patient, Practice
from .versioned import Versioned, ends_once, of_nobody_merged_away, one_live_version

TaperStatus = models.TextChoices(
    "TaperStatus", {code.upper(): (code, label) for code, label in TAPER_STATES.items()}
)
IN_FORCE = (TaperStatus.PLANNED, TaperStatus.ACTIVE, TaperStatus.PAUSED)


class TaperMove(models.TextChoices):
    """What somebody did, as history tells it."""

    PLAN = "plan", "Planned"
    REVISE = "revise", "Planned anew"
    START = "start", "Started"
    CONTACT = "contact", "Contact"
    HOLD = "hold", "Held"
    STEP_BACK = "step_back", "Stepped back"
    PAUSE = "pause", "Paused"
    RESUME = "resume", "Resumed"
    COMPLETE = "complete", "Completed"
    GIVE_UP = "give_up", "Given up"
    CANCEL = "cancel", "Cancelled"


class Taper(models.Model):
    """One person's taper of one medicine; everything else about it stands in its versions.

    `drug` is a key of the rule book. `ended_at` is set once, when the taper is completed, given up
    or cancelled.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="tapers")
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    drug = models.CharField(max_length=60)
    opened_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        triggers = [
            *ends_once("ended_at", "only_ended", changes=["ended_at"]),
            of_nobody_merged_away(),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "drug"],
                condition=Q(ended_at__isnull=True),
                name="taper_one_in_force_per_drug",
            ),
        ]

    def __str__(self) -> str:
        return f"taper of {self.drug}"


class TaperVersion(Versioned):
    """A taper as it was from one move to the next.

    `steps` are `[day, mg a day, [[strength code, number], ...], smallest, more]`, the first one the
    dose at the start; `more` says what is taken at which time of the day, and on how many nights a
    week. `asked` says what else the planner was asked for, and what the plan was accepted for.
    `contacts` are the days on which somebody asks how it goes. `over` names the rules that this
    plan does not meet, and `reason` says why it is kept all the same, or why the move was made.
    `cross_over` is empty, or says from which medicine, by which table and in which stages the
    person changes to diazepam first.
    """

    VERSIONS_OF = "taper_id"

    taper = models.ForeignKey(Taper, on_delete=models.PROTECT, related_name="versions")
    version = models.PositiveIntegerField(default=1, db_column="number")
    # Tapers are planned and moved by people alone.
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    move = models.CharField(max_length=10, choices=TaperMove)
    status = models.CharField(max_length=10, choices=TaperStatus.choices)
    steps = models.JSONField()
    percent = models.DecimalField(max_digits=5, decimal_places=2)
    every_days = models.PositiveSmallIntegerField()
    strengths = models.JSONField()
    contacts = models.JSONField(default=list)
    cross_over = models.JSONField(default=dict)
    asked = models.JSONField(default=dict)
    maintenance_agreed = models.BooleanField(default=False)
    last_contact_on = models.DateField(null=True, blank=True)
    over = models.JSONField(default=list)
    reason = models.CharField(max_length=1000, blank=True)

    class Meta(Versioned.Meta):
        verbose_name = "taper"
        constraints = [
            *one_live_version("taper"),
            models.CheckConstraint(
                name="taper_status_known", condition=Q(status__in=TaperStatus.values)
            ),
            models.CheckConstraint(name="taper_has_steps", condition=~Q(steps=[])),
            # What goes past a limit is kept only with somebody's reason for it.
            models.CheckConstraint(
                name="taper_over_has_reason", condition=Q(over=[]) | ~Q(reason="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.taper}, version {self.version}"

    @property
    def accepted_for(self) -> str:
        """Why the plan is kept although it passes a limit; empty when it passes none."""
        return self.asked.get("accepted_for", self.reason) if self.over else ""

    @property
    def in_force(self) -> bool:
        return self.status in IN_FORCE

    @property
    def plan(self) -> Plan:
        """The plan as a value."""
        return Plan(self.taper.drug, tuple(_step(*written) for written in self.steps))

    @property
    def contact_days(self) -> list[date]:
        return [date.fromisoformat(day) for day in self.contacts]

    @property
    def stages(self) -> list[Stage]:
        """The stages of the cross-over; none for a taper of what the person takes already."""
        return [
            Stage(date.fromisoformat(on), Decimal(old), _parts(olds), Decimal(new), _parts(news))
            for on, old, olds, new, news in self.cross_over.get("stages", ())
        ]


def _step(
    on: str, mg: str, parts: list, smallest: bool, more: dict[str, Any] | None = None
) -> Step:
    """A step as it was written. Before times of day were kept it was one dose of the day."""
    made, total = _parts(parts), Decimal(mg)
    more = more or {}
    times = [
        TimedDose(time, Decimal(amount), _parts(written))
        for time, amount, written in more.get("times", ())
    ]
    if total and not times:
        times = [TimedDose(DAY, total, made)]
    nights = more.get("nights", EVERY_NIGHT)
    return Step(date.fromisoformat(on), total, made, smallest, tuple(times), nights)


def _parts(written: list) -> tuple[Part, ...]:
    return tuple(Part(read_code(code), Decimal(number)) for code, number in written)
