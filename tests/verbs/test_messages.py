"""Messages between the people of a case: asked, answered, done, promised, reminded, taken back."""

from datetime import datetime, timedelta

import pytest
from django.core import mail
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from reviews import messaging, rulebooks, service_levels
from reviews.conclusions import FlagOutcome
from reviews.errors import BadRecord, IllegalMove, NotAllowed
from reviews.messaging import Draft
from reviews.models import AuditEvent, Case, CaseState, Decision, Flag, Membership, Message, Role
from reviews.queries import medicines, work
from reviews.queries import messages as said
from reviews.verbs import caseload, decide, messages, prescribe, screen
from tests import make


@pytest.fixture
def urgent(harbour, clara):
    return make.urgent_case(harbour, logged_by=clara)


def ask(case, by, to, text="Could the morphine be shorter?"):
    return messages.write(case=case, draft=Draft(text=text, to=to), by=by)


def answer(message, by, kind="will_do", **more):
    more = {"promised_on": make.day(2), **more} if kind == "will_do" else more
    return messages.answer(message=message, answer=kind, by=by, **more)


def waits_for(user):
    return list(messaging.waiting_for(user))


def outcomes(case, outcome="refer", reason="service_needed"):
    flags = Flag.objects.open().filter(case=case)
    return [FlagOutcome(flag.pk, outcome, reason) for flag in flags]


def decided(case, by, draft, **more):
    return decide.decide(
        case=case, outcomes=outcomes(case, **more), by=by, seen=case.lock, message=draft
    )


def test_a_decision_carries_a_message_and_the_answer_comes_back(urgent, ravi, clara):
    decision = decided(urgent, ravi, Draft(text="Please shorten the morphine", to=clara))
    [message] = waits_for(clara)
    assert (message.decision, message.carried_by, message.severity) == (decision, "decision", 1)
    assert any("Morphine" in text for text in message.sight["medicines"])
    assert message.sight["matters"]
    assert waits_for(ravi) == []
    made = answer(message, clara, text="On Monday")
    assert (made.to, made.answers) == (ravi, message)
    assert waits_for(clara) == []
    assert list(messaging.came_back_to(ravi)) == [made]
    assert list(messaging.promises_of(clara)) == [made]
    messages.see(case=urgent, by=ravi)
    assert not messaging.came_back_to(ravi)
    verbs = AuditEvent.objects.filter(verb__startswith="message.").values_list("verb", flat=True)
    assert set(verbs) == {"message.sent", "message.answered"}


def test_a_proposal_carries_one_too_and_undoing_takes_it_back(urgent, ravi, clara):
    draft = Draft(text="Anything against going on?", to=clara)
    decision = decided(urgent, ravi, draft, outcome="continue", reason="benefit_outweighs")
    assert decision.kind == Decision.Kind.PROPOSED
    [message] = waits_for(clara)
    assert message.carried_by == "proposal"
    urgent.refresh_from_db()
    decide.undo(case=urgent, reason="Wrong patient in mind", by=ravi, seen=urgent.lock)
    assert waits_for(clara) == []
    message.refresh_from_db()
    assert not message.waits


def test_who_answered_what_was_taken_back_is_told(urgent, ravi, clara):
    decided(urgent, ravi, Draft(text="Please shorten it", to=clara))
    answer(waits_for(clara)[0], clara)
    urgent.refresh_from_db()
    decide.undo(case=urgent, reason="Too early", by=ravi, seen=urgent.lock)
    told = Message.objects.get(to=clara, answers__by=clara)
    assert "taken back" in told.text
    assert not messaging.promises_of(clara)


def test_an_escalated_case_is_answered_and_comes_back(urgent, ravi, clara):
    caseload.escalate(
        case=urgent, to="clinician", person=clara, reason="Your call", by=ravi, seen=urgent.lock
    )
    [message] = waits_for(clara)
    assert list(work.escalated(clara)) == [urgent]
    answer(message, clara, "not_appropriate", because="specialist_advice", text="Palliative care")
    urgent.refresh_from_db()
    assert (urgent.state, urgent.escalated_to) == (CaseState.QUEUED, "")
    assert list(messaging.came_back_to(ravi)) == [Message.objects.get(answer="not_appropriate")]
    assert work.said_of([urgent])[urgent.pk].startswith("Answered by Clara Moreau")


