"""Identity verbs: say whose a record is that waits; merge two records of one person, and undo that.

They change who is who at a practice, and keep its batches waiting meanwhile. What moves from one
person to another moves as a next version, so that the record as it was known before stays.
"""

from collections.abc import Iterable
from functools import reduce
from itertools import combinations, groupby
from operator import or_
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from reviews import (
    access,
    audit,
    fhir_versions,
    incoming,
    people,
    records,
    requests,
    unread,
    versions,
    waiting,
)
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, IllegalMove, Stale
from reviews.models import (
    PARTICULARS,
    Condition,
    Exemption,
    Identifier,
    IdentityQuestion,
    KeptApart,
    Patient,
    PersonMerge,
    Prescription,
    Reading,
    Reported,
    SensitiveMark,
    Taper,
    TaperMove,
    TaperStatus,
    TaperVersion,
    WaitingRecord,
)
from reviews.people import NOBODY, Moved
from reviews.queries.fhir import KINDS
from reviews.records import PatientRecord

Answer, Cause = IdentityQuestion.Answer, IdentityQuestion.Cause
ANSWERS = {
    Cause.CONTRADICTION: (Answer.APART, Answer.SAME, Answer.NUMBER_WRONG),
    Cause.TWO_PEOPLE: (Answer.APART,),
    Cause.NUMBER: (Answer.APART, Answer.SAME),
}
"""What can be answered to each question; that two people are one is said by `merge`."""
EVERYTHING_DIFFERS = 3
REPORTED: tuple[tuple[str, type[Reported]], ...] = (
    ("prescriptions", Prescription),
    ("conditions", Condition),
    ("readings", Reading),
)


@transaction.atomic
def settle(
    *,
    question: IdentityQuestion,
    answer: str,
    by: User,
    how: str,
    note: str = "",
    patient: Patient | None = None,
) -> IdentityQuestion:
    """Say whose the records of a question are, and take them in at once.

    Another person (APART) is registered without the number, or is `patient`, who is known already.
    The same person (SAME) takes over what the records say; where everything differs, a second
    person has to say so too. Where the number on file is wrong, it goes to somebody new. `patient`
    says who is meant where it may be several. Raises `BadRecord`, `IllegalMove` or `Stale`.
    """
    access.require(by, Action.IDENTIFY, question)
    waiting.lock(question.practice_id)
    question = _open(question)
    if answer not in ANSWERS[Cause(question.cause)]:
        raise BadRecord("answer", "is no answer to this question")
    if how not in IdentityQuestion.How.values:
        raise BadRecord("how", "is needed: how do you know?")
    if patient is not None and patient.practice_id != question.practice_id:
        raise BadRecord("patient", "is of another practice")
    said = records.convert(question.said, PatientRecord)
    holders = [people.current(holder) for holder in question.patients.order_by("pk")]
    if answer == Answer.SAME and _needs_a_second(question):
        if question.proposed_by_id == by.pk:
            raise IllegalMove("A second person must agree: name, birth date and sex all differ.")
        if question.proposed_by_id is None:
            question.proposed_by, question.how, question.note = by, how, note
            question.save(update_fields=["proposed_by", "how", "note"])
            _tell(by, Event.IDENTITY_PROPOSED, question, holders, how=how, note=note)
            return question
    if question.cause == Cause.TWO_PEOPLE:
        whose = None
        for one, other in combinations(holders, 2):
            _keep_apart(one, other, note or "Numbers of two people in one record.", by)
    elif answer == Answer.SAME:
        whose = _same(said, patient, holders, by)
    else:
        whose = _another(question, said, patient, note, by)
        if answer == Answer.NUMBER_WRONG:
            theirs = Identifier.objects.filter(_any_of(said), patient__in=holders)
            theirs.update(patient=whose)
    _settled(question, answer, whose, by, how=how, note=note)
    taken = _take_in(question)
    _tell(
        by,
        Event.IDENTITY_SETTLED,
        question,
        [*holders, *([whose] if whose else [])],
        answer=answer,
        how=how,
        note=note,
        patient=whose.pk if whose else None,
        records=taken,
    )
    return question


