"""A plan against TAP-01 to TAP-07: the rules themselves judge it, and say on whose authority.

The record is screened as it would be with this taper under way, so that what is shown before saving
is what screening says afterwards. What a rule cannot see yet (contacts and halts still to come) is
judged by the figures of the same rule.
"""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from reviews.rules import words
from reviews.rules.book import RuleBook
from reviews.rules.dossier import Dossier, Taper, TaperStep
from reviews.rules.finding import Finding, Screening
from reviews.rules.parameters import EXPOSURE
from reviews.rules.policy import at
from reviews.rules.registry import BY_ID
from reviews.rules.screen import screen
from reviews.rules.sources import SOURCES, Citation
from reviews.tapering import limits as pace
from reviews.tapering.planning import FEW_NIGHTS, Plan, Step, contacts, percent_fallen

MET = "met"
LOOK = "look"
NOT_APPLICABLE = "not applicable"
UNKNOWN = "unknown"
TITLES = {
    "TAP-01": "At most {fall_over_percent} % in any {window_days} days",
    "TAP-02": "Steps of at most {step_over_percent} % after {exposed_from_days} days of use, or "
    "after a taper that was given up",
    "TAP-03": "Contact after the first {first_steps_count} steps, then every {contact_over_days} "
    "days",
    "TAP-04": "A reduction within {stalled_from_days} days",
    "TAP-05": "A rise of {rise_percent} % is noted",
    "TAP-06": "Steps over {step_every_days} days apart after {exposed_from_days} days of use",
    "TAP-07": "Level of care, over {over_mg} mg diazepam equivalent or with a risk on record",
}
RULE_IDS = tuple(TITLES)
SAID_BY_STEPS = ("TAP-01", "TAP-02")
"""Rules whose answer names every step that is larger, and not only the first or the steepest."""
PACE = "pace"
PACE_TITLE = "{percent} % in {every_days} days, held for the whole plan"
UNSAVED = 0
Answer = tuple[str, str]
"""A result (`MET`, `LOOK`, ...) and a sentence about the plan."""


class Check(NamedTuple):
    """One rule's answer to a plan; `title` says what the rule asks.

    `result` is "met", "look" (change the plan or give a reason), "not applicable", or "unknown":
    the record holds no supply by which the rule could judge. `said` is about this plan. Small doses
    that a rule leaves out are named and to be accepted; they are never "met". `rule_id` is `PACE`
    for the pace that was chosen, which no rule knows.
    """

    rule_id: str
    title: str
    said: str
    result: str
    severity: int | None
    sources: tuple[Citation, ...]

    @property
    def needs_reason(self) -> bool:
        return self.result == LOOK


def as_taper(
    planned: Plan,
    *,
    id: int = UNSAVED,
    last_contact_on: date | None = None,
) -> Taper:
    """The plan as the rules read it."""
    return Taper(
        id=id,
        drug=planned.drug,
        status="active",
        steps=tuple(TaperStep(step.on, float(step.mg)) for step in planned.steps),
        last_contact_on=last_contact_on,
    )


def check(
    planned: Plan,
    dossier: Dossier,
    book: RuleBook,
    *,
    pace_chosen: tuple[Decimal, int] | None = None,
    taper_id: int = UNSAVED,
) -> tuple[Check, ...]:
    """The pace chosen (percent, in so many days), then every rule about tapers, in order.

    The plan takes the place of the taper with this id.
    """
    book = at(book, dossier.practice, dossier.group)
    others = tuple(taper for taper in dossier.tapers if taper.id != taper_id)
    mine = as_taper(planned, id=taper_id, last_contact_on=dossier.as_of)
    screening = screen(replace(dossier, tapers=(*others, mine)), book)
    found: dict[str, Finding] = {}
    for finding in screening.findings:
        if finding.rule_id in RULE_IDS and _is_about(finding, mine):
            found.setdefault(finding.rule_id, finding)
    answers = _Answers(planned, dossier, book, screening, set(found) | set(screening.shadowed))
    checks = []
    if pace_chosen is not None:
        limits = pace.of(book.rules, dossier.profile, book.drugs[planned.drug])
        checks.append(_pace(planned, *pace_chosen, limits))
    for rule_id in RULE_IDS:
        result, said = answers.of(rule_id)
        finding = found.get(rule_id)
        if finding is not None:
            result = LOOK
        rule = BY_ID[rule_id]
        checks.append(
            Check(
                rule_id=rule_id,
                title=answers.title(rule_id),
                said=said if finding is None or rule_id in SAID_BY_STEPS else finding.sentence,
                result=result,
                severity=None if finding is None else int(finding.severity),
                sources=tuple(SOURCES[key] for key in rule.sources),
            )
        )
    return tuple(checks)


