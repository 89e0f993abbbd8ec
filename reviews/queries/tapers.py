"""Tapers as pages show them: where a plan stands, step by step, and what one is planned from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db.models import Prefetch, QuerySet

from reviews import access, dossiers, rulebooks
from reviews.access import Action
from reviews.models import Patient, Taper, TaperStatus, TaperVersion
from reviews.rules.book import RuleBook
from reviews.rules.dossier import Dossier
from reviews.rules.drug import BZRA_CLASSES
from reviews.rules.policy import at
from reviews.tapering import comparing, crossing, doses, limits, proportion, scored, ways
from reviews.tapering.comparing import ComparedStep, Use
from reviews.tapering.doses import FORMS, Strength
from reviews.tapering.planning import (
    DAY,
    EVERY_NIGHT,
    NIGHTS,
    TIMES,
    Plan,
    Request,
    Step,
    Supply,
    TimedDose,
)
from reviews.tapering.proportion import InUseSince, Proportion
from reviews.tapering.scored import Scored
from reviews.tapering.sheet import Wording


class Standing(NamedTuple):
    """A taper in its newest version, and where its plan stands on a day."""

    version: TaperVersion
    plan: Plan
    now: Step | None
    next_step: Step | None
    next_contact: date | None


class TimeOfDay(NamedTuple):
    """A dose as a step shows it; `dose` is None where none is taken at that time any more."""

    name: str
    dose: TimedDose | None
    lowered: bool


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step as a table shows it: until when, how much less than before, made up of what.

    `times` has an entry for each time of day of the plan's beginning. `longer` says that it is kept
    longer than the interval, because the step was larger than the pace.
    """

    number: int
    step: Step
    until: date | None
    less_percent: Decimal | None
    made: str
    in_words: str
    contacts: tuple[date, ...]
    now: bool
    compared: ComparedStep | None
    times: tuple[TimeOfDay, ...] = ()
    supply: Supply | None = None
    longer: bool = False

    @property
    def held(self) -> str:
        """ "2 weeks", "10 days": how long this step is kept; empty for the last."""
        if self.until is None:
            return ""
        days = (self.until - self.step.on).days + 1
        if days % 7:
            return f"{days} day{'s' * (days != 1)}"
        return f"{days // 7} week{'s' * (days != 7)}"

    @property
    def week(self) -> tuple[bool, ...]:
        """For each day of the week from Monday, whether a dose is taken; empty if on every day."""
        if not self.step.mg or self.step.nights == EVERY_NIGHT:
            return ()
        return self.nights_shown

    @property
    def nights_shown(self) -> tuple[bool, ...]:
        """For each day of the week from Monday, whether a dose is taken."""
        nights = NIGHTS[self.step.nights] if self.step.mg else ()
        return tuple(day in nights for day in range(EVERY_NIGHT))

    @property
    def weeks(self) -> list[date]:
        """The first day of each week of the step, for a calendar; none for the last step."""
        if self.until is None:
            return []
        days = range(0, (self.until - self.step.on).days + 1, 7)
        return [self.step.on + timedelta(days=n) for n in days]

    @property
    def last(self) -> bool:
        """Whether nothing is taken from this step on."""
        return not self.step.mg


class PartOf(NamedTuple):
    """The step of a taper to which a prescription belongs, and how its dose compares."""

    version: TaperVersion
    name: str
    step: Step
    mg: Decimal | None
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a taper of a person can be planned from, as their record is on a day.

    `uses` are the benzodiazepines and Z-drugs taken now, `names` those that can be chosen by key,
    `in_force` the newest version of each taper under way, by drug. `proportion` is what suits the
    use.
    """

    book: RuleBook
    dossier: Dossier
    uses: list[Use]
    names: dict[str, str]
    in_force: dict[str, TaperVersion]
    proportion: Proportion

    def marketed(self, drug: str) -> list[tuple[str, Decimal]]:
        """The strengths of a drug under the person's profile, as (form, mg)."""
        strengths = self.book.drugs[drug].strengths.get(self.dossier.profile, {})
        return [
            (form, Decimal(str(mg)))
            for form in FORMS
            if form in strengths
            for mg in strengths[form]
        ]

    def halved(self, drug: str, mg: Decimal) -> bool:
        """Whether the label of a product says that a tablet of so many mg may be halved."""
        return scored.may_be_halved(drug, self.book.base_of(self.dossier.profile), mg)

    def scored(self, drug: str) -> list[Scored]:
        """What labels say of halving the tablets of a drug."""
        base = self.book.base_of(self.dossier.profile)
        return [
            known
            for form, mg in self.marketed(drug)
            if form in doses.DIVIDED and (known := scored.found(drug, base, mg))
        ]

    def in_diazepam(self, drug: str, mg: Decimal) -> list[crossing.Equivalent]:
        """A daily dose of a drug in diazepam, by each table."""
        return crossing.equivalents(self.book, self.dossier.profile, self.book.drugs[drug], mg)


