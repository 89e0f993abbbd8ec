"""Which conditions and readings the rules look for, and how a record is matched to them.

ICD-10 codes match by prefix (a category holds its subdivisions), SNOMED CT codes exactly, the text
by whole words. A SNOMED CT code is listed only where a published value set gave it.
"""

import re

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
}
LABELS = {
    "respiratory": "respiratory disease",
    "neurological": "neurological disease",
    "sleep_apnoea": "sleep apnoea",
}
_WORDS = {
    theme: re.compile(rf"\b(?:{'|'.join(map(re.escape, found['words']))})\b")
    for theme, found in THEMES.items()
}
_PREFIXES = {
    theme: tuple(code.replace(".", "") for code in found["icd10"])
    for theme, found in THEMES.items()
}


def present(dossier, theme: str) -> bool:
    """Is a condition of this theme on record and not over on the day judged?"""
    as_of = dossier.as_of
    return any(
        (condition.onset_on is None or condition.onset_on <= as_of)
        and (condition.ended_on is None or condition.ended_on > as_of)
        and _matches(condition, theme)
        for condition in dossier.conditions
    )


def _matches(condition, theme):
    for given, code in condition.codings:
        system = given.casefold()
        if "icd" in system:
            if code.replace(".", "").upper().startswith(_PREFIXES[theme]):
                return True
        elif "snomed" in system and code in THEMES[theme]["snomed"]:
            return True
    return bool(_WORDS[theme].search(condition.text.casefold()))


def latest_reading(dossier, kind: str):
    """The latest dated reading of a kind up to the day judged, None when there is none."""
    found = [
        reading
        for reading in dossier.readings
        if reading.kind == kind
        and reading.value is not None
        and reading.on is not None
        and reading.on <= dossier.as_of
    ]
    return max(found, key=lambda reading: (reading.on, reading.id), default=None)