def test_what_is_escalated_by_name_is_not_everybodys(harbour, urgent, ravi, clara):
    other = make.person("otto", harbour, Role.CLINICIAN)
    caseload.escalate(
        case=urgent, to="clinician", person=clara, reason="Yours", by=ravi, seen=urgent.lock
    )
    assert list(work.escalated(clara)) == [urgent]
    assert not work.escalated(other)
    assert waits_for(other) == []
    # A colleague can stand in all the same.
    answer(waits_for(clara)[0], other)
    urgent.refresh_from_db()
    assert urgent.state == CaseState.QUEUED


def test_a_role_is_asked_and_whoever_holds_it_answers(harbour, urgent, ravi, clara):
    other = make.person("otto", harbour, Role.CLINICIAN)
    caseload.escalate(case=urgent, to="clinician", reason="Anybody", by=ravi, seen=urgent.lock)
    [message] = waits_for(clara)
    assert waits_for(other) == [message]
    assert waits_for(ravi) == []
    answer(message, other)
    assert waits_for(clara) == []
    with pytest.raises(IllegalMove, match="already"):
        answer(message, clara)


def test_deciding_an_escalated_case_asks_nobody_any_more(urgent, ravi, clara):
    caseload.escalate(case=urgent, to="clinician", reason="Yours", by=ravi, seen=urgent.lock)
    urgent.refresh_from_db()
    decided(urgent, ravi, None)
    assert waits_for(clara) == []


def test_an_amended_prescription_is_the_answer(urgent, ravi, clara):
    morphine = urgent.patient.prescriptions.live().get(medicine__text__startswith="Morphine")
    ask(urgent, ravi, clara)
    changed = make.record("Morphine 10 mg tablets", start=-1, days=2, indication="pain")
    prescribe.amend(prescription=morphine, record=changed, by=clara)
    assert waits_for(clara) == []
    made = Message.objects.get(answer="done")
    assert (made.did, made.by, made.to) == ("amended", clara, ravi)


def test_another_medicine_or_somebody_else_is_no_answer(harbour, urgent, ravi, clara):
    other = make.person("otto", harbour, Role.CLINICIAN)
    make.prescription(urgent.patient, clara, "Paracetamol 500 mg tablets", indication="pain")
    message = ask(urgent, ravi, clara)
    unrelated = urgent.patient.prescriptions.live().get(medicine__text__startswith="Paracetamol")
    record = make.record("Paracetamol 500 mg tablets", days=2, indication="pain")
    prescribe.amend(prescription=unrelated, record=record, by=clara)
    morphine = urgent.patient.prescriptions.live().get(medicine__text__startswith="Morphine")
    shorter = make.record("Morphine 10 mg tablets", start=-1, days=2, indication="pain")
    prescribe.amend(prescription=morphine, record=shorter, by=other)
    assert waits_for(clara) == [message]


def test_a_recorded_review_is_the_answer_and_keeps_a_promise(urgent, ravi, clara):
    first = ask(urgent, ravi, clara)
    promise = answer(first, clara)
    second = ask(urgent, ravi, clara, "And the diazepam?")
    make.review(urgent.patient, clara, outcome="declined", note="Rang")
    assert waits_for(clara) == [second]
    make.review(urgent.patient, clara)
    assert waits_for(clara) == []
    assert Message.objects.get(did="reviewed").answers == second
    promise.refresh_from_db()
    assert promise.kept_at is not None
    assert not messaging.promises_of(clara)


def test_a_question_goes_back_and_the_reply_closes_it(urgent, ravi, clara):
    asked = answer(ask(urgent, ravi, clara), clara, "question", text="Which first?")
    assert waits_for(ravi) == [asked]
    draft = Draft(text="Diazepam first", to=clara)
    reply = messages.write(case=urgent, draft=draft, by=ravi, asks=False)
    assert reply.answers == asked
    assert waits_for(ravi) == waits_for(clara) == []
    assert [event.message for event in said.events(urgent, said.thread(urgent))][-1] == reply


