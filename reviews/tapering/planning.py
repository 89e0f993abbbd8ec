"""A schedule from a dose to nothing, and what may be done with it on the way: hold, step back."""

import math
from collections.abc import Iterable, Iterator, Mapping
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
MOST_PIECES = 4
"""Tablets at a time, up to which one strength alone is preferred to several (local policy)."""
DAY = "day"
"""The time of a dose whose time of day is not known."""
TIMES = {"morning": "Morning", "midday": "Midday", "evening": "Evening", "night": "Night"}
TURN = ("midday", "morning", "evening", "night", DAY)
"""Of equal doses the one that comes down first (local policy, unverified)."""
EVERY_NIGHT = 7
FEW_NIGHTS = 3
"""Regular use is 4 nights a week or more (ASAM 2025, Table 2): from 3 the rest may go together."""
NIGHTS = {
    7: (0, 1, 2, 3, 4, 5, 6),
    6: (0, 1, 2, 4, 5, 6),
    5: (0, 2, 3, 5, 6),
    4: (0, 2, 4, 6),
    3: (0, 2, 4),
    2: (0, 3),
    1: (0,),
}
"""The days of the week (Monday is 0) of so many nights, spread out."""


class Request(NamedTuple):
    """What is asked for: at most `percent` of the dose at that time in `every_days` days.

    `from_mg` a day is taken from `begin_on`; the first reduction is on `first_on`. `times` say how
    it is divided over the day; empty where that is not known. With `fewer_nights` the dose of a
    night stays and the nights become fewer, from `nights` a week; `from_mg` is then the dose of a
    night. With `quick_end` small doses are not held longer than `every_days`, whatever the pace.
    With `faster_because`, a reason, the planner does not slow the pace down to the profile's limit.
    """

    drug: str
    from_mg: Decimal
    begin_on: date
    first_on: date
    percent: Decimal
    every_days: int
    strengths: tuple[Strength, ...]
    faster_because: str = ""
    times: tuple[tuple[str, Decimal], ...] = ()
    nights: int = EVERY_NIGHT
    fewer_nights: bool = False
    quick_end: bool = False

    def at_times(self) -> tuple[tuple[str, Decimal], ...]:
        return self.times or ((DAY, self.from_mg),)


class TimedDose(NamedTuple):
    """What is taken at one time of the day (a key of `TIMES`, or `DAY`), and what it is made of."""

    time: str
    mg: Decimal
    parts: tuple[Part, ...] = ()


class Step(NamedTuple):
    """From `on`, `mg` a day, made of `parts`; `times` divide both over the day.

    `smallest` says that no smaller step can be made from the strengths given, although this one is
    larger than asked for. The first step of a plan is the dose at its start, whose parts are empty
    when it cannot be made from these strengths. On fewer than 7 `nights` a week, `mg` is the mean
    of a day, and `parts` and `times` are what is taken on each of those nights.
    """

    on: date
    mg: Decimal
    parts: tuple[Part, ...] = ()
    smallest: bool = False
    times: tuple[TimedDose, ...] = ()
    nights: int = EVERY_NIGHT

    def is_taken_on(self, day: date) -> bool:
        """Whether a dose is taken on a day of this step."""
        return bool(self.mg) and day.weekday() in NIGHTS[self.nights]

    @property
    def taken_mg(self) -> Decimal:
        """The mg of a day on which it is taken."""
        return sum((dose.mg for dose in self.times), Decimal(0)) if self.times else self.mg

    def lowered(self, before: "Step") -> set[str]:
        """The times of day at which less is taken than at the step before."""
        earlier = {dose.time: dose.mg for dose in before.times}
        now = {dose.time: dose.mg for dose in self.times}
        return {time for time, mg in earlier.items() if now.get(time, Decimal(0)) < mg}


