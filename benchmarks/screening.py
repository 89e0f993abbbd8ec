"""Dossiers screened a second on one core, beside a bare loop over the same lines.

    python benchmarks/screening.py

No database: the dossiers are made here, with ten lines each, in three kinds. The floor is a loop
that looks at every line's medicine key and status; the ratio says how much dearer screening is.
"""

import random
import sys
from datetime import date, timedelta
from pathlib import Path
from time import process_time

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from reviews.rules import screen  # noqa: E402
from reviews.rules.dossier import Dossier, Line, Medicine  # noqa: E402
from tests.rules.book import BOOK  # noqa: E402

AS_OF = date(2026, 11, 22)
OTHER = [
    Medicine(text, text)
    for text in ("amoxicillin 500 mg capsules", "paracetamol 500 mg tablets", "naltrexone 50 mg")
]
DIAZEPAM = Medicine("d", "diazepam 5 mg tablets")
ZOPICLONE = Medicine("z", "zopiclone 7.5 mg tablets")
MORPHINE = Medicine("m", "morphine 10 mg tablets")


def _line(number, medicine, start, days=28):
    return Line(
        id=number,
        medicine=medicine,
        start_on=AS_OF - timedelta(days=start),
        dose=1.0,
        dose_unit="tablet",
        times_per_day=1.0,
        quantity=float(days),
        days_supply=days,
        indication="anxiety",
    )


def _dossier(number, lines):
    return Dossier(patient_id=number, as_of=AS_OF, birth_date=date(1950, 3, 1), lines=tuple(lines))


def without(number, rng):
    """Ten lines, none of them a benzodiazepine or Z-drug."""
    return _dossier(number, [_line(n, rng.choice(OTHER), rng.randrange(900)) for n in range(10)])


def short_course(number, rng):
    """One short course among ten lines; nothing to flag but that the patient is older."""
    lines = [_line(n, rng.choice(OTHER), rng.randrange(900)) for n in range(9)]
    return _dossier(number, [*lines, _line(9, ZOPICLONE, 200 + rng.randrange(300), 7)])


def long_course(number, rng):
    """Eight issues of diazepam, a Z-drug and an opioid beside: an episode and many findings."""
    start = rng.randrange(20, 28)
    lines = [_line(n, DIAZEPAM, start + 28 * (7 - n)) for n in range(8)]
    return _dossier(number, [*lines, _line(8, ZOPICLONE, 25), _line(9, MORPHINE, 40)])


def _best(act, rounds=5):
    times = []
    for _ in range(rounds):
        began = process_time()
        act()
        times.append(process_time() - began)
    return min(times)


def _floor(dossiers):
    seen = 0
    for dossier in dossiers:
        for line in dossier.lines:
            if line.medicine.key and line.status == "active":
                seen += 1
    return seen


def _screen(dossiers):
    for dossier in dossiers:
        screen(dossier, BOOK)


def main(count=5000):
    rng = random.Random(1)
    for make in (without, short_course, long_course):
        dossiers = [make(number, rng) for number in range(count)]
        screening = _best(lambda made=dossiers: _screen(made))
        floor = _best(lambda made=dossiers: _floor(made))
        findings = sum(len(screen(dossier, BOOK).findings) for dossier in dossiers)
        print(
            f"{make.__name__:13} {count / screening:9,.0f} dossiers/s  "
            f"{screening / count * 1e6:6.1f} us each  {screening / floor:6.1f} x a bare loop  "
            f"{findings / count:.1f} findings each"
        )


if __name__ == "__main__":
    main()
