"""Names in five languages and many countries: what must be found, and what must not."""

import csv
from datetime import date
from pathlib import Path

import pytest

from reviews.rules import screen
from reviews.rules.dossier import Dossier, Line, Medicine
from reviews.rules.recognise import plain
from reviews.rules.spelling import folded

NAMES = Path(__file__).with_name("national_names.csv")
OTHER_NAMES = Path(__file__).with_name("other_names.txt")
SEDATIVE = {
    *("benzodiazepine", "z-drug", "opioid", "opioid-substitution", "gabapentinoid"),
    *("older-sedative", "other-hypnotic", "antipsychotic", "sedating-antihistamine"),
    *("sedating-antidepressant", "oxybate", "muscle-relaxant"),
}


def recognise(book, text):
    return book.recognise_text(text)


def drugs(book, text):
    return {part.drug for part in recognise(book, text).parts}


def test_national_names_of_the_four_classes_are_found(book):
    rows = list(csv.DictReader(NAMES.read_text(encoding="utf-8").splitlines()))
    assert len(rows) > 600
    missed = [
        row["name"]
        for row in rows
        if not recognise(book, row["name"]).classes
        & {row["class"], *(["opioid-substitution"] if row["class"] == "opioid" else [])}
    ]
    assert missed == []


def test_no_other_name_is_taken_for_a_sedative(book):
    """Two thousand names of other medicines, products and inventions near a sedative's name."""
    names = OTHER_NAMES.read_text(encoding="utf-8").splitlines()
    assert len(names) > 2_000
    taken = {name: recognise(book, name) for name in names}
    assert [name for name, found in taken.items() if found.classes & SEDATIVE] == []
    assert [name for name, found in taken.items() if found.suspected] == []
    asked = [name for name, found in taken.items() if found.unmapped]
    assert len(asked) < 150


def test_the_text_of_each_coded_product_says_what_its_code_says(book):
    """Over 1,000 products: no class but those of the code, and no other strength."""
    for code, product in book.products.items():
        found = recognise(book, product.name)
        coded = set().union(*(book.drugs[part.drug].classes for part in product.parts))
        strange = (found.classes - coded) & SEDATIVE - {"opioid-substitution"}
        assert not strange, (code, product.name)
        assert not found.suspected, (code, product.name)
        # Kits, gels by weight, and two salts of one drug are told by their codes alone.
        if product.name.startswith("{") or "MG/MG" in product.name or "terephth" in product.name:
            continue
        read = {part.drug: part for part in found.parts}
        for part in product.parts:
            if part.drug in read and None not in (part.strength_mg, read[part.drug].strength_mg):
                assert read[part.drug].strength_mg == pytest.approx(part.strength_mg), code


NEIGHBOURS = [
    # A name, and names near it that are another medicine or none.
    ("Apomorphine 10 mg/ml", set()),
    ("Naltrexone 50 mg tablets", {"naltrexone"}),
    ("Loperamide 2 mg capsules", {"loperamide"}),
    ("Carbamazepine 200 mg", {"carbamazepine"}),
    ("Oxcarbazepine 300 mg", {"oxcarbazepine"}),
    ("Dexamethasone 2 mg", {"dexamethasone"}),
    ("Clopidogrel 75 mg", {"clopidogrel"}),
    ("Buscopan 10 mg", {"hyoscine-butylbromide"}),
    ("Omeprazol 20 mg", {"omeprazole"}),
    ("Amlodipino 5 mg", {"amlodipine"}),
    ("Paracétamol 500 mg", {"paracetamol"}),
    ("Ibuprofene 400 mg", {"ibuprofen"}),
    ("Morphea cream", set()),
    ("Codena", set()),
    ("Gabapentec", set()),
    ("Modazepine", set()),
]


WRITTEN = [
    # A German or Dutch compound begins with the drug; Spanish and Japanese write it in their way.
    ("Fentanylpflaster 25 Mikrogramm/Stunde", {"fentanyl"}),
    ("Diazepamtabletten", {"diazepam"}),
    ("Tramadolhydrochloride 50 mg", {"tramadol"}),
    ("Morfinesulfaat", {"morphine"}),
    ("Loracepam 1 mg", {"lorazepam"}),
    ("Midazolán 5 mg/ml", {"midazolam"}),
    ("Levomepromacina", {"levomepromazine"}),
    ("デパス錠0.5mg", {"etizolam"}),
    ("ｾﾙｼﾝ錠2mg", {"diazepam"}),
    ("メイバランス", set()),
    ("Morphinan", set()),
    ("Fentan", set()),
    ("Apodiazepine", set()),
]


