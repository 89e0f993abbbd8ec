"""Cases ticked in a list: each with what was seen of it, which must still hold when it is moved."""

from collections.abc import Iterable
from typing import NamedTuple

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
        pk, _, lock = mark.partition(":")
        if pk.isdecimal() and lock.isdecimal():
            seen[int(pk)] = int(lock)
        else:
            unread += 1
    return Marks(seen, unread)
