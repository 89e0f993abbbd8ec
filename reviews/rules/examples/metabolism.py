"""Examples of the rules on medicines that change how fast another is broken down."""

from reviews.rules.examples.writing import (
    ALPRAZOLAM,
    CLOBAZAM,
    CLONAZEPAM,
    DIAZEPAM,
    DIAZEPAM_LIQUID,
    LORAZEPAM,
    MONTH,
    QUIET,
    SLEEP,
    TRIAZOLAM,
    Fields,
    also,
    course,
    eg,
    supply,
    together,
)

_SEIZURES: Fields = {"indication": "epilepsy_adjunct"}
CLARITHROMYCIN, ITRACONAZOLE = "clarithromycin 500 mg tablets", "itraconazole 100 mg capsules"
ERYTHROMYCIN, TICLOPIDINE = "erythromycin 250 mg tablets", "ticlopidine 250 mg tablets"
RIFAMPICIN, VALPROATE = "rifampicin 300 mg capsules", "valproic acid 500 mg tablets"
EFAVIRENZ, RITONAVIR = "efavirenz 600 mg tablets", "ritonavir 100 mg tablets"
CARBAMAZEPINE, STIRIPENTOL = "carbamazepine 200 mg tablets", "stiripentol 250 mg capsules"
FLUOXETINE, FLUVOXAMINE = "fluoxetine 20 mg capsules", "fluvoxamine 50 mg tablets"


def _clobazam(mg, days=MONTH, start=0):
    return supply(CLOBAZAM, days, start, mg=mg, **_SEIZURES)


def _inducer_ended(ago):
    """Diazepam raised from 5 to 10 mg during rifampicin, which ended so many days ago."""
    return [
        also(RIFAMPICIN, 60, -59 - ago),
        supply(DIAZEPAM_LIQUID, 28, -50 - ago, mg=5),
        supply(DIAZEPAM_LIQUID, 90, -22 - ago, mg=10),
    ]


def _dose_lowered(after):
    """Clobazam beside stiripentol begun 40 days ago, lowered so many days after that."""
    return [
        also(STIRIPENTOL, 90, -40, **_SEIZURES),
        _clobazam(20, 20 + after, -60),
        _clobazam(10, 60, -40 + after),
    ]


