"""Examples of the rules on supply and prescribers."""

from reviews.rules.examples.writing import (
    QUIET,
    ZOPICLONE,
    course,
    eg,
    ill,
    supply,
    told,
)


def _early(first, left, **more):
    """A supply of so many days, and another issued today with so many of them left."""
    return [supply(days=first, start=left - first, **more), supply(**more)]


def _twice_early(apart):
    """Two early issues so many days apart, the second of them today."""
    return [
        supply(start=-apart - 23),
        supply(start=-apart),
        supply(start=-23),
        supply(),
    ]


def _replaced(*days):
    return [
        *(supply(days=7, start=day, replacement_reason="lost") for day in days),
        supply(start=-3),
    ]


def _from(*prescribers, apart=40):
    """A week from each of these, so many days apart, the last one today."""
    last = len(prescribers) - 1
    return [
        supply(days=7, start=(n - last) * apart, team=name) for n, name in enumerate(prescribers)
    ]


EXAMPLES = {
    "REF-01": (
        eg("2 of 10 days left", QUIET, _early(10, 2)),
        eg("3 of 10 days left", 4, _early(10, 3)),
        eg("3 of 20 days left, which is 15 %", QUIET, _early(20, 3)),
        eg("4 of 25 days left, which is 16 %", 4, _early(25, 4)),
        eg("Early twice, 91 days apart", 4, _twice_early(91)),
        eg("Early twice, 90 days apart", 2, _twice_early(90)),
    ),
    "REF-02": (
        eg("One replacement", QUIET, _replaced(-10)),
        eg("Two replacements, the first 181 days ago", QUIET, _replaced(-181, -10)),
        eg("Two replacements, the first 180 days ago", 2, _replaced(-180, -10)),
    ),
    "PRE-01": (
        eg("Two teams, one after the other", QUIET, _from("A", "B")),
        eg("Three teams", 2, _from("A", "B", "C")),
        eg("Four teams", 1, _from("A", "B", "C", "D")),
        eg("Three prescribers of one team", QUIET, _from("A", "A", "A")),
        eg(
            "Three teams, the first 181 days ago",
            QUIET,
            supply(days=7, start=-181, team="C"),
            *_from("A", "B"),
        ),
        eg(
            "Three teams, the first 180 days ago",
            2,
            supply(days=7, start=-180, team="C"),
            *_from("A", "B"),
        ),
        eg(
            "Two teams with overlapping supply, the first of 30 days ago",
            2,
            supply(days=40, start=-30, team="A"),
            supply(ZOPICLONE, 7, team="B", indication="insomnia"),
        ),
        eg(
            "Two teams with overlapping supply, the first of 31 days ago",
            QUIET,
            supply(days=40, start=-31, team="A"),
            supply(ZOPICLONE, 7, team="B", indication="insomnia"),
        ),
    ),
    "PRE-02": (
        eg("The usual health service", QUIET, supply()),
        eg("Bought online", 2, supply(acquired="online")),
        eg(
            "Private, and the usual prescriber knows",
            QUIET,
            supply(acquired="private"),
            told("usual_prescriber_informed", "yes"),
        ),
    ),
    "SUP-01": (
        eg("30 days at the start", QUIET, supply(days=30)),
        eg("31 days at the start", 2, supply(days=31)),
        eg("31 days, 89 days after the start", 2, course(89, end=-1), supply(days=31)),
        eg("31 days, 90 days after the start", QUIET, course(90, end=-1), supply(days=31)),
        eg(
            "7 days with a substance use disorder on record",
            QUIET,
            supply(days=7),
            ill("Opioid use disorder", "F11.2"),
        ),
        eg(
            "8 days with a substance use disorder on record",
            2,
            supply(days=8),
            ill("Opioid use disorder", "F11.2"),
        ),
    ),
    "SUP-02": (
        eg("A single issue", QUIET, supply()),
        eg("On repeat", 3, supply(repeat_template=True)),
    ),
}
