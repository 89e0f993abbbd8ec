"""From days to positions in the view box of a drawing, and where a text has room beside them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

# Room for a text, in units of the view box.
TIP_WIDTH = 420
SHORT_TEXT = 110


class TextPlace(NamedTuple):
    """Where a text hangs, and by which end: "start", "middle" or "end"."""

    x: float
    anchor: str


class MonthMark(NamedTuple):
    """The first day of a month, and the name it has below or above the drawing."""

    x: float
    text: str


@dataclass(frozen=True)
class Scale:
    """Days from `first` to `last`, as ordinals, between two edges."""

    first: int
    last: int
    left: float
    right: float

    def at(self, day: int) -> float:
        """Where a day begins; a day outside the drawing is at its edge."""
        day = min(max(day, self.first), self.last + 1)
        width = self.right - self.left
        return round(self.left + (day - self.first) / (self.last + 1 - self.first) * width, 1)

    def width(self, start: int, end: int) -> float:
        """How wide the days from `start` to `end` are, both included; never too thin to see."""
        return max(1.5, round(self.at(end + 1) - self.at(start), 1))

    def tip(self, first: int, last: int | None = None) -> TextPlace:
        """The place of a long text over the middle of some days, inside the drawing."""
        return self.long_text(self.at(first if last is None else (first + last) // 2))

    def long_text(self, x: float) -> TextPlace:
        """The place of a text of some 300 units at a position, inside the drawing."""
        if x - self.left < TIP_WIDTH / 2:
            return TextPlace(x, "start")
        return TextPlace(x, "end" if self.right - x < TIP_WIDTH / 2 else "middle")

    def beside(self, first: int, last: int) -> TextPlace:
        """The place of a short text before some days where there is room, else after, else within.

        The days are `first` to `last`, both included.
        """
        start, end = self.at(first), self.at(last + 1)
        if start - self.left > SHORT_TEXT:
            return TextPlace(start - 5, "end")
        if self.right - end > SHORT_TEXT:
            return TextPlace(end + 5, "start")
        return TextPlace(self.left + 5, "start")


def firsts_of_months(first: date, last: date) -> Iterator[date]:
    """The first day of each month, from one day to another, both included."""
    month = first if first.day == 1 else _next_month(first)
    while month <= last:
        yield month
        month = _next_month(month)


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=7)).replace(day=1)
