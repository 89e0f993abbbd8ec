"""What screening would say: the same pure function on a prescription that is not saved yet."""

from dataclasses import dataclass, replace

from django.contrib.auth.models import User
from django.utils import timezone

from reviews import access, dossiers, records, rulebooks
from reviews.access import Action
from reviews.models import Patient, Prescription
from reviews.rules.compare import compare
from reviews.rules.dossier import Dossier
from reviews.rules.finding import Finding, NotEvaluable, Screening
from reviews.rules.screen import screen

UNSAVED = 0


@dataclass(frozen=True)
class Preview:
    """`new` is what this prescription adds or grades anew; `standing` is what holds without it."""

    new: tuple[Finding, ...]
    standing: tuple[Finding, ...]
    not_evaluable: tuple[NotEvaluable, ...]
    screening: Screening
    dossier: Dossier


def preview(
    *,
    patient: Patient,
    record: records.PrescriptionRecord,
    by: User,
    replaces: Prescription | None = None,
) -> Preview:
    """Screen the patient with `record` added, in place of the prescription it amends, if any."""
    access.require(by, Action.LOG, patient)
    records.check_prescription(record)
    _, book = rulebooks.live()
    without = dossiers.one(patient, as_of=timezone.localdate())
    prescriber = str(by.pk)
    if replaces is None or replaces.source_system == records.PORTAL:
        record = records.of_the_practice(record, patient.practice)
    if replaces is not None:
        # An amendment is recorded by somebody, and stays the order of whoever prescribed it.
        prescriber = str(replaces.prescriber_id or replaces.prescriber_name)
        kept = tuple(line for line in without.lines if line.id != replaces.pk)
        exempted = tuple(
            replace(exemption, line_scope=(*exemption.line_scope, UNSAVED))
            if replaces.pk in exemption.line_scope
            else exemption
            for exemption in without.exemptions
        )
        without = replace(without, lines=kept, exemptions=exempted)
    system = records.PORTAL if replaces is None else replaces.source_system
    line = dossiers.line(record, line_id=UNSAVED, prescriber=prescriber, system=system)
    added = replace(without, lines=(*without.lines, line))
    after = screen(added, book)
    difference = compare(screen(without, book), after)
    return Preview(
        new=difference.added,
        standing=difference.same,
        not_evaluable=tuple(
            missing for missing in after.not_evaluable if UNSAVED in missing.line_ids
        ),
        screening=after,
        dossier=added,
    )
