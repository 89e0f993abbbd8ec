"""Recall lists: who is found, who leaves by themselves, who comes back, and who is written to."""

import pytest
from django.db import DatabaseError, transaction

from reviews import jobs, recalls
from reviews.errors import BadRecord, IllegalMove, NotAllowed
from reviews.models import (
    AuditEvent,
    Letter,
    LetterText,
    OptOut,
    Practice,
    RecallAnswer,
    RecallPerson,
)
from reviews.recalls import State
from reviews.records import ReadingRecord
from reviews.tasks import KINDS
from reviews.verbs import deaths, exempt, identity, letters, observe, prescribe, recall, taper
from reviews.verbs.jobs import cancel
from tests import make
from tests.verbs.test_letters import BODY
from tests.verbs.test_taper import request


@pytest.fixture(autouse=True)
def telephone(harbour):
    Practice.objects.filter(pk=harbour.pk).update(telephone="01632 960 114")
    harbour.refresh_from_db()


def long_user(place, by, given_name, *, age=72, medicine="Diazepam 5 mg tablets"):
    person = make.patient(place, by, age=age, family_name="Gray", given_name=given_name)
    for start in (-98, -70, -42, -14):
        make.prescription(person, by, medicine, start=start, days=28)
    return person


@pytest.fixture
def people(harbour, clara):
    return [long_user(harbour, clara, name) for name in ("Ann", "Bob", "Cy")]


def make_list(place, people, by, **changes):
    given = {
        "name": "Over 65, over 28 days",
        "reason": "Review is overdue",
        "question": "With an opioid",
        "query": "rule=OPI-01",
        "asked": "either",
        "since": make.day(),
        "look_by": make.day(7),
        "due_on": make.day(60),
        "patient_ids": [person.pk for person in people],
        **changes,
    }
    return recall.make(practice=place, by=by, **given)


@pytest.fixture
def made(harbour, people, ravi):
    return make_list(harbour, people, ravi)


def states(made):
    whose = dict(RecallPerson.objects.filter(recall=made).values_list("pk", "patient__given_name"))
    return {whose[pk]: each.state for pk, each in recalls.standings(made).items()}


def reviewed(person, by, **changes):
    given = {"kind": "review", "text": "reduce", "on": make.day(), **changes}
    return observe.record_reading(patient=person, record=ReadingRecord(**given), by=by)


def text(key="invitation"):
    return LetterText.objects.get(template__key=key, state="published")


def look_and_write(made, clara, ravi, key="invitation", **more):
    recall.look(recall=made, by=clara)
    to_round = recall.write_to_all(recall=made, text=text(key), by=ravi, **more)
    jobs.work(KINDS, seconds=60)
    to_round.job.refresh_from_db()
    assert to_round.job.state == "done", to_round.job.error
    return to_round


# -- Found -----------------------------------------------------------------------------------------


def test_a_list_keeps_what_people_took_and_from_whom(made, clara):
    rows = list(made.people.all())
    assert [row.patient.given_name for row in rows] == ["Ann", "Bob", "Cy"]
    assert {(row.medicine, row.prescriber, row.excluded) for row in rows} == {
        ("diazepam", clara, "")
    }
    assert {row.days_then for row in rows} == {99}
    assert set(states(made).values()) == {State.WAITING}


def test_who_has_it_already_or_cannot_be_asked_is_found_and_left_out(harbour, clara, ravi):
    names = ("Ann", "Died", "Reviewed", "Tapers", "Exempt", "Moved", "Stays")
    who = {name: long_user(harbour, clara, name) for name in names}
    who["Nothing"] = make.patient(harbour, clara, given_name="Nothing")
    deaths.say(patient=who["Died"], deceased=True, reason="Told", by=ravi)
    reviewed(who["Reviewed"], ravi)
    reviewed(who["Stays"], ravi, on=make.day(-200))
    started(who["Tapers"], clara)
    exempt.exempt(
        patient=who["Exempt"],
        kind="palliative",
        evidence="Letter",
        expires_on=make.day(60),
        by=ravi,
    )
    moved(who["Moved"], ravi)
    made = make_list(harbour, who.values(), ravi)
    excluded = dict(made.people.values_list("patient__given_name", "excluded"))
    assert excluded == {
        "Ann": "",
        "Died": "died",
        "Reviewed": "review",
        "Tapers": "taper",
        "Exempt": "exempt",
        "Moved": "moved",
        "Stays": "",
        "Nothing": "nothing",
    }
    told = AuditEvent.objects.get(verb="recall.made")
    assert (told.detail["found"], told.detail["excluded"]) == (8, 6)


