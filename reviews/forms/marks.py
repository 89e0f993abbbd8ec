"""Cases ticked in a list: each with what was seen of it, which must still hold when it is moved."""

from collections.abc import Iterable
from typing import NamedTuple

from reviews.forms.numbers import whole

NO_CASE = "That is not a case."


class Marks(NamedTuple):
    """`seen`: the lock of each case as the list showed it; `unread`: how many ticks are no case."""

    seen: dict[int, int]
    unread: int


def read_marks(ticked: Iterable[str]) -> Marks:
    """Read ticks of the shape "case id:lock"."""
    seen = {}
    unread = 0
    for mark in ticked:
        pk, _, lock = (whole(part) for part in mark.partition(":"))
        if pk is None or lock is None:
            unread += 1
        else:
            seen[pk] = lock
    return Marks(seen, unread)
