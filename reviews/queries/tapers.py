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
from reviews.models import Patient, Taper, TaperVersion
from reviews.rules.book import RuleBook
from reviews.rules.dossier import Dossier
from reviews.rules.drug import BZRA_CLASSES
from reviews.tapering import comparing, crossing, doses
from reviews.tapering.comparing import ComparedStep, Use
from reviews.tapering.doses import FORMS
from reviews.tapering.planning import Plan, Step


class Standing(NamedTuple):
    """A taper in its newest version, and where its plan stands on a day."""

    version: TaperVersion
    plan: Plan
    now: Step | None
    next_step: Step | None
    next_contact: date | None


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step as a table shows it: until when, how much less than before, made up of what."""

    number: int
    step: Step
    until: date | None
    less_percent: Decimal | None
    made: str
    in_words: str
    contacts: tuple[date, ...]
    now: bool
    compared: ComparedStep | None

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
    `in_force` the newest version of each taper under way, by drug.
    """

    book: RuleBook
    dossier: Dossier
    uses: list[Use]
    names: dict[str, str]
    in_force: dict[str, TaperVersion]

    def marketed(self, drug: str) -> list[tuple[str, Decimal]]:
        """The strengths of a drug under the person's profile, as (form, mg)."""
        strengths = self.book.drugs[drug].strengths.get(self.dossier.profile, {})
        return [
            (form, Decimal(str(mg)))
            for form in FORMS
            if form in strengths
            for mg in strengths[form]
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
    _, book = rulebooks.live()
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
    )


def _as_planned(use: Use, version: TaperVersion | None, today: date) -> Use:
    """During a taper the dose now is the one that was planned for today."""
    mg = version.plan.mg_on(today) if version is not None else None
    return use if mg is None else use._replace(mg=mg)


def step_rows(
    plan: Plan, contacts: Sequence[date], today: date, compared: Sequence[ComparedStep] = ()
) -> list[StepRow]:
    """The steps of a plan as rows; `compared` holds one entry a step, or none at all."""
    rows = []
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
            )
        )
    return rows


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


def name_of(book: RuleBook, drug: str | None) -> str:
    """The name of a drug, or its key where the book does not know it any more."""
    if drug in book.drugs:
        return book.drugs[drug].name
    return drug or ""
