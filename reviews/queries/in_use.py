"""Which benzodiazepines and Z-drugs somebody takes now, for how long, how much, and from whom."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import NamedTuple

import structlog
from django.contrib.auth.models import User

from reviews import dossiers
from reviews.models import named
from reviews.queries.medicines import supplies_of
from reviews.rules import words
from reviews.rules.book import RuleBook
from reviews.rules.dossier import Dossier
from reviews.rules.drug import BZRA, OPIOID
from reviews.rules.equivalents import equivalent
from reviews.rules.exposure import Stretch, Use
from reviews.rules.meanings import recognised as as_recognised
from reviews.rules.naming import names
from reviews.rules.view import View

log = structlog.get_logger(__name__)
DAYS_OF_A_MONTH = 30.4


class InUse(NamedTuple):
    """What somebody takes of them on the day of the dossier.

    `mg` is what it comes to in diazepam a day, None where a dose or a figure is missing; 0 where
    nothing is in use. `days` are the days of the longest unbroken use, None where nobody knows how
    long it is. `dose` is that of the only one, in words, or empty. `prescriber` is whose id (as
    text) or name stands on the newest order.
    """

    drugs: tuple[str, ...]
    mg: float | None
    days: int | None
    dose: str
    opioids: tuple[str, ...]
    prescriber: str

    @property
    def duration(self) -> str:
        """How long without a break, as a letter says it: "5 weeks", "7 months"."""
        if self.days is None:
            return "some time"
        months = int(self.days / DAYS_OF_A_MONTH)
        if months > 1:
            return f"{months} months"
        weeks = self.days // 7
        return f"{weeks} weeks" if weeks > 1 else words.days(self.days)


def of(dossier: Dossier, book: RuleBook) -> InUse:
    """What is in use by a dossier, as the rules see it."""
    recognised = [(line, as_recognised(line, dossier.meanings, book)) for line in dossier.lines]
    sedatives = [(line, medicine) for line, medicine in recognised if medicine.mask & BZRA]
    opioids: dict[str, None] = {}
    if any(medicine.mask & OPIOID for _, medicine in recognised):
        for supply in supplies_of(dossier, book):
            if supply.in_hand:
                ingredients = supply.recognition.ingredients
                opioids |= dict.fromkeys(
                    drug.name for _, drug, mask in ingredients if mask & OPIOID
                )
    if not sedatives:
        return InUse((), 0.0, None, "", tuple(opioids), "")
    view = View(dossier, book, sedatives)
    if not view.now:
        return InUse((), 0.0, None, "", tuple(opioids), "")
    vague = bool(view.unclear or view.undated) or not view.current
    return InUse(
        drugs=tuple(names(view.now)),
        mg=_mg(view),
        days=None
        if vague
        else max(
            episode.exposed_days(episode.start, min(episode.end, view.today))
            for episode in view.current
        ),
        dose=_dose(view),
        opioids=tuple(opioids),
        prescriber=_prescriber(view.now),
    )


def _today(view: View) -> Stretch | None:
    """The amounts of today, else the last ones that a supply starting today would continue."""
    now = view.stretches_now
    return next((s for s in now if s.start <= view.today <= s.end), now[-1] if now else None)


def _mg(view: View) -> float | None:
    stretch = _today(view)
    if stretch is None or view.unclear or view.undated:
        return None
    found = equivalent(view.scale, stretch)
    return None if found.missing else round(found.mg, 3)


def _dose(view: View) -> str:
    stretch = _today(view)
    if stretch is None or len(stretch.parts) != 1 or len(view.now) != 1:
        return ""
    mg = stretch.parts[0].mg
    return "" if mg is None else f"{words.amount(mg)} mg a day"


def _prescriber(uses: Iterable[Use]) -> str:
    newest = max(uses, key=lambda use: (use.start or 0, use.line.id))
    return newest.line.prescriber or ""


def of_many(
    patient_ids: Iterable[int], *, book: RuleBook, as_of: date
) -> Iterator[tuple[int, InUse | None]]:
    """`(patient's id, what is in use)` of many, in a fixed number of queries.

    None of somebody whose record cannot be judged.
    """
    for patient_id, _, make in dossiers.read(list(patient_ids), as_of=as_of):
        yield patient_id, _judged(make, book)


def _judged(make: Callable[[], Dossier], book: RuleBook) -> InUse | None:
    try:
        return of(make(), book)
    except Exception:  # one record that cannot be judged must not stop those of the others
        log.exception("not_judged")
        return None


def prescribers(said: Iterable[str]) -> dict[str, tuple[User | None, str]]:
    """`{as it stands on orders: (the account, the name)}`."""
    wanted = set(said)
    ids = {int(each) for each in wanted if each.isdigit()}
    users = {str(user.pk): user for user in User.objects.filter(pk__in=ids)}
    return {
        each: (users[each], named(users[each])) if each in users else (None, each)
        for each in wanted
        if each in users or not each.isdigit()
    }
