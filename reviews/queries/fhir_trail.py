"""The audit trail and who made which version, by FHIR."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db.models import Q, QuerySet

from reviews import access, fhir_versions
from reviews.access import Action
from reviews.audit import EVENTS, Event
from reviews.fhir.render import trail
from reviews.fhir.render.elements import OURS, Json
from reviews.fhir.render.paths import DATE, REFERENCE, TOKEN, Definition
from reviews.models import AuditEvent, Condition, Prescription, Reading, Reported
from reviews.queries import fhir_finders as find
from reviews.queries import fhir_words
from reviews.queries.fhir_findings import ORDERS, type_of
from reviews.queries.fhir_source import Kind, Sort, Source, Viewer
from reviews.queries.fhir_values import Reference, Token
from reviews.queries.trail import READ

_MADE = ("registered", "logged", "added", "drafted", "written", "made", "opened", "raised")
"""How the names of events end that make something."""


class Events(Source[AuditEvent]):
    """Events of the practices where somebody sees the trail, and what a system did itself."""

    changed = "at"
    patient = ""

    def rows(self) -> QuerySet[AuditEvent]:
        return AuditEvent.objects.all()

    def visible(
        self, rows: QuerySet[AuditEvent], viewer: Viewer, practices: list[int]
    ) -> QuerySet[AuditEvent]:
        seen = access.practice_ids(viewer.user, Action.SEE_AUDIT)
        return rows.filter(Q(practice_id__in=seen) | Q(actor_id=viewer.user.pk))

    def number(self, row: AuditEvent) -> int:
        return 1

    def finders(self) -> Mapping[str, find.Finder]:
        return {
            "patient": find.row("patient_id", "Patient"),
            "agent": find.row("actor_id", "Practitioner"),
            "date": find.at("at"),
            "subtype": find.column("verb", f"{OURS}event"),
            "type": _type,
            "action": _action,
            "outcome": find.always(
                "0", "http://terminology.hl7.org/CodeSystem/audit-event-outcome"
            ),
        }

    def sorts(self) -> Mapping[str, Sort]:
        return {}

    def resources(self, rows: Sequence[AuditEvent], viewer: Viewer) -> list[Json]:
        systems = fhir_words.machines(row.actor_id for row in rows)
        return [
            trail.audit_event(
                trail.Event(
                    verb=(row.verb, EVENTS[row.verb].words if row.verb in EVENTS else ""),
                    action=_action_of(row.verb),
                    at=row.at,
                    actor=row.actor,
                    actor_id=row.actor_id,
                    is_person=row.actor_id not in systems,
                    patient_id=row.patient_id,
                    subject=row.subject,
                    by_rest=row.verb == Event.API_READ.verb,
                )
            )
            for row in rows
        ]


def _action_of(verb: str) -> str:
    if verb in READ:
        return "R"
    if verb.startswith(("sign_in.", "job.", "screening.", "export.")):
        return "E"
    return "C" if verb.rpartition(".")[2] in _MADE else "U"


def _action(token: Token) -> Q:
    if token.system not in (None, "http://hl7.org/fhir/audit-event-action"):
        return find.NOTHING
    return Q(verb__in=[verb for verb in EVENTS if token.code in ("", _action_of(verb))])


def _type(token: Token) -> Q:
    rest = Q(verb=Event.API_READ.verb)
    by_rest = find.always("rest", trail.AUDIT_TYPES)(token) & rest
    return by_rest | (find.always("portal", f"{OURS}event-type")(token) & ~rest)


class Versions(Source[Any]):
    """Who wrote which version of records of one table."""

    def __init__(self, model: type[Reported], prefix: str, types: Callable[[Any], str]) -> None:
        self.model, self.prefix, self.type_of = model, prefix, types

    def rows(self) -> QuerySet[Any]:
        return self.model.objects.select_related("recorded_by")

    def number(self, row: Any) -> int:
        return 1

    def finders(self) -> Mapping[str, find.Finder]:
        return {
            "patient": find.person("patient_id"),
            "recorded": find.at("recorded_at"),
            "agent": find.row("recorded_by_id", "Practitioner"),
            "target": self._target,
        }

    def _target(self, reference: Reference) -> Q:
        record = find.uuid_of(reference.id)
        fits = record is not None and reference.type in ("", *TYPES[self.model])
        return Q(**{self.model.VERSIONS_OF: record}) if fits else find.NOTHING

    def sorts(self) -> Mapping[str, Sort]:
        return {}

    def resources(self, rows: Sequence[Any], viewer: Viewer) -> list[Json]:
        systems = fhir_words.machines(row.recorded_by_id for row in rows)
        of = self.model.VERSIONS_OF
        sent: dict[tuple[str, str], list[Any]] = {}
        for type_name in TYPES[self.model]:
            ids = [str(getattr(row, of)) for row in rows if self.type_of(row) == type_name]
            for one, bodies in fhir_versions.sent(type_name, ids).items():
                sent[type_name, one] = bodies
        made = []
        for row in rows:
            type_name, one = self.type_of(row), str(getattr(row, of))
            made.append(
                trail.provenance(
                    trail.Version(
                        type=type_name,
                        logical_id=one,
                        version=fhir_versions.number(row.version, sent.get((type_name, one), [])),
                        patient_id=row.patient_id,
                        recorded_at=row.recorded_at,
                        by=fhir_words.somebody(row.recorded_by, systems),
                        source_system=row.source_system,
                    )
                )
            )
        return made


TYPES: dict[type, tuple[str, ...]] = {
    Prescription: ORDERS,
    Condition: ("Condition", "AllergyIntolerance"),
    Reading: ("Observation",),
}
EVENT = Kind(
    "AuditEvent",
    {
        "patient": Definition(REFERENCE, "entity.what", ("Patient",)),
        "agent": Definition(REFERENCE, "agent.who", ("Practitioner",)),
        "date": Definition(DATE, "recorded"),
        "type": Definition(TOKEN, "type"),
        "subtype": Definition(TOKEN, "subtype"),
        "action": Definition(TOKEN, "action"),
        "outcome": Definition(TOKEN, "outcome"),
    },
    (Events(),),
    required=("type", "recorded", "agent", "source"),
    summary=("subtype", "action", "period", "outcome", "outcomeDesc", "purposeOfEvent"),
)
PROVENANCE = Kind(
    "Provenance",
    {
        "patient": Definition(REFERENCE, "target", ("Patient",)),
        "target": Definition(REFERENCE, "target", (*ORDERS, *TYPES[Condition], *TYPES[Reading])),
        "recorded": Definition(DATE, "recorded"),
        "agent": Definition(REFERENCE, "agent.who", ("Practitioner",)),
    },
    (
        Versions(Prescription, "order-", type_of),
        Versions(
            Condition,
            "condition-",
            lambda row: "AllergyIntolerance" if row.kind == "allergy" else "Condition",
        ),
        Versions(Reading, "reading-", lambda _: "Observation"),
    ),
    required=("target", "recorded", "agent"),
)