def test_a_promise_is_kept_by_whoever_made_it(urgent, ravi, clara):
    made = answer(ask(urgent, ravi, clara), clara)
    with pytest.raises(NotAllowed):
        messages.keep(message=made, by=ravi)
    messages.keep(message=made, by=clara)
    assert not messaging.promises_of(clara)


def test_only_who_asked_closes_and_nobody_answers_themselves(urgent, ravi, clara, samira):
    message = ask(urgent, ravi, clara)
    for somebody in (clara, samira):
        with pytest.raises(NotAllowed):
            messages.close(message=message, by=somebody)
    with pytest.raises(NotAllowed):
        answer(message, ravi)
    messages.close(message=message, by=ravi)
    assert waits_for(clara) == []


@pytest.mark.parametrize(
    ("kind", "more", "field"),
    [
        ("perhaps", {}, "answer"),
        ("will_do", {"promised_on": None}, "promised_on"),
        ("will_do", {"promised_on": make.on_day(-1)}, "promised_on"),
        ("will_do", {"promised_on": make.on_day(91)}, "promised_on"),
        ("will_do", {"asks_back": True}, "text"),
        ("done", {}, "did"),
        ("done", {"did": "other"}, "text"),
        ("not_appropriate", {}, "because"),
        ("not_appropriate", {"because": "other", "text": " "}, "text"),
        ("question", {}, "text"),
        ("done", {"did": "spoken", "text": "x" * 4001}, "text"),
    ],
)
def test_an_answer_that_says_too_little_is_refused(urgent, ravi, clara, kind, more, field):
    message = ask(urgent, ravi, clara)
    with pytest.raises(BadRecord) as refused:
        answer(message, clara, kind, **more)
    assert refused.value.field == field
    assert waits_for(clara) == [message]


def test_whom_nobody_can_ask(urgent, ravi, clara, audrey, lakeside):
    doctor = make.person("doc", lakeside, Role.CLINICIAN)
    for to in (ravi, audrey, doctor):
        with pytest.raises(BadRecord) as refused:
            ask(urgent, ravi, to)
        assert refused.value.field == "message_to"
    with pytest.raises(BadRecord):
        messages.write(case=urgent, draft=Draft(text="?", to_role="auditor"), by=ravi)
    with pytest.raises(BadRecord):
        ask(urgent, ravi, clara, " ")
    for by in (audrey, doctor):
        with pytest.raises(NotAllowed):
            ask(urgent, by, clara)
    message = ask(urgent, ravi, clara)
    for by in (audrey, doctor):
        with pytest.raises(NotAllowed):
            answer(message, by)
    assert not Message.objects.exclude(pk=message.pk).exists()


def test_the_prescriber_of_what_is_flagged_is_named_first(harbour, urgent, ravi, clara):
    make.person("adele", harbour, Role.CLINICIAN)
    flags = list(Flag.objects.open().filter(case=urgent))
    people = said.addressees(urgent, flags, ravi).people
    assert people[0].name == "Clara Moreau"
    assert people[0].what == "prescriber"
    assert [each.key for each in people[-2:]] == ["role-clinician", "role-reviewer"]
    assert "Ravi Shah" not in [each.name for each in people]


@pytest.mark.parametrize(
    ("severity", "sent", "due"),
    [
        (1, (2026, 11, 28, 10, 21), (2026, 11, 30, 12, 0)),
        (1, (2026, 11, 27, 17, 0), (2026, 11, 30, 12, 0)),
        (2, (2026, 11, 27, 15, 0), (2026, 12, 4, 15, 0)),
        (3, (2026, 11, 27, 15, 0), (2026, 12, 11, 15, 0)),
    ],
)
def test_how_soon_an_answer_is_due(severity, sent, due):
    at = timezone.make_aware(datetime(*sent))  # noqa: DTZ001 made aware at once
    wanted = timezone.make_aware(datetime(*due))  # noqa: DTZ001 made aware at once
    assert service_levels.message_due(severity, at) == wanted