@pytest.mark.parametrize(("text", "wanted"), WRITTEN)
def test_a_name_is_found_in_the_way_another_language_writes_it(book, text, wanted):
    assert drugs(book, text) == wanted


DESIGNER = """
clobromazolam phenazolam thionordazepam methylclonazepam flutemazepam ethylbromazolam norflurazepam
chlorodiazepam hydroxyphenazepam fluetizolam metizolam deschloroclotizolam triflubazam lopirazepam
girisopam nerisopam iclazepam tuclazepam uldazepam reclazepam premazepam menitrazepam climazolam
avizafone gidazepam suriclone suproclone pagoclone pazinaclone saripidem necopidem
indiplon ocinaplon divaplon panadiplon taniplon bromazolan flubromazepán clonacepán pagoclon
suriclona flunitrazolamum flualprazolamo
"""


@pytest.mark.parametrize("name", DESIGNER.split())
def test_a_designer_drug_is_one_or_may_be_one(book, name):
    found = recognise(book, f"{name} 1 mg, bought")
    assert found.suspected or "benzodiazepine" in found.classes


CLASSES = """
benzodiazepine benzodiazepines Benzodiazepin Benzodiazépine benzodiacepina benzodiazepina hypnotic
Hypnotikum hypnotique hipnótico ipnotico sedative Sedativum sédatif sedante sedativo tranquillizer
tranquilliser Tranquilizer opioid opioids Opiat opiate opiacé opiáceo oppioide isotonitazene
metonitazene protonitazen GHB GBL
"""


@pytest.mark.parametrize("name", CLASSES.split())
def test_a_class_of_sedatives_is_a_suspected_one(book, name):
    assert recognise(book, f"{name} (unspecified) tablets").suspected


@pytest.mark.parametrize(("text", "wanted"), NEIGHBOURS)
def test_a_name_near_another_is_not_taken_for_it(book, text, wanted):
    assert drugs(book, text) == wanted
    assert not recognise(book, text).classes & {"benzodiazepine", "z-drug", "opioid"}


LONGER = [
    ("Tylenol PM", {"diphenhydramine", "paracetamol"}, True, "longer brand"),
    ("Tylenol 500 mg", {"paracetamol"}, True, "shorter brand"),
    ("Panadol Night", {"diphenhydramine", "paracetamol"}, True, "longer brand"),
    ("Panadol Extra", {"caffeine", "paracetamol"}, True, "longer brand"),
    ("Panadol Ultra 12.8mg/500mg tablets", {"codeine", "paracetamol"}, True, "longer brand"),
    ("Advil PM", {"diphenhydramine", "ibuprofen"}, True, "longer brand"),
    ("Ibuprofen PM", {"ibuprofen"}, False, "what is for the night is not told"),
    ("Hedex Night tablets", {"paracetamol"}, False, "nor here"),
    ("Paracetamol 500 mg at night", {"paracetamol"}, True, "when it is taken"),
    ("Nytol Herbal tablets", {"valerian"}, True, "longer brand"),
    ("Nytol 25 mg", {"diphenhydramine"}, True, "shorter brand"),
    ("Benadryl Allergy Relief", {"acrivastine"}, True, "longer brand"),
    ("Tylenol Cold & Flu", {"dextromethorphan", "paracetamol"}, True, "longer brand"),
    ("Phenergan Night", {"promethazine"}, True, "it is one for sleep itself"),
    ("Nurofen Plus", {"codeine", "ibuprofen"}, True, "longer brand"),
    ("Nurofen 200 mg", {"ibuprofen"}, True, "shorter brand"),
    ("Zork with vitamin C tablets", {"ascorbic-acid"}, False, "added to something unknown"),
    ("Zork tablets with vitamin C", {"ascorbic-acid"}, False, "whatever its form"),
    ("Oral solution with codeine", {"codeine"}, True, "added to a form"),
    ("Tablets with vitamin C", {"ascorbic-acid"}, True, "added to nothing"),
    ("Fioricet with Codeine", None, True, "a name of its own"),
    ("Bisolvon Dry", {"dextromethorphan"}, True, "another drug than the shorter brand"),
    ("Bisolvon 8 mg", {"bromhexine"}, True, "shorter brand"),
    ("Buscopan Travel", {"scopolamine"}, True, "another drug than the shorter brand"),
    ("Dolormin Migräne 400 mg", {"ibuprofen"}, True, "the same drug as the shorter brand"),
    ("Day Nurse", {"paracetamol", "pholcodine", "pseudoephedrine"}, True, "not Night Nurse"),
    ("Aspro Clear Night", {"aspirin"}, False, "what is for the night is not told"),
    ("Paracetamol tablets, one each night", {"paracetamol"}, True, "when it is taken"),
    ("Paracetamol 500 mg nocte, 1 night", {"paracetamol"}, True, "so here"),
    ("Ibuprofen compositum 200 mg", {"ibuprofen"}, False, "holds more, and does not tell what"),
    ("Paracetamol comp STADA", {"codeine", "paracetamol"}, True, "a name that tells"),
    ("Ibuprofen comp. 200 mg", {"ibuprofen"}, True, "tablets"),
    ("Codral Nighttime", {"chlorphenamine", "paracetamol"}, True, "longer brand"),
    ("Mersyndol Day Strength", {"codeine", "paracetamol"}, True, "without what is for sleep"),
    ("Vivinox Day", {"valerian"}, True, "another drug than the shorter brand"),
    ("paracetamol 500 mg / flunitrazolam 1 mg", {"paracetamol"}, False, "a part ends like one"),
]


