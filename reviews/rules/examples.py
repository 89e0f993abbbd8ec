"""Worked examples of a rule: small records on both sides of a boundary, judged when asked.

Each example is a person with a few lines, and what the core says of it under the book given. An
example is written once, as the record just short of the boundary and the record at it.
"""

from datetime import date, timedelta
from typing import NamedTuple

from reviews.rules.dossier import Condition, Dossier, Line, Medicine, Reading
from reviews.rules.finding import Finding
from reviews.rules.screen import screen

DAY = date(2026, 1, 5)
UNDER_65, OVER_65 = date(1980, 6, 15), date(1950, 6, 15)


class Example(NamedTuple):
    """What the record says, in words; whether the rule fires, and the finding if it does."""

    says: str
    fires: bool
    finding: Finding | None
    dossier: Dossier


def _line(number, text, start=0, days=28, **more):
    fields = {
        "start_on": DAY + timedelta(days=start),
        "written_on": DAY + timedelta(days=start),
        "dose": 1.0,
        "dose_unit": "tablet",
        "times_per_day": 1.0,
        "quantity": float(days),
        "days_supply": days,
        "indication": "anxiety",
    }
    return Line(id=number, medicine=Medicine(text, text), **(fields | more))


def _person(*lines, as_of=0, birth=UNDER_65, **more):
    return Dossier(
        patient_id=0,
        as_of=DAY + timedelta(days=as_of),
        birth_date=birth,
        lines=tuple(_line(n, *args, **extra) for n, (args, extra) in enumerate(lines, 1)),
        **more,
    )


def _of(*args, **more):
    return args, more


DIAZEPAM, ZOPICLONE = "diazepam 5 mg tablets", "zopiclone 7.5 mg tablets"
MORPHINE, PREGABALIN = "morphine 10 mg tablets", "pregabalin 75 mg capsules"


def _reading(kind, text="", value=None, day=0):
    return Reading(id=1, kind=kind, text=text, value=value, on=DAY + timedelta(days=day))


def _condition(code, day=0):
    return Condition(id=1, codings=(("icd10", code),), onset_on=DAY + timedelta(days=day))


def _duration(text, indication, short, at, birth=UNDER_65, **more):
    """Two courses in one supply or two: `short` days and `at` days."""
    pair = []
    for days in (short, at):
        lines = []
        for start in range(0, days, 28):
            length = min(28, days - start)
            lines.append(_of(text, start=start, days=length, indication=indication))
        begun = max(start for start in range(0, days, 28))
        pair.append(
            (
                f"{text}, {days} days, to the end of the current supply",
                _person(*lines, as_of=begun, birth=birth, **more),
            )
        )
    return pair


def _with(says_without, without, says_with, having):
    return [(says_without, without), (says_with, having)]


def _beside(text, at, *, days=28, birth=UNDER_65, sedative=DIAZEPAM):
    """Another medicine that overlaps one day too few, and just long enough."""
    pair = []
    for overlap in (at - 1, at):
        lines = [_of(sedative, days=days)]
        lines.append(_of(text, start=days - overlap, days=28))
        says = f"{sedative} for {days} days; {text} begins with {overlap} of them left"
        pair.append((says, _person(*lines, as_of=days - max(overlap, 1), birth=birth)))
    return pair


