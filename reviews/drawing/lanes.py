"""The lanes of the time line: one medicine each, with its supplies and what is planned of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reviews.rules.book import RuleBook
from reviews.rules.dossier import IN_FORCE, Dossier
from reviews.rules.drug import BIT, BZRA, SUBSTITUTION, Drug
from reviews.rules.exposure import (
    OPEN,
    Span,
    Supply,
    UnclearSupply,
    Use,
    as_taken,
    carry_forward,
    read,
)
from reviews.rules.meanings import recognised
from reviews.rules.parameters import EXPOSURE

BENZO, OPIOID, GABAPENTINOID, OTHER = KINDS = ("benzo", "opioid", "gabapentinoid", "other")
OPIOIDS = BIT["opioid"] | BIT[SUBSTITUTION]
GABAPENTINOIDS = BIT["gabapentinoid"]
# So many days of a planned step that has no end are drawn.
OPEN_STEP_DAYS = 21
# More lanes than this are not read; the others are named below the drawing.
MOST_LANES = 10


class Step(NamedTuple):
    """Days on which a taper plans one amount a day; `end` is OPEN where it plans no further."""

    start: int
    end: int
    mg: float


@dataclass(frozen=True)
class Lane:
    """One medicine: bars of known supply, hatched ones whose end nobody recorded, and a plan."""

    name: str
    kind: str
    spans: tuple[Span, ...]
    unclear: tuple[Span, ...]
    plan: tuple[Step, ...] = ()

    @property
    def begins(self) -> int:
        return min(span.start for span in (*self.spans, *self.unclear, *self.plan))

    @property
    def ends(self) -> int:
        """The last day supplied or planned; OPEN for a plan that goes on."""
        return max(span.end for span in (*self.spans, *self.unclear, *self.plan))

    @property
    def plan_ends(self) -> int:
        """The last day planned, or some days into a step that has no end; 0 without a plan."""
        if not self.plan:
            return 0
        step = self.plan[-1]
        return step.start + OPEN_STEP_DAYS if step.end == OPEN else step.end


class _Medicine(NamedTuple):
    """The uses of one drug, and its classes as bits."""

    mask: int
    uses: list[Use]


def lanes_of(dossier: Dossier, book: RuleBook) -> list[Lane]:
    """A lane for each drug that a rule knows and somebody had or is to have; sedatives first."""
    limit = book.rules[EXPOSURE][dossier.profile]
    today = dossier.as_of.toordinal()
    plans = _plans(dossier, book, today)
    medicines = _medicines(dossier, book, limit)
    for drug, _ in plans.values():
        mask = sum(BIT[each] for each in drug.classes)
        medicines.setdefault(drug.name, _Medicine(mask, []))
    lanes = []
    for name, medicine in medicines.items():
        uses = as_taken(medicine.uses, today, limit).uses
        carried_days = limit["carry_forward_max_days"] if medicine.mask & BZRA else 0
        lanes.append(
            Lane(
                name,
                _kind(medicine.mask),
                _known(uses, carried_days),
                _unclear(uses, today),
                plans[name][1] if name in plans else (),
            )
        )
    return sorted(lanes, key=lambda lane: (KINDS.index(lane.kind), lane.begins, lane.name))


def _medicines(dossier: Dossier, book: RuleBook, limit: dict) -> dict[str, _Medicine]:
    """The drugs that a rule knows and that were in hand from a day on, by name."""
    medicines: dict[str, _Medicine] = {}
    for line in dossier.lines:
        recognition = recognised(line, dossier.meanings, book)
        for ingredient in recognition.ingredients:
            use = read(line, recognition, ingredient, limit) if ingredient.mask else None
            if use is not None and use.start is not None:
                name = use.drug.name
                before = medicines[name].uses if name in medicines else []
                medicines[name] = _Medicine(ingredient.mask, [*before, use])
    return medicines


def _known(uses: Iterable[Use], carried_days: int) -> tuple[Span, ...]:
    known = [use for use in uses if isinstance(use, Supply)]
    return tuple(carry_forward(known, carried_days)) if known else ()


def _unclear(uses: Iterable[Use], today: int) -> tuple[Span, ...]:
    """Supplies of unknown length, drawn up to today or as far as they can reach."""
    return tuple(
        Span(use.start, min(max(use.least_end, today), use.reach), use)
        for use in uses
        if isinstance(use, UnclearSupply)
    )


def _plans(
    dossier: Dossier, book: RuleBook, today: int
) -> dict[str, tuple[Drug, tuple[Step, ...]]]:
    """`{drug name: (drug, steps from today on)}` of the tapers in force."""
    plans = {}
    for taper in dossier.tapers:
        drug = book.drugs.get(taper.drug)
        if drug is None or taper.status not in IN_FORCE:
            continue
        steps = []
        for step, following in zip(taper.steps, [*taper.steps[1:], None], strict=True):
            start = max(step.on.toordinal(), today)
            end = following.on.toordinal() - 1 if following else OPEN
            if end >= start and step.mg_per_day:
                steps.append(Step(start, end, step.mg_per_day))
        if steps:
            plans[drug.name] = (drug, tuple(steps))
    return plans


def _kind(mask: int) -> str:
    if mask & BZRA:
        return BENZO
    if mask & OPIOIDS:
        return OPIOID
    return GABAPENTINOID if mask & GABAPENTINOIDS else OTHER


def fold(lanes: Sequence[Lane], first: int) -> tuple[list[Lane], list[str]]:
    """The lanes to draw, and the names of the others: over before the drawing, or one too many.

    A medicine that is no sedative goes first, one that ended longest ago before the rest; a
    benzodiazepine or Z-drug within the drawing is always drawn.
    """
    shown = [lane for lane in lanes if lane.ends >= first]
    may_go = [lane for lane in shown if lane.kind != BENZO]
    may_go.sort(key=lambda lane: (lane.kind != OTHER, lane.ends))
    gone = {lane.name for lane in may_go[: max(0, len(shown) - MOST_LANES)]}
    shown = [lane for lane in shown if lane.name not in gone]
    drawn = {lane.name for lane in shown}
    return shown, [lane.name for lane in lanes if lane.name not in drawn]
