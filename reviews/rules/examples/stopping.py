"""Examples of the rules on the end of a supply and on tapers."""

from reviews.rules.examples.writing import (
    ALPRAZOLAM,
    CHLORDIAZEPOXIDE,
    DIAZEPAM,
    DIAZEPAM_2,
    DIAZEPAM_LIQUID,
    LORAZEPAM,
    MONTH,
    QUIET,
    SLEEP,
    ZOPICLONE,
    course,
    eg,
    ill,
    on,
    supply,
    taper,
    told,
)

BROMAZEPAM = "bromazepam 3 mg tablets"


def _ended(days, ago, text=DIAZEPAM, **more):
    """So many days without a gap, the last of them so long ago."""
    return course(days, text, end=-ago, **more)


def _stopped(ago, text=DIAZEPAM):
    """Eight weeks, set to ended by the prescriber on a day in the second supply."""
    return [
        supply(text, start=-ago - 40),
        supply(text, start=-ago - 12, end_on=on(-ago), status="stopped"),
    ]


def _coming_down(*steps, drug="chlordiazepoxide", **more):
    return taper(drug, *steps, status="planned", **more)


def _chlordiazepoxide(mg, days=MONTH, start=0):
    return supply(CHLORDIAZEPOXIDE, days, start, mg=mg)


_LONG = course(MONTH, CHLORDIAZEPOXIDE, end=10, dose=10.0)
_YEAR = course(365, CHLORDIAZEPOXIDE, dose=10.0)
_DIAZEPAM_YEAR = course(365, dose=2.0)


def _reductions(*days, contact):
    """A taper under way with reductions on these days, from 20 mg by 1 mg."""
    steps = [(-100, 20.0)] + [(day, 19.0 - n) for n, day in enumerate(days)]
    return taper("diazepam", *steps, contact=contact)


