"""Said once that a text is no sedative: it sticks, can be taken back, and hides no sedative."""

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from reviews import dossiers
from reviews.errors import BadRecord, IllegalMove, NotAllowed
from reviews.models import AuditEvent, Flag, NoSedative, ScreeningRequest
from reviews.queries.unknown_medicines import people, unknown, with_near
from reviews.verbs import no_sedatives, screen
from tests import make


def asked(patient):
    """Whether screening asks about a medicine nobody knows."""
    screen.drain()
    return Flag.objects.live().filter(patient=patient, rule_id="DQ-03").exists()


@pytest.fixture
def bell(harbour, clara):
    """A man with diazepam and a medicine nobody knows."""
    bell = make.patient(harbour, clara)
    make.prescription(bell, clara, start=-5, days=14)
    make.prescription(bell, clara, "Zorkoline 10 mg tablets", start=-5, days=28)
    return bell


def say(by, practice, text="zorkoline  10 MG tablets", **more):
    return no_sedatives.say(text=text, practice=practice, by=by, **more)


def test_it_is_said_once_and_holds_for_the_text_however_it_is_written(bell, harbour, clara, ravi):
    assert asked(bell)
    said = say(ravi, harbour, reason="a vitamin from the market")
    assert ScreeningRequest.objects.filter(patient=bell).exists()
    assert not asked(bell)
    make.prescription(bell, clara, "ZORKOLINE 10 mg  tablets", start=-1, days=28)
    assert not asked(bell)
    assert say(ravi, harbour) == said
    assert NoSedative.objects.count() == 1


def test_another_text_is_still_asked_about(bell, harbour, clara, ravi):
    say(ravi, harbour)
    make.prescription(bell, clara, "Zorkoline 20 mg tablets", start=-1, days=28)
    assert asked(bell)


def test_taken_back_it_is_asked_about_again(bell, harbour, ravi):
    said = say(ravi, harbour)
    assert not asked(bell)
    no_sedatives.take_back(said=said, by=ravi)
    assert asked(bell)
    with pytest.raises(IllegalMove, match="already"):
        no_sedatives.take_back(said=said, by=ravi)
    again = say(ravi, harbour)
    assert again.pk != said.pk
    assert not asked(bell)


def test_a_practice_speaks_for_itself_and_the_formulary_for_all(
    bell, harbour, lakeside, clara, ravi, ada
):
    lena = make.person("lena", lakeside, "clinician", "reviewer")
    other = make.patient(lakeside, lena, family_name="Other")
    make.prescription(other, lena, "Zorkoline 10 mg tablets", start=-5, days=28)
    say(ravi, harbour)
    assert not asked(bell)
    assert asked(other)
    say(ada, None)
    assert not asked(other)


def test_what_was_known_then_stays_known(bell, harbour, ravi):
    before = timezone.now()
    said = say(ravi, harbour)
    between = timezone.now()
    no_sedatives.take_back(said=said, by=ravi)

    def then(known_at):
        return dossiers.one(bell, as_of=make.day(), known_at=known_at).no_sedatives

    assert then(before) == frozenset()
    assert then(between) == {"zorkoline 10 mg tablets"}
    assert then(timezone.now()) == frozenset()
    assert dossiers.one(bell, as_of=make.day()).no_sedatives == frozenset()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Flunitrazolam 1 mg", "hints at a sedative"),
        ("Hedex Night tablets", "hints at a sedative"),
        ("Diazepam 5 mg tablets", "knows this medicine"),
        ("Microgynon 30", "knows this medicine"),
        ("  ", "name the medicine"),
    ],
)
def test_what_may_be_one_and_what_is_known_is_refused(harbour, ravi, text, why):
    with pytest.raises(BadRecord, match=why):
        say(ravi, harbour, text)
    assert not NoSedative.objects.exists()