def test_reminders_name_nobody_and_go_once_a_day(urgent, ravi, clara):
    ask(urgent, ravi, clara, "Gordon Costa takes too much morphine")
    assert messages.remind() == 1
    [sent] = mail.outbox
    assert sent.to == [clara.email]
    whole = f"{sent.subject} {sent.body}"
    for detail in ("Bell", "Costa", "morphine", "Harbour", "S1", "cases/"):
        assert detail.lower() not in whole.lower(), detail
    assert "/my-work" in sent.body
    assert messages.remind() == 0
    overdue = make.day(10)
    assert messages.remind(day=overdue) == 1
    assert messages.remind(day=overdue) == 0
    assert messages.remind(day=overdue + timedelta(days=1)) == 1
    answer(waits_for(clara)[0], clara, "done", did="spoken")
    assert messages.remind(day=overdue + timedelta(days=2)) == 0


def test_a_promise_is_recalled_on_its_day(urgent, ravi, clara):
    answer(ask(urgent, ravi, clara), clara)
    assert messages.remind() == 0
    assert messages.remind(day=make.day(2)) == 1
    assert mail.outbox[-1].to == [clara.email]
    messages.keep(message=Message.objects.get(answer="will_do"), by=clara)
    assert messages.remind(day=make.day(3)) == 0


def test_whoever_left_is_not_written_to(urgent, ravi, clara):
    ask(urgent, ravi, clara)
    Membership.objects.filter(user=clara).update(ends_at=timezone.now())
    clara.__dict__.pop("_roles_by_practice", None)
    assert messages.remind() == 0
    assert [row.to for row in messaging.asked_by(ravi)] == [clara]


def test_no_mail_server_and_nothing_is_marked(urgent, ravi, clara, monkeypatch):
    ask(urgent, ravi, clara)

    def refuse(*_args, **_more):
        raise OSError("no mail server")

    monkeypatch.setattr(messages, "get_connection", refuse)
    assert messages.remind() == 0
    monkeypatch.undo()
    assert messages.remind() == 1


def test_the_database_keeps_what_was_said(urgent, ravi, clara):
    message = ask(urgent, ravi, clara)
    for change in ({"text": "other"}, {"to": ravi}, {"due_at": timezone.now()}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Message.objects.filter(pk=message.pk).update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        message.delete()
    said_nothing = {"case": urgent, "practice": urgent.practice, "by": ravi, "severity": 1}
    for wrong in ({"to": clara}, {"text": "x"}, {"text": "x", "to": clara, "to_role": "reviewer"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Message.objects.create(**said_nothing, **wrong)


def test_what_is_in_sight_is_what_the_page_of_the_person_says_is_in_hand(urgent, ravi, clara):
    """With repeats left, used up, and unknown to everybody but for a number of days."""
    patient = urgent.patient
    make.prescription(
        patient,
        clara,
        "Codeine 30 mg tablets",
        start=-60,
        days=28,
        repeats_allowed=5,
        valid_until=make.day(90),
    )
    make.prescription(patient, clara, "Codeine 15 mg tablets", start=-60, days=28)
    make.prescription(patient, clara, "Somnorest 5 mg tablets", start=-60, days=7)
    make.prescription(patient, clara, "Calmorest 5 mg tablets", start=-2, days=7)
    rows, _ = medicines.of(patient, book=rulebooks.live()[1], as_of=make.day(0))
    in_hand = {row.prescription.medicine.text for row in rows if row.now}
    sight = said.sight_of([urgent])[urgent.pk].shown["medicines"]
    assert {text.partition(",")[0] for text in sight} == in_hand
    assert in_hand >= {"Codeine 30 mg tablets", "Calmorest 5 mg tablets"}
    assert not in_hand & {"Codeine 15 mg tablets", "Somnorest 5 mg tablets"}


def test_what_is_in_sight_costs_the_same_for_many(harbour, clara, ravi, urgent):
    cases = [urgent, *(make.flagged_case(harbour, logged_by=clara) for _ in range(2))]
    for case in cases:
        ask(case, ravi, clara)
    screen.drain()
    counts = []
    for some in (cases[:1], cases):
        rows = Case.objects.select_related("patient__screening").filter(
            pk__in=[case.pk for case in some]
        )
        with CaptureQueriesContext(connection) as caught:
            said.sight_of(list(rows))
        counts.append(len(caught))
    assert counts[0] == counts[1]
