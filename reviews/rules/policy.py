"""What a book says to one practice, and how findings are graded and shown otherwise than by rule.

Local policy of a practice, or of the group that it is in, makes of a book another book, once for
each that has one: whatever reads limits reads them from there.
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
GROUP = "group:"
"""Stands before the code of a group of practices, which could be that of a practice too."""
OFF = "off"
SHOWN_FIELD = "shown"
"""What a book says here of a rule is how it is shown: as a mode of a finding, or not at all."""
SEVERITY = "severity_s"
"""A field of this beginning says how what the rule grades S1 to S4 is graded instead."""


def scopes(practice: str, group: str = "") -> tuple[str, ...]:
    """Whose policies can count at a practice, by its code and its group's: what comes later wins.

    A group of practices stands among the policies of a book as `GROUP` with its code.
    """
    return (*((GROUP + group,) if group else ()), *((practice,) if practice else ()))


def at(book: RuleBook, practice: str, group: str = "") -> RuleBook:
    """The book as it holds for the patients of a practice, by its code and that of its group.

    Policy of the practice counts before that of its group, and that before the profile, fact by
    fact. Without either the book itself.
    """
    if not book.local:
        return book
    own = tuple(each for each in scopes(practice, group) if each in book.local)
    return _at(book, own) if own else book


@once_for_a_book
def _at(book: RuleBook, own: tuple[str, ...]) -> RuleBook:
    rules, grading, citations = dict(book.rules), dict(book.grading), dict(book.citations)
    whose: dict[tuple[str, str], str] = {}
    for scope in own:
        said = book.local[scope]
        thresholds, gradings = said.get("rules", {}), said.get("grading", {})
        for rule_id, changed in thresholds.items():
            # A step that a profile does not have is not brought into it by local policy.
            rules[rule_id] = {
                profile: {name: changed.get(name, value) for name, value in limits.items()}
                for profile, limits in rules.get(rule_id, {}).items()
            }
        for rule_id, changed in gradings.items():
            held = grading.get(rule_id, {})
            grading[rule_id] = {
                profile: {**held.get(profile, {}), **changed}
                for profile in book.rules.get(rule_id, {})
            }
        for rule_id, rows in said.get("citations", {}).items():
            citations[rule_id] = with_policy(citations.get(rule_id, []), rows)
        for section in (thresholds, gradings):
            for rule_id, changed in section.items():
                whose |= {(rule_id, name): said["name"] for name in changed}
    return replace(
        book,
        rules=rules,
        grading=grading,
        citations=citations,
        local={},
        policy_of=_names(whose),
    )


def with_policy(cited: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Who says so of a rule, with these rows of a local policy.

    What a group says of a fact of which the practice has its own word falls out.
    """
    return [*(row for row in cited if not _replaced(row, rows)), *rows]


def _replaced(row: Mapping[str, Any], rows: list[dict[str, Any]]) -> bool:
    """Whether a group says so of a fact of which one of these rows is the practice's own word."""
    key = str(row.get("key", ""))
    _, _, rest = key.partition(":")
    field = rest.rpartition(":")[2]
    return rest.startswith(GROUP) and any(
        str(own.get("key", "")).rpartition(":")[2] == field for own in rows
    )


def _names(whose: Mapping[tuple[str, str], str]) -> dict[str, str]:
    """By rule the names of those whose policy is on it, the practice before its group."""
    found: dict[str, list[str]] = {}
    for (rule_id, _), name in whose.items():
        found.setdefault(rule_id, []).append(name)
    return {rule: " and ".join(dict.fromkeys(reversed(names))) for rule, names in found.items()}


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
    if finding.rule_id not in book.policy_of:
        return finding
    told = Fact(LOCAL_POLICY, "Local policy of", book.policy_of[finding.rule_id])
    return finding._replace(facts=(*finding.facts, told))
