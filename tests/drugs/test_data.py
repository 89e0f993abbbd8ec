"""What the shipped files say, against the clinical facts they were written from."""

import csv
import re
from decimal import Decimal
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3] / "shared" / "data"

INTERACTING = {
    "opioid": (
        "morphine codeine dihydrocodeine hydrocodone oxycodone hydromorphone oxymorphone fentanyl"
        " alfentanil sufentanil remifentanil tramadol tapentadol pethidine methadone levomethadone"
        " buprenorphine diamorphine nalbuphine butorphanol pentazocine meptazinol"
        " dextropropoxyphene levorphanol tilidine opium ethylmorphine pholcodine dextromethorphan"
    ),
    "gabapentinoid": "gabapentin pregabalin mirogabalin",
    "older-sedative": (
        "phenobarbital primidone secobarbital pentobarbital amobarbital butobarbital butalbital"
        " meprobamate clomethiazole chloral-hydrate carisoprodol"
    ),
    "oxybate": "sodium-oxybate",
    "anaesthetic": "propofol ketamine dexmedetomidine midazolam",
    "other-hypnotic": (
        "suvorexant lemborexant daridorexant melatonin ramelteon doxylamine diphenhydramine"
    ),
    "sedating-antihistamine": (
        "hydroxyzine promethazine chlorphenamine dexchlorpheniramine cyproheptadine alimemazine"
        " cyclizine cinnarizine meclozine scopolamine"
    ),
    "antipsychotic": (
        "olanzapine clozapine quetiapine risperidone aripiprazole haloperidol chlorpromazine"
        " levomepromazine loxapine zuclopenthixol cyamemazine amisulpride droperidol promazine"
    ),
    "sedating-antidepressant": (
        "amitriptyline clomipramine dosulepin doxepin imipramine nortriptyline trimipramine"
        " mirtazapine mianserin trazodone"
    ),
    "antidepressant": (
        "agomelatine fluvoxamine fluoxetine sertraline paroxetine citalopram escitalopram"
        " venlafaxine duloxetine moclobemide nefazodone"
    ),
    "muscle-relaxant": (
        "baclofen tizanidine carisoprodol methocarbamol cyclobenzaprine orphenadrine"
        " thiocolchicoside dantrolene chlorzoxazone metaxalone"
    ),
    "antiseizure": (
        "carbamazepine phenytoin fosphenytoin valproic-acid stiripentol cannabidiol cenobamate"
        " felbamate topiramate oxcarbazepine perampanel levetiracetam lamotrigine vigabatrin"
    ),
    "cyp3a4-strong": (
        "ketoconazole itraconazole posaconazole voriconazole clarithromycin telithromycin"
        " ritonavir cobicistat atazanavir darunavir lopinavir indinavir nelfinavir saquinavir"
        " idelalisib ceritinib"
    ),
    "cyp3a4-moderate": (
        "erythromycin fluconazole isavuconazole diltiazem verapamil aprepitant crizotinib imatinib"
        " dronedarone amiodarone ciclosporin letermovir roxithromycin cimetidine ethinylestradiol"
        " grapefruit-juice"
    ),
    "cyp2c19": "omeprazole esomeprazole ticlopidine isoniazid disulfiram",
    "inducer": (
        "rifampicin rifabutin st-johns-wort enzalutamide apalutamide mitotane efavirenz nevirapine"
        " etravirine bosentan modafinil dexamethasone"
    ),
    "ugt-inhibitor": "probenecid valproic-acid",
    "substance": "ethanol dronabinol nabilone lofexidine clonidine",
    "other-pair": (
        "theophylline caffeine buspirone digoxin lithium levodopa thalidomide tetrabenazine"
        " pitolisant"
    ),
    "reversal": "flumazenil naloxone",
}
DEFAULT = {
    "opioid": 1,
    "gabapentinoid": 2,
    "older-sedative": 1,
    "oxybate": 1,
    "other-hypnotic": 2,
    "sedating-antihistamine": 3,
    "antipsychotic": 3,
    "sedating-antidepressant": 3,
    "muscle-relaxant": 3,
    "cyp3a4-moderate": 3,
    "inducer": 3,
}
NOT_THE_DEFAULT = {
    ("opioid", "ethylmorphine"): 2,
    ("opioid", "pholcodine"): 2,
    ("opioid", "dextromethorphan"): 3,
    ("other-hypnotic", "melatonin"): 3,
    ("other-hypnotic", "ramelteon"): 3,
    ("antipsychotic", "clozapine"): 2,
    ("antipsychotic", "loxapine"): 2,
    ("antipsychotic", "droperidol"): 2,
    ("antipsychotic", "amisulpride"): 4,
    ("muscle-relaxant", "carisoprodol"): 1,
    ("cyp3a4-moderate", "amiodarone"): 4,
    ("cyp3a4-moderate", "ciclosporin"): 4,
    ("cyp3a4-moderate", "roxithromycin"): 4,
    ("cyp3a4-moderate", "ethinylestradiol"): 4,
    ("cyp3a4-moderate", "grapefruit-juice"): 4,
    ("inducer", "rifampicin"): 2,
    ("inducer", "bosentan"): 4,
    ("inducer", "modafinil"): 4,
    ("inducer", "dexamethasone"): 4,
}
PAIRS = [
    # subject, with, severity
    ("nefazodone", "triazolam", 1),
    ("nefazodone", "alprazolam", 2),
    *[("fluvoxamine", drug, 2) for drug in ("alprazolam", "triazolam", "midazolam", "diazepam")],
    ("fluvoxamine", "clobazam", 3),
    *[("fluoxetine", drug, 3) for drug in ("alprazolam", "diazepam", "clobazam")],
    *[("moclobemide", drug, 3) for drug in ("diazepam", "clobazam")],
    ("sertraline", "triazolam", 4),
    ("ketoconazole", "alprazolam", 1),
    ("itraconazole", "alprazolam", 1),
    ("idelalisib", "triazolam", 2),
    ("ceritinib", "midazolam", 2),
    ("valproic-acid", "lorazepam", 2),
    ("probenecid", "lorazepam", 2),
    *[("stiripentol", drug, 2) for drug in ("clobazam", "diazepam", "midazolam")],
    ("cannabidiol", "clobazam", 2),
    *[("cenobamate", drug, 2) for drug in ("clobazam", "diazepam")],
    ("felbamate", "clobazam", 3),
    ("omeprazole", "diazepam", 4),
    ("disulfiram", "chlordiazepoxide", 3),
]


