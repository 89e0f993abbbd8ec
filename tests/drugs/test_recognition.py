"""Coded and written medicines come out as their ingredients, from the book that is loaded."""

import csv
import re

import pytest

from reviews.rules.dossier import Medicine
from tests.drugs.test_data import SHARED

BENZODIAZEPINES = """
diazepam N05BA01 3322
chlordiazepoxide N05BA02 2356
medazepam N05BA03 6680
oxazepam N05BA04 7781
potassium-clorazepate N05BA05 2353
lorazepam N05BA06 6470
adinazolam N05BA07
bromazepam N05BA08 1749
clobazam N05BA09 21241
ketazolam N05BA10 28181
prazepam N05BA11 8627
alprazolam N05BA12 596
halazepam N05BA13
pinazepam N05BA14
camazepam N05BA15
nordazepam N05BA16 3155
fludiazepam N05BA17
ethyl-loflazepate N05BA18
etizolam N05BA19
clotiazepam N05BA21 2622
cloxazolam N05BA22 21311
tofisopam N05BA23
bentazepam N05BA24
mexazolam N05BA25
clonazepam N03AE01 2598
flurazepam N05CD01 4501
nitrazepam N05CD02 7440
flunitrazepam N05CD03 4460
estazolam N05CD04 4077
triazolam N05CD05 10767
lormetazepam N05CD06 28894
temazepam N05CD07 10355
midazolam N05CD08 6960
brotizolam N05CD09
quazepam N05CD10
loprazolam N05CD11 38555
doxefazepam N05CD12
cinolazepam N05CD13
remimazolam N05CD14
nimetazepam N05CD15
dimdazenil N05CD16
"""
Z_DRUGS = """
zopiclone N05CF01 40001
zolpidem N05CF02 39993
zaleplon N05CF03
eszopiclone N05CF04 461016
"""
GENERICS = [
    (line.split(), group)
    for lines, group in ((BENZODIAZEPINES, "benzodiazepine"), (Z_DRUGS, "z-drug"))
    for line in lines.strip().splitlines()
]


def recognise(book, text, *codings):
    return book.recognise(Medicine(key=f"{text} {codings}", text=text, codings=codings))


def parts(found):
    return [(part.drug, part.strength_mg, part.per_unit) for part in found.parts]


@pytest.mark.parametrize(("row", "group"), GENERICS, ids=[row[0] for row, _ in GENERICS])
def test_every_benzodiazepine_and_z_drug_is_caught_by_code_and_by_name(book, row, group):
    key, atc, *rxcui = row
    by_atc = recognise(book, "a tablet", ("atc", atc))
    by_name = recognise(book, f"{book.drugs[key].name.capitalize()} 1 mg tablets")
    found = [by_atc, by_name, *(recognise(book, "", ("rxnorm", code)) for code in rxcui)]
    assert {tuple(part.drug for part in one.parts) for one in found} == {(key,)}
    assert all(group in one.classes for one in found)
    assert by_atc.matched_by == "code"
    assert by_name.matched_by == "name"
    assert by_name.parts[0].strength_mg == 1


@pytest.mark.parametrize(
    ("atc", "group"),
    [("N05BA77", "benzodiazepine"), ("N05CD", "benzodiazepine"), ("N05CF99", "z-drug")],
)
def test_a_code_of_the_group_alone_still_counts(book, atc, group):
    assert group in recognise(book, "unheard of", ("atc", atc)).classes


