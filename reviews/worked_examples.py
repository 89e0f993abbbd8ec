"""Worked examples as a rule book judges them: the software's, those added here, and broken ones.

Each is screened by the portal's engine, as a patient would be. A frozen book that says of one
something else than it should keeps a row of it (`BrokenExample`), and is not published before
somebody stated why.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from reviews import engines, groups, rulebooks
from reviews.models import BrokenExample, Practice, RuleExample, RuleVersion
from reviews.rules.book import RuleBook
from reviews.rules.examples import EXAMPLES, NOT_EVALUABLE, Example, judge, says
from reviews.rules.examples import added as added_examples
from reviews.rules.profiles import is_known

UNREADABLE, NO_PROFILE = "unreadable", "no profile"
OTHERWISE = "otherwise"
_WORDS = {
    "1": "S1 Urgent",
    "2": "S2 Review",
    "3": "S3 Note",
    "4": "S4 Info",
    "quiet": "quiet",
    NOT_EVALUABLE: "not evaluated",
    UNREADABLE: "not readable by this software",
    NO_PROFILE: "its profile is not in this rule book",
}
DRAFT = RuleVersion.State.DRAFT


class Key(NamedTuple):
    """Which example of which rule; `example` is its id where the site added it, else None."""

    rule_id: str
    profile: str
    practice_id: int | None
    example_id: int | None
    title: str


class Judged(NamedTuple):
    """What a book says of an example, and what it should: codes, for `in_words`."""

    key: Key
    expected: str
    said: str
    holds: bool


def code(said: int | str | None) -> str:
    """What a rule says of an example as a code: "1" to "4", "quiet" or "not evaluable"."""
    return "quiet" if said is None else str(said)


def in_words(code: str) -> str:
    """ "S2 Review", "quiet", "S2 Review, in other words": a code of what is said, for people."""
    said = code.removesuffix(f" {OTHERWISE}")
    words = _WORDS.get(said, said)
    return f"{words}, in other words" if said != code else words


def expected_in_words(key: Key, expected: str) -> str:
    """ "Should flag" of an example that was added, "S2 Review" of one of the software's."""
    if key.example_id is None:
        return in_words(expected)
    return added_examples.EXPECTED[expected]


def standing(rule_id: str | None = None) -> QuerySet[RuleExample]:
    """The added examples that nobody withdrew, of one rule or of all, the first one first."""
    found = RuleExample.objects.filter(withdrawn_at=None)
    if rule_id is not None:
        found = found.filter(rule_id=rule_id)
    return found.select_related("practice", "by").order_by("pk")


def judged(example: RuleExample, book: RuleBook) -> Judged:
    """What a book says of an added example, by the portal's engine.

    One of a practice is judged as its patients are, so also by policy of the group that it is in. A
    book without the profile of an example keeps to it: the profile is gone, or not there yet.
    """
    profile, practice = scope_of(example.profile, example.practice)
    try:
        dossier = added_examples.read(example.record, profile, practice)
    except added_examples.Unreadable:
        dossier = None
    if dossier is not None and example.practice is not None:
        dossier = replace(dossier, group=groups.group_of(example.practice.pk))
    if dossier is None:
        said, holds = UNREADABLE, False
    elif not is_known(book.profiles, profile):
        said, holds = NO_PROFILE, True
    else:
        found, _ = says(example.rule_id, dossier, book)
        said, holds = code(found), added_examples.holds(example.expected, found)
    key = Key(example.rule_id, example.profile, example.practice_id, example.pk, example.title)
    return Judged(key, example.expected, said, holds)


def scope_of(profile: str, practice: Practice | None) -> tuple[str, str]:
    """The profile, and the code of the practice whose local policy counts, of an example."""
    return (practice.profile, practice.code) if practice else (profile, "")


def of_software(book: RuleBook, rule_ids: Iterable[str]) -> list[Judged]:
    """What a book says of the software's own examples of these rules, under each profile."""
    examples = [(rule_id, each) for rule_id in rule_ids for each in EXAMPLES.get(rule_id, ())]
    of_bases = [
        _judged(rule_id, profile, example, book)
        for rule_id, example in examples
        for profile in example.claims
    ]
    return [*of_bases, *_under_further(book, examples, {each.key: each.said for each in of_bases})]


