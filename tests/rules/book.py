"""A small rule book, made by hand, and short ways to write lines and people."""

from datetime import date, timedelta

from reviews.rules import screen
from reviews.rules.book import RuleBook
from reviews.rules.catalogue import default_rules_section
from reviews.rules.dossier import Dossier, Line, Medicine

DAY0 = date(2026, 1, 1)


def drug(name, *classes, **facts):
    return {"name": name, "classes": list(classes), **facts}


DRUGS = {
    "diazepam": drug(
        "diazepam",
        "benzodiazepine",
        band="long",
        metabolism="CYP2C19",
        rxcui=["3322"],
        snomed=["387264003"],
        max_mg_per_day={"UK": {"adult": 30, "spasticity_neurological": 60}, "US": {"adult": 40}},
        elder_max_mg_per_day={"US": 5},
        equivalents={"SCOT2024": [10, 10], "VADOD2021": [10, 10], "WHO2009": [10, 10]},
        strengths={"UK": {"tablet": [2, 5, 10]}},
    ),
    "lorazepam": drug(
        "lorazepam",
        "benzodiazepine",
        band="intermediate",
        metabolism="UGT",
        max_mg_per_day={"UK": {"adult": 4, "orodispersible": 7.5}, "US": {"adult": 10}},
        equivalents={"SCOT2024": [1, 1], "VADOD2021": [2, 2], "WHO2009": [1, 1]},
    ),
    "oxazepam": drug("oxazepam", "benzodiazepine", band="intermediate", metabolism="UGT"),
    "temazepam": drug(
        "temazepam",
        "benzodiazepine",
        band="intermediate",
        metabolism="UGT",
        atc=["N05CD07"],
        equivalents={"SCOT2024": [20, 20], "VADOD2021": [15, 15]},
    ),
    "nitrazepam": drug(
        "nitrazepam",
        "benzodiazepine",
        band="long",
        atc=["N05CD02"],
        equivalents={"SCOT2024": [10, 10]},
    ),
    "lormetazepam": drug("lormetazepam", "benzodiazepine", band="intermediate", metabolism="UGT"),
    "alprazolam": drug("alprazolam", "benzodiazepine", band="intermediate"),
    "clonazepam": drug("clonazepam", "benzodiazepine", band="long", rxcui=["2598"]),
    "clobazam": drug("clobazam", "benzodiazepine", band="long"),
    "chlordiazepoxide": drug("chlordiazepoxide", "benzodiazepine", band="long"),
    "triazolam": drug("triazolam", "benzodiazepine", band="short"),
    "midazolam": drug("midazolam", "benzodiazepine", band="short"),
    "remimazolam": drug("remimazolam", "benzodiazepine", band="unknown"),
    "zopiclone": drug(
        "zopiclone", "z-drug", band="short", atc=["N05CF01"], equivalents={"SCOT2024": [15, 15]}
    ),
    "zolpidem": drug("zolpidem", "z-drug", band="short", atc=["N05CF02"]),
    "morphine": drug("morphine", "opioid", severities={"opioid": 1}, rxcui=["7052"]),
    "codeine": drug("codeine", "opioid", severities={"opioid": 1}),
    "dihydrocodeine": drug("dihydrocodeine", "opioid", severities={"opioid": 1}),
    "fentanyl": drug("fentanyl", "opioid", severities={"opioid": 1}),
    "methadone": drug("methadone", "opioid", severities={"opioid": 1}),
    "buprenorphine": drug("buprenorphine", "opioid", severities={"opioid": 1}),
    "diamorphine": drug("diamorphine", "opioid", severities={"opioid": 1}),
    "pholcodine": drug("pholcodine", "opioid", severities={"opioid": 2}),
    "dextromethorphan": drug("dextromethorphan", "opioid", severities={"opioid": 3}),
    "lofexidine": drug("lofexidine", "substance"),
    "gabapentin": drug("gabapentin", "gabapentinoid"),
    "pregabalin": drug("pregabalin", "gabapentinoid"),
    "phenobarbital": drug("phenobarbital", "older-sedative", "antiseizure"),
    "carisoprodol": drug("carisoprodol", "older-sedative"),
    "suvorexant": drug("suvorexant", "other-hypnotic", severities={"other-hypnotic": 2}),
    "melatonin": drug("melatonin", "other-hypnotic", severities={"other-hypnotic": 3}),
    "ketoconazole": drug("ketoconazole", "cyp3a4-strong", severities={"cyp3a4-strong": 1}),
    "clarithromycin": drug("clarithromycin", "cyp3a4-strong", severities={"cyp3a4-strong": 1}),
    "ritonavir": drug("ritonavir", "cyp3a4-strong", severities={"cyp3a4-strong": 1}),
    "ceritinib": drug("ceritinib", "cyp3a4-strong", severities={"cyp3a4-strong": 2}),
    "amitriptyline": drug("amitriptyline", "sedating-antidepressant"),
    "doxepin": drug("doxepin", "sedating-antidepressant", atc=["D04AX01", "N06AA12"]),
    "mirtazapine": drug("mirtazapine", "sedating-antidepressant"),
    "fluvoxamine": drug("fluvoxamine", "antidepressant"),
    "fluoxetine": drug("fluoxetine", "antidepressant"),
    "sertraline": drug("sertraline", "antidepressant"),
    "nefazodone": drug("nefazodone", "antidepressant"),
    "citalopram": drug("citalopram", "antidepressant"),
    "quetiapine": drug("quetiapine", "antipsychotic"),
    "loxapine": drug("loxapine", "antipsychotic", severities={"antipsychotic": 2}),
    "amisulpride": drug("amisulpride", "antipsychotic", severities={"antipsychotic": 4}),
    "olanzapine": drug("olanzapine", "antipsychotic"),
    "clozapine": drug("clozapine", "antipsychotic", severities={"antipsychotic": 2}),
    "promethazine": drug("promethazine", "sedating-antihistamine"),
    "baclofen": drug("baclofen", "muscle-relaxant"),
    "sodium-oxybate": drug("sodium oxybate", "oxybate"),
    "erythromycin": drug("erythromycin", "cyp3a4-moderate"),
    "amiodarone": drug("amiodarone", "cyp3a4-moderate", severities={"cyp3a4-moderate": 4}),
    "cimetidine": drug("cimetidine", "cyp3a4-moderate"),
    "ticlopidine": drug("ticlopidine", "cyp2c19"),
    "omeprazole": drug("omeprazole", "cyp2c19", severities={"cyp2c19": 4}),
    "disulfiram": drug("disulfiram", "cyp2c19", "alcohol-dependence"),
    "rifampicin": drug("rifampicin", "inducer", severities={"inducer": 2}),
    "efavirenz": drug("efavirenz", "inducer"),
    "valproic-acid": drug("valproic acid", "antiseizure", "ugt-inhibitor"),
    "carbamazepine": drug("carbamazepine", "antiseizure"),
    "stiripentol": drug("stiripentol", "antiseizure"),
    "felbamate": drug("felbamate", "antiseizure"),
    "flumazenil": drug("flumazenil", "reversal"),
    "clidinium": drug("clidinium"),
    "naloxone": drug("naloxone", "reversal"),
    "naltrexone": drug("naltrexone", "alcohol-dependence"),
    "apomorphine": drug("apomorphine"),
    "paracetamol": drug("paracetamol"),
    "amoxicillin": drug("amoxicillin"),
}