def test_by_age_and_by_days_of_use(harbour, clara, ravi):
    young = long_user(harbour, clara, "Young", age=40)
    old = long_user(harbour, clara, "Old")
    short = make.patient(harbour, clara, age=80, given_name="Short")
    make.prescription(short, clara, start=-5, days=14)
    made = make_list(harbour, [young, old, short], ravi, age_from=65, days_from=28)
    assert [row.patient for row in made.people.all()] == [old]
    with pytest.raises(BadRecord, match="Nobody fits"):
        make_list(harbour, [young], ravi, age_from=65)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"reason": ""}, "reason"),
        ({"asked": "money"}, "asked"),
        ({"since": make.on_day(1)}, "since"),
        ({"look_by": make.on_day(-1)}, "look_by"),
        ({"due_on": make.on_day(1)}, "due_on"),
    ],
)
def test_what_a_list_needs(harbour, people, ravi, change, field):
    with pytest.raises(BadRecord) as refused:
        make_list(harbour, people, ravi, **change)
    assert refused.value.field == field


def test_nobody_of_another_practice_comes_on_it(harbour, people, lakeside, ravi):
    stranger = long_user(lakeside, make.person("samira", lakeside, "clinician"), "Elsewhere")
    made = make_list(harbour, [*people, stranger], ravi)
    assert made.people.count() == 3


def test_who_may_not_makes_none(harbour, people, clara, audrey, lakeside):
    for who in (clara, audrey, make.person("samira", lakeside)):
        with pytest.raises(NotAllowed):
            make_list(harbour, people, who)


# -- Leaving by themselves -------------------------------------------------------------------------


def started(person, by):
    planned = taper.plan(patient=person, request=request(), by=by, reason="small last doses")
    return taper.start(taper=planned.taper, by=by, seen=1)


def moved(person, by, answer="moved"):
    record = ReadingRecord(kind="care_status", text=answer, on=make.day())
    return observe.record_reading(patient=person, record=record, by=by)


def test_a_person_leaves_when_what_was_asked_for_is_recorded(made, people, ravi):
    ann, bob, _ = people
    reviewed(ann, ravi)
    deaths.say(patient=bob, deceased=True, reason="Told by the family", by=ravi)
    assert states(made) == {"Ann": State.REVIEWED, "Bob": State.DIED, "Cy": State.WAITING}


def test_and_comes_back_when_it_was_a_mistake(made, people, ravi):
    ann, bob, cy = people
    reading = reviewed(ann, ravi)
    deaths.say(patient=bob, deceased=True, reason="Told", by=ravi)
    away = moved(cy, ravi)
    assert set(states(made).values()) == {State.REVIEWED, State.DIED, State.MOVED}
    wrong = ReadingRecord(kind="review", text="reduce", on=make.day(), status="entered-in-error")
    observe.correct(reading=reading, record=wrong, by=ravi)
    deaths.say(patient=bob, deceased=False, reason="Another Bob", by=ravi)
    back = ReadingRecord(
        kind="care_status", text="moved", on=away.dated_on, status="entered-in-error"
    )
    observe.correct(reading=away, record=back, by=ravi)
    assert set(states(made).values()) == {State.WAITING}