def _with_class(shipped, group):
    return {
        ingredient: row
        for (ingredient, key), row in shipped.rows["IngredientClass"].items()
        if key == group
    }


def test_there_are_189_interacting_ingredients():
    assert len({name for names in INTERACTING.values() for name in names.split()}) == 189


@pytest.mark.parametrize("group", INTERACTING)
def test_each_interacting_ingredient_has_its_class_and_severity(shipped, group):
    members = _with_class(shipped, group)
    missing = set(INTERACTING[group].split()) - members.keys()
    assert missing == set()
    for name in INTERACTING[group].split():
        wanted = NOT_THE_DEFAULT.get((group, name), DEFAULT.get(group))
        if wanted is not None:
            assert members[name]["severity"] == wanted, name


@pytest.mark.parametrize(("subject", "other", "severity"), PAIRS)
def test_pairs_have_their_severity(shipped, subject, other, severity):
    assert shipped.rows["Pair"][subject, "", other, ""]["severity"] == severity


ABOUT_ONE = {
    "US prescribing information, Valium (diazepam)": "diazepam",
    "US prescribing information, Halcion (triazolam)": "triazolam",
    "US prescribing information, Ativan (lorazepam)": "lorazepam",
    "UK SmPC, diazepam": "diazepam",
    "Andersson 1990: omeprazole and diazepam clearance": "diazepam",
    "Epilepsy and Behavior 2023;142:109156": "clobazam",
}
"""Sources that speak of one benzodiazepine."""


def test_a_source_on_one_benzodiazepine_is_cited_for_that_one_alone(shipped):
    cited = set()
    for (_, _, other, _), row in shipped.rows["Pair"].items():
        if row["source"] in ABOUT_ONE:
            cited.add(row["source"])
            assert ABOUT_ONE[row["source"]] == other, row
    assert cited == ABOUT_ONE.keys()


