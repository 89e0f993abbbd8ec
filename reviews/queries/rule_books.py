"""Rule books beside one another and as files: each fact with who says so, and what proves it."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

import msgspec
from django.db import connection

from reviews import governing, rule_files, sealing
from reviews.models import RuleChange, RuleDraft, RuleVersion, SealedLeaf
from reviews.queries.differences import SECTIONS, Difference, differences
from reviews.rule_files import Row
from reviews.rulebooks import FORMULARY_SECTIONS
from reviews.rules.changing import (
    Fact,
    is_further,
    is_grading,
    is_known,
    own_facts,
    value_in,
)
from reviews.rules.parameters import EXPOSURE
from reviews.rules.profiles import Held, further
from reviews.rules.registry import PARAMETERS

RULE_IDS = (EXPOSURE, *sorted(PARAMETERS.keys() - {EXPOSURE}))


class FactDiffers(NamedTuple):
    """A fact of a rule that two books hold otherwise; `change` is who says so in the newer one."""

    fact: Fact
    label: str
    scope: str
    before: str
    after: str
    change: RuleChange | None


class Compared(NamedTuple):
    """What differs between two books: facts of rules, and what the formulary says."""

    facts: list[FactDiffers]
    formulary: list[tuple[str, list[Difference]]]

    @property
    def total(self) -> int:
        """How many facts differ."""
        return len(self.facts) + sum(len(rows) for _, rows in self.formulary)


def compared(old: RuleVersion, new: RuleVersion) -> Compared:
    """Two books, fact by fact. Of a fact whose edit stands no more nobody is named."""
    said = governing.standing(new)
    names = {
        code: own["name"]
        for book in (old.book, new.book)
        for code, own in book.get("local", {}).items()
    }
    held = {**further(old.book), **further(new.book)}
    facts = _run_otherwise(old.book, new.book) + [
        FactDiffers(
            fact,
            governing.label(fact),
            f"local policy of {names[fact.practice]}" if fact.practice else fact.profile,
            _in_words(fact, value_in(old.book, fact), held),
            _in_words(fact, value_in(new.book, fact), held),
            said.get(fact),
        )
        for fact in _facts(old.book, new.book)
        if value_in(old.book, fact) != value_in(new.book, fact)
    ]
    other = differences(old.book, new.book)
    sections = [(SECTIONS[name], other[name]) for name in FORMULARY_SECTIONS if name in other]
    return Compared(facts, sections)


def _run_otherwise(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[FactDiffers]:
    """The rules that only one of two books holds under a profile: the other does not run them.

    Many have no threshold, by which the difference would show.
    """
    ran, runs = (
        {
            (rule_id, profile)
            for rule_id, by_profile in book["rules"].items()
            for profile in by_profile
        }
        for book in (old, new)
    )
    return [
        FactDiffers(
            Fact(rule_id, profile, "", "run"),
            "Run",
            profile,
            "yes" if (rule_id, profile) in ran else "no",
            "yes" if (rule_id, profile) in runs else "no",
            None,
        )
        for rule_id, profile in sorted(ran ^ runs)
    ]


def _in_words(fact: Fact, value: Any, held: Held) -> str:
    if value is None:
        is_there = fact.practice or is_further(fact) or is_grading(fact.field)
        return governing.in_words(fact, value) if is_there else "not there"
    return governing.in_words(fact, value) if is_known(fact, held) else str(value)


def _facts(*books: Mapping[str, Any]) -> list[Fact]:
    """Every fact that one of the books holds, also of rules that this software has no more."""
    found: dict[Fact, None] = {}
    for book in books:
        for section in ("rules", "grading"):
            for rule_id, by_profile in book.get(section, {}).items():
                for profile, held in by_profile.items():
                    found.update((Fact(rule_id, profile, "", field), None) for field in held)
        for code in further(book):
            found.update(dict.fromkeys(own_facts(book, code)))
        for code, own in book.get("local", {}).items():
            for section in ("rules", "grading"):
                for rule_id, held in own.get(section, {}).items():
                    found.update((Fact(rule_id, "", code, field), None) for field in held)
    return sorted(found)


def rows_of(version: RuleVersion, draft: RuleDraft | None = None) -> list[Row]:
    """Every fact of a book, as a draft of it says where it is edited, with its source."""
    said = governing.standing(version)
    if draft is not None:
        said |= {governing.fact_of(each): each for each in governing.in_draft(draft)}
    held = dict(rule_files.facts_of(version.book, RULE_IDS))
    drafted = {fact: change.after for fact, change in said.items()} if draft else {}
    for fact, value in drafted.items():
        is_own = fact.practice or is_further(fact)
        if not (is_own and value is None and fact not in held):
            held[fact] = value
    return [_row(number, fact, held[fact], said.get(fact)) for number, fact in enumerate(held, 1)]


def _row(line: int, fact: Fact, value: Any, change: RuleChange | None) -> Row:
    if change is None:
        return Row(line, fact, value)
    return Row(
        line,
        fact,
        value,
        change.source,
        change.locator,
        change.reviewed.isoformat(),
        change.next_review.isoformat(),
        change.reason,
    )


def exported(version: RuleVersion) -> dict[str, Any]:
    """A book as a file for another site: its content, its edits, its digest and its seal.

    `seal` is None while the book is not sealed, as a draft never is.
    """
    edits = [
        {**fact._asdict(), **_sources(change), "by": change.by.get_full_name()}
        for fact, change in sorted(governing.standing(version).items())
    ]
    return {
        "is": rule_files.BOOK,
        "number": version.number,
        "digest": version.digest,
        "published_at": version.published_at.isoformat() if version.published_at else None,
        "agreement": version.agreement,
        "book": version.book,
        "edits": edits,
        "seal": _seal(version),
    }


def _sources(change: RuleChange) -> dict[str, str]:
    return {
        "source": change.source,
        "locator": change.locator,
        "reviewed": change.reviewed.isoformat(),
        "next_review": change.next_review.isoformat(),
        "reason": change.reason,
    }


def _seal(version: RuleVersion) -> dict[str, Any] | None:
    head = sealing.newest()
    proof = None if head is None else sealing.prove(SealedLeaf.Kind.BOOK, version.pk, head)
    if head is None or proof is None:
        return None
    return {
        "text": proof.text,
        "position": proof.position,
        "path": proof.path,
        "head": {"body": head.body, "signature": head.signature},
        "size": head.size,
        "public_key": sealing.public_key(),
    }


class Proven(NamedTuple):
    """What a file of a book proves: in words, whether it holds, and whose key signed.

    A key says nothing by itself: somebody compares its fingerprint with what the site tells.
    """

    digest_holds: bool
    seal_holds: bool | None
    fingerprint: str


def proven(data: Mapping[str, Any]) -> Proven:
    """Whether the content of an exported book is that of its digest, and what its seal shows."""
    content = {name: held for name, held in data["book"].items() if name != "number"}
    digest = governing.digest_of(content)
    digest_holds = digest == data.get("digest")
    seal = data.get("seal")
    if not isinstance(seal, dict):
        return Proven(digest_holds, None, "")
    try:
        holds = _seal_holds(seal, data["book"], digest)
        return Proven(digest_holds, holds, sealing.fingerprint(seal["public_key"]))
    except (KeyError, TypeError, AttributeError, ArithmeticError, ValueError, RecursionError):
        # Of what a seal should be it says something else: msgspec's own errors are ValueErrors.
        return Proven(digest_holds, False, "")


def _seal_holds(seal: Mapping[str, Any], book: Mapping[str, Any], digest: str) -> bool:
    told = msgspec.json.decode(seal["text"])
    head = seal["head"]
    body = msgspec.json.decode(head["body"])
    root = sealing.climbed_to(
        seal["text"], int(seal["position"]), int(body["size"]), [str(each) for each in seal["path"]]
    )
    return (
        root == body["root"]
        and sealing.is_signed(head["body"], head["signature"], seal["public_key"])
        and body["key"] == sealing.fingerprint(seal["public_key"])
        and told["digest"] == digest
        and told["book"] == _as_sealed(book)
    )


def _as_sealed(book: Mapping[str, Any]) -> str:
    """The digest of a book as PostgreSQL writes it, which is what the log seals."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT encode(sha256(convert_to(%s::jsonb::text, 'UTF8')), 'hex')",
            [msgspec.json.encode(book).decode()],
        )
        [(found,)] = cursor.fetchall()
    return found


