"""`import_release dmd FOLDER --name NAME --released DAY`: read a licensed release in, as a job."""

from datetime import date
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from drugs import editions
from drugs.models import Edition
from reviews.errors import DomainError
from reviews.verbs import editions as verbs


class Command(BaseCommand):
    help = (
        "Queue a job that reads a release of dm+d (the XML files of TRUD), RxNorm (RXNCONSO.RRF "
        "and RXNREL.RRF) or ATC (atc*.csv) from a folder. It changes nothing that is in force: "
        "that is done in the portal, under Code lists. With --difference, print what putting a "
        "release that was read in force would change."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("system", choices=sorted(verbs.SOURCES))
        parser.add_argument("folder", type=Path, nargs="?", metavar="FOLDER")
        parser.add_argument("--name", default="", help="what the release is called")
        parser.add_argument("--released", type=date.fromisoformat, metavar="YYYY-MM-DD")
        parser.add_argument("--by", default="", metavar="USERNAME", help="for whom it is read")
        parser.add_argument("--difference", action="store_true", help="of the newest release read")

    def handle(
        self,
        *,
        system: str,
        folder: Path | None,
        name: str,
        released: date | None,
        by: str,
        difference: bool,
        **options: Any,
    ) -> None:
        if difference:
            self._difference(system)
            return
        if folder is None or released is None or not name:
            raise CommandError("A folder, --name and --released are needed.")
        person = User.objects.filter(username=by).first() if by else None
        if by and person is None:
            raise CommandError(f"There is nobody called “{by}”.")
        try:
            begun = verbs.begin(
                system=system, folder=folder, name=name, released_on=released, by=person
            )
        except DomainError as error:
            raise CommandError(error.message) from error
        if begun.job is None:
            state = begun.edition.get_state_display().lower()
            self.stdout.write(f"Nothing to do. These files are {begun.edition}: {state}.")
            return
        self.stdout.write(
            f"Queued: {begun.job.title} (job {begun.job.pk}). The page of jobs shows how far it is."
        )

    def _difference(self, system: str) -> None:
        edition = (
            Edition.objects.filter(system=system, state=Edition.State.READY).order_by("-pk").first()
        )
        if edition is None:
            raise CommandError("No release of this list was read that is not in force.")
        changes = editions.changes(edition)
        counts = changes.counts
        self.stdout.write(
            f"{edition.source}: {counts['new']:,} new, {counts['changed']:,} changed,"
            f" {counts['gone']:,} gone"
        )
        self.stdout.write(
            f"{changes.recognised:,} products hold what a rule asks for, {changes.without:,} do"
            f" not, of {changes.not_known:,} nobody knows; {changes.kept:,} stay as the formulary"
            " says"
        )
        for sort in ("new", "changed", "gone"):
            for code, called, what in getattr(changes, sort):
                self.stdout.write(f"  {sort} {code} {called}{f' ({what})' if what else ''}")