@transaction.atomic
def merge(*, kept: Patient, gone: Patient, reason: str, by: User) -> PersonMerge:
    """Make two records of one person one: everything of `gone` moves to `kept`.

    What is not known of `kept` is taken over, their numbers name one person from now on, records
    that waited for this are taken in, and both are screened again. What a reviewer decided about
    one without the other's medicines is asked again. Raises `BadRecord`, `IllegalMove` or `Stale`.
    """
    access.require(by, Action.IDENTIFY, kept)
    access.require(by, Action.IDENTIFY, gone)
    if kept.practice_id != gone.practice_id:
        raise BadRecord("gone", "is of another practice")
    if kept.pk == gone.pk:
        raise BadRecord("gone", "is the same record")
    for each in (kept, gone):
        access.require_reason(by, each)
    reason = _needed(reason)
    waiting.lock(kept.practice_id)
    kept, gone = _locked(kept, gone)
    if kept.merged_into_id or gone.merged_into_id:
        raise Stale("One of the two has been merged meanwhile. Look at them again.")
    moved: dict[str, Any] = {name: _move(model, gone, kept, by) for name, model in REPORTED}
    moved["tapers"] = _move_tapers(gone, kept, by)
    moved["exemptions"] = _move_exemptions(gone, kept, by)
    theirs = Identifier.objects.filter(patient=gone)
    moved["identifiers"] = list(theirs.order_by("pk").values_list("pk", flat=True))
    theirs.update(patient=kept)
    moved["notes"] = list(gone.import_notes.order_by("pk").values_list("pk", flat=True))
    gone.import_notes.update(patient=kept)
    _mark_as_sensitive(kept, gone)
    theirs = gone.colleagues_notes.order_by("pk")
    moved["colleagues_notes"] = list(theirs.values_list("pk", flat=True))
    gone.colleagues_notes.update(patient=kept)
    moved["filled"] = _fill(kept, gone, by)
    moved["apart"] = _no_longer_apart(kept, gone)
    now = timezone.now()
    Patient.objects.filter(pk=gone.pk).update(merged_into=kept, updated_at=now)
    Patient.objects.filter(pk=kept.pk).update(updated_at=now)
    made = PersonMerge.objects.create(
        practice_id=kept.practice_id, kept=kept, gone=gone, reason=reason, by=by, moved=moved
    )
    requests.enqueue([kept.pk, gone.pk], reason="merged")
    counts = {name: len(what) for name, what in moved.items()}
    _tell_both(by, Event.PATIENT_MERGED, made, reason=reason, moved=counts)
    for question in IdentityQuestion.objects.open().filter(patients=gone).order_by("pk"):
        _ask_about_holders(question)
        if question.cause == Cause.TWO_PEOPLE and question.patients.count() == 1:
            _settled(question, Answer.MERGED, kept, by, note=reason)
            _take_in(question)
    return made


def _mark_as_sensitive(kept: Patient, gone: Patient) -> None:
    """Who was marked stays so under either record, also where the merge is taken back."""
    held = SensitiveMark.objects.live().filter(patient=gone).first()
    if held and not SensitiveMark.objects.live().filter(patient=kept).exists():
        SensitiveMark.objects.create(
            patient=kept,
            practice_id=kept.practice_id,
            kind=held.kind,
            reason=held.reason,
            set_by=held.set_by,
        )