PRODUCTS = [
    ("197591", [("diazepam", 5, "tablet")], "tablet", "oral"),
    ("309845", [("diazepam", 5, "ml")], "injection", "parenteral"),
    ("801957", [("diazepam", 5, "ml")], "rectal", "rectal"),
    ("2272624", [("diazepam", 10, "spray")], "nasal", "nasal"),
    ("2682564", [("diazepam", 5, "unit")], "buccal", "buccal"),
    ("349194", [("clonazepam", 0.125, "tablet")], "tablet", "oral"),
    ("1149627", [("potassium-clorazepate", 7.5, "tablet")], "tablet", "oral"),
    ("1366192", [("clobazam", 2.5, "ml")], "liquid", "oral"),
    (
        "856769",
        [("amitriptyline", 12.5, "tablet"), ("chlordiazepoxide", 5, "tablet")],
        "tablet",
        "oral",
    ),
    (
        "889614",
        [("chlordiazepoxide", 5, "capsule"), ("clidinium", 2.5, "capsule")],
        "capsule",
        "oral",
    ),
    ("828692", [("zolpidem", 5, "spray")], "spray", "oral"),
    ("245134", [("fentanyl", 0.025, "hour")], "patch", "transdermal"),
    ("637540", [("aspirin", 325, "tablet"), ("oxycodone", 4.88, "tablet")], "tablet", "oral"),
    (
        "994237",
        [
            ("aspirin", 325, "capsule"),
            ("butalbital", 50, "capsule"),
            ("caffeine", 40, "capsule"),
            ("codeine", 30, "capsule"),
        ],
        "capsule",
        "oral",
    ),
    ("2698135", [("sodium-oxybate", None, "")], "granules", "oral"),
]


@pytest.mark.parametrize(("code", "wanted", "form", "route"), PRODUCTS)
def test_rxnorm_products_have_ingredients_strength_form_and_route(book, code, wanted, form, route):
    found = recognise(book, "", ("rxnorm", code))
    assert parts(found) == wanted
    assert (found.form, found.route, found.matched_by) == (form, route, "code")


def test_every_rxnorm_product_of_the_value_sets_maps_to_its_ingredients(book):
    path = SHARED / "rxnorm_products.csv"
    if not path.exists():
        pytest.skip(f"{path.name} is not beside the repository")
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert len({row["rxcui"] for row in rows}) == 1039
    for row in rows:
        product = book.products[f"rxnorm:{row['rxcui']}"]
        name = row["name"]
        assert product.name == name
        if not name.startswith("{"):
            strengths = re.findall(r"([\d.]+) MG\b", name)
            keys = {part.drug for part in product.parts}
            # Two salts of one ingredient are one part.
            assert len(product.parts) == len(name.split(" / ")) or "terephthalate" in name
            assert len(keys) == len(product.parts)
            assert all(part.strength_mg for part in product.parts), name
            if len(strengths) == 1 and "/MG" not in name and "MG/MG" not in name:
                assert product.parts[0].strength_mg == float(strengths[0]), name
        elif "oxybate" not in name:
            assert all(part.strength_mg for part in product.parts), name


COMBINATIONS = [
    ("N02AJ06", "", ["codeine", "paracetamol"], True),
    ("N02AJ13", "", ["tramadol", "paracetamol"], True),
    ("N02AA55", "", ["oxycodone", "naloxone"], True),
    ("J05AR10", "", ["lopinavir", "ritonavir"], True),
    ("J05AE30", "", ["nirmatrelvir", "ritonavir"], True),
    ("N06CA01", "Limbitrol", ["amitriptyline", "chlordiazepoxide"], True),
    ("N06CA01", "no words to go by", ["amitriptyline"], False),
    ("A03CA02", "clidinium / chlordiazepoxide", ["clidinium", "chlordiazepoxide"], True),
    ("A03CA02", "no words to go by", ["clidinium"], False),
]


@pytest.mark.parametrize(("atc", "text", "drugs", "complete"), COMBINATIONS)
def test_combination_codes_give_each_ingredient_or_say_that_one_is_open(
    book, atc, text, drugs, complete
):
    found = recognise(book, text, ("atc", atc))
    assert [part.drug for part in found.parts] == drugs
    assert found.complete is complete


def test_a_benzodiazepine_in_an_open_combination_counts(book):
    found = recognise(book, "amitriptyline and chlordiazepoxide 12.5/5", ("atc", "N06CA01"))
    assert "benzodiazepine" in found.classes


