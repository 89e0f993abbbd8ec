"""One number however it is printed, and names and days that can be of one person."""

import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviews.identifiers import NHS_NUMBER, fits, label, read_aloud, visible, written
from reviews.likeness import (
    CALLED,
    Particulars,
    contradiction,
    folded,
    have_letters_in_common,
)
from reviews.rules.birth import possible_birth_date

TODAY = date(2026, 11, 28)
EDITH = Particulars("Harrow", "Edith", date(1938, 4, 1), "female")


# -- Numbers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "system",
    [
        NHS_NUMBER,
        "https://fhir.nhs.uk/id/nhs-number",
        "http://fhir.nhs.uk/Id/nhs-number/",
        "http://fhir.nhs.net/Id/nhs-number",
        "urn:oid:2.16.840.1.113883.2.1.4.1",
        "nhs",
        "NHS Number",
    ],
)
@pytest.mark.parametrize(
    "value",
    [
        "9434765919",
        "943 476 5919",
        "943-476-5919",
        "943\u2011476\u20115919",
        " 9434765919",
        "9434765919\u200d",
        "\ufeff943\u00a0476\u20095919",
        "\uff19\uff14\uff13\uff14\uff17\uff16\uff15\uff19\uff11\uff19",
    ],
)
def test_one_nhs_number_is_one_number_however_it_is_printed(system, value):
    assert written(system, value) == (NHS_NUMBER, "9434765919")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("9434765918", "another check digit"),
        ("9434756919", "two digits swapped"),
        ("943476591", "a digit short"),
        ("94347659190", "a digit too many"),
        ("0000000000", "passes the arithmetic and is nobody's"),
        ("1111111111", "the same"),
        ("943476591O", "a letter"),
        ("TEMP 12", "no number at all"),
    ],
)
def test_a_number_that_fails_its_check_is_kept_as_it_was_and_said_to_fail(value, why):
    assert written(NHS_NUMBER, value) == (NHS_NUMBER, value), why
    assert not fits(NHS_NUMBER, value), why


def test_a_short_name_means_the_national_number_only_where_it_is_one():
    assert written("nhs", "12") == ("nhs", "12")
    assert fits("nhs", "12"), "nothing is known of numbers that a system gives itself"


@pytest.mark.parametrize(
    ("system", "good", "bad"),
    [
        ("urn:oid:2.16.840.1.113883.2.1.3.2.4.16.53", "010 101 0001", "0101010000"),
        (
            "http://ns.electronichealth.net.au/id/hi/ihi/1.0",
            "8003 6081 6669 0503",
            "8003608166690504",
        ),
        ("https://standards.digital.health.nz/ns/nhi-id", "zac5361", "ZAC5362"),
        ("https://standards.digital.health.nz/ns/nhi-id", "ZBN77VL", "ZBN77VK"),
        ("http://fhir.de/sid/gkv/kvid-10", "X110411675", "X110411674"),
        ("http://fhir.nl/fhir/NamingSystem/bsn", "1112.22.333", "111222334"),
        (
            "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin",
            "85.07.30-033 28",
            "85073003329",
        ),
        ("http://hl7.org/fhir/sid/us-ssn", "219-09-9999", "000-09-9999"),
    ],
)
def test_each_system_has_its_own_form_and_check(system, good, bad):
    assert fits(*written(system, good))
    assert not fits(*written(system, bad))
    assert written(*written(system, good)) == written(system, good), "and it is stable"


def test_a_number_of_an_unknown_system_loses_only_what_cannot_be_seen():
    assert written("urn:x:mrn ", "\u200bA  12\u00a0b\u200d") == ("urn:x:mrn", "A 12 b")
    assert written("urn:x:mrn", "a-12") != written("urn:x:mrn", "a12"), "its form is not known"


@given(st.text(max_size=30), st.text(max_size=30))
def test_writing_twice_is_writing_once(system, value):
    once = written(system, value)
    assert written(*once) == once
    assert visible(visible(value)) == visible(value)


