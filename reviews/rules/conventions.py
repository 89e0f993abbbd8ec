"""Exposure by two published conventions, so that it can be compared with independent tools.

`eras` follows the drug_era of the OMOP common data model; `episodes` follows the treatment episodes
of the R package AdhereR. docs/exposure.md says what each author means and how doubts were settled.
The rules do not use them: the portal's own episodes are in `exposure`.

Days are ordinals (`date.toordinal`). Both authors let a supply of n days from day s end on day
s + n, the first day it no longer covers; so does everything here.
"""

from fractions import Fraction
from itertools import groupby
from math import floor
from operator import attrgetter
from typing import NamedTuple

ERA_GAP_DAYS = 30
"""The persistence window of the standard drug_era."""

EPISODE_GAP_DAYS = 90
"""The maximum permissible gap that AdhereR assumes when none is given."""


class Dispensing(NamedTuple):
    """A supply handed out. `dose` is the amount a day, in any one unit; None when not recorded."""

    medicine: str
    start: int
    days: int
    dose: Fraction | None = None


class Episode(NamedTuple):
    """A run of exposure; `medicine` is None where runs may span several.

    `days` is the calendar length, permitted gaps included. It is a whole number unless a carried
    supply was rescaled to another dose.
    """

    medicine: str | None
    start: int
    days: int | Fraction
    dispensings: int

    @property
    def end(self) -> int:
        """The day the supply runs out; where that is within a day, that day."""
        return floor(self.start + self.days)


def eras(dispensings: list[Dispensing], *, gap_days: int = ERA_GAP_DAYS) -> list[Episode]:
    """One person's eras, by medicine and start: the union of supplies, over gaps of `gap_days`.

    A gap is the number of days without supply: 30 merge and 31 do not, if `gap_days` is 30. Overlap
    is not carried forward. A supply of no days counts as one day.
    """
    found = []
    ordered = sorted(dispensings, key=attrgetter("medicine", "start"))
    for medicine, run in groupby(ordered, key=attrgetter("medicine")):
        supplies = list(run)
        start = end = supplies[0].start
        count = 0
        for supply in supplies:
            if supply.start - end > gap_days:
                found.append(Episode(medicine, start, end - start, count))
                start, end, count = supply.start, supply.start, 0
            end = max(end, supply.start + max(supply.days, 1))
            count += 1
        found.append(Episode(medicine, start, end - start, count))
    return found


def episodes(
    dispensings: list[Dispensing],
    *,
    gap_days: int = EPISODE_GAP_DAYS,
    same_medicine_only: bool = False,
    rescale_dose: bool = False,
    new_on_change: bool = False,
    follow_up_days: int | None = None,
) -> list[Episode]:
    """One person's treatment episodes in order, supply left over being carried to the next one.

    Supplies are taken in order of start, those of one day as given; each needs at least one day,
    and a dose if `rescale_dose`. What is left when the next begins lasts on after it: as many days,
    or with `rescale_dose` as many as the amount left lasts at the next dose. It is lost if the next
    is another medicine and `same_medicine_only`. An episode ends where the days without supply
    before the next dispensing exceed `gap_days`, or with `new_on_change` at another medicine.
    `follow_up_days` count from the first dispensing: later dispensings are left out, and an episode
    that no gap of `gap_days` has ended by then lasts until that day. Raises ValueError if a dose
    that is needed is missing.
    """
    supplies = sorted(dispensings, key=attrgetter("start"))
    if not supplies:
        return []
    closing = None
    if follow_up_days is not None:
        closing = supplies[0].start + follow_up_days
        supplies = [supply for supply in supplies if supply.start <= closing]
    found = []
    begun, count = supplies[0].start, 0
    carried: int | Fraction = 0
    last = len(supplies) - 1
    for i, supply in enumerate(supplies):
        count += 1
        runs_out = supply.start + supply.days + carried
        medicine = supply.medicine if new_on_change else None
        if i == last:
            end = runs_out if closing is None else _at_close(runs_out, closing, gap_days)
            found.append(Episode(medicine, begun, _whole(end - begun), count))
            break
        following = supplies[i + 1]
        changed = following.medicine != supply.medicine
        gap = following.start - runs_out
        if gap > gap_days or (new_on_change and changed):
            end = min(runs_out, following.start)
            found.append(Episode(medicine, begun, _whole(end - begun), count))
            begun, count = following.start, 0
        carried = 0 if same_medicine_only and changed else max(0, -gap)
        if rescale_dose and carried:
            carried = _rescaled(carried, supply.dose, following.dose)
    return found


def _rescaled(days, dose, next_dose):
    """How long so many days at one dose last at the next; exact."""
    if dose is None or next_dose is None:
        raise ValueError("rescaling needs the dose of every dispensing")
    return days if dose == next_dose else days * dose / next_dose


def _at_close(runs_out, closing, gap_days):
    """Where the last episode ends; without a gap of `gap_days` it is not known to have ended."""
    return runs_out if closing - runs_out >= gap_days else closing


def _whole(days):
    """An exact number of days, as an int if it is one."""
    return int(days) if days == int(days) else days
