"""Rows of the formulary as files: CSV and TOML, out and in, exactly.

A file holds one row of the formulary in each of its own: what kind it is, which one, its values and
who says so. Reading one changes nothing: it gives rows of texts, and what could not be read by its
line. What a row would do is worked out in `reviews.queries.formulary_file`.
"""

import csv
import io
import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from reviews import spreadsheets

LARGEST_BYTES = 4_000_000
MOST_CHANGES = 1_000
"""A report that nobody can read is no report: larger files are taken in parts."""

KEYS = {
    "fact": ("drug", "fact", "profile"),
    "limit": ("drug", "profile", "context"),
    "equivalent": ("drug", "table"),
    "strengths": ("drug", "profile", "form"),
    "class": ("drug", "class"),
    "default": ("class",),
    "pair": ("drug", "class", "with_drug", "with_class"),
    "status": ("drug", "profile"),
}
"""By kind of row the columns that say which one it is."""
VALUES = {
    "fact": ("value",),
    "limit": ("mg_per_day",),
    "equivalent": ("mg", "mg_high"),
    "strengths": ("per_unit", "strengths_mg"),
    "class": ("severity", "level", "condition"),
    "default": ("name", "severity"),
    "pair": ("severity", "rule"),
    "status": ("status", "reason"),
}
"""By kind of row the columns of what it says."""
CITED = ("source", "locator", "reviewed", "next_review", "verified", "note")
OUT_OF_FORCE = "out_of_force"
"""The reason why a row is to be taken out of force; empty where it stays."""
VERSION = "version"
"""Which version of the row the file was written from; empty for a row that is to be added."""
LAST = (OUT_OF_FORCE, VERSION)

NUMBERS = frozenset({"mg_per_day", "mg", "mg_high", "severity"})
LISTS = frozenset({"strengths_mg"})
DAYS = frozenset({"reviewed", "next_review"})
BETWEEN = "; "
"""Stands between the strengths of a row: no spreadsheet takes it for a number or a day."""