def _is_about(finding: Finding, taper: Taper) -> bool:
    """Is a finding about this plan, and not about another taper or what was issued before?"""
    rule_id, *about = finding.key.split(":")
    if rule_id in ("TAP-05", "TAP-07"):
        return rule_id == "TAP-07"
    return str(taper.id) in about[:2]


def _pace(planned: Plan, percent: Decimal, every_days: int, limits: pace.Limits) -> Check:
    """Whether every step is kept as long as the pace chosen asks for.

    Nothing can be kept after the last step: one from a dose that is not small is to be accepted.
    """
    fastest, faster = Decimal(0), []
    for before, after, days in planned.held():
        mean = percent_fallen(before, after) * every_days / days
        fastest = max(fastest, mean)
        if mean > percent + pace.TOLERANCE:
            faster.append(planned.steps.index(after))
    title = PACE_TITLE.format(percent=_mg(percent), every_days=every_days)
    said = f"largest mean: {fastest:.0f} % in {every_days} days"
    if faster:
        said += f"; faster at {_steps(faster)}"
    last = planned.steps[-2] if len(planned.steps) > 1 and not planned.steps[-1].mg else None
    large = last is not None and not _may_end_at(last, limits)
    if last is not None and large:
        equal = (
            "" if limits.per_mg is None else f", about {_mg(last.mg * limits.per_mg)} mg diazepam"
        )
        said += (
            f"; the last step, from {_mg(last.mg)} mg a day{equal}, to none is a large one: a "
            "liquid, a smaller part of a tablet or a change to diazepam makes it smaller"
        )
    return Check(PACE, title, said, LOOK if faster or large else MET, None, ())


def _may_end_at(last: Step, limits: pace.Limits) -> bool:
    """A small dose, or few enough nights a week that the rest may go together."""
    return limits.is_small_dose(last.mg) or last.nights <= FEW_NIGHTS


def _steps(numbers: list[int]) -> str:
    """ "step 3", "steps 16 to 18", "steps 3, 7 and 9"."""
    if len(numbers) == 1:
        return f"step {numbers[0]}"
    if numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"steps {numbers[0]} to {numbers[-1]}"
    return f"steps {words.listed(map(str, numbers))}"


