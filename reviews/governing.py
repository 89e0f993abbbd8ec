"""Drafts of rule books as edits: which stand in a book, what they come to, which contradict.

A book is what the software proposes and the formulary says, with every published edit applied. A
draft adds edits to those that stand in the live book (`RuleVersion.change_ids`).
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from drugs.facts import formulary
from reviews import access, groups, profiles, rulebooks
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, DomainError, IllegalMove, NotAllowed, NotFound
from reviews.models import (
    BOOKS_LOCK,
    AuditEvent,
    EditAnswer,
    Practice,
    PracticeGroup,
    RuleChange,
    RuleDraft,
    RuleVersion,
    WhatIfEdit,
)
from reviews.rule_files import Row
from reviews.rules.bounds import Bounds, Refused, bounds, checked
from reviews.rules.catalogue import default_citations_section, default_rules_section, labelled
from reviews.rules.changing import (
    PROFILE,
    Edit,
    Fact,
    Value,
    composed,
    disorders,
    is_further,
    is_grading,
    profiles_made,
    value_in,
)
from reviews.rules.codes import PROFILES
from reviews.rules.finding import NOTE
from reviews.rules.policy import GROUP, OFF, SHOWN_FIELD
from reviews.rules.profiles import Held, base_of, further, is_known, lineage

Place = Practice | PracticeGroup
"""Whose a local policy can be."""
DRAFT, PUBLISHED = RuleVersion.State.DRAFT, RuleVersion.State.PUBLISHED
_FORMULARY = (
    Event.FORMULARY_REVISED,
    Event.FORMULARY_ADDED,
    Event.FORMULARY_RETIRED,
    Event.FORMULARY_SIGNED_OFF,
    Event.RELEASE_IN_FORCE,
    Event.RELEASE_OUT_OF_FORCE,
)

LONGEST_DAYS = 366
"""Knowledge is read again at least once a year; 366 days let a leap year be a year."""


@dataclass(frozen=True, kw_only=True)
class Grounds:
    """Who says so, where, until when that is believed, and why it is set here.

    `reviewed` is the day on which the source was read; today where nobody says another.
    """

    source: str
    locator: str
    next_review: date | None
    reason: str
    reviewed: date | None = None


def published() -> RuleVersion | None:
    """The published version; None before the first publication.

    Its book is read when it is asked for: with a national list it is megabytes.
    """
    return RuleVersion.objects.filter(state=PUBLISHED).defer("book").first()


def live() -> RuleVersion:
    """The published version, for whoever needs one. Raises `NotFound` before the first one."""
    found = published()
    if found is None:
        raise NotFound("No rule book is published yet: run load_formulary first.")
    return found


def fact_of(change: RuleChange) -> Fact:
    """Which fact an edit changes."""
    scope = change.place.scope if change.place else ""
    return Fact(change.rule_id, change.profile, scope, change.field)


def edit_of(change: RuleChange) -> Edit:
    """An edit as the pure part of the rules applies it."""
    return Edit(
        fact_of(change),
        change.after,
        change.source,
        change.locator,
        change.reviewed.isoformat(),
        change.next_review.isoformat(),
        change.reason,
        change.place.name if change.place else "",
    )


def with_people(changes: QuerySet[RuleChange]) -> QuerySet[RuleChange]:
    """With whoever made them and the practices or groups they are for."""
    return changes.select_related("practice", "group", "by", "withdrawn_by", "draft")


def standing(version: RuleVersion | None) -> dict[Fact, RuleChange]:
    """The edits that stand in a book, by their fact."""
    ids = [] if version is None else version.change_ids
    found = with_people(RuleChange.objects.filter(pk__in=ids))
    return {fact_of(each): each for each in found}


def is_frozen_before(version: RuleVersion, live: RuleVersion) -> bool:
    """Whether a draft was frozen before the live book was published: it would undo that book."""
    return live.published_at is not None and version.drafted_at < live.published_at


def changed_in(version_id: int) -> set[str]:
    """Ids of the rules of which an edit stands in a book."""
    version = RuleVersion.objects.only("change_ids").get(pk=version_id)
    rows = RuleChange.objects.filter(pk__in=version.change_ids)
    return set(rows.values_list("rule_id", flat=True))


def in_draft(draft: RuleDraft) -> list[RuleChange]:
    """The edits of a draft that stand, the first one first."""
    return list(with_people(draft.changes.standing()).order_by("pk"))


def merged(base: RuleVersion | None, changes: Iterable[RuleChange]) -> dict[Fact, RuleChange]:
    """The edits that stand when these are added to those of a book."""
    return standing(base) | {fact_of(each): each for each in changes}


def content(edits: Iterable[RuleChange]) -> dict[str, Any]:
    """The content of a book made now, of software, formulary and edits; without its number."""
    proposed = {
        **formulary(),
        "rules": default_rules_section(),
        "citations": default_citations_section(),
    }
    return composed(proposed, [edit_of(each) for each in edits])


def alone(against: RuleVersion, change: RuleChange) -> dict[str, Any]:
    """The content of a book with one edit more, its formulary and all else as they are in it."""
    parts = ("number", "grading", "local", "profiles")
    said = {name: section for name, section in against.book.items() if name not in parts}
    edits = merged(against, [change]).values()
    return {"number": against.number, **composed(said, [edit_of(each) for each in edits])}


def digest_of(made: Mapping[str, Any]) -> str:
    """The digest of a content, which is without its number."""
    return hashlib.sha256(msgspec.json.encode(made, order="deterministic")).hexdigest()


def further_of(version: RuleVersion) -> Held:
    """The further profiles of a book, of which nothing else is read."""
    found = RuleVersion.objects.filter(pk=version.pk).values_list("book__profiles", flat=True)
    return found.get() or {}


def held_in(draft: RuleDraft) -> Held:
    """The further profiles that there are with the edits of a draft, without their differences."""
    return profiles_made(map(edit_of, merged(draft.base, in_draft(draft)).values()))


def software_says(fact: Fact, held: Held) -> Value:
    """What the software proposes for a fact, for a further profile that of its base profile.

    None = nothing of its own.
    """
    if fact.profile and is_known(held, fact.profile):
        fact = fact._replace(profile=base_of(held, fact.profile))
    return value_in({"rules": default_rules_section()}, fact)


def in_effect(draft: RuleDraft, fact: Fact, held: Held) -> Value:
    """What a fact of a profile comes to in a draft, which may be a word of its parents."""
    said = {fact_of(each): each.after for each in in_draft(draft)}
    for each in lineage(held, fact.profile):
        nearer = fact._replace(profile=each)
        value = said[nearer] if nearer in said else value_in(draft.base.book, nearer)
        if value is not None:
            return value
    return None


def bounds_of(fact: Fact, place: Place | None, held: Held) -> Bounds | None:
    """What a fact may hold, for a practice or group under its profile; None where there is none.

    The bounds of a further profile are those of its base profile.
    """
    profile = place.profile if place else fact.profile
    if not is_known(held, profile):
        return None
    return bounds(fact.rule_id, fact.field, base_of(held, profile))


def conflicts(draft: RuleDraft, changes: Iterable[RuleChange]) -> list[tuple[RuleChange, Value]]:
    """Edits whose `before` is not what the draft's book says, with what it says.

    They were made against an older book: somebody has to look at each again.
    """
    said = [(each, value_in(draft.base.book, fact_of(each))) for each in changes]
    return [(each, now) for each, now in said if each.before != now]


def faults(made: Mapping[str, Any]) -> list[str]:
    """Why a content cannot be a book, in words: thresholds that contradict each other, or somebody
    is of a profile that it does not hold.
    """
    of = {scope: place.profile for scope, place in places().items()}
    contradict = disorders(made, of, groups.grouped())
    return [
        *profiles.missing(further(made)),
        *(f"{each.rule_id}: {each.in_words()}" for each in contradict),
    ]


def books_at(practice: Practice) -> list[dict[str, Any]]:
    """The book that judges at a practice, and the live one where that is another; [] before any.

    A guarded book is the first of two: the practice would go back to the live one.
    """
    try:
        holding = rulebooks.holding()
    except NotFound:
        return []
    ids = dict.fromkeys([holding.version_at(practice.pk), holding.live_id])
    books = dict(RuleVersion.objects.filter(pk__in=ids).values_list("pk", "book"))
    return [books[pk] for pk in ids]


def require_agreeing(
    practice: Practice, books: Iterable[dict[str, Any]], *, field: str, profile: str, group: str
) -> None:
    """Raise `BadRecord` where a practice's own policy contradicts the profile or group it goes to.

    What a book contradicts by itself is no fault of the move.
    """
    for book in books:
        for fault in disorders(book, {practice.scope: profile}, {practice.code: group}):
            if fault.where == practice.code:
                why = f"contradicts the practice’s own policy. {fault.rule_id}: {fault.in_words()}"
                raise BadRecord(field, why)


def places() -> dict[str, Place]:
    """The practices and the groups of practices, by the name by which a book keeps their policy."""
    return {
        place.scope: place
        for model in (Practice, PracticeGroup)
        for place in model.objects.order_by("name")
    }


def columns_of(place: Place | None) -> dict[str, Any]:
    """Whose local policy an edit is, as the columns of an edit."""
    return {
        "practice": place if isinstance(place, Practice) else None,
        "group": place if isinstance(place, PracticeGroup) else None,
    }


def one_at_a_time() -> None:
    """Wait for whoever freezes or publishes a book, moves a practice or changes the formulary.

    What is live, who is where, and who changed what, is read after that.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [BOOKS_LOCK])