_NUMBER = re.compile(r"\d{1,12}(\.\d{1,12})?")
_TABLE = re.compile(r"\s*\[\[\s*([a-z_]+)\s*\]\]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class Row(NamedTuple):
    """A row of a file: its kind, and what it says by column; a column without a text is left out.

    Numbers are written with a point, days as 2026-12-04, strengths with "; " between.
    """

    line: int
    kind: str
    said: Mapping[str, str]

    @property
    def key(self) -> tuple[str, ...]:
        """Which row of the formulary it is, together with its kind."""
        return tuple(self.said.get(name, "") for name in KEYS[self.kind])

    def values(self) -> dict[str, str]:
        """What the row says, by column."""
        return {name: self.said.get(name, "") for name in VALUES[self.kind]}


class Fault(NamedTuple):
    """What of a file could not be read, where, and in which column; "" for the whole line."""

    line: int
    field: str
    reason: str


class Read(NamedTuple):
    """The rows of a file, and its faults by line."""

    rows: list[Row]
    faults: list[Fault]


def columns_of(kind: str) -> tuple[str, ...]:
    """The columns of a kind of row, in the order of a file."""
    return (*KEYS[kind], *VALUES[kind], *CITED, *LAST)


def to_csv(rows: Sequence[Row]) -> str:
    """The rows as CSV, with the columns of the kinds that are among them.

    A text that a spreadsheet would take for a formula has an apostrophe before it, which reading
    takes away again.
    """
    kinds = [kind for kind in KEYS if any(row.kind == kind for row in rows)]
    own = [name for kind in kinds for name in (*KEYS[kind], *VALUES[kind])]
    out = io.StringIO()
    columns = ("kind", *dict.fromkeys(own), *CITED, *LAST)
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        said = {name: spreadsheets.harmless(text) for name, text in row.said.items()}
        writer.writerow({"kind": row.kind, **said})
    return out.getvalue()


def to_toml(rows: Iterable[Row]) -> str:
    """The rows as TOML, a table of its kind each; what is not said is left out."""
    parts = []
    for row in rows:
        lines = [
            f"{name} = {_toml(name, row.said[name])}"
            for name in columns_of(row.kind)
            if row.said.get(name)
        ]
        parts.append("\n".join([f"[[{row.kind}]]", *lines]))
    return "\n\n".join(parts) + "\n"


def read(text: str) -> Read:
    """The rows of a file, which says itself what it is: TOML or CSV, with any end of line."""
    if len(text.encode()) > LARGEST_BYTES:
        return Read([], [Fault(0, "", f"is larger than {LARGEST_BYTES:,} bytes")])
    text = spreadsheets.unmarked(text)
    start = text.lstrip()
    is_toml = start.startswith(("[[", "#")) or re.match(r"[a-z_]+\s*=", start)
    if is_toml and not start.startswith(spreadsheets.DELIMITER_IS):
        return _read_toml(text)
    return _read_csv(text)


# -- CSV -------------------------------------------------------------------------------------------


def _read_csv(text: str) -> Read:
    sheet = spreadsheets.sheet(text)
    known = ("kind", *(name for kind in KEYS for name in columns_of(kind)))
    if why := spreadsheets.fault_of_header(sheet.header, known, ("kind",)):
        return Read([], [Fault(sheet.header.line, "", why)])
    header = sheet.header.cells
    rows: list[Row] = []
    faults: list[Fault] = []
    for line, cells, broken in sheet.records:
        if broken:
            faults.append(Fault(line, "", broken))
            continue
        if any(cells[len(header) :]):
            faults.append(Fault(line, "", "has more columns than the header"))
            continue
        # Spreadsheets leave out empty cells at the end of a line.
        pairs = zip(header, cells, strict=False)
        held = {name: spreadsheets.plain(cell) for name, cell in pairs}
        if sheet.has_commas:
            held |= {
                name: spreadsheets.with_points(held[name])
                for name in NUMBERS | LISTS
                if name in held
            }
        _take(rows, faults, line, held.pop("kind", "").strip(), held)
    return _once(rows, faults)


# -- TOML ------------------------------------------------------------------------------------------


def _toml(name: str, text: str) -> str:
    if name in NUMBERS and _NUMBER.fullmatch(text):
        return text
    if name in DAYS and _is_day(text):
        return text
    parts = text.split(BETWEEN)
    if name in LISTS and all(_NUMBER.fullmatch(part) for part in parts):
        return f"[{', '.join(parts)}]"
    # A basic string of TOML is written as JSON writes it, but for DEL.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _read_toml(text: str) -> Read:
    rows: list[Row] = []
    faults: list[Fault] = []
    heads = [n for n, line in enumerate(text.split("\n"), start=1) if _TABLE.match(line)]
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        if not heads:
            return Read([], [Fault(0, "", f"is no TOML: {error}")])
        _take_tables_apart(text, heads, rows, faults)
        return _once(rows, faults)
    _take_tables(data, _places(text, data), rows, faults)
    return _once(rows, faults)


def _places(text: str, data: Mapping[str, object]) -> dict[str, list[int]]:
    """By kind the lines on which its tables begin, where that can be told."""
    places: dict[str, list[int]] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if found := _TABLE.match(line):
            places.setdefault(found.group(1), []).append(number)
    told = {kind for kind, tables in data.items() if isinstance(tables, list)}
    return {
        kind: lines
        for kind, lines in places.items()
        if kind in told and len(lines) == len(data[kind])  # type: ignore[arg-type]
    }


def _take_tables(
    data: Mapping[str, object],
    places: Mapping[str, Sequence[int]],
    rows: list[Row],
    faults: list[Fault],
) -> None:
    for kind, tables in data.items():
        if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
            faults.append(Fault(0, kind, "is no list of tables"))
            continue
        lines = places.get(kind) or range(1, len(tables) + 1)
        for line, held in zip(lines, tables, strict=True):
            _take(rows, faults, line, kind, held)


def _take_tables_apart(
    text: str, heads: Sequence[int], rows: list[Row], faults: list[Fault]
) -> None:
    """Read each table by itself, so that one that is broken costs itself alone."""
    lines = text.split("\n")
    for begin, end in zip(heads, [*heads[1:], len(lines) + 1], strict=True):
        part = "\n".join(lines[begin - 1 : end - 1])
        try:
            data = tomllib.loads(part, parse_float=Decimal)
        except (ValueError, RecursionError) as error:
            faults.append(Fault(begin, "", f"is no TOML: {error}"))
            continue
        _take_tables(data, {kind: [begin] for kind in data}, rows, faults)


# -- Both ------------------------------------------------------------------------------------------


def _take(
    rows: list[Row], faults: list[Fault], line: int, kind: str, held: Mapping[str, object]
) -> None:
    """Keep a row of a file, or each reason why it is none."""
    if kind not in KEYS:
        faults.append(Fault(line, "kind", f"must be one of {', '.join(KEYS)}"))
        return
    found = []
    said = {}
    for name, value in held.items():
        text = _as_text(name, value)
        if text is None:
            found.append(Fault(line, name, "must be a text, a number or a day"))
        elif _CONTROL.search(text):
            found.append(Fault(line, name, "holds a character that no text has"))
        elif text and name not in columns_of(kind):
            found.append(Fault(line, name, f"is no column of a row of the kind {kind}"))
        elif text:
            said[name] = text
    if found:
        faults.extend(found)
    else:
        rows.append(Row(line, kind, said))


def _as_text(name: str, value: object) -> str | None:
    """A value of a file as the text that a row holds; None for what none can be."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, Decimal)):
        return _number(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list) and name in LISTS:
        parts = [_as_text("", each) for each in value]
        return None if None in parts else BETWEEN.join(filter(None, parts))
    if not isinstance(value, str):
        return None
    text = value.strip()
    if name in NUMBERS:
        return as_number(text)
    if name in LISTS:
        return BETWEEN.join(as_number(part.strip()) for part in text.split(";"))
    return spreadsheets.as_day(text) if name in DAYS else text


def as_number(text: str) -> str:
    """A number without needless noughts; a text that is none as it is."""
    return (_number(Decimal(text)) if _NUMBER.fullmatch(text) else None) or text


def _number(value: int | Decimal) -> str | None:
    """A number as a row holds it; None for one that no row can hold."""
    number = Decimal(value) if not isinstance(value, int) or abs(value) < 10**20 else None
    if number is None or not number.is_finite() or number.adjusted() > 20:
        return None
    plain = f"{number.normalize():f}"
    return plain if len(plain) <= 40 else None


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _once(rows: list[Row], faults: list[Fault]) -> Read:
    """Each row of the formulary at most once: two of one are a fault, and neither counts."""
    lines: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for row in rows:
        lines.setdefault((row.kind, row.key), []).append(row.line)
    twice = {key: sorted(held) for key, held in lines.items() if len(held) > 1}
    for (kind, key), held in twice.items():
        listed = ", ".join(map(str, held))
        which = ", ".join(filter(None, key))
        faults.append(Fault(held[-1], "", f"{kind} {which} stands on the lines {listed}"))
    kept = [row for row in rows if (row.kind, row.key) not in twice]
    return Read(sorted(kept, key=lambda row: row.line), sorted(faults))
