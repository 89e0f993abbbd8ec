"""Findings, cases, and what people wrote to one another, by FHIR."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, Q, QuerySet
from django.db.models.functions import Greatest

from reviews import rulebooks
from reviews.fhir.render import elements, findings
from reviews.fhir.render.elements import OURS, Json
from reviews.fhir.render.paths import DATE, REFERENCE, TOKEN, Definition
from reviews.letters import words_of
from reviews.models import (
    Case,
    CaseState,
    DecisionItem,
    Flag,
    Letter,
    Message,
    Prescription,
    Role,
)
from reviews.queries import fhir_finders as find
from reviews.queries import fhir_words
from reviews.queries.fhir_source import Kind, Sort, Source, Viewer
from reviews.queries.fhir_values import Reference, Token
from reviews.rules.matters import ROWS, row_of

OF_ORDERS = ("MedicationRequest", "MedicationDispense", "MedicationStatement")
ORDERS = (*OF_ORDERS, "MedicationAdministration")


def type_of(row: Prescription) -> str:
    """The type of resource that a record about a medicine is."""
    if row.dispensed:
        return "MedicationDispense"
    named = {"reported": "MedicationStatement", "given": "MedicationAdministration"}
    return named.get(row.evidence, "MedicationRequest")


class Flags(Source[Flag]):
    """What screening found, and what has ended since."""

    changed = "change"

    def rows(self) -> QuerySet[Flag]:
        outcomes = DecisionItem.objects.select_related(
            "decision__by", "decision__answer__by", "decision__answer__answer"
        ).order_by("pk")
        return (
            Flag.objects.annotate(
                change=Greatest("raised_at", "settled_at", "reopened_at", "ended_at")
            )
            .select_related("version", "engine", "practice")
            .defer("version__book")
            .prefetch_related(Prefetch("decisions", queryset=outcomes))
        )

    def finders(self) -> Mapping[str, find.Finder]:
        return {
            "patient": find.whoever("patient_id"),
            "code": _rule,
            "identified": find.at("raised_at"),
            "identifier": _number(f"{OURS}flag"),
            "implicated": _implicated,
        }

    def sorts(self) -> Mapping[str, Sort]:
        return {"identified": Sort("raised_at", datetime, nullable=False)}

    def resources(self, rows: Sequence[Flag], viewer: Viewer) -> list[Json]:
        return [findings.issue(one) for one in _findings(rows)]


def _rule(token: Token) -> Q:
    by_rule = find.column("rule_id", f"{OURS}rule")(token)
    if token.system in (None, f"{OURS}matter") and token.code:
        by_rule |= Q(rule_id__in=list(_rules_of(token.code)))
    return by_rule


def _rules_of(matter: str) -> Iterable[str]:
    row = next((one for one in ROWS if one.key == matter), None)
    return row.rules if row else ()


def _number(system: str) -> find.Finder:
    def found(token: Token) -> Q:
        pk = find.number_of(Reference("", token.code), "")
        return Q(pk=pk) if pk is not None and token.system in (None, system) else find.NOTHING

    return found


def _implicated(reference: Reference) -> Q:
    """By any version of an order: a flag names the version that it rests on."""
    order = find.uuid_of(reference.id)
    if order is None or reference.type not in ("", *ORDERS):
        return find.NOTHING
    ids = list(Prescription.objects.filter(order_id=order).values_list("pk", flat=True))
    return Q(prescription_ids__overlap=ids) if ids else find.NOTHING


def _findings(rows: Sequence[Flag]) -> list[findings.Finding]:
    wanted = {pk for row in rows for pk in row.prescription_ids}
    orders = {
        order.pk: elements.reference(type_of(order), order.order_id, order.medicine.text)
        for order in Prescription.objects.filter(pk__in=wanted).select_related("medicine")
    }
    citations = rulebooks.citations({row.version_id for row in rows})
    deciders = (item.decision.by_id for row in rows for item in row.decisions.all())
    systems = fhir_words.machines(deciders)
    return [
        _finding(
            row,
            orders,
            citations.of(row),
            systems,
        )
        for row in rows
    ]


def _finding(
    row: Flag,
    orders: Mapping[int, Json],
    citations: list[dict[str, Any]],
    systems: frozenset[int],
) -> findings.Finding:
    matter = row_of(row.rule_id)
    return findings.Finding(
        number=row.pk,
        patient_id=row.patient_id,
        rule=(row.rule_id, row.title),
        matter=(matter.key, matter.title),
        severity=row.severity,
        sentence=row.sentence,
        facts=tuple(_fact(fact) for fact in row.facts),
        clears=row.clears,
        unknown=row.unknown,
        orders=tuple(orders[pk] for pk in row.prescription_ids if pk in orders),
        citations=tuple(_cited(one) for one in citations),
        book=row.version.number,
        engine=row.engine.name if row.engine else "",
        raised_at=row.raised_at,
        state="ended" if row.ended_at else "settled" if row.settled_at else "open",
        ended_at=row.ended_at,
        conclusions=tuple(
            findings.Conclusion(
                (item.outcome, item.get_outcome_display()),
                (item.reason, item.get_reason_display()),
                item.decision.decided_at,
                fhir_words.somebody(item.decision.by, systems),
            )
            for item in row.decisions.all()
            if item.decision.state == "stands"
        ),
    )


def _fact(fact: Mapping[str, Any]) -> str:
    value = fact["value"]
    said = "not known" if value is None else f"{value} {fact['unit']}".strip()
    return f"{fact['label']}: {said}"


def _cited(citation: Mapping[str, Any]) -> str:
    parts = (citation.get(name) for name in ("title", "issuer", "year", "locator"))
    return ", ".join(str(part) for part in parts if part)


class Cases(Source[Case]):
    """Places in the queue, open and closed."""

    changed = "updated_at"

    def rows(self) -> QuerySet[Case]:
        live = Flag.objects.only("pk", "case_id").order_by("severity", "pk")
        return Case.objects.select_related("owner").prefetch_related(
            Prefetch("flags", queryset=live)
        )

    def number(self, row: Case) -> int:
        return row.lock

    def finders(self) -> Mapping[str, find.Finder]:
        states: dict[str, list[object]] = {}
        for ours, theirs in findings.STATES.items():
            states.setdefault(theirs, []).append(ours)
        priorities: dict[str, list[object]] = {}
        for severity, priority in findings.PRIORITIES.items():
            priorities.setdefault(priority, []).append(severity)
        person = find.whoever("patient_id")
        period = find.Period(find.Instant("opened_at"), find.Instant("closed_at"), "closed_at")
        closed = Q(closed_at__isnull=False)
        within = find.time(period)
        return {
            "patient": person,
            "subject": person,
            "status": find.codes("state", states),
            "business-status": find.column("state", f"{OURS}case-state"),
            "priority": find.codes("severity", priorities),
            "intent": find.always("order"),
            "code": find.always("review", f"{OURS}task"),
            "identifier": _number(f"{OURS}case"),
            "authored-on": find.at("opened_at"),
            "modified": find.at("updated_at"),
            "period": lambda span: closed & within(span),
            "owner": _owner,
            "focus": _focus,
        }

    def sorts(self) -> Mapping[str, Sort]:
        return {
            "authored-on": Sort("opened_at", datetime, nullable=False),
            "modified": Sort("updated_at", datetime, nullable=False),
        }

    def resources(self, rows: Sequence[Case], viewer: Viewer) -> list[Json]:
        systems = fhir_words.machines(row.owner_id for row in rows)
        return [
            findings.task(
                findings.CaseTold(
                    number=row.pk,
                    patient_id=row.patient_id,
                    practice_id=row.practice_id,
                    state=(row.state, CaseState(row.state).label),
                    severity=row.severity,
                    headline=row.headline,
                    opened_at=row.opened_at,
                    updated_at=row.updated_at,
                    due_at=row.due_at,
                    closed_at=row.closed_at,
                    owner=fhir_words.somebody(row.owner, systems),
                    snoozed_until=row.snoozed_until,
                    flags=tuple(flag.pk for flag in row.flags.all()),
                )
            )
            for row in rows
        ]


def _owner(reference: Reference) -> Q:
    """A person, or the practice where nobody has claimed it."""
    person = find.row("owner_id", "Practitioner")(reference)
    if reference.type == "Practitioner":
        return person
    place = find.row("practice_id", "Organization")(reference)
    return person | (Q(owner__isnull=True) & place)


def _focus(reference: Reference) -> Q:
    pk = find.number_of(reference, "DetectedIssue")
    if pk is None:
        return find.NOTHING
    # The worst finding is the focus; the others are inputs.
    cases = Case.objects.filter(flags=pk).prefetch_related(
        Prefetch("flags", queryset=Flag.objects.only("pk", "case_id").order_by("severity", "pk"))
    )
    return Q(pk__in=[case.pk for case in cases if case.flags.all()[0].pk == pk])


class Messages(Source[Message]):
    """What the people of a case wrote to one another."""

    prefix = "message-"
    changed = "change"
    patient = "case__patient_id"

    def rows(self) -> QuerySet[Message]:
        return Message.objects.annotate(
            change=Greatest("sent_at", "seen_at", "closed_at", "kept_at")
        ).select_related("by", "to", "case")

    def finders(self) -> Mapping[str, find.Finder]:
        person = find.whoever("case__patient_id")
        return {
            "patient": person,
            "subject": person,
            "sent": find.at("sent_at"),
            "received": find.at("seen_at"),
            "sender": find.row("by_id", "Practitioner"),
            "recipient": find.row("to_id", "Practitioner"),
            "category": find.always("message", f"{OURS}communication"),
            "status": find.always("completed", "http://hl7.org/fhir/event-status"),
        }

    def sorts(self) -> Mapping[str, Sort]:
        return {"sent": Sort("sent_at", datetime, nullable=False)}

    def resources(self, rows: Sequence[Message], viewer: Viewer) -> list[Json]:
        systems = fhir_words.machines(pk for row in rows for pk in (row.by_id, row.to_id))
        return [findings.communication(_message(row, systems)) for row in rows]


def _message(row: Message, systems: frozenset[int]) -> findings.Said:
    to = fhir_words.somebody(row.to, systems)
    answered = (row.get_answer_display(), row.get_because_display(), row.get_did_display())
    words = ". ".join(part for part in (*answered, row.text) if part)
    return findings.Said(
        patient_id=row.case.patient_id,
        case_id=row.case_id,
        identifier="",
        category=("message", "Message of a case"),
        words=words,
        file={},
        sender=fhir_words.somebody(row.by, systems),
        recipient=to or elements.named(Role(row.to_role).label),
        sent_at=row.sent_at,
        seen_at=row.seen_at,
        answers=f"message-{row.answers_id}" if row.answers_id else "",
        priority=findings.PRIORITIES[row.severity],
    )


class Letters(Source[Letter]):
    """Letters as they went out."""

    prefix = "letter-"
    changed = "written_at"

    def rows(self) -> QuerySet[Letter]:
        return Letter.objects.select_related("written_by", "text").defer("pdf")

    def finders(self) -> Mapping[str, find.Finder]:
        person = find.whoever("patient_id")
        return {
            "patient": person,
            "subject": person,
            "sent": find.at("written_at"),
            "sender": find.row("written_by_id", "Practitioner"),
            "identifier": find.column("identifier", f"{OURS}letter"),
            "category": find.always("letter", f"{OURS}communication"),
            "status": find.always("completed", "http://hl7.org/fhir/event-status"),
        }

    def sorts(self) -> Mapping[str, Sort]:
        return {"sent": Sort("written_at", datetime, nullable=False)}

    def resources(self, rows: Sequence[Letter], viewer: Viewer) -> list[Json]:
        systems = fhir_words.machines(row.written_by_id for row in rows)
        return [
            findings.communication(
                findings.Said(
                    patient_id=row.patient_id,
                    case_id=None,
                    identifier=row.identifier,
                    category=("letter", "Letter"),
                    words=words_of(row),
                    file={
                        "contentType": "application/pdf",
                        "title": f"{row.text.name}, {row.identifier}",
                        "creation": elements.instant(row.written_at),
                    },
                    sender=fhir_words.somebody(row.written_by, systems),
                    recipient=elements.named(row.addressee),
                    sent_at=row.written_at,
                    seen_at=None,
                    answers="",
                    priority="routine",
                )
            )
            for row in rows
        ]


_PATIENT = ("Patient",)
ISSUE = Kind(
    "DetectedIssue",
    {
        "identifier": Definition(TOKEN, "identifier"),
        "patient": Definition(REFERENCE, "patient", _PATIENT),
        "code": Definition(TOKEN, "code"),
        "identified": Definition(DATE, "identifiedDateTime"),
        "implicated": Definition(REFERENCE, "implicated", ORDERS),
        "author": Definition(REFERENCE, "author", ("Practitioner",)),
    },
    (Flags(),),
    required=("status",),
    summary=("identifier", "status", "code", "severity", "patient", "identified", "implicated"),
)
TASK = Kind(
    "Task",
    {
        "identifier": Definition(TOKEN, "identifier"),
        "patient": Definition(REFERENCE, "for", _PATIENT),
        "subject": Definition(REFERENCE, "for", _PATIENT),
        "status": Definition(TOKEN, "status"),
        "business-status": Definition(TOKEN, "businessStatus"),
        "priority": Definition(TOKEN, "priority"),
        "intent": Definition(TOKEN, "intent"),
        "code": Definition(TOKEN, "code"),
        "focus": Definition(REFERENCE, "focus", ("DetectedIssue",)),
        "owner": Definition(REFERENCE, "owner", ("Practitioner", "Organization")),
        "authored-on": Definition(DATE, "authoredOn"),
        "modified": Definition(DATE, "lastModified"),
        "period": Definition(DATE, "executionPeriod"),
        "encounter": Definition(REFERENCE, "encounter"),
        "group-identifier": Definition(TOKEN, "groupIdentifier"),
        "based-on": Definition(REFERENCE, "basedOn"),
        "part-of": Definition(REFERENCE, "partOf"),
        "performer": Definition(TOKEN, "performerType"),
        "requester": Definition(REFERENCE, "requester"),
    },
    (Cases(),),
    required=("status", "intent"),
    summary=(
        *("identifier", "basedOn", "groupIdentifier", "partOf", "status", "statusReason"),
        *("businessStatus", "code", "description", "focus", "for", "encounter"),
        *("executionPeriod", "lastModified", "requester", "owner", "location"),
    ),
)
COMMUNICATION = Kind(
    "Communication",
    {
        "identifier": Definition(TOKEN, "identifier"),
        "patient": Definition(REFERENCE, "subject", _PATIENT),
        "subject": Definition(REFERENCE, "subject", _PATIENT),
        "status": Definition(TOKEN, "status"),
        "category": Definition(TOKEN, "category"),
        "sent": Definition(DATE, "sent"),
        "received": Definition(DATE, "received"),
        "sender": Definition(REFERENCE, "sender", ("Practitioner",)),
        "recipient": Definition(REFERENCE, "recipient", ("Practitioner",)),
    },
    (Messages(), Letters()),
    required=("status",),
    summary=("identifier", "basedOn", "partOf", "inResponseTo", "status", "subject"),
)
