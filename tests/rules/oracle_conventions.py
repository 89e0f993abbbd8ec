"""The two conventions once more, day by day: slow, plain, and sharing nothing with the core.

A dispensing is (medicine, start, days, dose), days being whole numbers on one calendar; an episode
is (medicine or None, start, end, days, dispensings), with an exact length in days.
"""

from fractions import Fraction
from math import floor


def eras(history, *, gap_days):
    found = []
    for medicine in sorted({row[0] for row in history}):
        rows = [row for row in history if row[0] == medicine]
        covered = {day for _, start, days, _ in rows for day in range(start, start + (days or 1))}
        runs = []
        free = None
        for day in range(min(covered), max(covered) + 1):
            if day not in covered:
                free += 1
                continue
            if free is None or free > gap_days:
                runs.append([day, day])
            runs[-1][1] = day
            free = 0
        for first, final in runs:
            count = sum(first <= start <= final for _, start, _, _ in rows)
            found.append((medicine, first, final + 1, final + 1 - first, count))
    return found


def episodes(history, *, gap_days, same_medicine_only, rescale_dose, new_on_change, follow_up_days):
    """A medicine box looked into every day: what is handed out goes in, a day's doses come out."""
    if not history:
        return []
    first_day = min(row[1] for row in history)
    everything = sum(row[2] for row in history)
    if follow_up_days is None:
        # Rescaling can stretch what is left; the box is empty long before this.
        horizon = max(row[1] for row in history) + everything * 200 + 1
    else:
        horizon = first_day + follow_up_days
    found = []
    box = Fraction(0)
    label = strength = None
    empty = Fraction(0)
    latest = max(row[1] for row in history if row[1] <= horizon)
    for day in range(first_day, horizon + 1):
        for medicine, start, days, dose in history:
            if start != day:
                continue
            switched = label is not None and medicine != label
            if label is None or empty > gap_days or (new_on_change and switched):
                found.append({"medicine": medicine, "start": day, "dispensings": 0})
            if same_medicine_only and switched:
                box = Fraction(0)
            if rescale_dose and strength is not None:
                box = box * strength / dose
            box += days
            label, strength, empty = medicine, dose, Fraction(0)
            found[-1]["dispensings"] += 1
            found[-1]["dry"] = Fraction(day)  # in hand today, if not taken
        if day == horizon:
            break
        taken = min(box, Fraction(1))
        if taken:
            found[-1]["dry"] = day + taken
        box -= taken
        empty += 1 - taken
        if follow_up_days is None and day >= latest and not box:
            break
    if follow_up_days is not None and empty < gap_days:
        found[-1]["dry"] = Fraction(horizon)
    return [
        (
            episode["medicine"] if new_on_change else None,
            episode["start"],
            floor(episode["dry"]),
            episode["dry"] - episode["start"],
            episode["dispensings"],
        )
        for episode in found
    ]
