"""What yields to what: which rule's finding is shown in place of which, and what makes one graver.

Applied once, after all rules have spoken and exemptions have lowered what they lower, whatever the
order in which the rules were asked. A rule that stands in no row changes nothing that others say.
"""

from collections.abc import Callable, Iterable, Sequence
from graphlib import TopologicalSorter
from typing import NamedTuple

from reviews.rules.finding import Finding
from reviews.rules.saying import Candidate


class Condition(NamedTuple):
    """Of two candidates: whether the first gives way to the second, or grows graver by it."""

    words: str
    holds: Callable[[Candidate, Candidate], bool]


SAME_EPISODE = Condition(
    "both are about the same episode", lambda mine, other: mine.episode == other.episode
)
SAME_DRUG = Condition(
    "both are about the same drug", lambda mine, other: not mine.drugs.isdisjoint(other.drugs)
)
AT_LEAST_AS_GRAVE = Condition(
    "the one shown is at least as grave",
    lambda mine, other: other.finding.severity <= mine.finding.severity,
)
NONE_PLANNED = Condition(
    "no review is planned (a planned one that was missed is shown)",
    lambda mine, _: mine.kind == "none planned",
)
URGENT = Condition(
    "what is said of the medicine beside it is urgent", lambda _, other: other.finding.severity == 1
)
BEGUN_LATELY = Condition(
    "that medicine was begun lately",
    lambda mine, other: (
        other.begun is not None and mine.lately is not None and other.begun >= mine.lately
    ),
)


class GivesWay(NamedTuple):
    """Findings of `rule` are not shown where one of a rule of `to` is, under every condition."""

    rule: str
    to: tuple[str, ...]
    when: tuple[Condition, ...] = ()


class GrowsGraver(NamedTuple):
    """Findings of `rule` are graver because of one of `because_of`, shown or not."""

    rule: str
    because_of: tuple[str, ...]
    when: tuple[Condition, ...]


GIVES_WAY = (
    GivesWay("DUR-01", ("DUR-04",), (SAME_EPISODE,)),
    GivesWay("DUR-02", ("DUR-04",), (SAME_EPISODE,)),
    GivesWay("DUR-03", ("DUR-04",), (SAME_EPISODE,)),
    GivesWay("DUR-05", ("DUR-06",)),
    # A course of over 120 days is not newly begun any more.
    GivesWay("DUR-08", ("DUR-04",), (SAME_EPISODE,)),
    GivesWay("DOSE-03", ("DOSE-02",), (SAME_DRUG,)),
    GivesWay("DOSE-01", ("DOSE-03",), (SAME_DRUG,)),
    GivesWay("DOSE-04", ("TAP-05",)),
    GivesWay("GAB-01", ("OPI-04",)),
    GivesWay("CNS-05", ("OPI-04",)),
    GivesWay("CYP-03", ("CYP-01", "ADP-01"), (AT_LEAST_AS_GRAVE,)),
    GivesWay("TAP-06", ("TAP-01",)),
    GivesWay("STOP-01", ("STOP-02",)),
    GivesWay("SUP-01", ("SUI-01", "ODH-01")),
    GivesWay(
        "REV-02",
        ("REV-01", "DUR-01", "DUR-02", "DUR-03", "DUR-04"),
        (NONE_PLANNED, AT_LEAST_AS_GRAVE),
    ),
)
GROWS_GRAVER = (
    GrowsGraver(
        "DUR-04",
        (
            *("OPI-01", "OPI-02", "OPI-04", "GAB-01", "CNS-01"),
            *("CYP-01", "ADP-01", "CLZ-01", "OXY-01"),
        ),
        (URGENT, BEGUN_LATELY),
    ),
)


class Rows(NamedTuple):
    """The rows in which a rule stands, as its page shows them."""

    gives_way: list[GivesWay]
    in_place_of: list[GivesWay]
    graver_with: list[GrowsGraver]
    makes_graver: list[GrowsGraver]


def rows_of(rule_id: str) -> Rows:
    """The rows of a rule."""
    return Rows(
        [row for row in GIVES_WAY if row.rule == rule_id],
        [row for row in GIVES_WAY if rule_id in row.to],
        [row for row in GROWS_GRAVER if row.rule == rule_id],
        [row for row in GROWS_GRAVER if rule_id in row.because_of],
    )


class Settled(NamedTuple):
    """The findings that are shown, and the ids of rules of which another is shown in place."""

    findings: Sequence[Finding]
    shadowed: frozenset[str]


NOTHING = Settled((), frozenset())


def settled(candidates: Sequence[Candidate]) -> Settled:
    """Apply the table: first what grows graver, then what gives way.

    A candidate gives way only to one that is itself shown, so rules are gone through from those
    that give way to none.
    """
    if not candidates:
        return NOTHING
    by_rule: dict[str, list[Candidate]] = {}
    for each in candidates:
        by_rule.setdefault(each.finding.rule_id, []).append(each)
    shadowed = set()
    if len(by_rule) > 1:
        for row in GROWS_GRAVER:
            if row.rule in by_rule:
                others = _of(by_rule, row.because_of)
                by_rule[row.rule] = [_grown(each, others, row.when) for each in by_rule[row.rule]]
        for rule in _HIGHEST_FIRST:
            found = by_rule.get(rule)
            if found is not None:
                left = [each for each in found if not _gives_way(each, by_rule, _ROWS[rule])]
                if len(left) < len(found):
                    by_rule[rule] = left
                    shadowed.add(rule)
    shown = [each.finding for found in by_rule.values() for each in found]
    return Settled(shown, frozenset(shadowed))


def _gives_way(mine: Candidate, by_rule: dict[str, list[Candidate]], rows: list[GivesWay]) -> bool:
    for row in rows:
        for rule in row.to:
            for other in by_rule.get(rule, ()):
                if _holds(row.when, mine, other) and not _is_too_mild(mine, other):
                    return True
    return False


def _is_too_mild(mine: Candidate, other: Candidate) -> bool:
    """Whether a book made the other milder, so that it would hide what is graver now."""
    return other.milder and not AT_LEAST_AS_GRAVE.holds(mine, other)


def _of(by_rule: dict[str, list[Candidate]], rules: Iterable[str]) -> list[Candidate]:
    return [each for rule in rules for each in by_rule.get(rule, ())]


def _grown(mine: Candidate, others: list[Candidate], when) -> Candidate:
    if mine.graver is None or not any(_holds(when, mine, other) for other in others):
        return mine
    severity, sentence = mine.graver
    return mine._replace(finding=mine.finding._replace(severity=severity, sentence=sentence))


def _holds(when: tuple[Condition, ...], mine: Candidate, other: Candidate) -> bool:
    return all(condition.holds(mine, other) for condition in when)


_ROWS: dict[str, list[GivesWay]] = {}
for _row in GIVES_WAY:
    _ROWS.setdefault(_row.rule, []).append(_row)
# Raises CycleError for a table in which two rules give way to each other.
_HIGHEST_FIRST = tuple(
    rule
    for rule in TopologicalSorter(
        {rule: [other for row in rows for other in row.to] for rule, rows in _ROWS.items()}
    ).static_order()
    if rule in _ROWS
)