class Supply(NamedTuple):
    """What a step needs from its first day to its last: how many of each strength, and its mg.

    Of tablets, capsules and films whole ones; of a liquid ml.
    """

    step: Step
    until: date
    numbers: tuple[tuple[Strength, Decimal], ...]
    mg: Decimal


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

    @property
    def by_nights(self) -> bool:
        """Whether nights become fewer, and not doses lower."""
        return any(step.nights < EVERY_NIGHT for step in self.steps)

    def pairs(self) -> Iterable[tuple[Step, Step]]:
        """Each step after the first, with the one before it."""
        return pairwise(self.steps)

    def held(self) -> Iterator[tuple[Step, Step, int]]:
        """Each reduction with the step before it and the days it is kept, without the last one."""
        for n, (before, after) in enumerate(self.pairs(), start=1):
            if after.mg < before.mg and n + 1 < len(self.steps):
                yield before, after, (self.steps[n + 1].on - after.on).days

    def mg_on(self, day: date) -> Decimal | None:
        """The planned dose of a day, None before the plan begins."""
        step = self.step_on(day)
        return None if step is None else step.mg

    def step_on(self, day: date) -> Step | None:
        """The step in force on a day."""
        return next((step for step in reversed(self.steps) if step.on <= day), None)

    def supplies(self) -> Iterator[Supply]:
        """What each step needs, without the last: it is nothing, or has no end while paused."""
        for step, following in self.pairs():
            yield _supply(step, following.on - timedelta(days=1))


def plan(request: Request, limits: Limits) -> Plan:
    """A schedule that can be followed. Raises `Unplannable`, naming what to change.

    One dose of the day comes down at a time, the largest first. Each step goes to the lowest dose
    that can be made and is neither more than `percent` below the one before nor below the limit of
    any window; tablets are preferred to a liquid, and after a liquid only the liquid is used. Where
    no dose between can be made the smallest practical step is taken, after as many intervals as the
    limit asks for, and is kept longer until the mean pace is the pace asked for again. Such a step
    is marked, and `checking` says what it makes of it. No plan goes from a dose to nothing in one
    step, unless that dose is a small one. Where one strength makes the same doses in few pieces, it
    is used alone: one box is easier to follow than two.
    """
    _accept(request)
    if request.fewer_nights:
        return _plan_nights(request)
    planned = _plan_doses(request, limits)
    for alone in sorted(request.strengths, key=lambda each: -each.mg):
        if len(request.strengths) > 1 and alone.form != LIQUID:
            simpler = _by_one(request, limits, alone)
            if simpler is not None and _amounts(simpler) == _amounts(planned):
                return simpler
    return planned


def _by_one(request: Request, limits: Limits, alone: Strength) -> Plan | None:
    """The plan with one strength alone; None where it makes none, or only with many pieces."""
    try:
        planned = _plan_doses(request._replace(strengths=(alone,)), limits)
    except Unplannable:
        return None
    pieces = (part.number for step in planned.steps for dose in step.times for part in dose.parts)
    return planned if max(pieces, default=0) <= MOST_PIECES else None


def _amounts(planned: Plan) -> list[tuple[date, Decimal]]:
    return [(step.on, step.mg) for step in planned.steps]


def _plan_doses(request: Request, limits: Limits) -> Plan:
    """The plan from all the strengths of a request."""
    at_times = request.at_times()
    doses = makeable(request.strengths, request.from_mg)
    if len(doses) == 1:
        raise Unplannable("strengths", "make no dose below this one")
    chooser = _Chooser(request, limits, doses)
    start = tuple(TimedDose(time, mg, doses.get(mg, ())) for time, mg in at_times)
    for time, mg, parts in start:
        if len(start) > 1 and not parts:
            raise Unplannable(
                "strengths", f"do not make the {time} dose of {_plain(mg)} mg: tick one that does"
            )
    first = Step(request.begin_on, request.from_mg, _merged(start), times=start)
    steps, day = [first], request.first_on
    while steps[-1].mg > 0:
        if (day - request.first_on).days > LONGEST_DAYS:
            raise Unplannable(
                "percent", "makes a plan of more than five years: take larger or nearer steps"
            )
        step = chooser.next_step(steps, day)
        if step is None:
            day += timedelta(days=request.every_days)
            continue
        day += timedelta(days=_kept_days(request, limits, steps[-1], step))
        steps.append(step)
    if len(steps) == 2 and not limits.is_small_dose(request.from_mg):
        raise Unplannable(
            "strengths",
            f"leave nothing between {_plain(request.from_mg)} mg and none: a half that may be "
            "taken, another strength, a liquid, fewer nights or a change to diazepam is needed",
        )
    return Plan(request.drug, tuple(steps))