EXAMPLES = {
    "CYP-01": (
        eg("Clarithromycin begins the day after", QUIET, together(0, CLARITHROMYCIN, ALPRAZOLAM)),
        eg(
            "Clarithromycin begins on the last day",
            2,
            together(1, CLARITHROMYCIN, ALPRAZOLAM),
            lacks="labels contraindicate",
        ),
        eg(
            "Clarithromycin for 14 days: a plan for that time is enough",
            2,
            supply(ALPRAZOLAM),
            also(CLARITHROMYCIN, 14),
            mentions="a plan for that time is enough",
        ),
        eg(
            "Clarithromycin for 15 days",
            2,
            supply(ALPRAZOLAM),
            also(CLARITHROMYCIN, 15),
            lacks="a plan for that time is enough",
        ),
        eg(
            "Itraconazole with alprazolam",
            1,
            supply(ALPRAZOLAM),
            also(ITRACONAZOLE, 14),
            mentions="labels contraindicate",
        ),
        eg(
            "Ritonavir with diazepam: contraindicated in Europe, not on the US label",
            {"UK": 1, "US": 2, "EU": 1},
            supply(),
            also(RITONAVIR, 14),
        ),
        eg("Ritonavir with clonazepam", 2, supply(CLONAZEPAM), also(RITONAVIR, 14)),
        eg("Clarithromycin with lorazepam", QUIET, supply(LORAZEPAM), also(CLARITHROMYCIN, 7)),
    ),
    "CYP-02": (
        eg("6 days with erythromycin", QUIET, together(6, ERYTHROMYCIN, ALPRAZOLAM)),
        eg("7 days with erythromycin", 3, together(7, ERYTHROMYCIN, ALPRAZOLAM)),
        eg("7 days at 64", 3, together(7, ERYTHROMYCIN, ALPRAZOLAM), age=64),
        eg("7 days at 65", 2, together(7, ERYTHROMYCIN, ALPRAZOLAM), age=65),
        eg("7 days with triazolam", 2, together(7, ERYTHROMYCIN, TRIAZOLAM, **SLEEP)),
    ),
    "CYP-03": (
        eg("6 days with ticlopidine", QUIET, together(6, TICLOPIDINE)),
        eg("7 days with ticlopidine", 3, together(7, TICLOPIDINE)),
        eg("7 days at 64", 3, together(7, TICLOPIDINE), age=64),
        eg("7 days at 65", 2, together(7, TICLOPIDINE), age=65),
        eg("Clobazam 10 mg a day", 3, _clobazam(10), also(TICLOPIDINE)),
        eg("Clobazam 20 mg a day", 2, _clobazam(20), also(TICLOPIDINE)),
        eg("Omeprazole", 4, together(7, "omeprazole 20 mg capsules")),
    ),
    "CYP-04": (
        eg("6 days with rifampicin", QUIET, together(6, RIFAMPICIN)),
        eg("7 days with rifampicin", 2, together(7, RIFAMPICIN)),
        eg("7 days with efavirenz", 3, together(7, EFAVIRENZ, ALPRAZOLAM)),
        eg("Efavirenz the day after triazolam", QUIET, together(0, EFAVIRENZ, TRIAZOLAM)),
        eg(
            "Efavirenz on the last day of triazolam",
            1,
            together(1, EFAVIRENZ, TRIAZOLAM),
            mentions="rules out triazolam",
        ),
        eg("Rifampicin begun 28 days ago", 2, course(3 * MONTH), also(RIFAMPICIN, 60, -28)),
        eg("Rifampicin begun 29 days ago", QUIET, course(3 * MONTH), also(RIFAMPICIN, 60, -29)),
        eg("Rifampicin ended 28 days ago, diazepam was raised", 2, _inducer_ended(28)),
        eg("Rifampicin ended 29 days ago, diazepam was raised", QUIET, _inducer_ended(29)),
    ),
    "UGT-01": (
        eg("Valproate begins the day after", QUIET, together(0, VALPROATE, LORAZEPAM, mg=2)),
        eg("Valproate begins on the last day", 2, together(1, VALPROATE, LORAZEPAM, mg=2)),
        eg(
            "Lorazepam brought from 2 to 1 mg",
            QUIET,
            supply(LORAZEPAM, start=-28, mg=2),
            supply(LORAZEPAM, mg=1),
            also(VALPROATE),
        ),
        eg(
            "Lorazepam brought from 2 to 1.5 mg only",
            2,
            supply(LORAZEPAM, start=-28, mg=2),
            supply(LORAZEPAM, mg=1.5),
            also(VALPROATE),
        ),
        eg("Begun together, 1 mg", QUIET, supply(LORAZEPAM, mg=1), also(VALPROATE)),
        eg("Begun together, 1.5 mg", 2, supply(LORAZEPAM, mg=1.5), also(VALPROATE)),
    ),
    "AED-01": (
        eg("6 days with carbamazepine", QUIET, together(6, CARBAMAZEPINE)),
        eg("7 days with carbamazepine", 3, together(7, CARBAMAZEPINE)),
        eg("Alprazolam with carbamazepine", 2, together(7, CARBAMAZEPINE, ALPRAZOLAM)),
        eg(
            "The benzodiazepine is for epilepsy",
            QUIET,
            together(7, CARBAMAZEPINE, CLOBAZAM, **_SEIZURES),
        ),
    ),
    "AED-02": (
        eg("6 days with stiripentol", QUIET, together(6, STIRIPENTOL, CLOBAZAM, **_SEIZURES)),
        eg("7 days with stiripentol", 2, together(7, STIRIPENTOL, CLOBAZAM, **_SEIZURES)),
        eg("Clobazam lowered after 28 days", QUIET, _dose_lowered(28)),
        eg("Clobazam lowered after 29 days", 2, _dose_lowered(29)),
    ),
    "ADP-01": (
        eg("6 days with fluvoxamine", QUIET, together(6, FLUVOXAMINE)),
        eg("7 days with fluvoxamine", 2, together(7, FLUVOXAMINE)),
        eg("7 days with fluoxetine at 64", 3, together(7, FLUOXETINE), age=64),
        eg("7 days with fluoxetine at 65", 2, together(7, FLUOXETINE), age=65),
        eg(
            "Nefazodone begins the day after triazolam",
            QUIET,
            together(0, "nefazodone 100 mg tablets", TRIAZOLAM, **SLEEP),
        ),
        eg(
            "Nefazodone begins on the last day of triazolam",
            1,
            together(1, "nefazodone 100 mg tablets", TRIAZOLAM, **SLEEP),
        ),
        eg("Sertraline with diazepam", QUIET, together(7, "sertraline 50 mg tablets", DIAZEPAM)),
    ),
}