def test_a_taper_counts_from_its_start_and_not_once_it_is_given_up(made, people, clara):
    planned = taper.plan(patient=people[0], request=request(), by=clara, reason="small last doses")
    assert states(made)["Ann"] == State.WAITING
    taper.start(taper=planned.taper, by=clara, seen=1)
    assert states(made)["Ann"] == State.TAPERED
    taper.give_up(taper=planned.taper, by=clara, seen=2, reason="Too fast")
    assert states(made)["Ann"] == State.WAITING


def test_only_what_was_asked_for_counts(harbour, people, clara, ravi):
    made = make_list(harbour, people, ravi, asked="taper")
    reviewed(people[0], ravi)
    started(people[1], clara)
    assert states(made) == {"Ann": State.WAITING, "Bob": State.TAPERED, "Cy": State.WAITING}


def test_a_review_before_the_day_from_which_it_counts_does_not(harbour, people, ravi):
    made = make_list(harbour, people, ravi, since=make.day(-30))
    reviewed(people[0], ravi, on=make.day(-31))
    reviewed(people[1], ravi, on=make.day(-30))
    assert states(made) == {"Ann": State.WAITING, "Bob": State.REVIEWED, "Cy": State.WAITING}


# -- Opting out ------------------------------------------------------------------------------------


def leave_out(made, *names, by, **changes):
    given = {"reason": "crisis", "until": make.day(90), **changes}
    chosen = made.people.filter(patient__given_name__in=names)
    return recall.opt_out(recall=made, people=chosen, by=by, **given)


def test_a_prescriber_leaves_somebody_out_until_a_day(made, clara):
    leave_out(made, "Ann", by=clara)
    assert states(made)["Ann"] == State.OPTED_OUT
    [opted] = OptOut.objects.all()
    recall.end_opt_out(opted=opted, by=clara)
    assert states(made)["Ann"] == State.WAITING
    with pytest.raises(IllegalMove):
        recall.end_opt_out(opted=opted, by=clara)


def test_after_the_day_they_are_asked_again(made, clara, monkeypatch):
    leave_out(made, "Ann", by=clara, until=make.day(1))
    for day, state in ((1, State.OPTED_OUT), (2, State.WAITING)):
        then = make.day(day)
        monkeypatch.setattr(recalls.timezone, "localdate", lambda at=None, then=then: at or then)
        assert states(made)["Ann"] == state, day
        monkeypatch.undo()


def test_it_holds_on_every_list(made, harbour, people, clara, ravi):
    leave_out(made, "Bob", by=clara)
    again = make_list(harbour, people, ravi, name="Another")
    assert states(again)["Bob"] == State.OPTED_OUT


@pytest.mark.parametrize(
    "change",
    [
        {"reason": "because"},
        {"reason": "other"},
        {"until": make.on_day(0)},
        {"until": make.on_day(400)},
        {"note": "x" * 301},
    ],
)
def test_it_needs_a_coded_reason_and_a_day(made, clara, change):
    with pytest.raises(BadRecord):
        leave_out(made, "Ann", by=clara, **change)
    with pytest.raises(BadRecord, match="tick"):
        leave_out(made, by=clara)


# -- Letters ---------------------------------------------------------------------------------------


def test_letters_wait_until_prescribers_have_looked(made, clara, ravi):
    with pytest.raises(NotAllowed, match="Clara Moreau may look"):
        recall.write_to_all(recall=made, text=text(), by=ravi)
    recall.look(recall=made, by=clara)
    recall.look(recall=made, by=clara)
    recall.write_to_all(recall=made, text=text(), by=ravi)
    with pytest.raises(IllegalMove, match="already"):
        recall.write_to_all(recall=made, text=text(), by=ravi)


def test_each_person_who_waits_gets_one_letter_and_the_others_none(made, people, clara, ravi):
    leave_out(made, "Ann", by=clara)
    reviewed(people[1], ravi)
    look_and_write(made, clara, ravi)
    [letter] = Letter.objects.all()
    assert letter.patient == people[2]
    assert states(made) == {"Ann": State.OPTED_OUT, "Bob": State.REVIEWED, "Cy": State.WRITTEN}


