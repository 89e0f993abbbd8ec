"""In proportion to use: which pace suits how long it was taken, and whether a taper is needed.

A proposal, never a rule: the clinician chooses. How long is how long it is in use, which somebody
may have told, and not how long the record is.
"""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from reviews.rules import words
from reviews.rules.book import RuleBook
from reviews.rules.dossier import Dossier, Reading
from reviews.rules.screen import use_today
from reviews.rules.sources import NEXT_REVIEW_UNVERIFIED, REVIEWED, SOURCES, Citation

SHORT_USE = Citation(
    "Prescribing drugs of dependence in general practice, part B",
    "Royal Australian College of General Practitioners",
    None,
    "use of less than 4 weeks can usually be ended without a taper",
)
LENGTHS = Citation(
    "Which pace is proposed after how long",
    "Prescription Safety Portal",
    2026,
    "25 % in 2 weeks under 90 days, then 10 %; 5 % after a taper that was given up",
    REVIEWED,
    NEXT_REVIEW_UNVERIFIED,
    verified=False,
    note="local policy/unverified: the paces lie within those of ASAM 2025",
)
SHORT_DAYS = 28
TWO_WEEKS = 14
LATEST = 2**62
"""An id above every reading on record: of two readings of a day the latest counts."""


class Pace(NamedTuple):
    """At most so many percent in so many days, from so many days of use."""

    from_days: int
    percent: Decimal
    every_days: int


PACES = (Pace(90, Decimal(10), TWO_WEEKS), Pace(0, Decimal(25), TWO_WEEKS))
GIVEN_UP = Pace(0, Decimal(5), TWO_WEEKS)
"""ASAM 2025, recommendation 6: 5 to 10 % at first, typically not more than 25 % in 2 weeks. Which
length of use gets which of these is local policy, unverified. From 40 mg of diazepam, 5 % each time
takes more than four years: that is for whom 10 % was too fast."""
UNKNOWN = PACES[0]


class InUseSince(NamedTuple):
    """Since when the medicine is in use, and who said so (a choice of the reading, or empty)."""

    since: date
    told_by: str = ""

    def answers(self) -> dict[str, str]:
        """The answer of each kind of reading that says so."""
        found = {"in_use_since": self.since.isoformat(), "in_use_since_told_by": self.told_by}
        return {kind: text for kind, text in found.items() if text}


def with_use(dossier: Dossier, since: InUseSince | None) -> Dossier:
    """The record as it would be once somebody's word on it is recorded on its day."""
    if since is None:
        return dossier
    told = (
        Reading(LATEST + n, kind, on=dossier.as_of, text=text)
        for n, (kind, text) in enumerate(since.answers().items())
    )
    return replace(dossier, readings=(*dossier.readings, *told))


class Proportion(NamedTuple):
    """What suits the use: `days` of it (None = not known), and why dependence is to be expected.

    With `none_needed` a taper is not usually needed; `said` explains, on the word of `sources`.
    """

    days: int | None
    dependence: str
    pace: Pace
    none_needed: bool
    said: str
    sources: tuple[Citation, ...]


def of(dossier: Dossier, book: RuleBook) -> Proportion:
    """What suits the use of a person on the day of the dossier."""
    days, why = use_today(dossier, book)
    if days is None:
        said = "How long it is in use is not known: ask, and say since when."
        return Proportion(None, why, UNKNOWN, False, said, (SOURCES["asam-2025-6"], LENGTHS))
    # An earlier taper that was given up asks for the smallest steps, however short the use.
    failed = any(taper.status == "failed" for taper in dossier.tapers)
    pace = GIVEN_UP if failed else next(each for each in PACES if days >= each.from_days)
    in_use = f"In use for {words.days(days)}"
    if days < SHORT_DAYS and not why and not failed:
        said = (
            f"{in_use}: after less than {SHORT_DAYS} days a taper is not usually needed. Tell the "
            "person what may come back for some nights, and to ring if it does."
        )
        return Proportion(days, "", pace, True, said, (SHORT_USE,))
    expected = f"; dependence is to be expected ({why})" if why else ""
    given_up = "; an earlier taper was given up" if failed else ""
    said = (
        f"{in_use}{expected}{given_up}: {pace.percent:f} % in {words.days(pace.every_days)} is "
        "proposed."
    )
    return Proportion(days, why, pace, False, said, (SOURCES["asam-2025-6"], LENGTHS))
