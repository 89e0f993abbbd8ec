"""Whole numbers in what a page sends: ids, locks and page numbers, which nobody types."""

import re

LARGEST = 2**63 - 1
"""The largest id that the database can hold."""
_WHOLE = re.compile(r"[0-9]{1,19}")


def whole(text: object) -> int | None:
    """The number that `text` is in plain digits, or None: what int() reads is far more."""
    if not isinstance(text, str) or not _WHOLE.fullmatch(text):
        return None
    number = int(text)
    return number if number <= LARGEST else None
