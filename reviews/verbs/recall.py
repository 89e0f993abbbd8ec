"""Verbs on recall lists: make one, leave people out, write to those who wait, note what came back.

Nobody is taken off a list by hand: `reviews.recalls` says who is on it.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reviews import access, audit, jobs, letters, recalls, rulebooks
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, IllegalMove, NotAllowed, Stale
from reviews.jobs import Slice
from reviews.lettering.text import fill
from reviews.models import (
    Asked,
    Audience,
    Exemption,
    Job,
    LetterText,
    OptOut,
    Patient,
    Practice,
    RecallAnswer,
    RecallList,
    RecallLook,
    RecallPerson,
    RecallRound,
)
from reviews.queries import in_use
from reviews.queries import letters as said_of
from reviews.recalls import Standing, State
from reviews.rules import words
from reviews.rules.exemptions import KINDS

LETTERS = "recall-letters"
AT_MOST = 5_000
"""People on one list."""
LONGEST_OPT_OUT = timedelta(days=366)
AT_ONCE = 20
"""Letters in one transaction: so many people's records are held while they are written."""
BUSY_SECONDS = 1
Excluded = RecallPerson.Excluded
_WHY = {
    State.DIED: Excluded.DIED,
    State.MOVED: Excluded.MOVED,
    State.EXEMPT: Excluded.EXEMPT,
    State.REVIEWED: Excluded.REVIEW,
    State.TAPERED: Excluded.TAPER,
}


@transaction.atomic
def make(
    *,
    practice: Practice,
    name: str,
    reason: str,
    question: str,
    query: str,
    asked: str,
    since: date,
    look_by: date,
    due_on: date,
    patient_ids: Iterable[int],
    by: User,
    age_from: int | None = None,
    days_from: int | None = None,
) -> RecallList:
    """Put these people on a list, as far as they are `age_from` years old and have taken a
    benzodiazepine or Z-drug for `days_from` days without a break.

    Who has died, moved, is exempt, takes none, or has what is asked for on record since `since` is
    kept on it as left out, with the reason. Raises `BadRecord`.
    """
    access.require(by, Action.RECALL, practice)
    today = timezone.localdate()
    name, reason = " ".join(name.split()), reason.strip()
    for field, value, most in (("name", name, 100), ("reason", reason, 500)):
        if not value or len(value) > most:
            raise BadRecord(field, f"is needed, in at most {most} letters")
    if asked not in Asked.values:
        raise BadRecord("asked", "choose what they are asked for")
    if since > today:
        raise BadRecord("since", "is in the future")
    if look_by < today:
        raise BadRecord("look_by", "has passed")
    if due_on < look_by:
        raise BadRecord("due_on", "is before the day until which prescribers look")
    patients = {
        patient.pk: patient
        for patient in Patient.objects.filter(
            pk__in=list(patient_ids), practice=practice, merged_into__isnull=True
        )
        if _is_old_enough(patient, age_from, today)
    }
    if len(patients) > AT_MOST:
        raise BadRecord("", f"These are more than {AT_MOST} people. Narrow the view first")
    taken = dict(in_use.of_many(patients, book=rulebooks.holding_at(practice.pk)[1], as_of=today))
    if days_from:
        patients = {
            pk: patient for pk, patient in patients.items() if _is_long(taken.get(pk), days_from)
        }
    if not patients:
        raise BadRecord("", "Nobody fits, so there is no list to make")
    recall = RecallList.objects.create(
        practice=practice,
        name=name,
        reason=reason,
        question=question[:500],
        query=query[:500],
        asked=asked,
        since=since,
        look_by=look_by,
        due_on=due_on,
        made_by=by,
    )
    excluded = _left_out(patients, recall, taken, today)
    who = in_use.prescribers(each.prescriber for each in taken.values() if each)
    rows = []
    for pk in sorted(patients):
        now = taken.get(pk)
        prescriber, called = who.get(now.prescriber, (None, "")) if now else (None, "")
        code, why = excluded.get(pk, ("", ""))
        rows.append(
            RecallPerson(
                recall=recall,
                practice=practice,
                patient_id=pk,
                excluded=code,
                why=why[:300],
                medicine=words.listed(now.drugs)[:300] if now else "",
                days_then=now.days if now else None,
                mg_then=Decimal(str(now.mg)) if now and now.mg is not None else None,
                prescriber=prescriber,
                prescriber_name=called[:200],
            )
        )
    RecallPerson.objects.bulk_create(rows)
    _tell(
        by,
        Event.RECALL_MADE,
        recall,
        asked=asked,
        query=recall.query,
        found=len(rows),
        excluded=len(excluded),
    )
    return recall


