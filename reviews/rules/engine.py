"""The engine: the code that judges, named by a digest of its sources.

A dossier, a rule book and an engine decide what is found. The book is kept with every flag; so is
the engine, that an upgrade be seen, and nobody take today's code for that of another day.
"""

from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

RULES = Path(__file__).parent

# What counts is what stands between a record and a finding: the rules, what they share, and how a
# dossier is read from the record. What does not judge does not count: the worked examples, what of
# a book may be edited and how (the book says what it came to), the
# grouping of findings into matters, the question what a missing fact could change, the planning of
# tapers (the rules read the steps that a record holds) and the drawings. The words of a comment do
# count: whether a change of text can change a finding is not for a program to say.
NOT_JUDGING = ("bounds.py", "changing.py", "examples/", "matters.py", "missing.py")
READERS = tuple(RULES.parent / name for name in ("dossiers.py", "fields.py", "groups.py"))


class Engine(NamedTuple):
    """`digest`: SHA-256 in hexadecimal; `name`: its first eight digits, for people."""

    digest: str
    name: str


def engine_of(rules: Path, readers: tuple[Path, ...]) -> Engine:
    """The engine that the sources below `rules` and the modules `readers` make together.

    It depends on what the files hold and on their names in the tree, and on nothing else: not on
    where the tree stands, the order of files, the ends of lines or what was compiled of them.
    """
    sources = {
        name: path
        for path in rules.rglob("*.py")
        if not (name := path.relative_to(rules).as_posix()).startswith(NOT_JUDGING)
    }
    if not sources:
        raise RuntimeError(f"The rules cannot be named: {rules} holds no sources.")
    sources |= {f"../{path.name}": path for path in readers}
    digest = sha256()
    for name, path in sorted(sources.items()):
        text = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{name} {len(text)}\n".encode() + text)
    found = digest.hexdigest()
    return Engine(digest=found, name=found[:8])


ENGINE = engine_of(RULES, READERS)
"""The engine of this process, worked out once when it starts."""
