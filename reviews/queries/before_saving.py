"""Everything there is to say of a prescription before it is saved."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from django.contrib.auth.models import User

from reviews import rulebooks
from reviews.models import Patient, Prescription
from reviews.queries import advise, tapers
from reviews.queries.advise import Preview
from reviews.queries.tapers import PartOf
from reviews.queries.worked_out import WorkedOut, work_out
from reviews.records import PrescriptionRecord
from reviews.rules.asking import runs
from reviews.rules.book import RuleBook
from reviews.rules.finding import INTERRUPT, Finding, Severity
from reviews.rules.policy import at
from reviews.rules.registry import JUDGE_DATA, RULES


class FindingCard(NamedTuple):
    """A finding with its authority; `unjudged`: it says that the record lacks something.

    `was` is its severity as the record is now, where it is found already in another one.
    """

    finding: Finding
    citations: list[dict]
    unjudged: bool
    was: Severity | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BeforeSaving:
    """A prescription as it was typed, what follows from it, and what screening would say of it.

    `taper` is the step of a taper that it belongs to, if any. `amends`: it replaces another one.
    """

    amends: bool
    record: PrescriptionRecord
    worked_out: WorkedOut
    taper: PartOf | None
    preview: Preview
    book: RuleBook
    profile: str

    @property
    def findings(self) -> list[FindingCard]:
        """New findings that somebody has to look at."""
        return [self._card(each) for each in self.preview.new if each.severity < Severity.S4]

    @property
    def notes(self) -> list[FindingCard]:
        """New findings for information."""
        return [self._card(each) for each in self.preview.new if each.severity == Severity.S4]

    @property
    def standing(self) -> list[Finding]:
        """Findings that hold already: without this prescription, or as it is now."""
        return [each for each in self.preview.standing if each.severity < Severity.S4]

    @property
    def gone(self) -> list[Finding]:
        """Findings that hold now and would not after saving."""
        return [each for each in self.preview.gone if each.severity < Severity.S4]

    @property
    def not_evaluable(self) -> list[tuple[str, list[str]]]:
        """Why rules could not judge it: `[(reason, rule ids)]`, each reason once."""
        reasons: dict[str, list[str]] = {}
        for gap in self.preview.not_evaluable:
            reasons.setdefault(gap.reason, []).append(gap.rule_id)
        return list(reasons.items())

    @property
    def clear(self) -> bool:
        """Whether everything was judged and nothing new was found."""
        nothing = not self.preview.new and not self.preview.not_evaluable
        return nothing and self.worked_out.recognised

    @property
    def partly(self) -> bool:
        """Whether something could not be judged or worked out."""
        unknown = self.worked_out.missing or not self.worked_out.recognised
        return bool(self.preview.not_evaluable or unknown)

    @property
    def asking(self) -> list[Finding]:
        """Urgent findings: the page asks for a reason for each."""
        return [each for each in self.preview.new if each.severity == Severity.S1]

    @property
    def interrupting(self) -> list[Finding]:
        """Findings that hold the first save up for a reason."""
        return [each for each in self.preview.new if each.mode == INTERRUPT]

    def still_to_ask(self, asked: Iterable[str]) -> bool:
        """Whether a finding interrupts that was not asked about; `asked` are ids of rules."""
        return not {finding.rule_id for finding in self.interrupting} <= set(asked)

    @property
    def rule_count(self) -> int:
        """How many rules judge under the profile."""
        return sum(runs(rule, self.book, self.profile) for rule in RULES)

    def _card(self, finding: Finding) -> FindingCard:
        citations = self.book.citations.get(finding.rule_id, [])
        was = [each.before.severity for each in self.preview.changed if each.after is finding]
        return FindingCard(
            finding, citations, finding.rule_id in JUDGE_DATA, was[0] if was else None
        )


def before_saving(
    *, patient: Patient, record: PrescriptionRecord, by: User, replaces: Prescription | None
) -> BeforeSaving:
    """What is known of a record that `by` is about to save. Raises `BadRecord`."""
    _version, book = rulebooks.holding_at(patient.practice_id)
    preview = advise.preview(patient=patient, record=record, by=by, replaces=replaces)
    profile = patient.practice.profile
    return BeforeSaving(
        amends=replaces is not None,
        record=record,
        worked_out=work_out(record, book=book, profile=profile, meanings=preview.dossier.meanings),
        taper=tapers.part_of(patient, preview.dossier, book, preview.line_id),
        preview=preview,
        book=at(book, preview.dossier.practice, preview.dossier.group),
        profile=profile,
    )