def kept_days(percent_fallen: Decimal, percent: Decimal, every_days: int) -> int:
    """How long a step is kept so that the mean pace is at most `percent` in `every_days` days.

    In whole weeks where the interval is one, so that steps stay on their day of the week.
    """
    unit = 7 if every_days % 7 == 0 else 1
    days = math.ceil(percent_fallen * every_days / percent / unit) * unit
    return max(every_days, days)


def percent_fallen(before: Step, after: Step) -> Decimal:
    return 100 * (before.mg - after.mg) / before.mg


def _kept_days(request: Request, limits: Limits, before: Step, after: Step) -> int:
    if request.quick_end and limits.is_small(before.mg, after.mg):
        return request.every_days
    return kept_days(percent_fallen(before, after), request.percent, request.every_days)


def _plan_nights(request: Request) -> Plan:
    """The same dose on fewer nights: down to few in steps of one, and from there to none.

    Each step begins on a Monday, as the week of the nights does.
    """
    mg = request.from_mg
    doses = makeable(request.strengths, mg)
    if mg not in doses:
        raise Unplannable("strengths", f"make no dose of {_plain(mg)} mg, which stays each night")
    ((time, _),) = request.times or (("night", mg),)
    night = TimedDose(time, mg, doses[mg])
    every = request.every_days

    def step(on: date, nights: int) -> Step:
        mean = mg * nights / EVERY_NIGHT
        return Step(on, mean, night.parts, times=(night,), nights=nights)

    least = FEW_NIGHTS if request.nights > FEW_NIGHTS else 1
    day = request.first_on + timedelta(days=-request.first_on.weekday() % EVERY_NIGHT)
    steps = [step(request.begin_on, request.nights)]
    for nights in range(request.nights - 1, least - 1, -1):
        steps.append(step(day, nights))
        fallen = Decimal(100) / (nights + 1)
        day += timedelta(days=kept_days(fallen, request.percent, every))
    steps.append(Step(day, Decimal(0)))
    return Plan(request.drug, tuple(steps))


def _supply(step: Step, until: date) -> Supply:
    taken = sum(
        step.is_taken_on(step.on + timedelta(days=n)) for n in range((until - step.on).days + 1)
    )
    numbers: dict[Strength, Decimal] = {}
    for part in step.parts:
        numbers[part.strength] = part.number * taken
    return Supply(
        step,
        until,
        tuple(
            (each, number if each.form == LIQUID else Decimal(math.ceil(number)))
            for each, number in numbers.items()
        ),
        step.taken_mg * taken,
    )


def _merged(doses: Iterable[TimedDose]) -> tuple[Part, ...]:
    """All that is taken on a day; nothing where a dose of it cannot be made."""
    numbers: dict[Strength, Decimal] = {}
    for dose in doses:
        if dose.mg and not dose.parts:
            return ()
        for part in dose.parts:
            numbers[part.strength] = numbers.get(part.strength, Decimal(0)) + part.number
    return tuple(
        Part(*item)
        for item in sorted(numbers.items(), key=lambda item: (-item[0].mg, item[0].form))
    )


def _plain(mg: Decimal) -> str:
    return f"{mg.normalize():f}"


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
    back = higher_before(planned, on)
    if back is None:
        raise Unplannable("step", "is the first one: there is no dose to go back to")
    now = taken[-1]
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


def higher_before(planned: Plan, on: date) -> Step | None:
    """The step before the one of a day at which more was taken; None where there is none."""
    taken = [step for step in planned.steps if step.on <= on]
    return next((step for step in reversed(taken[:-1]) if step.mg > taken[-1].mg), None)


