"""A patient's prescriptions as pages list them: in hand now or before, how recognised, how long.

Reads every version in one query, so the cost does not grow with the number of prescriptions.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import NamedTuple, cast
from uuid import UUID

from reviews import dossiers, products, rulebooks
from reviews.drawing import labels
from reviews.models import WITHDRAWN, MedicineMeaning, Patient, Prescription, Status
from reviews.queries.unknown_medicines import meant_in
from reviews.rules.book import RuleBook
from reviews.rules.directions import as_directed, words_differ
from reviews.rules.dossier import NOT_IN_HAND, Dossier, Line
from reviews.rules.drug import BZRA, SAID, Recognition
from reviews.rules.exposure import (
    START_FROM_DISPENSED,
    START_FROM_WRITTEN,
    FurtherIssues,
    as_taken,
    begins,
    read,
)
from reviews.rules.meanings import recognised, said_to_be_no_sedative
from reviews.rules.parameters import EXPOSURE
from reviews.rules.recognise import compared

BEGUN_BY = {START_FROM_WRITTEN: "date written", START_FROM_DISPENSED: "handed out"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One order: its live version, what was made of it, and its earlier versions, newest first.

    `end_on` None means that nobody knows the last day of supply, not that there is none.
    `no_sedative`: nobody knows the medicine, and somebody said that it is no sedative; `said` is
    who said which medicine it is. `recorded` is the dose in numbers where the words say another
    one: `dose` is then what comes of both.
    """

    prescription: Prescription
    dose: str
    is_read_from_words: bool
    recorded: str
    begun_on: date | None
    begun_by: str
    quantity: str
    end_on: date | None
    recognition: Recognition
    drugs: tuple[str, ...]
    sedative: bool
    no_sedative: bool
    now: bool
    earlier: tuple[Prescription, ...]
    said: MedicineMeaning | None = None

    @property
    def recognised(self) -> bool:
        return bool(self.recognition.parts)

    @property
    def asked_about(self) -> bool:
        """Nobody knows the medicine, and nobody said that it is no sedative."""
        return not self.recognised and not self.no_sedative

    @property
    def partly(self) -> bool:
        """A combination of which a part is not known."""
        return self.recognised and not self.recognition.complete

    @property
    def withdrawn(self) -> bool:
        return self.prescription.status in WITHDRAWN

    @property
    def ended_in_words(self) -> str:
        """Why it is not taken any more, where a status says so; else empty."""
        if self.prescription.status in NOT_IN_HAND:
            return self.prescription.get_status_display()
        return ""

    @property
    def waits(self) -> bool:
        """On hold, or of unknown status: said, because it changes what is in hand."""
        return self.prescription.status in (Status.ON_HOLD, Status.UNKNOWN)

    @property
    def prescriber(self) -> str:
        who = self.prescription.prescriber
        return who.get_full_name() if who else self.prescription.prescriber_name


class Supply(NamedTuple):
    """A line as it was recognised, its last day of supply, and whether it is in hand.

    `end_on` None means that nobody knows the last day: it may still be in use.
    """

    line: Line
    recognition: Recognition
    end_on: date | None
    in_hand: bool


def supplies_of(dossier: Dossier, book: RuleBook) -> list[Supply]:
    """Every line of a dossier, in its order."""
    going_on = _may_go_on(dossier, book)
    found = []
    for line in dossier.lines:
        recognition = recognised(line, dossier.meanings, book)
        end_on = (
            None if line.id in going_on else _last_day(line, recognition, book, dossier.profile)
        )
        may_last = end_on is None or end_on >= dossier.as_of
        found.append(Supply(line, recognition, end_on, may_last and line.status not in NOT_IN_HAND))
    return found


def of(patient: Patient, *, book: RuleBook, as_of: date) -> tuple[list[Row], Dossier]:
    """`(rows, dossier)`: every order of the patient, those in hand first, then newest first."""
    dossier = dossiers.one(patient, as_of=as_of)
    supplies = {supply.line.id: supply for supply in supplies_of(dossier, book)}
    live, earlier = [], {}
    versions = (
        Prescription.objects.filter(patient=patient)
        .select_related("medicine", "prescriber", "recorded_by")
        .order_by("-version")
    )
    for prescription in versions:
        if prescription.live:
            live.append(prescription)
        else:
            prescription.dose_in_words = labels.dose(cast(labels.Dosed, prescription))
            earlier.setdefault(prescription.order_id, []).append(prescription)
    rows = [
        _row(prescription, supplies[prescription.pk], earlier, dossier)
        for prescription in live
        # A prescription that came between the two reads is on the page the next time.
        if prescription.pk in supplies
    ]
    said = _said_of(dossier, patient.practice_id)
    rows = [
        replace(row, said=_who(row.prescription.medicine.text, row.recognition, said))
        for row in rows
    ]
    rows.sort(key=lambda row: row.begun_on or as_of, reverse=True)
    rows.sort(key=lambda row: (not row.now, not row.sedative))
    return rows, dossier


