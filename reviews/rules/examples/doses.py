"""Examples of the rules on dose and duplication."""

from reviews.rules.examples.writing import (
    ALPRAZOLAM,
    CHLORDIAZEPOXIDE,
    CLOBAZAM,
    CLONAZEPAM,
    DIAZEPAM_LIQUID,
    LORAZEPAM,
    MONTH,
    NOT_EVALUABLE,
    QUIET,
    SLEEP,
    ZOLPIDEM,
    ZOPICLONE,
    eg,
    ill,
    supply,
)


def _diazepam(mg, days=MONTH, start=0, **more):
    return supply(DIAZEPAM_LIQUID, days, start, mg=mg, **more)


def _chlordiazepoxide(mg, days=MONTH, start=0, **more):
    return supply(CHLORDIAZEPOXIDE, days, start, mg=mg, **more)


def _sum(diazepam, days=MONTH, *, beside=5):
    """Diazepam with chlordiazepoxide, 5 mg of which come to 2 mg diazepam in every profile."""
    return [_diazepam(diazepam, days), _chlordiazepoxide(beside, days)]


def _rises(*steps):
    """Doses of diazepam one after another: (mg, days), the last one from today."""
    found, start = [], -sum(days for _, days in steps[:-1])
    for mg, days in steps:
        found.append(_diazepam(mg, days, start))
        start += days
    return found


def _raise_by(before, after, text=CHLORDIAZEPOXIDE):
    return [supply(text, MONTH, -MONTH, mg=before), supply(text, mg=after)]


def _zolpidem(text, **more):
    return supply(text, 7, **SLEEP, **more)


