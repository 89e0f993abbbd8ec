"""Examples of the rules on alcohol, other substances, self-harm and overdose."""

from reviews.rules.examples.writing import (
    DIAZEPAM,
    QUIET,
    Fields,
    also,
    eg,
    ill,
    supply,
    told,
)

_DEPENDENCE = ("Alcohol dependence", "F10.2")
_THOUGHTS = ("Suicidal thoughts", "R45.851")
_OVERDOSE = ("Benzodiazepine overdose", "T42.4X1")
_WITHDRAWAL: Fields = {"indication": "alcohol_withdrawal"}


def _regimen(*lengths, start=0):
    found = []
    for length in lengths:
        found.append(supply(DIAZEPAM, length, start, **_WITHDRAWAL))
        start += length
    return found


EXAMPLES = {
    "ALC-01": (
        eg("AUDIT-C 7", QUIET, supply(), told("audit_c", 7)),
        eg("AUDIT-C 8, a new course", 1, supply(), told("audit_c", 8)),
        eg("8 UK units a day", QUIET, supply(), told("alcohol_units_per_day", 8)),
        eg("9 UK units a day", 1, supply(), told("alcohol_units_per_day", 9)),
        eg(
            "Alcohol dependence, begun 28 days ago",
            1,
            supply(days=40, start=-28),
            ill(*_DEPENDENCE),
        ),
        eg(
            "Alcohol dependence, begun 29 days ago",
            2,
            supply(days=40, start=-29),
            ill(*_DEPENDENCE),
        ),
        eg(
            "Alcohol dependence in remission",
            QUIET,
            supply(),
            ill(*_DEPENDENCE, -2000),
            ill("Alcohol dependence in remission", "F10.21"),
        ),
        eg("Disulfiram in use", 1, supply(), also("disulfiram 200 mg tablets")),
        eg(
            "For alcohol withdrawal",
            QUIET,
            supply(days=7, setting="inpatient", **_WITHDRAWAL),
            ill(*_DEPENDENCE),
        ),
    ),
    "ALC-02": (
        eg("3 days handed out at a time", QUIET, _regimen(3)),
        eg("4 days handed out at a time", 2, _regimen(4)),
        eg("10 days in all", QUIET, _regimen(3, 3, 3, 1)),
        eg("11 days in all", 2, _regimen(3, 3, 3, 2)),
        eg("10 days in hospital", QUIET, supply(days=10, setting="inpatient", **_WITHDRAWAL)),
        eg("Unsupervised", 2, supply(days=2, setting="unsupervised", **_WITHDRAWAL)),
        eg("A regimen that ended 91 days before", QUIET, _regimen(3, start=-93), _regimen(3)),
        eg("A regimen that ended 90 days before", 2, _regimen(3, start=-92), _regimen(3)),
        eg("7 days without before: still one regimen", QUIET, _regimen(3, start=-10), _regimen(3)),
        eg("8 days without before: a second one", 2, _regimen(3, start=-11), _regimen(3)),
    ),
    "ILL-01": (
        eg("Asked and denied", QUIET, supply(), told("non_prescribed_benzodiazepine", "no")),
        eg("Reported", 2, supply(), told("non_prescribed_benzodiazepine", "yes")),
        eg(
            "Reported 366 days ago",
            QUIET,
            supply(),
            told("non_prescribed_benzodiazepine", "yes", -366),
        ),
    ),
    "SUD-01": (
        eg("Alcohol dependence is for ALC-01", QUIET, supply(), ill(*_DEPENDENCE)),
        eg(
            "Opioid use disorder, years ago",
            2,
            supply(),
            ill("Opioid use disorder", "F11.2", -2000),
        ),
        eg(
            "On opioid agonist treatment",
            2,
            supply(),
            also("buprenorphine 8 mg sublingual tablets", codings=(("atc", "N07BC01"),)),
        ),
    ),
    "SUI-01": (
        eg("Suicidal thoughts 30 days ago", 1, supply(), ill(*_THOUGHTS, -30)),
        eg("31 days ago, over 7 days supplied at a time", 2, supply(days=8), ill(*_THOUGHTS, -31)),
        eg("31 days ago, 7 days supplied at a time", 3, supply(days=7), ill(*_THOUGHTS, -31)),
        eg("365 days ago", 3, supply(days=7), ill(*_THOUGHTS, -365)),
        eg("366 days ago", QUIET, supply(days=7), ill(*_THOUGHTS, -366)),
        eg("PHQ-9 item 9: 0", QUIET, supply(), told("phq9_item9", 0)),
        eg("PHQ-9 item 9: 1", 1, supply(), told("phq9_item9", 1)),
    ),
    "ODH-01": (
        eg("An overdose 90 days ago", 1, supply(), ill(*_OVERDOSE, -90)),
        eg("An overdose 91 days ago", 2, supply(), ill(*_OVERDOSE, -91)),
        eg("An overdose 730 days ago", 2, supply(), ill(*_OVERDOSE, -730)),
        eg("An overdose 731 days ago", QUIET, supply(), ill(*_OVERDOSE, -731)),
        eg(
            "An adverse effect is no overdose",
            QUIET,
            supply(),
            ill("Adverse effect", "T42.4X5", -10),
        ),
    ),
}