@transaction.atomic
def unmerge(*, merge: PersonMerge, reason: str, by: User) -> PersonMerge:
    """Take a merge back: whatever moved goes back as it is now, and both are screened again.

    What came in since then stays where it is; what its source sends again goes to whoever has the
    number. From now on the two are kept apart. Raises `BadRecord`, `IllegalMove` or `Stale`.
    """
    access.require(by, Action.IDENTIFY, merge)
    reason = _needed(reason)
    waiting.lock(merge.practice_id)
    merge = PersonMerge.objects.select_for_update().get(pk=merge.pk)
    if merge.undone_at is not None:
        raise Stale("This merge has been taken back already.")
    kept, gone = _locked(merge.kept, merge.gone)
    if kept.merged_into_id is not None:
        raise IllegalMove("The record that stayed was merged into another one: undo that first.")
    moved = merge.moved
    # First the row: what moves back must find the person there.
    Patient.objects.filter(pk=gone.pk).update(merged_into=None, updated_at=timezone.now())
    gone.refresh_from_db()
    for name, model in REPORTED:
        _move_back(model, moved[name], kept, gone, by)
    for _, now in moved["tapers"]:
        _hand_over_taper(Taper.objects.get(pk=now), gone, by)
    for _, now in moved["exemptions"]:
        _hand_over_exemption(Exemption.objects.get(pk=now), gone, by)
    Identifier.objects.filter(pk__in=moved["identifiers"], patient=kept).update(patient=gone)
    kept.import_notes.filter(pk__in=moved["notes"]).update(patient=gone)
    # A merge from before there were such notes has moved none.
    noted = kept.colleagues_notes.filter(pk__in=moved.get("colleagues_notes", ()))
    noted.update(patient=gone)
    _take_out(kept, gone, moved["filled"], by)
    Patient.objects.filter(pk=kept.pk).update(updated_at=timezone.now())
    merge.undone_at, merge.undone_by, merge.undone_because = timezone.now(), by, reason
    merge.save(update_fields=["undone_at", "undone_by", "undone_because"])
    _tell_both(by, Event.PATIENT_UNMERGED, merge, reason=reason)
    _keep_apart(kept, gone, reason, by)
    for question in IdentityQuestion.objects.open().filter(patients=kept).order_by("pk"):
        _ask_about_holders(question)
    requests.enqueue([kept.pk, gone.pk], reason="unmerged")
    return merge


@transaction.atomic
def keep_apart(*, first: Patient, second: Patient, reason: str, by: User) -> None:
    """Say that two people are two, however alike; nobody is asked about them again."""
    access.require(by, Action.IDENTIFY, first)
    access.require(by, Action.IDENTIFY, second)
    if first.practice_id != second.practice_id or first.pk == second.pk:
        raise BadRecord("second", "must be somebody else at the same practice")
    reason = _needed(reason)
    waiting.lock(first.practice_id)
    _keep_apart(first, second, reason, by)


@transaction.atomic
def not_apart(*, apart: KeptApart, reason: str, by: User) -> None:
    """Take back that two people are two; they are suspected to be one again."""
    access.require(by, Action.IDENTIFY, apart)
    reason = _needed(reason)
    waiting.lock(apart.practice_id)
    if not KeptApart.objects.filter(pk=apart.pk, ended_at__isnull=True).update(
        ended_at=timezone.now()
    ):
        raise Stale("This has been taken back already.")
    _tell_of_pair(by, Event.PATIENT_NOT_APART, apart.first, apart.second, reason)


# -- Whose a record is ---------------------------------------------------------------------------


def _open(question: IdentityQuestion) -> IdentityQuestion:
    locked = IdentityQuestion.objects.select_for_update().get(pk=question.pk)
    if locked.settled_at is not None:
        raise Stale("Somebody has settled this meanwhile.")
    return locked


def _needs_a_second(question: IdentityQuestion) -> bool:
    return len(question.differs) == EVERYTHING_DIFFERS


def _same(
    said: PatientRecord, patient: Patient | None, holders: list[Patient], by: User
) -> Patient:
    """The one whose record it is takes over what it says, its numbers included."""
    whose = people.current(patient) if patient else holders[0] if len(holders) == 1 else None
    if whose is None:
        raise BadRecord("patient", "is needed: which of them?")
    people.change(whose, said, by)
    _give_numbers(whose, said)
    return whose