def test_a_reminder_goes_to_those_who_have_not_answered_and_still_wait(
    made, people, clara, ravi, harbour
):
    look_and_write(made, clara, ravi)
    recall.answer(person=made.people.get(patient=people[0]), answer="talk", by=ravi)
    recall.answer(person=made.people.get(patient=people[1]), answer="declined", by=ravi)
    assert states(made) == {"Ann": State.ANSWERED, "Bob": State.DECLINED, "Cy": State.WRITTEN}
    to_round = look_and_write(made, clara, ravi, key="reminder", remind=True)
    assert (to_round.number, to_round.letters.count()) == (2, 1)
    assert Letter.objects.filter(patient=people[2]).count() == 2
    reviewed(people[2], ravi)
    with pytest.raises(IllegalMove, match="Nobody waits"):
        recall.write_to_all(recall=made, text=text("reminder"), remind=True, by=ravi)


def test_who_comes_back_later_is_invited_and_not_reminded(made, people, clara, ravi):
    recall.look(recall=made, by=clara)
    with pytest.raises(IllegalMove, match="Nobody was written to"):
        recall.write_to_all(recall=made, text=text("reminder"), remind=True, by=ravi)
    leave_out(made, "Ann", by=clara)
    look_and_write(made, clara, ravi)
    recall.end_opt_out(opted=OptOut.objects.get(), by=clara)
    look_and_write(made, clara, ravi, key="reminder", remind=True)
    assert not Letter.objects.filter(patient=people[0]).exists()
    look_and_write(made, clara, ravi)
    sent = Letter.objects.order_by("pk").values_list("patient__given_name", "round__number")
    assert list(sent) == [("Bob", 1), ("Cy", 1), ("Bob", 2), ("Cy", 2), ("Ann", 1)]


def test_a_letter_that_would_have_a_hole_is_held_back_and_said(made, people, clara, ravi):
    for order in people[0].prescriptions.live():
        prescribe.withdraw(
            prescription=order, status="entered-in-error", reason="Another Ann", by=clara
        )
    to_round = look_and_write(made, clara, ravi)
    assert Letter.objects.count() == 2
    ann = made.people.get(patient=people[0])
    assert to_round.job.result == {
        "written": 2,
        "held_back": {str(ann.pk): ["medicine", "duration"]},
    }


def test_a_job_that_was_cancelled_is_gone_on_with(made, clara, ravi, monkeypatch):
    monkeypatch.setattr(recall, "AT_ONCE", 1)
    recall.look(recall=made, by=clara)
    to_round = recall.write_to_all(recall=made, text=text(), by=ravi)
    jobs.work(KINDS, seconds=0)
    assert Letter.objects.count() == 1
    cancel(job=to_round.job, by=ravi)
    jobs.work(KINDS, seconds=60)
    assert Letter.objects.count() == 1
    again = recall.write_to_all(recall=made, text=text(), by=ravi)
    assert (again.pk, again.job.total) == (to_round.pk, 2)
    jobs.work(KINDS, seconds=60)
    assert list(Letter.objects.values_list("patient__given_name", flat=True)) == [
        "Ann",
        "Bob",
        "Cy",
    ]


def test_the_database_refuses_a_second_letter_of_a_round(made, clara, ravi):
    look_and_write(made, clara, ravi)
    letter = Letter.objects.first()
    letter.pk, letter.number, letter.identifier = None, 99, "HSS-99"
    with pytest.raises(DatabaseError, match="letter_one_a_person_and_round"), transaction.atomic():
        letter.save(force_insert=True)


