"""What differs between two rule books, fact by fact, in words a pharmacist can check."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from reviews.rulebooks import changes

SECTIONS = {
    "rules": "Thresholds",
    "grading": "Severity and how it is shown",
    "local": "Local policy",
    "drugs": "Drug facts",
    "products": "Products",
    "without_a_rule": "Products without a rule",
    "atc": "ATC codes",
    "names": "Names",
    "citations": "Sources of rules",
}


class Difference(NamedTuple):
    """One fact: `before` or `after` is None where the other book does not hold it."""

    key: str
    fact: str
    before: str | None
    after: str | None


def differences(old: dict[str, Any], new: dict[str, Any]) -> dict[str, list[Difference]]:
    """`{section: [Difference, ...]}` of two books as JSON; sections without one are left out."""
    found = {}
    for section, keys in changes(old, new).items():
        compare = _compare_codes if section == "without_a_rule" else _compare
        rows = [
            Difference(key, fact, before, after)
            for key in keys
            for fact, before, after in compare(
                old.get(section, {}).get(key), new.get(section, {}).get(key)
            )
        ]
        if rows:
            found[section] = rows
    return found


def _compare(before: Any, after: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The leaves that differ, `(name, before, after)`; a part that is new or gone is one leaf."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            yield from _compare(before.get(name), after.get(name), (*path, name))
    elif _are_words(before) and _are_words(after):
        # Of two lists of words only what came and went is news.
        gone = [word for word in before if word not in after]
        new = [word for word in after if word not in before]
        if gone or new:
            yield _path(path), _as_text(gone) if gone else None, _as_text(new) if new else None
    elif before != after:
        yield _path(path), _as_text(before), _as_text(after)


def _compare_codes(before: list[int] | None, after: list[int] | None) -> Iterator[tuple[Any, ...]]:
    """Of 100,000 codes only how many came and went can be read."""
    gone, new = set(before or ()) - set(after or ()), set(after or ()) - set(before or ())
    if gone or new:
        yield "codes", f"{len(gone):,} go" if gone else None, f"{len(new):,} new" if new else None


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _path(path: tuple[Any, ...]) -> str:
    return " · ".join(part.replace("_", " ") for part in path)


def _as_text(value: Any) -> str | None:
    """A value as text; None stays None, because nothing is not a word."""
    if value is None:
        return None
    if isinstance(value, dict):
        return "; ".join(
            f"{name.replace('_', ' ')} {_as_text(held)}"
            for name, held in sorted(value.items())
            if held not in (None, "", [], {})
        )
    if isinstance(value, list):
        return ", ".join(filter(None, map(_as_text, value))) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)
