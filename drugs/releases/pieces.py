"""What is read from a row of a release, and reading rows one by one from where a slice ended."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from xml.etree import ElementTree  # nosec B405 - an element alone declares no entity

INGREDIENT, WORD, PRODUCT, BRANDED = "ingredient", "word", "product", "branded"
GROUP, PART, FORM, ROUTE, LINK, COMPONENT = "group", "part", "form", "route", "link", "component"

CHUNK = 256 * 1024
MOST_BYTES = 1024 * 1024
"""No row of any list is nearly as long; what is longer has lost its end."""


class Piece(NamedTuple):
    """One thing that a row says: of `key`, where it joins two things also of `other`."""

    kind: str
    key: str
    other: str
    said: dict[str, Any]


UNREAD = "an ingredient that was not read"
"""In place of the code of an ingredient that a row does not tell; nobody knows it."""
NOT_SAID = ""
"""In place of the key that a broken row should have: it may be of any."""


class Bad(Exception):
    """A row that cannot be read: which one, as far as it says so, why, and what it says still."""

    def __init__(self, reason: str, what: str = "", pieces: Sequence[Piece] = ()) -> None:
        super().__init__(reason)
        self.reason, self.what, self.pieces = reason, what, pieces


class Refused(Exception):
    """A file that cannot be read at all, or not to its end."""


class Row(NamedTuple):
    """A row of a file: the line it begins on, where the next one begins, and what it holds.

    `tag` is the element, "" in files of lines. `content` None is a row that was too long.
    """

    tag: str
    line: int
    next_byte: int
    next_line: int
    content: bytes | None


class Source(NamedTuple):
    """A kind of file: how its name begins and ends, how rows are found, and what a row says."""

    prefix: str
    suffix: str
    rows: Callable[[BinaryIO, int, int], Iterator[Row]]
    read: Callable[[Row], list[Piece]]


def matching(folder: Path, source: Source) -> list[Path]:
    """The files of a folder whose name begins and ends so, without regard to case."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file()
        and path.name.casefold().startswith(source.prefix.casefold())
        and path.name.casefold().endswith(source.suffix.casefold())
    )


# -- Lines -------------------------------------------------------------------------------------


def lines(file: BinaryIO, byte: int, line: int) -> Iterator[Row]:
    """The lines of a file from `byte` on, which is the beginning of a line."""
    file.seek(byte)
    while content := file.readline(MOST_BYTES + 1):
        byte += len(content)
        whole: bytes | None = content
        while len(content) > MOST_BYTES and not content.endswith(b"\n"):
            whole, content = None, file.readline(MOST_BYTES + 1)
            byte += len(content)
        line += 1
        if whole is None or whole.strip():
            yield Row("", line, byte, line, whole)


# -- Elements ----------------------------------------------------------------------------------

ROOT = re.compile(rb"<([A-Za-z_][\w.-]*)[\s>]")
PREFIXED = re.compile(rb"<[A-Za-z_][\w.-]*:")
DECLARED = re.compile(rb"<\?xml[^>]*encoding\s*=\s*[\"']([\w.-]+)[\"']")


def elements(*tags: str) -> Callable[[BinaryIO, int, int], Iterator[Row]]:
    """How to find the elements of these names in an XML file, each by itself.

    They are cut out of the text and read one by one, so that a broken one costs itself alone and
    reading can begin at any of them. A file with a DOCTYPE is refused: no entity is ever declared.
    """
    begins = re.compile(rb"<(" + "|".join(tags).encode() + rb")(?:\s[^<>]*)?>")

    def found(file: BinaryIO, byte: int, line: int) -> Iterator[Row]:
        root = _root_of(file)
        file.seek(byte)
        line = max(line, 1)
        held, at, ended = b"", 0, False
        while True:
            start = begins.search(held, at)
            end = held.find(b"</" + start[1] + b">", start.end()) if start else -1
            if start and end >= 0:
                again = begins.search(held, start.end(), end)
                # One that begins anew before it ended has lost its end.
                is_cut = again is not None and again[1] == start[1]
                stop = again.start() if again and is_cut else end + len(start[1]) + 3
                line += held.count(b"\n", at, start.start())
                next_line = line + held.count(b"\n", start.start(), stop)
                byte += stop - at
                yield Row(start[1].decode(), line, byte, next_line, held[start.start() : stop])
                line, at = next_line, stop
                continue
            if start and (ended or len(held) - start.start() > MOST_BYTES):
                line += held.count(b"\n", at, start.start())
                next_line = line + held.count(b"\n", start.start(), start.end())
                byte += start.end() - at
                yield Row(start[1].decode(), line, byte, next_line, None)
                line, at = next_line, start.end()
                continue
            if ended:
                if not held.rstrip().endswith(b"</" + root + b">"):
                    last = line + held.count(b"\n", at)
                    raise Refused(f"it ends in the middle, on line {last}")
                return
            more = file.read(CHUNK)
            # Keep what is not read yet, and enough for an element that is cut in two.
            keep = start.start() if start else max(at, len(held) - 200)
            byte += keep - at
            line += held.count(b"\n", at, keep)
            held, at, ended = held[keep:] + more, 0, not more
            if b"<!DOCTYPE" in held or b"<!ENTITY" in held:
                raise Refused("it declares a document type; that is not taken")

    return found


def _root_of(file: BinaryIO) -> bytes:
    """The name of the outermost element. Raises `Refused` for what is no XML in UTF-8."""
    file.seek(0)
    head = file.read(4096)
    declared = DECLARED.search(head)
    if declared and declared[1].lower() not in (b"utf-8", b"us-ascii", b"ascii"):
        raise Refused(f"it is written in {declared[1].decode()}, and not in UTF-8")
    root, prefixed = ROOT.search(head), PREFIXED.search(head)
    if prefixed and (root is None or prefixed.start() < root.start()):
        raise Refused("its elements have a prefix, and those of the list have none")
    if root is None:
        raise Refused("it is no XML in UTF-8")
    return root[1]


def fields(row: Row) -> dict[str, str]:
    """The texts inside an element, by the names of what it holds. Raises `Bad`."""
    if row.content is None:
        raise Bad("it has no end")
    try:
        element = ElementTree.fromstring(row.content)  # nosec B314 - as above
    except ElementTree.ParseError as error:
        raise Bad(f"it is no XML: {error.msg.partition(':')[0]}") from error
    return {each.tag: (each.text or "").strip() for each in element}


def needed(said: dict[str, str], name: str, what: str = "") -> str:
    """A text that a row must have. Raises `Bad`."""
    value = said.get(name, "")
    if not value:
        raise Bad(f"{name} is missing", what)
    return value


CODE = re.compile(r"[1-9][0-9]{0,17}")


def code(said: dict[str, str], name: str, what: str = "") -> str:
    """A code of figures that a row must have. Raises `Bad`."""
    value = needed(said, name, what)
    if not CODE.fullmatch(value):
        raise Bad(f"{name} “{value[:40]}” is no code", what)
    return value