def _examples():
    """Rule: pairs of (what the record says, dossier), the quiet side first."""
    plain = _person(_of(DIAZEPAM, days=14))
    return {
        "DUR-01": _duration(DIAZEPAM, "anxiety", 28, 29),
        "DUR-02": _duration(ZOPICLONE, "insomnia", 14, 15),
        "DUR-03": _duration(DIAZEPAM, "muscle_spasm_acute", 14, 15),
        "DUR-04": _duration(DIAZEPAM, "anxiety", 120, 121),
        "DUR-05": _duration(DIAZEPAM, "anxiety", 90, 91),
        "DUR-06": _duration(DIAZEPAM, "anxiety", 143, 180),
        "ELD-04": _duration(DIAZEPAM, "anxiety", 27, 28, OVER_65),
        "ELD-06": _duration(ZOPICLONE, "insomnia", 13, 14, OVER_65),
        "DUR-08": _duration(ZOPICLONE, "insomnia", 20, 21, OVER_65),
        "IND-04": _duration(DIAZEPAM, "ptsd", 27, 28),
        "OPI-01": _beside(MORPHINE, 1),
        "GAB-01": _beside(PREGABALIN, 1),
        "OXY-01": _beside("sodium oxybate 500 mg/ml oral solution", 1),
        "CNS-04": _beside("quetiapine 25 mg tablets", 7),
        "ADP-02": _beside("mirtazapine 15 mg tablets", 7),
        "CYP-02": _beside("erythromycin 250 mg tablets", 7),
        "DUP-02": _beside(ZOPICLONE, 7),
        "ELD-01": _with(
            "diazepam begun at 45",
            plain,
            "diazepam begun at 75",
            _person(_of(DIAZEPAM, days=14), birth=OVER_65),
        ),
        "IND-01": _with(
            "indication anxiety",
            plain,
            "indication other",
            _person(_of(DIAZEPAM, days=14, indication="other")),
        ),
        "IND-02": _with(
            "indication anxiety",
            plain,
            "indication mild anxiety",
            _person(_of(DIAZEPAM, days=14, indication="anxiety_mild")),
        ),
        "REN-01": _with(
            "eGFR 30",
            _person(_of(DIAZEPAM, days=14), readings=(_reading("egfr", value=30.0),)),
            "eGFR 29",
            _person(_of(DIAZEPAM, days=14), readings=(_reading("egfr", value=29.0),)),
        ),
        "HEP-01": _with(
            "Child-Pugh B",
            _person(_of(DIAZEPAM, days=14), readings=(_reading("child_pugh", "B"),)),
            "Child-Pugh C",
            _person(_of(DIAZEPAM, days=14), readings=(_reading("child_pugh", "C"),)),
        ),
        "ALC-01": _with(
            "AUDIT-C 7",
            _person(_of(DIAZEPAM, days=14), readings=(_reading("audit_c", value=7.0),)),
            "AUDIT-C 8",
            _person(_of(DIAZEPAM, days=14), readings=(_reading("audit_c", value=8.0),)),
        ),
        "FAL-01": _with(
            "a fall 366 days ago",
            _person(_of(DIAZEPAM, days=14), conditions=(_condition("W19", -366),)),
            "a fall 365 days ago",
            _person(_of(DIAZEPAM, days=14), conditions=(_condition("W19", -365),)),
        ),
        "ODH-01": _with(
            "an overdose 731 days ago",
            _person(_of(DIAZEPAM, days=14), conditions=(_condition("T42.4X1", -731),)),
            "an overdose 730 days ago",
            _person(_of(DIAZEPAM, days=14), conditions=(_condition("T42.4X1", -730),)),
        ),
        "MYA-01": _with(
            "no diagnosis",
            plain,
            "myasthenia gravis",
            _person(_of(DIAZEPAM, days=14), conditions=(_condition("G70.0"),)),
        ),
        "STOP-01": _with(
            "supply of 28 days ended 6 days ago",
            _person(_of(DIAZEPAM, days=28), as_of=33),
            "supply of 28 days ended 7 days ago",
            _person(_of(DIAZEPAM, days=28), as_of=34),
        ),
        "SUP-01": _with(
            "7 days in one supply, with a substance use disorder",
            _person(_of(DIAZEPAM, days=7), conditions=(_condition("F11.2", -5),)),
            "8 days in one supply, with a substance use disorder",
            _person(_of(DIAZEPAM, days=8), conditions=(_condition("F11.2", -5),)),
        ),
        "SUP-02": _with(
            "a single issue",
            plain,
            "on repeat",
            _person(_of(DIAZEPAM, days=14, repeat_template=True)),
        ),
        "LEG-01": _with(
            "30 days in one supply",
            _person(_of(DIAZEPAM, days=30)),
            "31 days in one supply",
            _person(_of(DIAZEPAM, days=31)),
        ),
    }


def worked_examples(rule_id: str, book) -> list[Example]:
    """The examples of a rule, judged under the UK profile of a book; empty where none is written.

    Nothing is stored: what the page shows is what this edition of the core says.
    """
    shown = []
    for says, dossier in _examples().get(rule_id, ()):
        finding = next(
            (each for each in screen(dossier, book).findings if each.rule_id == rule_id), None
        )
        shown.append(Example(says, finding is not None, finding, dossier))
    return shown


RULES_WITH_EXAMPLES = frozenset(_examples())