@pytest.mark.parametrize(("text", "wanted", "complete", "why"), LONGER)
def test_a_longer_product_is_never_swallowed_by_a_shorter_brand(book, text, wanted, complete, why):
    found = recognise(book, text)
    assert wanted is None or {part.drug for part in found.parts} == wanted, why
    assert found.complete is complete, why


ANTIPSYCHOTICS = (
    "prochlorperazine paliperidone lurasidone ziprasidone sulpiride flupentixol fluphenazine"
    " perphenazine trifluoperazine pimozide pipamperone melperone tiapride asenapine cariprazine"
    " brexpiprazole chlorprothixene pericyazine levosulpiride Buccastem Depixol Dolmatil Invega"
    " Latuda Zeldox Sulpirid Melperon Flupentixolo Flufenazina Proclorperazina"
)


@pytest.mark.parametrize("name", ANTIPSYCHOTICS.split())
def test_every_antipsychotic_that_is_known_has_its_class(book, name):
    assert "antipsychotic" in recognise(book, f"{name} 5 mg").classes


def test_the_ingredients_of_the_street_and_of_other_countries_are_benzodiazepines(book):
    for name in (
        *("delorazepam", "bromazolam", "phenazepam", "flualprazolam", "clonazolam"),
        *("flubromazepam", "diclazepam", "tetrazepam", "oxazolam", "flutoprazepam"),
        *("rilmazafone", "flubromazolam"),
    ):
        assert recognise(book, f"{name} 1 mg").classes == {"benzodiazepine"}
        assert book.drugs[name].band == "unknown"