def _is_old_enough(patient: Patient, age_from: int | None, today: date) -> bool:
    age = patient.age_on(today)
    return age_from is None or (age is not None and age >= age_from)


def _is_long(now: in_use.InUse | None, days_from: int) -> bool:
    """Whether use is as long as that; of an unknown length counts, for nobody knows it is not."""
    if now is None or not now.drugs:
        return False
    return now.days is None or now.days >= days_from


def _left_out(
    patients: Mapping[int, Patient],
    recall: RecallList,
    taken: Mapping[int, in_use.InUse | None],
    today: date,
) -> dict[int, tuple[str, str]]:
    """`{patient's id: (code, why in words)}` of those whom the list leaves out."""
    left: dict[int, tuple[str, str]] = {}
    exempt = Exemption.objects.filter(
        patient__in=patients,
        ended_at__isnull=True,
        order_ids=[],
        starts_on__lte=today,
        expires_on__gte=today,
    )
    for pk, kind in exempt.order_by("pk").values_list("patient", "kind"):
        left.setdefault(pk, (Excluded.EXEMPT, KINDS[kind].partition(" ")[2]))
    for pk, now in taken.items():
        if pk in patients and now is not None and not now.drugs:
            left[pk] = (Excluded.NOTHING, "no benzodiazepine or Z-drug in use")
    for pk, standing in recalls.of_patients(patients, recall).items():
        if standing.state in _WHY and standing.state != State.EXEMPT:
            day = f" {words.day(standing.since.toordinal())}" if standing.since else ""
            left[pk] = (_WHY[standing.state], f"{standing.state}{day}")
    return left


@transaction.atomic
def close(*, recall: RecallList, by: User) -> RecallList:
    """End a list: nobody is written to from it any more. What it shows stays."""
    access.require(by, Action.RECALL, recall)
    locked = _open(recall)
    locked.closed_by, locked.closed_at = by, timezone.now()
    locked.save(update_fields=["closed_by", "closed_at"])
    _tell(by, Event.RECALL_CLOSED, locked)
    return locked


# -- Prescribers look first ------------------------------------------------------------------------


@transaction.atomic
def opt_out(
    *,
    recall: RecallList,
    people: Iterable[RecallPerson],
    reason: str,
    until: date,
    note: str = "",
    by: User,
) -> list[OptOut]:
    """Leave these people out of every recall letter until a day. Raises `BadRecord`.

    A letter that is being written at this moment goes first; from then on there is none.
    """
    access.require(by, Action.OPT_OUT, recall)
    locked = _open(recall)
    today, note = timezone.localdate(), note.strip()
    if reason not in OptOut.Reason.values:
        raise BadRecord("reason", "choose why")
    if reason == OptOut.Reason.OTHER and not note:
        raise BadRecord("note", "say why in words")
    if len(note) > 300:
        raise BadRecord("note", "has more than 300 letters")
    if not today < until <= today + LONGEST_OPT_OUT:
        raise BadRecord("until", "is a day from tomorrow on, at most a year ahead")
    chosen = {person.pk for person in people}
    if not chosen:
        raise BadRecord("person", "tick at least one person")
    standing = recalls.standings(locked)
    roots = {standing[pk].root for pk in chosen if pk in standing}
    held = Patient.objects.filter(pk__in=roots).order_by("pk").select_for_update()
    made = []
    for patient in list(held):
        made.append(
            OptOut.objects.create(
                practice_id=locked.practice_id,
                patient=patient,
                recall=locked,
                reason=reason,
                note=note,
                until=until,
                by=by,
            )
        )
        _tell(
            by,
            Event.RECALL_OPTED_OUT,
            locked,
            patient_id=patient.pk,
            reason=reason,
            until=until.isoformat(),
            note=note,
        )
    return made


@transaction.atomic
def end_opt_out(*, opted: OptOut, by: User) -> OptOut:
    """Let a person be written to again, before the day has come. Raises `IllegalMove`."""
    access.require(by, Action.OPT_OUT, opted)
    locked = OptOut.objects.select_for_update().get(pk=opted.pk)
    if locked.ended_at is not None:
        raise IllegalMove("That has been ended already.")
    locked.ended_by, locked.ended_at = by, timezone.now()
    locked.save(update_fields=["ended_by", "ended_at"])
    audit.record(
        by,
        Event.RECALL_OPT_OUT_ENDED,
        practice_id=locked.practice_id,
        patient_id=locked.patient_id,
        subject=locked,
        reason=locked.reason,
        until=locked.until.isoformat(),
    )
    return locked


@transaction.atomic
def look(*, recall: RecallList, by: User) -> RecallLook:
    """Say that one has looked at one's own people; twice is no error."""
    access.require(by, Action.OPT_OUT, recall)
    locked = _open(recall)
    looked, made = RecallLook.objects.get_or_create(
        recall=locked, by=by, defaults={"practice_id": locked.practice_id}
    )
    if made:
        _tell(by, Event.RECALL_LOOKED, locked)
    return looked


