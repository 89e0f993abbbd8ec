"""What a call is answered with: a card for each matter, in the words of a colleague.

A card never suggests to end a medicine. What it suggests is something to do later, as a Task.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

from reviews.models import FindingOpinion
from reviews.queries.hooks import Judged, NotScreened
from reviews.rules import words
from reviews.rules.book import RuleBook
from reviews.rules.finding import Finding, Severity
from reviews.rules.matters import Matter, matters, row_of
from reviews.rules.registry import BY_ID
from reviews.verbs.hooks import BECAUSE, Shown

SUMMARY = 139
"""Fewer than 140 characters."""
MATTER = "urn:prescription-safety-portal:matter"
PORTAL = "Prescription Safety Portal"
INDICATORS = {Severity.S1: "critical", Severity.S2: "warning"}
MOST_LINES = 12
UNKNOWN = "unrecognised"
UNREAD, GAPS, PART, DOUBT = "not-screened", "not-evaluable", "in-part", "whose"
TASKS = {
    "reading:review": "Structured review of benzodiazepine or Z-drug use",
    "reading:naloxone": "Talk about naloxone, and offer it",
    "reading:taper_offer": "Talk about a taper, and offer one",
    "reading:driving_counselling": "Talk about driving and work",
}
"""What a card may suggest to do, by what its matter says that somebody may want to do."""
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~-])")


class Card(NamedTuple):
    """A card as it is sent, and what is kept of it."""

    shown: Shown
    sent: dict[str, Any]


class Places(NamedTuple):
    """Absolute addresses of the portal's pages; empty where there is none."""

    case: str = ""
    patient: str = ""


def cards(judged: Judged, *, person: str, places: Places) -> list[Card]:
    """The cards, the gravest first. `person` is the id of the patient in the caller's system."""
    unread = {each.medicine for each in judged.not_screened}
    made = [
        _of_matter(matter, judged, person, places)
        for matter in matters(judged.findings, judged.told)
    ]
    if judged.not_screened:
        made.append(_not_screened(judged.not_screened))
    if judged.gaps:
        made.append(_gaps(judged))
    parts = [each for each in judged.in_part if each.partition(":")[0] not in unread]
    if parts:
        summary = "Screened in part: something of the orders or the record could not be read"
        made.append(_info(PART, summary, parts))
    if judged.doubt:
        summary = "Screened without the record of the portal: whose it is, is not certain there"
        made.append(_info(DOUBT, summary, [judged.doubt]))
    return made


def without(missing: dict[str, str], names: dict[str, str]) -> Card:
    """A card that says without what was screened; `missing` says why, by key."""
    listed = words.listed([names[key] for key in missing])
    return _info(PART, f"Screened without {listed}", [f"{k} {why}" for k, why in missing.items()])


def failed() -> dict[str, Any]:
    """A card for what the portal could not do. Nothing of it is kept, so it has no id."""
    reason = "The portal failed here. Nothing was judged."
    card = _info(UNREAD, "Not screened: the portal failed", [reason]).sent
    return {name: value for name, value in card.items() if name != "uuid"}


def _of_matter(matter: Matter[Finding], judged: Judged, person: str, places: Places) -> Card:
    gravest = matter.findings[0]
    severity = Severity(matter.severity)
    citations = judged.book.citations.get(gravest.rule_id, [])
    suggestions = _suggestions(matter, person) if severity < Severity.S4 else []
    rules = tuple(dict.fromkeys(each.rule_id for each in matter.findings))
    uuid = uuid4()
    sent: dict[str, Any] = {
        "uuid": str(uuid),
        "summary": _cut(f"{matter.title}: {_first_small(gravest.title)}"),
        "detail": _detail(matter, judged.book),
        "indicator": INDICATORS.get(severity, "info"),
        "source": {
            "label": _label(citations),
            "topic": {
                "system": MATTER,
                "code": matter.key,
                "display": row_of(gravest.rule_id).title,
            },
        },
        "overrideReasons": [
            {"code": code, "system": BECAUSE, "display": display}
            for code, display in FindingOpinion.Because.choices
        ],
    }
    if suggestions:
        sent["suggestions"] = suggestions
        sent["selectionBehavior"] = "any"
    links = [("Open the case in the portal", places.case)] if places.case else []
    links += [("Open the record in the portal", places.patient)] if places.patient else []
    if links:
        sent["links"] = [{"label": label, "url": url, "type": "absolute"} for label, url in links]
    shown = Shown(
        uuid=uuid,
        matter=matter.key,
        title=sent["summary"],
        severity=int(severity),
        rules=rules,
        content=tuple(f"{each.rule_id} {each.key}" for each in matter.findings),
        suggestions=tuple(each["uuid"] for each in suggestions),
    )
    return Card(shown, sent)


