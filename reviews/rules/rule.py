"""What a rule is, how it is declared above its function, and the themes of findings."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

from reviews.rules.codes import PROFILES
from reviews.rules.parameters import Limits, Parameter, limits

if TYPE_CHECKING:
    from reviews.rules.saying import Says
    from reviews.rules.view import View

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


class Grading(NamedTuple):
    """How urgent a rule's findings are: a sentence for readers, and every severity it may give.

    A severity to which an exemption lowers a finding is among them.
    """

    words: str
    severities: tuple[int, ...]


S1 = Grading("S1", (1,))
S2 = Grading("S2", (2,))
S3 = Grading("S3", (3,))
S4 = Grading("S4", (4,))


class Shown(NamedTuple):
    """How a rule's findings are shown: a sentence for readers, and whether one may interrupt.

    S4 is a note whatever the rule, and what does not interrupt is queued.
    """

    words: str
    interrupts: bool = False


QUEUED = Shown("Queue")
NOTED = Shown("Note")
INTERRUPTING = Shown("Interrupts", interrupts=True)


Check: TypeAlias = "Callable[[View, Limits], Says]"
"""Looks at a dossier by the limits of a book, changes nothing, and yields what it finds."""


class Rule(NamedTuple):
    """A rule as the catalogue shows it; its trigger is the docstring of `check`.

    `needs` are bits of which a dossier must hold one, or the rule is not asked; 0 = always asked.
    With `idle` it is asked even when no benzodiazepine or Z-drug is in use any more. With
    `judges_data` it finds nothing but what the record lacks, and is answered by the record.
    """

    id: str
    family: str
    title: str
    theme: str
    severity: Grading
    shown: Shown
    sources: tuple[str, ...]
    check: Check
    parameters: tuple[Parameter, ...] = ()
    profiles: tuple[str, ...] = PROFILES
    needs: int = 0
    idle: bool = False
    judges_data: bool = False

    @property
    def trigger(self) -> str:
        """The trigger in a clinician's words, without the line breaks of the source."""
        return " ".join((self.check.__doc__ or "").split()).removeprefix(f"{self.id}. ")

    @property
    def limits(self) -> dict[str, dict[str, float | str]]:
        """Profile: name: value of its parameters, as the first rule book holds them."""
        return limits(self.parameters, self.profiles)


_Check = TypeVar("_Check", bound=Check)


def rule(rule_id: str, **fields) -> Callable[[_Check], _Check]:
    """Declare the function below a rule, by the fields of `Rule`; the function is not changed."""

    def declare(check: _Check) -> _Check:
        vars(check)["declared_rule"] = Rule(id=rule_id, check=check, **fields)
        return check

    return declare


def declared(function: Callable) -> Rule | None:
    """The rule that stands above a function, if one does."""
    return getattr(function, "declared_rule", None)