def test_strong_cyp3a4_inhibitors_spare_the_glucuronidated_drugs(shipped):
    pairs = {
        other: row["severity"]
        for (_, group, other, _), row in shipped.rows["Pair"].items()
        if group == "cyp3a4-strong"
    }
    assert {drug for drug, severity in pairs.items() if severity == 1} == {"triazolam", "midazolam"}
    assert not pairs.keys() & {"lorazepam", "oxazepam", "temazepam", "lormetazepam"}
    assert len(pairs) == 14


def test_metabolism_is_ugt_for_four_drugs(shipped):
    facts = shipped.rows["DrugFact"]
    ugt = {
        key
        for (key, kind, _), row in facts.items()
        if (kind, row["value"]) == ("metabolism", "UGT")
    }
    assert ugt == {"lorazepam", "oxazepam", "temazepam", "lormetazepam"}


BANDS = {
    "short": "brotizolam eszopiclone loprazolam midazolam triazolam zaleplon zolpidem zopiclone",
    "intermediate": (
        "alprazolam bromazepam clotiazepam estazolam etizolam lorazepam lormetazepam oxazepam"
        " temazepam"
    ),
    "long": (
        "camazepam chlordiazepoxide clobazam clonazepam cloxazolam diazepam ethyl-loflazepate"
        " fludiazepam flunitrazepam flurazepam halazepam ketazolam medazepam nitrazepam nordazepam"
        " pinazepam potassium-clorazepate prazepam quazepam"
    ),
    "unknown": (
        "adinazolam bentazepam benzodiazepine-unspecified bromazolam cinolazepam clonazolam"
        " cloniprazepam delorazepam desalkylgidazepam deschloroetizolam diclazepam difludiazepam"
        " dimdazenil doxefazepam flualprazolam flubromazepam flubromazolam flubrotizolam"
        " fluclotizolam flutazolam flutoprazepam gidazepam haloxazolam meclonazepam metizolam"
        " mexazolam nifoxipam nimetazepam nitrazolam norflurazepam oxazolam phenazepam"
        " phenazolam pyrazolam remimazolam rilmazafone tetrazepam tofisopam z-drug-unspecified"
        " zapizolam"
    ),
}


@pytest.mark.parametrize("band", BANDS)
def test_half_life_bands(shipped, band):
    facts = shipped.rows["DrugFact"].items()
    held = {key for (key, kind, _), row in facts if (kind, row["value"]) == ("band", band)}
    assert held == set(BANDS[band].split())


LIMITS = [
    ("diazepam", "UK", "adult", "30"),
    ("diazepam", "UK", "spasticity_neurological", "60"),
    ("diazepam", "US", "adult", "40"),
    ("alprazolam", "US", "panic_disorder", "10"),
    ("lorazepam", "UK", "adult", "4"),
    ("lorazepam", "UK", "orodispersible", "7.5"),
    ("lorazepam", "US", "adult", "10"),
    ("clobazam", "EU", "anxiety", "30"),
    ("temazepam", "US", "elder", "7.5"),
    ("triazolam", "US", "elder", "0.25"),
    ("zopiclone", "UK", "adult", "7.5"),
    ("zolpidem", "UK", "elder", "5"),
    ("zolpidem", "US", "extended_release", "12.5"),
    ("zolpidem", "US", "elder_extended_release", "6.25"),
    ("lormetazepam", "UK", "elder", "0.5"),
    ("lormetazepam", "EU", "elder", "1"),
]


@pytest.mark.parametrize(("drug", "profile", "context", "mg"), LIMITS)
def test_licensed_maxima(shipped, drug, profile, context, mg):
    assert shipped.rows["Limit"][drug, profile, context]["mg_per_day"] == Decimal(mg)


def test_dur_figures_are_not_held_as_elderly_maxima(shipped):
    # The cell of US flurazepam gives a claims edit (15) and no label figure.
    assert ("flurazepam", "US", "elder") not in shipped.rows["Limit"]


