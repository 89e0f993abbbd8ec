"""A guarded book as its page tells it: by practice and day, counts alone."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone

from reviews import access, guarding, publishing
from reviews.access import Action
from reviews.drawing import run_chart
from reviews.drawing.run_chart import Drawn, Measured
from reviews.errors import DomainError
from reviews.models import (
    GuardedBook,
    GuardedNotice,
    GuardedPoint,
    GuardedPractice,
    Practice,
    RuleVersion,
    Shadow,
)
from reviews.rules.words import listed, many


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

    `problem` is why the newest sweep told nothing; empty where it did. `waiting` are still to be
    screened since it began or ended there. `unguarded`: no sweep has
    judged it for hours. `is_above`: it is above its budget, which chance alone may do. `mailed` are
    those who were told by mail that it stopped itself.
    """

    row: GuardedPractice
    days: list[Day]
    last: GuardedPoint | None
    problem: str
    failed: int
    waiting: int
    unguarded: bool
    is_above: bool
    mailed: list[GuardedNotice]

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


MOST_DRAWN = 12
"""So many practices are drawn, and their days listed: those that stopped, or are nearest to it."""
MOST_NAMED = 6
"""More practices than so are counted where they are not what is talked of."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """A guarded book: its stages, their charts, and who may do what next.

    `drawn` are the stages in the charts. `untouched` are the practices that stayed with the live
    book throughout, `unanswered` those where it stopped itself and did not begin again, `silent_at`
    those where it judges in shadow now.
    `cannot_widen` and `cannot_go_live` are why not; None where whoever asks may.
    """

    guard: GuardedBook
    stages: list[Stage]
    drawn: list[Stage]
    charts: list[Drawn]
    free: list[Practice]
    untouched: list[Practice]
    unanswered: list[Practice]
    silent_at: list[Practice]
    cannot_widen: DomainError | None
    cannot_go_live: DomainError | None

    @property
    def is_running(self) -> bool:
        return self.guard.outcome == GuardedBook.Outcome.RUNNING

    @property
    def is_everywhere(self) -> bool:
        """Whether no practice is left to the live book."""
        return self.is_running and not self.free

    @property
    def runs_at(self) -> list[Stage]:
        return [each for each in self.stages if each.is_running]

    @property
    def runs_named(self) -> str:
        """Where it runs, by name, or how many practices."""
        return _named([each.row.practice for each in self.runs_at])

    @property
    def stopped(self) -> list[Stage]:
        """Where it stopped itself, the newest first."""
        return [each for each in self.stages[::-1] if each.stopped]

    @property
    def may_be_silent_at(self) -> list[Practice]:
        """Where it could go back into shadow: it runs there, or stopped itself."""
        return [each.row.practice for each in self.runs_at] + self.unanswered

    @property
    def unguarded(self) -> list[Stage]:
        """Those that no sweep has judged for hours."""
        return [each for each in self.runs_at if each.unguarded]

    @property
    def not_judged(self) -> list[Stage]:
        """Those of which the newest sweep told nothing, and said why."""
        return [each for each in self.runs_at if each.problem and not each.unguarded]

    @property
    def not_begun(self) -> str:
        """ "Elm Park Surgery was": where no sweep has judged it yet, without anything wrong."""
        fine = [each for each in self.runs_at if not each.problem and not each.unguarded]
        return _with_verb([each for each in fine if each.last is None], "was", "were")

    @property
    def cannot_stop(self) -> str:
        """ "Elm Park Surgery has": where no count of cases could stop it."""
        return _with_verb([each for each in self.runs_at if each.cannot_stop], "has", "have")

    @property
    def heading(self) -> str:
        """What it does now, in a sentence."""
        number, live = self.guard.version.number, self.guard.against.number
        if self.guard.outcome == GuardedBook.Outcome.LIVE:
            return f"Rule book {number} was guarded, and is live"
        if not self.is_running:
            return f"Rule book {number} was guarded, and rolled back"
        stopped = f"stopped itself at {_named(self.unanswered)}" if self.unanswered else ""
        if not self.runs_at:
            ended = stopped or "judges nowhere"
            return f"Rule book {number} {ended}; rule book {live} judges everywhere again"
        judges = f"Rule book {number} judges at {many(len(self.runs_at), 'practice')}"
        return f"{judges}; it {stopped}" if stopped else judges

    @property
    def not_touched(self) -> str:
        """The other practices: where it is guarded, and where the live book stayed."""
        parts = [f"{self.runs_named} (guarded)"] if self.runs_at else []
        if self.untouched:
            parts.append(f"{_named(self.untouched)} (the live book)")
        return ", ".join(parts) or "no other practice"

    @property
    def sentence(self) -> str:
        """The chart in words."""
        told = [
            f"{each.row.practice}: {each.now.cases_per_100} open cases per 100 on"
            f" {each.now.day:%-d %B}{', where it stopped itself' if each.stopped else ''}"
            for each in self.drawn
        ]
        return f"Open cases per 100 people by day; the budget is {self.guard.most_cases:f}. " + (
            ". ".join(told) + "."
        )


def _named(practices: list[Practice]) -> str:
    """Practices by name, or how many where they are many."""
    if len(practices) > MOST_NAMED:
        return many(len(practices), "practice")
    return listed(each.name for each in practices)


def _with_verb(stages: list[Stage], one: str, several: str) -> str:
    """The practices of these stages, and what fits their number; empty without one."""
    if not stages:
        return ""
    verb = one if len(stages) == 1 else several
    return f"{_named([each.row.practice for each in stages])} {verb}"


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
    measured, mailed, waiting = _measures(guard), _mailed(guard), guarding.waiting()
    stages = [
        _stage(
            row,
            measured.get(row.pk, Measures()),
            mailed=mailed.get(row.pk, []),
            waiting=waiting.get(row.practice_id, 0),
            unguarded=row.pk in unmeasured,
        )
        for row in rows
    ]
    running = {each.row.practice_id for each in stages if each.is_running}
    ever = {each.row.practice_id for each in stages}
    places = list(Practice.objects.order_by("name"))
    drawn = _to_draw(stages)
    return Told(
        guard=guard,
        stages=stages,
        drawn=drawn,
        charts=run_chart.drawings([_measured(each) for each in drawn], float(guard.most_cases)),
        free=[each for each in places if each.pk not in running],
        untouched=[each for each in places if each.pk not in ever],
        unanswered=[row.practice for row in guarding.not_answered(guard)],
        silent_at=[row.practice for row in _silent(guard)],
        cannot_widen=publishing.may_widen(guard, by),
        cannot_go_live=publishing.hindrance(guard.version, by),
    )


def _silent(guard: GuardedBook) -> QuerySet[Shadow]:
    running = Shadow.objects.running(timezone.localdate()).filter(version=guard.version)
    return running.select_related("practice").order_by("practice__name")


def _to_draw(stages: list[Stage]) -> list[Stage]:
    """Those with days that say most, in their order."""
    ranked = sorted(
        (each for each in stages if each.days),
        key=lambda each: (each.stopped, each.is_above, each.now.cases_per_100 or 0.0),
        reverse=True,
    )
    chosen = {each.row.pk for each in ranked[:MOST_DRAWN]}
    return [each for each in stages if each.row.pk in chosen]


class Measures(NamedTuple):
    """What was measured of a stage: its days, what was judged last, and the newest point."""

    days: tuple[Day, ...] = ()
    last: GuardedPoint | None = None
    newest: GuardedPoint | None = None


def _measures(guard: GuardedBook) -> dict[int, Measures]:
    """By stage, what was measured; of each day only its last points are read."""
    tells = Q(day=0) | Q(look__gt=0)
    of_days = list(
        GuardedPoint.objects.filter(guarded__guard=guard)
        .order_by("guarded", "day")
        .values("guarded", "day")
        .annotate(newest=Max("pk"), told=Max("pk", filter=tells))
        .annotate(looks=Count("pk", filter=Q(look__gt=0)))
    )
    wanted = {pk for each in of_days for pk in (each["newest"], each["told"])} - {None}
    points = GuardedPoint.objects.in_bulk(wanted)
    found: dict[int, Measures] = {}
    for each in of_days:
        held = found.get(each["guarded"], Measures())._replace(newest=points[each["newest"]])
        if each["told"] is not None:
            point = points[each["told"]]
            held = held._replace(days=(*held.days, _day(point, each["looks"])))
            held = held._replace(last=point) if point.look else held
        found[each["guarded"]] = held
    return found


def _day(point: GuardedPoint, looks: int) -> Day:
    day = timezone.localdate(point.at)
    return Day(day, point.day == 0, point.in_use, point.cases, point.urgent, looks)


def _mailed(guard: GuardedBook) -> dict[int, list[GuardedNotice]]:
    notices = GuardedNotice.objects.filter(guarded__guard=guard).select_related("user")
    found: dict[int, list[GuardedNotice]] = {}
    for notice in notices.order_by("pk"):
        found.setdefault(notice.guarded_id, []).append(notice)
    return found


def _stage(
    row: GuardedPractice,
    measured: Measures,
    *,
    mailed: list[GuardedNotice],
    waiting: int,
    unguarded: bool,
) -> Stage:
    last, newest, above = measured.last, measured.newest, False
    if last is not None and last.in_use:
        cases, urgent = (_per_100(count, last.in_use) or 0.0 for count in (last.cases, last.urgent))
        above = cases > row.guard.most_cases or urgent > row.guard.most_urgent
    return Stage(
        row=row,
        is_above=above,
        days=list(measured.days),
        last=last,
        problem=newest.problem if newest else "",
        failed=newest.failed if newest else 0,
        waiting=waiting,
        unguarded=unguarded,
        mailed=mailed,
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


def at_my_practices(by: User) -> list[GuardedPractice]:
    """Where, of the practices whose queue `by` sees, a guarded book runs or lately stopped."""
    mine = access.practice_ids(by, Action.SEE_QUEUE)
    return guarding.ran_at(mine, timezone.now())