def out_of_bounds(edits: Iterable[RuleChange]) -> list[str]:
    """Edits that the bounds of today no longer allow, in words: newer software may be stricter.

    One that takes a value back says nothing that could be out of bounds. Also told is of what the
    further profiles of these edits lack.
    """
    edits = list(edits)
    held = profiles_made(map(edit_of, edits))
    found = profiles.faults(held)
    for each in edits:
        if each.after is None:
            continue
        try:
            accepted(fact_of(each), each.after, each.place, held)
        except BadRecord as refusal:
            found.append(f"{each.rule_id}, {each.field}: {refusal.reason}")
    return found


def unsound(edits: Iterable[RuleChange], made: Mapping[str, Any]) -> list[str]:
    """Why edits, and the content that they come to, cannot be frozen; in words."""
    return [*out_of_bounds(edits), *faults(made)]


def edits_of(version: RuleVersion) -> list[RuleChange]:
    """The edits of the draft that a book was frozen from, the first one first."""
    if version.made_of_id is None:
        return []
    found = RuleChange.objects.filter(pk__in=version.change_ids, draft=version.made_of_id)
    return list(with_people(found).order_by("pk"))


def no_second_person(version: RuleVersion, by: User) -> DomainError | None:
    """Why `by` is nobody who may answer to a frozen draft; None when they may.

    `IllegalMove` for what is no draft, `NotAllowed` for whoever changed anything in it.
    """
    if not access.allowed(by, Action.PUBLISH):
        return NotAllowed("You may not publish rule books here.", action="publish")
    if version.state != DRAFT:
        return IllegalMove(f"Rule book {version.number} is not a draft.")
    if version.drafted_by_id == by.pk:
        return NotAllowed("You drafted this rule book. A second person must agree and publish it.")
    if by.pk in version.editor_ids:
        return NotAllowed(
            "You changed something in this rule book. A second person must agree and publish it."
        )
    return None


