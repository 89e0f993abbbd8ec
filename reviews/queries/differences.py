"""What differs between two rule books, fact by fact, in words a pharmacist can check."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from reviews.rulebooks import changes

SECTIONS = {
    "profiles": "Profiles",
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
        compare = COMPARED_BY.get(section, _compare)
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


def counted(found: Mapping[str, list[Difference]]) -> tuple[int, int]:
    """How many facts differ, and how many of the sources that say so."""
    rows = [(section, row) for section, rows in found.items() for row in rows]
    sources = sum(
        section == "citations"
        or (section in ("local", "profiles") and row.fact.startswith("citations"))
        for section, row in rows
    )
    return len(rows) - sources, sources


def _compare(before: Any, after: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The leaves that differ, `(name, before, after)`; a part that is new or gone is one leaf."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            yield from _compare(before.get(name), after.get(name), (*path, name))
    elif (before or after) and _are_citations(before or []) and _are_citations(after or []):
        yield from _compare_citations(before or [], after or [], path)
    elif _are_words(before) and _are_words(after):
        # Of two lists of words only what came and went is news.
        gone = [word for word in before if word not in after]
        new = [word for word in after if word not in before]
        if gone or new:
            yield _path(path), _as_text(gone) if gone else None, _as_text(new) if new else None
    elif before != after:
        yield _path(path), _as_text(before), _as_text(after)


def _compare_policy(before: Any, after: Any) -> Iterator[tuple[Any, ...]]:
    """Without its name: whose it is says the key."""
    old, new = (
        {part: said for part, said in (own or {}).items() if part != "name"}
        for own in (before, after)
    )
    yield from _fact_by_fact(old, new)


def _fact_by_fact(before: Any, after: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Also where one of the books holds nothing of it."""
    if not isinstance(before, dict) and not isinstance(after, dict):
        yield from _compare(before, after, path)
        return
    before, after = before or {}, after or {}
    for name in sorted(before.keys() | after.keys()):
        yield from _fact_by_fact(before.get(name), after.get(name), (*path, name))


def _are_citations(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, dict) and "key" in item and "title" in item for item in value
    )


def _compare_citations(before: Any, after: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """One fact for each place in a source."""
    old, new = (
        {(each["key"], each.get("locator")): each for each in rows} for rows in (before, after)
    )
    for key in {**old, **new}:
        if old.get(key) != new.get(key):
            yield _path((*path, "source")), _cited(old.get(key)), _cited(new.get(key))


def _cited(row: dict[str, Any] | None) -> str | None:
    if row is None:
        return None
    said = ", ".join(str(row[name]) for name in ("title", "issuer", "year") if row.get(name))
    checked = "" if row.get("verified") else "; not checked against the original"
    dates = f"read {row.get('reviewed')}, look again by {row.get('next_review')}"
    parts = [said, row.get("locator") or "", row.get("note") or "", dates]
    return ". ".join(part.removesuffix(".") for part in parts if part) + checked


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


COMPARED_BY = {
    "without_a_rule": _compare_codes,
    "local": _compare_policy,
    "profiles": _fact_by_fact,
}
