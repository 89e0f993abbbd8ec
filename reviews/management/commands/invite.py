"""`invite PRACTICE "Tom Ashby" --role clinician`: invite somebody; prints the link."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from reviews.management.commands._people import GIVEN, answer_of, practice_of, refusals
from reviews.verbs import invitations


class Command(BaseCommand):
    help = "Invites somebody to a practice, in any role; prints the link with the code."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("practice", help="code of the practice")
        parser.add_argument("name", help="their name, the family name last")
        parser.add_argument("--role", action="append", required=True, choices=GIVEN)
        parser.add_argument("--email", default="", help="mails the link there as well")
        parser.add_argument("--register", default="", help="such as GMC")
        parser.add_argument("--number", default="", help="their professional number")
        parser.add_argument("--days", type=int, default=invitations.DAYS, help="how long it works")

    def handle(self, *, practice: str, name: str, role: list[str], **options: Any) -> None:
        given_name, _, family_name = " ".join(name.split()).rpartition(" ")
        said = {field: options[field] for field in ("email", "register", "number", "days")}
        with refusals():
            invited = invitations.invite(
                practice=practice_of(practice),
                given_name=given_name,
                family_name=family_name,
                roles=role,
                by=None,
                **said,
            )
        self.stdout.write(answer_of(invited))
