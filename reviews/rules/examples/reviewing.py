"""Examples of the rules on reviews and on exemptions that ran out."""

from reviews.rules.examples.writing import (
    CLOBAZAM,
    MONTH,
    MORPHINE,
    QUIET,
    also,
    course,
    eg,
    exempt,
    on,
    supply,
    told,
)


def _planned(day):
    """A next review planned 20 days ago for a day."""
    return told("next_review", on(day).isoformat(), -20)


def _goes_on(start):
    """A week, and a second supply after it."""
    return [supply(days=7, start=start), supply(days=20, start=start + 7)]


EXAMPLES = {
    "REV-01": (
        eg("89 calendar days, no review", QUIET, course(89)),
        eg("90 calendar days, no review", 2, course(90)),
        eg("Reviewed 90 days ago", QUIET, course(300), told("review", "continue", -90)),
        eg("Reviewed 91 days ago", 2, course(300), told("review", "continue", -91)),
        eg(
            "Reviewed 149 days ago: 59 days overdue",
            2,
            course(300),
            told("review", "continue", -149),
            lacks="long overdue",
        ),
        eg(
            "Reviewed 150 days ago: 60 days overdue",
            2,
            course(300),
            told("review", "continue", -150),
            mentions="long overdue",
        ),
        eg(
            "Under the epilepsy exemption, reviewed 180 days ago",
            QUIET,
            course(300, CLOBAZAM, indication="epilepsy_adjunct"),
            exempt("epilepsy_adjunct"),
            told("review", "continue", -180),
        ),
        eg(
            "Under the epilepsy exemption, reviewed 181 days ago",
            2,
            course(300, CLOBAZAM, indication="epilepsy_adjunct"),
            exempt("epilepsy_adjunct"),
            told("review", "continue", -181),
        ),
        eg("The second supply", QUIET, course(2 * MONTH)),
        eg(
            "The second supply, with an opioid: due at each renewal",
            2,
            course(2 * MONTH),
            also(MORPHINE, 60, -30, indication="pain"),
        ),
    ),
    "REV-02": (
        eg(
            "Planned for today",
            QUIET,
            supply(start=-20),
            told("next_review", on(0).isoformat(), -20),
        ),
        eg(
            "Planned for yesterday",
            3,
            supply(start=-20),
            told("next_review", on(-1).isoformat(), -20),
        ),
        eg("Missed by 14 days", 3, supply(start=-20), _planned(-14)),
        eg("Missed by 15 days", 2, supply(start=-20), _planned(-15)),
        eg("Not planned yet in the first supply", QUIET, supply(start=-20)),
        eg("No review planned, on for 14 days after the first supply", 3, *_goes_on(-21)),
        eg("No review planned, on for 15 days after the first supply", 2, *_goes_on(-22)),
    ),
    "EXM-06": (
        eg("The exemption holds until today", QUIET, supply(), exempt("specialist", -300, 0)),
        eg(
            "The exemption ran out yesterday",
            2,
            course(2 * MONTH),
            exempt("specialist", -300, -1),
        ),
        eg(
            "It ran out before this exposure began",
            QUIET,
            supply(start=-1),
            exempt("specialist", -300, -2),
        ),
    ),
}
