"""Recognition: codes first, then whole words; the traps are names that hide in other names."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from reviews.rules import memory
from reviews.rules.book import RuleBook
from reviews.rules.dossier import Medicine

from .book import BOOK, medicine

RXNORM = "rxnorm"


def found(text, *codings):
    recognition = BOOK.recognise(medicine(text, *codings))
    return [part.drug for part in recognition.parts], recognition


@pytest.mark.parametrize(
    ("text", "drugs"),
    [
        ("Diazepam 5 mg tablets", ["diazepam"]),
        ("DIAZÉPAM 5mg", ["diazepam"]),
        ("Valium", ["diazepam"]),
        ("Diazepam 5 MG Oral Tablet [Valium]", ["diazepam"]),
        ("Morphine sulfate 10 mg", ["morphine"]),
        ("Apomorphine 3 mg", ["apomorphine"]),
        ("Dihydrocodeine 30 mg tablets", ["dihydrocodeine"]),
        ("Co-codamol 30/500 tablets", ["codeine", "paracetamol"]),
        ("codeine 30 MG / paracetamol 500 MG Oral Tablet", ["codeine", "paracetamol"]),
        ("Naltrexone 50 mg", ["naltrexone"]),
        ("morphinesulfate", []),
        ("Placebo tablets", []),
        ("", []),
    ],
)
def test_a_name_is_matched_as_whole_words(text, drugs):
    assert found(text)[0] == drugs


@pytest.mark.parametrize(
    ("text", "strength", "unit", "form", "route"),
    [
        ("diazepam 5 mg tablets", 5.0, "tablet", "tablet", "oral"),
        ("diazepam 2 mg/5 ml oral solution", 0.4, "ml", "liquid", "oral"),
        ("diazepam 5 MG/ML Injectable Solution", 5.0, "ml", "injection", "parenteral"),
        ("fentanyl 25 micrograms/hour transdermal patches", 0.025, "hour", "patch", "transdermal"),
        ("lormetazepam 500 microgram tablets", 0.5, "tablet", "tablet", "oral"),
        ("lormetazepam 500 mcg tablets", 0.5, "tablet", "tablet", "oral"),
        ("lormetazepam 500 ug tablets", 0.5, "tablet", "tablet", "oral"),
        ("midazolam 10 mg/2 ml oromucosal solution", 5.0, "ml", "buccal", "buccal"),
        ("diazepam", None, "", None, None),
    ],
)
def test_strength_form_and_route_are_read_from_the_text(text, strength, unit, form, route):
    recognition = found(text)[1]
    (part,) = recognition.parts
    assert (part.strength_mg, part.per_unit) == (pytest.approx(strength), unit)
    assert (recognition.form, recognition.route) == (form, route)


def test_each_strength_belongs_to_its_own_ingredient():
    parts = found("codeine 30 MG / paracetamol 500 MG Oral Tablet")[1].parts
    assert [(p.drug, p.strength_mg) for p in parts] == [("codeine", 30.0), ("paracetamol", 500.0)]


@pytest.mark.parametrize(
    ("codings", "drugs", "matched"),
    [
        ([(RXNORM, "197591")], ["diazepam"], "rxnorm:197591"),
        ([(RXNORM, "1153378")], ["clonazepam"], "rxnorm:1153378"),
        ([(RXNORM, "2598")], ["clonazepam"], "rxnorm:2598"),
        ([("atc", "N05BA06")], ["lorazepam"], "atc:N05BA06"),
        ([("snomed", "387264003")], ["diazepam"], "snomed:387264003"),
        ([("atc", "N02AJ06")], ["codeine", "paracetamol"], "atc:N02AJ06"),
        ([("atc", "N05BA06"), (RXNORM, "197591")], ["diazepam"], "rxnorm:197591"),
        ([("http://example.org/own", "1"), ("atc", "N05BA06")], ["lorazepam"], "atc:N05BA06"),
    ],
)
def test_a_code_is_matched_best_kind_first(codings, drugs, matched):
    keys, recognition = found("as coded", *codings)
    assert (keys, recognition.matched_by, recognition.matched) == (drugs, "code", matched)


def test_a_code_outranks_the_words_and_an_unknown_code_falls_back_to_them():
    assert found("morphine", ("atc", "N05BA06"))[0] == ["lorazepam"]
    keys, recognition = found("morphine 10 mg", (RXNORM, "999"))
    assert (keys, recognition.matched_by) == (["morphine"], "name")


def test_a_code_without_a_strength_takes_it_from_the_text():
    (part,) = found("diazepam 2 mg tablets", (RXNORM, "3322"))[1].parts
    assert part.strength_mg == 2.0


@pytest.mark.parametrize(
    ("text", "codings", "substitution", "why"),
    [
        ("methadone 1 mg/ml", [("atc", "N07BC02")], True, "coded as substitution"),
        ("methadone 5 mg tablets", [("atc", "N02AC52")], False, "coded as pain relief"),
        ("methadone 5 mg tablets", [], False, "no code: pain relief, with the 2-week note"),
        ("diamorphine", [("atc", "N07BC06")], True, "heroin-assisted treatment"),
        ("buprenorphine 5 micrograms/hour patch", [("atc", "N02AE01")], False, "pain relief"),
        ("buprenorphine 8 mg", [("atc", "N07BC01")], True, "coded as substitution"),
        ("Suboxone 8 mg", [], True, "the brand is made for substitution"),
        ("buprenorphine 8 mg / naloxone 2 mg", [], True, "so is the combination"),
        ("x", [(RXNORM, "351267")], True, "and its product code"),
        ("x", [(RXNORM, "351267"), ("atc", "N02AE01")], False, "an explicit N02 code decides"),
    ],
)
def test_the_code_tells_substitution_from_pain_relief(text, codings, substitution, why):
    classes = found(text, *codings)[1].classes
    assert ("opioid-substitution" in classes) is substitution, why
    assert ("opioid" in classes) is not substitution, why


def test_lofexidine_shares_the_code_group_of_substitution_and_is_no_opioid():
    assert not found("lofexidine", ("atc", "N07BC04"))[1].classes & {
        "opioid",
        "opioid-substitution",
    }


@pytest.mark.parametrize(
    ("text", "codings", "complete", "drugs"),
    [
        ("as coded", [("atc", "N06CA01")], False, ["amitriptyline"]),
        (
            "amitriptyline 25 mg / chlordiazepoxide 10 mg tablets",
            [("atc", "N06CA01")],
            True,
            ["amitriptyline", "chlordiazepoxide"],
        ),
        ("Librax", [("atc", "A03CA02")], True, ["clidinium", "chlordiazepoxide"]),
        ("codeine 30 MG / zork 500 MG Oral Tablet", [], False, ["codeine"]),
        ("diazepam 2 mg / 5 ml oral solution", [], True, ["diazepam"]),
    ],
)
def test_a_combination_is_expanded_or_says_that_it_is_not(text, codings, complete, drugs):
    keys, recognition = found(text, *codings)
    assert (recognition.complete, keys) == (complete, drugs)


CLEARED = RuleBook.from_json({**BOOK.to_json(), "without_a_rule": {"dmd": [810004004]}})


@pytest.mark.parametrize(
    ("text", "drugs", "unmapped", "suspected"),
    [
        ("Amoxwell 500 tablets", [], False, ""),
        ("Amoxicillin 500 mg capsules", ["amoxicillin"], False, ""),
        ("Flubromazolam 1 mg tablets", [], True, "flubromazolam"),
        ("Amoxicillin 500 mg / flubromazolam 1 mg", ["amoxicillin"], True, "flubromazolam"),
        ("Diazepam 5 mg", ["diazepam"], True, ""),
    ],
)
def test_a_code_of_a_product_without_a_rule_does_not_silence_the_words(
    text, drugs, unmapped, suspected
):
    said = CLEARED.recognise_text(text, (("dmd", "810004004"),))
    assert [part.drug for part in said.parts] == drugs
    assert (said.unmapped, said.suspected) == (unmapped, suspected)
    assert ("benzodiazepine" in said.classes) is ("diazepam" in drugs)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("text", "atc", "drugs", "unmapped"),
    [
        ("Calmwell tablets", "N05BA01", ["diazepam"], True),
        ("Amoxicillin 500 mg capsules", "N05BA01", ["diazepam"], True),
        ("Diazepam 5 mg", "N05BA01", ["diazepam"], True),
        ("Temazepam 10 mg", "N05BA01", ["temazepam"], True),
        ("Calmwell tablets", "X99XX99", [], False),
    ],
)
def test_a_code_of_a_product_without_a_rule_does_not_silence_another_code(
    text, atc, drugs, unmapped, turned
):
    codings = [("dmd", "810004004"), ("atc", atc)]
    said = CLEARED.recognise_text(text, tuple(reversed(codings) if turned else codings))
    assert [part.drug for part in said.parts] == drugs
    assert said.unmapped is unmapped
    assert ("benzodiazepine" in said.classes) is bool(drugs)


def test_recognition_is_done_once_for_each_key():
    first = BOOK.recognise(Medicine("same", "diazepam", ()))
    assert BOOK.recognise(Medicine("same", "anything", ())) is first


def test_a_book_survives_its_json():
    assert RuleBook.from_json(BOOK.to_json()) == BOOK


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["drugs"]["diazepam"].update(classes=["sedatve"]), "unknown class sedatve"),
        (lambda d: d["names"].update(x={"drugs": ["nothing"]}), "unknown drug nothing"),
        (
            lambda d: d["products"].update(x={"name": "", "parts": [["nothing", None, ""]]}),
            "unknown drug nothing",
        ),
    ],
)
def test_a_book_that_contradicts_itself_is_refused(change, message):
    data = BOOK.to_json()
    change(data)
    with pytest.raises(ValueError, match=message):
        RuleBook.from_json(data)


def test_a_book_does_not_remember_texts_without_end(monkeypatch):
    monkeypatch.setattr(memory, "MOST_MEDICINES", 3)
    own = RuleBook.from_json(BOOK.to_json())
    for strength in range(1, 9):
        found = own.recognise(medicine(f"diazepam {strength} mg"))
        assert found.ingredients[0].drug.key == "diazepam"
        assert len(memory.memory_of(own).recognised.known) <= 3


def test_what_is_being_typed_is_recognised_and_not_remembered():
    own = RuleBook.from_json(BOOK.to_json())
    assert [each.drug.key for each in own.recognise_text("diazepa").ingredients] == []
    assert [each.drug.key for each in own.recognise_text("diazepam").ingredients] == ["diazepam"]
    coded = own.recognise_text("as before", (("atc", "N05BA06"),))
    assert [each.drug.key for each in coded.ingredients] == ["lorazepam"]
    assert memory.memory_of(own).recognised.known == {}


def test_only_the_last_few_books_are_remembered(monkeypatch):
    monkeypatch.setattr(memory, "MOST_BOOKS", 2)
    first, *others = (RuleBook.from_json(BOOK.to_json()) for _ in range(3))
    remembered = first.recognise(medicine("diazepam 5 mg"))
    assert first.recognise(medicine("diazepam 5 mg")) is remembered
    for other in others:
        other.recognise(medicine("diazepam 5 mg"))
    anew = first.recognise(medicine("diazepam 5 mg"))
    assert anew is not remembered
    assert anew == remembered


def test_books_of_other_thresholds_share_what_was_recognised():
    own = RuleBook.from_json(BOOK.to_json())
    remembered = own.recognise(medicine("zopiclone 7.5 mg"))
    assert replace(own, rules={}).recognise(medicine("zopiclone 7.5 mg")) is remembered
    assert replace(own, names={}).recognise(medicine("zopiclone 7.5 mg")) is not remembered


EIGHT = (
    *("diazepam", "lorazepam", "temazepam", "nitrazepam"),
    *("zopiclone", "zolpidem", "morphine", "gabapentin"),
)


@pytest.fixture
def impatient_threads():
    """Threads that take turns as often as the interpreter can make them."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(lambda book, text: book.recognise_text(text), id="typed"),
        pytest.param(lambda book, text: book.recognise(medicine(text)), id="kept"),
    ],
)
def test_eight_people_at_once_each_get_their_own_medicine(asked, impatient_threads, monkeypatch):
    monkeypatch.setattr(memory, "MOST_MEDICINES", 5)  # so that what is remembered is dropped too
    own = RuleBook.from_json(BOOK.to_json())

    def ask(drug):
        answers = (asked(own, f"{drug} {n % 7 + 1} mg tablets") for n in range(400))
        return {each.drug.key for answer in answers for each in answer.ingredients}

    with ThreadPoolExecutor(len(EIGHT)) as people:
        assert list(people.map(ask, EIGHT)) == [{drug} for drug in EIGHT]
