"""Facts of rules as files: CSV and TOML, out and in, exactly; and a book with all that proves it.

A file holds facts with their values, one each, and who says so where a value is to change. Reading
one changes nothing: it gives rows, and what could not be read by its line.
"""

import csv
import io
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from math import isfinite
from typing import Any, NamedTuple

from reviews import spreadsheets
from reviews.rules.bounds import fields_of
from reviews.rules.changing import PROFILE, Fact, Value, is_grading, own_facts, value_in
from reviews.rules.codes import PROFILES
from reviews.rules.policy import GROUP
from reviews.rules.profiles import CODE, further

COLUMNS = (
    *("rule", "scope", "field", "value"),
    *("source", "locator", "reviewed", "next_review", "reason"),
)
NEEDED = ("rule", "scope", "field", "value")
DAYS = ("reviewed", "next_review")
LOCAL = "local:"
"""A scope is a profile, this with the code of the practice whose policy it is, or `GROUP` with the
code of a group of practices."""
LARGEST_BYTES = 2_000_000
NO_VALUE = "value must be a number or a text"
DIGITS = re.compile(r"\d[\d_]{4000,}")
"""A whole number of more digits than Python reads, or nearly."""
SURROGATE = re.compile("[\ud800-\udfff]")
"""Half a sign, which JSON can write and nothing can keep."""
BOOK = "rule book"
"""What a file of a whole book says that it is."""


class Row(NamedTuple):
    """A fact of a file and its value; days are ISO, and empty where the file says nothing."""

    line: int
    fact: Fact
    value: Value
    source: str = ""
    locator: str = ""
    reviewed: str = ""
    next_review: str = ""
    reason: str = ""


class Fault(NamedTuple):
    """What of a file could not be read, and where."""

    line: int
    reason: str


class Read(NamedTuple):
    """The rows of a file and its faults. `book` is the whole book where the file holds one."""

    rows: list[Row]
    faults: list[Fault]
    book: dict[str, Any] | None = None


def facts_of(book: Mapping[str, Any], rule_ids: Iterable[str]) -> Iterator[tuple[Fact, Value]]:
    """Every fact of these rules in a book as JSON with its value, and the policies that it holds.

    A policy, or a difference of a further profile, that a book does not hold is no fact of it. What
    further profiles are comes first.
    """
    for code in sorted(further(book)):
        for fact in own_facts(book, code):
            if fact.rule_id == PROFILE:
                yield fact, value_in(book, fact)
    for rule_id in rule_ids:
        for profile in PROFILES:
            for field in fields_of(rule_id, profile):
                fact = Fact(rule_id, profile, "", field)
                yield fact, value_in(book, fact)
        for code, own in sorted(further(book).items()):
            yield from _own(book, own, Fact(rule_id, code, "", ""))
        for code, own in sorted(book.get("local", {}).items()):
            yield from _own(book, own, Fact(rule_id, "", code, ""))


def _own(book: Mapping[str, Any], own: Mapping[str, Any], of: Fact) -> Iterator[tuple[Fact, Value]]:
    """What a policy or a further profile says itself of one rule."""
    for section in ("rules", "grading"):
        for field in sorted(own.get(section, {}).get(of.rule_id, {})):
            fact = of._replace(field=field)
            yield fact, value_in(book, fact)


def scope_of(fact: Fact) -> str:
    """Whom a fact is for, as a file writes it."""
    if fact.practice.startswith(GROUP):
        return fact.practice
    return LOCAL + fact.practice if fact.practice else fact.profile


def _written(row: Row) -> dict[str, Value]:
    return {
        "rule": row.fact.rule_id,
        "scope": scope_of(row.fact),
        "field": row.fact.field,
        "value": row.value,
        "source": row.source,
        "locator": row.locator,
        "reviewed": row.reviewed,
        "next_review": row.next_review,
        "reason": row.reason,
    }


