"""Which conditions and readings the rules look for, and how a record is matched to them.

ICD-10 codes match by prefix (a category holds its subdivisions), SNOMED CT codes exactly, the text
by whole words. A SNOMED CT code is listed only where a published value set gave it. In ICD-10 the
codes of poisoning hold adverse effects and underdosing too, told by the sixth character, which are
left out; a 2 there means self-harm.
"""

import re
from datetime import date
from functools import lru_cache

from reviews.rules import condition_codes

THEMES = {
    "respiratory": {
        "icd10": ("J4", "J6", "J70", "J80", "J82", "J84", "J96", "E66.2"),
        "snomed": (),
        "words": (
            "copd",
            "chronic obstructive",
            "asthma",
            "emphysema",
            "bronchiectasis",
            "pulmonary fibrosis",
            "interstitial lung",
            "respiratory failure",
        ),
    },
    "neurological": {
        # Headache (G43, G44) and sleep disorders (G47) are not meant.
        "icd10": (
            "G1",
            "G2",
            "G30",
            "G31",
            "G32",
            "G35",
            "G36",
            "G37",
            "G40",
            "G41",
            "G45",
            "G46",
            "G6",
            "G7",
            "G8",
            "I60",
            "I61",
            "I62",
            "I63",
            "I64",
            "I69",
        ),
        "snomed": (),
        "words": (
            "parkinson",
            "parkinsons",
            "multiple sclerosis",
            "epilepsy",
            "stroke",
            "motor neurone",
            "neuropathy",
            "myasthenia",
            "cerebral palsy",
        ),
    },
    "sleep_apnoea": {
        "icd10": ("G47.3",),
        # From the CDC value set on sleep-disordered breathing, expansion of 24 February 2025.
        "snomed": (
            "104831000119109",
            "1091000119108",
            "1101000119103",
            "16275741000119100",
            "230493001",
            "27405005",
            "724504007",
            "724506009",
            "724507000",
            "765751002",
            "774068004",
            "78275009",
            "789055001",
            "85721000119105",
            "91441000119109",
            "9741000119101",
        ),
        "words": ("sleep apnoea", "sleep apnea"),
    },
    "end_of_life": {
        "icd10": ("Z51.5",),
        "snomed": condition_codes.END_OF_LIFE,
        "words": ("hospice", "palliative care", "end of life care", "terminal care"),
    },
    "seizure": {
        "icd10": ("G40", "G41"),
        "snomed": (),
        "words": ("epilepsy", "epileptic", "seizure disorder"),
    },
    "alcohol_use_disorder": {
        "icd10": ("F10",),
        "snomed": condition_codes.ALCOHOL_USE_DISORDER,
        "words": ("alcohol dependence", "alcohol use disorder", "alcoholism", "alcohol abuse"),
    },
    "alcohol_remission": {
        "icd10": ("F10.11", "F10.21", "F10.91"),
        "snomed": condition_codes.ALCOHOL_REMISSION,
        "words": (),
    },
    "substance_use_disorder": {
        "icd10": ("F11", "F12", "F13", "F14", "F15", "F16", "F18", "F19"),
        "snomed": condition_codes.SUBSTANCE_USE_DISORDER,
        "words": ("substance use disorder", "opioid use disorder", "drug dependence", "drug abuse"),
    },
    "fall": {
        "icd10": ("W0", "W1", "R29.6"),
        "snomed": (),
        "words": ("fall", "falls", "fell"),
    },
    "recurrent_falls": {
        "icd10": ("R29.6",),
        "snomed": (),
        "words": ("recurrent falls", "repeated falls"),
    },
    "fragility_fracture": {
        "icd10": ("M80", "S72.0", "S72.1", "S72.2", "S52.5"),
        "snomed": (),
        "words": ("fragility fracture", "hip fracture", "fractured neck of femur"),
    },
    "dementia": {
        "icd10": ("F00", "F01", "F02", "F03", "G30", "G31.0", "G31.83"),
        "snomed": (),
        "words": ("dementia", "alzheimer", "alzheimers"),
    },
    "mild_cognitive_impairment": {
        "icd10": ("F06.7", "G31.84"),
        "snomed": (),
        "words": ("mild cognitive impairment",),
    },
    "delirium": {
        "icd10": ("F05",),
        "snomed": ("18653004", "52866005"),
        "words": ("delirium",),
    },
    "respiratory_failure": {
        "icd10": ("J96",),
        "snomed": (),
        "words": ("respiratory failure",),
    },
    "copd": {
        "icd10": ("J44",),
        "snomed": (),
        "words": ("copd", "chronic obstructive"),
    },
    "copd_severe": {
        "icd10": (),
        "snomed": (),
        "words": (
            "severe copd",
            "gold 3",
            "gold 4",
            "gold iii",
            "gold iv",
            "severe chronic obstructive",
        ),
    },
    "home_oxygen": {
        "icd10": ("Z99.81",),
        "snomed": (),
        "words": ("home oxygen", "long term oxygen"),
    },
    "neuromuscular_weakness": {
        "icd10": ("G12", "G71", "G72"),
        "snomed": (),
        "words": (
            "motor neurone disease",
            "amyotrophic lateral sclerosis",
            "muscular dystrophy",
            "neuromuscular",
        ),
    },
    "myasthenia": {"icd10": ("G70.0",), "snomed": (), "words": ("myasthenia gravis",)},
    "hepatic_severe": {
        "icd10": ("K70.4", "K72", "K76.82"),
        "snomed": (),
        "words": (
            "hepatic encephalopathy",
            "liver failure",
            "hepatic failure",
            "severe hepatic impairment",
            "severe liver impairment",
            "child pugh c",
            "child pugh class c",
        ),
    },
    "hepatic": {
        "icd10": ("K70.3", "K70.4", "K71.7", "K72", "K74.3", "K74.4", "K74.5", "K74.6", "K76.82"),
        "snomed": (),
        "words": (
            "cirrhosis",
            "hepatic impairment",
            "liver impairment",
            "liver failure",
            "hepatic failure",
        ),
    },
    "pregnancy": {
        "icd10": ("Z33.1", "Z34", "Z3A", "O09"),
        "snomed": (),
        "words": ("currently pregnant",),
    },
    "glaucoma_narrow_angle": {
        "icd10": ("H40.2",),
        "snomed": (),
        "words": ("angle closure glaucoma", "narrow angle glaucoma", "closed angle glaucoma"),
    },
    "porphyria": {
        "icd10": ("E80.2",),
        "snomed": (),
        "words": ("acute porphyria", "acute intermittent porphyria"),
    },
    "self_harm": {
        "icd10": ("R45.851", "R45.88", "T14.91", "X6", "X7", "X80", "X81", "X82", "X83", "X84"),
        "snomed": condition_codes.INTENTIONAL_OVERDOSE,
        "words": ("suicidal", "suicide attempt", "attempted suicide", "self harm"),
    },
    "overdose": {
        # Poisoning by medicines or alcohol; X and Y are the codes that say with what intent.
        "icd10": (
            *("T36", "T37", "T38", "T39", "T4", "T50", "T51"),
            *(f"X{n}" for n in (*range(40, 46), *range(60, 66))),
            *(f"Y{n}" for n in range(10, 16)),
        ),
        "snomed": condition_codes.OVERDOSE,
        "words": ("overdose", "poisoning"),
    },
    "depression": {
        "icd10": ("F32", "F33"),
        "snomed": (),
        "words": ("depression", "depressive"),
    },
    "ptsd": {
        "icd10": ("F43.1",),
        "snomed": (),
        "words": ("ptsd", "post traumatic stress", "posttraumatic stress"),
    },
    "bipolar": {"icd10": ("F31",), "snomed": (), "words": ("bipolar",)},
    "complex_sleep_behaviour": {
        "icd10": ("F51.3",),
        "snomed": (),
        "words": ("sleepwalking", "sleep walking", "sleep driving", "complex sleep behaviour"),
    },
    "withdrawal_complication": {
        "icd10": ("F10.4", "F13.4", "F13.231", "F10.231"),
        "snomed": (),
        "words": ("withdrawal seizure", "withdrawal seizures", "delirium tremens"),
    },
}
LABELS = {
    "respiratory": "respiratory disease",
    "neurological": "neurological disease",
    "sleep_apnoea": "sleep apnoea",
}
_WORDS = {
    theme: re.compile(rf"\b(?:{'|'.join(map(re.escape, found['words']))})\b")
    for theme, found in THEMES.items()
    if found["words"]
}
_PREFIXES = {
    theme: tuple(code.replace(".", "") for code in found["icd10"])
    for theme, found in THEMES.items()
    if found["icd10"]
}
_SNOMED = {theme: frozenset(found["snomed"]) for theme, found in THEMES.items() if found["snomed"]}
_POISONING = re.compile(r"T(3[6-9]|4\d|5\d|6[0-5])")
_PUNCTUATION = re.compile(r"[-/,;:()]+")
_NO = re.compile(r"\b(?:no|not|denies|family history of|fear of|risk of)\b")