def _another(
    question: IdentityQuestion,
    said: PatientRecord,
    patient: Patient | None,
    note: str,
    by: User,
) -> Patient:
    """Somebody else: known already, or registered now, without the numbers that others have."""
    holders = [people.current(holder) for holder in question.patients.all()]
    records.check_patient(_possible(said), today=timezone.localdate())
    if patient is None:
        bare = records.PatientRecord(
            family_name=said.family_name,
            given_name=said.given_name,
            birth_date=said.birth_date,
            sex=said.sex,
            deceased_on=said.deceased_on,
            deceased=said.deceased,
        )
        whose = people.register(question.practice, bare, by)
        audit.record(
            by,
            Event.PATIENT_REGISTERED,
            practice_id=question.practice_id,
            patient_id=whose.pk,
            subject=whose,
        )
        requests.enqueue([whose.pk], reason="registered")
    else:
        whose = people.current(patient)
        if whose in holders:
            raise BadRecord("patient", "is the one whose number it is")
        people.change(whose, said, by)
    _give_numbers(whose, said)
    for holder in holders:
        _keep_apart(holder, whose, note or "The number is of another person.", by)
    return whose


def _possible(said: PatientRecord) -> PatientRecord:
    """What is said of a person, without a birth date that nobody can have."""
    now = people.particulars(said, NOBODY, today=timezone.localdate())
    return PatientRecord(**dict(zip(PARTICULARS, now, strict=True)))


def _give_numbers(whose: Patient, said: PatientRecord) -> None:
    """Give somebody the numbers of a record that nobody has, those that fail their check too."""
    for number in said.identifiers:
        Identifier.objects.get_or_create(
            practice_id=whose.practice_id,
            system=number.system,
            value=number.value,
            defaults={"patient": whose, "use": number.use},
        )


def _ask_about_holders(question: IdentityQuestion) -> None:
    """A question is about those whose numbers are said, whoever they are now."""
    said = records.convert(question.said, PatientRecord)
    question.patients.set(
        Patient.objects.filter(
            practice=question.practice_id,
            pk__in=Identifier.objects.filter(_any_of(said), practice=question.practice_id).values(
                "patient"
            ),
        )
    )


def _any_of(said: PatientRecord) -> Q:
    """The condition that a number is one of a record's."""
    return reduce(or_, (Q(system=n.system, value=n.value) for n in said.identifiers))


def _settled(
    question: IdentityQuestion,
    answer: str,
    whose: Patient | None,
    by: User,
    *,
    how: str = "",
    note: str = "",
) -> None:
    question.settled_at, question.settled_by = timezone.now(), by
    question.answer, question.how, question.note = answer, how, note
    question.patient = whose
    question.save(update_fields=["settled_at", "settled_by", "answer", "how", "note", "patient"])
    waiting.tell_followers([question.pk])


def _take_in(question: IdentityQuestion) -> int:
    """Take in what waited under a question, as its sources sent it; returns how many records."""
    rows = list(
        WaitingRecord.objects.filter(question=question, ended_at__isnull=True)
        .select_related("sent_by")
        .order_by("source_system", "sent_by", "pk")
    )
    WaitingRecord.objects.filter(pk__in=[row.pk for row in rows]).update(ended_at=timezone.now())
    for (source_system, sender), group in groupby(
        rows, key=lambda row: (row.source_system, row.sent_by)
    ):
        by_kind: dict[str, list[WaitingRecord]] = {}
        for row in group:
            by_kind.setdefault(row.kind, []).append(row)
        for name, kind in incoming.KINDS.items():
            waited = by_kind.get(name, ())
            accepted = [
                kind.row(index, question.practice, records.convert(row.content, kind.shape))
                for index, row in enumerate(waited)
            ]
            for row, one in zip(waited, accepted, strict=True):
                one.record_id = row.record_id
            notes = [
                unread.Told(row.practice_id, kind.about(one.record), (), refused=False, **note)
                for row, one in zip(waited, accepted, strict=True)
                for note in row.notes
            ]
            if accepted:
                _merge(kind, accepted, source_system, sender, notes)
            if kind is incoming.Patients:
                became = {
                    str(one.record_id): one.person.pk
                    for one in accepted
                    if one.record_id is not None and one.person.pk is not None
                }
                fhir_versions.lead_to(became, KINDS["Patient"].definitions)
    _give_records([row.record_id for row in rows if row.record_id is not None])
    return len(rows)