def yet_to_look(recall: RecallList) -> list[User]:
    """The prescribers of people who wait who have not looked, and still work here."""
    looked = set(recall.looks.values_list("by", flat=True))
    standing = recalls.standings(recall)
    waiting = [pk for pk, each in standing.items() if each.is_on]
    users = User.objects.filter(
        pk__in=RecallPerson.objects.filter(pk__in=waiting).values("prescriber"), is_active=True
    ).exclude(pk__in=looked)
    return [user for user in users if access.allowed(user, Action.OPT_OUT, recall)]


# -- Letters ---------------------------------------------------------------------------------------


@transaction.atomic
def write_to_all(
    *, recall: RecallList, text: LetterText | None = None, remind: bool = False, by: User
) -> RecallRound:
    """Ask for a letter to each person who was not written to yet, or remind those who were.

    A round that was begun is gone on with, by its own letter: then `text` is not asked. Raises
    `NotAllowed` while prescribers may still look, `IllegalMove` while letters are being made.
    """
    access.require(by, Action.RECALL, recall)
    locked = _open(recall)
    if timezone.localdate() <= locked.look_by and (waits := yet_to_look(locked)):
        names = words.listed(sorted(user.get_full_name() or user.username for user in waits))
        raise NotAllowed(
            f"{names} may look at their people until {words.day(locked.look_by.toordinal())}. "
            "Letters go after that day, or when everybody has looked."
        )
    last = locked.rounds.select_related("job").order_by("-number").first()
    if last is not None and last.job.ended_at is None:
        raise IllegalMove("Letters are being made already.")
    to_round = open_round(locked, remind=remind)
    if to_round is None:
        to_round = RecallRound(
            recall=locked,
            practice_id=locked.practice_id,
            number=(last.number if last else 0) + 1,
            text=_to_patients(text),
            asked_by=by,
        )
    due = [each for each in recalls.standings(locked).values() if each.is_due(to_round.number)]
    if not due:
        raise IllegalMove("Nobody waits for a letter.")
    to_round.job = jobs.ask(
        LETTERS,
        # Read by administrators of every practice.
        title=f"Letters of recall list {locked.pk}",
        by=by,
        given={"recall": locked.pk, "round": to_round.number},
        total=len(due),
        unit="letters",
    )
    to_round.save()
    _tell(
        by,
        Event.RECALL_LETTERS_ASKED,
        locked,
        round=to_round.number,
        text=f"{to_round.text.template.key} {to_round.text.number}",
    )
    return to_round


def open_round(recall: RecallList, *, remind: bool) -> RecallRound | None:
    """The round that the next letters belong to, where it was begun: the one that invites, or a
    reminder that was cut short. Raises `IllegalMove` for a reminder before anybody was written to.
    """
    rounds = recall.rounds.select_related("job", "text__template").order_by("-number")
    if not remind:
        return rounds.filter(number=recalls.INVITES).first()
    last = rounds.first()
    if last is None:
        raise IllegalMove("Nobody was written to yet.")
    cut_short = last.number > recalls.INVITES and last.job.state != Job.State.DONE
    return last if cut_short else None


def _to_patients(text: LetterText | None) -> LetterText:
    """A text that may go to many patients. Raises `BadRecord` or `Stale`."""
    if text is None or text.audience != Audience.PATIENT:
        raise BadRecord("text", "choose a letter to the patient")
    if (in_use := _in_use(text)) is None or in_use.pk != text.pk:
        raise Stale("Another text of this letter is in use now. Look at it first.")
    return in_use


def _in_use(text: LetterText) -> LetterText | None:
    """The text that a letter has now; None where it was taken out of use."""
    rows = LetterText.objects.select_related("template")
    return rows.filter(template=text.template_id, state=LetterText.State.PUBLISHED).first()


