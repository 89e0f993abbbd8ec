"""Whose a record is: what waits, who is asked, what becomes of it; merging, and undoing that."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from reviews import bulk, versions, waiting
from reviews.errors import BadRecord, IllegalMove, NotAllowed, Stale
from reviews.models import (
    AuditEvent,
    Case,
    Condition,
    Exemption,
    Flag,
    Identifier,
    IdentityQuestion,
    KeptApart,
    Patient,
    Prescription,
    Reading,
    ScreeningRequest,
    Taper,
    WaitingRecord,
)
from reviews.queries.identity import with_records_waiting
from reviews.verbs import exempt, identity, prescribe, screen, sync
from tests import make
from tests.api import sent
from tests.verbs.test_taper import planned, supply

NHS = "https://fhir.nhs.uk/Id/nhs-number"
NUMBER, OTHER = "9990000018", "9434765919"
Answer, Cause = IdentityQuestion.Answer, IdentityQuestion.Cause


def who(number=NUMBER, system=NHS, **said):
    return {"identifiers": [{"system": system, "value": number}], **said}


EDITH = {
    "family_name": "Harrow",
    "given_name": "Edith",
    "birth_date": "1938-04-01",
    "sex": "female",
}
KOFI = {"family_name": "Pym", "given_name": "Kofi", "birth_date": "2009-09-09", "sex": "male"}
AMA = {"family_name": "Pym", "given_name": "Ama", "birth_date": "1971-09-09", "sex": "female"}


def send(by, *rows, verb=sync.prescriptions, source="ehr"):
    return verb(rows=enumerate(rows), source_system=source, by=by)


def diazepam(source_id, patient, **changes):
    return sent.prescription(source_id, patient=patient, **changes)


def morphine(source_id, patient, **changes):
    return sent.prescription(
        source_id,
        patient=patient,
        medicine="Morphine 10 mg tablets",
        codings=[],
        indication="pain",
        start=-5,
        days=14,
        **changes,
    )


def settle(question, answer, by, **given):
    return identity.settle(question=question, answer=answer, by=by, how="sender", **given)


@pytest.fixture
def edith(harbour, ehr):
    send(ehr, diazepam("rx-1", who(**EDITH)))
    ScreeningRequest.objects.all().delete()
    return Patient.objects.get()


@pytest.fixture
def question(edith, ehr):
    """A record for Kofi Pym has come with Edith Harrow's number."""
    send(ehr, morphine("rx-2", who(**KOFI)))
    return IdentityQuestion.objects.open().get()


# -- One number, one person ----------------------------------------------------------------------


def test_one_number_printed_in_six_ways_is_one_person(harbour, ehr):
    ways = [
        (NHS, "943 476 5919"),
        (NHS, "9434765919"),
        ("https://fhir.nhs.uk/id/nhs-number", "9434765919"),
        (NHS, " 9434765919"),
        (NHS, "9434765919\u200d"),
        (NHS, "943-476-5919"),
    ]
    send(
        ehr,
        *(
            diazepam(f"rx-{n}", who(value, system, **EDITH))
            for n, (system, value) in enumerate(ways)
        ),
    )
    assert Patient.objects.get().prescriptions.count() == len(ways)
    assert Identifier.objects.get().value == "9434765919"


def test_what_two_spellings_hid_is_found_together(harbour, ehr):
    send(ehr, diazepam("rx-1", who("943 476 5919", **EDITH)))
    send(ehr, morphine("rx-2", who("9434765919", **EDITH)))
    screen.drain()
    assert Case.objects.open().get().severity == 1


def test_an_old_number_names_its_person_and_is_kept_as_old(harbour, ehr):
    send(ehr, diazepam("rx-1", who("A1", "urn:x:mrn", **EDITH)))
    both = [
        {"system": "urn:x:mrn", "value": "B2"},
        {"system": "urn:x:mrn", "value": "A1", "use": "old"},
    ]
    assert send(ehr, diazepam("rx-2", {"identifiers": both})).waiting == 0
    assert set(Identifier.objects.values_list("value", "use", "patient")) == {
        ("A1", "old", Patient.objects.get().pk),
        ("B2", "", Patient.objects.get().pk),
    }


