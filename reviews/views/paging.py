"""Pages of a long list without counting it: there is a next page, or there is not."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from reviews.forms.numbers import whole


@dataclass(frozen=True)
class Page:
    rows: list[Any]
    number: int
    previous: int
    next: int | None
    first_row: int
    last_row: int


MOST_PAGES = 10**6


class Rows(Protocol):
    """A queryset, a list: whatever can be cut."""

    def __getitem__(self, part: slice, /) -> Iterable[Any]: ...


def page_of(rows: Rows, number: int | str, size: int) -> Page:
    """Page `number` (from 1, as typed in an address) of a queryset or a list."""
    typed = whole(str(number)) or 1
    number = typed if typed < MOST_PAGES else 1
    start = (number - 1) * size
    found = list(rows[start : start + size + 1])
    return Page(
        rows=found[:size],
        number=number,
        previous=number - 1,
        next=number + 1 if len(found) > size else None,
        first_row=start + 1,
        last_row=start + min(len(found), size),
    )