def _row(
    prescription: Prescription,
    supply: Supply,
    earlier: dict[UUID, list[Prescription]],
    dossier: Dossier,
) -> Row:
    line, recognition = supply.line, supply.recognition
    directed = as_directed(line, recognition.form)
    begun_on, begun_by = begins(line)
    return Row(
        prescription=prescription,
        dose=labels.dose(directed),
        is_read_from_words=directed is not line,
        recorded=labels.dose(line) if words_differ(line, recognition.form) else "",
        begun_on=begun_on,
        begun_by=" ".join(BEGUN_BY[how] for how in begun_by),
        quantity=_quantity(line),
        end_on=supply.end_on,
        recognition=recognition,
        drugs=tuple(drug.name for _, drug, _ in recognition.ingredients),
        sedative=bool(recognition.mask & BZRA),
        no_sedative=said_to_be_no_sedative(line, recognition, dossier),
        now=supply.in_hand,
        earlier=tuple(earlier.get(prescription.order_id, ())),
    )


def _said_of(dossier: Dossier, practice_id: int) -> dict[str, MedicineMeaning]:
    """Who said what a text is; asked only where somebody did."""
    return meant_in(practice_id) if dossier.meanings else {}


def _who(
    text: str, recognition: Recognition, said: dict[str, MedicineMeaning]
) -> MedicineMeaning | None:
    """Who said what a medicine is, by its text; None where it was recognised by itself."""
    return said.get(compared(text)) if recognition.matched_by == SAID else None


def _may_go_on(dossier: Dossier, book: RuleBook) -> set[int]:
    """The lines of which further issues may be in hand, though the first one is used up."""
    limit = book.rules[EXPOSURE][dossier.profile]
    today = dossier.as_of.toordinal()
    uses = []
    for line in dossier.lines:
        recognition = recognised(line, dossier.meanings, book)
        for ingredient in recognition.ingredients[:1]:
            use = read(line, recognition, ingredient, limit)
            if use is not None:
                uses.append(use)
    return {
        use.line.id
        for use in as_taken(uses, today, limit).uses
        if isinstance(use, FurtherIssues) and use.reach >= today
    }


def _last_day(line: Line, recognition: Recognition, book: RuleBook, profile: str) -> date | None:
    """The last day of supply. A medicine nobody recognises still has its stated days."""
    for ingredient in recognition.ingredients:
        use = read(line, recognition, ingredient, book.rules[EXPOSURE][profile])
        return None if use is None or use.end is None else date.fromordinal(use.end)
    begun = _begun(line)
    if begun and line.days_supply:
        stated = begun + timedelta(days=line.days_supply - 1)
        return min(stated, line.end_on) if line.end_on else stated
    return line.end_on


def _quantity(line: Line) -> str:
    """ "28 tablets"; empty when not recorded."""
    if line.quantity is None:
        return f"“{line.quantity_text}”" if line.quantity_text else ""
    return labels.counted(line.quantity, line.quantity_unit or "(unit not recorded)")


class LineRow(NamedTuple):
    """A line of a dossier as the table beside the time line shows it; `end_on` as in `Row`."""

    line: Line
    dose: str
    drugs: list[str]
    matched_by: str | None
    said: MedicineMeaning | None
    end_on: date | None


class Lines(NamedTuple):
    """The rows shown at once, and those that ended longer ago."""

    now: list[LineRow]
    before: list[LineRow]


# The table shows what ended in the last half year at once, and a few lines in any case.
RECENT_DAYS, FEW = 183, 8


def recognition_of(prescription: Prescription) -> Recognition:
    """Which drugs a prescription holds by the live book, else as somebody said."""
    _version, book = rulebooks.holding_at(prescription.practice_id)
    line = Line(
        id=prescription.pk,
        medicine=products.as_read(prescription.medicine),
        acquired=prescription.acquired,
    )
    return recognised(line, dossiers.meanings_in(prescription.practice_id), book)


def lines_of(dossier: Dossier, book: RuleBook, practice_id: int) -> Lines:
    """The same facts as the time line, the newest first."""
    lines = Lines([], [])
    said = _said_of(dossier, practice_id)
    recent = dossier.as_of - timedelta(days=RECENT_DAYS)
    supplies = supplies_of(dossier, book)
    supplies.sort(key=lambda supply: _begun(supply.line) or dossier.as_of, reverse=True)
    for line, recognition, end_on, _ in supplies:
        over = end_on is not None and end_on < recent and _begun(line) is not None
        rows = lines.before if over and len(lines.now) >= FEW else lines.now
        rows.append(
            LineRow(
                line,
                labels.dose(as_directed(line, recognition.form)),
                [book.drugs[part.drug].name for part in recognition.parts],
                recognition.matched_by,
                _who(line.medicine.text, recognition, said),
                end_on,
            )
        )
    return lines


def _begun(line: Line) -> date | None:
    return begins(line)[0]
