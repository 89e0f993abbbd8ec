"""The text of a letter: fields in braces, parts that are left out, headings and bold words.

    # Your {medicine} tablets

    You have taken {medicine} for {duration}. **Please do not stop it by yourself.**

    {if opioid}You also take {opioid}.{end}

A blank line ends a paragraph, a line break stays one, and a line that begins with # is a heading.
What is filled in is text alone: nothing in it is read as a field, a heading or bold.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from reviews.lettering.fields import FIELDS

PARAGRAPH, HEADING = "paragraph", "heading"
PLAIN, BOLD, FILLED, BOLD_FILLED = "", "b", "f", "bf"
_BRACES = re.compile(r"\{([^{}]*)\}")
_CONDITION = re.compile(r"if (\w+)")
_BLANK = re.compile(r"\n[ \t]*\n+")
_FILLED = "\0"
LONGEST = 12_000


class NotALetter(ValueError):
    """Why a text cannot be a letter, in words."""


class Run(NamedTuple):
    """Words of one style: PLAIN, BOLD, FILLED (they came from a field) or BOLD_FILLED."""

    text: str
    style: str


class Block(NamedTuple):
    """A heading or a paragraph."""

    kind: str
    runs: tuple[Run, ...]

    @property
    def text(self) -> str:
        """Its words alone."""
        return "".join(run.text for run in self.runs)


def fields_of(text: str) -> list[str]:
    """The fields that a text uses, conditions included, each once. Raises `NotALetter`."""
    used: dict[str, None] = {}
    open_condition = ""
    for said in _BRACES.findall(text):
        condition = _CONDITION.fullmatch(said)
        name = condition[1] if condition else said
        if said == "end":
            if not open_condition:
                raise NotALetter("{end} ends nothing: no {if ...} stands before it")
            open_condition = ""
            continue
        if name not in FIELDS:
            raise NotALetter(f"{{{said}}} is no field; the fields are listed beside the letter")
        if condition:
            if open_condition:
                raise NotALetter(
                    f"{{{said}}} stands inside {{if {open_condition}}}: end that first"
                )
            open_condition = name
        used[name] = None
    if open_condition:
        raise NotALetter(f"{{if {open_condition}}} has no {{end}}")
    if stray := re.search(r"[{}]", _BRACES.sub("", text)):
        around = _BRACES.sub("", text)[max(0, stray.start() - 20) : stray.start() + 20]
        raise NotALetter(f"A brace has no other one, near “{around.strip()}”")
    return list(used)


def needed(text: str) -> list[str]:
    """The fields without which no letter is made: used outside of a condition on themselves."""
    wanted: dict[str, None] = {}
    condition = ""
    for said in _BRACES.findall(text):
        asks = _CONDITION.fullmatch(said)
        if asks:
            condition = asks[1]
        elif said == "end":
            condition = ""
        elif said != condition and not FIELDS[said].may_lack:
            wanted[said] = None
    return list(wanted)


def fill(text: str, values: Mapping[str, str]) -> list[Block]:
    """The blocks of a letter; a field of which nothing is known is empty. Raises `NotALetter`."""
    fields_of(text)
    return list(_blocks(_filled(text.replace("\r\n", "\n"), values)))


def _filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its fields filled in, each between two marks."""
    made, leaving_out, at = [], False, 0
    for match in _BRACES.finditer(text):
        if not leaving_out:
            made.append(text[at : match.start()])
        at = match.end()
        said = match[1]
        if condition := _CONDITION.fullmatch(said):
            leaving_out = not values.get(condition[1])
        elif said == "end":
            leaving_out = False
        elif not leaving_out and values.get(said):
            value = _BLANK.sub("\n", values[said].replace(_FILLED, "").strip())
            made.append(f"{_FILLED}{value}{_FILLED}")
    return "".join([*made, text[at:]])


def _blocks(text: str) -> Iterator[Block]:
    for part in _BLANK.split(text):
        stripped = part.strip()
        if not stripped.replace(_FILLED, "").replace("*", ""):
            continue
        is_heading = stripped.startswith("#")
        runs = tuple(_runs(stripped.lstrip("# ") if is_heading else stripped))
        if runs:
            yield Block(HEADING if is_heading else PARAGRAPH, runs)


def _runs(text: str) -> Iterator[Run]:
    bold = False
    for place, piece in enumerate(text.split(_FILLED)):
        if place % 2:
            yield Run(piece, BOLD_FILLED if bold else FILLED)
            continue
        for number, words in enumerate(piece.split("**")):
            if number:
                bold = not bold
            if words:
                yield Run(words, BOLD if bold else PLAIN)


def in_words(blocks: Iterable[Block]) -> str:
    """A letter as plain text: what is read aloud, compared and searched."""
    return "\n\n".join(block.text for block in blocks)


def as_json(blocks: Iterable[Block]) -> list[list]:
    """Blocks as they are kept: `[[kind, [[text, style], ...]], ...]`."""
    return [[block.kind, [list(run) for run in block.runs]] for block in blocks]


def from_json(kept: Iterable[list]) -> list[Block]:
    """Blocks as they were kept."""
    return [Block(kind, tuple(Run(*run) for run in runs)) for kind, runs in kept]