# -- Held whole ----------------------------------------------------------------------------------


def test_a_record_of_somebody_else_under_a_number_waits_and_changes_nothing(edith, ehr):
    before = Patient.objects.values().get()
    result = send(ehr, morphine("rx-2", who(**KOFI)), diazepam("rx-3", who(OTHER, **AMA)))
    assert (result.created, result.waiting, result.refused) == (1, 1, 0)
    assert [(wait.index, wait.source_id) for wait in result.waits] == [(0, "rx-2")]
    assert "name, birth date, sex" in result.waits[0].reason
    now = Patient.objects.values().get(pk=edith.pk)
    assert now | {"updated_at": None} == before | {"updated_at": None}
    assert [line.source_id for line in edith.prescriptions.all()] == ["rx-1"]
    question = IdentityQuestion.objects.get()
    assert (question.cause, question.differs, list(question.patients.all())) == (
        Cause.CONTRADICTION,
        ["name", "birth_date", "sex"],
        [edith],
    )
    kept = WaitingRecord.objects.get()
    assert (kept.kind, kept.source_id, kept.sent_by) == ("prescriptions", "rx-2", ehr)
    assert kept.content["medicine"] == "Morphine 10 mg tablets"
    assert list(waiting.about(edith)) == [question]


def waits_for(*patients):
    counted = with_records_waiting(Patient.objects.all()).in_bulk([one.pk for one in patients])
    for one in patients:
        assert bool(waiting.about(one)) == bool(counted[one.pk].records_waiting)
    return [counted[one.pk].records_waiting for one in patients]


def test_who_the_record_says_it_is_is_told_too(edith, ehr, ravi):
    send(ehr, diazepam("rx-5", who(OTHER, **KOFI)), diazepam("rx-6", who("9434765870", **AMA)))
    kofi, ama = (Patient.objects.get(given_name=name) for name in ("Kofi", "Ama"))
    long_ago = Patient.objects.values_list("updated_at", flat=True).get(pk=kofi.pk)
    typed = KOFI | {"family_name": "PYM", "given_name": "Kófi"}
    send(ehr, morphine("rx-2", who(**typed)), morphine("rx-3", who(**typed)))
    assert waits_for(edith, kofi, ama) == [2, 2, 0]
    kofi.refresh_from_db()
    assert kofi.updated_at > long_ago, "who follows changes learns of it"
    asked = kofi.updated_at
    settle(IdentityQuestion.objects.get(), Answer.APART, ravi, patient=kofi)
    assert waits_for(edith, kofi, ama) == [0, 0, 0]
    kofi.refresh_from_db()
    assert kofi.updated_at > asked


def test_who_is_registered_later_is_told_of_what_waits_already(question, edith, ehr, lakeside):
    send(ehr, who(OTHER, **KOFI), who("9434765870", **AMA), verb=sync.patients)
    kofi, ama = (Patient.objects.get(given_name=name) for name in ("Kofi", "Ama"))
    assert waits_for(edith, kofi, ama) == [1, 1, 0]
    far = make.patient(
        lakeside, make.person("doc", lakeside, "clinician"), family_name="Pym", given_name="Kofi"
    )
    assert waits_for(far) == [0]


def test_who_is_on_file_is_told_of_a_record_under_a_number_that_cannot_be(edith, ehr):
    send(ehr, morphine("rx-2", who("9434765918", **EDITH)))
    assert waits_for(edith) == [1]


def test_the_same_again_waits_once_and_what_differs_replaces_it(question, ehr):
    send(ehr, morphine("rx-2", who(**KOFI)))
    assert WaitingRecord.objects.count() == 1
    send(ehr, morphine("rx-2", who(**KOFI), times_per_day=3))
    live = WaitingRecord.objects.get(ended_at__isnull=True)
    assert live.content["times_per_day"] == 3
    assert WaitingRecord.objects.count() == 2
    assert IdentityQuestion.objects.count() == 1


