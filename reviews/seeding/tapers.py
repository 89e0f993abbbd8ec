"""Invented tapers: two that are told as stories, and how any of them is written down."""

import json
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from reviews.models import TaperMove, TaperStatus
from reviews.rules.codes import PROFILES
from reviews.rules.dossier import Taper, TaperStep
from reviews.rules.registry import PARAMETERS
from reviews.seeding.life import Life
from reviews.tapering import doses, limits, planning

STRENGTHS = {
    "diazepam": tuple(doses.strength("tablet", mg) for mg in (2, 5)),
    "chlordiazepoxide": (doses.strength("capsule", 10),),
}
PACE = limits.of(PARAMETERS, PROFILES[0])
EVERY_DAYS = 14


def on_track(life: Life) -> None:
    """10 mg a day for months, then a taper that the prescriptions follow step by step."""
    planned = _begin(life)
    for step, following in pairwise(planned.steps[1:]):
        if step.on <= life.today:
            _issue(life, step, (following.on - step.on).days)
    _agree(life, planned)


def faster_than_planned(life: Life) -> None:
    """The same, but the last prescription is for far less than was planned."""
    planned = _begin(life)
    come = [step for step in planned.steps[1:] if step.on <= life.today]
    for step in come[:-1]:
        _issue(life, step, EVERY_DAYS)
    low = doses.makeable(STRENGTHS["diazepam"], Decimal(5))[Decimal(5)]
    _issue(life, come[-1]._replace(mg=Decimal(5), parts=low), EVERY_DAYS)
    _agree(life, planned)


def parts(taper: Taper) -> list[planning.Step] | None:
    """How each step is made up, by the day of the step; None when one cannot be."""
    known = STRENGTHS.get(taper.drug)
    if known is None:
        return None
    amounts = [Decimal(f"{step.mg_per_day:g}") for step in taper.steps]
    made = doses.makeable(known, max(amounts))
    if not all(mg in made for mg in amounts):
        return None
    return [
        planning.Step(step.on, mg, made[mg]) for step, mg in zip(taper.steps, amounts, strict=True)
    ]


def columns(taper: Taper) -> tuple:
    """A taper as its one version: as it was agreed, with the days of contact that follow."""
    steps = parts(taper)
    if steps is None:
        raise ValueError(f"A taper of {taper.drug} cannot be made up of known strengths.")
    falls = [
        (100 * (before.mg - after.mg) / before.mg, (after.on - before.on).days)
        for before, after in pairwise(steps)
        if after.mg < before.mg
    ]
    planned = planning.Plan(taper.drug, tuple(steps))
    contacts = planning.contacts(planned, PACE) if falls else ()
    return (
        1,
        TaperMove.PLAN if taper.status == TaperStatus.PLANNED else TaperMove.START,
        taper.status,
        json.dumps(
            [
                (
                    step.on.isoformat(),
                    str(step.mg),
                    [(part.strength.code, str(part.number)) for part in step.parts],
                    False,
                )
                for step in steps
            ]
        ),
        round(max((percent for percent, _ in falls), default=Decimal(0)), 2),
        min((days for _, days in falls), default=EVERY_DAYS),
        json.dumps([strength.code for strength in STRENGTHS[taper.drug]]),
        json.dumps([day.isoformat() for day in contacts]),
        "{}",
        "{}",
        taper.maintenance_agreed,
        taper.last_contact_on,
        "[]",
        "Agreed with the person",
    )


def _begin(life: Life) -> planning.Plan:
    """Months at 10 mg, then the plan that was made: its third step began some days ago."""
    life.has("Generalised anxiety disorder", since_years=3)
    first_on = life.day(-life.rng.randint(31, 38))
    planned = planning.plan(
        planning.Request(
            drug="diazepam",
            from_mg=Decimal(10),
            begin_on=first_on - timedelta(days=5),
            first_on=first_on,
            percent=Decimal(10),
            every_days=EVERY_DAYS,
            strengths=STRENGTHS["diazepam"],
        ),
        PACE,
    )
    begun = (first_on - life.today).days
    for start in range(begun - 140, begun, 28):
        life.issue("diazepam-5", mg=10, day=start, days=28, indication="anxiety", supply="days")
    return planned


def _issue(life: Life, step: planning.Step, days: int) -> None:
    for part in step.parts:
        life.issue(
            f"diazepam-{part.strength.mg}",
            mg=float(part.mg),
            day=(step.on - life.today).days,
            days=days,
            indication="anxiety",
            supply="days",
        )


def _agree(life: Life, planned: planning.Plan) -> None:
    life.tapers.append(
        Taper(
            id=0,
            drug=planned.drug,
            steps=tuple(TaperStep(step.on, float(step.mg)) for step in planned.steps),
            last_contact_on=life.day(-2),
        )
    )