def _give_records(record_ids: list[UUID]) -> None:
    """Say of resources that were only kept meanwhile which records they are now."""
    for _, model in REPORTED if record_ids else ():
        live = model.objects.live().filter(**{f"{model.VERSIONS_OF}__in": record_ids})
        fhir_versions.become(live)


def _merge(
    kind: incoming.Kind,
    accepted: list[incoming.Row],
    source_system: str,
    sender: User,
    notes: list[unread.Told],
) -> None:
    try:
        result = incoming.merge(kind, accepted, source_system, sender, notes=notes)
    except (Moved, IntegrityError) as error:
        raise Stale("Others changed the same records meanwhile. Try it again.") from error
    if result.errors:
        refused = result.errors[0]
        raise BadRecord(f"{refused.source_id}: {refused.field}", refused.reason)


def _tell(
    by: User, event: Event, question: IdentityQuestion, about: Iterable[Patient], **detail: Any
) -> None:
    for patient_id in sorted({patient.pk for patient in about}) or [None]:
        audit.record(
            by,
            event,
            practice_id=question.practice_id,
            patient_id=patient_id,
            subject=question,
            **detail,
        )


# -- Who is who ----------------------------------------------------------------------------------


def _needed(reason: str) -> str:
    if not reason.strip():
        raise BadRecord("reason", "is needed: how do you know?")
    return reason.strip()[:1000]


def _locked(kept: Patient, gone: Patient) -> tuple[Patient, Patient]:
    rows = Patient.objects.select_for_update().filter(pk__in=[kept.pk, gone.pk]).order_by("pk")
    found = {row.pk: row for row in rows}
    return found[kept.pk], found[gone.pk]


def _move(model: type[Reported], gone: Patient, kept: Patient, by: User) -> dict[str, str]:
    """Give the live records of one to the other: `{id shared by all versions: source id}`.

    A source may have given both people's conditions the same id: then the one that moves is told
    apart by whose it was.
    """
    moved = {}
    taken = set(model.objects.live().filter(patient=kept).values_list("source_system", "source_id"))
    for live in model.objects.live().filter(patient=gone).order_by("pk"):
        columns: dict[str, Any] = {"patient_id": kept.pk}
        if (live.source_system, live.source_id) in taken:
            columns["source_id"] = f"{live.source_id[:180]}@{gone.pk}"
        versions.hand_over(live, by=by, **columns)
        moved[str(getattr(live, model.VERSIONS_OF))] = live.source_id
    return moved


def _move_back(
    model: type[Reported], moved: dict[str, str], kept: Patient, gone: Patient, by: User
) -> None:
    held = model.objects.live().filter(patient=kept, **{f"{model.VERSIONS_OF}__in": list(moved)})
    for live in held.order_by("pk"):
        source_id = moved[str(getattr(live, model.VERSIONS_OF))]
        versions.hand_over(live, by=by, patient_id=gone.pk, source_id=source_id)


def _move_tapers(gone: Patient, kept: Patient, by: User) -> list[list[int]]:
    """Give the tapers in force of one to the other: pairs of ids, as before and as now."""
    theirs = Taper.objects.filter(patient=gone, ended_at__isnull=True).order_by("pk")
    ours = Taper.objects.filter(patient=kept, ended_at__isnull=True).values_list("drug", flat=True)
    if both := {taper.drug for taper in theirs} & set(ours):
        raise IllegalMove(f"Both have a taper of {min(both)}: end one of them first.")
    return [[taper.pk, _hand_over_taper(taper, kept, by)] for taper in theirs]


def _hand_over_taper(taper: Taper, whose: Patient, by: User) -> int:
    """The same taper for somebody else, who it is of; returns its id. One that ended stays."""
    if taper.ended_at is not None:
        return taper.pk
    live = TaperVersion.objects.live().get(taper=taper)
    versions.hand_over(
        live,
        by=by,
        move=TaperMove.CANCEL,
        status=TaperStatus.CANCELLED,
        reason="Goes on under the other record of the person.",
    )
    Taper.objects.filter(pk=taper.pk).update(ended_at=timezone.now())
    made = Taper.objects.create(patient=whose, practice_id=whose.practice_id, drug=taper.drug)
    said = versions.content(live) | {"taper_id": made.pk, "patient_id": whose.pk}
    TaperVersion.objects.create(recorded_by=by, **said)
    return made.pk


