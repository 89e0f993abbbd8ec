"""Dossiers screened a second on one core, beside a bare loop over the same lines.

    ./dev bench rules

No database: the dossiers are made here, with ten lines each, in three kinds, and asked all rules.
The floor is a loop that looks at every line's medicine key and status; the ratio says how much
dearer screening is. The dearest kind is then taken apart: what each rule of it costs, the first one
to need something that all share paying for it.
"""

import gc
import random
from datetime import date, timedelta
from time import process_time

from reviews.rules import RULES, screen
from reviews.rules.dossier import Dossier, Line, Medicine
from tests.rules.book import BOOK

AS_OF = date(2026, 11, 22)
DEAREST_SHOWN = 10
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


def by_rule(dossiers):
    """Seconds of each rule that these dossiers are asked, the dearest first."""
    spent: dict[str, float] = {}

    def timed(rule_id, check):
        def asked(view, limits):
            began = process_time()
            said = list(check(view, limits))
            spent[rule_id] = spent.get(rule_id, 0.0) + process_time() - began
            return said

        return asked

    rules = tuple(rule._replace(check=timed(rule.id, rule.check)) for rule in RULES)
    clock = _best(lambda: [process_time() for _ in dossiers])
    for dossier in dossiers:
        screen(dossier, BOOK, rules)
    return sorted(((seconds - clock, rule) for rule, seconds in spent.items()), reverse=True)


def main(count=2000):
    rng = random.Random(1)
    gc.disable()  # as the worker does
    print(f"{len(RULES)} rules, ten lines a dossier, one core, processor time")
    kinds = {
        make.__name__: [make(number, rng) for number in range(count)]
        for make in (without, short_course, long_course)
    }
    floor = min(_best(lambda made=dossiers: _floor(made)) for dossiers in kinds.values())
    took = {}
    for name, dossiers in kinds.items():
        took[name] = _best(lambda made=dossiers: _screen(made))
        findings = sum(len(screen(dossier, BOOK).findings) for dossier in dossiers)
        print(
            f"{name:13} {count / took[name]:9,.0f} dossiers/s  "
            f"{took[name] / count * 1e6:6.1f} us each  {took[name] / floor:6.1f} x a bare loop  "
            f"{findings / count:.1f} findings each"
        )
    for seconds, rule in by_rule(kinds[max(took, key=took.get)])[:DEAREST_SHOWN]:
        print(
            f"of which {rule:8} {seconds / count * 1e6:6.1f} us each  "
            f"{seconds / floor:6.1f} x a bare loop"
        )


if __name__ == "__main__":
    main()
