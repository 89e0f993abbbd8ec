"""A rule book as facts that can be edited: one value of one rule, for a profile or a practice.

A book is what the software proposes with every published edit applied. Edits are of different
facts, so the order in which they are applied changes nothing.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

from reviews.rules.bounds import bounds, parameter_of, steps_of
from reviews.rules.codes import PROFILES
from reviews.rules.policy import GROUP, SEVERITY, SHOWN_FIELD, scopes
from reviews.rules.profiles import (
    DETAILS,
    Held,
    all_of,
    base_of,
    further,
    lineage,
    said_of,
)
from reviews.rules.profiles import is_known as is_profile

PROFILE = "PROFILE"
"""Not a rule: under this name a fact says what a further profile is, by a field of `DETAILS`."""

WHOSE = "whose"
"""Key of `judged_by` under which it says whose policy is on which fact."""
Value = float | str | None
"""What a fact holds; None = as the rule says, for a practice as its profile says, and for a further
profile as its parent says."""


class Fact(NamedTuple):
    """One fact of a book: `practice` is the code of the practice whose local policy it is.

    For a policy of a group of practices it is `policy.GROUP` with the code of the group. Of
    `profile` and `practice` one is empty. What a further profile is stands under `PROFILE`.
    """

    rule_id: str
    profile: str
    practice: str
    field: str


class Edit(NamedTuple):
    """What a fact is to hold, and who says so; `reviewed` and `next_review` are ISO days."""

    fact: Fact
    after: Value
    source: str
    locator: str
    reviewed: str
    next_review: str
    reason: str = ""
    practice_name: str = ""


def is_grading(field: str) -> bool:
    """Whether a field says how findings are graded or shown; else it is a threshold."""
    return field == SHOWN_FIELD or field.startswith(SEVERITY)


def value_in(book: Mapping[str, Any], fact: Fact) -> Value:
    """What a book as JSON holds of a fact; None = it says nothing of its own."""
    section = "grading" if is_grading(fact.field) else "rules"
    if fact.rule_id == PROFILE:
        held = further(book).get(fact.profile, {})
    elif is_further(fact):
        own = further(book).get(fact.profile, {})
        held = own.get(section, {}).get(fact.rule_id, {})
    elif fact.practice:
        held = book.get("local", {}).get(fact.practice, {}).get(section, {}).get(fact.rule_id, {})
    else:
        held = book.get(section, {}).get(fact.rule_id, {}).get(fact.profile, {})
    return held.get(fact.field)


def is_further(fact: Fact) -> bool:
    """Whether a fact is one of a further profile."""
    return bool(fact.profile) and fact.profile not in PROFILES


def in_effect(book: Mapping[str, Any], fact: Fact) -> Value:
    """What a book says of a fact of a profile, which may be a word of its parents."""
    section = "grading" if is_grading(fact.field) else "rules"
    by_profile = book.get(section, {}).get(fact.rule_id, {})
    said = said_of(further(book), by_profile, section, fact.rule_id, fact.profile)
    return (said or {}).get(fact.field)


def own_facts(book: Mapping[str, Any], code: str) -> list[Fact]:
    """The facts that a book holds of a further profile: first what it is, then what it says."""
    own = further(book).get(code, {})
    found = [Fact(PROFILE, code, "", field) for field in DETAILS if field in own]
    for section in ("rules", "grading"):
        for rule_id, held in sorted(own.get(section, {}).items()):
            found += [Fact(rule_id, code, "", field) for field in sorted(held)]
    return found


def is_known(fact: Fact, held: Held) -> bool:
    """Whether there is such a fact at all; an edit for older software, or of a profile that is
    gone, may be of none. `held` are the further profiles that there are.
    """
    if fact.rule_id == PROFILE:
        return is_further(fact) and fact.field in DETAILS
    if fact.practice:
        return any(bounds(fact.rule_id, fact.field, profile) for profile in PROFILES)
    if not is_profile(held, fact.profile):
        return False
    return bounds(fact.rule_id, fact.field, base_of(held, fact.profile)) is not None


def profiles_made(edits: Iterable[Edit]) -> dict[str, dict[str, Any]]:
    """The further profiles that edits come to, without their differences.

    One without a parent is none. Whether its parent is a profile nobody has asked.
    """
    made: dict[str, dict[str, Any]] = {}
    for edit in edits:
        if edit.fact.rule_id != PROFILE or edit.after is None or not is_further(edit.fact):
            continue
        own = made.setdefault(edit.fact.profile, {})
        own[edit.fact.field] = edit.after
        own.setdefault("citations", []).append(_citation(edit))
    return {code: own for code, own in made.items() if own.get("parent")}


def composed(proposed: Mapping[str, Any], edits: Iterable[Edit]) -> dict[str, Any]:
    """The content of a book: what the software proposes, with these edits, one for each fact.

    An edit of a fact that this software has no more changes nothing, nor does one of a profile that
    leads to no base profile. Sections without anything are left out, so that a book without edits
    is the book of before.
    """
    edits = sorted(edits, key=lambda each: each.fact)
    made = profiles_made(edits)
    profiles = {code: own for code, own in made.items() if is_profile(made, code)}
    content = {**proposed, "rules": deepcopy(proposed["rules"])}
    content["citations"] = {rule: list(rows) for rule, rows in proposed["citations"].items()}
    grading: dict[str, Any] = {}
    local: dict[str, Any] = {}
    for edit in edits:
        if edit.fact.rule_id == PROFILE or not is_known(edit.fact, profiles):
            continue
        if edit.fact.practice:
            _apply_local(local, edit)
        elif is_further(edit.fact):
            _apply_further(content, profiles[edit.fact.profile], edit)
        else:
            _apply(content, grading, edit)
    if grading:
        content["grading"] = grading
    if local:
        content["local"] = local
    if profiles:
        content["profiles"] = profiles
    return content


def _apply(content: dict[str, Any], grading: dict[str, Any], edit: Edit) -> None:
    rule_id, profile, _, field = edit.fact
    if is_grading(field):
        if edit.after is not None:
            grading.setdefault(rule_id, {}).setdefault(profile, {})[field] = edit.after
    elif field in content["rules"].get(rule_id, {}).get(profile, {}):
        content["rules"][rule_id][profile][field] = edit.after
    content["citations"].setdefault(rule_id, []).append(_citation(edit))


def _apply_further(content: dict[str, Any], own: dict[str, Any], edit: Edit) -> None:
    if edit.after is None:
        return
    rule_id, _, _, field = edit.fact
    section = "grading" if is_grading(field) else "rules"
    own.setdefault(section, {}).setdefault(rule_id, {})[field] = edit.after
    content["citations"].setdefault(rule_id, []).append(_citation(edit))


def _apply_local(local: dict[str, Any], edit: Edit) -> None:
    if edit.after is None:
        return
    rule_id, _, practice, field = edit.fact
    own = local.setdefault(practice, {})
    own["name"] = edit.practice_name
    section = "grading" if is_grading(field) else "rules"
    own.setdefault(section, {}).setdefault(rule_id, {})[field] = edit.after
    own.setdefault("citations", {}).setdefault(rule_id, []).append(_citation(edit))


def _citation(edit: Edit) -> dict[str, Any]:
    """Who says so, as a book cites it: an edit is local policy until somebody shows otherwise."""
    where = edit.practice_name or f"{edit.fact.profile} profile"
    return {
        "key": ":".join(part for part in edit.fact if part),
        "title": edit.source,
        "issuer": f"Set here, {where}",
        "country": "",
        "year": int(edit.reviewed[:4]),
        "locator": edit.locator,
        "reviewed": edit.reviewed,
        "next_review": edit.next_review,
        "verified": False,
        "note": edit.reason,
    }


def judged_by(
    book: Mapping[str, Any], profile: str, practice: str, group: str = ""
) -> dict[Any, Any]:
    """All that a book says of thresholds and gradings to patients of one practice, in its group.

    Two books that say the same here find the same, as far as their drug facts are the same: a rule
    without thresholds stands here with none, since a book that lacks it does not run it. Of a
    profile that the book does not hold it says that alone: nobody there can be judged.
    """
    local, held = book.get("local", {}), further(book)
    own = [local[each] for each in scopes(practice, group) if each in local]
    if not is_profile(held, profile):
        return {("unknown", profile): {}}
    said: dict[Any, Any] = {}
    if profile not in PROFILES:
        # By these it has its drug facts, and by these a sentence names it.
        said["profile", profile] = {"lineage": lineage(held, profile)}
    whose = {}
    for section in ("rules", "grading"):
        named = [name for each in held.values() for name in each.get(section, {})]
        for rule_id in dict.fromkeys([*book.get(section, {}), *named]):
            by_profile = book.get(section, {}).get(rule_id, {})
            found = said_of(held, by_profile, section, rule_id, profile)
            if found or (section == "rules" and found is not None):
                said[section, rule_id] = found
        for each in own:
            for rule_id, changed in each.get(section, {}).items():
                said[section, rule_id] = said.get((section, rule_id), {}) | changed
                whose |= {(rule_id, name): each["name"] for name in changed}
    # A finding says whose policy it follows.
    return said | ({WHOSE: whose} if whose else {})


class Disorder(NamedTuple):
    """Two thresholds of a rule that contradict each other, for a profile or a local policy."""

    rule_id: str
    where: str
    first: str
    second: str

    def in_words(self) -> str:
        """What has to come first, in the words of the rule's own labels."""
        labels = [
            known.label if (known := parameter_of(self.rule_id, name)) else name
            for name in (self.first, self.second)
        ]
        return f"“{labels[0]}” must not be more than “{labels[1]}” ({self.where})"


def disorders(
    content: Mapping[str, Any],
    profiles: Mapping[str, str],
    groups: Mapping[str, str] | None = None,
) -> list[Disorder]:
    """Thresholds that contradict each other, also what a practice and its group say together.

    `profiles` has the profile of each practice by its code and of each group by `GROUP` with its
    code, `groups` the code of the group of each practice that is in one.
    """
    found = []
    groups = groups or {}
    local = content.get("local", {})
    places = [(each.code, "", "") for each in all_of(further(content))]
    for code in sorted(profiles):
        if code.startswith(GROUP):
            if code in local:
                places.append((profiles[code], "", code.removeprefix(GROUP)))
        elif code in local:
            places.append((profiles[code], code, groups.get(code, "")))
    for profile, practice, group in places:
        said = judged_by(content, profile, practice, group)
        where = practice or (GROUP + group if group else profile)
        for (section, rule_id), held in ((k, v) for k, v in said.items() if k != WHOSE):
            if section != "rules":
                continue
            for first, second in steps_of(rule_id):
                if first in held and second in held and held[first] > held[second]:
                    found.append(Disorder(rule_id, where, first, second))
    return found