def _move_exemptions(gone: Patient, kept: Patient, by: User) -> list[list[int]]:
    """Give the exemptions in force of one to the other: pairs of ids, as before and as now."""
    theirs = Exemption.objects.filter(
        patient=gone, ended_at__isnull=True, expires_on__gte=timezone.localdate()
    )
    return [
        [exemption.pk, _hand_over_exemption(exemption, kept, by)]
        for exemption in theirs.order_by("pk")
    ]


def _hand_over_exemption(exemption: Exemption, whose: Patient, by: User) -> int:
    """The same exemption for somebody else, who it is of; returns its id. An ended one stays."""
    if exemption.ended_at is not None:
        return exemption.pk
    Exemption.objects.filter(pk=exemption.pk).update(ended_at=timezone.now(), ended_by=by)
    return Exemption.objects.create(
        patient=whose,
        practice_id=whose.practice_id,
        kind=exemption.kind,
        owner=exemption.owner,
        evidence=exemption.evidence,
        order_ids=exemption.order_ids,
        starts_on=exemption.starts_on,
        expires_on=exemption.expires_on,
        decision_id=exemption.decision_id,
    ).pk


def _fill(kept: Patient, gone: Patient, by: User) -> list[str]:
    """Take over what is known only of `gone`; returns the names of these particulars."""
    filled = [
        name
        for name, nothing in zip(PARTICULARS, NOBODY, strict=True)
        if getattr(kept, name) == nothing and getattr(gone, name) != nothing
    ]
    now = tuple(getattr(gone if name in filled else kept, name) for name in PARTICULARS)
    people.rewrite(kept, now, by)
    return filled


def _take_out(kept: Patient, gone: Patient, filled: list[str], by: User) -> None:
    """What was filled in from `gone` is not known again, unless it is another by now."""
    nothing = dict(zip(PARTICULARS, NOBODY, strict=True))
    now = tuple(
        nothing[name]
        if name in filled and getattr(kept, name) == getattr(gone, name)
        else getattr(kept, name)
        for name in PARTICULARS
    )
    people.rewrite(kept, now, by)


def _pair(one: Patient, other: Patient) -> dict[str, int]:
    first, second = sorted((one.pk, other.pk))
    return {"first_id": first, "second_id": second}


def _keep_apart(one: Patient, other: Patient, reason: str, by: User) -> None:
    if one.pk == other.pk:
        return
    _, made = KeptApart.objects.get_or_create(
        **_pair(one, other),
        ended_at=None,
        defaults={"practice_id": one.practice_id, "reason": reason, "by": by},
    )
    if made:
        _tell_of_pair(by, Event.PATIENT_KEPT_APART, one, other, reason)


def _no_longer_apart(one: Patient, other: Patient) -> list[int]:
    """End that the two were kept apart; returns the ids of what was ended."""
    rows = KeptApart.objects.filter(**_pair(one, other), ended_at__isnull=True)
    ended = list(rows.values_list("pk", flat=True))
    rows.update(ended_at=timezone.now())
    return ended


def _tell_of_pair(by: User, event: Event, one: Patient, other: Patient, reason: str) -> None:
    for patient, counterpart in ((one, other), (other, one)):
        audit.record(
            by,
            event,
            practice_id=patient.practice_id,
            patient_id=patient.pk,
            subject=patient,
            other=counterpart.pk,
            reason=reason,
        )


def _tell_both(by: User, event: Event, merge: PersonMerge, **detail: Any) -> None:
    for patient_id in (merge.kept_id, merge.gone_id):
        audit.record(
            by,
            event,
            practice_id=merge.practice_id,
            patient_id=patient_id,
            subject=merge,
            kept=merge.kept_id,
            gone=merge.gone_id,
            **detail,
        )
