"""Examples of the rules on the length of treatment."""

from reviews.rules.examples.writing import (
    DIAZEPAM,
    LORAZEPAM,
    MONTH,
    MORPHINE,
    QUIET,
    SLEEP,
    TRIAZOLAM,
    ZOLPIDEM,
    ZOPICLONE,
    Fields,
    also,
    course,
    eg,
    exempt,
    on,
    supply,
)

_SPASM: Fields = {"indication": "muscle_spasm_acute"}


def _days(count, claim, text=DIAZEPAM, why="", **more):
    return eg(why or f"{count} days", claim, course(count, text, **more))


def _paused(last):
    """Seven supplies within 365 days, six of them of 41 days, the last one of so many."""
    first = last - 365
    starts = [first + 56 * n for n in range(6)]
    return [*(supply(days=41, start=start) for start in starts), supply(days=last)]


def _spread(*lengths, every, first=None):
    """Supplies that begin at even distances, the last one today; the first one elsewhere."""
    last = len(lengths) - 1
    starts = [-(last - n) * every for n in range(len(lengths))]
    if first is not None:
        starts[0] = first
    return [supply(days=days, start=day) for days, day in zip(lengths, starts, strict=True)]


def _opioid_in_a_gap(day):
    """Over 120 days with 14 free days before the last supply, in which an opioid was begun."""
    back = day + 14
    return [
        course(112, end=back - 15),
        supply(days=MONTH, start=back),
        also(MORPHINE, 90, day, indication="pain"),
    ]