def test_everything_that_says_the_same_of_the_person_waits_under_one_question(question, ehr):
    send(ehr, sent.condition("c-1", patient=who(**KOFI)), verb=sync.conditions)
    send(ehr, sent.reading("o-1", patient=who(**KOFI)), verb=sync.readings)
    send(ehr, who(**KOFI), verb=sync.patients)
    assert IdentityQuestion.objects.count() == 1
    assert set(question.records.values_list("kind", flat=True)) == {
        "prescriptions",
        "conditions",
        "readings",
        "patients",
    }


FAITH = AMA | {"given_name": "Faith"}


def test_a_twin_under_the_number_of_the_other_waits(harbour, ehr, ravi):
    mrn = "urn:x:mrn"
    send(ehr, diazepam("rx-1", who("A1", mrn, **AMA)), diazepam("rx-2", who("B2", mrn, **FAITH)))
    ama, faith = Patient.objects.order_by("pk")
    assert send(ehr, morphine("rx-3", who("A1", mrn, **FAITH))).waiting == 1
    assert waits_for(ama, faith) == [1, 1]
    settle(IdentityQuestion.objects.get(), Answer.APART, ravi, patient=faith)
    assert {line.source_id for line in faith.prescriptions.live()} == {"rx-2", "rx-3"}
    again = send(ehr, morphine("rx-3", who("A1", mrn, **FAITH)), diazepam("rx-4", who("A1", mrn)))
    assert (again.unchanged, again.created, again.waiting) == (1, 1, 0)
    assert ama.prescriptions.live().count() == 2


def test_a_twin_who_is_not_known_yet_waits_under_the_number_of_the_other(harbour, ehr, ravi):
    send(ehr, diazepam("rx-1", who("A1", "urn:x:mrn", **AMA)))
    result = send(ehr, morphine("rx-3", who("A1", "urn:x:mrn", **FAITH)))
    assert [wait.reason for wait in result.waits] == [
        "waits: its number is of a patient of another name"
    ]
    ama = Patient.objects.get()
    assert (ama.given_name, ama.prescriptions.live().count()) == ("Ama", 1)
    settle(IdentityQuestion.objects.get(), Answer.APART, ravi)
    faith = Patient.objects.exclude(pk=ama.pk).get()
    assert [line.source_id for line in faith.prescriptions.live()] == ["rx-3"]


def test_a_given_name_that_was_changed_is_asked_about_once(harbour, ehr, ravi):
    send(ehr, diazepam("rx-1", who("A1", "urn:x:mrn", **AMA)))
    send(ehr, morphine("rx-3", who("A1", "urn:x:mrn", **FAITH)))
    settle(IdentityQuestion.objects.get(), Answer.SAME, ravi)
    assert Patient.objects.get().given_name == "Faith"
    again = send(
        ehr,
        morphine("rx-3", who("A1", "urn:x:mrn", **FAITH)),
        morphine("rx-4", who("A1", "urn:x:mrn", **FAITH)),
    )
    assert (again.unchanged, again.created, again.waiting) == (1, 1, 0)


@pytest.mark.parametrize("given", ["Amy", "Grace Ama", "A."])
def test_a_nickname_or_a_second_given_name_is_taken_over(harbour, ehr, given):
    send(ehr, diazepam("rx-1", who("A1", "urn:x:mrn", **AMA)))
    said = AMA | {"given_name": given}
    assert send(ehr, morphine("rx-3", who("A1", "urn:x:mrn", **said))).waiting == 0
    assert Patient.objects.get().given_name == given


def test_one_name_is_one_name_whichever_it_is_called(harbour, ehr):
    for said in ({"given_name": "Suharto"}, {"family_name": "SUHARTO"}, {"given_name": "Suharto"}):
        send(ehr, diazepam("rx-1", who("A1", "urn:x:mrn", birth_date="1950-01-02", **said)))
    assert str(Patient.objects.get()) == "SUHARTO"
    both = {"family_name": "Widodo", "given_name": "Suharto"}
    send(ehr, diazepam("rx-1", who("A1", "urn:x:mrn", birth_date="1950-01-02", **both)))
    assert str(Patient.objects.get()) == "WIDODO, Suharto"


