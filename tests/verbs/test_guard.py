"""Guarded books: some practices first, within a budget; they stop themselves and go back."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connections, transaction
from django.utils import timezone

from reviews import guarding, requests, rulebooks
from reviews.errors import BadRecord, IllegalMove, NotAllowed
from reviews.forms.budget import FIELDS
from reviews.guarding import Budget
from reviews.models import (
    AuditEvent,
    Case,
    Flag,
    GuardedBook,
    GuardedPractice,
    Outcome,
    PatientScreening,
    Reason,
    RuleVersion,
    ScreeningRequest,
)
from reviews.queries import advise, replay
from reviews.rules.screen import screen as judge
from reviews.verbs import guard, prescribe, publish, screen, shadow
from tests import make
from tests.verbs.test_what_if import begun, change, decided, frozen

PEOPLE = 6
"""At a practice: one past the limit of the live book, and all past that of the draft."""


@pytest.fixture
def elm(harbour):
    return make.practice("elm", name="Elm Park Surgery")


def population(place, by, *days):
    """People on diazepam for anxiety, each for so many days until today."""
    found = []
    for number, since in enumerate(days):
        treated = make.patient(place, by, family_name=f"Bell{number}")
        make.prescription(treated, by, start=1 - since, days=since + 5)
        found.append(treated)
    return found


@pytest.fixture
def places(harbour, elm, clara):
    """Two practices, screened by the live book: a case at each."""
    doctor = make.person("dora", elm, "clinician")
    people = {
        harbour: population(harbour, clara, 40, *[20] * (PEOPLE - 1)),
        elm: population(elm, doctor, 40, 20),
    }
    screen.drain()
    return people


@pytest.fixture
def version(rulebook, places, ada, adam):
    """A draft that asks for a review of anxiety after 14 days, not 28; tried, and read by Adam."""
    return make.tried(frozen(begun(ada), ada, ("DUR-01", "s2_over_days", 14)))


def guarded(version, practices, by, **changes):
    given = {
        "most_cases": Decimal(17),
        "most_urgent": Decimal(8),
        "budget_source": "Agreed by the pharmacists of both practices, unverified",
        "agreement": "Read it.",
        **changes,
    }
    budget = Budget(*(given.pop(field) for field in FIELDS))
    return guard.begin(version=version, practices=practices, budget=budget, by=by, **given)


def stands(place):
    """What stands at a practice, whichever row says it: who, rule, key, words, if covered."""
    rows = Flag.objects.live().filter(practice=place)
    return {
        (*row[:-1], row[-1] is not None)
        for row in rows.values_list("patient", "rule_id", "key", "digest", "settled_at")
    }


def rows_of(place):
    """Every row of flags, cases and screenings of a practice as it is, to the letter."""
    return [
        list(model.objects.filter(**{where: place}).order_by("pk").values())
        for model, where in (
            (Flag, "practice"),
            (Case, "practice"),
            (PatientScreening, "patient__practice"),
        )
    ]


def numbers(place):
    return rulebooks.holding_at(place.pk)[1].number, rulebooks.holding().at(place.pk).number


def test_a_book_that_triples_a_rule_is_stopped_within_one_sweep(
    rulebook, harbour, elm, clara, ada, adam
):
    """3 of 20 people are past 28 days, and 9 of them past 14."""
    population(harbour, clara, *[40] * 3, *[20] * 6, *[5] * 11)
    population(elm, make.person("dora", elm, "clinician"), 40, 20)
    screen.drain()
    version = make.tried(frozen(begun(ada), ada, ("DUR-01", "s2_over_days", 14)))
    before, elsewhere = stands(harbour), rows_of(elm)
    digest = RuleVersion.objects.get(pk=rulebooks.holding_at(harbour.pk)[0]).digest
    running = guarded(version, [harbour], adam)
    assert numbers(harbour) == (2, 2)
    assert numbers(elm) == (1, 1)
    screen.drain()
    assert Case.objects.open().filter(practice=harbour).count() == 9
    assert guard.sweep() == 1
    stopped = running.practices.get()
    assert (stopped.outcome, stopped.ended_by) == ("stopped", None)
    assert "9 open cases of 20 people" in stopped.why
    assert "45.0 per 100, where the budget is at most 17" in stopped.why
    assert RuleVersion.objects.get(pk=rulebooks.holding_at(harbour.pk)[0]).digest == digest
    screen.drain()
    assert stands(harbour) == before
    assert rows_of(elm) == elsewhere
    halted = AuditEvent.objects.get(verb="guard.halted")
    assert (halted.practice_id, halted.actor_id) == (harbour.pk, None)
    assert halted.detail["back_to"] == 1


def test_it_is_never_stopped_twice(version, places, harbour, adam):
    running = guarded(version, [harbour], adam)
    screen.drain()
    guard.sweep()
    rows = list(GuardedPractice.objects.values())
    assert guard.sweep() == 0
    assert guard._look(running.practices.get().pk) is False
    assert list(GuardedPractice.objects.values()) == rows
    assert AuditEvent.objects.filter(verb="guard.halted").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_halt_once(version, places, harbour, adam):
    running = guarded(version, [harbour], adam)
    screen.drain()
    start, judged = threading.Barrier(2), []

    def look():
        start.wait()
        try:
            judged.append(guard.sweep())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(judged) == [0, 1]
    assert AuditEvent.objects.filter(verb="guard.halted").count() == 1
    assert running.practices.get().points.filter(look__gt=0).count() == 1


def test_halted_while_a_batch_is_judged_by_it_the_next_batch_goes_back(
    version, places, harbour, adam, monkeypatch
):
    before = stands(harbour)
    guarded(version, [harbour], adam)
    screen.drain()
    requests.enqueue([person.pk for person in places[harbour]], reason="test")
    honest = rulebooks.holding

    def halted_just_after():
        found = honest()
        guard.sweep()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(rulebooks, "holding", halted_just_after)
        screen.batch()
    assert AuditEvent.objects.filter(verb="guard.halted").exists()
    assert stands(harbour) != before
    screen.drain()
    assert stands(harbour) == before


def test_killed_in_the_middle_of_a_halt_the_next_sweep_does_it_all(
    version, places, harbour, adam, monkeypatch
):
    running = guarded(version, [harbour], adam)
    screen.drain()

    def dies(*given):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(guarding, "screen_again", dies)
        with pytest.raises(SystemExit), transaction.atomic():
            guard.sweep()
    assert running.practices.get().outcome == "running"
    assert not ScreeningRequest.objects.exists()
    guard.sweep()
    assert running.practices.get().outcome == "stopped"
    assert ScreeningRequest.objects.filter(patient__practice=harbour).exists()


def test_within_its_budget_it_runs_on_and_keeps_a_point_each_sweep(version, places, harbour, adam):
    running = guarded(version, [harbour], adam, most_cases=Decimal(100))
    screen.drain()
    assert guard.sweep() == guard.sweep() == 1
    points = running.practices.get().points.order_by("pk")
    rows = points.values_list("day", "look", "people", "in_use", "cases", "urgent")
    assert list(rows) == [(0, 0, 6, 6, 1, 0), (1, 1, 6, 6, 6, 0), (1, 2, 6, 6, 6, 0)]
    looks = points.filter(look__gt=0).values_list("halts_at_cases", "halts_at_urgent")
    # At a budget of 100 no count of cases stops it; 8 per 100 of 6 people are less than one.
    assert list(looks) == [(None, 4), (None, 4)]
    assert running.practices.get().outcome == "running"


def test_those_it_can_reach_are_screened_on_the_way_in_and_back_and_nobody_else(
    version, places, harbour, elm, adam
):
    running = guarded(version, [harbour], adam)
    here = {person.pk for person in places[harbour]}
    assert set(ScreeningRequest.objects.values_list("patient_id", flat=True)) == here
    screen.drain()
    guard.roll_back(guard=running, reason="Too many.", by=adam)
    assert set(ScreeningRequest.objects.values_list("patient_id", flat=True)) == here


def test_nothing_is_judged_before_all_are_screened(version, places, harbour, adam):
    running = guarded(version, [harbour], adam)
    assert not guard.look_first()
    assert guard.sweep() == 0
    assert running.practices.get().outcome == "running"
    point = running.practices.get().points.latest("pk")
    assert (point.look, point.problem) == (0, f"{PEOPLE} people are still to be screened")
    screen.drain()
    assert guard.sweep() == 1


def test_the_first_look_comes_when_the_stage_is_screened(version, places, harbour, adam):
    running = guarded(version, [harbour], adam)
    assert not guard.look_first()
    screen.drain()
    assert guard.look_first()
    assert running.practices.get().outcome == "stopped"
    assert not guard.look_first()


def test_a_server_that_cannot_measure_says_so(version, places, harbour, elm, adam, monkeypatch):
    running = guarded(version, [harbour], adam)
    screen.drain()

    def breaks(practice_id):
        raise DatabaseError("gone")

    monkeypatch.setattr(guarding, "burden", breaks)
    assert guard.sweep() == 0
    point = running.practices.get().points.latest("pk")
    assert (point.look, point.problem) == (0, "The server could not measure it: DatabaseError")
    assert guarding.unmeasured(timezone.now()) == []
    late = timezone.now() + timedelta(hours=guarding.HOURS_UNMEASURED, minutes=1)
    assert [row.practice for row in guarding.unmeasured(late)] == [harbour]


@pytest.fixture
def unread(version, monkeypatch):
    """The guarded book can be read until this is called."""
    honest = rulebooks.book

    def breaks(version_id):
        if version_id == version.pk:
            raise KeyError("rules")
        return honest(version_id)

    return lambda: monkeypatch.setattr(rulebooks, "book", breaks)


def test_a_book_that_cannot_be_read_stops_at_once_and_leaves_nobody_unscreened(
    version, places, harbour, elm, adam, unread
):
    running = guarded(version, [harbour], adam, most_cases=Decimal(100))
    before = stands(harbour)
    unread()
    screen.drain()
    assert not PatientScreening.objects.exclude(problem="").exists()
    assert stands(harbour) == before
    assert guard.look_first()
    stopped = running.practices.get()
    assert (stopped.outcome, stopped.why) == ("stopped", "Rule book 2 could not be read.")
    assert not guard.look_first()
    screen.drain()
    assert {each.version_id for each in PatientScreening.objects.all()} == {running.against_id}


def test_where_it_cannot_be_told_whom_a_book_reaches_everybody_goes_back(
    rulebook, places, harbour, ada, adam, unread, version
):
    """Whom another list of drugs reaches is asked of the book itself."""
    running = guarded(version, [harbour], adam, most_cases=Decimal(100))
    screen.drain()
    unread()
    guard.roll_back(guard=running, reason="It cannot be read.", by=adam)
    asked = set(ScreeningRequest.objects.values_list("patient_id", flat=True))
    assert asked == {person.pk for person in places[harbour]}


def test_a_book_that_cannot_judge_whom_the_live_one_can_stops(
    version, places, harbour, adam, monkeypatch
):
    running = guarded(version, [harbour], adam, most_cases=Decimal(100))
    book, honest = rulebooks.book(version.pk), judge

    def breaks(dossier, by):
        if by is book and dossier.patient_id == places[harbour][0].pk:
            raise ValueError("not a number")
        return honest(dossier, by)

    for module in (screen, guarding):
        monkeypatch.setattr(module, "screen", breaks)
    screen.drain()
    assert PatientScreening.objects.exclude(problem="").count() == 1
    assert guard.look_first()
    said = "Rule book 2 could not judge 1 person whom rule book 1 can."
    assert running.practices.get().why == said
    ScreeningRequest.objects.update(not_before=None)
    screen.drain()
    assert not PatientScreening.objects.exclude(problem="").exists()


def test_whom_neither_book_can_judge_stops_nothing(version, places, harbour, adam, monkeypatch):
    running = guarded(version, [harbour], adam, most_cases=Decimal(100))

    def breaks(dossier, by):
        raise ValueError("not a number")

    for module in (screen, guarding):
        monkeypatch.setattr(module, "screen", breaks)
    screen.drain()
    assert guard.look_first()
    assert running.practices.get().outcome == "running"
    assert running.practices.get().points.latest("pk").failed == PEOPLE


def test_whom_no_book_could_ever_judge_do_not_hide_whom_this_one_cannot(
    version, places, harbour, adam, monkeypatch
):
    monkeypatch.setattr(guarding, "MOST_TRIED", 1)
    running = guarded(version, [harbour], adam, most_cases=Decimal(100))
    never, since = places[harbour][:2]
    PatientScreening.objects.filter(pk=never.pk).update(screened_at=None)
    book, honest = rulebooks.book(version.pk), judge

    def breaks(dossier, by):
        if dossier.patient_id == never.pk or (by is book and dossier.patient_id == since.pk):
            raise ValueError("not a number")
        return honest(dossier, by)

    for module in (screen, guarding):
        monkeypatch.setattr(module, "screen", breaks)
    screen.drain()
    assert guard.look_first()
    assert "could not judge 1 person" in running.practices.get().why


# -- The only practice -----------------------------------------------------------------------------


def test_at_the_only_practice_it_stops_itself_too(rulebook, harbour, clara, ada, adam):
    population(harbour, clara, 40, *[20] * (PEOPLE - 1))
    screen.drain()
    before = stands(harbour)
    version = make.tried(frozen(begun(ada), ada, ("DUR-01", "s2_over_days", 14)))
    running = guarded(version, [harbour], adam)
    screen.drain()
    guard.look_first()
    assert running.practices.get().outcome == "stopped"
    screen.drain()
    assert stands(harbour) == before
    assert numbers(harbour) == (1, 1)
    with pytest.raises(IllegalMove, match="stopped itself at Harbour"):
        publish.publish(version=version, agreement="Good.", by=adam)
    guard.roll_back(guard=running, reason="Too many.", by=adam)


def test_a_later_stage_may_take_in_all_the_others(version, places, harbour, elm, adam):
    running = guarded(version, [harbour], adam, most_cases=Decimal(100))
    screen.drain()
    guard.sweep()
    guard.widen(guard=running, practices=[elm], reason="Went well.", by=adam)
    assert (numbers(harbour), numbers(elm)) == ((2, 2), (2, 2))


# -- Told at once ----------------------------------------------------------------------------------


def test_those_who_answer_for_it_are_told_at_once_and_once(
    version, places, harbour, adam, ada, mailoutbox
):
    make.person("helen", harbour, "formulary_admin")
    running = guarded(version, [harbour], adam)
    assert guard.tell_of_stops() == 0
    screen.drain()
    guard.look_first()
    assert guard.tell_of_stops() == 2
    assert guard.tell_of_stops() == 0
    assert {to for mail in mailoutbox for to in mail.to} == {"ada@example.org", "adam@example.org"}
    for mail in mailoutbox:
        assert "Rule book 2, which is guarded, stopped itself at a practice." in mail.body
        assert "/rule-books/2/guarded" in mail.body
        assert "Harbour" not in mail.body
        assert "Bell" not in mail.body
    told = running.practices.get().notices
    assert set(told.values_list("user", flat=True)) == {ada.pk, adam.pk}
    with pytest.raises(DatabaseError), transaction.atomic():
        told.all().delete()


def test_where_none_of_them_can_be_told_everybody_who_publishes_is(
    version, places, harbour, adam, ada, mailoutbox
):
    guarded(version, [harbour], adam)
    helen = make.person("helen", harbour, "formulary_admin")
    for gone in (ada, adam):
        gone.is_active = False
        gone.save()
    screen.drain()
    guard.look_first()
    assert guard.tell_of_stops() == 1
    assert mailoutbox[0].to == [helen.email]


def test_while_no_mail_server_answers_nobody_counts_as_told(
    version, places, harbour, adam, mailoutbox, monkeypatch
):
    running = guarded(version, [harbour], adam)
    screen.drain()
    guard.look_first()

    def refuses(mail):
        raise ConnectionRefusedError

    with monkeypatch.context() as patch:
        patch.setattr(guard.EmailMessage, "send", refuses)
        assert guard.tell_of_stops() == 0
    assert not running.practices.get().notices.exists()
    assert guard.tell_of_stops() == 2
    assert len(mailoutbox) == 2


def test_nobody_is_mailed_of_what_somebody_has_answered(
    version, places, harbour, adam, ada, mailoutbox
):
    running = guarded(version, [harbour], adam)
    screen.drain()
    guard.look_first()
    guard.roll_back(guard=running, reason="Too many.", by=ada)
    assert guard.tell_of_stops() == 0
    assert not mailoutbox


# -- Back into shadow ------------------------------------------------------------------------------


def silent(running, practice, by, **changes):
    given = {"days": 14, "reason": "Watch it first.", **changes}
    return guard.to_shadow(guard=running, practice=practice, by=by, **given)


def test_one_practice_goes_back_into_shadow_and_the_other_runs_on(
    version, places, harbour, elm, adam, ada
):
    before = stands(harbour)
    running = guarded(version, [harbour], adam, most_cases=Decimal(100))
    screen.drain()
    guard.sweep()
    guard.widen(guard=running, practices=[elm], reason="Went well.", by=adam)
    screen.drain()
    begun_silent = silent(running, harbour, ada)
    assert (begun_silent.practice, begun_silent.version_id) == (harbour, version.pk)
    assert (numbers(harbour), numbers(elm)) == ((1, 1), (2, 2))
    screen.drain()
    assert stands(harbour) == before
    assert begun_silent.flags.filter(rule_id="DUR-01", ended_on=None).count() == PEOPLE - 1
    running.refresh_from_db()
    assert running.outcome == "running"
    with pytest.raises(IllegalMove, match="does not judge at Harbour"):
        silent(running, harbour, ada)


def test_from_where_it_stopped_it_goes_into_shadow_and_is_rolled_back(
    version, places, harbour, adam, ada
):
    running = guarded(version, [harbour], adam)
    screen.drain()
    guard.look_first()
    silent(running, harbour, adam)
    running.refresh_from_db()
    assert (running.outcome, running.why) == ("back", "Watch it first.")
    assert running.practices.get().outcome == "stopped"
    with pytest.raises(IllegalMove, match="guarded no longer"):
        silent(running, harbour, adam)


@pytest.mark.parametrize(("changes", "field"), [({"days": 0}, "days"), ({"reason": " "}, "reason")])
def test_what_is_wrong_with_going_back_into_shadow_is_named(
    version, places, harbour, adam, changes, field
):
    running = guarded(version, [harbour], adam)
    with pytest.raises(BadRecord) as refused:
        silent(running, harbour, adam, **changes)
    assert refused.value.field == field
    assert numbers(harbour) == (2, 2)


def test_who_drafts_takes_it_back_into_shadow_and_nobody_else(version, places, harbour, adam):
    running = guarded(version, [harbour], adam)
    for who in ("clara", "ravi", "audrey", "maeve"):
        with pytest.raises(NotAllowed):
            silent(running, harbour, make.person(who, harbour))


def test_its_own_shadow_ends_where_it_begins_to_judge(version, places, harbour, adam, ada):
    held = shadow.begin(version=version, practice=harbour, days=14, by=ada)
    screen.drain()
    running = guarded(version, [harbour], adam)
    held.refresh_from_db()
    assert held.ended_at is not None
    with pytest.raises(IllegalMove, match="judges at Harbour Street Surgery already, guarded"):
        shadow.begin(version=version, practice=harbour, days=14, by=ada)
    assert silent(running, harbour, ada).pk != held.pk


def test_flags_keep_the_book_and_previews_ask_the_guarded_one(
    version, places, harbour, elm, adam, clara
):
    guarded(version, [harbour], adam, most_cases=Decimal(100))
    screen.drain()
    raised = Flag.objects.live().filter(practice=harbour, severity=2, version=version)
    assert raised.count() == PEOPLE
    assert not Flag.objects.filter(practice=elm, version=version).exists()
    doctor = make.person("dora", elm, "clinician")
    given = make.record(start=0, days=20)
    for place, by, severity in ((harbour, clara, {2}), (elm, doctor, {4})):
        treated = make.patient(place, by, family_name="Newton")
        seen = advise.preview(patient=treated, record=given, by=by)
        found = [each for each in seen.new if each.rule_id == "DUR-01"]
        assert {int(each.severity) for each in found} == severity


def test_decisions_on_flags_that_it_ended_hold_again_on_the_way_back(
    rulebook, places, harbour, ravi, ada, adam
):
    case = Case.objects.open().filter(practice=harbour).first()
    decided(case, ravi, Outcome.CONTINUE, Reason.BENEFIT_OUTWEIGHS)
    before, cases = stands(harbour), set(Case.objects.open().values_list("pk", flat=True))
    version = make.tried(frozen(begun(ada), ada, ("DUR-01", "s2_over_days", 56)))
    running = guarded(version, [harbour], adam)
    screen.drain()
    assert stands(harbour) != before
    guard.roll_back(guard=running, reason="Too quiet.", by=adam)
    screen.drain()
    assert stands(harbour) == before
    still = Case.objects.open().filter(practice=harbour, patient=case.patient)
    assert not still.exists()
    assert len(cases) == Case.objects.open().count()


def test_it_is_widened_stage_by_stage_and_goes_live(version, places, harbour, elm, adam):
    far = make.practice("far", name="Far Hill Surgery")
    running = guarded(version, [harbour], adam, most_cases=Decimal(100))
    with pytest.raises(IllegalMove, match="Harbour Street Surgery was not looked at yet"):
        guard.widen(guard=running, practices=[elm], reason="Went well.", by=adam)
    with pytest.raises(IllegalMove, match="Harbour Street Surgery was not looked at yet"):
        publish.publish(version=version, agreement="Good.", by=adam)
    screen.drain()
    guard.sweep()
    guard.widen(guard=running, practices=[elm], reason="Went well.", by=adam)
    assert (numbers(harbour), numbers(elm), numbers(far)) == ((2, 2), (2, 2), (1, 1))
    screen.drain()
    guard.sweep()
    # A worker judged somebody by the live book still, while the stage began.
    missed = PatientScreening.objects.filter(patient__practice=elm, version=version).first()
    PatientScreening.objects.filter(pk=missed.pk).update(version=running.against)
    publish.publish(version=version, agreement="It stayed within its budget.", by=adam)
    assert [each.patient_id for each in ScreeningRequest.objects.all()] == [missed.patient_id]
    screen.drain()
    running.refresh_from_db()
    assert running.outcome == "live"
    assert set(running.practices.values_list("outcome", flat=True)) == {"live"}
    assert numbers(far) == (2, 2)
    verbs = AuditEvent.objects.filter(verb__startswith="guard.").order_by("pk")
    assert list(verbs.values_list("verb", flat=True)) == ["guard.begun", "guard.widened"]


def test_where_it_stopped_somebody_begins_again_with_a_reason_or_rolls_back(
    version, places, harbour, elm, adam
):
    running = guarded(version, [harbour], adam)
    screen.drain()
    guard.sweep()
    with pytest.raises(BadRecord, match="6 people of Harbour Street Surgery are still to be"):
        guard.widen(guard=running, practices=[harbour], reason="Once more.", by=adam)
    screen.drain()
    with pytest.raises(IllegalMove, match="stopped itself at Harbour"):
        publish.publish(version=version, agreement="Good.", by=adam)
    with pytest.raises(BadRecord, match="reason"):
        guard.widen(guard=running, practices=[harbour], reason=" ", by=adam)
    guard.widen(guard=running, practices=[harbour], reason="Once more.", by=adam)
    assert running.practices.filter(practice=harbour).count() == 2
    assert numbers(harbour) == (2, 2)
    guard.roll_back(guard=running, reason="Enough.", by=adam)
    assert numbers(harbour) == (1, 1)
    with pytest.raises(IllegalMove, match="guarded no longer"):
        guard.roll_back(guard=running, reason="Enough.", by=adam)
    screen.drain()
    assert guarded(version, [harbour], adam).outcome == "running"


def test_while_one_runs_no_other_is_published_and_it_is_not_put_away(
    version, places, harbour, ada, adam
):
    other = make.tried(frozen(begun(ada), ada, ("DUR-01", "s2_over_days", 21)))
    guarded(version, [harbour], adam)
    with pytest.raises(IllegalMove, match="Rule book 2 runs guarded"):
        publish.publish(version=other, agreement="Read it.", by=adam)
    with pytest.raises(IllegalMove, match="Rule book 2 runs guarded"):
        guarded(other, [harbour], adam)
    with pytest.raises(IllegalMove, match="Rule book 2 runs guarded"):
        publish.discard(version=version, by=ada)
    with pytest.raises(IllegalMove, match="runs guarded already"):
        guarded(version, [harbour], adam)


@pytest.mark.parametrize("who", ["clara", "ravi", "audrey", "maeve", "ehr"])
def test_only_a_second_person_who_publishes(version, places, harbour, elm, ada, adam, who):
    with pytest.raises(NotAllowed):
        guarded(version, [harbour], make.person(who, harbour))
    with pytest.raises(NotAllowed):
        guarded(version, [harbour], ada)
    running = guarded(version, [harbour], adam, most_cases=Decimal(100))
    screen.drain()
    guard.sweep()
    for by in (make.person(who, harbour), ada):
        with pytest.raises(NotAllowed):
            guard.widen(guard=running, practices=[elm], reason="Went well.", by=by)
    with pytest.raises(NotAllowed):
        guard.roll_back(guard=running, reason="No.", by=make.person(who, harbour))
    assert guard.roll_back(guard=running, reason="No.", by=ada).outcome == "back"


def test_nobody_tried_it(rulebook, places, harbour, ada, adam):
    version = frozen(begun(ada), ada, ("DUR-01", "s2_over_days", 14))
    with pytest.raises(IllegalMove, match="Nobody has tried it"):
        guarded(version, [harbour], adam)


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"most_cases": Decimal("16.6")}, "most_cases", "has 16.7 open cases per 100"),
        ({"most_cases": Decimal(0)}, "most_cases", "above 0 and at most 100"),
        ({"most_cases": Decimal("100.1")}, "most_cases", "above 0 and at most 100"),
        ({"most_cases": Decimal("60.05")}, "most_cases", "at most one decimal"),
        ({"most_cases": Decimal("NaN")}, "most_cases", "must be a number"),
        ({"most_urgent": None}, "most_urgent", "must be a number"),
        ({"budget_source": " "}, "budget_source", "is needed"),
        ({"budget_source": "x" * 301}, "budget_source", "is 301 characters long"),
        ({"agreement": ""}, "agreement", "is needed"),
    ],
)
def test_what_is_wrong_is_said_by_field(version, places, harbour, adam, changes, field, said):
    with pytest.raises(BadRecord, match=said) as refused:
        guarded(version, [harbour], adam, **changes)
    assert refused.value.field == field
    assert not GuardedBook.objects.exists()


def carried(version):
    return version.most_cases, version.most_urgent, version.budget_source


def test_a_book_carries_the_budget_that_was_stated_when_it_was_frozen(rulebook, ada):
    draft = begun(ada)
    change(draft, ada, "DUR-01", "s2_over_days", 14)
    with pytest.raises(BadRecord) as refused:
        publish.freeze(draft=draft, note="", budget=Budget(Decimal(60), None, "We"), by=ada)
    assert refused.value.field == "most_urgent"
    budget = Budget(Decimal(60), Decimal("8.5"), " Both practices ")
    version = publish.freeze(draft=draft, note="", budget=budget, by=ada)
    version.refresh_from_db()
    assert carried(version) == (60, Decimal("8.5"), "Both practices")
    for changes in ({"most_cases": 99}, {"budget_source": "Nobody"}, dict.fromkeys(FIELDS[:2])):
        with pytest.raises(DatabaseError), transaction.atomic():
            RuleVersion.objects.filter(pk=version.pk).update(**changes)
    assert carried(rulebook) == (None, None, ""), "nobody stated one"


def test_practices_are_some_and_can_be_measured(version, places, harbour, elm, adam):
    for practices, said in (([], "at least one"), ([harbour, elm], "begin at some of them")):
        with pytest.raises(BadRecord, match=said):
            guarded(version, practices, adam)
    with pytest.raises(BadRecord, match="nobody at Empty"):
        guarded(version, [make.practice("empty", name="Empty")], adam)
    assert numbers(harbour) == (1, 1)


def test_by_sql_too_a_second_person_and_one_at_a_time(version, places, harbour, ada, adam):
    running = guarded(version, [harbour], adam)
    row = running.practices.get()
    given = {
        "version": version,
        "against": running.against,
        "most_cases": 60,
        "most_urgent": 8,
        "budget_source": "x",
        "agreement": "x",
    }
    with pytest.raises(IntegrityError), transaction.atomic():
        GuardedBook.objects.create(**given, begun_by=adam)
    with pytest.raises(DatabaseError, match="second person"), transaction.atomic():
        GuardedBook.objects.create(**given, begun_by=ada)
    with pytest.raises(DatabaseError, match="only a draft"), transaction.atomic():
        GuardedBook.objects.create(**{**given, "version": running.against}, begun_by=adam)
    with pytest.raises(IntegrityError), transaction.atomic():
        GuardedPractice.objects.create(
            guard=running, practice=harbour, stage=2, of_stage=1, reason="x", begun_by=adam
        )
    for rows, changes in (
        (GuardedBook.objects.all(), {"most_cases": 99}),
        (GuardedPractice.objects.all(), {"of_stage": 9}),
        (row.points.all(), {"cases": 0}),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.update(**changes)
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.delete()


def test_who_prescribes_meanwhile_is_judged_by_the_guarded_book(
    version, places, harbour, adam, clara
):
    guarded(version, [harbour], adam, most_cases=Decimal(100))
    screen.drain()
    treated = make.patient(harbour, clara, family_name="Later")
    prescribe.log(patient=treated, record=make.record(start=-15, days=20), by=clara)
    screen.drain()
    assert PatientScreening.objects.get(patient=treated).version_id == version.pk
    assert Flag.objects.live().get(patient=treated, rule_id="DUR-01").severity == 2


def test_a_replay_knows_which_book_judged_there(version, places, harbour, elm, adam):
    running = guarded(version, [harbour], adam)
    meanwhile = timezone.now()
    assert replay.of(places[harbour][0], make.day()).live.number == 2
    guard.roll_back(guard=running, reason="Too many.", by=adam)
    for place, then in ((harbour, 2), (elm, 1)):
        assert replay.book_of(meanwhile, place.pk).number == then
        assert replay.book_of(timezone.now(), place.pk).number == 1
