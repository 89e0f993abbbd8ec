"""Tapers on the record: every move, and what screening then says."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from reviews import dossiers
from reviews.errors import BadRecord, IllegalMove, NotAllowed, Stale
from reviews.models import (
    AuditEvent,
    Flag,
    Reading,
    ScreeningRequest,
    Taper,
    TaperMove,
    TaperStatus,
    TaperVersion,
)
from reviews.tapering import crossing, doses, planning
from reviews.verbs import screen, taper
from tests import make

D = Decimal
SMALL = "small last doses, each kept longer"
TWO, FIVE, TEN = (doses.strength("tablet", mg) for mg in (2, 5, 10))


def request(
    mg=15, *, first=1, percent=10, every=14, strengths=(TWO, FIVE), drug="diazepam", **more
):
    return planning.Request(
        drug=drug,
        from_mg=D(mg),
        begin_on=make.day(min(0, first - 1)),
        first_on=make.day(first),
        percent=D(percent),
        every_days=every,
        strengths=strengths,
        **more,
    )


def supply(patient, by, mg, *, start, days=28, medicine="Diazepam 5 mg tablets", **more):
    return make.prescription(
        patient,
        by,
        medicine,
        dose=mg,
        dose_unit="mg",
        times_per_day=1,
        start=start,
        days=days,
        quantity=None,
        **more,
    )


@pytest.fixture
def treated(harbour, clara):
    """15 mg of diazepam a day for 5 months, in hand for another 12 days."""
    patient = make.patient(harbour, clara)
    for start in range(-128, 0, 28):
        supply(patient, clara, 15, start=start)
    return patient


def planned(patient, by, **changes):
    reason = changes.pop("reason", SMALL)
    return taper.plan(patient=patient, request=request(**changes), by=by, reason=reason)


def under_way(patient, by, **changes):
    version = planned(patient, by, **changes)
    return taper.start(taper=version.taper, by=by, seen=1)


def flagged(patient, as_of=0):
    screen.drain(as_of=make.day(as_of))
    return dict(Flag.objects.live().filter(patient=patient).values_list("rule_id", "severity"))


def later(patient, days):
    """What screening says so many days from now, asked by the sweep alone."""
    screen.sweep(as_of=make.day(days))
    return flagged(patient, days)


# -- What screening makes of it --------------------------------------------------------------------


def test_a_plan_at_the_usual_pace_raises_nothing_about_tapers(treated, clara):
    under_way(treated, clara)
    assert not [rule for rule in flagged(treated) if rule.startswith(("TAP", "STOP"))]


def test_a_plan_that_is_too_fast_needs_a_reason_and_is_flagged_all_the_same(treated, clara):
    fast = {"percent": 50, "every": 7, "strengths": (TEN, FIVE), "faster_because": "moving house"}
    with pytest.raises(BadRecord) as refused:
        planned(treated, clara, **fast, reason=" ")
    assert refused.value.field == "reason"
    assert "TAP-01" in refused.value.reason
    version = planned(treated, clara, **fast, reason="Moves abroad in five weeks; ward informed")
    # The last step, from 5 mg to none, is a large one as well.
    assert version.over == ["pace", "TAP-01"]
    assert flagged(treated)["TAP-01"] == 1
    # Another version with a slower pace clears it.
    taper.revise(taper=version.taper, request=request(), by=clara, seen=1, reason=SMALL)
    assert "TAP-01" not in flagged(treated)


def test_what_a_plan_was_accepted_for_outlasts_the_reasons_of_later_moves(treated, clara):
    version = under_way(treated, clara)
    assert (version.over, version.accepted_for) == (["TAP-01"], SMALL)
    held = taper.hold(taper=version.taper, by=clara, seen=2, days=7, reason="Exams")
    assert (held.reason, held.accepted_for) == ("Exams", SMALL)
    taper.pause(taper=version.taper, by=clara, seen=3, reason="Bereaved")
    resumed = taper.resume(taper=version.taper, by=clara, seen=4, first_on=make.day(3))
    assert (resumed.reason, resumed.accepted_for) == (SMALL, SMALL)


def test_each_time_of_day_is_kept_from_version_to_version(treated, clara):
    times = (("morning", D(5)), ("night", D(10)))
    version = under_way(treated, clara, times=times)
    first, second = version.plan.steps[:2]
    assert [(dose.time, dose.mg) for dose in first.times] == [*times]
    assert [(dose.time, dose.mg) for dose in second.times] == [("morning", 5), ("night", D("8.5"))]
    taper.pause(taper=version.taper, by=clara, seen=2, reason="Bereaved")
    resumed = taper.resume(taper=version.taper, by=clara, seen=3, first_on=make.day(1))
    assert resumed.plan.steps == version.plan.steps


def test_fewer_nights_are_kept_and_resumed_as_such(treated, clara):
    version = under_way(
        treated,
        clara,
        mg=10,
        first=-20,
        strengths=(TEN,),
        fewer_nights=True,
        times=(("night", D(10)),),
    )
    assert [step.nights for step in version.plan.steps] == [7, 6, 5, 4, 3, 7]
    assert {step.on.weekday() for step in version.plan.steps[1:]} == {0}
    taper.pause(taper=version.taper, by=clara, seen=2, reason="Bereaved")
    resumed = taper.resume(taper=version.taper, by=clara, seen=3, first_on=make.day(1))
    assert [step.nights for step in resumed.plan.steps] == [7, 6, 5, 4, 3, 7]


def test_the_end_of_supply_is_no_abrupt_end_while_a_taper_is_on_record(treated, clara):
    assert later(treated, 25)["STOP-01"] == 1
    under_way(treated, clara)
    assert "STOP-01" not in flagged(treated, 25)


def test_a_given_up_taper_covers_no_end_of_supply(treated, clara):
    version = under_way(treated, clara)
    taper.give_up(taper=version.taper, by=clara, seen=2, reason="Too hard just now")
    assert later(treated, 25)["STOP-01"] == 1


def test_contact_that_is_missed_is_found_and_recorded_contact_clears_it(treated, clara):
    version = under_way(treated, clara)
    assert "TAP-03" not in later(treated, 8)
    assert later(treated, 9)["TAP-03"] == 3
    taper.contact(taper=version.taper, by=clara, seen=2, reason="Sleeps well")
    assert "TAP-03" not in flagged(treated, 0)


def test_review_days_are_set_by_the_plan(treated, clara):
    version = under_way(treated, clara)
    told = Reading.objects.get(kind="next_review")
    assert told.text == version.contacts[0] == make.day(8).isoformat()
    assert "REV-02" not in later(treated, 8)
    assert later(treated, 9)["REV-02"] == 3


def test_a_halt_is_found_unless_a_lower_dose_is_agreed(treated, clara):
    version = under_way(treated, clara, first=-100)
    for start in (12, 40, 68):
        supply(treated, clara, 13.5, start=start)
    taper.pause(taper=version.taper, by=clara, seen=2, reason="Bereaved")
    assert later(treated, 85)["TAP-04"] == 3
    taper.resume(taper=version.taper, by=clara, seen=3, first_on=make.day(1))
    taper.pause(
        taper=version.taper, by=clara, seen=4, reason="Agreed to stay", maintenance_agreed=True
    )
    assert "TAP-04" not in flagged(treated, 85)


def test_a_dose_raised_during_a_taper_is_noted_in_place_of_a_rising_dose(treated, clara):
    supply(treated, clara, 20, start=0)
    assert "TAP-05" not in flagged(treated)
    under_way(treated, clara, mg=20, first=-3)
    found = flagged(treated)
    assert found["TAP-05"] == 3
    assert "DOSE-04" not in found


def test_a_large_step_after_a_failed_taper(treated, clara):
    first = under_way(treated, clara)
    taper.give_up(taper=first.taper, by=clara, seen=2, reason="Panic came back")
    with pytest.raises(BadRecord, match="TAP-02"):
        planned(treated, clara, percent="12.5", reason="")
    planned(treated, clara, percent="12.5", reason="Asked for by the person")
    assert flagged(treated)["TAP-02"] == 3


def test_the_level_of_care_is_asked(harbour, clara):
    patient = make.patient(harbour, clara)
    supply(patient, clara, 45, start=-40, days=60)
    with pytest.raises(BadRecord, match="TAP-07"):
        planned(patient, clara, mg=45, reason="")
    planned(patient, clara, mg=45, reason="Day hospital informed, letter of today")
    assert flagged(patient)["TAP-07"] == 2


def test_an_offer_is_made_by_planning(harbour, clara):
    older = make.patient(harbour, clara, age=70)
    for start in range(-120, 0, 28):
        supply(older, clara, 5, start=start)
    assert "ELD-05" in flagged(older)
    planned(older, clara, mg=5)
    assert "ELD-05" not in flagged(older)


def test_a_prescription_that_follows_the_plan_raises_nothing_about_dose(treated, clara):
    under_way(treated, clara)
    supply(treated, clara, 13.5, start=1, change_reason="taper")
    found = flagged(treated)
    assert not {"TAP-01", "TAP-05", "DOSE-04", "SWI-01", "STOP-01"} & set(found)


def test_an_issue_that_is_faster_than_the_plan_is_found(treated, clara):
    under_way(treated, clara)
    supply(treated, clara, 7, start=13)
    assert later(treated, 14)["TAP-01"] == 1


def test_the_last_supply_of_a_completed_taper_is_no_sudden_end(harbour, clara):
    patient = make.patient(harbour, clara)
    supply(patient, clara, 1, start=-40, days=42, medicine="Diazepam 2 mg tablets")
    version = under_way(patient, clara, mg=1, strengths=(TWO,))
    assert len(version.steps) == 2
    taper.complete(taper=version.taper, by=clara, seen=2)
    assert not {"STOP-01", "STOP-02"} & set(later(patient, 20))


# -- The dossier -----------------------------------------------------------------------------------


def test_the_dossier_holds_the_taper_as_the_rules_read_it(treated, clara):
    version = under_way(treated, clara)
    (held,) = dossiers.one(treated, as_of=make.day()).tapers
    assert (held.id, held.drug, held.status) == (version.taper_id, "diazepam", "active")
    assert held.steps[:2] == ((make.day(), 15.0), (make.day(1), 13.5))
    assert held.steps[-1].mg_per_day == 0
    assert held.last_contact_on == make.day()


def test_reading_tapers_costs_one_query_however_many_patients(harbour, clara, treated):
    def queries(ids):
        with CaptureQueriesContext(connection) as captured:
            made = [make_() for _, _, make_ in dossiers.read(ids, as_of=make.day())]
        return len(captured), sum(len(dossier.tapers) for dossier in made)

    others = [make.patient(harbour, clara, family_name=f"Marsh {n}").pk for n in range(3)]
    under_way(treated, clara)
    one, all_of_them = queries([treated.pk]), queries([treated.pk, *others])
    assert one == all_of_them
    assert one[1] == 1


@pytest.mark.django_db(transaction=True)
def test_a_replay_knows_the_taper_as_it_was_then(treated, clara):
    def known(at):
        found = dossiers.one(treated, as_of=make.day(), known_at=at).tapers
        return [(held.status, len(held.steps)) for held in found]

    version = planned(treated, clara)
    first = TaperVersion.objects.get(version=1).recorded_at
    taper.start(taper=version.taper, by=clara, seen=1)
    second = TaperVersion.objects.get(version=2).recorded_at
    taper.pause(taper=version.taper, by=clara, seen=2, reason="Bereaved")
    assert known(first - timedelta(seconds=1)) == []
    assert known(first) == [("planned", len(version.steps))]
    assert known(second) == [("active", len(version.steps))]
    assert known(TaperVersion.objects.get(version=3).recorded_at) == [("paused", 1)]


def test_flags_keep_their_key_from_version_to_version(treated, clara):
    version = planned(treated, clara, percent="50", every=7, faster_because="x", reason="Moves")
    flagged(treated)
    before = Flag.objects.live().get(rule_id="TAP-01").key
    taper.start(taper=version.taper, by=clara, seen=1)
    flagged(treated)
    assert Flag.objects.live().get(rule_id="TAP-01").key == before


# -- Moves -----------------------------------------------------------------------------------------

DO = {
    TaperMove.REVISE: lambda held, by, seen: taper.revise(
        taper=held, request=request(), by=by, seen=seen, reason=SMALL
    ),
    TaperMove.START: lambda held, by, seen: taper.start(taper=held, by=by, seen=seen),
    TaperMove.CONTACT: lambda held, by, seen: taper.contact(
        taper=held, by=by, seen=seen, reason="Well"
    ),
    TaperMove.HOLD: lambda held, by, seen: taper.hold(
        taper=held, by=by, seen=seen, days=7, reason="Exams"
    ),
    TaperMove.STEP_BACK: lambda held, by, seen: taper.step_back(
        taper=held, by=by, seen=seen, reason="Shaky"
    ),
    TaperMove.PAUSE: lambda held, by, seen: taper.pause(
        taper=held, by=by, seen=seen, reason="Bereaved"
    ),
    TaperMove.RESUME: lambda held, by, seen: taper.resume(
        taper=held, by=by, seen=seen, first_on=make.day(3)
    ),
    TaperMove.COMPLETE: lambda held, by, seen: taper.complete(taper=held, by=by, seen=seen),
    TaperMove.GIVE_UP: lambda held, by, seen: taper.give_up(
        taper=held, by=by, seen=seen, reason="Too hard"
    ),
    TaperMove.CANCEL: lambda held, by, seen: taper.cancel(
        taper=held, by=by, seen=seen, reason="Not wanted"
    ),
}
REACH = {
    TaperStatus.PLANNED: (),
    TaperStatus.ACTIVE: (TaperMove.START,),
    TaperStatus.PAUSED: (TaperMove.START, TaperMove.PAUSE),
    TaperStatus.COMPLETED: (TaperMove.START, TaperMove.COMPLETE),
    TaperStatus.FAILED: (TaperMove.START, TaperMove.GIVE_UP),
    TaperStatus.CANCELLED: (TaperMove.CANCEL,),
}


@pytest.fixture
def nearly_done(harbour, clara):
    """A taper whose next step is the last: every move that its state allows is possible."""
    patient = make.patient(harbour, clara)
    supply(patient, clara, 2, start=-40, days=60, medicine="Diazepam 2 mg tablets")
    return planned(patient, clara, mg=2, strengths=(TWO,)).taper


@pytest.mark.parametrize("status", TaperStatus)
@pytest.mark.parametrize("move", DO)
def test_every_move_from_every_state(nearly_done, clara, status, move):
    seen = 1
    for before in REACH[status]:
        seen = DO[before](nearly_done, clara, seen).version
    if (status, move) not in taper.MOVES:
        with pytest.raises(IllegalMove):
            DO[move](nearly_done, clara, seen)
        return
    if move == TaperMove.STEP_BACK:
        with pytest.raises(IllegalMove, match="no dose to go back to"):
            DO[move](nearly_done, clara, seen)
        return
    version = DO[move](nearly_done, clara, seen)
    assert version.status == taper.MOVES[status, move]
    assert (version.move, version.version) == (move, seen + 1)
    assert (Taper.objects.get().ended_at is not None) == (move in taper.ENDS)
    event = AuditEvent.objects.get(verb=f"taper.{move}", detail__version=seen + 1)
    assert (event.actor_id, event.patient_id) == (clara.pk, nearly_done.patient_id)
    assert ScreeningRequest.objects.filter(patient=nearly_done.patient, reason="taper").exists()


def test_a_hold_moves_what_is_to_come(treated, clara):
    version = under_way(treated, clara)
    held = taper.hold(taper=version.taper, by=clara, seen=2, days=10, reason="Exams")
    assert held.plan.steps[1].on == make.day(11)
    assert held.contact_days[0] == make.day(18)
    with pytest.raises(BadRecord) as refused:
        taper.hold(taper=version.taper, by=clara, seen=3, days=85, reason="Exams")
    assert refused.value.field == "days"


def test_a_plan_whose_day_has_passed_begins_tomorrow(treated, clara):
    version = planned(treated, clara, first=-20)
    started = taper.start(taper=version.taper, by=clara, seen=1)
    assert started.plan.steps[1].on == make.day(1)
    assert started.plan.days == version.plan.days


def test_planning_anew_keeps_what_was_taken(treated, clara):
    version = planned(treated, clara, first=-5)
    started = taper.start(taper=version.taper, by=clara, seen=1)
    again = taper.revise(
        taper=version.taper,
        request=request(first=7, every=28),
        by=clara,
        seen=started.version,
        reason=SMALL,
    )
    assert again.plan.steps[0] == started.plan.steps[0]
    assert again.plan.steps[1].on == make.day(7)
    assert again.every_days == 28
    with pytest.raises(BadRecord) as refused:
        taper.revise(
            taper=version.taper, request=request(drug="lorazepam"), by=clara, seen=again.version
        )
    assert refused.value.field == "drug"


def test_resuming_goes_on_from_the_dose_that_was_kept(treated, clara):
    version = under_way(treated, clara)
    taper.pause(taper=version.taper, by=clara, seen=2, reason="Bereaved")
    assert TaperVersion.objects.get(version=3).contacts == []
    resumed = taper.resume(taper=version.taper, by=clara, seen=3, first_on=make.day(5))
    assert [step.mg for step in resumed.plan.steps] == [step.mg for step in version.plan.steps]
    assert resumed.plan.steps[1].on == make.day(5)


def test_a_taper_is_not_complete_before_the_last_step(treated, clara):
    version = under_way(treated, clara)
    with pytest.raises(IllegalMove, match="still at 15 mg"):
        taper.complete(taper=version.taper, by=clara, seen=2)


@pytest.mark.parametrize("move", ["contact", "pause", "give_up"])
def test_a_move_says_why(treated, clara, move):
    version = under_way(treated, clara)
    with pytest.raises(BadRecord) as refused:
        getattr(taper, move)(taper=version.taper, by=clara, seen=2, reason="  ")
    assert refused.value.field == "reason"
    assert TaperVersion.objects.count() == 2


def test_hold_step_back_and_resume_are_one_action_each(treated, clara):
    version = under_way(treated, clara, first=-20)
    assert taper.hold(taper=version.taper, by=clara, seen=2, days=14).version == 3
    with pytest.raises(IllegalMove, match="no dose to go back to"):
        taper.step_back(taper=version.taper, by=clara, seen=3)
    taper.pause(taper=version.taper, by=clara, seen=3, reason="Bereaved")
    resumed = taper.resume(taper=version.taper, by=clara, seen=4, first_on=make.day(1))
    assert (resumed.status, resumed.version) == ("active", 5)


def test_who_saw_an_older_version_is_told(treated, clara, ravi):
    version = under_way(treated, clara)
    taper.contact(taper=version.taper, by=ravi, seen=2, reason="Well")
    with pytest.raises(Stale):
        taper.hold(taper=version.taper, by=clara, seen=2, days=7, reason="Exams")


def test_one_taper_of_a_medicine_at_a_time(treated, clara):
    version = planned(treated, clara)
    with pytest.raises(IllegalMove, match="in force already"):
        planned(treated, clara)
    taper.cancel(taper=version.taper, by=clara, seen=1, reason="Not wanted")
    assert planned(treated, clara).version == 1


def test_who_may(treated, clara, ravi, ada, audrey, ehr, lakeside):
    stranger = make.person("stranger", lakeside, "clinician")
    version = planned(treated, ravi)
    for user in (ada, audrey, ehr, stranger):
        with pytest.raises(NotAllowed):
            planned(treated, user)
        with pytest.raises(NotAllowed):
            taper.start(taper=version.taper, by=user, seen=1)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"drug": "morphine"}, "drug"),
        ({"drug": "nobody-knows"}, "drug"),
        ({"percent": 60}, "percent"),
        ({"strengths": ()}, "strengths"),
        ({"mg": 0}, "from_mg"),
        ({"reason": "x" * 1001}, "reason"),
    ],
)
def test_what_is_refused(treated, clara, changes, field):
    with pytest.raises(BadRecord) as refused:
        planned(treated, clara, **changes)
    assert refused.value.field == field
    assert not Taper.objects.exists()


def test_nothing_is_written_when_the_audit_fails(treated, clara, monkeypatch):
    def fail(*given, **detail):
        raise ZeroDivisionError

    monkeypatch.setattr("reviews.audit.record", fail)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        planned(treated, clara)
    assert not Taper.objects.exists()


# -- Cross-over ------------------------------------------------------------------------------------


@pytest.fixture
def on_lorazepam(harbour, clara):
    patient = make.patient(harbour, clara)
    for start in range(-100, 0, 28):
        supply(patient, clara, 3, start=start, medicine="Lorazepam 1 mg tablets")
    return patient


def crossed(patient, by, *, to=30, reason=SMALL, old="lorazepam", begin_on=None, **changes):
    cross = taper.CrossOver(
        old_drug=old,
        old=crossing.Side(D(3), (doses.strength("tablet", 1),)),
        to_mg=D(to),
        begin_on=begin_on or make.day(2),
        days=7,
    )
    return taper.plan(
        patient=patient, request=request(**changes), cross=cross, by=by, reason=reason
    )


def test_a_cross_over_comes_before_the_taper_and_is_left_to_settle(on_lorazepam, clara):
    version = crossed(on_lorazepam, clara)
    stages = [(stage.on, stage.old_mg, stage.new_mg) for stage in version.stages]
    assert stages == [(make.day(2), D("1.5"), D(15)), (make.day(5), 0, D(30))]
    assert version.plan.steps[0][:2] == (make.day(5), D(30))
    assert version.plan.steps[1].on == version.contact_days[0] == make.day(12)
    assert version.cross_over["tables"][0] == ["Scottish Government 2024", "30.00", "30.00"]
    assert version.over == ["TAP-01"]


def test_what_moves_steps_waits_for_the_cross_over(on_lorazepam, clara):
    version = crossed(on_lorazepam, clara)
    taper.start(taper=version.taper, by=clara, seen=1)
    for move in (TaperMove.HOLD, TaperMove.STEP_BACK, TaperMove.PAUSE):
        with pytest.raises(IllegalMove, match="not complete yet"):
            DO[move](version.taper, clara, 2)
    again = taper.revise(taper=version.taper, request=request(10), by=clara, seen=2, reason=SMALL)
    assert (again.stages, again.plan.steps[0].mg) == ([], 10)


def test_a_cross_over_whose_day_has_passed_is_planned_anew(on_lorazepam, clara):
    version = crossed(on_lorazepam, clara, begin_on=make.day(-1))
    with pytest.raises(IllegalMove, match="has passed"):
        taper.start(taper=version.taper, by=clara, seen=1)


def test_a_dose_outside_every_table_needs_a_reason(on_lorazepam, clara):
    with pytest.raises(BadRecord, match="cross-over"):
        crossed(on_lorazepam, clara, to=50, reason="")
    assert "cross-over" in crossed(on_lorazepam, clara, to=50, reason="Specialist's letter").over


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"drug": "lorazepam", "strengths": (doses.strength("tablet", 1),)}, "drug"),
        ({"old": "diazepam"}, "drug"),
        ({"old": "morphine"}, "drug"),
        ({"to": "15.3"}, "cross_mg"),
    ],
)
def test_what_no_cross_over_may_be(on_lorazepam, clara, changes, field):
    with pytest.raises(BadRecord) as refused:
        crossed(on_lorazepam, clara, **changes)
    assert refused.value.field == field


# -- What the database refuses ---------------------------------------------------------------------


def test_versions_are_added_and_never_edited(treated, clara):
    version = planned(treated, clara)
    for refused in (
        lambda: TaperVersion.objects.filter(pk=version.pk).update(reason="another"),
        lambda: TaperVersion.objects.filter(pk=version.pk).delete(),
        lambda: Taper.objects.filter(pk=version.taper_id).update(drug="lorazepam"),
        lambda: Taper.objects.filter(pk=version.taper_id).delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            refused()


@pytest.mark.parametrize(
    "changes",
    [{"status": "lost"}, {"steps": []}, {"over": ["TAP-01"], "reason": ""}, {"version": 1}],
)
def test_what_no_version_may_say(treated, clara, changes):
    version = planned(treated, clara)
    taper.start(taper=version.taper, by=clara, seen=1)
    row = TaperVersion.objects.get(version=2)
    row.pk, row.version, row.superseded_at = None, 3, row.recorded_at
    for name, value in changes.items():
        setattr(row, name, value)
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


def test_one_live_version_and_one_taper_in_force(treated, clara):
    version = planned(treated, clara)
    row = TaperVersion.objects.get()
    row.pk, row.version = None, 2
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        Taper.objects.create(patient=treated, practice=treated.practice, drug="diazepam")
    assert version.plan.drug == "diazepam"
