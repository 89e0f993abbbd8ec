"""What a book says to one practice, and how findings are graded and shown otherwise than by rule.

Local policy makes of a book another book, once for each practice that has one: whatever reads
limits reads them from there.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reviews.rules.book import RuleBook
from reviews.rules.finding import (
    INTERRUPT,
    NOTE,
    QUEUE,
    SEVERITIES,
    Fact,
    Finding,
    Severity,
)
from reviews.rules.memory import once_for_a_book
from reviews.rules.saying import Candidate, graded_as

LOCAL_POLICY = "local_policy"
"""The name of the fact by which a finding says whose policy it follows."""
OFF = "off"
SHOWN_FIELD = "shown"
"""What a book says here of a rule is how it is shown: as a mode of a finding, or not at all."""
SEVERITY = "severity_s"
"""A field of this beginning says how what the rule grades S1 to S4 is graded instead."""


def at(book: RuleBook, practice: str) -> RuleBook:
    """The book as it holds for the patients of a practice, by its code; without a policy itself."""
    return _at(book, practice) if practice in book.local else book


@once_for_a_book
def _at(book: RuleBook, practice: str) -> RuleBook:
    own = book.local[practice]
    thresholds, gradings = own.get("rules", {}), own.get("grading", {})
    rules = dict(book.rules)
    for rule_id, changed in thresholds.items():
        # A step that a profile does not have is not brought into it by local policy.
        rules[rule_id] = {
            profile: {name: changed.get(name, value) for name, value in limits.items()}
            for profile, limits in book.rules.get(rule_id, {}).items()
        }
    grading = dict(book.grading)
    for rule_id, changed in gradings.items():
        profiles = book.rules.get(rule_id, {})
        held = book.grading.get(rule_id, {})
        grading[rule_id] = {profile: {**held.get(profile, {}), **changed} for profile in profiles}
    citations = dict(book.citations)
    for rule_id, rows in own.get("citations", {}).items():
        citations[rule_id] = [*citations.get(rule_id, []), *rows]
    return replace(
        book,
        rules=rules,
        grading=grading,
        citations=citations,
        local={},
        policy_of=own["name"],
        policy_on=frozenset(thresholds) | frozenset(gradings),
    )


def is_off(book: RuleBook, rule_id: str, profile: str) -> bool:
    """Whether a book switches a rule off under a profile."""
    return book.grading.get(rule_id, {}).get(profile, {}).get(SHOWN_FIELD) == OFF


def regraded(candidate: Candidate, own: Mapping[str, Any]) -> Candidate:
    """A candidate as a book grades and shows it, which may be otherwise than its rule does.

    Exemptions lower it afterwards, and it gives way as any other.
    """
    finding, graver = candidate.finding, candidate.graver
    severity = _severity(finding.severity, own)
    interrupts = finding.mode == INTERRUPT
    if severity != finding.severity:
        finding = graded_as(finding, severity)
    if severity != Severity.S4:
        shown = own.get(SHOWN_FIELD)
        if shown == INTERRUPT or (interrupts and shown != QUEUE):
            finding = finding._replace(mode=INTERRUPT)
        elif shown == QUEUE:
            finding = finding._replace(mode=QUEUE)
    if graver is not None:
        graver = _severity(graver[0], own), graver[1]
    milder = severity > candidate.finding.severity
    return candidate._replace(finding=finding, graver=graver, milder=milder)


def _severity(severity: int, own: Mapping[str, Any]) -> Severity:
    if own.get(SHOWN_FIELD) == NOTE:
        return Severity.S4
    return SEVERITIES[own.get(f"{SEVERITY}{int(severity)}", severity)]


def saying_whose(finding: Finding, book: RuleBook) -> Finding:
    """The finding, with whose local policy it follows where its rule has one."""
    if finding.rule_id not in book.policy_on:
        return finding
    told = Fact(LOCAL_POLICY, "Local policy of", book.policy_of)
    return finding._replace(facts=(*finding.facts, told))
