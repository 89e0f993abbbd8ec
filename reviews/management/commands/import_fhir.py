"""`import_fhir FILE... --practice CODE --source NAME`: FHIR R4 through the sync verbs.

The files of one command are one set: a page of orders may be about the patients of another file.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from reviews import fhir_records
from reviews.errors import DomainError
from reviews.fhir.read import bundle
from reviews.models import Practice
from reviews.verbs import clients, sync

VERBS = {
    "patients": sync.patients,
    "conditions": sync.conditions,
    "readings": sync.readings,
    "prescriptions": sync.prescriptions,
}


class Command(BaseCommand):
    help = (
        "Import Patient, Condition, AllergyIntolerance, Observation and MedicationRequest of"
        " FHIR R4 Bundles; twice does no harm."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", type=Path)
        parser.add_argument("--practice", required=True, metavar="CODE", help="code of a practice")
        parser.add_argument(
            "--source", required=True, metavar="NAME", help="name of the system they come from"
        )
        parser.add_argument(
            "--show", type=int, default=5, metavar="N", help="resources to name for each reason (5)"
        )

    def handle(
        self, *, files: list[Path], practice: str, source: str, show: int, **options: Any
    ) -> None:
        place = Practice.objects.filter(code=practice).first()
        if place is None:
            known = ", ".join(Practice.objects.order_by("code").values_list("code", flat=True))
            raise CommandError(f"There is no practice “{practice}”. Known: {known or 'none'}.")
        try:
            by = clients.importer(practice=place, source_system=source)
        except DomainError as error:
            raise CommandError(error.message) from error
        self.place, self.source, self.by = place, source, by
        contents, unread = {}, {}
        for path in files:
            try:
                contents[path] = path.read_bytes()
            except OSError as error:
                unread[path] = error
        found = bundle.read_set(
            list(contents.values()), source=source, zone=place.zone, today=timezone.localdate()
        )
        read = dict(zip(contents, found, strict=True)) | unread
        failed = [path for path in files if not self._import(path, read[path], show)]
        if failed:
            raise CommandError(f"{len(failed)} of {len(files)} files could not be imported.")

    def _import(
        self, path: Path, content: bundle.Content | bundle.Unreadable | OSError, show: int
    ) -> bool:
        """Import one file, whole or not at all; returns whether it could be."""
        self.stdout.write(str(path))
        try:
            if isinstance(content, Exception):
                raise content
            fhir_records.leave_out_unusable(content)
            refused, self.waits = list(content.refused), []
            with transaction.atomic():
                for kind, _, types in fhir_records.KINDS:
                    named = getattr(content, kind)
                    notes = fhir_records.noted(content, types, self.place.code)
                    if named or notes:
                        refused += self._send(kind, VERBS[kind], named, notes)
        except (OSError, bundle.Unreadable, DomainError) as error:
            self.stderr.write(self.style.ERROR(f"  not imported: {error}"))
            return False
        self._print_reasons("refused", refused, show, self.style.ERROR)
        self._print_reasons("waits", self.waits, show, self.style.WARNING)
        self._print_reasons("note", content.notes, show, self.style.WARNING)
        if content.others:
            others = ", ".join(f"{kind} {count}" for kind, count in sorted(content.others.items()))
            self.stdout.write(f"  not read: {others}")
        return True

    def _send(
        self,
        kind: str,
        verb: Callable[..., sync.SyncResult],
        named: list[tuple[str, dict]],
        notes: list[sync.Noted],
    ) -> list[bundle.Said]:
        rows = [{**record, "practice": self.place.code} for _, record in named]
        result = verb(rows=enumerate(rows), source_system=self.source, by=self.by, notes=notes)
        self.stdout.write(
            f"  {kind}: {result.created} created, {result.amended} amended,"
            f" {result.unchanged} unchanged, {result.refused} refused"
            + (f", {result.waiting} waiting" if result.waiting else "")
        )
        self.waits += [
            bundle.Said(named[wait.index][0], wait.reason.removeprefix("waits: "))
            for wait in result.waits
        ]
        return [
            bundle.Said(named[error.index][0], f"{error.field}: {error.reason}")
            for error in result.errors
        ]

    def _print_reasons(
        self, word: str, said: list[bundle.Said], show: int, style: Callable[[str], str]
    ) -> None:
        """Each reason once, with how often and the first few resources it is about."""
        for reason, count in Counter(one.reason for one in said).most_common():
            about = [one.resource for one in said if one.reason == reason]
            more = f" and {count - show} more" if count > show else ""
            self.stdout.write(style(f"  {word}: {reason} ({', '.join(about[:show])}{more})"))
