"""Tapers by FHIR."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from django.db.models import QuerySet

from reviews.fhir.render import tapers
from reviews.fhir.render.elements import OURS, Json
from reviews.fhir.render.paths import REFERENCE, TOKEN, Definition
from reviews.models import TaperVersion
from reviews.queries import fhir_finders as find
from reviews.queries import fhir_words
from reviews.queries.fhir_source import Kind, Source, Viewer
from reviews.rules.codes import TAPER_STATES
from reviews.tapering.planning import EVERY_NIGHT, Plan, Step


class Tapers(Source[TaperVersion]):
    """Tapers as their live version says."""

    key = "taper_id"
    keeps_versions = True

    def rows(self) -> QuerySet[TaperVersion]:
        return self.versions().filter(superseded_at__isnull=True)

    def versions(self) -> QuerySet[TaperVersion]:
        return TaperVersion.objects.select_related("taper", "recorded_by")

    def finders(self) -> Mapping[str, find.Finder]:
        states: dict[str, list[object]] = {}
        for ours, theirs in tapers.STATUSES.items():
            states.setdefault(theirs, []).append(ours)
        person = find.person("patient_id")
        return {
            "patient": person,
            "subject": person,
            "status": find.codes("status", states, "http://hl7.org/fhir/request-status"),
            "intent": find.always("plan"),
            "category": find.always("taper", f"{OURS}care-plan"),
        }

    def number(self, row: TaperVersion) -> int:
        return row.version

    def resources(self, rows: Sequence[TaperVersion], viewer: Viewer) -> list[Json]:
        systems = fhir_words.machines(row.recorded_by_id for row in rows)
        return [tapers.care_plan(_taper(row, systems)) for row in rows]


def _taper(row: TaperVersion, systems: frozenset[int]) -> tapers.Taper:
    return tapers.Taper(
        patient_id=row.patient_id,
        drug=(row.taper.drug, row.taper.drug.replace("_", " ")),
        status=row.status,
        status_words=TAPER_STATES[row.status],
        steps=_steps(row.plan),
        contacts=tuple(row.contact_days),
        reason=row.reason,
        opened_at=row.taper.opened_at,
        author=fhir_words.somebody(row.recorded_by, systems),
    )


def _steps(plan: Plan) -> tuple[tapers.Step, ...]:
    following = [step.on - timedelta(days=1) for step in plan.steps[1:]]
    return tuple(
        tapers.Step(step.on, until, step.mg, ", ".join(_dose(step)))
        for step, until in zip(plan.steps, [*following, None], strict=True)
    )


def _dose(step: Step) -> list[str]:
    if not step.mg:
        return ["nothing"]
    said = [f"{dose.mg.normalize():f} mg {dose.time}" for dose in step.times]
    return [*said, f"on {step.nights} nights a week"] if step.nights < EVERY_NIGHT else said


CARE_PLAN = Kind(
    "CarePlan",
    {
        "patient": Definition(REFERENCE, "subject", ("Patient",)),
        "subject": Definition(REFERENCE, "subject", ("Patient",)),
        "status": Definition(TOKEN, "status"),
        "intent": Definition(TOKEN, "intent"),
        "category": Definition(TOKEN, "category"),
    },
    (Tapers(),),
    required=("status", "intent", "subject"),
    summary=(
        *("identifier", "basedOn", "replaces", "partOf", "status", "intent", "category", "title"),
        *("description", "subject", "encounter", "period", "created", "author"),
        *("careTeam", "addresses"),
    ),
)
