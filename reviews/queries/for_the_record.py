"""A decision as plain text, to be put into the clinical system: facts, reasons, plan, and codes."""

from datetime import date
from typing import NamedTuple

from django.utils import timezone

from reviews.identifiers import label, read_aloud
from reviews.models import Decision, DecisionItem, Prescription, named
from reviews.rules.finding import SEVERITIES


class Coded(NamedTuple):
    """A code that the record holds for something in the text."""

    system: str
    code: str
    display: str


class Summary(NamedTuple):
    """The text, and the codes of the medicines that it is about."""

    text: str
    codes: list[Coded]


def of(decision: Decision) -> Summary:
    """What was decided, in words that stand by themselves, without markup.

    `decision` is one that has items, or that confirms one which has.
    """
    source = decision.answers or decision
    items = list(source.items.select_related("flag").order_by("flag__severity", "pk"))
    orders = _orders(items)
    codes = _codes(orders)
    parts = [
        _who(decision),
        "Found:\n" + "\n".join(f"- {_finding(item)}" for item in items),
        f"{_by(decision, source)}:\n" + "\n".join(f"- {_outcome(item)}" for item in items),
        *[f"Note: {said.note}" for said in _noted(decision, source)],
        *(["Medicines: " + "; ".join(_medicine(order) for order in orders)] if orders else []),
        f"From the Prescription Safety Portal, case {decision.case_id}, decision {decision.pk}.",
    ]
    return Summary("\n\n".join(parts), codes)


def _who(decision: Decision) -> str:
    patient = decision.patient
    numbers = [number for number in patient.identifiers.all() if number.use != "old"]
    said = [
        str(patient),
        *([f"born {_day(patient.birth_date)}"] if patient.birth_date else []),
        *(f"{label(n.system)} {read_aloud(n.system, n.value)}" for n in numbers[:1]),
    ]
    return "Review of benzodiazepine or Z-drug treatment: " + ", ".join(said)


def _finding(item: DecisionItem) -> str:
    flag = item.flag
    sentence = flag.sentence.strip()
    return f"{flag.title} ({SEVERITIES[flag.severity].name.lower()}, {flag.rule_id}). {sentence}"


def _outcome(item: DecisionItem) -> str:
    said = [
        f"{item.flag.title}: {item.get_outcome_display().lower()}",
        item.get_reason_display().lower(),
        f"until {_day(item.until)}",
        *([f"evidence: {item.evidence}"] if item.evidence else []),
    ]
    return "; ".join(said)


def _by(decision: Decision, source: Decision) -> str:
    made = f"Decided by {named(source.by)} on {_day(timezone.localdate(source.decided_at))}"
    if decision.pk == source.pk:
        if source.kind == Decision.Kind.PROPOSED:
            return made.replace("Decided", "Proposed", 1) + ", for a second person"
        return made
    on = _day(timezone.localdate(decision.decided_at))
    return f"{made}, confirmed by {named(decision.by)} on {on}"


def _noted(decision: Decision, source: Decision) -> list[Decision]:
    return [each for each in dict.fromkeys((source, decision)) if each.note]


def _orders(items: list[DecisionItem]) -> list[Prescription]:
    """The prescriptions that the findings are about, each medicine once, as they were then."""
    ids = {pk for item in items for pk in item.flag.prescription_ids}
    rows = Prescription.objects.filter(pk__in=ids).select_related("medicine").order_by("pk")
    return list({row.medicine_id: row for row in rows}.values())


def _medicine(order: Prescription) -> str:
    codes = ", ".join(f"{coding['system']} {coding['code']}" for coding in order.medicine.codings)
    return f"{order.medicine.text} ({codes})" if codes else order.medicine.text


def _codes(orders: list[Prescription]) -> list[Coded]:
    return [
        Coded(coding["system"], coding["code"], order.medicine.text)
        for order in orders
        for coding in order.medicine.codings
    ]


def _day(day: date) -> str:
    return f"{day:%-d %b %Y}"
