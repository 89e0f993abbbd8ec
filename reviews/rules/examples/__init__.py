"""Worked examples of every rule: small records on both sides of each boundary, judged when asked.

The examples are also the table of boundaries: changing any parameter of a rule by one step changes
what some example of it shows (tests/rules/test_examples.py).
"""

from typing import NamedTuple

from reviews.rules.dossier import Dossier
from reviews.rules.examples import (
    data_and_indication,
    doses,
    duration,
    metabolism,
    older,
    patients,
    reviewing,
    sedatives,
    stopping,
    substances,
    supplies,
)
from reviews.rules.examples.described import described
from reviews.rules.examples.writing import NOT_EVALUABLE, QUIET, Example
from reviews.rules.finding import Finding
from reviews.rules.screen import screen

__all__ = [
    "EXAMPLES",
    "NOT_EVALUABLE",
    "QUIET",
    "Example",
    "Outcome",
    "judge",
    "says",
    "worked_examples",
]

_FAMILIES = (
    data_and_indication,
    duration,
    doses,
    sedatives,
    metabolism,
    substances,
    older,
    patients,
    stopping,
    supplies,
    reviewing,
)
EXAMPLES: dict[str, tuple[Example, ...]] = {
    rule_id: examples for family in _FAMILIES for rule_id, examples in family.EXAMPLES.items()
}
"""Rule: its examples, the quiet side of each boundary before the other."""


class Outcome(NamedTuple):
    """What the core says of an example under one profile: a severity, QUIET or NOT_EVALUABLE.

    `holds` says that it is what the example claims; under another rule book it may not be.
    """

    profile: str
    said: int | str | None
    finding: Finding | None
    holds: bool


class Worked(NamedTuple):
    """An example with what it shows, the record in words, and an outcome for each profile."""

    why: str
    record: list[str]
    dossier: Dossier
    outcomes: list[Outcome]

    @property
    def holds(self) -> bool:
        return all(outcome.holds for outcome in self.outcomes)

    @property
    def by_outcome(self) -> list[tuple[list[str], Outcome]]:
        """Profiles that say the same, with what they say."""
        found: list[tuple[list[str], Outcome]] = []
        for outcome in self.outcomes:
            for profiles, other in found:
                if (other.said, other.holds) == (outcome.said, outcome.holds):
                    profiles.append(outcome.profile)
                    break
            else:
                found.append(([outcome.profile], outcome))
        return found


def judge(rule_id: str, example: Example, profile: str, book) -> Outcome:
    """Screen one example under one profile of a book."""
    said, finding = says(rule_id, _under(example.dossier, profile), book)
    text = ""
    if finding is not None:
        text = " ".join((finding.title, finding.sentence, finding.clears))
    holds = (
        said == example.claims[profile]
        and (finding is None or example.mentions in text)
        and not (example.lacks and example.lacks in text)
    )
    return Outcome(profile, said, finding, holds)


def says(rule_id: str, dossier: Dossier, book) -> tuple[int | str | None, Finding | None]:
    """What a rule says of a dossier: a severity, QUIET or NOT_EVALUABLE; and its worst finding."""
    screening = screen(dossier, book)
    found = [each for each in screening.findings if each.rule_id == rule_id]
    if found:
        finding = min(found, key=lambda each: each.severity)
        return int(finding.severity), finding
    if any(gap.rule_id == rule_id for gap in screening.not_evaluable):
        return NOT_EVALUABLE, None
    return QUIET, None


def _under(dossier, profile):
    values = {name: getattr(dossier, name) for name in Dossier.__slots__}
    return Dossier(**(values | {"profile": profile}))


def worked_examples(rule_id: str, book) -> list[Worked]:
    """The examples of a rule, each judged under every profile that it names.

    Nothing is stored: what the page shows is what this edition of the core says with that book.
    """
    return [
        Worked(
            example.why,
            described(example.dossier),
            example.dossier,
            [judge(rule_id, example, profile, book) for profile in example.claims],
        )
        for example in EXAMPLES.get(rule_id, ())
    ]
