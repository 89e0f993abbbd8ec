"""The ATC index as CSV: a code and its name in the first two columns; the others are not read.

Whole codes (seven characters) alone become products. "Codeine and paracetamol" holds the two;
"codeine, combinations" holds codeine and something that the code does not say.
"""

import csv
import re

from drugs.releases.pieces import INGREDIENT, PART, PRODUCT, Bad, Piece, Row, Source, lines

WHOLE = re.compile(r"[A-Z][0-9]{2}[A-Z]{2}[0-9]{2}")
GROUP = re.compile(r"[A-Z](?:[0-9]{2}(?:[A-Z][A-Z]?)?)?")
MORE = "combinations"
"""The ingredient that stands for all that a name does not say; nobody knows it."""


def _row(row: Row) -> list[Piece]:
    if row.content is None:
        raise Bad("the line is too long")
    try:
        text = row.content.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise Bad("it is not written in UTF-8") from error
    if "\0" in text:
        raise Bad("it holds a character of the number 0")
    delimiter = next((mark for mark in ";\t" if mark in text.partition('"')[0]), ",")
    try:
        columns = next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error as error:
        raise Bad(f"it is no CSV: {error}", text[:40]) from error
    if len(columns) < 2:
        raise Bad("it has no second column", text[:40])
    code, name = columns[0].strip(), columns[1].strip()
    if not WHOLE.fullmatch(code):
        if GROUP.fullmatch(code) or row.line == 1:
            return []
        raise Bad(f"“{code[:40]}” is no ATC code")
    if not name:
        raise Bad("it has no name", code)
    pieces = [Piece(PRODUCT, code, "", {"name": name})]
    for each in _ingredients(name):
        pieces += [Piece(INGREDIENT, each, "", {"name": each}), Piece(PART, code, each, {})]
    return pieces


def _ingredients(name: str) -> list[str]:
    """The substances that a name of ATC names, in lower case; MORE where it leaves some open."""
    name = name.casefold()
    before, comma, rest = name.partition(", ")
    if comma and "combination" in rest:
        return [*_ingredients(before), MORE]
    if "combination" in name:
        return [MORE]
    found = [part.strip() for part in re.split(r",\s*|\s+and\s+", name)]
    return [part[:100] for part in dict.fromkeys(found) if part]


SOURCES = (Source("atc", ".csv", lines, _row),)
