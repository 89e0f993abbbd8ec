"""How a check says what it finds, and what the record does not allow it to judge.

A check yields candidates and gaps. A candidate is not yet a finding: exemptions can lower or
silence it, and it can give way to another rule's (`reviews.rules.precedence`).
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from reviews.rules import words
from reviews.rules.finding import (
    INTERRUPT,
    NOTE,
    QUEUE,
    SEVERITIES,
    Fact,
    Finding,
    NotEvaluable,
    Severity,
)
from reviews.rules.naming import ids_of, length_unknown

if TYPE_CHECKING:
    from reviews.rules.exposure import Use
    from reviews.rules.view import View


class Candidate(NamedTuple):
    """What one rule finds, and what the table of precedence looks at.

    `finding` is as the rule grades it, before exemptions. `episode` is the first day of the episode
    it is about; `drugs` the keys of the drugs it is about, one by one; `kind` which of several
    things a rule looks for it found. `begun` is the day on which a medicine was begun beside a
    benzodiazepine or Z-drug, given while that makes the finding urgent. `graver` is the severity
    and the sentence in its place where the table makes it graver; a medicine begun from the day
    `lately` on then counts. `milder` says that a book grades it milder than the rule does.
    """

    finding: Finding
    episode: int | None = None
    drugs: frozenset[str] = frozenset()
    kind: str = ""
    begun: int | None = None
    lately: int | None = None
    graver: tuple[int, str] | None = None
    milder: bool = False


Says: TypeAlias = Iterator[Candidate | NotEvaluable]
"""What a check yields."""


def candidate(
    rule_id: str,
    severity: int,
    *,
    key: str,
    line_ids: tuple[int, ...],
    title: str,
    sentence: str,
    facts: tuple[Fact, ...],
    clears: str,
    unknown: str = "",
    interrupts: bool = False,
    leads: bool = False,
    episode: int | None = None,
    drugs: frozenset[str] = frozenset(),
    kind: str = "",
    begun: int | None = None,
    lately: int | None = None,
    graver: tuple[int, str] | None = None,
) -> Candidate:
    """A finding, and what `Candidate` says of it; with `interrupts` it asks for a reason."""
    finding = Finding(
        rule_id,
        SEVERITIES[severity],
        INTERRUPT if interrupts else _MODES[severity],
        key[:200],
        line_ids,
        title[:200],
        sentence,
        facts,
        clears,
        unknown,
        leads,
    )
    return Candidate(finding, episode, drugs, kind, begun, lately, graver)


_MODES: dict[int, str] = {
    severity: NOTE if severity == Severity.S4 else QUEUE for severity in Severity
}


def graded_as(finding: Finding, severity: Severity) -> Finding:
    """The finding with another severity; one that is lowered asks for no reason any more."""
    return finding._replace(severity=severity, mode=_MODES[severity])


def about_use(
    view: "View",
    rule_id: str,
    severity: int,
    *,
    title: str,
    sentence: str,
    clears: str,
    facts: tuple[Fact, ...] = (),
    uses: Iterable["Use"] | None = None,
    key: str = "",
    unknown: str = "",
    interrupts: bool = False,
    leads: bool = False,
    drugs: frozenset[str] = frozenset(),
    kind: str = "",
) -> Candidate:
    """A candidate about what is in use now, or about some of it (`uses`).

    Its key names the exposure; `key` adds to that what else makes it another matter.
    """
    finding = Finding(
        rule_id,
        SEVERITIES[severity],
        INTERRUPT if interrupts else _MODES[severity],
        f"{rule_id}:{view.anchor}{':' + key if key else ''}"[:200],
        view.line_ids if uses is None else ids_of(uses),
        title[:200],
        sentence,
        facts or (Fact("in_use", "In use", view.in_use),),
        clears,
        unknown,
        leads,
    )
    return Candidate(finding, None, drugs, kind)


def cannot_judge(rule_id: str, line_ids: Iterable[int], reason: str) -> NotEvaluable:
    """The record does not allow the rule to answer."""
    return NotEvaluable(rule_id=rule_id, line_ids=tuple(sorted(set(line_ids))), reason=reason)


def length_not_known(rule_id: str, uses: Iterable["Use"]) -> Iterator[NotEvaluable]:
    """Not evaluable, because the days of some supplies are not known; nothing without any."""
    uses = list(uses)
    if uses:
        yield cannot_judge(
            rule_id,
            [use.line.id for use in uses],
            f"{words.sentence_case(length_unknown(uses))}.",
        )