def to_csv(rows: Iterable[Row]) -> str:
    """The rows as CSV with a header; an empty value is “as the rule says”.

    A text that a spreadsheet would take for a formula has an apostrophe before it, which reading
    takes away again.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        cells = _written(row).values()
        writer.writerow([_cell(value) for value in cells])
    return out.getvalue()


def _cell(value: Value) -> str:
    if value is None:
        return ""
    return spreadsheets.harmless(value) if isinstance(value, str) else repr(value)


def to_toml(rows: Iterable[Row]) -> str:
    """The rows as TOML, a table `fact` each; what is not said is left out."""
    parts = []
    for row in rows:
        held = {name: value for name, value in _written(row).items() if value not in (None, "")}
        lines = [f"{name} = {_toml(value)}" for name, value in held.items()]
        parts.append("\n".join(["[[fact]]", *lines]))
    return "\n\n".join(parts) + "\n"


def read(text: str) -> Read:
    """The rows of a file, which says itself what it is: JSON of a book, TOML or CSV."""
    if len(text.encode()) > LARGEST_BYTES:
        return Read([], [Fault(0, f"is larger than {LARGEST_BYTES:,} bytes")])
    text = spreadsheets.unmarked(text)
    start = text.lstrip()
    if start.startswith("{"):
        return _read_book(start)
    if start.startswith(("[[", "#")):
        return _read_toml(start)
    return _read_csv(text)


def _read_csv(text: str) -> Read:
    sheet = spreadsheets.sheet(text)
    if why := spreadsheets.fault_of_header(sheet.header, COLUMNS, NEEDED):
        return Read([], [Fault(sheet.header.line, why)])
    header = sheet.header.cells
    # Spreadsheets leave out empty cells at the end of a line, and a value that is lost is none.
    least = 1 + max(map(header.index, NEEDED))
    rows: list[Row] = []
    faults: list[Fault] = []
    for line, cells, broken in sheet.records:
        if broken:
            faults.append(Fault(line, broken))
            continue
        if len(cells) < least or any(cells[len(header) :]):
            faults.append(Fault(line, "has not as many columns as the header"))
            continue
        pairs = zip(header, cells, strict=False)
        held = {name: spreadsheets.plain(cell) for name, cell in pairs if name}
        text = held["value"].strip()
        _take(rows, faults, line, {**held, "value": _value_of(text, held["rule"], sheet)})
    return _once(rows, faults)


def _value_of(text: str, rule_id: str, sheet: spreadsheets.Sheet) -> Any:
    """What the cell of a value says; None for an empty one, which is as the rule or parent says."""
    if not text:
        return None
    if rule_id.strip() == PROFILE:
        # A telephone number is no number, nor is anything else that a profile says of itself.
        return text
    return _value(spreadsheets.with_points(text) if sheet.has_commas else text)


def _read_toml(text: str) -> Read:
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return Read([], [Fault(0, f"is no TOML: {error}")])
    except ValueError:
        found = DIGITS.search(text)
        row = text.count("[[fact]]", 0, found.start()) if found else 0
        return Read([], [Fault(row, NO_VALUE)])
    rows: list[Row] = []
    faults: list[Fault] = []
    facts = data.get("fact", [])
    if not isinstance(facts, list) or not all(isinstance(each, dict) for each in facts):
        return Read([], [Fault(0, "holds no [[fact]]")])
    for number, held in enumerate(facts, start=1):
        _take(rows, faults, number, held)
    return _once(rows, faults)


def _take(rows: list[Row], faults: list[Fault], line: int, held: Mapping[str, Any]) -> None:
    """Keep a row of a file, or why it is none."""
    said = {}
    for name in (
        "rule",
        "scope",
        "field",
        "source",
        "locator",
        "reviewed",
        "next_review",
        "reason",
    ):
        value = held.get(name, "")
        value = value.isoformat() if isinstance(value, date) else value
        if not isinstance(value, str) or not _can_be_kept(value):
            faults.append(Fault(line, f"{name} must be a text"))
            return
        value = value.strip()
        said[name] = spreadsheets.as_day(value) if name in DAYS else value
    value = held.get("value")
    if not _is_value(value):
        faults.append(Fault(line, NO_VALUE))
        return
    for name in ("rule", "scope", "field"):
        if not said[name]:
            faults.append(Fault(line, f"{name} is missing"))
            return
    if strange := held.keys() - set(COLUMNS):
        faults.append(Fault(line, f"has what no fact has: {', '.join(sorted(map(str, strange)))}"))
        return
    scope = said.pop("scope")
    local = scope.startswith((LOCAL, GROUP))
    if not local and not CODE.fullmatch(scope):
        why = f"scope {scope} is no profile, and no {LOCAL}CODE or {GROUP}CODE"
        faults.append(Fault(line, why))
        return
    fact = Fact(
        said.pop("rule"),
        "" if local else scope,
        scope.removeprefix(LOCAL) if local else "",
        said.pop("field"),
    )
    rows.append(Row(line, fact, value, **said))


def _once(rows: list[Row], faults: list[Fault]) -> Read:
    """Each fact at most once: two values of one are a fault, and neither counts."""
    lines: dict[Fact, list[int]] = {}
    for row in rows:
        lines.setdefault(row.fact, []).append(row.line)
    twice = {fact: held for fact, held in lines.items() if len(held) > 1}
    for fact, held in twice.items():
        listed = ", ".join(map(str, held))
        faults.append(Fault(held[-1], f"{fact.rule_id} {fact.field} stands in {listed}"))
    return Read([row for row in rows if row.fact not in twice], sorted(faults))


def _is_value(value: object) -> bool:
    """Whether a fact can hold it at all; not what is no number, or larger than any float."""
    if value is None or isinstance(value, str):
        return True
    try:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)
    except OverflowError:
        return False


def _value(text: str) -> Value:
    try:
        number = float(text)
    except ValueError:
        return text
    # "nan" and "1e999" are texts that no fact holds.
    if not isfinite(number):
        return text
    return int(number) if number == int(number) else number


def _toml(value: Value) -> str:
    # A basic string of TOML is written as JSON writes it, but for DEL.
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


# -- A whole book ----------------------------------------------------------------------------------


TABLES = ("drugs", "products", "atc", "names")
MOST_DEEP = 20
"""No part of a book lies deeper, and what reads one need not be made for it."""
LARGEST_WHOLE = 2**63 - 1


def _read_book(text: str) -> Read:
    """The facts of an exported book, with the sources of the edits that stand in it."""
    try:
        data = json.loads(text)
        book, edits = data["book"], data["edits"]
        if data["is"] != BOOK:
            raise KeyError(BOOK)
        if wrong := _misshapen(book):
            return Read([], [Fault(0, f"is no rule book that a portal exported: {wrong}")])
        said = {
            Fact(*(str(each[name]) for name in Fact._fields)): {
                name: str(each[name])
                for name in ("source", "locator", "reviewed", "next_review", "reason")
            }
            for each in edits
        }
        held = dict(facts_of(book, book["rules"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Read([], [Fault(0, "is no rule book that a portal exported")])
    faults = [
        Fault(number, f"{fact.rule_id} {fact.field} ({scope_of(fact)}): {NO_VALUE}")
        for number, (fact, value) in enumerate(held.items(), start=1)
        if not _is_value(value)
    ]
    if not faults and not _can_be_kept(data):
        faults = [Fault(0, "holds a character, a number or a depth that no rule book has")]
    if faults:
        return Read([], faults)
    rows = [
        Row(number, fact, value, **said.get(fact, {}))
        for number, (fact, value) in enumerate(held.items(), start=1)
        # A book of older software does not hold every threshold.
        if value is not None or is_grading(fact.field)
    ]
    return Read(rows, [], data)


def _misshapen(book: Mapping[str, Any]) -> str:
    """Which part of a book has not the shape of one, "" where all have."""
    if "rules" not in book:
        return "it has no rules"
    for name in ("rules", "grading"):
        if not _is_table(book.get(name, {}), 3):
            return f"{name} is no table of rules, profiles and fields"
    for name in TABLES:
        if not _is_table(book.get(name, {}), 2):
            return f"{name} is no table of tables"
    for section, whose in (("local", "practices"), ("profiles", "profiles")):
        said = book.get(section, {})
        if not _is_table(said, 2):
            return f"{section} is no table of {whose}"
        for own in said.values():
            if not all(_is_table(own.get(name, {}), 2) for name in ("rules", "grading")):
                return f"what one of the {whose} says is no table of rules and fields"
    codes = book.get("without_a_rule", {})
    if not _is_table(codes, 1) or not all(_is_list_of_codes(each) for each in codes.values()):
        return "without_a_rule is no table of lists of codes"
    return ""


def _is_table(value: object, deep: int) -> bool:
    """Whether something is a table, of tables as often as `deep` says."""
    if not isinstance(value, dict):
        return False
    return deep == 1 or all(_is_table(each, deep - 1) for each in value.values())


def _is_list_of_codes(value: object) -> bool:
    return isinstance(value, list) and all(type(each) is int and each >= 0 for each in value)


def _can_be_kept(value: object, deep: int = 0) -> bool:
    """Whether all texts and numbers of something can be kept, and it is not nested without end."""
    if deep > MOST_DEEP:
        return False
    if isinstance(value, dict):
        return all(
            _can_be_kept(name, deep) and _can_be_kept(each, deep + 1)
            for name, each in value.items()
        )
    if isinstance(value, list):
        return all(_can_be_kept(each, deep + 1) for each in value)
    if isinstance(value, str):
        return "\0" not in value and not SURROGATE.search(value)
    if isinstance(value, float):
        return isfinite(value)
    return not isinstance(value, int) or abs(value) <= LARGEST_WHOLE
