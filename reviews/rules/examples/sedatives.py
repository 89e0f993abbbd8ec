"""Examples of the rules on opioids and other sedatives beside a benzodiazepine or Z-drug."""

from reviews.rules.examples.writing import (
    MONTH,
    MORPHINE,
    NOT_EVALUABLE,
    PREGABALIN,
    QUIET,
    Fields,
    also,
    course,
    eg,
    exempt,
    supply,
    together,
    told,
)

PATCH = "fentanyl 25 micrograms/hour patches"
PROMETHAZINE, QUETIAPINE = "promethazine 25 mg tablets", "quetiapine 25 mg tablets"
BACLOFEN, CLOZAPINE = "baclofen 10 mg tablets", "clozapine 25 mg tablets"
SERTRALINE, MIRTAZAPINE = "sertraline 50 mg tablets", "mirtazapine 15 mg tablets"
OXYBATE = "sodium oxybate 500 mg/ml oral solution"
METHADONE = "methadone 1 mg/ml oral solution"
_PAIN: Fields = {"indication": "pain"}


def _pain(*, days=MONTH, start: int | None = 0, text=MORPHINE, **more):
    return also(text, days, start, **_PAIN, **more)


def _methadone(mg, days=MONTH, start=0):
    coded = (("atc", "N07BC02"),)
    return also(METHADONE, days, start, mg=mg, codings=coded, indication="opioid_dependence")


def _three(days):
    """Diazepam and morphine going on, and pregabalin with so many days left."""
    return [supply(start=-10), _pain(start=-10), also(PREGABALIN, days)]


def _acting(days, *texts, start=-10):
    return [also(text, days, start) for text in texts]


def _injection(text, minute):
    return supply(text, 1, route="parenteral", start_minute=minute, indication="agitation")


def _for_palliative_care(start):
    """Diazepam without an end on record, for palliative care, from a day on."""
    return supply(days=None, start=start, indication="palliative")


