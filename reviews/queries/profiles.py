"""Profiles as people read them: whom each follows, how many are of it, and what it says itself."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reviews import governing, profiles
from reviews.errors import NotFound
from reviews.models import Practice, PracticeGroup, RuleChange, RuleDraft
from reviews.rules.changing import PROFILE, Fact, in_effect, is_grading, own_facts, value_in
from reviews.rules.codes import PROFILES
from reviews.rules.profiles import (
    BASE,
    DETAILS,
    Held,
    Profile,
    all_of,
    children,
    described,
    further,
    is_known,
    lineage,
)
from reviews.rules.registry import BY_ID


@dataclass(frozen=True, kw_only=True)
class ProfileRow:
    """A profile of the live book: how many are of it, how many facts it says otherwise."""

    profile: Profile
    is_base: bool
    parent: str
    practices: int
    groups: int
    differences: int


@dataclass(frozen=True, kw_only=True)
class Drafted:
    """A further profile that a draft adds, or takes away; nothing of it is in force.

    It has no page where its parent was taken out of the draft again.
    """

    draft: RuleDraft
    code: str
    name: str
    is_gone: bool
    has_page: bool


@dataclass(frozen=True, kw_only=True)
class Detail:
    """What is said of a profile, with who says so; None for the software's own."""

    field: str
    label: str
    value: str
    change: RuleChange | None
    drafted: str = ""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A fact that a further profile says otherwise than its parent, with who says so.

    `here` and `parent` are in words. `drafted` is what the draft that is looked at says.
    """

    fact: Fact
    title: str
    label: str
    here: str
    parent: str
    change: RuleChange | None
    drafted: str = ""


@dataclass(frozen=True, kw_only=True)
class ProfilePage:
    """One profile, of the live book or of a draft: what it is, and what it says itself."""

    profile: Profile
    is_base: bool
    is_live: bool
    follows: list[Profile]
    followed_by: list[Profile]
    places: list[str]
    details: list[Detail]
    differences: list[Difference]


def rows() -> list[ProfileRow]:
    """The profiles of the live book."""
    live = governing.published()
    book = live.book if live else {}
    held = further(book)
    practices = Counter(Practice.objects.values_list("profile", flat=True))
    groups = Counter(PracticeGroup.objects.values_list("profile", flat=True))
    return [
        ProfileRow(
            profile=each,
            is_base=not each.parent,
            parent=described(held, each.parent).name if each.parent else "",
            practices=practices[each.code],
            groups=groups[each.code],
            differences=sum(fact.rule_id != PROFILE for fact in own_facts(book, each.code)),
        )
        for each in all_of(held)
    ]


def drafted(drafts: list[RuleDraft]) -> list[Drafted]:
    """The profiles that open drafts add or take away."""
    edits = RuleChange.objects.standing().filter(draft__in=drafts, rule_id=PROFILE, field="parent")
    found = list(edits.order_by("draft_id", "pk"))
    by_id = {draft.pk: draft for draft in drafts}
    held = {pk: governing.held_in(by_id[pk]) for pk in {each.draft_id for each in found}}
    return [
        Drafted(
            draft=by_id[each.draft_id],
            code=each.profile,
            name=str(held[each.draft_id].get(each.profile, {}).get("name", "")),
            is_gone=each.after is None,
            has_page=is_known(held[each.draft_id], each.profile),
        )
        for each in found
    ]


def page(code: str, draft: RuleDraft | None) -> ProfilePage:
    """One profile of the live book, or as a draft has it.

    Raises `NotFound` for one of neither, and for one whose parents a draft has taken out.
    """
    version = draft.base if draft else governing.published()
    book = version.book if version else {}
    held = further(book)
    # What the draft says beside the book, which may be of a profile that is not in it yet.
    there: Held = {**held, **(governing.held_in(draft) if draft else {})}
    if not is_known(there, code):
        raise NotFound(f"There is no profile {code} here that leads to one of the software.")
    edits = {governing.fact_of(each): each for each in governing.in_draft(draft)} if draft else {}
    said = governing.standing(version) if held else {}
    return ProfilePage(
        profile=described(there, code),
        is_base=code in BASE,
        is_live=code in BASE or code in held,
        follows=[described(there, each) for each in lineage(there, code)[1:]],
        followed_by=[described(there, each) for each in children(there, code)],
        places=profiles.used().get(code, []),
        details=_details(code, held, there, said, edits),
        differences=_differences(code, book, there, said, edits),
    )


def _details(
    code: str,
    held: Held,
    there: Held,
    said: Mapping[Fact, RuleChange],
    edits: Mapping[Fact, RuleChange],
) -> list[Detail]:
    found = []
    for field in DETAILS:
        if code in BASE and field == "parent":
            continue
        fact = Fact(PROFILE, code, "", field)
        value = getattr(BASE[code], field) if code in BASE else held.get(code, {}).get(field)
        edit = edits.get(fact)
        found.append(
            Detail(
                field=field,
                label=profiles.LABELS[field],
                value=profiles.in_words(field, value or None, there),
                change=edit or said.get(fact),
                drafted=profiles.in_words(field, edit.after, there) if edit else "",
            )
        )
    return found


def _differences(
    code: str,
    book: Mapping[str, Any],
    there: Held,
    said: Mapping[Fact, RuleChange],
    edits: Mapping[Fact, RuleChange],
) -> list[Difference]:
    """What a further profile says itself of rules, in the book and in the draft."""
    if code in PROFILES:
        return []
    own = [fact for fact in own_facts(book, code) if fact.rule_id != PROFILE]
    own += [
        fact
        for fact in edits
        if fact.profile == code and fact.rule_id != PROFILE and fact not in own
    ]
    row = lineage(there, code)
    above = next((each for each in row[1:] if each in PROFILES or each in further(book)), row[-1])
    return [
        Difference(
            fact=fact,
            title=BY_ID[fact.rule_id].title if fact.rule_id in BY_ID else "What all rules share",
            label=governing.label(fact),
            here=governing.in_words(fact, value_in(book, fact)),
            parent=_of_parent(book, fact._replace(profile=above)),
            change=edits.get(fact) or said.get(fact),
            drafted=governing.in_words(fact, edits[fact].after) if fact in edits else "",
        )
        for fact in sorted(own)
    ]


def _of_parent(book: Mapping[str, Any], fact: Fact) -> str:
    value = in_effect(book, fact)
    if value is None and is_grading(fact.field):
        return "as the rule says"
    return governing.in_words(fact, value)


def newest(draft: RuleDraft, code: str) -> int | None:
    """The id of the newest edit that a draft holds of what a profile is; None for none."""
    of_it = draft.changes.standing().filter(rule_id=PROFILE, profile=code)
    return of_it.order_by("-pk").values_list("pk", flat=True).first()
