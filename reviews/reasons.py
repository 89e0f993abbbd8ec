"""Reasons in words, which somebody else will read: one rule for whatever asks for one."""

from reviews.errors import BadRecord

SHORTEST = 10
"""Letters, of any script. An initial, "asdf" or a row of points tells an auditor nothing."""


def in_words(reason: str, *, field: str = "reason", most: int, must: str) -> str:
    """A reason without spaces around it or doubled. Raises `BadRecord`, which says what it `must`.

    `most` is how many signs are kept.
    """
    said = " ".join(reason.split())
    if sum(sign.isalpha() for sign in said) < SHORTEST:
        raise BadRecord(field, f"{must}: {SHORTEST} letters at least")
    return said[:most]
