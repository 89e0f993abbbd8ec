"""Why a medicine was prescribed: the coded list, and which duration rule each code belongs to."""

INDICATIONS = {
    "anxiety": "Anxiety, severe or disabling",
    "anxiety_mild": "Anxiety, mild",
    "anxiety_crisis": "Anxiety crisis, plan of at most 4 weeks",
    "gad": "Generalised anxiety disorder",
    "panic_disorder": "Panic disorder",
    "insomnia": "Insomnia, severe or disabling",
    "muscle_spasm_acute": "Muscle spasm, acute",
    "spasticity_neurological": "Spasticity of neurological cause",
    "epilepsy_adjunct": "Epilepsy, adjunct",
    "seizure_rescue": "Seizure rescue",
    "alcohol_withdrawal": "Alcohol withdrawal",
    "premedication": "Premedication",
    "procedure": "Procedure",
    "agitation": "Agitation or acute disturbance",
    "catatonia": "Catatonia",
    "rem_sleep_behaviour_disorder": "REM sleep behaviour disorder",
    "restless_legs": "Restless legs or periodic limb movements",
    "depression_alone": "Depression alone",
    "phobia": "Phobia",
    "ocd": "Obsessive-compulsive disorder",
    "ptsd": "Post-traumatic stress disorder",
    "psychosis_chronic": "Chronic psychosis",
    "bereavement": "Bereavement",
    "back_pain_acute": "Acute low back pain or sciatica",
    "pain": "Pain",
    "palliative": "Palliative or end-of-life care",
    "opioid_dependence": "Opioid dependence",
    "other": "Other",
    "unknown": "Not known",
}
"""Code: label. Any medicine's prescription has one; "unknown" is an honest answer."""

DURATION_RULE = {
    "insomnia": "DUR-02",
    "muscle_spasm_acute": "DUR-03",
    "premedication": "DUR-07",
    "procedure": "DUR-07",
    "alcohol_withdrawal": "ALC-02",
    "seizure_rescue": None,
}
"""The duration rule of an indication; every other indication, unknown included, is DUR-01's."""


_TURNED = {
    "anxiety": "severe or disabling anxiety",
    "anxiety_mild": "mild anxiety",
    "insomnia": "severe or disabling insomnia",
    "muscle_spasm_acute": "acute muscle spasm",
}


def in_words(indication: str) -> str:
    """An indication within a sentence: "mild anxiety", "REM sleep behaviour disorder"."""
    label = _TURNED.get(indication) or INDICATIONS.get(indication, indication)
    return label if label.split(" ", 1)[0].isupper() else label[:1].lower() + label[1:]


def duration_rule(indication: str) -> str | None:
    """The id of the rule that limits this indication, None for seizure rescue."""
    return DURATION_RULE.get(indication, "DUR-01")