def live_versions() -> QuerySet[TaperVersion]:
    return TaperVersion.objects.filter(superseded_at__isnull=True).select_related(
        "taper__patient", "taper__practice", "recorded_by"
    )


def fetch(user: User, pk: int) -> TaperVersion:
    """The newest version of a taper that `user` may see. Raises `NotFound`."""
    access.fetch(Taper.objects.all(), user, Action.SEE_PATIENT, pk=pk)
    return live_versions().get(taper_id=pk)


def in_force(patient: Patient) -> list[TaperVersion]:
    """The newest version of each taper of a patient that has not ended."""
    return list(live_versions().filter(taper__patient=patient, taper__ended_at__isnull=True))


def of_patient(patient: Patient, today: date) -> list[Standing]:
    """All tapers of a patient, the one in force first."""
    live = TaperVersion.objects.filter(superseded_at__isnull=True)
    tapers = (
        Taper.objects.filter(patient=patient)
        .prefetch_related(Prefetch("versions", queryset=live, to_attr="live"))
        .order_by("ended_at", "-opened_at")
    )
    standings = []
    for taper in tapers:
        (version,) = taper.live
        version.taper = taper
        standings.append(standing(version, today))
    return standings


def standing(version: TaperVersion, today: date) -> Standing:
    plan = version.plan
    return Standing(
        version=version,
        plan=plan,
        now=plan.step_on(today),
        next_step=next((step for step in plan.steps if step.on > today), None),
        next_contact=next((day for day in version.contact_days if day > today), None),
    )


def basis(patient: Patient, today: date) -> Basis:
    """What a taper of a patient can be planned from today."""
    _, book = rulebooks.holding_at(patient.practice_id)
    dossier = dossiers.one(patient, as_of=today)
    versions = {version.taper.drug: version for version in in_force(patient)}
    uses = [
        _as_planned(use, versions.get(use.drug), today)
        for use in comparing.current_use(dossier, book)
    ]
    taken = {use.drug for use in uses}
    return Basis(
        book=book,
        dossier=dossier,
        uses=uses,
        names={
            key: drug.name
            for key, drug in book.drugs.items()
            if drug.classes & BZRA_CLASSES and (drug.strengths or key in taken)
        },
        in_force=versions,
        proportion=proportion.of(dossier, book),
    )


def in_proportion(basis: Basis, since: InUseSince | None) -> Proportion:
    """What suits the use as it would be with what somebody says of it."""
    return proportion.of(proportion.with_use(basis.dossier, since), basis.book)


def ways_down(
    basis: Basis,
    request: Request,
    use: Proportion,
    equals: Sequence[crossing.Equivalent],
) -> list[ways.Way]:
    """The ways to come down from the dose of a request."""
    book = at(basis.book, basis.dossier.practice, basis.dossier.group)
    pace = limits.of(book.rules, basis.dossier.profile, book.drugs[request.drug])
    return ways.ways(request, pace, use, equals)


def _as_planned(use: Use, version: TaperVersion | None, today: date) -> Use:
    """During a taper the dose now is the one that was planned for today."""
    step = version.plan.step_on(today) if version is not None else None
    if step is None:
        return use
    times = tuple((dose.time, dose.mg) for dose in step.times if dose.time != DAY)
    return use._replace(mg=step.taken_mg, times=times, nights=step.nights)


