"""Worked examples that a site adds: an invented person as plain data, read into a dossier.

The data are those of `reviews.rules.examples.writing`: days count from the day judged, which is the
same day for every example, so what an example shows does not depend on when it is looked at. They
are kept as JSON:

    {"age": 72, "sex": "female",
     "medicines": [{"text": "diazepam 5 mg tablets", "start": -28, "days": 28, "amount": 1,
                    "unit": "tablet", "times": 2, "indication": "anxiety"}],
     "conditions": [{"text": "Dementia", "code": "F03", "day": -400}],
     "readings": [{"kind": "egfr", "answer": 25, "day": -10}]}
"""

import re
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from reviews.rules.codes import SEXES, UNITS
from reviews.rules.dossier import Condition, Dossier, Line, Reading
from reviews.rules.examples.writing import ill, record, supply, told
from reviews.rules.finding import Severity
from reviews.rules.indications import INDICATIONS
from reviews.rules.readings import CHOICE, KINDS, NUMBER

FLAG, QUIET = "flag", "quiet"
EXPECTED = {FLAG: "Should flag", QUIET: "Should not flag"}
"""What a rule is to make of an example. A note of severity S4 is no flag: no reviewer is asked."""
MOST = {"medicines": 20, "conditions": 12, "readings": 12}
"""How many of each an example may have: as many as the longest of the software's, and some more."""
OLDEST = 120
TEXT_LENGTH = 200
FIRST_DAY, LAST_DAY = -3650, 60
"""Days from the day judged within which a medicine may start."""
LONGEST_SUPPLY = 366
MOST_TIMES = 24
MOST_AMOUNT = 1000
EARLIEST_CONDITION = -40_000
_ICD10 = re.compile(r"[A-Z]\d[0-9A-Z](\.[0-9A-Z]{1,4})?")


class Unreadable(ValueError):
    """A record of an example that cannot be: which part of it, and why."""

    def __init__(self, part: str, reason: str) -> None:
        super().__init__(f"{part} {reason}")
        self.part, self.reason = part, reason


def read(given: Mapping[str, Any], profile: str, practice: str = "") -> Dossier:
    """The dossier of a record, under a profile and the local policy of a practice (its code).

    Raises `Unreadable`, naming the part: "age", "sex", "medicines 1 days" and so on.
    """
    _only(given, "", "age", "sex", "medicines", "conditions", "readings")
    age = given.get("age")
    if age is not None:
        age = _whole(age, "age", 0, OLDEST)
    sex = _one_of(given.get("sex", "unknown"), "sex", SEXES)
    medicines = _each(given, "medicines", _medicine)
    if not medicines:
        raise Unreadable("medicines", "are needed: at least one")
    facts = (*medicines, *_each(given, "conditions", _condition), *_each(given, "readings", _said))
    return record(*facts, age=age, sex=sex, profile=profile, practice=practice)


def holds(expected: str, said: int | str | None) -> bool:
    """Whether what a rule says of an example is what it should; “not evaluated” never is."""
    is_flag = isinstance(said, int) and said <= Severity.S3
    if expected == FLAG:
        return is_flag
    return said is None or said == Severity.S4


def _medicine(given: Mapping[str, Any], part: str) -> Line:
    _only(given, part, "text", "start", "days", "amount", "unit", "times", "indication")
    days = _whole(given.get("days"), f"{part} days", 1, LONGEST_SUPPLY)
    amount = _number(given.get("amount"), f"{part} amount", MOST_AMOUNT)
    times = _number(given.get("times"), f"{part} times", MOST_TIMES)
    unit = _one_of(given.get("unit"), f"{part} unit", UNITS)
    return supply(
        _text(given.get("text"), f"{part} text"),
        days,
        _whole(given.get("start"), f"{part} start", FIRST_DAY, LAST_DAY),
        dose=amount,
        dose_unit=unit,
        times_per_day=times,
        quantity=amount * times * days,
        quantity_unit=unit,
        indication=_one_of(given.get("indication"), f"{part} indication", INDICATIONS),
    )


def _condition(given: Mapping[str, Any], part: str) -> Condition:
    _only(given, part, "text", "code", "day")
    text = _text(given.get("text"), f"{part} text")
    code = given.get("code") or ""
    if not isinstance(code, str) or (code and not _ICD10.fullmatch(code)):
        raise Unreadable(f"{part} code", "must be a code of ICD-10 such as F03 or G47.3")
    day = _whole(given.get("day"), f"{part} day", EARLIEST_CONDITION, 0)
    made = ill(text, code, day)
    return made if code else made._replace(codings=())


def _said(given: Mapping[str, Any], part: str) -> Reading:
    _only(given, part, "kind", "answer", "day")
    kind = KINDS[_one_of(given.get("kind"), f"{part} kind", readable_kinds())]
    answer = given.get("answer")
    if kind.shape == CHOICE:
        answer = _one_of(answer, f"{part} answer", kind.choices)
    else:
        low, high = kind.lowest or 0, kind.highest or MOST_AMOUNT
        answer = _between(answer, f"{part} answer", low, high)
    day = _whole(given.get("day"), f"{part} day", FIRST_DAY, 0)
    return told(given["kind"], answer, day)


def readable_kinds() -> dict[str, str]:
    """`{kind: label}` of the readings that an example may hold: numbers, and one of a few."""
    return {key: kind.label for key, kind in KINDS.items() if kind.shape in (NUMBER, CHOICE)}


def _each(given: Mapping[str, Any], name: str, read_one: Callable[..., Any]) -> list[Any]:
    rows = given.get(name, [])
    if not isinstance(rows, list):
        raise Unreadable(name, "must be a list")
    if len(rows) > MOST[name]:
        raise Unreadable(name, f"must not be more than {MOST[name]}")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise Unreadable(f"{name} {number}", "must have named fields")
    return [read_one(row, f"{name} {number}") for number, row in enumerate(rows, 1)]


def _only(given: Mapping[str, Any], part: str, *names: str) -> None:
    for name in given:
        if name not in names:
            raise Unreadable(f"{part} {name}".strip(), "is not known")


def _text(value: Any, part: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Unreadable(part, "is needed")
    if len(value) > TEXT_LENGTH:
        raise Unreadable(part, f"must not be longer than {TEXT_LENGTH} characters")
    return value.strip()


def _one_of(value: Any, part: str, known: Mapping[str, Any]) -> str:
    if not isinstance(value, str) or value not in known:
        raise Unreadable(part, f"must be one of: {', '.join(known)}")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _between(value: Any, part: str, low: float, high: float) -> float:
    if not _is_number(value) or not low <= value <= high:
        raise Unreadable(part, f"must be a number from {low:g} to {high:g}")
    return float(value)


def _whole(value: Any, part: str, low: int, high: int) -> int:
    if not _is_number(value) or value != int(value) or not low <= value <= high:
        raise Unreadable(part, f"must be a whole number from {low} to {high}")
    return int(value)


def _number(value: Any, part: str, high: int) -> float:
    if not _is_number(value) or not 0 < value <= high:
        raise Unreadable(part, f"must be a number above 0, at most {high}")
    return float(value)