def test_a_text_found_wrong_meanwhile_goes_to_nobody_any_more(
    made, clara, ravi, ada, adam, monkeypatch
):
    monkeypatch.setattr(recall, "AT_ONCE", 1)
    recall.look(recall=made, by=clara)
    recall.write_to_all(recall=made, text=text(), by=ravi)
    jobs.work(KINDS, seconds=0)
    old = text()
    draft = letters.draft(
        template=old.template, name=old.name, audience="patient", body=BODY, by=ada
    )
    letters.publish(text=draft, by=adam)
    jobs.work(KINDS, seconds=0)
    letters.put_away(text=draft, by=ada)
    jobs.work(KINDS, seconds=60)
    assert list(Letter.objects.order_by("pk").values_list("text__number", flat=True)) == [1, 2]


def test_nobody_is_written_to_from_a_closed_list(made, clara, ravi):
    recall.look(recall=made, by=clara)
    to_round = recall.write_to_all(recall=made, text=text(), by=ravi)
    recall.close(recall=made, by=ravi)
    jobs.work(KINDS, seconds=60)
    to_round.job.refresh_from_db()
    assert (to_round.job.state, Letter.objects.count()) == ("done", 0)
    for act in (
        lambda: recall.look(recall=made, by=clara),
        lambda: leave_out(made, "Ann", by=clara),
        lambda: recall.close(recall=made, by=ravi),
    ):
        with pytest.raises(IllegalMove):
            act()


def test_an_answer_is_of_somebody_who_was_written_to(made, people, ravi):
    with pytest.raises(IllegalMove, match="not written to"):
        recall.answer(person=made.people.get(patient=people[0]), answer="talk", by=ravi)


def test_what_was_said_is_never_changed(made, clara, ravi):
    look_and_write(made, clara, ravi)
    person = made.people.first()
    said = recall.answer(person=person, answer="came_back", by=ravi)
    for rows, change in (
        (RecallAnswer.objects.filter(pk=said.pk), {"answer": "talk"}),
        (RecallPerson.objects.filter(pk=person.pk), {"excluded": "died"}),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.update(**change)
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.delete()


# -- Two records of one person ---------------------------------------------------------------------


def merge(kept, gone, by):
    return identity.merge(kept=kept, gone=gone, reason="One person", by=by)


def test_two_records_merged_are_one_person_and_get_one_letter(made, people, clara, ravi):
    merge(people[0], people[1], ravi)
    assert states(made) == {"Ann": State.WAITING, "Bob": State.SAME, "Cy": State.WAITING}
    look_and_write(made, clara, ravi)
    assert Letter.objects.count() == 2


def test_what_is_known_of_either_is_known_of_both(made, people, clara, ravi):
    leave_out(made, "Bob", by=clara)
    done = merge(people[0], people[1], ravi)
    assert states(made)["Ann"] == State.OPTED_OUT
    identity.unmerge(merge=done, reason="Two after all", by=ravi)
    assert states(made) == {"Ann": State.WAITING, "Bob": State.OPTED_OUT, "Cy": State.WAITING}


def test_who_was_written_to_before_a_merge_is_not_written_to_again(
    made, people, clara, ravi, monkeypatch
):
    monkeypatch.setattr(recall, "AT_ONCE", 1)
    recall.look(recall=made, by=clara)
    recall.write_to_all(recall=made, text=text(), by=ravi)
    jobs.work(KINDS, seconds=0)
    [first] = Letter.objects.all()
    assert first.patient == people[0]
    merge(people[1], people[0], ravi)
    jobs.work(KINDS, seconds=60)
    assert [letter.patient for letter in Letter.objects.order_by("pk")] == [people[0], people[2]]


def test_somebody_merged_into_a_person_who_is_on_no_list_stays_on_it(harbour, people, clara, ravi):
    made = make_list(harbour, people[:1], ravi)
    merge(people[1], people[0], ravi)
    assert states(made) == {"Ann": State.WAITING}
    look_and_write(made, clara, ravi)
    assert [letter.patient for letter in Letter.objects.all()] == [people[1]]
    reviewed(people[1], ravi)
    assert states(made) == {"Ann": State.REVIEWED}


def test_everything_is_asked_in_a_fixed_number_of_queries(made, django_assert_num_queries):
    with django_assert_num_queries(11):
        recalls.standings(made)
