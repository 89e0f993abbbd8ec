"""Said once which medicine an unknown text is: it counts wherever that text is read, until then."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from drugs.models import Limit
from reviews import dossiers, reaching
from reviews.errors import BadRecord, IllegalMove, NotAllowed
from reviews.models import (
    AuditEvent,
    Flag,
    Medicine,
    MedicineMeaning,
    RuleVersion,
    ScreeningRequest,
)
from reviews.verbs import edit, medicine_meanings, no_sedatives, publish, screen
from tests import make

TEXT = "Relaxonel 10 mg"


def found(patient):
    """The rules that find something of somebody, once everything was screened."""
    screen.drain()
    return set(Flag.objects.live().filter(patient=patient).values_list("rule_id", flat=True))


@pytest.fixture
def bell(harbour, clara):
    """A man who has taken something nobody knows for three months."""
    bell = make.patient(harbour, clara)
    make.prescription(bell, clara, TEXT, start=-90, days=100)
    return bell


def say(by, practice, text="relaxonel  10 MG", medicine="diazepam 10 mg tablets", **more):
    return medicine_meanings.say(text=text, medicine=medicine, practice=practice, by=by, **more)


def test_it_is_judged_as_what_it_was_said_to_be(bell, harbour, clara, ravi):
    assert found(bell) == {"DQ-03"}
    said = say(ravi, harbour, reason="the pharmacy says so")
    assert ScreeningRequest.objects.filter(patient=bell).exists()
    assert "DUR-01" in found(bell)
    assert "DQ-03" not in found(bell)
    assert say(ravi, harbour) == said
    assert MedicineMeaning.objects.count() == 1


def test_a_finding_says_that_somebody_said_so(bell, harbour, ravi):
    say(ravi, harbour)
    assert "DUR-01" in found(bell)
    flag = Flag.objects.live().get(patient=bell, rule_id="DUR-01")
    told = [fact["value"] for fact in flag.facts if fact["name"] == "said_to_be"]
    assert told == ["“Relaxonel 10 mg”: diazepam 10 mg tablets"]


def test_a_later_record_of_this_text_is_judged_so_as_well(bell, harbour, clara, ravi):
    say(ravi, harbour)
    other = make.patient(harbour, clara, family_name="Other")
    make.prescription(other, clara, "RELAXONEL 10  mg", start=-90, days=100)
    assert "DUR-01" in found(other)
    make.prescription(other, clara, "Relaxonel 20 mg", start=-1, days=28)
    assert "DQ-03" in found(other)


def test_taken_back_it_is_asked_about_again(bell, harbour, ravi):
    said = say(ravi, harbour)
    assert "DQ-03" not in found(bell)
    medicine_meanings.take_back(said=said, by=ravi)
    assert found(bell) == {"DQ-03"}
    with pytest.raises(IllegalMove, match="already"):
        medicine_meanings.take_back(said=said, by=ravi)
    assert say(ravi, harbour).pk != said.pk
    assert "DUR-01" in found(bell)


def test_a_practice_speaks_for_itself_and_its_word_counts_before_that_of_all(
    bell, harbour, lakeside, ravi, ada
):
    lena = make.person("lena", lakeside, "clinician", "reviewer")
    other = make.patient(lakeside, lena, family_name="Other")
    make.prescription(other, lena, TEXT, start=-90, days=100)
    say(ravi, harbour)
    assert "DUR-01" in found(bell)
    assert found(other) == {"DQ-03"}
    say(ada, None, medicine="paracetamol")
    assert found(other) == set()
    assert "DUR-01" in found(bell)


def test_what_was_known_then_stays_known(bell, harbour, ravi):
    before = timezone.now()
    said = say(ravi, harbour)
    between = timezone.now()
    medicine_meanings.take_back(said=said, by=ravi)

    def then(known_at):
        meanings = dossiers.one(bell, as_of=make.day(), known_at=known_at).meanings
        return {text: medicine.text for text, medicine in meanings.items()}

    assert then(before) == {}
    assert then(between) == {"relaxonel 10 mg": "diazepam 10 mg tablets"}
    assert then(timezone.now()) == {}
    assert dossiers.one(bell, as_of=make.day()).meanings == {}


@pytest.mark.parametrize(
    ("text", "medicine", "why"),
    [
        ("Diazepam 5 mg tablets", "lorazepam", "knows this medicine"),
        ("Microgynon 30", "diazepam", "knows this medicine"),
        (TEXT, "Zorkoline", "does not know what it is said to be"),
        (TEXT, " ", "say which medicine"),
        (" ", "diazepam", "name the medicine"),
        (TEXT, "diazepam 5 mg tablets", "says 10 mg, and the medicine has 5 mg"),
        ("Flunitrazolam 1 mg", "paracetamol", "hints at a sedative"),
        ("Hedex Night tablets", "paracetamol 500 mg tablets", "hints at a sedative"),
        ("Diazepam 5 mg / Zorkoline 10 mg", "paracetamol", "names diazepam"),
    ],
)
def test_what_a_text_cannot_be_is_refused(harbour, ravi, text, medicine, why):
    with pytest.raises(BadRecord, match=why):
        say(ravi, harbour, text, medicine)
    assert not MedicineMeaning.objects.exists()


@pytest.mark.parametrize(
    ("text", "medicine"),
    [
        ("Flunitrazolam 1 mg", "lorazepam 1 mg tablets"),
        ("Hedex Night tablets", "diphenhydramine and paracetamol"),
        ("Relaxonel forte", "diazepam 10 mg tablets"),
        (TEXT, "diazepam"),
        ("Diazepam 5 mg / Zorkoline 10 mg", "diazepam 5 mg and amitriptyline 10 mg"),
    ],
)
def test_what_a_text_can_be_is_kept(harbour, ravi, text, medicine):
    assert say(ravi, harbour, text, medicine).medicine.text == medicine


def test_something_bought_online_is_made_harmless_by_no_word(bell, harbour, clara, ravi):
    said = say(ravi, harbour, medicine="paracetamol")
    assert found(bell) == set()
    online = {"start": -1, "days": 28, "acquired": "online"}
    make.prescription(bell, clara, TEXT, **online)
    assert found(bell) == {"DQ-03"}
    medicine_meanings.take_back(said=said, by=ravi)
    with pytest.raises(BadRecord, match="bought online"):
        say(ravi, harbour, medicine="paracetamol")
    say(ravi, harbour)
    assert "DQ-03" not in found(bell)


def test_one_text_has_one_answer(bell, harbour, ravi, ada):
    said = say(ravi, harbour)
    with pytest.raises(BadRecord, match="said to be diazepam 10 mg tablets: take that back"):
        say(ravi, harbour, medicine="lorazepam")
    with pytest.raises(BadRecord, match="said to be diazepam 10 mg tablets: take that back"):
        no_sedatives.say(text=TEXT, practice=harbour, by=ravi)
    medicine_meanings.take_back(said=said, by=ravi)
    no_sedatives.say(text=TEXT, practice=None, by=ada)
    with pytest.raises(BadRecord, match="no sedative: take that back first"):
        say(ravi, harbour)


def test_what_it_is_counts_before_a_practice_that_called_it_harmless(bell, harbour, ravi, ada):
    no_sedatives.say(text=TEXT, practice=harbour, by=ravi)
    assert found(bell) == set()
    say(ada, None)
    assert "DUR-01" in found(bell)


def test_a_drug_fact_reaches_those_whose_medicine_was_said_to_be_it(bell, harbour, ravi, ada):
    say(ravi, harbour)
    row = Limit.objects.get(ingredient__key="diazepam", profile="UK", context="adult")
    citation = edit.Citation(source="SmPC", locator="section 4.2", next_review=make.day(90))
    values = {"mg_per_day": Decimal("25")}
    edit.revise(row=row, values=values, citation=citation, seen=row.changed_at, by=ada)
    new = publish.draft(note="Lower", by=ada)
    live = RuleVersion.objects.get(state=RuleVersion.State.PUBLISHED)
    assert reaching.affected_patients(live, new) == [bell.pk]


@pytest.mark.parametrize("who", ["clara", "audrey", "ehr", "ada"])
def test_others_may_not_speak_for_a_practice(request, harbour, who):
    with pytest.raises(NotAllowed):
        say(request.getfixturevalue(who), harbour)


@pytest.mark.parametrize("who", ["clara", "ravi", "audrey", "ehr"])
def test_nor_does_a_practice_speak_for_all(request, who):
    with pytest.raises(NotAllowed):
        say(request.getfixturevalue(who), None)


@pytest.mark.parametrize("who", ["clara", "ada", "audrey", "ehr"])
def test_nor_do_they_take_back_what_a_practice_said(request, harbour, ravi, who):
    said = say(ravi, harbour)
    with pytest.raises(NotAllowed):
        medicine_meanings.take_back(said=said, by=request.getfixturevalue(who))


def test_the_trail_says_who_what_and_how_many(bell, harbour, ravi):
    said = say(ravi, harbour)
    medicine_meanings.take_back(said=said, by=ravi)
    events = AuditEvent.objects.filter(verb__startswith="medicine_meaning").order_by("pk")
    assert [event.verb for event in events] == [
        "medicine_meaning.said",
        "medicine_meaning.taken_back",
    ]
    assert {event.detail["patients"] for event in events} == {1}
    assert {event.detail["medicine"] for event in events} == {"diazepam 10 mg tablets"}
    assert {event.actor_id for event in events} == {ravi.pk}


def test_the_database_keeps_it_single_and_whole(harbour, ravi):
    medicine = Medicine.objects.create(key="d", text="diazepam")
    held = {"text": "zork", "shown": "Zork", "said_by": ravi, "medicine": medicine}
    for practice in (harbour, None):
        MedicineMeaning.objects.create(practice=practice, **held)
        for wrong in ({}, {"text": ""}, {"text": "x", "taken_back_by": ravi}):
            with pytest.raises(IntegrityError), transaction.atomic():
                MedicineMeaning.objects.create(practice=practice, **held | wrong)


def test_a_batch_asks_once_what_was_said(bell, harbour, clara, ravi):
    def queries(ids):
        with CaptureQueriesContext(connection) as captured:
            made = [make_() for _, _, make_ in dossiers.read(ids, as_of=make.day())]
        return len(captured), {tuple(dossier.meanings) for dossier in made}

    say(ravi, harbour)
    others = [make.patient(harbour, clara, family_name=f"Other {n}") for n in range(3)]
    for other in others:
        make.prescription(other, clara, TEXT, start=-90, days=100)
    few = queries([bell.pk])
    assert queries([bell.pk, *[other.pk for other in others]]) == few
    assert few[1] == {("relaxonel 10 mg",)}
