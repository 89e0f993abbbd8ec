"""The ways to come down that a plan could take, side by side: what each would be, or why not."""

from collections.abc import Sequence
from typing import NamedTuple

from reviews.rules import words
from reviews.tapering import planning
from reviews.tapering.crossing import TARGET, Equivalent
from reviews.tapering.doses import Unplannable
from reviews.tapering.limits import Limits
from reviews.tapering.planning import EVERY_NIGHT, FEW_NIGHTS, Plan, Request
from reviews.tapering.proportion import SHORT_DAYS, Proportion

DOSE, NIGHTS, CROSS, NONE = "dose", "nights", "cross", "none"
NIGHTS_UNDER_DAYS = 90
"""Fewer nights of the same dose are for use shorter than this, or not nightly (local policy)."""


class Way(NamedTuple):
    """A way to come down: its plan where it is one, else `why_not`; `said` is about either."""

    code: str
    title: str
    said: str
    plan: Plan | None = None
    why_not: str = ""


def ways(
    request: Request, limits: Limits, use: Proportion, equals: Sequence[Equivalent]
) -> list[Way]:
    """Each way for a request, the one asked for or not; `equals` is its dose in diazepam."""
    found = [_dose(request, limits), _nights(request, limits, use)]
    if request.drug != TARGET:
        found.append(_cross(equals))
    found.append(_none(use))
    return [way for way in found if way is not None]


def _dose(request: Request, limits: Limits) -> Way | None:
    if request.nights < EVERY_NIGHT:
        return None
    try:
        plan = planning.plan(request._replace(fewer_nights=False), limits)
    except Unplannable as error:
        return Way(DOSE, "Lower doses", "", why_not=f"{words.sentence_case(str(error))}.")
    longest = max((days for _, _, days in plan.held()), default=request.every_days)
    weeks = round(plan.days / 7)
    said = f"{plan.reductions} steps in {weeks} weeks; the longest is kept for {longest // 7} weeks"
    last = plan.steps[-2]
    if not limits.is_small_dose(last.mg):
        said += (
            f". The last step, from {last.mg.normalize():f} mg to none, is a large one: another "
            "strength, a liquid or a change to diazepam makes it smaller"
        )
    return Way(DOSE, "Lower doses", f"{said}.", plan)


def _nights(request: Request, limits: Limits, use: Proportion) -> Way | None:
    if len(request.times) > 1:
        return None
    nightly = request.nights == EVERY_NIGHT
    if nightly and (use.days is None or use.days >= NIGHTS_UNDER_DAYS):
        return Way(
            NIGHTS,
            "Fewer nights",
            "",
            why_not=(
                f"Proposed for use of less than {NIGHTS_UNDER_DAYS} days, or on some nights only: "
                "after long nightly use the dose comes down first. Local policy, unverified."
            ),
        )
    try:
        plan = planning.plan(request._replace(fewer_nights=True), limits)
    except Unplannable as error:
        return Way(NIGHTS, "Fewer nights", "", why_not=f"{words.sentence_case(str(error))}.")
    few = (
        f" From {FEW_NIGHTS} nights a week the rest may go together: regular use is 4 or more "
        "(ASAM 2025, Table 2)."
        if request.nights > FEW_NIGHTS
        else ""
    )
    said = f"The tablet stays as it is; {round(plan.days / 7)} weeks.{few}"
    return Way(
        NIGHTS, "Fewer nights", f"{said} That nights come first is local policy, unverified.", plan
    )


def _cross(equals: Sequence[Equivalent]) -> Way:
    if not equals:
        return Way(
            CROSS,
            "Change to diazepam",
            "",
            why_not="No table held has an equivalent for this medicine.",
        )
    tables = words.listed(
        f"≈ {_range(row)} mg by {row.table}{' (this profile)' if row.own else ''}" for row in equals
    )
    return Way(
        CROSS,
        "Change to diazepam",
        f"Smaller steps, and 2 mg tablets. The dose held equal is {tables}: the tables disagree, "
        "and the dose is yours to give.",
    )


def _range(row: Equivalent) -> str:
    lowest, highest = (f"{mg.normalize():f}" for mg in (row.lowest, row.highest))
    return lowest if lowest == highest else f"{lowest} to {highest}"


def _none(use: Proportion) -> Way:
    title = "No taper"
    if use.none_needed:
        return Way(NONE, title, use.said)
    if use.days is None:
        return Way(NONE, title, "", why_not="How long it is in use is not known.")
    if use.days >= SHORT_DAYS:
        why = f"Usual after less than {SHORT_DAYS} days of use; this is day {use.days}"
    else:
        why = f"This is day {use.days}, but {use.dependence or 'an earlier taper was given up'}"
    return Way(NONE, title, "", why_not=f"{why}. So it is not offered.")
