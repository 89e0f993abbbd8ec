"""Rule books from the command line: what differs between two, and a book as a file."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from reviews.models import RuleVersion
from reviews.queries import rule_books


class Command(BaseCommand):
    help = "Compare two rule books fact by fact, with sources; or export one with its seal."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        diff = what.add_parser("diff", help="what differs, fact by fact, and who says so")
        diff.add_argument("old", type=int, help="number of a book")
        diff.add_argument("new", type=int, help="number of another")
        export = what.add_parser("export", help="a book with edits, digest and seal, as JSON")
        export.add_argument("number", type=int)
        export.add_argument("file", type=Path, help="a new file")

    def handle(self, *, what: str, **asked: Any) -> None:
        if what == "diff":
            self._diff(_version(asked["old"]), _version(asked["new"]))
        else:
            self._export(_version(asked["number"]), asked["file"])

    def _diff(self, old: RuleVersion, new: RuleVersion) -> None:
        found = rule_books.compared(old, new)
        for row in found.facts:
            self.stdout.write(
                f"{row.fact.rule_id:8} {row.label}, {row.scope}: {row.before} -> {row.after}"
            )
            if row.change is not None:
                said = row.change
                self.stdout.write(
                    f"         {said.source}, {said.locator}; {said.by.get_full_name()}, "
                    f"{said.at:%Y-%m-%d}: {said.reason}"
                )
        for section, rows in found.formulary:
            for fact in rows:
                self.stdout.write(
                    f"{section}: {fact.key} {fact.fact}: {fact.before or 'not there'} -> "
                    f"{fact.after or 'taken out'}"
                )
        self.stdout.write(f"{found.total} facts differ between {old.number} and {new.number}.")

    def _export(self, version: RuleVersion, file: Path) -> None:
        data = rule_books.exported(version)
        try:
            with file.open("x", encoding="utf-8") as out:
                json.dump(data, out, ensure_ascii=False, indent=1)
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}.") from error
        sealed = "with its seal" if data["seal"] else "not sealed yet"
        self.stdout.write(f"Rule book {version.number} is in {file}, {sealed}.")


def _version(number: int) -> RuleVersion:
    found = RuleVersion.objects.filter(number=number).first()
    if found is None:
        raise CommandError(f"There is no rule book {number}.")
    return found