OVERDUE_DAYS, UNSAID_DAYS = 30, 180
"""When a fact of an imported book is looked at again: one whose review was due there, and one of
which its file names no source. Local policy, unverified."""


def taken_here(data: Mapping[str, Any], rows: Iterable[Row], today: date) -> list[Row]:
    """The rows of an exported book as they can be taken here, each with a source.

    Left out is the policy of practices and groups that are not here. What no edit there says, but
    other software, has the book itself as its source.
    """
    here = governing.places().keys()
    number, digest = data.get("number"), str(data.get("digest", ""))[:16]
    found = []
    for row in rows:
        if row.fact.practice and row.fact.practice not in here:
            continue
        taken = row
        if not row.source:
            taken = row._replace(
                source=f"Rule book {number} of another site",
                locator=f"digest {digest}",
                next_review=(today + timedelta(days=UNSAID_DAYS)).isoformat(),
                reason="As in the imported rule book; no edit there says it.",
            )
        elif row.next_review <= today.isoformat():
            taken = row._replace(
                next_review=(today + timedelta(days=OVERDUE_DAYS)).isoformat(),
                reason=f"{row.reason} (Its review was due on {row.next_review}.)",
            )
        found.append(taken)
    return found


def not_taken(data: Mapping[str, Any], base: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Of an exported book what its import leaves out: `(section, how many entries)`."""
    found = differences(dict(base), dict(data["book"]))
    left = [
        (SECTIONS[name], _entries(name, found[name], base, data["book"]))
        for name in FORMULARY_SECTIONS
        if name in found
    ]
    profiles = further(data["book"])
    unknown = sum(not is_known(fact, profiles) for fact in _facts(data["book"]))
    here = governing.places().keys()
    elsewhere = len(data["book"].get("local", {}).keys() - here)
    if unknown:
        left.append(("Facts that this software does not have", unknown))
    if elsewhere:
        left.append(("Policy of practices or groups that are not here", elsewhere))
    return left


def _entries(
    name: str, rows: Iterable[Difference], base: Mapping[str, Any], book: Mapping[str, Any]
) -> int:
    keys = {row.key for row in rows}
    if name != "without_a_rule":
        return len(keys)
    # Its keys are systems of codes, and each code is an entry.
    old, new = base.get(name, {}), book.get(name, {})
    return sum(len(set(old.get(key, ())) ^ set(new.get(key, ()))) for key in keys)
