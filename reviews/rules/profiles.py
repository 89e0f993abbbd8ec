"""Profiles: whose guidance a practice follows. Three come with the software, a book can hold more.

The three of the software are base profiles: drug facts, rules and worked examples are written for
them. A further profile is an entry of a rule book: its parent, how things are written and reached
where it holds, and what it says otherwise than its parent. As JSON, by its code:

    "IE": {"parent": "UK", "name": "Ireland", "locale": "en-IE", "country": "IE",
           "time_zone": "Europe/Dublin", "paper": "a4", "emergency": "112",
           "rules": {"DUR-01": {"s2_over_days": 21}}, "grading": {"DUR-01": {"shown": "note"}},
           "citations": [{...}]}

Whatever it does not say is as in its parent, and so on up to a base profile: thresholds and
gradings fact by fact, and drug facts figure by figure.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias, TypeVar

from reviews.rules.codes import PROFILE_NAMES, PROFILES

Held: TypeAlias = Mapping[str, Mapping[str, Any]]
"""The further profiles of a book by their codes, as its JSON holds them."""

CODE = re.compile(r"[A-Z]{2,8}")
MOST_DEEP = 5
"""How many profiles a lineage may have, the base among them: more could not be overseen. Design."""
A4, US_LETTER = "a4", "us-letter"
PAPERS = {A4: "A4", US_LETTER: "US Letter"}
"""On what a letter is printed, by the name that the typesetter has for it."""


class Profile(NamedTuple):
    """A profile as people read it; `parent` is "" of a base profile.

    `locale` is a tag of a language, `country` a code of ISO 3166 or "" where it has several,
    `time_zone` a name of the IANA list. `emergency` is whom a person calls in danger,
    `out_of_hours` whom they call at other times; "" where there is none.
    """

    code: str
    name: str
    parent: str = ""
    locale: str = ""
    country: str = ""
    time_zone: str = ""
    paper: str = A4
    emergency: str = ""
    out_of_hours: str = ""


# How the three of the software are written and reached: local policy, unverified.
BASE: Mapping[str, Profile] = {
    "UK": Profile(
        "UK",
        PROFILE_NAMES["UK"],
        locale="en-GB",
        country="GB",
        time_zone="Europe/London",
        emergency="999",
        out_of_hours="NHS 111",
    ),
    "US": Profile(
        "US",
        PROFILE_NAMES["US"],
        locale="en-US",
        country="US",
        time_zone="America/New_York",
        paper=US_LETTER,
        emergency="911",
    ),
    "EU": Profile(
        "EU",
        PROFILE_NAMES["EU"],
        locale="en-IE",
        time_zone="Europe/Brussels",
        emergency="112",
    ),
}
DETAILS = tuple(name for name in Profile._fields if name != "code")
"""What is said of a further profile, beside its differences."""


class UnknownProfile(LookupError):
    """A profile that a book does not hold, or whose parents lead to no base profile."""


def further(book: Mapping[str, Any]) -> Held:
    """The further profiles of a book as JSON."""
    return book.get("profiles", {})


def lineage(held: Held, code: str) -> tuple[str, ...]:
    """A profile, its parent and so on up to a base profile.

    Raises `UnknownProfile` for one that is not held, for a circle, and for a longer row than
    `MOST_DEEP`: nobody is judged by nothing.
    """
    found = [code]
    while found[-1] not in PROFILES:
        parent = held.get(found[-1], {}).get("parent", "")
        if not parent or parent in found or len(found) == MOST_DEEP:
            raise UnknownProfile(f"The rule book holds no profile {code} that leads to a base.")
        found.append(parent)
    return tuple(found)


def base_of(held: Held, code: str) -> str:
    """The base profile of a profile. Raises `UnknownProfile`."""
    return lineage(held, code)[-1]


def is_known(held: Held, code: str) -> bool:
    """Whether patients can be judged under a profile."""
    try:
        lineage(held, code)
    except UnknownProfile:
        return False
    return True


def described(held: Held, code: str) -> Profile:
    """A profile as people read it. Raises `KeyError` for one that is not held."""
    if code in BASE:
        return BASE[code]
    said = {name: held[code][name] for name in DETAILS if name in held[code]}
    return Profile(**{"code": code, "name": code, **said})


def all_of(held: Held) -> list[Profile]:
    """Every profile of a book that can judge: the base profiles, and the further ones by name."""
    known = [described(held, code) for code in held if is_known(held, code)]
    return [*BASE.values(), *sorted(known, key=lambda each: (each.name, each.code))]


def children(held: Held, code: str) -> list[str]:
    """The codes of the further profiles that have this one as their parent."""
    return sorted(each for each, own in held.items() if own.get("parent") == code)


def in_words(held: Held, code: str) -> str:
    """ "UK profile", "IE profile (which follows the UK profile)": for sentences about limits.

    What is inherited stays the word of whoever said it, and a reader must see whose that is.
    """
    after = [f"the {each} profile" for each in lineage(held, code)[1:]]
    return f"{code} profile" + (f" (which follows {', then '.join(after)})" if after else "")


def said_of(
    held: Held, by_profile: Mapping[str, Any], section: str, rule_id: str, code: str
) -> dict[str, Any] | None:
    """What a book says of one rule under a profile: the base, with what each nearer one changes.

    `section` is "rules" or "grading", `by_profile` what the book says of the rule there for the
    base profiles. A threshold that the base does not have is brought in by none of them. None
    where the base has no such rule. Raises `UnknownProfile`.
    """
    base, *nearer = reversed(lineage(held, code))
    said = by_profile.get(base)
    if said is None and section == "rules":
        return None
    found = dict(said or {})
    for each in nearer:
        changed = held[each].get(section, {}).get(rule_id, {})
        if section == "rules":
            changed = {name: value for name, value in changed.items() if name in found}
        found |= changed
    return found


Figures = TypeVar("Figures")


def with_further(held: Held, by_profile: Mapping[str, Figures]) -> dict[str, Figures]:
    """A drug fact by profile, also for the further ones: the nearest of each lineage says it.

    Where a profile has a table of figures, each figure is that of the nearest that has it.
    """
    found = dict(by_profile)
    for code in held:
        own = [by_profile[each] for each in lineage(held, code) if each in by_profile]
        if own and isinstance(own[0], Mapping):
            merged: Any = {}
            for each in reversed(own):
                merged |= each
            found[code] = merged
        elif own:
            found[code] = own[0]
    return found
