"""`manage.py load_formulary [--check]`: bring drugs/data into the database. Safe to run again."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.utils import timezone

from drugs import files, loading


class Command(BaseCommand):
    help = (
        "Loads the formulary files. A fault in any of them stops the load before anything is"
        " written. --check only reads them, and counts overdue reviews as faults."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="read and judge, write nothing")
        parser.add_argument("--data", type=Path, default=files.DATA, help="folder of the files")

    def handle(self, *, check: bool, data: Path, verbosity: int, **options: Any) -> None:
        reading = files.read(data, today=timezone.localdate())
        faults = reading.faults + (reading.overdue if check else [])
        for fault in faults:
            self.stderr.write(fault)
        if faults:
            raise CommandError(f"The formulary was not loaded: {_count(len(faults), 'fault')}.")
        # Knowledge that is overdue still protects better than none: it is loaded, and said so.
        for line in reading.overdue:
            self.stderr.write(line)
        if check:
            self._say(verbosity, f"{_rows(reading)} rows, no fault.")
            return
        report = loading.load(reading)
        self._say(
            verbosity,
            f"{_rows(reading)} rows: {report.added.total()} added, {report.changed.total()}"
            f" changed, {report.retired.total()} retired.",
        )
        if report.kept and verbosity:
            self.stdout.write(f"Edited here and different in the files: {len(report.kept)}")
            for line in report.kept:
                self.stdout.write(f"  {line}")

    def _say(self, verbosity: int, text: str) -> None:
        if verbosity:
            self.stdout.write(text)


def _rows(reading: files.Reading) -> int:
    return sum(len(rows) for rows in reading.rows.values())


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