def _suggestions(matter: Matter[Finding], person: str) -> list[dict[str, Any]]:
    """Things to do later, each a Task for whoever looks after the patient."""
    return [
        {
            "uuid": str(uuid4()),
            "label": TASKS[what],
            "actions": [
                {
                    "type": "create",
                    "description": f"Adds a task: {_first_small(TASKS[what])}",
                    "resource": {
                        "resourceType": "Task",
                        "status": "requested",
                        "intent": "proposal",
                        "description": f"{TASKS[what]} ({_first_small(matter.title)})",
                        "for": {"reference": f"Patient/{person}"},
                    },
                }
            ],
        }
        for what in matter.does
        if what in TASKS
    ]


def _not_screened(orders: Sequence[NotScreened]) -> Card:
    """What nobody judged is said first, and by its name."""
    named = words.listed(list(dict.fromkeys(each.medicine for each in orders)))
    return _info(
        UNREAD,
        f"Not screened: {named}",
        [f"{each.medicine}: {each.reason}" for each in orders],
        rules=(),
    )


def _gaps(judged: Judged) -> Card:
    """Rules that could not judge the drafts: each reason once."""
    reasons: dict[str, list[str]] = {}
    for gap in judged.gaps:
        reasons.setdefault(gap.reason, []).append(gap.rule_id)
    count = words.many(len({gap.rule_id for gap in judged.gaps}), "rule")
    lines = [f"{reason} ({', '.join(sorted(set(ids)))})" for reason, ids in reasons.items()]
    return _info(GAPS, f"Not judged in full: {count} could not tell from this record", lines)


def _info(key: str, summary: str, lines: Sequence[str], *, rules: tuple[str, ...] = ()) -> Card:
    uuid = uuid4()
    sent = {
        "uuid": str(uuid),
        "summary": _cut(summary),
        "detail": _listed(lines),
        "indicator": "info",
        "source": {
            "label": PORTAL,
            "topic": {"system": MATTER, "code": key, "display": key.replace("-", " ").capitalize()},
        },
    }
    shown = Shown(uuid, key, sent["summary"], int(Severity.S4), rules, tuple(lines), ())
    return Card(shown, sent)


def _detail(matter: Matter[Finding], book: RuleBook) -> str:
    """The whole of a matter in GitHub-flavoured Markdown; what others wrote is only text in it."""
    first, *others = matter.findings
    parts = [_text(matter.sentence)]
    if matter.beside:
        parts.append(
            "\n".join(f"- {_text(fact.label)}: {_text(_amount(fact))}" for fact in matter.beside)
        )
    if first.unknown:
        parts.append(_text(f"Not known: {first.unknown}"))
    if first.clears:
        parts.append(f"**What clears it:** {_text(first.clears)}")
    if others:
        parts.append(
            "**Also found**\n\n"
            + "\n".join(f"- {_text(each.title)}: {_text(each.sentence)}" for each in others)
        )
    sources = _sources(matter.findings, book)
    if sources:
        parts.append("**Sources**\n\n" + "\n".join(f"- {_text(each)}" for each in sources))
    names = ", ".join(
        f"{each} ({_text(BY_ID[each].title)})"
        for each in dict.fromkeys(finding.rule_id for finding in matter.findings)
        if each in BY_ID
    )
    parts.append(f"Rules {names}; rule book {book.number}.")
    return "\n\n".join(part for part in parts if part)


def _sources(findings: Iterable[Finding], book: RuleBook) -> list[str]:
    found = [
        f"{cited['issuer']}: {cited['title']}"
        + (f", {cited['year']}" if cited.get("year") else "")
        + (f" ({cited['locator']})" if cited.get("locator") else "")
        for finding in findings
        for cited in book.citations.get(finding.rule_id, [])
    ]
    return list(dict.fromkeys(found))


def _label(citations: list[dict[str, Any]]) -> str:
    """The authority on which the gravest finding rests."""
    if not citations:
        return PORTAL
    first = citations[0]
    year = f", {first['year']}" if first.get("year") else ""
    return f"{first['title']} ({first['issuer']}{year})"


def _amount(fact: Any) -> str:
    if fact.value is None:
        return "not known"
    value = words.amount(fact.value) if isinstance(fact.value, float) else str(fact.value)
    return f"{value} {fact.unit}" if fact.unit and fact.unit != "date" else value


def _listed(lines: Sequence[str]) -> str:
    shown = [f"- {_text(line)}" for line in lines[:MOST_LINES]]
    if len(lines) > MOST_LINES:
        shown.append(f"- and {len(lines) - MOST_LINES} more")
    return "\n".join(shown)


def _text(said: str) -> str:
    """Text that is no Markdown, on one line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(said.split()))


def _cut(said: str) -> str:
    said = " ".join(said.split())
    return said if len(said) <= SUMMARY else f"{said[: SUMMARY - 1].rstrip()}…"


def _first_small(said: str) -> str:
    """As it is written in the middle of a line; a name or an abbreviation stays."""
    second = said[1:2]
    return said if second.isupper() or second.isdigit() else said[:1].lower() + said[1:]