def agreed_to(version: RuleVersion, by: User) -> set[int]:
    """Ids of the edits of a frozen draft to which somebody agreed."""
    agreed = EditAnswer.Answer.AGREE
    found = EditAnswer.objects.filter(version=version, by=by, answer=agreed)
    return set(found.values_list("change_id", flat=True))


def needs_words(change: RuleChange, tried: WhatIfEdit | None) -> str:
    """Why agreeing to an edit needs words of its own; empty when it does not. Design.

    `tried` is what the edit would do alone, None where nobody found out.
    """
    if change.rule_id == PROFILE:
        return ""
    if tried is None:
        return "what it would do alone is not known"
    if tried.closed or tried.lowered:
        closed = f"{tried.closed:,} flag{'' if tried.closed == 1 else 's'}"
        return f"alone it would close {closed}, and make {tried.lowered:,} less urgent"
    if is_grading(change.field) and _is_quieter(change):
        return "it makes the rule less urgent, or less visible"
    return ""


def _is_quieter(change: RuleChange) -> bool:
    if change.field == SHOWN_FIELD:
        return change.after in (NOTE, OFF)
    return change.after is not None and str(change.after) > change.field[-1]


def kept_words(field: str, given: str, longest: int, *, missing: str = "is needed") -> str:
    """What somebody wrote, to be kept for good: whole, or refused, and never cut.

    Raises `BadRecord` for more than `longest` characters, and where nothing is written for
    `missing`; where that is "" nothing needs to be.
    """
    text = given.strip()
    if missing and not text:
        raise BadRecord(field, missing)
    if len(text) > longest:
        raise BadRecord(field, f"is {len(text):,} characters long; at most {longest:,} are kept")
    return text