EXAMPLES = {
    "DOSE-01": (
        eg("30 mg in diazepam equivalents", QUIET, _sum(28)),
        eg("31 mg", {"UK": 2, "US": QUIET, "EU": 2}, _sum(29)),
        eg("40 mg", {"UK": 2, "US": QUIET, "EU": 2}, _sum(38)),
        eg("41 mg", 2, _sum(39)),
        eg("60 mg", 2, _sum(58)),
        eg("61 mg", 1, _sum(59)),
        eg("41 mg on 6 days", QUIET, _sum(39, 6)),
        eg("41 mg on 7 days", 2, _sum(39, 7)),
        eg(
            "30 mg and a Z-drug, which the UK profile adds up",
            {"UK": 2, "US": QUIET, "EU": QUIET},
            _sum(28),
            supply(ZOPICLONE, **SLEEP),
        ),
        eg(
            "40 mg and a Z-drug",
            {"UK": 2, "US": QUIET, "EU": 2},
            _sum(38),
            supply(ZOPICLONE, **SLEEP),
        ),
        eg(
            "Diazepam 20 mg and lorazepam 2 mg: the tables differ",
            {"UK": 2, "US": QUIET, "EU": 2},
            _diazepam(20),
            supply(LORAZEPAM, mg=2),
        ),
        eg(
            "Diazepam 25 mg and lorazepam 2 mg",
            {"UK": 2, "US": QUIET, "EU": 2},
            _diazepam(25),
            supply(LORAZEPAM, mg=2),
        ),
        eg(
            "65 mg of diazepam alone is held against its own maximum, by DOSE-02",
            QUIET,
            _diazepam(65),
        ),
    ),
    "DOSE-02": (
        eg("The labelled maximum of 100 mg", QUIET, _chlordiazepoxide(100)),
        eg("105 mg", 2, _chlordiazepoxide(105)),
        eg("150 mg, one and a half times it", 2, _chlordiazepoxide(150)),
        eg("151 mg", 1, _chlordiazepoxide(151)),
        eg(
            "160 mg until yesterday, 50 mg since: no longer urgent",
            2,
            supply(CHLORDIAZEPOXIDE, 28, -7, schedule=((16.0, 7), (5.0, 21))),
            mentions="until",
        ),
        eg(
            "120 mg in alcohol withdrawal: in Europe the label names no daily maximum",
            {"UK": NOT_EVALUABLE, "US": QUIET, "EU": NOT_EVALUABLE},
            supply(CHLORDIAZEPOXIDE, 7, dose=12.0, indication="alcohol_withdrawal"),
        ),
        eg(
            "301 mg in alcohol withdrawal, over that of the US label",
            {"UK": NOT_EVALUABLE, "US": 2, "EU": NOT_EVALUABLE},
            supply(CHLORDIAZEPOXIDE, 7, mg=301, indication="alcohol_withdrawal"),
        ),
        eg(
            "Diazepam 31 mg: the maximum is 30 mg, in the US 40 mg",
            {"UK": 2, "US": QUIET, "EU": 2},
            _diazepam(31),
        ),
    ),
    "DOSE-03": (
        eg(
            "Chlordiazepoxide 50 mg, half the adult maximum; the US label gives 20 mg",
            {"UK": QUIET, "US": 2, "EU": QUIET},
            _chlordiazepoxide(50),
            age=65,
        ),
        eg("Chlordiazepoxide 51 mg at 65", 2, _chlordiazepoxide(51), age=65),
        eg("Chlordiazepoxide 51 mg at 64", QUIET, _chlordiazepoxide(51), age=64),
        eg(
            "Clobazam 20 mg, half the US maximum and the European figure for older people",
            QUIET,
            supply(CLOBAZAM, mg=20),
            age=65,
        ),
        eg("Clobazam 21 mg", 2, supply(CLOBAZAM, mg=21), age=65),
    ),
    "DOSE-04": (
        eg("By 49 %, from 100 to 149 mg", QUIET, _raise_by(100, 149)),
        eg("By 50 %, from 100 to 150 mg", 3, _raise_by(100, 150)),
        eg("Doubled, by 4 mg", QUIET, _raise_by(4, 8, DIAZEPAM_LIQUID)),
        eg("Doubled, by 5 mg", 3, _raise_by(5, 10, DIAZEPAM_LIQUID)),
        eg(
            "To 15 mg, when 20 mg were taken until 28 days before and 10 mg since",
            QUIET,
            _rises((20, 28), (10, 27), (15, MONTH)),
        ),
        eg(
            "To 15 mg, when 20 mg were taken until 29 days before and 10 mg since",
            3,
            _rises((20, 28), (10, 28), (15, MONTH)),
        ),
        eg("Two small rises within 90 days", QUIET, _rises((6, 28), (7, 45), (8, MONTH))),
        eg("Three small rises within 90 days", 3, _rises((5, 28), (6, 45), (7, 45), (8, MONTH))),
        eg(
            "Three small rises within 91 days", QUIET, _rises((5, 28), (6, 46), (7, 45), (8, MONTH))
        ),
        eg(
            "With a substance use disorder on record",
            2,
            _raise_by(5, 10, DIAZEPAM_LIQUID),
            ill("Opioid use disorder", "F11.2"),
        ),
    ),
    "DOSE-05": (
        eg("Diazepam 10 mg", 4, _diazepam(10), mentions="Low dose band"),
        eg("Diazepam 11 mg", 4, _diazepam(11), mentions="Moderate dose band"),
        eg("Diazepam 15 mg", 4, _diazepam(15), mentions="Moderate dose band"),
        eg("Diazepam 16 mg", 4, _diazepam(16), mentions="High dose band"),
        eg("Lorazepam 2 mg", 4, supply(LORAZEPAM, mg=2), mentions="Low dose band"),
        eg("Lorazepam 2.5 mg", 4, supply(LORAZEPAM, mg=2.5), mentions="Moderate dose band"),
        eg("Lorazepam 3 mg", 4, supply(LORAZEPAM, mg=3), mentions="Moderate dose band"),
        eg("Lorazepam 3.5 mg", 4, supply(LORAZEPAM, mg=3.5), mentions="High dose band"),
        eg("Alprazolam 1 mg", 4, supply(ALPRAZOLAM, mg=1), mentions="Low dose band"),
        eg("Alprazolam 1.25 mg", 4, supply(ALPRAZOLAM, mg=1.25), mentions="Moderate dose band"),
        eg("Alprazolam 2 mg", 4, supply(ALPRAZOLAM, mg=2), mentions="Moderate dose band"),
        eg("Alprazolam 2.25 mg", 4, supply(ALPRAZOLAM, mg=2.25), mentions="High dose band"),
        eg("Clonazepam 0.5 mg", 4, supply(CLONAZEPAM, mg=0.5), mentions="Low dose band"),
        eg("Clonazepam 0.75 mg", 4, supply(CLONAZEPAM, mg=0.75), mentions="Moderate dose band"),
        eg("Clonazepam 1.5 mg", 4, supply(CLONAZEPAM, mg=1.5), mentions="Moderate dose band"),
        eg("Clonazepam 1.75 mg", 4, supply(CLONAZEPAM, mg=1.75), mentions="High dose band"),
        eg("A Z-drug has no band", QUIET, supply(ZOPICLONE, **SLEEP)),
    ),
    "DOSE-06": (
        eg("A woman begins with 5 mg", {"US": QUIET}, _zolpidem(ZOLPIDEM), sex="female"),
        eg(
            "A woman begins with 10 mg",
            {"US": 3},
            _zolpidem("zolpidem 10 mg tablets"),
            sex="female",
        ),
        eg(
            "A woman begins with 6.25 mg extended release",
            {"US": QUIET},
            _zolpidem("zolpidem 6.25 mg extended-release tablets"),
            sex="female",
        ),
        eg(
            "A woman begins with 12.5 mg extended release",
            {"US": 3},
            _zolpidem("zolpidem 12.5 mg extended-release tablets"),
            sex="female",
        ),
        eg(
            "A man begins with 10 mg",
            {"US": QUIET},
            _zolpidem("zolpidem 10 mg tablets"),
            sex="male",
        ),
    ),
    "DUP-01": (
        eg("Together on 6 days", QUIET, supply(start=-22), supply(LORAZEPAM)),
        eg("Together on 7 days", 2, supply(start=-21), supply(LORAZEPAM)),
        eg(
            "A cross-taper of 28 days: the first one has come down and ends first",
            QUIET,
            _diazepam(10, MONTH, -28),
            _diazepam(5, 28),
            supply(LORAZEPAM, 42),
        ),
        eg(
            "A cross-taper of 29 days",
            2,
            _diazepam(10, MONTH, -28),
            _diazepam(5, 29),
            supply(LORAZEPAM, 42),
        ),
        eg(
            "A Z-drug beside it is for DUP-02",
            QUIET,
            supply(start=-21),
            supply(ZOPICLONE, **SLEEP),
        ),
        eg(
            "One of the two is as needed",
            QUIET,
            supply(start=-21),
            supply(LORAZEPAM, as_needed=True),
        ),
    ),
    "DUP-02": (
        eg("Together on 6 nights", QUIET, supply(start=-22), supply(ZOPICLONE, **SLEEP)),
        eg("Together on 7 nights", 2, supply(start=-21), supply(ZOPICLONE, **SLEEP)),
    ),
    "DUP-03": (
        eg(
            "Together on 2 nights",
            QUIET,
            supply(ZOPICLONE, start=-26, **SLEEP),
            supply(ZOLPIDEM, **SLEEP),
        ),
        eg(
            "Together on 3 nights",
            2,
            supply(ZOPICLONE, start=-25, **SLEEP),
            supply(ZOLPIDEM, **SLEEP),
        ),
    ),
    "DUP-04": (
        eg(
            "Issued with 22 days left: 15 are carried on, 7 are supplied twice",
            QUIET,
            supply(start=-6),
            supply(),
        ),
        eg(
            "Issued with 23 days left: 15 are carried on, 8 are supplied twice",
            3,
            supply(start=-5),
            supply(),
        ),
        eg("Two issues of one day follow one another", QUIET, supply(days=14), supply(days=14)),
        eg(
            "The same dose recorded twice for one day, in other words",
            3,
            supply(),
            supply("DIAZEPAM TAB 5MG"),
        ),
        eg(
            "One for the morning and one for the night",
            QUIET,
            supply(dosage_text="One in the morning"),
            supply(dosage_text="One at night"),
        ),
    ),
}