def test_a_record_that_comes_again_without_the_contradiction_waits_no_more(question, edith, ehr):
    send(ehr, morphine("rx-2", who(OTHER, **KOFI)))
    assert not WaitingRecord.objects.filter(ended_at__isnull=True).exists()
    question.refresh_from_db()
    assert (question.answer, question.settled_by) == (Answer.WITHDRAWN, None)
    assert Prescription.objects.get(source_id="rx-2").patient != edith


def test_a_person_who_waits_goes_with_the_last_record_that_waited_beside(question, ehr):
    send(ehr, who(**KOFI), verb=sync.patients)
    send(ehr, morphine("rx-3", who(**KOFI)))
    send(ehr, who(OTHER, **KOFI), verb=sync.patients)
    send(ehr, morphine("rx-2", who(OTHER, **KOFI)))
    assert IdentityQuestion.objects.open().get() == question
    send(ehr, morphine("rx-3", who(OTHER, **KOFI)))
    assert not IdentityQuestion.objects.open()
    assert not WaitingRecord.objects.filter(ended_at__isnull=True).exists()


def test_a_number_that_fails_its_check_names_nobody(harbour, ehr):
    result = send(ehr, diazepam("rx-1", who("9434765918", **EDITH)))
    assert (result.waiting, Patient.objects.count()) == (1, 0)
    assert IdentityQuestion.objects.get().cause == Cause.NUMBER
    two = [{"system": NHS, "value": "9434765918"}, {"system": "urn:x:mrn", "value": "7"}]
    assert send(ehr, diazepam("rx-2", {"identifiers": two, **EDITH})).created == 1
    assert Identifier.objects.get().value == "7", "another number names her"


def test_who_waits_costs_the_same_few_statements_however_many_they_are(edith, ehr):
    def statements(name, number):
        rows = [
            morphine(f"{name}{n}", who(**KOFI | {"given_name": f"K{n}"})) for n in range(number)
        ]
        with CaptureQueriesContext(connection) as queries:
            assert send(ehr, *rows).waiting == number
        return [query["sql"][:90] for query in queries]

    statements("warm", 1)
    few, many = statements("few", 2 * (bulk.FEW + 1)), statements("many", 60)
    assert len(many) <= len(few), many


# -- Settled -------------------------------------------------------------------------------------


def test_another_person_is_registered_without_the_number_and_screened(question, edith, ehr, ravi):
    settle(question, Answer.APART, ravi, note="Typed from the wrong label.")
    kofi = Patient.objects.exclude(pk=edith.pk).get()
    assert (kofi.family_name, kofi.identifiers.count()) == ("Pym", 0)
    assert [line.source_id for line in kofi.prescriptions.all()] == ["rx-2"]
    assert kofi.prescriptions.get().recorded_by == ehr, "as its source sent it"
    assert edith.identifiers.get().value == NUMBER
    assert kofi.pk in ScreeningRequest.objects.values_list("patient", flat=True)
    assert not WaitingRecord.objects.filter(ended_at__isnull=True).exists()
    told = AuditEvent.objects.filter(verb="identity.settled")
    assert {event.patient_id for event in told} == {edith.pk, kofi.pk}
    assert told[0].detail["records"] == 1


def test_what_was_settled_is_not_asked_again(question, edith, ehr, ravi):
    settle(question, Answer.APART, ravi)
    again = send(ehr, morphine("rx-2", who(**KOFI)), morphine("rx-4", who(**KOFI)))
    assert (again.unchanged, again.created, again.waiting) == (1, 1, 0)
    own = send(ehr, diazepam("rx-5", who(**EDITH)))
    assert (own.created, own.waiting) == (1, 0)
    assert edith.prescriptions.count() == 2
    assert send(ehr, morphine("rx-6", who(**AMA))).waiting == 1, "a third person is asked about"