def step_rows(
    plan: Plan,
    contacts: Sequence[date],
    today: date,
    compared: Sequence[ComparedStep] = (),
    every_days: int = 0,
) -> list[StepRow]:
    """The steps of a plan as rows; `compared` holds one entry a step, or none at all."""
    rows = []
    supplies = {supply.step: supply for supply in plan.supplies()}
    names = [dose.time for dose in plan.steps[0].times]
    for number, step in enumerate(plan.steps):
        before = plan.steps[number - 1] if number else None
        following = plan.steps[number + 1] if number + 1 < len(plan.steps) else None
        until = following.on - timedelta(days=1) if following else None
        less_percent = None
        if before is not None and step.mg:
            less_percent = 100 * (before.mg - step.mg) / before.mg
        rows.append(
            StepRow(
                number=number,
                step=step,
                until=until,
                less_percent=less_percent,
                made=doses.short(step.parts),
                in_words=doses.in_words(step.parts),
                contacts=tuple(
                    day for day in contacts if step.on <= day and (until is None or day <= until)
                ),
                now=step.on <= today and (until is None or today <= until),
                compared=compared[number] if compared else None,
                times=_times(step, before, names),
                supply=supplies.get(step),
                longer=bool(every_days)
                and until is not None
                and number > 0
                and (until - step.on).days >= every_days,
            )
        )
    return rows


def _times(step: Step, before: Step | None, names: Sequence[str]) -> tuple[TimeOfDay, ...]:
    """The doses of a step in the order of the day."""
    taken = {dose.time: dose for dose in step.times}
    lowered = step.lowered(before) if before is not None else set()
    order = [time for time in (*TIMES, DAY) if time in {*names, *taken}]
    return tuple(
        TimeOfDay(TIMES.get(time, "Each day"), taken.get(time), time in lowered) for time in order
    )


def in_all(plan: Plan) -> list[tuple[Strength, Decimal]]:
    """How many of each strength the whole plan needs, the largest strength first."""
    numbers: dict[Strength, Decimal] = {}
    for supply in plan.supplies():
        for strength, number in supply.numbers:
            numbers[strength] = numbers.get(strength, Decimal(0)) + number
    return sorted(numbers.items(), key=lambda item: -item[0].mg)


def part_of(patient: Patient, dossier: Dossier, book: RuleBook, line_id: int) -> PartOf | None:
    """The step of a taper in force to which a line of the dossier belongs; None without one."""
    for version in in_force(patient):
        plan = version.plan
        for row in comparing.prescribed(dossier, book, plan.drug, plan.steps[0].on):
            step = plan.step_on(row.start)
            if step is not None and line_id in row.line_ids:
                result = comparing.against_step(step, row.mg)
                return PartOf(version, name_of(book, plan.drug), step, row.mg, result)
    return None


def said(
    wording: Wording,
    *,
    patient: Patient,
    version: TaperVersion,
    book: RuleBook,
    others: Sequence[str],
    emergency: str,
    other_times: str,
    today: date,
) -> dict[str, str]:
    """What a sheet says of this person and taper, sentence by sentence; stars mark what is bold.

    `others` are medicines taken as well that make people drowsy.
    """
    author = version.recorded_by
    talk = next((day for day in version.contact_days if day >= today), None)
    born = patient.birth_date
    filled = {
        "medicine": name_of(book, version.taper.drug),
        "old": name_of(book, version.cross_over.get("drug")),
        "medicines": wording.listed(others) if others else "",
        "name": f"{patient.given_name} {patient.family_name}",
        "born": wording["born"].format(day=wording.day(born, year=True)) if born else "",
        "practice": str(patient.practice),
        "person": author.get_full_name() or str(author),
        "number": emergency,
        "service": other_times,
        "day": wording.day(today, year=True),
    }
    names = ["title", "for_whom", "never_at_once", "no_driving", "emergency", "call", "too_hard"]
    names += ["with_others" if others else "no_alcohol"]
    if version.version > 1:
        names.append("replaces")
    if version.cross_over:
        names += ["change", "no_more", "then"]
    if version.status == TaperStatus.PAUSED:
        names.append("paused")
    if other_times:
        names.append("other_times")
    texts = {name: wording[name].format_map(filled) for name in names}
    if talk is not None:
        texts["next_call"] = wording["next_call"].format(day=wording.day(talk))
    return texts


def name_of(book: RuleBook, drug: str | None) -> str:
    """The name of a drug, or its key where the book does not know it any more."""
    if drug in book.drugs:
        return book.drugs[drug].name
    return drug or ""
