"""What supplies are called: their drugs in titles and sentences, and in a finding's key."""

from collections.abc import Iterable

from reviews.rules import words
from reviews.rules.exposure import FurtherIssues, Span, Use, begins


def names(spans_or_uses: Iterable[Span | Use]) -> list[str]:
    """The drugs' names, each once, in order of first use."""
    first: dict[str, int] = {}
    for item in spans_or_uses:
        use = item.use if isinstance(item, Span) else item
        name, start = use.drug.name, use.start or 0
        if name not in first or start < first[name]:
            first[name] = start
    if len(first) == 1:
        return list(first)
    return [name for _, name in sorted([(start, name) for name, start in first.items()])]


def ids_of(uses: Iterable[Use]) -> tuple[int, ...]:
    """The ids of their lines, each once, in order."""
    return tuple(sorted({use.line.id for use in uses}))


def key_of(spans: Iterable[Span]) -> str:
    """The drugs' keys for a finding's key, in an order that nothing moves."""
    return "+".join(sorted({span.use.drug.key for span in spans}))


def not_recorded(uses: Iterable[Use]) -> str:
    """Supplies that have no recorded length: "lorazepam of 9 October 2026"."""
    found = sorted({(_begun(use), use.drug.name) for use in uses})
    return words.listed(
        f"{name} of {words.day(start)}" if start else f"{name} (no date)" for start, name in found
    )


def length_unknown(uses: Iterable[Use]) -> str:
    """Why the days of some supplies are not known, as a clause without a full stop.

    Three things can be lacking: the first day, how long a supply lasts, or whether more was issued
    of an order after its first issue.
    """
    uses = list(uses)
    more = [use for use in uses if isinstance(use, FurtherIssues)]
    undated = [use for use in uses if use.start is None]
    vague = [use for use in uses if use not in more and use not in undated]
    clauses = []
    if vague:
        clauses.append(f"the length of supply is not known for {not_recorded(vague)}")
    if more:
        clauses.append(f"whether more was issued is not known for {not_recorded(more)}")
    if undated:
        clauses.append(f"the first day is not recorded for {words.listed(names(undated))}")
    return "; ".join(clauses)


def _begun(use: Use) -> int:
    """The day on which a use began, or the order whose further issues it is; 0 without one."""
    if isinstance(use, FurtherIssues):
        day = begins(use.line)[0]
        return 0 if day is None else day.toordinal()
    return use.start or 0
