"""Letters: who edits and publishes their texts, what is refused, and what is kept of one sent."""

import tomllib

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction

from reviews.errors import BadRecord, IllegalMove, NotAllowed, Stale
from reviews.lettering import stopping
from reviews.letters import words_of
from reviews.models import AuditEvent, Letter, LetterText, Practice
from reviews.queries import letters as said_of
from reviews.queries.in_use import InUse
from reviews.verbs import deaths, letters
from tests import make

BODY = "Dear {patient_name},\n\nPlease do not stop {medicine} by yourself. Ring {practice_phone}."


def in_use(key):
    return LetterText.objects.get(template__key=key, state="published")


@pytest.fixture
def treated(harbour, clara):
    Practice.objects.filter(pk=harbour.pk).update(telephone="01632 960 114")
    harbour.refresh_from_db()
    person = make.patient(harbour, clara, age=72, given_name="Sheila", family_name="Gray")
    for start in range(-200, 0, 28):
        make.prescription(person, clara, "Zopiclone 7.5 mg tablets", start=start, days=28)
    return person


def test_the_letters_that_come_with_the_portal_are_in_use_and_put_there_once(db):
    names = set(in_use_keys())
    assert {"invitation", "reminder", "to-prescriber", "to-specialist", "to-pharmacy"} <= names
    assert letters.bootstrap() == 0


def in_use_keys():
    return LetterText.objects.filter(state="published").values_list("template__key", flat=True)


def test_none_tells_anybody_to_stop(db):
    """Every text there is, draft and retired ones too, and as filled in with invented values."""
    texts = list(LetterText.objects.all())
    assert len(texts) >= 6
    for text in texts:
        looked = said_of.checked(text.body, text.audience)
        assert not looked.advise, text
        if text.audience == "patient":
            assert looked.warnings, f"{text} does not ask anybody not to stop"
            assert looked.is_readable, f"{text} reads at grade {looked.grade}"
    with letters.STANDARD.open("rb") as file:
        for key, each in tomllib.load(file)["letter"].items():
            assert not stopping.looked_at(each["body"]).advise, key


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("Dear {patient_nmae}", "is no field"),
        ("Dear {patient_name}, please stop your tablets today.", "tells somebody to stop"),
        ("Dear {patient_name}, you take {medicine}. Ring us.", "does not ask them not to stop"),
        ("{patient_name}", "nothing but fields"),
        ("", "is needed"),
        ("x" * 12_001, "at most"),
    ],
)
def test_a_text_that_cannot_be_a_letter_is_refused_when_it_is_saved(db, ada, body, why):
    before = LetterText.objects.count()
    with pytest.raises(BadRecord, match=why):
        letters.draft(name="Note", audience="patient", body=body, by=ada)
    assert LetterText.objects.count() == before


def test_a_draft_is_published_by_a_second_person_and_the_one_before_retires(db, ada, adam, ravi):
    old = in_use("invitation")
    draft = letters.draft(
        template=old.template, name=old.name, audience="patient", body=BODY, by=ada
    )
    assert (draft.number, draft.owner, draft.state) == (2, ada, "draft")
    with pytest.raises(NotAllowed, match="second person"):
        letters.publish(text=draft, by=ada)
    with pytest.raises(NotAllowed):
        letters.publish(text=draft, by=ravi)
    letters.publish(text=draft, by=adam)
    old.refresh_from_db()
    assert (old.state, in_use("invitation").number) == ("retired", 2)
    with pytest.raises(IllegalMove):
        letters.publish(text=draft, by=adam)
    told = AuditEvent.objects.get(verb="letter_text.published", detail__number=2)
    assert told.detail["digest"] == letters.digest(draft)


def test_an_older_draft_does_not_replace_a_newer_text(db, ada, adam):
    template = in_use("invitation").template
    first, second = (
        letters.draft(template=template, name="A", audience="patient", body=BODY + end, by=ada)
        for end in (" One.", " Two.")
    )
    letters.publish(text=second, by=adam)
    with pytest.raises(Stale, match="Version 3"):
        letters.publish(text=first, by=adam)
    letters.put_away(text=first, by=ada)


def test_the_database_keeps_a_text_as_it_was_drafted(db, ada):
    draft = letters.draft(name="Note", audience="patient", body=BODY, by=ada)
    for change in ({"body": "Stop it."}, {"owner": None}, {"published_by": ada}):
        with pytest.raises(DatabaseError), transaction.atomic():
            LetterText.objects.filter(pk=draft.pk).update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        draft.delete()