def write_letters(job: Job, seconds: float) -> Slice:
    """A slice of the job: a few letters, each to somebody who is still to be written to.

    Whose record is being changed at this moment waits for the next slice. Of whom something that
    the letter needs is not known gets none, and the list says so.
    """
    to_round = RecallRound.objects.select_related(
        "recall__practice", "text__template", "asked_by"
    ).get(recall=job.given["recall"], number=job.given["round"])
    recall = to_round.recall
    held_back: dict[str, list[str]] = dict(job.place or {})
    # The text is that of now: one that was found wrong meanwhile goes to nobody any more.
    text = _in_use(to_round.text)
    may = access.allowed(to_round.asked_by, Action.RECALL, recall)
    if recall.closed_at is not None or text is None or not may:
        return _far(job, 0, held_back, finished=True)
    waiting = _due(recall, to_round, held_back)
    if not waiting:
        return _far(job, 0, held_back, finished=True)
    chosen = waiting[:AT_ONCE]
    held = recalls.hold({each.root for each in chosen})
    # Anew, now that nothing of theirs can change under our hands.
    still = {each.person_id for each in _due(recall, to_round, held_back)}
    written = passed_by = 0
    people = RecallPerson.objects.in_bulk([each.person_id for each in chosen])
    patients = Patient.objects.select_related("practice").prefetch_related("identifiers")
    whose = patients.in_bulk(list(held))
    for each in chosen:
        if each.root not in held:
            passed_by += 1
            continue
        if each.person_id not in still:
            continue
        lacking = _write_one(whose[each.root], people[each.person_id], text, to_round)
        if lacking:
            held_back[str(each.person_id)] = lacking
        else:
            written += 1
    # Who came to the list or left it since counts in the next slice.
    left = len(waiting) - len(chosen) + passed_by
    busy = BUSY_SECONDS if not held else 0
    return _far(job, written, held_back, finished=not left, left=left, wait_seconds=busy)


def _due(
    recall: RecallList, to_round: RecallRound, held_back: Mapping[str, list[str]]
) -> list[Standing]:
    return [
        each
        for each in recalls.standings(recall).values()
        if each.is_due(to_round.number) and str(each.person_id) not in held_back
    ]


def _write_one(
    patient: Patient, person: RecallPerson, text: LetterText, to_round: RecallRound
) -> list[str]:
    """Write to one person; returns what is not known instead, where something needed is not."""
    known = said_of.values(patient, by=to_round.asked_by, today=timezone.localdate())
    if lacking := said_of.lacking(text.body, known):
        return lacking
    letters.keep(
        patient=patient,
        text=text,
        blocks=fill(text.body, known),
        addressee=known["patient_name"],
        by=to_round.asked_by,
        person=person,
        to_round=to_round,
    )
    return []


def _far(
    job: Job,
    written: int,
    held_back: Mapping[str, list[str]],
    *,
    finished: bool,
    left: int = 0,
    wait_seconds: float = 0,
) -> Slice:
    done = job.done + written
    return Slice(
        done=done,
        # Some leave the list meanwhile, and others come back to it.
        total=done + left,
        place=dict(held_back),
        finished=finished,
        result={"written": done, "held_back": dict(held_back)} if finished else None,
        note=f"{len(held_back)} held back: something is not known" if held_back else "",
        wait_seconds=wait_seconds,
    )


# -- What came back --------------------------------------------------------------------------------


@transaction.atomic
def answer(
    *,
    person: RecallPerson,
    answer: str,
    by: User,
    note: str = "",
    ask_again_on: date | None = None,
) -> RecallAnswer:
    """Note what came back from somebody who was written to. Raises `BadRecord`, `IllegalMove`."""
    access.require(by, Action.RECALL, person)
    recall = _open(person.recall)
    today, note = timezone.localdate(), note.strip()[:300]
    if answer not in RecallAnswer.Answer.values:
        raise BadRecord("answer", "choose what came back")
    if answer == RecallAnswer.Answer.DECLINED:
        ask_again_on = ask_again_on or today + timedelta(days=365)
        if not today < ask_again_on <= today + LONGEST_OPT_OUT * 2:
            raise BadRecord("ask_again_on", "is a day from tomorrow on, at most two years ahead")
    else:
        ask_again_on = None
    standing = recalls.standings(recall)[person.pk]
    if not standing.letters:
        raise IllegalMove("They were not written to.")
    said = RecallAnswer.objects.create(
        person=person,
        practice_id=person.practice_id,
        answer=answer,
        note=note,
        ask_again_on=ask_again_on,
        by=by,
    )
    _tell(
        by,
        Event.RECALL_ANSWERED,
        recall,
        patient_id=standing.root,
        answer=answer,
        ask_again_on=ask_again_on.isoformat() if ask_again_on else None,
    )
    return said


def _open(recall: RecallList) -> RecallList:
    """The list, locked. Raises `IllegalMove` once it is closed."""
    locked = RecallList.objects.select_for_update(of=("self",), no_key=True).get(pk=recall.pk)
    if locked.closed_at is not None:
        raise IllegalMove("This list is closed.")
    return locked


def _tell(
    by: User,
    event: Event,
    recall: RecallList,
    *,
    patient_id: int | None = None,
    **detail: Any,
) -> None:
    audit.record(
        by,
        event,
        practice_id=recall.practice_id,
        patient_id=patient_id,
        subject=recall,
        recall=recall.pk,
        name=recall.name,
        **detail,
    )