def require_open(draft: RuleDraft) -> None:
    """Raise `IllegalMove` for a draft whose edits cannot change any more, saying why."""
    if draft.put_away_at is not None:
        raise IllegalMove(f"The draft “{draft.title}” was put away.")
    version = draft.versions.exclude(state=RuleVersion.State.RETIRED, published_at=None).first()
    if version is None:
        return
    if version.state == DRAFT:
        raise IllegalMove(
            f"The draft “{draft.title}” is frozen as draft {version.number}. Put that away first."
        )
    raise IllegalMove(f"The draft “{draft.title}” was published as rule book {version.number}.")


def is_open(draft: RuleDraft) -> bool:
    """Whether edits can be added to a draft."""
    try:
        require_open(draft)
    except IllegalMove:
        return False
    return True


def accepted(fact: Fact, value: Value, place: Place | None, held: Held) -> Value:
    """The value as a book holds it; `held` are the further profiles that there are with the draft.

    Raises `BadRecord` naming the field and the reason.
    """
    if fact.rule_id == PROFILE:
        return profiles.checked(fact.profile, fact.field, value, held)
    profile = place.profile if place else fact.profile
    inherits = place is not None or is_further(fact)
    if inherits and value is None and not is_known(held, profile):
        return None
    if not is_known(held, profile):
        raise BadRecord("profile", f"there is no profile {profile}: a draft adds one first")
    allowed = bounds_of(fact, place, held)
    if allowed is None:
        raise BadRecord("field", f"{fact.field} is no fact of {fact.rule_id} for {profile}")
    if place and not allowed.may_be_local:
        raise BadRecord("practice", f"no local policy moves this: {allowed.why_not}")
    if inherits and value is None:
        return None
    try:
        said = checked(fact.rule_id, fact.field, base_of(held, profile), value)
    except Refused as refusal:
        raise BadRecord("after", str(refusal)) from refusal
    # A practice, and a profile with a parent, says so where what is above it grades otherwise.
    return value if inherits and said is None else said


def require_same_parent(draft: RuleDraft, fact: Fact, after: Value) -> None:
    """Raise `BadRecord` for another parent of a profile that the draft's book holds already.

    With the parent everything would change that the profile does not say itself, drug facts too:
    it is taken away in one book and added with the other parent in a later one.
    """
    before = value_in(draft.base.book, fact)
    if fact.field == "parent" and after is not None and before not in (None, after):
        raise BadRecord(
            "parent", f"of {fact.profile} stays {before}: take the profile away, and add it anew"
        )


def cited(grounds: Grounds) -> dict[str, object]:
    """The grounds as columns. Raises `BadRecord`."""
    today = timezone.localdate()
    for field, why in (
        ("source", "every number has a source"),
        ("locator", "every number has a source"),
        ("reason", "the second person reads why"),
    ):
        if not getattr(grounds, field).strip():
            raise BadRecord(field, f"is needed: {why}")
    last = today + timedelta(days=LONGEST_DAYS)
    if grounds.next_review is None or not today < grounds.next_review <= last:
        raise BadRecord("next_review", f"must be after today and not after {last:%-d %b %Y}")
    reviewed = grounds.reviewed or today
    if reviewed > today:
        raise BadRecord("reviewed", "must not be after today")
    return {
        "source": grounds.source.strip()[:300],
        "locator": grounds.locator.strip()[:200],
        "reason": grounds.reason.strip()[:1000],
        "reviewed": reviewed,
        "next_review": grounds.next_review,
    }


class Answer(NamedTuple):
    """What a row of a file would do in a draft: the value before, why it cannot be, or nothing."""

    row: Row
    before: Value
    place: Place | None
    standing: RuleChange | None
    refused: str = ""
    changes: bool = False


def grounds_of(row: Row) -> Grounds:
    """Who says so, as a row of a file gives it. Raises `BadRecord` for what is no day."""
    days = {}
    for name in ("reviewed", "next_review"):
        text = getattr(row, name)
        try:
            days[name] = date.fromisoformat(text) if text else None
        except ValueError as error:
            raise BadRecord(name, "must be a day such as 2026-12-04") from error
    return Grounds(source=row.source, locator=row.locator, reason=row.reason, **days)