def contacts(planned: Plan, limits: Limits) -> tuple[date, ...]:
    """The days on which somebody asks how it goes, as TAP-03 wants them.

    After each of the first reductions, then so that no more than `contact_days` pass, on the day of
    a reduction where one is near, and on the day after which nothing is taken.
    """
    falls = [after.on for before, after in planned.pairs() if after.mg < before.mg]
    asked = [on + timedelta(days=limits.after_step_days) for on in falls[: limits.first_steps]]
    days: list[date] = []
    last = planned.steps[0].on
    for due in [*sorted(day for day in asked if day < planned.ends_on), planned.ends_on]:
        # Nobody is asked before the first step: the plan was agreed on then.
        while (days or due == planned.ends_on) and (due - last).days > limits.contact_days:
            within = last + timedelta(days=limits.contact_days)
            near = [on for on in falls if last < on <= within]
            last = near[-1] if near else within
            days.append(last)
        last = due
        days.append(due)
    return tuple(dict.fromkeys(days))


class _Chooser:
    """Chooses each next step of a plan from the doses that can be made.

    `least_share` of the dose before stays at a step of the percentage asked for. `liquids` are the
    doses that a liquid makes, those that tablets make too among them: what is left after a liquid.
    """

    def __init__(
        self, request: Request, limits: Limits, doses: Mapping[Decimal, tuple[Part, ...]]
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
        in_turn = sorted(
            (dose for dose in before.times if dose.mg),
            key=lambda dose: (-dose.mg, TURN.index(dose.time)),
        )
        for liquid in (False, True):
            for dose in in_turn:
                for mg in _below(doses, dose.mg, liquid=liquid):
                    total = before.mg - dose.mg + mg
                    fits = total >= before.mg * self.least_share
                    if fits and not self._passes_limit(steps, on, total):
                        return self._lowered(before, on, dose.time, mg, doses)
        # The smallest practical step: `min` keeps the first in turn where two are as small.
        dose, mg = min(
            ((dose, max(mg for mg in doses if mg < dose.mg)) for dose in in_turn),
            key=lambda found: found[0].mg - found[1],
        )
        step = self._lowered(before, on, dose.time, mg, doses)
        step = step._replace(smallest=step.mg < before.mg * self.least_share)
        # Alone in its window it may hold, and where it never will, it is at least taken alone.
        if self._passes_limit(steps, on, step.mg) and self._fell_lately(steps, on):
            return None
        return step

    def _lowered(
        self,
        before: Step,
        on: date,
        time: str,
        mg: Decimal,
        doses: Mapping[Decimal, tuple[Part, ...]],
    ) -> Step:
        """The step before with one dose lower; once one is measured as a liquid, all are."""
        if _is_liquid(doses[mg]):
            doses = {**doses, **self.liquids}
        times = []
        for dose in before.times:
            left = mg if dose.time == time else dose.mg
            if left:
                times.append(TimedDose(dose.time, left, doses.get(left, dose.parts)))
        total = sum((dose.mg for dose in times), Decimal(0))
        return Step(on, total, _merged(times), times=tuple(times))

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


def _below(
    doses: Mapping[Decimal, tuple[Part, ...]], mg: Decimal, *, liquid: bool
) -> list[Decimal]:
    """The doses below one, the lowest first: those that a liquid makes, or the others."""
    return [each for each in doses if each < mg and _is_liquid(doses[each]) == liquid]


def _is_liquid(parts: tuple[Part, ...]) -> bool:
    return any(part.strength.form == LIQUID for part in parts)


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
    if request.times:
        if sum(mg for _, mg in request.times) != request.from_mg:
            raise Unplannable("from_mg", "is not what the times of the day add up to")
        if any(mg <= 0 for _, mg in request.times):
            raise Unplannable("from_mg", "needs a dose over 0 at each time of the day named")
    if not 1 <= request.nights <= EVERY_NIGHT:
        raise Unplannable("nights", "must be from 1 to 7 a week")
    if request.fewer_nights and request.every_days % EVERY_NIGHT:
        raise Unplannable("every_days", "must be whole weeks where the nights become fewer")
    if request.fewer_nights and len(request.times) > 1:
        raise Unplannable("fewer_nights", "is for a dose taken once, at night")
    if not request.strengths:
        raise Unplannable("strengths", "are needed: what is the dose made up from?")
