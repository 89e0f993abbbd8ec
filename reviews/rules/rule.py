"""What a rule is, and the themes under which findings are shown."""

from collections.abc import Callable
from typing import NamedTuple

BREATHING = "Breathing and sedation"
STOPPING = "Tapering and end of supply"
LENGTH = "Length of treatment"
DUPLICATE = "More than one sedative"
DOSE = "Dose"
METABOLISM = "Metabolism"
OLDER = "Older patient"
CONDITION = "The person's health"
SUPPLY = "Supply and prescribing"
REVIEW = "Indication and review"
UNJUDGED = "Could not be judged"
THEMES = (
    BREATHING,
    STOPPING,
    LENGTH,
    DUPLICATE,
    DOSE,
    METABOLISM,
    OLDER,
    CONDITION,
    SUPPLY,
    REVIEW,
    UNJUDGED,
)

CONDITIONS = 1 << 60
READINGS = 1 << 61
TAPERS = 1 << 62
EXEMPTIONS = 1 << 63
"""With the bits of the classes of other medicines: what a dossier must hold for a rule to fire."""


class Rule(NamedTuple):
    """A rule as the catalogue shows it; its trigger is the docstring of `check`.

    `needs` are bits of which a dossier must hold one, or the rule is not asked; 0 = always asked.
    With `idle` it is asked even when no benzodiazepine or Z-drug is in use any more.
    """

    id: str
    family: str
    title: str
    theme: str
    severity: str
    mode: str
    sources: tuple[str, ...]
    check: Callable
    needs: int = 0
    idle: bool = False

    @property
    def trigger(self) -> str:
        """The trigger in a clinician's words, without the line breaks of the source."""
        return " ".join(self.check.__doc__.split()).removeprefix(f"{self.id}. ")
