"""`clock [--accept]`: what the database's clock shows, and how far it had come before."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from reviews import clock
from reviews.models import Clock
from reviews.verbs import screen


class Command(BaseCommand):
    help = "Says whether the database's clock is behind; --accept takes what it shows as right."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--accept",
            action="store_true",
            help="the clock was wrong before and is right now: forget what it had shown",
        )

    def handle(self, *, accept: bool, **options: Any) -> None:
        if accept:
            seconds = clock.accept()
            asked = screen.sweep()
            self.stdout.write(
                f"The clock was {seconds:.0f} s behind what it had shown; what it shows now is "
                f"right. {asked} patients will be screened again."
            )
            return
        clock.look()
        row = Clock.objects.get()
        state = "behind it" if row.behind else "not behind it"
        self.stdout.write(
            f"The furthest it has shown is {row.furthest.isoformat()}; it is {state}."
        )
