"""What can be read: for each resource its rows, its filters, and how a row becomes a shape."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Generic, TypeVar, cast

from django.contrib.auth.models import User
from django.db.models import F, Model, Prefetch, Q, QuerySet
from django.db.models.functions import Greatest
from msgspec import UNSET, Struct, UnsetType

from reviews import rulebooks
from reviews.access import Action
from reviews.api import shapes
from reviews.fields import AMOUNT, KEPT, SCHEDULE, UNIT, Field
from reviews.identifiers import written
from reviews.lettering.text import from_json, in_words
from reviews.models import (
    Case,
    Condition,
    Decision,
    DecisionItem,
    Flag,
    ImportNote,
    Letter,
    Message,
    Patient,
    PatientScreening,
    Prescription,
    Reading,
    StructuredReview,
    TaperVersion,
    named,
)
from reviews.queries import checked, identity, reviewing
from reviews.rules.matters import row_of
from reviews.tapering.doses import Part

Row = TypeVar("Row", bound=Model)
Asked = TypeVar("Asked", bound=shapes.Question)


class Resource(Generic[Row, Asked]):
    """One list and its rows. `action` is what a caller must be allowed to do to see them.

    `patient` is the path to the patient's id, where the rows have another one than their own.
    """

    name: str
    action = Action.SEE_QUEUE
    question: type
    shape: type
    page: type
    changed_at: str
    patient = ""

    def rows(self) -> QuerySet[Row]:
        raise NotImplementedError

    def current(self, pk: int) -> int:
        """The id of the row that answers for an id."""
        return pk

    def listed(self, queryset: QuerySet[Row]) -> QuerySet[Row]:
        """The rows that a list shows, when it is more choosy than a look at one row."""
        return queryset

    def matching(self, queryset: QuerySet[Row], asked: Asked) -> QuerySet[Row]:
        raise NotImplementedError

    def shapes(self, rows: list[Row]) -> list[Any]:
        return [self.shaped(row) for row in rows]

    def shaped(self, row: Row) -> Struct:
        raise NotImplementedError


class Prescriptions(Resource[Prescription, shapes.Prescriptions]):
    name = "prescriptions"
    action = Action.SEE_PATIENT
    question, shape, page = shapes.Prescriptions, shapes.Prescription, shapes.PrescriptionPage
    changed_at = "recorded_at"

    def rows(self) -> QuerySet[Prescription]:
        rows = Prescription.objects.select_related(
            "practice",
            "medicine",
            "prescriber",
            "patient__screening__version",
            "patient__screening__engine",
        ).defer("patient__screening__version__book")
        return checked.with_waiting(rows, patient="patient_id")

    def listed(self, queryset: QuerySet[Prescription]) -> QuerySet[Prescription]:
        return queryset.live()

    def matching(
        self, queryset: QuerySet[Prescription], asked: shapes.Prescriptions
    ) -> QuerySet[Prescription]:
        return _equal(
            queryset,
            patient_id=_current(asked.patient),
            practice__code=asked.practice,
            status=asked.status,
            source_system=asked.source_system,
            source_id=asked.source_id,
        )

    def shaped(self, row: Prescription) -> shapes.Prescription:
        return shapes.Prescription(
            id=row.pk,
            order=str(row.order_id),
            version=row.version,
            patient=row.patient_id,
            practice=row.practice.code,
            source_system=row.source_system,
            source_id=row.source_id,
            recorded_at=row.recorded_at,
            superseded_at=row.superseded_at,
            medicine=shapes.Medicine(
                text=row.medicine.text,
                codings=[shapes.Coding(**coding) for coding in row.medicine.codings],
            ),
            **{field.name: _told(field, row) for field in KEPT},
            reason=row.reason,
            checked=_checked(checked.of(row.patient, row)),
        )


class Dispensings(Prescriptions):
    """The prescriptions that say what was handed out, under the same numbers."""

    name = "dispensings"

    def rows(self) -> QuerySet[Prescription]:
        return super().rows().filter(dispensed=True)


class Readings(Resource[Reading, shapes.Readings]):
    name = "readings"
    action = Action.SEE_PATIENT
    question, shape, page = shapes.Readings, shapes.Reading, shapes.ReadingPage
    changed_at = "recorded_at"

    def rows(self) -> QuerySet[Reading]:
        return Reading.objects.select_related("practice")

    def listed(self, queryset: QuerySet[Reading]) -> QuerySet[Reading]:
        return queryset.live()

    def matching(self, queryset: QuerySet[Reading], asked: shapes.Readings) -> QuerySet[Reading]:
        return _equal(
            queryset,
            patient_id=_current(asked.patient),
            practice__code=asked.practice,
            kind=asked.kind,
            source_system=asked.source_system,
            source_id=asked.source_id,
        )

    def shaped(self, row: Reading) -> shapes.Reading:
        return shapes.Reading(
            id=row.pk,
            patient=row.patient_id,
            practice=row.practice.code,
            source_system=row.source_system,
            source_id=row.source_id,
            recorded_at=row.recorded_at,
            superseded_at=row.superseded_at,
            supersedes=row.supersedes_id,
            kind=row.kind,
            value=_number(row.value),
            unit=row.unit,
            text=row.text,
            on=row.dated_on,
            status=row.status,
        )


class Conditions(Resource[Condition, shapes.Conditions]):
    name = "conditions"
    action = Action.SEE_PATIENT
    question, shape, page = shapes.Conditions, shapes.Condition, shapes.ConditionPage
    changed_at = "recorded_at"

    def rows(self) -> QuerySet[Condition]:
        return Condition.objects.select_related("practice")

    def listed(self, queryset: QuerySet[Condition]) -> QuerySet[Condition]:
        return queryset.live()

    def matching(
        self, queryset: QuerySet[Condition], asked: shapes.Conditions
    ) -> QuerySet[Condition]:
        return _equal(
            queryset,
            patient_id=_current(asked.patient),
            practice__code=asked.practice,
            kind=asked.kind,
            source_system=asked.source_system,
            source_id=asked.source_id,
        )

    def shaped(self, row: Condition) -> shapes.Condition:
        return shapes.Condition(
            id=row.pk,
            version=row.version,
            patient=row.patient_id,
            practice=row.practice.code,
            source_system=row.source_system,
            source_id=row.source_id,
            recorded_at=row.recorded_at,
            superseded_at=row.superseded_at,
            supersedes=row.supersedes_id,
            kind=row.kind,
            text=row.text,
            codings=[shapes.Coding(**coding) for coding in row.codings],
            onset_on=row.onset_on,
            ended_on=row.ended_on,
            status=row.status,
        )


class Letters(Resource[Letter, shapes.Letters]):
    name = "letters"
    action = Action.SEE_PATIENT
    question, shape, page = shapes.Letters, shapes.Letter, shapes.LetterPage
    changed_at = "written_at"

    def rows(self) -> QuerySet[Letter]:
        return Letter.objects.select_related("practice", "text", "written_by").defer("pdf")

    def matching(self, queryset: QuerySet[Letter], asked: shapes.Letters) -> QuerySet[Letter]:
        return _equal(queryset, patient_id=_current(asked.patient), practice__code=asked.practice)

    def shaped(self, row: Letter) -> shapes.Letter:
        return shapes.Letter(
            id=row.pk,
            patient=row.patient_id,
            practice=row.practice.code,
            identifier=row.identifier,
            name=row.text.name,
            version=row.text.number,
            dated_on=row.dated_on,
            addressee=row.addressee,
            text=in_words(from_json(row.blocks)),
            digest=row.digest,
            written_by=named(row.written_by),
            written_at=row.written_at,
        )


class Screenings(Resource[PatientScreening, shapes.Screenings]):
    name = "screenings"
    action = Action.SEE_PATIENT
    question, shape, page = shapes.Screenings, shapes.Screening, shapes.ScreeningPage
    changed_at = "screened_at"

    def rows(self) -> QuerySet[PatientScreening]:
        return (
            PatientScreening.objects.annotate(practice_id=F("patient__practice_id"))
            .select_related("patient__practice", "version", "engine")
            .defer("version__book")
        )

    def matching(
        self, queryset: QuerySet[PatientScreening], asked: shapes.Screenings
    ) -> QuerySet[PatientScreening]:
        return _equal(
            queryset,
            patient_id=_current(asked.patient),
            patient__practice__code=asked.practice,
        )

    def shaped(self, row: PatientScreening) -> shapes.Screening:
        return shapes.Screening(
            id=row.pk,
            patient=row.pk,
            practice=row.patient.practice.code,
            book=row.version.number if row.version else None,
            engine=row.engine.name if row.engine else None,
            as_of=row.as_of,
            screened_at=row.screened_at,
            valid_until=row.valid_until,
            not_evaluable=row.not_evaluable,
            gave_way=row.gave_way,
            problem=row.problem,
        )


class Messages(Resource[Message, shapes.Messages]):
    name = "messages"
    question, shape, page = shapes.Messages, shapes.Message, shapes.MessagePage
    changed_at = "change"
    patient = "case__patient_id"

    def rows(self) -> QuerySet[Message]:
        return Message.objects.annotate(
            change=Greatest("sent_at", "seen_at", "closed_at", "kept_at")
        ).select_related("practice", "by", "to", "case")

    def matching(self, queryset: QuerySet[Message], asked: shapes.Messages) -> QuerySet[Message]:
        queryset = _equal(
            queryset,
            case__patient_id=_current(asked.patient),
            case_id=asked.case,
            practice__code=asked.practice,
        )
        if asked.state is not UNSET:
            closed = asked.state == "closed"
            queryset = queryset.filter(due_at__isnull=False, closed_at__isnull=not closed)
        return queryset

    def shaped(self, row: Message) -> shapes.Message:
        return shapes.Message(
            id=row.pk,
            case=row.case_id,
            patient=row.case.patient_id,
            practice=row.practice.code,
            answers=row.answers_id,
            decision=row.decision_id,
            carried_by=row.carried_by,
            by=named(row.by),
            to=_name(row.to),
            to_role=row.to_role,
            severity=row.severity,
            text=row.text,
            answer=row.answer,
            because=row.because,
            did=row.did,
            promised_on=row.promised_on,
            kept_at=row.kept_at,
            sent_at=row.sent_at,
            due_at=row.due_at,
            seen_at=row.seen_at,
            closed_at=row.closed_at,
        )


class Reviews(Resource[StructuredReview, shapes.Reviews]):
    name = "reviews"
    action = Action.SEE_PATIENT
    question, shape, page = shapes.Reviews, shapes.Review, shapes.ReviewPage
    changed_at = "change"

    def rows(self) -> QuerySet[StructuredReview]:
        return StructuredReview.objects.annotate(
            change=Greatest("recorded_at", "taken_back_at")
        ).select_related("practice", "by")

    def matching(
        self, queryset: QuerySet[StructuredReview], asked: shapes.Reviews
    ) -> QuerySet[StructuredReview]:
        return _equal(
            queryset,
            patient_id=_current(asked.patient),
            practice__code=asked.practice,
            outcome=asked.outcome,
        )

    def shaped(self, row: StructuredReview) -> shapes.Review:
        return _review(row, reviewing.words_of([row])[row.pk])

    def shapes(self, rows: list[StructuredReview]) -> list[Any]:
        """The readings of all are read at once, for the parts that were confirmed."""
        words = reviewing.words_of(rows)
        return [_review(row, words[row.pk]) for row in rows]


def _review(row: StructuredReview, words: list[reviewing.Answered]) -> shapes.Review:
    return shapes.Review(
        id=row.pk,
        patient=row.patient_id,
        practice=row.practice.code,
        case=row.case_id,
        outcome=row.outcome,
        on=row.reviewed_on,
        answers=[
            shapes.ReviewAnswer(
                part=each.key,
                label=each.label,
                codes=list(row.answers.get(each.key, {}).get("codes", ())),
                answer=each.answer,
                words=each.words,
                unchanged=each.key in row.unchanged,
            )
            for each in words
        ],
        matters=row.matters,
        next_on=row.next_on,
        note=row.note,
        readings=row.reading_ids,
        by=named(row.by),
        recorded_at=row.recorded_at,
        taken_back_at=row.taken_back_at,
    )


class Tapers(Resource[TaperVersion, shapes.Tapers]):
    name = "tapers"
    action = Action.SEE_PATIENT
    question, shape, page = shapes.Tapers, shapes.Taper, shapes.TaperPage
    changed_at = "recorded_at"

    def rows(self) -> QuerySet[TaperVersion]:
        return TaperVersion.objects.select_related("taper", "practice")

    def listed(self, queryset: QuerySet[TaperVersion]) -> QuerySet[TaperVersion]:
        return queryset.live()

    def matching(
        self, queryset: QuerySet[TaperVersion], asked: shapes.Tapers
    ) -> QuerySet[TaperVersion]:
        return _equal(
            queryset,
            patient_id=_current(asked.patient),
            practice__code=asked.practice,
            status=asked.status,
        )

    def shaped(self, row: TaperVersion) -> shapes.Taper:
        return shapes.Taper(
            id=row.pk,
            taper=row.taper_id,
            version=row.version,
            patient=row.patient_id,
            practice=row.practice.code,
            drug=row.taper.drug,
            status=row.status,
            move=row.move,
            steps=[
                shapes.TaperStep(
                    on=step.on,
                    mg_per_day=float(step.mg),
                    made_of=_made_of(step.parts),
                    doses=[
                        shapes.TaperDose(
                            time=dose.time, mg=float(dose.mg), made_of=_made_of(dose.parts)
                        )
                        for dose in step.times
                    ],
                    nights_a_week=step.nights,
                )
                for step in row.plan.steps
            ],
            contacts=row.contact_days,
            maintenance_agreed=row.maintenance_agreed,
            last_contact_on=row.last_contact_on,
            over=row.over,
            reason=row.reason,
            recorded_at=row.recorded_at,
            superseded_at=row.superseded_at,
        )


def _made_of(parts: Iterable[Part]) -> list[shapes.TaperPart]:
    return [
        shapes.TaperPart(
            form=part.strength.form,
            strength_mg=float(part.strength.mg),
            number=float(part.number),
        )
        for part in parts
    ]


class Patients(Resource[Patient, shapes.Patients]):
    name = "patients"
    action = Action.SEE_PATIENT
    question, shape, page = shapes.Patients, shapes.Patient, shapes.PatientPage
    changed_at = "updated_at"

    def rows(self) -> QuerySet[Patient]:
        rows = (
            Patient.objects.select_related("practice", "screening__version", "screening__engine")
            .defer("screening__version__book")
            .prefetch_related(
                "identifiers",
                "merged__merged__merged",
                Prefetch(
                    "import_notes",
                    queryset=ImportNote.objects.live().select_related("answered_by"),
                    to_attr="notes",
                ),
            )
        )
        return checked.with_waiting(identity.with_records_waiting(rows))

    def current(self, pk: int) -> int:
        return identity.current_id(pk)

    def listed(self, queryset: QuerySet[Patient]) -> QuerySet[Patient]:
        return queryset.filter(merged_into__isnull=True)

    def matching(self, queryset: QuerySet[Patient], asked: shapes.Patients) -> QuerySet[Patient]:
        queryset = _equal(queryset, practice__code=asked.practice)
        if asked.identifier:
            system, bar, value = asked.identifier.rpartition("|")
            wanted = {"identifiers__value": value}
            if bar:
                system, value = written(system, value)
                wanted = {"identifiers__value": value, "identifiers__system": system}
            queryset = queryset.filter(**wanted).distinct()
        return queryset

    def shaped(self, row: Patient) -> shapes.Patient:
        screening = getattr(row, "screening", None)
        return shapes.Patient(
            id=row.pk,
            practice=row.practice.code,
            identifiers=[
                shapes.PatientIdentifier(system=known.system, value=known.value, use=known.use)
                for known in sorted(row.identifiers.all(), key=lambda known: known.pk)
            ],
            family_name=row.family_name,
            given_name=row.given_name,
            birth_date=row.birth_date,
            sex=row.sex,
            deceased_on=row.deceased_on,
            deceased=row.has_died,
            merged=sorted(_merged(row)),
            records_waiting=row.records_waiting,
            registered_at=row.registered_at,
            updated_at=row.updated_at,
            checked=_checked(checked.of(row, row)),
            could_not_judge=[
                shapes.CouldNotJudge(
                    rule=missing["rule_id"],
                    prescriptions=missing["line_ids"],
                    reason=missing["reason"],
                )
                for missing in (screening.not_evaluable if screening else ())
            ],
            medicines_not_read=sum(note.is_unread_medicine for note in row.notes),
            notes=[_note(note, row.practice.code) for note in row.notes],
        )


class ImportNotes(Resource[ImportNote, shapes.ImportNotes]):
    name = "notes"
    action = Action.SEE_PATIENT
    question, shape, page = shapes.ImportNotes, shapes.ImportNote, shapes.ImportNotePage
    changed_at = "change"

    def rows(self) -> QuerySet[ImportNote]:
        return ImportNote.objects.annotate(change=Greatest("noted_at", "ended_at")).select_related(
            "practice", "answered_by"
        )

    def matching(
        self, queryset: QuerySet[ImportNote], asked: shapes.ImportNotes
    ) -> QuerySet[ImportNote]:
        queryset = _equal(
            queryset,
            patient_id=_current(asked.patient),
            practice__code=asked.practice,
            kind=asked.kind,
            source_system=asked.source_system,
        )
        if asked.refused is not UNSET:
            queryset = queryset.filter(refused=asked.refused)
        if asked.state is not UNSET:
            queryset = queryset.filter(ended_at__isnull=asked.state == "live")
        return queryset

    def shaped(self, row: ImportNote) -> shapes.ImportNote:
        return _note(row, row.practice.code)


class Flags(Resource[Flag, shapes.Flags]):
    name = "flags"
    question, shape, page = shapes.Flags, shapes.Flag, shapes.FlagPage
    changed_at = "change"

    def rows(self) -> QuerySet[Flag]:
        outcomes = DecisionItem.objects.select_related(
            "decision__by", "decision__answer__by", "decision__answer__answer"
        ).order_by("pk")
        return (
            Flag.objects.annotate(
                change=Greatest("raised_at", "settled_at", "reopened_at", "ended_at")
            )
            .select_related("practice", "version", "engine")
            .defer("version__book")
            .prefetch_related(Prefetch("decisions", queryset=outcomes))
        )

    def matching(self, queryset: QuerySet[Flag], asked: shapes.Flags) -> QuerySet[Flag]:
        queryset = _equal(
            queryset,
            patient_id=_current(asked.patient),
            case_id=asked.case,
            practice__code=asked.practice,
            rule_id=asked.rule,
            severity=asked.severity,
        )
        match asked.state:
            case "open":
                queryset = queryset.open()
            case "settled":
                queryset = queryset.live().filter(settled_at__isnull=False)
            case "ended":
                queryset = queryset.filter(ended_at__isnull=False)
        return queryset

    def _cited(self, row: Flag, citations: list[Any]) -> shapes.Flag:
        """`citations` are as a book keeps them: written out they are of that shape."""
        return shapes.Flag(
            id=row.pk,
            patient=row.patient_id,
            practice=row.practice.code,
            case=row.case_id,
            rule=row.rule_id,
            matter=row_of(row.rule_id).key,
            severity=row.severity,
            mode=row.mode,
            state="ended" if row.ended_at else "settled" if row.settled_at else "open",
            title=row.title,
            sentence=row.sentence,
            facts=[shapes.Fact(**fact) for fact in row.facts],
            clears=row.clears,
            unknown=row.unknown,
            prescriptions=row.prescription_ids,
            book=row.version.number,
            engine=row.engine.name if row.engine else None,
            as_of=row.as_of,
            citations=citations,
            supersedes=row.supersedes_id,
            raised_at=row.raised_at,
            settled_at=row.settled_at,
            settled_until=row.settled_until,
            reopened_at=row.reopened_at,
            ended_at=row.ended_at,
            end_reason=row.end_reason,
            outcomes=[
                shapes.FlagOutcome(
                    decision=item.decision_id,
                    state=cast(shapes.DecisionState, item.decision.state),
                    outcome=item.outcome,
                    outcome_text=item.get_outcome_display(),
                    reason=item.reason,
                    reason_text=item.get_reason_display(),
                    until=item.until,
                    note=item.decision.note,
                    by=named(item.decision.by),
                    decided_at=item.decision.decided_at,
                    confirmed_by=_name(item.decision.confirmed_by),
                )
                for item in row.decisions.all()
            ],
        )

    def shapes(self, rows: list[Flag]) -> list[shapes.Flag]:
        # The citations of each rule as they stood in the book that made the flag.
        citations = rulebooks.citations({row.version_id for row in rows})
        return [self._cited(row, citations.of(row)) for row in rows]


class Cases(Resource[Case, shapes.Cases]):
    name = "cases"
    question, shape, page = shapes.Cases, shapes.Case, shapes.CasePage
    changed_at = "updated_at"

    def rows(self) -> QuerySet[Case]:
        return Case.objects.select_related("practice", "owner", "proposed_by")

    def matching(self, queryset: QuerySet[Case], asked: shapes.Cases) -> QuerySet[Case]:
        queryset = _equal(
            queryset,
            patient_id=_current(asked.patient),
            practice__code=asked.practice,
            state=asked.state,
            severity=asked.severity,
        )
        return queryset.filter(rule_ids__contains=[asked.rule]) if asked.rule else queryset

    def shaped(self, row: Case) -> shapes.Case:
        return shapes.Case(
            id=row.pk,
            patient=row.patient_id,
            practice=row.practice.code,
            state=row.state,
            severity=row.severity,
            headline=row.headline,
            rules=row.rule_ids,
            flag_count=row.flag_count,
            opened_at=row.opened_at,
            due_at=row.due_at,
            updated_at=row.updated_at,
            closed_at=row.closed_at,
            owner=_name(row.owner),
            proposed_by=_name(row.proposed_by),
            snoozed_until=row.snoozed_until,
            escalated_to=row.escalated_to,
        )


class Decisions(Resource[Decision, shapes.Decisions]):
    name = "decisions"
    question, shape, page = shapes.Decisions, shapes.Decision, shapes.DecisionPage
    changed_at = "decided_at"

    def rows(self) -> QuerySet[Decision]:
        items = DecisionItem.objects.select_related("flag").order_by("pk")
        return Decision.objects.select_related("practice", "by", "answer__answer").prefetch_related(
            Prefetch("items", queryset=items)
        )

    def matching(self, queryset: QuerySet[Decision], asked: shapes.Decisions) -> QuerySet[Decision]:
        return _equal(
            queryset,
            patient_id=_current(asked.patient),
            case_id=asked.case,
            practice__code=asked.practice,
        )

    def shaped(self, row: Decision) -> shapes.Decision:
        return shapes.Decision(
            id=row.pk,
            kind=row.kind,
            state=cast(shapes.DecisionState, row.state),
            answers=row.answers_id,
            case=row.case_id,
            patient=row.patient_id,
            practice=row.practice.code,
            by=named(row.by),
            decided_at=row.decided_at,
            note=row.note,
            outcomes=[
                shapes.DecisionOutcome(
                    flag=item.flag_id,
                    rule=item.flag.rule_id,
                    severity=item.flag.severity,
                    title=item.flag.title,
                    outcome=item.outcome,
                    outcome_text=item.get_outcome_display(),
                    reason=item.reason,
                    reason_text=item.get_reason_display(),
                    until=item.until,
                    exemption_kind=item.exemption_kind,
                    evidence=item.evidence,
                )
                for item in row.items.all()
            ],
        )


def _merged(row: Patient) -> list[int]:
    """The ids of all that were merged into a person, one after another."""
    return [pk for one in row.merged.all() for pk in (one.pk, *_merged(one))]


def _told(field: Field, row: Prescription) -> Any:
    """A field of a prescription as the API says it."""
    value = getattr(row, field.column)
    if field.kind is AMOUNT:
        return _number(value)
    if field.kind is UNIT:
        return value or None
    if field.kind is SCHEDULE:
        return [shapes.Step(per_day=per_day, days=days) for per_day, days in value or ()]
    if field.name == "prescriber":
        return value or _name(row.prescriber) or ""
    return value


def _equal(queryset: QuerySet[Row], **wanted: object) -> QuerySet[Row]:
    """Narrow by every value that was asked for; unset and "" ask for nothing."""
    return queryset.filter(Q(**{name: value for name, value in wanted.items() if value}))


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)


def _current(patient_id: int | UnsetType | None) -> int | UnsetType | None:
    """The id of whoever answers for the patient of a question, if it names one."""
    return identity.current_id(patient_id) if isinstance(patient_id, int) else patient_id


def _name(user: User | None) -> str | None:
    return named(user) if user else None


def _note(row: ImportNote, practice: str) -> shapes.ImportNote:
    return shapes.ImportNote(
        id=row.pk,
        patient=row.patient_id,
        practice=practice,
        kind=row.kind,
        source_system=row.source_system,
        about=row.about,
        refused=row.refused,
        medicine=row.medicine,
        reason=row.reason,
        noted_at=row.noted_at,
        ended_at=row.ended_at,
        answer=row.answer,
        answered_by=named(row.answered_by) if row.answered_by else None,
    )


def _checked(state: checked.Checked) -> shapes.Checked:
    return shapes.Checked(
        state=state.state,
        book=state.book,
        engine=state.engine,
        at=state.at,
        being_judged_again=state.again,
        reason=state.reason,
    )
