"""Reviewer verbs: every move legal or not, who may, what is kept, and two reviewers at once."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from reviews import access, conclusions, exemptions, service_levels
from reviews.access import Action, Grant
from reviews.conclusions import FlagOutcome
from reviews.errors import BadRecord, IllegalMove, NotAllowed, Stale
from reviews.models import (
    OPEN_STATES,
    AuditEvent,
    Case,
    CaseState,
    Decision,
    DecisionItem,
    Exemption,
    Flag,
    Outcome,
    Reason,
)
from reviews.moves import MOVES, Move
from reviews.verbs import caseload, decide, prescribe, screen
from tests import make


@pytest.fixture
def case(harbour, clara):
    return make.flagged_case(harbour, logged_by=clara)


def outcomes(case, outcome=Outcome.TAPER, reason=Reason.AGREED_WITH_PATIENT, until=None):
    return [
        FlagOutcome(flag.pk, outcome, reason, until)
        for flag in Flag.objects.open().filter(case=case)
    ]


def propose(urgent, by, **changes):
    """Continue with every flag of an urgent case: a second person is needed."""
    given = outcomes(urgent, Outcome.CONTINUE, Reason.BENEFIT_OUTWEIGHS)
    decide.decide(case=urgent, outcomes=given, by=by, seen=urgent.lock, **changes)
    urgent.refresh_from_db()
    return urgent


def in_state(case, state, by):
    """Bring an open case into a state by the verbs that lead there."""
    steps = {
        CaseState.QUEUED: lambda c: c,
        CaseState.CLAIMED: lambda c: caseload.claim(case=c, by=by, seen=c.lock),
        CaseState.SNOOZED: lambda c: caseload.snooze(
            case=c, until=make.day(7), reason="Waiting for a letter", by=by, seen=c.lock
        ),
        CaseState.ESCALATED: lambda c: caseload.escalate(
            case=c, to="clinician", reason="Please call", by=by, seen=c.lock
        ),
        CaseState.PROPOSED: lambda c: propose(c, by),
        CaseState.DECIDED: lambda c: (
            decide.decide(case=c, outcomes=outcomes(c), by=by, seen=c.lock).case
        ),
    }
    return Case.objects.get(pk=steps[state](case).pk)


def act(case, move, by):
    if move in (Move.CLAIM, Move.TAKE_OVER):
        return caseload.claim(case=case, by=by, seen=case.lock, take_over=move == Move.TAKE_OVER)
    if move == Move.RELEASE:
        return caseload.release(case=case, by=by, seen=case.lock)
    if move == Move.SNOOZE:
        return caseload.snooze(case=case, until=make.day(7), reason="Wait", by=by, seen=case.lock)
    if move == Move.ESCALATE:
        return caseload.escalate(case=case, to="reviewer", reason="Help", by=by, seen=case.lock)
    if move == Move.CONFIRM:
        return decide.confirm(case=case, by=by, seen=case.lock).case
    if move == Move.SEND_BACK:
        return decide.send_back(case=case, reason="Not yet", by=by, seen=case.lock)
    if move == Move.UNDO:
        return decide.undo(case=case, reason="Wrong person", by=by, seen=case.lock)
    if move == Move.PROPOSE:
        return propose(case, by)
    return decide.decide(case=case, outcomes=outcomes(case), by=by, seen=case.lock).case


REVIEWERS_MOVES = [
    Move.CLAIM,
    Move.RELEASE,
    Move.DECIDE,
    Move.PROPOSE,
    Move.CONFIRM,
    Move.SEND_BACK,
    Move.UNDO,
    Move.SNOOZE,
    Move.ESCALATE,
]


@pytest.mark.parametrize("move", REVIEWERS_MOVES)
@pytest.mark.parametrize("state", [*OPEN_STATES, CaseState.DECIDED])
def test_every_move_from_every_state(harbour, clara, ravi, samira, state, move):
    case = in_state(make.urgent_case(harbour, logged_by=clara), state, ravi)
    if move in (Move.CONFIRM, Move.SEND_BACK):
        ravi = samira  # these are for somebody else
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
    screen.requests.enqueue([case.patient_id], reason="test")
    screen.drain()
    assert not Case.objects.open().exists()
    asked = Flag.objects.live().filter(severity__lte=3)
    assert asked.count() == DecisionItem.objects.count()


def test_a_decision_that_ran_out_opens_a_new_case(case, ravi):
    decide.decide(case=case, outcomes=outcomes(case, until=make.day(3)), by=ravi, seen=case.lock)
    for days, waits in ((3, False), (4, True)):
        screen.requests.enqueue([case.patient_id], reason="test")
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
        ({"until": make.on_day(0)}, "after today"),
        ({"until": make.on_day(91)}, "not after"),
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
        caseload.claim(case=case, by=ravi, seen=case.lock)
        with pytest.raises(Stale, match="Ravi Shah"):
            caseload.claim(case=case, by=samira, seen=case.lock)

    def test_the_second_decision_is_told_and_the_first_is_kept(self, case, ravi, samira):
        seen = case.lock
        decide.decide(case=case, outcomes=outcomes(case), by=ravi, seen=seen)
        given = outcomes(case)
        with pytest.raises(Stale):
            decide.decide(case=case, outcomes=given, by=samira, seen=seen)
        assert Decision.objects.get().by == ravi

    def test_a_colleagues_case_can_be_taken_over_but_not_decided(self, case, ravi, samira):
        mine = caseload.claim(case=case, by=ravi, seen=case.lock)
        with pytest.raises(NotAllowed, match="Ravi Shah is working on this case"):
            decide.decide(case=mine, outcomes=outcomes(case), by=samira, seen=mine.lock)
        taken = caseload.claim(case=mine, by=samira, seen=mine.lock, take_over=True)
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

    @pytest.fixture
    def urgent(self, harbour, clara):
        return make.urgent_case(harbour, logged_by=clara)

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

    @pytest.mark.parametrize(
        ("outcome", "reason", "waits"),
        [
            (Outcome.CONTINUE, Reason.BENEFIT_OUTWEIGHS, True),
            (Outcome.NOT_RELEVANT, Reason.NOT_APPLICABLE, True),
            (Outcome.TAPER, Reason.AGREED_WITH_PATIENT, False),
            (Outcome.DATA_WRONG, Reason.NOT_TAKEN, False),
        ],
    )
    def test_what_leaves_an_urgent_matter_as_it_is_waits(
        self, urgent, ravi, outcome, reason, waits
    ):
        given = outcomes(urgent, outcome, reason)
        decide.decide(case=urgent, outcomes=given, by=ravi, seen=urgent.lock)
        urgent.refresh_from_db()
        assert urgent.state == (CaseState.PROPOSED if waits else CaseState.DECIDED)
        assert Flag.objects.open().filter(case=urgent).exists() == waits

    def test_a_lesser_flag_is_continued_by_one(self, case, ravi):
        given = outcomes(case, Outcome.CONTINUE, Reason.BENEFIT_OUTWEIGHS)
        decide.decide(case=case, outcomes=given, by=ravi, seen=case.lock)
        case.refresh_from_db()
        assert case.state == CaseState.DECIDED

    def test_the_second_person_confirms_and_only_then_it_holds(self, urgent, ravi, samira):
        waiting = propose(urgent, ravi, note="Palliative team involved")
        assert (waiting.owner, waiting.proposed_by) == (None, ravi)
        assert not Decision.objects.standing().exists()
        confirmed = decide.confirm(case=waiting, by=samira, seen=waiting.lock, note="Agreed")
        assert confirmed.answers.note == "Palliative team involved"
        assert Decision.objects.standing().get() == confirmed.answers
        waiting.refresh_from_db()
        assert waiting.state == CaseState.DECIDED
        assert not Flag.objects.open().filter(case=waiting).exists()
        verbs = AuditEvent.objects.filter(verb__in=["case.propose", "case.confirm"])
        assert list(verbs.order_by("pk").values_list("verb", "actor")) == [
            ("case.propose", "Ravi Shah"),
            ("case.confirm", "Samira Okafor"),
        ]

    def test_nobody_confirms_their_own(self, urgent, ravi):
        waiting = propose(urgent, ravi)
        with pytest.raises(NotAllowed, match="Another reviewer"):
            decide.confirm(case=waiting, by=ravi, seen=waiting.lock)
        with pytest.raises(NotAllowed, match="Take it back"):
            decide.send_back(case=waiting, reason="No", by=ravi, seen=waiting.lock)

    def test_nor_what_they_prescribed(self, harbour, both, ravi):
        waiting = propose(make.urgent_case(harbour, logged_by=both), ravi)
        with pytest.raises(NotAllowed, match="your own prescription"):
            decide.confirm(case=waiting, by=both, seen=waiting.lock)

    def test_sent_back_it_is_the_proposers_again_with_the_reason(self, urgent, ravi, samira):
        waiting = propose(urgent, ravi)
        with pytest.raises(BadRecord, match="reason"):
            decide.send_back(case=waiting, reason=" ", by=samira, seen=waiting.lock)
        back = decide.send_back(
            case=waiting, reason="No naloxone offer", by=samira, seen=waiting.lock
        )
        assert (back.state, back.owner) == (CaseState.CLAIMED, ravi)
        assert Flag.objects.open().filter(case=back).exists()
        assert not Decision.objects.standing().exists()
        decide.decide(case=back, outcomes=outcomes(back), by=ravi, seen=back.lock)
        assert Decision.objects.standing().count() == 1

    def test_two_windows_one_answer(self, urgent, ravi, samira):
        waiting = propose(urgent, ravi)
        seen = waiting.lock
        decide.confirm(case=waiting, by=samira, seen=seen)
        with pytest.raises(Stale):
            decide.send_back(case=waiting, reason="Wait", by=samira, seen=seen)
        assert Decision.objects.filter(answers__isnull=False).count() == 1

    def test_what_is_new_since_the_proposal_is_not_confirmed_with_it(
        self, urgent, clara, ravi, samira
    ):
        waiting = propose(urgent, ravi)
        make.prescription(waiting.patient, clara, "Zopiclone 7.5 mg tablets", start=-3, days=14)
        screen.drain()
        waiting.refresh_from_db()
        with pytest.raises(Stale, match="new since the proposal"):
            decide.confirm(case=waiting, by=samira, seen=waiting.lock)
        back = decide.send_back(case=waiting, reason="New flag", by=samira, seen=waiting.lock)
        assert back.state == CaseState.CLAIMED

    def test_a_day_that_has_come_is_not_confirmed(self, urgent, ravi, samira, monkeypatch):
        given = outcomes(urgent, Outcome.CONTINUE, Reason.BENEFIT_OUTWEIGHS, make.day(2))
        decide.decide(case=urgent, outcomes=given, by=ravi, seen=urgent.lock)
        urgent.refresh_from_db()
        the_day = given[0].until
        monkeypatch.setattr("django.utils.timezone.localdate", lambda *_: the_day)
        with pytest.raises(Stale, match="has come"):
            decide.confirm(case=urgent, by=samira, seen=urgent.lock)

    def test_a_case_that_clears_while_it_waits_is_closed(self, urgent, clara, ravi):
        waiting = propose(urgent, ravi)
        for line in waiting.patient.prescriptions.live():
            prescribe.withdraw(
                prescription=line, status="entered-in-error", reason="Wrong patient", by=clara
            )
        screen.drain()
        waiting.refresh_from_db()
        assert waiting.state == CaseState.CLEARED


class TestUndo:
    def test_the_flags_are_open_again_and_both_decisions_stay(self, case, ravi, samira):
        decided = decide.decide(case=case, outcomes=outcomes(case), by=ravi, seen=case.lock)
        items = decided.items.count()
        with pytest.raises(BadRecord, match="reason"):
            decide.undo(case=decided.case, reason="", by=samira, seen=decided.case.lock)
        reopened = decide.undo(
            case=decided.case, reason="Wrong patient", by=samira, seen=decided.case.lock
        )
        assert (reopened.state, reopened.owner, reopened.closed_at) == (
            CaseState.CLAIMED,
            samira,
            None,
        )
        assert Flag.objects.open().filter(case=case).count() == items
        answer = Decision.objects.get(kind=Decision.Kind.UNDONE)
        assert (answer.answers, answer.by, answer.note) == (decided, samira, "Wrong patient")
        assert not Decision.objects.standing().exists()
        screen.drain()
        reopened.refresh_from_db()
        assert reopened.flag_count == items
        again = decide.decide(
            case=reopened, outcomes=outcomes(reopened), by=samira, seen=reopened.lock
        )
        assert Decision.objects.standing().get() == again

    def test_only_on_the_day(self, case, ravi, monkeypatch):
        decided = decide.decide(case=case, outcomes=outcomes(case), by=ravi, seen=case.lock)
        monkeypatch.setattr(conclusions, "may_undo", lambda _: False)
        with pytest.raises(IllegalMove, match="on the day"):
            decide.undo(case=decided.case, reason="Late", by=ravi, seen=decided.case.lock)

    @pytest.mark.parametrize(("hours", "may"), [(0, True), (-24, False)])
    def test_the_day_is_that_of_the_practice(self, hours, may):
        made = Decision(decided_at=timezone.now() + timedelta(hours=hours))
        assert conclusions.may_undo(made) == may

    def test_a_proposal_is_taken_back_at_any_time(self, harbour, clara, ravi, monkeypatch):
        waiting = propose(make.urgent_case(harbour, logged_by=clara), ravi)
        monkeypatch.setattr(conclusions, "may_undo", lambda _: False)
        mine = decide.undo(case=waiting, reason="Spoke to her again", by=ravi, seen=waiting.lock)
        assert (mine.state, mine.owner) == (CaseState.CLAIMED, ravi)

    def test_a_confirmed_one_is_undone_as_a_whole(self, harbour, clara, ravi, samira):
        waiting = propose(make.urgent_case(harbour, logged_by=clara), ravi)
        flags = Flag.objects.open().filter(case=waiting).count()
        decide.confirm(case=waiting, by=samira, seen=waiting.lock)
        waiting.refresh_from_db()
        decide.undo(case=waiting, reason="Mistaken", by=samira, seen=waiting.lock)
        assert Flag.objects.open().filter(case=waiting).count() == flags
        assert not Decision.objects.standing().exists()

    def test_with_another_case_open_screening_brings_the_flags_into_that_one(
        self, case, clara, ravi
    ):
        decided = decide.decide(case=case, outcomes=outcomes(case), by=ravi, seen=case.lock)
        titles = {item.flag.title for item in decided.items.select_related("flag")}
        make.prescription(
            case.patient, clara, "Morphine 10 mg tablets", start=-1, days=7, indication="pain"
        )
        screen.drain()
        other = Case.objects.open().get(patient=case.patient)
        old = Case.objects.get(pk=decided.case_id)
        undone = decide.undo(case=old, reason="Mistaken", by=ravi, seen=old.lock)
        assert undone.state == CaseState.DECIDED
        screen.drain()
        back = set(Flag.objects.open().filter(case=other).values_list("title", flat=True))
        assert titles & back

    def test_nothing_is_undone_twice(self, case, ravi):
        decided = decide.decide(case=case, outcomes=outcomes(case), by=ravi, seen=case.lock)
        mine = decide.undo(case=decided.case, reason="Slip", by=ravi, seen=decided.case.lock)
        with pytest.raises(IllegalMove):
            decide.undo(case=mine, reason="Slip", by=ravi, seen=mine.lock)


class TestExempting:
    """A decision that grants an exemption, in the same transaction."""

    KIND = {"exemption_kind": "specialist", "evidence": "Dr Osei, sleep clinic, 3 March"}

    def exempting(self, case, **changes):
        given = {**self.KIND, "until": make.day(180), **changes}
        duration = Flag.objects.open().get(case=case, rule_id="DUR-01")
        return [
            FlagOutcome(flag.pk, Outcome.EXEMPT, Reason.SPECIALIST_CARE, **given)
            if flag == duration
            else FlagOutcome(flag.pk, Outcome.TAPER, Reason.AGREED_WITH_PATIENT)
            for flag in Flag.objects.open().filter(case=case)
        ]

    def test_the_exemption_is_there_and_says_which_decision(self, case, ravi):
        decided = decide.decide(case=case, outcomes=self.exempting(case), by=ravi, seen=case.lock)
        exemption = Exemption.objects.get()
        assert (exemption.kind, exemption.expires_on) == ("specialist", make.day(180))
        assert (exemption.decision, exemption.owner) == (decided, ravi)
        assert exemption.evidence == self.KIND["evidence"]
        flag = Flag.objects.get(rule_id="DUR-01")
        assert flag.settled_until == make.day(90)  # the flag itself no longer than its severity

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"exemption_kind": ""}, "choose an exemption"),
            ({"exemption_kind": "alcohol_withdrawal"}, "changes this rule"),
            ({"evidence": " "}, "who confirmed"),
            ({"until": None}, "needs its last day"),
            ({"until": make.on_day(366)}, "not after"),
        ],
    )
    def test_it_needs_a_kind_that_helps_evidence_and_a_day(self, case, ravi, changes, reason):
        given = self.exempting(case, **changes)
        with pytest.raises(BadRecord, match=reason):
            decide.decide(case=case, outcomes=given, by=ravi, seen=case.lock)
        assert not Exemption.objects.exists()

    def test_nothing_is_granted_when_the_decision_fails(self, case, ravi, monkeypatch):
        monkeypatch.setattr(exemptions, "_tell", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            decide.decide(case=case, outcomes=self.exempting(case), by=ravi, seen=case.lock)
        assert not Exemption.objects.exists()
        assert not Decision.objects.exists()

    def test_whoever_may_decide_but_not_exempt_grants_nothing(self, case, ravi, monkeypatch):
        monkeypatch.setitem(access.GRANTS, Action.EXEMPT, Grant(frozenset()))
        with pytest.raises(NotAllowed, match="exempt patients"):
            decide.decide(case=case, outcomes=self.exempting(case), by=ravi, seen=case.lock)
        assert not Exemption.objects.exists()
        assert not Decision.objects.exists()

    def test_undone_it_ends_and_the_rule_is_asked_again(self, case, ravi):
        decided = decide.decide(case=case, outcomes=self.exempting(case), by=ravi, seen=case.lock)
        screen.drain()
        assert not Flag.objects.live().filter(rule_id="DUR-01", severity__lt=4).exists()
        closed = decided.case
        closed.refresh_from_db()
        decide.undo(case=closed, reason="Letter is for another", by=ravi, seen=closed.lock)
        assert Exemption.objects.get().ended_at
        screen.drain()
        assert Flag.objects.open().filter(rule_id="DUR-01", severity__lt=4).exists()

    def test_on_an_urgent_flag_nothing_is_granted_before_the_second_person(
        self, harbour, clara, ravi, samira
    ):
        urgent = make.urgent_case(harbour, logged_by=clara)
        given = [
            FlagOutcome(
                flag.pk,
                Outcome.EXEMPT,
                Reason.SPECIALIST_CARE,
                make.day(60),
                "palliative",
                "Hospice letter, 1 November",
            )
            for flag in Flag.objects.open().filter(case=urgent)
        ]
        decide.decide(case=urgent, outcomes=given, by=ravi, seen=urgent.lock)
        assert not Exemption.objects.exists()
        urgent.refresh_from_db()
        decide.confirm(case=urgent, by=samira, seen=urgent.lock)
        assert Exemption.objects.get().evidence == "Hospice letter, 1 November"


class TestWhatTheFormStartsFrom:
    def test_an_urgent_flag_starts_empty(self):
        flag = Flag(rule_id="OPI-01", severity=1)
        assert conclusions.preset(flag, make.day()) == ("", "", None)

    @pytest.mark.parametrize(("severity", "days"), [(2, 28), (3, 90)])
    def test_any_other_only_says_that_somebody_looks_again(self, severity, days):
        flag = Flag(rule_id="DUR-01", severity=severity)
        assert conclusions.preset(flag, make.day()) == (
            Outcome.REVIEW,
            Reason.LOOKED_AT,
            make.day(days),
        )

    def test_missing_data_start_on_the_way_to_the_data_list(self):
        flag = Flag(rule_id="DQ-03", severity=2)
        outcome, reason, _day = conclusions.preset(flag, make.day())
        assert (outcome, reason) == (Outcome.DATA_WRONG, Reason.MEDICINE_WRONG)

    def test_taken_without_thought_it_comes_back(self, case, clara, ravi):
        make.prescription(case.patient, clara, start=1, days=28)
        screen.drain()
        case.refresh_from_db()
        given = [
            FlagOutcome(flag.pk, *conclusions.preset(flag, make.day()))
            for flag in Flag.objects.open().filter(case=case)
        ]
        decide.decide(case=case, outcomes=given, by=ravi, seen=case.lock)
        for days, back in ((28, False), (29, True)):
            screen.requests.enqueue([case.patient_id], reason="test")
            screen.drain(as_of=make.day(days))
            assert Flag.objects.open().filter(rule_id="DUR-01").exists() == back, days

    def test_an_urgent_flag_cannot_be_kept_under_review(self, harbour, clara, ravi):
        urgent = make.urgent_case(harbour, logged_by=clara)
        given = outcomes(urgent, Outcome.REVIEW, Reason.LOOKED_AT, make.day(7))
        with pytest.raises(BadRecord, match="more than another look"):
            decide.decide(case=urgent, outcomes=given, by=ravi, seen=urgent.lock)


@pytest.mark.parametrize(
    "verb",
    ["claim", "release", "decide", "snooze", "escalate", "confirm", "send back", "undo"],
)
def test_only_reviewers_of_the_practice(case, clara, audrey, lakeside, verb):
    stranger = make.person("stranger", lakeside, "reviewer")
    for by in (clara, audrey, stranger):
        with pytest.raises(NotAllowed):
            act(case, Move(verb), by)


def test_a_snooze_is_bounded_and_reasoned(case, ravi):
    with pytest.raises(BadRecord, match="not after"):
        caseload.snooze(case=case, until=make.day(91), reason="Later", by=ravi, seen=case.lock)
    with pytest.raises(BadRecord, match="reason"):
        caseload.snooze(case=case, until=make.day(5), reason=" ", by=ravi, seen=case.lock)


def test_a_snoozed_case_wakes_on_its_day_or_when_worse(case, ravi, clara):
    asleep = caseload.snooze(
        case=case, until=make.day(5), reason="Letter due", by=ravi, seen=case.lock
    )
    assert screen.sweep(as_of=make.day(5)) == 1
    screen.drain(as_of=make.day(5))
    asleep.refresh_from_db()
    assert asleep.state == CaseState.QUEUED

    asleep = caseload.snooze(
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

    def test_a_second_person_who_is_the_first(self, harbour, clara, ravi, samira):
        waiting = propose(make.urgent_case(harbour, logged_by=clara), ravi)
        answer = {
            "case": waiting,
            "patient": waiting.patient,
            "practice": harbour,
            "kind": Decision.Kind.CONFIRMED,
            "answers": Decision.objects.get(),
        }
        with pytest.raises(DatabaseError, match="another person"), transaction.atomic():
            Decision.objects.create(by=ravi, **answer)
        Decision.objects.create(by=samira, **answer)
        with pytest.raises(IntegrityError), transaction.atomic():
            Decision.objects.create(by=samira, **answer)

    def test_an_answer_to_nothing_or_taken_back_without_a_word(self, decided, ravi):
        same = {"case": decided.case, "patient": decided.patient, "practice": decided.practice}
        for wrong in (
            {"kind": Decision.Kind.UNDONE, "note": "Slip"},
            {"kind": Decision.Kind.UNDONE, "answers": decided},
            {"kind": Decision.Kind.DECIDED, "answers": decided},
        ):
            with pytest.raises(IntegrityError), transaction.atomic():
                Decision.objects.create(by=ravi, **same, **wrong)

    def test_a_proposal_by_nobody(self, case):
        with pytest.raises(IntegrityError), transaction.atomic():
            Case.objects.update(state=CaseState.PROPOSED)

    def test_an_exemption_without_evidence(self, decided):
        other = Flag.objects.exclude(decisions__decision=decided).first()
        item = decided.items.first()
        item.pk, item.outcome, item.flag = None, Outcome.EXEMPT, other
        with pytest.raises(IntegrityError), transaction.atomic():
            item.save(force_insert=True)

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
