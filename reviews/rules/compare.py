"""What differs between two screenings of one person, by rule and by key."""

from typing import NamedTuple

from reviews.rules.finding import Finding, Screening


class Change(NamedTuple):
    """A finding that both screenings hold, in another severity."""

    before: Finding
    after: Finding


class Difference(NamedTuple):
    """Findings that came, went, changed in severity or stayed, in the order of their screening.

    `same` are those of the later screening, whose words and figures may have changed. `added` is
    what somebody is to be told who knows the earlier one: what is new, and what changed.
    """

    new: tuple[Finding, ...]
    gone: tuple[Finding, ...]
    changed: tuple[Change, ...]
    same: tuple[Finding, ...]
    added: tuple[Finding, ...]


def compare(before: Screening, after: Screening) -> Difference:
    """What came between two screenings; the words of a finding make no difference."""
    earlier = {_identity(finding): finding for finding in before.findings}
    later = {_identity(finding): finding for finding in after.findings}
    kept = [Change(earlier[key], finding) for key, finding in later.items() if key in earlier]
    same = tuple(each.after for each in kept if each.before.severity == each.after.severity)
    return Difference(
        new=tuple(finding for key, finding in later.items() if key not in earlier),
        gone=tuple(finding for key, finding in earlier.items() if key not in later),
        changed=tuple(each for each in kept if each.before.severity != each.after.severity),
        same=same,
        added=tuple(finding for finding in later.values() if finding not in same),
    )


def _identity(finding: Finding) -> tuple[str, str]:
    return finding.rule_id, finding.key
