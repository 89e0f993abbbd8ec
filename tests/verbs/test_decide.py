"""Reviewer verbs: every move legal or not, who may, what is kept, and two reviewers at once."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from reviews import decide, prescribe, screen, service_levels
from reviews.decide import MOVES, FlagOutcome, Move
from reviews.errors import BadRecord, IllegalMove, NotAllowed, Stale
from reviews.models import (
    OPEN_STATES,
    AuditEvent,
    Case,
    CaseState,
    Decision,
    DecisionItem,
    Flag,
    Outcome,
    Reason,
)
from tests import make


@pytest.fixture
def case(harbour, clara):
    return make.flagged_case(harbour, logged_by=clara)


def outcomes(case, outcome=Outcome.TAPER, reason=Reason.AGREED_WITH_PATIENT, until=None):
    return [
        FlagOutcome(flag.pk, outcome, reason, until)
        for flag in Flag.objects.open().filter(case=case)
    ]


def in_state(case, state, by):
    """Bring an open case into a state by the verbs that lead there."""
    steps = {
        CaseState.QUEUED: lambda c: c,
        CaseState.CLAIMED: lambda c: decide.claim(case=c, by=by, seen=c.lock),
        CaseState.SNOOZED: lambda c: decide.snooze(
            case=c, until=make.day(7), reason="Waiting for a letter", by=by, seen=c.lock
        ),
        CaseState.ESCALATED: lambda c: decide.escalate(
            case=c, to="clinician", reason="Please call", by=by, seen=c.lock
        ),
        CaseState.DECIDED: lambda c: (
            decide.decide(case=c, outcomes=outcomes(c), by=by, seen=c.lock).case
        ),
    }
    return Case.objects.get(pk=steps[state](case).pk)


def act(case, move, by):
    if move in (Move.CLAIM, Move.TAKE_OVER):
        return decide.claim(case=case, by=by, seen=case.lock, take_over=move == Move.TAKE_OVER)
    if move == Move.RELEASE:
        return decide.release(case=case, by=by, seen=case.lock)
    if move == Move.SNOOZE:
        return decide.snooze(case=case, until=make.day(7), reason="Wait", by=by, seen=case.lock)
    if move == Move.ESCALATE:
        return decide.escalate(case=case, to="reviewer", reason="Help", by=by, seen=case.lock)
    return decide.decide(case=case, outcomes=outcomes(case), by=by, seen=case.lock).case


REVIEWERS_MOVES = [Move.CLAIM, Move.RELEASE, Move.DECIDE, Move.SNOOZE, Move.ESCALATE]


@pytest.mark.parametrize("move", REVIEWERS_MOVES)
@pytest.mark.parametrize("state", [*OPEN_STATES, CaseState.DECIDED])
def test_every_move_from_every_state(case, ravi, state, move):
    case = in_state(case, state, ravi)
    target = MOVES.get((state, move))
    if state == CaseState.CLAIMED and move == Move.CLAIM:
        target = CaseState.CLAIMED  # claiming what is mine already changes nothing
    if target is None:
        with pytest.raises(IllegalMove):
            act(case, move, ravi)
        return
    act(case, move, ravi)
    case.refresh_from_db()
    assert case.state == target


def test_a_decision_closes_the_case_and_settles_its_flags(case, ravi):
    decision = decide.decide(
        case=case, outcomes=outcomes(case), note="Seen with Dr Moreau", by=ravi, seen=case.lock
    )
    case.refresh_from_db()
    assert case.state == CaseState.DECIDED
    assert case.closed_at is not None
    assert decision.note == "Seen with Dr Moreau"
    assert not Flag.objects.open().filter(case=case).exists()
    item = decision.items.first()
    assert item.until == make.day(90)
    event = AuditEvent.objects.get(verb="case.decide")
    assert event.detail["outcomes"]["DUR-01"] == "taper"
    assert set(event.detail["outcomes"].values()) == {"taper"}


def test_a_settled_flag_stays_settled_when_screened_again(case, ravi):
    decide.decide(case=case, outcomes=outcomes(case), by=ravi, seen=case.lock)
    screen.outbox.enqueue([case.patient_id], reason="test")
    screen.drain()
    assert not Case.objects.open().exists()
    asked = Flag.objects.live().filter(severity__lte=3)
    assert asked.count() == DecisionItem.objects.count()


def test_a_decision_that_ran_out_opens_a_new_case(case, ravi):
    decide.decide(case=case, outcomes=outcomes(case, until=make.day(3)), by=ravi, seen=case.lock)
    for days, waits in ((3, False), (4, True)):
        screen.outbox.enqueue([case.patient_id], reason="test")
        screen.drain(as_of=make.day(days))
        assert Case.objects.open().exists() == waits, days


def test_every_open_flag_needs_an_outcome(case, ravi):
    with pytest.raises(BadRecord, match="choose an outcome"):
        decide.decide(case=case, outcomes=[], by=ravi, seen=case.lock)
    assert not Decision.objects.exists()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"outcome": "shrug"}, "does not exist"),
        ({"outcome": Outcome.DATA_WRONG}, "goes with the outcome"),
        ({"until": make.day(0)}, "after today"),
        ({"until": make.day(91)}, "not after"),
    ],
)
def test_an_outcome_must_fit(case, ravi, changes, reason):
    given = [
        FlagOutcome(
            **{
                "flag_id": flag.pk,
                "outcome": Outcome.TAPER,
                "reason": Reason.AGREED_WITH_PATIENT,
                **changes,
            }
        )
        for flag in Flag.objects.open().filter(case=case)
    ]
    with pytest.raises(BadRecord, match=reason):
        decide.decide(case=case, outcomes=given, by=ravi, seen=case.lock)
    case.refresh_from_db()
    assert case.state == CaseState.QUEUED


def test_a_flag_of_another_case_is_refused(case, ravi):
    stray = FlagOutcome(0, Outcome.TAPER, Reason.AGREED_WITH_PATIENT)
    with pytest.raises(BadRecord, match="not an open flag"):
        decide.decide(case=case, outcomes=[*outcomes(case), stray], by=ravi, seen=case.lock)


class TestTwoReviewers:
    def test_the_second_claim_is_told(self, case, ravi, samira):
        decide.claim(case=case, by=ravi, seen=case.lock)
        with pytest.raises(Stale, match="Ravi Shah"):
            decide.claim(case=case, by=samira, seen=case.lock)

    def test_the_second_decision_is_told_and_the_first_is_kept(self, case, ravi, samira):
        seen = case.lock
        decide.decide(case=case, outcomes=outcomes(case), by=ravi, seen=seen)
        given = outcomes(case)
        with pytest.raises(Stale):
            decide.decide(case=case, outcomes=given, by=samira, seen=seen)
        assert Decision.objects.get().by == ravi

    def test_a_colleagues_case_can_be_taken_over_but_not_decided(self, case, ravi, samira):
        mine = decide.claim(case=case, by=ravi, seen=case.lock)
        with pytest.raises(NotAllowed, match="Ravi Shah is working on this case"):
            decide.decide(case=mine, outcomes=outcomes(case), by=samira, seen=mine.lock)
        taken = decide.claim(case=mine, by=samira, seen=mine.lock, take_over=True)
        assert taken.owner == samira

    def test_a_new_finding_makes_what_the_reviewer_saw_stale(self, case, ravi, clara):
        seen = case.lock
        make.prescription(
            case.patient, clara, "Morphine 10 mg tablets", start=-1, days=7, indication="pain"
        )
        screen.drain()
        with pytest.raises(Stale):
            decide.decide(case=case, outcomes=outcomes(case), by=ravi, seen=seen)
        case.refresh_from_db()
        assert case.severity == 1


class TestFourEyes:
    @pytest.fixture
    def both(self, harbour):
        return make.person("both", harbour, "clinician", "reviewer")

    def test_a_prescriber_cannot_decide_alone_on_their_own_urgent_flag(self, harbour, both, ravi):
        urgent = make.urgent_case(harbour, logged_by=both)
        given = outcomes(urgent)
        with pytest.raises(NotAllowed, match="your own prescription"):
            decide.decide(case=urgent, outcomes=given, by=both, seen=urgent.lock)
        urgent.refresh_from_db()
        assert decide.decide(case=urgent, outcomes=given, by=ravi, seen=urgent.lock)

    def test_lesser_flags_they_may(self, harbour, both):
        lesser = make.flagged_case(harbour, logged_by=both)
        assert decide.decide(case=lesser, outcomes=outcomes(lesser), by=both, seen=lesser.lock)


@pytest.mark.parametrize("verb", ["claim", "release", "decide", "snooze", "escalate"])
def test_only_reviewers_of_the_practice(case, clara, audrey, lakeside, verb):
    stranger = make.person("stranger", lakeside, "reviewer")
    for by in (clara, audrey, stranger):
        with pytest.raises(NotAllowed):
            act(case, Move(verb), by)


def test_a_snooze_is_bounded_and_reasoned(case, ravi):
    with pytest.raises(BadRecord, match="not after"):
        decide.snooze(case=case, until=make.day(91), reason="Later", by=ravi, seen=case.lock)
    with pytest.raises(BadRecord, match="reason"):
        decide.snooze(case=case, until=make.day(5), reason=" ", by=ravi, seen=case.lock)


def test_a_snoozed_case_wakes_on_its_day_or_when_worse(case, ravi, clara):
    asleep = decide.snooze(
        case=case, until=make.day(5), reason="Letter due", by=ravi, seen=case.lock
    )
    assert screen.sweep(as_of=make.day(5)) == 1
    screen.drain(as_of=make.day(5))
    asleep.refresh_from_db()
    assert asleep.state == CaseState.QUEUED

    asleep = decide.snooze(
        case=asleep, until=make.day(5), reason="Letter due", by=ravi, seen=asleep.lock
    )
    make.prescription(
        case.patient, clara, "Morphine 10 mg tablets", start=-1, days=7, indication="pain"
    )
    screen.drain()
    asleep.refresh_from_db()
    assert (asleep.state, asleep.severity) == (CaseState.QUEUED, 1)


def test_a_withdrawn_prescription_clears_the_case(case, clara):
    for line in case.patient.prescriptions.live():
        prescribe.withdraw(
            prescription=line, status="entered-in-error", reason="Wrong patient", by=clara
        )
    screen.drain()
    case.refresh_from_db()
    assert case.state == CaseState.CLEARED
    assert set(Flag.objects.values_list("end_reason", flat=True)) == {"cleared"}


class TestTheDatabaseRefuses:
    @pytest.fixture
    def decided(self, case, ravi):
        return decide.decide(case=case, outcomes=outcomes(case), by=ravi, seen=case.lock)

    def test_changing_a_decision(self, decided):
        for rows, change in (
            (Decision.objects.all(), {"note": "never said"}),
            (DecisionItem.objects.all(), {"outcome": Outcome.CONTINUE}),
        ):
            with pytest.raises(DatabaseError), transaction.atomic():
                rows.update(**change)
            with pytest.raises(DatabaseError), transaction.atomic():
                rows.delete()

    def test_rewriting_a_flag(self, case):
        with pytest.raises(DatabaseError), transaction.atomic():
            Flag.objects.update(severity=4)
        with pytest.raises(DatabaseError), transaction.atomic():
            Flag.objects.all().delete()

    def test_a_second_open_case(self, case):
        copy = Case.objects.get(pk=case.pk)
        copy.pk = None
        with pytest.raises(IntegrityError), transaction.atomic():
            copy.save(force_insert=True)

    def test_a_second_live_flag_of_the_same_matter(self, case):
        copy = Flag.objects.first()
        copy.pk = None
        with pytest.raises(IntegrityError), transaction.atomic():
            copy.save(force_insert=True)


def test_due_dates_count_working_days():
    friday = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
    assert service_levels.due(1, friday) == friday + timedelta(hours=24)
    assert service_levels.due(2, friday).date().isoformat() == "2026-12-04"
