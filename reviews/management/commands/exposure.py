"""Exposure of a file of dispensings by a published convention; the database is not touched."""

import csv
import os
import re
from argparse import ArgumentTypeError
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from fractions import Fraction
from functools import partial
from itertools import count, groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeAlias

from django.core.management.base import BaseCommand, CommandError, CommandParser

from reviews.rules import conventions
from reviews.rules.conventions import Dispensing, Episode

COLUMNS = ("person", "medicine", "start", "days", "dose_per_day")
RESULT = ("person", "medicine", "episode", "start", "end", "days", "dispensings")
LONGEST_SUPPLY_DAYS = 36_525
"""A century: a longer supply is a misread column."""

People: TypeAlias = dict[str, list[Dispensing]]
Exposure: TypeAlias = Callable[[list[Dispensing]], list[Episode]]

DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
WHOLE = re.compile(r"(-?\d{1,9})(?:\.0+)?", re.ASCII)
AMOUNT = re.compile(r"\d{1,12}(?:\.\d{0,12})?(?:[eE][+-]?\d{1,2})?", re.ASCII)


def whole_from(least: int) -> Callable[[str], int]:
    """A type of option: a whole number that is at least so much."""

    def whole(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise ArgumentTypeError(f"'{text}' is not a whole number from {least}")
        return int(text)

    return whole


class Command(BaseCommand):
    help = (
        "Work out exposure from a CSV of dispensings (person,medicine,start,days,dose_per_day) by "
        "one of two published conventions: the eras of OMOP/OHDSI drug_era, or treatment episodes "
        "with carry-over as in the R package AdhereR. An end is the first day no longer covered. "
        "See docs/exposure.md."
    )
    requires_system_checks = []  # pyright: ignore[reportAssignmentType] - Django takes a list

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", metavar="IN.csv", type=Path)
        parser.add_argument("result", metavar="OUT.csv", type=Path)
        parser.add_argument("--convention", required=True, choices=["era", "episode"])
        parser.add_argument(
            "--gap-days",
            metavar="N",
            type=whole_from(0),
            help="the longest run of days without supply that is bridged "
            f"(era: {conventions.ERA_GAP_DAYS}, episode: {conventions.EPISODE_GAP_DAYS})",
        )
        only = parser.add_argument_group("only with --convention episode")
        only.add_argument(
            "--carry-over",
            choices=["all", "same-medicine"],
            help="carry supply left over across all medicines (the default), or only to the next "
            "dispensing if it is of the same medicine",
        )
        only.add_argument(
            "--rescale-dose",
            action="store_true",
            help="carry the amount left over, not its days, when the daily dose changes",
        )
        only.add_argument(
            "--new-episode-on-change",
            action="store_true",
            help="begin a new episode at another medicine; without it episodes span medicines",
        )
        only.add_argument(
            "--follow-up-days",
            metavar="N",
            type=whole_from(1),
            help="follow each person up for so long from the first dispensing (default: no end)",
        )

    def handle(
        self, *, source: Path, result: Path, convention: str, verbosity: int, **options: Any
    ) -> None:
        by_medicine = convention == "era"
        exposure = _eras(options) if by_medicine else _episodes(options)
        _check_files(source, result)
        people, unstated = _read(
            source, least_days=0 if by_medicine else 1, dose_needed=options["rescale_dose"]
        )
        written = _write(result, people, exposure, by_medicine)
        if verbosity:
            read = sum(len(history) for history in people.values())
            self.stdout.write(f"Dispensings: {read:,}. People: {len(people):,}.")
            self.stdout.write(f"{convention.title()}s: {written:,}.")
            if unstated:
                self.stdout.write(f"Without days' supply, counted as one day: {unstated:,}.")


def _eras(options: dict[str, Any]) -> Exposure:
    for name in ("carry_over", "rescale_dose", "new_episode_on_change", "follow_up_days"):
        if options[name]:
            raise CommandError(f"--{name.replace('_', '-')} is only for --convention episode.")
    gap_days = options["gap_days"]
    return partial(
        conventions.eras, gap_days=conventions.ERA_GAP_DAYS if gap_days is None else gap_days
    )


def _episodes(options: dict[str, Any]) -> Exposure:
    gap_days = options["gap_days"]
    return partial(
        conventions.episodes,
        gap_days=conventions.EPISODE_GAP_DAYS if gap_days is None else gap_days,
        same_medicine_only=options["carry_over"] == "same-medicine",
        rescale_dose=options["rescale_dose"],
        new_on_change=options["new_episode_on_change"],
        follow_up_days=options["follow_up_days"],
    )


def _check_files(source: Path, result: Path) -> None:
    if result.exists():
        if not result.is_file():
            raise CommandError(f"{result} is not a file that can be replaced.")
        if source.exists() and result.samefile(source):
            raise CommandError("IN.csv and OUT.csv are the same file.")


# --- reading ---------------------------------------------------------------------------------


class _Bad(Exception):
    """The column, and why its value cannot be used."""


def _read(source: Path, *, least_days: int, dose_needed: bool) -> tuple[People, int]:
    """Dispensings by person in the order of the file, and how many had no days' supply."""
    people: People = defaultdict(list)
    unstated = line = 0
    values = (
        _Values("person", _text),
        _Values("medicine", _text),
        _Values("start", _day),
        _Values("days", partial(_days, least_days)),
        _Values("dose_per_day", partial(_dose, dose_needed)),
    )
    person_of, medicine_of, start_of, days_of, dose_of = values
    try:
        # utf-8-sig: spreadsheets put a mark at the start of the files they write.
        with source.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            header = [name.strip() for name in next(rows, [])]
            at_person, at_medicine, at_start, at_days, at_dose = _places(source, header)
            for row in rows:
                line = rows.line_num
                if not row:
                    continue
                if len(row) != len(header):
                    raise _Bad(_width(header, row))
                days = days_of[row[at_days]]
                unstated += not days
                people[person_of[row[at_person]]].append(
                    Dispensing(
                        medicine_of[row[at_medicine]],
                        start_of[row[at_start]],
                        days,
                        dose_of[row[at_dose]],
                    )
                )
    except _Bad as reason:
        raise CommandError(f"{source}, line {line}, {reason}.") from None
    except OSError as error:
        raise CommandError(f"{source} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise CommandError(f"{source}, after line {line}: this is not UTF-8 text.") from None
    except csv.Error as error:
        raise CommandError(f"{source}, after line {line}: this is not CSV ({error}).") from None
    return people, unstated


def _places(source: Path, header: list[str]) -> list[int]:
    for name in COLUMNS:
        if header.count(name) != 1:
            raise CommandError(
                f"{source}, line 1, column {name}: named {header.count(name)} times, not once; "
                f"the columns are {','.join(COLUMNS)}."
            )
    return [header.index(name) for name in COLUMNS]


def _width(header: list[str], row: list[str]) -> str:
    if len(row) < len(header):
        return f"column {header[len(row)]}: the line ends before it"
    return f"column {len(header) + 1}: there are {len(row)} values for {len(header)} columns"


class _Values(dict):
    """Values of a column by their text: a million rows hold few different dates and doses."""

    def __init__(self, column: str, parse: Callable[[str], Any]) -> None:
        super().__init__()
        self.column = column
        self.parse = parse

    def __missing__(self, text: str) -> Any:
        try:
            value = self[text] = self.parse(text.strip())
        except ValueError as reason:
            raise _Bad(f"column {self.column}: {reason}") from None
        return value


def _text(text: str) -> str:
    if not text:
        raise ValueError("it is empty")
    return text


def _day(text: str) -> int:
    # fromisoformat alone also takes weeks and dates without hyphens.
    if not DAY.fullmatch(text):
        raise ValueError(f"'{text}' is not a date like 2025-01-31")
    try:
        return date.fromisoformat(text).toordinal()
    except ValueError:
        raise ValueError(f"'{text}' is not a day of the calendar") from None


def _days(least: int, text: str) -> int:
    if not text and least == 0:
        return 0
    number = WHOLE.fullmatch(text)
    if number is None:
        raise ValueError(f"'{text}' is not a whole number of days" if text else "it is empty")
    days = int(number[1])
    if not least <= days <= LONGEST_SUPPLY_DAYS:
        raise ValueError(f"{days} is not from {least} to {LONGEST_SUPPLY_DAYS}")
    return days


def _dose(needed: bool, text: str) -> Fraction | None:
    if not text:
        if needed:
            raise ValueError("it is empty, and --rescale-dose needs the dose of every dispensing")
        return None
    dose = Fraction(text) if AMOUNT.fullmatch(text) else None
    if not dose:
        raise ValueError(f"'{text}' is not an amount above 0")
    return dose


# --- writing ---------------------------------------------------------------------------------


def _write(result: Path, people: People, exposure: Exposure, by_medicine: bool) -> int:
    """Write everything beside the result and rename it, so that no half of it is ever seen."""
    target = result.resolve()
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    written = 0
    try:
        with unfinished.open("x", encoding="utf-8", newline="") as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow(RESULT)
            for person in sorted(people):
                rows = _rows(person, exposure(people[person]), by_medicine)
                out.writerows(rows)
                written += len(rows)
        unfinished.replace(target)
    except OSError as error:
        raise CommandError(f"{result} cannot be written: {error.strerror}.") from None
    finally:
        with suppress(OSError):
            unfinished.unlink()
    return written


def _rows(person: str, found: list[Episode], by_medicine: bool) -> list[tuple[object, ...]]:
    """Rows of a person; eras are numbered within their medicine, episodes within the person."""
    runs = groupby(found, key=attrgetter("medicine")) if by_medicine else [(None, found)]
    try:
        return [
            (
                person,
                episode.medicine or "",
                number,
                date.fromordinal(episode.start).isoformat(),
                date.fromordinal(episode.end).isoformat(),
                _shown(episode.days),
                episode.dispensings,
            )
            for _, run in runs
            for number, episode in zip(count(1), run)
        ]
    except (ValueError, OverflowError):
        raise CommandError(f"Person {person}: the supply lasts beyond the year 9999.") from None


def _shown(days: int | Fraction) -> str:
    """Whole days as such, parts of a day to six decimals."""
    return str(days) if isinstance(days, int) else f"{float(days):.6f}".rstrip("0").rstrip(".")