@lru_cache(maxsize=50_000)
def themes_of(codings, text: str) -> frozenset[str]:
    """The themes that a condition's codes and text stand for.

    A text that begins by denying ("no falls", "family history of ...") names nothing.
    """
    found = set()
    for given, code in codings:
        system = given.casefold()
        if "icd" in system:
            plain = code.replace(".", "").upper()
            if _POISONING.match(plain):
                if plain[5:6] in {"5", "6"}:
                    continue
                if plain[5:6] == "2":
                    found.add("self_harm")
            found |= {theme for theme, codes in _PREFIXES.items() if plain.startswith(codes)}
        elif "snomed" in system:
            found |= {theme for theme, codes in _SNOMED.items() if code in codes}
    if text and not denied(text):
        spoken = _spoken(text)
        found |= {theme for theme, words in _WORDS.items() if words.search(spoken)}
    return frozenset(found)


def denied(text: str) -> bool:
    """Does a text begin by denying what it goes on to name?"""
    return bool(_NO.match(_spoken(text)))


def _spoken(text):
    return " ".join(_PUNCTUATION.sub(" ", text.casefold()).split())


def is_active(condition, as_of: date) -> bool:
    """On record and not over on a day; what has no date counts as there."""
    return (condition.onset_on is None or condition.onset_on <= as_of) and (
        condition.ended_on is None or condition.ended_on > as_of
    )


def present(dossier, theme: str) -> bool:
    """Is a condition of this theme on record and not over on the day judged?"""
    return any(
        condition.kind == "condition"
        and is_active(condition, dossier.as_of)
        and theme in themes_of(condition.codings, condition.text)
        for condition in dossier.conditions
    )