SUBSTITUTION = [
    ("methadone", ("atc", "N07BC02"), True),
    ("buprenorphine", ("atc", "N07BC01"), True),
    ("buprenorphine", ("atc", "N02AE01"), False),
    ("diamorphine", ("atc", "N07BC06"), True),
    ("buprenorphine 8 MG / naloxone 2 MG Sublingual Film", ("rxnorm", "1010604"), True),
    ("168 HR buprenorphine 0.01 MG/HR Transdermal System", ("rxnorm", "904870"), False),
    ("buprenorphine 0.2 MG Sublingual Tablet", ("rxnorm", "246474"), False),
    ("Subutex 8 mg", ("uri", "x"), True),
    ("BuTrans 10", ("uri", "x"), False),
]


@pytest.mark.parametrize(("text", "coding", "substitution"), SUBSTITUTION)
def test_opioid_substitution_is_told_by_the_code_or_brand(book, text, coding, substitution):
    classes = recognise(book, text, coding).classes
    assert ("opioid-substitution" in classes) is substitution
    assert ("opioid" in classes) is not substitution


def test_lofexidine_is_no_opioid_although_coded_with_them(book):
    found = recognise(book, "", ("atc", "N07BC04"))
    assert found.classes == {"substance"}


# Product codes as synthetic FHIR records carry them, with what they are called there.
SAMPLE_RECORDS = [
    ("563026", "Diazepam [Valium]", ["diazepam"]),
    ("1153378", "Clonazepam [Klonopin]", ["clonazepam"]),
    ("308971", "Carbamazepine[Tegretol]", ["carbamazepine"]),
    ("197361", "Amlodipine 5 MG Oral Tablet", ["amlodipine"]),
    ("313782", "Acetaminophen 325 MG Oral Tablet", ["paracetamol"]),
    ("316049", "Hydrochlorothiazide 25 MG", ["hydrochlorothiazide"]),
    (
        "562251",
        "Amoxicillin 250 MG / Clavulanate 125 MG Oral Tablet",
        ["amoxicillin", "clavulanic-acid"],
    ),
]


@pytest.mark.parametrize(("code", "text", "drugs"), SAMPLE_RECORDS)
@pytest.mark.parametrize("by", ["code", "name"])
def test_medicines_of_synthetic_records_are_recognised(book, code, text, drugs, by):
    coding = [("rxnorm", code)] if by == "code" else []
    found = recognise(book, text, *coding)
    assert [part.drug for part in found.parts] == drugs
    assert found.matched_by == by
    assert found.complete


@pytest.mark.parametrize("code", ["563026", "1153378"])
def test_no_strength_is_invented_for_a_code_that_states_none(book, code):
    assert recognise(book, "", ("rxnorm", code)).parts[0].strength_mg is None


NAMES = [
    ("Zimovane 7.5mg tablets", [("zopiclone", 7.5, "tablet")]),
    ("VALIUM 10 MG", [("diazepam", 10, "")]),
    ("Diazepam Tabs 2 mg tablet", [("diazepam", 2, "tablet")]),
    ("Heroin 10 MG Oral Tablet", [("diamorphine", 10, "tablet")]),
    ("Meperidine 50 mg tablet", [("pethidine", 50, "tablet")]),
    ("co-codamol 30/500 tablets", [("codeine", 30, "tablet"), ("paracetamol", 500, "tablet")]),
    ("Paxlovid", [("nirmatrelvir", None, ""), ("ritonavir", None, "")]),
    ("Ramipril 5 mg capsules", [("ramipril", 5, "capsule")]),
    ("Rifampin 300 mg capsule", [("rifampicin", 300, "capsule")]),
    ("Sodium valproate 500 mg tablets", [("valproic-acid", 500, "tablet")]),
]


@pytest.mark.parametrize(("text", "wanted"), NAMES)
def test_brands_synonyms_and_ordinary_medicines_are_recognised_by_name(book, text, wanted):
    found = recognise(book, text)
    assert parts(found) == wanted
    assert found.matched_by == "name"


@pytest.mark.parametrize("text", ["Quietude forte drops", "magic beans", "compression therapy"])
def test_what_is_not_known_stays_unmapped(book, text):
    assert recognise(book, text).parts == ()