def test_reviewers_and_clinicians_draft_none(db, ravi, clara, audrey):
    for who in (ravi, clara, audrey):
        with pytest.raises(NotAllowed):
            letters.draft(name="Note", audience="patient", body=BODY, by=who)


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (1, "1 day"),
        (13, "13 days"),
        (14, "2 weeks"),
        (29, "4 weeks"),
        (60, "8 weeks"),
        (61, "2 months"),
        (213, "7 months"),
        (None, "some time"),
    ],
)
def test_a_letter_says_how_long_in_words_that_can_follow_for(days, said):
    assert InUse(("zopiclone",), 5.0, days, "", (), "").duration == said


def test_who_takes_it_for_less_than_two_months_gets_the_invitation_too(treated, clara, ravi):
    person = make.patient(treated.practice, clara)
    make.prescription(person, clara, start=-28, days=35)
    letter = letters.write(patient=person, text=in_use("invitation"), by=ravi)
    assert "You have taken diazepam for 4 weeks" in words_of(letter)


def test_a_letter_is_filled_kept_and_numbered(treated, ravi):
    text = in_use("invitation")
    first = letters.write(patient=treated, text=text, by=ravi)
    second = letters.write(patient=treated, text=text, by=ravi)
    said = words_of(first)
    assert "Dear Sheila Gray" in said
    assert "You have taken zopiclone for 6 months" in said
    assert "01632 960 114 and ask for Ravi Shah" in said
    assert "opioid" not in said
    assert "{" not in said
    year = make.day().year
    assert [first.identifier, second.identifier] == [
        f"HSS{treated.practice_id}-{year}-0001",
        f"HSS{treated.practice_id}-{year}-0002",
    ]
    assert bytes(first.pdf).startswith(b"%PDF-")
    assert b"/StructTreeRoot" in bytes(first.pdf)
    told = AuditEvent.objects.filter(verb="letter.written", patient_id=treated.pk).first()
    assert told.detail["digest"] == first.digest


def test_what_went_out_is_never_changed(treated, ravi):
    letter = letters.write(patient=treated, text=in_use("invitation"), by=ravi)
    for change in ({"blocks": []}, {"pdf": b""}, {"identifier": "X"}):
        with (
            pytest.raises(DatabaseError, match=r"Cannot update|permission denied"),
            transaction.atomic(),
        ):
            Letter.objects.filter(pk=letter.pk).update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        letter.delete()


def test_a_letter_that_was_sent_keeps_its_text(treated, ravi, ada, adam):
    text = in_use("invitation")
    letter = letters.write(patient=treated, text=text, by=ravi)
    draft = letters.draft(template=text.template, name="New", audience="patient", body=BODY, by=ada)
    letters.publish(text=draft, by=adam)
    assert "less well" in words_of(Letter.objects.get(pk=letter.pk))
    with pytest.raises(Stale):
        letters.write(patient=treated, text=text, by=ravi)


def test_nothing_goes_to_somebody_who_has_died_and_to_others_about_them_it_does(
    treated, ravi, clara
):
    deaths.say(patient=treated, deceased=True, reason="Told by the ward", by=ravi)
    with pytest.raises(IllegalMove, match="has died"):
        letters.write(patient=treated, text=in_use("invitation"), by=ravi)
    letter = letters.write(
        patient=treated, text=in_use("to-pharmacy"), addressee="Quay Pharmacy", by=ravi
    )
    assert letter.addressee == "Quay Pharmacy"


def test_a_letter_that_would_have_a_hole_is_not_written(harbour, clara, ravi):
    nobody = make.patient(harbour, clara)
    with pytest.raises(BadRecord, match="medicine"):
        letters.write(patient=nobody, text=in_use("invitation"), by=ravi)
    assert not Letter.objects.exists()


def test_an_opioid_is_named_only_where_one_is_taken(treated, clara, ravi):
    make.prescription(treated, clara, "Codeine 30 mg tablets", start=-3, days=10, indication="pain")
    letter = letters.write(patient=treated, text=in_use("invitation"), by=ravi)
    assert "You also take codeine" in words_of(letter)


def test_who_may_not_write_does_not(treated, audrey, lakeside):
    stranger = make.person("samira", lakeside)
    for who in (audrey, stranger, User.objects.create(username="nobody")):
        with pytest.raises(NotAllowed):
            letters.write(patient=treated, text=in_use("invitation"), by=who)


def test_a_patients_own_name_is_never_read_as_markup(harbour, clara, ravi):
    Practice.objects.filter(pk=harbour.pk).update(telephone="01632 960 114")
    nasty = "#strong[*x*] {date} \\ $ <b> @a"
    person = make.patient(harbour, clara, given_name=nasty, family_name="O’Neil")
    make.prescription(person, clara, start=-100, days=120)
    person.refresh_from_db()
    letter = letters.write(patient=person, text=in_use("invitation"), by=ravi)
    assert f"Dear {nasty} O’Neil" in words_of(letter)
