"""`noise`: how much the rules ask of reviewers, before and after context and bundling."""

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date
from statistics import mean, median
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from reviews import dossiers, rulebooks
from reviews.errors import NotFound
from reviews.models import Patient
from reviews.rules.book import RuleBook
from reviews.rules.dossier import Dossier
from reviews.rules.finding import ExposureSummary, Severity
from reviews.rules.matters import Told, matters
from reviews.rules.registry import RULES
from reviews.rules.screen import screen

CHUNK = 500
STEPS = {
    "fired": "Every rule that fires or cannot be judged, as a pop-up would",
    "in_context": "Without what an exemption or another rule shown in its place covers",
    "queued": "Without notes (S4) and what could not be judged",
    "cards": "Grouped: cards, one a matter of a case",
    "cases": "Bundled: cases, one a patient",
}


@dataclass
class Noise:
    """Counts over the people on a benzodiazepine or Z-drug; `rules` by id, then by what became.

    `elsewhere` counts the cases of everybody else, such as somebody whose supply has ended.
    `findings_of` and `cards_of` hold how many findings and how many cards each case has.
    """

    people: int = 0
    on: int = 0
    elsewhere: int = 0
    steps: Counter = field(default_factory=Counter)
    severities: Counter = field(default_factory=Counter)
    findings_of: list[int] = field(default_factory=list)
    cards_of: list[int] = field(default_factory=list)
    rules: dict = field(default_factory=lambda: {rule.id: Counter() for rule in RULES})

    def add(self, dossier: Dossier, book: RuleBook) -> None:
        """Count one person, as the rules see them and as they would without exemptions."""
        self.people += 1
        said = screen(dossier, book)
        queued = [finding for finding in said.findings if finding.severity <= Severity.S3]
        if not _is_on(said.exposure, dossier.as_of):
            self.elsewhere += bool(queued)
            return
        self.on += 1
        alone = screen(replace(dossier, exemptions=()), book) if dossier.exemptions else said
        for rule_id in (
            *(finding.rule_id for finding in alone.findings),
            *(gap.rule_id for gap in alone.not_evaluable),
            *alone.shadowed,
        ):
            self._count("fired", rule_id)
        for missing in said.not_evaluable:
            self._count("in_context", missing.rule_id)
            self.rules[missing.rule_id]["not_evaluable"] += 1
        for finding in said.findings:
            self._count("in_context", finding.rule_id)
            self.rules[finding.rule_id][f"s{finding.severity}"] += 1
        for finding in queued:
            self._count("queued", finding.rule_id)
        if queued:
            self.steps["cases"] += 1
            cards = matters(queued, Told(dossier.as_of))
            self.steps["cards"] += len(cards)
            self.findings_of.append(len(queued))
            self.cards_of.append(len(cards))
            self.severities[f"s{min(finding.severity for finding in queued)}"] += 1
            rule_ids = {finding.rule_id for finding in queued}
            for rule_id in rule_ids:
                self.rules[rule_id]["cases"] += 1
            if len(rule_ids) == 1:
                self.rules[rule_ids.pop()]["cases_alone"] += 1

    def _count(self, step: str, rule_id: str) -> None:
        self.steps[step] += 1
        self.rules[rule_id][step] += 1

    def per_case(self) -> dict[str, dict[str, float]]:
        """How many findings, and how many cards, a case has: the median, the mean and the most."""
        return {
            name: {"median": median(counts), "mean": round(mean(counts), 1), "most": max(counts)}
            for name, counts in (("findings", self.findings_of), ("cards", self.cards_of))
            if counts
        }

    def per_hundred(self, number: int) -> float | None:
        """Of 100 people on a benzodiazepine or Z-drug; None when there are none."""
        return round(100 * number / self.on, 1) if self.on else None


def _is_on(exposure: ExposureSummary | None, as_of: date) -> bool:
    """Whether supply is in hand on the day, or may be because its length is not known."""
    if exposure is None or (exposure.start_on is not None and exposure.start_on > as_of):
        return False
    return exposure.end_on is None or exposure.end_on >= as_of