EXAMPLES = {
    "DUR-01": (
        _days(14, QUIET),
        _days(15, {"UK": 4, "US": QUIET, "EU": QUIET}),
        _days(28, {"UK": 4, "US": QUIET, "EU": QUIET}),
        _days(29, {"UK": 2, "US": 4, "EU": QUIET}),
        _days(56, {"UK": 2, "US": 4, "EU": QUIET}),
        _days(57, {"UK": 2, "US": 4, "EU": 3}),
        _days(60, {"UK": 2, "US": 4, "EU": 3}),
        _days(61, {"UK": 2, "US": 3, "EU": 3}),
        _days(84, {"UK": 2, "US": 3, "EU": 3}),
        _days(85, {"UK": 2, "US": 3, "EU": 2}),
        eg(
            "14 days, 14 free days, 15 days of another: one exposure of 29 days",
            {"UK": 2, "US": 4, "EU": QUIET},
            supply(days=14, start=-28),
            supply(LORAZEPAM, 15),
        ),
        eg(
            "The same with 15 free days: a new exposure of 15 days",
            {"UK": 4, "US": QUIET, "EU": QUIET},
            supply(days=14, start=-29),
            supply(LORAZEPAM, 15),
        ),
        eg(
            "90 days of clobazam under the epilepsy exemption",
            QUIET,
            course(90, "clobazam 10 mg tablets", indication="epilepsy_adjunct"),
            exempt("epilepsy_adjunct"),
        ),
        eg("No quantity and no days' supply", "not evaluable", supply(days=None)),
    ),
    "DUR-02": (
        _days(14, QUIET, ZOPICLONE, **SLEEP),
        _days(15, {"UK": 3, "US": QUIET, "EU": 3}, ZOPICLONE, **SLEEP),
        _days(28, {"UK": 3, "US": QUIET, "EU": 3}, ZOPICLONE, **SLEEP),
        _days(29, {"UK": 2, "US": 3, "EU": 2}, ZOPICLONE, **SLEEP),
        _days(10, QUIET, TRIAZOLAM, "Triazolam for 10 days", **SLEEP),
        _days(11, 3, TRIAZOLAM, "Triazolam for 11 days", **SLEEP),
        _days(21, 3, TRIAZOLAM, "Triazolam for 21 days", **SLEEP),
        _days(22, 2, TRIAZOLAM, "Triazolam for 22 days", **SLEEP),
        eg(
            "31 days of triazolam handed out, to be taken for 10",
            QUIET,
            supply(TRIAZOLAM, 31, end_on=on(9), **SLEEP),
        ),
        eg(
            "32 days of triazolam handed out, to be taken for 10",
            2,
            supply(TRIAZOLAM, 32, end_on=on(9), **SLEEP),
        ),
    ),
    "DUR-03": (
        _days(14, QUIET, **_SPASM),
        _days(15, 3, **_SPASM),
        _days(28, 3, **_SPASM),
        _days(29, 2, **_SPASM),
        eg(
            "14 days, 14 free days, 1 day of another: one exposure of 15 days",
            3,
            supply(days=14, start=-28, **_SPASM),
            supply(LORAZEPAM, 1, **_SPASM),
            mentions="Diazepam and lorazepam passed day 14",
        ),
        eg(
            "The same with 15 free days: a new exposure",
            QUIET,
            supply(days=14, start=-29, **_SPASM),
            supply(LORAZEPAM, 1, **_SPASM),
        ),
        eg(
            "20 days and 9 days, issued with 15 days left: all are carried on, 29 days",
            2,
            supply(days=20, start=-5, **_SPASM),
            supply(days=9, **_SPASM),
        ),
        eg(
            "The same, issued with 16 days left: 15 are carried on, 28 days",
            3,
            supply(days=20, start=-4, **_SPASM),
            supply(days=9, **_SPASM),
        ),
    ),
    "DUR-04": (
        _days(120, QUIET),
        _days(121, 2),
        _days(121, 2, ZOPICLONE, "121 days for sleep", **SLEEP),
        eg("Past day 120, an opioid begun 29 days ago", 2, *_opioid_in_a_gap(-29)),
        eg("Past day 120, an opioid begun 28 days ago", 1, *_opioid_in_a_gap(-28)),
        eg(
            "Past day 120, phenobarbital begun 28 days ago",
            1,
            course(140),
            also("phenobarbital 60 mg tablets", 60, -28),
        ),
        eg(
            "121 days under the spasticity exemption",
            QUIET,
            course(121, indication="spasticity_neurological"),
            exempt("spasticity_neurological"),
        ),
    ),
    "DUR-05": (
        _days(90, QUIET),
        _days(91, 3),
        eg(
            "85 days now, and 6 days that began 364 days before the end of supply",
            3,
            supply(days=6, start=-364),
            course(85),
        ),
        eg(
            "The same, begun 365 days before: one day is over a year ago",
            QUIET,
            supply(days=6, start=-365),
            course(85),
        ),
    ),
    "DUR-06": (
        _days(143, QUIET),
        _days(144, 2, why="144 days in half a year"),
        eg(
            "100 days now and 79 days earlier in the year",
            QUIET,
            course(79, end=-220),
            course(100),
        ),
        eg("100 days now and 80 days earlier in the year", 2, course(80, end=-220), course(100)),
        eg(
            "140 days now, and 40 that began 364 days before the end of supply",
            2,
            course(40, end=-298),
            course(140),
        ),
        eg(
            "The same, begun 365 days before: 179 of them lie within the year",
            QUIET,
            course(40, end=-299),
            course(140),
        ),
        eg(
            "143 days now, and a week whose last day is the first of the half-year",
            2,
            course(7, end=-177),
            course(143),
        ),
        eg(
            "The same week a day earlier",
            QUIET,
            course(7, end=-178),
            course(143),
        ),
    ),
    "DUR-07": (
        eg("Premedication, 2 days", QUIET, supply(days=2, indication="premedication")),
        eg("Premedication, 3 days", 3, supply(days=3, indication="premedication")),
        eg(
            "A second procedure after 31 days",
            QUIET,
            supply(days=1, start=-31, indication="procedure"),
            supply(days=1, indication="procedure"),
        ),
        eg(
            "A second procedure after 30 days",
            3,
            supply(days=1, start=-30, indication="procedure"),
            supply(days=1, indication="procedure"),
        ),
    ),
    "DUR-08": (
        eg("20 days at 66", QUIET, supply(ZOPICLONE, 20, **SLEEP), age=66),
        eg("21 days at 66", 2, supply(ZOPICLONE, 21, **SLEEP), age=66),
        eg("21 days at 65", QUIET, supply(ZOPICLONE, 21, **SLEEP), age=65),
        eg("Begun 90 days ago", 2, course(92, ZOPICLONE, end=1, **SLEEP), age=66),
        eg("Begun 91 days ago", QUIET, course(93, ZOPICLONE, end=1, **SLEEP), age=66),
        eg(
            "A week that ended 450 days before",
            QUIET,
            supply(days=7, start=-456),
            supply(days=21),
            age=66,
        ),
        eg(
            "A week that ended 451 days before",
            2,
            supply(days=7, start=-457),
            supply(days=21),
            age=66,
        ),
    ),
    "DUR-09": (
        eg(
            "Another medicine after 15 free days is a new start",
            QUIET,
            supply(days=14, start=-29),
            supply(LORAZEPAM, is_new_start=True),
        ),
        eg(
            "Another medicine after 14 free days, recorded as a new start",
            3,
            supply(days=14, start=-28),
            supply(LORAZEPAM, is_new_start=True),
        ),
        eg(
            "The same, not recorded as a new start",
            QUIET,
            supply(days=14, start=-28),
            supply(LORAZEPAM),
        ),
    ),
    "DUR-10": (
        eg("6 supplies, 94 days in the year", QUIET, *_spread(16, 16, 16, 16, 16, 14, every=60)),
        eg("6 supplies, 95 days in the year", 3, *_spread(16, 16, 16, 16, 16, 15, every=60)),
        eg("5 supplies, 100 days in the year", QUIET, *_spread(20, 20, 20, 20, 20, every=60)),
        eg("273 days in the year, with pauses", 3, *_paused(27)),
        eg("274 days in the year: no longer intermittent", QUIET, *_paused(28)),
        eg("180 days without a pause: continuous, and begun this year", QUIET, course(180)),
        eg(
            "The sixth supply back began 364 days before the end of the current one",
            3,
            *_spread(20, 20, 20, 20, 20, 1, every=60, first=-364),
        ),
        eg(
            "The sixth supply back began 365 days before",
            QUIET,
            *_spread(20, 20, 20, 20, 20, 1, every=60, first=-365),
        ),
    ),
    "SWI-01": (
        eg(
            "Zolpidem 31 days after the last day of zopiclone",
            QUIET,
            supply(ZOPICLONE, 14, -44, **SLEEP),
            supply(ZOLPIDEM, 7, **SLEEP),
        ),
        eg(
            "Zolpidem 30 days after the last day of zopiclone",
            3,
            supply(ZOPICLONE, 14, -43, **SLEEP),
            supply(ZOLPIDEM, 7, **SLEEP),
        ),
        eg(
            "Because of an adverse effect of zopiclone",
            QUIET,
            supply(ZOPICLONE, 14, -43, **SLEEP),
            supply(ZOLPIDEM, 7, change_reason="adverse_effect", **SLEEP),
        ),
    ),
}