def test_another_person_may_be_known_already(question, edith, ehr, ravi):
    send(ehr, diazepam("rx-9", who(OTHER, **KOFI)))
    kofi = Patient.objects.exclude(pk=edith.pk).get()
    settle(question, Answer.APART, ravi, patient=kofi)
    assert Patient.objects.count() == 2
    assert {line.source_id for line in kofi.prescriptions.all()} == {"rx-9", "rx-2"}


def test_the_same_person_where_everything_differs_needs_a_second_person(
    question, edith, ravi, samira
):
    settle(question, Answer.SAME, ravi)
    edith.refresh_from_db()
    assert edith.family_name == "Harrow", "one person's word is not enough"
    with pytest.raises(IllegalMove):
        settle(question, Answer.SAME, ravi)
    settle(question, Answer.SAME, samira)
    edith.refresh_from_db()
    assert (edith.family_name, edith.sex) == ("Pym", "male")
    assert edith.prescriptions.live().count() == 2
    assert edith.pk in ScreeningRequest.objects.values_list("patient", flat=True)


def test_the_same_person_where_less_differs_needs_one(edith, ehr, ravi):
    send(ehr, morphine("rx-2", who(**AMA)))
    question = IdentityQuestion.objects.get()
    assert question.differs == ["name", "birth_date"]
    settle(question, Answer.SAME, ravi)
    edith.refresh_from_db()
    assert edith.given_name == "Ama"


def test_what_was_said_to_be_the_same_is_not_asked_again(edith, ehr, ravi):
    send(ehr, morphine("rx-2", who(**AMA)))
    settle(IdentityQuestion.objects.get(), Answer.SAME, ravi)
    for source_id in ("rx-1", "rx-1", "rx-3"):
        send(ehr, diazepam(source_id, who(**EDITH)))
        if question := IdentityQuestion.objects.open().first():
            settle(question, Answer.SAME, ravi)
        assert send(ehr, morphine("rx-2", who(**AMA))).waiting == 0
    assert IdentityQuestion.objects.count() == 2, "once each way"
    assert send(ehr, morphine("rx-2", who(**AMA | {"sex": "male"}))).waiting == 0
    assert send(ehr, morphine("rx-2", who(**KOFI))).waiting == 1, "said of nobody else"


def test_a_number_that_was_wrong_on_file_goes_to_whose_it_is(question, edith, ehr, ravi):
    settle(question, Answer.NUMBER_WRONG, ravi)
    kofi = Patient.objects.exclude(pk=edith.pk).get()
    assert kofi.identifiers.get().value == NUMBER
    assert not edith.identifiers.exists()
    assert send(ehr, morphine("rx-2", who(**KOFI))).unchanged == 1
    assert send(ehr, diazepam("rx-1", who(**EDITH))).unchanged == 1, "her own feed still finds her"


def test_a_number_that_fails_its_check_is_believed_once_somebody_says_whose_it_is(
    harbour, ehr, ravi
):
    bad = who("9434765918", **EDITH)
    send(ehr, diazepam("rx-1", bad))
    settle(IdentityQuestion.objects.get(), Answer.APART, ravi)
    edith = Patient.objects.get()
    assert edith.prescriptions.count() == 1
    assert send(ehr, diazepam("rx-2", bad)).created == 1
    assert edith.prescriptions.count() == 2


def test_only_a_clinician_or_reviewer_of_the_practice_may_say(question, ehr, audrey, ada, lakeside):
    far = make.person("samira", lakeside)
    for person in (ehr, audrey, ada, far):
        with pytest.raises(NotAllowed):
            settle(question, Answer.APART, person)


def test_it_is_settled_once_and_with_how_it_is_known(question, edith, ravi):
    with pytest.raises(BadRecord, match="how"):
        identity.settle(question=question, answer=Answer.APART, by=ravi, how="")
    with pytest.raises(BadRecord, match="answer"):
        settle(question, Answer.MERGED, ravi)
    settle(question, Answer.APART, ravi)
    with pytest.raises(Stale):
        settle(question, Answer.APART, ravi)
    with pytest.raises(IntegrityError), transaction.atomic():
        IdentityQuestion.objects.create(practice=edith.practice, key="k", cause="mood", said={})


