"""A guarded book as its page tells it: by practice and day, counts alone."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from django.contrib.auth.models import User
from django.utils import timezone

from reviews import guarding, publishing
from reviews.drawing import run_chart
from reviews.drawing.run_chart import Drawn, Measured
from reviews.errors import DomainError
from reviews.models import GuardedBook, GuardedPoint, GuardedPractice, Practice, RuleVersion


class Day(NamedTuple):
    """The last that was measured on a day; `before` is by the book before, as the stage began."""

    day: date
    before: bool
    in_use: int
    cases: int
    urgent: int
    looks: int

    @property
    def cases_per_100(self) -> float | None:
        return _per_100(self.cases, self.in_use)

    @property
    def urgent_per_100(self) -> float | None:
        return _per_100(self.urgent, self.in_use)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A practice that the book judges, or judged: its days, what was measured last, and when.

    `problem` is why the newest sweep told nothing; empty where it did. `unguarded`: no sweep has
    judged it for hours. `is_above`: it is above its budget, which chance alone may do.
    """

    row: GuardedPractice
    days: list[Day]
    last: GuardedPoint | None
    problem: str
    failed: int
    unguarded: bool
    is_above: bool

    @property
    def is_running(self) -> bool:
        return self.row.outcome == guarding.RUNNING

    @property
    def stopped(self) -> bool:
        return self.row.outcome == guarding.STOPPED

    @property
    def cannot_stop(self) -> bool:
        """Whether there are too few people for any count of cases to be told from chance."""
        return self.is_running and self.last is not None and self.last.halts_at_cases is None

    @property
    def now(self) -> Day:
        """The burden as it was measured last."""
        return self.days[-1]


@dataclass(frozen=True, kw_only=True)
class Told:
    """A guarded book: its stages, their charts, and who may do what next.

    `untouched` are the practices that stayed with the live book throughout. `cannot_widen` and
    `cannot_go_live` are why not; None where whoever asks may.
    """

    guard: GuardedBook
    stages: list[Stage]
    charts: list[Drawn]
    free: list[Practice]
    untouched: list[Practice]
    cannot_widen: DomainError | None
    cannot_go_live: DomainError | None

    @property
    def is_running(self) -> bool:
        return self.guard.outcome == GuardedBook.Outcome.RUNNING

    @property
    def runs_at(self) -> list[Stage]:
        return [each for each in self.stages if each.is_running]

    @property
    def stopped(self) -> list[Stage]:
        """Where it stopped itself, the newest first."""
        return [each for each in self.stages[::-1] if each.stopped]

    @property
    def sentence(self) -> str:
        """The chart in words."""
        told = [
            f"{each.row.practice}: {each.now.cases_per_100} open cases per 100 on"
            f" {each.now.day:%-d %B}{', where it stopped itself' if each.stopped else ''}"
            for each in self.stages
            if each.days
        ]
        return f"Open cases per 100 people by day; the budget is {self.guard.most_cases:f}. " + (
            ". ".join(told) + "."
        )


def newest_of(version: RuleVersion) -> GuardedBook | None:
    """The guarded book of a version that runs, or ran last."""
    rows = version.guards.select_related("version", "against", "begun_by", "ended_by")
    return rows.defer("version__book", "against__book").order_by("-pk").first()


def running(by: User) -> Told | None:
    """The guarded book that runs, as `by` may go on with it."""
    guard = guarding.running()
    return told(guard, by) if guard else None


def told(guard: GuardedBook, by: User) -> Told:
    """A guarded book as `by` may go on with it. Counts of every practice; no patient is read."""
    unmeasured = {row.pk for row in guarding.unmeasured(timezone.now())}
    rows = guard.practices.select_related("practice", "begun_by", "ended_by", "guard").order_by(
        "pk"
    )
    stages = [_stage(row, unguarded=row.pk in unmeasured) for row in rows]
    running = {each.row.practice_id for each in stages if each.is_running}
    ever = {each.row.practice_id for each in stages}
    places = list(Practice.objects.order_by("name"))
    return Told(
        guard=guard,
        stages=stages,
        charts=run_chart.drawings(
            [_measured(each) for each in stages if each.days], float(guard.most_cases)
        ),
        free=[each for each in places if each.pk not in running],
        untouched=[each for each in places if each.pk not in ever],
        cannot_widen=publishing.may_widen(guard, by),
        cannot_go_live=publishing.hindrance(guard.version, by),
    )


def _stage(row: GuardedPractice, *, unguarded: bool) -> Stage:
    points = list(row.points.order_by("pk"))
    judged = [point for point in points if point.look]
    by_day: dict[tuple[date, bool], list[GuardedPoint]] = {}
    for point in points:
        if point.look or point.day == 0:
            by_day.setdefault((timezone.localdate(point.at), point.day == 0), []).append(point)
    days = [
        Day(day, before, of_it[-1].in_use, of_it[-1].cases, of_it[-1].urgent, len(of_it))
        for (day, before), of_it in by_day.items()
    ]
    above = False
    if judged and judged[-1].in_use:
        cases, urgent = (
            _per_100(count, judged[-1].in_use) or 0.0
            for count in (judged[-1].cases, judged[-1].urgent)
        )
        above = cases > row.guard.most_cases or urgent > row.guard.most_urgent
    return Stage(
        row=row,
        is_above=above,
        days=days,
        last=judged[-1] if judged else None,
        problem=points[-1].problem if points else "",
        failed=points[-1].failed if points else 0,
        unguarded=unguarded,
    )


def _measured(stage: Stage) -> run_chart.Practice:
    last = len(stage.days) - 1
    return run_chart.Practice(
        name=str(stage.row.practice),
        measured=[
            Measured(
                day=day.day,
                per_100=day.cases_per_100 or 0.0,
                before=day.before,
                stopped=stage.stopped and place == last and not day.before,
            )
            for place, day in enumerate(stage.days)
        ],
    )


def _per_100(count: int, in_use: int) -> float | None:
    return round(100 * count / in_use, 1) if in_use else None


def stopped_and_unmeasured(_user: User) -> int:
    """How many practices wait for a person: it stopped itself there, or no sweep judges it."""
    guard = guarding.running()
    stopped = len(guarding.not_answered(guard)) if guard else 0
    return stopped + len(guarding.unmeasured(timezone.now()))
