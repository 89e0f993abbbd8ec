"""`practice [CODE --name NAME --profile UK --time-zone Europe/Dublin]`: practices, and new ones."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from drugs.models import Profile
from reviews.errors import BadRecord
from reviews.models import Practice, SecondFactor
from reviews.verbs import practices


class Command(BaseCommand):
    help = "Makes a practice, or changes its name or time zone; without a code lists all."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code", nargs="?", help="code of the practice, as in the API")
        parser.add_argument("--name", help="what people call it")
        parser.add_argument(
            "--profile", choices=Profile.values, help="whose limits apply; of a new one only"
        )
        parser.add_argument(
            "--time-zone", help="of the IANA list, such as Europe/Dublin; empty: of the profile"
        )

        parser.add_argument(
            "--second-factor",
            choices=SecondFactor.values,
            help="who must have one; of a new practice: offices, that is all but clinicians",
        )

    def handle(
        self,
        *,
        code: str | None,
        name: str | None,
        profile: str | None,
        time_zone: str | None,
        second_factor: str | None,
        **options: Any,
    ) -> None:
        said = {"name": name, "profile": profile, "time_zone": time_zone}
        said["second_factor"] = second_factor
        rows = Practice.objects.order_by("code")
        if code is not None:
            if any(value is not None for value in said.values()):
                try:
                    practices.set_up(code=code, **said)
                except BadRecord as error:
                    raise CommandError(error.message) from error
            rows = rows.filter(code=code)
            if not rows:
                raise CommandError(f"There is no practice “{code}”.")
        for row in rows:
            self.stdout.write(
                f"{row.code}  {row.profile}  {row.zone.key}  {row.second_factor}  {row.name}"
            )