# -- Merge ---------------------------------------------------------------------------------------


@pytest.fixture
def two(harbour, ehr, clara, ravi):
    """One person under two numbers, with all that a person can have."""
    send(ehr, diazepam("rx-1", who("A1", "urn:x:mrn", **AMA)))
    send(ehr, morphine("rx-2", who("B2", "urn:x:mrn", **AMA | {"family_name": "Pym-Owusu"})))
    kept, gone = Patient.objects.order_by("pk")
    send(ehr, sent.condition("c-1", patient=who("A1", "urn:x:mrn")), verb=sync.conditions)
    send(ehr, sent.condition("c-1", patient=who("B2", "urn:x:mrn")), verb=sync.conditions)
    send(ehr, sent.reading("o-1", patient=who("B2", "urn:x:mrn")), verb=sync.readings)
    exempt.exempt(
        patient=gone,
        kind="palliative",
        evidence="Letter of the hospice.",
        expires_on=make.day(60),
        by=ravi,
    )
    screen.drain()
    return kept, gone


def record_of(patient):
    """All that stands of a person, apart from who wrote it when."""
    rows = {}
    for model in (Prescription, Condition, Reading):
        rows[model] = sorted(
            (versions.content(row) for row in model.objects.live().filter(patient=patient)), key=str
        )
    rows["numbers"] = sorted(patient.identifiers.values_list("system", "value", "use"))
    rows["exemptions"] = list(
        Exemption.objects.filter(patient=patient, ended_at__isnull=True).values_list(
            "kind", "evidence", "order_ids", "starts_on", "expires_on", "owner"
        )
    )
    rows["person"] = Patient.objects.values(
        "family_name", "given_name", "birth_date", "sex", "deceased_on", "deceased", "merged_into"
    ).get(pk=patient.pk)
    return rows


def found(patient):
    return sorted(Flag.objects.live().filter(patient=patient).values_list("rule_id", "severity"))


def test_everything_moves_and_the_two_are_judged_together(two, ravi):
    kept, gone = two
    assert not [rule for rule, _ in found(kept) if rule.startswith("OPI")]
    merge = identity.merge(kept=kept, gone=gone, reason="Same person, married.", by=ravi)
    assert set(ScreeningRequest.objects.values_list("patient", flat=True)) == {kept.pk, gone.pk}
    screen.drain()
    assert not found(gone)
    assert not Case.objects.open().filter(patient=gone).exists()
    assert {line.source_id for line in kept.prescriptions.live()} == {"rx-1", "rx-2"}
    assert Condition.objects.live().filter(patient=kept).count() == 2
    assert Reading.objects.live().get().patient == kept
    assert set(kept.identifiers.values_list("value", flat=True)) == {"A1", "B2"}
    assert kept.exemptions.get().kind == "palliative"
    gone.refresh_from_db()
    assert gone.merged_into == kept
    told = AuditEvent.objects.filter(verb="patient.merged")
    assert {event.patient_id for event in told} == {kept.pk, gone.pk}
    assert told[0].detail["moved"]["prescriptions"] == 1
    assert merge.reason == "Same person, married."


def test_diazepam_and_morphine_of_two_numbers_meet(harbour, ehr, ravi):
    send(ehr, diazepam("rx-1", who("A1", "urn:x:mrn", **AMA)))
    send(ehr, morphine("rx-2", who("B2", "urn:x:mrn", **AMA)))
    kept, gone = Patient.objects.order_by("pk")
    screen.drain()
    assert 1 not in {severity for _, severity in found(kept)}
    identity.merge(kept=kept, gone=gone, reason="One person.", by=ravi)
    screen.drain()
    assert 1 in {severity for _, severity in found(kept)}


