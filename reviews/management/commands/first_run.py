"""`first_run CODE --name NAME --profile UK --admin "Maeve Sutton"`: the first practice, its admin.

Prints the link with which the admin chooses a name and a password: no password is ever in a
command or in its output.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from reviews.management.commands._people import answer_of, refusals
from reviews.models import Invitation, Membership, Practice, Role
from reviews.rules.codes import PROFILES
from reviews.verbs import invitations, practices


class Command(BaseCommand):
    help = "Makes the first practice of a new portal and invites its first practice admin."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code", help="code of the practice, as in the API")
        parser.add_argument("--name", required=True, help="what people call the practice")
        parser.add_argument("--profile", required=True, choices=PROFILES)
        parser.add_argument("--time-zone", default="", help="of the IANA list")
        parser.add_argument("--country", default="", help="of ISO 3166, such as IE")
        parser.add_argument("--admin", required=True, help="the admin's name, the family name last")
        parser.add_argument("--email", default="", help="mails the link there as well")
        parser.add_argument(
            "--role",
            action="append",
            default=[],
            choices=[role.value for role in invitations.FIRST_ROLES],
            help="what else they are; a portal needs a formulary admin",
        )

    def handle(self, *, code: str, admin: str, email: str, **options: Any) -> None:
        given_name, _, family_name = " ".join(admin.split()).rpartition(" ")
        with refusals(), transaction.atomic():
            if Membership.objects.filter(role=Role.PRACTICE_ADMIN).exists():
                raise CommandError(
                    "There is a practice admin already: they set up practices and invite people."
                )
            known = Practice.objects.select_for_update().filter(code=code).first()
            details = {
                field: options[field] for field in ("name", "profile", "time_zone", "country")
            }
            practice = known or practices.set_up(code=code, **details)
            # Run again, the link that nobody has used is replaced.
            for earlier in Invitation.objects.filter(practice=practice, answered_at=None):
                invitations.withdraw(invitation=earlier, by=None)
        with refusals():
            invited = invitations.invite(
                practice=practice,
                given_name=given_name,
                family_name=family_name,
                email=email,
                roles=[Role.PRACTICE_ADMIN, *options["role"]],
                by=None,
            )
        self.stdout.write(answer_of(invited))
