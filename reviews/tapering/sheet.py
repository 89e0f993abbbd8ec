"""The patient's sheet: what a plan says, in the words of a language.

The words are data (`wording/*.toml`), each language with who signed them. A signature holds for the
very words it was given for: a changed word makes it void.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from reviews.rules import words
from reviews.tapering.doses import HALF, LIQUID, QUARTER, Part
from reviews.tapering.planning import DAY, EVERY_NIGHT, NIGHTS, TIMES, Plan, Step

LANGUAGES = ("en", "fr")
DEFAULT = "en"
STEPS = 4
MOST_TICKS = 10
"""Weeks with a box to tick beside a step; of a longer one the last day is said instead."""
HIGHEST_GRADE = 7


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of a language; `signed_by` is empty until somebody signed these very words."""

    code: str
    said: Mapping[str, Any]
    signed_by: str
    signed_on: str
    digest: str

    @property
    def signed(self) -> bool:
        return bool(self.signed_by)

    def __getitem__(self, name: str) -> Any:
        return self.said[name]

    def day(self, on: date, *, year: bool = False) -> str:
        """ "Monday 7 December", or "7 December 2026"."""
        return self["day_with_year" if year else "day"].format(
            weekday=self["weekdays"][on.weekday()],
            number=on.day,
            month=self["months"][on.month - 1],
            year=on.year,
        )

    def listed(self, items: Iterable[str]) -> str:
        """ "Monday, Wednesday and Friday"."""
        *first, last = items
        return f"{', '.join(first)} {self['and']} {last}" if first else last

    def amount(self, part: Part) -> str:
        """ "2 and a half tablets of 5 mg"."""
        amounts, mg = self["amounts"], words.amount(float(part.strength.mg))
        if part.strength.form == LIQUID:
            in_five = words.amount(float(part.strength.mg * 5))
            number = words.amount(float(part.number))
            return amounts["liquid"].format(number=number, mg=in_five)
        whole, rest = int(part.number), part.number % 1
        if rest:
            name = CUT[rest]
            said = amounts[f"and_{name}" if whole else name].format(number=whole)
        else:
            one, more = amounts[part.strength.form]
            said = (one if whole == 1 else more).format(number=whole)
        return amounts["strength"].format(amount=said, mg=mg)


CUT = {QUARTER: "quarter", HALF: "half", HALF + QUARTER: "three_quarters"}


@cache
def wording(code: str) -> Wording:
    """The words of a language. Raises `KeyError` for one that is not kept."""
    if code not in LANGUAGES:
        raise KeyError(code)
    file = resources.files("reviews.tapering") / "wording" / f"{code}.toml"
    return read(code, tomllib.loads(file.read_text("utf-8")))


def read(code: str, content: Mapping[str, Any]) -> Wording:
    """The words of a file; a signature for other words than these is none."""
    said = {name: value for name, value in content.items() if name != "signed"}
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]
    signed = content["signed"]
    holds = signed["digest"] == digest
    return Wording(code, said, signed["by"] if holds else "", signed["on"] if holds else "", digest)


class Cell(NamedTuple):
    """What is taken at a time of a step: the parts to draw, and in words."""

    time: str
    parts: tuple[Part, ...]
    said: str


class Row(NamedTuple):
    """A step of the sheet; `weeks` are the days to tick, and `until` is said where there are more.

    `nights` says on which days of the week, empty for every day.
    """

    on: str
    cells: tuple[Cell, ...]
    nights: str
    weeks: tuple[str, ...]
    until: str
    none: str


class Sheet(NamedTuple):
    """The columns and rows of the next steps, or of the whole plan."""

    times: tuple[str, ...]
    rows: tuple[Row, ...]


