"""Show what the portal said, or would have said, of a patient on a day."""

import json
from datetime import date, datetime, time

import msgspec
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from reviews import dossiers, rulebooks
from reviews.models import Patient, RuleVersion
from reviews.rules.screen import screen


class Command(BaseCommand):
    help = (
        "Screen a patient again from the record as it was known at the end of a day, with the "
        "rule book of that day or another one. Changes nothing."
    )

    def add_arguments(self, parser):
        parser.add_argument("patient", type=int, metavar="PATIENT", help="the portal's patient id")
        parser.add_argument("--as-of", type=date.fromisoformat, metavar="DAY", help="YYYY-MM-DD")
        parser.add_argument("--rule-version", type=int, metavar="N", help="number of a rule book")

    def handle(self, *, patient, as_of, rule_version, **options):
        as_of = as_of or timezone.localdate()
        known_at = timezone.make_aware(datetime.combine(as_of, time.max))
        try:
            person = Patient.objects.get(pk=patient)
        except Patient.DoesNotExist as error:
            raise CommandError(f"There is no patient {patient}.") from error
        version = self._version(rule_version, known_at)
        dossier = dossiers.one(person, as_of=as_of, known_at=known_at)
        result = screen(dossier, rulebooks.book(version.pk))
        said = {
            "patient": patient,
            "as_of": as_of.isoformat(),
            "rule_book": version.number,
            "prescriptions_known": len(dossier.lines),
            **msgspec.to_builtins(result),
        }
        said["findings"] = [
            {**finding._asdict(), "facts": [fact._asdict() for fact in finding.facts]}
            for finding in result.findings
        ]
        self.stdout.write(json.dumps(said, indent=2, ensure_ascii=False))

    def _version(self, number, known_at):
        if number is not None:
            version = RuleVersion.objects.filter(number=number).first()
            if version is None:
                raise CommandError(f"There is no rule book {number}.")
            return version
        version = (
            RuleVersion.objects.filter(published_at__lte=known_at).order_by("-published_at").first()
        )
        if version is None:
            raise CommandError(f"No rule book was published by {known_at:%-d %b %Y}.")
        return version
