"""DQ-01 and DQ-03: what is missing, where it matters, and where it does not."""

import pytest

from reviews.rules import screen
from reviews.rules.book import RuleBook

from .book import BOOK, finding, fired, line, medicine, person

MISSING = [
    ({}, None, "complete"),
    ({"quantity": None}, None, "a stated days' supply stands in for the quantity"),
    ({"medicine": "diazepam tablets", "dose": 5, "dose_unit": "mg"}, None, "mg need no strength"),
    ({"days_supply": None, "quantity": None}, "quantity or days' supply", "no supply"),
    (
        {"days_supply": None, "quantity": 2, "quantity_unit": None},
        "the unit of the quantity (2)",
        "two tablets, or two packs of an unknown size",
    ),
    (
        {"days_supply": None, "quantity": None, "quantity_text": "2 Packung"},
        "a quantity that is understood (“2 Packung”)",
        "the words are shown",
    ),
    (
        {"days_supply": None, "quantity": None, "quantity_text": "2 Packungen zu 28"},
        None,
        "and read where they say enough",
    ),
    ({"quantity": 2, "quantity_unit": None}, None, "a stated days' supply needs no unit"),
    ({"dose": None, "dose_max": 2}, None, "up to two tablets is a daily amount"),
    (
        {"days_supply": None, "dose": None, "dose_max": 2},
        "lowest daily dose",
        "how long it lasts is open",
    ),
    ({"dose": None}, "daily dose", "no dose"),
    ({"times_per_day": None}, "times a day", "no frequency"),
    ({"dose_unit": None}, "unit of the dose", "no unit"),
    ({"medicine": "diazepam tablets"}, "strength", "tablets of unknown strength"),
    ({"start_on": None}, "start date", "no start"),
    ({"days_supply": 0}, "days' supply (it comes to 0)", "0 days"),
    ({"days_supply": 120}, None, "120 days are plausible"),
    ({"days_supply": 121}, "a plausible days' supply", "121 days are not"),
    (
        {"days_supply": None, "quantity": 28, "as_needed": True, "max_per_day": 2},
        None,
        "an as-needed line without expected use is not evaluable, but lacks nothing",
    ),
    ({"as_needed": True, "dose": None, "max_per_day": 2}, None, "a daily maximum is a daily dose"),
]


@pytest.mark.parametrize(("fields", "missing", "why"), MISSING)
def test_what_is_missing_is_named(fields, missing, why):
    found = finding("DQ-01", line(**fields), as_of=1)
    assert (None if found is None else found.facts[0].value) == missing, why


def test_one_finding_for_each_drug_however_many_lines():
    lines = [line(start=n * 28, days_supply=None, quantity=None) for n in range(5)]
    found = finding("DQ-01", *lines, as_of=140)
    assert found.key == "DQ-01:diazepam"
    assert len(found.line_ids) == 5


def test_other_medicines_are_not_asked():
    assert fired(line("morphine 10 mg", days_supply=None, quantity=None)) == {}


def test_an_old_line_that_is_over_is_not_asked_once_a_later_one_is_known():
    old = line(start=-900, days_supply=None, quantity=None, status="completed")
    assert "DQ-01" in fired(old)
    assert "DQ-01" not in fired(old, line())
    active = line(start=-900, days_supply=None, quantity=None)
    assert "DQ-01" in fired(active, line())


@pytest.mark.parametrize(
    ("given", "severity", "why"),
    [
        ("zork 10 mg", 3, "nobody knows it; no benzodiazepine in use"),
        ("amoxicillin 500 mg", None, "known, and without a rule"),
        ("codeine 30 MG / zork 500 MG Oral Tablet", 3, "part of a combination"),
        (medicine("as coded", ("atc", "N06CA01")), 3, "a combination code not expanded"),
        (medicine("as coded", ("rxnorm", "999")), 3, "an unknown code"),
    ],
)
def test_a_medicine_nobody_recognises_is_shown(given, severity, why):
    found = finding("DQ-03", line(medicine=given))
    assert (None if found is None else found.severity) == severity, why