def sheet(planned: Plan, wording: Wording, today: date, *, most: int | None = STEPS) -> Sheet:
    """The steps from today on, as many as the sheet has room for, or all of them."""
    last = len(planned.steps) - 1
    shown = [
        (step, None if n == last else planned.steps[n + 1].on - timedelta(days=1))
        for n, step in enumerate(planned.steps)
        if n == last or planned.steps[n + 1].on > today
    ][:most]
    taken = {dose.time for step, _ in shown for dose in step.times}
    order = [time for time in (*TIMES, DAY) if time in taken]
    return Sheet(
        tuple(wording["times"][time] for time in order),
        tuple(_row(step, until, order, wording, today) for step, until in shown),
    )


def _row(
    step: Step, until: date | None, order: Sequence[str], wording: Wording, today: date
) -> Row:
    by_time = {dose.time: dose for dose in step.times}
    cells = []
    for time in order:
        dose = by_time.get(time)
        said = wording["none"]
        if dose is not None:
            said = (
                wording.listed(map(wording.amount, dose.parts)) if dose.parts else wording["as_now"]
            )
        cells.append(Cell(wording["times"][time], () if dose is None else dose.parts, said))
    weeks: tuple[str, ...] = ()
    ends = ""
    if until is not None:
        days = range(0, (until - step.on).days + 1, 7)
        firsts = (step.on + timedelta(days=n) for n in days)
        weeks = tuple(f"{on.day} {wording['months_short'][on.month - 1]}" for on in firsts)
        ends = wording["until"].format(day=wording.day(until, year=True))
    nights = ""
    if step.mg and step.nights < EVERY_NIGHT:
        days_named = wording.listed(wording["weekdays"][day] for day in NIGHTS[step.nights])
        nights = wording["on_nights"].format(days=days_named)
    return Row(
        on=_begins(step, ends, wording, today),
        cells=tuple(cells) if step.mg else (),
        nights=nights,
        weeks=weeks if len(weeks) <= MOST_TICKS else (),
        until=ends,
        none="" if step.mg else wording["all_the_way"],
    )


def _begins(step: Step, ends: str, wording: Wording, today: date) -> str:
    """ "Monday 7 December", or "now, to 6 December 2026"."""
    if step.on > today:
        return wording.day(step.on)
    return f"{wording['now']}, {ends}" if ends else wording["now"]


# --- how hard it is to read ----------------------------------------------------------------------

SENTENCE_ENDS = re.compile(r"[.?!]+")
WORD = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)?")
VOWELS = re.compile(r"[aeiouy]+")


EXAMPLE = {
    "medicine": "diazepam",
    "medicines": "codeine and zopiclone",
    "old": "lorazepam",
    "name": "Gordon Costa",
    "born": "",
    "practice": "Harbour Street Surgery",
    "person": "Ravi Shah",
    "day": "Monday",
    "days": "Monday and Friday",
    "number": "999",
    "service": "NHS 111",
}
"""What stands in for a person's own words when the reading grade is measured."""


def sentences(wording: Wording) -> list[str]:
    """Every whole sentence that a sheet can say; headings and lists are shorter and left out."""
    lines = [v.replace("*", "") for v in wording.said.values() if isinstance(v, str)]
    filled = [line.format_map(EXAMPLE) for line in lines if line[-1] in ".?!"]
    return [each.strip() for line in filled for each in re.findall(r"[^.?!]+[.?!]", line)]


def reading_grade(text: str) -> Decimal:
    """The Flesch-Kincaid grade of an English text: years of school (Kincaid and others, 1975)."""
    ended = [part for part in SENTENCE_ENDS.split(text) if WORD.search(part)]
    found = WORD.findall(text)
    syllables = sum(map(_syllables, found))
    grade = 0.39 * len(found) / len(ended) + 11.8 * syllables / len(found) - 15.59
    return round(Decimal(grade), 1)


def _syllables(word: str) -> int:
    """About how many: runs of vowels, without a silent e at the end."""
    word = word.lower().replace("’", "'").split("'")[0]
    count = len(VOWELS.findall(word))
    if word.endswith("e") and not word.endswith("le") and count > 1:
        count -= 1
    return max(count, 1)