EXAMPLES = {
    "STOP-01": (
        eg("Zopiclone, supply ended 1 day ago", QUIET, _ended(60, 1, ZOPICLONE, **SLEEP)),
        eg(
            "Zopiclone, supply ended 2 days ago",
            {"UK": 2, "US": 1, "EU": 2},
            _ended(60, 2, ZOPICLONE, **SLEEP),
        ),
        eg("Lorazepam, supply ended 3 days ago", QUIET, _ended(60, 3, LORAZEPAM)),
        eg("Lorazepam, supply ended 4 days ago", 2, _ended(60, 4, LORAZEPAM)),
        eg("Diazepam, supply ended 6 days ago", QUIET, _ended(60, 6)),
        eg("Diazepam, supply ended 7 days ago", 2, _ended(60, 7)),
        eg("Diazepam, supply ended 30 days ago", 2, _ended(60, 30)),
        eg("Diazepam, supply ended 31 days ago", QUIET, _ended(60, 31)),
        eg("Diazepam for 27 days: dependence is not to be expected", QUIET, _ended(27, 10)),
        eg(
            "A single course of 28 days, ended on time",
            4,
            _ended(MONTH, 10),
            mentions="usually end without a taper",
            lacks="giv",
        ),
        eg("29 days", 2, _ended(29, 10), mentions="in the next days"),
        eg(
            "28 days, and a course whose last day was 181 days before",
            4,
            course(MONTH, end=-9 - MONTH - 181),
            _ended(MONTH, 10),
        ),
        eg(
            "28 days, and a course whose last day was 180 days before",
            2,
            course(MONTH, end=-9 - MONTH - 180),
            _ended(MONTH, 10),
        ),
        eg("5 mg of diazepam for 89 days", 2, _ended(89, 10)),
        eg(
            "5 mg of diazepam for 90 days",
            1,
            _ended(90, 10),
            mentions="get in touch the same day",
        ),
        eg("Diazepam for 90 days, ended 20 days ago", 1, _ended(90, 20)),
        eg(
            "Diazepam for 90 days, ended 21 days ago",
            2,
            _ended(90, 21),
            mentions="only where they are troublesome",
            lacks="usually give",
        ),
        eg("15 mg of diazepam for 29 days: no low dose", 1, _ended(29, 10, DIAZEPAM_LIQUID, mg=15)),
        eg(
            "29 days after an earlier withdrawal seizure",
            1,
            _ended(29, 10),
            told("withdrawal_complication", "yes", -300),
        ),
        eg(
            "15 days of diazepam within 28",
            QUIET,
            supply(days=8, start=-37),
            supply(days=7, start=-16),
        ),
        eg(
            "16 days of diazepam within 28",
            4,
            supply(days=8, start=-37),
            supply(days=8, start=-17),
        ),
        eg("20 mg of diazepam for 13 days", QUIET, _ended(13, 10, DIAZEPAM_LIQUID, mg=20)),
        eg("20 mg of diazepam for 14 days", 2, _ended(14, 10, DIAZEPAM_LIQUID, mg=20)),
        eg("Alprazolam for 13 days", QUIET, _ended(13, 10, ALPRAZOLAM)),
        eg("Alprazolam for 14 days", 2, _ended(14, 10, ALPRAZOLAM)),
        eg(
            "In hospital",
            QUIET,
            _ended(60, 10),
            told("care_status", "hospital", -9),
        ),
        eg(
            "A taper is planned",
            QUIET,
            _ended(60, 10),
            taper("diazepam", (1, 5), (15, 4.5), status="planned"),
        ),
    ),
    "STOP-02": (
        eg("Set to ended 6 days ago", 1, _stopped(6), mentions="plan a gradual taper instead"),
        eg(
            "Set to ended 7 days ago: withdrawal may have begun",
            2,
            _stopped(7),
            mentions="ask about withdrawal symptoms",
            lacks="instead",
        ),
        eg("Set to ended 30 days ago", 2, _stopped(30), mentions="symptoms that last"),
        eg("Set to ended 31 days ago", QUIET, _stopped(31)),
        eg("Set to ended today", 1, _stopped(0)),
        eg(
            "Set to ended on the last day of a single course of 28 days",
            4,
            supply(start=-30, end_on=on(-3), status="stopped"),
            mentions="usually end without a taper",
        ),
        eg(
            "Set to ended 3 days ago, on the last day of one of 29 days",
            1,
            supply(days=29, start=-31, end_on=on(-3), status="stopped"),
        ),
        eg(
            "At the end of a taper whose last step was 1 mg diazepam equivalent",
            QUIET,
            _stopped(2, BROMAZEPAM),
            taper("bromazepam", (-30, 1.8), (-16, 0.6), status="completed"),
        ),
        eg(
            "At the end of a taper whose last step was 2 mg diazepam equivalent",
            1,
            _stopped(2, BROMAZEPAM),
            taper("bromazepam", (-30, 1.8), (-16, 1.2), status="completed"),
        ),
        eg("Another supply follows", QUIET, _stopped(2), supply(start=-1)),
    ),
    "STOP-03": (
        eg(
            "Left out on admission 29 days ago",
            QUIET,
            supply(start=-57),
            supply(start=-29, end_on=on(-29), status="stopped", change_reason="admission"),
        ),
        eg(
            "Left out on admission 28 days ago",
            2,
            supply(start=-56),
            supply(start=-28, end_on=on(-28), status="stopped", change_reason="admission"),
        ),
        eg(
            "Supplied again since",
            QUIET,
            supply(start=-56),
            supply(start=-28, end_on=on(-28), status="stopped", change_reason="admission"),
            supply(start=-7),
        ),
    ),
    "TAP-01": (
        eg("A step of 25 %, from 100 to 75 mg", QUIET, _LONG, _coming_down((0, 100), (7, 75))),
        eg("A step of 26 %, from 100 to 74 mg", 2, _LONG, _coming_down((0, 100), (7, 74))),
        eg("A step of 50 %", 2, _LONG, _coming_down((0, 100), (7, 50))),
        eg("A step of 51 %", 1, _LONG, _coming_down((0, 100), (7, 49))),
        eg(
            "15 % and again 14 days later: two windows",
            QUIET,
            _LONG,
            _coming_down((0, 100), (7, 85), (21, 72)),
        ),
        eg(
            "15 % and again 13 days later: 28 % in 14 days",
            2,
            _LONG,
            _coming_down((0, 100), (7, 85), (20, 72)),
        ),
        eg(
            "27 exposed days, the supply begins today",
            QUIET,
            _chlordiazepoxide(100, 27),
            _coming_down((0, 100), (7, 70)),
        ),
        eg(
            "28 exposed days, the supply begins today",
            2,
            _chlordiazepoxide(100, 28),
            _coming_down((0, 100), (7, 70)),
        ),
        eg(
            "From 7 to 5 mg diazepam: a small fall from a small dose",
            QUIET,
            course(MONTH, DIAZEPAM_2, end=10, dose=3.5),
            _coming_down((0, 7), (7, 5), drug="diazepam"),
        ),
        eg(
            "From 7 to 4 mg diazepam",
            2,
            course(MONTH, DIAZEPAM_2, end=10, dose=3.5),
            _coming_down((0, 7), (7, 4), drug="diazepam"),
        ),
        eg(
            "To nothing from 1 mg diazepam equivalent",
            QUIET,
            course(MONTH, BROMAZEPAM, end=10),
            _coming_down((0, 1.8), (6, 0.6), (12, 0), drug="bromazepam"),
        ),
        eg(
            "To nothing from 2 mg diazepam equivalent",
            1,
            course(MONTH, BROMAZEPAM, end=10),
            _coming_down((0, 1.8), (6, 1.2), (12, 0), drug="bromazepam"),
        ),
    ),
    "TAP-02": (
        eg(
            "A step of 11 % after 364 days",
            QUIET,
            course(364, CHLORDIAZEPOXIDE, dose=10.0),
            _coming_down((0, 100), (14, 89)),
        ),
        eg("A step of 11 % after 365 days", 3, _YEAR, _coming_down((0, 100), (14, 89))),
        eg("A step of 10 % after 365 days", QUIET, _YEAR, _coming_down((0, 100), (14, 90))),
        eg(
            "From 10 to 8 mg diazepam: a small step from a small dose",
            QUIET,
            _DIAZEPAM_YEAR,
            _coming_down((0, 10), (14, 8), drug="diazepam"),
        ),
        eg(
            "From 10 to 7 mg diazepam",
            3,
            _DIAZEPAM_YEAR,
            _coming_down((0, 10), (14, 7), drug="diazepam"),
        ),
        eg(
            "From 11 to 9 mg diazepam",
            3,
            _DIAZEPAM_YEAR,
            _coming_down((0, 11), (14, 9), drug="diazepam"),
        ),
        eg(
            "After 8 weeks, but an earlier taper was given up",
            3,
            course(2 * MONTH, CHLORDIAZEPOXIDE, dose=10.0),
            _coming_down((0, 100), (14, 85)),
            taper("chlordiazepoxide", (-300, 100), (-286, 80), status="failed"),
        ),
    ),
    "TAP-03": (
        eg(
            "Last contact 28 days ago",
            QUIET,
            course(140, dose=4.0),
            _reductions(-60, -50, contact=-28),
        ),
        eg(
            "Last contact 29 days ago", 3, course(140, dose=4.0), _reductions(-60, -50, contact=-29)
        ),
        eg(
            "First reduction 7 days ago, no contact since",
            QUIET,
            course(140, dose=4.0),
            _reductions(-7, contact=-8),
        ),
        eg(
            "First reduction 8 days ago, no contact since",
            3,
            course(140, dose=4.0),
            _reductions(-8, contact=-9),
        ),
        eg(
            "Second reduction 10 days ago, no contact since",
            3,
            course(140, dose=4.0),
            _reductions(-25, -10, contact=-11),
        ),
        eg(
            "Third reduction 10 days ago, no contact since",
            QUIET,
            course(140, dose=4.0),
            _reductions(-40, -25, -10, contact=-11),
        ),
    ),
    "TAP-04": (
        eg(
            "Last reduction 83 days ago", QUIET, course(140, dose=4.0), _reductions(-83, contact=-5)
        ),
        eg("Last reduction 84 days ago", 3, course(140, dose=4.0), _reductions(-84, contact=-5)),
        eg(
            "A lower dose was agreed",
            QUIET,
            course(140, dose=4.0),
            taper("diazepam", (-100, 10), (-84, 8), contact=-5, maintenance_agreed=True),
        ),
    ),
    "TAP-05": (
        eg(
            "Raised by 19 % during a taper",
            QUIET,
            _chlordiazepoxide(100, MONTH, -28),
            _chlordiazepoxide(119),
            taper("chlordiazepoxide", (-60, 120), (-28, 100)),
        ),
        eg(
            "Raised by 20 % during a taper",
            3,
            _chlordiazepoxide(100, MONTH, -28),
            _chlordiazepoxide(120),
            taper("chlordiazepoxide", (-60, 120), (-28, 100)),
        ),
        eg(
            "Raised by 20 % with no taper under way",
            QUIET,
            _chlordiazepoxide(100, MONTH, -28),
            _chlordiazepoxide(120),
        ),
    ),
    "TAP-06": (
        eg(
            "A step every 3 days after 89 days",
            QUIET,
            course(89, dose=4.0),
            _coming_down((0, 20), (3, 19), (6, 18), drug="diazepam"),
        ),
        eg(
            "A step every 3 days after 90 days",
            3,
            course(90, dose=4.0),
            _coming_down((0, 20), (3, 19), (6, 18), drug="diazepam"),
        ),
        eg(
            "A step every 4 days after 90 days",
            QUIET,
            course(90, dose=4.0),
            _coming_down((0, 20), (4, 19), (8, 18), drug="diazepam"),
        ),
    ),
    "TAP-07": (
        eg(
            "40 mg diazepam a day",
            QUIET,
            supply(DIAZEPAM_LIQUID, mg=40),
            _coming_down((7, 40), (21, 38), drug="diazepam"),
        ),
        eg(
            "41 mg diazepam a day",
            2,
            supply(DIAZEPAM_LIQUID, mg=41),
            _coming_down((7, 41), (21, 39), drug="diazepam"),
        ),
        eg(
            "A withdrawal seizure before",
            2,
            course(2 * MONTH),
            _coming_down((7, 5), (21, 4.5), drug="diazepam"),
            ill("Withdrawal seizure", "F13.4", -2000),
        ),
        eg("The same with no taper planned", QUIET, supply(), ill("Withdrawal seizure", "F13.4")),
    ),
}
