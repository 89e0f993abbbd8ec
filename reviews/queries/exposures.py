"""The exposure episodes of a patient as their page lists them: the same ones that the rules see."""

from dataclasses import dataclass
from datetime import date

from reviews.rules.book import RuleBook
from reviews.rules.dossier import Dossier
from reviews.rules.drug import BZRA
from reviews.rules.equivalents import Equivalent, equivalent
from reviews.rules.exposure import Episode, stretches
from reviews.rules.meanings import recognised as as_recognised
from reviews.rules.naming import names
from reviews.rules.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One episode; `highest` is its greatest daily amount in diazepam, None where nobody knows.

    `going_on`: a supply that starts today would still belong to it.
    """

    start_on: date
    end_on: date
    days: int
    drugs: tuple[str, ...]
    highest: Equivalent | None
    going_on: bool


def of(dossier: Dossier, book: RuleBook) -> tuple[list[Row], list[str]]:
    """`(rows, unknown)`: the episodes, newest first, and the drugs of supplies without a length."""
    recognised = [(line, as_recognised(line, dossier.meanings, book)) for line in dossier.lines]
    sedatives = [(line, medicine) for line, medicine in recognised if medicine.mask & BZRA]
    if not sedatives:
        return [], []
    view = View(dossier, book, sedatives)
    rows = [
        Row(
            start_on=date.fromordinal(episode.start),
            end_on=date.fromordinal(episode.end),
            days=episode.exposed_days(episode.start, episode.end),
            drugs=tuple(names(episode.spans)),
            highest=_highest(view, episode),
            going_on=episode in view.current,
        )
        for episode in reversed(view.episodes)
    ]
    return rows, names([*view.unclear, *view.undated])


def _highest(view: View, episode: Episode) -> Equivalent | None:
    """None as soon as a dose or a figure is missing: the greatest of the rest may not be it."""
    found = [equivalent(view.scale, stretch) for stretch in stretches(episode.spans)]
    if not found or any(each.missing for each in found):
        return None
    highest = max(found, key=lambda each: each.mg)
    return highest if highest.mg else None