class _Answers:
    """How a plan stands by each rule that found nothing: the result, and a sentence about it.

    `fired` are the rules that found something, shown or not. `judged` says that the record holds a
    supply in use today, without which most of these rules find nothing whatever the plan.
    """

    def __init__(
        self,
        planned: Plan,
        dossier: Dossier,
        book: RuleBook,
        screening: Screening,
        fired: set[str],
    ) -> None:
        self.planned, self.dossier, self.book = planned, dossier, book
        self.rules = {rule_id: book.rules[rule_id][dossier.profile] for rule_id in RULE_IDS}
        self.fired = fired
        self.limits = pace.of(book.rules, dossier.profile, book.drugs[planned.drug])
        exposure = screening.exposure
        self.exposed_days = None if exposure is None else exposure.days
        gap = timedelta(days=book.rules[EXPOSURE][dossier.profile]["gap_days"] + 1)
        self.judged = exposure is not None and (
            exposure.end_on is None or exposure.end_on + gap >= dossier.as_of
        )

    def of(self, rule_id: str) -> Answer:
        """The answer by one rule about tapers."""
        by_rule = {
            "TAP-01": self._steepest_fall,
            "TAP-02": self._size_of_steps,
            "TAP-03": self._contacts,
            "TAP-04": self._halts,
            "TAP-05": self._rises,
            "TAP-06": self._days_between_steps,
            "TAP-07": self._level_of_care,
        }
        return by_rule[rule_id]()

    def title(self, rule_id: str) -> str:
        """What the rule asks of a plan, with the figures of this rule book."""
        limit = {name: words.amount(value) for name, value in self.rules[rule_id].items()}
        return TITLES[rule_id].format(**limit)

    def _silent(self, holds: bool) -> str:
        """The result by a rule that found nothing: `holds` says that the plan is the cause."""
        if holds:
            return MET
        return NOT_APPLICABLE if self.judged else UNKNOWN

    def _steepest_fall(self) -> Answer:
        falls = steepest(self.planned, self.limits)
        over = {n: fall for n, fall in falls.items() if fall.percent > self.limits.fall_percent}
        within = [n for n in falls if n not in over]
        said = []
        if within:
            most = max(falls[n].percent for n in within)
            said.append(f"{_steps(within)}: at most {most:.0f} %")
        if over:
            each = words.listed(
                f"{fall.percent:.0f} % ({_mg(fall.before)} mg to {_left(fall.after)})"
                for fall in over.values()
            )
            alone = all(fall.alone for fall in over.values())
            alone = f", each alone in {self.limits.window_days} days" * alone
            said.append(f"{_steps([*over])}: {each}{alone}")
        return self._judged(not over), "; ".join(said) or "no dose comes down"

    def _judged(self, holds: bool) -> str:
        """The result where no step at all was left out: small doses are looked at too."""
        if holds:
            return MET
        return LOOK if self.judged else UNKNOWN

    def _size_of_steps(self) -> Answer:
        failed = any(taper.status == "failed" for taper in self.dossier.tapers)
        known = (
            "exposure not known"
            if self.exposed_days is None
            else f"{self.exposed_days} days of use"
        )
        said = f"{known}; {'an earlier taper was given up' if failed else 'no taper given up'}"
        limit = self.rules["TAP-02"]
        applies = failed or (self.exposed_days or 0) >= limit["exposed_from_days"]
        over = [
            n
            for n, (before, after) in enumerate(self.planned.pairs(), start=1)
            if percent_fallen(before, after) > Decimal(str(limit["step_over_percent"]))
        ]
        if over and applies:
            said += f"; larger: {_steps(over)}"
            return LOOK, said
        if not applies and self.judged:
            return NOT_APPLICABLE, said
        return self._silent(not over), said

    def _contacts(self) -> Answer:
        days = contacts(self.planned, self.limits)
        first = words.listed(_day(day) for day in days[: self.limits.first_steps])
        return MET, f"contact planned on {first}, then at least every " + (
            f"{self.limits.contact_days} days: {len(days)} in all"
        )

    def _halts(self) -> Answer:
        most = self.rules["TAP-04"]["stalled_from_days"]
        falls = [self.planned.steps[0].on] + [
            after.on for before, after in self.planned.pairs() if after.mg < before.mg
        ]
        longest = max(((b - a).days for a, b in pairwise(falls)), default=0)
        result = MET if longest < most else LOOK
        return result, f"at most {words.days(longest)} without a reduction"

    def _rises(self) -> Answer:
        rises = sum(after.mg > before.mg for before, after in self.planned.pairs())
        if not rises:
            return MET, "no dose goes up"
        said = "one step back" if rises == 1 else f"{rises} steps back"
        return MET, f"{said}: acceptable, and no failure"

    def _days_between_steps(self) -> Answer:
        falls = [after.on for before, after in self.planned.pairs() if after.mg < before.mg]
        apart = min(((b - a).days for a, b in pairwise(falls)), default=None)
        if apart is None:
            return NOT_APPLICABLE, "one step only"
        said = f"steps at least {words.days(apart)} apart"
        if "TAP-06" in self.fired:
            return LOOK, said
        return self._silent(apart > self.rules["TAP-06"]["step_every_days"]), said

    def _level_of_care(self) -> Answer:
        per_mg = self.limits.per_mg
        amount = (
            "no equivalent in the table"
            if per_mg is None
            else f"about {_mg(self.planned.steps[0].mg * per_mg)} mg diazepam equivalent a day"
        )
        said = f"{amount}; no withdrawal seizure, severe illness or pregnancy recorded"
        return (MET if self.judged else UNKNOWN), said


class Fall(NamedTuple):
    """The dose at the start of a window of days, and what is left of it; `alone`: by one step."""

    before: Decimal
    after: Decimal
    alone: bool

    @property
    def percent(self) -> Decimal:
        return 100 * (self.before - self.after) / self.before


def steepest(planned: Plan, limits: pace.Limits) -> dict[int, Fall]:
    """For each reduction by its number, the largest fall in any window that it ends.

    Every dose counts, the small ones and the last step too.
    """
    falls: dict[int, Fall] = {}
    rows = planned.steps
    for n in range(1, len(rows)):
        if rows[n].mg >= rows[n - 1].mg:
            continue
        for m in range(1, n + 1):
            if (rows[n].on - rows[m].on).days >= limits.window_days:
                continue
            if rows[n].mg < rows[m - 1].mg:
                fall = Fall(rows[m - 1].mg, rows[n].mg, m == n)
                if n not in falls or fall.percent > falls[n].percent:
                    falls[n] = fall
    return falls


def _left(mg: Decimal) -> str:
    return f"{_mg(mg)} mg" if mg else "none"


def _mg(value: Decimal) -> str:
    return words.amount(round(float(value), 2))


def _day(on: date) -> str:
    return f"{on.day} {words.MONTHS[on.month - 1][:3]} {on.year}"