EVERYDAY = """
Microgynon 30 tablets|Rigevidon|Cerelle 75mcg|Cerazette|Yasmin|Mirena|Nexplanon 68 mg implant
Fultium-D3 800iu caps|Adcal-D3 chewable tablets|Stexerol-D3|InVita D3|Calceos|Accrete D3
Gaviscon Advance oral suspension|Peptac liquid|Rennie|Maalox|Movicol sachets|Laxido Orange
Fybogel|Senna 7.5 mg|Lactulose solution|Cosmocol|Dulcolax|Omeprazole 20mg|Lansoprazole 15mg
E45 cream|Diprobase cream|Cetraben|Hydromol ointment|Doublebase gel|Epaderm|Zerobase|Dermol 500
Viscotears|Hylo-Forte eye drops|Systane|Xailin Night eye ointment|Artificial tears
Accu-Chek Aviva testing strips|Blood glucose test strips|Lancets 0.3mm|Pen needles 4mm
Mepilex border dressing|Tegaderm|Gauze swabs|Tubigrip|Compression hosiery|Alcohol swabs
Influenza vaccine (inactivated)|Boostrix-IPV|Shingrix|Comirnaty|Fluad|Pneumovax
Vitamin B compound strong tablets|Multivitamins|Thiamine 100mg|Folic acid 5mg|Ferrous sulphate
Fortisip bottle|Ensure Plus|Aymes shake|Nutilis Clear|AeroChamber Plus|Volumatic
Clenil Modulite|Fostair|Salamol Easi-Breathe|Trimbow|Spiriva|Montelukast 10mg|Ventolin Evohaler
Amlodipine 5mg|Ramipril 2.5mg|Bisoprolol 2.5mg|Atorvastatin 40mg|Furosemide 40mg|Apixaban 5mg
Metformin 500mg|Ozempic 0.5mg|Mounjaro|Gliclazide 80mg|Forxiga 10mg|Jardiance|Lantus Solostar
Levothyroxine 50microgram|Alendronic acid 70mg|Prednisolone 5mg|Allopurinol 300mg|Colchicine
Tamsulosin 400mcg|Finasteride|Solifenacin|Betmiga|Vagifem|Estradot|Utrogestan|Evorel Conti
Sudocrem|Canesten cream|Daktacort|Fucidin H|Betnovate|Dovobet|Zovirax cream|Bonjela|Corsodyl
Nicorette patch|Champix|Viagra|Cialis|EpiPen|Sando-K|Creon 25000|Questran cholestyramine
Amoxicillin 500mg|Flucloxacillin|Nitrofurantoin|Trimethoprim|Doxycycline|Clarithromycin
Anusol cream|Aldara|Bactroban|Betnesol drops|Emla cream|Eurax|Lotriderm|Scheriproct|Zineryt
Earol|Waxsol|Olive oil ear drops|Otomize|Sterimar|Saline nasal spray|Vicks VapoRub|Lemsip
Cod liver oil|Garlic capsules|Turmeric|Echinacea|Menopace|Simple linctus|Flaminal|Elastoplast
"""


@pytest.mark.parametrize(
    "text", [text for line in EVERYDAY.strip().splitlines() for text in line.split("|")]
)
def test_everyday_products_are_known_and_no_sedative(book, text):
    found = recognise(book, text)
    assert found.complete
    assert not found.unmapped
    assert not found.classes & SEDATIVE


@pytest.mark.parametrize(
    "text",
    [
        *("Quietude forte drops", "Blue tablets, bought online", "Zork 5 mg transdermal plaster"),
        *("Zork cream", "Diazpam 2mg tabs", "Herbal sleep aid", "Zork: ensure it is swallowed"),
    ],
)
def test_the_list_of_no_sedatives_swallows_nothing_unknown(book, text):
    assert recognise(book, text).unmapped


@pytest.mark.parametrize(
    ("text", "more", "other", "severity", "why"),
    [
        ("Flunitrazolam 1 mg", {}, None, 2, "ends like a benzodiazepine"),
        ("Nitemazepam 15 mg", {}, None, 2, "so does this"),
        ("Sublopiclone 7.5 mg", {}, None, 2, "ends like a Z-drug"),
        ("Alpidem 50 mg", {}, None, 2, "so does this"),
        ("Blue tablets", {"acquired": "online"}, None, 2, "bought online"),
        ("Blue tablets", {"acquired": "private"}, None, 3, "bought elsewhere"),
        ("Blue tablets", {}, "Diazepam 5 mg tablets", 2, "beside a benzodiazepine"),
        ("Hedex Night", {}, None, 2, "made for the night"),
        ("Cyclone 5 mg", {}, None, 3, "ends like none"),
        ("Carbazepine 5 mg", {}, None, 3, "nor does this"),
        ("Microgynon 30", {"acquired": "online"}, None, None, "known"),
        ("Bromazolam 2 mg", {"acquired": "online"}, None, None, "known, and a benzodiazepine"),
    ],
)
def test_an_unknown_sedative_is_for_review_whatever_else_is_taken(
    book, text, more, other, severity, why
):
    start = date(2026, 11, 20)
    lines = [
        Line(id=n, medicine=Medicine(each, each, ()), start_on=start, days_supply=14, **also)
        for n, (each, also) in enumerate([(text, more), *([(other, {})] if other else [])])
    ]
    person = Dossier(patient_id=1, as_of=start, birth_date=date(1990, 1, 1), lines=tuple(lines))
    found = [each for each in screen(person, book).findings if each.rule_id == "DQ-03"]
    assert [each.severity for each in found] == ([] if severity is None else [severity]), why


def test_no_two_drugs_of_the_formulary_are_spelt_alike(shipped):
    spelt = {}
    for (key,), row in shipped.rows["Ingredient"].items():
        if row["name"].isalpha() and (spelling := folded(plain(row["name"]))):
            assert spelt.setdefault(spelling, key) == key