EQUIVALENTS = {  # mg equal to diazepam 10 mg: VA/DoD, Ashton, Scottish Government, WHO
    "alprazolam": ("1", "0.5", None, "1"),
    "bromazepam": (None, None, None, "6"),
    "chlordiazepoxide": ("25", "25", "25", None),
    "clobazam": (None, None, "20", "20"),
    "clonazepam": ("1", "0.5", "0.5", None),
    "potassium-clorazepate": ("15", "15", None, None),
    "estazolam": ("1", "1-2", None, None),
    "flunitrazepam": (None, None, None, "2"),
    "flurazepam": ("15", "15-30", None, None),
    "loprazolam": (None, None, "1-2", None),
    "lorazepam": ("2", "1", "1", "1"),
    "lormetazepam": (None, None, "1-2", "1.5"),
    "midazolam": (None, None, None, "5"),
    "nitrazepam": (None, None, "10", "10"),
    "oxazepam": ("30", "20", "20", "30"),
    "quazepam": ("10", "20", None, None),
    "temazepam": ("15", "20", "20", "20"),
    "triazolam": ("0.25", "0.5", None, "0.5"),
    "zolpidem": (None, None, "20", None),
    "zopiclone": (None, None, "15", None),
}


@pytest.mark.parametrize("drug", EQUIVALENTS)
def test_equivalents_by_table(shipped, drug):
    held = shipped.rows["Equivalent"]
    tables = ("VADOD2021", "ASHTON2002", "SCOT2024", "WHO2009")
    for table, wanted in zip(tables, EQUIVALENTS[drug], strict=True):
        row = held.get((drug, table))
        low, _, high = (wanted or "").partition("-")
        assert (row is None) is (wanted is None), table
        if row:
            assert row["mg"] == Decimal(low)
            assert row["mg_high"] == (Decimal(high) if high else None)


def test_only_three_snomed_substances_are_shipped(shipped):
    snomed = {
        code: row for (system, code), row in shipped.rows["Code"].items() if system == "snomed"
    }
    assert {code: row["parts"][0][0] for code, row in snomed.items()} == {
        "387264003": "diazepam",
        "387106007": "lorazepam",
        "386983007": "alprazolam",
    }


@pytest.mark.parametrize(
    "code", ["35185", "74667", "91178", "1468845", "1546024", "114289", "8782", "10737", "6711"]
)
def test_unverified_and_ambiguous_rxcui_are_not_shipped(shipped, code):
    assert ("rxnorm", code) not in shipped.rows["Code"]


def test_atc_codes_look_like_atc_codes(shipped):
    for (system, code), row in shipped.rows["Code"].items():
        if system == "atc" and row["kind"] != "group":
            assert re.fullmatch(r"[A-Z]\d\d[A-Z]{2}\d\d", code), code


def test_faults_of_the_value_sets_are_corrected(shipped):
    stimulants = {"phentermine", "methamphetamine", "benzphetamine", "phendimetrazine"}
    for key in (*stimulants, "diethylpropion", "benzocaine"):
        assert (key,) in shipped.rows["Ingredient"]
        assert not [group for (name, group) in shipped.rows["IngredientClass"] if name == key]
    for key in ("eszopiclone", "gabapentin", "pregabalin", "zolpidem"):
        assert [group for (name, group) in shipped.rows["IngredientClass"] if name == key]


def test_every_interacting_ingredient_of_the_source_table_is_held(shipped):
    path = SHARED / "interacting_ingredients.csv"
    if not path.exists():
        pytest.skip(f"{path.name} is not beside the repository")
    codes = {
        (system, code): [part[0] for part in row["parts"]]
        for (system, code), row in shipped.rows["Code"].items()
    }
    names = {row["name"]: key for (key,), row in shipped.rows["Ingredient"].items()}
    listed = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert len(listed) == 189
    for row in listed:
        name = row["ingredient"].split(" (")[0]
        key = names.get(name) or "st-johns-wort"
        for atc in filter(None, row["atc"].replace("—", "").split(", ")):
            assert key in codes["atc", atc], (name, atc)
        if row["rxcui_checked_in"] == "two files":
            assert codes["rxnorm", row["rxcui"]] == [key]