def _judged(rule_id: str, profile: str, example: Example, book: RuleBook) -> Judged:
    outcome = judge(rule_id, example, profile, book)
    expected, said = code(example.claims[profile]), code(outcome.said)
    if expected == said and not outcome.holds:
        said = f"{said} {OTHERWISE}"
    return Judged(_key(rule_id, profile, example), expected, said, outcome.holds)


def _key(rule_id: str, profile: str, example: Example) -> Key:
    return Key(rule_id, profile, None, None, example.why[:200])


def _under_further(
    book: RuleBook, examples: Iterable[tuple[str, Example]], by_base: Mapping[Key, str]
) -> Iterator[Judged]:
    """The software's examples under the further profiles of a book, by what is claimed of the base.

    `by_base` is what the book says of each under the bases. One that says the same under a further
    profile holds there: where it is broken, the row of the base tells it. Words may be others,
    since a sentence names the profile.
    """
    bases = {profile: book.base_of(profile) for profile in sorted(book.profiles)}
    for rule_id, example in examples:
        for profile, base in bases.items():
            if base not in example.claims:
                continue
            found, _ = says(rule_id, replace(example.dossier, profile=profile), book)
            expected, said = code(example.claims[base]), code(found)
            by_its_base = by_base[_key(rule_id, base, example)].removesuffix(f" {OTHERWISE}")
            holds = said in (expected, by_its_base)
            yield Judged(_key(rule_id, profile, example), expected, said, holds)


@lru_cache(maxsize=8)
def _broken_of_software(version_id: int) -> tuple[Judged, ...]:
    """The software's examples that a frozen book breaks; neither of the two changes."""
    everything = of_software(rulebooks.book(version_id), EXAMPLES)
    return tuple(each for each in everything if not each.holds)


def broken(version: RuleVersion) -> list[Judged]:
    """All standing examples of which a frozen book does not say what it should."""
    book = rulebooks.book(version.pk)
    added = [judged(each, book) for each in standing()]
    return [*_broken_of_software(version.pk), *(each for each in added if not each.holds)]


def look(
    version: RuleVersion, live: RuleVersion | None, *, because: str = "", by: User | None = None
) -> None:
    """Keep which examples a frozen draft breaks; those that are kept already stay as they are.

    A reason that was stated with the live book for the same answer is carried over. `because` is
    the reason for each one else, where there is one for the whole book, as stated by `by`. The
    caller holds `governing.one_at_a_time`. Raises `OtherEngine` where this process judges by
    another engine than the portal's.
    """
    engine_id, now = engines.hold(), timezone.now()
    held = {key_of(row) for row in version.broken_examples.all()}
    fresh = [each for each in broken(version) if each.key not in held]
    if not fresh:
        return
    by_live = {} if live is None else {each.key: each.said for each in broken(live)}
    stated = {} if live is None else _stated(live)
    rows = []
    for each in fresh:
        row = BrokenExample(
            version=version,
            **each.key._asdict(),
            expected=each.expected,
            said=each.said,
            said_live=by_live.get(each.key, ""),
            engine_id=engine_id,
        )
        before = stated.get((each.key, each.said))
        if before is not None:
            row.reason, row.explained_by = before.reason, before.explained_by
            row.explained_at = before.explained_at
            row.carried_from = before.carried_from or live
        elif because and by is not None:
            row.reason, row.explained_by, row.explained_at = because, by, now
        rows.append(row)
    BrokenExample.objects.bulk_create(rows)


def _stated(live: RuleVersion) -> dict[tuple[Key, str], BrokenExample]:
    rows = live.broken_examples.filter(explained_at__isnull=False)
    return {(key_of(row), row.said): row for row in rows.select_related("carried_from")}


def key_of(row: BrokenExample) -> Key:
    """Which example a kept row is about."""
    return Key(row.rule_id, row.profile, row.practice_id, row.example_id, row.title)


def kept(version: RuleVersion) -> list[BrokenExample]:
    """The broken examples of a book: those without a reason first, then by rule."""
    rows = version.broken_examples.select_related(
        "example", "practice", "explained_by", "carried_from"
    )
    return sorted(rows, key=lambda row: (row.explained_at is not None, row.rule_id, row.pk))


def unexplained(version: RuleVersion) -> int:
    """How many broken examples of a book have no stated reason."""
    return version.broken_examples.filter(explained_at=None).count()


def open_drafts() -> QuerySet[RuleVersion]:
    """The frozen drafts that are neither published nor put away."""
    return RuleVersion.objects.filter(state=DRAFT).order_by("pk")