EXAMPLES = {
    "OPI-01": (
        eg(
            "The opioid begins the day after the last of diazepam",
            QUIET,
            supply(start=-28),
            _pain(),
        ),
        eg("The opioid begins on the last day of diazepam", 1, supply(start=-27), _pain()),
        eg(
            "A box for palliative care begun 90 days ago: a note",
            4,
            _for_palliative_care(-90),
            _pain(start=-2),
        ),
        eg("Begun 91 days ago", 1, _for_palliative_care(-91), _pain(start=-2)),
        eg(
            "Diazepam for anxiety as well: no note",
            1,
            _for_palliative_care(-90),
            supply(),
            _pain(start=-2),
        ),
        eg(
            "Together since 28 days ago: still a start",
            1,
            course(2 * MONTH),
            _pain(days=60, start=-28),
        ),
        eg(
            "Together since 29 days ago: continuing",
            2,
            course(2 * MONTH, end=20),
            _pain(days=60, start=-29),
        ),
        eg(
            "Diazepam again after 13 free days beside the same opioid: continuing",
            2,
            _pain(days=90, start=-40),
            supply(days=20, start=-33),
            supply(),
        ),
        eg(
            "Diazepam again after 14 free days beside the same opioid: a start",
            1,
            _pain(days=90, start=-40),
            supply(days=20, start=-34),
            supply(),
        ),
        eg(
            "The last day together was 14 days ago",
            2,
            supply(start=-50, days=60),
            _pain(start=-41),
        ),
        eg(
            "The last day together was 15 days ago",
            QUIET,
            supply(start=-50, days=60),
            _pain(start=-42),
        ),
        eg(
            "A patch whose last day was 3 days before still acts",
            1,
            _pain(text=PATCH, start=-30, times_per_day=1 / 3),
            supply(),
        ),
        eg(
            "A patch whose last day was 4 days before",
            QUIET,
            _pain(text=PATCH, start=-31, times_per_day=1 / 3),
            supply(),
        ),
        eg("A cough preparation", 2, supply(), also("pholcodine 5 mg/5 ml oral solution", 7)),
        eg(
            "An opioid for a procedure",
            4,
            supply(),
            also("fentanyl 50 micrograms/ml injection", 1, setting="procedural"),
        ),
        eg(
            "An opioid whose start is not recorded",
            NOT_EVALUABLE,
            supply(),
            _pain(start=None),
        ),
    ),
    "OPI-02": (
        eg("Diazepam begins the day after methadone", QUIET, _methadone(40, start=-28), supply()),
        eg("Diazepam begins on the last day of methadone", 1, _methadone(40, start=-27), supply()),
        eg(
            "Methadone by name alone: for opioid dependence",
            1,
            supply(start=-3),
            also("methadone 1 mg/ml oral solution", indication="opioid_dependence"),
        ),
        eg(
            "From a substitution service, for a purpose that is not recorded",
            1,
            supply(start=-3),
            also("methadone 1 mg/ml oral solution", indication="unknown", setting="substitution"),
        ),
        eg("For pain", QUIET, supply(), also("methadone 1 mg/ml oral solution", indication="pain")),
        eg("Together since 29 days ago", 2, _methadone(40, 60, -29), course(2 * MONTH, end=20)),
        eg(
            "Methadone raised 28 days ago",
            1,
            _methadone(40, 28, -56),
            _methadone(50, 60, -28),
            course(3 * MONTH),
        ),
        eg(
            "Methadone raised 29 days ago",
            2,
            _methadone(40, 28, -57),
            _methadone(50, 60, -29),
            course(3 * MONTH),
        ),
    ),
    "OPI-03": (
        eg(
            "Naloxone was offered 365 days ago",
            QUIET,
            supply(),
            _pain(),
            told("naloxone", "offered", -365),
        ),
        eg(
            "Naloxone was offered 366 days ago",
            3,
            supply(),
            _pain(),
            told("naloxone", "offered", -366),
        ),
        eg("Neither supplied nor offered, one day together", 3, supply(start=-27), _pain()),
        eg("Not one day together", QUIET, supply(start=-28), _pain()),
        eg("In palliative care", 4, supply(), _pain(), exempt("palliative")),
    ),
    "OPI-04": (
        eg("All three on 6 days", QUIET, _three(6)),
        eg("All three on 7 days", 1, _three(7)),
        eg(
            "7 days, but never all three at once",
            QUIET,
            supply(start=-21),
            _pain(start=-28, days=28),
            also(PREGABALIN),
        ),
    ),
    "GAB-01": (
        eg("Pregabalin begins the day after", QUIET, together(0, PREGABALIN), told("egfr", 90)),
        eg("Pregabalin begins on the last day", 2, together(1, PREGABALIN), told("egfr", 90)),
        eg("At 64", 2, together(10, PREGABALIN), told("egfr", 90), age=64),
        eg("At 65", 1, together(10, PREGABALIN), told("egfr", 90), age=65),
        eg("eGFR 60", 2, together(10, PREGABALIN), told("egfr", 60)),
        eg("eGFR 59", 1, together(10, PREGABALIN), told("egfr", 59)),
        eg("With an opioid as well", 1, together(5, PREGABALIN), _pain(), told("egfr", 90)),
    ),
    "CNS-01": (
        eg("Phenobarbital begins the day after", QUIET, together(0, "phenobarbital 60 mg tablets")),
        eg("Phenobarbital begins on the last day", 1, together(1, "phenobarbital 60 mg tablets")),
        eg(
            "Phenobarbital under the epilepsy exemption",
            3,
            together(10, "phenobarbital 60 mg tablets", indication="epilepsy_adjunct"),
            exempt("epilepsy_adjunct"),
        ),
    ),
    "CNS-02": (
        eg("6 nights with doxylamine", QUIET, together(6, "doxylamine 25 mg tablets")),
        eg("7 nights with doxylamine", 2, together(7, "doxylamine 25 mg tablets")),
        eg("7 nights with melatonin", 3, together(7, "melatonin 2 mg tablets")),
    ),
    "CNS-03": (
        eg("6 days with promethazine", QUIET, together(6, PROMETHAZINE)),
        eg("7 days with promethazine", 3, together(7, PROMETHAZINE)),
        eg("7 days at 64", 3, together(7, PROMETHAZINE), age=64),
        eg("7 days at 65", 2, together(7, PROMETHAZINE), age=65),
        eg(
            "With one more medicine that acts on the brain",
            3,
            together(7, PROMETHAZINE),
            also(SERTRALINE),
        ),
        eg(
            "With two more: three in all",
            2,
            together(7, PROMETHAZINE),
            also(SERTRALINE),
            also("lamotrigine 25 mg tablets"),
        ),
    ),
    "CNS-04": (
        eg("6 days with quetiapine", QUIET, together(6, QUETIAPINE)),
        eg("7 days with quetiapine", 3, together(7, QUETIAPINE)),
        eg("7 days with loxapine", 2, together(7, "loxapine 25 mg capsules")),
        eg("7 days with amisulpride", 4, together(7, "amisulpride 50 mg tablets")),
    ),
    "CNS-05": (
        eg("6 days with baclofen", QUIET, together(6, BACLOFEN)),
        eg("7 days with baclofen", 3, together(7, BACLOFEN)),
        eg("7 days at 64", 3, together(7, BACLOFEN), age=64),
        eg("7 days at 65", 2, together(7, BACLOFEN), age=65),
    ),
    "CNS-06": (
        eg(
            "Three together on 29 days, at 70",
            QUIET,
            supply(days=60, start=-20),
            _acting(29, SERTRALINE, "lamotrigine 25 mg tablets"),
            age=70,
        ),
        eg(
            "Three together on 30 days, at 70",
            2,
            supply(days=60, start=-20),
            _acting(30, SERTRALINE, "lamotrigine 25 mg tablets"),
            age=70,
        ),
        eg(
            "Three together on 60 days, at 64",
            QUIET,
            supply(days=60, start=-20),
            _acting(60, SERTRALINE, "lamotrigine 25 mg tablets"),
            age=64,
        ),
        eg(
            "Three together on 60 days, at 65",
            2,
            supply(days=60, start=-20),
            _acting(60, SERTRALINE, "lamotrigine 25 mg tablets"),
            age=65,
        ),
        eg(
            "Two together",
            QUIET,
            supply(days=60, start=-20),
            _acting(60, SERTRALINE),
            age=70,
        ),
    ),
    "ADP-02": (
        eg("6 days with mirtazapine", QUIET, together(6, MIRTAZAPINE)),
        eg("7 days with mirtazapine", 3, together(7, MIRTAZAPINE)),
        eg("7 days at 64", 3, together(7, MIRTAZAPINE), age=64),
        eg("7 days at 65", 2, together(7, MIRTAZAPINE), age=65),
        eg("Sertraline raises nothing here", QUIET, together(7, SERTRALINE)),
    ),
    "OLZ-01": (
        eg(
            "61 minutes apart",
            QUIET,
            _injection("olanzapine 10 mg injection", 540),
            _injection("lorazepam 4 mg/ml injection", 601),
        ),
        eg(
            "60 minutes apart",
            1,
            _injection("olanzapine 10 mg injection", 540),
            _injection("lorazepam 4 mg/ml injection", 600),
        ),
        eg(
            "The same day, times not recorded",
            1,
            _injection("olanzapine 10 mg injection", None),
            _injection("lorazepam 4 mg/ml injection", None),
        ),
    ),
    "CLZ-01": (
        eg("6 days with clozapine", QUIET, together(6, CLOZAPINE)),
        eg("7 days with clozapine, just begun", 1, together(7, CLOZAPINE)),
        eg(
            "Both for over 28 days",
            2,
            course(3 * MONTH),
            also(CLOZAPINE, 90, -60),
        ),
        eg(
            "Both for long, clozapine started again by titration 28 days ago",
            1,
            course(3 * MONTH),
            also(CLOZAPINE, 90, -60),
            told("clozapine_titration", "done", -28),
        ),
        eg(
            "Both for long, clozapine started again by titration 29 days ago",
            2,
            course(3 * MONTH),
            also(CLOZAPINE, 90, -60),
            told("clozapine_titration", "done", -29),
        ),
    ),
    "OXY-01": (
        eg("Oxybate begins the day after", QUIET, together(0, OXYBATE)),
        eg("Oxybate begins on the last day", 1, together(1, OXYBATE)),
    ),
}
