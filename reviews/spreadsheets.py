"""CSV as spreadsheets write it, and as no spreadsheet mangles it.

A file comes back from a spreadsheet with other marks between its cells, other ends of lines, commas
in its numbers and dots in its days. Nothing here knows what a file is about.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# A first line by which a spreadsheet is told what stands between the cells.
DELIMITER_IS = "sep="

_DECIMAL_COMMA = re.compile(r"\d+,\d+")
_DAY_WITH_DOTS = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_FORMULA = ("=", "+", "-", "@", "\t")
_QUOTE = "'"
# A record may go over several lines; a quote that is never closed must not swallow the file.
_LINES_OF_A_RECORD = 1_000
_MOST_BROKEN = 100
_REASONS = {
    "unexpected end of data": "a quote is opened and not closed",
    "' expected after": "something stands after a closing quote",
}


class Record(NamedTuple):
    """The cells of a record and the line it begins on, or why it is none."""

    line: int
    cells: list[str]
    broken: str


class Sheet(NamedTuple):
    """The header of a file, in lower case, and its records. `has_commas`: 2,5 may stand for 2.5."""

    header: Record
    records: Iterator[Record]
    has_commas: bool


def harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula; `plain` takes the mark away again."""
    return _QUOTE + text if text.startswith((*_FORMULA, _QUOTE)) else text


def plain(cell: str) -> str:
    """A cell without the mark by which it is no formula."""
    return cell[1:] if cell[:1] == _QUOTE and cell[1:].startswith((*_FORMULA, _QUOTE)) else cell


def unmarked(text: str) -> str:
    """A file without the mark of UTF-8, with one end of line."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def sheet(text: str) -> Sheet:
    """A file that is `unmarked`, with commas, semicolons or tabs between its cells."""
    lines = text.split("\n")
    skipped = 1 if lines[0].startswith(DELIMITER_IS) else 0
    first = next((line for line in lines[skipped:] if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    records = _records(lines, skipped, delimiter)
    line, cells, broken = next(records, Record(1, [], ""))
    header = Record(line, [name.strip().lower() for name in cells], broken)
    return Sheet(header, records, delimiter == ";")


def fault_of_header(header: Record, known: Sequence[str], needed: Sequence[str]) -> str:
    """Why a header is none: what it lacks, has twice, or nobody knows; "" where it is one."""
    names = [name for name in header.cells if name]
    if header.broken:
        return header.broken
    if missing := sorted(set(needed) - set(names)):
        return f"lacks the columns {', '.join(missing)}"
    if strange := [name for name in names if name not in known]:
        return f"has columns that no row has: {', '.join(strange)}"
    if twice := sorted({name for name in names if names.count(name) > 1}):
        return f"has a column twice: {', '.join(twice)}"
    return ""


def with_points(cell: str) -> str:
    """The numbers of a cell with points: its spreadsheet may write 2,5 for 2.5."""
    return _DECIMAL_COMMA.sub(lambda found: found.group().replace(",", "."), cell)


def as_day(text: str) -> str:
    """A day with dots as 2026-12-04; another text as it is.

    With dots the day comes first everywhere; with strokes nobody can tell.
    """
    dotted = _DAY_WITH_DOTS.fullmatch(text)
    if dotted is None:
        return text
    day, month, year = dotted.groups()
    return f"{year}-{month:0>2}-{day:0>2}"


def _records(lines: Sequence[str], at: int, delimiter: str) -> Iterator[Record]:
    """Each record that is not empty; a broken line costs itself alone."""
    broken = 0
    while at < len(lines) and broken < _MOST_BROKEN:
        part = [f"{line}\n" for line in lines[at : at + _LINES_OF_A_RECORD]]
        reader = csv.reader(part, delimiter=delimiter, strict=True)
        try:
            cells = next(reader, [])
        except csv.Error as error:
            why = next((said for raw, said in _REASONS.items() if raw in str(error)), str(error))
            yield Record(at + 1, [], f"is no CSV: {why}")
            at += 1
            broken += 1
            continue
        if any(cell.strip() for cell in cells):
            yield Record(at + 1, cells, "")
        at += max(reader.line_num, 1)
    if broken == _MOST_BROKEN:
        why = f"and what follows was not read: {broken} lines before it are no CSV"
        yield Record(at + 1, [], why)
