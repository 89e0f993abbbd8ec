"""`practice [CODE --name NAME --profile UK --time-zone Europe/Dublin ...]`: practices, new ones."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from reviews.errors import DomainError
from reviews.models import Practice, SecondFactor
from reviews.verbs import practices


class Command(BaseCommand):
    help = "Makes a practice, or changes what is known of it; without a code lists all."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code", nargs="?", help="code of the practice, as in the API")
        parser.add_argument("--name", help="what people call it")
        parser.add_argument(
            "--profile", help="whose limits apply: UK, US, EU, or one that the live rule book adds"
        )
        parser.add_argument(
            "--time-zone", help="of the IANA list, such as Europe/Dublin; empty: of the profile"
        )
        parser.add_argument("--country", help="of ISO 3166, such as IE; empty: of the profile")
        parser.add_argument("--locale", help="a tag such as en-IE; empty: of the profile")
        parser.add_argument("--address", help="where it is")
        parser.add_argument("--telephone", help="its number")
        parser.add_argument("--email", help="its address for mail")
        parser.add_argument(
            "--second-factor",
            choices=SecondFactor.values,
            help="who must have one; of a new practice: offices, that is all but clinicians",
        )

    def handle(self, *, code: str | None, **options: Any) -> None:
        said = {field: options[field] for field in practices.DETAILS if options[field] is not None}
        rows = Practice.objects.order_by("code")
        if code is not None:
            known = rows.filter(code=code).first()
            try:
                if known is not None and said:
                    practices.edit(practice=known, **said)
                elif said:
                    if not {"name", "profile"} <= said.keys():
                        raise CommandError(
                            f"There is no practice “{code}”: a new one needs a name and a profile."
                        )
                    practices.set_up(code=code, **said)
            except DomainError as error:
                raise CommandError(error.message) from error
            rows = rows.filter(code=code)
            if not rows:
                raise CommandError(f"There is no practice “{code}”.")
        for row in rows:
            self.stdout.write(
                f"{row.code}  {row.profile}  {row.zone.key}  {row.second_factor}  {row.name}"
            )
