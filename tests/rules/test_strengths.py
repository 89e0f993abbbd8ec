"""Strengths as people and systems write them, each beside its nearest neighbours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviews.rules.recognise import plain
from reviews.rules.strengths import Named, strengths_in

from .book import BOOK, medicine

HELD = {
    "diazepam": {"piece": frozenset({2.0, 5.0, 10.0}), "ml": frozenset({0.4, 5.0})},
    "clonazepam": {"piece": frozenset({0.5, 1.0, 2.0})},
    "lorazepam": {"piece": frozenset({0.5, 1.0, 2.5})},
    "alprazolam": {"piece": frozenset({0.25, 0.5, 1.0, 2.0})},
    "zopiclone": {"piece": frozenset({3.75, 7.5})},
    "codeine": {"piece": frozenset({15.0, 30.0, 60.0})},
    "paracetamol": {"piece": frozenset({300.0, 325.0, 500.0})},
    "oxycodone": {"piece": frozenset({5.0, 10.0, 20.0, 40.0}), "ml": frozenset({1.0})},
    "naloxone": {"piece": frozenset({0.5, 2.0}), "spray": frozenset({4.0, 8.0})},
}


def read(text, *drugs):
    """What is read for drugs that the text names, or that one name in it ("brand") stands for."""
    text = plain(text)
    if "brand" in text:
        names = [Named(drugs, text.index("brand"), text.index("brand") + 5)]
    else:
        at = {drug: text.index(drug) for drug in drugs}
        names = [
            Named((drug,), start, start + len(drug))
            for drug, start in sorted(at.items(), key=lambda pair: pair[1])
        ]
    return strengths_in(text, names, HELD)


ONE = [
    # text, mg, per, why
    ("alprazolam .25 mg tablets", 0.25, "", "a leading point"),
    ("ALPRAZOLAM .5MG TABLET", 0.5, "", "and no space"),
    ("alprazolam ,25 mg", 0.25, "", "a leading comma"),
    ("alprazolam.5 mg", 0.5, "", "a point after a letter: 5 mg is not held"),
    ("diazepam.5 mg", 5, "", "a full stop after a letter: 0.5 mg is not held"),
    ("alprazolam 0,25 mg Tabletten", 0.25, "", "a decimal comma"),
    ("diazepam 2mg:5ml solution", 0.4, "ml", "with a colon"),
    ("diazepam 5 mg: 28 tablets", 5, "", "a colon before what is supplied"),
    ("alprazolam 0.250 mg", 0.25, "", "three digits after a nought are decimals"),
    ("alprazolam 0,250 mg", 0.25, "", "with a comma too"),
    ("Lorazépam 2,5 mg comprimés", 2.5, "", "French"),
    ("zopiclone 3,75 mg", 3.75, "", "two decimals"),
    ("clonazepam 1,000 microgram tablets", 1, "", "a thousand: 0.001 mg is not held"),
    ("clonazepam 2.000 Mikrogramm Tabletten", 2, "", "a thousand with a point"),
    ("clonazepam 2000 µg", 2, "", "the Greek letter"),
    ("clonazepam 2000 μg", 2, "", "the micro sign"),
    ("lorazepam 1.000 mg", 1, "", "three decimals: 1000 mg is not held"),
    ("lorazepam 1,000 mg Filmtabl", 1, "", "whatever the separator"),
    ("oxycodone 5.000 mg", 5, "", "of the strengths of one piece"),
    ("lorazepam 1,500 mg tablets", 1.5, "", "nothing held, but 1500 mg is far from all of it"),
    ("diazepam 10 000 microgram", 10, "", "a thousand with a space"),
    ("clonazepam 1'000 microgram", 1, "", "a thousand with an apostrophe"),
    ("alprazolam 0·5 mg", 0.5, "", "the raised point of British print"),
    ("zopiclone 7∙5mg tablets", 7.5, "", "and what looks like it"),
    ("lorazepam 2٫5 mg", 2.5, "", "the Arabic decimal sign"),
    ("diazepam 5 mg · 28 tablets", 5, "", "a point between two things is no decimal"),
    ("diazepam 28x5 mg", 5, "", "a count before it"),
    ("diazepam 2mg in each 5ml", 0.4, "ml", "each"),
    ("diazepam 2mg in 5ml oral solution", 0.4, "ml", "in words"),
    ("diazepam 2mg/5ml oral solution", 0.4, "ml", "with a stroke"),
    ("diazepam 2 mg par 5 ml, sirop", 0.4, "ml", "French"),
    ("diazepam 2 mg pro 5 ml Saft", 0.4, "ml", "German"),
    ("diazepam 10 mg/2 ml Ampullen", 5, "ml", "an ampoule"),
    ("diazepam 10 mg/ml Tropfen", 10, "ml", "drops"),
    ("diazepam 1 pour cent, solution buvable", 10, "ml", "a gram in 100 ml"),
    ("diazepam 0,5 % Tropfen", 5, "ml", "with a sign"),
    ("diazepam 5 mg je Tablette", 5, "tablet", "each"),
    ("diazepam 5 mg/28 tablets", 5, "", "of 28 it is not the strength"),
    ("5 mg diazepam tabs", 5, "", "before the name"),
    ("tabs 5mg diazepam", 5, "", "and after another word"),
    ("diazepam 5 mg - 28 tablets", 5, "", "a count beside it"),
    ("diazepam 5 mg, 1 or 2 tablets", 5, "", "or how many to take"),
    ("diazepam 5 mg, 28", 5, "", "a count without a word"),
    ("diazepam 5mg/28", 5, "", "a pack"),
    ("take 1-2 diazepam 5 mg", 5, "", "numbers before the name have no unit"),
    ("diazepam 2½ mg", 2.5, "", "a half in one character"),
    ("½ mg lorazepam", 0.5, "", "alone"),
    ("diazepam 5 milligrammi", 5, "", "Italian"),
    ("diazepam 5 miligramos", 5, "", "Spanish"),
    ("diazepam 0.005 g", 5, "", "grams"),
    ("diazepam 5mg oral tablet (diazepam 5mg)", 5, "", "said twice"),
]


@pytest.mark.parametrize(("text", "mg", "per", "why"), ONE)
def test_a_strength_is_read_as_it_is_written(text, mg, per, why):
    (drug,) = [drug for drug in HELD if drug in plain(text)]
    found = read(text, drug)
    assert found.of[drug].mg == pytest.approx(mg), why
    assert found.of[drug].per == per, why
    assert found.doubts == (), why


DOUBTFUL = [
    ("diazepam 5-10 mg tablets", "5-10 mg", "a range"),
    ("diazepam 5 to 10 mg", "5 to 10 mg", "in words"),
    ("diazepam 5 bis 10 mg", "5 bis 10 mg", "in German"),
    ("diazepam 2 mg, 5 mg or 10 mg", "2 mg, 5 mg or 10 mg", "a list"),
    ("diazepam 5mg 10mg", "5mg 10mg", "two, and no word between"),
    ("diazepam 5mg/10mg", "5mg/10mg", "a combination of which one part is named"),
    ("diazepam 5mg-10", "5mg-10", "a range without its second unit"),
    ("diazepam 5 mg or 10", "5 mg or 10", "in words"),
    ("diazepam 0 mg", "0 mg", "no strength is 0"),
    ("diazepam 0.2 mg/kg", "0.2 mg", "for each kilogram of a person"),
    ("diazepam 0,2 mg pro kg", "0,2 mg", "in German"),
    ("diazepam 0,0 mg tablets", "0,0 mg", "however it is written"),
    ("diazepam 5 mg/0 ml", "5 mg/0 ml", "nor in 0 ml"),
    ("diazepam 2 500 microgram", "2 500 microgram", "2.5 mg, or two of 0.5 mg"),
    ("diazepam 7. 5 mg", "7. 5 mg", "7.5, or two numbers"),
    ("diazepam 28 . 5 mg", "28 . 5 mg", "with spaces on both sides"),
    ("diazepam 1.234.5 mg", "1.234.5 mg", "no way to write a number"),
    ("diazepam 9999999 mg", "9999999 mg", "more than a kilogram"),
    (f"diazepam {'9' * 400} mg", f"{'9' * 400} mg", "more than any number"),
]


@pytest.mark.parametrize(("text", "doubt", "why"), DOUBTFUL)
def test_what_may_mean_more_than_one_amount_is_not_known_and_said(text, doubt, why):
    found = read(text, "diazepam")
    assert found == ({}, (doubt,)), why


@pytest.mark.parametrize("sign", ["`", "‚", "\u2032", '"', "¸"])
def test_what_stands_after_a_sign_that_parts_no_numbers_is_never_a_strength_alone(sign):
    assert read(f"alprazolam 0{sign}25 mg", "alprazolam").of == {}


@pytest.mark.parametrize(
    ("text", "mg", "doubts"),
    [
        ("diazepam 2mg/5ml oral solution", 0.4, ()),
        ("diazepam 2mg (5ml) oral solution", None, ("2 mg",)),
        ("diazepam oral solution 5 ml = 2 mg", None, ("2 mg",)),
        ("diazepam 2mg-5ml oral solution", None, ("2 mg",)),
        ("diazepam 2 mg oral solution", 2, ()),
        ("diazepam 10 mg 2 ml ampoule", 10, ()),
    ],
)
def test_the_mg_of_a_liquid_beside_its_ml_are_not_those_of_a_piece(text, mg, doubts):
    recognition = BOOK.recognise(medicine(text))
    assert (recognition.parts[0].strength_mg, recognition.doubts) == (mg, doubts)


UNHELD = [
    ("tramadol 1,000 mg tablets", 1000, "English words: a comma parts thousands"),
    ("tramadol 2.500 mg tablets", 2.5, "English words: a point parts decimals"),
    ("tramadol 2,500 mg comprimés", 2.5, "French words: a comma parts decimals"),
    ("tramadol 1.000 mg Tabletten", None, "German words: a machine may have written it"),
    ("tramadol 1,000 mg", None, "no words"),
    ("tramadol 1.000 mg", None, "no words"),
    ("tramadol 50 mg", 50, "nothing to doubt"),
    ("oxycodone 1.000 mg", None, "1 mg is held of a millilitre, and not of one piece"),
    ("tramadol 2 500 mg", None, "2500, or 2 of 500"),
    ("tramadol 1 000 mg", 1000, "no number is 000"),
]


@pytest.mark.parametrize(("text", "mg", "why"), UNHELD)
def test_where_no_strength_is_held_the_language_of_the_text_decides(text, mg, why):
    found = read(text, text.split()[0])
    assert [each.mg for each in found.of.values()] == ([] if mg is None else [mg]), why
    assert bool(found.doubts) is (mg is None), why


COMBINED = [
    # text, the drugs in no special order, what is read
    ("brand 30/500 tablets", ("codeine", "paracetamol"), (30, 500)),
    ("brand 500/30 comprimé", ("codeine", "paracetamol"), (30, 500)),
    ("brand 8mg/500mg", ("codeine", "paracetamol"), (8, 500)),
    ("brand 30mg-500mg", ("codeine", "paracetamol"), (30, 500)),
    ("brand 40mg/20mg modified-release tablets", ("naloxone", "oxycodone"), None),
    ("brand 7,5/325", ("oxycodone", "paracetamol"), (7.5, 325)),
    ("brand 10 mg", ("naloxone", "oxycodone"), None),
    ("brand 12.8 mg/500 mg", ("codeine", "paracetamol"), (12.8, 500)),
    ("brand 10/5 mg", ("naloxone", "oxycodone"), (5, 10)),
    ("brand 5/2.5 mg", ("naloxone", "oxycodone"), None),
    ("brand 100/8 mg", ("naloxone", "tilidine"), (8, 100)),
    ("brand 50/4 mg", ("naloxone", "tilidine"), (4, 50)),
    ("brand 50/4 mg", ("nothing", "tilidine"), None),
    ("brand 12/34", ("codeine", "paracetamol"), None),
    ("codeine 30 mg / paracetamol 500 mg", ("codeine", "paracetamol"), (30, 500)),
    ("500 mg paracetamol + 30 mg codeine", ("codeine", "paracetamol"), (30, 500)),
    ("paracetamol-codeine 500-30 mg tablet", ("codeine", "paracetamol"), (30, 500)),
    ("codeine and paracetamol 30/500", ("codeine", "paracetamol"), (30, 500)),
    ("paracetamol 500 mg codeine tablets", ("codeine", "paracetamol"), (None, 500)),
    ("codeine 12.5 mg/5 ml, paracetamol 120 mg/5 ml", ("codeine", "paracetamol"), (2.5, 24)),
]


@pytest.mark.parametrize(("text", "drugs", "mg"), COMBINED)
def test_amounts_written_together_belong_to_as_many_ingredients(text, drugs, mg):
    found = read(text, *drugs).of
    got = tuple(found[drug].mg if drug in found else None for drug in drugs)
    assert got == (pytest.approx(mg) if mg else (None, None))


@pytest.mark.parametrize(
    ("text", "codings", "mg", "why"),
    [
        ("Tavor 1,0 mg", [("atc", "N05BA06")], 1, "the text names nothing known, but says mg"),
        ("Tavor", [("atc", "N05BA06")], None, "nothing to read"),
        ("morphine 10 mg", [("atc", "N05BA06")], None, "the strength of another drug"),
        ("lorazepam 1-2 mg", [("atc", "N05BA06")], None, "a range"),
    ],
)
def test_a_code_takes_its_strength_from_the_text(text, codings, mg, why):
    (part,) = BOOK.recognise(medicine(text, *codings)).parts
    assert part == ("lorazepam", mg, "") or (part.drug, part.strength_mg) == ("lorazepam", mg), why


def test_a_recognition_says_what_it_could_not_read():
    assert BOOK.recognise(medicine("Diazepam 5-10 mg tablets")).doubts == ("5-10 mg",)
    assert BOOK.recognise(medicine("Diazepam 5 mg tablets")).doubts == ()


def _written(mg, point, group, unit, fraction_only):
    """A strength as one of many systems writes it: "0,5 mg", ".5 mg", "1,000 microgram"."""
    amount = mg * {"mg": 1, "milligram": 1, "microgram": 1000, "µg": 1000, "g": 0.001}[unit]
    whole, _, fraction = f"{amount:.6f}".rstrip("0").rstrip(".").partition(".")
    if group and len(whole) > 3:
        whole = f"{int(whole):,}".replace(",", group)
    if fraction_only and whole == "0":
        whole = ""
    return f"{whole}{point + fraction if fraction else ''} {unit}"


FRAMES = (
    *("{drug} {it}", "{it} {drug}", "{drug} {it} tablets", "{drug} {it} Filmtabletten"),
    *("{drug} Teva {it}, comprimé", "{drug} ({it}) 28 tabs", "{drug} {it} x 56"),
)


@given(
    drug=st.sampled_from(["diazepam", "clonazepam", "lorazepam", "alprazolam", "zopiclone"]),
    data=st.data(),
    unit=st.sampled_from(["mg", "milligram", "microgram", "µg", "g"]),
    marks=st.sampled_from([(".", ","), (",", "."), (".", ""), (",", ""), (",", " "), (".", "'")]),
    fraction_only=st.booleans(),
    frame=st.sampled_from(FRAMES),
)
def test_a_strength_that_is_held_is_read_or_not_known_and_never_another(
    drug, data, unit, marks, fraction_only, frame
):
    mg = data.draw(st.sampled_from(sorted(HELD[drug]["piece"])))
    it = _written(mg, *marks, unit, fraction_only)
    found = read(frame.format(drug=drug, it=it), drug)
    if found.of:
        assert found.of[drug].mg == pytest.approx(mg), it
    else:
        assert found.doubts, it
