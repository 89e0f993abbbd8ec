"""What screening would say: the same pure function on a prescription that is not saved yet."""

from dataclasses import dataclass, replace

from django.contrib.auth.models import User
from django.utils import timezone

from reviews import access, dossiers, records, rulebooks
from reviews.access import Action
from reviews.models import Patient, Prescription
from reviews.rules.compare import Change, compare
from reviews.rules.dossier import Dossier, Line
from reviews.rules.finding import Finding, NotEvaluable, Screening
from reviews.rules.meanings import drugs_of
from reviews.rules.screen import screen

UNSAVED = 0


@dataclass(frozen=True)
class Preview:
    """What saving changes: `new` is what it adds or grades anew, `standing` what holds before too.

    What held before and now concerns a drug that it did not is among `new`. `gone` is what would no
    longer be found, `changed` of `new` what was found in another severity.
    `line_id` is the line of the prescription in `dossier`, the record as it would be.
    """

    new: tuple[Finding, ...]
    standing: tuple[Finding, ...]
    gone: tuple[Finding, ...]
    changed: tuple[Change, ...]
    not_evaluable: tuple[NotEvaluable, ...]
    screening: Screening
    dossier: Dossier
    line_id: int


def preview(
    *,
    patient: Patient,
    record: records.PrescriptionRecord,
    by: User,
    replaces: Prescription | None = None,
) -> Preview:
    """Screen the patient as the record is, and with `record` added or in place of what it amends.

    An amendment keeps the line of the prescription that it replaces: what is found of that one
    already, and stays, is not new.
    """
    access.require(by, Action.LOG, patient)
    records.check_prescription(record)
    _, book = rulebooks.holding_at(patient.practice_id)
    before = dossiers.one(patient, as_of=timezone.localdate())
    prescriber, line_id, system = str(by.pk), UNSAVED, records.PORTAL
    if replaces is not None:
        # An amendment is recorded by somebody, and stays the order of whoever prescribed it.
        prescriber = str(replaces.prescriber_id or replaces.prescriber_name)
        line_id, system = replaces.pk, replaces.source_system
    if system == records.PORTAL:
        record = records.of_the_practice(record, patient.practice)
    line = dossiers.line(record, line_id=line_id, prescriber=prescriber, system=system)
    after = replace(before, lines=_with(before.lines, line))
    screened = screen(after, book)
    drugs = drugs_of(before, book), drugs_of(after, book)
    difference = compare(screen(before, book), screened, drugs)
    return Preview(
        new=difference.added,
        standing=difference.same,
        gone=difference.gone,
        changed=difference.changed,
        not_evaluable=tuple(
            missing for missing in screened.not_evaluable if line_id in missing.line_ids
        ),
        screening=screened,
        dossier=after,
        line_id=line_id,
    )


def _with(lines: tuple[Line, ...], line: Line) -> tuple[Line, ...]:
    """The lines with one more, or with one in the place of its earlier version."""
    if all(each.id != line.id for each in lines):
        return (*lines, line)
    return tuple(line if each.id == line.id else each for each in lines)