def test_numbers_are_named_and_grouped_as_they_are_read_aloud():
    assert label(NHS_NUMBER) == "NHS number"
    assert label("https://example.org/hospital-number") == "hospital number"
    assert read_aloud(NHS_NUMBER, "9434765919") == "943 476 5919"
    assert read_aloud(NHS_NUMBER, "TEMP12") == "TEMP12"


# -- Names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("Ødegård", "odegard"),
        ("Müllerová", "mullerova"),
        ("Łukasiewicz", "lukasiewicz"),
        ("Nguyễn", "nguyen"),
        ("O’Brien", "O'Brien"),
        ("O\u02bcBrien", "OBRIEN"),
        ("O`Brien", "o brien"),
        ("Smith-Jones", "smith jones"),
        ("Smith\u2010Jones", "smithjones"),
        ("Weiß", "WEISS"),
        ("GROẞ", "gross"),
        ("José María", "jose maria"),
        ("Jose\u0301", "jos\u00e9"),
        ("İpek", "ipek"),
        ("Þórsdóttir", "thorsdottir"),
        ("Ægir", "aegir"),
        ("ﬁona", "fiona"),
        ("Παπάς", "παπασ"),
    ],
)
def test_names_are_compared_as_anybody_types_them(name, typed):
    assert folded(name) == folded(typed)


@pytest.mark.parametrize(
    ("one", "other"), [("Muller", "Miller"), ("Иванов", "Иванова"), ("Ng", "N")]
)
def test_other_names_stay_other_names(one, other):
    assert folded(one) != folded(other)


@given(st.text(max_size=40))
def test_a_folded_name_is_folded(name):
    assert folded(folded(name)) == folded(name)
    assert not any(unicodedata.category(sign) == "Mn" and sign < "\u0370" for sign in folded(name))


# -- One person or two -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (EDITH, "the same"),
        (EDITH._replace(family_name="Harow"), "a letter missing"),
        (EDITH._replace(family_name="Pemberton"), "a married name"),
        (EDITH._replace(family_name="Pemberton", sex="unknown"), "a married name, sex not said"),
        (EDITH._replace(family_name="Pemberton", birth_date=date(1938, 1, 4)), "day and month"),
        (EDITH._replace(birth_date=date(1983, 4, 1)), "two digits swapped"),
        (EDITH._replace(birth_date=date(1950, 6, 7)), "a birth date put right"),
        (EDITH._replace(birth_date=date(1950, 6, 7), sex="male"), "the name is hers"),
        (EDITH._replace(sex="male"), "a sex put right"),
        (EDITH._replace(given_name="Edie", sex="male"), "a nickname, and a sex put right"),
        (EDITH._replace(given_name="Mary Edith"), "a second given name, put first"),
        (EDITH._replace(family_name="Pemberton", given_name="Edyth"), "a married name, and a slip"),
        (EDITH._replace(family_name="Edith", given_name="Harrow"), "the names exchanged"),
        (EDITH._replace(given_name="E"), "an initial"),
        (EDITH._replace(given_name="Edith Mary", family_name="Harrow-Lane"), "more of the names"),
        (Particulars("Pym", "Kofi"), "nothing but a name: that alone is taken over"),
        (Particulars("", "", date(2009, 9, 9), "male"), "no name is said"),
        (Particulars("Edith", "", date(2009, 9, 9), "male"), "one of her names alone"),
        (Particulars(), "nothing is said"),
    ],
)
def test_these_can_be_one_person(said, why):
    assert contradiction(EDITH, said) == (), why
    assert contradiction(said, EDITH) == (), why


