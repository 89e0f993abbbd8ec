"""Numbers and days in plain words, so that every sentence says them alike."""

from datetime import date
from functools import lru_cache

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


@lru_cache(maxsize=40_000)
def day(ordinal: int) -> str:
    """A day as read aloud: "13 November 2026"."""
    on = date.fromordinal(ordinal)
    return f"{on.day} {MONTHS[on.month - 1]} {on.year}"


@lru_cache(maxsize=40_000)
def iso(ordinal: int) -> str:
    """A day as kept in facts, whose unit is then "date": "2026-11-13"."""
    return date.fromordinal(ordinal).isoformat()


def days(count: int) -> str:
    return many(count, "day")


def many(count: int, thing: str) -> str:
    """ "1 case", "2 cases"."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def amount(value: float) -> str:
    """A dose without a tail of zeros: 7.5, 10, 0.125."""
    return f"{value:.4f}".rstrip("0").rstrip(".")


def are(names: str) -> str:
    """The verb after names that were `listed`."""
    return "are" if " and " in names else "is"


def were(names: str) -> str:
    return "were" if " and " in names else "was"


def verb(names: str, stem: str) -> str:
    """A regular verb after names that were `listed`: "begin" after two, "begins" after one."""
    return stem if " and " in names else f"{stem}s"


def listed(names) -> str:
    """ "diazepam", "diazepam and zopiclone", "a, b and c"."""
    names = list(names)
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def sentence_case(text: str) -> str:
    """Only the first letter raised; names such as "St John's wort" keep theirs."""
    return text[:1].upper() + text[1:]
