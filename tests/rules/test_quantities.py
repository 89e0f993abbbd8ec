"""A supply in words: what is an amount, and what only looks like one."""

import pytest

from reviews.rules.quantities import read, says_otherwise, unit_of


@pytest.mark.parametrize(
    ("text", "number", "unit"),
    [
        ("56 tablets", 56, "tablet"),
        ("56tabs.", 56, "tablet"),
        ("2 packs of 28", 56, "unit"),
        ("Two packs of 28 tablets each", 56, "tablet"),
        ("pack of 28", 28, "unit"),
        ("1 box (28 tablets)", 28, "tablet"),
        ("2 x 28", 56, "unit"),
        ("2×28 capsules", 56, "capsule"),
        ("3 x 10 ml", 30, "ml"),
        ("1 x 100ml bottle", 100, "ml"),
        ("56 tablets in 2 boxes", 56, "tablet"),
        ("56 tablets (2 x 28)", 56, "tablet"),
        ("1.5 ml", 1.5, "ml"),
        ("2 boîtes de 28 comprimés", 56, "tablet"),
        ("1 flacon de 100 ml", 100, "ml"),
        ("56 gélules en 2 boîtes", 56, "capsule"),
        ("2 Packungen à 28 Tabletten", 56, "tablet"),
        ("3 OP zu 20 Stück", 60, "unit"),
        ("N2 50 St.", 50, "unit"),
        ("100 Filmtabletten in 2 Packungen", 100, "tablet"),
        ("5 Zäpfchen", 5, "suppository"),
        ("2 boxes (28 tablets each)", 56, "tablet"),
        ("56 tablets (2 packs)", 56, "tablet"),
        ("56 tablet(s)", 56, "tablet"),
        ("56 (fifty six) tablets", 56, "tablet"),
        ("[28] tablets", 28, "tablet"),
        ("28 tablet pack", 28, "tablet"),
        ("20 Tbl. N1", 20, "tablet"),
        ("1 Pckg. (20 St.)", 20, "unit"),
        ("2 Schachteln mit je 28 Tabletten", 56, "tablet"),
        ("2 étuis de 14", 28, "unit"),
        ("2 cajas de 28 comprimidos", 56, "tablet"),
        ("1 confezione da 30 compresse", 30, "tablet"),
    ],
)
def test_an_amount_with_its_unit_is_read(text, number, unit):
    assert read(text) == (number, unit)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2 Packung", "how many are in a pack is not said"),
        ("2 packs", "the same in English"),
        ("1 bottle", "or in a bottle"),
        ("56", "nothing is named: tablets, or packs?"),
        ("packs of 28", "how many packs?"),
        ("2 boxes (28 tablets)", "28 in each, or in both?"),
        ("56 tablets (2 x 30)", "the two do not agree"),
        ("1,000 ml", "a litre to some and a millilitre to others"),
        ("1.000 ml", "the same the other way round"),
        ("0 tablets", "nothing is no supply"),
        ("2 packs (56 tablets)", "56 in each, or in both?"),
        ("60 tablets + 1 refill", "more than an amount"),
        ("28 tablets weekly", "for how many weeks?"),
        ("28 days", "a time is no amount"),
        ("as before", "words"),
        ("", "nothing"),
    ],
)
def test_what_leaves_the_amount_open_is_not_read(text, why):
    assert read(text) is None, why


@pytest.mark.parametrize(
    ("word", "unit"),
    [
        ("Tablette", "tablet"),
        ("comprimé", "tablet"),
        ("Tablet(s)", "tablet"),
        ("Tablet - unit of product usage", "tablet"),
        ("EA", "unit"),
        ("Stück", "unit"),
        ("µg", "microgram"),
        ("Packung", None),
        ("1", None),
        ("", None),
    ],
)
def test_a_word_for_a_unit(word, unit):
    assert unit_of(word) == unit


@pytest.mark.parametrize(
    ("text", "number", "unit", "otherwise", "why"),
    [
        ("2 packs of 28", 2, "tablet", True, "56, not 2"),
        ("2 packs of 28", 56, "tablet", False, "the same"),
        ("2 packs of 28", 56, "capsule", False, "pieces, however they are called"),
        ("2 Packung", 2, "tablet", True, "the number counts packs"),
        ("one pack", 1, "unit", True, "in words too"),
        ("2 Packung", 56, "tablet", False, "what two packs hold"),
        ("100 ml", 100, "ml", False, "the same"),
        ("100 ml", 50, "ml", True, "half of it"),
        ("100 ml", 200, "mg", False, "not compared"),
        ("as before", 2, "tablet", False, "words that say no amount"),
    ],
)
def test_whether_words_and_a_number_tell_of_one_amount(text, number, unit, otherwise, why):
    assert says_otherwise(text, number, unit) is otherwise, why
