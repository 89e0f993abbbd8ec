"""Worked examples of the rules as people: their record, moved to today, in an invented life.

For each rule one person just past the boundary and one just before it, in one of the practices.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import TypeVar

from reviews.records import (
    Coding,
    ConditionRecord,
    PrescriptionRecord,
    ReadingRecord,
    Step,
)
from reviews.rules import words
from reviews.rules.codes import EVIDENCE, PROFILES
from reviews.rules.dossier import Exemption, Line, Taper
from reviews.rules.examples import EXAMPLES, QUIET
from reviews.rules.examples.writing import TODAY, Example
from reviews.rules.registry import BY_ID
from reviews.seeding import tapers
from reviews.seeding.life import Life
from reviews.seeding.medicines import PRODUCTS

_Made = TypeVar("_Made")

YOUNGEST = 17
ANY_ADULT = 45
"""The age of an example that asks for none."""
BELIEVABLE, EXPECTING = (28, 62), (24, 40)
OF_PREGNANCY = ("pregnancy", "breastfeeding", "pregnancy_intention")
NEAREST_BIRTHDAY = 40
IN_ML = {
    "sodium oxybate 500 mg/ml oral solution": 4.5,
    "lorazepam 4 mg/ml injection": 0.5,
    "olanzapine 10 mg injection": 2.0,
    "fentanyl 50 micrograms/ml injection": 1.0,
}
"""Usual doses of what is measured: examples that count days count everything in tablets."""
POURED = ("solution", "injection")
# A text that a product of these countries has is coded as the product is.
CODED = dict(written for product in PRODUCTS.values() for written in product.written.values())
LATE = ("DQ-02", "REV-02")
"""Rules on records that are not kept: nothing more is added to the record of their people."""


def pairs(told: Iterable[str]) -> Iterator[tuple[str, str, Example, Example]]:
    """(rule, profile, example just before, example just past) of each rule that is not in `told`.

    The practices take turns, where the rule says the same in several of them.
    """
    for n, rule_id in enumerate(sorted(BY_ID.keys() - set(told))):
        turn = PROFILES[n % 3 :] + PROFILES[: n % 3]
        before, past, profile = next(
            (before, past, profile)
            for past in sorted(_suited(rule_id), key=_gravity)
            for profile in turn
            if isinstance(past.claims.get(profile), int)
            for before in _near(rule_id, past)
            if before.claims.get(profile, 0) is QUIET
        )
        yield rule_id, profile, before, past


def _suited(rule_id: str) -> Iterator[Example]:
    """Examples of people of 17 or over, whose tapers whole and half tablets can make up."""
    for example in EXAMPLES[rule_id]:
        born = example.dossier.birth_date
        grown = born is not None and (TODAY - born).days > YOUNGEST * 365.25
        if grown and all(tapers.parts(taper) for taper in example.dossier.tapers):
            yield example


def _gravity(example: Example) -> bool:
    """Those that reach the queue come first; among them the first one written."""
    said = [claim for claim in example.claims.values() if isinstance(claim, int)]
    return min(said, default=4) > 3


def _near(rule_id: str, past: Example) -> list[Example]:
    """The other examples, the one written next to it first."""
    suited = list(_suited(rule_id))
    at = suited.index(past)
    return sorted(
        (each for each in suited if each is not past),
        key=lambda each: (abs(suited.index(each) - at), suited.index(each) > at),
    )


def tell(life: Life, example: Example, rule_id: str) -> None:
    """Live this example: everything on record, as many days from today as from its own day."""
    dossier = example.dossier
    moved = life.today - TODAY
    life.kept = rule_id not in LATE
    if dossier.sex != "unknown":
        life.sex = dossier.sex
    if dossier.birth_date is not None:
        _live_for(life, _age(dossier.birth_date), expecting=_is_expecting(example))
    life.deceased_on = _later(dossier.deceased_on, moved)
    for line in dossier.lines:
        life.order(_order(line, moved, life.today))
    for condition in dossier.conditions:
        life.conditions.append(
            ConditionRecord(
                text=condition.text,
                codings=tuple(Coding(system, code) for system, code in condition.codings),
                onset_on=_later(condition.onset_on, moved),
                kind=condition.kind,
            )
        )
    for reading in dossier.readings:
        text = reading.text
        if reading.kind == "next_review":
            text = (TODAY.fromisoformat(text) + moved).isoformat()
        on = (reading.on or TODAY) + moved
        life.readings.append(
            ReadingRecord(kind=reading.kind, on=on, value=reading.value, text=text)
        )
    for exemption in dossier.exemptions:
        life.exemptions.append(
            Exemption(
                id=0,
                kind=exemption.kind,
                starts_on=exemption.starts_on + moved,
                expires_on=exemption.expires_on + moved,
            )
        )
    for taper in dossier.tapers:
        life.tapers.append(_taper(taper, moved))


def _live_for(life: Life, age: int, *, expecting: bool) -> None:
    """Give somebody the age of an example, and a birthday of their own.

    Where the example only says "an adult" they keep the age they had, so that not everybody is 45.
    The birthday lies far enough from today for the days that examples count in.
    """
    lived = (life.today - life.birth_date).days
    if age == ANY_ADULT:
        youngest, oldest = EXPECTING if expecting else BELIEVABLE
        age = min(max(int(lived / 365.25), youngest), oldest)
    since_birthday = min(max(lived % 365, NEAREST_BIRTHDAY), 365 - NEAREST_BIRTHDAY)
    life.turns(age, on=-since_birthday)


def _is_expecting(example: Example) -> bool:
    return any(reading.kind in OF_PREGNANCY for reading in example.dossier.readings)


def _age(born: date) -> int:
    """In whole years, on the day that examples are judged."""
    return TODAY.year - born.year - ((TODAY.month, TODAY.day) < (born.month, born.day))


def _later(day: date | None, moved: timedelta) -> date | None:
    return None if day is None else day + moved


def _order(line: Line, moved: timedelta, today: date) -> PrescriptionRecord:
    start, end = _later(line.start_on, moved), _later(line.end_on, moved)
    status = line.status
    last = end
    if start is not None and line.days_supply is not None and last is None:
        last = start + timedelta(days=line.days_supply - 1)
    if status == "active" and last is not None and last < today:
        status = "completed"
    line = _measured(line)
    text = words.sentence_case(line.medicine.text)
    own = tuple(Coding(system, code) for system, code in line.medicine.codings)
    return PrescriptionRecord(
        medicine=text,
        codings=own or CODED.get(text, ()),
        dose=line.dose,
        dose_unit=line.dose_unit,
        times_per_day=line.times_per_day,
        as_needed=line.as_needed,
        quantity=line.quantity,
        quantity_unit=line.quantity_unit,
        days_supply=line.days_supply,
        written_on=_later(line.written_on, moved),
        start_on=start,
        end_on=end,
        indication=line.indication,
        route=line.route or "",
        setting=line.setting,
        status=status,
        dosage_text=line.dosage_text,
        dispensed=line.source == "dispensed",
        evidence=line.source if line.source in EVIDENCE else "",
        refill_number=line.refill_number,
        dispensed_on=_later(line.dispensed_on, moved),
        repeat_template=line.repeat_template,
        acquired=line.acquired,
        replacement_reason=line.replacement_reason,
        is_new_start=line.is_new_start,
        change_reason=line.change_reason,
        team=line.team,
        pharmacy=line.pharmacy,
        start_minute=line.start_minute,
        schedule=tuple(Step(per_day=per_day, days=days) for per_day, days in line.schedule),
        dose_max=line.dose_max,
        times_per_day_max=line.times_per_day_max,
        repeats_allowed=line.repeats_allowed,
        issue_days=line.issue_days,
        valid_until=_later(line.valid_until, moved),
        quantity_text=line.quantity_text,
    )


def _measured(line: Line) -> Line:
    """The line with a dose that its form allows."""
    if not any(form in line.medicine.text for form in POURED):
        return line
    ml = IN_ML.get(line.medicine.text, 1.0)
    if line.dose_unit == "tablet":
        line = line._replace(dose=ml * (line.dose or 1), dose_unit="ml")
    if line.quantity_unit == "tablet":
        quantity = None if line.quantity is None else line.quantity * ml
        line = line._replace(quantity=quantity, quantity_unit="ml")
    return line


def _taper(taper: Taper, moved: timedelta) -> Taper:
    return replace(
        taper,
        steps=tuple(step._replace(on=step.on + moved) for step in taper.steps),
        last_contact_on=_later(taper.last_contact_on, moved),
    )


def medicines() -> set[tuple[str, tuple[Coding, ...]]]:
    """`(text, codings)` of every medicine that an example names."""
    return {
        (record.medicine, record.codings)
        for examples in EXAMPLES.values()
        for example in examples
        for line in example.dossier.lines
        for record in [_order(line, timedelta(0), TODAY)]
    }


def stories(told: Iterable[str], make: Callable[..., _Made]) -> Iterator[_Made]:
    """Two stories for each rule, made by `make(**fields of a Story)`."""
    for rule_id, profile, before, past in pairs(told):
        where = f"{rule_id} in {profile}"
        yield make(
            name=f"{where}: {before.why}",
            tell=partial(tell, example=before, rule_id=rule_id),
            profiles=(profile,),
            spares=frozenset({rule_id}),
        )
        yield make(
            name=f"{where}: {past.why}",
            tell=partial(tell, example=past, rule_id=rule_id),
            profiles=(profile,),
            raises={rule_id: past.claims[profile]},
        )
