"""A schedule from a dose to nothing, and what may be done with it on the way: hold, step back."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from reviews.tapering.doses import LIQUID, Part, Strength, Unplannable, makeable
from reviews.tapering.limits import Limits

LEAST_PERCENT, MOST_PERCENT = 1, 50
LEAST_DAYS, MOST_DAYS = 1, 84
LONGEST_DAYS = 5 * 366
MOST_MG = 1000


class Request(NamedTuple):
    """What is asked for: each step at most `percent` of the dose at that time, `every_days` days.

    `from_mg` a day is taken from `begin_on`; the first reduction is on `first_on`. With
    `faster_because`, a reason, the planner does not slow the pace down to the profile's limit.
    """

    drug: str
    from_mg: Decimal
    begin_on: date
    first_on: date
    percent: Decimal
    every_days: int
    strengths: tuple[Strength, ...]
    faster_because: str = ""


class Step(NamedTuple):
    """From `on`, `mg` a day, made of `parts`.

    `smallest` says that no smaller step can be made from the strengths given, although this one is
    larger than asked for. The first step of a plan is the dose at its start, whose parts are empty
    when it cannot be made from these strengths.
    """

    on: date
    mg: Decimal
    parts: tuple[Part, ...] = ()
    smallest: bool = False


class Plan(NamedTuple):
    """A drug and its steps; the last one is nothing."""

    drug: str
    steps: tuple[Step, ...]

    @property
    def reductions(self) -> int:
        return sum(after.mg < before.mg for before, after in self.pairs())

    @property
    def ends_on(self) -> date:
        """The day of the last step: the first one without the medicine, unless it is paused."""
        return self.steps[-1].on

    @property
    def days(self) -> int:
        """Days from the first change of dose to the first day without."""
        return (self.ends_on - self.steps[min(1, len(self.steps) - 1)].on).days

    @property
    def half_on(self) -> date | None:
        """The first day on half the starting dose or less; None when a paused plan has none."""
        half = self.steps[0].mg / 2
        return next((step.on for step in self.steps if step.mg <= half), None)

    def pairs(self) -> Iterable[tuple[Step, Step]]:
        """Each step after the first, with the one before it."""
        return pairwise(self.steps)

    def mg_on(self, day: date) -> Decimal | None:
        """The planned dose of a day, None before the plan begins."""
        step = self.step_on(day)
        return None if step is None else step.mg

    def step_on(self, day: date) -> Step | None:
        """The step in force on a day."""
        return next((step for step in reversed(self.steps) if step.on <= day), None)


def plan(request: Request, limits: Limits) -> Plan:
    """A schedule that can be followed. Raises `Unplannable`, naming what to change.

    Each step goes to the lowest dose that can be made and is neither more than `percent` below the
    one before nor below the limit of any window; tablets are preferred to a liquid, and after a
    liquid only the liquid is used. Where no dose between can be made the smallest practical step is
    taken, after as many intervals as the limit asks for. Only such a step, taken alone, can pass
    the limit; it is marked, and `checking` says so.
    """
    _accept(request)
    doses = makeable(request.strengths, request.from_mg)
    if len(doses) == 1:
        raise Unplannable("strengths", "make no dose below this one")
    chooser = _Chooser(request, limits, doses)
    mg, day = request.from_mg, request.first_on
    steps = [Step(request.begin_on, mg, doses.get(mg, ()))]
    while mg > 0:
        if (day - request.first_on).days > LONGEST_DAYS:
            raise Unplannable("percent", "makes a plan of more than five years: take larger steps")
        step = chooser.next_step(steps, day)
        if step is not None:
            steps.append(step)
            mg = step.mg
        day += timedelta(days=request.every_days)
    return Plan(request.drug, tuple(steps))


def hold(planned: Plan, on: date, days: int) -> Plan:
    """Stay on the dose of a day for so many days more: every later step moves by them."""
    later = timedelta(days=days)
    return planned._replace(
        steps=tuple(
            step._replace(on=step.on + later) if step.on > on else step for step in planned.steps
        )
    )


def pause(planned: Plan, on: date) -> Plan:
    """Only what has been taken so far; `plan` makes the rest again when the taper goes on."""
    return planned._replace(steps=tuple(step for step in planned.steps if step.on <= on))


def step_back(planned: Plan, on: date, every_days: int) -> Plan:
    """Back to the dose before this one, then this dose again, then on as planned.

    Both doses are kept for `every_days`. Raises `Unplannable` where there is no earlier, higher
    dose.
    """
    taken = [step for step in planned.steps if step.on <= on]
    higher = [step for step in taken[:-1] if step.mg > taken[-1].mg] if taken else []
    if not higher:
        raise Unplannable("step", "is the first one: there is no dose to go back to")
    now, back = taken[-1], higher[-1]
    rest = planned.steps[len(taken) :]
    if now.on == on:
        taken.pop()
    every = timedelta(days=every_days)
    again_on = on + every
    # No sooner after it than was planned: a plan may have waited longer there.
    next_on = again_on + max(every, rest[0].on - now.on) if rest else again_on
    later = next_on - rest[0].on if rest else timedelta(0)
    return planned._replace(
        steps=(
            *taken,
            back._replace(on=on),
            now._replace(on=again_on),
            *(step._replace(on=step.on + later) for step in rest),
        )
    )


def contacts(planned: Plan, limits: Limits) -> tuple[date, ...]:
    """The days on which somebody asks how it goes, as TAP-03 wants them.

    After each of the first reductions, then so that no more than `contact_days` pass, on the day of
    a reduction where one is near, and on the day after which nothing is taken.
    """
    falls = [after.on for before, after in planned.pairs() if after.mg < before.mg]
    days = [on + timedelta(days=limits.after_step_days) for on in falls[: limits.first_steps]]
    days = [day for day in days if day < planned.ends_on]
    last = days[-1] if days else planned.steps[0].on
    while (planned.ends_on - last).days > limits.contact_days:
        within = last + timedelta(days=limits.contact_days)
        near = [on for on in falls if last < on <= within]
        last = near[-1] if near else within
        days.append(last)
    return (*days, planned.ends_on)


class _Chooser:
    """Chooses each next step of a plan from the doses that can be made.

    `least_share` of the dose before stays at a step of the percentage asked for. `liquids` are the
    doses that a liquid makes, those that tablets make too among them: what is left after a liquid.
    """

    def __init__(
        self, request: Request, limits: Limits, doses: dict[Decimal, tuple[Part, ...]]
    ) -> None:
        self.request, self.limits, self.doses = request, limits, doses
        self.liquids = makeable(
            [each for each in request.strengths if each.form == LIQUID], request.from_mg
        )
        self.least_share = 1 - request.percent / 100

    def next_step(self, steps: list[Step], on: date) -> Step | None:
        """The step to take on a day after these, or None to wait for the next interval."""
        before = steps[-1]
        doses = self.liquids if _is_liquid(before.parts) else self.doses
        below = [mg for mg in doses if mg < before.mg]
        solid = [mg for mg in below if not _is_liquid(doses[mg])]
        liquid = [mg for mg in below if _is_liquid(doses[mg])]
        for group in (solid, liquid):
            for mg in group:
                if mg >= before.mg * self.least_share and not self._passes_limit(steps, on, mg):
                    return Step(on, mg, doses[mg])
        mg = max(below)
        smallest = Step(on, mg, doses[mg], smallest=mg < before.mg * self.least_share)
        if not self._passes_limit(steps, on, mg):
            return smallest
        # Alone in its window it may hold, and where it never will, it is at least taken alone.
        return smallest if not self._fell_lately(steps, on) else None

    def _passes_limit(self, steps: list[Step], on: date, mg: Decimal) -> bool:
        """Would this dose on this day pass the limit of a window that ends on it?"""
        if self.request.faster_because:
            return False
        if not mg and self.limits.is_last_step(steps[-1].mg):
            return False
        share = self.limits.fall_percent / 100
        rows = [*steps, Step(on, mg)]
        for before, first in pairwise(rows):
            if (on - first.on).days >= self.limits.window_days or mg >= before.mg:
                continue
            if not self.limits.is_small(before.mg, mg) and before.mg - mg > before.mg * share:
                return True
        return False

    def _fell_lately(self, steps: list[Step], on: date) -> bool:
        """Is the last step still in the window that ends on this day?"""
        return len(steps) > 1 and (on - steps[-1].on).days < self.limits.window_days


def _is_liquid(parts: tuple[Part, ...]) -> bool:
    return bool(parts) and parts[0].strength.form == LIQUID


def _accept(request: Request) -> None:
    """Raises `Unplannable` for the first figure that is out of bounds."""
    if not 0 < request.from_mg <= MOST_MG:
        raise Unplannable("from_mg", f"must be over 0 and at most {MOST_MG} mg a day")
    if not LEAST_PERCENT <= request.percent <= MOST_PERCENT:
        raise Unplannable("percent", f"must be from {LEAST_PERCENT} to {MOST_PERCENT} %")
    if not LEAST_DAYS <= request.every_days <= MOST_DAYS:
        raise Unplannable("every_days", f"must be from {LEAST_DAYS} to {MOST_DAYS} days")
    # The rules read steps in the order of their days, so no two may share one.
    if request.first_on <= request.begin_on:
        raise Unplannable("first_on", "is not after the day on which the plan begins")
    if not request.strengths:
        raise Unplannable("strengths", "are needed: what is the dose made up from?")
