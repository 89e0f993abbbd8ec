"""Examples of the rules on a person's health, age and life."""

from reviews.rules.examples.writing import (
    LORAZEPAM,
    MONTH,
    NOT_EVALUABLE,
    QUIET,
    SLEEP,
    ZOLPIDEM,
    ZOPICLONE,
    Fields,
    course,
    eg,
    ill,
    supply,
    taper,
    told,
)

_COPD, _APNOEA = ("COPD", "J44.9"), ("Sleep apnoea", "G47.3")
_CIRRHOSIS = ("Cirrhosis of the liver", "K74.6")
_WOMAN: Fields = {"sex": "female", "age": 30}
_ASKED = told("pregnancy", "not_pregnant", -10)


def _planned_over(days):
    return taper("diazepam", (1, 5), (1 + days, 2.5), status="planned")


EXAMPLES = {
    "COG-01": (
        eg("Delirium 91 days ago", QUIET, supply(), ill("Delirium", "F05", -91)),
        eg("Delirium 90 days ago", 2, supply(), ill("Delirium", "F05", -90)),
        eg("Dementia, years ago", 2, supply(), ill("Dementia", "F03", -2000)),
    ),
    "RSP-01": (
        eg("pO2 8 kPa", QUIET, supply(), told("po2_kpa", 8)),
        eg("pO2 7.9 kPa", 1, supply(), told("po2_kpa", 7.9)),
        eg("pCO2 6.5 kPa", QUIET, supply(), told("pco2_kpa", 6.5)),
        eg("pCO2 6.6 kPa", 1, supply(), told("pco2_kpa", 6.6)),
        eg("COPD, FEV1 50 %", 4, supply(), ill(*_COPD), told("fev1_percent", 50)),
        eg("COPD, FEV1 49 %", 2, supply(), ill(*_COPD), told("fev1_percent", 49)),
        eg("Asthma", QUIET, supply(), ill("Asthma", "J45.9")),
        eg("Oxygen at home", 2, supply(), told("home_oxygen", "yes")),
    ),
    "RSP-02": (
        eg("Uses CPAP", 3, supply(), ill(*_APNOEA), told("cpap_adherence", "adherent")),
        eg("Does not use CPAP", 1, supply(), ill(*_APNOEA), told("cpap_adherence", "nonadherent")),
        eg("Treatment not recorded", 3, supply(), ill(*_APNOEA)),
        eg("No sleep apnoea", QUIET, supply(), ill("Insomnia", "G47.0")),
    ),
    "MYA-01": (
        eg("Another disease of the muscles", QUIET, supply(), ill("Muscular dystrophy", "G71.0")),
        eg("Myasthenia gravis", 1, supply(), ill("Myasthenia gravis", "G70.0")),
    ),
    "HEP-01": (
        eg("Child-Pugh B", QUIET, supply(), told("child_pugh", "B")),
        eg("Child-Pugh C", 1, supply(), told("child_pugh", "C")),
        eg("Hepatic encephalopathy", 1, supply(), ill("Hepatic encephalopathy", "K76.82")),
    ),
    "HEP-02": (
        eg("ALT 3 times the limit", QUIET, supply(), told("alt_x_uln", 3)),
        eg("ALT 3.1 times the limit", 2, supply(), told("alt_x_uln", 3.1)),
        eg("Child-Pugh B with diazepam", 2, supply(), told("child_pugh", "B")),
        eg("Child-Pugh B with lorazepam", QUIET, supply(LORAZEPAM), told("child_pugh", "B")),
        eg(
            "Cirrhosis, zopiclone 3.75 mg",
            QUIET,
            supply(ZOPICLONE, mg=3.75, **SLEEP),
            ill(*_CIRRHOSIS),
        ),
        eg("Cirrhosis, zopiclone 7.5 mg", 2, supply(ZOPICLONE, mg=7.5, **SLEEP), ill(*_CIRRHOSIS)),
        eg("Cirrhosis, zolpidem 5 mg", QUIET, supply(ZOLPIDEM, mg=5, **SLEEP), ill(*_CIRRHOSIS)),
        eg("Cirrhosis, zolpidem 10 mg", 2, supply(ZOLPIDEM, mg=10, **SLEEP), ill(*_CIRRHOSIS)),
    ),
    "REN-01": (
        eg("eGFR 30", QUIET, supply(), told("egfr", 30)),
        eg("eGFR 29", 3, supply(), told("egfr", 29)),
        eg("No eGFR in two years", NOT_EVALUABLE, supply(), told("egfr", 29, -731)),
    ),
    "PRG-01": (
        eg("Not pregnant", QUIET, supply(), _ASKED, **_WOMAN),
        eg("First trimester", 2, supply(), told("pregnancy", "first"), **_WOMAN),
        eg("Third trimester, regular use", 1, course(MONTH), told("pregnancy", "third"), **_WOMAN),
        eg(
            "Second trimester recorded 104 days ago",
            2,
            course(MONTH),
            told("pregnancy", "second", -104),
            **_WOMAN,
        ),
        eg(
            "Second trimester recorded 105 days ago: surely the third by now",
            1,
            course(MONTH),
            told("pregnancy", "second", -105),
            **_WOMAN,
        ),
        eg(
            "Third trimester recorded 98 days ago",
            1,
            course(MONTH),
            told("pregnancy", "third", -98),
            **_WOMAN,
        ),
        eg(
            "Third trimester recorded 99 days ago: surely over",
            QUIET,
            course(MONTH),
            told("pregnancy", "third", -99),
            **_WOMAN,
        ),
        eg(
            "A taper planned over 14 days",
            2,
            supply(),
            told("pregnancy", "first"),
            _planned_over(14),
            **_WOMAN,
        ),
        eg(
            "A taper planned over 13 days",
            1,
            supply(),
            told("pregnancy", "first"),
            _planned_over(13),
            **_WOMAN,
        ),
        eg("A girl of 11, not asked", QUIET, supply(), sex="female", age=11),
        eg("A girl of 12, not asked", NOT_EVALUABLE, supply(), sex="female", age=12),
        eg("A woman of 55, not asked", NOT_EVALUABLE, supply(), sex="female", age=55),
        eg("A woman of 56, not asked", QUIET, supply(), sex="female", age=56),
    ),
    "PRG-02": (
        eg("27 days, nothing noted", QUIET, supply(days=27), **_WOMAN),
        eg("28 days, nothing noted", 4, supply(), **_WOMAN),
        eg("At 11", QUIET, supply(), sex="female", age=11),
        eg("At 12", 4, supply(), sex="female", age=12),
        eg("At 55", 4, supply(), sex="female", age=55),
        eg("At 56", QUIET, supply(), sex="female", age=56),
        eg(
            "Contraception noted",
            QUIET,
            supply(),
            told("pregnancy_intention", "contraception"),
            **_WOMAN,
        ),
        eg(
            "Second trimester recorded 203 days ago: perhaps still pregnant",
            QUIET,
            supply(),
            told("pregnancy", "second", -203),
            **_WOMAN,
        ),
        eg(
            "Second trimester recorded 204 days ago: over",
            4,
            supply(),
            told("pregnancy", "second", -204),
            **_WOMAN,
        ),
        eg(
            "Third trimester recorded 98 days ago",
            QUIET,
            supply(),
            told("pregnancy", "third", -98),
            **_WOMAN,
        ),
        eg(
            "Third trimester recorded 99 days ago: over",
            4,
            supply(),
            told("pregnancy", "third", -99),
            **_WOMAN,
        ),
    ),
    "BRF-01": (
        eg("Not breastfeeding", QUIET, supply(LORAZEPAM, 7), told("breastfeeding", "no"), **_WOMAN),
        eg(
            "Lorazepam in a low dose",
            3,
            supply(LORAZEPAM, 7),
            told("breastfeeding", "yes"),
            **_WOMAN,
        ),
        eg(
            "Lorazepam above the low band",
            2,
            supply(LORAZEPAM, 7, mg=2.5),
            told("breastfeeding", "yes"),
            **_WOMAN,
        ),
        eg("Diazepam, long-acting", 2, supply(days=7), told("breastfeeding", "yes"), **_WOMAN),
        eg(
            "The infant was born preterm",
            2,
            supply(LORAZEPAM, 7),
            told("breastfeeding", "preterm"),
            **_WOMAN,
        ),
    ),
    "PED-01": (
        eg("At 18", QUIET, supply(days=7), age=18),
        eg("At 17", 2, supply(days=7), age=17),
        eg("At 12", 2, supply(days=7), age=12),
        eg("At 11", 1, supply(days=7), age=11),
        eg("At 11, for epilepsy", QUIET, supply(days=7, indication="epilepsy_adjunct"), age=11),
    ),
    "GLA-01": (
        eg("Open-angle glaucoma", QUIET, supply(), ill("Open-angle glaucoma", "H40.1")),
        eg(
            "Narrow-angle glaucoma; US labels contraindicate it",
            {"UK": 2, "US": 1, "EU": 2},
            supply(),
            ill("Narrow-angle glaucoma", "H40.2"),
        ),
        eg(
            "Narrow-angle glaucoma with a Z-drug",
            QUIET,
            supply(ZOPICLONE, **SLEEP),
            ill("Narrow-angle glaucoma", "H40.2"),
        ),
    ),
    "POR-01": (
        eg("Porphyria of the skin", QUIET, supply(), ill("Porphyria cutanea tarda", "E80.1")),
        eg("Acute porphyria", 3, supply(), ill("Acute porphyria", "E80.2")),
    ),
    "DEP-01": (
        eg("One sign", QUIET, supply(), told("dependence_signs", "tolerance")),
        eg("Two signs", 2, supply(), told("dependence_signs", "tolerance cannot_cope")),
    ),
    "DRV-01": (
        eg("Drives, advice recorded", QUIET, supply(), told("driving_counselling", "done")),
        eg("Drives, no advice recorded", 4, supply(), told("driving_occupation", "private")),
        eg(
            "Drives for work, no advice recorded",
            2,
            supply(),
            told("driving_occupation", "vocational"),
        ),
        eg("Does not drive", QUIET, supply(), told("driving_occupation", "none")),
        eg(
            "Drives, no advice, begun 29 days ago",
            QUIET,
            supply(days=40, start=-29),
            told("driving_occupation", "private"),
        ),
    ),
    "OCC-01": (
        eg("Another job", QUIET, supply(), told("safety_critical_job", "no")),
        eg("Works with machinery", 3, supply(), told("safety_critical_job", "yes")),
    ),
    "ILN-01": (
        eg("A benzodiazepine", QUIET, supply(), told("complex_sleep_behaviour", "yes")),
        eg(
            "A Z-drug; US labels contraindicate it",
            {"UK": 2, "US": 1, "EU": 2},
            supply(ZOPICLONE, **SLEEP),
            told("complex_sleep_behaviour", "yes"),
        ),
        eg(
            "No such history",
            QUIET,
            supply(ZOPICLONE, **SLEEP),
            told("complex_sleep_behaviour", "no"),
        ),
    ),
}
