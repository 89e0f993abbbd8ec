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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

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

# A first line by which a spreadsheet is told what stands between the cells.
_DELIMITER_IS = "sep="
_NUMBER = re.compile(r"\d{1,12}(\.\d{1,12})?")
_DECIMAL_COMMA = re.compile(r"\d+,\d+")
_DAY_WITH_DOTS = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_TABLE = re.compile(r"\s*\[\[\s*([a-z_]+)\s*\]\]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_FORMULA = ("=", "+", "-", "@", "\t")
_QUOTE = "'"
# A record may go over several lines; a quote that is never closed must not swallow the file.
_LINES_OF_A_RECORD = 1_000
_MOST_BROKEN = 100
_REASONS = {
    "unexpected end of data": "a quote is opened and not closed",
    "' expected after": "something stands after a closing quote",
}


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
        said = {name: _harmless(text) for name, text in row.said.items()}
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
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    start = text.lstrip()
    is_toml = start.startswith(("[[", "#")) or re.match(r"[a-z_]+\s*=", start)
    if is_toml and not start.startswith(_DELIMITER_IS):
        return _read_toml(text)
    return _read_csv(text)


# -- CSV -------------------------------------------------------------------------------------------


def _harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula; `_plain` takes the mark away again."""
    return _QUOTE + text if text.startswith((*_FORMULA, _QUOTE)) else text


def _plain(cell: str) -> str:
    return cell[1:] if cell[:1] == _QUOTE and cell[1:].startswith((*_FORMULA, _QUOTE)) else cell


def _read_csv(text: str) -> Read:
    lines = text.split("\n")
    skipped = 0
    if lines[0].startswith(_DELIMITER_IS):
        skipped = 1
    first = lines[skipped] if len(lines) > skipped else ""
    delimiter = max(",;\t", key=first.count)
    found = _records(lines, skipped, delimiter)
    header_line, header, why = next(found, (1, [], ""))
    header = [name.strip().lower() for name in header]
    if why := why or _fault_of_header(header):
        return Read([], [Fault(header_line, "", why)])
    rows: list[Row] = []
    faults: list[Fault] = []
    for line, cells, why in found:
        if why:
            faults.append(Fault(line, "", why))
        elif len(cells) > len(header) and any(cells[len(header) :]):
            faults.append(Fault(line, "", "has more columns than the header"))
        elif any(cell.strip() for cell in cells):
            # Spreadsheets leave out empty cells at the end of a line.
            held = {name: _plain(cell) for name, cell in zip(header, cells, strict=False)}
            if delimiter == ";":
                held = {name: _with_points(name, cell) for name, cell in held.items()}
            _take(rows, faults, line, held.pop("kind", "").strip(), held)
    return _once(rows, faults)


def _fault_of_header(header: Sequence[str]) -> str:
    known = {"kind", *(name for kind in KEYS for name in columns_of(kind))}
    if "kind" not in header:
        return "is no header: the column “kind” is missing"
    if strange := [name for name in header if name and name not in known]:
        return f"has columns that no row has: {', '.join(strange)}"
    if twice := sorted({name for name in header if name and header.count(name) > 1}):
        return f"has a column twice: {', '.join(twice)}"
    return ""


def _records(lines: Sequence[str], at: int, delimiter: str) -> Iterator[tuple[int, list[str], str]]:
    """`(line, cells, why it is no record)` for each record; a broken line costs itself alone."""
    broken = 0
    while at < len(lines) and broken < _MOST_BROKEN:
        part = [f"{line}\n" for line in lines[at : at + _LINES_OF_A_RECORD]]
        reader = csv.reader(part, delimiter=delimiter, strict=True)
        try:
            cells = next(reader, [])
        except csv.Error as error:
            why = next((said for raw, said in _REASONS.items() if raw in str(error)), str(error))
            yield at + 1, [], f"is no CSV: {why}"
            at += 1
            broken += 1
            continue
        if cells:
            yield at + 1, cells, ""
        at += max(reader.line_num, 1)
    if broken == _MOST_BROKEN:
        yield at + 1, [], f"and what follows was not read: {broken} lines before it are no CSV"


def _with_points(name: str, cell: str) -> str:
    """A cell of a file with semicolons, whose spreadsheet may write 2,5 for 2.5."""
    if name in NUMBERS | LISTS:
        return _DECIMAL_COMMA.sub(lambda found: found.group().replace(",", "."), cell)
    return cell


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
    if name in DAYS and (dotted := _DAY_WITH_DOTS.fullmatch(text)):
        # With dots the day comes first everywhere; with strokes nobody can tell.
        day, month, year = dotted.groups()
        return f"{year}-{month:0>2}-{day:0>2}"
    return text


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