class Command(BaseCommand):
    help = (
        "Count what the rules say of everybody on record today, by rule and per 100 people on a "
        "benzodiazepine or Z-drug: as single alerts, in context, and bundled into cases. Changes "
        "nothing; decisions already made are left out of account. See docs/noise.md."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="as JSON")
        parser.add_argument("--practice", metavar="CODE", help="one practice only")
        parser.add_argument(
            "--without-readings",
            action="store_true",
            help="as if no review, check, offer, advice or measurement had ever been recorded",
        )

    def handle(
        self, *, json: bool, practice: str | None, without_readings: bool, **options: Any
    ) -> None:
        try:
            _, book = rulebooks.live()
        except NotFound as error:
            raise CommandError(error.message) from error
        as_of = timezone.localdate()
        patients = Patient.objects.filter(practice__code=practice) if practice else Patient.objects
        noise = Noise()
        ids = list(patients.order_by("pk").values_list("pk", flat=True))
        for at in range(0, len(ids), CHUNK):
            for _, _, make in dossiers.read(ids[at : at + CHUNK], as_of=as_of):
                dossier = make()
                noise.add(replace(dossier, readings=()) if without_readings else dossier, book)
        report = _as_json(noise, book, as_of) if json else _as_text(noise, book, as_of)
        self.stdout.write(report)


def _as_json(noise: Noise, book: RuleBook, as_of: date) -> str:
    return json.dumps(
        {
            "as_of": as_of.isoformat(),
            "rule_book": book.number,
            "patients": noise.people,
            "on_benzodiazepine_or_z_drug": noise.on,
            "steps": [
                {
                    "step": step,
                    "meaning": meaning,
                    "count": noise.steps[step],
                    "per_100": noise.per_hundred(noise.steps[step]),
                }
                for step, meaning in STEPS.items()
            ],
            "cases_by_severity": dict(sorted(noise.severities.items())),
            "cases_of_others": noise.elsewhere,
            "per_case": noise.per_case(),
            "rules": {rule_id: counts for rule_id, counts in noise.rules.items() if counts},
        },
        indent=2,
    )


def _as_text(noise: Noise, book: RuleBook, as_of: date) -> str:
    lines = [
        f"{as_of:%-d %b %Y}, rule book {book.number}: {noise.people:,} patients, of whom "
        f"{noise.on:,} are on a benzodiazepine or Z-drug.",
        "",
        f"{'':66}number  per 100",
    ]
    for step, meaning in STEPS.items():
        lines.append(f"{meaning:66}{noise.steps[step]:6,}{_shown(noise, noise.steps[step]):>9}")
    for severity, number in sorted(noise.severities.items()):
        worst = f"   of these {severity.upper()} at worst"
        lines.append(f"{worst:66}{number:6,}{_shown(noise, number):>9}")
    lines += [
        f"{'Cases of everybody else, such as after supply ended':66}{noise.elsewhere:6,}",
        *(
            f"{name.capitalize()} of a case: {of['median']:g} (median), {of['mean']:g} (mean), "
            f"{of['most']} at most"
            for name, of in noise.per_case().items()
        ),
        "",
        "rule      fired  S1  S2  S3  S4  not judged  in cases  per 100  alone in a case",
    ]
    for rule_id, of in sorted(noise.rules.items(), key=lambda item: -item[1]["fired"]):
        if of["fired"]:
            lines.append(
                f"{rule_id:8}{of['fired']:7}{of['s1']:4}{of['s2']:4}{of['s3']:4}{of['s4']:4}"
                f"{of['not_evaluable']:12}{of['cases']:10}{_shown(noise, of['cases']):>9}"
                f"{of['cases_alone']:17}"
            )
    return "\n".join(lines)


def _shown(noise: Noise, number: int) -> str:
    rate = noise.per_hundred(number)
    return "-" if rate is None else f"{rate:.1f}"