@pytest.mark.parametrize(
    ("said", "differs", "why"),
    [
        (
            Particulars("Pym", "Kofi", date(2009, 9, 9), "male"),
            ("name", "birth_date", "sex"),
            "all",
        ),
        (Particulars("Pym", "Ama", date(2009, 9, 9), "female"), ("name", "birth_date"), "not sex"),
        (Particulars("Pym", "Kofi", date(2009, 9, 9)), ("name", "birth_date"), "sex not said"),
        (Particulars("Pym", "Kofi", None, "male"), ("name", "sex"), "birth date not said"),
        (Particulars("Pym", "Kofi", date(1938, 4, 1), "male"), ("name", "sex"), "one birthday"),
        (
            Particulars("Harrow", "Peter", date(1970, 8, 9), "male"),
            ("name", "birth_date", "sex"),
            "mother and son",
        ),
        (EDITH._replace(given_name="Joan"), ("name",), "twins"),
        (EDITH._replace(given_name="Peter", sex="male"), ("name", "sex"), "sister and brother"),
        (
            EDITH._replace(family_name="Harrow-Lane", given_name="Peter", sex="male"),
            ("name", "sex"),
            "twins, one with a double name",
        ),
        (EDITH._replace(given_name="P"), ("name",), "an initial of another name"),
        (Particulars("Harrow", "Joan"), ("name",), "nothing but a name, and it is another one"),
        (
            Particulars("Harrow", "Joan", date(1970, 8, 9), "female"),
            ("name", "birth_date"),
            "mother and daughter",
        ),
        (
            Particulars("Pym", "Edith", date(2009, 9, 9), "female"),
            ("name", "birth_date"),
            "one first name in common",
        ),
        (
            Particulars("Sukarno", "", date(2009, 9, 9), "male"),
            ("name", "birth_date", "sex"),
            "one name",
        ),
    ],
)
def test_these_are_two_people(said, differs, why):
    assert contradiction(EDITH, said) == differs, why
    assert contradiction(said, EDITH) == differs, why


@pytest.mark.parametrize(
    ("one", "other", "is_one"),
    [
        ("Margaret", "Peggy", True),
        ("Mary Margaret", "Peggy Ann", True),
        ("Wilhelmina", "Mina", True),
        ("Małgorzata", "Gosia", True),
        ("Anna Maria", "Maria Luise", True),
        ("Søren", "Soren", True),
        ("Søren", "Lars", False),
        ("Peggy", "Betty", False),
        ("Mary-Ann", "Elizabeth Jane", False),
    ],
)
def test_twins_are_told_apart_by_a_given_name_that_is_no_nickname(one, other, is_one):
    a, b = (Particulars("Lind", given, date(1990, 1, 2)) for given in (one, other))
    assert contradiction(a, b) == contradiction(b, a) == (() if is_one else ("name",))


def test_only_nicknames_that_their_letters_do_not_tell_are_listed():
    told = [
        (name, called)
        for name, several in CALLED.items()
        for called in several
        if have_letters_in_common(name, called) or folded(called) != called
    ]
    assert told == []


def test_a_baby_without_a_name_yet_is_not_somebody_else():
    baby = Particulars("Ward", "Baby Boy", date(2026, 11, 1), "male")
    assert contradiction(baby, baby._replace(given_name="Peter")) == ()


# -- Birth dates -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "known", "why"),
    [
        (date(1900, 1, 1), False, "what a form writes for nobody knows"),
        (date(1753, 1, 1), False, "the first day of a database"),
        (date(9999, 12, 31), False, "its last day"),
        (date(2026, 11, 29), False, "tomorrow"),
        (date(2026, 11, 28), True, "today"),
        (date(1905, 11, 28), False, "121 today"),
        (date(1905, 11, 29), True, "121 tomorrow"),
        (date(1906, 1, 1), True, "old"),
        (date(1970, 1, 1), True, "somebody's birthday all the same"),
    ],
)
def test_a_birth_date_that_nobody_can_have_is_not_known(day, known, why):
    assert (possible_birth_date(day, today=TODAY) == day) is known, why
