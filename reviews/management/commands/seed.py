"""`manage.py seed`: three demo practices with invented patients."""

import time
from datetime import date
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser
from django.db import transaction
from django.utils import timezone

from reviews import requests
from reviews.models import Patient, Practice, RuleVersion
from reviews.seeding import correspondence, decisions, feed, population, staff, writing
from reviews.seeding.surgeries import PRACTICES

SEED = 20
SAY_EVERY_SECONDS = 3
MANY = 10_000


class Command(BaseCommand):
    help = (
        "Makes three demo practices with invented patients, the same ones for the same seed and "
        "day. Refuses where other patients are."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--patients", type=int, default=2000, metavar="N")
        parser.add_argument("--seed", type=int, default=SEED, metavar="N")
        parser.add_argument(
            "--today",
            type=date.fromisoformat,
            metavar="YYYY-MM-DD",
            help="the day all dates are relative to (default: today)",
        )
        parser.add_argument(
            "--decisions",
            type=int,
            default=12,
            metavar="N",
            help="cases that the demo reviewers decide at once (default: 12)",
        )

    def handle(self, *, patients: int, seed: int, today: date | None, **options: Any) -> None:
        if patients < 1:
            raise CommandError("--patients must be at least 1.")
        codes = [practice.code for practice in PRACTICES]
        if Patient.objects.exclude(practice__code__in=codes).exists():
            raise CommandError("There are patients of other practices here: nothing was seeded.")
        if Practice.objects.filter(code__in=codes).exists():
            self.stdout.write("The demo practices are here already: nothing was added.")
            return
        with transaction.atomic():
            writer = self._populate(patients, seed, today or timezone.localdate())
            transaction.on_commit(requests.ring)
        writing.analyse()
        self.stdout.write(
            f"{writer.patients:,} patients with {writer.prescriptions:,} prescriptions."
        )
        self._decide(options["decisions"], today or timezone.localdate())

    def _populate(self, patients: int, seed: int, today: date) -> writing.Writer:
        practices, doctors, passwords = staff.employ()
        if patients > MANY:
            writing.trust_rows()
        writer = writing.Writer(practices=practices, doctors=doctors)
        said = time.monotonic()
        for _ in writer.write(population.people(patients, seed=seed, today=today)):
            if time.monotonic() - said > SAY_EVERY_SECONDS:
                said = time.monotonic()
                self.stderr.write(f"  {writer.patients:,} of {patients:,} patients", str)
                self.stderr.flush()
        # Before the commit: nobody is left with a password that nobody knows.
        staff.remember(passwords)
        return writer

    def _decide(self, count: int, today: date) -> None:
        if not count:
            return
        if not RuleVersion.objects.filter(state=RuleVersion.State.PUBLISHED).exists():
            self.stdout.write("No rule book is published yet, so nothing was decided.")
            return
        decided = decisions.make_history(count)
        correspondence.write()
        feed.send(today)
        self.stdout.write(f"{decided} cases decided by the demo reviewers.")
