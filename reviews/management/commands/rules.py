"""Print the rule catalogue: what each rule looks for, how urgent it is, and what it rests on."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from reviews.rules.catalogue import catalogue, left_out


class Command(BaseCommand):
    help = "Print the rule catalogue, as text or with --json as data."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="as JSON, with every parameter")

    def handle(self, *, json: bool, **options: Any) -> None:
        if json:
            self.stdout.write(_json({"rules": catalogue(), "left_out": left_out()}))
            return
        for rule in catalogue():
            self.stdout.write(f"{rule['id']:8} {rule['title']}")
            self.stdout.write(f"         {rule['severity']}. {rule['mode']}.")
            for source in rule["sources"]:
                unverified = "" if source["verified"] else " [not verified]"
                year = source["year"] or "undated"
                self.stdout.write(
                    f"         {source['issuer']}, {year}: {source['title']}; "
                    f"{source['locator']}{unverified} (next review {source['next_review']})"
                )
        for rule_id, reason in left_out().items():
            self.stdout.write(f"{rule_id:8} left out: {reason}")


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False)
