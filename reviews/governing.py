"""Drafts of rule books as edits: which stand in a book, what they come to, which contradict.

A book is what the software proposes and the formulary says, with every published edit applied. A
draft adds edits to those that stand in the live book (`RuleVersion.change_ids`).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet

from drugs.facts import formulary
from reviews.errors import BadRecord, IllegalMove, NotFound
from reviews.models import AuditEvent, Practice, RuleChange, RuleDraft, RuleVersion
from reviews.rules.bounds import Refused, bounds, checked
from reviews.rules.catalogue import default_citations_section, default_rules_section, labelled
from reviews.rules.changing import (
    Edit,
    Fact,
    Value,
    composed,
    disorders,
    is_grading,
    value_in,
)

DRAFT, PUBLISHED = RuleVersion.State.DRAFT, RuleVersion.State.PUBLISHED
FORMULARY_EVENTS = ("formulary.revised", "formulary.added", "formulary.retired")


def live() -> RuleVersion:
    """The published version. Raises `NotFound` before the first publication."""
    found = RuleVersion.objects.filter(state=PUBLISHED).first()
    if found is None:
        raise NotFound("No rule book is published yet: run load_formulary first.")
    return found


def fact_of(change: RuleChange) -> Fact:
    """Which fact an edit changes."""
    practice = change.practice.code if change.practice else ""
    return Fact(change.rule_id, change.profile, practice, change.field)


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
        change.practice.name if change.practice else "",
    )


def with_people(changes: QuerySet[RuleChange]) -> QuerySet[RuleChange]:
    """With whoever made them and the practices they are for."""
    return changes.select_related("practice", "by", "withdrawn_by", "draft")


def standing(version: RuleVersion | None) -> dict[Fact, RuleChange]:
    """The edits that stand in a book, by their fact."""
    ids = [] if version is None else version.change_ids
    found = with_people(RuleChange.objects.filter(pk__in=ids))
    return {fact_of(each): each for each in found}


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


def software_says(fact: Fact) -> Value:
    """What the software proposes for a fact; None = nothing of its own."""
    return value_in({"rules": default_rules_section()}, fact)


def conflicts(draft: RuleDraft, changes: Iterable[RuleChange]) -> list[tuple[RuleChange, Value]]:
    """Edits whose `before` is not what the draft's book says, with what it says.

    They were made against an older book: somebody has to look at each again.
    """
    said = [(each, value_in(draft.base.book, fact_of(each))) for each in changes]
    return [(each, now) for each, now in said if each.before != now]


def faults(made: Mapping[str, Any]) -> list[str]:
    """Why a content cannot be a book: thresholds that contradict each other, in words."""
    profiles = dict(Practice.objects.values_list("code", "profile"))
    return [f"{each.rule_id}: {each.in_words()}" for each in disorders(made, profiles)]


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


def accepted(fact: Fact, value: Value, practice: Practice | None) -> Value:
    """The value as a book holds it. Raises `BadRecord` naming the field and the reason."""
    profile = practice.profile if practice else fact.profile
    allowed = bounds(fact.rule_id, fact.field, profile)
    if allowed is None:
        raise BadRecord("field", f"{fact.field} is no fact of {fact.rule_id} for {profile}")
    if practice and not allowed.may_be_local:
        raise BadRecord("practice", f"no local policy moves this: {allowed.why_not}")
    if practice and value is None:
        return None
    try:
        held = checked(fact.rule_id, fact.field, profile, value)
    except Refused as refusal:
        raise BadRecord("after", str(refusal)) from refusal
    # A practice says so where its profile grades otherwise.
    return value if practice and held is None else held


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
        events = AuditEvent.objects.filter(verb__in=FORMULARY_EVENTS, at__gt=formulary_since)
        found |= {pk for pk in events.values_list("actor_id", flat=True).distinct() if pk}
    return sorted(found)


def in_words(fact: Fact, value: Value) -> str:
    """A value of a fact with its unit, for people."""
    if value is None:
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
    if fact.field == "shown":
        return "Shown as"
    if is_grading(fact.field):
        return f"What the rule grades S{fact.field[-1]}"
    return labelled(fact.rule_id, fact.field)["label"]


def _profiles(fact: Fact) -> tuple[str, ...]:
    return (fact.profile,) if fact.profile else ("UK", "US", "EU")
