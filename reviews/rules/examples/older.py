"""Examples of the rules on the older patient."""

from reviews.rules.examples.writing import (
    CLOBAZAM,
    CLONAZEPAM,
    LORAZEPAM,
    QUIET,
    SLEEP,
    TEMAZEPAM,
    ZOPICLONE,
    course,
    eg,
    exempt,
    ill,
    supply,
    told,
)

EXAMPLES = {
    "ELD-01": (
        eg("Begun at 64", QUIET, supply(), age=64),
        eg("Begun at 65", 3, supply(), age=65),
        eg(
            "A week that ended 180 days before",
            QUIET,
            supply(days=7, start=-186),
            supply(),
            age=70,
        ),
        eg(
            "A week that ended 181 days before",
            3,
            supply(days=7, start=-187),
            supply(),
            age=70,
        ),
    ),
    "ELD-02": (
        eg("Diazepam at 64", QUIET, supply(days=7), age=64),
        eg("Diazepam at 65", 2, supply(days=7), age=65),
        eg("Lorazepam at 65", QUIET, supply(LORAZEPAM, 7), age=65),
        eg(
            "Clonazepam for REM sleep behaviour disorder, under the specialist exemption",
            4,
            supply(CLONAZEPAM, indication="rem_sleep_behaviour_disorder"),
            exempt("specialist"),
            age=75,
        ),
        eg(
            "Clobazam at 65 under the epilepsy exemption",
            4,
            supply(CLOBAZAM, indication="epilepsy_adjunct"),
            exempt("epilepsy_adjunct"),
            age=65,
        ),
    ),
    "ELD-04": (
        eg("27 days at 65", QUIET, supply(days=27), age=65),
        eg("28 days at 65", 2, supply(), age=65),
        eg("28 days at 64", QUIET, supply(), age=64),
        eg("28 days of a Z-drug", QUIET, supply(ZOPICLONE, **SLEEP), age=65),
    ),
    "ELD-05": (
        eg("89 calendar days at 65", QUIET, course(89), age=65),
        eg("90 calendar days at 65", 2, course(90), age=65),
        eg("90 calendar days at 64", QUIET, course(90), age=64),
        eg(
            "A taper was offered 365 days ago",
            QUIET,
            course(400),
            told("taper_offer", "declined", -365),
            age=70,
        ),
        eg(
            "A taper was offered 366 days ago",
            2,
            course(400),
            told("taper_offer", "declined", -366),
            age=70,
        ),
    ),
    "ELD-06": (
        eg("13 days for sleep at 65", QUIET, supply(ZOPICLONE, 13, **SLEEP), age=65),
        eg("14 days for sleep at 65", 2, supply(ZOPICLONE, 14, **SLEEP), age=65),
        eg("14 days for sleep at 64", QUIET, supply(TEMAZEPAM, 14, **SLEEP), age=64),
    ),
    "FAL-01": (
        eg("A fall 366 days ago", QUIET, supply(), ill("Fall", "W19", -366)),
        eg("A fall 365 days ago", 2, supply(), ill("Fall", "W19", -365)),
        eg("A fall 30 days ago", 2, supply(), ill("Fall", "W19", -30)),
        eg("A fall 29 days ago", 1, supply(), ill("Fall", "W19", -29)),
        eg(
            "A fall and a hip fracture within a year",
            1,
            supply(),
            ill("Fall", "W19", -300),
            ill("Hip fracture", "S72.0", -100),
        ),
    ),
}
