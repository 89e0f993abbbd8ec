"""`people [PRACTICE] [--roles USER ROLE,ROLE | --leaves USER]`: who works where, and changes."""

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from reviews.management.commands._people import person_of, practice_of, refusals
from reviews.models import Practice
from reviews.queries import staff
from reviews.verbs import leaving, roles


class Command(BaseCommand):
    help = (
        "Lists who works at a practice, a line a person: practice, user name, roles, number, last "
        "day. Changes the roles of one, or ends their work."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("practice", nargs="?", help="code of the practice; without one, all")
        change = parser.add_mutually_exclusive_group()
        change.add_argument(
            "--roles", nargs=2, metavar=("USER", "ROLES"), help="with commas between the roles"
        )
        change.add_argument("--leaves", metavar="USER", help="blocked at once, or --at a time")
        parser.add_argument(
            "--at", type=datetime.fromisoformat, help="such as 2026-12-18T17:00, of the practice"
        )
        parser.add_argument("--cases-to", metavar="USER", help="who gets their cases")
        parser.add_argument("--reason", default="", help="of a change of roles")

    def handle(self, *, practice: str | None, **options: Any) -> None:
        changes = options["roles"] or options["leaves"]
        if practice is None:
            if changes:
                raise CommandError("Which practice? Its code comes first.")
            places = list(Practice.objects.order_by("code"))
        else:
            places = [practice_of(practice)]
        with refusals():
            if options["roles"]:
                username, wanted = options["roles"]
                roles.change(
                    person=person_of(username),
                    practice=places[0],
                    roles=[role for role in wanted.split(",") if role],
                    reason=options["reason"],
                    by=None,
                )
            elif options["leaves"]:
                self._leave(places[0], options)
        for place in places:
            for colleague in staff.colleagues(place):
                self.stdout.write(self._line(place, colleague))

    def _leave(self, place: Practice, options: dict[str, Any]) -> None:
        person, at = person_of(options["leaves"]), options["at"]
        cases_to = person_of(options["cases_to"]) if options["cases_to"] else None
        if at is None:
            leaving.leave(person=person, practice=place, cases_to=cases_to, by=None)
            return
        if timezone.is_naive(at):
            at = timezone.make_aware(at, place.zone)
        leaving.plan(person=person, practice=place, at=at, cases_to=cases_to, by=None)

    @staticmethod
    def _line(place: Practice, colleague: staff.Colleague) -> str:
        parts = [
            place.code,
            colleague.user.username,
            ",".join(colleague.roles),
            str(colleague.entry) if colleague.entry else "-",
            colleague.leaving.at.isoformat(timespec="minutes") if colleague.leaving else "-",
        ]
        return "  ".join(parts)