def test_undoing_it_restores_both_exactly(two, ravi):
    kept, gone = two
    before = [record_of(person) for person in two], [found(person) for person in two]
    merge = identity.merge(kept=kept, gone=gone, reason="Same person.", by=ravi)
    screen.drain()
    identity.unmerge(merge=merge, reason="Two sisters.", by=ravi)
    screen.drain()
    assert ([record_of(person) for person in two], [found(person) for person in two]) == before
    assert KeptApart.objects.get(ended_at__isnull=True).reason == "Two sisters."
    with pytest.raises(Stale):
        identity.unmerge(merge=merge, reason="Again.", by=ravi)


def test_what_was_known_before_a_merge_is_still_known_as_it_was(two, ravi):
    kept, gone = two
    moment = Prescription.objects.get(source_id="rx-2").recorded_at
    identity.merge(kept=kept, gone=gone, reason="Same person.", by=ravi)
    then = Prescription.objects.as_known(moment).get(source_id="rx-2")
    assert then.patient == gone


def test_what_comes_in_afterwards_by_either_number_is_of_the_one_person(two, ehr, ravi):
    kept, gone = two
    identity.merge(kept=kept, gone=gone, reason="Same person.", by=ravi)
    again = send(
        ehr,
        morphine("rx-2", who("B2", "urn:x:mrn", **AMA | {"family_name": "Pym-Owusu"})),
        diazepam("rx-7", who("A1", "urn:x:mrn")),
    )
    assert (again.unchanged, again.created) == (1, 1)
    assert kept.prescriptions.live().count() == 3


def test_undoing_it_takes_what_was_amended_since_along(two, clara, ravi):
    kept, gone = two
    merge = identity.merge(kept=kept, gone=gone, reason="Same person.", by=ravi)
    moved = kept.prescriptions.live().get(source_id="rx-2")
    prescribe.withdraw(prescription=moved, status="stopped", reason="Better.", by=clara)
    identity.unmerge(merge=merge, reason="Two people.", by=ravi)
    assert gone.prescriptions.live().get().status == "stopped"


def test_what_is_not_known_of_the_one_is_taken_over_and_taken_out_again(harbour, ehr, ravi):
    send(ehr, who("A1", "urn:x:mrn", family_name="Pym"), verb=sync.patients)
    send(ehr, who("B2", "urn:x:mrn", **AMA), verb=sync.patients)
    kept, gone = Patient.objects.order_by("pk")
    merge = identity.merge(kept=kept, gone=gone, reason="Same person.", by=ravi)
    kept.refresh_from_db()
    assert (kept.given_name, str(kept.birth_date), kept.sex) == ("Ama", "1971-09-09", "female")
    identity.unmerge(merge=merge, reason="No.", by=ravi)
    kept.refresh_from_db()
    assert (kept.given_name, kept.birth_date, kept.sex) == ("", None, "unknown")


def test_a_taper_goes_on_under_the_record_that_stays(harbour, clara, ravi):
    kept = make.patient(harbour, clara)
    gone = make.patient(harbour, clara)
    supply(gone, clara, 10, start=-40)
    planned(gone, clara)
    merge = identity.merge(kept=kept, gone=gone, reason="Same person.", by=ravi)
    moved = Taper.objects.get(patient=kept, ended_at__isnull=True)
    assert not Taper.objects.filter(patient=gone, ended_at__isnull=True).exists()
    steps = moved.versions.live().get().steps
    identity.unmerge(merge=merge, reason="Two people.", by=ravi)
    back = Taper.objects.get(patient=gone, ended_at__isnull=True)
    assert back.versions.live().get().steps == steps


def test_a_merge_needs_a_reason_two_people_and_one_practice(two, ravi, lakeside, audrey):
    kept, gone = two
    with pytest.raises(BadRecord, match="reason"):
        identity.merge(kept=kept, gone=gone, reason=" ", by=ravi)
    with pytest.raises(BadRecord, match="same record"):
        identity.merge(kept=kept, gone=kept, reason="Same.", by=ravi)
    make.person("ravi", lakeside)
    ravi.__dict__.pop("_roles_by_practice", None)
    far = make.patient(lakeside, make.person("clara", lakeside))
    with pytest.raises(BadRecord, match="another practice"):
        identity.merge(kept=kept, gone=far, reason="Same.", by=ravi)
    with pytest.raises(NotAllowed):
        identity.merge(kept=kept, gone=gone, reason="Same.", by=audrey)
    identity.merge(kept=kept, gone=gone, reason="Same.", by=ravi)
    with pytest.raises(Stale):
        identity.merge(kept=gone, gone=kept, reason="Same.", by=ravi)


