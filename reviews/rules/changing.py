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

WHOSE = "whose"
"""Key of `judged_by` under which it says whose policy is on which fact."""
Value = float | str | None
"""What a fact holds; None = as the rule says, or for a practice as its profile says."""


class Fact(NamedTuple):
    """One fact of a book: `practice` is the code of the practice whose local policy it is.

    For a policy of a group of practices it is `policy.GROUP` with the code of the group. Of
    `profile` and `practice` one is empty.
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
    if fact.practice:
        held = book.get("local", {}).get(fact.practice, {}).get(section, {}).get(fact.rule_id, {})
    else:
        held = book.get(section, {}).get(fact.rule_id, {}).get(fact.profile, {})
    return held.get(fact.field)


def is_known(fact: Fact) -> bool:
    """Whether this software has such a fact at all; an edit of an older one may not."""
    profiles = PROFILES if fact.practice else (fact.profile,)
    return any(bounds(fact.rule_id, fact.field, profile) for profile in profiles)


def composed(proposed: Mapping[str, Any], edits: Iterable[Edit]) -> dict[str, Any]:
    """The content of a book: what the software proposes, with these edits, one for each fact.

    An edit of a fact that this software has no more changes nothing. Sections without anything are
    left out, so that a book without edits is the book of before.
    """
    content = {**proposed, "rules": deepcopy(proposed["rules"])}
    content["citations"] = {rule: list(rows) for rule, rows in proposed["citations"].items()}
    grading: dict[str, Any] = {}
    local: dict[str, Any] = {}
    for edit in sorted(edits, key=lambda each: each.fact):
        if not is_known(edit.fact):
            continue
        if edit.fact.practice:
            _apply_local(local, edit)
        else:
            _apply(content, grading, edit)
    if grading:
        content["grading"] = grading
    if local:
        content["local"] = local
    return content


def _apply(content: dict[str, Any], grading: dict[str, Any], edit: Edit) -> None:
    rule_id, profile, _, field = edit.fact
    if is_grading(field):
        if edit.after is not None:
            grading.setdefault(rule_id, {}).setdefault(profile, {})[field] = edit.after
    elif field in content["rules"].get(rule_id, {}).get(profile, {}):
        content["rules"][rule_id][profile][field] = edit.after
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

    Two books that say the same here find the same, as far as their drug facts are the same.
    """
    local = book.get("local", {})
    own = [local[each] for each in scopes(practice, group) if each in local]
    said: dict[Any, Any] = {}
    whose = {}
    for section in ("rules", "grading"):
        for rule_id, by_profile in book.get(section, {}).items():
            if by_profile.get(profile):
                said[section, rule_id] = dict(by_profile[profile])
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
    places = [(profile, "", "") for profile in PROFILES]
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
