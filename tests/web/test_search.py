"""Search everywhere: by name, number and medicine, with a slip of the keyboard, and by an index."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from reviews.models import Case, Medicine, Patient, Role
from reviews.queries import search
from reviews.verbs import prescribe, screen
from tests import make
from tests.web.browse import Browser, heading, words

NUMBER = "999 412 0719"


@pytest.fixture
def edith(harbour, clara):
    """Edith Winterbourne-Hale, on diazepam and a medicine that nobody recognises."""
    edith = make.patient(
        harbour,
        clara,
        family_name="Winterbourne-Hale",
        given_name="Edith",
        sex="female",
        identifiers=[NUMBER],
    )
    make.prescription(edith, clara, start=-34, days=35)
    make.prescription(edith, clara, "Relaxonel 10 mg tablets (special order)", start=-3, days=14)
    screen.drain()
    return edith


@pytest.fixture
def piotr(harbour, clara):
    piotr = make.patient(harbour, clara, family_name="Smith", given_name="Piotr")
    make.prescription(piotr, clara, "Zopiclone 7.5 mg tablets", start=-2, days=14)
    screen.drain()
    return piotr


def found(text):
    clara = User.objects.get(username="clara")
    return list(search.anybody(Patient.objects.all(), text, by=clara))


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("winterbourne", "part of a name"),
        ("EDITH winter", "both names, in any case and order"),
        ("hale", "the second half of a name"),
        ("wintrebourne", "two letters swapped"),
        ("winterborne", "a letter left out"),
        ("winterbournne", "a letter too many"),
        ("wintarbourne", "a wrong letter"),
        ("edit winterburn", "a slip in each"),
        ("9994120719", "the number without its spaces"),
        ("999-412-0719", "the number with hyphens"),
        ("0719", "the end of the number"),
        ("edith 0719", "a name and the end of the number"),
        ("9994120791", "two digits swapped"),
        ("9994120710", "a wrong digit"),
        ("999412019", "a digit left out"),
        ("99941207199", "a digit too many"),
        ("diazepam", "an ingredient"),
        ("diazpam", "an ingredient, misspelt"),
        ("Valium", "a brand of what was written by its ingredient"),
        ("diazepam 5 mg tablets", "a product"),
        ("relaxonel", "a medicine that the formulary does not know"),
        ("relaxonal", "the same, misspelt"),
    ],
)
def test_edith_is_found_and_piotr_is_not(edith, piotr, typed, why):
    assert found(typed) == [edith], why


@pytest.mark.parametrize("typed", ["smiht", "simth", "smth", "smitth", "zopiclone", "zoplicone"])
def test_piotr_is_found_and_edith_is_not(edith, piotr, typed):
    assert found(typed) == [piotr]


@pytest.mark.parametrize("typed", ["zzyzx", "1234567890", "morphine", "%", "(", "\\"])
def test_nobody_is_found(edith, piotr, typed):
    assert found(typed) == []


def test_what_is_called_so_comes_before_what_is_like_it(harbour, clara):
    smith, smyth = (
        make.patient(harbour, clara, family_name=name, given_name="Jo")
        for name in ("Smith", "Smyth")
    )
    assert list(search.people(Patient.objects.all(), "smith", by=clara)) == [smith]
    assert set(search.people(Patient.objects.all(), "smitth", by=clara)) == {smith, smyth}


def test_who_is_called_like_a_misspelt_medicine_comes_before_who_takes_it(edith, harbour, clara):
    assert found("diazpam") == [edith]
    called = make.patient(harbour, clara, family_name="Diazpam", given_name="Jo")
    assert found("diazpam") == [called]


def test_the_names_of_all_drugs_are_read_only_for_a_slip(edith, monkeypatch):
    monkeypatch.setattr("drugs.search._drugs", lambda: pytest.fail("reads them all"))
    assert found("winterbourne") == found("valium") == [edith]


def test_letters_of_a_number_may_stand_apart(harbour, clara):
    treated = make.patient(harbour, clara, identifiers=["LQ0000012"])
    for typed in ("LQ 0000012", "lq0000012", "LQ-0000012"):
        assert found(typed) == [treated]


def test_a_withdrawn_prescription_is_not_taken(edith, clara):
    for prescription in edith.prescriptions.live():
        prescribe.withdraw(
            prescription=prescription, status="stopped", reason="Not needed", by=clara
        )
    assert found("diazepam") == []


# -- The page ------------------------------------------------------------------------------------


def page(user, typed, **query):
    return Browser(user).get(reverse("search"), q=typed, **query)


def test_everything_in_groups(edith, piotr, ravi):
    response = page(ravi, "diazepam")
    text = words(response)
    assert heading(response) == "Found for “diazepam”"
    assert "Patients prescribed it 1" in text
    assert "Diazepam 5 mg tablets from" in text
    assert Case.objects.get(patient=edith).headline in text
    assert "In the formulary" in text
    assert "Benzodiazepines" in text
    assert "Patients called so" not in text
    text = words(page(ravi, "winterborne"))
    assert "Patients with a name or number like it 1" in text
    assert "NHS number 999 412 0719" in text


@pytest.mark.parametrize(
    ("typed", "said"), [("", "Search"), ("zzyzx", "Nothing found for “zzyzx”")]
)
def test_nothing_typed_and_nothing_found(edith, ravi, typed, said):
    response = page(ravi, typed)
    assert heading(response) == said
    assert ("Try part of the family name" in words(response)) == bool(typed)


def test_nobody_finds_patients_of_another_practice(edith, lakeside):
    stranger = make.person("stranger", lakeside, Role.REVIEWER)
    for typed in ("winterbourne", NUMBER, "diazepam", "relaxonel"):
        assert "WINTERBOURNE" not in words(page(stranger, typed))


def test_who_sees_no_patients_finds_the_formulary_alone(edith, ada):
    text = words(page(ada, "diazepam"))
    assert "In the formulary" in text
    assert "Patients prescribed" not in text
    assert "Winterbourne".upper() not in words(page(ada, "winterbourne"))


def test_the_queue_is_filtered_by_medicine_too(edith, ravi):
    text = Browser(ravi).read(reverse("queue"), q="valium")
    assert "WINTERBOURNE-HALE" in text
    assert "No case matches" in Browser(ravi).read(reverse("queue"), q="morphine")


def test_the_query_count_does_not_grow(harbour, clara, ravi):
    counts = []
    page(ravi, "bell")
    for people in (2, 12):
        for _ in range(people):
            treated = make.patient(
                harbour, clara, identifiers=[str(Patient.objects.count() + 1000)]
            )
            make.prescription(treated, clara, start=-34, days=35)
        screen.drain()
        for typed in ("bell", "diazepam", "belll"):
            with CaptureQueriesContext(connection) as held:
                page(ravi, typed)
            counts.append(len(held))
    assert counts[:3] == counts[3:]


# -- The indexes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "index"),
    [
        (
            lambda by: search.named(Patient.objects.all(), "winter", by=by),
            "patient_folded_trigrams",
        ),
        (
            lambda by: search.alike(Patient.objects.all(), "wintre", by=by),
            "patient_folded_trigrams",
        ),
        (
            lambda by: search.named(Patient.objects.all(), "9994120", by=by),
            "identifier_compact_trigrams",
        ),
        (
            lambda by: search.alike(Patient.objects.all(), "9994120", by=by),
            "identifier_compact_trigrams",
        ),
        (lambda _: Medicine.objects.filter(text__iregex=r"\mdiazepam"), "medicine_trigrams"),
    ],
)
def test_an_index_can_answer(edith, clara, rows, index):
    """With few rows other plans are cheaper: asked is whether the index fits the question."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_indexscan = off")
        assert index in rows(clara).order_by().explain()
