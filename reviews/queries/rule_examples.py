"""Worked examples as people read them: those added to a rule, and those that a draft breaks."""

from dataclasses import dataclass
from typing import Any

from reviews import governing, rulebooks, worked_examples
from reviews.models import BrokenExample, RuleDraft, RuleExample, RuleVersion
from reviews.queries.rule_drafts import scope_in_words
from reviews.rules.book import RuleBook
from reviews.rules.examples import EXAMPLES, NOT_EVALUABLE, added, judge, says
from reviews.rules.examples.described import described
from reviews.rules.examples.starting import start_from
from reviews.worked_examples import Judged, expected_in_words, in_words


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An added example with its record in words, and what a book says of it."""

    example: RuleExample
    record: list[str]
    scope: str
    expected: str
    said: str
    holds: bool


def added_to(rule_id: str, book: RuleBook) -> list[Shown]:
    """The standing examples that were added to a rule, as a book judges them."""
    return [shown(each, book) for each in worked_examples.standing(rule_id)]


def shown(example: RuleExample, book: RuleBook) -> Shown:
    """An added example as a book judges it, saved or not."""
    judged = worked_examples.judged(example, book)
    return Shown(
        example=example,
        record=record_of(example),
        scope=scope_in_words(example.profile, example.practice),
        expected=added.EXPECTED[example.expected],
        said=in_words(judged.said),
        holds=judged.holds,
    )


def record_of(example: RuleExample) -> list[str]:
    """What is on record of an example's person, in sentences; none where it cannot be read."""
    where = worked_examples.scope_of(example.profile, example.practice)
    try:
        return described(added.read(example.record, *where))
    except added.Unreadable:
        return []


@dataclass(frozen=True, kw_only=True)
class Otherwise:
    """One of the software's examples of which a book says otherwise under a further profile."""

    profile: str
    why: str
    said: str
    expected: str


def otherwise(rule_id: str, book: RuleBook) -> list[Otherwise]:
    """What the software's examples of a rule no longer show under the further profiles of a book.

    `expected` is what each claims under the base profile.
    """
    return [
        Otherwise(
            profile=each.key.profile,
            why=each.key.title,
            said=in_words(each.said),
            expected=in_words(each.expected),
        )
        for each in worked_examples.of_software(book, [rule_id])
        if each.key.profile in book.profiles and not each.holds
    ]


@dataclass(frozen=True, kw_only=True)
class Start:
    """One of the software's examples to begin a new one from.

    `given` is what a form begins with. `left_out` is what of the original has no room in it; `said`
    is what the live book says of what is left, where that is not what it says of the original.
    """

    why: str
    given: dict[str, Any]
    left_out: list[str]
    said: str = ""
    said_of_original: str = ""


def start(rule_id: str, number: int, profile: str, book: RuleBook) -> Start | None:
    """The example of a rule of this number, from 1 on, under a profile; None where there is none.

    A profile that the example says nothing of is left for one that it does.
    """
    own = EXAMPLES.get(rule_id, ())
    if not 1 <= number <= len(own):
        return None
    example = own[number - 1]
    profile = profile if profile in example.claims else next(iter(example.claims))
    began = start_from(example.dossier)
    given = {**began.record, "scope": profile}
    if example.claims[profile] != NOT_EVALUABLE:
        holds = added.holds(added.FLAG, example.claims[profile])
        given["expected"] = added.FLAG if holds else added.QUIET
    original = in_words(worked_examples.code(judge(rule_id, example, profile, book).said))
    try:
        now = says(rule_id, added.read(began.record, profile), book)[0]
    except added.Unreadable:
        return Start(why=example.why, given=given, left_out=began.left_out)
    said = in_words(worked_examples.code(now))
    differs = said != original
    return Start(
        why=example.why,
        given=given,
        left_out=began.left_out,
        said=said if differs else "",
        said_of_original=original if differs else "",
    )


@dataclass(frozen=True, kw_only=True)
class Breaks:
    """A worked example that a draft breaks; `row` is how it is kept, once the draft is frozen."""

    rule_id: str
    title: str
    scope: str
    record: list[str]
    expected: str
    said: str
    said_live: str
    is_added: bool
    row: BrokenExample | None = None


def broken_by(version: RuleVersion) -> list[Breaks]:
    """The worked examples that a frozen book breaks, those without a stated reason first."""
    return [
        Breaks(
            rule_id=row.rule_id,
            title=row.title,
            scope=scope_in_words(row.profile, row.practice),
            record=record_of(row.example) if row.example else _of_software(row.rule_id, row.title),
            expected=expected_in_words(worked_examples.key_of(row), row.expected),
            said=in_words(row.said),
            said_live=in_words(row.said_live) if row.said_live else "",
            is_added=row.example_id is not None,
            row=row,
        )
        for row in worked_examples.kept(version)
    ]


def would_break_of(draft: RuleDraft, rule_id: str) -> list[Breaks]:
    """What an open draft would break of the examples of one rule."""
    edits = governing.merged(governing.live(), governing.in_draft(draft))
    found = would_break({rule_id}, governing.content(edits.values()))
    return [each for each in found if each.rule_id == rule_id]


def would_break(rule_ids: set[str], content: dict[str, Any]) -> list[Breaks]:
    """What an open draft of this content would break: added examples, and those of these rules.

    The software's examples of all other rules are judged when the draft is frozen.
    """
    live = rulebooks.live()[1]
    book = RuleBook.from_json({"number": live.number, **content})
    rows = list(worked_examples.standing())
    examples = {each.pk: each for each in rows}
    judged = [worked_examples.judged(each, book) for each in rows]
    judged += worked_examples.of_software(book, sorted(rule_ids & EXAMPLES.keys()))
    return [_would(each, examples, live) for each in judged if not each.holds]


def _would(each: Judged, examples: dict[int, RuleExample], live: RuleBook) -> Breaks:
    example = examples.get(each.key.example_id or 0)
    now = worked_examples.judged(example, live) if example else None
    return Breaks(
        rule_id=each.key.rule_id,
        title=each.key.title,
        scope=scope_in_words(each.key.profile, example.practice if example else None),
        record=record_of(example) if example else _of_software(each.key.rule_id, each.key.title),
        expected=expected_in_words(each.key, each.expected),
        said=in_words(each.said),
        said_live=in_words(now.said) if now and not now.holds else "",
        is_added=example is not None,
    )


def _of_software(rule_id: str, title: str) -> list[str]:
    found = next((each for each in EXAMPLES.get(rule_id, ()) if each.why[:200] == title), None)
    return [] if found is None else described(found.dossier)
