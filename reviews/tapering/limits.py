"""How fast a taper may go under a profile: the figures of TAP-01 and TAP-03, and nothing new."""

from decimal import Decimal
from typing import NamedTuple

from reviews.rules.drug import Drug
from reviews.rules.equivalents import compared
from reviews.rules.parameters import EXPOSURE

PERCENTS = (5, 10, Decimal("12.5"))
EVERY_DAYS = (7, 14, 21, 28)
# The same as in the rules: a third, as in 10/15 of a Z-drug, is no exact figure.
TOLERANCE = Decimal("1e-9")
USUAL_PERCENT, USUAL_EVERY_DAYS = 10, 14
"""ASAM 2025, recommendation 6 and Key Takeaway 5: 5 to 10 % at a step, every 2 to 4 weeks."""


class Limits(NamedTuple):
    """What TAP-01 allows: a fall of so many percent of the dose at the start of any window of days.

    `per_mg` is the diazepam equivalent of 1 mg by the profile's table, None where no table has
    the medicine; the small doses to which the limit does not apply are in diazepam-equivalent mg.
    `smallest_mg` is the smallest solid unit marketed. Contact is due so many days after each of the
    first reductions, and then at least every `contact_days`.
    """

    window_days: int
    fall_percent: Decimal
    floor_start_mg: Decimal
    floor_fall_mg: Decimal
    last_step_mg: Decimal
    per_mg: Decimal | None
    smallest_mg: Decimal | None
    contact_days: int
    after_step_days: int
    first_steps: int

    def is_last_step(self, mg: Decimal) -> bool:
        """May the dose go from this to nothing in one step?"""
        return self.is_small_dose(mg) or (self.smallest_mg is not None and mg <= self.smallest_mg)

    def is_small_dose(self, mg: Decimal) -> bool:
        """Is the whole of a dose so small that it may be left out at once?"""
        return self.per_mg is not None and mg * self.per_mg <= self.last_step_mg + TOLERANCE

    def is_small(self, before: Decimal, after: Decimal) -> bool:
        """Is a fall so small, from a dose so low, that the percentage does not count?"""
        if self.per_mg is None:
            return False
        return (
            before * self.per_mg <= self.floor_start_mg + TOLERANCE
            and (before - after) * self.per_mg <= self.floor_fall_mg + TOLERANCE
        )


def of(rules: dict, profile: str, drug: Drug | None = None) -> Limits:
    """The limits of a book's rules under a profile; without a drug no dose counts as small."""
    fall, contact = rules["TAP-01"][profile], rules["TAP-03"][profile]
    factor, solid = None, []
    if drug is not None:
        factor = compared(drug, rules[EXPOSURE][profile]["equivalents_table"])
        marketed = drug.strengths.get(profile, {})
        solid = [*marketed.get("tablet", ()), *marketed.get("capsule", ())]
    return Limits(
        window_days=fall["window_days"],
        fall_percent=_decimal(fall["fall_over_percent"]),
        floor_start_mg=_decimal(fall["floor_start_mg"]),
        floor_fall_mg=_decimal(fall["floor_fall_mg"]),
        last_step_mg=_decimal(fall["last_step_mg"]),
        per_mg=None if factor is None else _decimal(factor.value),
        smallest_mg=_decimal(min(solid)) if solid else None,
        contact_days=contact["contact_over_days"],
        after_step_days=contact["after_step_days"],
        first_steps=contact["first_steps_count"],
    )


def _decimal(value: float) -> Decimal:
    return Decimal(f"{value:.15g}")
