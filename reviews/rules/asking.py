"""Which rules are asked of a dossier: those whose parameters the book holds, by what they need."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from reviews.rules.book import RuleBook
from reviews.rules.memory import once_for_a_book
from reviews.rules.parameters import EXPOSURE, Limits
from reviews.rules.policy import is_off
from reviews.rules.registry import RULES
from reviews.rules.rule import THEMES, Check, Rule

AFTERWARDS = frozenset(
    {"DQ-03", "DQ-04", "PRE-01", "REF-01", "REF-02", "STOP-01", "STOP-02", "STOP-03"}
)
"""Rules that are asked even once every supply is gone: who looks for short supplies in several
places has none in between."""


def runs(rule: Rule, book: RuleBook, profile: str) -> bool:
    """Does the book hold every parameter that the rule has under the profile, and run it?"""
    if is_off(book, rule.id, profile):
        return False
    held = book.rules.get(rule.id, {}).get(profile)
    # Rules are written for base profiles; a further one has the steps of its base.
    return held is not None and rule.limits.get(book.base_of(profile), {}).keys() <= held.keys()


class Asked(NamedTuple):
    """Checks with their limits, asked of a dossier that holds one of the bits in `needs`.

    With 0 they are asked of any dossier.
    """

    needs: int
    checks: list[tuple[Check, Limits]]


class Asking(NamedTuple):
    """What screening asks under a book and a profile.

    `in_use` are the rules while a benzodiazepine or Z-drug is in use, `idle` those asked also when
    one was until days ago, `afterwards` those asked even once every supply is gone. `after_start`
    and `after_end` say how many days after a start, and after an end, a rule looks at them;
    `elder_from_years` is the age of ELD-02, None without it. `themes` rank the rules' findings.
    `grading` says of rules that the book grades or shows otherwise how.
    """

    in_use: list[Asked]
    idle: list[Asked]
    afterwards: list[Asked]
    after_start: tuple[int, ...]
    after_end: tuple[int, ...]
    elder_from_years: int | None
    themes: dict[str, int]
    grading: dict[str, Mapping[str, Any]]


@once_for_a_book
def asking(book: RuleBook, profile: str) -> Asking:
    """All rules of a book under a profile."""
    return asking_only(book, profile, RULES)


def asking_only(book: RuleBook, profile: str, rules: Iterable[Rule]) -> Asking:
    """Some rules of a book under a profile, such as all of them and one more."""
    limit = book.rules[EXPOSURE][profile]
    running = [rule for rule in rules if runs(rule, book, profile)]

    def asked(chosen):
        by_needs: dict[int, list[tuple[Check, Limits]]] = {}
        for rule in chosen:
            checks = by_needs.setdefault(rule.needs, [])
            checks.append((rule.check, book.rules[rule.id][profile]))
        return [Asked(needs, checks) for needs, checks in by_needs.items()]

    def own(rule_id, name):
        return book.rules.get(rule_id, {}).get(profile, {}).get(name)

    windows = (
        limit["start_window_days"],
        own("DUR-04", "co_drug_started_within_days"),
        own("ELD-01", "unexposed_before_days"),
    )
    return Asking(
        asked(running),
        asked(rule for rule in running if rule.idle),
        asked(rule for rule in running if rule.id in AFTERWARDS),
        (0, *sorted({window + 1 for window in windows if window is not None})),
        (1, *sorted((limit["restart_gap_days"] + 1, limit["gap_days"] + 2))),
        own("ELD-02", "age_from_years"),
        {rule.id: THEMES.index(rule.theme) for rule in running},
        {rule: by[profile] for rule, by in book.grading.items() if by.get(profile)},
    )
