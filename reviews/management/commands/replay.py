"""Show what the portal said of a patient on a day, and what it would say of that day now."""

import json
from argparse import ArgumentTypeError
from datetime import date, datetime, time
from typing import Any, cast

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from reviews import dossiers, rulebooks
from reviews.models import DecisionItem, Flag, Patient, PatientScreening, RuleVersion
from reviews.queries import replay, said
from reviews.queries.said import Said
from reviews.records import FIRST_DAY, LAST_DAY
from reviews.rules import ENGINE
from reviews.rules.screen import screen

NEVER = "not screened to this day"
NOT_KEPT = "screened since; of a patient's screenings only the newest is kept"
BEFORE_ENGINES = "before engines were recorded"


class Command(BaseCommand):
    help = (
        "Print, as JSON, what was said of a patient by the end of a day (`said`: the flags that "
        "were kept, and the decisions that covered them) and, apart from it, what this engine says "
        "of the record as it was known then (`judged_again`), with the rule book of that day or "
        "another. The code of an earlier engine cannot be run. Changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("patient", type=int, metavar="PATIENT", help="the portal's patient id")
        parser.add_argument("--as-of", type=_day, metavar="DAY", help="YYYY-MM-DD")
        parser.add_argument(
            "--rule-version", type=int, metavar="N", help="number of the book to judge again with"
        )

    def handle(
        self, *, patient: int, as_of: date | None, rule_version: int | None, **options: Any
    ) -> None:
        as_of = as_of or timezone.localdate()
        known_at = timezone.make_aware(datetime.combine(as_of, time.max))
        try:
            person = Patient.objects.get(pk=patient)
        except Patient.DoesNotExist as error:
            raise CommandError(f"There is no patient {patient}.") from error
        version = self._version(rule_version, known_at, person)
        answer = {
            "patient": patient,
            "as_of": as_of.isoformat(),
            "known_at": known_at.isoformat(),
            "said": _said(said.at(person, known_at)),
            "judged_again": _judged_again(person, version, as_of, known_at),
        }
        self.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False))

    def _version(self, number: int | None, known_at: datetime, person: Patient) -> RuleVersion:
        if number is not None:
            version = RuleVersion.objects.filter(number=number).first()
            if version is None:
                raise CommandError(f"There is no rule book {number}.")
            return version
        version = replay.book_of(known_at, person.practice_id)
        if version is None:
            raise CommandError(f"No rule book was published by {known_at:%-d %b %Y}.")
        return version


def _day(text: str) -> date:
    day = date.fromisoformat(text)
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ArgumentTypeError(f"{text} is outside {FIRST_DAY.year} to {LAST_DAY.year}")
    return day


def _said(kept: Said) -> dict[str, Any]:
    return {
        "from": "what was kept; nothing is judged here",
        "screening": _screening(kept),
        "flags": [_flag(flag, items) for flag, items in kept.flags],
    }


def _screening(kept: Said) -> dict[str, Any] | str:
    if kept.screening is None:
        return NEVER
    if kept.since:
        return NOT_KEPT
    return {**_judge(kept.screening), "at": cast(datetime, kept.screening.screened_at).isoformat()}


def _flag(flag: Flag, items: list[DecisionItem]) -> dict[str, Any]:
    return {
        "id": flag.pk,
        "rule_id": flag.rule_id,
        "key": flag.key,
        "severity": flag.severity,
        "title": flag.title,
        "sentence": flag.sentence,
        "facts": flag.facts,
        "clears": flag.clears,
        "unknown": flag.unknown,
        "prescriptions": flag.prescription_ids,
        **_judge(flag),
        "as_of": flag.as_of.isoformat(),
        "raised_at": flag.raised_at.isoformat(),
        "supersedes": flag.supersedes_id,
        "covered_by": [
            {
                "decision": item.decision_id,
                "by": item.decision.by.get_full_name() or item.decision.by.get_username(),
                "at": item.decision.decided_at.isoformat(),
                "outcome": item.outcome,
                "reason": item.reason,
                "until": item.until.isoformat(),
            }
            for item in items
        ],
    }


def _judge(kept: Flag | PatientScreening) -> dict[str, Any]:
    return {
        "rule_book": kept.version.number if kept.version else None,
        "engine": kept.engine.name if kept.engine else BEFORE_ENGINES,
    }


def _judged_again(
    person: Patient, version: RuleVersion, as_of: date, known_at: datetime
) -> dict[str, Any]:
    dossier = dossiers.one(person, as_of=as_of, known_at=known_at)
    result = screen(dossier, rulebooks.book(version.pk))
    return {
        "from": f"judged again by engine {ENGINE.name}, from the record as it was known then",
        "engine": ENGINE.name,
        "rule_book": version.number,
        "prescriptions_known": len(dossier.lines),
        **msgspec.to_builtins(result),
        "findings": [
            {**finding._asdict(), "facts": [fact._asdict() for fact in finding.facts]}
            for finding in result.findings
        ],
    }
