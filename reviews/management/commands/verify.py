"""`verify`: whether the sealed log is whole; the first wrong row by name if it is not."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from reviews import verifying
from reviews.verifying import Check


class Command(BaseCommand):
    help = (
        "Compare every event, decision and published rule book with the log that sealed it, and "
        "the log with its signed heads. Exit code 1, and the first wrong row by name, where "
        "something does not fit."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--all", action="store_true", help=f"name up to {verifying.MOST} wrong rows"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object, for scripts")

    def handle(self, *, all: bool, json: bool, **options: Any) -> None:
        check = verifying.verify()
        if json:
            self.stdout.write(_as_json(check))
        elif check.first is None:
            self.stdout.write(
                f"Whole: {check.size:,} sealed rows under {check.heads:,} signed tree heads. "
                f"Nothing was changed, taken out, put in or cut off."
            )
        if check.first is not None:
            named = check.found if all else check.found[:1]
            raise CommandError("\n".join(wrong.sentence for wrong in named))


def _as_json(check: Check) -> str:
    return json.dumps(
        {
            "whole": check.first is None,
            "rows": check.size,
            "heads": check.heads,
            "wrong": [wrong._asdict() for wrong in check.found],
        },
        ensure_ascii=False,
    )
