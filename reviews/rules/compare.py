"""What differs between two screenings of one person, by rule and by key."""

from collections.abc import Mapping
from typing import NamedTuple

from reviews.rules.finding import Finding, Screening

Drugs = Mapping[int, frozenset[str]]
"""The drugs of each line of a dossier, by the id of the line."""


class Change(NamedTuple):
    """A finding that both screenings hold, in another severity."""

    before: Finding
    after: Finding


class Difference(NamedTuple):
    """Findings that came, went, changed in severity or stayed, in the order of their screening.

    `same` are those of the later screening, whose words and figures may have changed, and `wider`
    those that stood in the same severity and now concern a drug that they did not. `added` is what
    somebody is to be told who knows the earlier one: what is new, changed, or wider.
    """

    new: tuple[Finding, ...]
    gone: tuple[Finding, ...]
    changed: tuple[Change, ...]
    same: tuple[Finding, ...]
    wider: tuple[Finding, ...]
    added: tuple[Finding, ...]


def compare(
    before: Screening, after: Screening, drugs: tuple[Drugs, Drugs] | None = None
) -> Difference:
    """What came between two screenings; the words of a finding make no difference.

    `drugs` are those of the lines before and after. Without them nothing is wider.
    """
    earlier = {_identity(finding): finding for finding in before.findings}
    later = {_identity(finding): finding for finding in after.findings}
    kept = [Change(earlier[key], finding) for key, finding in later.items() if key in earlier]
    alike = [each for each in kept if each.before.severity == each.after.severity]
    wider = tuple(each.after for each in alike if drugs and _concerns_more(each, *drugs))
    same = tuple(each.after for each in alike if each.after not in wider)
    return Difference(
        new=tuple(finding for key, finding in later.items() if key not in earlier),
        gone=tuple(finding for key, finding in earlier.items() if key not in later),
        changed=tuple(each for each in kept if each.before.severity != each.after.severity),
        same=same,
        wider=wider,
        added=tuple(finding for finding in later.values() if finding not in same),
    )


def _concerns_more(kept: Change, before: Drugs, after: Drugs) -> bool:
    """Whether a finding is now about a drug that it was not about."""
    held = frozenset[str]().union(*(before.get(each, ()) for each in kept.before.line_ids))
    return any(not after.get(each, frozenset()) <= held for each in kept.after.line_ids)


def _identity(finding: Finding) -> tuple[str, str]:
    return finding.rule_id, finding.key
