"""Profiles as the live rule book holds them, what may be said of one, and who follows which.

The three of the software are always there; a book can hold further ones (`reviews.rules.profiles`).
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from django.core.exceptions import ValidationError

from reviews import countries, rulebooks
from reviews.errors import BadRecord, NotFound
from reviews.models import Practice, PracticeGroup, is_country, is_locale, is_time_zone
from reviews.rules.changing import Value
from reviews.rules.codes import PROFILES
from reviews.rules.profiles import (
    BASE,
    CODE,
    MOST_DEEP,
    PAPERS,
    Held,
    Profile,
    UnknownProfile,
    all_of,
    described,
    is_known,
    lineage,
)

NAME_LENGTH = 60
NUMBER_LENGTH = 30

LABELS: Mapping[str, str] = MappingProxyType(
    {
        "parent": "Follows",
        "name": "Name",
        "locale": "Language",
        "country": "Country",
        "time_zone": "Time zone",
        "paper": "Paper of letters",
        "emergency": "Emergency number",
        "out_of_hours": "Number at other times",
    }
)
"""What is said of a further profile, for people."""
NEEDED = ("parent", "name", "locale", "time_zone", "paper", "emergency")


def live() -> Held:
    """The further profiles of the live book; none before the first publication."""
    try:
        return rulebooks.live()[1].profiles
    except NotFound:
        return {}


def choices(held: Held | None = None) -> list[tuple[str, str]]:
    """`(code, name)` of every profile of the live book, or of these and the base profiles."""
    return [(each.code, each.name) for each in all_of(live() if held is None else held)]


def follows(code: str) -> tuple[str, ...]:
    """Whom a profile follows in the live book, the nearest first; nobody for one it lacks."""
    if code in PROFILES:
        return ()
    held = live()
    return lineage(held, code)[1:] if is_known(held, code) else ()


def asked_for(code: str, mine: Iterable[Practice]) -> str:
    """The profile that a page was asked for, if the live book holds it; else mine, else UK."""
    if is_known(live(), code):
        return code
    return next((practice.profile for practice in mine), PROFILES[0])


def of(practice: Practice) -> Profile:
    """The profile of a practice, as the book that judges there describes it.

    Raises `NotFound` for one that the book does not hold.
    """
    held: Held = {}
    if practice.profile not in PROFILES:
        held = rulebooks.holding_at(practice.pk)[1].profiles
    try:
        return described(held, practice.profile)
    except KeyError as error:
        raise NotFound(f"No rule book holds the profile {practice.profile}.") from error


def require_code(code: str) -> None:
    """Raise `BadRecord` for what cannot be the code of a further profile."""
    if code in PROFILES:
        raise BadRecord("code", f"{code} is a profile of the software")
    if not CODE.fullmatch(code):
        raise BadRecord("code", "must be 2 to 8 capital letters, such as IE")


def require_known(field: str, code: str) -> None:
    """Raise `BadRecord` for a profile that a book which judges somewhere does not hold."""
    judging = [live()]
    if code not in PROFILES and judging[0]:
        guarded = set(rulebooks.holding().guarded.values())
        judging += [rulebooks.book(version_id).profiles for version_id in guarded]
    if not all(is_known(held, code) for held in judging):
        listed = ", ".join(known for known, _ in choices())
        raise BadRecord(field, f"must be a profile of the live rule book: {listed}")


def checked(code: str, field: str, value: Value, held: Held) -> Value:
    """What is said of a further profile, as a book holds it; `held` are the further ones there are.

    Raises `BadRecord` by field. Nothing is said by None.
    """
    require_code(code)
    if field not in LABELS:
        raise BadRecord("field", f"{field} is nothing that is said of a profile")
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadRecord(field, "must be a text")
    text = " ".join(value.split())
    if not text:
        return None
    if field == "parent":
        return _parent(code, text, held)
    try:
        _CHECKS.get(field, _short)(text)
    except ValidationError as error:
        raise BadRecord(field, error.messages[0]) from error
    return text


def _parent(code: str, parent: str, held: Held) -> str:
    if parent not in PROFILES and parent not in held:
        raise BadRecord("parent", f"there is no profile {parent}")
    try:
        lineage({**held, code: {"parent": parent}}, code)
        for each in held:
            # Of those below it none may become too deep, or go round.
            if each != code and is_known(held, each):
                lineage({**held, code: {"parent": parent}}, each)
    except UnknownProfile as error:
        raise BadRecord(
            "parent",
            f"{parent} cannot be it: a profile leads to one of {', '.join(PROFILES)} in at most "
            f"{MOST_DEEP - 1} steps, and never to itself",
        ) from error
    return parent


def _short(text: str) -> None:
    if len(text) > NAME_LENGTH:
        raise ValidationError(f"must not be longer than {NAME_LENGTH} characters")


def _paper(text: str) -> None:
    if text not in PAPERS:
        raise ValidationError(f"must be one of {', '.join(PAPERS)}")


def _number(text: str) -> None:
    if len(text) > NUMBER_LENGTH or not any(each.isdigit() for each in text):
        raise ValidationError("must be a telephone number")


_CHECKS: Mapping[str, Callable[[str], None]] = MappingProxyType(
    {
        "locale": is_locale,
        "country": is_country,
        "time_zone": is_time_zone,
        "paper": _paper,
        "emergency": _number,
        "out_of_hours": _number,
    }
)


def in_words(field: str, value: Value, held: Held | None = None) -> str:
    """What is said of a profile, for people: by the names of these profiles or of the live ones."""
    if value is None:
        return "not there" if field == "parent" else "not said"
    text = str(value)
    if field == "parent":
        return dict(choices(held)).get(text, text)
    return {"paper": PAPERS, "country": countries.NAMES}.get(field, {}).get(text, text)


def require_new_name(name: str, held: Held) -> None:
    """Raise `BadRecord` for a name that another profile has."""
    folded = " ".join(name.split()).casefold()
    for each in all_of(held):
        if each.name.casefold() == folded:
            raise BadRecord("name", f"is that of {each.code}")


def faults(made: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Why the further profiles of a draft cannot be, in words. `made` are those with a parent."""
    found = []
    names = {each.name.casefold(): each.code for each in BASE.values()}
    for code, own in sorted(made.items()):
        if not is_known(made, code):
            found.append(f"{code}: its parent {own['parent']} leads to no profile of the software")
        lacking = [LABELS[name].lower() for name in NEEDED if not own.get(name)]
        if lacking:
            found.append(f"{code}: nobody said its {', '.join(lacking)}")
        name = str(own.get("name", "")).casefold()
        if name in names:
            found.append(f"{code}: has the name of {names[name]}")
        names[name] = code
    return found


def used() -> dict[str, list[str]]:
    """By further profile the names of the practices and groups that are of it."""
    found: dict[str, list[str]] = {}
    for model in (Practice, PracticeGroup):
        rows = model.objects.exclude(profile__in=PROFILES).order_by("name")
        for profile, name in rows.values_list("profile", "name"):
            found.setdefault(profile, []).append(name)
    return found


def missing(held: Held) -> list[str]:
    """Which practices and groups are of a profile that a book does not hold, in words."""
    return [
        f"{', '.join(names)}: of the profile {code}, which that rule book does not hold"
        for code, names in sorted(used().items())
        if not is_known(held, code)
    ]
