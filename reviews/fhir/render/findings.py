"""What screening found, the cases of it, and what the people of a case wrote to one another."""

from datetime import date, datetime
from typing import NamedTuple

from reviews.fhir.render import elements
from reviews.fhir.render.elements import OURS, Json

SEVERITIES = {1: "high", 2: "high", 3: "moderate", 4: "low"}
"""FHIR knows three: what is queued for review is high, what a banner says is moderate."""
PRIORITIES = {1: "stat", 2: "urgent", 3: "routine", 4: "routine"}
STATES = {
    "queued": "requested",
    "claimed": "in-progress",
    "snoozed": "on-hold",
    "escalated": "ready",
    "proposed": "in-progress",
    "decided": "completed",
    "cleared": "cancelled",
}
"""Status of a Task by the state of the case; `businessStatus` says the state itself."""


class Conclusion(NamedTuple):
    """What a reviewer concluded on a finding, and still stands."""

    outcome: tuple[str, str]
    reason: tuple[str, str]
    decided_at: datetime
    by: Json


class Finding(NamedTuple):
    """A flag. `orders` are references to what it rests on; `citations` are sources in words."""

    number: int
    patient_id: int
    rule: tuple[str, str]
    matter: tuple[str, str]
    severity: int
    sentence: str
    facts: tuple[str, ...]
    clears: str
    unknown: str
    orders: tuple[Json, ...]
    citations: tuple[str, ...]
    book: int
    engine: str
    raised_at: datetime
    state: str
    ended_at: datetime | None
    conclusions: tuple[Conclusion, ...]


def issue(finding: Finding) -> Json:
    """A finding that holds no longer is cancelled: no code of FHIR says that it was resolved."""
    return elements.resource(
        "DetectedIssue",
        extension=[
            elements.extension(f"{OURS}state", valueCode=finding.state),
            elements.extension(f"{OURS}severity", valueInteger=finding.severity),
            elements.extension(f"{OURS}rule-book", valueInteger=finding.book),
            *_text("engine", finding.engine),
            *(each for citation in finding.citations for each in _text("citation", citation)),
            *_text("clears", finding.clears),
            *_text("unknown", finding.unknown),
            *_ended(finding.ended_at),
        ],
        identifier=[elements.identifier(f"{OURS}flag", str(finding.number))],
        status="cancelled" if finding.ended_at else "final",
        code=elements.concept(
            finding.rule[1],
            [
                elements.coding(f"{OURS}rule", *finding.rule),
                elements.coding(f"{OURS}matter", *finding.matter),
            ],
        ),
        severity=SEVERITIES[finding.severity],
        patient=elements.reference("Patient", finding.patient_id),
        identifiedDateTime=elements.instant(finding.raised_at),
        author=elements.named("Prescription Safety Portal"),
        implicated=list(finding.orders),
        evidence=[
            elements.said(
                code=[elements.concept(text) for text in finding.facts],
                detail=list(finding.orders),
            )
        ]
        if finding.facts or finding.orders
        else None,
        detail=elements.words(finding.sentence),
        mitigation=[
            elements.said(
                action=elements.concept(
                    f"{one.outcome[1]}: {one.reason[1]}",
                    [
                        elements.coding(f"{OURS}outcome", *one.outcome),
                        elements.coding(f"{OURS}reason", *one.reason),
                    ],
                ),
                date=elements.instant(one.decided_at),
                author=one.by if "reference" in one.by else None,
            )
            for one in finding.conclusions
        ],
    )


def _ended(at: datetime | None) -> list[Json]:
    said = elements.instant(at) if at else ""
    return [elements.extension(f"{OURS}ended", valueDateTime=said)] if said else []


def _text(name: str, text: str) -> list[Json]:
    text = elements.words(text)
    return [elements.extension(f"{OURS}{name}", valueString=text)] if text else []


class CaseTold(NamedTuple):
    """A case with its live flags."""

    number: int
    patient_id: int
    practice_id: int
    state: tuple[str, str]
    severity: int
    headline: str
    opened_at: datetime
    updated_at: datetime
    due_at: datetime
    closed_at: datetime | None
    owner: Json
    snoozed_until: date | None
    flags: tuple[int, ...]


def task(case: CaseTold) -> Json:
    due = elements.extension(f"{OURS}due", valueDateTime=elements.instant(case.due_at))
    return elements.resource(
        "Task",
        extension=[
            due,
            *(
                [elements.extension(f"{OURS}until", valueDate=case.snoozed_until.isoformat())]
                if case.snoozed_until
                else []
            ),
        ],
        identifier=[elements.identifier(f"{OURS}case", str(case.number))],
        status=STATES[case.state[0]],
        businessStatus=elements.own("case-state", *case.state),
        intent="order",
        priority=PRIORITIES[case.severity],
        code=elements.own("task", "review", "Review of findings"),
        description=elements.words(case.headline),
        focus=elements.reference("DetectedIssue", case.flags[0]) if case.flags else None,
        for_=elements.reference("Patient", case.patient_id),
        authoredOn=elements.instant(case.opened_at),
        lastModified=elements.instant(max(case.updated_at, case.opened_at)),
        executionPeriod=elements.period(case.opened_at, case.closed_at)
        if case.closed_at and case.closed_at >= case.opened_at
        else None,
        owner=case.owner or elements.reference("Organization", case.practice_id),
        input=[
            {
                "type": elements.own("task-input", "finding", "Finding"),
                "valueReference": elements.reference("DetectedIssue", flag),
            }
            for flag in case.flags
        ],
    )


class Said(NamedTuple):
    """A message of a case, or a letter; `words` is what it says."""

    patient_id: int
    case_id: int | None
    identifier: str
    category: tuple[str, str]
    words: str
    file: Json
    sender: Json
    recipient: Json
    sent_at: datetime
    seen_at: datetime | None
    answers: str
    priority: str


def communication(one: Said) -> Json:
    payload: list[Json] = []
    if elements.words(one.words):
        payload.append({"contentString": elements.words(one.words)})
    if one.file:
        payload.append({"contentAttachment": one.file})
    return elements.resource(
        "Communication",
        identifier=[elements.identifier(f"{OURS}letter", one.identifier)]
        if one.identifier
        else None,
        inResponseTo=[elements.reference("Communication", one.answers)] if one.answers else None,
        status="completed",
        category=[elements.own("communication", *one.category)],
        priority=one.priority,
        subject=elements.reference("Patient", one.patient_id),
        about=[elements.reference("Task", one.case_id)] if one.case_id else None,
        sent=elements.instant(one.sent_at),
        received=elements.when(one.seen_at),
        recipient=[one.recipient] if one.recipient else None,
        sender=one.sender,
        payload=payload,
    )
