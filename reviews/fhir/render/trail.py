"""The audit trail, and who made which version of a record."""

from datetime import datetime
from typing import NamedTuple

from reviews.fhir.render import elements
from reviews.fhir.render.elements import OURS, Json

AUDIT_TYPES = "http://terminology.hl7.org/CodeSystem/audit-event-type"
CHANGES = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
AGENTS = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
PORTAL = "Prescription Safety Portal"


class Event(NamedTuple):
    """An event of the trail; `action` is C, R, U, D or E."""

    verb: tuple[str, str]
    action: str
    at: datetime
    actor: str
    actor_id: int | None
    is_person: bool
    patient_id: int | None
    subject: str
    by_rest: bool


def audit_event(event: Event) -> Json:
    who = elements.named(event.actor)
    if event.actor_id is not None and event.is_person:
        who = elements.reference("Practitioner", event.actor_id, event.actor)
    entities: list[Json] = []
    if event.patient_id is not None:
        entities.append({"what": elements.reference("Patient", event.patient_id)})
    if event.subject:
        entities.append({"name": elements.words(event.subject)})
    kind = (
        elements.coding(AUDIT_TYPES, "rest", "RESTful Operation")
        if event.by_rest
        else elements.coding(f"{OURS}event-type", "portal", PORTAL)
    )
    return elements.resource(
        "AuditEvent",
        type=kind,
        subtype=[elements.coding(f"{OURS}event", *event.verb)],
        action=event.action,
        recorded=elements.instant(event.at),
        outcome="0",
        agent=[elements.said(who=who, requestor=event.actor_id is not None)],
        source={"observer": elements.named(PORTAL)},
        entity=entities,
    )


class Version(NamedTuple):
    """A version of a record: of which resource, by whom and when it was written."""

    type: str
    logical_id: str
    version: int
    patient_id: int
    recorded_at: datetime
    by: Json
    source_system: str


def provenance(version: Version) -> Json:
    target = f"{version.logical_id}/_history/{version.version}"
    made, words = ("CREATE", "create") if version.version == 1 else ("UPDATE", "revise")
    agents = [
        {
            "type": elements.concept("", [elements.coding(AGENTS, "enterer", "Enterer")]),
            "who": version.by or elements.named(PORTAL),
        }
    ]
    return elements.resource(
        "Provenance",
        target=[elements.reference(version.type, target)],
        recorded=elements.instant(version.recorded_at),
        activity=elements.concept("", [elements.coding(CHANGES, made, words)]),
        agent=agents,
        entity=[
            {
                "role": "source",
                "what": {"identifier": elements.identifier(f"{OURS}source", version.source_system)},
            }
        ],
    )
