"""Letters as PDF: tagged (PDF/UA-1), so that a screen reader can read them; made by typst.

Text comes in as data and is never read as markup. The same letter gives the same bytes, whenever it
is made.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TypedDict

import typst

SOURCE = Path(__file__).parent / "lettering" / "letter.typ"
STANDARD = "ua-1"
_NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)


class Sheet(TypedDict):
    """One letter to be set: `blocks` as `lettering.text.as_json` gives them.

    `sender` and `addressee` may have several lines; `language` is such as "en".
    """

    title: str
    number: str
    date: str
    practice: str
    language: str
    paper: str
    sender: str
    addressee: str
    blocks: list[list]


def pdf(sheets: Sequence[Sheet]) -> bytes:
    """These letters in one document, each on a page of its own that is numbered from 1."""
    # A PDF is one file: neither several pages nor nothing.
    return _compiler().compile(  # pyright: ignore[reportReturnType]
        format="pdf",
        sys_inputs={"letters": json.dumps(sheets)},
        pdf_standards=[STANDARD],
        timestamp=int(_NO_TIME.timestamp()),
    )


@cache
def _compiler() -> typst.Compiler:
    """Kept: the fonts are read once for a process."""
    return typst.Compiler(str(SOURCE), root=str(SOURCE.parent), ignore_system_fonts=True)