def report(draft: RuleDraft, rows: Iterable[Row]) -> list[Answer]:
    """What each row of a file would do in a draft; nothing is written.

    A row that says what the draft says already changes nothing and needs no source.
    """
    here, rows = places(), list(rows)
    standing = {fact_of(each): each for each in in_draft(draft)}
    held = held_with(draft, rows)
    return [_answer(draft, row, here, standing.get(row.fact), held) for row in rows]


def as_reported(answers: Iterable[Answer]) -> str:
    """A digest of what a report shows of a file: each edit that it would make, and of what value.

    Whoever takes the file says by it that they saw this, and not what the draft holds since.
    """
    told = [
        (each.row, each.before, each.standing.pk if each.standing else None)
        for each in answers
        if each.changes
    ]
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()


def held_with(draft: RuleDraft, rows: Iterable[Row]) -> Held:
    """The further profiles that there are with a draft and the rows of a file."""
    held = {code: dict(own) for code, own in held_in(draft).items()}
    for row in rows:
        if row.fact.rule_id == PROFILE and is_further(row.fact):
            held.setdefault(row.fact.profile, {})[row.fact.field] = row.value
    return {code: own for code, own in held.items() if own.get("parent")}


def _answer(
    draft: RuleDraft,
    row: Row,
    here: Mapping[str, Place],
    standing: RuleChange | None,
    held: Held,
) -> Answer:
    fact = row.fact
    before = standing.after if standing else value_in(draft.base.book, fact)
    place = here.get(fact.practice)
    answer = Answer(row, before, place, standing)
    if fact.practice and place is None:
        what = "group" if fact.practice.startswith(GROUP) else "practice"
        code = fact.practice.removeprefix(GROUP)
        return answer._replace(refused=f"there is no {what} {code} here")
    try:
        after = accepted(fact, row.value, place, held)
        if after == before:
            return answer
        if fact.rule_id == PROFILE:
            require_same_parent(draft, fact, after)
        if standing is not None and after == value_in(draft.base.book, fact):
            raise BadRecord("value", "is what the book says: take the edit out of the draft")
        cited(grounds_of(row))
    except BadRecord as refusal:
        field = "value" if refusal.field == "after" else refusal.field
        return answer._replace(refused=f"{field}: {refusal.reason}")
    return answer._replace(changes=True)


def editors(
    changes: Iterable[RuleChange], *, formulary_since: datetime | None, by: User | None
) -> list[int]:
    """Ids of everybody who changed something in a book, and so cannot publish it.

    Those of a draft's edits, whoever drafts it, and whoever changed the formulary since.
    """
    found = {each.by_id for each in changes}
    if by is not None:
        found.add(by.pk)
    if formulary_since is not None:
        # Rows of the formulary do not say who changed them last; the trail does.
        verbs = [event.verb for event in _FORMULARY]
        events = AuditEvent.objects.filter(verb__in=verbs, at__gt=formulary_since)
        found |= {pk for pk in events.values_list("actor_id", flat=True).distinct() if pk}
    return sorted(found)


def in_words(fact: Fact, value: Value) -> str:
    """A value of a fact with its unit, for people."""
    if fact.rule_id == PROFILE:
        return profiles.in_words(fact.field, value)
    if value is None:
        if is_further(fact):
            return "as its parent says"
        if fact.practice and not fact.practice.startswith(GROUP):
            return "as its group or profile says"
        return "as the profile says" if fact.practice else "as the rule says"
    if is_grading(fact.field):
        allowed = next(
            filter(None, (bounds(fact.rule_id, fact.field, each) for each in _profiles(fact))), None
        )
        if allowed is not None and value in allowed.choices:
            return allowed.choices[value]
        return f"S{value}" if isinstance(value, int) else str(value)
    told = labelled(fact.rule_id, fact.field, value)
    shown = f"{told['value']:g}" if isinstance(told["value"], float) else told["value"]
    unit = told["unit"].removesuffix("s") if value == 1 else told["unit"]
    return f"{shown} {unit}".strip()


def label(fact: Fact) -> str:
    """The name of a fact, for people."""
    if fact.rule_id == PROFILE:
        return profiles.LABELS.get(fact.field, fact.field)
    if fact.field == "shown":
        return "Shown as"
    if is_grading(fact.field):
        return f"What the rule grades S{fact.field[-1]}"
    return labelled(fact.rule_id, fact.field)["label"]


def _profiles(fact: Fact) -> tuple[str, ...]:
    return (fact.profile,) if fact.profile in PROFILES else PROFILES