BOOK = RuleBook.from_json(
    {
        "number": 1,
        "drugs": DRUGS,
        "products": {
            "rxnorm:197591": {
                "name": "diazepam 5 MG Oral Tablet",
                "parts": [["diazepam", 5.0, "tablet"]],
                "form": "tablet",
                "route": "oral",
            },
            "rxnorm:1153378": {
                "name": "Clonazepam [Klonopin]",
                "parts": [["clonazepam", None, ""]],
            },
            "rxnorm:351267": {
                "name": "buprenorphine 8 MG / naloxone 2 MG Sublingual Tablet",
                "parts": [["buprenorphine", 8.0, "tablet"], ["naloxone", 2.0, "tablet"]],
                "form": "sublingual",
                "route": "sublingual",
            },
        },
        "atc": {
            "N05BA01": {"drugs": ["diazepam"]},
            "N05BA06": {"drugs": ["lorazepam"]},
            "N05CD08": {"drugs": ["midazolam"]},
            "N02AA01": {"drugs": ["morphine"]},
            "N02AC52": {"drugs": ["methadone"]},
            "N02AE01": {"drugs": ["buprenorphine"]},
            "N07BC01": {"drugs": ["buprenorphine"], "substitution": True},
            "N07BC02": {"drugs": ["methadone"], "substitution": True},
            "N07BC04": {"drugs": ["lofexidine"]},
            "N07BC06": {"drugs": ["diamorphine"], "substitution": True},
            "N02AJ06": {"drugs": ["codeine", "paracetamol"]},
            "N06CA01": {"drugs": ["amitriptyline"], "incomplete": True},
            "A03CA02": {"drugs": ["clidinium"], "incomplete": True},
        },
        "names": {
            "valium": {"drugs": ["diazepam"]},
            "co-codamol": {"drugs": ["codeine", "paracetamol"]},
            "suboxone": {"drugs": ["buprenorphine", "naloxone"], "substitution": True},
            "librax": {"drugs": ["chlordiazepoxide", "clidinium"]},
        },
        "rules": default_rules_section(),
    }
)


def on(day: int) -> date:
    return DAY0 + timedelta(days=day)


def medicine(text, *codings) -> Medicine:
    return Medicine(f"{text}|{codings}", text, codings)


_ids = iter(range(1, 10**9))


def line(text="diazepam 5 mg tablets", start=0, days=28, **more) -> Line:
    """A complete line: 1 tablet once a day for `days` from day `start`; `more` overrides."""
    fields = {
        "id": next(_ids),
        "medicine": medicine(text),
        "start_on": None if start is None else on(start),
        "dose": 1,
        "dose_unit": "tablet",
        "times_per_day": 1,
        "quantity": days,
        "quantity_unit": "tablet",
        "days_supply": days,
        "indication": "anxiety",
    }
    fields.update(more)
    if isinstance(fields["medicine"], str):
        fields["medicine"] = medicine(fields["medicine"])
    return Line(**fields)


def person(*lines, as_of=0, birth=date(1980, 6, 15), **more) -> Dossier:
    return Dossier(patient_id=1, as_of=on(as_of), birth_date=birth, lines=tuple(lines), **more)


def fired(*lines, **more) -> dict[str, int]:
    """Rule id to severity, of every finding on the person with these lines."""
    return {f.rule_id: int(f.severity) for f in screen(person(*lines, **more), BOOK).findings}


def finding(rule_id, *lines, **more):
    """The one finding of a rule, None if it did not fire."""
    found = [f for f in screen(person(*lines, **more), BOOK).findings if f.rule_id == rule_id]
    assert len(found) < 2, found
    return found[0] if found else None


def not_evaluable(*lines, **more) -> set[str]:
    """Ids of the rules that could not be judged."""
    return {gap.rule_id for gap in screen(person(*lines, **more), BOOK).not_evaluable}