def test_a_chain_of_merges_is_undone_from_its_end(harbour, clara, ravi):
    a, b, c = (make.patient(harbour, clara, family_name=name) for name in ("A", "B", "C"))
    first = identity.merge(kept=b, gone=a, reason="Same.", by=ravi)
    identity.merge(kept=c, gone=b, reason="Same.", by=ravi)
    with pytest.raises(IllegalMove):
        identity.unmerge(merge=first, reason="No.", by=ravi)


def test_a_record_with_both_numbers_is_taken_in_by_the_merge_it_asks_for(two, ehr, ravi):
    kept, gone = two
    both = [{"system": "urn:x:mrn", "value": "A1"}, {"system": "urn:x:mrn", "value": "B2"}]
    assert send(ehr, diazepam("rx-8", {"identifiers": both, **AMA})).waiting == 1
    question = IdentityQuestion.objects.get()
    assert question.cause == Cause.TWO_PEOPLE
    assert [list(waiting.about(person)) for person in two] == [[question], [question]]
    identity.merge(kept=kept, gone=gone, reason="Same person.", by=ravi)
    question.refresh_from_db()
    assert question.answer == Answer.MERGED
    assert {line.source_id for line in kept.prescriptions.live()} == {"rx-1", "rx-2", "rx-8"}


def test_a_record_with_both_numbers_of_two_people_goes_to_its_first_number(two, ehr, ravi):
    kept, _ = two
    both = [{"system": "urn:x:mrn", "value": "A1"}, {"system": "urn:x:mrn", "value": "B2"}]
    send(ehr, diazepam("rx-8", {"identifiers": both, **AMA}))
    settle(IdentityQuestion.objects.get(), Answer.APART, ravi, note="Sisters.")
    assert kept.prescriptions.live().get(source_id="rx-8")
    assert send(ehr, diazepam("rx-9", {"identifiers": both, **AMA})).created == 1


def test_nothing_is_written_of_whose_record_went_into_another(two, clara, ravi):
    kept, gone = two
    opened = Patient.objects.get(pk=gone.pk)
    live = Prescription.objects.live().get(patient=gone)
    identity.merge(kept=kept, gone=gone, reason="Same person.", by=ravi)
    with pytest.raises(DatabaseError, match="merged into"), transaction.atomic():
        make.prescription(opened, clara)
    with pytest.raises(DatabaseError, match="merged into"), transaction.atomic():
        Identifier.objects.create(patient=gone, practice=gone.practice, system="x", value="1")
    with pytest.raises(Stale):
        prescribe.withdraw(prescription=live, status="stopped", reason="Better.", by=clara)


def test_what_waits_for_whoever_has_a_number_moves_with_the_number(two, ehr, ravi):
    kept, gone = two
    send(ehr, morphine("rx-5", who("B2", "urn:x:mrn", **KOFI)))
    assert waits_for(kept, gone) == [0, 1]
    merge = identity.merge(kept=kept, gone=gone, reason="Same person.", by=ravi)
    assert waits_for(kept) == [1]
    identity.unmerge(merge=merge, reason="Two people.", by=ravi)
    assert waits_for(kept, gone) == [0, 1]


def test_two_people_kept_apart_can_be_suspected_again(two, ravi):
    kept, gone = two
    identity.keep_apart(first=gone, second=kept, reason="Twins.", by=ravi)
    identity.keep_apart(first=kept, second=gone, reason="Twins.", by=ravi)
    apart = KeptApart.objects.get()
    identity.not_apart(apart=apart, reason="They are one.", by=ravi)
    with pytest.raises(Stale):
        identity.not_apart(apart=apart, reason="They are one.", by=ravi)