def test_beside_a_benzodiazepine_it_may_be_a_missed_interaction():
    assert fired(line(days=7), line("zork 10 mg"))["DQ-03"] == 2
    assert fired(line(start=-300, days=7), line("zork 10 mg"))["DQ-03"] == 3


@pytest.mark.parametrize(
    ("fields", "as_of", "fires", "why"),
    [
        ({"days": 10}, 24, True, "10 days, then 14 free ones"),
        ({"days": 10}, 25, False, "a day later"),
        ({"days_supply": None}, 5000, True, "active, without an end"),
        ({"days_supply": None, "status": "completed"}, 15, True, "over, 15 days after its start"),
        ({"days_supply": None, "status": "completed"}, 16, False, "over"),
        ({"status": "entered-in-error"}, 0, False, "never taken"),
    ],
)
def test_an_unknown_medicine_matters_while_it_is_in_use(fields, as_of, fires, why):
    assert ("DQ-03" in fired(line("zork 10 mg", **fields), as_of=as_of)) is fires, why


def test_the_same_unknown_medicine_is_one_finding():
    assert finding("DQ-03", line("Zork 10 mg"), line("zork 10 mg", start=5)).key == (
        "DQ-03:zork 10 mg"
    )


def test_a_person_without_medicines_is_checked_and_clear():
    screening = screen(person(), BOOK)
    assert (screening.findings, screening.exposure, screening.valid_until) == ((), None, None)


ZOPICLONE = ("atc", "N05CF01")


@pytest.mark.parametrize(
    ("text", "codings", "otherwise"),
    [
        ("zopiclone 7.5 mg tablets", [ZOPICLONE], ()),
        ("Imovane 7.5 mg tablets", [ZOPICLONE], ()),
        ("zork 7.5 mg tablets", [ZOPICLONE], ()),
        ("temazepam 10 mg tablets", [ZOPICLONE], ("temazepam",)),
        ("zork", [("atc", "N05CD07"), ZOPICLONE], ("zopiclone",)),
        ("temazepam with zopiclone", [ZOPICLONE], ()),
    ],
)
def test_a_code_for_one_drug_beside_the_name_of_another_is_said(text, codings, otherwise):
    recognition = BOOK.recognise(medicine(text, *codings))
    assert recognition.otherwise == otherwise
    assert recognition.unmapped == bool(otherwise)


def test_where_code_and_words_differ_the_person_is_not_clear():
    both = medicine("zopiclone 7.5 mg tablets", ("atc", "N05CD07"))
    found = finding("DQ-03", line(days=7), line(medicine=both))
    assert found.severity == 2
    assert found.title == "zopiclone 7.5 mg tablets: its code and its words differ"
    assert "is temazepam by its code and zopiclone by its words" in found.sentence


def test_an_atc_code_beside_a_code_of_none_is_judged_and_said():
    book = RuleBook.from_json({**BOOK.to_json(), "without_a_rule": {"dmd": [810004004]}})
    both = medicine("Calmwell tablets", ("dmd", "810004004"), ("atc", "N05CD07"))
    found = {f.rule_id: f for f in screen(person(line(medicine=both)), book).findings}
    assert "is no known sedative by its code and temazepam by its words" in found["DQ-03"].sentence
    alone = medicine("Calmwell tablets", ("atc", "N05CD07"))
    judged = {f.rule_id for f in screen(person(line(medicine=alone)), book).findings}
    assert judged <= {*found}


def test_words_that_name_a_drug_beside_a_code_of_none_are_judged_and_said():
    book = RuleBook.from_json({**BOOK.to_json(), "without_a_rule": {"dmd": [810004004]}})
    both = medicine("zopiclone 7.5 mg tablets", ("dmd", "810004004"))
    found = {f.rule_id: f for f in screen(person(line(medicine=both)), book).findings}
    assert "is no known sedative by its code and zopiclone by its words" in found["DQ-03"].sentence