def test_what_was_bought_online_stays_an_unknown_sedative(bell, harbour, clara, ravi):
    say(ravi, harbour)
    assert not asked(bell)
    make.prescription(bell, clara, "Zorkoline 10 mg tablets", start=-1, days=28, acquired="online")
    assert asked(bell)
    no_sedatives.take_back(said=NoSedative.objects.get(), by=ravi)
    with pytest.raises(BadRecord, match="bought online"):
        say(ravi, harbour)


@pytest.mark.parametrize("who", ["audrey", "ehr", "ada"])
def test_others_may_not_speak_for_a_practice(request, harbour, who):
    with pytest.raises(NotAllowed):
        say(request.getfixturevalue(who), harbour)


@pytest.mark.parametrize("who", ["clara", "ravi"])
def test_nor_does_a_practice_speak_for_all(request, who):
    with pytest.raises(NotAllowed):
        say(request.getfixturevalue(who), None)


def test_the_trail_says_who_and_how_many(bell, harbour, ravi):
    said = say(ravi, harbour)
    no_sedatives.take_back(said=said, by=ravi)
    events = AuditEvent.objects.filter(verb__startswith="no_sedative").order_by("pk")
    assert [event.verb for event in events] == ["no_sedative.said", "no_sedative.taken_back"]
    assert {event.detail["patients"] for event in events} == {1}
    assert {event.actor_id for event in events} == {ravi.pk}


def test_the_database_keeps_it_single_and_whole(harbour, ravi):
    held = {"practice": harbour, "text": "zork", "shown": "Zork", "said_by": ravi}
    NoSedative.objects.create(**held)
    for wrong in (held, {**held, "text": ""}, {**held, "text": "x", "taken_back_by": ravi}):
        with pytest.raises(IntegrityError), transaction.atomic():
            NoSedative.objects.create(**wrong)
    everywhere = {**held, "practice": None}
    NoSedative.objects.create(**everywhere)
    with pytest.raises(IntegrityError), transaction.atomic():
        NoSedative.objects.create(**everywhere)


def test_unknown_texts_are_listed_with_how_many_take_them(bell, harbour, lakeside, clara, ravi):
    other = make.patient(harbour, clara, family_name="Other")
    make.prescription(other, clara, "ZORKOLINE 10 mg tablets", start=-5, days=28)
    make.prescription(other, clara, "Diazpam 2mg tabs", start=-5, days=28)
    make.prescription(other, clara, "Flunitrazolam 1 mg", start=-5, days=28)
    make.prescription(other, clara, "Zork gone", start=-5, days=28, status="draft")
    rows = {row.text: row for row in with_near(unknown([harbour.pk]))}
    assert list(rows) == ["zorkoline 10 mg tablets", "diazpam 2mg tabs", "flunitrazolam 1 mg"]
    assert rows["zorkoline 10 mg tablets"].people == 2
    assert rows["diazpam 2mg tabs"].near[0] == "diazepam"
    assert rows["diazpam 2mg tabs"].proposals[0] == "diazepam 2 mg tablets"
    assert rows["flunitrazolam 1 mg"].near
    assert rows["flunitrazolam 1 mg"].proposals == ()
    assert "ends like" in rows["flunitrazolam 1 mg"].may_be_one
    assert unknown([lakeside.pk]) == []
    say(ravi, harbour)
    assert "zorkoline 10 mg tablets" not in {row.text for row in unknown([harbour.pk])}
    # Whoever works elsewhere too is not asked again where nobody takes it.
    both = [harbour.pk, lakeside.pk]
    assert "zorkoline 10 mg tablets" not in {row.text for row in unknown(both)}
    assert people(unknown(both)) == 1
    lena = make.person("lena", lakeside, "clinician")
    third = make.patient(lakeside, lena, family_name="Third")
    make.prescription(third, lena, "Zorkoline 10 mg tablets", start=-5, days=28)
    (asked_again,) = [row for row in unknown(both) if row.text == "zorkoline 10 mg tablets"]
    assert asked_again.people == 1
    assert people(unknown(both)) == 2
    assert "zorkoline 10 mg tablets" in {row.text for row in unknown(None)}
